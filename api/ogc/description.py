"""The interface described as an OpenAPI 3.0 document, which OGC API asks for and FastAPI no longer writes."""

from typing import Any

from api.ogc.asking import MAX_LIMIT
from api.ogc.links import GEOJSON, GLB, HTML, JSON, MVT, OPENAPI, SCHEMA
from pipemap.sharing.agreements import SHARED_KINDS
from pipemap.sharing.tiles.grids import MAX_LEVEL

_ENCODED = {"json": JSON, "html": HTML}
_QUERY: dict[str, tuple[str, dict[str, Any]]] = {
    "f": ("Encoding; else as the Accept header prefers.", {"type": "string", "enum": ["json", "html"]}),
    "limit": ("Features a page.", {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": 1000}),
    "bbox": (
        "Four numbers, or six with elevations, in the axis order of bbox-crs.",
        {"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 6},
    ),
    "bbox-crs": ("URI of the system of bbox; CRS84 by default.", {"type": "string", "format": "uri"}),
    "crs": ("URI of the system to answer in; CRS84 by default.", {"type": "string", "format": "uri"}),
    "datetime": ("The map as of an instant, or of the end of an interval.", {"type": "string"}),
    "filter": ("A CQL2 filter over the queryables.", {"type": "string"}),
    "filter-lang": ("Language of the filter.", {"type": "string", "enum": ["cql2-text", "cql2-json"]}),
    "filter-crs": ("URI of the system of the filter's geometries; CRS84 by default.", {"type": "string"}),
    "page": ("Where the page begins; from the next link.", {"type": "string"}),
    "version": ("Version of the map; the newest by default.", {"type": "integer", "minimum": 0}),
}
_PATH: dict[str, dict[str, Any]] = {
    "kind": {"type": "string", "enum": list(SHARED_KINDS)},
    "featureId": {"type": "integer", "format": "int64"},
    "tileMatrixSetId": {"type": "string"},
    "tileMatrix": {"type": "integer", "minimum": 0, "maximum": MAX_LEVEL},
    "tileRow": {"type": "integer", "minimum": 0},
    "tileCol": {"type": "integer", "minimum": 0},
}


def describe(base: str) -> dict[str, Any]:
    """The document, with the address of the service."""
    return {
        "openapi": "3.0.3",
        "info": {
            "title": "pipemap",
            "version": "1.0",
            "description": "The city's underground network under sharing agreements. Errors are problem documents; an "
            "unknown parameter is one. Every look is on record.",
        },
        "servers": [{"url": base}],
        "security": [{"key": []}, {"token": []}],
        "paths": _paths() | _tile_paths(),
        "components": {
            "parameters": {
                name: {"name": name, "in": "query", "description": words, "schema": schema, **_style(schema)}
                for name, (words, schema) in _QUERY.items()
            }
            | {name: _in_path(name, schema) for name, schema in _PATH.items()}
            | {"If-Match": _in_header("If-Match", "Entity tag of the feature as you hold it."),
               "Content-Crs": _in_header("Content-Crs", "URI of the system of the body; CRS84 by default.")},
            "responses": {"problem": {"description": "What was asked wrongly.", "content": _problem()}},
            "securitySchemes": {
                "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
                "token": {"type": "http", "scheme": "bearer"},
            },
        },
    }  # fmt: skip


def _paths() -> dict[str, Any]:
    return {
        "/": _operation("landing", "Where everything is.", _ENCODED, open_to_all=True),
        "/conformance": _operation("conformance", "What is conformed to.", _ENCODED, open_to_all=True),
        "/api": _operation("api", "This document.", {"json": OPENAPI, "html": HTML}, open_to_all=True),
        "/collections": _operation("collections", "Every collection you may read.", _ENCODED),
        "/collections/{kind}": _operation("collection", "One collection.", _ENCODED, "kind"),
        "/collections/{kind}/queryables": _operation(
            "queryables", "What a filter may ask.", {"json": SCHEMA, "html": HTML}, "kind"
        ),
        "/collections/{kind}/items": _operation(
            "items", "One page of features; every queryable is a parameter too.", {"json": GEOJSON, "html": HTML},
            "kind", "limit", "bbox", "bbox-crs", "crs", "datetime", "filter", "filter-lang", "filter-crs", "page",
        )
        | {"post": _proposal("create", "Propose a feature: a draft changeset.", "kind")},
        "/collections/{kind}/items/{featureId}": _operation(
            "item", "One feature.", {"json": GEOJSON, "html": HTML}, "kind", "featureId", "crs", "datetime",
        )
        | {
            "put": _proposal("replace", "Propose another state of a feature.", "kind", "featureId", "If-Match"),
            "patch": _proposal("update", "Propose a change of what is named.", "kind", "featureId", "If-Match"),
            "delete": _proposal("delete", "Propose that it goes.", "kind", "featureId", "If-Match", has_body=False),
        },
    }  # fmt: skip


def _tile_paths() -> dict[str, Any]:
    """Tiles (operation ids end as OGC 20-057 has them) and bodies of true size."""
    tilesets, solid = "/collections/{kind}/tiles", "/collections/{kind}/3dtiles"
    place = ("tileMatrix", "tileRow", "tileCol")
    return {
        "/tileMatrixSets": _operation("getTileMatrixSetsList", "The grids of the tiles.", _ENCODED, open_to_all=True),
        "/tileMatrixSets/{tileMatrixSetId}": _operation(
            "getTileMatrixSet", "One grid.", _ENCODED, "tileMatrixSetId", open_to_all=True
        ),
        tilesets: _operation(".collection.vector.getTileSetsList", "The tilesets of a collection.", _ENCODED, "kind"),
        f"{tilesets}/{{tileMatrixSetId}}": _operation(
            ".collection.vector.getTileSet", "One tileset.", _ENCODED, "kind", "tileMatrixSetId"
        ),
        f"{tilesets}/{{tileMatrixSetId}}/{{tileMatrix}}/{{tileRow}}/{{tileCol}}": _drawn(
            ".collection.vector.getTile", "One vector tile.", MVT, "kind", "tileMatrixSetId", *place
        ),
        f"{solid}/tileset.json": _drawn("solidTileset", "The tree of 3D Tiles.", JSON, "kind", "version"),
        f"{solid}/{{tileMatrix}}/{{tileRow}}/{{tileCol}}.glb": _drawn(
            "solidTile", "The bodies of one tile.", GLB, "kind", *place, "version"
        ),
    }


def _drawn(name: str, summary: str, media_type: str, *parameters: str) -> dict[str, Any]:
    """What has one encoding, may be empty, and is asked for again with its tag."""
    described = _operation(name, summary, {"": media_type}, *parameters)
    operation = described["get"]
    operation["parameters"] = operation["parameters"][:-1]
    operation["responses"] |= {
        "204": {"description": "Nothing to see here."},
        "304": {"description": "You hold it already."},
    }
    return described


def _operation(
    name: str, summary: str, encodings: dict[str, str], *parameters: str, open_to_all: bool = False
) -> dict[str, Any]:
    answers: dict[str, Any] = {
        "200": {"description": summary, "content": {media: {"schema": {}} for media in encodings.values()}}
    }
    for status in ("400", "401", "403", "404", "429", "503"):
        answers[status] = {"$ref": "#/components/responses/problem"}
    operation = {
        "operationId": name,
        "summary": summary,
        "parameters": [{"$ref": f"#/components/parameters/{one}"} for one in (*parameters, "f")],
        "responses": answers | ({"304": {"description": "You hold it already."}} if name == "item" else {}),
    }
    return {"get": operation | ({"security": []} if open_to_all else {})}


def _proposal(name: str, summary: str, *parameters: str, has_body: bool = True) -> dict[str, Any]:
    """What staff propose; the map changes when the draft is published."""
    answers: dict[str, Any] = {"202": {"description": "The draft changeset.", "content": {JSON: {"schema": {}}}}}
    for status in ("400", "401", "403", "404", "412", "413", "415", "429", "503"):
        answers[status] = {"$ref": "#/components/responses/problem"}
    body = {"requestBody": {"required": True, "content": {GEOJSON: {"schema": {"type": "object"}}}}}
    return {
        "operationId": name,
        "summary": summary,
        "parameters": [{"$ref": f"#/components/parameters/{one}"} for one in (*parameters, "Content-Crs")],
        "responses": answers,
    } | (body if has_body else {})


def _in_header(name: str, words: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "description": words, "schema": {"type": "string"}}


def _in_path(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _style(schema: dict[str, Any]) -> dict[str, Any]:
    return {"style": "form", "explode": False} if schema["type"] == "array" else {}


def _problem() -> dict[str, Any]:
    return {"application/problem+json": {"schema": {"type": "object"}}}
