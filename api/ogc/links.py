"""Absolute links: GIS programs do not follow others."""

from typing import Any
from urllib.parse import urlencode

from fastapi import Request

from api.deps import own_address

JSON = "application/json"
GEOJSON = "application/geo+json"
HTML = "text/html"
SCHEMA = "application/schema+json"
OPENAPI = "application/vnd.oai.openapi+json;version=3.0"
GLB = "model/gltf-binary"
MVT = "application/vnd.mapbox-vector-tile"
QUERYABLES = "http://www.opengis.net/def/rel/ogc/1.0/queryables"
TILESETS = "http://www.opengis.net/def/rel/ogc/1.0/tilesets-vector"
TILING_SCHEME = "http://www.opengis.net/def/rel/ogc/1.0/tiling-scheme"
TILING_SCHEMES = "http://www.opengis.net/def/rel/ogc/1.0/tiling-schemes"
ROOT = "/ogc"


def base_of(request: Request) -> str:
    """Address of this part of the service as others reach it."""
    return own_address(request) + ROOT


def link(href: str, rel: str, media_type: str, title: str, **more: Any) -> dict[str, Any]:
    """One link object."""
    return {"href": href, "rel": rel, "type": media_type, "title": title, **more}


def self_links(request: Request, media_type: str, alternates: dict[str, str]) -> list[dict[str, Any]]:
    """A link to what is answered and one to each other encoding (media type by its `f`)."""
    return [
        link(asked_again(request), "self", media_type, "This document"),
        *(
            link(asked_again(request, f=name), "alternate", other, f"This document as {name}")
            for name, other in alternates.items()
            if other != media_type
        ),
    ]


def asked_again(request: Request, **changed: str | None) -> str:
    """The address that was asked with some parameters changed, or left out where they are None."""
    given = dict(request.query_params.multi_items()) | changed
    path = request.url.path.removeprefix(ROOT)
    query = urlencode({name: value for name, value in given.items() if value is not None})
    return base_of(request) + path + (f"?{query}" if query else "")
