"""How much water the isolated segments hold, and where it can be let out."""

from functools import cache

import numpy as np

from pipemap.network import Flags, Floats, Ints, Network
from pipemap.tracing.describing import device_places
from schemas.codetables import code_table
from schemas.isolation import Drainage

# Share of the enclosing rectangle that is clear: a circle (or ellipse); an egg of 2:3 (radii 1, 1/2 and 3).
_CIRCLE = np.pi / 4
_EGG = 1.1485 / 1.5
_DRAINS = ("drain_valve",)


def drainage_of(network: Network, isolated: Ints) -> Drainage:
    """The volume in isolated segments (positions) by their clear section; unknown ones are counted apart."""
    segments = network.segments
    area_m2 = clear_area_m2(network, isolated)
    volume_m3 = area_m2 * segments.length_m[isolated]
    is_known = np.isfinite(volume_m3)
    is_assumed = is_known & segments.is_bore_assumed[isolated]
    return Drainage(
        volume_m3=float(volume_m3[is_known].sum()),
        assumed_m3=float(volume_m3[is_assumed].sum()),
        unknown_length_m=float(segments.length_m[isolated][~is_known].sum()),
        outlets=device_places(network, _outlets(network, isolated)),
    )


def clear_area_m2(network: Network, segments: Ints) -> Floats:
    """Clear cross-section of segments (positions); NaN where the size is unknown.

    A shape that is neither round nor egg-shaped fills its width and height, which is the most it can.
    """
    width_mm = network.segments.bore_width_mm[segments].astype(np.float64)
    height_mm = network.segments.bore_height_mm[segments].astype(np.float64)
    height_mm = np.where(np.isnan(height_mm), width_mm, height_mm)
    area: Floats = _clear_shares()[network.segments.shape[segments]] * width_mm * height_mm / 1e6
    return area


@cache
def _clear_shares() -> Floats:
    """Share of the enclosing rectangle that is clear, by position in the code table, the last for unknown shapes."""
    shapes = list(code_table("section_shape"))
    shares = np.ones(len(shapes) + 1)
    shares[shapes.index("circle")], shares[shapes.index("egg")] = _CIRCLE, _EGG
    return shares


def _outlets(network: Network, isolated: Ints) -> Ints:
    ends = np.concatenate([network.segments.from_node[isolated], network.segments.to_node[isolated]])
    is_outlet = _are_drains()[network.nodes.appurtenance[ends]] & network.nodes.is_active[ends]
    return np.unique(ends[is_outlet]) if is_outlet.any() else ends[:0]


@cache
def _are_drains() -> Flags:
    """Which appurtenances let water out, by position in the code table, the last for none."""
    return np.array([*(code in _DRAINS for code in code_table("appurtenance")), False])
