"""Heights at which points and lines are drawn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from importers.cad.entities import Entity
from importers.cad.sheets import Sheet
from importers.cad.spot_heights import Floats, ground_at

_ON_POINT_M, _SAME_HEIGHT_M = 0.05, 0.01


@dataclass(frozen=True)
class Heights:
    """Heights by the rows of points, and how many of them are those of the spot heights around."""

    of: Mapping[int, float]
    n_from_spots: int = 0


def heights_of_points(nodes: Sequence[Entity], spots: Floats, options: Mapping[str, Any]) -> Heights:
    """The heights of points that are not drawn flat, and where the options say so those of spots around the others."""
    placed = [entity for entity in nodes if entity.vertices]
    if not placed:
        return Heights({})
    z = np.array([entity.vertices[0][2] for entity in placed])
    filled = np.zeros(len(z), dtype=bool)
    if options.get("ground_points") == "fill":
        xy = np.array([entity.vertices[0][:2] for entity in placed])
        found = ground_at(xy, spots, float(options.get("ground_reach_m", 0)))
        filled = (z == 0) & ~np.isnan(found)
        z = np.where(filled, found, z)
    told = {entity.row: round(height, 4) for entity, height in zip(placed, z.tolist(), strict=True) if height}
    return Heights(told, int(np.count_nonzero(filled)))


def lie_at_point_height(sheets: Sequence[Sheet]) -> tuple[int, int]:
    """How many line ends with a height stand on a point with one, and how many of them have its height."""
    points = [e.vertices[0] for s in sheets for e in s.rows["node"] if e.vertices and e.vertices[0][2]]
    ends = [v for s in sheets for e in s.rows["segment"] if e.vertices for v in (e.vertices[0], e.vertices[-1]) if v[2]]
    if not points or not ends:
        return 0, 0
    there, here = np.array(points), np.array(ends)
    apart, nearest = cKDTree(there[:, :2]).query(here[:, :2])
    on_point = apart <= _ON_POINT_M
    same = np.abs(there[nearest, 2] - here[:, 2]) <= _SAME_HEIGHT_M
    return int(np.count_nonzero(on_point)), int(np.count_nonzero(on_point & same))
