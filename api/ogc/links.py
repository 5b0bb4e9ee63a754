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
    query = request.scope["query_string"].decode("latin-1")
    here = _here(request) + (f"?{query}" if query else "")
    others = {name: other for name, other in alternates.items() if other != media_type}
    if "f" in request.query_params:
        addresses = {name: asked_again(request, f=name) for name in others}
    else:
        # To take the parameters apart and put them together again takes longer than all else of a small answer.
        addresses = {name: f"{here}{'&' if query else '?'}f={name}" for name in others}
    return [
        link(here, "self", media_type, "This document"),
        *(link(addresses[name], "alternate", other, f"This document as {name}") for name, other in others.items()),
    ]


def asked_again(request: Request, **changed: str | None) -> str:
    """The address that was asked with some parameters changed, or left out where they are None."""
    given = dict(request.query_params.multi_items()) | changed
    query = urlencode({name: value for name, value in given.items() if value is not None})
    return _here(request) + (f"?{query}" if query else "")


def _here(request: Request) -> str:
    path: str = request.scope["path"]
    return base_of(request) + path.removeprefix(ROOT)
