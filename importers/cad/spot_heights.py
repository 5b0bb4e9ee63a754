"""Ground elevations of points from the spot heights around them."""

from collections.abc import Sequence
from contextlib import suppress

import numpy as np
import numpy.typing as npt
from scipy.interpolate import LinearNDInterpolator
from scipy.spatial import QhullError, cKDTree

from importers.cad.entities import Entity

Floats = npt.NDArray[np.float64]


def heights(spots: Sequence[Entity]) -> Floats:
    """Places and heights of spot heights, shape (n, 3); the height is z, else an attribute that is a number."""
    found = [(x, y, z or _height(spot)) for spot in spots for x, y, z in spot.vertices[:1]]
    return np.array([xyz for xyz in found if xyz[2]], dtype=float).reshape(-1, 3)


def ground_at(xy: Floats, spots: Floats, reach_m: float) -> Floats:
    """Elevation at places, linear between spot heights, the nearest one's outside of them; NaN beyond `reach_m`."""
    if not len(spots):
        return np.full(len(xy), np.nan)
    apart, nearest = cKDTree(spots[:, :2]).query(xy)
    ground = np.full(len(xy), np.nan)
    if len(spots) > 2:
        # Spot heights in a row span no triangle.
        with suppress(QhullError):
            ground = LinearNDInterpolator(spots[:, :2], spots[:, 2])(xy)
    ground = np.where(np.isnan(ground), spots[nearest, 2], ground)
    return np.where(apart <= reach_m, ground, np.nan)


def _height(spot: Entity) -> float:
    for value in spot.attributes.values():
        try:
            height = float(value)
        except (TypeError, ValueError):
            continue
        # A legend code is no height.
        if "." in str(value):
            return height
    return 0.0
