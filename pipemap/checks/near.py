"""Which straight pieces lie near one another in plan: a hashed grid of cells, searched without a Python step."""

import math
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from pipemap.checks.axes import Axes
from pipemap.checks.columns import Bools, Floats, Ints

_SMALLEST_CELL_M = 5.0
_LARGEST_CELL_M = 500.0
_LAST = np.iinfo(np.int64).max


@dataclass(frozen=True, eq=False)
class Pieces:
    """Straight pieces in plan: ends (n, 4) as x, y, x, y; whose they are; and how far around each is looked.

    Only pieces of one `group` are compared.
    """

    ends: Floats
    owner: Ints
    reach_m: Floats
    group: Ints

    @classmethod
    def of_axes(cls, axes: Axes, rows: Ints, reach_m: npt.ArrayLike = 0.0, group: npt.ArrayLike = 0) -> "Pieces":
        """The pieces of some axes; `reach_m` and `group` are aligned with `rows`."""
        part = axes.part(rows)
        of = part.owner[part.pieces]
        plan = part.xyz[:, :2]
        ends = np.hstack([plan[part.pieces], plan[part.pieces + 1]])
        return cls(ends, rows[of], _spread(reach_m, len(rows))[of], _spread(group, len(rows), np.int64)[of])

    @classmethod
    def of_points(cls, xy: Floats, rows: Ints, reach_m: npt.ArrayLike, group: npt.ArrayLike = 0) -> "Pieces":
        """Points as pieces without a length."""
        group_of_each = _spread(group, len(rows), np.int64)
        return cls(np.hstack([xy[rows], xy[rows]]), rows, _spread(reach_m, len(rows)), group_of_each)


def near_pairs(left: Pieces, right: Pieces, is_mutual: Bools | None = None) -> tuple[Ints, Ints, Floats]:
    """Owners of pieces whose distance in plan is within the sum of their reaches, and that distance in metres.

    A pair of owners comes once for each two pieces of theirs; pieces with an unknown end have no neighbours.
    `is_mutual` marks pieces of `right` whose owner is looked around too: of such a pair the lower owner comes first,
    and not the other way round.
    """
    cell_m = _cell_m(left, right)
    columns = _columns_across(right.ends, cell_m)
    slots, heads, cells = _grid(right.ends, right.reach_m, cell_m, columns)
    # An owner that is not looked around itself comes after all others.
    rank = right.owner if is_mutual is None else np.where(is_mutual, right.owner, _LAST)
    after = np.full(len(left.ends), -1) if is_mutual is None else left.owner
    a, b, distance_m = _search(
        left.ends, left.reach_m, left.group, after,
        right.ends, right.reach_m, right.group, rank, slots, heads, cells, cell_m, columns,
    )  # fmt: skip
    return left.owner[a], right.owner[b], distance_m


def pairs_among(pieces: Pieces) -> tuple[Ints, Ints, Floats]:
    """As `near_pairs` of pieces among themselves: pairs of two owners, the lower one first."""
    return near_pairs(pieces, pieces, np.ones(len(pieces.ends), np.bool_))


def _spread(value: npt.ArrayLike, count: int, dtype: Any = np.float64) -> npt.NDArray[Any]:
    return np.ascontiguousarray(np.broadcast_to(np.asarray(value, dtype), count))


def _cell_m(left: Pieces, right: Pieces) -> float:
    """About the length of a usual piece with its surroundings: few cells a piece, few pieces a cell."""
    if len(right.ends) == 0 or len(left.ends) == 0:
        return _SMALLEST_CELL_M
    length_m = float(np.nan_to_num(np.nanmedian(np.hypot(*(right.ends[:, 2:] - right.ends[:, :2]).T))))
    around_m = float(np.median(left.reach_m)) + float(np.median(right.reach_m))
    return min(max(length_m, 2 * around_m, _SMALLEST_CELL_M), _LARGEST_CELL_M)


def _columns_across(ends: Floats, cell_m: float) -> int:
    """About how many cells lie side by side between the westernmost and the easternmost piece.

    An odd number, so that the rows of cells are spread over all slots.
    """
    xs = ends[:, ::2][np.isfinite(ends[:, ::2])]
    return int(np.ptp(xs) / cell_m) | 1 if len(xs) else 1


@numba.njit(cache=True)
def _slot(column: int, row: int, columns: int, mask: int) -> int:  # pragma: no cover
    # Row by row: what lies side by side is looked at together.
    return (row * columns + column) & mask


@numba.njit(cache=True)
def _columns_in_row(ends: Floats, reach: float, row: int, cell: float) -> tuple[int, int]:  # pragma: no cover
    """First and last cell that a piece with its surroundings takes in one row of cells."""
    x0, y0, x1, y1 = ends[0], ends[1], ends[2], ends[3]
    if y1 < y0:
        x0, y0, x1, y1 = x1, y1, x0, y0
    low, high = max(y0, row * cell - reach), min(y1, (row + 1) * cell + reach)
    west, east = min(x0, x1), max(x0, x1)
    if y1 > y0 and low <= high:
        here = x0 + (low - y0) / (y1 - y0) * (x1 - x0)
        there = x0 + (high - y0) / (y1 - y0) * (x1 - x0)
        west, east = max(west, min(here, there)), min(east, max(here, there))
    return math.floor((west - reach) / cell), math.floor((east + reach) / cell)


@numba.njit(cache=True)
def _rows_of(ends: Floats, reach: float, cell: float) -> tuple[int, int]:  # pragma: no cover
    if not math.isfinite(ends[0] + ends[1] + ends[2] + ends[3]):
        return 0, -1
    low, high = min(ends[1], ends[3]), max(ends[1], ends[3])
    return math.floor((low - reach) / cell), math.floor((high + reach) / cell)


@numba.njit(cache=True)
def _grid(ends: Floats, reach: Floats, cell: float, columns: int) -> tuple[Ints, Ints, Ints]:  # pragma: no cover
    """Pieces by cell: the pieces of slot s are `pieces[heads[s]:heads[s + 1]]`, each with the number of its cell."""
    size = 64
    while size < 2 * len(ends):
        size *= 2
    heads = np.zeros(size + 1, np.int64)
    pieces, cells = np.empty(0, np.int64), np.empty(0, np.int64)
    for fill in range(2):
        if fill:
            heads = np.concatenate((np.zeros(1, np.int64), np.cumsum(heads[:size])))
            pieces, cells = np.empty(heads[size], np.int64), np.empty(heads[size], np.int64)
            free = heads[:size].copy()
        for piece in range(len(ends)):
            first_row, last_row = _rows_of(ends[piece], reach[piece], cell)
            for row in range(first_row, last_row + 1):
                west, east = _columns_in_row(ends[piece], reach[piece], row, cell)
                for column in range(west, east + 1):
                    slot = _slot(column, row, columns, size - 1)
                    if fill:
                        pieces[free[slot]] = piece
                        cells[free[slot]] = (column << 32) ^ (row & 0xFFFFFFFF)
                        free[slot] += 1
                    else:
                        heads[slot] += 1
    return pieces, heads, cells


@numba.njit(cache=True)
def _search(
    ends: Floats, reach: Floats, group: Ints, after: Ints,
    other_ends: Floats, other_reach: Floats, other_group: Ints, other_rank: Ints,
    pieces: Ints, heads: Ints, cells: Ints, cell: float, columns: int,
) -> tuple[Ints, Ints, Floats]:  # pragma: no cover  # fmt: skip
    found_a, found_b = np.empty(max(16, len(ends)), np.int64), np.empty(max(16, len(ends)), np.int64)
    found_m = np.empty(len(found_a), np.float64)
    count, mask = 0, len(heads) - 2
    seen_by = np.full(len(other_ends), -1, np.int64)
    for piece in range(len(ends)):
        first_row, last_row = _rows_of(ends[piece], reach[piece], cell)
        for row in range(first_row, last_row + 1):
            west, east = _columns_in_row(ends[piece], reach[piece], row, cell)
            for column in range(west, east + 1):
                slot, number = _slot(column, row, columns, mask), (column << 32) ^ (row & 0xFFFFFFFF)
                for at in range(heads[slot], heads[slot + 1]):
                    other = pieces[at]
                    if cells[at] != number or seen_by[other] == piece or other_group[other] != group[piece]:
                        continue
                    if other_rank[other] <= after[piece]:
                        continue
                    seen_by[other] = piece
                    within = reach[piece] + other_reach[other]
                    if _boxes_apart(ends[piece], other_ends[other]) > within:
                        continue
                    apart = _distance(ends[piece], other_ends[other])
                    if apart <= within:
                        if count == len(found_a):
                            found_a = np.concatenate((found_a, np.empty(count, np.int64)))
                            found_b = np.concatenate((found_b, np.empty(count, np.int64)))
                            found_m = np.concatenate((found_m, np.empty(count, np.float64)))
                        found_a[count], found_b[count], found_m[count] = piece, other, apart
                        count += 1
    return found_a[:count].copy(), found_b[:count].copy(), found_m[:count].copy()


@numba.njit(cache=True)
def _boxes_apart(one: Floats, other: Floats) -> float:  # pragma: no cover
    """How far apart two pieces are at least along one axis: what this rules out needs no closer look."""
    east_west = max(min(one[0], one[2]) - max(other[0], other[2]), min(other[0], other[2]) - max(one[0], one[2]))
    north_south = max(min(one[1], one[3]) - max(other[1], other[3]), min(other[1], other[3]) - max(one[1], one[3]))
    apart: float = max(east_west, north_south)
    return apart


@numba.njit(cache=True)
def _distance(one: Floats, other: Floats) -> float:  # pragma: no cover
    """Distance of two pieces in plan, 0 where they meet."""
    if _cross(one, other):
        return 0.0
    apart: float = min(_to_point(one, other[0], other[1]), _to_point(one, other[2], other[3]))
    return min(apart, _to_point(other, one[0], one[1]), _to_point(other, one[2], one[3]))


@numba.njit(cache=True)
def _side(x0: float, y0: float, x1: float, y1: float, x: float, y: float) -> float:  # pragma: no cover
    return (x1 - x0) * (y - y0) - (y1 - y0) * (x - x0)


@numba.njit(cache=True)
def _cross(one: Floats, other: Floats) -> bool:  # pragma: no cover
    """Whether two pieces cross properly; those that only touch are found by the distance of their ends."""
    a = _side(one[0], one[1], one[2], one[3], other[0], other[1])
    b = _side(one[0], one[1], one[2], one[3], other[2], other[3])
    c = _side(other[0], other[1], other[2], other[3], one[0], one[1])
    d = _side(other[0], other[1], other[2], other[3], one[2], one[3])
    return a * b < 0 and c * d < 0


@numba.njit(cache=True)
def _to_point(piece: Floats, x: float, y: float) -> float:  # pragma: no cover
    dx, dy = piece[2] - piece[0], piece[3] - piece[1]
    square = dx * dx + dy * dy
    share = 0.0 if square == 0 else min(1.0, max(0.0, ((x - piece[0]) * dx + (y - piece[1]) * dy) / square))
    return math.hypot(x - piece[0] - share * dx, y - piece[1] - share * dy)
