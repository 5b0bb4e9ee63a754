"""Section strings of surveys (`DN300`, `600X400`, `12孔 12根`) into shape, width and height.

The strings are those of standards.md section 1.6. A box is width first, height second. A nominal
diameter is taken as the outer one, because surveys measure or read the one number only.
"""

import re
import unicodedata
from dataclasses import dataclass

_SIGN = r"(?:HDN|DN|DE|D|Φ|φ|Ø|ø|Ф|ф|¢|⌀|∅)?"
_NUMBER = r"(\d+(?:\.\d+)?)"
_UNIT = r"(?:MM)?"
_ROUND = re.compile(rf"^{_SIGN}\s*{_NUMBER}\s*{_UNIT}$", re.IGNORECASE)
_BOX = re.compile(rf"^{_SIGN}\s*{_NUMBER}\s*{_UNIT}\s*[X×*]\s*{_NUMBER}\s*{_UNIT}$", re.IGNORECASE)
_HOLES = re.compile(r"^(\d+)\s*孔(?:[\s/,，、]*(\d+)\s*根)?$")


@dataclass(frozen=True)
class Section:
    """A cross-section; sizes in millimetres, None where unknown."""

    shape_code: str = "unknown"
    width_mm: float | None = None
    height_mm: float | None = None
    hole_count: int | None = None
    cable_count: int | None = None

    @property
    def is_known(self) -> bool:
        """Whether the text said anything at all."""
        return self != Section()


def parse_section(text: str, mm_per_unit: float = 1.0) -> Section:
    """Read one section string; what cannot be read, and a size of 0, is unknown."""
    word = unicodedata.normalize("NFKC", text).strip()
    if match := _ROUND.match(word):
        return _circle(float(match[1]) * mm_per_unit)
    if match := _BOX.match(word):
        return _box(float(match[1]) * mm_per_unit, float(match[2]) * mm_per_unit)
    if match := _HOLES.match(word):
        return Section(hole_count=int(match[1]), cable_count=int(match[2]) if match[2] else None)
    return Section()


def _circle(diameter_mm: float) -> Section:
    return Section("circle", diameter_mm, diameter_mm) if diameter_mm > 0 else Section()


def _box(width_mm: float, height_mm: float) -> Section:
    return Section("rect", width_mm, height_mm) if width_mm > 0 and height_mm > 0 else Section()
