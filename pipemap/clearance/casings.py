"""Casings 套管: a pipe that lies in one is measured from the outer wall of the casing, not from its own.

GB 50028-2006 says so for gas under table 6.3.3-2, and everything else is measured alike. A survey gives one diameter
and no place of its own, so a casing is round and lies around the axis of its pipe. One that is not larger than the pipe
cannot hold it and does not count.
"""

from typing import NamedTuple

import numpy as np

from pipemap.clearance.geometry3d import Bools, Floats
from pipemap.errors import UsageError


class Walls(NamedTuple):
    """Outer walls of n pipes: half sizes in metres, NaN where not known; a casing is round."""

    is_round: Bools
    half_width_m: Floats
    half_height_m: Floats
    is_cased: Bools


def check_casing(casing_mm: float | None, width_mm: float, height_mm: float | None) -> None:
    """Raise UsageError for the casing of a new pipe that cannot hold it."""
    if casing_mm is not None and casing_mm <= max(width_mm, height_mm or 0.0):
        raise UsageError(
            "A casing must be larger than the pipe that lies in it.", message_zh="套管必须大于其中的管道。"
        )


def half_sizes_m(is_round: Bools, width_m: Floats, height_m: Floats) -> tuple[Floats, Floats]:
    """Half the width and height of pipes themselves; a circle has one size, whichever is known."""
    across = np.where(np.isnan(width_m), height_m, width_m)
    return np.where(is_round, across, width_m) / 2, np.where(is_round, across, height_m) / 2


def outer_walls(is_round: Bools, half_width_m: Floats, half_height_m: Floats, casing_mm: Floats) -> Walls:
    """The walls that clearances are measured from; a pipe of unknown size in a casing has the casing's."""
    casing_m = np.asarray(casing_mm, np.float64) / 2000
    is_cased = casing_m > np.fmax(np.nan_to_num(half_width_m), np.nan_to_num(half_height_m))
    return Walls(
        is_round | is_cased,
        np.where(is_cased, casing_m, half_width_m),
        np.where(is_cased, casing_m, half_height_m),
        is_cased,
    )
