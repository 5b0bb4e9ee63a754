"""The map in 3D as a tileset of 3D Tiles 1.1, linked as the draft of OGC API 3D GeoVolumes has it."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from api.deps import STRICT, AskerDep
from api.ogc.links import GLB, JSON
from api.ogc.tiles import Tiles, as_tile
from pipemap.sharing.tiles.serving import Wanted

VersionParam = Annotated[int | None, Query(ge=0, lt=2**31, description="Version of the map; the newest by default")]
router = APIRouter(dependencies=[STRICT], include_in_schema=False)


@router.get("/collections/{kind}/3dtiles/tileset.json")
async def read_tileset(request: Request, asker: AskerDep, kind: str, version: VersionParam = None) -> Response:
    """The tree of all tiles; what could not be drawn is counted in it."""
    tiles: Tiles = request.app.state.tiles
    return await _shown(request, asker, tiles.server.find_solid(kind, None, version), JSON)


@router.get("/collections/{kind}/3dtiles/{level}/{row}/{column}.glb")
async def read_tile(
    request: Request, asker: AskerDep, kind: str, level: int, row: int, column: int, version: VersionParam = None
) -> Response:
    """The bodies of one tile."""
    tiles: Tiles = request.app.state.tiles
    return await _shown(request, asker, tiles.server.find_solid(kind, (level, row, column), version), GLB)


async def _shown(request: Request, asker: str | None, wanted: Wanted, media_type: str) -> Response:
    tiles: Tiles = request.app.state.tiles
    return as_tile(request, await run_in_threadpool(tiles.server.show, asker, wanted), media_type)
