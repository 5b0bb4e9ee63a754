"""Room for a new pipe in a planted street, by hand arithmetic and against the clearance of drawn pipes."""

from collections.abc import Iterator

import numpy as np
import pytest

from pipemap.clearance.drawn import line_clearance
from pipemap.db import Connection, Database
from pipemap.errors import UsageError
from pipemap.sections.room import find_room, find_room_along
from schemas.clearance import DrawnPipe
from schemas.room import PlannedPipe
from tests.postgis.planting import EAST, NORTH, plant_version
from tests.postgis.planting import plant_pipe as pipe

STREET = [(EAST, NORTH), (EAST + 20, NORTH)]
WATER = PlannedPipe(class_code="water", width_mm=200)


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.transaction() as connection:
        plant_version(connection, 1)
        yield connection


def test_strips_are_what_the_clearances_leave(connection: Connection) -> None:
    pipe(connection, 1, (8, -30, 8.0), (8, 30, 8.0), class_code="foul")
    left, right = find_room(connection, STREET, WATER).strips
    # A sewer and water of up to 200 mm: 1.0 m between the walls (GB 50289-2016 table 4.1.9).
    assert (left.from_m, left.to_m) == (pytest.approx(0.1), pytest.approx(8 - 0.2 - 1.0 - 0.1))
    assert (right.from_m, right.to_m) == (pytest.approx(8 + 0.2 + 1.0 + 0.1), pytest.approx(19.9))
    assert (left.left.kind, left.right.feature_id, left.right.limit_m) == ("end", 1, 1.0)
    assert left.right.standard.startswith("GB 50289")


def test_a_pipe_just_beyond_the_end_of_the_line_keeps_its_distance(connection: Connection) -> None:
    pipe(connection, 1, (-0.5, -30, 8.0), (-0.5, 30, 8.0), class_code="foul")
    (strip,) = find_room(connection, STREET, WATER).strips
    assert strip.from_m == pytest.approx(-0.5 + 0.2 + 1.0 + 0.1)


def test_a_line_full_of_pipes_has_no_room(connection: Connection) -> None:
    for number in range(1, 11):
        pipe(connection, number, (2.0 * number - 1, -30, 8.0), (2.0 * number - 1, 30, 8.0), class_code="foul")
    assert find_room(connection, STREET, WATER).strips == ()


def test_a_pipe_that_is_crossed_blocks_depths_and_not_the_strip(connection: Connection) -> None:
    # Gas along the section, crown at 8.6, bottom at 8.4; 0.15 m from water (GB 50289-2016 table 4.1.14).
    pipe(connection, 1, (2, 0.5, 8.5), (18, 0.5, 8.5), class_code="gas", width_mm=200, height_mm=200)
    for cover, is_free in ((1.0, True), (1.2, False), (1.7, False), (1.8, True), (None, None)):
        asked = WATER.model_copy(update={"cover_depth_m": cover})
        (strip,) = find_room(connection, STREET, asked).strips
        (blocked,) = strip.blocked
        assert blocked.from_cover_m == pytest.approx(1.4 - 0.15 - 0.2)
        assert blocked.to_cover_m == pytest.approx(1.6 + 0.15)
        assert strip.is_free_at_cover is is_free


def test_strips_are_where_a_drawn_pipe_has_no_conflict_in_plan(connection: Connection) -> None:
    places = ((3, "foul", 400), (7.5, "gas", 200), (11, "power", 100), (16, "heat", 600))
    for number, (x, code, size) in enumerate(places, 1):
        pipe(connection, number, (x, -30, 8.0), (x, 30, 8.0), class_code=code, width_mm=size, height_mm=size)
    strips = find_room(connection, STREET, WATER).strips
    assert len(strips) >= 3
    for x in np.arange(0.15, 19.9, 0.35).tolist():
        line = tuple((EAST + x, NORTH + y) for y in (-25.0, 25.0))
        drawn = line_clearance(connection, DrawnPipe(line=line, class_code="water", width_mm=200, cover_depth_m=1.9))
        beside = [one for one in drawn.conflicts if one.kind in ("horizontal", "collision", "stacked")]
        is_free = any(strip.from_m <= x <= strip.to_m for strip in strips)
        assert is_free == (not beside), x


def test_room_along_a_corridor_is_what_every_section_leaves(connection: Connection) -> None:
    # The sewer comes nearer along the street: 6 m aside at its beginning, 2 m at its end.
    pipe(connection, 1, (6, 0, 8.0), (2, 100, 8.0), class_code="foul")
    found = find_room_along(connection, [(EAST, NORTH), (EAST, NORTH + 100)], 8.0, WATER)
    assert [section.station_m for section in found.sections] == pytest.approx([5 + 10 * n for n in range(10)])
    left, right = found.strips
    turned = (0.2 / np.cos(np.arctan(0.04))) + 1.0 + 0.1
    assert left == pytest.approx((-7.9, 6 - 0.04 * 95 - turned))
    assert right == pytest.approx((6 - 0.04 * 5 + turned, 7.9))


@pytest.mark.parametrize("change", [{"class_code": "wine"}])
def test_a_pipe_that_makes_no_sense_is_refused(connection: Connection, change: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        find_room(connection, STREET, WATER.model_copy(update=change))
    with pytest.raises(UsageError):
        find_room_along(connection, STREET, 0.0, WATER)
    with pytest.raises(UsageError):
        find_room(connection, [STREET[0], STREET[0]], WATER)


def test_a_pipe_in_a_casing_has_the_room_that_its_casing_needs(connection: Connection) -> None:
    pipe(connection, 1, (8, -30, 8.0), (8, 30, 8.0), class_code="foul")
    pipe(connection, 2, (2, 0.5, 8.5), (4, 0.5, 8.5), class_code="gas", width_mm=200, height_mm=200)
    left, right = find_room(connection, STREET, WATER.model_copy(update={"casing_mm": 500.0})).strips
    # As without it, but 0.25 m to the wall instead of 0.1 m, and 0.5 m high.
    assert (left.from_m, left.to_m) == (pytest.approx(0.25), pytest.approx(8 - 0.2 - 1.0 - 0.25))
    assert (right.from_m, right.to_m) == (pytest.approx(8 + 0.2 + 1.0 + 0.25), pytest.approx(19.75))
    assert left.blocked[0].from_cover_m == pytest.approx(1.4 - 0.15 - 0.5)


@pytest.mark.parametrize("casing_mm", [150.0, 200.0])
def test_a_casing_that_cannot_hold_its_pipe_is_refused(connection: Connection, casing_mm: float) -> None:
    with pytest.raises(UsageError, match="casing must be larger") as refused:
        find_room(connection, STREET, WATER.model_copy(update={"casing_mm": casing_mm}))
    assert "套管" in refused.value.told("zh")
