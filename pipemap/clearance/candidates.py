"""Which pipes are near enough to be judged: their pieces are sorted into cells, and met there, in compiled code.

Each piece lies in every cell that it touches when it is grown by half of what must be kept free around it, so two
that are near enough share a cell. Cells are slots of a table that is never full: pieces of two cells in one slot
are compared for nothing, and found to be far apart. What is compared lies side by side in memory, four bytes a
number, so that nearly all that is not near is passed over without a look anywhere else.
"""

import math
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import NamedTuple, TypeAlias

import numba
import numpy as np
from numpy.typing import NDArray

from pipemap.clearance.core import Pipes
from pipemap.clearance.geometry3d import Bools, Floats, minus, nearest_of, row_point
from pipemap.clearance.judging import measure_many
from pipemap.clearance.measuring import Shapes
from pipemap.clearance.numbers import LARGEST_UNKNOWN_HALF_M, Ints

Reals: TypeAlias = NDArray[np.float32]
SmallInts: TypeAlias = NDArray[np.int32]

_CELL_M = 32.0
_MOST_ROWS = 2**40
# So many pieces and what is near them fit into the cache of one core.
_STRIP_PIECES = 125_000
# Where the numbers of a piece stand: its ends in plan, its lowest and highest z, and how far it is grown.
_X0, _Y0, _X1, _Y1, _LOW, _HIGH, _GROWN = range(7)


class Reach(NamedTuple):
    """How near axes must come to matter: the limit between two parties, and the half size of each pipe."""

    party: Ints
    limit_m: Floats
    half_m: Floats
    in_space: bool


class Window(NamedTuple):
    """Where the cells lie: the corner they are counted from, what four bytes may lose, and the rows looked at.

    One row of cells follows the other in the table, `row_step` cells on.
    """

    corner: Floats
    slack_m: float
    row_step: int
    first_row: int
    last_row: int


class Pieces(NamedTuple):
    """Pieces of pipes that reach into a window: which they are, and k rows of numbers less the corner."""

    pipe: SmallInts
    piece: SmallInts
    numbers: Reals


def rule_reach(pipes: Pipes) -> Reach:
    """As far as any rule can keep two pipes apart in plan; a size that is not known may be large."""
    half_m = np.where(np.isnan(pipes.half_width_m), LARGEST_UNKNOWN_HALF_M, pipes.half_width_m)
    return Reach(pipes.facts.party, np.maximum(pipes.facts.horizontal_m, 0.0), half_m, False)


def limit_reach(pipes: Pipes, limit_m: float) -> Reach:
    """One limit between all walls in space; sizes that are not known count as nothing."""
    shapes = pipes.shapes
    half_m = np.where(shapes.is_round, shapes.half_width_m, np.hypot(shapes.half_width_m, shapes.half_height_m))
    return Reach(np.zeros(len(pipes), np.int64), np.full((1, 1), limit_m), half_m, True)


def candidate_pairs(pipes: Pipes, reach: Reach, is_home: Bools, rank: Ints) -> tuple[Ints, Ints]:
    """Pairs (asking, other) whose axes come within reach of one another, each pair once; joined ones are left out.

    `rank` orders the pipes: of two the one with the lower rank asks, where it is at home; -1 is for those that
    only stand around.
    """
    return _pairs_in(pipes, reach, window_of(pipes), is_home, np.where(rank < 0, np.iinfo(np.int64).max, rank))


def pairs_within(pipes: Pipes, limit_m: float, threads: int = 2) -> tuple[Ints, Ints, Floats]:
    """Every pair whose walls are nearer in space than one limit, joined pipes left out, and that distance in metres."""
    reach, everywhere = limit_reach(pipes, limit_m), np.ones(len(pipes), np.bool_)
    rank = np.arange(len(pipes))

    def searched(window: Window) -> tuple[Ints, Ints, Floats]:
        left, right = _pairs_in(pipes, reach, window, everywhere, rank)
        space_m = measure_many(pipes.shapes, left, right)[0]
        near = np.flatnonzero(space_m < limit_m)
        return left[near], right[near], space_m[near]

    with ThreadPoolExecutor(threads) as pool:
        parts = list(pool.map(searched, _strips(pipes)))
    left, right, space_m = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    # A pair may be near on both sides of a border.
    once = np.unique(left * len(pipes) + right, return_index=True)[1]
    return left[once], right[once], space_m[once]


def window_of(pipes: Pipes) -> Window:
    """The window in which all pipes lie."""
    corner, far_m = _extent(pipes.shapes)
    # What four bytes may lose of a number of this size, and more.
    slack_m = max(far_m, 10_000.0) * 2.0**-21
    return Window(corner, slack_m, math.ceil(far_m / _CELL_M) + 2, -_MOST_ROWS, _MOST_ROWS)


def _strips(pipes: Pipes) -> list[Window]:
    """Windows of as many pieces each, one beside the other."""
    whole, shapes = window_of(pipes), pipes.shapes
    sample = shapes.start[:: max(1, len(shapes.start) // 10_000), 1] - whole.corner[1]
    rows = np.floor(np.sort(sample[np.isfinite(sample)]) / _CELL_M).astype(np.int64)
    count = len(shapes.start) // _STRIP_PIECES
    inner = np.unique(rows[np.arange(1, count + 1) * len(rows) // (count + 1)]).tolist() if count else []
    edges = [whole.first_row, *inner, whole.last_row + 1]
    return [whole._replace(first_row=low, last_row=past - 1) for low, past in pairwise(edges)]


def _pairs_in(pipes: Pipes, reach: Reach, window: Window, is_home: Bools, rank: Ints) -> tuple[Ints, Ints]:
    grown_m = reach.half_m + reach.limit_m.max(axis=1, initial=0.0)[reach.party] / 2 + window.slack_m
    pieces = _pieces_in(pipes.shapes, grown_m, window, reach.in_space)
    heads, held = _slots(pieces, window)
    nodes = np.ascontiguousarray(pipes.nodes, np.int64)
    left, right = _met(pipes.shapes, nodes, reach, pieces, heads, held, is_home, rank)
    key = np.unique(left * len(pipes) + right)
    return key // max(len(pipes), 1), key % max(len(pipes), 1)


@numba.njit(cache=True, nogil=True)
def _extent(shapes: Shapes) -> tuple[Floats, float]:  # pragma: no cover
    """The least of each coordinate, and how far the greatest lie from it at most; what is not known left out."""
    least, greatest = np.full(3, math.inf), np.full(3, -math.inf)
    for piece in range(len(shapes.start)):
        for axis in range(3):
            for at in (shapes.start[piece, axis], shapes.end[piece, axis]):
                if math.isfinite(at):
                    least[axis], greatest[axis] = min(least[axis], at), max(greatest[axis], at)
    far_m = 0.0
    for axis in range(3):
        if least[axis] > greatest[axis]:
            least[axis] = greatest[axis] = 0.0
        far_m = max(far_m, greatest[axis] - least[axis])
    return least, far_m


@numba.njit(cache=True, nogil=True)
def _pieces_in(shapes: Shapes, grown_m: Floats, window: Window, in_space: bool) -> Pieces:  # pragma: no cover
    """The pieces that reach into the rows of a window; those whose place is not known are in none."""
    size, count = len(shapes.start), 0
    pipe_of, piece_of = np.empty(size, np.int32), np.empty(size, np.int32)
    numbers = np.empty((size, 7), np.float32)
    low_m, high_m = window.first_row * _CELL_M, (window.last_row + 1) * _CELL_M
    x, y, z = window.corner
    for pipe in range(len(grown_m)):
        for piece in range(shapes.first_piece[pipe], shapes.first_piece[pipe + 1]):
            y0, y1 = shapes.start[piece, 1] - y, shapes.end[piece, 1] - y
            if not (min(y0, y1) - grown_m[pipe] < high_m and max(y0, y1) + grown_m[pipe] >= low_m):
                continue
            x0, x1 = shapes.start[piece, 0] - x, shapes.end[piece, 0] - x
            z0, z1 = (shapes.start[piece, 2] - z, shapes.end[piece, 2] - z) if in_space else (0.0, 0.0)
            if not math.isfinite(x0 + x1 + y0 + y1 + z0 + z1):
                continue
            pipe_of[count], piece_of[count] = pipe, piece
            row = numbers[count]
            row[_X0], row[_Y0], row[_X1], row[_Y1] = x0, y0, x1, y1
            row[_LOW], row[_HIGH], row[_GROWN] = min(z0, z1), max(z0, z1), grown_m[pipe]
            count += 1
    return Pieces(pipe_of[:count], piece_of[:count], numbers[:count])


@numba.njit(cache=True, nogil=True)
def _slots(pieces: Pieces, window: Window) -> tuple[SmallInts, SmallInts]:  # pragma: no cover
    """The pieces that lie in slot s are `held[heads[s]:heads[s + 1]]`."""
    size = 64
    while size < 2 * len(pieces.pipe):
        size *= 2
    heads, held = np.zeros(size + 1, np.int32), np.empty(0, np.int32)
    free = heads[1:]
    for fill in range(2):
        if fill:
            for slot in range(size):
                heads[slot + 1] += heads[slot]
            held, free = np.empty(heads[size], np.int32), heads[:size].copy()
        for at in range(len(pieces.pipe)):
            row = pieces.numbers[at].astype(np.float64)
            x0, y0, x1, y1, grown_m = row[_X0], row[_Y0], row[_X1], row[_Y1], row[_GROWN]
            slope = (x1 - x0) / (y1 - y0) if y1 != y0 else 0.0
            west, east = min(x0, x1), max(x0, x1)
            first = max(window.first_row, math.floor((min(y0, y1) - grown_m) / _CELL_M))
            last = min(window.last_row, math.floor((max(y0, y1) + grown_m) / _CELL_M))
            for line in range(first, last + 1):
                low, high = west, east
                if slope != 0.0:
                    here = x0 + (line * _CELL_M - grown_m - y0) * slope
                    there = x0 + ((line + 1) * _CELL_M + grown_m - y0) * slope
                    low, high = max(low, min(here, there)), min(high, max(here, there))
                for column in range(math.floor((low - grown_m) / _CELL_M), math.floor((high + grown_m) / _CELL_M) + 1):
                    slot = (line * window.row_step + column) & (size - 1)
                    if fill:
                        held[free[slot]] = at
                    free[slot] += 1
    return heads, held


@numba.njit(cache=True, nogil=True)
def _met(
    shapes: Shapes,
    nodes: Ints,
    reach: Reach,
    pieces: Pieces,
    heads: SmallInts,
    held: SmallInts,
    is_home: Bools,
    rank: Ints,
) -> tuple[Ints, Ints]:  # pragma: no cover
    """Pairs of pipes with pieces in one slot that are within reach; some more than once."""
    left, right, count = np.empty(1024, np.int64), np.empty(1024, np.int64), 0
    for slot in range(len(heads) - 1):
        for i in range(heads[slot], heads[slot + 1]):
            here = held[i]
            for j in range(i + 1, heads[slot + 1]):
                there = held[j]
                if _far_apart(pieces.numbers, here, there):
                    continue
                one, other, a, b = pieces.pipe[here], pieces.pipe[there], pieces.piece[here], pieces.piece[there]
                if _joined(nodes, one, other):
                    continue
                if rank[other] < rank[one]:
                    one, other, a, b = other, one, b, a
                if not is_home[one] or not _is_near(shapes, reach, one, other, a, b):
                    continue
                if count == len(left):
                    left, right = np.append(left, left), np.append(right, right)
                left[count], right[count] = one, other
                count += 1
    return left[:count], right[:count]


@numba.njit(cache=True, nogil=True, inline="always")
def _far_apart(numbers: Reals, one: int, other: int) -> bool:  # pragma: no cover
    """Whether two pieces are for certain farther apart than both are grown."""
    within_m = numbers[one, _GROWN] + numbers[other, _GROWN]
    if max(numbers[one, _LOW] - numbers[other, _HIGH], numbers[other, _LOW] - numbers[one, _HIGH]) > within_m:
        return True
    if _beside(numbers, one, other, within_m) or _beside(numbers, other, one, within_m):
        return True
    return bool(max(_past(numbers, one, other, _X0, _X1), _past(numbers, one, other, _Y0, _Y1)) > within_m)


@numba.njit(cache=True, nogil=True, inline="always")
def _beside(numbers: Reals, one: int, other: int, within_m: float) -> bool:  # pragma: no cover
    """Whether the second piece lies, in plan, on one side of the line of the first, and farther from it."""
    x0, y0 = np.float64(numbers[one, _X0]), np.float64(numbers[one, _Y0])
    ux, uy = numbers[one, _X1] - x0, numbers[one, _Y1] - y0
    here = ux * (numbers[other, _Y0] - y0) - uy * (numbers[other, _X0] - x0)
    there = ux * (numbers[other, _Y1] - y0) - uy * (numbers[other, _X1] - x0)
    nearest = min(abs(here), abs(there))
    return bool(here * there > 0 and nearest * nearest > within_m * within_m * (ux * ux + uy * uy))


@numba.njit(cache=True, nogil=True, inline="always")
def _past(numbers: Reals, one: int, other: int, first: int, last: int) -> float:  # pragma: no cover
    """How far one piece lies past the other along an axis."""
    low, high = numbers[one, first], numbers[one, last]
    before = min(low, high) - max(numbers[other, first], numbers[other, last])
    return float(max(before, min(numbers[other, first], numbers[other, last]) - max(low, high)))


@numba.njit(cache=True, nogil=True)
def _joined(nodes: Ints, one: int, other: int) -> bool:  # pragma: no cover
    """One pipe, or two that share a node."""
    first, last, from_node, to_node = nodes[one, 0], nodes[one, 1], nodes[other, 0], nodes[other, 1]
    return one == other or first in (from_node, to_node) or last in (from_node, to_node)


@numba.njit(cache=True, nogil=True)
def _is_near(shapes: Shapes, reach: Reach, one: int, other: int, a: int, b: int) -> bool:  # pragma: no cover
    within_m = reach.limit_m[reach.party[one], reach.party[other]] + reach.half_m[one] + reach.half_m[other]
    p, q = row_point(shapes.start, a), row_point(shapes.start, b)
    u, v = minus(row_point(shapes.end, a), p), minus(row_point(shapes.end, b), q)
    if reach.in_space:
        return bool(nearest_of(p, u, q, v)[0] <= within_m)
    flat_p, flat_q = (p[0], p[1], 0.0), (q[0], q[1], 0.0)
    return bool(nearest_of(flat_p, (u[0], u[1], 0.0), flat_q, (v[0], v[1], 0.0))[0] <= within_m)
