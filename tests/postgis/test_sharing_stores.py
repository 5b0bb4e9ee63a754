"""Desensitised copies: an agreement of less than exact precision reads one, never staler than its answer says."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from shapely.geometry import shape

from pipemap.db import Database
from pipemap.errors import SourceError
from pipemap.sharing import agreements, items
from pipemap.sharing.agreements import Terms, hash_key
from pipemap.sharing.item_statements import ItemsRequest
from pipemap.sharing.precision import shift
from pipemap.sharing.stores import StoreState, refresh_stores
from tests.postgis.deliveries import bring_in, delivery, node, publish_now, segment

AREA = shapely.box(499_000, 2_499_000, 501_000, 2_501_000)
FEWER = {"IMP-REMOVES": "taken out"}
ATTRIBUTES = ("from_depth_m", "ground_elevation_m", "horizontal_accuracy_m", "vertical_accuracy_m", "owner")


def pipes(count: int, z: float = 8.0) -> Any:
    """J0 ── J1 ── J2 …, 40 m apart, and beside J0 a stub of 1 m without a height."""
    nodes = [node(f"J{i}", 40 * i, ground_elevation_m=10.26) for i in range(count)]
    nodes.append(node("stub", 0, 1))
    shared = {"from_depth_m": 1.26, "horizontal_accuracy_m": 0.05, "vertical_accuracy_m": 0.1, "owner": "water works"}
    lines = [
        segment(f"J{i}", f"J{i + 1}", [(40 * i, 0, z), (40 * i + 40, 0, z + 0.26)], **shared) for i in range(count - 1)
    ]
    return delivery(nodes, [*lines, segment("J0", "stub", [(0, 0), (0, 1)])])


@pytest.fixture
def town(database: Database) -> Database:
    publish_now(database, bring_in(database, pipes(3)))
    return database


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    return tmp_path / "secret" / "shift.key"


def make_key(database: Database, **terms: Any) -> str:
    fair: dict[str, Any] = {"agency": "roads", "purpose": "p", "area": AREA, "class_codes": ("water",)}
    fair |= {"attributes": ATTRIBUTES, "expires_at": datetime.now(UTC) + timedelta(days=1)}
    with database.transaction() as connection:
        number = agreements.agree(connection, Terms(**(fair | terms)), "manager")
        return agreements.issue_key(connection, number, "manager")


def read(database: Database, key: str, kind: str = "pipe_segment", version: int | None = None) -> Any:
    page = items.read_items(database, hash_key(key), ItemsRequest(kind, version=version))
    return page.version, {item["id"]: item for item in json.loads(page.features)}


def everything(database: Database, kind: str) -> dict[int, Any]:
    return {item["id"]: item for item in json.loads(items.read_items(database, None, ItemsRequest(kind)).features)}


def test_before_its_copy_is_made_an_agreement_shows_nothing(town: Database, key_file: Path) -> None:
    key = make_key(town, position_precision="grid_5m")
    assert read(town, key)[1] == {} == read(town, key, "node")[1]
    assert [one.version for one in refresh_stores(town, key_file)] == [1]
    assert len(read(town, key)[1]) == 2, "the stub is shorter than the grid"
    assert len(read(town, key, "node")[1]) == 4
    assert not key_file.exists(), "only a shift needs a secret"


def test_a_shifted_copy_is_the_map_moved_by_the_secret(town: Database, key_file: Path) -> None:
    key = make_key(town, position_precision="shifted")
    refresh_stores(town, key_file)
    assert key_file.stat().st_mode & 0o777 == 0o600
    secret = key_file.read_bytes()
    for kind in ("node", "pipe_segment"):
        shown, true = read(town, key, kind)[1], everything(town, kind)
        assert shown.keys() == true.keys()
        for feature_id, item in shown.items():
            ends = [shapely.get_coordinates(shape(one["geometry"]))[[0, -1]] for one in (item, true[feature_id])]
            assert np.abs(ends[0] - shift(ends[1], secret)).max() < 1e-3
            assert np.linalg.norm(ends[0] - ends[1], axis=1).min() > 4


def test_the_secret_is_nowhere_in_the_database(town: Database, key_file: Path) -> None:
    make_key(town, position_precision="shifted")
    refresh_stores(town, key_file)
    secret = key_file.read_text()
    with town.transaction() as connection:
        names = connection.execute(
            """SELECT oid::regclass::text AS name FROM pg_class
               WHERE relkind = 'r' AND relnamespace = 'pipemap'::regnamespace"""
        ).fetchall()
        for table in names:
            found = connection.execute(
                f"SELECT count(*) AS n FROM {table['name']} AS t WHERE strpos(t::text, %s) > 0", [secret]
            ).fetchone()
            assert found == {"n": 0}


def test_depths_and_heights_are_rounded_or_masked_everywhere(town: Database, key_file: Path) -> None:
    rounded, masked = make_key(town, depth_precision="step_0.5m"), make_key(town, depth_precision="masked")
    refresh_stores(town, key_file)
    solid = [item for item in read(town, rounded)[1].values() if len(item["geometry"]["coordinates"][0]) == 3]
    assert {tuple(z for *_, z in item["geometry"]["coordinates"]) for item in solid} == {(8.0, 8.5)}
    assert {item["properties"]["from_depth_m"] for item in solid} == {1.5}
    assert {item["properties"]["ground_elevation_m"] for item in read(town, rounded, "node")[1].values()} == {
        10.5,
        None,
    }
    for kind in ("node", "pipe_segment"):
        for item in read(town, masked, kind)[1].values():
            told = item["properties"]
            assert not shape(item["geometry"]).has_z
            assert {told.get(name) for name in ATTRIBUTES if "depth" in name or "elevation" in name} == {None}
            assert told["vertical_accuracy_m"] is None
    assert {item["properties"]["owner"] for item in solid} == {"water works"}


def test_stated_accuracy_grows_by_what_the_class_takes_away(town: Database, key_file: Path) -> None:
    key = make_key(town, position_precision="grid_10m", depth_precision="step_1m")
    refresh_stores(town, key_file)
    told = next(iter(read(town, key)[1].values()))["properties"]
    assert told["horizontal_accuracy_m"] == pytest.approx((0.05**2 + 10**2 / 6) ** 0.5, rel=1e-5)
    assert told["vertical_accuracy_m"] == pytest.approx((0.1**2 + 1 / 12) ** 0.5, rel=1e-5)


def test_an_answer_is_of_the_version_it_says_before_and_after_a_copy_follows_a_publish(
    town: Database, key_file: Path
) -> None:
    key = make_key(town, position_precision="shifted", depth_precision="step_0.1m")
    refresh_stores(town, key_file)
    first = read(town, key)
    publish_now(town, bring_in(town, pipes(5, z=7.0)))
    assert read(town, key) == first and first[0] == 1, "the copy has not followed yet, and says so"
    assert refresh_stores(town, key_file) == [StoreState("shifted", "step_0.1m", 2, 6)]
    version, items_now = read(town, key)
    assert (version, len(items_now)) == (2, 5)
    assert read(town, key, version=1) == first
    publish_now(town, bring_in(town, pipes(2, z=7.0)), waivers=FEWER)
    refresh_stores(town, key_file)
    assert (read(town, key)[0], len(read(town, key)[1])) == (3, 2)
    assert read(town, key, version=2) == (version, items_now)


def test_a_copy_that_followed_is_the_one_made_anew(town: Database, key_file: Path) -> None:
    key = make_key(town, position_precision="grid_1m", depth_precision="masked")
    for count in (5, 2, 4):
        refresh_stores(town, key_file)
        publish_now(town, bring_in(town, pipes(count, z=float(count))), waivers=FEWER if count < 3 else {})
    refresh_stores(town, key_file)
    followed = [read(town, key, kind, version) for kind in ("node", "pipe_segment") for version in range(5)]
    with town.transaction() as connection:
        connection.execute("DELETE FROM pipemap.desensitised_store")
        for kind in ("node", "pipe_segment"):
            connection.execute(f"DELETE FROM pipemap.{kind}_desensitised")
    refresh_stores(town, key_file)
    assert [read(town, key, kind, version) for kind in ("node", "pipe_segment") for version in range(5)] == followed
    assert refresh_stores(town, key_file)[0].written == 0


def test_a_lost_or_exchanged_secret_is_not_replaced_unasked(town: Database, key_file: Path) -> None:
    make_key(town, position_precision="shifted")
    refresh_stores(town, key_file)
    kept = key_file.read_text()
    key_file.unlink()
    with pytest.raises(SourceError, match="PIPEMAP_SHIFT_KEY_FILE"):
        refresh_stores(town, key_file)
    key_file.write_text("x" * 64)
    with pytest.raises(SourceError, match="another secret"):
        refresh_stores(town, key_file)
    key_file.write_text(kept)
    assert refresh_stores(town, key_file)[0].version == 1
