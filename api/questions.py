"""Questions about consequences: what a burst cuts off, what lies too near."""

from typing import Annotated, Literal

import shapely
from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from api.deps import STRICT, ClassCodesDep, FeatureId, ServiceDep, VersionDep, parse_crs
from pipemap.clearance import questions as clearance
from pipemap.db import Connection
from pipemap.errors import UsageError
from pipemap.tracing import isolation
from pipemap.tracing.places import answer_at, nearest_segment
from pipemap.versions import resolve_version
from schemas.clearance import ClearanceAnswer
from schemas.isolation import BurstAnswer, ClickedSegment

router = APIRouter(tags=["questions"], dependencies=[STRICT])
SegmentIds = Annotated[list[Annotated[int, Query(ge=1, lt=2**63)]] | None, Query(description="Segments that burst")]
Coordinate = Annotated[float | None, Query(allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Position = Annotated[list[Finite], Field(min_length=2, max_length=3)]


class _Question(BaseModel):
    model_config = ConfigDict(extra="forbid")


class PolygonGeometry(_Question):
    """A GeoJSON polygon."""

    type: Literal["Polygon"]
    coordinates: list[Annotated[list[Position], Field(min_length=4, max_length=10_000)]] = Field(min_length=1)


class BodyQuestion(_Question):
    """An excavation or a planned work: a polygon from one elevation to another."""

    polygon: PolygonGeometry
    z_min_m: Finite
    z_max_m: Finite
    class_code: str | None = Field(None, description="Utility class of a planned work; null for an excavation.")
    version: int | None = Field(None, ge=0, lt=2**31)
    crs: str | None = Field(
        None, description="CRS of the polygon, EPSG:n; the project CRS, that of the answer, if null."
    )


@router.get("/trace/burst")
def trace_burst(
    service: ServiceDep,
    version: VersionDep,
    class_codes: ClassCodesDep,
    segment_id: SegmentIds = None,
    x: Coordinate = None,
    y: Coordinate = None,
    z: Coordinate = None,
) -> BurstAnswer:
    """What a burst does: of named segments at once, or of the nearest one to a place in the project CRS."""
    with service.reading() as connection:
        resolved = resolve_version(connection, version)
        clicked = _clicked(connection, x, y, z, class_codes, resolved) if segment_id is None else None
        if clicked is None and (x, y, z) != (None, None, None):
            raise UsageError("Give either segment_id or a place, not both.")
        network = service.networks.at(connection, resolved)
    if clicked is None:
        return isolation.burst(network, segment_id or [])
    return answer_at(isolation.burst(network, [clicked.segment_id]), clicked)


@router.get("/clearance/segments/{segment_id}")
def segment_clearance(service: ServiceDep, segment_id: FeatureId, version: VersionDep) -> ClearanceAnswer:
    """What is too near one segment, by which rule; and what cannot be told."""
    with service.reading() as connection:
        return clearance.segment_clearance(connection, segment_id, version)


@router.post("/clearance/polygon")
def polygon_clearance(service: ServiceDep, question: BodyQuestion) -> ClearanceAnswer:
    """What a body in the ground meets, or is too near to."""
    with service.reading() as connection:
        return clearance.polygon_clearance(
            connection, _polygon(question.polygon), question.z_min_m, question.z_max_m,
            question.class_code, question.version, parse_crs(question.crs),
        )  # fmt: skip


def _polygon(geometry: PolygonGeometry) -> shapely.Polygon:
    try:
        shell, *holes = ([position[:2] for position in ring] for ring in geometry.coordinates)
        return shapely.Polygon(shell, holes)
    except ValueError as error:
        raise UsageError(f"The polygon cannot be read: {error}.") from error


def _clicked(
    connection: Connection,
    x: float | None,
    y: float | None,
    z: float | None,
    class_codes: list[str],
    version: int | None,
) -> ClickedSegment:
    if x is None or y is None:
        raise UsageError("Say what has burst: segment_id, or x and y.")
    return nearest_segment(connection, x, y, z, class_codes or ["water"], version)
