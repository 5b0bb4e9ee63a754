"""Distances of boxes and round pipes against a bounded least-squares solver, and what no drawing may change."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import lsq_linear

from pipemap.clearance.bodies import body_of, distance, outline_of

Point = tuple[float, float, float]
Drawn = tuple[Point, Point, float, float, bool]

decimetres = st.integers(-60, 60).map(lambda value: value / 10)
point = st.tuples(decimetres, decimetres, decimetres)
sizes = st.integers(1, 20).map(lambda value: value / 10)
drawn = st.tuples(point, point, sizes, sizes, st.booleans()).filter(
    lambda piece: math.hypot(piece[0][0] - piece[1][0], piece[0][1] - piece[1][1]) > 0.5
)
many = settings(max_examples=150, deadline=None)


def body(piece: Drawn) -> Any:
    start, end, half_width, half_height, is_round = piece
    way = tuple(e - s for s, e in zip(start, end, strict=True))
    return body_of(start, way, half_width, half_width if is_round else half_height, is_round)


def solved(one: Any, other: Any) -> float:
    """Least distance of the points c + E s and d + F t with all shares within [-1, 1], less the radii."""
    ways = np.array([*one[1:4], *(-np.array(way) for way in other[1:4])]).T
    found = lsq_linear(ways, np.array(other[0]) - np.array(one[0]), bounds=(-1, 1), method="bvls", tol=1e-14)
    return math.sqrt(2 * found.cost) - one[4] - other[4]


@given(drawn, drawn)
@many
def test_bodies_apart_are_as_far_apart_as_a_solver_finds(one: Drawn, other: Drawn) -> None:
    a, b = body(one), body(other)
    found, expected = distance(a, b), solved(a, b)
    if expected + a[4] + b[4] > 1e-6:
        assert found == pytest.approx(expected, abs=1e-6)
    else:
        assert found <= 1e-6 - a[4] - b[4]


@given(drawn, drawn, point)
@many
def test_distance_of_bodies_does_not_depend_on_order_direction_or_place(one: Drawn, other: Drawn, shift: Point) -> None:
    expected = distance(body(one), body(other))

    def moved(piece: Drawn) -> Drawn:
        start, end = (tuple(x + s for x, s in zip(place, shift, strict=True)) for place in piece[:2])
        return (start, end, *piece[2:])  # type: ignore[return-value]

    def turned(piece: Drawn) -> Drawn:
        return (piece[1], piece[0], *piece[2:])

    assert distance(body(other), body(one)) == pytest.approx(expected, abs=1e-9)
    assert distance(body(turned(one)), body(other)) == pytest.approx(expected, abs=1e-9)
    assert distance(body(moved(one)), body(moved(other))) == pytest.approx(expected, abs=1e-9)


@given(drawn, drawn, st.integers(1, 9))
@many
def test_cutting_a_box_changes_no_distance(one: Drawn, other: Drawn, tenth: int) -> None:
    start, end = np.array(one[0]), np.array(one[1])
    middle = tuple((start + tenth / 10 * (end - start)).tolist())
    halves = [distance(body((*ends, *one[2:])), body(other)) for ends in ((one[0], middle), (middle, one[1]))]
    whole = distance(body(one), body(other))
    if whole > 0:
        assert min(halves) == pytest.approx(whole, abs=1e-9)
    else:
        # The half may be parted by a shorter way than the whole.
        assert whole - 1e-9 <= min(halves) <= 1e-9


@pytest.mark.parametrize(
    ("x", "y", "z", "expected"),
    [
        (0.0, 2.5, 0.0, 0.5),  # side by side: 2.5 less two half widths of 1
        (0.0, 0.0, 1.5, 0.5),  # one above the other: 1.5 less two half heights of 0.5
        (0.0, 2.3, 1.4, 0.5),  # corner to corner: 0.3 beside and 0.4 above
        (0.0, 1.5, 0.9, -0.1),  # overlapping: 0.1 up parts them, sideways it would be 0.5
        (13.0, 0.0, 0.0, 3.0),  # end to end
    ],
)
def test_boxes_along_one_another_by_hand(x: float, y: float, z: float, expected: float) -> None:
    one = body(((-5.0, 0.0, 0.0), (5.0, 0.0, 0.0), 1.0, 0.5, False))
    other = body(((x - 5.0, y, z), (x + 5.0, y, z), 1.0, 0.5, False))
    assert distance(one, other) == pytest.approx(expected, abs=1e-12)


def test_a_box_ends_flat_and_not_round() -> None:
    # A duct block of 2 m ends 0.4 m before a pipe that runs across its end: 0.4 less the pipe's radius of 0.1.
    block = ((0.0, 0.0, 0.0), (10.0, 0.0, 0.0), 1.0, 0.5, False)
    pipe = ((10.4, -5.0, 0.0), (10.4, 5.0, 0.0), 0.1, 0.1, True)
    assert distance(body(block), body(pipe)) == pytest.approx(0.3, abs=1e-12)
    outlines = [
        outline_of(start, tuple(e - s for s, e in zip(start, end, strict=True)), half, is_round)
        for start, end, half, _, is_round in (block, pipe)
    ]
    assert distance(*outlines) == pytest.approx(0.3, abs=1e-12)


def test_what_is_not_known_gives_no_distance() -> None:
    unknown = body(((0.0, 0.0, math.nan), (5.0, 0.0, math.nan), 0.1, 0.1, True))
    assert math.isnan(distance(unknown, body(((0.0, 1.0, 0.0), (5.0, 1.0, 0.0), 0.1, 0.1, False))))
