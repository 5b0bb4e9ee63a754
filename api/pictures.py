"""Drawings as the pictures that are asked for."""

from typing import Annotated, Literal

from fastapi import Query, Response

from api.deps import Service
from pipemap.sections.svg import DrawingFormat, Language, as_file

__all__ = ["DrawingFormatParam", "Language", "PictureFormat", "picture", "wanted_language"]


PictureFormat = Literal["svg", "png"]
DrawingFormatParam = Annotated[DrawingFormat, Query(description="svg, png, or dxf in metres for CAD")]
_MEDIA = {"svg": "image/svg+xml", "png": "image/png", "dxf": "image/vnd.dxf"}


def picture(svg: str, format: DrawingFormat) -> Response:
    """A drawing in the format asked for."""
    return Response(as_file(svg, format), media_type=_MEDIA[format])


def wanted_language(service: Service, language: Language | None) -> Language:
    """The language asked for, else the service's."""
    return language or ("zh" if service.settings.language == "zh" else "en")
