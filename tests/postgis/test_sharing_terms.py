"""What an agreement says beside area, classes and attributes: which version, files or view only, and its digest."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
import shapely

from pipemap.db import Database
from pipemap.errors import NotFoundError
from pipemap.sharing import agreements, granted, items
from pipemap.sharing.agreements import Terms, hash_key
from pipemap.sharing.exchange import export
from pipemap.sharing.granted import Grant, Place, ViewOnlyError
from pipemap.sharing.item_statements import ItemsRequest
from tests.postgis.deliveries import bring_in, publish_now, street
from tests.postgis.test_sharing import steps

SRID = 4547
AREA = shapely.box(499_000, 2_499_000, 501_000, 2_501_000)


@pytest.fixture
def town(database: Database) -> Database:
    """Version 1 has three nodes, version 2 five, all in PVC."""
    publish_now(database, bring_in(database, street(3)))
    publish_now(database, bring_in(database, street(5, material_code="pvc")))
    return database


def make_key(database: Database, **terms: Any) -> str:
    fair: dict[str, Any] = {"agency": "roads", "purpose": "p", "area": AREA, "class_codes": ("water",)}
    fair |= {"attributes": ("material_code",), "expires_at": datetime.now(UTC) + timedelta(days=1)}
    with database.transaction() as connection:
        number = agreements.agree(connection, Terms(**(fair | terms)), "manager")
        return agreements.issue_key(connection, number, "manager")


def page(database: Database, key: str, kind: str = "pipe_segment", version: int | None = None) -> items.ItemsPage:
    return items.read_items(database, hash_key(key), ItemsRequest(kind, version=version))


def materials(answer: items.ItemsPage) -> list[str | None]:
    return [item["properties"]["material_code"] for item in json.loads(answer.features)]


def grant_of(database: Database, key: str) -> Grant:
    with (
        database.transaction(read_only=True) as connection,
        granted.as_agency(connection, hash_key(key), Place(), SRID) as grant,
    ):
        return grant


def test_a_live_agreement_shows_the_newest_version_and_any_before(town: Database) -> None:
    key = make_key(town)
    assert (page(town, key).version, materials(page(town, key))) == (2, ["pvc"] * 4)
    before = page(town, key, version=1)
    assert (before.version, materials(before)) == (1, [None] * 2)
    publish_now(town, bring_in(town, street(6, material_code="pe")))
    assert (page(town, key).version, materials(page(town, key))) == (3, ["pe"] * 5)
    assert materials(page(town, key, version=2)) == ["pvc"] * 4


@pytest.mark.parametrize("asked", [None, 1, 2, 3])
def test_a_frozen_agreement_shows_its_version_whatever_is_asked_or_published(town: Database, asked: int | None) -> None:
    key = make_key(town, frozen_version=2)
    publish_now(town, bring_in(town, street(6, material_code="pe")))
    answer = page(town, key, version=asked)
    assert (answer.version, materials(answer)) == (2, ["pvc"] * 4)
    assert page(town, key, "node", version=asked).count == 5


def test_a_version_that_is_not_there_cannot_be_frozen(town: Database) -> None:
    with pytest.raises(NotFoundError):
        make_key(town, frozen_version=3)


def test_a_package_under_a_frozen_agreement_is_of_its_version(town: Database, tmp_path: Path) -> None:
    package = export(town, hash_key(make_key(town, frozen_version=1)), "geojson", tmp_path)
    assert package.manifest["version"] == 1
    assert package.manifest["counts"] == {"node": 3, "pipe_segment": 2, "pipe_segment_no_height": 0}


def test_a_view_only_agreement_yields_no_package(town: Database, tmp_path: Path) -> None:
    key = make_key(town, may_export=False)
    with pytest.raises(ViewOnlyError):
        export(town, hash_key(key), "geojson", tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert page(town, key).count == 4


def test_the_same_terms_have_one_digest_and_others_another(town: Database) -> None:
    digests = [grant_of(town, make_key(town, **terms)).digest for terms in ({}, {"agency": "water"}, {"purpose": "q"})]
    assert len(set(digests)) == 1, "who reads, and what for, changes nothing of what is shown"
    for terms in (
        {"area": AREA.buffer(0.0001)},
        {"class_codes": ("water", "gas")},
        {"attributes": ()},
        {"frozen_version": 1},
        {"sites_telephone": "119"},
        {"position_precision": "grid_5m"},
        {"depth_precision": "masked"},
    ):
        digests.append(grant_of(town, make_key(town, **terms)).digest)
    assert len(set(digests)) == 8


def test_what_an_agreement_says_comes_with_the_grant_and_on_record(town: Database) -> None:
    key = make_key(town, requests_per_minute=60, concurrent_requests=2, sites_telephone="110", may_export=False)
    grant = grant_of(town, key)
    assert (grant.requests_per_minute, grant.concurrent_requests, grant.sites_telephone) == (60, 2, "110")
    with town.transaction() as connection:
        [listed] = agreements.list_agreements(connection)
        row = connection.execute(
            "SELECT details::jsonb AS told FROM pipemap.audit_log WHERE action = 'share.agree'"
        ).fetchone()
    for told in (listed, row["told"] if row else {}):
        assert (told["may_export"], told["requests_per_minute"], told["depth_precision"]) == (False, 60, "exact")


def test_an_older_version_is_found_by_the_spatial_index(town: Database) -> None:
    key = make_key(town, attributes=())
    with town.transaction() as connection:
        for table, until in (("node", None), ("node_history", 2)):
            connection.execute(
                f"""INSERT INTO pipemap.{table} (feature_id, dataset_id, source_key, class_code, geom,
                      valid_from_version{", valid_to_version" if until else ""})
                    SELECT 1000 + i, 1, 'far' || i, 'water',
                      ST_SetSRID(ST_MakePoint(499000.5 + i % 200 * 10, 2499000.5 + i / 200 * 10), 4547),
                      {"1, 2" if until else "2"}
                    FROM generate_series(1, 40000) i"""
            )
    with psycopg.connect(town.url, autocommit=True) as connection:
        connection.execute("ANALYZE")
    place = Place((499_500, 2_499_500, 499_600, 2_499_600))
    with (
        town.transaction(read_only=True) as connection,
        granted.as_agency(connection, hash_key(key), place, SRID, version=1),
    ):
        rows = connection.execute("EXPLAIN (ANALYZE, FORMAT JSON) SELECT * FROM pipemap_share.node").fetchall()
    scans = [step for step in steps(rows[0]["QUERY PLAN"][0]["Plan"]) if "node" in step.get("Relation Name", "")]
    [past] = [scan for scan in scans if scan["Relation Name"] == "node_history"]
    assert (past["Index Name"], past["Actual Rows"]) == ("node_history_life_idx", 100)
    [now] = [scan for scan in scans if scan["Relation Name"] == "node"]
    assert now["Index Name"] == "node_geom_idx"
