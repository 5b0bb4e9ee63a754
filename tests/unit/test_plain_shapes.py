"""Points alone and lines alone are told from their bytes; whatever else there is among them is not overlooked."""

import numpy as np
import pyarrow as pa
import pytest
import shapely

from importers.layers.plain import are_plain


def _column(shapes: list[shapely.Geometry | None]) -> pa.Array:
    return pa.array(shapely.to_wkb(np.array(shapes, dtype=object), flavor="iso"), pa.binary())


@pytest.mark.parametrize("n_dimensions", [2, 3])
@pytest.mark.parametrize("is_line", [False, True])
def test_points_alone_and_lines_alone_are_plain(n_dimensions: int, is_line: bool) -> None:
    rng = np.random.default_rng(3)
    for size in (1, 2, 50):
        places = [rng.normal(0, 1e6, (rng.integers(2, 6), n_dimensions)) for _ in range(size)]
        made = [shapely.LineString(each) if is_line else shapely.Point(*each[0]) for each in places]
        column = _column(made)
        for start in (0, size // 2):
            assert are_plain(column.slice(start))


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
        shapely.Point(np.inf, 2),
        shapely.Point(1, 1e16),
    ],
)
def test_a_shape_of_another_kind_leaves_the_column_to_the_library(odd: shapely.Geometry | None) -> None:
    assert not are_plain(_column([shapely.Point(1, 2), odd]))


def test_bytes_cut_off_or_too_many_leave_the_column_to_the_library() -> None:
    whole = shapely.to_wkb(shapely.LineString([(0, 0), (1, 1)]))
    for damaged in (whole[:-1], whole + b"\0", whole[:3], b"", whole[:5] + b"\xff\xff\xff\xff" + whole[9:]):
        assert not are_plain(pa.array([whole, damaged], pa.binary()))


def test_a_line_of_one_place_leaves_the_column_to_the_library() -> None:
    single = shapely.to_wkb(shapely.LineString([(0, 0), (1, 1)]))
    single = single[:5] + (1).to_bytes(4, "little") + single[9:25]
    assert not are_plain(pa.array([single], pa.binary()))
