"""A long profile of planted sewers, by hand arithmetic and against PostGIS."""

from collections.abc import Iterator
from xml.etree import ElementTree

import pytest

from pipemap.db import Connection, Database, fetch_all
from pipemap.errors import NotFoundError, UsageError
from pipemap.network import load_network
from pipemap.sections.profile import long_profile
from pipemap.sections.profile_drawing import draw_long_profile
from pipemap.tracing.connectivity import way_between
from tests.postgis.planting import plant, plant_version, wkt

EAST, NORTH = 500_000.0, 2_500_000.0
SIZE = {"width_mm": 400, "height_mm": 400, "horizontal_accuracy_m": 0.01, "vertical_accuracy_m": 0.01}


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    """Wells 1, 2, 3 thirty and fifty metres apart, a sewer of 400 mm that falls 1 in 100; 2-3 is drawn upstream."""
    with database.transaction() as connection:
        plant_version(connection, 1)
        for number, x, ground in ((1, 0, 10.0), (2, 30, 9.8), (3, 80, 9.5)):
            well(connection, number, x, 0, ground_elevation_m=ground, well_depth_m=3.0)
        line(connection, 11, (1, 2), (0, 0, 7.5), (30, 0, 7.2))
        line(connection, 12, (3, 2), (80, 0, 6.7), (30, 0, 7.2))
        yield connection


def well(connection: Connection, number: int, x: float, y: float, **attributes: object) -> None:
    place = f"POINT({EAST + x} {NORTH + y})"
    given = {"source_key": f"W{number}", "class_code": "foul", "appurtenance_code": "manhole"}
    plant(connection, "node", number, place, **{**given, **attributes})


def line(
    connection: Connection, number: int, nodes: tuple[int, int], *axis: tuple[float, ...], **attributes: object
) -> int:
    moved = [(EAST + x, NORTH + y, *z) for x, y, *z in axis]
    ends = {"from_node_id": nodes[0], "to_node_id": nodes[1], "class_code": "foul", "source_key": f"L{number}"}
    return plant(connection, "pipe_segment", number, wkt(moved), **{**SIZE, **ends, **attributes})


def across(connection: Connection, number: int, x: float, *z: float, **attributes: object) -> int:
    for node, y in ((10 * number, -9), (10 * number + 1, 9)):
        well(connection, node, x, y, appurtenance_code=None, ground_elevation_m=9.9)
    ends = (10 * number, 10 * number + 1)
    return line(connection, number, ends, (x, -9, *z), (x, 9, *z), **{"class_code": "water", **attributes})


def test_levels_slopes_and_covers_are_those_of_the_survey(connection: Connection) -> None:
    profile = long_profile(connection, [11, 12])
    assert profile.length_m == pytest.approx(80)
    assert [(node.source_key, node.station_m) for node in profile.nodes] == [("W1", 0), ("W2", 30), ("W3", 80)]
    assert [node.bottom_z_m for node in profile.nodes] == pytest.approx([7.0, 6.8, 6.5])
    first, second = profile.pipes
    assert (first.is_reversed, second.is_reversed) == (False, True)
    assert (first.slope_permille, second.slope_permille) == (pytest.approx(10), pytest.approx(10))
    assert (first.start.invert_z_m, first.start.crown_z_m) == (pytest.approx(7.3), pytest.approx(7.7))
    assert first.start.cover_depth_m == pytest.approx(2.3)
    assert (second.start.axis_z_m, second.end.axis_z_m) == (pytest.approx(7.2), pytest.approx(6.7))
    assert second.axis[0] == (pytest.approx(30), pytest.approx(7.2))
    assert profile.ground == ((0, 10.0), (30, 9.8), (80, 9.5))


def test_walked_the_other_way_the_same_run_rises(connection: Connection) -> None:
    there, back = long_profile(connection, [11, 12]), long_profile(connection, [12, 11])
    assert [pipe.slope_permille for pipe in back.pipes] == pytest.approx([-10, -10])
    assert [node.node_id for node in back.nodes] == [node.node_id for node in reversed(there.nodes)]
    turned = [(80 - station, z) for station, z in reversed(back.ground)]
    assert turned == [(pytest.approx(station), z) for station, z in there.ground]


def test_what_crosses_is_told_with_its_clear_height(connection: Connection) -> None:
    across(connection, 21, 10, 8.0)  # 0.6 m over the axis at 7.4: 0.2 m clear
    across(connection, 22, 50, 5.0)  # far below
    across(connection, 23, 60)  # nobody knows how deep
    across(connection, 24, 90, 7.0)  # beyond the end
    line(connection, 25, (2, 99), (30, 0, 7.2), (40, 20, 7.0))  # joined to the run
    over, under, unknown = long_profile(connection, [11, 12]).crossings
    assert (over.segment_id, over.station_m, over.is_above) == (21, pytest.approx(10), True)
    assert over.gap_m == pytest.approx(0.2) and over.state == "too_near" and over.limit_m is not None
    assert (under.is_above, under.gap_m, under.state) == (False, pytest.approx(7.0 - 5.0 - 0.4), "clear")
    assert (unknown.gap_m, unknown.is_above, unknown.state) == (None, None, "cannot_tell")


def test_a_cased_pipe_has_its_own_levels_and_the_cover_and_clear_height_of_its_casing(connection: Connection) -> None:
    across(connection, 20, 15, 9.0, casing_mm=1000)
    connection.execute("UPDATE pipemap.pipe_segment SET casing_mm = 600 WHERE feature_id = 11")
    profile = long_profile(connection, [11, 12])
    start = profile.pipes[0].start
    assert (start.crown_z_m, start.invert_z_m) == (pytest.approx(7.5 + 0.2), pytest.approx(7.5 - 0.2))
    assert start.cover_depth_m == pytest.approx(10.0 - 7.5 - 0.3)
    (over,) = profile.crossings
    assert (over.crown_z_m, over.invert_z_m) == (pytest.approx(9.0 + 0.2), pytest.approx(9.0 - 0.2))
    assert over.gap_m == pytest.approx(9.0 - 7.35 - 0.5 - 0.3)


def test_crossings_are_those_that_postgis_finds(connection: Connection) -> None:
    for number in range(30, 50):
        across(connection, number, 4.0 * (number - 30) + 1, 5.0 + number % 7)
    found = [(one.segment_id, one.station_m, one.axis_z_m) for one in long_profile(connection, [11, 12]).crossings]
    rows = fetch_all(
        connection,
        """SELECT f.feature_id, ST_X(ST_Intersection(ST_Force2D(f.geom), run.geom)) - %(east)s AS station,
                  ST_Z(ST_StartPoint(f.geom)) AS z
           FROM pipemap.pipe_segment AS f, (
               SELECT ST_SetSRID(ST_MakeLine(ST_MakePoint(%(east)s, %(north)s), ST_MakePoint(%(east)s + 80, %(north)s)),
                                 ST_SRID(geom)) AS geom
               FROM pipemap.pipe_segment LIMIT 1) AS run
           WHERE f.class_code = 'water' AND ST_Intersects(f.geom, run.geom) ORDER BY station""",
        {"east": EAST, "north": NORTH},
    )
    assert found == [(row["feature_id"], pytest.approx(row["station"]), pytest.approx(row["z"])) for row in rows]
    assert len(found) == 20


def test_what_is_not_known_stays_unknown(connection: Connection) -> None:
    well(connection, 4, 110, 0)
    line(connection, 13, (3, 4), (80, 0), (110, 0), width_mm=None, height_mm=None)
    last = long_profile(connection, [11, 12, 13]).pipes[-1]
    assert (last.axis, last.slope_permille, last.half_height_m) == ((), None, None)
    assert (last.start.axis_z_m, last.start.cover_depth_m) == (None, None)


def test_a_run_that_does_not_hang_together_is_refused(connection: Connection) -> None:
    across(connection, 21, 10, 8.0)
    with pytest.raises(UsageError, match="Segment 21 does not go on from segment 11"):
        long_profile(connection, [11, 21])
    with pytest.raises(NotFoundError):
        long_profile(connection, [11, 99])
    with pytest.raises(UsageError):
        long_profile(connection, [])


def test_the_way_between_two_nodes_makes_a_run(connection: Connection) -> None:
    across(connection, 21, 10, 8.0)
    network = load_network(connection)
    assert way_between(connection, network, 1, 3) == [11, 12]
    assert way_between(connection, network, 3, 1) == [12, 11]
    with pytest.raises(NotFoundError, match="No way"):
        way_between(connection, network, 1, 210)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_drawing_names_every_node_and_crossing(connection: Connection, language: str) -> None:
    across(connection, 21, 10, 8.0, source_key="<给水 & 1>")
    across(connection, 23, 60)
    drawing = ElementTree.fromstring(draw_long_profile(long_profile(connection, [11, 12]), language))  # type: ignore[arg-type]
    texts = [text.text or "" for text in drawing.iter("{http://www.w3.org/2000/svg}text")]
    assert {"W1", "W2", "W3", "<给水 & 1>", "30.00", "50.00", "10.0", "10.00", "9.80"} <= set(texts)
    assert any(("埋深不明" if language == "zh" else "depth not known") in text for text in texts)
