"""Rules about joints that should be there and are not, and joints that should not be there."""

import numpy as np
import pandas as pd
import shapely
from scipy.spatial import cKDTree

from pipemap.checks.check import Check, Positions, Says
from pipemap.checks.registry import rule
from pipemap.checks.scope import Bools, Floats, Scope
from schemas.codetables import code_table
from schemas.findings import Finding, Severity


@rule(
    "R26",
    Severity.WARNING,
    en="lines that touch without a joint, or end just short of one",
    zh="管线交叉未打断/悬挂",
    source="survey practice, rule R26",
    tolerance_m=0.05,
    near_m=0.5,
    level_m=0.3,
)
def missing_joint(check: Check) -> list[Finding]:
    """T-candidates, dangling ends and crossings: places where two lines of one class should perhaps be joined.

    ::

        T-candidate   a ──────┬────── b      dangling end   ──────── e  f ────      crossing   ──┼──
                              n (not on a-b's ends)                 (0.3 m apart)                │
    """
    return _points_on_lines(check) + _ends_near_points(check) + _crossings(check)


def _points_on_lines(check: Check) -> list[Finding]:
    scope, tolerance = check.scope, check["tolerance_m"]
    loose = _loose_ends(scope, check["near_m"])
    reach = np.where(loose, check["near_m"], tolerance)
    points = scope.nodes["geom"].to_numpy()
    node, line = shapely.STRtree(scope.lines).query(points, predicate="dwithin", distance=reach)
    own = (scope.from_pos[line] == node) | (scope.to_pos[line] == node)
    same = scope.nodes["class_code"].to_numpy()[node] == scope.segments["class_code"].to_numpy()[line]
    node, line = node[same.astype(bool) & ~own], line[same.astype(bool) & ~own]
    along, inside = _along(scope, line, points[node], check["near_m"])
    level = _node_level(scope)[node]
    apart = np.abs(shapely.get_z(shapely.line_interpolate_point(scope.lines[line], along)) - level)
    kept = inside & ~(apart > check["level_m"])
    gap = shapely.distance(scope.lines[line], points[node])
    return _joint_findings(check, node[kept], line[kept], gap[kept])


def _joint_findings(check: Check, node: Positions, line: Positions, gap: Floats) -> list[Finding]:
    """Told of the point where the point is touched, else of the line."""
    scope = check.scope
    keys, line_keys = scope.node_keys[node], scope.segments["source_key"].to_numpy(object)[line]
    spots = scope.node_xy[node]
    says = Says(
        en="{class_en} point {point} lies {gap:.2f} m from line {line} of its class and is not joined to it",
        zh="{class_zh}管点 {point} 距同类管线 {line} 仅 {gap:.2f} m，但未与其连接",
        value="{gap:.2f} m",
        limit="{near_m:g} m",
    )
    touched = scope.nodes["touched"].to_numpy()[node]
    found = []
    for kind, at, which in (("node", node, touched), ("pipe_segment", line, ~touched)):
        details = [
            {"kind": "t-candidate", "point": p, "line": k} for p, k in zip(keys[which], line_keys[which], strict=True)
        ]
        found += check.report(
            kind,  # type: ignore[arg-type]
            at[which],
            says,
            place=spots[which],
            details=details,
            point=keys[which],
            line=line_keys[which],
            gap=gap[which],
        )
    return found


def _along(scope: Scope, line: Positions, points: np.ndarray, near: float) -> tuple[Floats, Bools]:
    """Distance of the foot of each point along its line, and whether that is away from both ends."""
    along = shapely.line_locate_point(scope.lines[line], points)
    return along, (along > near) & (along < shapely.length(scope.lines[line]) - near)


def _loose_ends(scope: Scope, near: float) -> Bools:
    """Nodes at the end of one line only, which is long enough for its end to be somewhere else."""
    long = shapely.length(scope.lines) > 2 * near
    ends = np.concatenate([scope.from_pos[long], scope.to_pos[long]])
    reached = np.bincount(ends[ends >= 0], minlength=len(scope.nodes)) == 1
    return np.asarray(reached & (scope.degree == 1))


def _node_level(scope: Scope) -> Floats:
    """Mean axis elevation of the lines at each node, NaN where unknown."""
    level = scope.ends[scope.ends["node"] >= 0].groupby("node")["axis_m"].mean()
    return level.reindex(range(len(scope.nodes))).to_numpy()


def _ends_near_points(check: Check) -> list[Finding]:
    scope = check.scope
    loose = np.flatnonzero(_loose_ends(scope, check["near_m"]) & np.isfinite(scope.node_xy).all(axis=1))
    level = _node_level(scope)
    pairs = cKDTree(scope.node_xy[loose].reshape(-1, 2)).query_pairs(check["near_m"], output_type="ndarray")
    one, other = loose[np.asarray(pairs, np.int64)].T
    classes = scope.nodes["class_code"].to_numpy()
    gap = np.hypot(*(scope.node_xy[one] - scope.node_xy[other]).T)
    kept = (classes[one] == classes[other]).astype(bool) & ~(np.abs(level[one] - level[other]) > check["level_m"])
    one, other, gap = one[kept], other[kept], gap[kept]
    touched = scope.nodes["touched"].to_numpy()[one]
    lead, second = np.where(touched, one, other), np.where(touched, other, one)
    says = Says(
        en="{class_en} lines end at {key} and at {other}, {gap:.2f} m apart, and are not joined",
        zh="{class_zh}管线分别止于 {key} 与 {other}，相距 {gap:.2f} m，未连接",
        value="{gap:.2f} m",
        limit="{near_m:g} m",
    )
    keys = scope.node_keys
    details = [{"kind": "dangling-end", "other": key} for key in keys[second]]
    return check.report("node", lead, says, details=details, other=keys[second], gap=gap)


def _crossings(check: Check) -> list[Finding]:
    scope = check.scope
    one, other, spot = _crossing_pairs(scope, check["near_m"])
    z_one, z_other = (_height_at(scope, line, spot) for line in (one, other))
    half = np.nan_to_num(scope.size_m[1]) / 2
    apart = np.abs(z_one - z_other)
    touching = apart <= half[one] + half[other] + check["tolerance_m"]
    touched = scope.segments["touched"].to_numpy()[one]
    lead, second = np.where(touched, one, other), np.where(touched, other, one)
    says = Says(
        en="{class_en} lines {key} and {other} cross without a joint{how_en}",
        zh="{class_zh}管线 {key} 与 {other} 交叉未打断{how_zh}",
        value="{apart:.2f} m",
    )
    found = []
    for which, how_en, how_zh, at_most in (
        (touching, ", and their walls meet", "，且管壁相接", None),
        (np.isnan(apart), "; their heights are not known", "，高程不明", Severity.INFO),
    ):
        at = np.flatnonzero(which)
        found += check.report(
            "pipe_segment",
            lead[at],
            says,
            at_most=at_most,
            place=shapely.get_coordinates(spot[at]),
            details=[{"kind": "crossing", "other": key} for key in scope.segments["source_key"].to_numpy()[second[at]]],
            other=scope.segments["source_key"].to_numpy()[second[at]],
            apart=apart[at],
            how_en=np.full(len(at), how_en, object),
            how_zh=np.full(len(at), how_zh, object),
        )
    return found


def _crossing_pairs(scope: Scope, near: float) -> tuple[Positions, Positions, np.ndarray]:
    """Live lines of one class that cross away from their ends, and where."""
    flat = shapely.force_2d(scope.lines)
    one, other = shapely.STRtree(flat).query(flat, predicate="intersects")
    classes = scope.segments["class_code"].to_numpy()
    shared = np.zeros(len(one), bool)
    for left in (scope.from_pos, scope.to_pos):
        for right in (scope.from_pos, scope.to_pos):
            shared |= left[one] == right[other]
    kept = (
        (one < other)
        & ~shared
        & (classes[one] == classes[other]).astype(bool)
        & (scope.active[one] & scope.active[other])
    )
    one, other = one[kept], other[kept]
    spot = shapely.point_on_surface(shapely.intersection(flat[one], flat[other]))
    inside = _along(scope, one, spot, near)[1] & _along(scope, other, spot, near)[1]
    return one[inside], other[inside], spot[inside]


def _height_at(scope: Scope, line: Positions, spot: np.ndarray) -> Floats:
    along = shapely.line_locate_point(scope.lines[line], spot)
    return np.asarray(shapely.get_z(shapely.line_interpolate_point(scope.lines[line], along)), dtype=np.float64)


@rule(
    "P01",
    Severity.WARNING,
    en="line ends on a point of another class",
    zh="管线与管点类别不符",
    source="pipemap: class mismatch at a join; GB 50014-2021: no foul water into storm sewers",
)
def class_mismatch(check: Check) -> list[Finding]:
    """Line ends on a point of another class; within one group only a note, but not foul on storm."""
    scope = check.scope
    ends = scope.ends[scope.ends["node"] >= 0]
    at_node = scope.nodes["class_code"].to_numpy()[ends["node"]]
    chosen = ends.assign(node_class=at_node)[ends["class_code"].to_numpy() != at_node]
    names = code_table("utility_class")
    group = {code: found.fields["group_code"] for code, found in names.items()}
    alike = chosen["class_code"].map(group) == chosen["node_class"].map(group)
    # Foul water in a storm sewer reaches the river: GB 50014-2021 forbids it.
    wrong = chosen[["class_code", "node_class"]].isin(["foul", "storm"]).all(axis=1)
    related = (alike & ~wrong).to_numpy()
    says = Says(
        en="{class_en} line {key} ends on {end}, a point of class {node_en}",
        zh="{class_zh}管线 {key} 连接到{node_zh}管点 {end}",
        value="{node_class}",
        limit="{class_code}",
        column="class_code",
    )
    return [
        finding
        for rows, at_most in ((chosen[~related], None), (chosen[related], Severity.INFO))
        for finding in _mismatches(check, rows, says, at_most)
    ]


def _mismatches(check: Check, rows: pd.DataFrame, says: Says, at_most: Severity | None) -> list[Finding]:
    names = code_table("utility_class")
    return check.report(
        "pipe_segment",
        rows["segment"].to_numpy(),
        says,
        at_most=at_most,
        place=rows[["x", "y"]].to_numpy(),
        end=check.scope.node_keys[rows["node"]],
        class_code=rows["class_code"],
        node_class=rows["node_class"],
        node_en=[names[code].name_en if code in names else code for code in rows["node_class"]],
        node_zh=[names[code].name_zh if code in names else code for code in rows["node_class"]],
    )
