"""Which pipes are near enough to be judged: a hashed grid of cells over their pieces, searched in compiled code.

What a cell holds lies side by side in memory, small and with the box of each piece cut to the cell, so that nearly
all that is not near is passed over without a look anywhere else.
"""

import math
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from pipemap.clearance.core import Pipes
from pipemap.clearance.geometry3d import Floats, minus, nearest_of, row_point
from pipemap.clearance.judging import measure_many
from pipemap.clearance.measuring import Shapes
from pipemap.clearance.numbers import LARGEST_UNKNOWN_HALF_M, Ints

_CELL_M = 32.0
# Cells side by side in a row stay side by side in the table.
_ROW_STEP = 4099


class Reach(NamedTuple):
    """How near axes must come to matter: the limit between two parties, and the half size of each pipe."""

    party: Ints
    limit_m: Floats
    half_m: Floats
    in_space: bool


class Grid(NamedTuple):
    """Entries of slot s are `heads[s]` up to `heads[s + 1]`: piece, pipe and cell of each, and its box in the cell.

    Boxes (e, 6) are west, east, south, north, bottom, top less the corner of the grid, to `slack_m`.
    """

    heads: Ints
    cell: Ints
    piece: Ints
    pipe: Ints
    box: NDArray[np.float32]
    corner: Floats
    slack_m: float


def rule_reach(pipes: Pipes) -> Reach:
    """As far as any rule can keep two pipes apart in plan; a size that is not known may be large."""
    half_m = np.where(np.isnan(pipes.half_width_m), LARGEST_UNKNOWN_HALF_M, pipes.half_width_m)
    return Reach(pipes.facts.party, np.maximum(pipes.facts.horizontal_m, 0.0), half_m, False)


def limit_reach(pipes: Pipes, limit_m: float) -> Reach:
    """One limit between all walls in space; sizes that are not known count as nothing."""
    shapes = pipes.shapes
    half_m = np.where(shapes.is_round, shapes.half_width_m, np.hypot(shapes.half_width_m, shapes.half_height_m))
    return Reach(np.zeros(len(pipes), np.int64), np.full((1, 1), limit_m), half_m, True)


def grid_of(pipes: Pipes) -> Grid:
    """The grid over the pieces of some pipes."""
    owner = np.repeat(np.arange(len(pipes)), np.diff(pipes.first_piece)).astype(np.int64)
    ends = pipes.shapes.start, pipes.shapes.end
    known = np.isfinite(ends[0][:, :2] + ends[1][:, :2]).all(axis=1)
    corner, far = np.zeros(3), 1.0
    if known.any():
        corner = np.append(np.minimum(*(end[known, :2].min(axis=0) for end in ends)), 0.0)
        far = float(max((end[known, :2] - corner[:2]).max(initial=1.0) for end in ends))
    # What four bytes may lose of a number of this size, and more.
    slack_m = max(far, 10_000.0) * 2.0**-21
    return Grid(*_filled(pipes.shapes, owner, corner), corner, slack_m)


def candidate_pairs(pipes: Pipes, grid: Grid, reach: Reach, asked: Ints, rank: Ints) -> tuple[Ints, Ints]:
    """Pairs (asked, other) whose axes come within reach of one another, each pair once; joined ones are left out.

    `rank` orders the pipes: of two that both have a rank, the one with the lower asks; -1 for those that only
    stand around.
    """
    found: tuple[Ints, Ints] = _search(
        pipes.shapes,
        np.ascontiguousarray(pipes.nodes, np.int64),
        grid,
        reach,
        np.ascontiguousarray(asked, np.int64),
        np.ascontiguousarray(rank, np.int64),
    )
    return found


def pairs_within(pipes: Pipes, limit_m: float, threads: int = 2) -> tuple[Ints, Ints, Floats]:
    """Every pair whose walls are nearer in space than one limit, joined pipes left out, and that distance in metres."""
    grid, reach, rank = grid_of(pipes), limit_reach(pipes, limit_m), np.arange(len(pipes))

    def searched(asked: Ints) -> tuple[Ints, Ints, Floats]:
        left, right = candidate_pairs(pipes, grid, reach, asked, rank)
        space_m = measure_many(pipes.shapes, left, right)[0]
        near = np.flatnonzero(space_m < limit_m)
        return left[near], right[near], space_m[near]

    with ThreadPoolExecutor(threads) as pool:
        parts = list(pool.map(searched, np.array_split(rank, threads)))
    left, right, space_m = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return left, right, space_m


@numba.njit(cache=True, nogil=True)
def _rows_of(shapes: Shapes, corner: Floats, piece: int, reach_m: float) -> tuple[int, int]:  # pragma: no cover
    y0, y1 = shapes.start[piece, 1] - corner[1], shapes.end[piece, 1] - corner[1]
    if not math.isfinite(y0 + y1 + shapes.start[piece, 0] + shapes.end[piece, 0]):
        return 0, -1
    return math.floor((min(y0, y1) - reach_m) / _CELL_M), math.floor((max(y0, y1) + reach_m) / _CELL_M)


@numba.njit(cache=True, nogil=True)
def _between(
    shapes: Shapes, corner: Floats, piece: int, axis: int, low: float, high: float
) -> tuple[float, float]:  # pragma: no cover
    """The part of a piece, as shares of its length, whose coordinate lies between two values."""
    here, there = shapes.start[piece, axis] - corner[axis], shapes.end[piece, axis] - corner[axis]
    if here == there:
        return 0.0, 1.0
    one, other = (low - here) / (there - here), (high - here) / (there - here)
    return max(0.0, min(one, other)), min(1.0, max(one, other))


@numba.njit(cache=True, nogil=True)
def _columns_of(
    shapes: Shapes, corner: Floats, piece: int, reach_m: float, row: int
) -> tuple[int, int]:  # pragma: no cover
    """First and last cell that a piece with its surroundings takes in one row of cells."""
    first, last = _between(shapes, corner, piece, 1, row * _CELL_M - reach_m, (row + 1) * _CELL_M + reach_m)
    west, way = shapes.start[piece, 0] - corner[0], shapes.end[piece, 0] - shapes.start[piece, 0]
    here, there = west + first * way, west + last * way
    return math.floor((min(here, there) - reach_m) / _CELL_M), math.floor((max(here, there) + reach_m) / _CELL_M)


@numba.njit(cache=True, nogil=True)
def _box_in(
    shapes: Shapes, corner: Floats, piece: int, column: int, row: int, reach_m: float, box: NDArray[np.float32]
) -> None:  # pragma: no cover
    """Box of the part of a piece that lies in a cell or within reach of it."""
    first, last = _between(shapes, corner, piece, 0, column * _CELL_M - reach_m, (column + 1) * _CELL_M + reach_m)
    second, past = _between(shapes, corner, piece, 1, row * _CELL_M - reach_m, (row + 1) * _CELL_M + reach_m)
    first, last = max(first, second), min(last, past)
    last = max(first, last)
    for axis in range(3):
        here, way = shapes.start[piece, axis] - corner[axis], shapes.end[piece, axis] - shapes.start[piece, axis]
        one, other = here + first * way, here + last * way
        box[2 * axis], box[2 * axis + 1] = min(one, other), max(one, other)


@numba.njit(cache=True, nogil=True)
def _filled(
    shapes: Shapes, owner: Ints, corner: Floats
) -> tuple[Ints, Ints, Ints, Ints, NDArray[np.float32]]:  # pragma: no cover
    size = 64
    while size < len(shapes.start):
        size *= 2
    heads = np.zeros(size + 1, np.int64)
    free, cell, piece_of = heads, np.empty(0, np.int64), np.empty(0, np.int64)
    for fill in range(2):
        if fill:
            heads = np.concatenate((np.zeros(1, np.int64), np.cumsum(heads[:size])))
            cell, piece_of = np.empty(heads[size], np.int64), np.empty(heads[size], np.int64)
            free = heads[:size].copy()
        for piece in range(len(shapes.start)):
            first_row, last_row = _rows_of(shapes, corner, piece, 0.0)
            for row in range(first_row, last_row + 1):
                west, east = _columns_of(shapes, corner, piece, 0.0, row)
                for column in range(west, east + 1):
                    slot = (row * _ROW_STEP + column) & (size - 1)
                    if fill:
                        piece_of[free[slot]] = piece
                        cell[free[slot]] = (row << 32) ^ (column & 0xFFFFFFFF)
                    free[slot] += 1
    boxes, pipe = np.empty((len(cell), 6), np.float32), owner[piece_of]
    for at in range(len(cell)):
        column = cell[at] & 0xFFFFFFFF
        column = column - (1 << 32) if column >= (1 << 31) else column
        _box_in(shapes, corner, piece_of[at], column, (cell[at] ^ (column & 0xFFFFFFFF)) >> 32, 0.01, boxes[at])
    return heads, cell, piece_of, pipe, boxes


@numba.njit(cache=True, nogil=True)
def _search(
    shapes: Shapes, nodes: Ints, grid: Grid, reach: Reach, asked: Ints, rank: Ints
) -> tuple[Ints, Ints]:  # pragma: no cover
    left, right = np.empty(max(16, len(asked)), np.int64), np.empty(max(16, len(asked)), np.int64)
    count, taken_by, box = 0, np.full(len(rank), -1, np.int64), np.empty(6, np.float32)
    farthest_m = np.array([reach.limit_m[party].max() for party in range(len(reach.limit_m))])
    widest_m, mask = reach.half_m.max() if len(reach.half_m) else 0.0, len(grid.heads) - 2
    for one in asked:
        around_m = farthest_m[reach.party[one]] + reach.half_m[one] + widest_m + grid.slack_m
        for piece in range(shapes.first_piece[one], shapes.first_piece[one + 1]):
            first_row, last_row = _rows_of(shapes, grid.corner, piece, around_m)
            for row in range(first_row, last_row + 1):
                west, east = _columns_of(shapes, grid.corner, piece, around_m, row)
                for column in range(west, east + 1):
                    slot, number = (row * _ROW_STEP + column) & mask, (row << 32) ^ (column & 0xFFFFFFFF)
                    _box_in(shapes, grid.corner, piece, column, row, around_m, box)
                    for at in range(grid.heads[slot], grid.heads[slot + 1]):
                        if grid.cell[at] != number or _boxes_apart(box, grid.box[at], reach.in_space) > around_m:
                            continue
                        other = grid.pipe[at]
                        if taken_by[other] == one or not _asks(rank, one, other):
                            continue
                        if not _is_near(shapes, nodes, reach, one, other, piece, grid.piece[at]):
                            continue
                        taken_by[other] = one
                        if count == len(left):
                            left = np.concatenate((left, np.empty(count, np.int64)))
                            right = np.concatenate((right, np.empty(count, np.int64)))
                        left[count], right[count] = one, other
                        count += 1
    return left[:count].copy(), right[:count].copy()


@numba.njit(cache=True, nogil=True)
def _asks(rank: Ints, one: int, other: int) -> bool:  # pragma: no cover
    """Whether a pair is for the first pipe to ask about."""
    return one != other and not 0 <= rank[other] <= rank[one]


@numba.njit(cache=True, nogil=True, inline="always")
def _boxes_apart(one: NDArray[np.float32], other: NDArray[np.float32], in_space: bool) -> float:  # pragma: no cover
    """How far apart two boxes are at least, in space or in plan; an unknown height is no bound."""
    apart: float = max(max(one[0] - other[1], other[0] - one[1]), max(one[2] - other[3], other[2] - one[3]))
    return max(apart, max(one[4] - other[5], other[4] - one[5])) if in_space else apart


@numba.njit(cache=True, nogil=True)
def _is_near(
    shapes: Shapes, nodes: Ints, reach: Reach, one: int, other: int, a: int, b: int
) -> bool:  # pragma: no cover
    within_m = reach.limit_m[reach.party[one], reach.party[other]] + reach.half_m[one] + reach.half_m[other]
    p, q = row_point(shapes.start, a), row_point(shapes.start, b)
    u, v = minus(row_point(shapes.end, a), p), minus(row_point(shapes.end, b), q)
    if _beside(p, u, q, v, within_m) or _beside(q, v, p, u, within_m):
        return False
    for end in range(2):
        if nodes[one, 0] == nodes[other, end] or nodes[one, 1] == nodes[other, end]:
            return False
    if reach.in_space:
        return bool(nearest_of(p, u, q, v)[0] <= within_m)
    flat_p, flat_q = (p[0], p[1], 0.0), (q[0], q[1], 0.0)
    return bool(nearest_of(flat_p, (u[0], u[1], 0.0), flat_q, (v[0], v[1], 0.0))[0] <= within_m)


@numba.njit(cache=True, nogil=True)
def _beside(
    p: tuple[float, float, float],
    u: tuple[float, float, float],
    q: tuple[float, float, float],
    v: tuple[float, float, float],
    within_m: float,
) -> bool:  # pragma: no cover
    """Whether the second piece lies, in plan, on one side of the line of the first, and farther from it."""
    x, y = q[0] - p[0], q[1] - p[1]
    here = u[0] * y - u[1] * x
    there = here + u[0] * v[1] - u[1] * v[0]
    return here * there > 0 and min(abs(here), abs(there)) > within_m * math.hypot(u[0], u[1])
