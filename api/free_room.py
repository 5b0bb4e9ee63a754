"""Where a new pipe has room."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from api.deps import STRICT, CrsDep, ServiceDep, VersionDep
from api.pictures import DrawingFormatParam, ExaggerationParam, LanguageDep, picture
from api.sections import LineParam, Millimetres, Positive, read_plan
from pipemap.sections.cross import cross_section
from pipemap.sections.drawing import draw_cross_section
from pipemap.sections.room import find_room, find_room_along
from schemas.room import FoundRoom, PlannedPipe, RoomAlong

router = APIRouter(tags=["questions"], prefix="/room", dependencies=[STRICT])


async def read_planned(
    class_code: str,
    width_mm: Millimetres,
    height_mm: Millimetres | None = None,
    casing_mm: Millimetres | None = None,
    cover_depth_m: Annotated[float | None, Query(ge=0, le=100, allow_inf_nan=False)] = None,
    burial_code: str | None = None,
    pressure_code: str | None = None,
    pressure_mpa: Positive | None = None,
    voltage_kv: Positive | None = None,
) -> PlannedPipe:
    """The pipe that is to be laid."""
    return PlannedPipe(
        class_code=class_code, width_mm=width_mm, height_mm=height_mm, casing_mm=casing_mm,
        cover_depth_m=cover_depth_m, burial_code=burial_code, pressure_code=pressure_code, pressure_mpa=pressure_mpa,
        voltage_kv=voltage_kv,
    )  # fmt: skip


PlannedDep = Annotated[PlannedPipe, Depends(read_planned)]


@router.get("")
def room(service: ServiceDep, line: LineParam, pipe: PlannedDep, version: VersionDep, crs: CrsDep) -> FoundRoom:
    """The strips of a section where a new pipe, laid straight across it, keeps every clearance in plan."""
    with service.reading() as connection:
        return find_room(connection, read_plan(line), pipe, version, crs)


@router.get("/drawing", response_class=Response)
def room_drawing(
    service: ServiceDep,
    line: LineParam,
    pipe: PlannedDep,
    version: VersionDep,
    crs: CrsDep,
    language: LanguageDep,
    format: DrawingFormatParam = "svg",
    exaggeration: ExaggerationParam = 1.0,
) -> Response:
    """The cross-section with its free strips."""
    points = read_plan(line)
    with service.reading() as connection:
        section = cross_section(connection, points, version, crs)
        found = find_room(connection, points, pipe, version, crs)
    return picture(draw_cross_section(section, language, exaggeration, found), format)


@router.get("/corridor")
def room_along(
    service: ServiceDep,
    line: LineParam,
    half_width_m: Annotated[float, Query(gt=0, le=100, description="To either side of the line")],
    pipe: PlannedDep,
    version: VersionDep,
    crs: CrsDep,
    step_m: Annotated[float, Query(ge=0.5, le=1000, description="From section to section")] = 10.0,
) -> RoomAlong:
    """The strips that are free all along a corridor, judged section by section."""
    with service.reading() as connection:
        return find_room_along(connection, read_plan(line), half_width_m, pipe, step_m, version, crs)
