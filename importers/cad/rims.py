"""Lines drawn up to the rim of a manhole's circle, which are pipes up to its middle."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from importers.cad.geometry import Vertex
from importers.cad.layer_names import can_meet
from importers.cad.sheets import Sheet

_ON_RIM_M, _AT_POINT_M = 0.02, 0.01
# How far beside the middle a line may point, in radii.
_BESIDE = 0.35

Floats = npt.NDArray[np.float64]


def drawn_to_centres(sheets: Sequence[Sheet]) -> int:
    """Let lines that end on the rim of a point's symbol, and point at its middle, end there; how many ends did."""
    symbols = [(e, s) for s in sheets for e in s.rows["node"] if e.vertices and e.radius > _ON_RIM_M]
    lines = [(e, s) for s in sheets for e in s.rows["segment"] if len(e.vertices) > 1 and not e.is_closed]
    if not symbols or not lines:
        return 0
    centres = np.array([entity.vertices[0][:2] for entity, _ in symbols])
    radii = np.array([entity.radius for entity, _ in symbols])
    ends = [(line, sheet, at, before) for line, sheet in lines for at, before in ((0, 1), (-1, -2))]
    tree, places = cKDTree(centres), np.array([line.vertices[at][:2] for line, _, at, _ in ends])
    reach_m = float(radii.max()) + _ON_RIM_M
    is_apart = np.asarray(_points(sheets).query(places, distance_upper_bound=_AT_POINT_M)[0]) > _AT_POINT_M
    is_near = np.asarray(tree.query(places, distance_upper_bound=reach_m)[0]) <= reach_m
    moved = 0
    for place in np.flatnonzero(is_apart & is_near).tolist():
        line, sheet, at, before = ends[place]
        near = tree.query_ball_point(places[place], reach_m)
        fitting = [i for i in near if _is_on_rim(line.vertices, at, before, centres[i], radii[i])]
        fitting = [i for i in fitting if can_meet(sheet.told.class_code, symbols[i][1].told.class_code)]
        if len(fitting) == 1:
            line.vertices[at] = (*centres[fitting[0]].tolist(), line.vertices[at][2])
            moved += 1
    return moved


def _points(sheets: Sequence[Sheet]) -> Any:
    return cKDTree(np.array([e.vertices[0][:2] for s in sheets for e in s.rows["node"] if e.vertices]))


def _is_on_rim(line: Sequence[Vertex], at: int, before: int, centre: Floats, radius: float) -> bool:
    end, inner = np.array(line[at][:2]), np.array(line[before][:2])
    inwards, way = centre - end, end - inner
    length = float(np.hypot(*way))
    if not length or abs(float(np.hypot(*inwards)) - radius) > _ON_RIM_M or np.hypot(*(centre - inner)) < radius:
        return False
    aside = abs(float(way[0] * inwards[1] - way[1] * inwards[0])) / length
    return aside <= _BESIDE * radius and float(way @ inwards) > 0
