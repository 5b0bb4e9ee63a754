"""Rules about single lines: what they join, how long, how deep and how steep they are."""

import numpy as np

from pipemap.checks.check import Check, Says, Told
from pipemap.checks.registry import rule
from schemas.findings import Severity

# Widths from which manholes may stand so far apart (GB 50014-2021), the widest first: millimetres, metres.
_MANHOLES = ((1600, 200.0), (1100, 150.0), (700, 100.0))


@rule(
    "R13",
    Severity.ERROR,
    en="line starts and ends at one point",
    zh="起止点号相同",
    source="survey practice, rule R13",
    source_zh="普查检查规则 R13",
)
def start_is_end(check: Check) -> Told:
    """Lines from a point to itself."""
    segments = check.scope.segments
    at = np.flatnonzero(segments.values("from_node_id") == segments.values("to_node_id"))
    says = Says(en="Line {key} starts and ends at the same point", zh="管线 {key} 起止点号相同", column="to_node_id")
    return [check.report("pipe_segment", at, says)]


@rule(
    "R15",
    Severity.WARNING,
    en="depth out of the plausible range",
    zh="埋深超限",
    source="survey practice, rule R15",
    source_zh="普查检查规则 R15",
    max_gravity_m=12.0,
    max_other_m=6.0,
)
def too_deep(check: Check) -> Told:
    """Surveyed depths below the configured maximum of the kind of flow, or above the ground."""
    scope, ends = check.scope, check.scope.ends
    limit = np.where(scope.is_gravity, check["max_gravity_m"], check["max_other_m"])[ends.segment]
    depth = ends.depth_m
    at = np.flatnonzero((depth > limit) | ((depth < 0) & scope.is_buried[ends.segment]))
    says = Says(
        en="{class_en} line {key} is booked {depth:.2f} m deep at {end}; plausible is 0 to {most:g} m",
        zh="{class_zh}管线 {key} 在 {end} 处埋深 {depth:.2f} m，合理范围 0 至 {most:g} m",
        value="{depth:.2f} m",
        limit="{most:g} m",
        column="{column}",
    )
    return [
        check.report(
            "pipe_segment",
            ends.segment[at],
            says,
            place=ends.xyz[at, :2],
            depth=depth[at],
            most=limit[at],
            end=ends.keys(at),
            column=np.where(ends.is_from[at], "from_depth_m", "to_depth_m"),
        )
    ]


@rule(
    "R17",
    Severity.WARNING,
    en="line too long",
    zh="管线过长",
    source="survey practice, rule R17; GB 50014-2021: distance of manholes by size",
    source_zh="普查检查规则 R17；GB 50014-2021 按管径规定的检查井间距",
    max_length_m=75.0,
)
def too_long(check: Check) -> Told:
    """Lines longer than surveyors may leave between two points; large sewers have their manholes farther apart."""
    scope, length = check.scope, check.scope.axes.length_m
    width = scope.segments.values("width_mm")
    spacing = np.select([width >= least for least, _ in _MANHOLES], [most for _, most in _MANHOLES], 0.0)
    most = np.maximum(check["max_length_m"], np.where(scope.is_gravity, spacing, 0.0))
    at = np.flatnonzero(length > most)
    says = Says(
        en="{class_en} line {key} is {length:.1f} m long, more than {most:g} m",
        zh="{class_zh}管线 {key} 长 {length:.1f} m，超过 {most:g} m",
        value="{length:.2f} m",
        limit="{most:g} m",
    )
    return [check.report("pipe_segment", at, says, length=length[at], most=most[at])]


@rule(
    "R18",
    Severity.WARNING,
    en="line too short",
    zh="管线过短",
    source="survey practice, rule R18",
    source_zh="普查检查规则 R18",
    min_length_m=0.05,
)
def too_short(check: Check) -> Told:
    """Lines of no length to speak of, measured in space so that a vertical pipe is not one."""
    length = check.scope.axes.length_m
    at = np.flatnonzero(length < check["min_length_m"])
    says = Says(
        en="{class_en} line {key} is {length:.3f} m long, less than {min_length_m:g} m",
        zh="{class_zh}管线 {key} 长 {length:.3f} m，小于 {min_length_m:g} m",
        value="{length:.3f} m",
        limit="{min_length_m:g} m",
    )
    return [check.report("pipe_segment", at, says, length=length[at])]


@rule(
    "R19",
    Severity.WARNING,
    en="slope too steep",
    zh="坡度过大",
    source="survey practice, rule R19",
    source_zh="普查检查规则 R19",
    max_angle_deg=30.0,
)
def too_steep(check: Check) -> Told:
    """Lines steeper than the limit, by arcsine so that vertical pipes work; risers are meant to be."""
    scope = check.scope
    rise = np.abs(scope.axes.end[:, 2] - scope.axes.start[:, 2])
    length = np.where(scope.axes.length_m > 0, scope.axes.length_m, np.nan)
    angle = np.degrees(np.arcsin(np.clip(rise / length, 0, 1)))
    at_riser = np.logical_or(*scope.at_ends(scope.nodes.words("feature_code").is_in(["riser"]), False))
    at = np.flatnonzero((angle > check["max_angle_deg"]) & ~at_riser)
    says = Says(
        en="{class_en} line {key} climbs {rise:.2f} m over {length:.2f} m ({angle:.0f}°), more than {max_angle_deg:g}°",
        zh="{class_zh}管线 {key} 在 {length:.2f} m 内高差 {rise:.2f} m（{angle:.0f}°），超过 {max_angle_deg:g}°",
        value="{angle:.1f}°",
        limit="{max_angle_deg:g}°",
    )
    return [check.report("pipe_segment", at, says, angle=angle[at], length=length[at], rise=rise[at])]


@rule(
    "R20",
    Severity.ERROR,
    en="line or consumer refers to a missing point",
    zh="缺失点",
    source="survey practice, rule R20",
    source_zh="普查检查规则 R20",
)
def missing_point(check: Check) -> Told:
    """References to nodes that the map does not have."""
    scope = check.scope
    found = []
    for column, position in (("from_node_id", scope.from_pos), ("to_node_id", scope.to_pos)):
        at = np.flatnonzero(position < 0)
        says = Says(
            en="Line {key} refers to point {node}, which is not there",
            zh="管线 {key} 引用的管点 {node} 不存在",
            value="{node}",
            column=column,
        )
        found.append(check.report("pipe_segment", at, says, node=scope.segments.values(column)[at]))
    served = scope.consumers.values("node_id")
    at = np.flatnonzero((served >= 0) & (scope.consumer_pos < 0))
    says = Says(
        en="Consumer {key} is served from point {node}, which is not there",
        zh="用户 {key} 所接管点 {node} 不存在",
        value="{node}",
        column="node_id",
    )
    return [*found, check.report("consumer", at, says, node=served[at])]


@rule(
    "P09",
    Severity.ERROR,
    en="axis does not end at its points",
    zh="管线几何与起止点不符",
    source="model: a segment runs from its start node to its end node",
    source_zh="数据模型：管段由起点连至终点",
    tolerance_m=0.05,
)
def axis_off_its_points(check: Check) -> Told:
    """Lines drawn to another place than the points they name."""
    scope, ends = check.scope, check.scope.ends
    known = np.flatnonzero(ends.node >= 0)
    gap = np.hypot(*(ends.xyz[known, :2] - scope.node_xy[ends.node[known]]).T)
    at, gap = known[gap > check["tolerance_m"]], gap[gap > check["tolerance_m"]]
    says = Says(
        en="Line {key} ends {gap:.2f} m away from its point {end}",
        zh="管线 {key} 端点与管点 {end} 相距 {gap:.2f} m",
        value="{gap:.2f} m",
        limit="{tolerance_m:g} m",
        column="geom",
    )
    return [check.report("pipe_segment", ends.segment[at], says, place=ends.xyz[at, :2], gap=gap, end=ends.keys(at))]
