"""A drawn pipe saved as a draft: what it proposes, and what the changeset check says of it before it is published."""

from typing import Any

import pytest

from pipemap.changesets import get_changeset, list_deltas
from pipemap.clearance.drawn import line_clearance
from pipemap.db import Database
from pipemap.errors import NotFoundError, UsageError
from pipemap.routing.designs import read_design, save_design
from schemas.clearance import ConflictKind, DrawnPipe
from tests.postgis.deliveries import publish_now
from tests.postgis.planting import plant, plant_version, wkt

EAST, NORTH = 500_000.0, 2_500_000.0


@pytest.fixture
def street(database: Database) -> Database:
    """A sewer from south to north at x = 50, top at 7.5 m, under ground that falls from 10 m at x = 0 to 8 m at 100."""
    with database.transaction() as connection:
        plant_version(connection, 1)
        connection.execute("SELECT setval('pipemap.feature_id_seq', 1000)")
        connection.execute("SELECT setval(pg_get_serial_sequence('pipemap.changeset', 'changeset_id'), 10)")
        for number, (x, y) in enumerate([(0, 5), (0, -5), (100, 5), (100, -5)], 100):
            plant(connection, "node", number, f"POINT({EAST + x} {NORTH + y})", ground_elevation_m=10 - x / 50)
        shape = {"class_code": "foul", "width_mm": 600, "height_mm": 600, "from_node_id": 10, "to_node_id": 11}
        accuracy = {"horizontal_accuracy_m": 0.01, "vertical_accuracy_m": 0.01}
        axis = wkt([(EAST + 50, NORTH - 10, 7.2), (EAST + 50, NORTH + 10, 7.2)])
        plant(connection, "pipe_segment", 1, axis, **shape, **accuracy)
    return database


def drawn(*line: tuple[float, ...], **given: object) -> DrawnPipe:
    moved = [(EAST + x, NORTH + y, *z) for x, y, *z in line]
    pipe = {"line": moved, "class_code": "water", "width_mm": 200, "cover_depth_m": 1.0}
    return DrawnPipe.model_validate({**pipe, **given})


def save(database: Database, pipe: DrawnPipe) -> int:
    return save_design(database, pipe, title="给水改线", author="planner")


def proposed(database: Database, changeset_id: int, kind: str) -> list[dict[str, Any]]:
    with database.transaction(read_only=True) as connection:
        return [dict(delta["new"] or {}) for delta in list_deltas(connection, changeset_id, kind=kind)]


def test_a_saved_pipe_shows_the_conflicts_it_had_when_it_was_drawn(street: Database) -> None:
    pipe = drawn((0, 0), (100, 0))
    number = save(street, pipe)
    with street.transaction(read_only=True) as connection:
        (was,) = line_clearance(connection, pipe).conflicts
        design = read_design(connection, number)
    (found,) = design.clearance.conflicts
    assert (found.kind, found.other_id, found.limit_m) == (ConflictKind.VERTICAL, 1, was.limit_m)
    assert found.measured_m == pytest.approx(was.measured_m, abs=1e-4) == pytest.approx(0.30, abs=1e-3)
    assert found.point == pytest.approx(was.point, abs=1e-3)
    assert design.clearance.cannot_tell == ()


def test_a_pipe_drawn_in_a_casing_is_saved_and_judged_in_it(street: Database) -> None:
    """Ground of 9 m over the sewer, whose top is at 7.5 m: 1 m of cover and 0.4 m of casing leave 0.1 m."""
    number = save(street, drawn((0, 0), (100, 0), casing_mm=400))
    assert {each["casing_mm"] for each in proposed(street, number, "pipe_segment")} == {400}
    with street.transaction(read_only=True) as connection:
        (found,) = read_design(connection, number).clearance.conflicts
    assert found.measured_m == pytest.approx(9 - 1.0 - 0.4 - 7.5, abs=1e-3)
    assert len(found.measured_from_casing) == 1 and "casing" in found.message_en


def test_a_draft_holds_planned_segments_from_node_to_node_with_size_and_depth(street: Database) -> None:
    number = save(street, drawn((0, 0), (20, 0), (20, 8)))
    with street.transaction(read_only=True) as connection:
        changeset = get_changeset(connection, number)
    assert (changeset.kind, changeset.state, changeset.title, changeset.author) == (
        "design", "draft", "给水改线", "planner",
    )  # fmt: skip
    nodes, segments = (proposed(street, number, kind) for kind in ("node", "pipe_segment"))
    assert {each["lifecycle_code"] for each in (*nodes, *segments)} == {"planned"}
    assert [each["feature_code"] for each in nodes] == ["end", "bend", "end"]
    assert [(each["from_node_id"], each["to_node_id"]) for each in segments] == [
        (nodes[0]["feature_id"], nodes[1]["feature_id"]),
        (nodes[1]["feature_id"], nodes[2]["feature_id"]),
    ]
    # 1 m of cover and half the pipe below the ground of 10 m at x = 0 and 9.6 m at x = 20.
    assert segments[0]["geom"]["coordinates"] == [[EAST, NORTH, 8.9], pytest.approx([EAST + 20, NORTH, 8.5])]
    assert (segments[0]["width_mm"], segments[0]["from_depth_m"]) == (200, pytest.approx(1.1))
    assert nodes[1]["ground_elevation_m"] == pytest.approx(9.6)


def test_a_line_of_unknown_height_is_saved_without_one(street: Database) -> None:
    number = save(street, drawn((0, 0), (100, 0), cover_depth_m=None))
    segments = proposed(street, number, "pipe_segment")
    assert {each["elevation_source_code"] for each in segments} == {"unknown"}
    assert {len(place) for each in segments for place in each["geom"]["coordinates"]} == {2}
    with street.transaction(read_only=True) as connection:
        answer = read_design(connection, number).clearance
    assert answer.conflicts == ()
    assert {told.kind for told in answer.cannot_tell} == {ConflictKind.VERTICAL, ConflictKind.COVER}


def test_a_line_that_joins_a_node_is_no_conflict_with_the_pipes_there(street: Database) -> None:
    with street.transaction() as connection:
        plant(connection, "node", 11, f"POINT({EAST + 50} {NORTH + 10})", class_code="foul", ground_elevation_m=9.0)
    line = drawn((50.4, 10, 7.2), (70, 10, 7.2), class_code="foul", width_mm=600, cover_depth_m=None)
    with street.transaction(read_only=True) as connection:
        assert [found.kind for found in line_clearance(connection, line).conflicts] == [ConflictKind.COLLISION]
        joined = line.model_copy(update={"from_node_id": 11})
        assert line_clearance(connection, joined).conflicts == ()
    number = save(street, joined)
    (segment,) = proposed(street, number, "pipe_segment")
    assert segment["from_node_id"] == 11 and segment["geom"]["coordinates"][0] == [EAST + 50, NORTH + 10, 7.2]
    assert len(proposed(street, number, "node")) == 1
    with street.transaction(read_only=True) as connection:
        assert read_design(connection, number).clearance.conflicts == ()


def test_a_line_far_from_the_node_it_joins_is_refused(street: Database) -> None:
    with pytest.raises(UsageError, match=r"ends 3\.00 m away from node 100"):
        save(street, drawn((0, 2), (30, 2), from_node_id=100))
    with pytest.raises(NotFoundError, match="no node 999"):
        save(street, drawn((0, 2), (30, 2), to_node_id=999))


def test_a_design_is_published_like_any_changeset(street: Database) -> None:
    number = save(street, drawn((0, 0), (20, 0)))
    assert publish_now(street, number) == 2
    with street.transaction(read_only=True) as connection:
        rows = connection.execute("SELECT lifecycle_code FROM pipemap.pipe_segment WHERE class_code = 'water'")
        assert [row["lifecycle_code"] for row in rows] == ["planned"]
