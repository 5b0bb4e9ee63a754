"""Rules about gravity flow: it falls, it goes on, and its pipes do not shrink on the way."""

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra

from pipemap.checks.breaches import Breaches
from pipemap.checks.check import Check, Says, Told
from pipemap.checks.columns import Bools, Floats, Ints
from pipemap.checks.registry import rule
from pipemap.checks.rules.meetings import pairs_at_nodes
from pipemap.checks.scope import Scope
from schemas.codetables import codes_where
from schemas.findings import Severity

_SIGN = {"forward": 1.0, "backward": -1.0}


@rule(
    "R30",
    Severity.WARNING,
    en="gravity line that rises along its flow",
    zh="自流管逆坡",
    source="survey practice, rule R30; height accuracy CJJ 61",
    source_zh="普查检查规则 R30；CJJ 61 高程精度",
    sees="all",
    tolerance_m=0.03,
)
def adverse_slope(check: Check) -> Told:
    """Gravity lines whose downstream end lies higher than the upstream one.

    Downstream is where the survey says, else the way the lines of a dataset are drawn that all but fall
    that way, else the way to the nearest outfall; elsewhere nobody can tell.
    """
    scope = check.scope
    known = declared(scope)
    rise = rise_m(scope) * np.where(np.isnan(known), _towards_outfall(scope), known)
    at = np.flatnonzero(scope.is_gravity & (rise > check["tolerance_m"]))
    said = scope.segments.words("flow_direction_code").is_in(list(_SIGN))[at]
    says = Says(
        en="{class_en} line {key} rises {rise:.2f} m along its flow over {length:.1f} m{how_en}",
        zh="{class_zh}管线 {key} 逆坡：沿流向 {length:.1f} m 内升高 {rise:.2f} m{how_zh}",
        value="{rise:.2f} m",
        limit="{tolerance_m:g} m",
    )
    drawn = ~said & ~np.isnan(known[at])
    how_en = np.select([said, drawn], ["", ", the way its dataset draws lines"], ", the way to the nearest outfall")
    how_zh = np.select([said, drawn], ["", "（流向取自绘制方向）"], "（流向取自最近出水口）")
    length = scope.axes.part(at).length_m
    return [check.report("pipe_segment", at, says, rise=rise[at], length=length, how_en=how_en, how_zh=how_zh)]


@rule(
    "R31",
    Severity.WARNING,
    en="gravity lines flow into a point that has no way out",
    zh="流向冲突（只进不出）",
    source="survey practice, rule R31",
    source_zh="普查检查规则 R31",
    min_fall_m=0.03,
)
def no_way_out(check: Check) -> Told:
    """Points, not outfalls, that two or more gravity lines flow into and none leaves."""
    coming = _coming_into_sinks(check)
    at = np.flatnonzero(coming >= 2)
    says = Says(
        en="{count} {class_en} lines flow into {key} and none leaves it",
        zh="{count} 条{class_zh}管线流入 {key}，无流出管线",
        value="{count}",
    )
    return [check.report("node", at, says, count=coming[at])]


@rule(
    "P18",
    Severity.INFO,
    en="sewer that ends at a point which is no outfall",
    zh="排水管线终点不是出水口",
    source="pipemap: end nodes of drainage networks (Giswater: sinks that are no outfall)",
    source_zh="本系统：排水管网终点（Giswater：末端不是排放口）",
    min_fall_m=0.03,
)
def ends_nowhere(check: Check) -> Told:
    """Points that one gravity line flows into and none leaves, and that are not booked as a way out."""
    at = np.flatnonzero(_coming_into_sinks(check) == 1)
    says = Says(
        en="A {class_en} line flows into {key} and none leaves it; it is not booked as an outfall",
        zh="{class_zh}管线流入 {key} 后无流出，且未记为出水口",
        column="appurtenance_code",
    )
    return [check.report("node", at, says)]


@rule(
    "R32",
    Severity.WARNING,
    en="pipe shrinks downstream, or its size changes without a reducer",
    zh="管径突变",
    source="survey practice, rule R32; GB 50014-2021 5.2.11",
    source_zh="普查检查规则 R32；GB 50014-2021 第 5.2.11 条",
    tolerance_mm=10.0,
    min_fall_m=0.03,
)
def size_change(check: Check) -> Told:
    """Gravity lines wider upstream than downstream; on pressure lines, changes at plain points are a note."""
    return [_shrinks_downstream(check), _changes_without_reducer(check)]


def _shrinks_downstream(check: Check) -> Breaches:
    scope = check.scope
    width = scope.segments.values("width_mm").astype(np.float64)
    node, segment, leaving = flow_ends(scope, check["min_fall_m"])
    coming = _widest_at(len(scope.nodes), node, segment, width, leaving < 0)
    going = _widest_at(len(scope.nodes), node, segment, width, leaving > 0)
    both = np.flatnonzero((coming >= 0) & (going >= 0))
    both = both[width[going[both]] < width[coming[both]] - check["tolerance_mm"]]
    coming, going = coming[both], going[both]
    says = Says(
        en="At {node} the {class_en} pipe {coming_key} of {coming:g} mm goes on as {key} of {going:g} mm",
        zh="{node} 处上游{class_zh}管道 {coming_key}（{coming:g} mm）接入较小的下游管道 {key}（{going:g} mm）",
        value="{going:g} mm",
        limit="{coming:g} mm",
        column="width_mm",
    )
    return check.report(
        "pipe_segment",
        going,
        says,
        place=scope.node_xy[both],
        node=scope.node_keys(both),
        coming=width[coming],
        going=width[going],
        coming_key=scope.segment_keys(coming),
    )


def _widest_at(count: int, node: Ints, segment: Ints, width: Floats, which: np.ndarray) -> Ints:
    """The widest of some line ends at each of `count` nodes, the first one of equals; -1 where there is none."""
    node, segment = node[which], segment[which]
    known = np.isfinite(width[segment])
    node, segment = node[known], segment[known]
    # What is written last stays.
    order = np.lexsort((-segment, width[segment]))
    widest = np.full(count, -1, np.int64)
    widest[node[order]] = segment[order]
    return widest


def _changes_without_reducer(check: Check) -> Breaches:
    scope = check.scope
    node, one, other = pairs_at_nodes(scope)
    width = scope.segments.values("width_mm").astype(np.float64)
    pressure = scope.segments.words("class_code").is_in(codes_where("utility_class", "flow", "pressure"))
    reducer = scope.nodes.words("feature_code").is_in(["reducer"])
    change = np.abs(width[one] - width[other]) > check["tolerance_mm"]
    kept = change & pressure[one] & ~reducer[node] & ~scope.in_well[node]
    says = Says(
        en="At {key} the {class_en} pipe changes from {one:g} to {other:g} mm, "
        "but the point is not booked as a reducer",
        zh="{key} 处{class_zh}管径由 {one:g} 变为 {other:g} mm，但该点未记为变径",
        value="{one:g} / {other:g} mm",
        column="feature_code",
    )
    return check.report("node", node[kept], says, at_most=Severity.INFO, one=width[one[kept]], other=width[other[kept]])


def _coming_into_sinks(check: Check) -> Ints:
    """How many gravity lines flow into each node that none leaves and that is no way out; 0 for any other node."""
    scope = check.scope
    node, _, leaving = flow_ends(scope, check["min_fall_m"])
    coming, all_of_them = (np.bincount(node[which], minlength=len(scope.nodes)) for which in (leaving < 0, slice(None)))
    return np.where((coming == all_of_them) & ~_is_exit(scope), coming, 0)


def _is_exit(scope: Scope) -> Bools:
    """Whether water may leave the network, or the survey, at each node."""
    exits = codes_where("appurtenance", "role", "outfall") | codes_where("appurtenance", "role", "pump")
    booked = scope.nodes.words("appurtenance_code").is_in(exits)
    return np.asarray(booked | scope.nodes.words("feature_code").is_in(["outlet", "not_surveyed"]))


def flow_ends(scope: Scope, min_fall_m: float) -> tuple[Ints, Ints, Floats]:
    """Ends of live gravity lines: node, segment, and 1 where the flow leaves the node, -1 where it enters, else NaN.

    The direction declared or drawn counts; without one, the way the line falls by at least `min_fall_m`.
    """
    known, rise = declared(scope), rise_m(scope)
    fallen = np.where(np.abs(rise) >= min_fall_m, -np.sign(rise), np.nan)
    sign = np.where(np.isnan(known), fallen, known)
    at = np.flatnonzero((scope.ends.node >= 0) & (scope.is_gravity & scope.active)[scope.ends.segment])
    segment = scope.ends.segment[at]
    return scope.ends.node[at], segment, np.where(scope.ends.is_from[at], sign[segment], -sign[segment])


def declared(scope: Scope) -> Floats:
    """1 where the flow runs as digitised, -1 against it, NaN where neither the survey nor the drawing says."""
    said = scope.segments.words("flow_direction_code").translated(_SIGN, np.nan)
    drawn = np.isin(scope.segments.values("dataset_id"), list(scope.drawn_along_flow))
    # Lines without heights, such as house connections, have not shown that they follow the habit.
    alike = drawn & scope.is_gravity & np.isfinite(rise_m(scope))
    return np.asarray(np.where(np.isnan(said) & alike, 1.0, said))


def rise_m(scope: Scope) -> Floats:
    """How much higher each line ends than it starts."""
    return scope.axes.end[:, 2] - scope.axes.start[:, 2]


def _towards_outfall(scope: Scope) -> Floats:
    """1 where a line leads to the nearest outfall as digitised, -1 the other way round, NaN where none is reached."""
    lead = np.full(len(scope.segments), np.nan)
    graph = scope.links.graph(codes_where("utility_class", "flow", "gravity"))
    outfalls = scope.links.stations("outfall")
    if not len(outfalls):
        return lead
    size = scope.links.vertex_count
    matrix = coo_array((np.ones(len(graph.start)), (graph.start, graph.end)), shape=(size, size)).tocsr()
    steps = np.asarray(dijkstra(matrix, directed=False, indices=outfalls, unweighted=True, min_only=True))
    steps[np.isinf(steps)] = np.nan
    nearer = steps[graph.start] - steps[graph.end]
    row = scope.links.row[graph.chosen]
    lead[row[row >= 0]] = np.where(np.abs(nearer) == 1, nearer, np.nan)[row >= 0]
    return lead
