"""Moves that clear a conflict without a new one: a whole pipe up, down or to a side, tried by the engine itself."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from pipemap.clearance.core import Pipes
from pipemap.clearance.geometry3d import Floats
from pipemap.clearance.judging import CANNOT_TELL, CONFLICT, first_worse, judge, limit_of
from pipemap.clearance.measuring import Shapes
from pipemap.clearance.numbers import known_or
from pipemap.clearance.rules import cover_limit, strictest
from pipemap.clearance.site import Segment
from schemas.clearance import Conflict, ConflictKind, Move, Side

# A worse shortfall than this is a new conflict.
_WORSE_M = 0.001
_STEP_M = 0.01
_FARTHEST_M = 5.0
# Neighbours of a pipe are known so much farther out than its rules reach.
FARTHEST_ASIDE_M = 2.0
_MOST_TRIED = 24

# Metres east, north and up.
Shift: TypeAlias = tuple[float, float, float]
# Which other pipes a moved pipe is too near, and by how much; None in place of a number where nobody can tell.
Found: TypeAlias = dict[int, float | None]


@dataclass(frozen=True)
class Mover:
    """A pipe that may be moved, the pipes around it (`pipes` holds it first), and what else it must keep clear of.

    `left_near` tells to which structures a moved pipe still is too near, None among them for the ground; None in place
    of them when structures or ground take it worse than before.
    """

    asked: Segment
    others: Sequence[Segment]
    pipes: Pipes
    side: Side
    left_near: Callable[[Segment], set[int | None] | None]

    def found_at(self, shift: Shift) -> Found:
        """What the pipe would be too near when moved."""
        right, facts = np.arange(1, len(self.others) + 1), self.pipes.facts
        judged = judge(self._moved_by(shift), facts, np.zeros_like(right), right)
        columns = (judged.right, judged.state, judged.kind, judged.measured_m)
        return {
            self.others[place - 1].feature_id: (
                limit_of(facts, 0, place, kind) - measured_m if state == CONFLICT else None
            )
            for place, state, kind, measured_m in zip(*(column.tolist() for column in columns), strict=True)
            if state in (CONFLICT, CANNOT_TELL)
        }

    def first_worse_at(self, shift: Shift, allowed_m: Floats, first: int) -> int:
        """The place in `pipes` of one that the moved pipe is nearer to than it may be, -1 for none.

        By how much it may is in `allowed_m`, a pipe each; the pipe at `first` is looked at first.
        """
        return int(first_worse(self._moved_by(shift), self.pipes.facts, 0, allowed_m, first))

    def allowed_m(self, before: Found) -> Floats:
        """By how much the moved pipe may fall short of each limit: as it did, or not at all."""
        allowed, feature_id = np.full(len(self.pipes), -math.inf), self.pipes.feature_id
        for place in np.flatnonzero(np.isin(feature_id, list(before))).tolist():
            short_m = before[int(feature_id[place])]
            allowed[place] = math.nan if short_m is None else short_m + _WORSE_M
        return allowed

    def _moved_by(self, shift: Shift) -> Shapes:
        shapes, own = self.pipes.shapes, slice(0, int(self.pipes.first_piece[1]))
        start, end = shapes.start.copy(), shapes.end.copy()
        start[own] += shift
        end[own] += shift
        return shapes._replace(start=start, end=end)


def with_moves(mover: Mover, conflicts: Sequence[Conflict]) -> tuple[list[Conflict], Move | None]:
    """The conflicts, each with the smallest move found that clears it, and the smallest that clears them all."""
    before = mover.found_at((0.0, 0.0, 0.0)) if conflicts else {}
    allowed_m, last_worse = mover.allowed_m(before), 0
    clearing: Move | None = None
    moves: dict[int, Move] = {}
    wanted = [
        place
        for place, conflict in enumerate(conflicts)
        if conflict.other_kind != "pipe_segment" or conflict.other_id in before
    ]
    for shift in _shifts(mover, conflicts):
        if clearing is not None and len(moves) == len(wanted):
            break
        # What was too near after one move is likely to be after the next.
        worse = mover.first_worse_at(shift, allowed_m, last_worse)
        last_worse = worse if worse >= 0 else last_worse
        moved = _moved(mover.asked, shift)
        beside = None if worse >= 0 else mover.left_near(moved)
        if beside is None:
            continue
        found, move = mover.found_at(shift), _as_move(shift, mover.side)
        left = found.keys() | beside
        cleared = [place for place in wanted if conflicts[place].other_id not in left]
        for place in cleared:
            moves.setdefault(place, move)
        if not found and len(cleared) == len(wanted):
            clearing = clearing or move
    told = [conflict.model_copy(update={"move": moves.get(place)}) for place, conflict in enumerate(conflicts)]
    return told, clearing


def covers_as_before(asked: Segment) -> Callable[[Segment], bool]:
    """Whether a moved pipe has the cover asked for under a carriageway, or at least what it had."""
    limit = cover_limit(asked.party, True)
    had_m = least_cover_m(asked)

    def covers(moved: Segment) -> bool:
        cover_m = least_cover_m(moved)
        if limit is None or cover_m is None or had_m is None:
            return bool(moved.axis[0, 2] <= asked.axis[0, 2]) or not moved.has_elevation
        return cover_m >= min(had_m, limit.min_m) - _WORSE_M

    return covers


def least_cover_m(asked: Segment) -> float | None:
    """Least cover over the outer top at any vertex; None where ground or elevation is not known."""
    if asked.ground_m is None or not asked.has_elevation:
        return None
    return float((asked.ground_m - asked.axis[:, 2]).min()) - known_or(asked.half_height_m)


def _shifts(mover: Mover, conflicts: Sequence[Conflict]) -> list[Shift]:
    """Moves worth a try, the smallest first."""
    others = {other.feature_id: other for other in mover.others}
    tried = {
        tuple(round(metres, 3) for metres in shift): shift
        for conflict in conflicts
        for shift in _shifts_of(mover, conflict, others.get(conflict.other_id or -1))
        if abs(shift[2]) <= _FARTHEST_M and math.hypot(*shift[:2]) <= FARTHEST_ASIDE_M
    }
    return sorted(tried.values(), key=lambda shift: math.hypot(*shift))[:_MOST_TRIED]


def _shifts_of(mover: Mover, conflict: Conflict, other: Segment | None) -> Iterator[Shift]:
    own, theirs = conflict.nearest if mover.side is Side.SEGMENT else conflict.nearest[::-1]
    if conflict.other_kind is None:
        yield 0.0, 0.0, _whole(-conflict.shortfall_m)
    elif conflict.other_kind == "structure":
        yield from _off_structure(mover.asked, conflict, own[0] - theirs[0], own[1] - theirs[1])
    if other is None:
        return
    if conflict.kind in (ConflictKind.VERTICAL, ConflictKind.COLLISION):
        yield from _up_or_down(mover.asked, other, own[2], theirs[2])
    if conflict.kind in (ConflictKind.HORIZONTAL, ConflictKind.STACKED, ConflictKind.COLLISION):
        yield from _aside(mover.asked, other, own[0] - theirs[0], own[1] - theirs[1])


def _off_structure(asked: Segment, conflict: Conflict, x: float, y: float) -> Iterator[Shift]:
    """Straight away from a structure, x, y the way from it; from under the middle of one no way is known."""
    has_m = math.hypot(x, y)
    if has_m > 0:
        shift_m = _whole(conflict.limit_m + known_or(asked.half_width_m) - has_m)
        yield x / has_m * shift_m, y / has_m * shift_m, 0.0


def _up_or_down(asked: Segment, other: Segment, own_z: float | None, their_z: float | None) -> Iterator[Shift]:
    if own_z is None or their_z is None:
        return
    limit = strictest("vertical", asked.party, other.party)
    apart_m = (limit.min_m if limit else 0.0) + known_or(asked.half_height_m) + known_or(other.half_height_m)
    for way in (1.0, -1.0):
        yield 0.0, 0.0, _whole(way * apart_m - (own_z - their_z))


def _aside(asked: Segment, other: Segment, x: float, y: float) -> Iterator[Shift]:
    """Away from the other pipe to either side; x, y is the way from it."""
    limit = strictest("horizontal", asked.party, other.party)
    apart_m = (limit.min_m if limit else 0.0) + known_or(asked.half_width_m) + known_or(other.half_width_m)
    has_m = math.hypot(x, y)
    if has_m < 1e-6:
        course_x, course_y = (asked.axis[-1, :2] - asked.axis[0, :2]).tolist()
        x, y, has_m = -course_y, course_x, 0.0
    length_m = math.hypot(x, y)
    if length_m == 0:
        return
    for shift_m in (_whole(apart_m - has_m), _whole(-apart_m - has_m)):
        yield x / length_m * shift_m, y / length_m * shift_m, 0.0


def _whole(shift_m: float) -> float:
    """The next whole centimetre that is at least as far, or nothing for less than a tenth of one."""
    steps = abs(shift_m) / _STEP_M
    return math.copysign(math.ceil(steps - 0.01) * _STEP_M, shift_m)


def _moved(asked: Segment, shift: Shift) -> Segment:
    return replace(asked, axis=asked.axis + shift)


def _as_move(shift: Shift, side: Side) -> Move:
    dx_m, dy_m, dz_m = (round(metres, 3) for metres in shift)
    which_en, which_zh = ("It", "该管线") if side is Side.SEGMENT else ("The other pipe", "对方管线")
    if dz_m:
        way_en, way_zh = ("raised", "上移") if dz_m > 0 else ("lowered", "下移")
        english, chinese = f"{which_en} is {way_en} by {abs(dz_m):.2f} m", f"{which_zh}{way_zh} {abs(dz_m):.2f} m"
    else:
        far_m = math.hypot(dx_m, dy_m)
        english = f"{which_en} is moved by {far_m:.2f} m in plan (east {dx_m:+.2f}, north {dy_m:+.2f})"
        chinese = f"{which_zh}平移 {far_m:.2f} m（东 {dx_m:+.2f}，北 {dy_m:+.2f}）"
    return Move(side=side, dx_m=dx_m, dy_m=dy_m, dz_m=dz_m, message_en=english + ".", message_zh=chinese + "。")
