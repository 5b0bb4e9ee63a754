"""Judges many pairs of pipes at once: how far apart their outer walls are, and whether a rule is broken.

Geometry. A round pipe is its axis with a radius, a box stands upright along its axis; distances are exact for
both (`bodies`), whatever their slopes and vertices.
Pairs whose axes cross in plan are judged by the vertical rule alone, all others by the horizontal one;
bodies that touch are collisions and nothing else. Walls that overlap in plan without a crossing count as
a crossing when the pipes run across one another (a branch that ends above a main), and are stacked when they run
along. Compiled code does the work (`judging`, `measuring`); arrays and rules are made ready for it here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pipemap.clearance.geometry3d import Bools, Floats
from pipemap.clearance.judging import (
    CANNOT_TELL,
    CONFLICT,
    SHARED_BANK,
    VERTICAL,
    Facts,
    Judged,
    judge,
    measure_many,
)
from pipemap.clearance.measuring import Shapes
from pipemap.clearance.numbers import LEAST_CROSSING_DEG, Ints
from pipemap.clearance.rules import Direction, Limit, Party, alike, strictest
from schemas.clearance import ConflictKind

# By the numbers of `judging`; the first is of pairs that are clear.
KINDS = (
    ConflictKind.SLANT,
    ConflictKind.COLLISION,
    ConflictKind.VERTICAL,
    ConflictKind.HORIZONTAL,
    ConflictKind.STACKED,
)
_AT_ONCE = 200_000
# Classes of the tables that are cables.
_CABLES = frozenset({"power", "telecom"})


@dataclass(frozen=True, eq=False)
class Pipes:
    """Axes and sections of n pipes with m axis pieces; NaN is not known, -1 no identity.

    Pieces of pipe i are `first_piece[i]` up to `first_piece[i + 1]`; `start` and `end` are (m, 3) in metres.
    `in_bank` marks lines in a trench or duct bank, which several may share. `shapes` and `facts` are the same
    for compiled code, made at the first use.
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
    in_bank: Bools | None = None

    def __len__(self) -> int:
        return len(self.feature_id)

    @cached_property
    def shapes(self) -> Shapes:
        """Axes and sections, sizes that are not known as 0."""
        return Shapes(
            np.ascontiguousarray(self.first_piece, np.int64),
            np.ascontiguousarray(self.start, np.float64),
            np.ascontiguousarray(self.end, np.float64),
            np.nan_to_num(self.half_width_m),
            np.nan_to_num(self.half_height_m),
            np.ascontiguousarray(self.is_round, np.bool_),
        )

    @cached_property
    def facts(self) -> Facts:
        """Everything else a verdict hangs on."""
        nodes = np.unique(self.nodes, return_inverse=True)[1].reshape(-1, 2).astype(np.int64)
        ends = nodes.ravel()
        counts = np.bincount(ends, minlength=ends.max(initial=-1) + 1)
        none = np.zeros(len(self), np.bool_)
        return Facts(
            np.ascontiguousarray(self.feature_id, np.int64),
            np.ascontiguousarray(self.container_id, np.int64),
            np.ascontiguousarray(self.class_index, np.int64),
            self.rules.of_party[self.party_index],
            nodes,
            np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            (np.argsort(ends, kind="stable") // 2).astype(np.int64),
            np.isnan(self.half_width_m),
            np.isnan(self.half_height_m),
            none if self.in_bank is None else np.ascontiguousarray(self.in_bank, np.bool_),
            np.array([party.clearance_class in _CABLES for party in self.parties], np.bool_)[self.party_index],
            self.rules.horizontal_m,
            self.rules.vertical_m,
        )

    @cached_property
    def rules(self) -> "PairRules":
        """The limits between the parties there are."""
        return PairRules.between(self.parties)

    def part(self, rows: Ints) -> "Pipes":
        """Some of the pipes, with the same parties."""
        counts = np.diff(self.first_piece)[rows]
        first = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        pieces = np.repeat(self.first_piece[rows] - first[:-1], counts) + np.arange(first[-1])
        return Pipes(
            self.feature_id[rows],
            self.class_index[rows],
            self.nodes[rows],
            self.container_id[rows],
            self.is_round[rows],
            self.half_width_m[rows],
            self.half_height_m[rows],
            self.party_index[rows],
            self.parties,
            first,
            self.start[pieces],
            self.end[pieces],
            None if self.in_bank is None else self.in_bank[rows],
        )


@dataclass(frozen=True, eq=False)
class PairRules:
    """The strictest limits between each two parties, those alike to every rule taken together (-inf: no rule)."""

    of_party: Ints
    horizontal: NDArray[np.object_]
    vertical: NDArray[np.object_]
    horizontal_m: Floats
    vertical_m: Floats

    @classmethod
    def between(cls, parties: Sequence[Party]) -> "PairRules":
        """The limits between any two of some parties."""
        numbers: dict[Party, int] = {}
        of_party = np.array([numbers.setdefault(alike(party), len(numbers)) for party in parties], np.int64)
        horizontal, vertical = (_matrix(direction, list(numbers)) for direction in ("horizontal", "vertical"))
        return cls(of_party, horizontal, vertical, _metres(horizontal), _metres(vertical))


@dataclass(frozen=True, eq=False)
class Verdicts:
    """What was found for k pairs; all other pairs are clear.

    A pair is a conflict, or nobody can tell (`cannot_tell`), or both lines share one trench or bank
    (`shares_bank`), or it is kept only because it crosses at a sharp angle. `bounded` marks a measure that is an
    upper bound because a size is not known. `near_left` and `near_right` (k, 3) are the places on the axes that
    were compared. `slant_deg` is the angle of a plan crossing, NaN elsewhere.
    """

    left: Ints
    right: Ints
    kind: Sequence[ConflictKind]
    state: Ints
    measured_m: Floats
    bounded: Bools
    limit: Sequence[Limit | None]
    near_left: Floats
    near_right: Floats
    slant_deg: Floats

    @property
    def is_conflict(self) -> Bools:
        """Nearer than a rule allows."""
        return np.asarray(self.state == CONFLICT)

    @property
    def cannot_tell(self) -> Bools:
        """Something that is not known decides."""
        return np.asarray(self.state == CANNOT_TELL)

    @property
    def shares_bank(self) -> Bools:
        """One trench or duct bank, booked for each owner."""
        return np.asarray(self.state == SHARED_BANK)

    @property
    def is_slanting(self) -> Bools:
        """Pipes of two utilities that cross at less than 60 degrees."""
        return self.slant_deg < LEAST_CROSSING_DEG

    def part(self, rows: Ints) -> "Verdicts":
        """Some of the verdicts."""
        return Verdicts(
            self.left[rows],
            self.right[rows],
            [self.kind[row] for row in rows.tolist()],
            self.state[rows],
            self.measured_m[rows],
            self.bounded[rows],
            [self.limit[row] for row in rows.tolist()],
            self.near_left[rows],
            self.near_right[rows],
            self.slant_deg[rows],
        )


@dataclass(frozen=True, eq=False)
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


def conflicts_between(pipes: Pipes, left: Ints, right: Ints, slanting: bool = False) -> Verdicts:
    """Judge the pairs (left[i], right[i]), indices into `pipes`; pairs that belong together are left out.

    Pairs that are clear but cross at less than 60 degrees are kept only when `slanting`.
    """
    verdicts = verdicts_of(pipes, judged_pairs(pipes, left, right))
    return verdicts if slanting else verdicts.part(np.flatnonzero(verdicts.state))


def judged_pairs(pipes: Pipes, left: Ints, right: Ints) -> Judged:
    """As `conflicts_between`, in numbers alone: some hundred thousand pairs at a time, memory for those kept."""
    left, right = np.ascontiguousarray(left, np.int64), np.ascontiguousarray(right, np.int64)
    parts = [
        judge(pipes.shapes, pipes.facts, left[at : at + _AT_ONCE], right[at : at + _AT_ONCE])
        for at in range(0, max(len(left), 1), _AT_ONCE)
    ]
    return Judged(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def verdicts_of(pipes: Pipes, judged: Judged) -> Verdicts:
    """Verdicts with their limits, from numbers."""
    return Verdicts(
        judged.left,
        judged.right,
        [
            KINDS[number] if state else ConflictKind.SLANT
            for number, state in zip(judged.kind, judged.state, strict=True)
        ],
        judged.state,
        judged.measured_m,
        _bounded(pipes, judged),
        _limits(pipes, judged),
        judged.near[:, :3],
        judged.near[:, 3:],
        judged.slant_deg,
    )


def distances_between(pipes: Pipes, left: Ints, right: Ints) -> Distances:
    """How far apart the pairs (left[i], right[i]) are; which belong together does not matter here."""
    space_m, plan_m, near = measure_many(pipes.shapes, left.astype(np.int64), right.astype(np.int64))
    return Distances(space_m, plan_m, near[:, :3], near[:, 3:])


def _bounded(pipes: Pipes, judged: Judged) -> Bools:
    no_height, no_width = pipes.facts.no_height, pipes.facts.no_width
    upright = no_height[judged.left] | no_height[judged.right]
    flat = no_width[judged.left] | no_width[judged.right]
    return np.where(judged.kind == VERTICAL, upright, flat)


def _limits(pipes: Pipes, judged: Judged) -> list[Limit | None]:
    rules = pipes.rules
    one, other = (rules.of_party[pipes.party_index[side]] for side in (judged.left, judged.right))
    found = np.where(judged.kind == VERTICAL, rules.vertical[one, other], rules.horizontal[one, other])
    # Bodies that meet need no rule.
    found[KINDS.index(ConflictKind.COLLISION) == judged.kind] = None
    limits: list[Limit | None] = found.tolist()
    return limits


def _matrix(direction: Direction, parties: Sequence[Party]) -> NDArray[np.object_]:
    found = np.full((len(parties), len(parties)), None, dtype=object)
    for row, one in enumerate(parties):
        for column, other in enumerate(parties[: row + 1]):
            found[row, column] = found[column, row] = strictest(direction, one, other)
    return found


def _metres(limits: NDArray[np.object_]) -> Floats:
    flat = [-np.inf if limit is None else limit.min_m for limit in limits.ravel()]
    return np.array(flat, dtype=np.float64).reshape(limits.shape)
