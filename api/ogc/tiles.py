"""OGC API Tiles: vector tiles of every collection, on the web's grid and on one in the project's own system."""

import re
from functools import partial
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.routing import Route

from api.deps import STRICT, AskerDep, ServiceDep, read_asker, refuse_parameters_but
from api.ogc.answers import EncodingDep, answer, is_known
from api.ogc.collections import TITLES, extent_of, readable_of
from api.ogc.crs import epsg_uri, is_northing_first
from api.ogc.links import HTML, JSON, MVT, ROOT, TILING_SCHEME, asked_again, base_of, link
from api.ogc.standing import Standings
from api.service import Service
from pipemap.errors import NotFoundError, UsageError
from pipemap.pages import Box
from pipemap.sharing.collections import Extent
from pipemap.sharing.item_statements import Readable
from pipemap.sharing.tiles.cache import Made
from pipemap.sharing.tiles.grids import MAX_LEVEL, MIN_LEVEL, Grid, grids, limits
from pipemap.sharing.tiles.serving import TileServer, Wanted
from pipemap.sharing.tiles.vector import (
    FEATURES_FROM_LEVEL,
    MAX_FEATURES,
    TileAttribute,
    granted_attributes,
    layer_of,
    overview_attributes,
)

_NUMBER = re.compile(r"-?[0-9]{1,18}")
_MAP_SCALE_M = 0.00028
_PIXELS = 256
_MOST_BOXES = 1_000
_WEB = {
    "uri": "http://www.opengis.net/def/tilematrixset/OGC/1.0/WebMercatorQuad",
    "wellKnownScaleSet": "http://www.opengis.net/def/wkss/OGC/1.0/GoogleMapsCompatible",
}
_GEOMETRY = {"node": 0, "pipe_segment": 1}
_WORDS = (
    f"From level {FEATURES_FROM_LEVEL} every feature by its identity, at most {MAX_FEATURES} a tile; one that could "
    "not show all has a layer named capped and the header Tile-Capped; what is shorter than a 4096th of the tile is "
    "left out. Below that level segments are one feature a class, moved to whole pixels, and nodes are left out. "
    f"{FEATURES_FROM_LEVEL} 级起逐要素表达，每瓦片至多 {MAX_FEATURES} 个，超出时另有 capped 图层；"
    "以下级别按类别概化为概览，不含管点。"
)
router = APIRouter(dependencies=[STRICT], include_in_schema=False)


class Tiles:
    """The tiles of one running service, and what stands behind the keys that ask for them just now."""

    def __init__(self, service: Service) -> None:
        settings = service.settings
        self.server = TileServer(service.database, settings.statement_timeout_s, settings.tile_cache_mb * 2**20)
        self.standings = Standings(partial(self.server.check, service.looking))
        self.boxes: dict[tuple[str, int], Box | None] = {}


@router.get("/tileMatrixSets")
def list_matrix_sets(request: Request, encoding: EncodingDep) -> Response:
    """The grids that tiles are cut from."""
    here = f"{base_of(request)}/tileMatrixSets"
    listed = [
        {"id": grid.id, "title": _title(grid), "crs": epsg_uri(grid.srid), **_uri(grid),
         "links": [link(f"{here}/{grid.id}", "self", JSON, _title(grid))]}
        for grid in _grids(request).values()
    ]  # fmt: skip
    return answer(encoding, {"tileMatrixSets": listed, "links": _links(request)}, JSON, "ogc_tiles.html")


@router.get("/tileMatrixSets/{grid_id}")
def read_matrix_set(request: Request, grid_id: str, encoding: EncodingDep) -> Response:
    """One grid, matrix by matrix."""
    grid = _grid(request, grid_id)
    corner = [grid.left_m, grid.top_m]
    northing_first = is_northing_first(grid.srid)
    document = {
        "id": grid.id,
        "title": _title(grid),
        "crs": epsg_uri(grid.srid),
        "orderedAxes": ["N", "E"] if northing_first else ["E", "N"],
        **(_WEB if grid.id == "WebMercatorQuad" else {}),
        "tileMatrices": [_matrix(grid, level, corner[::-1] if northing_first else corner) for level in _levels()],
        "links": _links(request),
    }
    return answer(encoding, document, JSON, "ogc_tiles.html")


@router.get("/collections/{kind}/tiles")
def list_tilesets(request: Request, service: ServiceDep, asker: AskerDep, kind: str, encoding: EncodingDep) -> Response:
    """The tilesets of a collection: one a grid."""
    readable = readable_of(service, asker, request, kind)
    extent = extent_of(service, asker, request)
    tilesets = [_tileset(request, readable, extent, kind, grid) for grid in grids(readable.srid).values()]
    return answer(encoding, {"tilesets": tilesets, "links": _links(request)}, JSON, "ogc_tiles.html")


@router.get("/collections/{kind}/tiles/{grid_id}")
def read_tileset(
    request: Request, service: ServiceDep, asker: AskerDep, kind: str, grid_id: str, encoding: EncodingDep
) -> Response:
    """One tileset: where there are tiles, and what is in them."""
    readable = readable_of(service, asker, request, kind)
    extent = extent_of(service, asker, request)
    return answer(encoding, _tileset(request, readable, extent, kind, _grid(request, grid_id)), JSON, "ogc_tiles.html")


async def read_tile(request: Request) -> Response:
    """One tile as MVT; no content where the asker may see nothing, NotFoundError outside of the tileset's limits."""
    refuse_parameters_but(request, ())
    asker, kind = await read_asker(request), request.path_params["kind"]
    tiles: Tiles = request.app.state.tiles
    wanted = tiles.server.find(kind, request.path_params["grid_id"], *_numbers(request))
    made = None
    if tiles.server.may_have_shown(asker, wanted):
        made = await tiles.standings.kept(asker, lambda standing: tiles.server.shown_before(standing, wanted))
    if made is None:
        made = await tiles.server.show_by(request.app.state.service.looking, asker, wanted)
    if not made.body:
        await _check_within(request, asker, kind, wanted)
    return as_tile(request, made, MVT)


# Its parameters are not declared: working those out took longer than handing out a tile that is kept.
ROUTES = (Route(f"{ROOT}/collections/{{kind}}/tiles/{{grid_id}}/{{level}}/{{row}}/{{column}}", read_tile),)


def _numbers(request: Request) -> list[int]:
    """Level, row and column of an address."""
    given = [request.path_params[name] for name in ("level", "row", "column")]
    if not all(_NUMBER.fullmatch(text) for text in given):
        raise UsageError(f"{'/'.join(given)} is not level, row and column of a tile.")
    return [int(text) for text in given]


async def _check_within(request: Request, asker: str | None, kind: str, wanted: Wanted) -> None:
    """Raise NotFoundError for a tile outside of the limits that its tileset tells."""
    tile = wanted.tile
    assert tile is not None
    if tile.level in _levels_of(kind):
        box = await _box_of(request, asker)
        if box is not None:
            low_row, high_row, low_column, high_column = limits(tile.grid, box, tile.level)
            if low_row <= tile.row <= high_row and low_column <= tile.column <= high_column:
                return
    raise NotFoundError(f"Tile {tile.level}/{tile.row}/{tile.column} lies outside of the limits of this tileset.")


async def _box_of(request: Request, asker: str | None) -> Box | None:
    """The box that an asker's tilesets lie in, in degrees; kept as long as what is granted stays the same."""
    tiles: Tiles = request.app.state.tiles
    standing = await tiles.standings.of(asker)
    known = standing.digest, standing.version
    if known not in tiles.boxes:
        if len(tiles.boxes) >= _MOST_BOXES:
            tiles.boxes.clear()
        extent = await run_in_threadpool(extent_of, request.app.state.service, asker, request)
        tiles.boxes[known] = extent.west_south_east_north
    return tiles.boxes[known]


def as_tile(request: Request, made: Made, media_type: str) -> Response:
    """A tile with its tag; a client keeps it but asks each time whether it still may."""
    headers = {"ETag": f'"{made.tag}"', "Cache-Control": "private, no-cache"}
    if made.is_capped:
        headers["Tile-Capped"] = "true"
    if is_known(request, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    if not made.body:
        return Response(status_code=204, headers=headers)
    return Response(made.body, headers=headers, media_type=media_type)


def _tileset(request: Request, readable: Readable, extent: Extent, kind: str, grid: Grid) -> dict[str, Any]:
    here = f"{base_of(request)}/collections/{kind}/tiles/{grid.id}"
    scheme = f"{base_of(request)}/tileMatrixSets/{grid.id}"
    return {
        "title": f"{TITLES[kind]} · {grid.id}",
        "description": _WORDS,
        "dataType": "vector",
        "crs": epsg_uri(grid.srid),
        "tileMatrixSetURI": _uri(grid).get("uri", scheme),
        "tileMatrixSetLimits": _limits(grid, extent, _levels_of(kind)),
        "layers": _layers(kind, granted_attributes(kind, readable.columns[kind])),
        "links": [
            link(here, "self", JSON, "This tileset"),
            link(f"{here}/{{tileMatrix}}/{{tileRow}}/{{tileCol}}", "item", MVT, "Tiles 瓦片", templated=True),
            link(scheme, TILING_SCHEME, JSON, _title(grid)),
            link(f"{base_of(request)}/collections/{kind}", "geodata", JSON, TITLES[kind]),
        ],
    }


def _levels_of(kind: str) -> range:
    return range(MIN_LEVEL if kind == "pipe_segment" else FEATURES_FROM_LEVEL, MAX_LEVEL + 1)


def _layers(kind: str, attributes: list[TileAttribute]) -> list[dict[str, Any]]:
    by_level = {FEATURES_FROM_LEVEL: (attributes, MAX_LEVEL)}
    if kind == "pipe_segment":
        by_level[MIN_LEVEL] = (overview_attributes(), FEATURES_FROM_LEVEL - 1)
    return [
        {
            "id": layer_of(kind, first),
            "dataType": "vector",
            "geometryDimension": _GEOMETRY[kind],
            "minTileMatrix": str(first),
            "maxTileMatrix": str(last),
            "propertiesSchema": {
                "type": "object",
                "properties": {one.name: {"type": one.json_type, "description": one.description} for one in listed},
            },
        }
        for first, (listed, last) in sorted(by_level.items())
    ]


def _limits(grid: Grid, extent: Extent, levels: range) -> list[dict[str, Any]]:
    if extent.west_south_east_north is None:
        return []
    names = ("minTileRow", "maxTileRow", "minTileCol", "maxTileCol")
    return [
        {"tileMatrix": str(level)} | dict(zip(names, limits(grid, extent.west_south_east_north, level), strict=True))
        for level in levels
    ]


def _matrix(grid: Grid, level: int, corner: list[float]) -> dict[str, Any]:
    cell = grid.side_at(level) / _PIXELS
    return {
        "id": str(level),
        "scaleDenominator": cell / _MAP_SCALE_M,
        "cellSize": cell,
        "cornerOfOrigin": "topLeft",
        "pointOfOrigin": corner,
        "tileWidth": _PIXELS,
        "tileHeight": _PIXELS,
        "matrixWidth": 2**level,
        "matrixHeight": 2**level,
    }


def _levels() -> range:
    return range(MAX_LEVEL + 1)


def _grids(request: Request) -> dict[str, Grid]:
    tiles: Tiles = request.app.state.tiles
    return grids(tiles.server.project_srid())


def _grid(request: Request, grid_id: str) -> Grid:
    offered = _grids(request)
    if grid_id not in offered:
        raise NotFoundError(f"There is no tile matrix set {grid_id}; there are {', '.join(offered)}.")
    return offered[grid_id]


def _title(grid: Grid) -> str:
    if grid.id == "WebMercatorQuad":
        return "Web maps 网络地图"
    return f"The project's own system 项目坐标系 EPSG:{grid.srid}"


def _uri(grid: Grid) -> dict[str, str]:
    return {"uri": _WEB["uri"]} if grid.id == "WebMercatorQuad" else {}


def _links(request: Request) -> list[dict[str, Any]]:
    return [
        link(asked_again(request, f="json"), "self", JSON, "This document"),
        link(asked_again(request, f="html"), "alternate", HTML, "This document, to read"),
    ]
