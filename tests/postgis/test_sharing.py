"""A street of ten squares, 100 m each, and agencies that may see some of them.

y 200 ┌────┬────┬──  every square i holds, at y 50, a water segment and at y 150 a gas segment from
y 100 ├────┼────┼──  x 100·i to 100·(i+1), with nodes at its ends; the z of an axis is x / 100
y   0 └────┴────┴──
"""

import itertools
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyproj import Transformer
from shapely.geometry import shape

from pipemap.db import Database
from pipemap.errors import CrsError, NotFoundError, SourceError, UsageError
from pipemap.sharing import agreements, audit, chains, granted, items
from pipemap.sharing.agreements import SHARED_KINDS, Terms, shareable_attributes
from pipemap.sharing.granted import Place, UnknownKeyError
from pipemap.sharing.item_statements import ItemsRequest, Readable
from pipemap.sharing.ledger import AreaExceededError
from pipemap.sharing.reading import BlockingReading, now
from schemas.codetables import codes_where
from schemas.tables import attribute_names

SRID = 4547
SOON = timedelta(days=30)
WHOLE_AREA = Place()
CITY = shapely.box(-1000, -1000, 5000, 5000)
ROWS = {"water": 50.0, "gas": 150.0}


@pytest.fixture
def street(database: Database) -> Database:
    with database.transaction() as connection:
        connection.execute("INSERT INTO pipemap.dataset (dataset_id, name) VALUES (1, 'survey')")
        number = itertools.count(1)
        for class_code, y in ROWS.items():
            nodes = []
            for i in range(11):
                nodes.append(next(number))
                appurtenance = {3: "valve", 5: "waterworks", 7: "gas_station"}.get(i)
                connection.execute(
                    """INSERT INTO pipemap.node (feature_id, dataset_id, source_key, class_code, appurtenance_code,
                         ground_elevation_m, owner, name, geom, valid_from_version)
                       VALUES (%s, 1, %s, %s, %s, %s, 'owner of nodes', %s,
                         ST_SetSRID(ST_MakePoint(%s, %s), 4547), 1)""",
                    [nodes[-1], f"{class_code}{i}", class_code, appurtenance, 10 + i, f"name {i}", 100 * i, y],
                )
            for i in range(10):
                z = None if i == 9 else (f"{100 * i} {y} {i}", f"{100 * (i + 1)} {y} {i + 1}")
                line = f"LINESTRING Z ({', '.join(z)})" if z else f"LINESTRING ({100 * i} {y}, {100 * (i + 1)} {y})"
                connection.execute(
                    """INSERT INTO pipemap.pipe_segment (feature_id, dataset_id, source_key, class_code, from_node_id,
                         to_node_id, shape_code, width_mm, material_code, pressure_mpa, owner, from_depth_m, to_depth_m,
                         depth_datum_code, elevation_source_code, geom, valid_from_version)
                       VALUES (%s, 1, %s, %s, %s, %s, 'circle', 300, 'steel', 0.4, 'owner of pipes', 1.5, 1.6,
                         'axis', 'measured', ST_GeomFromText(%s, 4547), 1)""",
                    [next(number), f"{class_code}{i}->{class_code}{i + 1}", class_code, nodes[i], nodes[i + 1], line],
                )
        connection.execute(
            """INSERT INTO pipemap.version (version, changeset_id, author, message, counts)
               VALUES (1, 1, 'a', 'm', '{}')"""
        )
    return database


def make_key(
    database: Database,
    area: shapely.Geometry = CITY,
    classes: tuple[str, ...] = ("water", "gas"),
    attributes: tuple[str, ...] = (),
    lasting: timedelta = SOON,
    **more: Any,
) -> str:
    terms = Terms("water company", "design", area, classes, attributes, datetime.now(UTC) + lasting, **more)
    with database.transaction() as connection:
        return agreements.issue_key(connection, agreements.agree(connection, terms, "manager"), "manager")


def visible(database: Database, key: str, kind: str, place: Place = WHOLE_AREA) -> list[dict[str, Any]]:
    return json.loads(items.read_items(database, agreements.hash_key(key), ItemsRequest(kind, place)).features)


def one_item(database: Database, key: str, feature_id: int) -> bytes:
    hashed = agreements.hash_key(key)
    page = items.read_items(database, hashed, ItemsRequest("node", feature_id=feature_id))
    return items.only_feature(database, hashed, page, "node", feature_id)


def raw(database: Database, statement: str, key: str | None = None) -> list[tuple[Any, ...]]:
    """What the role sees in plain SQL, past all Python."""
    with psycopg.connect(database.url) as connection:
        if key is not None:
            digest = agreements.hash_key(key)
            connection.execute("SELECT set_config('pipemap.key_sha256', %s, true)", [digest])
        connection.execute("SET LOCAL ROLE pipemap_agency")
        return connection.execute(statement).fetchall()


def test_what_reaches_a_hand_beyond_the_edge_of_the_area_is_not_shown_there(street: Database) -> None:
    """Boxes are compared in single precision, whose steps at 2.5 million are 25 cm."""
    edge, beyond = 2_500_000.05, 2_500_000.15
    with street.transaction() as connection:
        connection.execute(
            "UPDATE pipemap.node SET geom = ST_SetSRID(ST_MakePoint(500000, %s), 4547) WHERE feature_id = 1", [beyond]
        )
        connection.execute(
            """UPDATE pipemap.pipe_segment SET geom = ST_SetSRID(
                 ST_MakeLine(ST_MakePoint(500000, 2499950), ST_MakePoint(500000, %s)), 4547)
               WHERE source_key = 'water0->water1'""",
            [beyond],
        )
    key = make_key(street, shapely.box(499_900, 2_499_900, 500_100, edge))
    assert visible(street, key, "node") == []
    (segment,) = visible(street, key, "pipe_segment")
    assert shape(segment["geometry"]).bounds[3] == pytest.approx(edge, abs=1e-3)


@pytest.mark.parametrize(
    "table",
    ["node", "pipe_segment", "consumer", "structure", "node_history", "pipe_segment_delta", "agreement", "api_key"],
)
def test_the_role_cannot_touch_a_table(street: Database, table: str) -> None:
    key = make_key(street)
    for statement in (f"SELECT * FROM pipemap.{table}", f"DELETE FROM pipemap.{table}"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            raw(street, statement, key)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT pipemap_app.audit('a', 'b', '{}')",
        "SELECT * FROM pipemap_app.node_as_of(1)",
        "UPDATE pipemap_share.node SET class_code = 'x'",
        "DELETE FROM pipemap_share.pipe_segment",
        "UPDATE pipemap_share.granted SET area = NULL",
        "CREATE TABLE pipemap_share.mine ()",
        "CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    ],
)
def test_the_role_can_only_read_its_views(street: Database, statement: str) -> None:
    key = make_key(street)
    with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.ObjectNotInPrerequisiteState)):
        raw(street, statement, key)


def test_without_a_key_there_is_nothing(street: Database) -> None:
    make_key(street)
    for key in (None, "pmk_forged", ""):
        for view in ("granted", *SHARED_KINDS):
            assert raw(street, f"SELECT * FROM pipemap_share.{view}", key) == []


def test_a_cheap_function_cannot_look_behind_the_barrier(street: Database) -> None:
    """A filter that would run first if it could must not meet rows outside the grant."""
    key = make_key(street, area=shapely.box(0, 0, 250, 100))
    division = "SELECT feature_id FROM pipemap_share.node WHERE 1 / (feature_id - 8) > 7"
    assert raw(street, division, key) == []


@pytest.mark.parametrize("ended", ["forged", "expired", "agreement revoked", "key revoked"])
def test_a_key_that_is_not_in_force_opens_nothing(street: Database, ended: str) -> None:
    key = make_key(street)
    assert len(visible(street, key, "pipe_segment")) == 20
    with street.transaction() as connection:
        [agreement] = agreements.list_agreements(connection)
        if ended == "forged":
            key = key[:-1] + ("A" if key[-1] != "A" else "B")
        elif ended == "expired":
            connection.execute("UPDATE pipemap.agreement SET expires_at = now()")
        elif ended == "agreement revoked":
            agreements.revoke(connection, agreement["agreement_id"], "manager")
        else:
            agreements.revoke(connection, agreement["agreement_id"], "manager", agreements.hash_key(key)[:12])
    for kind in SHARED_KINDS:
        assert raw(street, f"SELECT * FROM pipemap_share.{kind}", key) == []
        with pytest.raises(UnknownKeyError):
            visible(street, key, kind)


def test_two_keys_do_not_see_each_others_part(street: Database) -> None:
    water = make_key(street, classes=("water",))
    gas = make_key(street, classes=("gas",))
    for key, expected in ((water, {"water"}), (gas, {"gas"}), (water, {"water"})):
        for kind in SHARED_KINDS:
            assert {item["properties"]["class_code"] for item in visible(street, key, kind)} == expected


def test_sensitive_sites_are_left_out(street: Database) -> None:
    key = make_key(street, attributes=("appurtenance_code", "name"))
    shown = {item["properties"]["appurtenance_code"] for item in visible(street, key, "node")}
    assert shown == {None, "valve"}
    definition = raw_owner(street, "SELECT pg_get_viewdef('pipemap_share.node'::regclass)")
    for code in codes_where("appurtenance", "is_sensitive", "1"):
        assert f"'{code}'" in definition


def raw_owner(database: Database, statement: str) -> str:
    with psycopg.connect(database.url) as connection:
        row = connection.execute(statement).fetchone()
        return str(row[0]) if row else ""


def test_every_attribute_can_be_granted(street: Database) -> None:
    for kind in SHARED_KINDS:
        with street.transaction() as connection:
            columns = connection.execute(
                "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0",
                [f"pipemap_share.{kind}"],
            ).fetchall()
        attributes = {"feature_id", "source_key", *attribute_names(kind)}
        assert {column["attname"] for column in columns} == attributes | {"of_version", "of_digest"}


def test_an_axis_is_cut_at_the_edge_and_keeps_its_height(street: Database) -> None:
    everything = shareable_attributes()
    key = make_key(street, area=shapely.box(130, 0, 180, 100), attributes=everything)
    [item] = visible(street, key, "pipe_segment")
    assert item["geometry"]["coordinates"] == [[130, 50, 1.3], [180, 50, 1.8]]
    told = item["properties"]
    assert (told["width_mm"], told["owner"]) == (300, "owner of pipes")
    for name in ("from_depth_m", "to_depth_m", "from_node_id", "to_node_id"):
        assert told[name] is None, "what was surveyed outside the area is not told"


def test_an_axis_of_unknown_height_stays_without_one(street: Database) -> None:
    key = make_key(street, area=shapely.box(950, 0, 1100, 100))
    [item] = visible(street, key, "pipe_segment")
    assert item["geometry"]["coordinates"] == [[950, 50], [1000, 50]]


def test_an_area_in_two_parts_leaves_two_parts_of_an_axis(street: Database) -> None:
    area = shapely.MultiPolygon([shapely.box(110, 0, 120, 100), shapely.box(150, 0, 160, 100)])
    [item] = visible(street, make_key(street, area=area), "pipe_segment")
    lines = shape(item["geometry"])
    assert lines.geom_type == "MultiLineString" and lines.length == pytest.approx(20)
    assert sorted(point[2] for line in lines.geoms for point in line.coords) == [1.1, 1.2, 1.5, 1.6]


def test_a_box_in_another_crs_finds_the_same(street: Database) -> None:
    key = make_key(street)
    to_degrees = Transformer.from_crs(SRID, 4326, always_xy=True)
    west, south, east, north = to_degrees.transform_bounds(210, 10, 290, 90)
    items = visible(street, key, "pipe_segment", Place((west, south, east, north), 4326, 4326))
    assert len(items) == 1
    x, y = to_degrees.transform(200, 50)
    assert items[0]["geometry"]["coordinates"][0] == pytest.approx([x, y, 2], abs=1e-8)


@pytest.mark.parametrize("furthest", [1, 4, 64])
def test_pages_follow_each_other_without_loss_or_repeat(
    street: Database, monkeypatch: pytest.MonkeyPatch, furthest: int
) -> None:
    # How far to look by identity before looking by place is a matter of speed alone.
    monkeypatch.setattr(items, "_NEAREST", 1)
    monkeypatch.setattr(items, "_FURTHEST", furthest)
    key, seen, after = make_key(street), [], 0
    for _ in range(20):
        page = items.read_items(street, agreements.hash_key(key), ItemsRequest("node", limit=3, after=after))
        seen += [item["id"] for item in json.loads(page.features)]
        if page.next is None:
            break
        after = page.next
    assert seen == [item["id"] for item in visible(street, key, "node")]
    assert len(seen) == 18, "22 nodes without the four sensitive ones"


def test_a_hidden_and_an_absent_feature_answer_alike(street: Database) -> None:
    key = make_key(street, classes=("water",))
    words = []
    for feature_id in (next(n for n in range(12, 23)), 999_999):
        with pytest.raises(NotFoundError) as refused:
            one_item(street, key, feature_id)
        words.append(refused.value.message.replace(str(feature_id), "?"))
    assert words[0] == words[1]
    assert json.loads(one_item(street, key, 1))["id"] == 1


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        (ItemsRequest("consumer"), UsageError),
        (ItemsRequest("node", limit=0), UsageError),
        (ItemsRequest("node", Place((1, 0, 0, 0))), UsageError),
        (ItemsRequest("node", Place((0, 0, float("nan"), 1))), UsageError),
        (ItemsRequest("node", Place(out_srid=999_999)), CrsError),
        (ItemsRequest("node", Place((-720, -200, 500, 400), 4326)), UsageError),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(street: Database, request_: ItemsRequest, error: type) -> None:
    with pytest.raises(error):
        items.read_items(street, agreements.hash_key(make_key(street)), request_)


def test_every_look_is_on_record(street: Database) -> None:
    key = make_key(street, classes=("water",))
    items.read_items(street, agreements.hash_key(key), ItemsRequest("pipe_segment", Place((0, 0, 150, 100)), limit=10))
    with street.transaction(read_only=True) as connection:
        [look, issued, agreed] = audit.list_entries(connection)
        assert chains.verify(connection).is_intact
    assert (look["actor"], look["action"]) == ("water company", "share.items")
    assert look["details"]["count"] == 2 and look["details"]["bbox"] == [0, 0, 150, 100]
    assert (issued["action"], agreed["action"]) == ("share.key", "share.agree")
    assert key not in json.dumps(issued["details"])


def test_the_key_itself_is_kept_nowhere(street: Database) -> None:
    key = make_key(street)
    with street.transaction() as connection:
        stored = connection.execute("SELECT api_key::text, agreement::text FROM pipemap.api_key, pipemap.agreement")
        assert key not in str(stored.fetchall())
    assert len(key) > 40


def test_a_window_is_found_by_the_spatial_index(street: Database) -> None:
    with street.transaction() as connection:
        connection.execute(
            """INSERT INTO pipemap.node (feature_id, dataset_id, source_key, class_code, geom, valid_from_version)
               SELECT 1000 + i, 1, 'far' || i, 'water', ST_SetSRID(ST_MakePoint(i % 200 * 10, i / 200 * 10), 4547), 1
               FROM generate_series(1, 40000) i"""
        )
    with psycopg.connect(street.url, autocommit=True) as connection:
        connection.execute("ANALYZE")
    key = make_key(street)
    with street.transaction(read_only=True) as connection:
        place = Place((500, 500, 600, 600))
        with granted.as_agency(connection, agreements.hash_key(key), place, SRID):
            rows = connection.execute("EXPLAIN (ANALYZE, FORMAT JSON) SELECT * FROM pipemap_share.node").fetchall()
    plan = rows[0]["QUERY PLAN"][0]["Plan"]
    [scan] = [step for step in steps(plan) if step.get("Relation Name") == "node"]
    assert scan["Index Name"] == "node_geom_idx"
    assert scan["Actual Rows"] == 11 * 11
    assert scan.get("Rows Removed by Filter", 0) == 0
    for untouched in ("node_history", "node_desensitised"):
        assert {step["Actual Loops"] for step in steps(plan) if step.get("Relation Name") == untouched} == {0}


def steps(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", []):
        yield from steps(part)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("POINT (1 2)", UsageError),
        ("POLYGON ((0 0, 1 1, 0 1, 1 0, 0 0))", UsageError),
        ("1,2,3", UsageError),
        ("nowhere.geojson", SourceError),
    ],
)
def test_an_area_that_is_none_is_refused(text: str, error: type) -> None:
    with pytest.raises(error):
        agreements.read_area(text, SRID, SRID)


@pytest.mark.parametrize(
    "change",
    [
        {"class_codes": ("dragon",)},
        {"class_codes": ()},
        {"attributes": ("geom",)},
        {"attributes": ("extra",)},
        {"attributes": ("1; DROP TABLE pipemap.node",)},
        {"agency": " "},
        {"agency": "water\n\x1b[31m"},
        {"expires_at": datetime(2000, 1, 1, tzinfo=UTC)},
        {"position_precision": "roughly"},
        {"depth_precision": "step_2m"},
        {"sites_telephone": " "},
        {"requests_per_minute": 0},
        {"concurrent_requests": -1},
    ],
)
def test_terms_that_are_not_known_are_refused(street: Database, change: dict[str, Any]) -> None:
    fair: dict[str, Any] = {"agency": "a", "purpose": "p", "area": CITY, "class_codes": ("water",), "attributes": ()}
    fair |= {"expires_at": datetime.now(UTC) + SOON}
    with pytest.raises(UsageError), street.transaction() as connection:
        agreements.agree(connection, Terms(**(fair | change)), "manager")


def test_an_area_may_come_as_a_box_or_text_or_in_degrees() -> None:
    box = agreements.read_area("500000,3380000,501000,3381000", SRID, SRID)
    assert box.area == pytest.approx(1e6)
    assert agreements.read_area(box.wkt, SRID, SRID).equals(box)
    degrees = agreements.read_area("114.0,30.5,114.01,30.51", 4326, SRID)
    assert degrees.area == pytest.approx(960 * 1109, rel=0.01)


ATTRIBUTES = ("owner", "width_mm", "ground_elevation_m", "from_depth_m", "source_key")
SQUARES = st.integers(-5, 105).flatmap(
    lambda x: st.tuples(st.just(x * 10), st.integers(0, 180), st.integers(1, 500), st.integers(1, 150))
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    areas=st.lists(SQUARES, min_size=1, max_size=3),
    classes=st.sets(st.sampled_from(["water", "gas", "foul"]), min_size=1),
    attributes=st.sets(st.sampled_from(ATTRIBUTES)),
    window=st.none() | SQUARES,
    seconds=st.sampled_from([-1, 3600]),
)
def test_what_is_shown_is_what_a_plain_reading_of_the_agreement_allows(
    street: Database, areas: list[Any], classes: set[str], attributes: set[str], window: Any, seconds: int
) -> None:
    area = shapely.union_all([shapely.box(x, y, x + w, y + h) for x, y, w, h in areas])
    key = make_key(street, area, tuple(classes), tuple(attributes))
    if seconds < 0:
        with street.transaction() as connection:
            connection.execute("UPDATE pipemap.agreement SET expires_at = now() - interval '1 second'")
        with pytest.raises(UnknownKeyError):
            visible(street, key, "node")
        return
    box = None if window is None else (window[0], window[1], window[0] + window[2], window[1] + window[3])
    for kind in SHARED_KINDS:
        expected = allowed(kind, area, classes, attributes, box)
        try:
            shown = {item["id"]: item for item in visible(street, key, kind, Place(box))}
        except AreaExceededError:
            # A window without any of the area shows nothing; one larger than the area allows is stopped.
            assert box is not None and not area.intersects(shapely.box(*box))
            return
        assert shown.keys() == expected.keys()
        for feature_id, (geometry, properties) in expected.items():
            assert shown[feature_id]["properties"] == properties
            assert shape(shown[feature_id]["geometry"]).symmetric_difference(geometry).length < 1e-3


def allowed(kind: str, area: Any, classes: set[str], attributes: set[str], box: Any) -> dict[int, Any]:
    """The oracle: the street and the agreement in plain Python."""
    rows = {}
    for place, (class_code, y) in enumerate(ROWS.items()):
        if class_code not in classes:
            continue
        for i in range(11 if kind == "node" else 10):
            feature_id = place * 21 + i + 1 + (11 if kind == "pipe_segment" else 0)
            if kind == "node":
                geometry, known = shapely.Point(100 * i, y), node_attributes(class_code, i)
                if i in (5, 7):
                    continue
            else:
                line = shapely.LineString([(100 * i, y), (100 * (i + 1), y)])
                geometry = line.intersection(area)
                known = segment_attributes(class_code, i, area.intersects(shapely.Point(100 * i, y)))
                if geometry.length == 0:
                    continue
            if area.intersects(geometry) and (box is None or shapely.box(*box).intersects(geometry)):
                rows[feature_id] = (
                    geometry,
                    {"class_code": class_code} | {name: value for name, value in known.items() if name in attributes},
                )
    return rows


def node_attributes(class_code: str, i: int) -> dict[str, Any]:
    return {"source_key": f"{class_code}{i}", "owner": "owner of nodes", "ground_elevation_m": 10 + i}


def segment_attributes(class_code: str, i: int, starts_inside: bool) -> dict[str, Any]:
    return {
        "source_key": f"{class_code}{i}->{class_code}{i + 1}",
        "owner": "owner of pipes",
        "width_mm": 300,
        "from_depth_m": 1.5 if starts_inside else None,
    }


def test_a_question_keeps_its_answer_however_often_it_is_asked(street: Database) -> None:
    key = make_key(street)
    with Database(street.url, max_connections=1) as one_connection:
        answers = [visible(one_connection, key, "node") for _ in range(15)]
    assert all(answer == answers[0] for answer in answers)


def test_what_was_known_of_a_key_does_not_outlive_it(street: Database) -> None:
    key = make_key(street)
    hashed = agreements.hash_key(key)
    assert {item["properties"]["class_code"] for item in visible(street, key, "node")} == {"water", "gas"}
    with street.transaction() as connection:
        connection.execute("UPDATE pipemap.agreement SET class_codes = '{gas}'")
    assert {item["properties"]["class_code"] for item in visible(street, key, "node")} == {"gas"}
    with street.transaction() as connection:
        agreements.revoke(connection, 1, "manager", hashed)

    def strange(_: Readable) -> ItemsRequest:
        raise UsageError("There is no such column.")

    with pytest.raises(UnknownKeyError):
        now(items.find_page(BlockingReading(street), hashed, strange, None, {}))


def test_a_reading_leaves_nothing_of_it_on_its_connection(street: Database) -> None:
    with Database(street.url, max_connections=1) as one_connection:
        visible(one_connection, make_key(street), "node", Place((0, 0, 200, 200)))
        with one_connection.transaction() as connection:
            row = connection.execute(
                "SELECT current_user = session_user AS own, current_setting('pipemap.key_sha256', true) AS key,"
                " current_setting('transaction_read_only') AS read_only,"
                " current_setting('statement_timeout') AS timeout"
            ).fetchone()
    assert row is not None and (row["own"], row["key"] or "", row["read_only"], row["timeout"]) == (
        True,
        "",
        "off",
        "0",
    )
