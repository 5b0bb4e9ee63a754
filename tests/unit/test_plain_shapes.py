"""Shapes made all at once from well-known binary are those that are read one by one."""

import numpy as np
import pyarrow as pa
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from importers.layers.plain import plain_shapes

_NUMBER = st.floats(allow_nan=False, allow_infinity=False, width=64)


def _column(shapes: list[shapely.Geometry | None]) -> pa.Array:
    return pa.array(shapely.to_wkb(np.array(shapes, dtype=object), flavor="iso"), pa.binary())


@given(st.data(), st.sampled_from([2, 3]), st.sampled_from([1, 2]))
def test_points_and_lines_are_those_that_are_read_one_by_one(data: st.DataObject, n_dimensions: int, base: int) -> None:
    place = st.tuples(*[_NUMBER] * n_dimensions)
    lines = st.lists(st.lists(place, min_size=base, max_size=base if base == 1 else 5), min_size=1, max_size=8)
    made = [shapely.Point(*each) if base == 1 else shapely.LineString(each) for each in data.draw(lines)]
    column = _column(made)
    found = plain_shapes(column)
    assert found is not None
    assert shapely.equals_identical(found, made).all()
    start = data.draw(st.integers(0, len(made) - 1))
    part = plain_shapes(column.slice(start))
    assert part is not None
    assert shapely.equals_identical(part, made[start:]).all()


@pytest.mark.parametrize(
    "odd",
    [
        None,
        shapely.Point(),
        shapely.LineString(),
        shapely.Point(1, 2, 3),
        shapely.LineString([(0, 0), (1, 1)]),
        shapely.Polygon([(0, 0), (1, 0), (1, 1)]),
        shapely.MultiPoint([(0, 0)]),
    ],
)
def test_a_shape_of_another_kind_leaves_the_column_to_the_library(odd: shapely.Geometry | None) -> None:
    assert plain_shapes(_column([shapely.Point(1, 2), odd])) is None


def test_bytes_cut_off_or_too_many_leave_the_column_to_the_library() -> None:
    whole = shapely.to_wkb(shapely.LineString([(0, 0), (1, 1)]))
    for damaged in (whole[:-1], whole + b"\0", whole[:3], b"", whole[:5] + b"\xff\xff\xff\xff" + whole[9:]):
        assert plain_shapes(pa.array([whole, damaged], pa.binary())) is None


def test_a_line_of_one_place_leaves_the_column_to_the_library() -> None:
    single = shapely.to_wkb(shapely.LineString([(0, 0), (1, 1)]))
    single = single[:5] + (1).to_bytes(4, "little") + single[9:25]
    assert plain_shapes(pa.array([single], pa.binary())) is None
