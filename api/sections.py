"""Sections: what a vertical plane along a drawn line cuts, as data or as a drawing."""

from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Query, Response

from api.deps import STRICT, CrsDep, ServiceDep, VersionDep
from pipemap.errors import UsageError
from pipemap.sections.cross import cross_section
from pipemap.sections.drawing import Language, as_png, draw_cross_section
from schemas.sections import CrossSection

router = APIRouter(tags=["questions"], dependencies=[STRICT])
LineParam = Annotated[str, Query(max_length=10_000, description="x y,x y,… from left to right")]


class PictureFormat(StrEnum):
    """Kinds of pictures."""

    SVG = "svg"
    PNG = "png"


@router.get("/section")
def section(service: ServiceDep, line: LineParam, version: VersionDep, crs: CrsDep) -> CrossSection:
    """Every pipe that a line cuts, with ground, spacings and what is too near; the line may be in another CRS."""
    with service.reading() as connection:
        return cross_section(connection, _points(line), version, crs)


@router.get("/section/drawing", response_class=Response)
def section_drawing(
    service: ServiceDep,
    line: LineParam,
    version: VersionDep,
    crs: CrsDep,
    format: Annotated[PictureFormat, Query(description="svg or png")] = PictureFormat.SVG,
    language: Annotated[Language | None, Query(description="Of the words; the service's by default")] = None,
) -> Response:
    """The cross-section drawn to scale."""
    with service.reading() as connection:
        found = cross_section(connection, _points(line), version, crs)
    svg = draw_cross_section(found, language or ("zh" if service.settings.language == "zh" else "en"))
    if format is PictureFormat.PNG:
        return Response(as_png(svg), media_type="image/png")
    return Response(svg, media_type="image/svg+xml")


def _points(text: str) -> list[tuple[float, float]]:
    try:
        return [(float(x), float(y)) for x, y in (point.split() for point in text.split(","))]
    except ValueError as error:
        raise UsageError(f"A line is written as x y,x y,…; not {text[:60]}.") from error
