"""Whether a planned pipe stands: the clearance engine is the judge, of straight pieces alone and of a whole route."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import shapely

from pipemap.clearance.answer import from_verdicts
from pipemap.clearance.core import Verdicts, conflicts_between
from pipemap.clearance.geometry3d import Bools, Floats, plan_crossings, point_at
from pipemap.clearance.ground import Ground
from pipemap.clearance.numbers import TOLERANCE_M, WIDEST_NEIGHBOUR_M, Ints
from pipemap.clearance.questions import beside_structure, cover_over
from pipemap.clearance.rules import strictest, widest_of_all
from pipemap.clearance.site import DRAWN_ID, DRAWN_NODES, Segment, Structure, as_pipes
from schemas.clearance import CannotTell, Conflict, ConflictKind
from schemas.routing import RouteCrossing

# The ground may rise and fall between the ends of a piece.
_COVER_STEP_M = 1.0


@dataclass(frozen=True, eq=False)
class Surroundings:
    """A pipe that is wished for, `asked`, and all that it must keep clear of.

    `joined` are the nodes of the map that its two ends join, None for a free end; `cross_unknown` lets it cross
    pipes of unknown height.
    """

    asked: Segment
    others: Sequence[Segment]
    structures: Sequence[Structure]
    corridor: shapely.Polygon
    ground: Ground
    least_cover_m: float
    joined: tuple[int | None, int | None]
    cross_unknown: bool

    def stand(self, pieces: Floats, at_start: Bools, at_end: Bools) -> Bools:
        """Whether each of some straight pieces (m, 2, 3) is clear of everything on its own.

        `at_start` says which begin at the start of the route, `at_end` which end at its end.
        """
        stands = self._keep_off(pieces) & self._have_cover(pieces)
        joins = (at_start & (self.joined[0] is not None)) | (at_end & (self.joined[1] is not None))
        # Pieces that join one node are neighbours to the engine, but only one of them will be there.
        alone = [np.array([row]) for row in np.flatnonzero(stands & joins)]
        for rows in [*alone, np.flatnonzero(stands & ~joins)]:
            if len(rows):
                stands[rows] = self._are_clear(pieces[rows], at_start[rows], at_end[rows])
        return stands

    def judged(self, axis: Floats) -> tuple[list[Conflict], list[CannotTell]]:
        """What a route (n, 3), a segment from vertex to vertex, is too near to, and what cannot be told."""
        chain = self._chain(axis)
        conflicts, unknown = from_verdicts(*self._verdicts(chain))
        further = [beside_structure(piece, structure) for piece in chain for structure in self.structures]
        further += [cover_over(piece, self.structures) for piece in chain]
        conflicts += [found for found in further if isinstance(found, Conflict)]
        return conflicts, unknown + [found for found in further if isinstance(found, CannotTell)]

    def crowds_itself(self, axis: Floats) -> bool:
        """Whether parts of a route (n, 3) are too near to one another."""
        verdicts, segments = self._verdicts(self._chain(axis))
        return any(segments[row].feature_id == DRAWN_ID for row in verdicts.right[verdicts.is_conflict].tolist())

    def crossings(self, axis: Floats) -> list[RouteCrossing]:
        """The pipes that a route crosses in plan, in its order."""
        return [found for piece in _pieces(axis) for found in self._crossed(piece)]

    def count_crossed(self, pieces: Floats) -> Ints:
        """How many pipes each of some straight pieces (m, 2, 3) crosses."""
        return np.array([len(set(self._owner[self._meets(piece)[0]].tolist())) for piece in pieces], np.int64)

    def _keep_off(self, pieces: Floats) -> Bools:
        """Whether pieces stay in the corridor and off every structure."""
        lines = shapely.linestrings(pieces[:, :, :2])
        keep: Bools = shapely.covers(self.corridor, lines)
        for structure in self.structures:
            limit = strictest("horizontal", self.asked.party, structure.party) if structure.party else None
            if limit is not None:
                off_m = shapely.distance(lines, structure.outline) - self.asked.half_width_m
                keep &= np.maximum(off_m, 0.0) >= limit.min_m - TOLERANCE_M
        return keep

    def _have_cover(self, pieces: Floats) -> Bools:
        least_m = self.least_cover_m + self.asked.half_height_m - TOLERANCE_M
        longest_m = float(np.linalg.norm(pieces[:, 1, :2] - pieces[:, 0, :2], axis=1).max(initial=0.0))
        shares = np.linspace(0.0, 1.0, max(2, math.ceil(longest_m / _COVER_STEP_M) + 1))[None, :, None]
        points = pieces[:, :1] + shares * (pieces[:, 1:] - pieces[:, :1])
        ground_m = self.ground.at(points[..., :2].reshape(-1, 2)).reshape(points.shape[:2])
        return np.asarray((ground_m - points[..., 2] >= least_m).all(axis=1))

    def _are_clear(self, pieces: Floats, at_start: Bools, at_end: Bools) -> Bools:
        segments = []
        for row, piece in enumerate(pieces):
            start = (self.joined[0] if at_start[row] else None) or -10 - 2 * row
            end = (self.joined[1] if at_end[row] else None) or -11 - 2 * row
            segments.append(self._piece(piece, (start, end)))
        verdicts, _ = self._verdicts(segments, among=False)
        found = verdicts.is_conflict | (verdicts.state == 0)
        told = verdicts.cannot_tell
        if self.cross_unknown:
            told = told & np.array([kind != ConflictKind.VERTICAL for kind in verdicts.kind], np.bool_)
        clear = np.ones(len(pieces), np.bool_)
        clear[verdicts.left[found | told]] = False
        return clear

    def _verdicts(self, chain: list[Segment], among: bool = True) -> tuple[Verdicts, list[Segment]]:
        """The engine's verdicts on pieces against the pipes around them, and `among` one another."""
        reach_m = widest_of_all(self.asked.limits, utilities_only=True) + WIDEST_NEIGHBOUR_M + self.asked.half_width_m
        around = self._tree.query([piece.plan for piece in chain], "dwithin", reach_m)
        near, place = np.unique(around[1], return_inverse=True)
        segments = [*chain, *(self.others[row] for row in near.tolist())]
        left, right = around[0], len(chain) + place.ravel()
        if among:
            own = np.triu_indices(len(chain), 1)
            left, right = np.concatenate([left, own[0]]), np.concatenate([right, own[1]])
        return conflicts_between(as_pipes(segments), left, right, slanting=not among), segments

    def _chain(self, axis: Floats) -> list[Segment]:
        """A segment from vertex to vertex."""
        inner = [-10 - place for place in range(len(axis) - 2)]
        nodes = [self.joined[0] or DRAWN_NODES[0], *inner, self.joined[1] or DRAWN_NODES[1]]
        return [self._piece(axis[at : at + 2], (nodes[at], nodes[at + 1])) for at in range(len(axis) - 1)]

    def _piece(self, axis: Floats, nodes: tuple[int, int]) -> Segment:
        row = {**self.asked.row, "from_node_id": nodes[0], "to_node_id": nodes[1]}
        return replace(self.asked, row=row, axis=axis, drawn_ground_m=self.ground.at(axis[:, :2]))

    def _crossed(self, piece: Floats) -> Iterator[RouteCrossing]:
        rows, at_own, at_other = self._meets(piece)
        for row, own, other in sorted(zip(rows, at_own, at_other, strict=True), key=lambda each: float(each[1])):
            pipe = self.others[self._owner[row]]
            here = point_at(piece[:1], piece[1:], np.array([own]))[0]
            there = point_at(self._starts[row : row + 1], self._ends[row : row + 1], np.array([other]))[0]
            yield self._crossing(pipe, here, float(here[2] - there[2]))

    def _crossing(self, pipe: Segment, here: Floats, above_m: float) -> RouteCrossing:
        limit = strictest("vertical", self.asked.party, pipe.party)
        between_m = abs(above_m) - self.asked.half_height_m - pipe.half_height_m
        return RouteCrossing(
            other_id=pipe.feature_id,
            other_source_key=pipe.row["source_key"],
            other_class_code=pipe.row["class_code"],
            is_above=None if math.isnan(above_m) else above_m > 0,
            between_m=None if math.isnan(between_m) else round(between_m, 3),
            limit_m=limit.min_m if limit else None,
            point=(round(here[0], 3), round(here[1], 3), round(here[2], 3)),
        )

    def _meets(self, piece: Floats) -> tuple[Ints, Floats, Floats]:
        """Axis pieces of other pipes that a piece crosses, and the shares of both where they meet."""
        count = len(self._starts)
        start, end = np.repeat(piece[:1, :2], count, axis=0), np.repeat(piece[1:, :2], count, axis=0)
        meets, own, other = plan_crossings(start, end, self._starts[:, :2], self._ends[:, :2])
        return np.flatnonzero(meets), own[meets], other[meets]

    @cached_property
    def _starts(self) -> Floats:
        return np.concatenate([np.empty((0, 3)), *(other.axis[:-1] for other in self.others)])

    @cached_property
    def _ends(self) -> Floats:
        return np.concatenate([np.empty((0, 3)), *(other.axis[1:] for other in self.others)])

    @cached_property
    def _owner(self) -> Ints:
        return np.repeat(np.arange(len(self.others)), [len(other.axis) - 1 for other in self.others])

    @cached_property
    def _tree(self) -> shapely.STRtree:
        return shapely.STRtree([other.plan for other in self.others])


def _pieces(axis: Floats) -> Floats:
    return np.stack([axis[:-1], axis[1:]], axis=1)
