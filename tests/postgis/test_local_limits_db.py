"""A city's own limits in its database: the same for every question, and never mixed with others in a stored run."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import shapely

from pipemap.clearance.drawn import line_clearance
from pipemap.clearance.dug import polygon_clearance
from pipemap.clearance.local_tables import add_table, list_tables, remove_table
from pipemap.clearance.questions import segment_clearance
from pipemap.clearance.running import run_city
from pipemap.clearance.stored import stored_conflicts, stored_run
from pipemap.clearance.tables import TableName
from pipemap.db import Connection, Database
from pipemap.errors import ConflictError, NotFoundError, RejectedError
from pipemap.sections.cross import cross_section
from pipemap.sharing.audit import AuditFilter, list_entries
from schemas.clearance import Conflict, DrawnPipe
from tests.postgis.planting import plant, plant_version, wkt

EAST, NORTH = 500_000.0, 2_500_000.0
HEADER = "rule_id,standard,clause,a_class,a_condition,b_class,b_condition,min_clear_m,confidence,note,replaces\n"
OWN = HEADER + "SZ1,SZ DB 7-2020,4.2,water,,telecom,,4,verified_1,,\n"


@pytest.fixture
def street(database: Database) -> Iterator[Database]:
    """A water main and a telecom line 3 m beside it, which every standard allows."""
    with database.transaction() as connection:
        plant_version(connection, 1)
        for number, class_code, y in ((1, "water", 0.0), (2, "telecom", 3.0)):
            ends = [(EAST, NORTH + y, 8.0), (EAST + 50, NORTH + y, 8.0)]
            for node, (x, north, _) in zip((10 * number, 10 * number + 1), ends, strict=True):
                plant(connection, "node", node, f"POINT({x} {north})", ground_elevation_m=10.0)
            plant(
                connection, "pipe_segment", number, wkt(ends), class_code=class_code, from_node_id=10 * number,
                to_node_id=10 * number + 1, width_mm=200, shape_code="circle", burial_code="direct",
                elevation_source_code="measured",
            )  # fmt: skip
    yield database


def add(database: Database, tmp_path: Path, text: str, name: TableName = "clearance_horizontal") -> int:
    path = tmp_path / "own.csv"
    path.write_text(text, encoding="utf-8")
    with database.transaction() as connection:
        return add_table(connection, path, name, "planner").set_id


def between_the_two(found: tuple[Conflict, ...] | list[Conflict]) -> list[tuple[str, float]]:
    return [(each.rule_id, each.limit_m) for each in found if each.other_id is not None]


def asked(connection: Connection) -> list[list[tuple[str, float]]]:
    """What a pipe, a drawn line and a body are told of the telecom line."""
    beside = ((EAST, NORTH, 8.0), (EAST + 50, NORTH, 8.0))
    drawn = DrawnPipe(line=beside, class_code="water", width_mm=200)
    body = shapely.box(EAST, NORTH - 0.1, EAST + 50, NORTH + 0.1)
    return [
        between_the_two([c for c in answer.conflicts if c.other_id == 2])
        for answer in (
            segment_clearance(connection, 1),
            line_clearance(connection, drawn),
            polygon_clearance(connection, body, 7.0, 9.0, "water"),
        )
    ]


def test_every_question_and_the_city_wide_run_read_the_same_table(street: Database, tmp_path: Path) -> None:
    with street.transaction(read_only=True) as connection:
        assert asked(connection) == [[], [], []]
    set_id = add(street, tmp_path, OWN)
    run_city(street)
    with street.transaction(read_only=True) as connection:
        assert asked(connection) == [[("SZ1", 4.0)]] * 3
        assert between_the_two(stored_conflicts(connection)) == [("SZ1", 4.0)]
        section = cross_section(connection, [(EAST + 25, NORTH - 1), (EAST + 25, NORTH + 4)])
        assert [gap.limit_m for gap in section.spacings] == [4.0]
    with street.transaction() as connection:
        remove_table(connection, set_id, "planner")
        assert asked(connection) == [[], [], []]


def test_a_run_is_told_by_the_limits_it_was_judged_by_until_it_is_run_again(street: Database, tmp_path: Path) -> None:
    set_id = add(street, tmp_path, OWN)
    run_city(street)
    with street.transaction() as connection:
        remove_table(connection, set_id, "planner")
        run = stored_run(connection)
        assert run.limit_set_ids == (set_id,) and not run.by_limits_in_force
        assert between_the_two(stored_conflicts(connection)) == [("SZ1", 4.0)]
    run_city(street)
    with street.transaction(read_only=True) as connection:
        assert stored_run(connection).by_limits_in_force and between_the_two(stored_conflicts(connection)) == []
        counted = connection.execute("SELECT count(*) AS n FROM pipemap.clearance_found").fetchone()
        assert counted is not None and counted["n"] == len(stored_conflicts(connection))


def test_news_between_versions_are_refused_where_the_limits_differ(street: Database, tmp_path: Path) -> None:
    run_city(street)
    with street.transaction() as connection:
        plant_version(connection, 2)
    add(street, tmp_path, OWN)
    run_city(street)
    with street.transaction(read_only=True) as connection, pytest.raises(ConflictError):
        stored_conflicts(connection, 2, since=1)
    run_city(street, 1)
    with street.transaction(read_only=True) as connection:
        assert stored_conflicts(connection, 2, since=1) == []


def test_a_run_under_way_keeps_its_limits_when_others_come_into_force(street: Database, tmp_path: Path) -> None:
    run_city(street, tile_pipes=1, on_tile=lambda done, total: None if done > 1 else _meddle(street, tmp_path))
    with street.transaction(read_only=True) as connection:
        run = stored_run(connection)
        assert run.limit_set_ids == () and not run.by_limits_in_force
        assert between_the_two(stored_conflicts(connection)) == []


def _meddle(database: Database, tmp_path: Path) -> None:
    """Others come into force between two tiles, and somebody else judges the city by them."""
    add(database, tmp_path, OWN)
    run_city(database)
    with database.transaction(read_only=True) as connection:
        assert between_the_two(stored_conflicts(connection)) == [("SZ1", 4.0)]


def test_a_wrong_file_is_refused_whole_and_changes_nothing(street: Database, tmp_path: Path) -> None:
    with pytest.raises(RejectedError) as refused:
        add(street, tmp_path, OWN + "SZ2,SZ DB 7-2020,4.3,water,,whisky,,1,verified_1,,\n")
    (found,) = refused.value.details["findings"]
    assert (found["file"], found["row"], found["column"], found["value"]) == ("own.csv", 3, "b_class", "whisky")
    with street.transaction(read_only=True) as connection:
        assert list_tables(connection) == [] and asked(connection) == [[], [], []]


def test_tables_are_kept_with_author_and_time_and_names_are_never_used_twice(street: Database, tmp_path: Path) -> None:
    set_id = add(street, tmp_path, OWN)
    with pytest.raises(RejectedError):
        add(street, tmp_path, OWN)
    with street.transaction() as connection:
        remove_table(connection, set_id, "chief")
        with pytest.raises(NotFoundError):
            remove_table(connection, set_id, "chief")
        assert list_tables(connection) == []
        (kept,) = list_tables(connection, every=True)
        assert (kept.author, kept.removed_by, kept.rows) == ("planner", "chief", 1) and kept.removed_at is not None
        actions = [entry["action"] for entry in list_entries(connection, AuditFilter(None, None, None, None), 10, 0)]
        assert actions[:2] == ["limits.remove", "limits.add"]


def test_a_row_takes_the_place_of_a_standards_row_alone(street: Database, tmp_path: Path) -> None:
    add(street, tmp_path, OWN)
    with pytest.raises(RejectedError) as refused:
        add(street, tmp_path, HEADER + "SZ2,SZ DB 8-2025,4.2,water,,telecom,,2,verified_1,newer,SZ1\n")
    (found,) = refused.value.details["findings"]
    assert (found["column"], found["value"]) == ("replaces", "SZ1")
