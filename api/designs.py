"""Planned pipes: a drawn one saved as a draft changeset, and a draft seen with its conflicts."""

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from api.deps import STRICT, ServiceDep, parse_crs
from pipemap.routing import designs
from schemas.clearance import DrawnPipe
from schemas.routing import Design

router = APIRouter(tags=["designs"], dependencies=[STRICT])
ChangesetId = Annotated[int, Path(ge=1, lt=2**31)]


class DesignToSave(BaseModel):
    """A drawn pipe and what its draft shall be called."""

    model_config = ConfigDict(extra="forbid")

    pipe: DrawnPipe
    title: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]+$")]
    crs: str | None = Field(None, description="CRS of the line, EPSG:n; the project CRS if null.")


@router.post("/designs", status_code=201)
def save_design(service: ServiceDep, design: DesignToSave) -> Design:
    """Save a drawn pipe as a draft changeset; nobody else's map changes before it is reviewed and published."""
    author = service.settings.user
    number = designs.save_design(
        service.database, design.pipe, title=design.title, author=author, line_srid=parse_crs(design.crs)
    )
    with service.reading() as connection:
        return designs.read_design(connection, number)


@router.get("/designs/{changeset_id}")
def read_design(service: ServiceDep, changeset_id: ChangesetId) -> Design:
    """The segments that a changeset brings, and what they are too near to on the live map."""
    with service.reading() as connection:
        return designs.read_design(connection, changeset_id)
