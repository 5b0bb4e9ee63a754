"""Rules about wells, and about points one above the other."""

import numpy as np

from pipemap.checks.check import Check, Positions, Says, Told
from pipemap.checks.columns import Bools
from pipemap.checks.registry import rule
from pipemap.checks.rules.duplicates import close_nodes, touched_first
from pipemap.checks.scope import Scope
from schemas.findings import Severity


@rule(
    "P12",
    Severity.WARNING,
    en="pipe below the bottom of its well, or well without a depth",
    zh="管底低于井底，或井深不合理",
    source="pipemap: peers' checks of node levels (Giswater: levels of nodes and arcs)",
    source_zh="本系统：参照同类软件管点高程检查（Giswater：节点与管段高程）",
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
    en="points above one another",
    zh="管点上下重叠",
    source="pipemap: peers' topology checks (Esri: stacked points)",
    source_zh="本系统：参照同类软件拓扑检查（Esri：重叠点）",
    tolerance_m=0.01,
)
def stacked(check: Check) -> Told:
    """Points in one place at different ground elevations that no line joins; of different classes only a note.

    At one elevation it is rule R09.
    """
    scope, nodes = check.scope, check.scope.nodes
    one, other = close_nodes(scope, check["tolerance_m"])
    ground = nodes.values("ground_elevation_m")
    apart = np.abs(ground[one] - ground[other])
    kept = (apart > check["tolerance_m"]) & ~_joined(scope, one, other)
    lead, second = touched_first(nodes.values("touched"), other[kept], one[kept])
    apart, codes = apart[kept], nodes.words("class_code").codes
    same_class = codes[lead] == codes[second]
    says = Says(
        en="{class_en} point {key} stands in the place of {other}, but {apart:.2f} m higher or lower",
        zh="{class_zh}管点 {key} 与 {other} 平面位置相同，地面高程相差 {apart:.2f} m",
        value="{apart:.2f} m",
        limit="{tolerance_m:g} m",
        column="ground_elevation_m",
    )
    return [
        check.report(
            "node", lead[which], says, at_most=at_most, other=scope.node_keys(second[which]), apart=apart[which]
        )
        for which, at_most in ((same_class, None), (~same_class, Severity.INFO))
    ]


def _joined(scope: Scope, one: Positions, other: Positions) -> Bools:
    """Whether a line runs from one node to the other, as a riser does."""
    low, high = np.minimum(scope.from_pos, scope.to_pos), np.maximum(scope.from_pos, scope.to_pos)
    known, count = low >= 0, len(scope.nodes)
    links = low[known] * count + high[known]
    return np.isin(np.minimum(one, other) * count + np.maximum(one, other), links)
