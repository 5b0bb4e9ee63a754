"""Rules about single lines: what they join, how long, how deep and how steep they are."""

import numpy as np
import pandas as pd
import shapely

from pipemap.checks.check import Check, Positions, Says
from pipemap.checks.registry import rule
from pipemap.checks.scope import Bools, Floats, Scope
from schemas.findings import Finding, Severity

# Lines that are meant to stand above the ground.
ABOVE_GROUND = ("overhead", "surface", "rack")


@rule(
    "R13", Severity.ERROR, en="line starts and ends at one point", zh="起止点号相同", source="survey practice, rule R13"
)
def start_is_end(check: Check) -> list[Finding]:
    """Lines from a point to itself."""
    segments = check.scope.segments
    at = np.flatnonzero(segments["from_node_id"] == segments["to_node_id"])
    says = Says(en="Line {key} starts and ends at the same point", zh="管线 {key} 起止点号相同", column="to_node_id")
    return check.report("pipe_segment", at, says)


@rule(
    "R14",
    Severity.ERROR,
    en="line recorded twice, also in reverse",
    zh="管线重复",
    source="survey practice, rule R14",
    tolerance_m=0.05,
)
def duplicate(check: Check) -> list[Finding]:
    """Lines of one class between the same two places, in any dataset and direction.

    With the same axis it is an error; at another depth or with another section (two pipes between the
    same wells), or told apart by their source (parallel pumps of a model), a warning.
    """
    scope = check.scope
    at, first = _same_places(scope, check["tolerance_m"])
    touched = scope.segments["touched"].to_numpy()
    lead, other = np.where(touched[at], at, first), np.where(touched[at], first, at)
    exact = _same_axis(scope, lead, other, check["tolerance_m"])
    keys = scope.segments["source_key"].to_numpy()
    twice = Says(
        en="{class_en} line {key} is the same pipe as {other}{reverse_en}",
        zh="{class_zh}管线 {key} 与 {other} {reverse_zh}重复",
        value="{other}",
        limit="{tolerance_m:g} m",
    )
    beside = Says(
        en="{class_en} lines {key} and {other} join the same two points at different depths or sections",
        zh="{class_zh}管线 {key} 与 {other} 起止点相同，但埋深或断面不同",
        value="{other}",
    )
    parallel = Says(
        en="{class_en} lines {key} and {other} have the same course and are two lines in their source",
        zh="{class_zh}管线 {key} 与 {other} 路径相同，在来源数据中为两条管线",
        value="{other}",
    )
    apart = exact & _told_apart(scope, lead, other)
    same = exact & ~apart
    reverse = _runs_backwards(scope, lead[same], other[same])
    return [
        *check.report(
            "pipe_segment",
            lead[same],
            twice,
            other=keys[other[same]],
            reverse_en=np.where(reverse, ", the other way round", ""),
            reverse_zh=np.where(reverse, "反向", ""),
        ),
        *check.report("pipe_segment", lead[apart], parallel, at_most=Severity.WARNING, other=keys[other[apart]]),
        *check.report("pipe_segment", lead[~exact], beside, at_most=Severity.WARNING, other=keys[other[~exact]]),
    ]


def _told_apart(scope: Scope, one: Positions, other: Positions) -> Bools:
    """Whether one dataset numbers two lines as parallel, or they lead to two devices in the same place."""
    segments = scope.segments
    dataset, keys = segments["dataset_id"].to_numpy(), segments["source_key"].astype(str)
    pair = keys.str.replace(r"#\d+$", "", regex=True).to_numpy(object)
    numbered = pair[one] == pair[other]
    return np.asarray((dataset[one] == dataset[other]) & (numbered | _at_devices(scope, one, other)), dtype=bool)


def _at_devices(scope: Scope, one: Positions, other: Positions) -> Bools:
    """Whether the ends that two lines do not share, at least one, are valves, pumps or other devices."""
    is_device = np.append(scope.nodes["appurtenance_code"].notna().to_numpy(), False)
    mine, theirs = (np.stack([scope.from_pos[at], scope.to_pos[at]]) for at in (one, other))
    devices = [
        (is_device[own] | (own == far) | (own == far[::-1])).all(axis=0)
        for own, far in ((mine, theirs), (theirs, mine))
    ]
    different = (np.sort(mine, axis=0) != np.sort(theirs, axis=0)).any(axis=0)
    return np.asarray(devices[0] & devices[1] & different)


def _same_places(scope: Scope, tolerance: float) -> tuple[Positions, Positions]:
    """Lines that share class and both end places with an earlier line, and that earlier line."""
    ends = scope.ends
    cells = np.round(ends[["x", "y"]].to_numpy() / tolerance)
    _, place = np.unique(cells, axis=0, return_inverse=True)
    start, end = np.split(place, 2)
    keyed = pd.DataFrame(
        {"class": scope.segments["class_code"], "low": np.minimum(start, end), "high": np.maximum(start, end)}
    )
    keyed["row"] = np.arange(len(keyed))
    keyed["first"] = keyed.groupby(["class", "low", "high"], dropna=False)["row"].transform("min")
    at = np.flatnonzero((keyed["first"] != keyed["row"]) & (keyed["low"] != keyed["high"]))
    return at, keyed["first"].to_numpy(np.int64)[at]


def _same_axis(scope: Scope, one: Positions, other: Positions, tolerance: float) -> Bools:
    """Whether two lines have the same course, heights and section; unknowns are alike."""
    near = shapely.hausdorff_distance(scope.lines[one], scope.lines[other]) <= 2 * tolerance
    z_start, z_end = np.split(scope.ends["axis_m"].to_numpy(), 2)
    backwards = _runs_backwards(scope, one, other)
    level = _alike(z_start[one], np.where(backwards, z_end[other], z_start[other]), tolerance)
    level &= _alike(z_end[one], np.where(backwards, z_start[other], z_end[other]), tolerance)
    width, height = scope.size_m
    return np.asarray(near & level) & _alike(width[one], width[other], 1e-3) & _alike(height[one], height[other], 1e-3)


def _alike(one: Floats, other: Floats, tolerance: float) -> Bools:
    return np.asarray((np.abs(one - other) <= tolerance) | np.isnan(one) | np.isnan(other))


def _runs_backwards(scope: Scope, one: Positions, other: Positions) -> Bools:
    start, end = np.split(scope.ends[["x", "y"]].to_numpy(), 2)
    same = np.hypot(*(start[one] - start[other]).T) + np.hypot(*(end[one] - end[other]).T)
    crossed = np.hypot(*(start[one] - end[other]).T) + np.hypot(*(end[one] - start[other]).T)
    return np.asarray(crossed < same)


@rule(
    "R15",
    Severity.WARNING,
    en="depth out of the plausible range",
    zh="埋深超限",
    source="survey practice, rule R15",
    max_gravity_m=12.0,
    max_other_m=6.0,
)
def too_deep(check: Check) -> list[Finding]:
    """Surveyed depths below the configured maximum of the kind of flow, or above the ground."""
    ends = check.scope.ends
    limit = np.where(check.scope.is_gravity[ends["segment"]], check["max_gravity_m"], check["max_other_m"])
    buried = ~check.scope.segments["burial_code"].isin(ABOVE_GROUND).to_numpy()[ends["segment"]]
    depth = ends["depth_m"].to_numpy()
    at = np.flatnonzero((depth > limit) | ((depth < 0) & buried))
    says = Says(
        en="{class_en} line {key} is booked {depth:.2f} m deep at {end}; plausible is 0 to {most:g} m",
        zh="{class_zh}管线 {key} 在 {end} 处埋深 {depth:.2f} m，合理范围 0 至 {most:g} m",
        value="{depth:.2f} m",
        limit="{most:g} m",
        column="{column}",
    )
    chosen = ends.iloc[at]
    return check.report(
        "pipe_segment",
        chosen["segment"].to_numpy(),
        says,
        place=chosen[["x", "y"]].to_numpy(),
        depth=depth[at],
        most=limit[at],
        end=check.scope.node_keys[chosen["node"]],
        column=np.where(chosen["is_from"], "from_depth_m", "to_depth_m"),
    )


@rule("R17", Severity.WARNING, en="line too long", zh="管线过长", source="survey practice, rule R17", max_length_m=75.0)
def too_long(check: Check) -> list[Finding]:
    """Lines longer than surveyors may leave between two points."""
    length = check.scope.length_m
    at = np.flatnonzero(length > check["max_length_m"])
    says = Says(
        en="{class_en} line {key} is {length:.1f} m long, more than {max_length_m:g} m",
        zh="{class_zh}管线 {key} 长 {length:.1f} m，超过 {max_length_m:g} m",
        value="{length:.2f} m",
        limit="{max_length_m:g} m",
    )
    return check.report("pipe_segment", at, says, length=length[at])


@rule(
    "R18", Severity.WARNING, en="line too short", zh="管线过短", source="survey practice, rule R18", min_length_m=0.05
)
def too_short(check: Check) -> list[Finding]:
    """Lines of no length to speak of, measured in space so that a vertical pipe is not one."""
    length = check.scope.length_m
    at = np.flatnonzero(length < check["min_length_m"])
    says = Says(
        en="{class_en} line {key} is {length:.3f} m long, less than {min_length_m:g} m",
        zh="{class_zh}管线 {key} 长 {length:.3f} m，小于 {min_length_m:g} m",
        value="{length:.3f} m",
        limit="{min_length_m:g} m",
    )
    return check.report("pipe_segment", at, says, length=length[at])


@rule(
    "R19", Severity.WARNING, en="slope too steep", zh="坡度过大", source="survey practice, rule R19", max_angle_deg=30.0
)
def too_steep(check: Check) -> list[Finding]:
    """Lines steeper than the limit, by arcsine so that vertical pipes work; risers are meant to be."""
    scope = check.scope
    z_start, z_end = np.split(scope.ends["axis_m"].to_numpy(), 2)
    length = np.where(scope.length_m > 0, scope.length_m, np.nan)
    angle = np.degrees(np.arcsin(np.clip(np.abs(z_end - z_start) / length, 0, 1)))
    riser = np.append(scope.nodes["feature_code"].eq("riser").to_numpy(), False)
    at = np.flatnonzero((angle > check["max_angle_deg"]) & ~riser[scope.from_pos] & ~riser[scope.to_pos])
    says = Says(
        en="{class_en} line {key} climbs {rise:.2f} m over {length:.2f} m ({angle:.0f}°), more than {max_angle_deg:g}°",
        zh="{class_zh}管线 {key} 在 {length:.2f} m 内高差 {rise:.2f} m（{angle:.0f}°），超过 {max_angle_deg:g}°",
        value="{angle:.1f}°",
        limit="{max_angle_deg:g}°",
    )
    rise = np.abs(z_end - z_start)[at]
    return check.report("pipe_segment", at, says, angle=angle[at], length=length[at], rise=rise)


@rule(
    "R20",
    Severity.ERROR,
    en="line or consumer refers to a missing point",
    zh="缺失点",
    source="survey practice, rule R20",
)
def missing_point(check: Check) -> list[Finding]:
    """References to nodes that the map does not have."""
    scope = check.scope
    findings = []
    for column, position in (("from_node_id", scope.from_pos), ("to_node_id", scope.to_pos)):
        at = np.flatnonzero(position < 0)
        says = Says(
            en="Line {key} refers to point {node:.0f}, which is not there",
            zh="管线 {key} 引用的管点 {node:.0f} 不存在",
            value="{node:.0f}",
            column=column,
        )
        findings += check.report("pipe_segment", at, says, node=scope.segments[column].to_numpy()[at])
    served = scope.consumers["node_id"]
    at = np.flatnonzero(served.notna() & ~served.isin(scope.nodes["feature_id"]))
    says = Says(
        en="Consumer {key} is served from point {node:.0f}, which is not there",
        zh="用户 {key} 所接管点 {node:.0f} 不存在",
        value="{node:.0f}",
        column="node_id",
    )
    return findings + check.report("consumer", at, says, node=served.to_numpy()[at])


@rule(
    "P09",
    Severity.ERROR,
    en="axis does not end at its points",
    zh="管线几何与起止点不符",
    source="model: a segment runs from its start node to its end node",
    tolerance_m=0.05,
)
def axis_off_its_points(check: Check) -> list[Finding]:
    """Lines drawn to another place than the points they name."""
    ends = check.scope.ends
    known = ends[ends["node"] >= 0]
    gap = np.hypot(*(known[["x", "y"]].to_numpy() - check.scope.node_xy[known["node"]]).T)
    chosen = known[gap > check["tolerance_m"]]
    says = Says(
        en="Line {key} ends {gap:.2f} m away from its point {end}",
        zh="管线 {key} 端点与管点 {end} 相距 {gap:.2f} m",
        value="{gap:.2f} m",
        limit="{tolerance_m:g} m",
        column="geom",
    )
    return check.report(
        "pipe_segment",
        chosen["segment"].to_numpy(),
        says,
        place=chosen[["x", "y"]].to_numpy(),
        gap=gap[gap > check["tolerance_m"]],
        end=check.scope.node_keys[chosen["node"]],
    )
