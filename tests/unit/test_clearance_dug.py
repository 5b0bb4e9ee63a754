"""A body to be dug against pipes, held to a walk along each axis in steps of millimetres."""

from itertools import pairwise

import numpy as np
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from pipemap.clearance.dug import Body
from pipemap.clearance.geometry3d import Floats
from pipemap.clearance.rules import Party, strictest
from pipemap.clearance.site import Segment
from schemas.clearance import CannotTell, Conflict, ConflictKind

LOW_M, HIGH_M = -3.0, -0.5
BODIES = (
    shapely.box(0, 0, 8, 5),
    shapely.Polygon([(0, 0), (8, 0), (8, 5), (5, 5), (5, 2), (3, 2), (3, 5), (0, 5)]),
    shapely.box(0, 0, 8, 8).difference(shapely.box(2, 2, 6, 6)),
)
HEAT = Party("heat")

places = st.tuples(
    st.integers(-400, 1200).map(lambda cm: cm / 100),
    st.integers(-400, 1200).map(lambda cm: cm / 100),
    st.integers(-450, 100).map(lambda cm: cm / 100),
)
courses = st.lists(places, min_size=2, max_size=3, unique_by=lambda place: place[:2])


def water_main(axis: Floats, half_m: float, half_height_m: float | None = None) -> Segment:
    row = {
        "feature_id": 7, "source_key": "W1", "class_code": "water", "burial_code": None, "pressure_code": None,
        "shape_code": "circle" if half_height_m is None else "rect", "pressure_mpa": None, "voltage_kv": None,
        "width_mm": half_m * 2000, "from_node_id": 1, "to_node_id": 2, "container_id": None, "lifecycle_code": None,
        "elevation_source_code": "measured",
    }  # fmt: skip
    return Segment(row, axis, half_m, half_m if half_height_m is None else half_height_m, 0.05, 0.05)


def found(body: Body, pipe: Segment) -> Conflict | CannotTell | None:
    return next(iter(body.against_segments([pipe])), None)


def walked(axis: Floats, polygon: shapely.Polygon) -> tuple[Floats, Floats]:
    """Along the axis: how far each place is from the polygon in plan, and from the body's heights."""
    share = np.linspace(0, 1, 4001)[:, None]
    steps = np.concatenate([a + share * (b - a) for a, b in pairwise(axis)])
    plan_m = shapely.distance(shapely.points(steps[:, :2]), polygon)
    return plan_m, np.maximum(np.maximum(LOW_M - steps[:, 2], steps[:, 2] - HIGH_M), 0.0)


@given(st.sampled_from(BODIES), courses, st.sampled_from([0.1, 0.4]))
@settings(max_examples=60, deadline=None)
def test_a_round_pipe_meets_a_body_exactly_where_its_axis_comes_nearer_than_its_radius(
    polygon: shapely.Polygon, course: list[tuple[float, float, float]], half_m: float
) -> None:
    axis = np.array(course)
    plan_m, up_m = walked(axis, polygon)
    spare_m = float(np.hypot(plan_m, up_m).min()) - half_m
    if abs(spare_m) > 0.005:
        told = found(Body(polygon, LOW_M, HIGH_M, None), water_main(axis, half_m))
        assert (told is not None and told.kind is ConflictKind.COLLISION) == (spare_m < 0)


@given(st.sampled_from(BODIES), courses, st.sampled_from([0.1, 0.4]))
@settings(max_examples=60, deadline=None)
def test_beside_a_planned_body_the_distance_is_from_wall_to_wall(
    polygon: shapely.Polygon, course: list[tuple[float, float, float]], half_m: float
) -> None:
    axis, limit = np.array(course), strictest("horizontal", HEAT, Party("water", width_mm=half_m * 2000))
    assert limit is not None
    beside_m = float(walked(axis, polygon)[0].min()) - half_m
    told = found(Body(polygon, LOW_M, HIGH_M, HEAT), water_main(axis, half_m))
    if beside_m > 0.005:
        is_short = told is not None and told.kind is ConflictKind.HORIZONTAL
        assert is_short == (beside_m < limit.min_m) or abs(beside_m - limit.min_m) < 0.005
        assert told is None or abs(told.measured_m - beside_m) < 0.005


def test_a_box_that_ends_before_a_wall_is_as_far_off_as_its_end() -> None:
    body = Body(shapely.box(0, 0, 8, 5), LOW_M, HIGH_M, Party("water"))
    duct = water_main(np.array([[-5.0, 2.0, -1.0], [-0.3, 2.0, -1.0]]), 0.5, 0.3)
    told = found(body, duct)
    assert told is None or told.kind is ConflictKind.HORIZONTAL
    planned = found(Body(shapely.box(0, 0, 8, 5), LOW_M, HIGH_M, HEAT), duct)
    # Flat at its end: half a width of a round pipe would reach into the body.
    assert isinstance(planned, Conflict) and planned.kind is ConflictKind.HORIZONTAL
    assert abs(planned.measured_m - 0.3) < 1e-6


def test_a_pipe_whose_flank_only_lies_under_the_edge_meets_nothing_though_its_crown_is_higher() -> None:
    # The axis 0.3 m beside the wall and 0.3 m under the floor, which the crown is 0.1 m over.
    axis = np.array([[8.3, 0.0, LOW_M - 0.3], [8.3, 5.0, LOW_M - 0.3]])
    assert found(Body(BODIES[0], LOW_M, HIGH_M, None), water_main(axis, 0.4)) is None
    higher = axis + np.array([0.0, 0.0, 0.05])
    met = found(Body(BODIES[0], LOW_M, HIGH_M, None), water_main(higher, 0.4))
    # From the axis to the corner of the body: 0.3 aside and 0.25 up.
    assert isinstance(met, Conflict) and met.kind is ConflictKind.COLLISION
    assert abs(met.measured_m - (np.hypot(0.3, 0.25) - 0.4)) < 1e-4


def test_nothing_near_is_nothing_found() -> None:
    assert list(Body(BODIES[2], LOW_M, HIGH_M, HEAT).against_segments([])) == []


def test_a_pipe_that_falls_through_a_body_meets_it_though_both_its_ends_are_clear_of_it() -> None:
    axis = np.array([[1.0, 1.0, HIGH_M + 1.0], [1.5, 1.0, LOW_M - 1.0]])
    told = found(Body(BODIES[0], LOW_M, HIGH_M, None), water_main(axis, 0.1))
    assert isinstance(told, Conflict) and told.kind is ConflictKind.COLLISION
