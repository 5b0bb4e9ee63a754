"""Rules about single points: where they are, what they are, what meets there."""

import numpy as np
from pyproj import CRS, Transformer

from pipemap.checks.check import Check, Says, Told
from pipemap.checks.columns import Bools, Floats, Ints, numbered
from pipemap.checks.near import Pieces, near_pairs
from pipemap.checks.registry import rule
from pipemap.checks.rules.meetings import class_groups
from pipemap.checks.scope import Scope
from schemas.codetables import code_table
from schemas.findings import Severity

# A dataset with more of its points than this outside is in another system as a whole.
_MOSTLY = 0.5
_FEW = 5
_EXAMPLES = 50


@rule(
    "R06",
    Severity.ERROR,
    en="place outside the declared coordinate system",
    zh="坐标超出坐标系适用范围",
    source="survey practice, rule R06; area of use in the EPSG database",
    source_zh="普查检查规则 R06；EPSG 坐标系适用范围",
    sees="all",
    margin_deg=1.5,
)
def impossible_place(check: Check) -> Told:
    """Nodes that are not in, or near, the area the project CRS is made for; one finding where most of a dataset is."""
    xy = check.scope.node_xy
    outside = ~_inside(check, xy)
    lost = _in_lost_datasets(check, outside)
    at = np.flatnonzero(outside & ~lost)
    swapped = _inside(check, xy[at][:, ::-1])
    says = Says(
        en="{key} lies at x {x:.3f}, y {y:.3f}, outside the area of EPSG:{srid}{hint_en}",
        zh="{key} 的坐标 x {x:.3f}、y {y:.3f} 超出 EPSG:{srid} 的适用范围{hint_zh}",
        value="{x:.3f}, {y:.3f}",
        limit="EPSG:{srid} ± {margin_deg:g}°",
        column="geom",
    )
    place = {"x": xy[at, 0], "y": xy[at, 1], "srid": check.scope.srid}
    hint_en = np.where(swapped, "; easting and northing look swapped", "")
    hint_zh = np.where(swapped, "；疑似 X、Y 互换", "")
    return [
        *_lost_datasets(check, outside & lost),
        check.report("node", at, says, **place, hint_en=hint_en, hint_zh=hint_zh),
    ]


def _in_lost_datasets(check: Check, outside: Bools) -> Bools:
    """Nodes of datasets that lie mostly outside."""
    dataset, _ = numbered([check.scope.nodes.values("dataset_id")])
    of_each, beyond = np.bincount(dataset), np.bincount(dataset, outside)
    return np.asarray(((beyond > _MOSTLY * of_each) & (beyond > _FEW))[dataset])


def _lost_datasets(check: Check, lost: Bools) -> Told:
    """One finding for each class of each dataset that lies elsewhere."""
    nodes = check.scope.nodes
    told = np.flatnonzero(lost & check.scope.told["node"])
    dataset, classes = nodes.values("dataset_id")[told], nodes.words("class_code")
    says = Says(
        en="{count} {class_en} points, among them {first}, lie outside the area of EPSG:{srid}: "
        "the coordinates of the dataset are schematic or of another system",
        zh="{class_zh}管点 {first} 等 {count} 个超出 EPSG:{srid} 的适用范围：数据集坐标为示意坐标或属于其他坐标系",
        value="{count}",
        limit="EPSG:{srid} ± {margin_deg:g}°",
        column="geom",
    )
    found = []
    for number, code in np.unique(np.column_stack([dataset, classes.codes[told]]), axis=0).tolist():
        rows = told[(dataset == number) & (classes.codes[told] == code)]
        rows = rows[np.argsort(nodes.values("feature_id")[rows])]
        keys = nodes.texts("source_key", rows[:_FEW]).tolist()
        details = {"count": len(rows), "first_keys": keys}
        class_code = classes.known_words[code] if code >= 0 else None
        counts, first = {"count": len(rows)}, ", ".join(map(str, keys))
        found.append(
            check.note(says, details, class_code=class_code, counts=counts, first=first, srid=check.scope.srid)
        )
    return found


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
    "R10",
    Severity.INFO,
    en="feature and appurtenance both or neither filled",
    zh="特征与附属物同时填写或均未填写",
    source="survey practice, rule R10 (deliveries do not follow it strictly, so points are counted)",
    source_zh="普查检查规则 R10（成果执行不严，故按点统计）",
)
def feature_or_appurtenance(check: Check) -> Told:
    """One count per class of points with both, and with neither."""
    nodes, told = check.scope.nodes, check.scope.told["node"]
    feature, appurtenance = nodes.words("feature_code").is_known(), nodes.words("appurtenance_code").is_known()
    classes = nodes.words("class_code")
    says = Says(
        en="{class_en}: {both} points have both a feature and an appurtenance, {neither} have neither (of {total})",
        zh="{class_zh}：{both} 个管点特征与附属物同时填写，{neither} 个均未填写（共 {total} 个）",
        value="{both} / {neither}",
        column="feature_code",
    )
    notes = []
    for code, class_code in enumerate(classes.known_words):
        of_class = told & (classes.codes == code)
        neither = np.flatnonzero(of_class & ~feature & ~appurtenance)
        both = int((of_class & feature & appurtenance).sum())
        keys = nodes.texts("source_key", neither[:_EXAMPLES]).tolist()
        counts = {"both": both, "neither": len(neither), "total": int(of_class.sum())}
        notes.append(check.note(says, {"neither_keys": keys}, class_code=class_code, counts=counts))
    return notes


@rule(
    "R21",
    Severity.WARNING,
    en="point that no line uses",
    zh="孤立点",
    source="survey practice, rule R21",
    source_zh="普查检查规则 R21",
    tolerance_m=0.05,
)
def orphan(check: Check) -> Told:
    """Nodes without a segment, the kinds that stand alone by nature left out.

    A point that lies on a line of its class is told of by R26, which says what it should be joined to.
    """
    scope = check.scope
    by_nature = scope.nodes.words("feature_code").is_in(["not_surveyed", "well_edge"])
    at = np.flatnonzero((scope.degree == 0) & ~by_nature)
    at = at[~_on_lines(scope, at, check["tolerance_m"])]
    says = Says(
        en="No line uses the {class_en} point {key}", zh="{class_zh}管点 {key} 无管线连接", value="0", limit="1"
    )
    return [check.report("node", at, says)]


def _on_lines(scope: Scope, at: Ints, tolerance_m: float) -> Bools:
    """Whether some nodes lie on a line of their class."""
    if not len(at):
        return np.zeros(0, np.bool_)
    of_nodes, of_lines = class_groups(scope)
    points = Pieces.of_points(scope.node_xy, at, tolerance_m, of_nodes[at])
    lines = Pieces.of_axes(scope.axes, np.arange(len(scope.segments)), 0.0, of_lines)
    return np.isin(at, near_pairs(points, lines)[0])


@rule(
    "R22",
    Severity.WARNING,
    en="number of lines does not fit the feature",
    zh="分支数与特征不符",
    source="survey practice, rule R22; schemas/codes/feature.csv column segment_count",
    source_zh="普查检查规则 R22；代码表 schemas/codes/feature.csv 的 segment_count 列",
)
def branch_count(check: Check) -> Told:
    """A tee must have three lines, a cross four, a bend two, an end one."""
    features = {code: found for code, found in code_table("feature").items() if found.fields["segment_count"]}
    feature, degree = check.scope.nodes.words("feature_code"), check.scope.degree
    expected = feature.translated({code: int(found.fields["segment_count"]) for code, found in features.items()}, 0)
    at = np.flatnonzero((expected > 0) & (degree > 0) & (expected != degree))
    says = Says(
        en="{key} is booked as {name_en}, which joins {expected} lines, but {degree} meet there",
        zh="{key} 特征为{name_zh}，应有 {expected} 条管线，实际 {degree} 条",
        value="{degree}",
        limit="{expected}",
        column="feature_code",
    )
    return [
        check.report(
            "node",
            at,
            says,
            degree=degree[at],
            expected=expected[at],
            name_en=feature[at].translated({code: found.name_en for code, found in features.items()}, ""),
            name_zh=feature[at].translated({code: found.name_zh for code, found in features.items()}, ""),
        )
    ]
