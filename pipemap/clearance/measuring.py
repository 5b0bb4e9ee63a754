"""Measures one pair of pipes, compiled: where their axes cross or are nearest, and how far apart their walls are."""

import math
from typing import NamedTuple

import numba
import numpy as np

from pipemap.clearance.bodies import body_of, distance, outline_of
from pipemap.clearance.geometry3d import (
    Bools,
    Floats,
    Point,
    along,
    angle_of,
    crossing_of,
    minus,
    nearest_of,
    row_point,
)
from pipemap.clearance.numbers import TOLERANCE_M, Ints


class Shapes(NamedTuple):
    """Axes and sections as compiled code takes them, see `Pipes`; sizes that are not known are 0."""

    first_piece: Ints
    start: Floats
    end: Floats
    half_width_m: Floats
    half_height_m: Floats
    is_round: Bools


# Where the measures of a pair stand in their array; a place is two points, six numbers.
CROSSES, ANGLE_DEG, GAP_M, PLAN_M, SPACE_M, SLANT = 0, 1, 2, 3, 4, 5
IN_PLAN, IN_SPACE = 6, 12
# Factors by which a sloping round pipe takes up more than its radius in the vertical, at both places.
FACTORS_IN_PLAN, FACTORS_IN_SPACE = 18, 20
MEASURES = 22
# An upright pipe has no vertical half height; steeper than 45 degrees is judged as at 45.
STEEPEST = math.sqrt(2.0)


@numba.njit(cache=True, nogil=True)
def measure(shapes: Shapes, one: int, other: int, found: Floats) -> None:  # pragma: no cover
    """Compare every piece of one axis with every piece of the other; the deciding ones fill the array `found`."""
    found[:] = np.nan
    found[CROSSES], found[GAP_M], found[PLAN_M], found[SPACE_M] = 0.0, math.inf, math.inf, math.inf
    wide = _reach(shapes, one) + _reach(shapes, other)
    start, end, last = shapes.start, shapes.end, shapes.first_piece[other + 1]
    if last - shapes.first_piece[other] > 1 or shapes.first_piece[one + 1] - shapes.first_piece[one] > 1:
        # What is near rules out what is far, so the likely nearest come first.
        near_a, near_b = _likely_nearest(start, end, shapes.first_piece, one, other)
        _measure_pieces(shapes, one, other, near_a, near_b, found)
    for a in range(shapes.first_piece[one], shapes.first_piece[one + 1]):
        for b in range(shapes.first_piece[other], last):
            least = box_gap_m(start, end, a, b) - wide
            if not (least > found[PLAN_M] and (least > found[SPACE_M] or math.isnan(start[a, 2] + start[b, 2]))):
                _measure_pieces(shapes, one, other, a, b, found)
    if found[SPACE_M] == math.inf:
        found[SPACE_M] = math.nan


@numba.njit(cache=True, nogil=True, inline="always")
def box_gap_m(start: Floats, end: Floats, a: int, b: int) -> float:  # pragma: no cover
    """How far apart in plan two pieces are at least."""
    beside = max(
        min(start[a, 0], end[a, 0]) - max(start[b, 0], end[b, 0]),
        min(start[b, 0], end[b, 0]) - max(start[a, 0], end[a, 0]),
    )
    apart: float = max(
        beside,
        min(start[a, 1], end[a, 1]) - max(start[b, 1], end[b, 1]),
        min(start[b, 1], end[b, 1]) - max(start[a, 1], end[a, 1]),
    )
    return apart


@numba.njit(cache=True, nogil=True)
def _likely_nearest(
    start: Floats, end: Floats, first_piece: Ints, one: int, other: int
) -> tuple[int, int]:  # pragma: no cover
    """The two pieces whose boxes are nearest in plan."""
    best, near_a, near_b = math.inf, first_piece[one], first_piece[other]
    for a in range(first_piece[one], first_piece[one + 1]):
        for b in range(first_piece[other], first_piece[other + 1]):
            gap = box_gap_m(start, end, a, b)
            if gap < best:
                best, near_a, near_b = gap, a, b
    return near_a, near_b


@numba.njit(cache=True, nogil=True)
def _measure_pieces(shapes: Shapes, one: int, other: int, a: int, b: int, found: Floats) -> None:  # pragma: no cover
    has_z = math.isfinite(shapes.start[a, 2] + shapes.end[a, 2] + shapes.start[b, 2] + shapes.end[b, 2])
    p, q = row_point(shapes.start, a), row_point(shapes.start, b)
    u, v = minus(row_point(shapes.end, a), p), minus(row_point(shapes.end, b), q)
    _in_plan(shapes, one, other, p, u, q, v, found)
    if has_z:
        _in_space(shapes, one, other, p, u, q, v, found)


@numba.njit(cache=True, nogil=True)
def _reach(shapes: Shapes, pipe: int) -> float:  # pragma: no cover
    """How far from its axis a body reaches at most."""
    half_m: float = shapes.half_width_m[pipe]
    return half_m if shapes.is_round[pipe] else math.hypot(shapes.half_width_m[pipe], shapes.half_height_m[pipe])


@numba.njit(cache=True, nogil=True)
def _in_plan(
    shapes: Shapes, one: int, other: int, p: Point, u: Point, q: Point, v: Point, found: Floats
) -> None:  # pragma: no cover
    crosses, s, t = crossing_of(p, u, q, v, TOLERANCE_M)
    if crosses:
        here, there = along(p, u, s), along(q, v, t)
        gap = abs(here[2] - there[2])
        if found[CROSSES] == 0.0 or gap < found[GAP_M] or math.isnan(found[GAP_M]):
            found[CROSSES], found[GAP_M] = 1.0, gap
            _note(found, IN_PLAN, here, there)
            _note_factors(shapes, one, other, u, v, found, FACTORS_IN_PLAN)
            found[ANGLE_DEG] = found[SLANT] = angle_of(u, v)
    flat_u, flat_v = (u[0], u[1], 0.0), (v[0], v[1], 0.0)
    axes_m, s, t = nearest_of((p[0], p[1], 0.0), flat_u, (q[0], q[1], 0.0), flat_v)
    walls_m = axes_m - shapes.half_width_m[one] - shapes.half_width_m[other]
    if walls_m >= found[PLAN_M] + _reach(shapes, one) + _reach(shapes, other):
        return
    if not (shapes.is_round[one] and shapes.is_round[other]):
        walls_m = distance(
            outline_of(p, u, shapes.half_width_m[one], shapes.is_round[one]),
            outline_of(q, v, shapes.half_width_m[other], shapes.is_round[other]),
        )
    if walls_m < found[PLAN_M]:
        found[PLAN_M] = walls_m
        if found[CROSSES] == 0.0:
            _note(found, IN_PLAN, along(p, u, s), along(q, v, t))
            _note_factors(shapes, one, other, u, v, found, FACTORS_IN_PLAN)
            found[ANGLE_DEG] = angle_of(u, v)


@numba.njit(cache=True, nogil=True)
def _in_space(
    shapes: Shapes, one: int, other: int, p: Point, u: Point, q: Point, v: Point, found: Floats
) -> None:  # pragma: no cover
    axes_m, s, t = nearest_of(p, u, q, v)
    if axes_m - _reach(shapes, one) - _reach(shapes, other) >= found[SPACE_M]:
        return
    walls_m = axes_m - shapes.half_width_m[one] - shapes.half_width_m[other]
    if not (shapes.is_round[one] and shapes.is_round[other]):
        walls_m = distance(
            body_of(p, u, shapes.half_width_m[one], shapes.half_height_m[one], shapes.is_round[one]),
            body_of(q, v, shapes.half_width_m[other], shapes.half_height_m[other], shapes.is_round[other]),
        )
    if walls_m < found[SPACE_M]:
        found[SPACE_M] = walls_m
        _note(found, IN_SPACE, along(p, u, s), along(q, v, t))
        _note_factors(shapes, one, other, u, v, found, FACTORS_IN_SPACE)


@numba.njit(cache=True, nogil=True)
def _note(found: Floats, at: int, here: Point, there: Point) -> None:  # pragma: no cover
    for axis in range(3):
        found[at + axis], found[at + 3 + axis] = here[axis], there[axis]


@numba.njit(cache=True, nogil=True)
def _note_factors(
    shapes: Shapes, one: int, other: int, u: Point, v: Point, found: Floats, at: int
) -> None:  # pragma: no cover
    found[at] = _factor(u) if shapes.is_round[one] else 1.0
    found[at + 1] = _factor(v) if shapes.is_round[other] else 1.0


@numba.njit(cache=True, nogil=True)
def _factor(way: Point) -> float:  # pragma: no cover
    """Space length over plan length: a round pipe that slopes takes up so much more in the vertical."""
    plan, space = math.hypot(way[0], way[1]), math.sqrt(way[0] ** 2 + way[1] ** 2 + way[2] ** 2)
    slope = space / plan if plan > 0 else math.inf
    return min(slope, STEEPEST) if slope > 1 else 1.0
