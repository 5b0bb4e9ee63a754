"""The tree of all tiles of bodies, as a 3D Tiles 1.1 tileset (OGC 22-025r4): a quadtree of the project's own grid."""

from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import orjson
from psycopg.rows import DictRow
from psycopg.sql import SQL

from pipemap.sharing.tiles.cache import Made
from pipemap.sharing.tiles.grids import Grid, Tile
from pipemap.sharing.tiles.places import Floats, regions
from pipemap.sharing.tiles.solid import LEVEL, REACH, frame_of
from pipemap.sharing.tiles.vector import Drawing, Source
from pipemap.sql import queries

# A square is opened when it looks larger than this many times the error a viewer allows.
_ERROR_SHARE = 1 / 32
_SLACK_M = 0.05
_NOWHERE = [0.0] * 6


@dataclass
class _Node:
    """A square of the tree: the region (6,) of all under it, its own bodies, and the squares it is cut into."""

    region: Floats
    content: dict[str, Any] | None = None
    children: list["_Node"] = field(default_factory=list)
    error_m: float = 0.0

    def document(self) -> dict[str, Any]:
        tiles = [child.document() for child in self.children]
        if self.content is not None and not tiles:
            return self.content
        own = [self.content] if self.content is not None else []
        return {
            "boundingVolume": {"region": self.region.tolist()},
            "geometricError": self.error_m,
            "refine": "ADD",
            "children": own + tiles,
        }


def drawing(grid: Grid, source: Source) -> Drawing:
    """The tileset of a version as JSON; what could not be drawn is counted in it."""
    statement = SQL(queries("tiles")["solid_cells"]).format(
        relation=source.relation, condition=source.condition, level=SQL(LEVEL), reach=SQL(REACH)
    )
    values = {"top": grid.top_m, "left": grid.left_m, "side_0": grid.side_m}
    return Drawing(statement.as_string(None), values, partial(_made, grid), source.grant)


def _made(grid: Grid, rows: list[DictRow], version: int) -> Made:
    cells = [row for row in rows if row["level"] is not None]
    root = _tree(grid, cells, version)
    drawn = sum(row["segments"] for row in cells)
    document = {
        "asset": {"version": "1.1", "tilesetVersion": str(version)},
        "geometricError": root["geometricError"] * 2 or grid.side_at(16) * _ERROR_SHARE,
        "root": root,
        "extras": {
            "version": version,
            "segments": drawn,
            "segments_as_lines_for_want_of_a_size": sum(row["without_size"] for row in cells),
            "segments_left_out_for_want_of_a_height": sum(row["segments"] for row in rows) - drawn,
            "heights": "of the project's vertical datum, taken as ellipsoidal",
        },
    }
    return Made(orjson.dumps(document), drawn)


def _tree(grid: Grid, cells: list[dict[str, Any]], version: int) -> dict[str, Any]:
    if not cells:
        return {"boundingVolume": {"region": _NOWHERE}, "geometricError": 0.0, "refine": "ADD"}
    spaces = np.array([[cell[name] for name in ("x0", "y0", "z0", "x1", "y1", "z1")] for cell in cells], float)
    around = regions(grid.srid, spaces + _SLACK_M * np.array([-1, -1, -1, 1, 1, 1]))
    nodes: dict[Tile, _Node] = {}
    for cell, region in zip(cells, around, strict=True):
        tile = Tile(grid, cell["level"], cell["row"], cell["column"])
        nodes[tile] = _Node(region, _content(tile, region, version))
    return _rooted(nodes).document()


def _content(tile: Tile, region: Floats, version: int) -> dict[str, Any]:
    uri = f"{tile.level}/{tile.row}/{tile.column}.glb?version={version}"
    return {
        "boundingVolume": {"region": region.tolist()},
        "geometricError": 0.0,
        "refine": "ADD",
        "transform": frame_of(tile).matrix(),
        "content": {"uri": uri},
    }


def _rooted(nodes: dict[Tile, _Node]) -> _Node:
    """Join squares to the ones they are cut from, the finest first, until one holds all."""
    level = max(tile.level for tile in nodes)
    while len(nodes) > 1 or level > min(tile.level for tile in nodes):
        for tile in [tile for tile in nodes if tile.level == level]:
            child = nodes.pop(tile)
            parent = Tile(tile.grid, level - 1, tile.row // 2, tile.column // 2)
            node = nodes.setdefault(parent, _Node(child.region))
            node.children.append(child)
            node.region = _around(node.region, child.region)
            node.error_m = tile.grid.side_at(level - 1) * _ERROR_SHARE
        level -= 1
    return next(iter(nodes.values()))


def _around(one: Floats, other: Floats) -> Floats:
    low, high = [0, 1, 4], [2, 3, 5]
    found = one.copy()
    found[low], found[high] = np.minimum(one[low], other[low]), np.maximum(one[high], other[high])
    return found
