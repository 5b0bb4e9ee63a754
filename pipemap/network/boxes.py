"""Boxes in plan packed into a tree, to find the few that touch a window among a million."""

from dataclasses import dataclass
from heapq import heappop, heappush

import numba
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_FAN = 16
_STEPS = 1 << 16


@dataclass(frozen=True, eq=False)
class BoxTree:
    """Boxes (min x, min y, max x, max y) in rows, level by level from the leaves up to one row.

    Row r of a level covers the rows `r * 16` to `r * 16 + 15` of the level below; level l begins at `levels[l]`.
    `order` is, for every leaf, the position of its box among those given.
    """

    boxes: Floats
    levels: Ints
    order: Ints

    @classmethod
    def of(cls, boxes: Floats) -> "BoxTree":
        """The tree of some boxes (n, 4); one that is empty (its least above its greatest) touches nothing."""
        order = np.argsort(_along_curve(boxes), kind="stable")
        levels = [boxes[order]]
        while len(levels[-1]) > 1:
            starts, below = np.arange(0, len(levels[-1]), _FAN), levels[-1]
            least, greatest = np.minimum.reduceat(below[:, :2], starts), np.maximum.reduceat(below[:, 2:], starts)
            levels.append(np.hstack([least, greatest]))
        bounds = np.concatenate([np.zeros(1, np.int64), np.cumsum([len(level) for level in levels])])
        return cls(np.concatenate(levels), bounds, order)

    @property
    def columns(self) -> tuple[Floats, Ints, Ints]:
        """What `touching` takes first."""
        return self.boxes, self.levels, self.order

    def touching(self, window: tuple[float, float, float, float]) -> Ints:
        """Positions of the boxes that touch a window (min x, min y, max x, max y), in no order."""
        found: Ints = touching(*self.columns, window)
        return found


def _along_curve(boxes: Floats) -> Ints:
    """Place of every box along a curve that keeps neighbours together: the bits of x and y in turn."""
    if not len(boxes):
        return np.zeros(0, np.int64)
    is_known = np.isfinite(boxes[:, :2]) & np.isfinite(boxes[:, 2:])
    middle = np.where(is_known, boxes[:, :2], 0) / 2 + np.where(is_known, boxes[:, 2:], 0) / 2
    least = np.min(middle, axis=0, where=is_known, initial=np.inf)
    extent = np.max(middle, axis=0, where=is_known, initial=-np.inf) - least
    share = np.where(is_known, middle - least, 0) / np.where(extent > 0, extent, 1)
    steps = (share * (_STEPS - 1)).astype(np.int64)
    return _spread_bits(steps[:, 0]) | (_spread_bits(steps[:, 1]) << 1)


def _spread_bits(steps: Ints) -> Ints:
    """The 16 bits of a number with a gap before each."""
    for shift, mask in ((8, 0x00FF00FF), (4, 0x0F0F0F0F), (2, 0x33333333), (1, 0x55555555)):
        steps = (steps | (steps << shift)) & mask
    return steps


@numba.njit(cache=True, nogil=True)
def touching(
    boxes: Floats, levels: Ints, order: Ints, window: tuple[float, float, float, float]
) -> Ints:  # pragma: no cover
    """The same from the columns of a tree."""
    west, south, east, north = window
    top = len(levels) - 2
    found = [np.int64(0) for _ in range(0)]
    # Rows whose boxes are to be looked at, from the first on, and their level; at most a fan of each level waits.
    waiting, depth = np.empty(_FAN * len(levels), np.int64), np.empty(_FAN * len(levels), np.int64)
    count = levels[top + 1] - levels[top]
    waiting[:count], depth[:count] = 0, top
    while count > 0:
        count -= 1
        row, level = waiting[count], depth[count]
        box = boxes[levels[level] + row]
        if not (box[0] <= east and box[2] >= west and box[1] <= north and box[3] >= south):
            continue
        if level == 0:
            found.append(order[row])
            continue
        for child in range(row * _FAN, min((row + 1) * _FAN, levels[level] - levels[level - 1])):
            waiting[count], depth[count] = child, level - 1
            count += 1
    return np.array(found)


@numba.njit(cache=True, nogil=True)
def nearest(
    boxes: Floats, levels: Ints, order: Ints, place: tuple[float, float], wanted: int, but: Ints
) -> tuple[Ints, Floats]:  # pragma: no cover
    """The `wanted` boxes nearest to a place but for some (sorted positions), from the columns of a tree.

    Nearest first, in order of position where that is the same; -1 (and infinity) where there are not so many. Groups
    of boxes wait for their turn by their distance, until one is farther than all that are wanted.
    """
    found, away = np.full(wanted, -1), np.full(wanted, np.inf)
    top = len(levels) - 2
    if not (wanted and np.isfinite(place[0]) and np.isfinite(place[1])) or levels[top + 1] == levels[top]:
        return found, away
    waiting = [(0.0, top + 1, np.int64(0)) for _ in range(1)]
    while len(waiting) > 0 and waiting[0][0] <= away[wanted - 1]:
        _, depth, one = heappop(waiting)
        level = depth - 1
        for row in range(one * _FAN, min((one + 1) * _FAN, levels[level + 1] - levels[level])):
            box = boxes[levels[level] + row]
            east = max(box[0] - place[0], place[0] - box[2], 0.0)
            north = max(box[1] - place[1], place[1] - box[3], 0.0)
            far = np.hypot(east, north)
            if far > away[wanted - 1]:
                continue
            if level > 0:
                heappush(waiting, (far, level, np.int64(row)))
            elif not _is_among(order[row], but):
                _keep(found, away, order[row], far)
    return found, away


@numba.njit(cache=True, nogil=True)
def _keep(found: Ints, away: Floats, one: np.int64, far: float) -> None:  # pragma: no cover
    """Put one where it belongs among the nearest so far; the last of them, or itself, goes."""
    place = len(found) - 1
    if far > away[place] or (far == away[place] and found[place] >= 0 and one > found[place]):
        return
    while place > 0 and (far < away[place - 1] or (far == away[place - 1] and one < found[place - 1])):
        found[place], away[place] = found[place - 1], away[place - 1]
        place -= 1
    found[place], away[place] = one, far


@numba.njit(cache=True, nogil=True)
def _is_among(one: np.int64, some: Ints) -> bool:  # pragma: no cover
    place = np.searchsorted(some, one)
    return bool(place < len(some) and some[place] == one)
