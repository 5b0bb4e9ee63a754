"""The outline that a vertical plane cuts out of a straight pipe: an ellipse, or an upright box."""

import math

import numpy as np

from pipemap.clearance.geometry3d import Floats

_CORNERS = 48


def outline(
    along: Floats, way: Floats, half_width_m: float, half_height_m: float, is_round: bool, reach_m: float
) -> Floats:
    """Outline (k, 2) around the axis: offset along the plane and height, in metres.

    `along` is the unit vector of the plane in plan (2,), `way` the direction of the axis (3,). What runs farther
    along the plane than `reach_m` is cut off there: a pipe nearly in the plane has no end in it. Sizes that are
    not known are refused with ValueError.
    """
    if math.isnan(half_width_m) or math.isnan(half_height_m):
        raise ValueError("an outline needs both sizes")
    found = _ellipse(along, way, half_width_m) if is_round else _box(along, way, half_width_m, half_height_m)
    found[:, 0] = np.clip(found[:, 0], -reach_m, reach_m)
    return found


def _ellipse(along: Floats, way: Floats, radius_m: float) -> Floats:
    """Points at the radius from the axis: those p in the plane with |p|² - (p·d)² = r², d the unit axis."""
    axis = way / np.linalg.norm(way)
    ahead, up = float(along @ axis[:2]), float(axis[2])
    form = np.array([[1 - ahead * ahead, -ahead * up], [-ahead * up, 1 - up * up]])
    values, vectors = np.linalg.eigh(form)
    turns = np.linspace(0, 2 * math.pi, _CORNERS, endpoint=False)
    halves = radius_m / np.sqrt(np.maximum(values, 1e-9))
    circle = np.column_stack([np.cos(turns), np.sin(turns)])
    points: Floats = (circle * halves) @ vectors.T
    return points


def _box(along: Floats, way: Floats, half_width_m: float, half_height_m: float) -> Floats:
    """A box stands upright whatever the slope of its axis, as `pipemap.clearance.bodies` takes it."""
    length_m = math.hypot(way[0], way[1])
    ahead = float(along @ way[:2]) / length_m
    beside = max(math.sqrt(max(0.0, 1 - ahead * ahead)), 1e-6)
    half_m = half_width_m / beside
    rise_m = half_m * ahead * float(way[2]) / length_m
    return np.array(
        [
            [-half_m, -rise_m - half_height_m],
            [half_m, rise_m - half_height_m],
            [half_m, rise_m + half_height_m],
            [-half_m, -rise_m + half_height_m],
        ]
    )
