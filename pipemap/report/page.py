"""The report as one self-contained HTML page: no outside request, everything from the data escaped."""

import base64
import hashlib
from collections import Counter
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined

from pipemap.checks import all_rules, rule_name
from pipemap.report.contents import Report
from pipemap.report.drawing import draw_map
from pipemap.report.quality import ATTRIBUTES, DEPTH_STEP_M, DEPTH_STEPS
from schemas.codetables import code_table

MAX_LISTED_PER_RULE = 300
MAX_LISTED = 4000
_KINDS = {
    "node": ("points", "管点"),
    "pipe_segment": ("segments", "管段"),
    "consumer": ("consumers", "用户"),
    "structure": ("structures", "构筑物"),
}


def write_html(report: Report, path: Path, language: str = "zh") -> None:
    """Write the page; `language` (zh or en) is the one it opens in, a switch shows the other."""
    path.write_text(render_html(report, language), encoding="utf-8")


def render_html(report: Report, language: str = "zh") -> str:
    """The page as text.

    Long lists are cut at `MAX_LISTED_PER_RULE` findings of a rule and `MAX_LISTED` in all; the page says
    how many of how many it shows.
    """
    listed = _listed(report.findings)
    style, script = _asset("page.css"), _asset("page.js")
    environment = Environment(
        loader=FunctionLoader(_asset), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("page.html.jinja").render(
        report=report,
        language=language,
        listed=listed,
        rules=_rule_lines(report, listed),
        map=draw_map(report, listed),
        attributes=ATTRIBUTES,
        completeness=_by_attribute(report),
        depths=_depth_bars(report),
        kinds=_KINDS,
        class_names=_names("utility_class"),
        state_names=_names("changeset_state"),
        attribute_names=_names("attribute"),
        style=style,
        script=script,
        # Only this very script may run, so a hostile cell cannot even if it got through.
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


def _names(table: str) -> dict[str, tuple[str, str]]:
    return {code: (found.name_en, found.name_zh) for code, found in code_table(table).items()}


def _asset(name: str) -> str:
    return (files("pipemap.report") / name).read_text(encoding="utf-8")


def _listed(findings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    seen: Counter[tuple[str, str]] = Counter()
    listed: list[dict[str, Any]] = []
    for found in findings:
        rule = (found["rule"], found["severity"])
        seen[rule] += 1
        if seen[rule] <= MAX_LISTED_PER_RULE and len(listed) < MAX_LISTED:
            listed.append(found)
    return listed


def _rule_lines(report: Report, listed: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One line per rule and severity with names, counts and the length of its bar."""
    known = all_rules()
    shown = Counter((found["rule"], found["severity"]) for found in listed)
    counts = report.counts
    most = max((line["count"] for line in counts), default=1)
    return [
        {
            **line,
            **dict(zip(("name_en", "name_zh"), rule_name(line["rule"]), strict=True)),
            "source_en": known[line["rule"]].source if line["rule"] in known else "",
            "source_zh": known[line["rule"]].source_zh if line["rule"] in known else "",
            "shown": shown[line["rule"], line["severity"]],
            "percent": round(100 * line["count"] / most, 1),
        }
        for line in counts
    ]


def _by_attribute(report: Report) -> dict[str, dict[str, dict[str, Any]]]:
    """The completeness by class and attribute."""
    table: dict[str, dict[str, dict[str, Any]]] = {}
    for cell in report.quality.completeness:
        table.setdefault(cell["class_code"], {})[cell["attribute"]] = cell
    return table


def _depth_bars(report: Report) -> dict[str, list[dict[str, Any]]]:
    """A bar per step of depth and class, its height in percent of the class's highest."""
    ends: dict[str, Counter[int]] = {}
    for row in report.quality.depths:
        ends.setdefault(row["class_code"], Counter())[row["step"]] = row["ends"]
    return {
        class_code: [
            {
                "from_m": step * DEPTH_STEP_M,
                "to_m": (step + 1) * DEPTH_STEP_M,
                "ends": counted[step],
                "percent": round(100 * counted[step] / max(counted.values()), 1),
            }
            for step in range(DEPTH_STEPS)
        ]
        for class_code, counted in ends.items()
    }
