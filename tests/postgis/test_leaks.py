"""Where leaking gas can gather: distances against PostGIS and plain geometry, and what is told of the unknown."""

from collections.abc import Iterator
from math import hypot
from typing import Any

import numpy as np
import pytest
import shapely

from pipemap.db import Connection, Database, fetch_all
from pipemap.errors import UsageError
from pipemap.network import load_network
from pipemap.tracing.drawing import with_features
from pipemap.tracing.leaks import ask_leak, drawn_roles
from pipemap.tracing.starts import Start
from schemas.leaks import LeakAnswer
from tests.postgis.planting import plant, plant_version, wkt

X0, Y0 = 500_000.0, 2_500_000.0
GAS, NODE = 1, 11


@pytest.fixture
def street(database: Database) -> Iterator[Connection]:
    """A gas pipe along x at 8 m from (0, 0) to (40, 0), version 1."""
    with database.transaction() as connection:
        plant_version(connection, 1)
        for number, x in ((NODE, 0), (NODE + 1, 40)):
            plant(connection, "node", number, point(x, 0), class_code="gas")
        pipe(connection, GAS, [(0, 0, 8), (40, 0, 8)], class_code="gas", from_node_id=NODE, to_node_id=NODE + 1)
        yield connection


def point(x: float, y: float) -> str:
    return f"POINT({X0 + x!r} {Y0 + y!r})"


def pipe(connection: Connection, number: int, line: list[tuple[float, ...]], **attributes: Any) -> int:
    moved = [(X0 + place[0], Y0 + place[1], *place[2:]) for place in line]
    ends = {"from_node_id": 900 + number, "to_node_id": 1900 + number}
    return plant(connection, "pipe_segment", number, wkt(moved), **(ends | attributes))


def ask(connection: Connection, start: Start, radius_m: float = 10.0) -> LeakAnswer:
    return ask_leak(connection, load_network(connection), start, radius_m)


def at(x: float, y: float, z: float | None = None) -> Start:
    return Start(places=[(X0 + x, Y0 + y, z)])


def distances(answer: LeakAnswer) -> dict[int, float]:
    return {one.feature_id: round(one.distance_m, 6) for one in answer.spaces}


def test_each_kind_of_space_is_measured_to_what_encloses_it(street: Connection) -> None:
    plant(street, "node", 21, point(20, 3), class_code="foul", appurtenance_code="manhole", ground_elevation_m=10,
          well_depth_m=6, owner="排水公司", address="人民路")  # fmt: skip
    plant(street, "node", 22, point(20, -4), class_code="telecom", appurtenance_code="handhole", ground_elevation_m=10,
          well_depth_m=1)  # fmt: skip
    pipe(street, 31, [(10, 5, 8), (30, 5, 8)], class_code="power", hole_count=6, width_mm=600, height_mm=400)
    pipe(street, 32, [(10, 0, 5), (30, 0, 5)], class_code="storm", width_mm=1000, height_mm=1000)
    pipe(street, 33, [(10, -6, 8), (30, -6, 8)], class_code="utility_tunnel", width_mm=3000, height_mm=3000)
    house = shapely.box(X0 + 15, Y0 + 4, X0 + 25, Y0 + 12).wkt
    plant(street, "structure", 41, house, name="医院", base_elevation_m=11, top_elevation_m=30)
    answer = ask(street, at(20, 0.4))
    assert distances(answer) == {
        21: 3.0, 22: round(hypot(4, 1), 6), 31: 4.7, 32: 2.5, 33: 4.5, 41: round(hypot(4, 3), 6)
    }  # fmt: skip
    kinds = [(one.kind, one.feature_id) for one in answer.spaces]
    assert kinds == [("sewer", 32), ("chamber", 21), ("chamber", 22), ("tunnel", 33), ("duct", 31), ("basement", 41)]
    assert (answer.spaces[1].owner, answer.spaces[1].address, answer.spaces[5].name) == ("排水公司", "人民路", "医院")
    assert answer.owners == {"": 5, "排水公司": 1}
    assert (answer.segment_ids, answer.node_ids) == ([32, 33, 31], [21, 22])


def test_unknown_heights_are_told_and_never_dropped(street: Connection) -> None:
    plant(street, "node", 21, point(20, 3), class_code="foul", appurtenance_code="manhole")
    pipe(street, 31, [(10, 2), (30, 2)], class_code="telecom", hole_count=4)
    plant(street, "structure", 41, shapely.box(X0 + 15, Y0 + 4, X0 + 25, Y0 + 12).wkt)
    answer = ask(street, at(20, 0))
    assert distances(answer) == {31: 2.0, 21: 3.0, 41: 4.0}
    assert not any(one.is_height_known for one in answer.spaces)
    (unknown,) = [one for one in answer.assumptions if one.code == "space-height-unknown"]
    assert (unknown.count, unknown.segment_ids, unknown.node_ids) == (3, [31], [21])


def test_a_manhole_of_unknown_depth_reaches_down_to_its_lowest_pipe(street: Connection) -> None:
    plant(street, "node", 21, point(20, 3), class_code="foul", appurtenance_code="manhole", ground_elevation_m=12)
    pipe(street, 31, [(20, 3, 10), (90, 3, 9)], class_code="foul", from_node_id=21)
    chamber = next(one for one in ask(street, at(20, 0)).spaces if one.feature_id == 21)
    assert (chamber.is_height_known, round(chamber.distance_m, 6)) == (True, round(hypot(3, 2), 6))


def test_a_leak_of_unknown_height_is_answered_in_plan(street: Connection) -> None:
    pipe(street, 2, [(0, 50), (40, 50)], class_code="gas")
    pipe(street, 31, [(0, 52, 3), (40, 52, 3)], class_code="storm")
    answer = ask(street, Start(segment_ids=[2]))
    assert distances(answer) == {31: 2.0}
    assert [one.code for one in answer.assumptions] == ["leak-height-unknown", "owner-unknown"]


def test_a_leak_inside_a_basement_lies_no_distance_from_it(street: Connection) -> None:
    house = shapely.box(X0 - 5, Y0 - 5, X0 + 45, Y0 + 5).wkt
    plant(street, "structure", 41, house, base_elevation_m=5, top_elevation_m=30)
    assert distances(ask(street, at(20, 0))) == {41: 0.0}
    assert distances(ask(street, Start(segment_ids=[GAS]))) == {41: 0.0}
    assert distances(ask(street, Start(node_ids=[NODE]))) == {41: 0.0}


def test_what_encloses_nothing_or_is_of_gas_itself_is_no_space(street: Connection) -> None:
    plant(street, "node", 21, point(20, 1), class_code="gas", appurtenance_code="valve_well", ground_elevation_m=10)
    plant(street, "node", 22, point(20, 1), class_code="water", appurtenance_code="valve", ground_elevation_m=10)
    pipe(street, 31, [(10, 1, 8), (30, 1, 8)], class_code="water", burial_code="direct")
    pipe(street, 32, [(10, 1, 8), (30, 1, 8)], class_code="storm", lifecycle_code="planned")
    plant(street, "structure", 41, point(20, 1), kind_code="tree")
    assert ask(street, at(20, 0)).spaces == []
    assert ask(street, at(20, 0)).spaces_left_out == 0


def test_every_space_around_a_random_street_is_found_at_the_distance_postgis_measures(street: Connection) -> None:
    random = np.random.default_rng(5)
    place = (20.3, 0.0, 8.0)
    expected: dict[int, float] = {}
    for number in range(100, 160):
        line = random.uniform((-10, -25, 2), (50, 25, 10), (3, 3)).tolist()
        pipe(street, number, line, class_code="foul", width_mm=float(random.integers(200, 2000)))
    for number in range(200, 260):
        x, y = random.uniform((-10, -25), (50, 25)).tolist()
        ground, depth = float(random.uniform(9, 12)), float(random.uniform(0.5, 8))
        plant(street, "node", number, point(x, y), class_code="telecom", appurtenance_code="manhole",
              ground_elevation_m=ground, well_depth_m=depth)  # fmt: skip
        up = max(0.0, ground - depth - place[2], place[2] - ground)
        expected[number] = float(np.linalg.norm((x - place[0], y - place[1], up)))
    for number in range(300, 330):
        x, y = random.uniform((-10, -25), (50, 25)).tolist()
        outline = shapely.Point(x, y).buffer(random.uniform(2, 8), quad_segs=2)
        base, top = float(random.uniform(2, 9)), float(random.uniform(10, 40))
        moved = shapely.transform(outline, lambda places: places + np.array([X0, Y0]))
        plant(street, "structure", number, moved.wkt, base_elevation_m=base, top_elevation_m=top)
        up = max(0.0, base - place[2], place[2] - top)
        expected[number] = hypot(outline.distance(shapely.Point(place[:2])), up)
    measured = fetch_all(
        street,
        "SELECT feature_id, ST_3DDistance(geom, ST_SetSRID(ST_MakePoint(%s, %s, %s), 4547)) AS axis_m, width_mm"
        " FROM pipemap.pipe_segment WHERE class_code = 'foul'",
        [X0 + place[0], Y0 + place[1], place[2]],
    )
    expected |= {row["feature_id"]: max(0.0, row["axis_m"] - row["width_mm"] / 2000) for row in measured}
    answer = ask(street, at(*place), radius_m=12)
    near = {number: away_m for number, away_m in expected.items() if away_m <= 12}
    found = {one.feature_id: one.distance_m for one in answer.spaces}
    assert 40 < len(near) < len(expected)
    assert found == pytest.approx(near, abs=1e-6)
    assert list(found.values()) == sorted(found.values())


def test_an_answer_is_drawn_with_the_part_of_every_feature(street: Connection) -> None:
    plant(street, "node", 21, point(20, 3), class_code="foul", appurtenance_code="manhole", ground_elevation_m=10)
    plant(street, "structure", 41, shapely.box(X0 + 15, Y0 + 4, X0 + 25, Y0 + 12).wkt)
    answer = ask(street, at(20, 0))
    drawn = with_features(street, load_network(street), answer, drawn_roles(answer)).geojson
    assert drawn is not None
    parts = {one["id"]: (one["properties"]["role"], one["geometry"]["type"]) for one in drawn["features"]}
    assert parts == {GAS: ("leak", "LineString"), 21: ("chamber", "Point"), 41: ("basement", "Polygon")}


def test_a_radius_out_of_reach_and_a_lonely_node_are_refused(street: Connection) -> None:
    plant(street, "node", 77, point(9, 9), class_code="gas")
    for start, radius_m in ((at(20, 0), 0.0), (at(20, 0), 201.0), (Start(node_ids=[77]), 5.0)):
        with pytest.raises(UsageError):
            ask(street, start, radius_m)
