"""The grid of a ground model: posts in the project CRS, cut into tiles of one size.

A tile holds `TILE_POSTS` posts each way and the first posts of the tiles east and south of it, so that any place
between posts lies in one tile. Tiles are kept as bytes, not as PostGIS rasters: those need an extension more and answer
one place a call, while a tile is an array as soon as it is read.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Heights = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

TILE_POSTS = 128
SIDE = TILE_POSTS + 1
# Wide enough to read well, and never more than some megabytes however wide the grid is.
_TILES_AT_ONCE = 64


@dataclass(frozen=True)
class Grid:
    """Where the posts are: `west_m`, `north_m` is the first one, rows go south."""

    west_m: float
    north_m: float
    step_x_m: float
    step_y_m: float
    columns: int
    rows: int

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Least x and y, greatest x and y of the posts."""
        east_m = self.west_m + (self.columns - 1) * self.step_x_m
        return self.west_m, self.north_m - (self.rows - 1) * self.step_y_m, east_m, self.north_m

    def windows(self) -> Iterator["Window"]:
        """Parts to read one after another: whole tiles with the first posts of the next ones."""
        for row in range(0, self.rows - 1, TILE_POSTS):
            for column in range(0, self.columns - 1, _TILES_AT_ONCE * TILE_POSTS):
                width, height = min(_TILES_AT_ONCE * TILE_POSTS + 1, self.columns - column), min(SIDE, self.rows - row)
                own = height - (row + height < self.rows), width - (column + width < self.columns)
                yield Window(row, column, height, width, *own)


@dataclass(frozen=True)
class Window:
    """A part of a grid from a whole tile on; posts that are not its `own` are the first of the next part."""

    row: int
    column: int
    height: int
    width: int
    own_height: int
    own_width: int

    def own(self, z_m: Heights) -> Heights:
        """The heights that no other window has."""
        return z_m[: self.own_height, : self.own_width]

    def tiles(self, z_m: Heights) -> Iterator[tuple[int, int, Heights]]:
        """Tiles (row, column, posts) of the heights of this window, those with no known height left out."""
        for start in range(0, self.width - 1, TILE_POSTS):
            part = z_m[:, start : start + SIDE]
            if np.isfinite(part).any():
                tile = np.full((SIDE, SIDE), np.nan, np.float32)
                tile[: part.shape[0], : part.shape[1]] = part
                yield self.row // TILE_POSTS, (self.column + start) // TILE_POSTS, tile
