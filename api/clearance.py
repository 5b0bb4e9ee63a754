"""Questions about space: what lies too near."""

from typing import Annotated, Literal

import shapely
from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, ConfigDict, Field, field_validator

from api.deps import STRICT, BoxDep, FeatureId, LimitParam, OffsetParam, ServiceDep, VersionDep, parse_crs
from pipemap.clearance import drawn, dug, questions, stored
from pipemap.errors import UsageError
from schemas.clearance import ClearanceAnswer, Conflict, ConflictKind, DrawnPipe, StoredConflicts
from schemas.tables import LARGEST_ID

router = APIRouter(tags=["questions"], dependencies=[STRICT])
Finite = Annotated[float, Field(allow_inf_nan=False)]
Position = Annotated[list[Finite], Field(min_length=2, max_length=3)]
# Whoever draws more has not drawn it: what costs is every pipe against every corner.
_MOST_CORNERS = 10_000

ChangesetId = Annotated[int, Path(ge=1, lt=2**31)]


class _Question(BaseModel):
    model_config = ConfigDict(extra="forbid")


class PolygonGeometry(_Question):
    """A GeoJSON polygon."""

    type: Literal["Polygon"]
    coordinates: list[Annotated[list[Position], Field(min_length=4)]] = Field(min_length=1)

    @field_validator("coordinates")
    @classmethod
    def _is_drawn(cls, rings: list[list[list[float]]]) -> list[list[list[float]]]:
        corners = sum(map(len, rings))
        if corners > _MOST_CORNERS:
            raise ValueError(f"a polygon has at most {_MOST_CORNERS} corners with its holes; this one has {corners}")
        return rings


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


class LineQuestion(_Question):
    """A pipe that is drawn and not in the map."""

    pipe: DrawnPipe
    version: int | None = Field(None, ge=0, lt=2**31)
    crs: str | None = Field(None, description="CRS of the line, EPSG:n; the project CRS, that of the answer, if null.")


async def read_kinds(
    kind: Annotated[str | None, Query(description="Kinds of conflict, separated by commas")] = None,
) -> list[str]:
    """The kinds of conflict to keep; none means all."""
    kinds = [each for each in (kind or "").split(",") if each]
    strange = [each for each in kinds if each not in set(ConflictKind)]
    if strange:
        raise UsageError(f"There is no kind of conflict {strange[0]}; there are {', '.join(ConflictKind)}.")
    return kinds


KindsDep = Annotated[list[str], Depends(read_kinds)]
SinceParam = Annotated[int | None, Query(ge=0, lt=2**31, description="Only what this version did not have")]
CertainParam = Annotated[bool, Query(description="Only what is beyond survey accuracy and confirmed")]


@router.get("/clearance/segments/{segment_id}")
def segment_clearance(service: ServiceDep, segment_id: FeatureId, version: VersionDep) -> ClearanceAnswer:
    """What is too near one segment, by which rule; and what cannot be told."""
    with service.reading() as connection:
        return questions.segment_clearance(connection, segment_id, version)


@router.post("/clearance/polygon")
def polygon_clearance(service: ServiceDep, question: BodyQuestion) -> ClearanceAnswer:
    """What a body in the ground meets, or is too near to."""
    with service.reading() as connection:
        return dug.polygon_clearance(
            connection, read_polygon(question.polygon), question.z_min_m, question.z_max_m,
            question.class_code, question.version, parse_crs(question.crs),
        )  # fmt: skip


@router.post("/clearance/line")
def line_clearance(service: ServiceDep, question: LineQuestion) -> ClearanceAnswer:
    """What is too near a pipe that is drawn: other pipes, structures and the ground above."""
    with service.reading() as connection:
        return drawn.line_clearance(connection, question.pipe, question.version, parse_crs(question.crs))


@router.get("/clearance/changesets/{changeset_id}")
def changeset_clearance(service: ServiceDep, changeset_id: ChangesetId) -> ClearanceAnswer:
    """What a changeset brings against the live map and itself; only what it touches is judged."""
    with service.reading() as connection:
        return stored.changeset_clearance(connection, changeset_id)


@router.get("/clearance/city")
def city_clearance(
    service: ServiceDep,
    version: VersionDep,
    bbox: BoxDep,
    kinds: KindsDep,
    since: SinceParam = None,
    certain: CertainParam = False,
    limit: LimitParam = 1000,
    offset: OffsetParam = 0,
) -> StoredConflicts:
    """What the city-wide run of a version found, the certain and worst first; bbox in the project CRS."""
    with service.reading() as connection:
        found = stored.stored_conflicts(
            connection, version, since=since, kinds=kinds, certain=certain, bbox=bbox, limit=limit, offset=offset
        )
        run = stored.stored_run(connection, version)
    return StoredConflicts(run=run, since=since, conflicts=tuple(found))


@router.get("/clearance/city/conflict")
def city_conflict(
    service: ServiceDep,
    version: VersionDep,
    segment_id: Annotated[int, Query(ge=1, le=LARGEST_ID)],
    other_id: Annotated[int | None, Query(ge=1, le=LARGEST_ID, description="None for the cover of the segment")] = None,
) -> Conflict:
    """One conflict that the run of a version found, with a move that clears it and makes no new one."""
    with service.reading() as connection:
        return stored.stored_conflict(connection, segment_id, other_id, version)


def read_polygon(geometry: PolygonGeometry) -> shapely.Polygon:
    """The polygon of a question, in plan; UsageError for a ring that is none."""
    try:
        shell, *holes = ([position[:2] for position in ring] for ring in geometry.coordinates)
        return shapely.Polygon(shell, holes)
    except ValueError as error:
        raise UsageError(f"The polygon cannot be read: {error}.") from error
