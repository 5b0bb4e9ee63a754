"""The squares that tiles are cut from: the web's grid, and one in the project's own system.

On the latter nothing is transformed. A grid has one square at level 0; each level halves it. Rows count from the top.
"""

import math
from dataclasses import dataclass
from functools import cache

from pyproj import Transformer

from pipemap.crs import area_of_use
from pipemap.errors import CrsError, NotFoundError
from pipemap.pages import Box

WEB_MERCATOR = 3857
# The parts of a grid that are drawn: 39 km to 38 m a tile on the web's grid, 33 km to 32 m on the project's.
MIN_LEVEL, MAX_LEVEL = 10, 20
# Circumference of the Earth as web maps have it, in m (OGC 17-083r4, annex D.1).
_WEB_SIDE_M = 40_075_016.685578488
# On this side levels mean nearly the same as on the web; every grid of metres with or without zone numbers fits.
_PROJECT_SIDE_M = float(2**25)


@dataclass(frozen=True)
class Grid:
    """A tile matrix set: the square of level 0 by its upper left corner and its side, in the CRS `srid`."""

    id: str
    srid: int
    left_m: float
    top_m: float
    side_m: float

    def side_at(self, level: int) -> float:
        """Side of a tile of a level, in units of the CRS."""
        return math.ldexp(self.side_m, -level)

    def range_of(self, box: Box, level: int) -> tuple[int, int, int, int]:
        """First and last row, first and last column of the tiles of a level that a box meets."""
        side, most = self.side_at(level), 2**level - 1
        rows = (math.floor((self.top_m - y) / side) for y in (box[3], box[1]))
        columns = (math.floor((x - self.left_m) / side) for x in (box[0], box[2]))
        first_row, last_row, first_column, last_column = (min(max(n, 0), most) for n in (*rows, *columns))
        return first_row, last_row, first_column, last_column


@dataclass(frozen=True)
class Tile:
    """One tile of a grid."""

    grid: Grid
    level: int
    row: int
    column: int

    @property
    def box(self) -> Box:
        """Min x, min y, max x, max y in the grid's CRS."""
        side = self.grid.side_at(self.level)
        left, top = self.grid.left_m + self.column * side, self.grid.top_m - self.row * side
        return left, top - side, left + side, top


def grids(project_srid: int) -> dict[str, Grid]:
    """The grids of a project by name; CrsError for a local grid, which nobody can place on the Earth."""
    return {grid.id: grid for grid in (_web_grid(), own_grid(project_srid))}


def find_tile(project_srid: int, grid_id: str, level: int, row: int, column: int) -> Tile:
    """A tile by its numbers; NotFoundError when there is no such grid or tile."""
    offered = grids(project_srid)
    if grid_id not in offered:
        raise NotFoundError(f"There is no tile matrix set {grid_id}; there are {', '.join(offered)}.")
    if not (0 <= level <= MAX_LEVEL and 0 <= row < 2**level and 0 <= column < 2**level):
        raise NotFoundError(f"There is no tile {level}/{row}/{column} in {grid_id}; levels go to {MAX_LEVEL}.")
    return Tile(offered[grid_id], level, row, column)


def limits(grid: Grid, degrees: Box, level: int) -> tuple[int, int, int, int]:
    """First and last row, first and last column of the tiles of a level that a box in degrees meets."""
    box = Transformer.from_crs(4326, grid.srid, always_xy=True).transform_bounds(*degrees)
    return grid.range_of(box, level)


def _web_grid() -> Grid:
    return Grid("WebMercatorQuad", WEB_MERCATOR, -_WEB_SIDE_M / 2, _WEB_SIDE_M / 2, _WEB_SIDE_M)


@cache
def own_grid(srid: int) -> Grid:
    """The grid in the project's system; CrsError for a local one, which nobody can place on the Earth.

    It is the square of a lattice of such squares around 0, 0 that the middle of the CRS's area of use falls into.
    """
    if not srid:
        raise CrsError("This project uses a local grid without an EPSG code; there are no tiles of it.")
    area = area_of_use(srid, srid) or (0.0, 0.0, 0.0, 0.0)
    x, y = ((area[n] + area[n + 2]) / 2 for n in (0, 1))
    left, bottom = ((round(middle / _PROJECT_SIDE_M) - 0.5) * _PROJECT_SIDE_M for middle in (x, y))
    return Grid(f"EPSG{srid}Quad", srid, left, bottom + _PROJECT_SIDE_M, _PROJECT_SIDE_M)
