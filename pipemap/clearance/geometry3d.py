"""Exact distances of straight axis pieces, in space and in plan: one pair at a time for compiled code, or many.

A point is three numbers, z 0 in plan; lengths are in the unit of the coordinates. Pieces of no length are points.
Answers do not depend on the order of the pair, the direction of a piece or the origin. The functions for many
take four arrays of the same shape (n, d), start and end of piece a and of piece b, d 3 for space or 2 for plan.
"""

import math
from typing import Any, NamedTuple, TypeAlias

import numba
import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]
Point: TypeAlias = tuple[float, float, float]


class Nearest(NamedTuple):
    """Shortest distances (n,) and the shares (n,) of each piece's length at which they are reached."""

    distance: Floats
    at_a: Floats
    at_b: Floats


@numba.njit(cache=True, nogil=True)
def dot(p: Point, q: Point) -> float:  # pragma: no cover
    """Scalar product."""
    return p[0] * q[0] + p[1] * q[1] + p[2] * q[2]


@numba.njit(cache=True, nogil=True)
def minus(p: Point, q: Point) -> Point:  # pragma: no cover
    """The way from q to p."""
    return p[0] - q[0], p[1] - q[1], p[2] - q[2]


@numba.njit(cache=True, nogil=True)
def along(p: Point, u: Point, share: float) -> Point:  # pragma: no cover
    """The point a share of u away from p."""
    return p[0] + share * u[0], p[1] + share * u[1], p[2] + share * u[2]


@numba.njit(cache=True, nogil=True)
def cross(p: Point, q: Point) -> Point:  # pragma: no cover
    """Vector product."""
    return p[1] * q[2] - p[2] * q[1], p[2] * q[0] - p[0] * q[2], p[0] * q[1] - p[1] * q[0]


@numba.njit(cache=True, nogil=True)
def nearest_share(point: Point, start: Point, way: Point) -> float:  # pragma: no cover
    """Share of a piece at which it is nearest to a point; 0 for a piece of no length."""
    squared = dot(way, way)
    return min(1.0, max(0.0, dot(minus(point, start), way) / squared)) if squared > 0 else 0.0


@numba.njit(cache=True, nogil=True)
def nearest_of(a0: Point, u: Point, b0: Point, v: Point) -> tuple[float, float, float]:  # pragma: no cover
    """Shortest distance of two pieces given by start and way, NaN where an end is not known, and the shares of both.

    The minimum is either at an end of one piece or where both gradients vanish, so the five
    candidates are computed and the smallest wins; nothing depends on a tolerance for parallel pieces.
    """
    w = minus(a0, b0)
    uu, uv, vv, uw, vw = dot(u, u), dot(u, v), dot(v, v), dot(u, w), dot(v, w)
    determinant = uu * vv - uv * uv
    inside = min(1.0, max(0.0, (uv * vw - vv * uw) / determinant)) if determinant > 0 else 0.0
    best, at_a, at_b = math.inf, 0.0, 0.0
    for candidate in range(5):
        if candidate < 3:
            s = 0.0 if candidate == 0 else 1.0 if candidate == 1 else inside
            t = nearest_share(along(a0, u, s), b0, v)
        else:
            t = 0.0 if candidate == 3 else 1.0
            s = nearest_share(along(b0, v, t), a0, u)
        gap = w[0] + s * u[0] - t * v[0], w[1] + s * u[1] - t * v[1], w[2] + s * u[2] - t * v[2]
        squared = dot(gap, gap)
        if squared < best:
            best, at_a, at_b = squared, s, t
    return (math.sqrt(best) if best < math.inf else math.nan), at_a, at_b


@numba.njit(cache=True, nogil=True)
def crossing_of(
    a0: Point, u: Point, b0: Point, v: Point, reach: float
) -> tuple[bool, float, float]:  # pragma: no cover
    """Whether two pieces cross or touch in plan, and the shares of both where they do.

    A piece that ends short of the other by no more than `reach` along its own line touches it still.
    Pieces that lie along one another do not cross: their shares would not be one place.
    """
    area = u[0] * v[1] - u[1] * v[0]
    length_a, length_b = math.hypot(u[0], u[1]), math.hypot(v[0], v[1])
    if abs(area) <= 1e-12 * length_a * length_b:
        return False, 0.0, 0.0
    x, y = b0[0] - a0[0], b0[1] - a0[1]
    s, t = (x * v[1] - y * v[0]) / area, (x * u[1] - y * u[0]) / area
    past = max(max(-s, s - 1) * length_a, max(-t, t - 1) * length_b)
    return past <= reach, min(1.0, max(0.0, s)), min(1.0, max(0.0, t))


@numba.njit(cache=True, nogil=True)
def angle_of(u: Point, v: Point) -> float:  # pragma: no cover
    """Acute angle between two ways in plan, in degrees: 0 for parallel; 90 where one has no length in plan."""
    forward, beside = abs(u[0] * v[0] + u[1] * v[1]), abs(u[0] * v[1] - u[1] * v[0])
    if forward == 0 and beside == 0:
        return 90.0
    return math.degrees(math.atan2(beside, forward))


@numba.njit(cache=True, nogil=True)
def row_point(points: Floats, row: int) -> Point:  # pragma: no cover
    """One row of (n, 3) as a point."""
    return points[row, 0], points[row, 1], points[row, 2]


def piece_distance(a0: Floats, a1: Floats, b0: Floats, b1: Floats) -> Nearest:
    """Shortest distance of each pair of pieces."""
    return Nearest(*_distances(_in_space(a0), _in_space(a1), _in_space(b0), _in_space(b1)))


def plan_crossings(a0: Floats, a1: Floats, b0: Floats, b1: Floats, reach: float = 0.0) -> tuple[Bools, Floats, Floats]:
    """As `crossing_of`, for each pair of pieces."""
    crosses, at_a, at_b = _crossings(_in_space(a0), _in_space(a1), _in_space(b0), _in_space(b1), reach)
    return crosses, at_a, at_b


def point_at(start: Floats, end: Floats, share: Floats) -> Floats:
    """The points (n, d) at the given shares of each piece."""
    return start + share[:, None] * (end - start)


def plan_angle_deg(a0: Floats, a1: Floats, b0: Floats, b1: Floats) -> Floats:
    """As `angle_of`, for each pair of pieces."""
    angles: Floats = _angles(_in_space(a0), _in_space(a1), _in_space(b0), _in_space(b1))
    return angles


def _in_space(points: Floats) -> Floats:
    flat = points if points.shape[1] == 3 else np.column_stack([points, np.zeros(len(points))])
    return np.ascontiguousarray(flat, dtype=np.float64)


@numba.njit(cache=True, nogil=True)
def _distances(a0: Floats, a1: Floats, b0: Floats, b1: Floats) -> tuple[Floats, Floats, Floats]:  # pragma: no cover
    found = np.empty((3, len(a0)))
    for row in range(len(a0)):
        a, b = row_point(a0, row), row_point(b0, row)
        found[0, row], found[1, row], found[2, row] = nearest_of(
            a, minus(row_point(a1, row), a), b, minus(row_point(b1, row), b)
        )
    return found[0], found[1], found[2]


@numba.njit(cache=True, nogil=True)
def _crossings(a0: Floats, a1: Floats, b0: Floats, b1: Floats, reach: float) -> Any:  # pragma: no cover
    crosses, shares = np.empty(len(a0), np.bool_), np.empty((2, len(a0)))
    for row in range(len(a0)):
        a, b = row_point(a0, row), row_point(b0, row)
        crosses[row], shares[0, row], shares[1, row] = crossing_of(
            a, minus(row_point(a1, row), a), b, minus(row_point(b1, row), b), reach
        )
    return crosses, shares[0], shares[1]


@numba.njit(cache=True, nogil=True)
def _angles(a0: Floats, a1: Floats, b0: Floats, b1: Floats) -> Floats:  # pragma: no cover
    angles = np.empty(len(a0))
    for row in range(len(a0)):
        u = minus(row_point(a1, row), row_point(a0, row))
        angles[row] = angle_of(u, minus(row_point(b1, row), row_point(b0, row)))
    return angles
