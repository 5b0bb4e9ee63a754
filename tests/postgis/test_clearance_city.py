"""The city-wide run: the same as asking pipe by pipe, whatever the tiles; stored by version; stopped and gone on."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from itertools import pairwise
from multiprocessing import get_context
from typing import Any

import numpy as np
import pytest
import shapely

from pipemap.changesets import create_edit
from pipemap.clearance.drawn import line_clearance
from pipemap.clearance.questions import segment_clearance
from pipemap.clearance.running import run_city
from pipemap.clearance.stored import changeset_clearance, stored_conflict, stored_conflicts, stored_run
from pipemap.db import Connection, Database, fetch_all
from pipemap.errors import NotFoundError
from schemas.clearance import Conflict, ConflictKind, DrawnPipe, Side
from tests.postgis.deliveries import publish_now
from tests.postgis.planting import plant, plant_version, wkt

EAST, NORTH = 500_000.0, 2_500_000.0
CLASSES = ("water", "foul", "gas", "power", "telecom", "heat")
Key = tuple[str, frozenset[int | None]]


def plant_town(connection: Connection, n_pipes: int = 160, seed: int = 4) -> None:
    """Pipes at random, some of unknown depth or size, some out of use, houses and trees among them."""
    random = np.random.default_rng(seed)
    plant_version(connection, 1)
    for number in range(1, n_pipes + 1):
        middle, step = random.uniform([0, 0, 7], [160, 120, 9.5]), random.normal(0, [9, 9, 0.1])
        bent = middle + random.normal(0, 0.5, 3)
        ends = [(EAST + x, NORTH + y, z) for x, y, z in (middle - step, bent, middle + step)]
        nodes = 10_000 + 2 * number, 10_001 + 2 * number
        for node, (x, y, _) in zip(nodes, (ends[0], ends[-1]), strict=True):
            plant(connection, "node", node, f"POINT({x} {y})", ground_elevation_m=None if number % 11 == 0 else 10.0)
        plant(
            connection, "pipe_segment", number, wkt([at[:2] for at in ends] if number % 9 == 0 else ends),
            class_code=CLASSES[number % len(CLASSES)], from_node_id=nodes[0], to_node_id=nodes[1],
            width_mm=None if number % 13 == 0 else 100 + 10 * (number % 30),
            shape_code="rect" if number % 7 == 0 else "circle", height_mm=300 if number % 7 == 0 else None,
            lifecycle_code="abandoned" if number % 17 == 0 else None,
            casing_mm=600 if number % 5 == 0 else None,
            burial_code="duct_block" if number % 7 == 0 else "direct",
            elevation_source_code="inferred" if number % 19 == 0 else "measured",
        )  # fmt: skip
    for number in range(8):
        x, y = EAST + 20 * number, NORTH + 15 * number
        outline = f"POLYGON(({x} {y},{x + 6} {y},{x + 6} {y + 6},{x} {y + 6},{x} {y}))"
        plant(connection, "structure", 20_000 + number, outline, kind_code="building")
        plant(connection, "structure", 20_100 + number, f"POINT({x + 11} {y + 3})", kind_code="tree")


def key(found: Conflict, asked: int | None = None) -> Key:
    return found.kind.value, frozenset([asked or found.segment_id, found.other_id])


@pytest.fixture
def town(database: Database) -> Iterator[Database]:
    with database.transaction() as connection:
        plant_town(connection)
    yield database


def everything(database: Database, version: int | None = None) -> list[Conflict]:
    with database.transaction(read_only=True) as connection:
        return stored_conflicts(connection, version, limit=100_000)


def found_rows(database: Database) -> Counter[tuple[Any, ...]]:
    with database.transaction(read_only=True) as connection:
        rows = fetch_all(connection, "SELECT * FROM pipemap.clearance_found")
    return Counter(tuple(value for name, value in row.items() if name != "run_id") for row in rows)


def test_the_run_finds_what_asking_every_pipe_finds(town: Database) -> None:
    run_city(town, tile_pipes=40)
    stored = {key(found): found for found in everything(town)}
    with town.transaction(read_only=True) as connection:
        pipes = [row["feature_id"] for row in fetch_all(connection, "SELECT feature_id FROM pipemap.pipe_segment"
                 " WHERE lifecycle_code IS NULL")]  # fmt: skip
        answers = {pipe: segment_clearance(connection, pipe) for pipe in pipes}
        counts = {(each.kind, each.state): each.count for each in stored_run(connection).counts}
    asked = {key(found): found for pipe in pipes for found in answers[pipe].conflicts}
    assert stored.keys() == asked.keys() and len({kind for kind, _ in stored}) >= 5
    for each, found in stored.items():
        twin = asked[each]
        assert found.measured_m == pytest.approx(twin.measured_m, abs=1e-4)
        assert (found.limit_m, found.rule_id, found.standard) == (twin.limit_m, twin.rule_id, twin.standard)
        assert (found.within_accuracy, found.to_be_confirmed) == (twin.within_accuracy, twin.to_be_confirmed)
    untold = Counter(entry.kind for pipe in pipes for entry in answers[pipe].cannot_tell)
    # A pair is told of by both pipes when asked, a cover or a structure by one.
    for kind in (ConflictKind.VERTICAL, ConflictKind.COVER):
        assert counts[kind, "cannot_tell"] == untold[kind] // (2 if kind is ConflictKind.VERTICAL else 1)


@pytest.mark.parametrize("tile_pipes", [7, 1000])
def test_what_is_found_does_not_depend_on_the_tiles(town: Database, tile_pipes: int) -> None:
    run_city(town, tile_pipes=40)
    expected = found_rows(town)
    with town.transaction() as connection:
        connection.execute("TRUNCATE pipemap.clearance_run, pipemap.clearance_tile, pipemap.clearance_found")
    run_city(town, tile_pipes=tile_pipes)
    assert found_rows(town) == expected and len(expected) > 100


class Stopping(Executor):
    """Judges some tiles and is then interrupted."""

    def __init__(self, tiles: int) -> None:
        self.left = tiles

    def submit(self, judge: Any, /, *arguments: Any, **named: Any) -> Future[Any]:
        future: Future[Any] = Future()
        if self.left == 0:
            raise KeyboardInterrupt
        self.left -= 1
        future.set_result(judge(*arguments))
        return future


def test_a_run_that_was_stopped_goes_on_with_the_tiles_that_are_left(town: Database) -> None:
    with pytest.raises(KeyboardInterrupt):
        run_city(town, tile_pipes=10, executor=Stopping(9))
    with town.transaction(read_only=True) as connection, pytest.raises(NotFoundError, match="not judged as a whole"):
        stored_run(connection)
    told: list[tuple[int, int]] = []
    run = run_city(town, tile_pipes=10, on_tile=lambda done, total: told.append((done, total)))
    assert run.tiles_before > 0 and run.tiles_now > 0
    assert [done for done, _ in told] == list(range(run.tiles_before + 1, run.tiles_before + run.tiles_now + 1))
    stopped = found_rows(town)
    with town.transaction() as connection:
        connection.execute("TRUNCATE pipemap.clearance_run, pipemap.clearance_tile, pipemap.clearance_found")
    run_city(town, tile_pipes=10)
    assert found_rows(town) == stopped
    assert run_city(town, tile_pipes=10).tiles_now == 0


def test_processes_find_the_same_as_threads(town: Database) -> None:
    run_city(town, tile_pipes=40)
    expected = found_rows(town)
    with town.transaction() as connection:
        connection.execute("TRUNCATE pipemap.clearance_run, pipemap.clearance_tile, pipemap.clearance_found")
    with ProcessPoolExecutor(2, get_context("spawn")) as processes:
        run_city(town, tile_pipes=40, executor=processes)
    assert found_rows(town) == expected


def test_a_changeset_is_judged_alone_and_its_conflicts_are_new_in_its_version(database: Database) -> None:
    with database.transaction() as connection:
        plant_town(connection, 60)
        # The planted version is that of changeset 1.
        connection.execute("SELECT nextval(pg_get_serial_sequence('pipemap.changeset', 'changeset_id'))")
    run_city(database)
    before = {key(found) for found in everything(database)}
    across = shapely.LineString([(EAST + 20, NORTH + 60, 8.2), (EAST + 120, NORTH + 61, 8.2)])
    change = {"kind": "pipe_segment", "op": "update", "feature_id": 8, "values": {"geom": across}}
    gone = {"kind": "pipe_segment", "op": "delete", "feature_id": 25, "values": {}}
    changeset = create_edit(database, title="a new way", author="a", changes=[change, gone])
    with database.transaction(read_only=True) as connection:
        answer = changeset_clearance(connection, changeset)
    publish_now(database, changeset)
    run_city(database)
    after = {key(found) for found in everything(database)}
    with database.transaction(read_only=True) as connection:
        new = {key(found) for found in stored_conflicts(connection, 2, since=1, limit=100_000)}
        assert {key(found) for found in stored_conflicts(connection, 1, limit=100_000)} == before
    assert new == after - before and len(new) > 3
    assert {key(found) for found in answer.conflicts} == {each for each in after if 8 in each[1]}
    assert not any(25 in each[1] for each in after)


def test_a_design_of_a_changeset_is_judged_though_it_is_only_planned(town: Database) -> None:
    nodes = [
        {"kind": "node", "op": "insert", "feature_id": -number, "values": {
            "source_key": f"P{number}", "class_code": "gas", "ground_elevation_m": 10.0,
            "geom": shapely.Point(EAST + 100 * (number - 1), NORTH + 50)}}
        for number in (1, 2)
    ]  # fmt: skip
    pipe = {"kind": "pipe_segment", "op": "insert", "values": {
        "source_key": "P1->P2", "class_code": "gas", "from_node_id": -1, "to_node_id": -2, "width_mm": 300.0,
        "shape_code": "circle", "depth_datum_code": "axis", "elevation_source_code": "measured",
        "lifecycle_code": "planned", "pressure_code": "low",
        "geom": shapely.LineString([(EAST, NORTH + 50, 8.0), (EAST + 100, NORTH + 50, 8.0)])}}  # fmt: skip
    design = create_edit(town, title="gas", author="a", changes=[*nodes, pipe], kind="design")
    with town.transaction(read_only=True) as connection:
        answer = changeset_clearance(connection, design)
        drawn = line_clearance(connection, DrawnPipe(
            line=((EAST, NORTH + 50, 8.0), (EAST + 100, NORTH + 50, 8.0)), class_code="gas", width_mm=300,
            pressure_code="low"))  # fmt: skip
    assert len(answer.conflicts) > 3
    assert {(found.kind, found.other_id, found.measured_m) for found in answer.conflicts if found.other_id} == {
        (found.kind, found.other_id, found.measured_m) for found in drawn.conflicts if found.other_id
    }
    with town.transaction(read_only=True) as connection, pytest.raises(NotFoundError, match="no changeset 77"):
        changeset_clearance(connection, 77)


def moved_by_changeset(database: Database, found: Conflict) -> int:
    """A changeset that moves a pipe as it was suggested."""
    assert found.move is not None
    pipe = found.segment_id if found.move.side is Side.SEGMENT else found.other_id
    shift = np.array([found.move.dx_m, found.move.dy_m, found.move.dz_m])
    with database.transaction(read_only=True) as connection:
        query = "SELECT ST_AsBinary(geom) AS geom FROM pipemap.pipe_segment WHERE feature_id = %(id)s"
        (row,) = fetch_all(connection, query, {"id": pipe})
    axis = shapely.from_wkb(bytes(row["geom"]))
    axis = shapely.transform(axis, lambda at: at + shift[: at.shape[1]], include_z=axis.has_z)
    change = {"kind": "pipe_segment", "op": "update", "feature_id": pipe, "values": {"geom": axis}}
    return create_edit(database, title="as suggested", author="a", changes=[change])


def test_the_move_of_a_stored_conflict_clears_it_and_makes_no_new_one(town: Database) -> None:
    run_city(town)
    known = {frozenset([found.segment_id, found.other_id]): found for found in everything(town)}
    with town.transaction(read_only=True) as connection:
        told = [stored_conflict(connection, found.segment_id or 0, found.other_id) for found in known.values()]
        with pytest.raises(NotFoundError, match="No conflict between 1 and 999 is known in version 1"):
            stored_conflict(connection, 1, 999)
    with_moves = [found for found in told if found.move]
    assert len({found.kind for found in with_moves}) >= 4 and {found.other_kind for found in with_moves} >= {
        None, "pipe_segment", "structure"}  # fmt: skip
    for found in with_moves[::16]:
        changeset = moved_by_changeset(town, found)
        with town.transaction(read_only=True) as connection:
            after = {frozenset([each.segment_id, each.other_id]): each for each in
                     changeset_clearance(connection, changeset).conflicts}  # fmt: skip
        assert frozenset([found.segment_id, found.other_id]) not in after
        assert after.keys() <= known.keys()
        assert all(each.shortfall_m <= known[pair].shortfall_m + 0.002 for pair, each in after.items())


def plant_side_by_side(connection: Connection) -> None:
    """Water in four pipes and gas in three along 120 m, 0.3 m between the walls, and telecom across both."""
    plant_version(connection, 1)
    number = 0
    for class_code, y, ends in (("water", 0.0, (0, 30, 60, 90, 120)), ("gas", 0.5, (0, 40, 80, 120))):
        for node, x in enumerate(ends):
            ground = {"ground_elevation_m": 10.0, "class_code": class_code}
            plant(connection, "node", 1000 + 100 * int(2 * y) + node, f"POINT({EAST + x} {NORTH + y})", **ground)
        for piece, (start, end) in enumerate(pairwise(ends)):
            number += 1
            first = 1000 + 100 * int(2 * y) + piece
            axis = [(EAST + x, NORTH + y, 8.0) for x in (start, end)]
            plant(
                connection, "pipe_segment", number, wkt(axis), class_code=class_code, from_node_id=first,
                to_node_id=first + 1, width_mm=200, pressure_code="low" if class_code == "gas" else None,
            )  # fmt: skip
    across = [(EAST + 50, NORTH - 5, 8.1), (EAST + 50, NORTH + 5, 8.1)]
    plant(connection, "pipe_segment", 50, wkt(across), class_code="telecom", width_mm=100, from_node_id=5, to_node_id=6)


def test_what_nodes_cut_in_pairs_is_one_place(database: Database) -> None:
    with database.transaction() as connection:
        plant_side_by_side(connection)
    run_city(database, tile_pipes=3)
    found = everything(database)
    with database.transaction(read_only=True) as connection:
        counts = {each.kind: each for each in stored_run(connection).counts if each.state == "conflict"}
        asked = segment_clearance(connection, 2).conflicts
        line = ((EAST, NORTH + 1.0, 8.0), (EAST + 120, NORTH + 1.0, 8.0))
        drawn = line_clearance(connection, DrawnPipe(line=line, class_code="power", width_mm=100)).conflicts
    beside = [each for each in found if each.kind is ConflictKind.HORIZONTAL]
    across = [each for each in found if each.kind is ConflictKind.COLLISION]
    assert len(beside) >= 6 and len({each.place for each in beside}) == 1
    assert len(across) == 2 and len({each.place for each in across}) == 2
    told = counts[ConflictKind.HORIZONTAL], counts[ConflictKind.COLLISION]
    assert [(each.count, each.places) for each in told] == [(len(beside), 1), (2, 2)]
    assert len({each.place for each in asked if each.kind is ConflictKind.HORIZONTAL}) == 1
    of_gas = [each for each in drawn if each.other_class_code == "gas"]
    assert len(of_gas) == 3 and len({each.place for each in of_gas}) == 1


def test_a_run_by_another_edition_of_the_engine_says_so_and_is_taken_again(town: Database) -> None:
    run_city(town)
    with town.transaction() as connection:
        before = stored_run(connection)
        connection.execute("UPDATE pipemap.clearance_run SET engine = 'an older one'")
        older = stored_run(connection)
    assert before.by_this_engine and before.outdated_en is None and before.outdated_zh is None
    assert not older.by_this_engine and older.by_limits_in_force and older.by_ground_loaded
    assert "other editions of pipemap" in (older.outdated_en or "") and "软件版本" in (older.outdated_zh or "")
    assert run_city(town).tiles_now == 1
    with town.transaction(read_only=True) as connection:
        assert stored_run(connection) == before.model_copy(update={"finished_at": stored_run(connection).finished_at})
