"""Rules about single points: where they are, what they are, what meets there."""

import numpy as np
import pandas as pd
from pyproj import CRS, Transformer
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from pipemap.checks.check import Check, Positions, Says
from pipemap.checks.registry import rule
from pipemap.checks.scope import Bools, Floats, Ints
from schemas.codetables import code_table, codes_where
from schemas.findings import Finding, Severity

# A dataset with more of its points than this outside is in another system as a whole.
_MOSTLY = 0.5
_FEW = 5


@rule(
    "R06",
    Severity.ERROR,
    en="place outside the declared coordinate system",
    zh="坐标超出坐标系适用范围",
    source="survey practice, rule R06; area of use in the EPSG database",
    margin_deg=1.5,
)
def impossible_place(check: Check) -> list[Finding]:
    """Nodes that are not in, or near, the area the project CRS is made for; one finding where most of a dataset is."""
    xy = check.scope.node_xy
    outside = ~_inside(check, xy)
    lost, findings = _lost_datasets(check, outside)
    outside &= ~lost
    swapped = outside & _inside(check, xy[:, ::-1])
    at = np.flatnonzero(outside)
    hint_en = np.where(swapped[at], "; easting and northing look swapped", "")
    hint_zh = np.where(swapped[at], "；疑似 X、Y 互换", "")
    says = Says(
        en="{key} lies at x {x:.3f}, y {y:.3f}, outside the area of EPSG:{srid}{hint_en}",
        zh="{key} 的坐标 x {x:.3f}、y {y:.3f} 超出 EPSG:{srid} 的适用范围{hint_zh}",
        value="{x:.3f}, {y:.3f}",
        limit="EPSG:{srid} ± {margin_deg:g}°",
        column="geom",
    )
    srid = np.full(len(at), check.scope.srid)
    return findings + check.report(
        "node", at, says, x=xy[at, 0], y=xy[at, 1], srid=srid, hint_en=hint_en, hint_zh=hint_zh
    )


def _lost_datasets(check: Check, outside: Bools) -> tuple[Bools, list[Finding]]:
    """Nodes of datasets that lie mostly outside, and one finding for each of these datasets and its classes."""
    nodes = check.scope.nodes
    of_dataset = pd.Series(outside).groupby(nodes["dataset_id"])
    lost = np.asarray((of_dataset.transform("mean") > _MOSTLY) & (of_dataset.transform("sum") > _FEW))
    says = Says(
        en="{count} {class_en} points, among them {first}, lie outside the area of EPSG:{srid}: "
        "the coordinates of the dataset are schematic or of another system",
        zh="{class_zh}管点 {first} 等 {count} 个超出 EPSG:{srid} 的适用范围：数据集坐标为示意坐标或属于其他坐标系",
        value="{count}",
        limit="EPSG:{srid} ± {margin_deg:g}°",
        column="geom",
    )
    findings = []
    told = nodes[lost & outside & nodes["touched"].to_numpy(bool)]
    for (_, class_code), rows in told.groupby(["dataset_id", "class_code"], sort=True):
        keys = rows["source_key"].head(_FEW).tolist()
        details = {"count": len(rows), "first_keys": keys}
        fields = {"count": len(rows), "first": ", ".join(keys), "srid": check.scope.srid, "class_code": class_code}
        findings.append(check.note(says, details, **fields))
    return lost, findings


def _inside(check: Check, xy: Floats) -> Bools:
    crs = CRS.from_epsg(check.scope.srid)
    area, margin = crs.area_of_use, check["margin_deg"]
    if area is None:
        return np.asarray(np.isfinite(xy).all(axis=1))
    # A transverse Mercator far from its zone answers infinity, which is outside as well.
    lon, lat = Transformer.from_crs(crs, crs.geodetic_crs, always_xy=True).transform(xy[:, 0], xy[:, 1])
    east_west = (lon >= area.west - margin) & (lon <= area.east + margin)
    return np.asarray(east_west & (lat >= area.south - margin) & (lat <= area.north + margin))


@rule(
    "R09",
    Severity.WARNING,
    en="same place under different numbers",
    zh="坐标重复",
    source="survey practice, rule R09",
    tolerance_m=0.01,
)
def repeated_place(check: Check) -> list[Finding]:
    """Points in the same place and at the same ground elevation; of another class only a note."""
    nodes = check.scope.nodes
    at, first = _repeats(
        np.column_stack([check.scope.node_xy, nodes["ground_elevation_m"].fillna(0)]), check["tolerance_m"]
    )
    lead, other = _touched_first(nodes["touched"].to_numpy(), at, first)
    same_class = (nodes["class_code"].to_numpy()[lead] == nodes["class_code"].to_numpy()[other]).astype(bool)
    says = Says(
        en="{key} stands in the same place as {other}",
        zh="{key} 与 {other} 坐标重复",
        value="{other}",
        limit="{tolerance_m:g} m",
        column="geom",
    )
    keys = nodes["source_key"].to_numpy()
    findings = check.report("node", lead[same_class], says, other=keys[other[same_class]])
    return findings + check.report(
        "node", lead[~same_class], says, at_most=Severity.INFO, other=keys[other[~same_class]]
    )


def _repeats(points: Floats, tolerance: float) -> tuple[Positions, Positions]:
    """Members of each group of coinciding points but the first, and that first one."""
    finite = np.flatnonzero(np.isfinite(points).all(axis=1))
    if len(finite) < 2:
        return finite[:0], finite[:0]
    distance, near = map(np.asarray, cKDTree(points[finite]).query(points[finite], k=2))
    own = np.arange(len(finite))
    twin = np.where(near[:, 1] == own, near[:, 0], near[:, 1])
    close = distance[:, 1] <= tolerance
    pairs = coo_array((np.ones(close.sum()), (own[close], twin[close])), shape=(len(own), len(own)))
    _, group = connected_components(pairs, directed=False)
    first = pd.Series(own).groupby(group).transform("min").to_numpy()
    repeated = first != own
    return finite[repeated], finite[first[repeated]]


def _touched_first(touched: Bools, one: Positions, other: Positions) -> tuple[Positions, Positions]:
    return np.where(touched[one], one, other), np.where(touched[one], other, one)


@rule(
    "R10",
    Severity.INFO,
    en="feature and appurtenance both or neither filled",
    zh="特征与附属物同时填写或均未填写",
    source="survey practice, rule R10 (deliveries do not follow it strictly, so points are counted)",
)
def feature_or_appurtenance(check: Check) -> list[Finding]:
    """One count per class of points with both, and with neither."""
    nodes = check.scope.nodes[check.scope.nodes["touched"]]
    feature, appurtenance = nodes["feature_code"].notna(), nodes["appurtenance_code"].notna()
    counts = nodes.assign(both=feature & appurtenance, neither=~feature & ~appurtenance).groupby("class_code")
    says = Says(
        en="{class_en}: {both} points have both a feature and an appurtenance, {neither} have neither (of {total})",
        zh="{class_zh}：{both} 个管点特征与附属物同时填写，{neither} 个均未填写（共 {total} 个）",
        value="{both} / {neither}",
        column="feature_code",
    )
    return [
        check.note(
            says,
            {"neither_keys": rows.loc[rows["neither"], "source_key"].head(50).tolist()},
            class_code=class_code,
            both=int(rows["both"].sum()),
            neither=int(rows["neither"].sum()),
            total=len(rows),
        )
        for class_code, rows in counts
        if rows["both"].any() or rows["neither"].any()
    ]


@rule("R21", Severity.WARNING, en="point that no line uses", zh="孤立点", source="survey practice, rule R21")
def orphan(check: Check) -> list[Finding]:
    """Nodes without a segment, the kinds that stand alone by nature left out."""
    alone = (check.scope.degree == 0) & ~check.scope.nodes["feature_code"].isin(["not_surveyed", "well_edge"])
    says = Says(
        en="No line uses the {class_en} point {key}", zh="{class_zh}管点 {key} 无管线连接", value="0", limit="1"
    )
    return check.report("node", np.flatnonzero(alone), says)


@rule(
    "R22",
    Severity.WARNING,
    en="number of lines does not fit the feature",
    zh="分支数与特征不符",
    source="survey practice, rule R22; schemas/codes/feature.csv column segment_count",
)
def branch_count(check: Check) -> list[Finding]:
    """A tee must have three lines, a cross four, a bend two, an end one."""
    features = {code: found for code, found in code_table("feature").items() if found.fields["segment_count"]}
    codes = check.scope.nodes["feature_code"]
    expected = codes.map({code: float(found.fields["segment_count"]) for code, found in features.items()})
    degree: Ints = check.scope.degree
    at = np.flatnonzero(expected.notna() & (degree > 0) & (expected != degree))
    named = [features[code] for code in codes.iloc[at]]
    says = Says(
        en="{key} is booked as {name_en}, which joins {expected} lines, but {degree} meet there",
        zh="{key} 特征为{name_zh}，应有 {expected} 条管线，实际 {degree} 条",
        value="{degree}",
        limit="{expected}",
        column="feature_code",
    )
    return check.report(
        "node",
        at,
        says,
        degree=degree[at],
        expected=expected.to_numpy()[at].astype(int),
        name_en=[found.name_en for found in named],
        name_zh=[found.name_zh for found in named],
    )


@rule(
    "P05",
    Severity.INFO,
    en="valve of unknown state",
    zh="阀门状态不明",
    source="pipemap: burst analysis needs valve states",
)
def valve_state_unknown(check: Check) -> list[Finding]:
    """Valves of which nobody says whether they are open."""
    nodes = check.scope.nodes
    valves = codes_where("appurtenance", "role", "valve")
    unknown = nodes["valve_state_code"].isna() | (nodes["valve_state_code"] == "unknown")
    says = Says(
        en="Nobody says whether the {class_en} valve {key} is open; it will be taken as open",
        zh="{class_zh}阀门 {key} 开关状态不明，按常开处理",
        column="valve_state_code",
    )
    return check.report("node", np.flatnonzero(unknown & nodes["appurtenance_code"].isin(valves)), says)
