"""Planned pipes: a drawn one saved as a draft changeset, and the route of one that is wished for."""

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from api.clearance import Finite, PolygonGeometry, read_polygon
from api.deps import STRICT, ActorDep, ServiceDep, parse_crs
from pipemap.errors import UsageError
from pipemap.routing import designs, proposing
from schemas.clearance import DrawnPipe
from schemas.routing import Design, RouteProposal, RouteWish

router = APIRouter(tags=["designs"], dependencies=[STRICT])
ChangesetId = Annotated[int, Path(ge=1, lt=2**31)]


class DesignToSave(BaseModel):
    """A drawn pipe and what its draft shall be called."""

    model_config = ConfigDict(extra="forbid")

    pipe: DrawnPipe
    title: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]+$")]
    crs: str | None = Field(None, description="CRS of the line, EPSG:n; the project CRS if null.")


class RouteQuestion(BaseModel):
    """A pipe that is wished for, and its corridor: a polygon, or a line with what lies beside it."""

    model_config = ConfigDict(extra="forbid")

    pipe: RouteWish
    corridor: PolygonGeometry | None = None
    along: Annotated[list[tuple[Finite, Finite]], Field(min_length=2, max_length=1000)] | None = None
    half_width_m: Annotated[float, Field(gt=0, le=500)] = Field(10.0, description="Of a corridor along a line.")
    version: int | None = Field(None, ge=0, lt=2**31)
    crs: str | None = Field(None, description="CRS of corridor and ends, EPSG:n; the project CRS if null.")


@router.post("/designs", status_code=201)
def save_design(service: ServiceDep, actor: ActorDep, design: DesignToSave) -> Design:
    """Save a drawn pipe as a draft changeset; nobody else's map changes before it is reviewed and published."""
    number = designs.save_design(
        service.database, design.pipe, title=design.title, author=actor, line_srid=parse_crs(design.crs)
    )
    with service.reading() as connection:
        return designs.read_design(connection, number)


@router.get("/designs/{changeset_id}")
def read_design(service: ServiceDep, changeset_id: ChangesetId) -> Design:
    """The segments that a changeset brings, and what they are too near to on the live map."""
    with service.reading() as connection:
        return designs.read_design(connection, changeset_id)


@router.post("/routes")
def propose_route(service: ServiceDep, question: RouteQuestion) -> RouteProposal:
    """The cheapest route of a new pipe that keeps every clearance and has its cover, or what stands in its way."""
    if (question.corridor is None) == (question.along is None):
        raise UsageError("Give the corridor either as a polygon or along a line.")
    if question.corridor is not None:
        corridor = read_polygon(question.corridor)
    else:
        corridor = proposing.corridor_along(question.along or [], question.half_width_m)
    with service.reading() as connection:
        return proposing.propose_route(connection, question.pipe, corridor, question.version, parse_crs(question.crs))
