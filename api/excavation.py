"""What a dig meets."""

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from api.clearance import PolygonGeometry, read_polygon
from api.deps import STRICT, ServiceDep, parse_crs
from pipemap.excavating import asking
from pipemap.versions import resolve_version
from schemas.excavation import Dig, Excavation

router = APIRouter(tags=["questions"], dependencies=[STRICT])


class DigQuestion(BaseModel):
    """A polygon with a depth below the ground, or from one elevation to another."""

    model_config = ConfigDict(extra="forbid")

    polygon: PolygonGeometry
    dig: Dig
    version: int | None = Field(None, ge=0, lt=2**31)
    crs: str | None = Field(
        None, description="CRS of the polygon, EPSG:n; that of the project, and the answer, if null."
    )


@router.post("/excavation")
def excavation(service: ServiceDep, question: DigQuestion) -> Excavation:
    """What a dig meets and how deep, what to shut off, whom to call, and where only hands may dig."""
    with service.reading() as connection:
        resolved = resolve_version(connection, question.version)
        found = asking.excavation(
            connection, read_polygon(question.polygon), question.dig,
            lambda: service.networks.at(connection, resolved), question.version, parse_crs(question.crs),
        )  # fmt: skip
        return asking.with_telephones(connection, found)
