"""Judges many pairs of pipes, compiled: which kind of nearness a pair has, and whether a rule is broken."""

import math
from typing import NamedTuple

import numba
import numpy as np

from pipemap.clearance.geometry3d import Bools, Floats, Point, along, crossing_of, minus, nearest_share, row_point
from pipemap.clearance.measuring import (
    ANGLE_DEG,
    CROSSES,
    FACTORS_IN_PLAN,
    FACTORS_IN_SPACE,
    IN_PLAN,
    IN_SPACE,
    MEASURES,
    PLAN_M,
    SLANT,
    SPACE_M,
    Shapes,
    box_gap_m,
    measure,
)
from pipemap.clearance.numbers import (
    ACROSS_DEG,
    LARGEST_UNKNOWN_HALF_M,
    LEAST_CROSSING_DEG,
    SAME_PLACE_M,
    TOLERANCE_M,
    Ints,
)

# What a pair was found to be; the numbers are places in `KINDS` of the core.
CLEAR, COLLISION, VERTICAL, HORIZONTAL, STACKED = 0, 1, 2, 3, 4
CONFLICT, CANNOT_TELL, SHARED_BANK = 1, 2, 3


class Facts(NamedTuple):
    """What compiled code knows of each pipe beside its shape, and of the rules between parties (-inf: none).

    `nodes` number the nodes from 0; the pipes at node i are `node_pipes[node_first[i]:node_first[i + 1]]`.
    """

    feature_id: Ints
    container_id: Ints
    class_index: Ints
    party: Ints
    nodes: Ints
    node_first: Ints
    node_pipes: Ints
    no_width: Bools
    no_height: Bools
    in_bank: Bools
    is_cable: Bools
    horizontal_m: Floats
    vertical_m: Floats


class Judged(NamedTuple):
    """What is kept of k pairs, in their order: conflicts, pairs nobody can judge, and pairs that share a bank."""

    left: Ints
    right: Ints
    kind: Ints
    state: Ints
    measured_m: Floats
    slant_deg: Floats
    near: Floats


@numba.njit(cache=True, nogil=True)
def judge(shapes: Shapes, facts: Facts, left: Ints, right: Ints) -> Judged:  # pragma: no cover
    """Judge the pairs (left[i], right[i]); pairs that are clear or belong together are left out.

    `slant_deg` is the angle at a plan crossing, NaN elsewhere; a pair that is kept for its slant alone is clear.
    """
    n = len(left)
    kept, kind, state = np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n, np.int64)
    measured_m, slant_deg, near = np.empty(n), np.empty(n), np.empty((n, 6))
    found, count = np.empty(MEASURES), 0
    for row in range(n):
        one, other = left[row], right[row]
        if belong_together(facts, one, other):
            continue
        measure(shapes, one, other, found)
        kind[count], state[count], measured_m[count], place = _verdict(shapes, facts, one, other, found)
        if state[count] == 0 and not (found[SLANT] < LEAST_CROSSING_DEG and _may_touch(facts, one, other)):
            continue
        kept[count], slant_deg[count] = row, found[SLANT]
        for axis in range(6):
            near[count, axis] = found[place + axis]
        count += 1
    at = kept[:count]
    return Judged(
        left[at], right[at], kind[:count].copy(), state[:count].copy(),
        measured_m[:count].copy(), slant_deg[:count].copy(), near[:count].copy(),
    )  # fmt: skip


@numba.njit(cache=True, nogil=True)
def first_worse(shapes: Shapes, facts: Facts, one: int, allowed_m: Floats, first: int) -> int:  # pragma: no cover
    """The first pipe that another is nearer to than it may be, beginning with `first`; -1 when there is none.

    `allowed_m` is by how much each may fall short of its limit: NaN where nobody need tell but a conflict is too much,
    infinitely little where it is to be clear.
    """
    found = np.empty(MEASURES)
    for number in range(-1, len(allowed_m)):
        other = first if number < 0 else number
        if belong_together(facts, one, other):
            continue
        measure(shapes, one, other, found)
        kind, state, measured_m, _ = _verdict(shapes, facts, one, other, found)
        if state == CANNOT_TELL and allowed_m[other] == -math.inf:
            return other
        if state == CONFLICT and not limit_of(facts, one, other, kind) - measured_m <= allowed_m[other]:
            return other
    return -1


@numba.njit(cache=True, nogil=True)
def limit_of(facts: Facts, one: int, other: int, kind: int) -> float:  # pragma: no cover
    """What must be between two pipes that are near in one kind of way, in metres."""
    if kind == COLLISION:
        return 0.0
    table = facts.vertical_m if kind == VERTICAL else facts.horizontal_m
    limit_m: float = table[facts.party[one], facts.party[other]]
    return limit_m


@numba.njit(cache=True, nogil=True)
def measure_many(shapes: Shapes, left: Ints, right: Ints) -> tuple[Floats, Floats, Floats]:  # pragma: no cover
    """Wall distances in space and in plan and the nearest places (k, 6), as `Distances` has them."""
    found = np.empty(MEASURES)
    space_m, plan_m, near = np.empty(len(left)), np.empty(len(left)), np.empty((len(left), 6))
    for row in range(len(left)):
        measure(shapes, left[row], right[row], found)
        space_m[row], plan_m[row] = found[SPACE_M], found[PLAN_M]
        place = IN_PLAN if math.isnan(found[SPACE_M]) else IN_SPACE
        for axis in range(6):
            near[row, axis] = found[place + axis]
    return space_m, plan_m, near


@numba.njit(cache=True, nogil=True)
def belong_together(facts: Facts, one: int, other: int) -> bool:  # pragma: no cover
    """Joined at a node, one pipe apart in the same utility, one inside the other, or both in one container."""
    if one == other:
        return True
    for a in range(2):
        for b in range(2):
            if facts.nodes[one, a] == facts.nodes[other, b]:
                return True
    if facts.container_id[one] >= 0 and facts.container_id[one] in (
        facts.feature_id[other],
        facts.container_id[other],
    ):
        return True
    if facts.container_id[other] >= 0 and facts.container_id[other] == facts.feature_id[one]:
        return True
    return facts.class_index[one] == facts.class_index[other] and _one_pipe_apart(facts, one, other)


@numba.njit(cache=True, nogil=True)
def _one_pipe_apart(facts: Facts, one: int, other: int) -> bool:  # pragma: no cover
    """Whether some pipe leads from an end of one to an end of the other."""
    for a in range(2):
        node = facts.nodes[one, a]
        for at in range(facts.node_first[node], facts.node_first[node + 1]):
            link = facts.node_pipes[at]
            far = facts.nodes[link, 0] + facts.nodes[link, 1] - node
            if far == facts.nodes[other, 0] or far == facts.nodes[other, 1]:
                return True
    return False


@numba.njit(cache=True, nogil=True)
def _verdict(
    shapes: Shapes, facts: Facts, one: int, other: int, found: Floats
) -> tuple[int, int, float, int]:  # pragma: no cover
    """Kind, state, measure, and where the place stands in `found`."""
    crosses, across = found[CROSSES] > 0, found[ANGLE_DEG] > ACROSS_DEG
    over = crosses or (across and found[PLAN_M] < 0)
    horizontal_m = facts.horizontal_m[facts.party[one], facts.party[other]]
    in_plan = math.isnan(found[SPACE_M]) or over
    alike = facts.class_index[one] == facts.class_index[other]
    if over and alike and not found[SPACE_M] >= -TOLERANCE_M and _ends_on(shapes, one, other):
        return COLLISION, 0, found[SPACE_M], IN_PLAN
    if found[SPACE_M] < -TOLERANCE_M:
        # Ducts of one utility side by side in one trench: drawn apart or not, no rule keeps them apart.
        state = 0 if horizontal_m < 0 and alike and not across else CONFLICT
        if state and _share_a_bank(shapes, facts, one, other):
            state = SHARED_BANK
        return COLLISION, state, found[SPACE_M], IN_PLAN if in_plan else IN_SPACE
    if over:
        return _over(shapes, facts, one, other, found)
    return _beside(shapes, facts, one, other, found, across)


@numba.njit(cache=True, nogil=True)
def _over(
    shapes: Shapes, facts: Facts, one: int, other: int, found: Floats
) -> tuple[int, int, float, int]:  # pragma: no cover
    """One pipe runs over the other: between the bottom of the upper and the top of the lower."""
    in_plan = found[CROSSES] > 0 or math.isnan(found[SPACE_M])
    place, factors = (IN_PLAN, FACTORS_IN_PLAN) if in_plan else (IN_SPACE, FACTORS_IN_SPACE)
    gap_m = abs(found[place + 2] - found[place + 5])
    gap_m -= shapes.half_height_m[one] * found[factors] + shapes.half_height_m[other] * found[factors + 1]
    if math.isnan(gap_m):
        # Not even whether they collide.
        return VERTICAL, CANNOT_TELL, gap_m, place
    limit_m = facts.vertical_m[facts.party[one], facts.party[other]]
    n_unknown = int(facts.no_height[one]) + int(facts.no_height[other])
    return VERTICAL, _compared(gap_m, limit_m, n_unknown), gap_m, place


@numba.njit(cache=True, nogil=True)
def _beside(
    shapes: Shapes, facts: Facts, one: int, other: int, found: Floats, across: bool
) -> tuple[int, int, float, int]:  # pragma: no cover
    """The pipes run past one another; walls that overlap in plan are stacked."""
    limit_m = facts.horizontal_m[facts.party[one], facts.party[other]]
    n_unknown = int(facts.no_width[one]) + int(facts.no_width[other])
    beside_m = max(0.0, found[PLAN_M])
    state = _compared(beside_m, limit_m, n_unknown)
    if state and across and _crosses_next_door(shapes, facts, one, other):
        state = 0
    stacked = state == CONFLICT and found[PLAN_M] < -TOLERANCE_M
    return STACKED if stacked else HORIZONTAL, state, beside_m, IN_PLAN


@numba.njit(cache=True, nogil=True)
def _compared(upper_m: float, limit_m: float, n_unknown: int) -> int:  # pragma: no cover
    """A conflict for certain, or one that an unknown size could still make."""
    if upper_m < limit_m - TOLERANCE_M:
        return CONFLICT
    lower_m = upper_m - n_unknown * LARGEST_UNKNOWN_HALF_M
    return CANNOT_TELL if n_unknown and lower_m < limit_m - TOLERANCE_M else 0


@numba.njit(cache=True, nogil=True)
def _crosses_next_door(shapes: Shapes, facts: Facts, one: int, other: int) -> bool:  # pragma: no cover
    """Near only because the next pipe of one run crosses the other run: judged there, vertically."""
    for a in range(2):
        node = facts.nodes[one, a]
        for i in range(facts.node_first[node], facts.node_first[node + 1]):
            for b in range(2):
                end = facts.nodes[other, b]
                for j in range(facts.node_first[end], facts.node_first[end + 1]):
                    if _axes_cross(shapes, facts.node_pipes[i], facts.node_pipes[j]):
                        return True
    return False


@numba.njit(cache=True, nogil=True)
def _axes_cross(shapes: Shapes, one: int, other: int) -> bool:  # pragma: no cover
    for a in range(shapes.first_piece[one], shapes.first_piece[one + 1]):
        for b in range(shapes.first_piece[other], shapes.first_piece[other + 1]):
            if box_gap_m(shapes.start, shapes.end, a, b) > TOLERANCE_M:
                continue
            p, q = row_point(shapes.start, a), row_point(shapes.start, b)
            u, v = minus(row_point(shapes.end, a), p), minus(row_point(shapes.end, b), q)
            if crossing_of(p, u, q, v, TOLERANCE_M)[0]:
                return True
    return False


@numba.njit(cache=True, nogil=True)
def _ends_on(shapes: Shapes, one: int, other: int) -> bool:  # pragma: no cover
    """Whether one ends on the axis of the other in plan: joined there, as house connections are, but without a node."""
    return _end_beside(shapes, one, other) < SAME_PLACE_M or _end_beside(shapes, other, one) < SAME_PLACE_M


@numba.njit(cache=True, nogil=True)
def _end_beside(shapes: Shapes, one: int, other: int) -> float:  # pragma: no cover
    """How near to the axis of another pipe one of the ends of a pipe is in plan."""
    least = math.inf
    for end in _ends_in_plan(shapes, one):
        for piece in range(shapes.first_piece[other], shapes.first_piece[other + 1]):
            start = (shapes.start[piece, 0], shapes.start[piece, 1], 0.0)
            way = (shapes.end[piece, 0] - start[0], shapes.end[piece, 1] - start[1], 0.0)
            off = minus(end, along(start, way, nearest_share(end, start, way)))
            least = min(least, math.hypot(off[0], off[1]))
    return least


@numba.njit(cache=True, nogil=True)
def _ends_in_plan(shapes: Shapes, pipe: int) -> tuple[Point, Point]:  # pragma: no cover
    start, end = shapes.start[shapes.first_piece[pipe]], shapes.end[shapes.first_piece[pipe + 1] - 1]
    return (start[0], start[1], 0.0), (end[0], end[1], 0.0)


@numba.njit(cache=True, nogil=True)
def _share_a_bank(shapes: Shapes, facts: Facts, one: int, other: int) -> bool:  # pragma: no cover
    """Lines of several owners in one trench or duct bank, or that end in one well of it.

    Each owner's line is surveyed with the section of the whole bank, so the bodies coincide. A cable in a pipe of its
    own leaves a bank in its well.
    """
    banks = int(facts.in_bank[one]) + int(facts.in_bank[other])
    if banks == 0 or (banks == 1 and not (facts.is_cable[one] and facts.is_cable[other])):
        return False
    wide_m = shapes.half_width_m[one] + shapes.half_width_m[other] if banks == 2 else SAME_PLACE_M
    is_one_section = (
        shapes.half_width_m[one] == shapes.half_width_m[other]
        and shapes.half_height_m[one] == shapes.half_height_m[other]
    )
    if banks == 2 and is_one_section:
        return True
    for a in _ends_in_plan(shapes, one):
        for b in _ends_in_plan(shapes, other):
            if math.hypot(a[0] - b[0], a[1] - b[1]) < wide_m:
                return True
    return False


@numba.njit(cache=True, nogil=True)
def _may_touch(facts: Facts, one: int, other: int) -> bool:  # pragma: no cover
    """Whether a slanting crossing is worth a word: not of cables and pipes of one utility in one trench."""
    return bool(facts.class_index[one] != facts.class_index[other])
