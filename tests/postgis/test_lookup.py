import math
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyproj import Transformer
from shapely import LineString, box
from shapely.geometry import shape

from pipemap.db import Connection, Database
from pipemap.errors import CrsError, NotFoundError, UsageError
from pipemap.lookup import Query, corridor, find_features, get_feature, near, nearest, search
from tests.postgis.planting import plant, plant_version, wkt

EAST, NORTH = 500_000.0, 2_500_000.0
SIDE_M = 200.0
shared_map = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
offset = st.floats(0, SIDE_M).map(lambda value: round(value, 2))
height = st.floats(-6, 6).map(lambda value: round(value, 2))


def random_axes(count: int) -> dict[int, np.ndarray]:
    """Axes of two points; every fifth has no known z."""
    random = np.random.default_rng(7)
    starts = random.uniform([EAST, NORTH, -5], [EAST + SIDE_M, NORTH + SIDE_M, 5], (count, 3)).round(3)
    ends = (starts + random.normal(0, [15, 15, 1], (count, 3))).round(3)
    axes = np.stack([starts, ends], axis=1)
    return {number: axes[number, :, : 2 if number % 5 == 0 else 3] for number in range(count)}


AXES = random_axes(150)


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.transaction() as opened:
        plant_version(opened, 1)
        for number, axis in AXES.items():
            plant(opened, "pipe_segment", number, wkt(axis), class_code="gas" if number % 2 else "water")
        yield opened


def ids(page: object) -> list[int]:
    return [feature["id"] for feature in page.as_dicts()]  # type: ignore[attr-defined]


@given(offset, offset, offset, offset, height, height)
@shared_map
def test_box_and_height_agree_with_shapely(
    connection: Connection, x1: float, y1: float, x2: float, y2: float, z1: float, z2: float
) -> None:
    min_x, max_x = sorted([EAST + x1, EAST + x2 + 1])
    min_y, max_y = sorted([NORTH + y1, NORTH + y2 + 1])
    if min_x == max_x or min_y == max_y:
        return
    z_min, z_max = sorted([z1, z2])
    area = box(min_x, min_y, max_x, max_y)
    met = [number for number, axis in AXES.items() if LineString(axis).intersects(area)]
    known = [number for number in met if AXES[number].shape[1] == 3]
    inside = [n for n in known if AXES[n][:, 2].max() >= z_min and AXES[n][:, 2].min() <= z_max]

    plan = find_features(connection, "pipe_segment", Query(bbox=(min_x, min_y, max_x, max_y)))
    space = find_features(
        connection, "pipe_segment", Query(bbox=(min_x, min_y, max_x, max_y), z_min_m=z_min, z_max_m=z_max)
    )

    assert ids(plan) == met
    assert ids(space) == inside
    assert plan.unknown_elevation is None
    assert space.unknown_elevation == len(met) - len(known)


def distance_to_axis(point: np.ndarray, axis: np.ndarray) -> float:
    start, along = axis[0], axis[1] - axis[0]
    share = min(1.0, max(0.0, float((point - start) @ along / (along @ along))))
    return math.dist(point, start + share * along)


@given(offset, offset, height, st.floats(1, 40))
@shared_map
def test_near_a_point_agrees_with_arithmetic(
    connection: Connection, x: float, y: float, z: float, radius: float
) -> None:
    point = np.array([EAST + x, NORTH + y, z])
    distances = {n: distance_to_axis(point, axis) for n, axis in AXES.items() if axis.shape[1] == 3}
    expected = sorted((d, n) for n, d in distances.items() if d <= radius)

    page = near(connection, point[0], point[1], z, radius)

    found = [(f["properties"]["distance_m"], f["id"]) for f in page.as_dicts()]
    assert [n for _, n in found] == [n for _, n in expected]
    assert np.allclose([d for d, _ in found], [d for d, _ in expected], atol=1e-6)
    unknown = [n for n, a in AXES.items() if a.shape[1] == 2 and distance_to_axis(point[:2], a) <= radius]
    assert page.unknown_elevation == len(unknown)


def test_near_a_point_without_z_measures_in_plan_and_leaves_nothing_out(connection: Connection) -> None:
    point = np.array([EAST + 100, NORTH + 100])
    expected = {n for n, axis in AXES.items() if distance_to_axis(point, axis[:, :2]) <= 25}

    page = near(connection, point[0], point[1], None, 25)

    assert expected and set(ids(page)) == expected
    assert page.unknown_elevation is None


@given(st.lists(st.tuples(offset, offset), min_size=2, max_size=4, unique=True), st.floats(0.5, 20))
@shared_map
def test_corridor_agrees_with_shapely(connection: Connection, points: list[tuple[float, float]], half: float) -> None:
    line = LineString([(EAST + x, NORTH + y) for x, y in points])
    expected = {n: LineString(axis[:, :2]).distance(line) for n, axis in AXES.items()}

    page = corridor(connection, list(line.coords), half)

    assert set(ids(page)) == {n for n, distance in expected.items() if distance <= half}
    found = [feature["properties"] for feature in page.as_dicts()]
    assert all(abs(f["distance_m"] - expected[f["feature_id"]]) < 1e-6 for f in found)
    stations = [f["station_m"] for f in found]
    assert stations == sorted(stations) and all(0 <= s <= line.length + 1e-6 for s in stations)
    for f in found:
        axis = LineString(AXES[f["feature_id"]][:, :2])
        assert line.interpolate(f["station_m"]).distance(axis) < f["distance_m"] + 2e-3, "it is nearest there"


def test_what_runs_beside_a_line_is_met_where_it_begins(connection: Connection) -> None:
    for number, (start, end) in enumerate(((-60, 0), (0, 60), (60, 100), (30, 40)), 901):
        axis = [(EAST + 1000 + x, NORTH + 1000 + number % 2) for x in (end, start)]
        plant(connection, "pipe_segment", number, wkt(axis))
    line = [(EAST + 1000 + x, NORTH + 1002) for x in (-50, 10, 80)]
    found = [feature["properties"] for feature in corridor(connection, line, 3).as_dicts()]
    assert [(f["feature_id"], f["station_m"]) for f in found] == [
        (901, 0.0), (902, pytest.approx(50)), (904, pytest.approx(80)), (903, pytest.approx(110))]  # fmt: skip


def test_answer_in_longitude_and_latitude_comes_back_to_the_same_place(connection: Connection) -> None:
    to_plane = Transformer.from_crs(4326, 4547, always_xy=True)
    page = find_features(connection, "pipe_segment", Query(out_srid=4326))
    assert page.count == len(AXES)
    for feature in page.as_dicts():
        coordinates = np.array(feature["geometry"]["coordinates"])
        x, y = to_plane.transform(coordinates[:, 0], coordinates[:, 1])
        axis = AXES[feature["id"]]
        assert 113 < coordinates[0, 0] < 115, "longitude comes first"
        assert np.allclose([x, y], axis[:, :2].T, atol=1e-3)
        assert np.allclose(coordinates[:, 2:], axis[:, 2:], atol=1e-4)


def test_box_in_longitude_and_latitude_is_straight_in_its_own_system(connection: Connection) -> None:
    to_degrees = Transformer.from_crs(4547, 4326, always_xy=True)
    west, south = to_degrees.transform(EAST + 40, NORTH + 40)
    east, north = to_degrees.transform(EAST + 160, NORTH + 120)
    area = box(west, south, east, north)
    expected = [n for n, a in AXES.items() if LineString(np.array(to_degrees.transform(*a.T[:2])).T).intersects(area)]

    page = find_features(connection, "pipe_segment", Query(bbox=area.bounds, bbox_srid=4326))

    assert len(expected) > 10 and ids(page) == expected


def test_pages_hold_every_feature_once(connection: Connection) -> None:
    seen: list[int] = []
    after: int | None = None
    while True:
        page = find_features(connection, "pipe_segment", Query(class_codes=["gas"], limit=13, after=after))
        seen += ids(page)
        after = page.next
        if after is None:
            break
    assert seen == [number for number in AXES if number % 2]


def test_old_version_shows_the_old_state(connection: Connection) -> None:
    old = wkt([(EAST, NORTH, 1.0), (EAST + 1, NORTH, 1.0)])
    plant_version(connection, 2)
    plant(connection, "pipe_segment", 900, wkt([(EAST, NORTH, 2.0), (EAST + 1, NORTH, 2.0)]), valid_from_version=2)
    plant(connection, "pipe_segment", 900, old, table="pipe_segment_history", valid_from_version=1, valid_to_version=2)

    def axis_z(version: int | None) -> float:
        page = find_features(connection, "pipe_segment", Query(equals={"feature_id": 900}, version=version))
        return float(shape(page.as_dicts()[0]["geometry"]).coords[0][2])

    assert (axis_z(1), axis_z(2), axis_z(None)) == (1.0, 2.0, 2.0)


def test_attributes_are_compared_in_their_own_type(connection: Connection) -> None:
    plant(connection, "pipe_segment", 901, wkt([(EAST, NORTH), (EAST + 1, NORTH)]), width_mm=110.1, owner="水务")
    assert ids(find_features(connection, "pipe_segment", Query(equals={"width_mm": 110.1}))) == [901]
    assert ids(find_features(connection, "pipe_segment", Query(equals={"owner": "水务", "width_mm": "110.1"}))) == [901]
    assert 901 not in ids(find_features(connection, "pipe_segment", Query(equals={"width_mm": None})))


def test_node_is_judged_by_its_ground_and_a_structure_from_base_to_top(connection: Connection) -> None:
    place = f"POINT({EAST} {NORTH})"
    plant(connection, "node", 910, place, ground_elevation_m=3.0)
    plant(connection, "node", 911, place)
    plant(connection, "structure", 920, place, base_elevation_m=-4.0, top_elevation_m=30.0, name="Tower")
    nodes = find_features(connection, "node", Query(z_min_m=2.5, z_max_m=3.5))
    assert (ids(nodes), nodes.unknown_elevation) == ([910], 1)
    assert ids(find_features(connection, "structure", Query(z_min_m=10, z_max_m=11))) == [920]
    assert ids(near(connection, EAST, NORTH, 5.0, 3.0, kind="node")) == [910]


def test_one_feature_by_its_identity(connection: Connection) -> None:
    assert b'"id":7,' in get_feature(connection, "pipe_segment", 7)
    with pytest.raises(NotFoundError, match="no pipe_segment 12345"):
        get_feature(connection, "pipe_segment", 12345)


def test_search_puts_the_exact_key_first_and_takes_wildcards_literally(connection: Connection) -> None:
    place = f"POINT({EAST + 5} {NORTH + 7})"
    for feature_id, key in ((930, "J1002"), (931, "J10020"), (932, "XJ1002"), (933, "J_002")):
        plant(connection, "node", feature_id, place, source_key=key)
    plant(connection, "structure", 934, place, source_key="B1", name="人民医院J1002楼")
    found = search(connection, "J1002")
    assert [row["feature_id"] for row in found] == [930, 931, 934]
    assert found[0] == {
        "kind": "node", "feature_id": 930, "source_key": "J1002", "name": None, "class_code": "water",
        "x_m": EAST + 5, "y_m": NORTH + 7,
    }  # fmt: skip
    assert [row["feature_id"] for row in search(connection, "J_")] == [933]
    assert [row["feature_id"] for row in search(connection, "j1002")][:1] == [930]


def test_a_question_that_cannot_be_answered_says_why(connection: Connection) -> None:
    def ask(query: Query, kind: str = "pipe_segment") -> None:
        with connection.transaction():
            find_features(connection, kind, query)

    with pytest.raises(UsageError, match=r"colour; it can be for feature_id, .*width_mm"):
        ask(Query(equals={"colour": "red"}))
    with pytest.raises(UsageError, match="the classes are water"):
        ask(Query(class_codes=["wine"]))
    with pytest.raises(UsageError, match="structure has no utility class"):
        ask(Query(class_codes=["water"]), "structure")
    with pytest.raises(UsageError, match="the kinds are node"):
        ask(Query(), "pipe_segment; DROP TABLE")
    with pytest.raises(UsageError, match="wide"):
        ask(Query(equals={"width_mm": "wide"}))
    with pytest.raises(UsageError, match="not below its maximum"):
        ask(Query(bbox=(1, 1, 0, 0)))
    with pytest.raises(UsageError, match="1 to 10000"):
        ask(Query(limit=10_001))
    with pytest.raises(CrsError, match="EPSG:99"):
        ask(Query(out_srid=99))
    with pytest.raises(UsageError, match="outside"):
        ask(Query(bbox=(114, 22, 115, 1000), bbox_srid=4326))
    with pytest.raises(NotFoundError):
        ask(Query(version=9))
    with pytest.raises(UsageError, match="radius_m"):
        near(connection, EAST, NORTH, 0.0, -1.0)
    with pytest.raises(UsageError, match="two different points"):
        corridor(connection, [(EAST, NORTH), (EAST, NORTH)], 5)


def test_a_place_where_the_map_cannot_be_is_refused_instead_of_answered_with_nothing(connection: Connection) -> None:
    with pytest.raises(CrsError, match=r"113.* lies outside of where EPSG:4547"):
        find_features(connection, "pipe_segment", Query(bbox=(113, 22, 115, 24)))
    with pytest.raises(CrsError, match="outside"):
        find_features(connection, "pipe_segment", Query(bbox=(13, 50, 14, 51), bbox_srid=4326))
    with pytest.raises(CrsError, match="outside"):
        near(connection, 114.0, 22.6, None, 5.0)
    with pytest.raises(CrsError, match="outside"):
        near(connection, EAST, NORTH, None, 5.0, point_srid=4326)
    with pytest.raises(CrsError, match="outside"):
        corridor(connection, [(114.0, 22.6), (114.1, 22.6)], 5)
    assert find_features(connection, "pipe_segment", Query(bbox=(-1e7, -1e7, 1e7, 1e7))).count == len(AXES)
    assert find_features(connection, "pipe_segment", Query(bbox=(-180, -90, 114.2, 90), bbox_srid=4490)).srid == 4547


@given(x=offset, y=offset, count=st.integers(1, 20))
@shared_map
def test_the_nearest_are_the_first_of_all_by_distance(connection: Connection, x: float, y: float, count: int) -> None:
    page = nearest(connection, EAST + x, NORTH + y, 1.0, count)
    far = near(connection, EAST + x, NORTH + y, 1.0, 1_000.0, limit=1000)
    assert ids(page) == ids(far)[:count] and not page.more


def test_fewer_than_asked_are_all_there_are(connection: Connection) -> None:
    known = sum(axis.shape[1] == 3 for axis in AXES.values())
    assert nearest(connection, EAST, NORTH, 0.0, 900).count == known
