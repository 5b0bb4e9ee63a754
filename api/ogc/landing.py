"""The way in: the landing page, what is conformed to, and the description of the interface."""

from typing import Any

import orjson
from fastapi import APIRouter, Request, Response

from api.deps import STRICT
from api.ogc.answers import EncodingDep, answer
from api.ogc.description import describe
from api.ogc.links import HTML, JSON, OPENAPI, TILING_SCHEMES, base_of, link, self_links

_FEATURES = "http://www.opengis.net/spec/ogcapi-features"
_CQL2 = (
    "cql2-text", "cql2-json", "basic-cql2", "advanced-comparison-operators", "case-insensitive-comparison",
    "basic-spatial-functions", "basic-spatial-functions-plus", "property-property",
)  # fmt: skip
_TILES = "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf"
# Only what a test proves (tests/service/test_ogc_*.py).
CONFORMS_TO = (
    f"{_FEATURES}-1/1.0/conf/core",
    f"{_FEATURES}-1/1.0/conf/oas30",
    f"{_FEATURES}-1/1.0/conf/html",
    f"{_FEATURES}-1/1.0/conf/geojson",
    f"{_FEATURES}-2/1.0/conf/crs",
    f"{_FEATURES}-3/1.0/conf/queryables",
    f"{_FEATURES}-3/1.0/conf/queryables-query-parameters",
    f"{_FEATURES}-3/1.0/conf/filter",
    f"{_FEATURES}-3/1.0/conf/features-filter",
    f"{_FEATURES}-4/1.0/conf/create-replace-delete",
    f"{_FEATURES}-4/1.0/conf/update",
    f"{_FEATURES}-4/1.0/conf/optimistic-locking-etags",
    *(f"{_TILES}/{name}" for name in ("core", "tileset", "tilesets-list", "geodata-tilesets", "mvt", "oas30")),
    *(f"http://www.opengis.net/spec/cql2/1.0/conf/{name}" for name in _CQL2),
)
_TITLE = "pipemap · 地下管线一张图"
_DESCRIPTION = (
    "The city's underground network, as far as your agreement reaches. z is metres in the project's vertical datum, "
    "the axis of the pipe. 按共享协议授权范围提供的地下管线数据；z 为管道中轴在项目高程基准下的高程（米）。"
)
router = APIRouter(dependencies=[STRICT], include_in_schema=False)


@router.get("")
@router.get("/")
def landing(request: Request, encoding: EncodingDep) -> Response:
    """Where everything is."""
    base = base_of(request)
    links = [
        *self_links(request, HTML if encoding == "html" else JSON, {"json": JSON, "html": HTML}),
        link(f"{base}/api", "service-desc", OPENAPI, "Description of the interface (OpenAPI 3.0)"),
        link(f"{base}/api?f=html", "service-doc", HTML, "Description of the interface, to read"),
        link(f"{base}/conformance", "conformance", JSON, "What the interface conforms to"),
        link(f"{base}/collections", "data", JSON, "Collections 要素集"),
        link(f"{base}/tileMatrixSets", TILING_SCHEMES, JSON, "Grids of the tiles 瓦片矩阵集"),
    ]
    document = {"title": _TITLE, "description": _DESCRIPTION, "links": links}
    return answer(encoding, document, JSON, "ogc_landing.html")


@router.get("/conformance")
def conformance(request: Request, encoding: EncodingDep) -> Response:
    """The conformance classes, each proved by tests."""
    links = self_links(request, HTML if encoding == "html" else JSON, {"json": JSON, "html": HTML})
    document: dict[str, Any] = {"conformsTo": list(CONFORMS_TO), "links": links}
    return answer(encoding, document, JSON, "ogc_conformance.html")


@router.get("/api")
def description(request: Request, encoding: EncodingDep) -> Response:
    """The OpenAPI 3.0 document."""
    document = describe(base_of(request))
    if encoding == "html":
        return answer(encoding, document, OPENAPI, "ogc_api.html")
    return Response(orjson.dumps(document), media_type=OPENAPI)
