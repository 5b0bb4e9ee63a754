"""The floor of the sharing cases: bytes made by PostGIS and passed on, without permissions, links, paging or a record.

Run by the Python that the peer is installed in, which has asyncpg: `uvicorn --app-dir bench bare_app:app`.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg  # type: ignore[import-not-found, unused-ignore]
from fastapi import FastAPI, Response

_COLUMNS = ", ".join(f"f.{name}" for name in os.environ["BARE_COLUMNS"].split(","))


def _features(condition: str) -> str:
    return f"""
SELECT '{{"type":"FeatureCollection","features":[' || coalesce(string_agg(
    '{{"type":"Feature","id":' || f.feature_id || ',"geometry":' || ST_AsGeoJSON(ST_Transform(f.geom, 4326), 9, 0)
    || ',"properties":' || row_to_json(p)::text || '}}', ','
), '') || ']}}'
FROM (SELECT * FROM peer.pipes WHERE {condition}) AS f
CROSS JOIN LATERAL (SELECT {_COLUMNS}) AS p
"""


_BOX = _features("geom && ST_Transform(ST_MakeEnvelope($1, $2, $3, $4, 4326), 4547) LIMIT $5")
_ONE = _features("feature_id = $1")
_TILE = f"""
SELECT ST_AsMVT(t, 'pipes', 4096, 'geom', 'feature_id') FROM (
    SELECT f.feature_id, {_COLUMNS},
           ST_AsMVTGeom(ST_Transform(f.geom, 3857), ST_TileEnvelope($1, $2, $3), 4096, 64) AS geom
    FROM peer.pipes AS f
    WHERE f.geom && ST_Transform(ST_TileEnvelope($1, $2, $3, margin => 64.0 / 4096), 4547)
    LIMIT 10000
) AS t
"""


@asynccontextmanager
async def _pool(app: FastAPI) -> AsyncIterator[None]:
    async with asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=8, max_size=8) as app.state.pool:
        yield


app = FastAPI(lifespan=_pool)


@app.get("/items")
async def read_items(bbox: str, limit: int = 1000) -> Response:
    """Features of a box in degrees."""
    corners = map(float, bbox.split(","))
    body = await app.state.pool.fetchval(_BOX, *corners, limit)
    return Response(body, media_type="application/geo+json")


@app.get("/items/{feature_id}")
async def read_item(feature_id: int) -> Response:
    """One feature."""
    body = await app.state.pool.fetchval(_ONE, feature_id)
    return Response(body, media_type="application/geo+json")


@app.get("/tiles/{level}/{column}/{row}")
async def read_tile(level: int, column: int, row: int) -> Response:
    """One tile."""
    body = await app.state.pool.fetchval(_TILE, level, column, row)
    return Response(body, media_type="application/vnd.mapbox-vector-tile")
