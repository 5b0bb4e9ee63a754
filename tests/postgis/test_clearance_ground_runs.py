"""City-wide runs and changesets over ground models: as asking every pipe, by the models they name alone."""

from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipemap.changesets import create_edit
from pipemap.clearance.questions import segment_clearance
from pipemap.clearance.running import run_city
from pipemap.clearance.stored import changeset_clearance, stored_conflict, stored_conflicts, stored_run
from pipemap.db import Connection, Database, fetch_all
from pipemap.errors import ConflictError
from pipemap.ground.grid import Grid
from pipemap.ground.storing import Origin, remove_model, store_model
from schemas.clearance import CannotTell, Conflict, ConflictKind
from tests.postgis.planting import plant, plant_version, wkt
from tests.postgis.test_clearance_city import EAST, NORTH, plant_town

# Better than the 3 cm that a survey is taken for of which nobody says how good it is.
BETTER_M = 0.02


def load(
    database: Database,
    z_m: np.ndarray,
    step_m: float = 1.0,
    name: str = "city 2024",
    east_m: float = 0,
    accuracy_m: float | None = None,
) -> None:
    """A model whose first post lies 50 m west and 60 m north of the street, or so much farther east."""
    grid = Grid(EAST - 50 + east_m, NORTH + 60, step_m, step_m, z_m.shape[1], z_m.shape[0])
    z = z_m.astype(np.float32)
    parts = ((w, z[w.row : w.row + w.height, w.column : w.column + w.width]) for w in grid.windows())
    origin = Origin(name, "dem.tif", "0" * 64, "", "tester", accuracy_m=accuracy_m)
    store_model(database, origin, grid, parts, replace=True)


def plane(z_m: float) -> np.ndarray:
    return np.full((300, 300), z_m)


def covers(found: list[Conflict] | tuple[Conflict, ...]) -> dict[int | None, float]:
    return {one.segment_id: one.measured_m for one in found if one.kind is ConflictKind.COVER}


def untold(found: tuple[CannotTell, ...]) -> dict[int | None, tuple[str, ...]]:
    return {one.segment_id: one.needs for one in found if one.kind is ConflictKind.COVER}


@pytest.fixture
def street(database: Database) -> Iterator[Database]:
    """Pipe 1 of 400 mm at 8.6 m from x = 0 to 100 m, the ground surveyed at 10 m at both ends: 1.2 m of cover."""
    with database.transaction() as connection:
        plant_version(connection, 1)
        connection.execute("SELECT nextval(pg_get_serial_sequence('pipemap.changeset', 'changeset_id'))")
        for number, x in ((1, 0.0), (2, 100.0)):
            plant(connection, "node", number, f"POINT({EAST + x} {NORTH})", ground_elevation_m=10.0, class_code="water")
        ends = {"from_node_id": 1, "to_node_id": 2, "width_mm": 400, "height_mm": 400, "vertical_accuracy_m": 0.01}
        axis = [(EAST, NORTH, 8.6), (EAST + 100, NORTH, 8.6)]
        plant(connection, "pipe_segment", 1, wkt(axis), burial_code="direct", **ends)
    yield database


def hollow(depth_m: float = 0.9, x_m: float = 40.0) -> np.ndarray:
    """Ground at 10 m with a hollow across the street."""
    x = np.arange(300) - 50.0
    return np.broadcast_to(10.0 - depth_m * np.exp(-(((x - x_m) / 10) ** 2)), (300, 300))


def stored(database: Database) -> list[Conflict]:
    with database.transaction(read_only=True) as connection:
        return stored_conflicts(connection, limit=10_000)


def test_a_hollow_that_only_the_model_knows_is_found_by_the_run_and_by_a_changeset(street: Database) -> None:
    run_city(street)
    assert covers(stored(street)) == {}
    load(street, hollow())
    run_city(street)
    (found,) = stored(street)
    assert found.measured_m == pytest.approx(0.3, abs=1e-3)
    assert found.nearest[0] == pytest.approx((EAST + 40, NORTH, 8.6)) and found.nearest[1][2] == pytest.approx(9.1)
    sunk = shapely.LineString([(EAST, NORTH, 8.5), (EAST + 100, NORTH, 8.5)])
    change = {"kind": "pipe_segment", "op": "update", "feature_id": 1, "values": {"geom": sunk}}
    changeset = create_edit(street, title="lower", author="a", changes=[change])
    with street.transaction(read_only=True) as connection:
        answer = changeset_clearance(connection, changeset)
    assert covers(answer.conflicts) == {1: pytest.approx(0.4, abs=1e-3)}
    assert answer.ground_models == ("city 2024",)


@pytest.mark.parametrize(("accuracy_m", "is_within"), [(None, False), (0.2, False), (0.3, True), (0.5, True)])
def test_a_cover_by_a_model_is_as_sure_as_the_model(
    street: Database, accuracy_m: float | None, is_within: bool
) -> None:
    """In the hollow 0.3 m are missing of 0.6 m; the pipe is surveyed to 0.01 m."""
    load(street, hollow(), accuracy_m=accuracy_m)
    run_city(street)
    with street.transaction(read_only=True) as connection:
        asked = segment_clearance(connection, 1).conflicts
        certain = stored_conflicts(connection, certain=True)
    for (found,) in (stored(street), asked):
        assert found.within_accuracy == is_within
        assert found.other_accuracy_m == accuracy_m
        assert found.accuracy_m == pytest.approx(np.hypot(0.01, accuracy_m or 0.0), abs=1e-4)
    assert not certain or not is_within


def test_a_changeset_names_the_models_over_its_own_pipes_alone(street: Database) -> None:
    with street.transaction() as connection:
        for number, x in ((3, 0.0), (4, 100.0)):
            place = f"POINT({EAST + x} {NORTH + 5})"
            plant(connection, "node", number, place, ground_elevation_m=10.0, class_code="water")
        ends = {"from_node_id": 3, "to_node_id": 4, "width_mm": 400, "height_mm": 400}
        plant(connection, "pipe_segment", 2, wkt([(EAST, NORTH + 5, 8.6), (EAST + 100, NORTH + 5, 8.6)]), **ends)
    # The model ends 2 m north of the pipe that is changed, under its neighbour.
    load(street, np.full((58, 300), 10.0))
    sunk = shapely.LineString([(EAST, NORTH, 8.5), (EAST + 100, NORTH, 8.5)])
    change = {"kind": "pipe_segment", "op": "update", "feature_id": 1, "values": {"geom": sunk}}
    changeset = create_edit(street, title="lower", author="a", changes=[change])
    with street.transaction(read_only=True) as connection:
        assert changeset_clearance(connection, changeset).ground_models == ()
        assert segment_clearance(connection, 2).ground_models == ("city 2024",)


def test_a_run_says_by_which_models_it_was_judged_and_is_judged_anew_when_they_change(street: Database) -> None:
    run_city(street)
    with street.transaction(read_only=True) as connection:
        bare = stored_run(connection)
    assert (bare.ground_digest, bare.ground_models, bare.by_ground_loaded) == ("", (), True)
    load(street, hollow())
    with street.transaction(read_only=True) as connection:
        assert not stored_run(connection).by_ground_loaded and covers(stored_conflicts(connection)) == {}
    assert run_city(street).tiles_now == 1
    assert run_city(street).tiles_now == 0
    with street.transaction(read_only=True) as connection:
        run = stored_run(connection)
        kept = connection.execute("SELECT count(*) AS n FROM pipemap.clearance_run").fetchone()
    assert run.ground_models == ("city 2024",) and run.ground_digest and run.by_ground_loaded
    assert kept == {"n": 1}


def test_news_between_versions_are_refused_where_the_ground_models_differ(street: Database) -> None:
    run_city(street)
    load(street, hollow())
    with street.transaction() as connection:
        plant_version(connection, 2)
    run_city(street)
    with street.transaction(read_only=True) as connection, pytest.raises(ConflictError, match="ground models"):
        stored_conflicts(connection, 2, since=1)
    run_city(street, 1)
    with street.transaction(read_only=True) as connection:
        assert stored_conflicts(connection, 2, since=1) == []


def test_a_run_under_way_keeps_its_ground_when_a_model_is_loaded(street: Database) -> None:
    run_city(street, on_tile=lambda done, total: load(street, hollow()))
    with street.transaction(read_only=True) as connection:
        run = stored_run(connection)
        assert run.ground_models == () and not run.by_ground_loaded
        assert stored_conflicts(connection) == []


def test_a_move_is_proposed_by_the_ground_of_the_run_or_not_at_all(street: Database) -> None:
    load(street, plane(9.45), accuracy_m=BETTER_M)
    run_city(street)
    with street.transaction(read_only=True) as connection:
        moved = stored_conflict(connection, 1)
    assert moved.measured_m == pytest.approx(0.65) and moved.move is not None
    assert moved.move.dz_m == pytest.approx(-0.05)
    # A finer model would have the pipe lowered by far more.
    load(street, plane(8.9)[::2, ::2], 0.5, "finer", accuracy_m=BETTER_M)
    with street.transaction(read_only=True) as connection:
        again = stored_conflict(connection, 1)
    assert again.move == moved.move
    load(street, plane(9.2), accuracy_m=BETTER_M)
    with (
        street.transaction(read_only=True) as connection,
        pytest.raises(ConflictError, match=r"city 2024.*--version 1"),
    ):
        stored_conflict(connection, 1)


def test_the_move_of_a_run_without_models_goes_by_the_surveyed_ground_still(street: Database) -> None:
    with street.transaction() as connection:
        connection.execute("UPDATE pipemap.node SET ground_elevation_m = 9.45")
    run_city(street)
    load(street, plane(20.0))
    with street.transaction(read_only=True) as connection:
        found = stored_conflict(connection, 1)
    assert found.move is not None and found.move.dz_m == pytest.approx(-0.05)


def test_what_is_taken_as_outer_is_counted_by_runs_and_changesets(street: Database) -> None:
    bases = {2: "nominal", 3: "outer", 4: None, 5: "inner"}
    with street.transaction() as connection:
        connection.execute("UPDATE pipemap.pipe_segment SET size_basis_code = 'outer'")
        for number, basis in bases.items():
            axis = [(EAST, NORTH + number / 2, 8.0), (EAST + 50, NORTH + number / 2, 8.0)]
            width_mm = None if number == 5 else 100
            plant(connection, "pipe_segment", number, wkt(axis), size_basis_code=basis, width_mm=width_mm)
    run_city(street)
    with street.transaction(read_only=True) as connection:
        assert stored_run(connection).sizes_taken_as_outer == 2
        asked = segment_clearance(connection, 1)
    change = {"kind": "pipe_segment", "op": "update", "feature_id": 1, "values": {"owner": "W"}}
    changeset = create_edit(street, title="owner", author="a", changes=[change])
    with street.transaction(read_only=True) as connection:
        answer = changeset_clearance(connection, changeset)
    assert answer.sizes_taken_as_outer == asked.sizes_taken_as_outer == 2


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 2**32 - 1),
    step_m=st.sampled_from([0.7, 1.0, 5.0]),
    unknown=st.sampled_from([0.0, 0.002, 0.2]),
    tile_pipes=st.sampled_from([7, 1000]),
)
def test_over_a_model_the_run_finds_what_asking_every_pipe_finds(
    town: Database, seed: int, step_m: float, unknown: float, tile_pipes: int
) -> None:
    random = np.random.default_rng(seed)
    z = 10 + random.normal(0, 0.5, (int(200 / step_m), int(150 / step_m)))
    z[random.random(z.shape) < unknown] = np.nan
    load(town, z, step_m, east_m=random.uniform(0, 100))
    run_city(town, tile_pipes=tile_pipes)
    with town.transaction(read_only=True) as connection:
        answers = [segment_clearance(connection, pipe) for pipe in live(connection)]
        counts = {(each.kind, each.state): each.count for each in stored_run(connection).counts}
    asked = [one for answer in answers for one in answer.conflicts if one.kind is ConflictKind.COVER]
    found = [one for one in stored(town) if one.kind is ConflictKind.COVER]
    assert Counter(map(as_told, found)) == Counter(map(as_told, asked)) and found
    needed = sum(len(untold(answer.cannot_tell)) for answer in answers)
    assert counts.get((ConflictKind.COVER, "cannot_tell"), 0) == needed


def as_told(one: Conflict) -> tuple[object, ...]:
    """All that is told of a cover, measures to a tenth of a millimetre."""
    return one.segment_id, round(one.measured_m, 4), one.rule_id, one.assumed, one.message_en, one.within_accuracy


def live(connection: Connection) -> list[int]:
    query = "SELECT feature_id FROM pipemap.pipe_segment WHERE lifecycle_code IS NULL"
    return [row["feature_id"] for row in fetch_all(connection, query)]


@pytest.fixture
def town(database: Database) -> Iterator[Database]:
    with database.transaction() as connection:
        plant_town(connection, 70)
    yield database


def test_over_a_model_a_changeset_is_judged_as_asking_its_pipes_and_needs_the_same(town: Database) -> None:
    random = np.random.default_rng(5)
    z = 10 + random.normal(0, 0.5, (200, 150))
    z[:, 60:70] = np.nan
    load(town, z)
    with town.transaction(read_only=True) as connection:
        pipes = live(connection)
        answers = [segment_clearance(connection, pipe) for pipe in pipes]
    changes = [{"kind": "pipe_segment", "op": "update", "feature_id": pipe, "values": {"owner": "W"}} for pipe in pipes]
    changeset = create_edit(town, title="owners", author="a", changes=changes)
    with town.transaction(read_only=True) as connection:
        answer = changeset_clearance(connection, changeset)
    asked = [one for each in answers for one in each.conflicts if one.kind is ConflictKind.COVER]
    found = [one for one in answer.conflicts if one.kind is ConflictKind.COVER]
    assert Counter(map(as_told, found)) == Counter(map(as_told, asked)) and found
    needs = {pipe: needs for each in answers for pipe, needs in untold(each.cannot_tell).items()}
    assert untold(answer.cannot_tell) == needs and len(set(needs.values())) > 1


def test_a_model_that_was_removed_counts_for_nothing(street: Database) -> None:
    load(street, hollow())
    run_city(street)
    with street.transaction() as connection:
        remove_model(connection, "city 2024")
    run_city(street)
    assert covers(stored(street)) == {}
