"""Rules about what is in the map twice: points in one place, lines between the same two places."""

import numpy as np
import shapely

from pipemap.checks.check import Check, Positions, Says, Told
from pipemap.checks.columns import Bools, Floats
from pipemap.checks.links import connected
from pipemap.checks.near import Pieces, pairs_among
from pipemap.checks.registry import rule
from pipemap.checks.scope import Scope
from schemas.findings import Severity

# A link of a model has a number of its own, so that two of one course are two pipes.
_MODELS = ("epanet", "swmm")


@rule(
    "R09",
    Severity.WARNING,
    en="same place under different numbers",
    zh="坐标重复",
    source="survey practice, rule R09",
    source_zh="普查检查规则 R09",
    tolerance_m=0.01,
)
def repeated_place(check: Check) -> Told:
    """Points in the same place and at the same ground elevation; of another class only a note."""
    scope, nodes = check.scope, check.scope.nodes
    ground = np.nan_to_num(nodes.values("ground_elevation_m"))
    one, other = close_nodes(scope, check["tolerance_m"])
    level = np.abs(ground[one] - ground[other]) <= check["tolerance_m"]
    at, first = _all_but_first(len(nodes), one[level], other[level])
    lead, other = touched_first(nodes.values("touched"), at, first)
    codes = nodes.words("class_code").codes
    same_class = codes[lead] == codes[other]
    says = Says(
        en="{key} stands in the same place as {other}",
        zh="{key} 与 {other} 坐标重复",
        value="{other}",
        limit="{tolerance_m:g} m",
        column="geom",
    )
    return [
        check.report("node", lead[which], says, at_most=at_most, other=scope.node_keys(other[which]))
        for which, at_most in ((same_class, None), (~same_class, Severity.INFO))
    ]


def close_nodes(scope: Scope, tolerance_m: float) -> tuple[Positions, Positions]:
    """Pairs of nodes within a tolerance of one another in plan, the earlier one first."""
    pieces = Pieces.of_points(scope.node_xy, np.arange(len(scope.nodes)), tolerance_m / 2)
    one, other, _ = pairs_among(pieces)
    return one, other


def _all_but_first(count: int, one: Positions, other: Positions) -> tuple[Positions, Positions]:
    """Members of each group that pairs make, but the first one, and that first one."""
    group = connected(count, one, other)
    members = np.unique(np.concatenate([one, other]))
    first = np.full(count, count, np.int64)
    np.minimum.at(first, group[members], members)
    at = members[first[group[members]] != members]
    return at, first[group[at]]


def touched_first(touched: Bools, one: Positions, other: Positions) -> tuple[Positions, Positions]:
    """Each pair with the one that is touched in front, so that it is told of."""
    return np.where(touched[one], one, other), np.where(touched[one], other, one)


@rule(
    "R14",
    Severity.ERROR,
    en="line recorded twice, also in reverse",
    zh="管线重复",
    source="survey practice, rule R14",
    source_zh="普查检查规则 R14",
    tolerance_m=0.05,
)
def duplicate(check: Check) -> Told:
    """Lines of one class between the same two places, in any dataset and direction.

    With the same axis it is an error; at another depth or with another section (two pipes between the
    same wells), or told apart by their source (parallel pumps and pipes of a model), a warning. Supply and
    return of heat lie in one trench, so that the second of two lines is only a note.
    """
    scope = check.scope
    at, first = _same_places(scope, check["tolerance_m"])
    lead, other = touched_first(scope.segments.values("touched"), at, first)
    exact = _same_axis(scope, lead, other, check["tolerance_m"])
    pair = _heat_pairs(scope, first)
    apart = exact & (_told_apart(scope, lead, other) | pair)
    same = exact & ~apart
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
    reverse = _runs_backwards(scope, lead[same], other[same])
    keys = scope.segment_keys(other)
    return [
        check.report(
            "pipe_segment",
            lead[same],
            twice,
            other=keys[same],
            reverse_en=np.where(reverse, ", the other way round", ""),
            reverse_zh=np.where(reverse, "反向", ""),
        ),
        *(
            check.report("pipe_segment", lead[which], says, at_most=at_most, other=keys[which])
            for chosen, says in ((apart, parallel), (~exact, beside))
            for which, at_most in ((chosen & ~pair, Severity.WARNING), (chosen & pair, Severity.INFO))
        ),
    ]


def _heat_pairs(scope: Scope, first: Positions) -> Bools:
    """Whether a duplicate is the second and last of two heat lines: supply and return."""
    heat = scope.segments.words("class_code").is_in(["heat"])
    return np.asarray(heat[first] & (np.bincount(first, minlength=len(heat))[first] == 1))


def _same_places(scope: Scope, tolerance_m: float) -> tuple[Positions, Positions]:
    """Lines that share class and both end places with an earlier line, and that earlier line."""
    place = connected(len(scope.nodes), *close_nodes(scope, tolerance_m))
    # Lines whose points are missing share a place with nothing.
    known = np.flatnonzero((scope.from_pos >= 0) & (scope.to_pos >= 0))
    start, end = place[scope.from_pos[known]], place[scope.to_pos[known]]
    low, high = np.minimum(start, end), np.maximum(start, end)
    codes = scope.segments.words("class_code").codes[known]
    order = np.lexsort((known, codes, high, low))
    low, high, codes, row = low[order], high[order], codes[order], known[order]
    new = np.append(True, (np.diff(low) != 0) | (np.diff(high) != 0) | (np.diff(codes) != 0))[: len(row)]
    first = row[np.maximum.accumulate(np.where(new, np.arange(len(row)), 0))]
    repeated = ~new & (low != high)
    return row[repeated], first[repeated]


def _told_apart(scope: Scope, one: Positions, other: Positions) -> Bools:
    """Whether one dataset numbers two lines as parallel, is a model, or leads them to two devices in one place."""
    dataset, modelled = scope.segments.values("dataset_id"), scope.segments.words("importer").is_in(_MODELS)
    keys = zip(scope.segment_keys(one), scope.segment_keys(other), strict=True)
    numbered = np.array([_without_number(mine) == _without_number(theirs) for mine, theirs in keys], np.bool_)
    return np.asarray((dataset[one] == dataset[other]) & (numbered | modelled[one] | _at_devices(scope, one, other)))


def _without_number(key: str | None) -> str:
    """A key without the mark that parallel lines of a source are told apart by: `a->b#2`."""
    stem, mark, number = str(key).rpartition("#")
    return stem if mark and number.isdigit() else str(key)


def _at_devices(scope: Scope, one: Positions, other: Positions) -> Bools:
    """Whether the ends that two lines do not share, at least one, are valves, pumps or other devices."""
    is_device = np.append(scope.nodes.words("appurtenance_code").is_known(), False)
    mine, theirs = (np.stack([scope.from_pos[at], scope.to_pos[at]]) for at in (one, other))
    devices = [
        (is_device[own] | (own == far) | (own == far[::-1])).all(axis=0)
        for own, far in ((mine, theirs), (theirs, mine))
    ]
    different = (np.sort(mine, axis=0) != np.sort(theirs, axis=0)).any(axis=0)
    return np.asarray(devices[0] & devices[1] & different)


def _same_axis(scope: Scope, one: Positions, other: Positions, tolerance_m: float) -> Bools:
    """Whether two lines have the same course, heights and section; unknowns are alike."""
    axes = scope.axes
    near = shapely.hausdorff_distance(axes.lines(one), axes.lines(other)) <= 2 * tolerance_m
    backwards = _runs_backwards(scope, one, other)
    start_m, end_m = axes.start[:, 2], axes.end[:, 2]
    level = _alike(start_m[one], np.where(backwards, end_m[other], start_m[other]), tolerance_m)
    level &= _alike(end_m[one], np.where(backwards, start_m[other], end_m[other]), tolerance_m)
    wide = _alike(scope.width_m[one], scope.width_m[other], 1e-3)
    return np.asarray(near & level & wide & _alike(scope.height_m[one], scope.height_m[other], 1e-3))


def _alike(one: Floats, other: Floats, tolerance: float) -> Bools:
    return np.asarray((np.abs(one - other) <= tolerance) | np.isnan(one) | np.isnan(other))


def _runs_backwards(scope: Scope, one: Positions, other: Positions) -> Bools:
    start, end = scope.axes.start[:, :2], scope.axes.end[:, :2]
    same = np.hypot(*(start[one] - start[other]).T) + np.hypot(*(end[one] - end[other]).T)
    crossed = np.hypot(*(start[one] - end[other]).T) + np.hypot(*(end[one] - start[other]).T)
    return np.asarray(crossed < same)
