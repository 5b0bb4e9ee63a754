"""Requests for data: agencies write them under their key or by form, the data manager decides."""

from datetime import date
from typing import Annotated, Any, Literal

import shapely
from fastapi import APIRouter, Depends, Header, Path, Query, Request
from fastapi.responses import HTMLResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from api.deps import (
    STAFF,
    STRICT,
    ActorDep,
    AskerDep,
    LimitParam,
    OffsetParam,
    ServiceDep,
    key_of,
    parse_crs,
    staff_of,
)
from api.features import as_json
from api.problems import UnauthorizedError
from pipemap.db import Connection
from pipemap.errors import UsageError
from pipemap.projects import read_project
from pipemap.sharing import requests
from pipemap.sharing.agreements import read_area
from pipemap.sharing.granted import grant_of
from pipemap.sharing.preview import preview
from pipemap.sharing.requests import Narrowing, purpose_of
from pipemap.sharing.stores import refresh_stores

router = APIRouter(tags=["requests"], dependencies=[STRICT])
RequestId = Annotated[int, Path(ge=1, lt=2**31)]
Line = Annotated[str, Field(min_length=1, max_length=2_000, pattern=r"^[^\x00-\x1f]+$")]
AreaText = Annotated[str, Field(max_length=100_000, description="WKT polygon, or minx,miny,maxx,maxy")]


class RequestToWrite(BaseModel):
    """What is asked for; `agency` is for staff and the form, an agency's key says who it is."""

    model_config = ConfigDict(extra="forbid")

    agency: Line | None = None
    applicant: Line
    purpose_code: Annotated[str, Field(description="dig, emergency, orientation or service")]
    reason: Line
    area: AreaText
    crs: str | None = Field(None, description="CRS of the area, EPSG:n; the project CRS if null.")
    class_codes: Annotated[list[str], Field(min_length=1, max_length=50)]
    attributes: Annotated[
        list[str], Field(max_length=100, description="Without any, those that the purpose needs.")
    ] = []
    starts_on: date
    ends_on: date
    work_type: Line | None = None


class Decision(BaseModel):
    """What is granted of a request; what is null is granted as asked."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, Field(max_length=2_000)] = ""
    area: AreaText | None = None
    crs: str | None = None
    class_codes: Annotated[list[str], Field(min_length=1, max_length=50)] | None = None
    attributes: Annotated[list[str], Field(max_length=100)] | None = None
    ends_on: date | None = None
    position_precision: str = "exact"
    depth_precision: str = "exact"
    may_export: bool = True


class Refusal(BaseModel):
    """Why a request is refused."""

    model_config = ConfigDict(extra="forbid")

    reason: Line


async def read_writer(
    request: Request,
    _x_api_key: Annotated[str | None, Header(alias="x-api-key")] = None,
    authorization: Annotated[str | None, Header()] = None,
) -> str | None:
    """Who writes a request: SHA-256 of an agency's key, `form` where the service is open to it, None for staff."""
    key = key_of(request.app.state.service, request)
    if key is not None:
        return key
    try:
        staff_of(request.app.state.service, request)
    except UnauthorizedError:
        if authorization or not request.app.state.service.settings.open_requests:
            raise
        return "form"
    return None


@router.post("/requests", status_code=201)
def write_request(
    service: ServiceDep,
    writer: Annotated[str | None, Depends(read_writer)],
    actor: ActorDep,
    asked: RequestToWrite,
) -> Response:
    """Ask for data of an area: the data manager approves, narrows or refuses; agreed, it comes with a key."""
    with service.database.transaction() as connection:
        agency, author = _author(connection, writer, actor, asked)
        if writer == "form" and not purpose_of(asked.purpose_code).flag("by_form"):
            raise UsageError("The form is for digging and emergencies; for more, ask the data manager.")
        values = asked.model_dump(exclude={"agency", "area", "crs"})
        area = read_polygon(connection, asked.area, asked.crs)
        number = requests.write_request(connection, requests.Request(agency=agency, area=area, **values), author)
        return as_json(_without_author(requests.read_request(connection, number), writer), 201)


@router.get("/requests")
def list_requests(
    service: ServiceDep,
    asker: AskerDep,
    state: Annotated[Literal["open", "approved", "narrowed", "refused"] | None, Query()] = None,
    limit: LimitParam = 100,
    offset: OffsetParam = 0,
) -> Response:
    """Requests, newest first; an agency sees its own."""
    with service.reading() as connection:
        agency = _agency_of(connection, asker)
        found = requests.list_requests(connection, agency, state, limit, offset)
        return as_json([_without_author(row, asker) for row in found])


@router.get("/requests/{request_id}")
def read_request(service: ServiceDep, asker: AskerDep, request_id: RequestId) -> Response:
    """One request and what has become of it."""
    with service.reading() as connection:
        row = requests.read_request(connection, request_id, _agency_of(connection, asker))
        return as_json(_without_author(row, asker))


@router.get("/requests/{request_id}/map", dependencies=[STAFF], response_class=HTMLResponse)
def draw_request(service: ServiceDep, request_id: RequestId) -> Response:
    """The area of a request over the network, as SVG."""
    with service.reading() as connection:
        svg = preview(connection, requests.read_request(connection, request_id)).svg
    return Response(svg, media_type="image/svg+xml")


@router.post("/requests/{request_id}/approve", dependencies=[STAFF])
def approve_request(service: ServiceDep, actor: ActorDep, request_id: RequestId, decision: Decision) -> Response:
    """Make an agreement of a request, as asked or narrowed; its key is told this once."""
    with service.database.transaction() as connection:
        made = requests.approve(connection, request_id, actor, narrowing_of(connection, decision), decision.reason)
        row = requests.read_request(connection, request_id)
    refresh_stores(service.database, service.settings.shift_key_path)
    return as_json({**row, "key": made.key})


@router.post("/requests/{request_id}/refuse", dependencies=[STAFF])
def refuse_request(service: ServiceDep, actor: ActorDep, request_id: RequestId, refusal: Refusal) -> Response:
    """Refuse a request with a reason."""
    with service.database.transaction() as connection:
        requests.refuse(connection, request_id, actor, refusal.reason)
        return as_json(requests.read_request(connection, request_id))


def narrowing_of(connection: Connection, decision: Decision) -> Narrowing:
    """A decision as the core takes it."""
    return Narrowing(
        area=None if decision.area is None else read_polygon(connection, decision.area, decision.crs),
        class_codes=decision.class_codes,
        attributes=decision.attributes,
        ends_on=decision.ends_on,
        position_precision=decision.position_precision,
        depth_precision=decision.depth_precision,
        may_export=decision.may_export,
    )


def read_polygon(connection: Connection, text: str, crs: str | None) -> shapely.Geometry:
    """A polygon given over HTTP: never the name of a file."""
    if text.strip().lower().endswith("json"):
        raise UsageError("An area is a WKT polygon or minx,miny,maxx,maxy.")
    srid = read_project(connection).srid
    return read_area(text, parse_crs(crs) or srid, srid)


def _author(connection: Connection, writer: str | None, actor: str, asked: RequestToWrite) -> tuple[str, str]:
    if writer not in (None, "form"):
        agency = _agency_of(connection, writer)
        assert agency is not None
        if asked.agency not in (None, agency):
            raise UsageError("A key asks for its own agency; leave `agency` out.")
        return agency, f"agency {agency}"
    if asked.agency is None:
        raise UsageError("A request names the agency.")
    return asked.agency, actor if writer is None else f"form {asked.applicant}"


def _agency_of(connection: Connection, key_sha256: str | None) -> str | None:
    """Whose key it is; None for staff."""
    if key_sha256 is None:
        return None
    return grant_of(connection, key_sha256).agency


def _without_author(row: dict[str, Any], asker: str | None) -> dict[str, Any]:
    """Who of the staff wrote or decided is not for others to know."""
    return row if asker is None else {name: row[name] for name in row if name not in ("author", "decided_by")}
