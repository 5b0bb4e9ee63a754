"""Rules about elevations: what one point, one line and the ground around say must agree."""

import numpy as np
from scipy.spatial import cKDTree

from pipemap.checks.breaches import Breaches
from pipemap.checks.check import Check, Says, Told
from pipemap.checks.columns import Bools, Floats, Ints, numbered
from pipemap.checks.registry import rule
from pipemap.checks.rules.counting import one_by_one_or_counted
from pipemap.checks.rules.thinnest import Thinnest, accuracies_m, at_ends, by_models, worse_ends
from pipemap.checks.scope import Scope
from schemas.findings import Severity

# Fewer places around a point say nothing about its ground.
_FEWEST_NEIGHBOURS = 4
# Places and ground are compared to the centimetre.
_PLACE_DIGITS, _ROUNDING_M = 2, 0.01


@rule(
    "R16",
    Severity.WARNING,
    en="lines meet at different elevations",
    zh="同点高程不一致",
    source="survey practice, rule R16 (wells excepted)",
    source_zh="普查检查规则 R16（窨井除外）",
    tolerance_m=0.05,
)
def heights_at_a_point(check: Check) -> Told:
    """Points, not wells, whose lines of the point's class end at different heights."""
    scope, ends = check.scope, check.scope.ends
    node, first, order = _meetings(scope)
    low, high = (
        {"level": side.reduceat(ends.level_m[order], first), "axis": side.reduceat(ends.axis_m[order], first)}
        if len(node)
        else {"level": np.empty(0), "axis": np.empty(0)}
        for side in (np.fmin, np.fmax)
    )
    # Surveyors level one height per point: a main and its branch may share the crown or the axis.
    spread = np.fmin(high["level"] - low["level"], high["axis"] - low["axis"])
    at = np.flatnonzero((spread > check["tolerance_m"]) & ~scope.in_well[node])
    low_m, high_m = (np.where(np.isnan(side["level"]), side["axis"], side["level"])[at] for side in (low, high))
    says = Says(
        en="Lines meet at {key} at elevations from {low:.2f} to {high:.2f} m",
        zh="{key} 处各管线高程不一致：{low:.2f} 至 {high:.2f} m",
        value="{spread:.2f} m",
        limit="{tolerance_m:g} m",
    )
    return [check.report("node", node[at], says, low=low_m, high=high_m, spread=spread[at])]


def _meetings(scope: Scope) -> tuple[Ints, Ints, Ints]:
    """Nodes and classes whose line ends stand together: the node, where its ends begin in `order`, and `order`."""
    ends = scope.ends
    known = np.flatnonzero((ends.node >= 0) & ends.class_code.is_known())
    codes = ends.class_code.codes
    order = known[np.lexsort((codes[known], ends.node[known]))]
    new = (np.diff(ends.node[order]) != 0) | (np.diff(codes[order]) != 0)
    first = np.flatnonzero(np.append(True, new)[: len(order)])
    return ends.node[order[first]], first, order


@rule(
    "R27",
    Severity.WARNING,
    en="elevation is not ground minus depth",
    zh="高程≠地面高程－埋深",
    source="survey practice, rule R27",
    source_zh="普查检查规则 R27",
    tolerance_m=0.02,
)
def elevation_balance(check: Check) -> Told:
    """Line ends where ground, depth and pipe elevation are all surveyed and do not add up."""
    ends = check.scope.ends
    expected = ends.ground_m - ends.depth_m
    off = np.abs(ends.elevation_m - expected)
    # The stored depths are single precision.
    at = np.flatnonzero(off > check["tolerance_m"] + 1e-4)
    says = Says(
        en="{class_en} line {key} at {end}: ground {ground:.2f} − depth {depth:.2f} = {expected:.2f} m, "
        "but the elevation is booked as {level:.2f} m",
        zh="{class_zh}管线 {key} 在 {end} 处：地面 {ground:.2f} － 埋深 {depth:.2f} ＝ {expected:.2f} m，"
        "而管线高程为 {level:.2f} m",
        value="{off:.2f} m",
        limit="{tolerance_m:g} m",
        column="{column}",
    )
    return [
        check.report(
            "pipe_segment",
            ends.segment[at],
            says,
            place=ends.xyz[at, :2],
            end=ends.keys(at),
            ground=ends.ground_m[at],
            depth=ends.depth_m[at],
            expected=expected[at],
            level=ends.elevation_m[at],
            off=off[at],
            column=np.where(ends.is_from[at], "from_elevation_m", "to_elevation_m"),
        )
    ]


@rule(
    "R28",
    Severity.WARNING,
    en="ground elevation far from its neighbours",
    zh="地面高程异常",
    source="survey practice, rule R28; median and median absolute deviation instead of sigma",
    source_zh="普查检查规则 R28；以中位数和绝对中位差代替标准差",
    neighbours=12,
    radius_m=60.0,
    min_deviation_m=1.5,
    factor=5.0,
)
def ground_outlier(check: Check) -> Told:
    """Points whose ground lies far above or below the median of their nearest neighbours."""
    scope = check.scope
    ground = scope.nodes.values("ground_elevation_m")
    known = np.flatnonzero(np.isfinite(ground) & np.isfinite(scope.node_xy).all(axis=1))
    xy, ground_m = scope.node_xy[known], ground[known]
    asked = np.flatnonzero(_on_uneven_ground(xy, ground_m, check["radius_m"], check["min_deviation_m"]))
    around = _ground_around(check, xy, ground_m, asked)
    usual = np.nanmedian(around, axis=1)
    spread = 1.4826 * np.nanmedian(np.abs(around - usual[:, None]), axis=1)
    known, off = known[asked], ground_m[asked] - usual
    hit = np.abs(off) > np.maximum(check["min_deviation_m"], check["factor"] * spread)
    says = Says(
        en="Ground at {key} is booked as {ground:.2f} m; its neighbours say about {usual:.2f} m ({off:+.2f} m)",
        zh="{key} 地面高程 {ground:.2f} m，周边约 {usual:.2f} m（相差 {off:+.2f} m）",
        value="{ground:.2f} m",
        limit="{usual:.2f} ± {min_deviation_m:g} m",
        column="ground_elevation_m",
    )
    return [check.report("node", known[hit], says, ground=ground[known][hit], usual=usual[hit], off=off[hit])]


def _on_uneven_ground(xy: Floats, ground_m: Floats, radius_m: float, deviation_m: float) -> Bools:
    """Which points have ground around them that is not within `deviation_m`: only these can be so far off.

    Told from the lowest and highest ground in the squares of a grid that the radius reaches.
    """
    column, row = np.floor(xy / (radius_m + _ROUNDING_M)).astype(np.int64).T
    squares, square = np.unique((column << 32) + row, return_inverse=True)
    # The last stands for squares without a point.
    low_m, high_m = np.full(len(squares) + 1, np.inf), np.full(len(squares) + 1, -np.inf)
    np.minimum.at(low_m, square, ground_m)
    np.maximum.at(high_m, square, ground_m)
    lowest_m, highest_m = low_m[:-1], high_m[:-1]
    for step in [(east << 32) + north for east in (-1, 0, 1) for north in (-1, 0, 1)]:
        place = np.searchsorted(squares, squares + step)
        at = np.where(squares.take(place, mode="clip") == squares + step, place, len(squares))
        lowest_m, highest_m = np.minimum(lowest_m, low_m[at]), np.maximum(highest_m, high_m[at])
    return np.asarray((highest_m - lowest_m > deviation_m - _ROUNDING_M)[square])


def _ground_around(check: Check, xy: Floats, ground: Floats, asked: Ints) -> Floats:
    """Ground at the nearest other places of some points, NaN beyond the radius; own ground where there are too few."""
    if not len(asked):
        return np.empty((0, 1))
    points = np.column_stack([xy, ground]).round(_PLACE_DIGITS)
    own, first = numbered(list(points.T))
    places = points[first]
    count = min(int(check["neighbours"]) + 1, len(places))
    distance, near = cKDTree(places[:, :2]).query(xy[asked], k=np.arange(1, count + 1))
    around = np.where((distance <= check["radius_m"]) & (near != own[asked, None]), places[near, 2], np.nan)
    too_few = np.isfinite(around).sum(axis=1) < _FEWEST_NEIGHBOURS
    around[too_few] = ground[asked][too_few, None]
    return around


@rule(
    "R29",
    Severity.ERROR,
    en="pipe sticks out of the ground",
    zh="管径超高（管顶高出地面）",
    source="survey practice, rule R29",
    source_zh="普查检查规则 R29",
    tolerance_m=0.05,
    far_m=0.5,
)
def above_ground(check: Check) -> Told:
    """Buried lines whose crown is above the ground; by less than `far_m`, or by a ground model alone, a warning.

    By no more than the accuracy of that model and the survey of the pipe together, a note.
    """
    scope, ends = check.scope, check.scope.ends
    stays_below = _stays_below(scope)
    at = worse_ends(np.where(stays_below[ends.segment], ends.crown_m - ends.ground_m, np.nan))
    surveyed = at_ends(scope, at)
    surveyed = surveyed.part(np.flatnonzero(surveyed.above_m > check["tolerance_m"]))
    is_far = surveyed.above_m > check["far_m"]
    far, near = (surveyed.part(np.flatnonzero(which)) for which in (is_far, ~is_far))
    found = by_models(scope)
    told = stays_below[found.segment] & ~np.isin(found.segment, surveyed.segment)
    by_model = found.part(np.flatnonzero(told & (found.above_m > check["tolerance_m"])))
    is_within = by_model.above_m < accuracies_m(scope, by_model)
    sure, unsure = (by_model.part(np.flatnonzero(which)) for which in (~is_within, is_within))
    parts = (far, None), (near, Severity.WARNING), (sure, Severity.WARNING), (unsure, Severity.INFO)
    return [_sticking_out(check, found, at_most) for found, at_most in parts]


def _sticking_out(check: Check, found: Thinnest, at_most: Severity | None) -> Breaches:
    says = Says(
        en="The crown of {class_en} line {key} stands {above:.2f} m above the ground at {where_en} "
        "({crown:.2f} over {ground:.2f} m)",
        zh="{class_zh}管线 {key} 管顶在 {where_zh} 处高出地面 {above:.2f} m（管顶 {crown:.2f}，地面 {ground:.2f} m）",
        value="{above:.2f} m",
        limit="{tolerance_m:g} m",
    )
    where_en, where_zh = found.told(check.scope)
    return check.report(
        "pipe_segment",
        found.segment,
        says,
        at_most=at_most,
        place=found.place,
        above=found.above_m,
        crown=found.crown_m,
        ground=found.ground_m,
        where_en=where_en,
        where_zh=where_zh,
    )


def _stays_below(scope: Scope) -> Bools:
    """Whether a line lies in the ground from end to end: none that is led up a pole or a wall."""
    nodes = scope.nodes
    rising = nodes.words("feature_code").is_in(["riser"]) | nodes.words("appurtenance_code").is_in(["riser", "pole"])
    return np.asarray(scope.is_buried & ~np.logical_or(*scope.at_ends(rising, False)))


@rule(
    "P06",
    Severity.INFO,
    en="elevation unknown or inferred",
    zh="高程不明或推算",
    source="pipemap: unknown is a value",
    source_zh="本系统：不明也是一种取值",
    sees="all",
    count_from=10,
)
def elevation_unknown(check: Check) -> Told:
    """Lines whose height nobody knows, and such as have none of their own but that of lines they meet.

    3D answers say `cannot tell` for the former. Counted by class where there are many.
    """
    axes, segments = check.scope.axes, check.scope.segments
    unknown = Says(
        en="{class_en} line {key}: the elevation is unknown",
        zh="{class_zh}管线 {key} 高程不明",
        column="from_depth_m",
    )
    unknowns = Says(
        en="{class_en}: the elevation of {count} of {total} lines is unknown",
        zh="{class_zh}：{total} 条管线中 {count} 条高程不明",
        value="{count}",
        column="geom",
    )
    inferred = Says(
        en="{class_en} line {key} has neither depth nor elevation at an end; its height is that of lines it meets",
        zh="{class_zh}管线 {key} 有一端既无埋深也无高程，按相连管线推算",
        column="from_depth_m",
    )
    all_inferred = Says(
        en="{class_en}: {count} of {total} lines have neither depth nor elevation at an end; their heights are those "
        "of lines they meet",
        zh="{class_zh}：{total} 条管线中 {count} 条有一端既无埋深也无高程，按相连管线推算",
        value="{count}",
        column="geom",
    )
    is_unknown = np.isnan(axes.start[:, 2] + axes.end[:, 2])
    is_inferred = segments.words("elevation_source_code").is_in(["inferred"]) & _untold_end(check.scope) & ~is_unknown
    return [
        *one_by_one_or_counted(check, "pipe_segment", is_unknown, is_unknown, unknown, unknowns),
        *one_by_one_or_counted(check, "pipe_segment", is_inferred, is_inferred, inferred, all_inferred),
    ]


def _untold_end(scope: Scope) -> Bools:
    """Lines of which an end has neither a depth nor an elevation."""
    told = [
        [np.isfinite(scope.segments.values(f"{end}_{height}_m")) for height in ("depth", "elevation")]
        for end in ("from", "to")
    ]
    return np.asarray(~(np.logical_or(*told[0]) & np.logical_or(*told[1])))


@rule(
    "P07",
    Severity.INFO,
    en="section unknown",
    zh="断面不明",
    source="pipemap: unknown is a value",
    source_zh="本系统：不明也是一种取值",
    sees="all",
    count_from=10,
)
def section_unknown(check: Check) -> Told:
    """Lines without a size, counted by class where there are many."""
    says = Says(
        en="{class_en}: the section of {count} of {total} lines is unknown",
        zh="{class_zh}：{total} 条管线中 {count} 条断面不明",
        value="{count}",
        column="width_mm",
    )
    each = Says("{class_en} line {key}: the section is unknown", "{class_zh}管线 {key} 断面不明", column="width_mm")
    is_unknown = np.isnan(check.scope.width_m + check.scope.height_m)
    return one_by_one_or_counted(check, "pipe_segment", is_unknown, is_unknown, each, says)
