"""The made-up district's ground and street grid, and the lane and depth every utility keeps in a street.

Streets run along u (`H0`..) and v (`V0`..) of a grid that is turned against the map. The ground falls
along both, so a sewer that keeps its depth below ground falls by itself. Lanes follow the order of
GB 50289-2016 4.1.3, depths the crossing order of 4.1.12, so that any two utilities that cross keep
the vertical clearance of table 4.1.14, and any two in neighbouring lanes that of table 4.1.9.
"""

from dataclasses import dataclass
from math import cos, radians, sin

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

ORIGIN_X_M, ORIGIN_Y_M = 512_000.0, 2_612_000.0
_TURN = radians(7.0)

U_M = tuple(140.0 * i for i in range(7))
V_M = tuple(160.0 * j for j in range(6))
# Services and laterals keep clear of the lanes of the crossing street.
CLEAR_OF_CROSSING_M = 18.0
HOUSE_OFFSET_M = 14.4
BUILDING_OFFSET_M = 17.5

H_NAMES = ("青禾路", "望江路", "云杉路", "学府路", "文昌路", "临渊路")
V_NAMES = ("一纬街", "二纬街", "三纬街", "四纬街", "五纬街", "六纬街", "七纬街")


@dataclass(frozen=True)
class Lane:
    """Where a utility lies: offset from the street's axis, depth of its outer top, and its section."""

    offset_m: float
    crown_depth_m: float
    width_mm: float
    height_mm: float


LANES = {
    "power": Lane(-12.5, 1.58, 600, 300),
    "street_light": Lane(-11.2, 0.50, 50, 50),
    "traffic_signal": Lane(-10.2, 0.81, 50, 50),
    "gas": Lane(-8.6, 2.05, 160, 160),
    "heat_supply": Lane(-6.5, 2.38, 200, 200),
    "heat_return": Lane(-6.0, 2.75, 200, 200),
    "storm": Lane(-1.5, 3.84, 400, 400),
    "foul": Lane(2.5, 4.81, 300, 300),
    "water": Lane(7.0, 3.12, 200, 200),
    "telecom": Lane(11.0, 1.12, 400, 200),
}


def ground_m(u_m: float, v_m: float) -> float:
    """Ground elevation at a place of the grid, as it is surveyed."""
    return round(float(surface_m(np.array(u_m), np.array(v_m))), 3)


def surface_m(u_m: Floats, v_m: Floats) -> Floats:
    """The ground at places of the grid; falls everywhere along u and along v."""
    return 30.0 - 0.010 * u_m - 0.008 * v_m + 0.15 * np.sin(u_m / 300.0) + 0.10 * np.cos(v_m / 260.0)


def plan_xy_m(u_m: float, v_m: float) -> tuple[float, float]:
    """Easting and northing of a place of the grid, EPSG:4547; v runs to the south."""
    x_m = ORIGIN_X_M + u_m * cos(_TURN) - v_m * sin(_TURN)
    y_m = ORIGIN_Y_M - u_m * sin(_TURN) - v_m * cos(_TURN)
    return round(x_m, 3), round(y_m, 3)


def grid_uv_m(x_m: Floats, y_m: Floats) -> tuple[Floats, Floats]:
    """Places of the map on the grid, the other way round than `plan_xy_m`."""
    east_m, south_m = x_m - ORIGIN_X_M, ORIGIN_Y_M - y_m
    return east_m * cos(_TURN) + south_m * sin(_TURN), south_m * cos(_TURN) - east_m * sin(_TURN)
