"""Rules about the survey itself: points measured or detected a second time must come out alike (CJJ 61)."""

import numpy as np

from pipemap.checks.columns import Floats
from pipemap.checks.registry import rule
from pipemap.checks.survey_check import Remeasured, SurveyCheck
from schemas.findings import Finding, Severity

_DEPTH = ("depth", "埋深")
_PLAN = ("place", "平面位置")
_HEIGHT = ("ground elevation", "地面高程")


@rule(
    "R37",
    Severity.WARNING,
    en="depth at a visible point measured differently",
    zh="明显点埋深抽检超限",
    source="survey practice, rule R37 (sample re-check of a census)",
    source_zh="普查检查规则 R37（普查抽样复查）",
    sees="survey",
    limit_m=0.05,
)
def visible_depth(check: SurveyCheck) -> list[Finding]:
    """Depths measured again where a well or valve can be opened."""
    ends = check.ends
    return check.judged(_DEPTH, ends, ends.is_visible, ends.off_depth_m, np.full(len(ends.rows), check["limit_m"]))


@rule(
    "R38",
    Severity.WARNING,
    en="hidden point detected elsewhere",
    zh="隐蔽点抽检超限",
    source="survey practice, rule R38; CJJ 61-2003: 0.10 h in plan, 0.15 h in depth, h at least 1 m",
    source_zh="普查检查规则 R38；CJJ 61-2003：平面 0.10h、埋深 0.15h，h 不小于 1 m",
    sees="survey",
    plan_share=0.10,
    depth_share=0.15,
    least_depth_m=1.0,
)
def hidden_point(check: SurveyCheck) -> list[Finding]:
    """Points without anything to be seen, detected again; limits grow with their depth."""
    points, ends = check.points, check.ends
    plan_m, depth_m = (
        check[share] * _depth(check, of) for share, of in (("plan_share", points), ("depth_share", ends))
    )
    return [
        *check.judged(_PLAN, points, ~points.is_visible, points.plan_m, plan_m),
        *check.judged(_DEPTH, ends, ~ends.is_visible, ends.off_depth_m, depth_m),
    ]


def _depth(check: SurveyCheck, of: Remeasured) -> Floats:
    return np.asarray(np.fmax(of.depth_m, check["least_depth_m"]))


@rule(
    "R39",
    Severity.WARNING,
    en="point surveyed elsewhere",
    zh="测量精度抽检超限",
    source="survey practice, rule R39; CJJ 61-2003: mean errors of 0.05 m in plan and 0.03 m in height",
    source_zh="普查检查规则 R39；CJJ 61-2003：平面中误差 0.05 m、高程中误差 0.03 m",
    sees="survey",
    plan_m=0.05,
    height_m=0.03,
)
def survey_accuracy(check: SurveyCheck) -> list[Finding]:
    """Visible points surveyed again in plan, and the ground at all of them."""
    points = check.points
    plan_m, height_m = (np.full(len(points.rows), check[name]) for name in ("plan_m", "height_m"))
    everywhere = np.ones(len(points.rows), np.bool_)
    return [
        *check.judged(_PLAN, points, points.is_visible, points.plan_m, plan_m),
        *check.judged(_HEIGHT, points, everywhere, points.height_m, height_m),
    ]
