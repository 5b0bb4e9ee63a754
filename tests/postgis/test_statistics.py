"""Quantities of a planted map, against a plain count in Python and against hand arithmetic."""

import math
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any
from xml.etree import ElementTree

import orjson
import pytest
import shapely

from pipemap.db import Connection, Database
from pipemap.errors import NotFoundError, UsageError
from pipemap.sharing import agreements
from pipemap.sharing.agreements import Terms
from pipemap.sharing.asking import Question, ask
from pipemap.statistics.counting import statistics
from pipemap.statistics.drawing import draw_statistics
from schemas.statistics import District
from tests.postgis.planting import plant, plant_version, wkt

EAST, NORTH, TODAY = 500_000.0, 2_500_000.0, date(2026, 1, 1)


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.transaction() as connection:
        plant_version(connection, 1)
        yield connection


def pipe(connection: Connection, number: int, x: float, length_m: float, **attributes: Any) -> None:
    """A level pipe at 8 m between two nodes of its own at 10 m of ground, unless told otherwise."""
    z = attributes.pop("z", 8.0)
    for node, at in ((10 * number, x), (10 * number + 1, x + length_m)):
        plant(connection, "node", node, f"POINT({EAST + at} {NORTH})", ground_elevation_m=10.0)
    places = [(EAST + at, NORTH, *([] if z is None else [z])) for at in (x, x + length_m)]
    given = {"from_node_id": 10 * number, "to_node_id": 10 * number + 1, "width_mm": 400, "height_mm": 400}
    plant(connection, "pipe_segment", number, wkt(places), **{**given, **attributes})


def test_one_class_by_hand(connection: Connection) -> None:
    pipe(connection, 1, 0, 30, installed_on=date(1996, 1, 1), material_code="pe")
    pipe(connection, 2, 30, 10, installed_on=date(2016, 1, 1), material_code="steel", z=6.0)
    pipe(connection, 3, 40, 60, z=None)
    pipe(connection, 4, 100, 500, lifecycle_code="abandoned")
    (water,) = statistics(connection, today=TODAY).groups
    assert (water.group, water.segments, water.length_m) == ({"class_code": "water"}, 3, pytest.approx(100))
    assert water.mean_age_years == pytest.approx((30 * 30 + 10 * 10) / 40, abs=0.01)
    # Cover 10 - 8 - 0.2 over 30 m and 10 - 6 - 0.2 over 10 m.
    assert water.mean_cover_m == pytest.approx((1.8 * 30 + 3.8 * 10) / 40)
    assert (water.least_cover_m, water.greatest_cover_m) == (pytest.approx(1.8), pytest.approx(3.8))
    assert water.length_m_by_depth == {"1-2": 30, "3-5": 10, "unknown": 60}
    assert water.length_m_by_decade == {"1990": 30, "2010": 10, "unknown": 60}
    assert water.length_m_by_material == {"pe": 30, "steel": 10, "unknown": 60}
    (whole,) = statistics(connection, with_out_of_use=True, today=TODAY).groups
    assert (whole.segments, whole.length_m) == (4, pytest.approx(600))


def test_an_agency_waits_no_longer_the_more_pipes_it_is_granted(database: Database) -> None:
    count = 2_000
    with database.transaction() as connection:
        plant_version(connection, 1)
        connection.execute(
            f"""INSERT INTO pipemap.node (feature_id, dataset_id, source_key, class_code, ground_elevation_m, geom,
                  valid_from_version)
                SELECT n, 1, n::text, 'water', 10, ST_SetSRID(ST_MakePoint({EAST} + n, {NORTH}), 4547), 1
                FROM generate_series(0, {count}) n"""
        )
        connection.execute(
            """INSERT INTO pipemap.pipe_segment (feature_id, dataset_id, source_key, class_code, from_node_id,
                  to_node_id, shape_code, width_mm, height_mm, geom, depth_datum_code, elevation_source_code,
                  valid_from_version)
                SELECT 10000 + a.feature_id, 1, 'S' || a.feature_id, 'water', a.feature_id, b.feature_id, 'circle', 400,
                  400, ST_Force3DZ(ST_MakeLine(a.geom, b.geom), 8), 'axis', 'measured', 1
                FROM pipemap.node a JOIN pipemap.node b ON b.feature_id = a.feature_id + 1"""
        )
        area = shapely.box(EAST - 9, NORTH - 9, EAST + count + 9, NORTH + 9)
        granted = ("from_node_id", "to_node_id", "ground_elevation_m", "width_mm", "height_mm", "shape_code")
        terms = Terms("road office", "planning", area, ("water",), granted, datetime.now(UTC) + timedelta(days=1))
        key = agreements.hash_key(agreements.issue_key(connection, agreements.agree(connection, terms, "m"), "m"))
    # Four million pairs of a pipe and a node would take longer by far.
    told = ask(
        database, key, Question("statistics"), lambda connection, shown: statistics(connection, versions=[shown]), 3
    )
    (water,) = orjson.loads(told)["answer"]["groups"]
    assert (water["segments"], water["mean_cover_m"]) == (count, pytest.approx(1.8))


def test_groups_equal_a_plain_count(connection: Connection) -> None:
    random, expected = Random(4), defaultdict(list)
    for number in range(1, 120):
        length_m, year = random.uniform(1, 50), random.choice([None, 1988, 1994, 2003])
        given = {
            "class_code": random.choice(["water", "gas", "foul"]),
            "owner": random.choice([None, "甲公司", "乙公司"]),
            "installed_on": year and date(year, 6, 1),
            "z": random.choice([None, 9.7, 8.0, 4.0]),
        }
        pipe(connection, number, 60.0 * number, length_m, **given)
        decade = year and str(year // 10 * 10)
        expected[given["class_code"], given["owner"], decade].append(length_m)
    found = statistics(connection, ["class_code", "owner", "decade"], today=TODAY)
    told = {tuple(group.group.values()): (group.segments, group.length_m) for group in found.groups}
    assert told == {key: (len(one), pytest.approx(sum(one))) for key, one in expected.items()}
    assert [group.length_m for group in found.groups] == sorted((g.length_m for g in found.groups), reverse=True)
    (total,) = found.total
    assert total.segments == 119 and math.isclose(total.length_m, sum(group.length_m for group in found.groups))
    for group in found.groups:
        for parts in (group.length_m_by_depth, group.length_m_by_decade, group.length_m_by_material):
            assert math.isclose(sum(parts.values()), group.length_m)


def test_what_lies_in_a_district_is_cut_at_its_border(connection: Connection) -> None:
    pipe(connection, 1, 0, 100)
    pipe(connection, 2, 200, 10, class_code="gas")
    districts = [
        District(name=name, outline_wkt=shapely.box(EAST + low, NORTH - 5, EAST + high, NORTH + 5).wkt)
        for name, low, high in (("西区", -10, 40), ("东区", 40, 150))
    ]
    found = statistics(connection, ["district", "class_code"], districts=districts)
    told = {group.group["district"]: (group.segments, group.length_m) for group in found.groups}
    assert told == {"西区": (1, pytest.approx(40)), "东区": (1, pytest.approx(60))}


def test_a_real_border_of_many_corners_is_counted_within_seconds(connection: Connection) -> None:
    for number in range(1, 301):
        pipe(connection, number, 2.0 * number - 300, 1.5)
    around = [2 * math.pi * step / 9_000 for step in range(9_000)]
    border = [(EAST + (290 + 5 * math.sin(50 * a)) * math.cos(a), NORTH + 290 * math.sin(a)) for a in around]
    districts = [District(name=str(number), outline_wkt=shapely.Polygon(border).wkt) for number in range(12)]
    connection.execute("SET LOCAL statement_timeout = '10s'")
    found = statistics(connection, ["district"], districts=districts)
    # All lie on the diameter, along which an outline is likely to be cut.
    pipes = shapely.MultiLineString(
        [[(EAST + 2 * at - 300, NORTH), (EAST + 2 * at - 298.5, NORTH)] for at in range(1, 301)]
    )
    within = shapely.intersection(pipes, shapely.Polygon(border))
    assert [one.length_m for one in found.groups] == pytest.approx([within.length] * 12)
    assert {one.segments for one in found.groups} == {len(within.geoms)}


def test_versions_are_counted_side_by_side(connection: Connection) -> None:
    pipe(connection, 1, 0, 30)
    plant_version(connection, 2)
    pipe(connection, 2, 100, 20, valid_from_version=2)
    found = statistics(connection, ["version"], versions=[1, 2])
    assert {group.group["version"]: group.length_m for group in found.groups} == {1: 30, 2: 50}
    with pytest.raises(NotFoundError):
        statistics(connection, versions=[3])


def test_a_question_that_makes_no_sense_is_refused(connection: Connection) -> None:
    bad = District(name="x", outline_wkt="POINT (1 2)")
    for by, more in (
        (["colour"], {}), ([], {}), (["owner", "owner"], {}), (["district"], {}), (["owner"], {"districts": [bad]}),
        (["owner"], {"class_codes": ["lava"]}),
        (["owner"], {"districts": [District(name="x", outline_wkt="no place")]}),
    ):  # fmt: skip
        with pytest.raises(UsageError):
            statistics(connection, by, **more)


def test_an_empty_map_counts_nothing(connection: Connection) -> None:
    found = statistics(connection)
    assert (found.groups, found.total) == ([], [])
    ElementTree.fromstring(draw_statistics(found))


@pytest.mark.parametrize("detail", ["depth", "material", "decade"])
def test_the_picture_names_every_group(connection: Connection, detail: Any) -> None:
    pipe(connection, 1, 0, 30_000, owner="<甲 & 乙>", material_code="pe")
    pipe(connection, 2, 40_000, 10_000)
    picture = ElementTree.fromstring(draw_statistics(statistics(connection, ["owner"]), detail, "en"))
    texts = {text.text for text in picture.iter("{http://www.w3.org/2000/svg}text")}
    assert {"<甲 & 乙>", "unknown", "30.00 km", "10.00 km"} <= texts
