"""Columns of numbers that, read as coordinates, lie where the map is: a pair of a point, two of a line's ends."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from importers.normalising.cells import Floats
from importers.places.place_readings import Home, PlaceReading, place_readings, transformed
from importers.proposing.sample import Sample

_MOST_COLUMNS, _MOSTLY_NUMBERS, _LEAST_METRES, _MOSTLY_FRACTIONS = 8, 0.95, 10_000, 0.5
# Two places of one thing in two ways are no ends of a line, and no pipe runs this far without a node.
_LEAST_LENGTH_M, _LONGEST_M = 0.05, 2_000.0
_POINT, _ENDS = ("easting_m", "northing_m"), ("from_x", "from_y", "to_x", "to_y")


@dataclass(frozen=True)
class Placed:
    """What columns are by where their numbers lie, and the system that they lie there in."""

    attributes: Mapping[str, str]
    system: str


def placed_point(samples: Mapping[str, Sample], home: Home, axis: str) -> Placed | None:
    """The first pair of columns that, read as coordinates, lies where the map's system is used."""
    for (first, second), reading in _pairs(samples, home, axis):
        order = (second, first) if reading.axis == "x_is_northing" else (first, second)
        return Placed(dict(zip(order, _POINT, strict=True)), reading.name)
    return None


def placed_ends(samples: Mapping[str, Sample], home: Home, axis: str) -> Placed | None:
    """Two pairs of columns that lie there in one way, as far from each other as the ends of pipes are."""
    found = list(_pairs(samples, home, axis))
    for (one, reading), (other, like) in combinations(found, 2):
        if {*one} & {*other} or (reading.crs, reading.axis) != (like.crs, like.axis):
            continue
        starts, ends = (_places(samples, pair, reading, home) for pair in (one, other))
        length_m = np.hypot(*(ends - starts))
        if np.isfinite(length_m).any() and _LEAST_LENGTH_M < np.nanmedian(length_m) < _LONGEST_M:
            return Placed(dict(zip((*one, *other), _ENDS, strict=True)), reading.name)
    return None


def _pairs(samples: Mapping[str, Sample], home: Home, axis: str) -> Iterator[tuple[tuple[str, str], PlaceReading]]:
    """Pairs of columns in their order, with the first way to read them as places near the map."""
    names = [name for name, sample in samples.items() if sample.number_share > _MOSTLY_NUMBERS and _is_large(sample)]
    for first, second in combinations(names[:_MOST_COLUMNS], 2):
        readings = place_readings(samples[first].head, samples[second].head, home, None, axis)
        reading = next((each for each in readings if each.fits), None)
        if reading is not None:
            yield (first, second), reading


def _is_large(sample: Sample) -> bool:
    """Whether numbers can be coordinates: many metres, or degrees with a fraction."""
    values = sample.known_numbers
    return float(np.median(np.abs(values))) > _LEAST_METRES or float((values % 1 != 0).mean()) > _MOSTLY_FRACTIONS


def _places(samples: Mapping[str, Sample], pair: Sequence[str], reading: PlaceReading, home: Home) -> Floats:
    first, second = (samples[name].head for name in pair)
    east, north = (first, second) if reading.axis == "x_is_easting" else (second, first)
    return np.array(transformed(east, north, reading.crs, home.crs))
