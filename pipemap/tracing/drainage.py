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
# By segment its volume, NaN where it is unknown, and whether its size is assumed; by node whether it is a drain.
Drained: TypeAlias = tuple[Floats, Flags, Flags]

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


def drainage_words(network: Network, held: Held) -> Words:
    """The fields of a Drainage."""
    return {
        "volume_m3": held.volume_m3,
        "assumed_m3": held.assumed_m3,
        "unknown_length_m": held.unknown_length_m,
        "outlets": device_places(network, held.outlets),
    }


@numba.njit(cache=True, nogil=True)
def held_in(
    columns: Drained, from_node: Ints, to_node: Ints, length_m: Floats, isolated: Ints
) -> tuple[float, float, float, Ints]:  # pragma: no cover
    """The known volume, the part of it that is assumed, the length of unknown section, and the outlets."""
    volume_m3, is_assumed, is_drain = columns
    known_m3 = assumed_m3 = unknown_length_m = 0.0
    for one in isolated:
        if not np.isfinite(volume_m3[one]):
            unknown_length_m += length_m[one]
            continue
        known_m3 += volume_m3[one]
        if is_assumed[one]:
            assumed_m3 += volume_m3[one]
    return known_m3, assumed_m3, unknown_length_m, marked_ends(from_node, to_node, isolated, is_drain)


def drained_columns(network: Network) -> Drained:
    """What `held_in` looks at, put together once per network."""

    def found() -> Drained:
        segments = network.segments
        volume_m3 = clear_area_m2(network, np.arange(len(segments.id))) * segments.length_m
        return volume_m3, segments.is_bore_assumed, _are_drains()[network.nodes.appurtenance] & network.nodes.is_active

    return network.once("drained", found)


def clear_area_m2(network: Network, segments: Ints) -> Floats:
    """Clear cross-section of segments (positions); NaN where the size is unknown.

    A shape that is neither round nor egg-shaped fills its width and height, which is the most it can.
    """
    areas_m2: Floats = _clear_areas_m2(_sections(network), segments)
    return areas_m2


def _sections(network: Network) -> Sections:
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


@cache
def _are_drains() -> Flags:
    """Which appurtenances let water out, by position in the code table, the last for none."""
    return np.array([*(code in _DRAINS for code in code_table("appurtenance")), False])
