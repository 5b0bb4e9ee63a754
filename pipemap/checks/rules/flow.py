"""Rules about gravity flow: it falls, it goes on, and its pipes do not shrink on the way."""

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra

from pipemap.checks.check import Check, Says
from pipemap.checks.registry import rule
from pipemap.checks.rules.attributes import joints
from pipemap.checks.rules.networks import Graph
from pipemap.checks.scope import Floats, Scope
from schemas.codetables import codes_where
from schemas.findings import Finding, Severity

_DIRECTION = {"forward": 1.0, "backward": -1.0}


@rule(
    "R30",
    Severity.WARNING,
    en="gravity line that rises along its flow",
    zh="自流管逆坡",
    source="survey practice, rule R30; height accuracy CJJ 61",
    tolerance_m=0.03,
)
def adverse_slope(check: Check) -> list[Finding]:
    """Gravity lines whose downstream end lies higher than the upstream one.

    Downstream is where the survey says, else the way to the nearest outfall; elsewhere nobody can tell.
    """
    scope = check.scope
    declared = _declared(scope)
    rise = _rise_m(scope) * np.where(np.isnan(declared), _towards_outfall(scope), declared)
    at = np.flatnonzero(scope.is_gravity & (rise > check["tolerance_m"]))
    says = Says(
        en="{class_en} line {key} rises {rise:.2f} m along its flow over {length:.1f} m",
        zh="{class_zh}管线 {key} 逆坡：沿流向 {length:.1f} m 内升高 {rise:.2f} m",
        value="{rise:.2f} m",
        limit="{tolerance_m:g} m",
    )
    return check.report("pipe_segment", at, says, rise=rise[at], length=scope.length_m[at])


@rule(
    "R31",
    Severity.WARNING,
    en="gravity lines flow into a point that has no way out",
    zh="流向冲突（只进不出）",
    source="survey practice, rule R31",
    min_fall_m=0.03,
)
def no_way_out(check: Check) -> list[Finding]:
    """Points, not outfalls, that two or more gravity lines flow into and none leaves."""
    scope = check.scope
    ends = flow_ends(scope, check["min_fall_m"])
    sums = ends.groupby("node")["leaving"].agg(["max", "size", "count"])
    all_in = sums[(sums["max"] < 0) & (sums["size"] == sums["count"]) & (sums["size"] >= 2)]
    node = all_in.index.to_numpy()
    exits = codes_where("appurtenance", "role", "outfall") | codes_where("appurtenance", "role", "pump")
    is_exit = scope.nodes["appurtenance_code"].isin(exits) | scope.nodes["feature_code"].isin(
        ["outlet", "not_surveyed"]
    )
    kept = ~is_exit.to_numpy()[node]
    says = Says(
        en="{count} {class_en} lines flow into {key} and none leaves it",
        zh="{count} 条{class_zh}管线流入 {key}，无流出管线",
        value="{count}",
    )
    return check.report("node", node[kept], says, count=all_in["size"].to_numpy()[kept])


@rule(
    "R32",
    Severity.WARNING,
    en="pipe shrinks downstream, or its size changes without a reducer",
    zh="管径突变",
    source="survey practice, rule R32; GB 50014-2021 5.2.11",
    tolerance_mm=10.0,
    min_fall_m=0.03,
)
def size_change(check: Check) -> list[Finding]:
    """Gravity lines wider upstream than downstream; on pressure lines, changes at plain points are a note."""
    return _shrinks_downstream(check) + _changes_without_reducer(check)


def _shrinks_downstream(check: Check) -> list[Finding]:
    scope = check.scope
    ends = flow_ends(scope, check["min_fall_m"])
    width = scope.segments["width_mm"].to_numpy()[ends["segment"]]
    ends = ends.assign(width=width).dropna(subset="width").sort_values(["width", "segment"], ascending=False)
    widest = [ends[which].drop_duplicates("node") for which in (ends["leaving"] < 0, ends["leaving"] > 0)]
    both = widest[0].merge(widest[1], on="node", suffixes=("_in", "_out"))
    both = both[both["width_out"] < both["width_in"] - check["tolerance_mm"]]
    says = Says(
        en="At {node} the {class_en} pipe {coming_key} of {coming:g} mm goes on as {key} of {going:g} mm",
        zh="{node} 处上游{class_zh}管道 {coming_key}（{coming:g} mm）接入较小的下游管道 {key}（{going:g} mm）",
        value="{going:g} mm",
        limit="{coming:g} mm",
        column="width_mm",
    )
    return check.report(
        "pipe_segment",
        both["segment_out"].to_numpy(),
        says,
        place=scope.node_xy[both["node"]],
        node=scope.node_keys[both["node"]],
        coming=both["width_in"],
        going=both["width_out"],
        coming_key=scope.segments["source_key"].to_numpy(object)[both["segment_in"]],
    )


def _changes_without_reducer(check: Check) -> list[Finding]:
    scope = check.scope
    pairs = joints(scope, scope.segments["width_mm"])
    pressure = pairs["class_code"].isin(codes_where("utility_class", "flow", "pressure"))
    change = (pairs["one"] - pairs["other"]).abs() > check["tolerance_mm"]
    chosen = pairs[pressure & change & pairs["feature_code"].ne("reducer") & ~pairs["in_well"]]
    says = Says(
        en="At {key} the {class_en} pipe changes from {one:g} to {other:g} mm, "
        "but the point is not booked as a reducer",
        zh="{key} 处{class_zh}管径由 {one:g} 变为 {other:g} mm，但该点未记为变径",
        value="{one:g} / {other:g} mm",
        column="feature_code",
    )
    return check.report(
        "node", chosen["node"].to_numpy(), says, at_most=Severity.INFO, one=chosen["one"], other=chosen["other"]
    )


def flow_ends(scope: Scope, min_fall_m: float) -> pd.DataFrame:
    """Ends of live gravity lines with `leaving`: 1 where the flow leaves the node, -1 where it enters, NaN unknown.

    The declared direction counts; without one, the way the line falls by at least `min_fall_m`.
    """
    declared, rise = _declared(scope), _rise_m(scope)
    fallen = np.where(np.abs(rise) >= min_fall_m, -np.sign(rise), np.nan)
    sign = np.where(np.isnan(declared), fallen, declared)
    ends = scope.ends[["segment", "node", "is_from"]]
    ends = ends.assign(leaving=np.where(ends["is_from"], sign[ends["segment"]], -sign[ends["segment"]]))
    return ends[(ends["node"] >= 0) & (scope.is_gravity & scope.active)[ends["segment"]]]


def _declared(scope: Scope) -> Floats:
    """1 where the flow runs as digitised, -1 against it, NaN where nobody says."""
    return np.asarray(scope.segments["flow_direction_code"].map(_DIRECTION), dtype=np.float64)


def _towards_outfall(scope: Scope) -> Floats:
    """1 where a line leads to the nearest outfall as digitised, -1 the other way round, NaN where none is reached."""
    graph = Graph.of(scope, codes_where("utility_class", "flow", "gravity"))
    stations = scope.stations["appurtenance_code"].isin(codes_where("appurtenance", "role", "outfall"))
    outfalls = np.flatnonzero(np.isin(graph.node_ids, scope.stations.loc[stations, "feature_id"]))
    if not len(outfalls):
        return np.full(len(scope.segments), np.nan)
    size = len(graph.node_ids)
    links = coo_array((np.ones(len(graph.start)), (graph.start, graph.end)), shape=(size, size)).tocsr()
    steps = np.asarray(dijkstra(links, directed=False, indices=outfalls, unweighted=True, min_only=True))
    steps[np.isinf(steps)] = np.nan
    nearer = steps[graph.start] - steps[graph.end]
    lead = pd.Series(np.where(np.abs(nearer) == 1, nearer, np.nan), index=graph.links["feature_id"])
    return np.asarray(lead.reindex(scope.segments["feature_id"]), dtype=np.float64)


def _rise_m(scope: Scope) -> Floats:
    start, end = np.split(scope.ends["axis_m"].to_numpy(), 2)
    return np.asarray(end - start, dtype=np.float64)
