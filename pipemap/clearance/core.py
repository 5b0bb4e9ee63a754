"""Judges many pairs of pipes at once: how far apart their outer walls are, and whether a rule is broken.

Geometry. A round pipe is its axis with a radius, so its distances are exact. A box is its axis with half
its width to the sides and half its height up and down, exact for runs that are near horizontal.
Pairs whose axes cross in plan are judged by the vertical rule alone, all others by the horizontal one;
bodies that touch are collisions and nothing else. Walls that overlap in plan without a crossing count as
a crossing when the pipes run across one another (a branch that ends above a main).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pipemap.clearance.geometry3d import Bools, Floats, piece_distance, plan_angle_deg, plan_crossings, point_at
from pipemap.clearance.rules import Direction, Limit, Party, strictest
from schemas.clearance import ConflictKind

Ints: TypeAlias = NDArray[np.int64]

# Survey values are written to the centimetre and coordinates to the millimetre.
TOLERANCE_M = 0.0005
# A pipe of unknown size is taken to reach at most this far from its axis when neighbours are ruled out.
LARGEST_UNKNOWN_HALF_M = 1.0
# Above this angle pipes run across one another rather than along.
ACROSS_DEG = 30.0
# An upright pipe has no vertical half height; steeper than 45 degrees is judged as at 45.
_STEEPEST = np.sqrt(2.0)


@dataclass(frozen=True)
class Pipes:
    """Axes and sections of n pipes with m axis pieces; NaN is not known, -1 no identity.

    Pieces of pipe i are `first_piece[i]` up to `first_piece[i + 1]`; `start` and `end` are (m, 3) in metres.
    """

    feature_id: Ints
    class_index: Ints
    nodes: Ints
    container_id: Ints
    is_round: Bools
    half_width_m: Floats
    half_height_m: Floats
    party_index: Ints
    parties: Sequence[Party]
    first_piece: Ints
    start: Floats
    end: Floats


@dataclass(frozen=True)
class Verdicts:
    """What was found for k pairs: conflicts, and pairs nobody can judge; all other pairs are clear.

    `bounded` marks a measure that is an upper bound because a size is not known. `near_left` and
    `near_right` (k, 3) are the places on the axes that were compared.
    """

    left: Ints
    right: Ints
    kind: Sequence[ConflictKind]
    is_conflict: Bools
    measured_m: Floats
    bounded: Bools
    limit: Sequence[Limit | None]
    near_left: Floats
    near_right: Floats


@dataclass(frozen=True)
class Distances:
    """How far apart k pairs of pipes are, in metres; sizes that are not known count as nothing.

    `space_m` is between outer walls in 3D, negative where the bodies intersect, NaN without elevations;
    `plan_m` between outer walls in plan, negative where one lies over the other. `near_left` and `near_right`
    (k, 3) are the places on the axes that are nearest, in 3D where both elevations are known, else in plan.
    """

    space_m: Floats
    plan_m: Floats
    near_left: Floats
    near_right: Floats


def distances_between(pipes: Pipes, left: Ints, right: Ints) -> Distances:
    """How far apart the pairs (left[i], right[i]) are; which belong together does not matter here."""
    measures = _measure(pipes, left, right)
    near = _known_or(measures.in_space, measures.in_plan)
    plan_m = measures.axis_plan_m - _sum_known(pipes.half_width_m, left, right)
    return Distances(_surface_distance(pipes, left, right, measures), plan_m, near.left, near.right)


class _Places(NamedTuple):
    """One place per pair where two axes are compared: the points, and the pieces they are on."""

    left: Floats
    right: Floats
    left_piece: Ints
    right_piece: Ints


class _Measures(NamedTuple):
    crosses: Bools
    across: Bools
    axis_plan_m: Floats
    in_plan: _Places
    in_space: _Places


def conflicts_between(pipes: Pipes, left: Ints, right: Ints) -> Verdicts:
    """Judge the pairs (left[i], right[i]), indices into `pipes`; pairs that belong together are left out."""
    apart = ~_belong_together(pipes, left, right)
    left, right = left[apart], right[apart]
    measures = _measure(pipes, left, right)
    horizontal_m = measures.axis_plan_m - _sum_known(pipes.half_width_m, left, right)
    over = measures.crosses | (measures.across & (horizontal_m < 0))
    touching, collision = _collisions(pipes, left, right, measures, over)
    vertical = _vertical(pipes, left, right, measures, over & ~touching)
    beside = np.maximum(horizontal_m, 0.0)
    horizontal = _horizontal(pipes, left, right, measures, beside, ~over & ~touching)
    return _joined([_kept(left, right, found) for found in (collision, vertical, horizontal)])


class _Found(NamedTuple):
    kind: ConflictKind
    limits: list[Limit | None]
    measured_m: Floats
    is_conflict: Bools
    cannot_tell: Bools
    bounded: Bools
    places: _Places


def _collisions(pipes: Pipes, left: Ints, right: Ints, measures: _Measures, over: Bools) -> tuple[Bools, _Found]:
    surface_m = _surface_distance(pipes, left, right, measures)
    rules = _limits(pipes, "horizontal", left, right)
    no_rule = np.array([limit is None for limit in rules], dtype=bool)
    # Ducts of one utility side by side in one trench: drawn apart or not, no rule keeps them apart.
    same_trench = no_rule & (pipes.class_index[left] == pipes.class_index[right]) & ~measures.across
    touching = surface_m < -TOLERANCE_M
    hit = touching & ~same_trench
    places = _choose(over, measures.in_plan, measures.in_space)
    nothing = np.zeros(len(left), dtype=bool)
    bounded = _any_unknown(pipes.half_width_m, left, right)
    return touching, _Found(ConflictKind.COLLISION, [None] * len(left), surface_m, hit, nothing, bounded, places)


def _vertical(pipes: Pipes, left: Ints, right: Ints, measures: _Measures, judged: Bools) -> _Found:
    limits = _limits(pipes, "vertical", left, right)
    places = _choose(measures.crosses, measures.in_plan, _known_or(measures.in_space, measures.in_plan))
    gap_m = np.abs(places.left[:, 2] - places.right[:, 2])
    gap_m = gap_m - _half_height(pipes, left, places.left_piece) - _half_height(pipes, right, places.right_piece)
    is_conflict, cannot_tell = _compare(gap_m, limits, pipes.half_height_m, left, right, judged)
    # Not even whether they collide.
    cannot_tell |= judged & np.isnan(gap_m)
    bounded = _any_unknown(pipes.half_height_m, left, right)
    return _Found(ConflictKind.VERTICAL, limits, gap_m, is_conflict, cannot_tell, bounded, places)


def _horizontal(
    pipes: Pipes, left: Ints, right: Ints, measures: _Measures, distance_m: Floats, judged: Bools
) -> _Found:
    limits = _limits(pipes, "horizontal", left, right)
    is_conflict, cannot_tell = _compare(distance_m, limits, pipes.half_width_m, left, right, judged)
    doubtful = (is_conflict | cannot_tell) & measures.across
    passing = _crosses_next_door(pipes, left, right, doubtful)
    is_conflict, cannot_tell = is_conflict & ~passing, cannot_tell & ~passing
    bounded = _any_unknown(pipes.half_width_m, left, right)
    return _Found(ConflictKind.HORIZONTAL, limits, distance_m, is_conflict, cannot_tell, bounded, measures.in_plan)


def _compare(
    upper_m: Floats, limits: Sequence[Limit | None], halves_m: Floats, left: Ints, right: Ints, judged: Bools
) -> tuple[Bools, Bools]:
    """Conflicts for certain, and pairs that an unknown size could still make one."""
    limit_m = _values(limits)
    is_conflict = judged & (upper_m < limit_m - TOLERANCE_M)
    unknown = np.isnan(halves_m[left]).astype(float) + np.isnan(halves_m[right])
    lower_m = upper_m - unknown * LARGEST_UNKNOWN_HALF_M
    return is_conflict, judged & ~is_conflict & (unknown > 0) & (lower_m < limit_m - TOLERANCE_M)


def _belong_together(pipes: Pipes, left: Ints, right: Ints) -> Bools:
    """Joined at a node, one pipe apart in the same utility, one inside the other, or both in one container."""
    joined = (pipes.nodes[left][:, :, None] == pipes.nodes[right][:, None, :]).any(axis=(1, 2))
    same_class = np.flatnonzero(~joined & (pipes.class_index[left] == pipes.class_index[right]))
    joined[same_class] = _one_pipe_apart(pipes, left[same_class], right[same_class])
    container_left, container_right = pipes.container_id[left], pipes.container_id[right]
    inside = (container_left == pipes.feature_id[right]) | (container_right == pipes.feature_id[left])
    together = (container_left == container_right) & (container_left >= 0)
    belong: Bools = (left == right) | joined | inside | together
    return belong


def _one_pipe_apart(pipes: Pipes, left: Ints, right: Ints) -> Bools:
    """Whether some pipe leads from an end of one to an end of the other."""
    involved = np.unique(np.concatenate([left, right]))
    ends = np.unique(pipes.nodes[involved])

    def link(one: Ints, other: Ints) -> Ints:
        one, other = np.searchsorted(ends, one), np.searchsorted(ends, other)
        return np.minimum(one, other) * len(ends) + np.maximum(one, other)

    # Only a pipe between two of these ends can lead from one to the other.
    start, end = pipes.nodes[np.isin(pipes.nodes, ends).all(axis=1)].T
    from_end_to_end = link(pipes.nodes[left][:, [0, 0, 1, 1]], pipes.nodes[right][:, [0, 1, 0, 1]])
    return np.asarray(np.isin(from_end_to_end, link(start, end)).any(axis=1))


def _crosses_next_door(pipes: Pipes, left: Ints, right: Ints, doubtful: Bools) -> Bools:
    """Pairs that are near only because the next pipe of one run crosses the other run: judged there, vertically."""
    passing = np.zeros(len(left), dtype=bool)
    asked = np.flatnonzero(doubtful)
    first_left, n_left, in_left = _runs(pipes, left[asked])
    first_right, n_right, in_right = _runs(pipes, right[asked])
    pair, a, b = _all_with_all(first_left, n_left, first_right, n_right)
    here, there = in_left[a], in_right[b]
    differ = here != there
    tried, a, b = _piece_pairs(pipes, here[differ], there[differ])
    crosses, _, _ = plan_crossings(pipes.start[a], pipes.end[a], pipes.start[b], pipes.end[b], reach=TOLERANCE_M)
    passing[asked[pair[differ][tried[crosses]]]] = True
    return passing


def _runs(pipes: Pipes, chosen: Ints) -> tuple[Ints, Ints, Ints]:
    """Each chosen pipe with all that meet it at a node: where its run starts in the last array, and how long it is."""
    order = np.argsort(pipes.nodes.ravel(), kind="stable")
    ends = pipes.nodes.ravel()[order]
    nodes = pipes.nodes[chosen].ravel()
    first = np.searchsorted(ends, nodes)
    n_each = np.searchsorted(ends, nodes, side="right") - first
    place = np.repeat(first - np.cumsum(n_each) + n_each, n_each) + np.arange(n_each.sum())
    owner = np.repeat(np.arange(len(nodes)) // 2, n_each)
    n_pipes = len(pipes.nodes)
    members = np.unique(owner * n_pipes + order[place] // 2)
    n_members = np.bincount(members // n_pipes, minlength=len(chosen)).astype(np.int64)
    return np.cumsum(n_members) - n_members, n_members, members % n_pipes


def _measure(pipes: Pipes, left: Ints, right: Ints) -> _Measures:
    """Compare every piece of one axis with every piece of the other and keep the deciding pieces of each pair."""
    pair, a, b = _piece_pairs(pipes, left, right)
    ends = pipes.start[a], pipes.end[a], pipes.start[b], pipes.end[b]
    plan = piece_distance(*(points[:, :2] for points in ends))
    crosses, cross_a, cross_b = plan_crossings(*ends, reach=TOLERANCE_M)
    at_a, at_b = np.where(crosses, cross_a, plan.at_a), np.where(crosses, cross_b, plan.at_b)
    here, there = point_at(ends[0], ends[1], at_a), point_at(ends[2], ends[3], at_b)
    gap_m = np.where(crosses, np.abs(here[:, 2] - there[:, 2]), plan.distance)
    chosen = _first_of_each(pair, len(left), ~crosses, gap_m)

    space = piece_distance(*ends)
    nearest = _first_of_each(pair, len(left), np.isnan(space.distance), space.distance)
    near_a = point_at(ends[0], ends[1], space.at_a)[nearest]
    near_b = point_at(ends[2], ends[3], space.at_b)[nearest]
    return _Measures(
        crosses=crosses[chosen],
        across=plan_angle_deg(*ends)[chosen] > ACROSS_DEG,
        axis_plan_m=np.where(crosses[chosen], 0.0, plan.distance[chosen]),
        in_plan=_Places(here[chosen], there[chosen], a[chosen], b[chosen]),
        in_space=_Places(near_a, near_b, a[nearest], b[nearest]),
    )


def _piece_pairs(pipes: Pipes, left: Ints, right: Ints) -> tuple[Ints, Ints, Ints]:
    """Index of the pair and of both pieces, for every piece of the left with every piece of the right pipe."""
    n_pieces = np.diff(pipes.first_piece)
    return _all_with_all(pipes.first_piece[left], n_pieces[left], pipes.first_piece[right], n_pieces[right])


def _all_with_all(first_a: Ints, n_a: Ints, first_b: Ints, n_b: Ints) -> tuple[Ints, Ints, Ints]:
    """Number of the pair and of both members, for every member of a pair's first range with every one of its second."""
    n_each = n_a * n_b
    pair = np.repeat(np.arange(len(n_each)), n_each)
    number = np.arange(len(pair)) - np.repeat(np.cumsum(n_each) - n_each, n_each)
    return pair, first_a[pair] + number // n_b[pair], first_b[pair] + number % n_b[pair]


def _first_of_each(pair: Ints, n_pairs: int, *keys: NDArray[np.generic]) -> Ints:
    """Row of each pair that is smallest by the keys, the first key first."""
    order = np.lexsort((*reversed(keys), pair))
    rows: Ints = order[np.searchsorted(pair[order], np.arange(n_pairs))]
    return rows


def _surface_distance(pipes: Pipes, left: Ints, right: Ints, measures: _Measures) -> Floats:
    """Signed distance of the bodies: unknown sizes count as nothing, so it is an upper bound for those."""
    in_plan = _section_distance(pipes, left, right, measures.in_plan)
    in_space = _section_distance(pipes, left, right, measures.in_space)
    apart = measures.in_space.left - measures.in_space.right
    round_m = np.linalg.norm(apart, axis=1) - _sum_known(pipes.half_width_m, left, right)
    both_round = pipes.is_round[left] & pipes.is_round[right]
    return np.where(both_round, round_m, np.fmin(in_plan, in_space))


def _section_distance(pipes: Pipes, left: Ints, right: Ints, places: _Places) -> Floats:
    """Distance of two sections side by side: boxes add to a box, circles round it off (exact for parallel runs)."""
    apart = np.abs(places.left - places.right)
    box_w, box_h = np.zeros(len(left)), np.zeros(len(left))
    radius = np.zeros(len(left))
    for side in (left, right):
        is_round = pipes.is_round[side]
        box_w += np.where(is_round, 0.0, np.nan_to_num(pipes.half_width_m[side]))
        box_h += np.where(is_round, 0.0, np.nan_to_num(pipes.half_height_m[side]))
        radius += np.where(is_round, np.nan_to_num(pipes.half_width_m[side]), 0.0)
    beside, above = np.linalg.norm(apart[:, :2], axis=1) - box_w, apart[:, 2] - box_h
    outside = np.hypot(np.maximum(beside, 0.0), np.maximum(above, 0.0))
    distance: Floats = outside + np.minimum(np.maximum(beside, above), 0.0) - radius
    return distance


def _half_height(pipes: Pipes, side: Ints, piece: Ints) -> Floats:
    """Half of what a pipe takes up in the vertical: a sloping round pipe takes more than its radius."""
    along = pipes.end[piece] - pipes.start[piece]
    plan, space = np.linalg.norm(along[:, :2], axis=1), np.linalg.norm(along, axis=1)
    slope = np.minimum(space / np.where(plan > 0, plan, np.inf), _STEEPEST)
    factor = np.where(pipes.is_round[side] & (slope > 1), slope, 1.0)
    half: Floats = np.nan_to_num(pipes.half_height_m[side]) * factor
    return half


def _limits(pipes: Pipes, direction: Direction, left: Ints, right: Ints) -> list[Limit | None]:
    one, other = pipes.party_index[left], pipes.party_index[right]
    keys, which = np.unique(one * len(pipes.parties) + other, return_inverse=True)
    found = [
        strictest(direction, pipes.parties[key // len(pipes.parties)], pipes.parties[key % len(pipes.parties)])
        for key in keys.tolist()
    ]
    return [found[number] for number in which.tolist()]


def _values(limits: Sequence[Limit | None]) -> Floats:
    return np.array([-np.inf if limit is None else limit.min_m for limit in limits], dtype=float)


def _sum_known(halves_m: Floats, left: Ints, right: Ints) -> Floats:
    total: Floats = np.nan_to_num(halves_m[left]) + np.nan_to_num(halves_m[right])
    return total


def _any_unknown(halves_m: Floats, left: Ints, right: Ints) -> Bools:
    return np.isnan(halves_m[left]) | np.isnan(halves_m[right])


def _choose(first: Bools, one: _Places, other: _Places) -> _Places:
    wide = first[:, None]
    return _Places(
        np.where(wide, one.left, other.left),
        np.where(wide, one.right, other.right),
        np.where(first, one.left_piece, other.left_piece),
        np.where(first, one.right_piece, other.right_piece),
    )


def _known_or(places: _Places, otherwise: _Places) -> _Places:
    known: Bools = np.isfinite(np.hstack([places.left, places.right]).sum(axis=1))
    return _choose(known, places, otherwise)


def _kept(left: Ints, right: Ints, found: _Found) -> Verdicts:
    kept = np.flatnonzero(found.is_conflict | found.cannot_tell)
    return Verdicts(
        left[kept],
        right[kept],
        [found.kind] * len(kept),
        found.is_conflict[kept],
        found.measured_m[kept],
        found.bounded[kept],
        [found.limits[number] for number in kept.tolist()],
        found.places.left[kept],
        found.places.right[kept],
    )


def _joined(parts: Sequence[Verdicts]) -> Verdicts:
    return Verdicts(
        np.concatenate([part.left for part in parts]),
        np.concatenate([part.right for part in parts]),
        [kind for part in parts for kind in part.kind],
        np.concatenate([part.is_conflict for part in parts]),
        np.concatenate([part.measured_m for part in parts]),
        np.concatenate([part.bounded for part in parts]),
        [limit for part in parts for limit in part.limit],
        np.concatenate([part.near_left for part in parts]),
        np.concatenate([part.near_right for part in parts]),
    )
