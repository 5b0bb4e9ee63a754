"""Features created, replaced, updated and deleted by staff: each request becomes a draft changeset, answered 202.

Nothing on the map changes before the draft is checked, approved and published like any other.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any

import orjson
import shapely
from fastapi import APIRouter, Depends, Header, Request, Response
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from api.deps import STRICT, AskerDep, ServiceDep, staff_of
from api.ogc.answers import tag_of
from api.ogc.collections import readable_of
from api.ogc.crs import OgcCrs, read_crs
from api.ogc.items import identity_of
from api.ogc.links import JSON, ROOT, base_of, link
from api.problems import STATUS_OF
from api.service import Service
from pipemap.changesets import create_edit
from pipemap.errors import PermissionDeniedError, UsageError
from pipemap.sharing.granted import Place
from pipemap.sharing.item_statements import ItemsRequest
from pipemap.sharing.items import only_feature, read_items
from pipemap.sharing.sent_back import sent_back
from schemas.tables import SCHEMA, attribute_names, metadata


async def require_no_key(asker: AskerDep) -> None:
    """Let only staff propose changes."""
    if asker is not None:
        raise PermissionDeniedError(_READ_ONLY)


STAFF_ALONE = Depends(require_no_key)
router = APIRouter(dependencies=[STRICT], include_in_schema=False)
_GEOMETRY = {"node": "Point", "pipe_segment": "LineString"}
_BODIES = ("application/geo+json", "application/json")
_PATCHES = (*_BODIES, "application/merge-patch+json")
_LARGEST_BODY = 1_000_000
_ITEMS, _ITEM = "/collections/{kind}/items", "/collections/{kind}/items/{feature_id}"
_READ_ONLY = "An agreement lets you read; changes are for staff."


class WrongMediaTypeError(UsageError):
    """The body is of a media type that is not taken here."""

    code = "media-type"


class PreconditionError(UsageError):
    """The feature is not any more as you hold it; read it again."""

    code = "precondition"


STATUS_OF |= {
    WrongMediaTypeError: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    PreconditionError: HTTPStatus.PRECONDITION_FAILED,
}


async def read_document(request: Request) -> dict[str, Any]:
    """The body as a GeoJSON feature, or as a part of one."""
    given = request.headers.get("content-type", "").split(";")[0].strip()
    if given not in (_PATCHES if request.method == "PATCH" else _BODIES):
        raise WrongMediaTypeError(f"A feature is sent as {_BODIES[0]}, not as {given or 'nothing'}.")
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _LARGEST_BODY:
            raise UsageError(f"A feature of more than {_LARGEST_BODY} bytes is not taken.")
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise UsageError(f"The body is no JSON: {error}.") from error
    if not isinstance(document, dict) or not isinstance(document.get("properties", {}), dict | None):
        raise UsageError("The body is no GeoJSON feature.")
    return document


DocumentDep = Annotated[dict[str, Any], Depends(read_document)]
ContentCrs = Annotated[str | None, Header(alias="Content-Crs")]
IfMatch = Annotated[str | None, Header(alias="If-Match")]


@router.options(_ITEMS)
def items_methods() -> Response:
    """What can be done with a collection's items."""
    return Response(status_code=204, headers={"Allow": "GET, HEAD, POST, OPTIONS"})


@router.options(_ITEM)
def item_methods() -> Response:
    """What can be done with one item."""
    return Response(status_code=204, headers={"Allow": "GET, HEAD, PUT, PATCH, DELETE, OPTIONS"})


@router.post(_ITEMS, dependencies=[STAFF_ALONE])
def create(request: Request, service: ServiceDep, kind: str, document: DocumentDep, crs: ContentCrs = None) -> Response:
    """Propose a new feature."""
    given_in = _given_in(request, service, kind, crs)
    values = _values(kind, document, given_in, service)
    _check_complete(kind, values)
    return _proposed(request, service, {"kind": kind, "op": "insert", "values": values})


@router.put(_ITEM, dependencies=[STAFF_ALONE])
def replace(
    request: Request, service: ServiceDep, kind: str, feature_id: str, document: DocumentDep,
    crs: ContentCrs = None, if_match: IfMatch = None,
) -> Response:  # fmt: skip
    """Propose another state of a feature: what it does not name is not known any more."""
    given_in = _given_in(request, service, kind, crs)
    identity = _current(service, kind, feature_id, given_in, if_match)
    values = dict.fromkeys(attribute_names(kind)) | _values(kind, document, given_in, service)
    _check_complete(kind, values)
    return _proposed(request, service, {"kind": kind, "op": "update", "feature_id": identity, "values": values})


@router.patch(_ITEM, dependencies=[STAFF_ALONE])
def update(
    request: Request, service: ServiceDep, kind: str, feature_id: str, document: DocumentDep,
    crs: ContentCrs = None, if_match: IfMatch = None,
) -> Response:  # fmt: skip
    """Propose a change of what is named."""
    given_in = _given_in(request, service, kind, crs)
    identity = _current(service, kind, feature_id, given_in, if_match)
    values = _values(kind, document, given_in, service)
    _check_known(kind, values)
    return _proposed(request, service, {"kind": kind, "op": "update", "feature_id": identity, "values": values})


@router.delete(_ITEM, dependencies=[STAFF_ALONE])
def delete(
    request: Request, service: ServiceDep, kind: str, feature_id: str,
    crs: ContentCrs = None, if_match: IfMatch = None,
) -> Response:  # fmt: skip
    """Propose that a feature goes."""
    given_in = _given_in(request, service, kind, crs)
    identity = _current(service, kind, feature_id, given_in, if_match)
    return _proposed(request, service, {"kind": kind, "op": "delete", "feature_id": identity})


def _given_in(request: Request, service: Service, kind: str, crs: str | None) -> OgcCrs:
    """The system of the body's coordinates and of the entity tag that is held."""
    return read_crs(crs, readable_of(service, None, request, kind).srid)


def _current(service: Service, kind: str, feature_id: str, given_in: OgcCrs, if_match: str | None) -> int:
    """The identity of a feature that is there, and as it is held where the request says how."""
    identity = identity_of(kind, feature_id)
    place = Place(out_srid=given_in.srid)
    wanted = ItemsRequest(kind, place, limit=1, feature_id=identity, northing_first=given_in.northing_first)
    page = read_items(service.database, None, wanted, service.settings.statement_timeout_s)
    tag = tag_of(only_feature(service.database, None, page, kind, identity))
    if if_match is not None and if_match.strip() != "*" and tag not in [part.strip() for part in if_match.split(",")]:
        raise PreconditionError
    return identity


def _values(kind: str, document: Mapping[str, Any], given_in: OgcCrs, service: Service) -> dict[str, Any]:
    """Attributes by name, the geometry in the project CRS."""
    values = dict(document.get("properties") or {})
    if "geom" in values:
        raise UsageError("The geometry is the member geometry of a feature, not a property.")
    for name, value in values.items():
        if isinstance(value, dict | list):
            raise UsageError(f"The property {name} holds no single value.")
    if "geometry" in document:
        values["geom"] = _geometry(kind, document["geometry"], given_in, service)
    return values


def _geometry(kind: str, member: Any, given_in: OgcCrs, service: Service) -> BaseGeometry:
    try:
        found = shape(member)
    except (TypeError, ValueError, KeyError, AttributeError, shapely.errors.ShapelyError) as error:
        raise UsageError("The geometry cannot be read.") from error
    if found.geom_type != _GEOMETRY[kind] or found.is_empty or not found.is_valid:
        raise UsageError(f"The geometry of a {kind} is a {_GEOMETRY[kind]} that is valid and not empty.")
    if given_in.northing_first:
        found = shapely.transform(
            found, lambda places: places[:, [1, 0, *range(2, places.shape[1])]], include_z=found.has_z
        )
    with service.reading() as connection:
        return sent_back(connection, found, given_in.srid)


def _check_complete(kind: str, values: Mapping[str, Any]) -> None:
    missing = [name for name in _needed(kind) if values.get(name) is None]
    if missing:
        names = ", ".join("geometry" if name == "geom" else name for name in missing)
        raise UsageError(f"A {kind} needs {names}.")
    _check_known(kind, values)


def _check_known(kind: str, values: Mapping[str, Any]) -> None:
    emptied = [name for name in ("source_key", *_needed(kind)) if name in values and values[name] is None]
    if emptied:
        raise UsageError(f"A {kind} cannot be without {', '.join(emptied)}.")


def _needed(kind: str) -> list[str]:
    columns = metadata.tables[f"{SCHEMA}.{kind}"].columns
    return [name for name in attribute_names(kind) if not columns[name].nullable]


def _proposed(request: Request, service: Service, change: dict[str, Any]) -> Response:
    """The draft changeset that a change has become."""
    title = f"OGC API: {change['op']} {change['kind']} {change.get('feature_id', '')}".strip()
    number = create_edit(service.database, title=title, author=staff_of(service, request), changes=[change])
    address = f"{base_of(request).removesuffix(ROOT)}/api/changesets/{number}"
    document = {
        "changeset_id": number,
        "state": "draft",
        "links": [link(address, "monitor", JSON, "The draft changeset 变更集草案")],
    }
    return Response(orjson.dumps(document), 202, {"Location": address}, media_type=JSON)
