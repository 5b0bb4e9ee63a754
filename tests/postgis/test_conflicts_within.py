"""Conflicts of a window, judged anew: those that the city-wide run has there, whatever the window."""

from collections import Counter
from typing import Any

import numpy as np
import pytest

from pipemap.clearance.running import run_city
from pipemap.clearance.stored import stored_conflicts
from pipemap.clearance.within import MOST_KM2, conflicts_within
from pipemap.db import Connection, Database
from pipemap.errors import UsageError
from pipemap.ground.grid import Grid
from pipemap.ground.storing import Origin, store_model
from schemas.clearance import Conflict
from tests.postgis.planting import plant, wkt
from tests.postgis.test_clearance_city import EAST, NORTH, plant_town


@pytest.fixture
def town(database: Database) -> Database:
    with database.transaction() as connection:
        plant_town(connection)
    return database


def told(found: Conflict) -> tuple[Any, ...]:
    numbers = (found.measured_m, found.limit_m, found.accuracy_m, *(axis for axis in found.point if axis is not None))
    return (
        found.kind, found.segment_id, found.other_id, found.rule_id, found.within_accuracy, found.to_be_confirmed,
        found.message_en, *(round(number, 6) for number in numbers),
    )  # fmt: skip


def windows(seed: int = 5) -> list[tuple[float, float, float, float]]:
    random = np.random.default_rng(seed)
    low = random.uniform([-20, -20], [150, 110], (8, 2))
    high = low + random.uniform(0.5, 90, (8, 2))
    boxes = np.add(np.vstack([[-100, -100, 300, 300], np.hstack([low, high])]), [EAST, NORTH, EAST, NORTH])
    return [(west, south, east, north) for west, south, east, north in boxes.tolist()]


def check_against_the_run(connection: Connection) -> None:
    for box in windows():
        for certain in (False, True):
            stored = stored_conflicts(connection, bbox=box, certain=certain, limit=100_000)
            found = conflicts_within(connection, box, certain=certain, limit=100_000)
            assert Counter(map(told, found.conflicts)) == Counter(map(told, stored))
            worst = [(not _is_certain(one), -round(one.shortfall_m, 6)) for one in found.conflicts]
            assert worst == sorted(worst)


def _is_certain(found: Conflict) -> bool:
    return not (found.within_accuracy or found.to_be_confirmed)


def test_any_window_holds_what_the_city_wide_run_has_there(town: Database) -> None:
    run_city(town)
    with town.transaction(read_only=True) as connection:
        check_against_the_run(connection)
        whole = conflicts_within(connection, windows()[0], limit=100_000)
    assert len(whole.conflicts) > 50 and len({one.kind for one in whole.conflicts}) >= 5


def test_the_ground_of_models_counts_where_it_may_be_told(town: Database) -> None:
    grid = Grid(EAST - 100, NORTH + 300, 5, 5, 81, 81)
    heights = [(part, np.full((part.height, part.width), 9.1, np.float32)) for part in grid.windows()]
    store_model(town, Origin("dem", "dem.tif", "0" * 64, "EPSG:4547", "li"), grid, heights)
    run_city(town)
    with town.transaction(read_only=True) as connection:
        check_against_the_run(connection)
        assert conflicts_within(connection, windows()[0]).ground_models == ("dem",)


def test_pages_and_kinds_are_parts_of_the_whole_and_counts_are_of_it_all(town: Database) -> None:
    box = windows()[0]
    with town.transaction(read_only=True) as connection:
        whole = conflicts_within(connection, box, limit=100_000)
        pages = [conflicts_within(connection, box, limit=7, offset=7 * page) for page in range(5)]
        covers = conflicts_within(connection, box, kinds=["cover"], limit=100_000)
        nothing = conflicts_within(connection, (EAST + 5_000, NORTH, EAST + 5_010, NORTH + 10))
    assert [one for page in pages for one in page.conflicts] == list(whole.conflicts[:35])
    assert covers.conflicts == tuple(one for one in whole.conflicts if one.kind == "cover")
    assert {page.counts for page in pages} == {whole.counts} and covers.counts == whole.counts
    counted = Counter({one.kind: one.count for one in whole.counts if one.state == "conflict"})
    assert counted == Counter(one.kind for one in whole.conflicts)
    assert any(one.state == "cannot_tell" for one in whole.counts)
    assert (nothing.counts, nothing.conflicts) == ((), ())


def test_a_window_too_large_to_be_judged_at_once_is_refused(database: Database) -> None:
    side_m = 1000 * MOST_KM2**0.5 + 1
    for box in ((EAST, NORTH, EAST + side_m, NORTH + side_m), (EAST, NORTH, float("inf"), NORTH)):
        with database.transaction(read_only=True) as connection, pytest.raises(UsageError, match="at once"):
            conflicts_within(connection, box)


def test_two_pipes_joined_by_a_third_outside_of_the_window_belong_together(town: Database) -> None:
    """In the city they are one pipe apart, so they are so in a window that holds neither the third nor its nodes."""
    far = EAST + 10_000
    with town.transaction() as connection:
        for node, (x, y) in {1: (0, 0), 2: (0, 0.5), 3: (900, 0), 4: (900, 0.5)}.items():
            plant(connection, "node", 50_000 + node, f"POINT({far + x} {NORTH + y})", ground_elevation_m=10.0)
        ends = {1: (1, 3, 0.0), 2: (2, 4, 0.5)}
        for number, (one, other, y) in ends.items():
            line = wkt([(far, NORTH + y, 8.0), (far + 900, NORTH + y, 8.0)])
            plant(
                connection, "pipe_segment", 60_000 + number, line, class_code="water", width_mm=300.0,
                from_node_id=50_000 + one, to_node_id=50_000 + other, shape_code="circle",
            )  # fmt: skip
        link = wkt([(far + 900, NORTH, 8.0), (far + 900, NORTH + 0.5, 8.0)])
        plant(
            connection, "pipe_segment", 60_003, link, class_code="water", width_mm=300.0,
            from_node_id=50_003, to_node_id=50_004, shape_code="circle",
        )  # fmt: skip
    with town.transaction(read_only=True) as connection:
        found = conflicts_within(connection, (far + 10, NORTH - 5, far + 20, NORTH + 5))
    assert [one for one in found.conflicts if one.other_id is not None] == []
