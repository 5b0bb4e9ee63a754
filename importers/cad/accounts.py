"""Findings that account for a drawing: what was left out and why, what was taken from where, what to do."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from importers.cad.drawn import Drawn, Labels
from importers.cad.labels import Candidate
from importers.cad.sheets import CUSTOM, REASONS, Sheet
from importers.cad.sources import Source
from importers.cad.stacks import is_bare_height
from importers.normalising.ledger import listed
from schemas.findings import Finding, Severity

_LISTED = 20


def left_out(file: str, name: str, sheet: Sheet) -> list[Finding]:
    """One finding for what a layer's entities that are no rows are, by reason and kind; one more for objects."""
    if not sheet.left_out:
        return []
    reasons: dict[str, Counter[str]] = {}
    for (kind, reason), n in sheet.left_out.items():
        reasons.setdefault(reason, Counter())[kind] += n
    n_all = sum(sheet.left_out.values())
    en = "; ".join(f"{_kinds(kinds)}: {REASONS[reason][0]}" for reason, kinds in reasons.items())
    zh = "；".join(f"{_kinds(kinds)}：{REASONS[reason][1]}" for reason, kinds in reasons.items())
    return [
        Finding(
            rule="IMP-SKIPPED",
            severity=Severity.WARNING if CUSTOM in reasons or "silent" in reasons else Severity.INFO,
            message_en=f"{n_all} of {len(sheet.entities)} entities of layer {name} were left out: {en}.",
            message_zh=f"图层 {name} 的 {len(sheet.entities)} 个图元中有 {n_all} 个未载入：{zh}。",
            file=file,
            sheet=name,
            details={"rows": n_all, "reasons": {reason: dict(kinds) for reason, kinds in reasons.items()}},
        )
    ]


def note_hidden(source: Source, sheets: Sequence[Sheet]) -> None:
    """Tell of layers that are frozen or off and were read all the same."""
    for sheet in sheets:
        state = source.hidden_layers.get(sheet.name)
        n = sum(map(len, sheet.rows.values()))
        if state is not None and n:
            source.note(
                "IMP-HIDDEN",
                Severity.WARNING,
                f"Layer {sheet.name} is {state}; its {n} entities were read all the same.",
                f"图层 {sheet.name} 已{'冻结' if state == 'frozen' else '关闭'}，其 {n} 个图元仍已读取。",
                sheet=sheet.name,
                details={"rows": n},
            )


def note_taken_in(source: Source, n: int) -> None:
    """Tell of bare points that were taken because pipes end there."""
    if n:
        source.note(
            "IMP-ENDPOINTS",
            Severity.INFO,
            f"{n} points and blocks without attributes, on layers that say nothing, were taken: pipes end there.",
            f"{n} 个无属性的点或块位于管线端点，按管点读取。",
            details={"rows": n},
        )


def note_rims(source: Source, n: int) -> None:
    """Tell how many ends of lines were led from the rim of a symbol to its middle."""
    if n:
        source.note(
            "IMP-RIMS",
            Severity.INFO,
            f"{n} ends of lines stop at the rim of a point's circle; they were led on to its middle.",
            f"{n} 个线端止于管点符号圆周，已延伸至圆心。",
            details={"rows": n},
        )


def note_labels(source: Source, labels: Labels, reach_m: float) -> None:
    """Tell how many texts were matched to points and lines, and list those that were not."""
    n_used = labels.n_numbers + labels.n_of_lines + labels.n_levels
    n_left = len(labels.ambiguous) + len(labels.unused)
    if not n_used and not labels.ambiguous:
        return
    levels = (f" and {n} levels of points", f"、管点高程 {n} 个") if (n := labels.n_levels) else ("", "")
    en = (
        f"{labels.n_numbers} point numbers and {labels.n_of_lines} descriptions of pipes{levels[0]} were taken from "
        f"texts within {reach_m} m; {len(labels.ambiguous)} texts stand equally near to two{_shown(labels.ambiguous)}, "
        f"{len(labels.unused)} near to nothing that lacks what they say{_shown(labels.unused)}"
    )
    zh = (
        f"按 {reach_m} m 内的文字读取点号 {labels.n_numbers} 个、管线注记 {labels.n_of_lines} 个{levels[1]}；"
        f"{len(labels.ambiguous)} 个文字同时靠近两处{_shown(labels.ambiguous)}，{len(labels.unused)} 个未用"
        f"{_shown(labels.unused)}"
    )
    if labels.n_contradicting:
        en += f"; {labels.n_contradicting} pipes have texts that contradict each other, the nearest was taken"
        zh += f"；{labels.n_contradicting} 条管线的注记互相矛盾，取最近者"
    source.note(
        "IMP-LABELS",
        Severity.WARNING if n_left or labels.n_contradicting else Severity.INFO,
        f"{en}.",
        f"{zh}。",
        limit=f"{reach_m} m",
        details={
            "rows": n_used,
            "ambiguous": _texts(labels.ambiguous),
            "n_ambiguous": len(labels.ambiguous),
            "unused": _texts(labels.unused),
            "n_unused": len(labels.unused),
        },
    )


def note_drawn(source: Source, drawn: Drawn, n_spots: int, settings: dict[str, Any]) -> None:
    """Tell what was taken for manholes and for the ground, and what became of the spot heights."""
    if drawn.n_put_together:
        source.note(
            "IMP-LETTERED",
            Severity.INFO,
            f"{drawn.n_put_together} lines that are broken for a letter were put together from their pieces.",
            f"{drawn.n_put_together} 条注有字母的断开线已合并。",
            details={"rows": drawn.n_put_together},
        )
    if drawn.n_by_legend:
        source.note(
            "IMP-LEGEND",
            Severity.INFO,
            f"The class of {drawn.n_by_legend} lines is that of their colour and linetype in the legend, or of others "
            "with the same code of the legend.",
            f"{drawn.n_by_legend} 条线按图例中的颜色和线型、或按相同图例编码的其他线归类。",
            details={"rows": drawn.n_by_legend},
        )
    if drawn.n_manholes:
        source.note(
            "IMP-CIRCLES",
            Severity.INFO,
            f"{drawn.n_manholes} circles without attributes were taken for manholes.",
            f"{drawn.n_manholes} 个无属性的圆按检查井读取。",
            details={"rows": drawn.n_manholes},
        )
    if drawn.n_heights > drawn.n_from_spots:
        n = drawn.n_heights - drawn.n_from_spots
        source.note(
            "IMP-Z",
            Severity.INFO,
            f"The z of {n} points is taken for the elevation of the ground, which nothing else gives.",
            f"{n} 个点的 z 值按地面高程读取。",
            details={"rows": n},
        )
    if n_spots:
        is_used = settings.get("ground_points") == "fill"
        en = f"gave {drawn.n_from_spots} points their ground elevation" if is_used else "were not used"
        zh = f"为 {drawn.n_from_spots} 个管点提供了地面高程" if is_used else "未使用"
        hint_en = "" if is_used else '; ground_points = "fill" under [reader] in a profile gives them to points'
        source.note(
            "IMP-GROUND",
            Severity.INFO,
            f"{n_spots} spot heights {en}{hint_en}.",
            f"{n_spots} 个高程点{zh}。",
            details={"rows": n_spots},
        )


def note_bare_heights(source: Source, sheets: Sequence[Sheet], reach_m: float) -> None:
    """Tell of numbers beside vertices of pipes and away from points, of which nothing says what they are."""
    texts = [entity.text for sheet in sheets for entity in sheet.entities if entity.text is not None]
    found = [text.corner for text in texts if is_bare_height(text.lines)]
    vertices = [vertex[:2] for sheet in sheets for line in sheet.rows["segment"] for vertex in line.vertices]
    if not found or not vertices:
        return
    is_unread = np.asarray(cKDTree(np.array(vertices)).query(np.array(found))[0]) <= reach_m
    points = [point.vertices[0][:2] for sheet in sheets for point in sheet.rows["node"] if point.vertices]
    if points:
        is_unread &= np.asarray(cKDTree(np.array(points)).query(np.array(found))[0]) > 2 * reach_m
    if n := int(np.count_nonzero(is_unread)):
        source.note(
            "IMP-LEVELS",
            Severity.WARNING,
            f"{n} numbers stand beside vertices of pipes, and nothing says what they are (levels of the pipe or of the "
            "ground, depths, lengths); they were not read. Deliver them in a table, or beside points.",
            f"{n} 个数字位于管线折点旁，未注明含义（管道或地面高程、埋深、长度），未读取；请以表格提供，或注于管点旁。",
            details={"rows": n},
        )


def note_heights(source: Source, sheets: Sequence[Sheet], n_on_points: int, n_same: int) -> bool:
    """Tell what the z of lines was taken for; whether it is that of the points and so not the pipes'."""
    n_raised = sum(any(v[2] for v in e.vertices) for s in sheets for e in s.rows["segment"])
    if not n_raised:
        return False
    is_at_points = n_on_points > 0 and 2 * n_same > n_on_points
    if is_at_points:
        en = (
            f"{n_raised} lines are drawn at the height of their points ({n_same} of {n_on_points} ends), taken "
            "for the ground and not used for pipes. If it is theirs, say trust_z = true under [reader] in a profile."
        )
        zh = f"{n_raised} 条线按管点高程绘制（{n_on_points} 个端点中 {n_same} 个相同），视为地面高程，未用作管道高程。"
    else:
        en = (
            f"The z of {n_raised} lines is taken for the axis of the pipe where neither depth nor elevation is given; "
            'if it is another height, say geometry_z = "ignore" in a profile.'
        )
        zh = f"{n_raised} 条线的 z 值在无埋深和高程时按管中心高程使用；如不对，请在配置文件中设 geometry_z。"
    source.note("IMP-Z", Severity.INFO, en, zh, details={"rows": n_raised})
    return is_at_points


def _kinds(kinds: Counter[str]) -> str:
    return ", ".join(f"{n} {kind}" for kind, n in sorted(kinds.items()))


def _texts(found: Sequence[Candidate]) -> list[str]:
    return [" ".join(candidate.entity.text.lines) for candidate in found[:_LISTED] if candidate.entity.text]


def _shown(found: Sequence[Candidate]) -> str:
    return f" ({listed(_texts(found))})" if found else ""
