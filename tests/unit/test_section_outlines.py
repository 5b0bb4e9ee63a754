"""The outline a plane cuts out of a pipe."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipemap.sections.outlines import outline

ALONG = np.array([1.0, 0.0])
TURN = st.floats(0.1, math.pi - 0.1)


def test_a_pipe_cut_square_is_a_circle() -> None:
    shape = outline(ALONG, np.array([0.0, 3.0, 0.0]), 0.4, 0.4, True, 10)
    assert np.hypot(*shape.T) == pytest.approx(np.full(len(shape), 0.4))


def test_a_pipe_cut_at_30_degrees_is_twice_as_wide_as_high() -> None:
    way = np.array([math.cos(math.radians(30)), math.sin(math.radians(30)), 0.0])
    shape = outline(ALONG, way, 0.4, 0.4, True, 10)
    assert np.abs(shape[:, 0]).max() == pytest.approx(0.8, rel=0.01)
    assert np.abs(shape[:, 1]).max() == pytest.approx(0.4, rel=0.01)


@given(TURN, st.floats(-0.5, 0.5), st.floats(0.05, 2.0))
def test_every_point_of_an_ellipse_lies_at_the_radius_from_the_axis(turn: float, slope: float, radius: float) -> None:
    way = np.array([math.cos(turn), math.sin(turn), slope])
    shape = outline(ALONG, way, radius, radius, True, 1e6)
    points = np.column_stack([shape[:, 0], np.zeros(len(shape)), shape[:, 1]])
    away = np.linalg.norm(np.cross(points, way), axis=1) / np.linalg.norm(way)
    assert away == pytest.approx(np.full(len(shape), radius))


@given(TURN, st.floats(-0.5, 0.5))
def test_the_sides_of_a_box_stand_half_its_width_from_the_axis_in_plan(turn: float, slope: float) -> None:
    way = np.array([math.cos(turn), math.sin(turn), slope])
    shape = outline(ALONG, way, 0.6, 0.3, False, 1e6)
    beside = np.abs(shape[:, 0] * way[1]) / math.hypot(*way[:2])
    assert beside == pytest.approx(np.full(4, 0.6))
    # On the axis in plan, a corner's foot is at slope times the way along it; the box is 0.6 high around that.
    feet = shape[:, 0] * way[0] / math.hypot(*way[:2]) * slope
    assert np.abs(shape[:, 1] - feet) == pytest.approx(np.full(4, 0.3))


def test_a_pipe_nearly_in_the_plane_ends_where_it_ends() -> None:
    shape = outline(ALONG, np.array([1.0, 1e-6, 0.0]), 0.4, 0.4, True, 25)
    assert np.abs(shape[:, 0]).max() == 25
