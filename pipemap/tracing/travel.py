"""How long water takes through gravity pipes: Manning's velocity of the full pipe.

v = R^(2/3) S^(1/2) / n, with R the clear area over the wetted perimeter of the full section, S the fall over the length
and n from schemas/limits/manning_roughness.csv. A real sewer runs part full: from half full upwards up to 14 % faster,
nearly empty much slower. The result is an estimate.
"""

from functools import cache

import numpy as np

from pipemap.network import Flags, Floats, Network
from pipemap.tracing.drainage import clear_area_m2
from pipemap.tracing.gravity import LEAST_FALL_M, Gravity
from schemas.codetables import code_table, limits

# Concrete and clay, of which most sewers are.
DEFAULT_N = 0.013
# Wetted perimeter of an egg of 2:3 (radii 1, 1/2 and 3 half widths), in widths.
_EGG_PERIMETER = 3.965


def travel_s(network: Network, gravity: Gravity) -> Floats:
    """Seconds through each gravity pipe, running full; NaN where its slope or its section is unknown.

    Found once per network.
    """
    return network.once("travel times", lambda: _travel_s(network, gravity))


def roughness(network: Network) -> Floats:
    """Manning's n of each segment by its material, DEFAULT_N where that is unknown."""
    by_material = np.array([*(_known_n().get(code, DEFAULT_N) for code in code_table("material")), DEFAULT_N])
    found: Floats = by_material[network.segments.material]
    return found


def is_roughness_assumed(network: Network) -> Flags:
    """Whether the table has no n for the material of each segment, or nobody knows the material."""
    is_known = np.array([*(code in _known_n() for code in code_table("material")), False])
    return np.asarray(~is_known[network.segments.material])


def hydraulic_radius_m(network: Network) -> Floats:
    """Clear area over wetted perimeter of the full section: circles, ellipses, eggs and rectangles; else NaN."""
    segments = network.segments
    width_m = segments.bore_width_mm.astype(np.float64) / 1000
    height_m = np.where(np.isnan(segments.bore_height_mm), width_m, segments.bore_height_mm / 1000.0)
    shapes = list(code_table("section_shape"))
    half_sum, half_difference = (width_m + height_m) / 2, np.abs(width_m - height_m) / 2
    # Ramanujan's second formula (1914): exact for circles, within a millionth for ellipses of 1:3.
    flat = (half_difference / half_sum) ** 2
    ellipse_m = np.pi * half_sum * (1 + 3 * flat / (10 + np.sqrt(4 - 3 * flat)))
    perimeter_m = np.select(
        [segments.shape == shapes.index(code) for code in ("circle", "egg", "rect")],
        [ellipse_m, _EGG_PERIMETER * width_m, 2 * (width_m + height_m)],
        np.nan,
    )
    area_m2 = clear_area_m2(network, np.arange(len(segments.id)))
    radius_m: Floats = area_m2 / perimeter_m
    return radius_m


def _travel_s(network: Network, gravity: Gravity) -> Floats:
    length_m = network.segments.length_m
    with np.errstate(invalid="ignore", divide="ignore"):
        slope = np.where(gravity.fall_m >= LEAST_FALL_M, gravity.fall_m / length_m, np.nan)
        velocity_m_s = hydraulic_radius_m(network) ** (2 / 3) * np.sqrt(slope) / roughness(network)
        time_s: Floats = length_m / velocity_m_s
    return np.where(np.isfinite(time_s), time_s, np.nan)


@cache
def _known_n() -> dict[str, float]:
    return {row["material_code"]: float(row["n"]) for row in limits("manning_roughness")}
