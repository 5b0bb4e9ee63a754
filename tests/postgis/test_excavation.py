"""What a dig meets in a planted street, by hand arithmetic and against PostGIS."""

import math
import random
from collections.abc import Iterator

import pytest
import shapely

from pipemap.db import Connection, Database, fetch_all
from pipemap.errors import UsageError
from pipemap.excavating.asking import excavation
from pipemap.network import load_network
from schemas.excavation import Dig, Excavation
from tests.postgis.planting import EAST, NORTH, plant, plant_version, wkt
from tests.postgis.planting import plant_pipe as pipe

# 10 m by 4 m.
PIT = shapely.box(EAST, NORTH, EAST + 10, NORTH + 4)


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.transaction() as connection:
        plant_version(connection, 1)
        yield connection


def dug(connection: Connection, polygon: shapely.Polygon = PIT, **dig: float) -> Excavation:
    return excavation(connection, polygon, Dig(**(dig or {"depth_m": 2.0})), lambda: load_network(connection))


def test_pipes_are_met_under_the_floor_or_beside(connection: Connection) -> None:
    pipe(connection, 1, (5, -10, 8.6), (5, 10, 8.6), owner="供水公司")  # top 8.8, 1.2 m deep
    pipe(connection, 2, (-5, 2, 7.4), (20, 2, 7.4), owner="燃气公司", class_code="gas")  # top 7.6, 0.4 m under 8.0
    pipe(connection, 3, (-5, 4.9, 9.0), (20, 4.9, 9.0))  # wall 0.7 m aside
    pipe(connection, 4, (-5, 5.3, 9.0), (20, 5.3, 9.0))  # wall 1.1 m aside
    found = {one.segment_id: one for one in dug(connection).meetings}
    assert set(found) == {1, 2, 3}
    met, under, beside = (found[number] for number in (1, 2, 3))
    assert (met.state, met.gap_m, met.inside_m) == ("met", 0.0, pytest.approx(4))
    assert (met.starts_at_m, met.ends_at_m) == (pytest.approx(1.2), pytest.approx(1.6))
    assert met.hand_dig_from_m == pytest.approx(0.2)
    assert (under.state, under.gap_m, under.inside_m) == ("under", pytest.approx(0.4), pytest.approx(10))
    assert under.starts_at_m == pytest.approx(2.4) and under.hand_dig_from_m == pytest.approx(1.4)
    assert (beside.state, beside.gap_m, beside.inside_m) == ("beside", pytest.approx(0.7), 0)


def test_volumes_are_those_of_hand_arithmetic(connection: Connection) -> None:
    pipe(connection, 1, (5, -10, 8.6), (5, 10, 8.6))
    found = dug(connection)
    assert (found.area_m2, found.volume_m3) == (pytest.approx(40), pytest.approx(80))
    # A strip of 0.4 + 2 x 1.0 m over 4 m, by hand from 0.2 m down to 2 m.
    assert found.hand_dig_area_m2 == pytest.approx(9.6)
    assert found.hand_dig_volume_m3 == pytest.approx(9.6 * 1.8)
    assert found.machine_depth_m == pytest.approx(0.2)
    # A second pipe along it, 0.5 m deeper, adds only what the first leaves: a strip of 0.5 m.
    pipe(connection, 2, (5.5, -10, 8.1), (5.5, 10, 8.1))
    both = dug(connection)
    assert both.hand_dig_area_m2 == pytest.approx(11.6)
    assert both.hand_dig_volume_m3 == pytest.approx(9.6 * 1.8 + 2.0 * 1.3)


def test_a_pipe_of_unknown_depth_is_dug_by_hand_from_the_ground_on(connection: Connection) -> None:
    pipe(connection, 1, (5, -10), (5, 10), elevation_source_code="unknown")
    (found,) = dug(connection).meetings
    assert (found.state, found.starts_at_m, found.gap_m, found.hand_dig_from_m) == ("cannot_tell", None, None, 0.0)


def test_a_body_between_two_elevations_meets_what_is_in_it(connection: Connection) -> None:
    pipe(connection, 1, (5, -10, 8.6), (5, 10, 8.6))
    pipe(connection, 2, (6, -10, 6.0), (6, 10, 6.0))
    found = dug(connection, z_min_m=5.9, z_max_m=8.2)
    states = {one.segment_id: (one.state, one.gap_m) for one in found.meetings}
    assert states == {1: ("under", pytest.approx(0.2)), 2: ("met", 0.0)}
    assert found.volume_m3 == pytest.approx(40 * 2.3)


def test_what_is_met_is_what_postgis_finds_in_the_body(connection: Connection) -> None:
    chance = random.Random(7)
    for number in range(1, 80):
        x, y, turn, z = chance.uniform(-8, 18), chance.uniform(-6, 10), chance.uniform(0, math.pi), chance.uniform(6, 9)
        way = 6 * math.cos(turn), 6 * math.sin(turn)
        pipe(connection, number, (x - way[0], y - way[1], z), (x + way[0], y + way[1], z + chance.uniform(-1, 1)))
    meetings = dug(connection, z_min_m=7.5, z_max_m=9.0).meetings
    rows = fetch_all(
        connection,
        """SELECT feature_id, ST_Length(ST_Intersection(ST_Force2D(s.geom), pit.geom)) AS inside_m,
               min(ST_Z(p.geom)) - 0.2 AS low, max(ST_Z(p.geom)) + 0.2 AS high
           FROM pipemap.pipe_segment AS s, (SELECT ST_GeomFromText(%(pit)s, 4547) AS geom) AS pit,
               LATERAL ST_DumpPoints(ST_Intersection(s.geom, ST_Buffer(pit.geom, 0.2, 64))) AS p
           GROUP BY feature_id, inside_m""",
        {"pit": PIT.wkt},
    )
    expected = {row["feature_id"] for row in rows if row["low"] < 9.0 and row["high"] > 7.5}
    met = {one.segment_id for one in meetings if one.state == "met"}
    assert met == expected and len(met) > 10
    lengths = {row["feature_id"]: row["inside_m"] for row in rows}
    assert [one.inside_m for one in meetings if one.state == "met"] == pytest.approx(
        [lengths[one.segment_id] for one in meetings if one.state == "met"], abs=1e-6
    )


def test_valves_around_the_pipe_that_is_met_shut_it_off(connection: Connection) -> None:
    for number, (x, valve) in enumerate(((-30, "waterworks"), (-10, "valve"), (20, "valve"), (40, None)), 1):
        plant(
            connection, "node", number, f"POINT({EAST + x} {NORTH + 2})", ground_elevation_m=10.0,
            source_key=f"N{number}", appurtenance_code=valve,
            valve_state_code="open" if valve == "valve" else None, operability_code="operable",
        )  # fmt: skip
    for number, (x, x2) in enumerate(((-30, -10), (-10, 20), (20, 40)), 1):
        line = wkt([(EAST + x, NORTH + 2, 8.6), (EAST + x2, NORTH + 2, 8.6)])
        ends = {"from_node_id": number, "to_node_id": number + 1}
        plant(connection, "pipe_segment", 100 + number, line, width_mm=400, height_mm=400, owner="供水公司", **ends)
    place = f"POINT({EAST + 40} {NORTH + 2})"
    plant(connection, "consumer", 900, place, node_id=4, people=30, is_critical=True, kind_code="hospital", name="医院")
    found = dug(connection)
    (plan,) = found.shutoffs
    assert (plan.group_code, plan.segment_ids) == ("water", [102])
    assert "N2" in {valve.source_key for valve in plan.valves}
    assert (plan.consumers, plan.people, [one.name for one in plan.critical]) == (1, 30, ["医院"])
    (owner,) = found.owners
    assert (owner.owner, owner.segment_ids) == ("供水公司", [102])


def test_a_main_that_no_valve_and_no_source_shuts_off_is_said_to_be_so(connection: Connection) -> None:
    pipe(connection, 1, (5, -10, 8.6), (5, 10, 8.6))
    (plan,) = dug(connection).shutoffs
    assert plan.valves == plan.sources == []
    assert "ask its owner" in plan.message_en and "权属单位" in plan.message_zh


def test_a_sewer_has_no_valve_and_the_answer_says_so(connection: Connection) -> None:
    pipe(connection, 1, (5, -10, 8.6), (5, 10, 8.6), class_code="foul")
    (plan,) = dug(connection).shutoffs
    assert plan.valves == [] and "gravity" in plan.message_en and "封堵" in plan.message_zh


def test_abandoned_pipes_are_met_and_planned_ones_are_not(connection: Connection) -> None:
    pipe(connection, 1, (5, -10, 8.6), (5, 10, 8.6), lifecycle_code="abandoned")
    pipe(connection, 2, (6, -10, 8.6), (6, 10, 8.6), lifecycle_code="planned")
    found = dug(connection)
    assert [(one.segment_id, one.is_live) for one in found.meetings] == [(1, False)]
    assert found.shutoffs == ()


@pytest.mark.parametrize("dig", [{}, {"depth_m": 1.0, "z_min_m": 2.0, "z_max_m": 3.0}, {"z_min_m": 3.0, "z_max_m": 2.0},
                                 {"z_min_m": 3.0}])  # fmt: skip
def test_a_dig_that_makes_no_sense_is_refused(connection: Connection, dig: dict[str, float]) -> None:
    with pytest.raises(UsageError):
        excavation(connection, PIT, Dig(**dig), lambda: load_network(connection))


def test_a_pipe_beside_without_ground_of_its_own_takes_that_around_it(connection: Connection) -> None:
    plant(connection, "node", 500, f"POINT({EAST} {NORTH})", ground_elevation_m=10.0)
    line = wkt([(EAST + 10.5, NORTH + 2, 9.0), (EAST + 30, NORTH + 2, 9.0)])
    plant(connection, "pipe_segment", 1, line, width_mm=400, height_mm=400)
    (found,) = dug(connection).meetings
    assert (found.state, found.starts_at_m) == ("beside", pytest.approx(0.8))
