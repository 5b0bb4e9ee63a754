"""Rules about joints that should be there and are not, and joints that should not be there."""

import numpy as np
import shapely

from pipemap.checks.breaches import Breaches
from pipemap.checks.check import Check, Positions, Says, Told
from pipemap.checks.columns import Bools, Floats, Objects
from pipemap.checks.near import Pieces, near_pairs, pairs_among
from pipemap.checks.registry import rule
from pipemap.checks.rules.duplicates import touched_first
from pipemap.checks.rules.meetings import class_groups
from pipemap.checks.scope import Kind, Scope
from schemas.codetables import code_table
from schemas.findings import Severity

# So many connections that end on mains without a point are a way of drawing and no slips.
_A_LAYER = 20


@rule(
    "R26",
    Severity.WARNING,
    en="lines that touch without a joint, or end just short of one",
    zh="管线交叉未打断/悬挂",
    source="survey practice, rule R26",
    source_zh="普查检查规则 R26",
    tolerance_m=0.05,
    near_m=0.5,
    level_m=0.3,
    same_m=0.01,
)
def missing_joint(check: Check) -> Told:
    """T-candidates, dangling ends and crossings: places where two lines of one class should perhaps be joined.

    ::

        T-candidate   a ──────┬────── b      dangling end   ──────── e  f ────      crossing   ──┼──
                              n (not on a-b's ends)                 (0.3 m apart)                │
    """
    return [*_points_on_lines(check), _ends_near_points(check), *_crossings(check)]


def _points_on_lines(check: Check) -> Told:
    scope = check.scope
    is_loose = _loose_ends(scope, check["near_m"])
    reach = np.where(is_loose, check["near_m"], check["tolerance_m"])
    node_group, line_group = class_groups(scope)
    points = Pieces.of_points(scope.node_xy, np.arange(len(scope.nodes)), reach, node_group)
    lines = Pieces.of_axes(scope.axes, np.arange(len(scope.segments)), 0.0, line_group)
    node, line, _ = near_pairs(points, lines)
    own = (scope.from_pos[line] == node) | (scope.to_pos[line] == node)
    # A bend in a line is near twice.
    node, line = np.unique(np.stack([node[~own], line[~own]]), axis=1)
    shapes, points_at = scope.axes.lines(line), shapely.points(scope.node_xy[node])
    along, inside = _along(shapes, points_at, check["near_m"])
    apart = np.abs(shapely.get_z(shapely.line_interpolate_point(shapes, along)) - _node_level(scope)[node])
    kept = inside & ~(apart > check["level_m"])
    gap = shapely.distance(shapes[kept], points_at[kept])
    return [
        *_joint_findings(check, node[kept], line[kept], gap),
        *_layers_drawn_onto_lines(check, is_loose, node[kept]),
    ]


def _layers_drawn_onto_lines(check: Check, is_loose: Bools, on_lines: Positions) -> Told:
    """One note a class of what very many ends on lines mean, beside the finding of each."""
    classes, told = check.scope.nodes.words("class_code"), check.scope.told["node"] & is_loose
    met = np.zeros(len(told), np.bool_)
    met[on_lines] = True
    says = Says(
        en="{class_en}: {count} of {total} loose line ends lie on another line of the class, away from its points; so "
        "many mean that connections were drawn onto mains without a point where they join, and no trace goes through. "
        "Have the mains split there",
        zh="{class_zh}：{total} 个悬挂端点中有 {count} 个落在同类管线中段；数量之多说明支管（接户管）直接画在干管上，"
        "连接处未设管点，追踪在此中断。请在连接处打断干管并设管点",
        value="{count}",
    )
    return [
        check.note(
            says,
            {},
            class_code=class_code,
            counts={"count": int((told & met & of_class).sum()), "total": int((told & of_class).sum())},
            at_most=Severity.INFO,
            at_least=_A_LAYER,
        )
        for class_code, of_class in ((word, classes.codes == at) for at, word in enumerate(classes.known_words))
    ]


def _joint_findings(check: Check, node: Positions, line: Positions, gap: Floats) -> Told:
    """Told of the point where the point is touched, else of the line."""
    scope = check.scope
    keys, line_keys = scope.node_keys(node), scope.segment_keys(line)
    says = Says(
        en="{class_en} point {point} lies {gap:.2f} m from line {line} of its class and is not joined to it",
        zh="{class_zh}管点 {point} 距同类管线 {line} 仅 {gap:.2f} m，但未与其连接",
        value="{gap:.2f} m",
        limit="{near_m:g} m",
    )
    touched = scope.nodes.values("touched")[node]
    told_of: tuple[tuple[Kind, Positions, Bools], ...] = (("node", node, touched), ("pipe_segment", line, ~touched))
    return [
        check.report(
            kind,
            at[which],
            says,
            place=scope.node_xy[node[which]],
            details={"kind": "t-candidate", "point": keys[which], "line": line_keys[which]},
            point=keys[which],
            line=line_keys[which],
            gap=gap[which],
        )
        for kind, at, which in told_of
    ]


def _along(lines: Objects, points: Objects, near_m: float) -> tuple[Floats, Bools]:
    """Distance of the foot of each point along its line, and whether that is away from both ends."""
    along = shapely.line_locate_point(lines, points)
    return along, (along > near_m) & (along < shapely.length(lines) - near_m)


def _loose_ends(scope: Scope, near_m: float) -> Bools:
    """Nodes at the end of one line only, which is long enough for its end to be somewhere else."""
    flat = scope.axes.xyz[:, :2]
    pieces = scope.axes.pieces
    pieces_m = np.hypot(*(flat[pieces + 1] - flat[pieces]).T)
    long = np.bincount(scope.axes.owner[pieces], pieces_m, minlength=len(scope.axes)) > 2 * near_m
    ends = np.concatenate([scope.from_pos[long], scope.to_pos[long]])
    reached = np.bincount(ends[ends >= 0], minlength=len(scope.nodes)) == 1
    return np.asarray(reached & (scope.degree == 1))


def _node_level(scope: Scope) -> Floats:
    """Mean axis elevation of the lines at each node, NaN where unknown."""
    known = np.flatnonzero((scope.ends.node >= 0) & np.isfinite(scope.ends.axis_m))
    node, count = scope.ends.node[known], len(scope.nodes)
    number = np.bincount(node, minlength=count)
    total = np.bincount(node, scope.ends.axis_m[known], minlength=count)
    return np.asarray(np.divide(total, number, out=np.full(count, np.nan), where=number > 0))


def _ends_near_points(check: Check) -> Breaches:
    scope = check.scope
    loose, level = np.flatnonzero(_loose_ends(scope, check["near_m"])), _node_level(scope)
    ends = Pieces.of_points(scope.node_xy, loose, check["near_m"] / 2, scope.nodes.words("class_code").codes[loose])
    one, other, gap = pairs_among(ends)
    # Points in one and the same place are told of by R09 and P13.
    kept = ~(np.abs(level[one] - level[other]) > check["level_m"]) & (gap > check["same_m"])
    lead, second = touched_first(scope.nodes.values("touched"), one[kept], other[kept])
    says = Says(
        en="{class_en} lines end at {key} and at {other}, {gap:.2f} m apart, and are not joined",
        zh="{class_zh}管线分别止于 {key} 与 {other}，相距 {gap:.2f} m，未连接",
        value="{gap:.2f} m",
        limit="{near_m:g} m",
    )
    keys = scope.node_keys(second)
    details = {"kind": "dangling-end", "other": keys}
    return check.report("node", lead, says, details=details, other=keys, gap=gap[kept])


def _crossings(check: Check) -> Told:
    scope = check.scope
    one, other, spot = _crossing_pairs(scope, check["near_m"])
    apart = np.abs(_height_at(scope, one, spot) - _height_at(scope, other, spot))
    half = np.nan_to_num(scope.height_m) / 2
    touching = apart <= half[one] + half[other] + check["tolerance_m"]
    lead, second = touched_first(scope.segments.values("touched"), one, other)
    says = Says(
        en="{class_en} lines {key} and {other} cross without a joint{how_en}",
        zh="{class_zh}管线 {key} 与 {other} 交叉未打断{how_zh}",
        value="{apart:.2f} m",
    )
    keys, place = scope.segment_keys(second), shapely.get_coordinates(spot)
    return [
        check.report(
            "pipe_segment",
            lead[which],
            says,
            at_most=at_most,
            place=place[which],
            details={"kind": "crossing", "other": keys[which]},
            other=keys[which],
            apart=apart[which],
            how_en=how_en,
            how_zh=how_zh,
        )
        for which, how_en, how_zh, at_most in (
            (touching, ", and their walls meet", "，且管壁相接", None),
            (np.isnan(apart), "; their heights are not known", "，高程不明", Severity.INFO),
        )
    ]


def _crossing_pairs(scope: Scope, near_m: float) -> tuple[Positions, Positions, Objects]:
    """Live lines of one class that cross away from their ends, and where."""
    live = np.flatnonzero(scope.active)
    pieces = Pieces.of_axes(scope.axes, live, 0.0, scope.segments.words("class_code").codes[live])
    one, other, _ = pairs_among(pieces)
    shared = np.zeros(len(one), np.bool_)
    for left in (scope.from_pos, scope.to_pos):
        for right in (scope.from_pos, scope.to_pos):
            shared |= left[one] == right[other]
    one, other = np.unique(np.stack([one[~shared], other[~shared]]), axis=1)
    lines, others = scope.axes.lines(one), scope.axes.lines(other)
    spot = shapely.point_on_surface(shapely.intersection(shapely.force_2d(lines), shapely.force_2d(others)))
    met = ~shapely.is_empty(spot)
    inside = met & _along(lines, spot, near_m)[1] & _along(others, spot, near_m)[1]
    return one[inside], other[inside], spot[inside]


def _height_at(scope: Scope, line: Positions, spot: Objects) -> Floats:
    lines = scope.axes.lines(line)
    along = shapely.line_locate_point(lines, spot)
    return np.asarray(shapely.get_z(shapely.line_interpolate_point(lines, along)), dtype=np.float64)


@rule(
    "P01",
    Severity.WARNING,
    en="line ends on a point of another class",
    zh="管线与管点类别不符",
    source="pipemap: class mismatch at a join; GB 50014-2021: no foul water into storm sewers",
    source_zh="本系统：连接处管类不符；GB 50014-2021：污水不得接入雨水管",
)
def class_mismatch(check: Check) -> Told:
    """Line ends on a point of another class; within one group only a note, but not foul on storm."""
    scope, ends = check.scope, check.scope.ends
    of_node, of_line = class_groups(scope)
    at = np.flatnonzero((ends.node >= 0) & (np.append(of_node, -1)[ends.node] != of_line[ends.segment]))
    line_class = scope.segments.words("class_code")[ends.segment[at]].texts()
    node_class = scope.nodes.words("class_code")[ends.node[at]].texts()
    group = {code: found.fields["group_code"] for code, found in code_table("utility_class").items()}
    # Foul water in a storm sewer reaches the river: GB 50014-2021 forbids it.
    related = np.array(
        [
            group.get(line) == group.get(node) and {line, node} != {"foul", "storm"}
            for line, node in zip(line_class, node_class, strict=True)
        ],
        np.bool_,
    )
    return [
        _mismatches(check, at[which], line_class[which], node_class[which], at_most)
        for which, at_most in ((~related, None), (related, Severity.INFO))
    ]


def _mismatches(
    check: Check, at: Positions, line_class: Objects, node_class: Objects, at_most: Severity | None
) -> Breaches:
    ends, names = check.scope.ends, code_table("utility_class")
    says = Says(
        en="{class_en} line {key} ends on {end}, a point of class {node_en}",
        zh="{class_zh}管线 {key} 连接到{node_zh}管点 {end}",
        value="{node_class}",
        limit="{line_class}",
        column="class_code",
    )
    return check.report(
        "pipe_segment",
        ends.segment[at],
        says,
        at_most=at_most,
        place=ends.xyz[at, :2],
        end=ends.keys(at),
        line_class=line_class,
        node_class=node_class,
        node_en=[names[code].name_en if code in names else code for code in node_class],
        node_zh=[names[code].name_zh if code in names else code for code in node_class],
    )
