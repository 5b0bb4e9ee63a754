"""Sections: what a vertical plane along a drawn line cuts, and a run of pipes from the side; as data or drawn."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from pydantic import ValidationError

from api.deps import STRICT, ClassCodesDep, CrsDep, ServiceDep, VersionDep
from api.pictures import DrawingFormatParam, ExaggerationParam, LanguageDep, picture
from api.service import Service
from api.trace_parameters import Id
from pipemap.db import Connection
from pipemap.errors import UsageError
from pipemap.sections.cross import cross_section
from pipemap.sections.drawing import draw_cross_section
from pipemap.sections.profile import long_profile
from pipemap.sections.profile_drawing import draw_long_profile
from pipemap.tracing.connectivity import way_between
from pipemap.versions import resolve_version
from schemas.clearance import DrawnPipe
from schemas.profiles import LongProfile
from schemas.sections import CrossSection

router = APIRouter(tags=["questions"], dependencies=[STRICT])
LineParam = Annotated[str, Query(max_length=10_000, description="x y,x y,… from left to right")]
Millimetres = Annotated[float, Query(gt=0, le=20_000, allow_inf_nan=False)]
Positive = Annotated[float, Query(gt=0, allow_inf_nan=False)]


async def read_drawn(
    line: LineParam,
    class_code: Annotated[str | None, Query(description="Utility class of a drawn pipe to be shown and judged")] = None,
    width_mm: Millimetres | None = None,
    height_mm: Millimetres | None = None,
    casing_mm: Millimetres | None = None,
    cover_depth_m: Annotated[float | None, Query(ge=0, le=500, allow_inf_nan=False)] = None,
    burial_code: str | None = None,
    pressure_code: str | None = None,
    pressure_mpa: Positive | None = None,
    voltage_kv: Positive | None = None,
    pipe_line: Annotated[
        str | None, Query(max_length=10_000, description="Its axis, x y,… or x y z,…; the line itself by default")
    ] = None,
) -> DrawnPipe | None:
    """The drawn pipe that a section shows, None without one; UsageError for one that is half described."""
    told = {
        "class_code": class_code, "width_mm": width_mm, "height_mm": height_mm, "casing_mm": casing_mm,
        "cover_depth_m": cover_depth_m, "burial_code": burial_code, "pressure_code": pressure_code,
        "pressure_mpa": pressure_mpa, "voltage_kv": voltage_kv,
    }  # fmt: skip
    if pipe_line is None and not any(value is not None for value in told.values()):
        return None
    try:
        return DrawnPipe.model_validate({"line": read_line(pipe_line or line, (2, 3)), **told})
    except ValidationError as error:
        first = error.errors()[0]
        raise UsageError(f"The drawn pipe cannot be read: {first['loc'][0]}: {first['msg']}.") from error


DrawnDep = Annotated[DrawnPipe | None, Depends(read_drawn)]


@dataclass(frozen=True)
class Run:
    """A run as it is asked for: segments in order, or the two nodes it goes between."""

    segment_ids: list[int]
    from_node_id: int = 0
    to_node_id: int = 0
    class_codes: tuple[str, ...] = ()


async def read_run(
    class_codes: ClassCodesDep,
    segment_id: Annotated[list[Id] | None, Query(description="Segments in the order they are passed")] = None,
    from_node_id: Annotated[Id | None, Query(description="Where the run begins, without segments")] = None,
    to_node_id: Annotated[Id | None, Query(description="Where it ends, by the shortest way along the pipes")] = None,
) -> Run:
    """The run of a question; UsageError unless it is either segments or two nodes."""
    if segment_id and from_node_id is None and to_node_id is None:
        return Run(segment_id)
    if segment_id or from_node_id is None or to_node_id is None:
        raise UsageError("A run is named by segment_id, once for each in order, or by from_node_id and to_node_id.")
    return Run([], from_node_id, to_node_id, tuple(class_codes))


RunDep = Annotated[Run, Depends(read_run)]


@router.get("/section")
def section(service: ServiceDep, line: LineParam, pipe: DrawnDep, version: VersionDep, crs: CrsDep) -> CrossSection:
    """Every pipe that a line cuts, a drawn one with them, with ground, spacings and what is too near.

    The line may be in another CRS, the axis of the drawn pipe then in the same.
    """
    with service.reading() as connection:
        return cross_section(connection, read_plan(line), version, crs, pipe)


@router.get("/section/drawing", response_class=Response)
def section_drawing(
    service: ServiceDep,
    line: LineParam,
    pipe: DrawnDep,
    version: VersionDep,
    crs: CrsDep,
    language: LanguageDep,
    format: DrawingFormatParam = "svg",
    exaggeration: ExaggerationParam = 1.0,
) -> Response:
    """The cross-section drawn to scale, heights exaggerated if so asked."""
    with service.reading() as connection:
        found = cross_section(connection, read_plan(line), version, crs, pipe)
    return picture(draw_cross_section(found, language, exaggeration), format)


@router.get("/profile")
def profile(service: ServiceDep, run: RunDep, version: VersionDep) -> LongProfile:
    """A run of pipes from the side: ground, wells, levels, slopes, and every pipe it crosses."""
    with service.reading() as connection:
        return long_profile(connection, _segments_of(service, connection, run, version), version)


@router.get("/profile/drawing", response_class=Response)
def profile_drawing(
    service: ServiceDep,
    run: RunDep,
    version: VersionDep,
    language: LanguageDep,
    format: DrawingFormatParam = "svg",
) -> Response:
    """The long profile drawn, heights exaggerated."""
    with service.reading() as connection:
        found = long_profile(connection, _segments_of(service, connection, run, version), version)
    return picture(draw_long_profile(found, language), format)


def _segments_of(service: Service, connection: Connection, run: Run, version: int | datetime | None) -> list[int]:
    """The segments named, or those of the shortest way between the two nodes."""
    if run.segment_ids:
        return run.segment_ids
    network = service.networks.at(connection, resolve_version(connection, version))
    return way_between(connection, network, run.from_node_id, run.to_node_id, run.class_codes)


def read_plan(text: str) -> list[tuple[float, float]]:
    """The points of a line in a query."""
    return [(x, y) for x, y in read_line(text, (2,))]


def read_line(text: str, sizes: Sequence[int]) -> list[tuple[float, ...]]:
    """Points in a query, each of as many numbers as `sizes` allow; UsageError for what is none."""
    try:
        points = [tuple(float(number) for number in point.split()) for point in text.split(",")]
    except ValueError as error:
        raise _no_line(text, sizes) from error
    if any(len(point) not in sizes for point in points):
        raise _no_line(text, sizes)
    return points


def _no_line(text: str, sizes: Sequence[int]) -> UsageError:
    written = " or ".join(f"{point},{point},…" for point in ("x y", "x y z")[: max(sizes) - 1])
    return UsageError(f"A line is written as {written}; not {text[:60]}.")
