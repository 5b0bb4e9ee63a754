"""Who walks the map by small windows is stopped; who reads what was granted never is."""

import random
import tracemalloc
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import shapely
from pyproj import Transformer

from pipemap.db import Database
from pipemap.sharing import agreements, audit, feed, items, ledger
from pipemap.sharing.agreements import Terms, hash_key
from pipemap.sharing.feed import ChangesRequest
from pipemap.sharing.granted import Place
from pipemap.sharing.item_statements import ItemsRequest
from pipemap.sharing.ledger import AreaExceededError
from pipemap.sharing.sites import read_sites

AREA = shapely.box(0, 0, 1000, 1000)


def make_key(database: Database, area: Any = AREA, agency: str = "water company", **more: Any) -> str:
    soon = datetime.now(UTC) + timedelta(days=9)
    terms = Terms(agency, "design", area, ("water",), ("from_depth_m",), soon, **more)
    with database.transaction() as connection:
        return hash_key(agreements.issue_key(connection, agreements.agree(connection, terms, "manager"), "manager"))


def look(database: Database, key: str, *box: float, srid: int | None = None) -> None:
    place = Place(box or None, srid)  # type: ignore[arg-type]
    items.read_items(database, key, ItemsRequest("node", place))


def read_m2(database: Database) -> float:
    with database.transaction(read_only=True) as connection:
        [row] = connection.execute("SELECT ST_Area(area) AS m2 FROM pipemap.area_read").fetchall()
    return float(row["m2"])


def on_record(database: Database, action: str) -> int:
    with database.transaction(read_only=True) as connection:
        return len(audit.list_entries(connection, audit.AuditFilter(action=action)))


def walk(database: Database, key: str, side: float) -> shapely.Geometry:
    """Look through windows in rows over ten times the area until stopped; what was answered."""
    answered = []
    for row in range(int(3000 / side)):
        for column in range(int(4000 / side)):
            box = (column * side - 1000, row * side - 1000, (column + 1) * side - 1000, (row + 1) * side - 1000)
            try:
                look(database, key, *box)
            except AreaExceededError:
                return shapely.union_all(answered)
            answered.append(shapely.box(*box))
    raise AssertionError("the walk was not stopped")


@pytest.mark.parametrize("side", [50.0, 130.0])
def test_a_walk_over_the_city_is_stopped_at_a_tenth_more_than_the_area(database: Database, side: float) -> None:
    key = make_key(database)
    assert walk(database, key, side).area <= 1.1 * AREA.area
    assert on_record(database, "share.stopped") == 1
    for low in (9_000, 1e300):
        with pytest.raises(AreaExceededError):
            look(database, key, low, low, low * 1.1, low * 1.1)
    look(database, key)


def test_reading_the_area_in_any_windows_however_often_is_never_stopped(database: Database) -> None:
    key = make_key(database, shapely.MultiPolygon([shapely.box(0, 0, 900, 20), shapely.box(880, 20, 900, 900)]))
    chance = random.Random(7)
    look(database, key, -500, -500, 2000, 2000)
    for _ in range(60):
        x, y = chance.uniform(0, 880), chance.uniform(0, 20)
        look(database, key, x, y, x + chance.uniform(1, 400), y + chance.uniform(1, 400))
        look(database, key)
    assert on_record(database, "share.stopped") == 0


def test_what_another_process_has_read_is_counted_too(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "WRITE_EVERY_S", 0.0)
    key = make_key(database)
    look(database, key, 0, 0, 500, 1000)
    with Database(database.url) as second:
        look(second, key, 500, 0, 1000, 500)
        look(second, key, 5000, 0, 5300, 1000)
    assert read_m2(database) == pytest.approx(750_000)
    look(database, key, 6000, 0, 6010, 10)
    with pytest.raises(AreaExceededError):
        look(database, key, 7000, 0, 7100, 1000)


def test_windows_that_lie_far_apart_take_no_more_memory_than_near_ones(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "WRITE_EVERY_S", 0.0)
    key = make_key(database)
    look(database, key, -10_000, -10_000, -9_995, -9_995)
    tracemalloc.start()
    try:
        look(database, key, 10_000, 10_000, 10_005, 10_005)
        with Database(database.url) as second:
            look(second, key, 0, 0, 5, 5)
        assert tracemalloc.get_traced_memory()[1] < 20e6
    finally:
        tracemalloc.stop()
    with database.transaction(read_only=True) as connection:
        [row] = connection.execute("SELECT ST_Area(outside) AS m2 FROM pipemap.area_read").fetchall()
    assert row["m2"] == pytest.approx(2 * 10 * 10)


def test_windows_in_degrees_count_as_well(database: Database) -> None:
    x, y = 500_000.0, 2_500_000.0
    key = make_key(database, shapely.box(x, y, x + 1000, y + 1000))
    degrees = Transformer.from_crs(4547, 4326, always_xy=True)
    look(database, key)
    with pytest.raises(AreaExceededError):
        look(database, key, *degrees.transform_bounds(x + 2000, y, x + 2400, y + 400), srid=4326)
    look(database, key, *degrees.transform_bounds(x, y, x + 400, y + 400), srid=4326)


def test_passing_25_km2_over_all_agreements_is_put_on_record_once(database: Database) -> None:
    keys = [make_key(database, shapely.box(4000 * n, 0, 4000 * (n + 1), 4000)) for n in range(3)]
    other = make_key(database, shapely.box(0, 0, 4000, 4000), "another")
    look(database, keys[0])
    look(database, other)
    assert on_record(database, "share.area_approval_needed") == 0
    look(database, keys[1])
    look(database, keys[2])
    look(database, keys[2])
    assert on_record(database, "share.area_approval_needed") == 1


def place_node(database: Database, feature_id: int, x: float, y: float, **more: Any) -> None:
    row = {"appurtenance_code": None, **more, "feature_id": feature_id, "x": x, "y": y}
    with database.transaction() as connection:
        connection.execute("INSERT INTO pipemap.dataset (dataset_id, name) VALUES (1, 's') ON CONFLICT DO NOTHING")
        connection.execute(
            """INSERT INTO pipemap.version (version, changeset_id, author, message, counts)
               VALUES (1, 1, 'a', 'm', '{}') ON CONFLICT DO NOTHING"""
        )
        connection.execute(
            """INSERT INTO pipemap.node (feature_id, dataset_id, source_key, class_code, appurtenance_code, geom,
                 valid_from_version)
               VALUES (%(feature_id)s, 1, %(feature_id)s, 'water', %(appurtenance_code)s,
                 ST_SetSRID(ST_MakePoint(%(x)s, %(y)s), 4547), 1)""",
            row,
        )


HERE = shapely.box(500_000, 2_500_000, 501_000, 2_501_000)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "WRITE_EVERY_S", 0.0)


@pytest.mark.parametrize("reading", [Place(), Place(out_srid=4326)], ids=["own", "degrees"])
@pytest.mark.parametrize("northing_first", [False, True])
def test_reads_by_identity_are_charged_where_the_feature_lies(
    database: Database, at_once: None, reading: Place, northing_first: bool
) -> None:
    for number in range(20):
        place_node(database, number + 1, 500_005 + 50 * number, 2_500_005)
    key = make_key(database, HERE)
    for number in range(20):
        request = ItemsRequest("node", reading, feature_id=number + 1, northing_first=northing_first)
        assert items.read_items(database, key, request).count == 1
        items.read_items(database, key, request)
    assert read_m2(database) == pytest.approx(20 * 10 * 10)


def test_the_change_feed_and_the_sites_are_charged_where_they_show_something(database: Database, at_once: None) -> None:
    place_node(database, 1, 500_105, 2_500_105)
    place_node(database, 2, 500_905, 2_500_905, appurtenance_code="waterworks")
    key = make_key(database, HERE, sites_telephone="110")
    feed.read_changes(database, key, ChangesRequest(0))
    assert read_m2(database) == pytest.approx(10 * 10)
    read_sites(database, key, Place())
    assert read_m2(database) == pytest.approx(10 * 10 + 250 * 250)


def test_a_feature_that_is_not_shown_costs_nothing(database: Database, at_once: None) -> None:
    place_node(database, 1, 499_000, 2_500_105)
    key = make_key(database, HERE)
    assert items.read_items(database, key, ItemsRequest("node", feature_id=1)).count == 0
    look(database, key, 500_000, 2_500_000, 500_005, 2_500_005)
    assert read_m2(database) == pytest.approx(10 * 10)
