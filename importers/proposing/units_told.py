"""The units that numbers of a column are in, by which of them are usual: sizes in inches, depths in centimetres."""

import numpy as np

from importers.normalising.cells import Floats
from importers.normalising.units import factor, is_of_metres, unit_of
from importers.profiles import ELEVATIONS
from importers.proposing.sample import Sample

_SIZES_MM = frozenset(
    (15, 20, 25, 32, 40, 50, 63, 65, 75, 80, 90, 100, 110, 125, 140, 150, 160, 180, 200, 225, 250, 280, 300, 315, 350,
     355, 375, 400, 450, 500, 525, 560, 600, 630, 675, 700, 710, 750, 800, 900, 1000, 1050, 1100, 1200, 1350, 1400,
     1500, 1600, 1650, 1800, 2000, 2200, 2400, 2600, 3000)
)  # fmt: skip
_SIZES_IN = (2, 3, 4, 6, 8, 10, 12, 14, 15, 16, 18, 20, 21, 24, 27, 30, 33, 36, 42, 48, 54, 60, 66, 72, 84, 96)
# Outer diameters of steel tubes (GB/T 17395, GOST 10704).
_STEEL_MM = frozenset((57, 76, 89, 108, 114, 133, 159, 168, 219, 273, 325, 377, 426, 478, 529, 530, 720, 820, 920,
                       1020, 1220, 1420))  # fmt: skip
# Those of inches rounded to whole millimetres are usual, too.
USUAL_MM = sorted(_SIZES_MM | _STEEL_MM | {round(size * 25.4) for size in _SIZES_IN})
_VOLTAGES_KV = frozenset((0.22, 0.38, 0.4, 6, 10, 11, 13.8, 15, 20, 22, 30, 33, 35, 50, 60, 66, 69, 90, 110, 115, 132,
                          138, 150, 220, 225, 230, 275, 330, 345, 380, 400, 500, 750, 1000))  # fmt: skip
_MOSTLY, _LEAST_NUMBERS = 0.8, 3
_LARGEST_M = 5.0
_DEEPEST_M, _USUAL_CM = 15.0, 500.0
_DEPTHS_OF_PIPES = ("from_depth_m", "to_depth_m", "depths")


def in_centimetres(sample: Sample) -> bool:
    """Whether depths look like whole centimetres: few streets lie deeper than 5 m, and none in 20 cm."""
    return 20 <= _middle_of_whole(sample) <= _USUAL_CM


def in_millimetres(sample: Sample) -> bool:
    """Whether depths look like whole millimetres."""
    return _USUAL_CM < _middle_of_whole(sample) <= 1000 * _DEEPEST_M


def _middle_of_whole(sample: Sample) -> float:
    """The median of numbers that are all whole, 0 of others."""
    values = sample.known_numbers[sample.known_numbers != 0]
    return float(np.median(values)) if len(values) and (values == np.round(values)).all() else 0.0


def in_volts(sample: Sample) -> bool:
    """Whether voltages are the usual ones in volts, 220 and more."""
    values = sample.known_numbers[sample.known_numbers != 0]
    return bool(len(values)) and float(values.min()) >= 220 and share_of_voltages(values / 1000) >= _MOSTLY


def in_inches(sample: Sample) -> bool:
    """Whether sizes of pipes look like inches: of the usual ones, too small and too few of the usual millimetres."""
    values = sample.known_numbers[sample.known_numbers > 0]
    if len(values) < _LEAST_NUMBERS or float(np.median(values)) >= 40:
        return False
    usual_in, usual_mm = (float(np.isin(values, sizes).mean()) for sizes in (_SIZES_IN, list(_SIZES_MM)))
    return usual_in >= _MOSTLY > usual_mm


def in_metres(sample: Sample) -> bool:
    """Whether sizes of pipes are in metres: none is of a few millimetres, and a thousand times as much is usual."""
    values = sample.known_numbers[sample.known_numbers > 0]
    if len(values) < _LEAST_NUMBERS or float(np.max(values)) > _LARGEST_M:
        return False
    return float(np.isin(np.round(values * 1000), list(_SIZES_MM)).mean()) >= _MOSTLY


def unit_in(attribute: str, column: str, sample: Sample, foot: str | None) -> str | None:
    """The unit that the header states, or that sizes and depths are in by their values, heights by their system."""
    stated = unit_of(column)
    if stated is not None and factor(attribute, stated) is not None:
        return stated
    if attribute == "voltage":
        return "V" if in_volts(sample) else None
    if attribute in ("section", "diameter"):
        return "in" if in_inches(sample) else "m" if in_metres(sample) else None
    if attribute in _DEPTHS_OF_PIPES and (in_centimetres(sample) or in_millimetres(sample)):
        return "cm" if in_centimetres(sample) else "mm"
    is_height = attribute in (*ELEVATIONS, *_DEPTHS_OF_PIPES, "well_depth_m")
    return foot if is_height and not is_of_metres(column) else None


def share_of_voltages(values_kv: Floats) -> float:
    """The share of numbers that are usual kilovolts."""
    is_usual = np.isclose(values_kv[:, None], [0.0, *_VOLTAGES_KV]).any(axis=1)
    return float(is_usual.mean()) if len(values_kv) else 0.0
