"""Cross-sections of SWMM conduits: shape, width and height from the numbers of [XSECTIONS].

Widths are those at the widest place as the SWMM solver reckons them (EPA SWMM 5 reference manual, volume II,
table of cross-section shapes; solver module xsect).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

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
_BARRELS_AT = 5


@dataclass(frozen=True)
class CrossSection:
    """A clear opening: `shape` as the model names it, sizes in the model's unit of length, NaN where unknown."""

    shape: str
    width: float = math.nan
    height: float = math.nan
    barrels: int = 1


def cross_section(words: Sequence[str], curves: Mapping[str, float]) -> CrossSection:
    """The section of one line of [XSECTIONS] after the link's name.

    Parameters
    ----------
    curves
        Greatest width as a share of the height, by the name of a shape curve.
    """
    shape = words[0].upper()
    sizes = [number(word) for word in words[1:5]] + [math.nan] * 4
    width, height = _sizes(shape, sizes, words, curves)
    barrels = number(words[_BARRELS_AT]) if len(words) > _BARRELS_AT else 1.0
    return CrossSection(shape, _positive(width), _positive(height), int(barrels) if barrels >= 1 else 1)


def _sizes(
    shape: str, sizes: Sequence[float], words: Sequence[str], curves: Mapping[str, float]
) -> tuple[float, float]:
    height, width, third, fourth = sizes[:4]
    if shape in _ROUND:
        return height, height
    if shape in _BY_HEIGHT:
        return _BY_HEIGHT[shape] * height, height
    if shape == "TRAPEZOIDAL":
        return width + height * (third + fourth), height
    if shape in _BY_HEIGHT_AND_WIDTH or (shape in _OF_CATALOGUE and width > 0 and not third > 0):
        return width, height
    if shape == "CUSTOM" and len(words) > 2:
        return curves.get(words[2], math.nan) * height, height
    return math.nan, math.nan


def _positive(value: float) -> float:
    return value if value > 0 else math.nan
