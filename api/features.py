"""Finding features: by box, height and attribute, by identity, near a point, along a line, by name."""

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from api.deps import (
    STRICT,
    BboxCrsDep,
    BoxDep,
    BoxHeightsDep,
    ClassCodesDep,
    ConditionsDep,
    CrsDep,
    FeatureId,
    LimitParam,
    ServiceDep,
    VersionDep,
    parse_crs,
)
from pipemap import lookup, versions
from pipemap.errors import NotFoundError, UsageError
from schemas.tables import LARGEST_ID

GEOJSON = "application/geo+json"
router = APIRouter(tags=["features"])
Height = Annotated[float | None, Query(allow_inf_nan=False, description="Elevation in metres")]
Number = Annotated[float, Query(allow_inf_nan=False)]
SearchParam = Annotated[str, Query(min_length=1, max_length=200)]


class CorridorQuestion(BaseModel):
    """A drawn line and how far to its sides to look."""

    model_config = ConfigDict(extra="forbid")

    line: list[tuple[float, float]] = Field(min_length=2, max_length=10_000)
    half_width_m: float = Field(gt=0)
    kind: str = "pipe_segment"
    crs: str | None = None
    class_code: list[str] = []
    version: int | None = Field(None, ge=0, lt=2**31)
    limit: int = Field(1000, ge=1, le=10_000)


def as_json(document: Any, status: int = 200) -> Response:
    """A JSON answer."""
    return Response(orjson.dumps(document, default=str), status, media_type="application/json")


@router.get("/project", dependencies=[STRICT])
def read_project(service: ServiceDep) -> Response:
    """The project, its current version and extent, and how much there is of each class."""
    with service.reading() as connection:
        return as_json(service.overview(connection))


@router.get("/features/{kind}")
def list_features(
    service: ServiceDep,
    kind: str,
    bbox: BoxDep,
    bbox_crs: BboxCrsDep,
    heights: BoxHeightsDep,
    class_codes: ClassCodesDep,
    version: VersionDep,
    crs: CrsDep,
    conditions: ConditionsDep,
    z_min: Height = None,
    z_max: Height = None,
    limit: LimitParam = 1000,
    after: Annotated[int | None, Query(ge=0, le=LARGEST_ID, description="Identity the last page ended with")] = None,
) -> Response:
    """Features of a kind that meet every condition; any attribute of the kind is a parameter too."""
    low, high = heights or (None, None)
    query = lookup.Query(
        bbox=bbox,
        bbox_srid=bbox_crs,
        z_min_m=_higher(z_min, low),
        z_max_m=_lower(z_max, high),
        class_codes=class_codes,
        equals=conditions,
        limit=limit,
        after=after,
        out_srid=crs,
        version=version,
    )
    with service.reading() as connection:
        page = lookup.find_features(connection, kind, query)
    return Response(page.collection(), media_type=GEOJSON)


@router.get("/features/{kind}/{feature_id}", dependencies=[STRICT])
def read_feature(service: ServiceDep, kind: str, feature_id: FeatureId, version: VersionDep, crs: CrsDep) -> Response:
    """One feature."""
    with service.reading() as connection:
        feature = lookup.get_feature(connection, kind, feature_id, version, crs)
    return Response(feature, media_type=GEOJSON)


@router.get("/features/{kind}/{feature_id}/history", dependencies=[STRICT])
def read_history(service: ServiceDep, kind: str, feature_id: FeatureId) -> Response:
    """Every change of one feature, oldest first."""
    with service.reading() as connection:
        entries = versions.history(connection, feature_id)
    if any(entry["kind"] != kind for entry in entries):
        raise NotFoundError(f"There is no {kind} {feature_id}.")
    return as_json(entries)


@router.get("/near", dependencies=[STRICT])
def find_near(
    service: ServiceDep,
    x: Number,
    y: Number,
    class_codes: ClassCodesDep,
    version: VersionDep,
    crs: CrsDep,
    radius_m: Annotated[float | None, Query(gt=0, allow_inf_nan=False, description="Or count")] = None,
    count: Annotated[int | None, Query(ge=1, le=1000, description="The so many nearest, however far")] = None,
    z: Height = None,
    kind: str = "pipe_segment",
    limit: LimitParam = 100,
) -> Response:
    """Features within a radius of a point, or so many, nearest first: in space when z is given, else in plan."""
    options: dict[str, Any] = {
        "kind": kind,
        "point_srid": crs,
        "class_codes": class_codes,
        "version": version,
        "out_srid": crs,
    }
    if (radius_m is None) == (count is None):
        raise UsageError("Give radius_m, or count for the nearest ones.")
    with service.reading() as connection:
        if count is not None:
            page = lookup.nearest(connection, x, y, z, count, **options)
        else:
            page = lookup.near(connection, x, y, z, radius_m or 0.0, limit=limit, **options)
    return Response(page.collection(), media_type=GEOJSON)


@router.post("/corridor", dependencies=[STRICT])
def find_along(service: ServiceDep, question: CorridorQuestion) -> Response:
    """Features within half a width of a line, in the order the line meets them."""
    srid = parse_crs(question.crs)
    with service.reading() as connection:
        page = lookup.corridor(
            connection, question.line, question.half_width_m, kind=question.kind, line_srid=srid,
            class_codes=question.class_code, version=question.version, out_srid=srid, limit=question.limit,
        )  # fmt: skip
    return Response(page.collection(), media_type=GEOJSON)


@router.get("/search", dependencies=[STRICT])
def search(
    service: ServiceDep,
    q: SearchParam,
    version: VersionDep,
    limit: Annotated[int, Query(ge=1, le=1000)] = 20,
) -> Response:
    """Features of every kind whose key or name begins with a text."""
    with service.reading() as connection:
        return as_json(lookup.search(connection, q, limit, version))


def _higher(one: float | None, other: float | None) -> float | None:
    return max((value for value in (one, other) if value is not None), default=None)


def _lower(one: float | None, other: float | None) -> float | None:
    return min((value for value in (one, other) if value is not None), default=None)
