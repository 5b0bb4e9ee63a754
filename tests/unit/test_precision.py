"""What the classes of precision do to places and heights."""

import itertools

import numpy as np
import pytest
import shapely
import shapely.ops
from hypothesis import given, settings
from hypothesis import strategies as st

from pipemap.errors import UsageError
from pipemap.sharing import precision
from pipemap.sharing.precision import Precision, desensitise, shift

KEYS = st.binary(min_size=32, max_size=64)
PLACES = st.tuples(st.floats(300_000, 700_000), st.floats(2_000_000, 4_500_000))
STEPS = st.tuples(st.floats(-2_000, 2_000), st.floats(-2_000, 2_000)).filter(lambda step: np.hypot(*step) > 0.01)


@given(key=KEYS, place=PLACES, step=STEPS)
def test_a_shift_stretches_little_and_folds_nothing(
    key: bytes, place: tuple[float, ...], step: tuple[float, ...]
) -> None:
    here, there = np.array(place), np.array(place) + step
    moved = shift(np.array([here, there]), key)
    distance = np.linalg.norm(there - here)
    assert np.linalg.norm(moved[1] - moved[0]) == pytest.approx(distance, rel=0.04)
    assert np.dot(moved[1] - moved[0], there - here) > 0, "what lay to one side lies there still"


@given(key=KEYS, place=PLACES)
def test_a_shift_leaves_nothing_where_it_is(key: bytes, place: tuple[float, ...]) -> None:
    moved = shift(np.array([place]), key)
    assert 5 <= np.linalg.norm(moved - place) <= 45


@given(keys=st.tuples(KEYS, KEYS).filter(lambda pair: pair[0] != pair[1]))
def test_another_secret_is_another_shift(keys: tuple[bytes, bytes]) -> None:
    places = np.array([[500_000.0, 3_000_000.0]])
    assert np.linalg.norm(shift(places, keys[0]) - shift(places, keys[1])) > 1e-3
    assert (shift(places, keys[0]) == shift(places, keys[0])).all()


@settings(max_examples=30, deadline=None)
@given(key=KEYS, seed=st.integers(0, 2**32 - 1))
def test_pipes_cross_after_a_shift_where_they_crossed_before(key: bytes, seed: int) -> None:
    """Against shapely: lines that meet or keep 5 cm apart do so still, whatever their vertices."""
    random = np.random.default_rng(seed)
    starts = 500_000 + random.uniform(0, 120, (24, 2)) + [0, 2_500_000]
    lines = shapely.linestrings(np.stack([starts, starts + random.uniform(-80, 80, (24, 2))], axis=1))
    moved = desensitise(lines, Precision("shifted", "exact", key))
    for one, other in itertools.combinations(range(24), 2):
        apart = shapely.distance(lines[one], lines[other])
        inner = shapely.intersects(_shortened(lines[one]), _shortened(lines[other]))
        if apart > 0.05 or inner:
            assert shapely.intersects(moved[one], moved[other]) == (apart == 0)


def _shortened(line: shapely.Geometry) -> shapely.Geometry:
    return shapely.ops.substring(line, 0.05, line.length - 0.05)


@pytest.mark.parametrize("position", precision.POSITION_PRECISIONS)
@pytest.mark.parametrize("depth", precision.DEPTH_PRECISIONS)
def test_joined_ends_stay_joined_and_keep_their_coordinate_system(position: str, depth: str) -> None:
    random = np.random.default_rng(7)
    nodes = shapely.set_srid(shapely.points(500_000 + random.uniform(0, 900, (50, 2))), 4547)
    ends = np.stack([np.arange(49), np.arange(1, 50)], axis=1)
    places = shapely.get_coordinates(nodes)[ends]
    heights = random.uniform(0, 9, (49, 2, 1))
    solid = shapely.linestrings(np.concatenate([places, heights], axis=2))
    lines = shapely.set_srid(np.concatenate([solid[:30], shapely.linestrings(places[30:])]), 4547)
    exactness = Precision(position, depth, b"k" * 32)
    shown_nodes, shown = desensitise(nodes, exactness), desensitise(lines, exactness)
    for (start, end), line in zip(ends, shown, strict=True):
        assert shapely.get_coordinates(line)[0].tolist() == shapely.get_coordinates(shown_nodes[start])[0].tolist()
        assert shapely.get_coordinates(line)[-1].tolist() == shapely.get_coordinates(shown_nodes[end])[0].tolist()
    assert set(shapely.get_srid(shown)) == {4547} == set(shapely.get_srid(shown_nodes))
    assert shapely.has_z(shown).tolist() == [depth != "masked"] * 30 + [False] * 19


def test_a_grid_moves_every_vertex_to_a_corner_and_leaves_out_what_falls_together() -> None:
    lines = np.array(shapely.from_wkt(["LINESTRING (1 1, 4 2, 5 4, 21 2)", "LINESTRING (1 1, 2 2)"]), dtype=object)
    shown = desensitise(lines, Precision("grid_5m", "exact"))
    assert shown[0].wkt == "LINESTRING (0 0, 5 0, 5 5, 20 0)"
    assert shown[1] is None
    points = desensitise(np.array([shapely.Point(1, 3)], dtype=object), Precision("grid_5m", "exact"))
    assert points[0].wkt == "POINT (0 5)"


def test_heights_are_rounded_to_their_step_or_taken_away() -> None:
    line = np.array([shapely.from_wkt("LINESTRING Z (0 0 1.24, 10 0 1.26)")], dtype=object)
    assert desensitise(line, Precision("exact", "step_0.5m"))[0].wkt == "LINESTRING Z (0 0 1, 10 0 1.5)"
    assert desensitise(line, Precision("exact", "step_0.1m"))[0].wkt == "LINESTRING Z (0 0 1.2, 10 0 1.3)"
    assert desensitise(line, Precision("exact", "masked"))[0].wkt == "LINESTRING (0 0, 10 0)"


def test_a_shift_keeps_the_heights_along_a_long_pipe() -> None:
    line = np.array([shapely.from_wkt("LINESTRING Z (0 0 1, 100 0 3)")], dtype=object)
    shown = desensitise(line, Precision("shifted", "exact", b"k" * 32))[0]
    heights = shapely.get_coordinates(shown, include_z=True)[:, 2]
    assert heights == pytest.approx(np.linspace(1, 3, len(heights)), abs=1e-9)


@pytest.mark.parametrize(("attributes", "depth"), [((), "masked"), (("owner",), "masked"), (("to_depth_m",), "exact")])
def test_depths_are_masked_unless_one_is_granted(attributes: tuple[str, ...], depth: str) -> None:
    assert precision.default_depth(attributes) == depth


@pytest.mark.parametrize(
    ("position", "depth"), [("exact", "shifted"), ("masked", "exact"), ("grid_2m", "exact"), ("exact", "")]
)
def test_an_unknown_class_is_refused_by_name(position: str, depth: str) -> None:
    with pytest.raises(UsageError, match="no precision of"):
        precision.check_precision(position, depth)
