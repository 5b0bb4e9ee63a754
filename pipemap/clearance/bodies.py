"""Exact distances of the bodies of pipes: round ones are an axis with a radius, boxes oriented along their axis.

A box stands upright whatever the slope of its axis, as sections are surveyed: its sides run along the axis in
plan, its height is vertical. So each straight piece of a box is a parallelepiped, and a round piece the degenerate
one of a single edge, with a radius around it. Distances are exact for both; where bodies intersect, the distance is
the shortest way (negative) that would part them (separating axes of two convex polytopes).
"""

import math
from typing import TypeAlias

import numba

from pipemap.clearance.geometry3d import Point, along, cross, dot, minus, nearest_of

# Middle, the three half ways that span it, and the radius around it.
Body: TypeAlias = tuple[Point, Point, Point, Point, float]
_NO_WAY = (0.0, 0.0, 0.0)
# Half the height of what is compared in plan alone: more than anything overlaps.
_PLAN_HEIGHT = 1e4
# A side that is not known counts as nothing, but a body without volume would have no sides to part along.
_THINNEST = 1e-7


@numba.njit(cache=True, nogil=True)
def body_of(
    start: Point, way: Point, half_width: float, half_height: float, is_round: bool
) -> Body:  # pragma: no cover
    """The body of one straight piece in space."""
    middle, half = along(start, way, 0.5), along(_NO_WAY, way, 0.5)
    if is_round:
        return middle, half, _NO_WAY, _NO_WAY, half_width
    half_width, half_height = max(half_width, _THINNEST), max(half_height, _THINNEST)
    plan = math.hypot(way[0], way[1])
    if plan == 0:
        return middle, half, (half_width, 0.0, 0.0), (0.0, half_height, 0.0), 0.0
    side = -way[1] / plan * half_width, way[0] / plan * half_width, 0.0
    return middle, half, side, (0.0, 0.0, half_height), 0.0


@numba.njit(cache=True, nogil=True)
def outline_of(start: Point, way: Point, half_width: float, is_round: bool) -> Body:  # pragma: no cover
    """The outline of one straight piece in plan."""
    start, way = (start[0], start[1], 0.0), (way[0], way[1], 0.0)
    if is_round:
        return along(start, way, 0.5), along(_NO_WAY, way, 0.5), _NO_WAY, _NO_WAY, half_width
    return body_of(start, way, half_width, _PLAN_HEIGHT, False)


@numba.njit(cache=True, nogil=True)
def distance(one: Body, other: Body) -> float:  # pragma: no cover
    """Distance of two bodies, negative by the way that would part them where they intersect; NaN if not known."""
    radii = one[4] + other[4]
    if not math.isfinite(dot(minus(one[0], other[0]), (1.0, 1.0, 1.0))):
        return math.nan
    if one[2] == _NO_WAY and other[2] == _NO_WAY and one[3] == _NO_WAY and other[3] == _NO_WAY:
        return _edges_apart(one, other) - radii
    depth = _overlap(one, other)
    if depth >= 0:
        return -depth - radii
    apart = min(_edges_apart(one, other), _corners_off_faces(one, other), _corners_off_faces(other, one))
    return apart - radii


@numba.njit(cache=True, nogil=True)
def _way(body: Body, number: int) -> Point:  # pragma: no cover
    return body[1] if number == 0 else body[2] if number == 1 else body[3]


@numba.njit(cache=True, nogil=True)
def _overlap(one: Body, other: Body) -> float:  # pragma: no cover
    """The least overlap along any axis that could part two bodies; negative when one does."""
    least = math.inf
    for number in range(3):
        for side in (one, other):
            normal = cross(_way(side, number), _way(side, (number + 1) % 3))
            least = min(least, _overlap_along(one, other, normal))
        for beside in range(3):
            normal = cross(_way(one, number), _way(other, beside))
            least = min(least, _overlap_along(one, other, normal))
        if least < 0:
            return least
    return least


@numba.njit(cache=True, nogil=True)
def _overlap_along(one: Body, other: Body, axis: Point) -> float:  # pragma: no cover
    length = math.sqrt(dot(axis, axis))
    if length == 0:
        return math.inf
    reach = 0.0
    for number in range(3):
        reach += abs(dot(_way(one, number), axis)) + abs(dot(_way(other, number), axis))
    return (reach - abs(dot(minus(one[0], other[0]), axis))) / length


@numba.njit(cache=True, nogil=True)
def _corner(body: Body, number: int) -> Point:  # pragma: no cover
    corner = along(body[0], body[1], 1.0 if number & 1 else -1.0)
    corner = along(corner, body[2], 1.0 if number & 2 else -1.0)
    return along(corner, body[3], 1.0 if number & 4 else -1.0)


@numba.njit(cache=True, nogil=True)
def _edge(body: Body, number: int) -> tuple[Point, Point]:  # pragma: no cover
    """Start and way of one of the twelve edges; the first is the axis itself for a round piece."""
    which = number // 4
    way, left, right = _way(body, which), _way(body, (which + 1) % 3), _way(body, (which + 2) % 3)
    start = along(along(body[0], left, 1.0 if number & 1 else -1.0), right, 1.0 if number & 2 else -1.0)
    return along(start, way, -1.0), along(_NO_WAY, way, 2.0)


@numba.njit(cache=True, nogil=True)
def _edges_apart(one: Body, other: Body) -> float:  # pragma: no cover
    best = math.inf
    n_one = 1 if one[2] == _NO_WAY and one[3] == _NO_WAY else 12
    n_other = 1 if other[2] == _NO_WAY and other[3] == _NO_WAY else 12
    for i in range(n_one):
        a, u = _edge(one, i)
        for j in range(n_other):
            b, v = _edge(other, j)
            best = min(best, nearest_of(a, u, b, v)[0])
    return best


@numba.njit(cache=True, nogil=True)
def _corners_off_faces(one: Body, other: Body) -> float:  # pragma: no cover
    """Least distance of a corner of the other body that lies square before a face of one."""
    best = math.inf
    for number in range(3):
        p, q = _way(one, (number + 1) % 3), _way(one, (number + 2) % 3)
        normal = cross(p, q)
        area = math.sqrt(dot(normal, normal))
        if area == 0:
            continue
        for corner in range(8):
            for side in (-1.0, 1.0):
                face = along(one[0], _way(one, number), side)
                best = min(best, _height_over(face, p, q, normal, area, _corner(other, corner)))
    return best


@numba.njit(cache=True, nogil=True)
def _height_over(
    face: Point, p: Point, q: Point, normal: Point, area: float, point: Point
) -> float:  # pragma: no cover
    """Height of a point over a face with half ways p and q; infinite where its foot lies outside."""
    gap = minus(point, face)
    # The foot in shares of p and q.
    share_p, share_q = dot(cross(gap, q), normal) / area**2, dot(cross(p, gap), normal) / area**2
    return abs(dot(gap, normal)) / area if abs(share_p) <= 1 and abs(share_q) <= 1 else math.inf
