"""Pressure tiers of gas, by the code table `pressure`."""

from functools import cache

import numpy as np

from pipemap.network.arrays import Floats
from schemas.codetables import code_table


@cache
def pressure_ranges_mpa() -> tuple[Floats, Floats]:
    """Least and greatest pressure of every tier by its position in the code table, NaN for -1 (unknown)."""
    tiers = list(code_table("pressure").values())
    least = np.array([*(float(tier.fields["min_mpa"]) for tier in tiers), np.nan])
    return least, np.array([*(float(tier.fields["max_mpa"]) for tier in tiers), np.nan])
