"""Rules about surveyed ground and the ground models that the city has loaded."""

from typing import NamedTuple

import numpy as np

from pipemap.checks.check import Check, Says, Told
from pipemap.checks.columns import Floats, Ints
from pipemap.checks.registry import rule
from pipemap.checks.scope import Scope
from schemas.findings import Severity

# Of fewer points nobody can say what holds throughout.
_FEWEST = 20
# Of a normal distribution the standard deviation is so many times the median deviation.
_SIGMA = 1.4826


class _Compared(NamedTuple):
    """Points told of whose ground is surveyed and known to a model: how far the survey lies above it, and usually."""

    rows: Ints
    above_m: Floats
    usual_m: float
    spread_m: float

    @property
    def is_telling(self) -> bool:
        """Whether there are enough of them to say what holds throughout."""
        return len(self.rows) >= _FEWEST


def _compared(scope: Scope) -> _Compared:
    ground_m, model_m = scope.nodes.values("ground_elevation_m"), scope.nodes.values("model_ground_m")
    rows = np.flatnonzero(scope.told["node"] & np.isfinite(ground_m) & np.isfinite(model_m))
    above_m = ground_m[rows].astype(np.float64) - model_m[rows]
    if len(rows) < _FEWEST:
        return _Compared(rows, above_m, 0.0, 0.0)
    usual_m = float(np.median(above_m))
    return _Compared(rows, above_m, usual_m, _SIGMA * float(np.median(np.abs(above_m - usual_m))))


@rule(
    "P19",
    Severity.WARNING,
    en="surveyed ground far from the ground model",
    zh="地面高程与地面模型不符",
    source="pipemap: heights against the ground model, less what all of them are off (rule P20)",
    source_zh="本系统：与地面模型比高，扣除整体偏差（规则 P20）",
    sees="all",
    min_deviation_m=1.0,
    factor=5.0,
)
def ground_off_model(check: Check) -> Told:
    """Points whose surveyed ground is farther from the ground model than that of the others."""
    found = _compared(check.scope)
    off_m = found.above_m - found.usual_m
    hit = np.abs(off_m) > max(check["min_deviation_m"], check["factor"] * found.spread_m)
    rows = found.rows[hit]
    says = Says(
        en="Ground at {key} is booked as {ground:.2f} m; the ground model has {model:.2f} m ({off:+.2f} m)",
        zh="{key} 地面高程 {ground:.2f} m，地面模型为 {model:.2f} m（相差 {off:+.2f} m）",
        value="{ground:.2f} m",
        limit="{model:.2f} ± {min_deviation_m:g} m",
        column="ground_elevation_m",
    )
    nodes = check.scope.nodes
    ground_m, model_m = nodes.values("ground_elevation_m")[rows], nodes.values("model_ground_m")[rows]
    return [check.report("node", rows, says, ground=ground_m, model=model_m, off=found.above_m[hit])]


@rule(
    "P20",
    Severity.WARNING,
    en="surveyed ground off the ground model throughout",
    zh="地面高程整体偏离地面模型",
    source="pipemap: another vertical datum or unit, or places that are not where they claim",
    source_zh="本系统：高程基准或单位不同，或位置与所称不符",
    sees="all",
    offset_m=0.3,
    misfit_m=2.0,
)
def ground_off_throughout(check: Check) -> Told:
    """One finding when all heights are off the ground model by one amount, or follow it nowhere."""
    found = _compared(check.scope)
    if not found.is_telling:
        return []
    if found.spread_m > check["misfit_m"]:
        says = Says(
            en="The ground of {count} points does not follow the ground model (differences spread by {spread:.2f} m "
            "around {usual:+.2f} m): the places may be shifted or their axes swapped, or the model is of another time",
            zh="{count} 个管点的地面高程与地面模型起伏不符（差值中位数 {usual:+.2f} m，离散 {spread:.2f} m）："
            "坐标可能整体平移或 X、Y 互换，或地面模型时相不符",
            value="± {spread:.2f} m",
            limit="{misfit_m:g} m",
        )
        return _note(check, found, says)
    if abs(found.usual_m) > max(check["offset_m"], 2 * found.spread_m):
        says = Says(
            en="The ground of {count} points lies {usual:+.2f} m off the ground model throughout (spread {spread:.2f} "
            "m): another vertical datum or unit? See [vertical] offset_m of a profile",
            zh="{count} 个管点的地面高程整体与地面模型相差 {usual:+.2f} m（离散 {spread:.2f} m）："
            "高程基准或单位可能不同，请在配置文件 [vertical] offset_m 中说明",
            value="{usual:+.2f} m",
            limit="{offset_m:g} m",
            column="ground_elevation_m",
        )
        return _note(check, found, says)
    return []


def _note(check: Check, found: _Compared, says: Says) -> Told:
    keys = check.scope.nodes.texts("source_key", found.rows).tolist()
    counts = {"count": len(found.rows)}
    return [check.note(says, {"keys": keys}, counts=counts, usual=found.usual_m, spread=found.spread_m)]
