"""The units that numbers of a column are in, by which of them are usual: sizes in inches, depths in centimetres."""

import numpy as np

from importers.normalising.cells import Floats
from importers.normalising.units import factor, is_of_metres, unit_of
from importers.normalising.usual_sizes import SIZES_MM, usual_in_inches
from importers.profiles import ELEVATIONS
from importers.proposing.sample import Sample

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
    return len(values) >= _LEAST_NUMBERS and usual_in_inches(values)


def in_metres(sample: Sample) -> bool:
    """Whether sizes of pipes are in metres: none is of a few millimetres, and a thousand times as much is usual."""
    values = sample.known_numbers[sample.known_numbers > 0]
    if len(values) < _LEAST_NUMBERS or float(np.max(values)) > _LARGEST_M:
        return False
    return float(np.isin(np.round(values * 1000), list(SIZES_MM)).mean()) >= _MOSTLY


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
