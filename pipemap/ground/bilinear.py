"""Heights at millions of places of a grid: sorted by tile in one pass, then bilinear between the posts of each tile."""

import numba
import numpy as np
import numpy.typing as npt

from pipemap.ground.grid import TILE_POSTS, Floats, Heights, Ints

# So near to a post, in steps, a place is at it.
_AT_POST = 1e-6


@numba.njit(cache=True, nogil=True)
def by_tile(cells: Floats, which: Ints, columns: int, rows: int) -> tuple[Ints, Ints, Ints]:  # pragma: no cover
    """Tiles that hold places, where in `order` their places begin, and `order`: the places of each tile in turn.

    `cells` (n, 2) are columns and rows as fractions; places that are not between posts, or told already (`which`), are
    left out. Tiles are numbered row by row.
    """
    across = columns // TILE_POSTS + 1
    tile, counts = np.full(len(cells), -1, np.int64), np.zeros(across * (rows // TILE_POSTS + 1), np.int64)
    for place in range(len(cells)):
        column, row = cells[place]
        if which[place] < 0 and 0 <= column <= columns - 1 and 0 <= row <= rows - 1:
            west, north = min(int(column), columns - 2), min(int(row), rows - 2)
            tile[place] = north // TILE_POSTS * across + west // TILE_POSTS
            counts[tile[place]] += 1
    wanted = np.flatnonzero(counts)
    first = np.zeros(len(wanted) + 1, np.int64)
    first[1:] = np.cumsum(counts[wanted])
    counts[wanted] = first[:-1]
    order = np.empty(first[-1], np.int64)
    for place in range(len(cells)):
        if tile[place] >= 0:
            order[counts[tile[place]]] = place
            counts[tile[place]] += 1
    return wanted, first, order


@numba.njit(cache=True, nogil=True)
def fill_heights(
    z_m: Floats,
    which: Ints,
    number: int,
    cells: Floats,
    order: Ints,
    first: Ints,
    posts: Heights,
    columns: int,
    rows: int,
) -> None:  # pragma: no cover
    """Fill in the heights of places, those of `posts[i]` being `order[first[i]]` up to `order[first[i + 1]]`.

    A corner that has no weight need not be known. What is known is noted in `which` under the `number` of the model.
    """
    for tile in range(len(posts)):
        for at in range(first[tile], first[tile + 1]):
            column, row = cells[order[at]]
            west, north = min(int(column), columns - 2), min(int(row), rows - 2)
            height_m = 0.0
            for down in range(2):
                for right in range(2):
                    weight = (row - north if down else 1 - (row - north)) * (
                        column - west if right else 1 - (column - west)
                    )
                    if weight != 0:
                        height_m += weight * posts[tile, north % TILE_POSTS + down, west % TILE_POSTS + right]
            if not np.isnan(height_m):
                z_m[order[at]], which[order[at]] = height_m, number


@numba.njit(cache=True, nogil=True)
def cells_of(
    xy: Floats, west_m: float, north_m: float, step_x_m: float, step_y_m: float
) -> npt.NDArray[np.float64]:  # pragma: no cover
    """Column and row of places (n, 2) as fractions; a place that is at a post to a millionth of a step is at it."""
    cells = np.empty((len(xy), 2))
    for place in range(len(xy)):
        cells[place, 0] = (xy[place, 0] - west_m) / step_x_m
        cells[place, 1] = (north_m - xy[place, 1]) / step_y_m
        for side in range(2):
            whole = np.rint(cells[place, side])
            if abs(cells[place, side] - whole) < _AT_POST:
                cells[place, side] = whole
    return cells
