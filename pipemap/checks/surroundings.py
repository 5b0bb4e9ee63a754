"""Where to look around what a changeset touches: few rectangles that cover a street and not the city."""

from collections.abc import Sequence

import numpy as np

from pipemap.checks.columns import Floats, Ints, numbered

_CELL_M = 100.0
# A box of more cells than this is one rectangle: a line drawn across the country is not cut into a million.
_LARGEST_BLOCK = 10_000
_AT_ONCE = 100_000


def surroundings(boxes: Sequence[Floats], margin_m: float) -> Floats:
    """Rectangles (west, south, east, north) that hold every box (n, 4) with a margin around it."""
    parts = (some[start : start + _AT_ONCE] for some in boxes for start in range(0, len(some), _AT_ONCE))
    blocks = _each_once(np.concatenate([np.empty((0, 4), np.int64), *(_blocks(part, margin_m) for part in parts)]))
    sides = blocks[:, 2:] - blocks[:, :2] + 1
    is_large = sides.astype(np.float64).prod(axis=1) > _LARGEST_BLOCK
    rectangles = np.concatenate([blocks[is_large], _rows_of_cells(blocks[~is_large], sides[~is_large])])
    rectangles[:, 2:] += 1
    return rectangles * _CELL_M


def _blocks(boxes: Floats, margin_m: float) -> Ints:
    """The first and the last column and row of cells that each box meets; many features share theirs."""
    boxes = boxes[np.isfinite(boxes).all(axis=1)] + np.array([-margin_m, -margin_m, margin_m, margin_m])
    return _each_once(np.floor(boxes / _CELL_M).astype(np.int64))


def _rows_of_cells(blocks: Ints, sides: Ints) -> Ints:
    """The cells of all blocks, each once, joined to rows from west to east."""
    count = sides.prod(axis=1)
    block = np.repeat(np.arange(len(blocks)), count)
    number = np.arange(len(block)) - np.repeat(np.cumsum(count) - count, count)
    column, row = blocks[block, 0] + number % sides[block, 0], blocks[block, 1] + number // sides[block, 0]
    cells = _each_once(np.column_stack([row, column]))
    row, column = cells[np.lexsort((cells[:, 1], cells[:, 0]))].T
    begins = np.append(True, (np.diff(row) != 0) | (np.diff(column) != 1))[: len(cells)]
    ends = np.append(begins[1:], True)[: len(cells)]
    return np.column_stack([column[begins], row[begins], column[ends], row[ends]])


def _each_once(rows: Ints) -> Ints:
    _, first = numbered(list(rows.T))
    return rows[first]
