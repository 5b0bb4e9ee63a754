"""Drawings as the pictures that are asked for."""

from enum import StrEnum

from fastapi import Response

from api.deps import Service
from pipemap.sections.svg import Language, as_png

__all__ = ["Language", "PictureFormat", "picture", "wanted_language"]


class PictureFormat(StrEnum):
    """Kinds of pictures."""

    SVG = "svg"
    PNG = "png"


def picture(svg: str, format: PictureFormat) -> Response:
    """A drawing in the format asked for."""
    if format is PictureFormat.PNG:
        return Response(as_png(svg), media_type="image/png")
    return Response(svg, media_type="image/svg+xml")


def wanted_language(service: Service, language: Language | None) -> Language:
    """The language asked for, else the service's."""
    return language or ("zh" if service.settings.language == "zh" else "en")
