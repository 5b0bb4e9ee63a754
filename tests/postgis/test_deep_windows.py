"""Windows so deep in an area that what meets them lies in it whole are read without a look at its edge."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import shapely

from pipemap.db import Database
from pipemap.sharing import agreements, items
from pipemap.sharing.agreements import Terms, hash_key
from pipemap.sharing.granted import Grant, Place, UnknownKeyError, read_under, window_of
from pipemap.sharing.item_statements import ItemsRequest
from pipemap.sharing.reading import BlockingReading, now

SRID = 4547
X0, Y0 = 500_000.0, 2_500_000.0
HALF_M = 1_000.0
AREA = shapely.box(X0 - HALF_M, Y0 - HALF_M, X0 + HALF_M, Y0 + HALF_M)
SHOWN = ("owner", "from_depth_m", "to_depth_m")
MIDDLE = Place((X0 - 50, Y0 - 50, X0 + 50, Y0 + 50))
NEAR_THE_EDGE = Place((X0 + 850, Y0 - 50, X0 + 950, Y0 + 50))


@pytest.fixture
def town(database: Database) -> Database:
    with database.transaction() as connection:
        connection.execute("INSERT INTO pipemap.dataset (dataset_id, name) VALUES (1, 'survey')")
        publish(connection, 1)
        for number, (class_code, x) in enumerate([("water", 0), ("gas", 10), ("water", 900)], start=1):
            lay(connection, number, class_code, (X0 + x, Y0), (X0 + x + 30, Y0 + 20))
        for number, code in ((1, None), (2, "valve"), (3, "gas_station")):
            connection.execute(
                """INSERT INTO pipemap.node (feature_id, dataset_id, source_key, class_code, appurtenance_code, geom,
                     valid_from_version)
                   VALUES (%s, 1, %s, 'water', %s, ST_SetSRID(ST_MakePoint(%s, %s), 4547), 1)""",
                [number, f"n{number}", code, X0 + number, Y0],
            )
    return database


def publish(connection: Any, version: int) -> None:
    connection.execute(
        """INSERT INTO pipemap.version (version, changeset_id, author, message, counts)
           VALUES (%(v)s, %(v)s, 'a', 'm', '{}')""",
        {"v": version},
    )


def lay(connection: Any, number: int, class_code: str, start: tuple[float, float], end: tuple[float, float]) -> None:
    connection.execute(
        """INSERT INTO pipemap.pipe_segment (feature_id, dataset_id, source_key, class_code, shape_code,
             depth_datum_code, elevation_source_code, from_node_id, to_node_id, owner, from_depth_m, to_depth_m, geom,
             valid_from_version)
           VALUES (%s, 1, %s, %s, 'circle', 'axis', 'measured', 1, 2, 'owner', 1.5, 2.5,
             ST_SetSRID(ST_MakeLine(ST_MakePoint(%s, %s, 8), ST_MakePoint(%s, %s, 9)), 4547), 1)""",
        [number, f"s{number}", class_code, *start, *end],
    )


def agree(database: Database, **terms: Any) -> tuple[str, int]:
    given: dict[str, Any] = {"area": AREA, "class_codes": ("water",), "attributes": SHOWN} | terms
    until = datetime.now(UTC) + timedelta(days=1)
    with database.transaction() as connection:
        number = agreements.agree(connection, Terms("roads", "p", expires_at=until, **given), "manager")
        return hash_key(agreements.issue_key(connection, number, "manager")), number


def looks_deep(database: Database, key: str, place: Place) -> bool:
    grants: list[Grant] = []

    async def read(grant: Grant | None, _: bool) -> bool:
        assert grant is not None
        grants.append(grant)
        return True

    now(read_under(BlockingReading(database), key, read))
    return grants[-1].view("pipe_segment", None, window=window_of(place, SRID)).deep is not None


def shown(database: Database, key: str, place: Place, kind: str = "pipe_segment") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(items.read_items(database, key, ItemsRequest(kind, place)).features)
    return found


@pytest.mark.parametrize("kind", ["node", "pipe_segment"])
@pytest.mark.parametrize("bbox_srid", [SRID, 3857])
def test_a_window_deep_in_an_area_shows_what_any_window_there_shows(town: Database, kind: str, bbox_srid: int) -> None:
    in_web_mercator = (12_690_000, 2_570_000, 12_700_000, 2_590_000)
    place = MIDDLE if bbox_srid == SRID else Place(in_web_mercator, bbox_srid)
    key, _ = agree(town, area=AREA.buffer(90_000, join_style="mitre"))
    assert looks_deep(town, key, place)
    first, again = shown(town, key, place, kind), shown(town, key, place, kind)
    assert first == again
    assert {item["id"] for item in first} == ({1, 2} if kind == "node" else {1} if bbox_srid == SRID else {1, 3})
    for item in first:
        expected = {"class_code", "owner"} | ({"from_depth_m", "to_depth_m"} if kind == "pipe_segment" else set())
        assert set(item["properties"]) == expected


def test_near_an_edge_and_in_an_area_that_is_no_box_each_feature_is_looked_at(town: Database) -> None:
    key, _ = agree(town)
    assert looks_deep(town, key, MIDDLE)
    assert not looks_deep(town, key, NEAR_THE_EDGE)
    ragged, _ = agree(town, area=AREA.union(AREA.centroid.buffer(1.1 * HALF_M)))
    assert not looks_deep(town, ragged, MIDDLE)
    for terms in ({"frozen_version": 1}, {"position_precision": "grid_5m"}, {"depth_precision": "masked"}):
        other, _ = agree(town, **terms)
        assert not looks_deep(town, other, MIDDLE)


def test_a_segment_longer_than_any_before_is_cut_at_the_edge_at_once(town: Database) -> None:
    key, _ = agree(town)
    assert [item["id"] for item in shown(town, key, MIDDLE)] == [1]
    assert [item["id"] for item in shown(town, key, MIDDLE)] == [1]
    with town.transaction() as connection:
        publish(connection, 2)
        lay(connection, 7, "water", (X0, Y0), (X0 + 1.5 * HALF_M, Y0))
    _, main = shown(town, key, MIDDLE)
    assert main["id"] == 7
    assert shapely.from_geojson(json.dumps(main["geometry"])).bounds[2] == pytest.approx(X0 + HALF_M)
    assert (main["properties"]["from_depth_m"], main["properties"]["to_depth_m"]) == (1.5, None)
    assert not looks_deep(town, key, MIDDLE), "nor is it taken for deep again"


def test_a_key_that_is_revoked_or_expired_is_shown_nothing_deep_in_its_area_either(town: Database) -> None:
    for end in ("revoke", "expire"):
        key, number = agree(town)
        assert len(shown(town, key, MIDDLE)) == len(shown(town, key, MIDDLE)) == 1
        with town.transaction() as connection:
            if end == "revoke":
                agreements.revoke(connection, number, "manager", None)
            else:
                connection.execute(
                    "UPDATE pipemap.agreement SET expires_at = now() - interval '1 ms' WHERE agreement_id = %s",
                    [number],
                )
        with pytest.raises(UnknownKeyError):
            shown(town, key, MIDDLE)
