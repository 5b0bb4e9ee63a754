"""Cross-sections of SWMM conduits: shape, width and height from the numbers of [XSECTIONS].

Widths are those at the widest place as the SWMM solver reckons them (EPA SWMM 5 reference manual, volume II,
table of cross-section shapes; solver module xsect).
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from importers.models.inp_files import number

# Shapes given by their height alone: the widest place as a share of it.
_BY_HEIGHT = {
    "EGG": 2 / 3,
    "HORSESHOE": 1.0,
    "GOTHIC": 0.84,
    "CATENARY": 0.9,
    "SEMIELLIPTICAL": 1.0,
    "BASKETHANDLE": 0.944,
    "SEMICIRCULAR": 1.64,
}
_ROUND = ("CIRCULAR", "FORCE_MAIN", "FILLED_CIRCULAR")
_BY_HEIGHT_AND_WIDTH = (
    "RECT_CLOSED", "RECT_OPEN", "RECT_TRIANGULAR", "RECT_ROUND", "MODBASKETHANDLE", "TRIANGULAR", "PARABOLIC", "POWER",
)  # fmt: skip
# With a width of 0 or a size code behind them, these are of a catalogue and not measured.
_OF_CATALOGUE = ("HORIZ_ELLIPSE", "VERT_ELLIPSE", "ARCH")
_DRAWN = ("CUSTOM", "IRREGULAR", "STREET")
_BARRELS_AT = 5
# Behind the name of a transect or street.
_STATION_FACTOR_AT, _SIDES_AT, _BACKING_AT, _BOTH = 8, 6, 7, 2


@dataclass(frozen=True)
class CrossSection:
    """A clear opening: `shape` as the model names it, sizes in the model's unit of length, NaN where unknown."""

    shape: str
    width: float = math.nan
    height: float = math.nan
    barrels: int = 1


@dataclass(frozen=True)
class DrawnSections:
    """Sections that stand elsewhere in the file, by name.

    `curves` holds the greatest width of a shape curve as a share of its height, `transects` width and height of
    what lines of ground make up, `streets` the width of a street with its sides and backings.
    """

    curves: Mapping[str, float] = field(default_factory=dict)
    transects: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    streets: Mapping[str, float] = field(default_factory=dict)


def cross_section(words: Sequence[str], drawn: DrawnSections) -> CrossSection:
    """The section of one line of [XSECTIONS] after the link's name."""
    shape = words[0].upper()
    sizes = [number(word) for word in words[1:5]] + [math.nan] * 4
    width, height = _drawn(shape, words, drawn) if shape in _DRAWN else _sizes(shape, sizes)
    barrels = number(words[_BARRELS_AT]) if len(words) > _BARRELS_AT else 1.0
    return CrossSection(shape, _positive(width), _positive(height), int(barrels) if barrels >= 1 else 1)


def transects(lines: Iterable[Sequence[str]]) -> dict[str, tuple[float, float]]:
    """Width and height of each transect, from the words of the lines of [TRANSECTS].

    As HEC-2 has them: `X1` begins one and names it, `GR` lists elevations and stations. The solver puts walls at both
    ends, so that the width is that from the first station to the last; solver module transect.
    """
    points: dict[str, list[float]] = {}
    factors: dict[str, float] = {}
    name = None
    for words in lines:
        if words[0].upper() == "X1" and len(words) > 1:
            name = words[1]
            points[name], factors[name] = [], _factor(words)
        elif words[0].upper() == "GR" and name is not None:
            points[name] += map(number, words[1:])
    return {name: _extent(points[name], factor) for name, factor in factors.items()}


def _extent(points: Sequence[float], factor: float) -> tuple[float, float]:
    elevations, stations = points[::2], points[1::2]
    if not stations or len(elevations) != len(stations) or any(map(math.isnan, points)):
        return math.nan, math.nan
    return (max(stations) - min(stations)) * factor, max(elevations) - min(elevations)


def _factor(words: Sequence[str]) -> float:
    """By which stations are multiplied; 0 stands for 1."""
    factor = number(words[_STATION_FACTOR_AT]) if len(words) > _STATION_FACTOR_AT else 1.0
    return factor or 1.0


def streets(lines: Iterable[Sequence[str]]) -> dict[str, float]:
    """Width of each street, from the words of the lines of [STREETS]: crown to curb and backing, on one side or two."""
    found = {}
    for name, *rest in lines:
        sizes = dict(enumerate(map(number, rest)))
        found[name] = sizes.get(_SIDES_AT, _BOTH) * (sizes.get(0, math.nan) + sizes.get(_BACKING_AT, 0.0))
    return found


def _drawn(shape: str, words: Sequence[str], drawn: DrawnSections) -> tuple[float, float]:
    first, second = [*words[1:3], "", ""][:2]
    if shape == "IRREGULAR":
        return drawn.transects.get(first, (math.nan, math.nan))
    if shape == "STREET":
        return drawn.streets.get(first, math.nan), math.nan
    height = number(first) if second else math.nan
    return drawn.curves.get(second, math.nan) * height, height


def _sizes(shape: str, sizes: Sequence[float]) -> tuple[float, float]:
    height, width, third, fourth = sizes[:4]
    if shape in _ROUND:
        return height, height
    if shape in _BY_HEIGHT:
        return _BY_HEIGHT[shape] * height, height
    if shape == "TRAPEZOIDAL":
        return width + height * (third + fourth), height
    if shape in _BY_HEIGHT_AND_WIDTH or (shape in _OF_CATALOGUE and width > 0 and not third > 0):
        return width, height
    return math.nan, math.nan


def _positive(value: float) -> float:
    return value if value > 0 else math.nan
