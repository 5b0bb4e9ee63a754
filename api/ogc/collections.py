"""The collections: one for each kind of feature that is shared, and what may be asked of it."""

from typing import Any

from fastapi import APIRouter, Request, Response

from api.deps import STRICT, AskerDep, ServiceDep
from api.ogc.answers import EncodingDep, answer
from api.ogc.crs import CRS84, epsg_uri, offered_crs
from api.ogc.links import GEOJSON, HTML, JSON, QUERYABLES, SCHEMA, TILESETS, base_of, link, self_links
from api.service import Service
from pipemap.errors import NotFoundError
from pipemap.sharing.collections import Extent, read_collections, read_extent
from pipemap.sharing.item_statements import Readable
from schemas.tables import metadata

router = APIRouter(dependencies=[STRICT], include_in_schema=False)
TITLES = {"node": "Nodes 管点", "pipe_segment": "Pipe segments 管段"}
_DESCRIPTIONS = {
    "node": "Surveyed points the topology knows: bends, tees, valves, wells. 测量管点：弯头、三通、阀门、井等。",
    "pipe_segment": "Pipes, cables, ducts between two nodes; the line is the axis. 管点间的管道、线缆、管沟。",
}
_GEOMETRY = {"node": "geometry-point", "pipe_segment": "geometry-linestring"}
_JSON_TYPES = {
    "TEXT": {"type": "string"},
    "BIGINT": {"type": "integer"},
    "INTEGER": {"type": "integer"},
    "REAL": {"type": "number"},
    "DOUBLE PRECISION": {"type": "number"},
    "DATE": {"type": "string", "format": "date"},
    "BOOLEAN": {"type": "boolean"},
}


@router.get("/collections")
def list_collections(request: Request, service: ServiceDep, asker: AskerDep, encoding: EncodingDep) -> Response:
    """Every collection the asker may read."""
    readable, extent = readable_of(service, asker, request), extent_of(service, asker, request)
    document = {
        "links": self_links(request, HTML if encoding == "html" else JSON, {"json": JSON, "html": HTML}),
        "crs": offered_crs(readable.srid),
        "collections": [_collection(request, readable, extent, kind) for kind in readable.columns],
    }
    return answer(encoding, document, JSON, "ogc_collections.html")


@router.get("/collections/{kind}")
def read_collection(
    request: Request, service: ServiceDep, asker: AskerDep, kind: str, encoding: EncodingDep
) -> Response:
    """One collection."""
    readable = readable_of(service, asker, request, kind)
    document = _collection(request, readable, extent_of(service, asker, request), kind)
    document["links"] += self_links(request, HTML if encoding == "html" else JSON, {"json": JSON, "html": HTML})
    return answer(encoding, document, JSON, "ogc_collection.html")


@router.get("/collections/{kind}/queryables")
def read_queryables(
    request: Request, service: ServiceDep, asker: AskerDep, kind: str, encoding: EncodingDep
) -> Response:
    """What a filter may ask of a collection: the columns the asker is granted, and the geometry."""
    readable = readable_of(service, asker, request, kind)
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"{base_of(request)}/collections/{kind}/queryables",
        "type": "object",
        "title": TITLES[kind],
        "properties": queryables(kind, readable.columns[kind]) | {"geometry": {"format": _GEOMETRY[kind]}},
        "additionalProperties": False,
    }
    return answer(encoding, document, SCHEMA, "ogc_queryables.html")


def queryables(kind: str, columns: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """Some columns of a kind as properties of a JSON Schema."""
    declared = metadata.tables[f"pipemap.{kind}"].columns
    return {
        name: {"title": declared[name].comment or name, **_JSON_TYPES[str(declared[name].type)]} for name in columns
    }


def known_kind(kind: str, readable: Readable) -> str:
    """The kind itself; NotFoundError when there is no such collection."""
    if kind not in readable.columns:
        raise NotFoundError(f"There is no collection {kind}; there are {', '.join(readable.columns)}.")
    return kind


def asked_of(request: Request) -> dict[str, str]:
    """What goes on record of a question that is refused."""
    return {"path": request.scope["path"], **dict(request.query_params.items())}


def extent_of(service: Service, asker: str | None, request: Request) -> Extent:
    """Where and since when there is something to read for whoever asks."""
    return read_extent(service.database, asker, asked_of(request), service.settings.statement_timeout_s)


def readable_of(service: Service, asker: str | None, request: Request, kind: str | None = None) -> Readable:
    """What there is to read for whoever asks; NotFoundError when a kind that is asked for is not among it."""
    readable = read_collections(service.database, asker, asked_of(request), service.settings.statement_timeout_s)
    if kind is not None:
        known_kind(kind, readable)
    return readable


def _collection(request: Request, readable: Readable, extent: Extent, kind: str) -> dict[str, Any]:
    here = f"{base_of(request)}/collections/{kind}"
    box = extent.west_south_east_north
    spatial = {"spatial": {"bbox": [list(box)], "crs": CRS84}} if box else {}
    since = extent.since.isoformat() if extent.since else None
    return {
        "id": kind,
        "title": TITLES[kind],
        "description": _DESCRIPTIONS[kind],
        "itemType": "feature",
        "extent": {**spatial, "temporal": {"interval": [[since, None]]}},
        "crs": offered_crs(readable.srid),
        "storageCrs": epsg_uri(readable.srid),
        "links": [
            link(here, "collection", JSON, TITLES[kind]),
            link(f"{here}/items", "items", GEOJSON, "Features 要素"),
            link(f"{here}/items?f=html", "items", HTML, "Features, to read 要素表"),
            link(f"{here}/queryables", QUERYABLES, SCHEMA, "What a filter may ask 可查询属性"),
            *(_tile_links(here, kind) if readable.srid else []),
        ],
    }


def _tile_links(here: str, kind: str) -> list[dict[str, Any]]:
    flat = link(f"{here}/tiles", TILESETS, JSON, "Vector tiles 矢量瓦片")
    if kind != "pipe_segment":
        return [flat]
    return [flat, link(f"{here}/3dtiles/tileset.json", "original", JSON, "3D Tiles 1.1 三维瓦片")]
