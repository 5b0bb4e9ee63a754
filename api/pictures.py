"""Drawings as the pictures that are asked for."""

from typing import Annotated, Literal

from fastapi import Depends, Query, Response

from api.deps import ServiceDep
from pipemap.sections.svg import DrawingFormat, Language, as_file

PictureFormat = Literal["svg", "png"]
DrawingFormatParam = Annotated[DrawingFormat, Query(description="svg, png, or dxf in metres for CAD")]
ExaggerationParam = Annotated[float, Query(ge=1, le=50, description="Heights so many times as large")]
_MEDIA = {"svg": "image/svg+xml", "png": "image/png", "dxf": "image/vnd.dxf"}


def picture(svg: str, format: DrawingFormat) -> Response:
    """A drawing in the format asked for."""
    return Response(as_file(svg, format), media_type=_MEDIA[format])


async def read_language(
    service: ServiceDep,
    language: Annotated[Language | None, Query(description="Of the words; the service's by default")] = None,
) -> Language:
    """The language asked for, else the service's."""
    return language or ("zh" if service.settings.language == "zh" else "en")


LanguageDep = Annotated[Language, Depends(read_language)]
