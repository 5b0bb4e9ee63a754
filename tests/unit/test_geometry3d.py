import math
from fractions import Fraction

import numpy as np
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from pipemap.clearance.geometry3d import piece_distance, plan_angle_deg, plan_crossings, point_at

millimetres = st.integers(-20_000, 20_000).map(lambda value: value / 1000)
near_grid = st.one_of(millimetres, st.integers(-3, 3).map(float))
point3 = st.tuples(near_grid, near_grid, near_grid)
pieces3 = st.tuples(point3, point3, point3, point3)
many = settings(max_examples=200, deadline=None)


def exact_squared(a0, a1, b0, b1) -> Fraction:  # type: ignore[no-untyped-def]
    """Shortest squared distance in rational arithmetic: every face of the unit square of shares, by its own formula."""
    p0, p1, q0, q1 = ([Fraction(v) for v in point] for point in (a0, a1, b0, b1))
    u = [e - s for s, e in zip(p0, p1, strict=True)]
    v = [e - s for s, e in zip(q0, q1, strict=True)]
    w = [s - t for s, t in zip(p0, q0, strict=True)]

    def dot(m: list[Fraction], n: list[Fraction]) -> Fraction:
        return sum((x * y for x, y in zip(m, n, strict=True)), Fraction(0))

    def squared(s: Fraction, t: Fraction) -> Fraction:
        gap = [x + s * y - t * z for x, y, z in zip(w, u, v, strict=True)]
        return dot(gap, gap)

    def clamp(share: Fraction) -> Fraction:
        return min(Fraction(1), max(Fraction(0), share))

    found = [squared(Fraction(s), Fraction(t)) for s in (0, 1) for t in (0, 1)]
    for s in (Fraction(0), Fraction(1)):
        if dot(v, v):
            found.append(squared(s, clamp(dot([x + s * y for x, y in zip(w, u, strict=True)], v) / dot(v, v))))
    for t in (Fraction(0), Fraction(1)):
        if dot(u, u):
            found.append(squared(clamp(-dot([x - t * y for x, y in zip(w, v, strict=True)], u) / dot(u, u)), t))
    determinant = dot(u, u) * dot(v, v) - dot(u, v) ** 2
    if determinant:
        s = (dot(u, v) * dot(v, w) - dot(v, v) * dot(u, w)) / determinant
        t = (dot(u, u) * dot(v, w) - dot(u, v) * dot(u, w)) / determinant
        if 0 <= s <= 1 and 0 <= t <= 1:
            found.append(squared(s, t))
    return min(found)


def arrays(pieces) -> list[np.ndarray]:  # type: ignore[no-untyped-def]
    return [np.array([point], dtype=float) for point in pieces]


@given(pieces3)
@many
def test_distance_in_space_agrees_with_rational_arithmetic(pieces) -> None:  # type: ignore[no-untyped-def]
    found = piece_distance(*arrays(pieces))
    assert math.isclose(found.distance[0], math.sqrt(exact_squared(*pieces)), abs_tol=1e-9)


@given(pieces3)
@many
def test_nearest_points_are_that_far_apart_and_on_their_pieces(pieces) -> None:  # type: ignore[no-untyped-def]
    a0, a1, b0, b1 = arrays(pieces)
    found = piece_distance(a0, a1, b0, b1)
    there = point_at(a0, a1, found.at_a), point_at(b0, b1, found.at_b)
    assert 0 <= found.at_a[0] <= 1 and 0 <= found.at_b[0] <= 1
    assert math.isclose(np.linalg.norm(there[0] - there[1]), found.distance[0], abs_tol=1e-9)


@given(pieces3, st.integers(-5, 5))
@many
def test_distance_does_not_depend_on_order_direction_or_origin(pieces, shift) -> None:  # type: ignore[no-untyped-def]
    a0, a1, b0, b1 = arrays(pieces)
    distance = piece_distance(a0, a1, b0, b1).distance[0]
    moved = [points + np.array([500_000.0, 2_500_000.0, 1.0]) * shift for points in (a0, a1, b0, b1)]
    for turned in ((b0, b1, a0, a1), (a1, a0, b0, b1), (a0, a1, b1, b0)):
        other = piece_distance(*turned)
        assert math.isclose(other.distance[0], distance, abs_tol=1e-9)
    # A double holds a northing of twelve million metres to two nanometres.
    assert math.isclose(piece_distance(*moved).distance[0], distance, abs_tol=2e-8)


@given(pieces3, st.floats(0, 1))
@many
def test_cutting_a_piece_changes_nothing(pieces, share: float) -> None:  # type: ignore[no-untyped-def]
    a0, a1, b0, b1 = arrays(pieces)
    cut = point_at(a0, a1, np.array([share]))
    halves = min(piece_distance(a0, cut, b0, b1).distance[0], piece_distance(cut, a1, b0, b1).distance[0])
    assert math.isclose(halves, piece_distance(a0, a1, b0, b1).distance[0], abs_tol=1e-9)


@given(pieces3)
@many
def test_plan_agrees_with_shapely(pieces) -> None:  # type: ignore[no-untyped-def]
    a0, a1, b0, b1 = (points[:, :2] for points in arrays(pieces))
    a, b = shapely.LineString([a0[0], a1[0]]), shapely.LineString([b0[0], b1[0]])
    assert math.isclose(piece_distance(a0, a1, b0, b1).distance[0], a.distance(b), abs_tol=1e-9)
    crosses, at_a, at_b = plan_crossings(a0, a1, b0, b1)
    if crosses[0]:
        here, there = point_at(a0, a1, at_a)[0], point_at(b0, b1, at_b)[0]
        assert np.allclose(here, there, atol=1e-6) and a.distance(shapely.Point(here)) < 1e-6
    elif a.crosses(b):
        # Millimetre coordinates: the only crossing that may be missed is one that rounding puts at an end.
        ends = [shapely.Point(points[0]) for points in (a0, a1, b0, b1)]
        assert min(max(a.distance(end), b.distance(end)) for end in ends) < 1e-9


def test_pieces_along_one_another_do_not_cross_but_touch() -> None:
    pieces = arrays([(0, 0, 0), (10, 0, 0), (5, 0, 2), (15, 0, 2)])
    assert not plan_crossings(*pieces)[0][0]
    assert piece_distance(*(points[:, :2] for points in pieces)).distance[0] == 0
    assert piece_distance(*pieces).distance[0] == 2


def test_a_point_against_a_point_and_a_piece() -> None:
    pieces = arrays([(1, 2, 3), (1, 2, 3), (1, 2, 8), (1, 2, 8)])
    assert piece_distance(*pieces).distance[0] == 5
    assert piece_distance(*arrays([(0, 5, 0), (0, 5, 0), (-9, 1, 0), (9, 1, 0)])).distance[0] == 4


def test_angles_in_plan() -> None:
    a0, a1 = np.zeros((4, 3)), np.tile([10.0, 0.0, 9.0], (4, 1))
    b1 = np.array([[-3.0, 0, 1], [0, 2, 0], [1, 1, 5], [0, 0, 4]])
    assert np.allclose(plan_angle_deg(a0, a1, np.zeros((4, 3)), b1), [0, 90, 45, 90])
