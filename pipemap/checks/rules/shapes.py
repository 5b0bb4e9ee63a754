"""Rules about the course of lines and the digits of coordinates."""

import numpy as np
import shapely

from pipemap.checks.breaches import Breaches
from pipemap.checks.check import Check, Positions, Says, Told
from pipemap.checks.columns import Floats
from pipemap.checks.registry import rule
from pipemap.checks.rules.counting import counted_by_class
from pipemap.checks.rules.meetings import paired_ends
from pipemap.checks.scope import Scope
from schemas.findings import Severity


@rule(
    "R24",
    Severity.WARNING,
    en="lines fold back on themselves at a point",
    zh="管段夹角异常",
    source="survey practice, rule R24; GB 50014-2021: sewers turn by no more than 90 degrees",
    source_zh="普查检查规则 R24；GB 50014-2021：转弯水流转角不大于 90°",
    min_angle_deg=30.0,
    min_gravity_angle_deg=90.0,
)
def sharp_angle(check: Check) -> Told:
    """Points where the only two lines of a class leave at an acute angle, in space where heights are known.

    Wells may turn anything round but sewers, which a standard keeps from it: for these it is a note.
    """
    scope = check.scope
    node, one, other = paired_ends(scope)
    angle = _angle_deg(_leaving(scope, one), _leaving(scope, other))
    gravity = scope.is_gravity[scope.ends.segment[one]]
    folded = (angle < check["min_angle_deg"]) & (gravity | ~scope.in_well[node])
    turned = gravity & ~folded & (angle < check["min_gravity_angle_deg"])
    return [
        _sharp(check, node[folded], angle[folded], check["min_angle_deg"], None),
        _sharp(check, node[turned], angle[turned], check["min_gravity_angle_deg"], Severity.INFO),
    ]


def _sharp(check: Check, node: Positions, angle: Floats, least: float, at_most: Severity | None) -> Breaches:
    says = Says(
        en="The two {class_en} lines at {key} leave it at an angle of {angle:.0f}°, less than {least:g}°",
        zh="{key} 处两条{class_zh}管线夹角 {angle:.0f}°，小于 {least:g}°",
        value="{angle:.1f}°",
        limit="{least:g}°",
    )
    return check.report("node", node, says, at_most=at_most, angle=angle, least=least)


def _leaving(scope: Scope, ends: Positions) -> Floats:
    """The direction in which a line leaves the point at some of its ends, shape (ends, 3)."""
    axes, segment, is_from = scope.axes, scope.ends.segment[ends], scope.ends.is_from[ends]
    here = np.where(is_from, axes.first[segment], axes.first[segment + 1] - 1)
    return axes.xyz[np.where(is_from, here + 1, here - 1)] - axes.xyz[here]


def _angle_deg(one: Floats, other: Floats) -> Floats:
    """Angle between directions, in plan where a height is unknown; NaN for one without a length."""
    flat = np.isnan(one[:, 2] + other[:, 2])
    one, other = (np.where(flat[:, None], direction * [1, 1, 0], direction) for direction in (one, other))
    one, other = np.nan_to_num(one), np.nan_to_num(other)
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    cosine = np.einsum("nd,nd->n", one, other) / np.where(lengths > 0, lengths, np.nan)
    return np.asarray(np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))))


@rule(
    "P10",
    Severity.WARNING,
    en="line or outline that crosses itself",
    zh="线或轮廓自相交",
    source="pipemap: peers' topology checks (KLIC: self-crossing lines)",
    source_zh="本系统：参照同类软件拓扑检查（KLIC：自相交线）",
    tolerance_m=0.1,
)
def self_crossing(check: Check) -> Told:
    """Axes that cross or run back over themselves in plan by more than a tolerance, and outlines that do."""
    scope = check.scope
    bent = np.flatnonzero(np.diff(scope.axes.first) > 2)
    crooked = bent[~shapely.is_simple(shapely.force_2d(scope.axes.lines(bent)))]
    # Where a bend was drawn by hand, a step back of some centimetres is no more than that.
    course = shapely.simplify(
        shapely.force_2d(scope.axes.lines(crooked)), check["tolerance_m"], preserve_topology=False
    )
    at = crooked[~shapely.is_simple(course)]
    outlines = scope.structures.values("geom")
    areas = np.flatnonzero(np.isin(shapely.get_type_id(outlines), _AREAS))
    crossing = areas[~shapely.is_valid(outlines[areas])]
    line = Says(en="{class_en} line {key} crosses itself", zh="{class_zh}管线 {key} 自相交", column="geom")
    outline = Says(en="The outline of {key} crosses itself", zh="{key} 的轮廓自相交", column="geom")
    return [check.report("pipe_segment", at, line), check.report("structure", crossing, outline)]


_AREAS = (int(shapely.GeometryType.POLYGON), int(shapely.GeometryType.MULTIPOLYGON))


@rule(
    "P11",
    Severity.INFO,
    en="coordinates finer than a survey can be",
    zh="坐标小数位数过多",
    source="pipemap: peers' delivery checks (KLIC: at most 3 decimals)",
    source_zh="本系统：参照同类软件交付检查（KLIC：至多 3 位小数）",
    decimals=3,
)
def too_many_digits(check: Check) -> Told:
    """One count per class of points whose coordinates have more than three decimals: computed, not surveyed."""
    xy = check.scope.node_xy
    # A double of seven digits before the point holds nine behind it.
    finer = np.asarray((np.abs(xy - xy.round(int(check["decimals"]))) > 1e-7).any(axis=1), np.bool_)
    says = Says(
        en="{class_en}: the coordinates of {count} of {total} points have more than {decimals:g} decimals, "
        "so they were computed or transformed",
        zh="{class_zh}：{total} 个管点中 {count} 个坐标超过 {decimals:g} 位小数，系计算或转换所得",
        value="{count}",
        limit="{decimals:g}",
        column="geom",
    )
    return counted_by_class(check, "node", finer, says)
