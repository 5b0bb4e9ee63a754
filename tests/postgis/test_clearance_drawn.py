"""A pipe that somebody draws, judged against a map: by its elevations or by its cover, and what lies near it."""

import math
from collections.abc import Iterator

import numpy as np
import pytest
from pyproj import Transformer

from pipemap.clearance.drawn import line_clearance, line_neighbours
from pipemap.clearance.questions import segment_clearance
from pipemap.db import Connection, Database, fetch_all
from pipemap.errors import UsageError
from schemas.clearance import ConflictKind, DrawnPipe, Move, Side
from tests.postgis.planting import plant, plant_version, wkt

EAST, NORTH = 500_000.0, 2_500_000.0


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.transaction() as connection:
        plant_version(connection, 1)
        yield connection


def ground(connection: Connection, first_id: int, *places: tuple[float, float, float]) -> None:
    for number, (x, y, z) in enumerate(places, first_id):
        plant(connection, "node", number, f"POINT({EAST + x} {NORTH + y})", ground_elevation_m=z)


def drawn(*line: tuple[float, ...], class_code: str = "water", width_mm: float = 200, **given: object) -> DrawnPipe:
    moved = [(EAST + x, NORTH + y, *z) for x, y, *z in line]
    return DrawnPipe.model_validate({"line": moved, "class_code": class_code, "width_mm": width_mm, **given})


def pipe(connection: Connection, number: int, *axis: tuple[float, ...], **attributes: object) -> int:
    moved = [(EAST + x, NORTH + y, *z) for x, y, *z in axis]
    shape = {"width_mm": 600, "class_code": "foul", "horizontal_accuracy_m": 0.01, "vertical_accuracy_m": 0.01}
    ends = {"from_node_id": 10 * number, "to_node_id": 10 * number + 1}
    return plant(connection, "pipe_segment", number, wkt(moved), **{**shape, **ends, **attributes})


def test_a_line_drawn_with_elevations_is_judged_like_a_pipe_of_the_map(connection: Connection) -> None:
    # Water bottom at -1.10, sewer top at -1.40: 0.30 m where 0.40 m is required.
    sewer = pipe(connection, 1, (10, -10, -1.7), (10, 10, -1.7))
    ground(connection, 100, (0, 0, 0.0), (20, 0, 0.0))
    (found,) = line_clearance(connection, drawn((0, 0, -1.0), (20, 0, -1.0))).conflicts
    assert (found.kind, found.segment_id, found.other_id) == (ConflictKind.VERTICAL, None, sewer)
    assert found.measured_m == pytest.approx(0.30) and found.limit_m == 0.40
    assert found.message_zh.startswith("拟建给水管线与")


def test_a_line_drawn_by_its_cover_follows_the_ground(connection: Connection) -> None:
    # The ground falls from 10 to 8 m over 100 m: at x = 50 it is 9.0, the crown 1.0 m below it at 8.0, bottom 7.8.
    ground(connection, 100, (0, 5, 10.0), (0, -5, 10.0), (100, 5, 8.0), (100, -5, 8.0))
    # Sewer top at 7.2 + 0.3 = 7.5: 0.30 m below.
    sewer = pipe(connection, 1, (50, -10, 7.2), (50, 10, 7.2))
    answer = line_clearance(connection, drawn((0, 0), (100, 0), cover_depth_m=1.0))
    (found,) = answer.conflicts
    assert (found.kind, found.other_id) == (ConflictKind.VERTICAL, sewer)
    assert found.measured_m == pytest.approx(0.30, abs=1e-3)
    assert answer.cannot_tell == ()


def test_too_little_cover_is_told_of_a_drawn_line_too(connection: Connection) -> None:
    ground(connection, 100, (0, 5, 10.0), (0, -5, 10.0), (100, 5, 10.0), (100, -5, 10.0))
    (found,) = line_clearance(connection, drawn((0, 0), (100, 0), cover_depth_m=0.4)).conflicts
    assert (found.kind, found.measured_m, found.limit_m) == (ConflictKind.COVER, 0.4, 0.6)


def test_a_line_drawn_in_a_casing_has_the_casing_for_its_outer_wall(connection: Connection) -> None:
    # Ground at 10 m, cover 1.0 m, casing 0.4 m: axis at 8.8, bottom of the casing at 8.6, top of the sewer at 8.3.
    ground(connection, 100, (0, 5, 10.0), (0, -5, 10.0), (100, 5, 10.0), (100, -5, 10.0))
    sewer = pipe(connection, 1, (50, -10, 8.0), (50, 10, 8.0))
    answer = line_clearance(connection, drawn((0, 0), (100, 0), cover_depth_m=1.0, casing_mm=400))
    assert answer.drawn_axis is not None and answer.drawn_axis[0][2] == pytest.approx(8.8)
    (found,) = answer.conflicts
    assert (found.kind, found.other_id, found.measured_from_casing) == (ConflictKind.VERTICAL, sewer, (Side.SEGMENT,))
    assert found.measured_m == pytest.approx(0.30, abs=1e-3)
    with pytest.raises(UsageError, match="larger"):
        line_clearance(connection, drawn((0, 0), (100, 0), cover_depth_m=1.0, casing_mm=150))


def test_without_ground_or_height_a_crossing_cannot_be_told(connection: Connection) -> None:
    pipe(connection, 1, (50, -10, 7.2), (50, 10, 7.2))
    for line in (drawn((0, 0), (100, 0), cover_depth_m=1.0), drawn((0, 0), (100, 0))):
        answer = line_clearance(connection, line)
        assert answer.conflicts == ()
        assert {entry.kind: set(entry.needs) for entry in answer.cannot_tell} == {
            ConflictKind.VERTICAL: {"segment.elevation"},
            ConflictKind.COVER: {"segment.elevation", "segment.ground_elevation"},
        }


def test_a_line_in_degrees_is_brought_to_the_map(connection: Connection) -> None:
    sewer = pipe(connection, 1, (10, -10, -1.7), (10, 10, -1.7))
    to_degrees = Transformer.from_crs(4547, 4326, always_xy=True)
    line = [(*to_degrees.transform(EAST + x, NORTH), -1.0) for x in (0, 20)]
    pipe_in_degrees = DrawnPipe(line=tuple(line), class_code="water", width_mm=200)
    (found,) = line_clearance(connection, pipe_in_degrees, line_srid=4326).conflicts
    assert found.other_id == sewer and found.measured_m == pytest.approx(0.30, abs=1e-3)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (drawn((0, 0), (0, 0)), "two different points"),
        (drawn((0, 0), (2e8, 0)), "at most 100 km"),
        (drawn((0, 0, 1), (2e8, 0, 1)), "at most 100 km"),
        (drawn((0, 0, 1), (5, 0)), "of every point"),
        (drawn((0, 0, 1), (5, 0, 1), cover_depth_m=1), "not both"),
        (drawn((0, 0), (5, 0), class_code="lava"), "utility_class"),
        (drawn((0, 0), (5, 0), burial_code="thrown"), "burial"),
    ],
)
def test_a_line_that_makes_no_sense_is_refused(connection: Connection, line: DrawnPipe, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        line_clearance(connection, line)


def test_neighbours_of_a_line_are_those_that_postgis_finds_at_the_same_distances(connection: Connection) -> None:
    random = np.random.default_rng(5)
    for number in range(1, 301):
        middle = random.uniform([0, -60, -4], [400, 60, 0])
        step = random.normal(0, [12, 12, 0.4])
        ends = [tuple(middle - step), tuple(middle + random.normal(0, 1, 3)), tuple(middle + step)]
        flat = number % 10 == 0
        pipe(connection, number, *(at[:2] if flat else at for at in ends), width_mm=100 + number)
    line = drawn((0, 0, -1), (150, 5, -2), (400, -10, -1), width_mm=300)
    found = {each.segment.feature_id: each for each in line_neighbours(connection, line, 6.0)}
    axis = wkt(line.line)
    rows = fetch_all(
        connection,
        """SELECT feature_id, ST_NDims(geom) = 3 AS has_z,
                  ST_3DDistance(geom, l) AS space_m, ST_Distance(geom, l) AS plan_m,
                  (width_mm + 300) / 2000 AS radii_m
           FROM pipemap.pipe_segment, ST_GeomFromText(%(axis)s, 4547) AS l""",
        {"axis": axis},
    )
    expected = {row["feature_id"]: (row["space_m"] if row["has_z"] else row["plan_m"]) - row["radii_m"] for row in rows}
    near = {number for number, distance_m in expected.items() if distance_m <= 6.0}
    assert set(found) == near and 30 < len(near) < 300
    for row in rows:
        if (each := found.get(row["feature_id"])) is not None:
            assert each.distance_m == pytest.approx(expected[row["feature_id"]], abs=1e-9)
            assert each.plan_m == pytest.approx(row["plan_m"] - row["radii_m"], abs=1e-9)
            assert math.isnan(each.space_m) == (not row["has_z"])
    stations = [each.station_m for each in line_neighbours(connection, line, 6.0)]
    assert stations == sorted(stations)


def moved(line: DrawnPipe, move: Move) -> DrawnPipe:
    return line.model_copy(
        update={"line": tuple((x + move.dx_m, y + move.dy_m, z + move.dz_m) for x, y, z in line.line)}
    )


def test_a_suggested_move_clears_its_conflict_and_makes_no_new_one(connection: Connection) -> None:
    # Water 0.30 m over a sewer where 0.40 m is required; a gas main 0.15 m over the water leaves no room to rise.
    ground(connection, 100, (0, 5, 2.0), (0, -5, 2.0), (40, 5, 2.0), (40, -5, 2.0))
    sewer = pipe(connection, 1, (10, -10, -1.7), (10, 10, -1.7))
    pipe(connection, 2, (30, -10, -0.65), (30, 10, -0.65), class_code="gas", width_mm=200, pressure_code="low")
    line = drawn((0, 0, -1.0), (40, 0, -1.0))
    (found,) = line_clearance(connection, line).conflicts
    assert (found.other_id, found.gives_way, found.gives_way_because) == (sewer, Side.SEGMENT, "drawn")
    # Up by 0.10 m would leave 0.05 m to the gas main, so it goes down under the sewer.
    assert found.move is not None and found.move.dz_m == pytest.approx(-1.5)
    assert "下移 1.50 m" in found.move.message_zh and "lowered by 1.50 m" in found.move.message_en
    after = line_clearance(connection, moved(line, found.move))
    assert after.conflicts == () and after.cannot_tell == ()


def test_a_line_beside_a_sewer_is_moved_aside_just_as_far_as_needed(connection: Connection) -> None:
    ground(connection, 100, (0, 5, 2.0), (0, -5, 2.0), (40, 5, 2.0), (40, -5, 2.0))
    # Walls 0.6 m apart, 1.0 m required: 0.4 m to the south.
    pipe(connection, 1, (0, 1.0, -1.0), (40, 1.0, -1.0))
    line = drawn((0, 0, -1.0), (40, 0, -1.0))
    answer = line_clearance(connection, line)
    (found,) = answer.conflicts
    assert found.kind is ConflictKind.HORIZONTAL and found.move is not None
    assert (found.move.dx_m, found.move.dy_m, found.move.dz_m) == pytest.approx((0.0, -0.4, 0.0), abs=1e-6)
    assert answer.clearing_move == found.move
    assert line_clearance(connection, moved(line, found.move)).conflicts == ()


def test_no_move_is_suggested_into_too_little_cover(connection: Connection) -> None:
    # Gas 0.05 m over a sewer where 0.15 m is required. Up by 0.10 m would leave 0.80 m of cover where a carriageway
    # asks for 0.90 m, so it goes under: from -1.00 to -1.75 - 0.15 - 0.10.
    ground(connection, 100, (0, 5, 0.0), (0, -5, 0.0), (20, 5, 0.0), (20, -5, 0.0))
    pipe(connection, 1, (10, -10, -1.45), (10, 10, -1.45))
    (found,) = line_clearance(connection, drawn((0, 0, -1.0), (20, 0, -1.0), class_code="gas")).conflicts
    assert found.kind is ConflictKind.VERTICAL and found.measured_m == pytest.approx(0.05)
    assert found.move is not None and found.move.dz_m == pytest.approx(-1.0)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ({"class_code": "water"}, {"class_code": "foul"}, (Side.SEGMENT, "pressure")),
        ({"class_code": "foul"}, {"class_code": "gas"}, (Side.OTHER, "pressure")),
        ({"class_code": "power", "burial_code": "direct"}, {"class_code": "water"}, (Side.SEGMENT, "flexible")),
        ({"class_code": "power", "burial_code": "duct_block"}, {"class_code": "water"}, (Side.SEGMENT, "small")),
        ({"class_code": "gas", "material_code": "pe"}, {"class_code": "heat"}, (Side.SEGMENT, "flexible")),
        ({"class_code": "water", "width_mm": 600}, {"class_code": "water"}, (None, None)),
    ],
)
def test_who_gives_way_follows_the_order_of_the_standard(
    connection: Connection, one: dict[str, object], other: dict[str, object], expected: tuple[Side | None, str | None]
) -> None:
    asked = pipe(connection, 1, (0, 0, -1.0), (20, 0, -1.0), **({"width_mm": 200} | one))
    pipe(connection, 2, (10, -10, -1.3), (10, 10, -1.3), **({"width_mm": 600} | other))
    found = next(each for each in segment_clearance(connection, asked).conflicts if each.other_id == 2)
    assert (found.gives_way, found.gives_way_because) == expected


def test_where_the_other_pipe_should_give_way_the_move_is_of_that_one(connection: Connection) -> None:
    ground(connection, 100, (0, 5, 2.0), (0, -5, 2.0), (20, 5, 2.0), (20, -5, 2.0))
    ground(connection, 20, (10, -10, 2.0), (10, 10, 2.0))
    sewer = pipe(connection, 1, (0, 0, -1.7), (20, 0, -1.7))
    pipe(connection, 2, (10, -10, -1.0), (10, 10, -1.0), class_code="water", width_mm=200)
    found = next(each for each in segment_clearance(connection, sewer).conflicts if each.other_id == 2)
    assert found.gives_way is Side.OTHER and found.move is not None
    assert found.move.side is Side.OTHER and found.move.dz_m == pytest.approx(0.10)


def test_abandoned_pipes_are_listed_apart(connection: Connection) -> None:
    pipe(connection, 1, (10, -10, -1.0), (10, 10, -1.0), lifecycle_code="abandoned")
    pipe(connection, 2, (12, -10, -1.0), (12, 10, -1.0), lifecycle_code="removed")
    answer = line_clearance(connection, drawn((0, 0, -1.0), (20, 0, -1.0)))
    assert answer.conflicts == ()
    assert [(found.kind, found.other_id) for found in answer.abandoned] == [(ConflictKind.COLLISION, 1)]


def test_a_sharp_crossing_is_told_with_its_angle(connection: Connection) -> None:
    pipe(connection, 1, (0, -10, -5.0), (10, 10, -5.0))
    pipe(connection, 2, (8, -10, -5.0), (28, 10, -5.0))
    answer = line_clearance(connection, drawn((0, 0, -1.0), (40, 0, -1.0)))
    assert answer.conflicts == ()
    (slant,) = answer.slants
    assert slant.other_id == 2 and slant.crossing_deg == pytest.approx(45.0)
    assert slant.point[:2] == (EAST + 18, NORTH)


def test_a_pipe_that_is_built_over_is_told_as_such(connection: Connection) -> None:
    ring = [(5, -5), (15, -5), (15, 5), (5, 5), (5, -5)]
    place = "POLYGON((" + ", ".join(f"{EAST + x} {NORTH + y}" for x, y in ring) + "))"
    plant(connection, "structure", 1, place, kind_code="building")
    (found,) = line_clearance(connection, drawn((0, 0, -1.0), (20, 0, -1.0))).conflicts
    assert (found.kind, found.other_id, found.measured_m) == (ConflictKind.UNDER_BUILDING, 1, 0.0)
    assert "占压" in found.message_zh


def test_parallel_pipes_one_above_the_other_are_stacked(connection: Connection) -> None:
    pipe(connection, 1, (0, 0.1, -3.0), (40, 0.1, -3.0))
    (found,) = line_clearance(connection, drawn((0, 0, -1.0), (40, 0, -1.0))).conflicts
    assert (found.kind, found.measured_m, found.limit_m) == (ConflictKind.STACKED, 0.0, 1.0)
    assert "上下重叠" in found.message_zh
