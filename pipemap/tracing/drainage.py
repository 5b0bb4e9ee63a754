"""How much water the isolated segments hold, and where it can be let out."""

from functools import cache
from typing import NamedTuple, TypeAlias

import numba
import numpy as np

from pipemap.network import Flags, Floats, Ints, Network, SmallInts
from pipemap.network.adjacency import marked_ends
from pipemap.network.arrays import Reals
from pipemap.tracing.describing import Words, device_places
from schemas.codetables import code_table

# Shape, width and height of every segment (pipemap/network/arrays.py), and the clear shares of the shapes.
Sections: TypeAlias = tuple[SmallInts, Reals, Reals, Floats]
# The same with whether a size is assumed, and by node whether it is a drain.
Columns: TypeAlias = tuple[SmallInts, Reals, Reals, Floats, Flags, Flags]

# Share of the enclosing rectangle that is clear: a circle (or ellipse); an egg of 2:3 (radii 1, 1/2 and 3).
_CIRCLE = np.pi / 4
_EGG = 1.1485 / 1.5
_DRAINS = ("drain_valve",)


class Held(NamedTuple):
    """What isolated segments hold, as the fields of a Drainage have it; `outlets` are nodes (positions)."""

    volume_m3: float
    assumed_m3: float
    unknown_length_m: float
    outlets: Ints


def drainage_of(network: Network, isolated: Ints) -> Held:
    """The volume in isolated segments (positions) by their clear section; unknown ones are counted apart."""
    segments = network.segments
    sections = (*sections_of(network), segments.is_bore_assumed, drains(network))
    return Held(*held_in(sections, segments.from_node, segments.to_node, segments.length_m, isolated))


def drainage_words(network: Network, held: Held) -> Words:
    """The fields of a Drainage."""
    return {**held._asdict(), "outlets": device_places(network, held.outlets)}


@numba.njit(cache=True, nogil=True)
def held_in(
    columns: Columns, from_node: Ints, to_node: Ints, length_m: Floats, isolated: Ints
) -> tuple[float, float, float, Ints]:  # pragma: no cover
    """The known volume, the part of it that is assumed, the length of unknown section, and the outlets."""
    shape, width_mm, height_mm, clear_shares, is_assumed, is_drain = columns
    known_m3 = assumed_m3 = unknown_length_m = 0.0
    for one in isolated:
        volume_m3 = _clear_area_m2((shape, width_mm, height_mm, clear_shares), one) * length_m[one]
        if not np.isfinite(volume_m3):
            unknown_length_m += length_m[one]
            continue
        known_m3 += volume_m3
        if is_assumed[one]:
            assumed_m3 += volume_m3
    return known_m3, assumed_m3, unknown_length_m, marked_ends(from_node, to_node, isolated, is_drain)


def clear_area_m2(network: Network, segments: Ints) -> Floats:
    """Clear cross-section of segments (positions); NaN where the size is unknown.

    A shape that is neither round nor egg-shaped fills its width and height, which is the most it can.
    """
    areas_m2: Floats = _clear_areas_m2(sections_of(network), segments)
    return areas_m2


def sections_of(network: Network) -> Sections:
    """Shapes and sizes of the segments."""
    segments = network.segments
    return segments.shape, segments.bore_width_mm, segments.bore_height_mm, _clear_shares()


@numba.njit(cache=True, nogil=True)
def _clear_areas_m2(sections: Sections, segments: Ints) -> Floats:  # pragma: no cover
    areas_m2 = np.empty(len(segments))
    for place, one in enumerate(segments):
        areas_m2[place] = _clear_area_m2(sections, one)
    return areas_m2


@numba.njit(cache=True, nogil=True)
def _clear_area_m2(sections: Sections, one: int) -> float:  # pragma: no cover
    shape, widths_mm, heights_mm, clear_shares = sections
    width_mm, height_mm = np.float64(widths_mm[one]), np.float64(heights_mm[one])
    if np.isnan(height_mm):
        height_mm = width_mm
    return float(clear_shares[shape[one]] * width_mm * height_mm / 1e6)


@cache
def _clear_shares() -> Floats:
    """Share of the enclosing rectangle that is clear, by position in the code table, the last for unknown shapes."""
    shapes = list(code_table("section_shape"))
    shares = np.ones(len(shapes) + 1)
    shares[shapes.index("circle")], shares[shapes.index("egg")] = _CIRCLE, _EGG
    return shares


def drains(network: Network) -> Flags:
    """Whether each node lets water out."""
    return network.once(
        "is drain", lambda: _are_drains()[network.nodes.appurtenance] & network.nodes.is_active, by_layout=True
    )


@cache
def _are_drains() -> Flags:
    """Which appurtenances let water out, by position in the code table, the last for none."""
    return np.array([*(code in _DRAINS for code in code_table("appurtenance")), False])
