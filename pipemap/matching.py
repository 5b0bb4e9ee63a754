"""Finds a delivered feature on the map when its number has changed: by place, lines by their points and course.

Numbers come first: a feature whose number the map holds at the same place needs nothing. Of the rest, a point is the
one of its class that stands within a tolerance of it, when neither has another such partner; a structure the one of
its kind with the same outline; a line the one of its class between the same points. Lines that lie along one old line
and are together as long were split from it, the longest keeps its identity; the reverse is a merger. What fits in two
ways is not guessed.
"""

from collections.abc import Mapping
from typing import Any

from psycopg.sql import SQL, Composable, Composed, Identifier

from pipemap.db import Connection, fetch_all, fetch_one
from pipemap.sql import queries
from pipemap.statements import compose
from schemas.findings import Finding, Severity

# Two surveys with a plan error of 5 cm each (CJJ 61-2003) differ by less than this in all but 5 of 100 points.
MATCH_WITHIN_M = 0.15

_EXAMPLES = 5
_TOLD = 1_000
KIND_NAMES = {
    "node": ("points", "管点"),
    "consumer": ("consumers", "用户"),
    "pipe_segment": ("lines", "管线"),
    "structure": ("structures", "构筑物"),
}


class Matching:
    """The matching of one delivery, staged in temporary tables, with one dataset of the map.

    `held` is a temporary table per kind: the number under which the map holds a delivered feature where
    that is not its own, null where the map does not hold it in spite of its number.
    """

    def __init__(self, connection: Connection, dataset_id: int, within_m: float) -> None:
        self.connection = connection
        self.values = {"dataset_id": dataset_id, "within_m": within_m}
        self.findings: list[Finding] = []

    def prepare(self, kind: str) -> bool:
        """Make the table of a kind; whether the dataset holds anything of it to match with."""
        self._run("create_held", kind)
        return fetch_one(self.connection, self._composed("is_held", kind), self.values) is not None

    def match_points(self, kind: str, staged: Composable) -> None:
        """Points by place."""
        self._match_places(kind, staged, "points")

    def match_structures(self, staged: Composable) -> None:
        """Structures by their outline."""
        self._match_places("structure", staged, "structures")

    def _match_places(self, kind: str, staged: Composable, what: str) -> None:
        if not self.prepare(kind):
            return
        self._run("drop_strays", kind)
        for name in (f"stray_{what}", f"loose_{what}", "index_loose", "analyze_strays", f"pair_{what}", "hold_pairs"):
            self._run(name, kind, staged=staged)
        self._tell_ambiguous(kind)
        self._run("release_points", kind)
        self._tell_renumbered(kind)

    def match_lines(self, staged: Composable, linked: Composable) -> None:
        """Lines by their points, then by their course; needs the points' identities."""
        kind = "pipe_segment"
        if not self.prepare(kind):
            return
        self._run("drop_strays", kind)
        for name in ("stray_lines", "loose_lines", "index_loose", "analyze_strays", "pair_lines", "hold_pairs"):
            self._run(name, kind, staged=staged, linked=linked)
        for name in ("keep_alike", "hold_pairs"):
            self._run(name, kind)
        self._tell_renumbered(kind)
        for strays, column in (("stray", "source_key"), ("loose", "held_key")):
            self._run("without_held", kind, strays=Identifier(strays), column=Identifier(column))
        self._hold_split(kind)
        self._hold_merged(kind)
        self._run("release_lines", kind)

    def _hold_split(self, kind: str) -> None:
        for row in self._parts(kind, wholes="loose", parts="stray"):
            kept, *_ = row["part_keys"]
            self._hold(kind, kept, row["whole_key"])
            en, zh = (
                "{whole} was split into {parts}; {kept} goes on as it.",
                "{whole} 被拆分为 {parts}，由 {kept} 延续。",
            )
            self.findings.append(_course("IMP-SPLIT", kept, row, en, zh))

    def _hold_merged(self, kind: str) -> None:
        for row in self._parts(kind, wholes="stray", parts="loose"):
            kept, (longest, *_) = row["whole_key"], row["part_keys"]
            self._hold(kind, kept, longest)
            en, zh = "{parts} were merged into {whole}.", "{parts} 合并为 {whole}。"
            self.findings.append(_course("IMP-MERGED", kept, row, en, zh))

    def _parts(self, kind: str, wholes: str, parts: str) -> list[dict[str, Any]]:
        statement = self._composed("parts", kind, wholes=Identifier(wholes), parts=Identifier(parts))
        return [dict(row) for row in fetch_all(self.connection, statement, self.values)]

    def _hold(self, kind: str, source_key: str, held_key: str) -> None:
        self.connection.execute(self._composed("hold", kind), {"source_key": source_key, "held_key": held_key})

    def _tell_ambiguous(self, kind: str) -> None:
        for row in fetch_all(self.connection, self._composed("ambiguous", kind)):
            several = ", ".join(row["held_keys"])
            self.findings.append(
                Finding(
                    rule="IMP-MATCH",
                    severity=Severity.WARNING,
                    message_en=f"{row['source_key']} stands where the map has {several}; which of them it is cannot be "
                    "told, so it is taken for a new one.",
                    message_zh=f"{row['source_key']} 所在位置与图上 {several} 均吻合，无法判定，按新增处理。",
                    feature_kind=kind,
                    feature_key=row["source_key"],
                    value=several,
                )
            )

    def _tell_renumbered(self, kind: str) -> None:
        rows = fetch_all(self.connection, self._composed("renumbered", kind))
        if not rows:
            return
        pairs = [(row["held_key"], row["source_key"]) for row in rows]
        listed = ", ".join(f"{old} → {new}" for old, new in pairs[:_EXAMPLES])
        more = " …" if len(pairs) > _EXAMPLES else ""
        name_en, name_zh = KIND_NAMES[kind]
        self.findings.append(
            Finding(
                rule="IMP-RENUMBERED",
                severity=Severity.INFO,
                message_en=f"{len(pairs)} {name_en} of the map come under another number: {listed}{more}.",
                message_zh=f"图上 {len(pairs)} 个{name_zh}在本成果中编号不同：{listed}{more}。",
                feature_kind=kind,
                value=str(len(pairs)),
                details={"renumbered": pairs[:_TOLD]},
            )
        )

    def _run(self, name: str, kind: str, **parts: Composable) -> None:
        self.connection.execute(self._composed(name, kind, **parts), self._needed(name))

    def _needed(self, name: str) -> Mapping[str, Any] | None:
        return self.values if "%(" in queries("matching")[name] else None

    def _composed(self, name: str, kind: str, **parts: Composable) -> Composed:
        return compose(queries("matching")[name], kind, held=held(kind), **parts)


def held(kind: str) -> Composable:
    """The temporary table of what is held under another number."""
    return Identifier(f"held_{kind}")


def keyed(kind: str, delivered: Composable) -> Composable:
    """Delivered features with `held_key`, the number under which the map holds them."""
    return SQL(
        "(SELECT each.*, CASE WHEN h.source_key IS NULL THEN each.source_key ELSE h.held_key END AS held_key"
        " FROM {} each LEFT JOIN {} h USING (source_key))"
    ).format(delivered, held(kind))


def _course(rule: str, key: str, row: Mapping[str, Any], en: str, zh: str) -> Finding:
    words = {"whole": row["whole_key"], "kept": key}
    return Finding(
        rule=rule,
        severity=Severity.INFO,
        message_en=en.format(parts=", ".join(row["part_keys"]), **words),
        message_zh=zh.format(parts="、".join(row["part_keys"]), **words),
        feature_kind="pipe_segment",
        feature_key=key,
        value=row["whole_key"],
        x_m=row["x_m"],
        y_m=row["y_m"],
        details={"whole": row["whole_key"], "parts": row["part_keys"]},
    )
