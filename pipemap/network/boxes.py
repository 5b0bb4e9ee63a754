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
    rows = [np.int64(row) for row in range(levels[-1] - levels[-2])]
    for level in range(len(levels) - 2, -1, -1):
        inside = [row for row in rows[:0]]  # noqa: C416 (numba wants to know what the list holds)
        for row in rows:
            box = boxes[levels[level] + row]
            if box[0] <= window[2] and box[2] >= window[0] and box[1] <= window[3] and box[3] >= window[1]:
                inside.append(row)
        if level == 0:
            return np.array([order[row] for row in inside])
        below = levels[level] - levels[level - 1]
        rows = [np.int64(child) for row in inside for child in range(row * _FAN, min((row + 1) * _FAN, below))]
    return order[:0]


@numba.njit(cache=True, nogil=True)
def nearest(
    boxes: Floats, levels: Ints, order: Ints, place: tuple[float, float], wanted: int, but: Ints
) -> tuple[Ints, Floats]:  # pragma: no cover
    """The `wanted` boxes nearest to a place but for some (sorted positions), from the columns of a tree.

    Nearest first, in order of position where that is the same; -1 (and infinity) where there are not so many. What
    waits is looked at by its distance, groups of boxes before boxes.
    """
    found, away = np.full(wanted, -1), np.full(wanted, np.inf)
    top, count = len(levels) - 2, 0
    if not (np.isfinite(place[0]) and np.isfinite(place[1])):
        return found, away
    waiting = [(0.0, -top - 1, np.int64(0)) for _ in range(1)]
    while len(waiting) > 0 and count < wanted:
        far, depth, one = heappop(waiting)
        if depth == 0:
            found[count], away[count] = one, far
            count += 1
            continue
        level = -depth - 1
        for row in range(one * _FAN, min((one + 1) * _FAN, levels[level + 1] - levels[level])):
            box = boxes[levels[level] + row]
            east = max(box[0] - place[0], place[0] - box[2], 0.0)
            north = max(box[1] - place[1], place[1] - box[3], 0.0)
            what = order[row] if level == 0 else np.int64(row)
            if level > 0 or not _is_among(what, but):
                heappush(waiting, (np.hypot(east, north), -level, what))
    return found, away


@numba.njit(cache=True, nogil=True)
def _is_among(one: np.int64, some: Ints) -> bool:  # pragma: no cover
    place = np.searchsorted(some, one)
    return bool(place < len(some) and some[place] == one)
