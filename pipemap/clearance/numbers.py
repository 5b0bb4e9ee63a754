"""Numbers that every part of the clearance engine goes by, and what stands for one that is not known."""

from math import isfinite, isnan
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Ints: TypeAlias = NDArray[np.int64]

# Survey values are written to the centimetre and coordinates to the millimetre.
TOLERANCE_M = 0.0005
# A pipe of unknown size is taken to reach at most this far from its axis when neighbours are ruled out.
LARGEST_UNKNOWN_HALF_M = 1.0
# Above this angle pipes run across one another rather than along.
ACROSS_DEG = 30.0
# GB 50289-2016 4.1.7: pipes that cross should do so at more than this angle.
LEAST_CROSSING_DEG = 60.0
# Ends of pipes that are surveyed or drawn each for itself are at one place when they are so near in plan.
SAME_PLACE_M = 0.3
# Half the widest culvert or tunnel that a neighbour may be.
WIDEST_NEIGHBOUR_M = 4.0


def known(value: float) -> float | None:
    """A number, or None for the unknown (NaN) and the endless."""
    return float(value) if isfinite(value) else None


def known_or(value: float, otherwise: float = 0.0) -> float:
    """A number, or another where it is not known."""
    return otherwise if isnan(value) else value
