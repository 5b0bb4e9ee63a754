"""Rules about wells, and about points one above the other."""

import numpy as np

from pipemap.checks.check import Check, Says, Told
from pipemap.checks.near import Pieces, near_pairs
from pipemap.checks.registry import rule
from pipemap.checks.rules.duplicates import touched_first
from schemas.findings import Severity


@rule(
    "P12",
    Severity.WARNING,
    en="pipe below the bottom of its well, or well without a depth",
    zh="管底低于井底，或井深不合理",
    source="pipemap: peers' checks of node levels (Giswater: levels of nodes and arcs)",
    tolerance_m=0.1,
)
def well_too_shallow(check: Check) -> Told:
    """Points whose well is shallower than a pipe that enters it, or whose bottom stands above the ground."""
    ends, nodes = check.scope.ends, check.scope.nodes
    depth = nodes.values("well_depth_m").astype(np.float64)
    bottom = nodes.values("ground_elevation_m") - depth
    lowest = np.full(len(nodes), np.inf)
    known = np.flatnonzero((ends.node >= 0) & np.isfinite(ends.invert_m))
    np.minimum.at(lowest, ends.node[known], ends.invert_m[known])
    below = np.flatnonzero(np.isfinite(lowest) & (bottom - lowest > check["tolerance_m"]))
    above = np.flatnonzero(depth < 0)
    shallow = Says(
        en="A pipe enters the {class_en} well {key} at {invert:.2f} m, {gap:.2f} m below its bottom at {bottom:.2f} m",
        zh="{class_zh}井 {key} 井底 {bottom:.2f} m，接入管底 {invert:.2f} m，低于井底 {gap:.2f} m",
        value="{gap:.2f} m",
        limit="{tolerance_m:g} m",
        column="well_depth_m",
    )
    negative = Says(
        en="The bottom of the {class_en} well {key} is booked {high:.2f} m above the ground",
        zh="{class_zh}井 {key} 井底高出地面 {high:.2f} m",
        value="{high:.2f} m",
        limit="0 m",
        column="well_depth_m",
    )
    return [
        check.report(
            "node", below, shallow, invert=lowest[below], bottom=bottom[below], gap=bottom[below] - lowest[below]
        ),
        check.report("node", above, negative, high=-depth[above]),
    ]


@rule(
    "P13",
    Severity.WARNING,
    en="points of one class above one another",
    zh="同类管点上下重叠",
    source="pipemap: peers' topology checks (Esri: stacked points)",
    tolerance_m=0.01,
)
def stacked(check: Check) -> Told:
    """Points of a class in one place at different ground elevations that no line joins; at one elevation it is R09."""
    scope, nodes = check.scope, check.scope.nodes
    classes = nodes.words("class_code").codes
    everyone = np.arange(len(nodes))
    pieces = Pieces.of_points(scope.node_xy, everyone, check["tolerance_m"] / 2, classes)
    one, other, _ = near_pairs(pieces, pieces)
    ground = nodes.values("ground_elevation_m")
    apart = np.abs(ground[one] - ground[other])
    kept = (one < other) & (apart > check["tolerance_m"])
    lead, second = touched_first(nodes.values("touched"), other[kept], one[kept])
    low, high = np.minimum(scope.from_pos, scope.to_pos), np.maximum(scope.from_pos, scope.to_pos)
    pair = np.minimum(lead, second) * len(nodes) + np.maximum(lead, second)
    loose = ~np.isin(pair, low[low >= 0] * len(nodes) + high[low >= 0])
    says = Says(
        en="{class_en} point {key} stands in the place of {other}, but {apart:.2f} m higher or lower",
        zh="{class_zh}管点 {key} 与 {other} 平面位置相同，地面高程相差 {apart:.2f} m",
        value="{apart:.2f} m",
        limit="{tolerance_m:g} m",
        column="ground_elevation_m",
    )
    keys = scope.node_keys(second[loose])
    return [check.report("node", lead[loose], says, other=keys, apart=apart[kept][loose])]
