"""Rules about elevations: what one point, one line and the ground around say must agree."""

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from pipemap.checks.check import Check, Says
from pipemap.checks.registry import rule
from pipemap.checks.rules.lines import ABOVE_GROUND
from pipemap.checks.scope import Bools, Floats, Scope
from schemas.codetables import code_table
from schemas.findings import Finding, Severity


@rule(
    "R16",
    Severity.WARNING,
    en="lines meet at different elevations",
    zh="同点高程不一致",
    source="survey practice, rule R16 (wells excepted)",
    tolerance_m=0.05,
)
def heights_at_a_point(check: Check) -> list[Finding]:
    """Points, not wells, whose lines of the point's class end at different heights."""
    scope = check.scope
    ends = scope.ends[(scope.ends["node"] >= 0) & scope.ends["class_code"].notna()]
    level = ends["elevation_m"].fillna(ends["ground_m"] - ends["depth_m"])
    grouped = ends.assign(level=level).groupby(["node", "class_code"])[["level", "axis_m"]]
    low, high = grouped.min(), grouped.max()
    # Surveyors level one height per point: a main and its branch may share the crown or the axis.
    spread = (high - low).min(axis=1)
    well = np.array([code.code for code in code_table("appurtenance").values() if code.flag("is_enclosed")])
    node = spread.index.get_level_values(0).to_numpy()
    in_well = scope.nodes["appurtenance_code"].isin(well).to_numpy()[node]
    hit = (spread > check["tolerance_m"]).to_numpy() & ~in_well
    says = Says(
        en="Lines meet at {key} at elevations from {low:.2f} to {high:.2f} m",
        zh="{key} 处各管线高程不一致：{low:.2f} 至 {high:.2f} m",
        value="{spread:.2f} m",
        limit="{tolerance_m:g} m",
    )
    low_m, high_m = (side["level"].fillna(side["axis_m"]).to_numpy()[hit] for side in (low, high))
    return check.report("node", node[hit], says, low=low_m, high=high_m, spread=spread.to_numpy()[hit])


@rule(
    "R27",
    Severity.WARNING,
    en="elevation is not ground minus depth",
    zh="高程≠地面高程－埋深",
    source="survey practice, rule R27",
    tolerance_m=0.02,
)
def elevation_balance(check: Check) -> list[Finding]:
    """Line ends where ground, depth and pipe elevation are all surveyed and do not add up."""
    ends = check.scope.ends
    expected = ends["ground_m"] - ends["depth_m"]
    off = (ends["elevation_m"] - expected).abs()
    # The stored depths are single precision.
    chosen = ends.assign(expected=expected, off=off)[off > check["tolerance_m"] + 1e-4]
    says = Says(
        en="{class_en} line {key} at {end}: ground {ground:.2f} − depth {depth:.2f} = {expected:.2f} m, "
        "but the elevation is booked as {level:.2f} m",
        zh="{class_zh}管线 {key} 在 {end} 处：地面 {ground:.2f} － 埋深 {depth:.2f} ＝ {expected:.2f} m，"
        "而管线高程为 {level:.2f} m",
        value="{off:.2f} m",
        limit="{tolerance_m:g} m",
        column="{column}",
    )
    return check.report(
        "pipe_segment",
        chosen["segment"].to_numpy(),
        says,
        place=chosen[["x", "y"]].to_numpy(),
        end=check.scope.node_keys[chosen["node"]],
        ground=chosen["ground_m"],
        depth=chosen["depth_m"],
        expected=chosen["expected"],
        level=chosen["elevation_m"],
        off=chosen["off"],
        column=np.where(chosen["is_from"], "from_elevation_m", "to_elevation_m"),
    )


@rule(
    "R28",
    Severity.WARNING,
    en="ground elevation far from its neighbours",
    zh="地面高程异常",
    source="survey practice, rule R28; median and median absolute deviation instead of sigma",
    neighbours=12,
    radius_m=60.0,
    min_deviation_m=1.5,
    factor=5.0,
)
def ground_outlier(check: Check) -> list[Finding]:
    """Points whose ground lies far above or below the median of their nearest neighbours."""
    scope = check.scope
    ground = scope.nodes["ground_elevation_m"].to_numpy()
    known = np.flatnonzero(np.isfinite(ground) & np.isfinite(scope.node_xy).all(axis=1))
    around = _ground_around(check, scope.node_xy[known], ground[known])
    usual = np.nanmedian(around, axis=1)
    spread = 1.4826 * np.nanmedian(np.abs(around - usual[:, None]), axis=1)
    off = ground[known] - usual
    hit = np.abs(off) > np.maximum(check["min_deviation_m"], check["factor"] * spread)
    says = Says(
        en="Ground at {key} is booked as {ground:.2f} m; its neighbours say about {usual:.2f} m ({off:+.2f} m)",
        zh="{key} 地面高程 {ground:.2f} m，周边约 {usual:.2f} m（相差 {off:+.2f} m）",
        value="{ground:.2f} m",
        limit="{usual:.2f} ± {min_deviation_m:g} m",
        column="ground_elevation_m",
    )
    return check.report("node", known[hit], says, ground=ground[known][hit], usual=usual[hit], off=off[hit])


def _ground_around(check: Check, xy: Floats, ground: Floats) -> Floats:
    """Ground at the nearest places of each point, NaN beyond the radius; own ground where there are too few."""
    places = np.unique(np.column_stack([xy, ground]).round(2), axis=0)
    if not len(places):
        return np.empty((0, 1))
    count = min(int(check["neighbours"]) + 1, len(places))
    distance, near = cKDTree(places[:, :2]).query(xy, k=np.arange(1, count + 1))
    around = np.where(distance <= check["radius_m"], places[near, 2], np.nan)
    # The nearest place is the point itself, or a twin of it.
    around[:, 0] = np.where(np.isfinite(around).sum(axis=1) >= 5, np.nan, ground)
    around[np.isfinite(around[:, 0]), 1:] = np.nan
    return around


@rule(
    "R29",
    Severity.ERROR,
    en="pipe sticks out of the ground",
    zh="管径超高（管顶高出地面）",
    source="survey practice, rule R29",
    tolerance_m=0.05,
    far_m=0.5,
)
def above_ground(check: Check) -> list[Finding]:
    """Buried lines whose crown is above the ground; by less than `far_m` a warning."""
    scope = check.scope
    ends = scope.ends.assign(above=scope.ends["crown_m"] - scope.ends["ground_m"])
    worst = ends[_is_buried(scope)[ends["segment"]] & (ends["above"] > check["tolerance_m"]).to_numpy()]
    worst = worst.sort_values("above", ascending=False).drop_duplicates("segment").sort_values("segment")
    says = Says(
        en="The crown of {class_en} line {key} stands {above:.2f} m above the ground at {end} "
        "({crown:.2f} over {ground:.2f} m)",
        zh="{class_zh}管线 {key} 管顶在 {end} 处高出地面 {above:.2f} m（管顶 {crown:.2f}，地面 {ground:.2f} m）",
        value="{above:.2f} m",
        limit="{tolerance_m:g} m",
    )
    far = (worst["above"] > check["far_m"]).to_numpy()
    return [
        finding
        for rows, at_most in ((worst[far], None), (worst[~far], Severity.WARNING))
        for finding in check.report(
            "pipe_segment",
            rows["segment"].to_numpy(),
            says,
            at_most=at_most,
            place=rows[["x", "y"]].to_numpy(),
            above=rows["above"],
            crown=rows["crown_m"],
            ground=rows["ground_m"],
            end=scope.node_keys[rows["node"]],
        )
    ]


def _is_buried(scope: Scope) -> Bools:
    rising = scope.nodes["feature_code"].eq("riser") | scope.nodes["appurtenance_code"].isin(["riser", "pole"])
    rises = np.append(rising.to_numpy(), False)
    up = rises[scope.from_pos] | rises[scope.to_pos]
    return np.asarray(~scope.segments["burial_code"].isin(ABOVE_GROUND).to_numpy() & ~up)


@rule("P06", Severity.INFO, en="elevation unknown", zh="高程不明", source="pipemap: unknown is a value")
def elevation_unknown(check: Check) -> list[Finding]:
    """One count per class of lines whose height nobody knows; 3D answers say `cannot tell` for them."""
    scope = check.scope
    start, end = np.split(scope.ends["axis_m"].to_numpy(), 2)
    says = Says(
        en="{class_en}: the elevation of {count} of {total} lines is unknown",
        zh="{class_zh}：{total} 条管线中 {count} 条高程不明",
        value="{count}",
        column="geom",
    )
    return count_by_class(check, np.isnan(start) | np.isnan(end), says)


@rule("P07", Severity.INFO, en="section unknown", zh="断面不明", source="pipemap: unknown is a value")
def section_unknown(check: Check) -> list[Finding]:
    """One count per class of lines without a size."""
    width, height = check.scope.size_m
    says = Says(
        en="{class_en}: the section of {count} of {total} lines is unknown",
        zh="{class_zh}：{total} 条管线中 {count} 条断面不明",
        value="{count}",
        column="width_mm",
    )
    return count_by_class(check, np.isnan(width) | np.isnan(height), says)


def count_by_class(check: Check, unknown: Bools, says: Says, at_most: Severity | None = None) -> list[Finding]:
    """One note for each class in which touched segments are marked, with how many of how many."""
    segments = check.scope.segments
    marked = pd.DataFrame({"class_code": segments["class_code"], "key": segments["source_key"], "unknown": unknown})
    return [
        check.note(
            says,
            {"keys": rows.loc[rows["unknown"], "key"].head(50).tolist()},
            at_most=at_most,
            class_code=class_code,
            count=int(rows["unknown"].sum()),
            total=len(rows),
        )
        for class_code, rows in marked[segments["touched"]].groupby("class_code")
        if rows["unknown"].any()
    ]
