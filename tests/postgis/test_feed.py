"""The change feed: whoever applies every page holds what a full read gives, and nothing else is told."""

import csv
import io
import itertools
import json
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, LiteralString

import pytest
import shapely
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from psycopg.sql import SQL

from pipemap.db import Database
from pipemap.errors import ConflictError, RejectedError, UsageError
from pipemap.findings import blocking_findings
from pipemap.sharing import agreements, audit, chains, feed
from pipemap.sharing.agreements import SHARED_KINDS, Terms, hash_key
from pipemap.sharing.deltas import write_delta
from pipemap.sharing.feed import ChangesRequest, Cursor, parse_cursor, read_changes
from pipemap.sharing.granted import Place, UnknownKeyError, ViewOnlyError
from pipemap.sharing.item_statements import ItemsRequest
from pipemap.sharing.items import read_items
from pipemap.sharing.stores import refresh_stores
from tests.postgis.deliveries import bring_in, delivery, node, publish_now, segment

_numbers = itertools.count()
KEYS = ("A", "B", "C", "D")
X0, Y0 = 500_000, 2_500_000
Held = dict[tuple[str, int], Any]
# What a survey says of a point: that it is not there, or its place, class, name, and what stands on it.
a_point = st.none() | st.tuples(
    st.integers(0, 4),
    st.sampled_from(["water", "gas"]),
    st.sampled_from(["x", "y"]),
    st.sampled_from([None, "valve", "substation"]),
)
a_survey = st.fixed_dictionaries(dict.fromkeys(KEYS, a_point))


def surveyed(points: dict[str, Any], dataset: str) -> Any:
    there = {key: point for key, point in points.items() if point is not None}
    nodes = [
        node(key, 10 * x, class_code=code, name=name, appurtenance_code=kind)
        for key, (x, code, name, kind) in there.items()
    ]
    pairs = [(a, b) for a, b in itertools.pairwise(KEYS) if a in there and b in there]
    lines = [
        segment(a, b, [(10 * there[a][0], 0, 1), (10 * there[b][0] + 3, 1, 2)], class_code=there[a][1])
        for a, b in pairs
    ]
    return delivery(nodes, lines, dataset=dataset)


def key_of(database: Database, area: shapely.Geometry, **more: Any) -> str:
    given_terms: dict[str, Any] = {"class_codes": ("water",), "attributes": ("name", "from_node_id")} | more
    terms = Terms("水务局", "设计", area, expires_at=datetime.now(UTC) + timedelta(days=9), **given_terms)
    with database.transaction() as connection:
        return hash_key(agreements.issue_key(connection, agreements.agree(connection, terms, "li"), "li"))


def reach(low: float, high: float) -> shapely.Geometry:
    return shapely.box(X0 + low, Y0 - 5, X0 + high, Y0 + 5)


def full_read(database: Database, key: str, version: int) -> Held:
    held = {}
    for kind in SHARED_KINDS:
        page = read_items(database, key, ItemsRequest(kind, Place(), limit=10_000, version=version))
        held |= {(kind, feature["id"]): feature for feature in json.loads(page.features)}
    return held


def follow(database: Database, key: str, held: Held, since: int, limit: int = 1000) -> tuple[Held, int, list[Any]]:
    """Apply every page since a version, as a consumer does that keeps nothing but what it was told."""
    held, told, cursor = dict(held), [], None
    while True:
        page = json.loads(read_changes(database, key, ChangesRequest(since, cursor, limit=limit)).body)
        assert len(page["changes"]) <= limit
        for change in page["changes"]:
            place = change["kind"], change["id"]
            assert (change["op"] == "added") == (place not in held)
            if change["op"] == "removed":
                assert change["feature"] is None
                del held[place]
            else:
                assert held.get(place) != change["feature"]
                held[place] = change["feature"]
        told += page["changes"]
        if page["next"] is None:
            return held, page["version"], told
        cursor = parse_cursor(page["next"])


@pytest.fixture(autouse=True)
def few_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has even small maps compared in several ranges."""
    monkeypatch.setattr(feed, "_FEWEST_COMPARED", 2)


@pytest.fixture
def publish(database: Database) -> Any:
    dataset = f"feed {next(_numbers)}"

    def make(**points: Any) -> int:
        given_points: dict[str, Any] = dict.fromkeys(KEYS) | points
        version = put(database, given_points, dataset)
        assert version is not None
        return version

    return make


def put(database: Database, survey: dict[str, Any], dataset: str) -> int | None:
    """Publish a survey whatever is found of it; None when it changes nothing."""
    changeset = bring_in(database, surveyed(survey, dataset))
    with database.transaction(read_only=True) as connection:
        waivers = dict.fromkeys(blocking_findings(connection, changeset), "a made-up survey")
    try:
        return publish_now(database, changeset, waivers=waivers)
    except RejectedError:
        return None


@settings(
    max_examples=10,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
)
@given(
    surveys=st.lists(a_survey, min_size=2, max_size=4),
    limit=st.integers(1, 5),
    low=st.integers(-1, 25),
    shown=st.sampled_from([("exact", "exact"), ("grid_5m", "masked"), ("shifted", "step_0.5m"), ("exact", "masked")]),
)
def test_whoever_applies_every_delta_holds_what_a_full_read_gives(
    database: Database, tmp_path: Path, surveys: list[dict[str, Any]], limit: int, low: int, shown: tuple[str, str]
) -> None:
    dataset = f"random {next(_numbers)}"
    # A shift carries the places away from where the area lies by tens of metres.
    area = reach(low, low + 17) if shown[0] != "shifted" else reach(low, low + 17).buffer(45)
    key = key_of(database, area, position_precision=shown[0], depth_precision=shown[1])
    refresh_stores(database, tmp_path / "shift.key")
    held, version, _ = follow(database, key, {}, 0, limit)
    beginning, first = held, version
    for survey in surveys:
        newest = put(database, survey, dataset) or version
        refresh_stores(database, tmp_path / "shift.key")
        held, version, _ = follow(database, key, held, version, limit)
        assert version == newest
        assert held == full_read(database, key, newest)
    assert follow(database, key, beginning, first, limit)[0] == held
    assert follow(database, key, {}, 0, limit)[0] == held


def test_leaving_and_entering_area_and_class_are_removal_and_addition(database: Database, publish: Any) -> None:
    first = publish(A=(0, "water", "x", None), B=(4, "water", "x", None), C=(1, "water", "x", None))
    key = key_of(database, reach(-2, 25))
    publish(A=(0, "gas", "x", None), B=(2, "water", "x", None), C=(1, "water", "y", None))
    _, _, told = follow(database, key, full_read(database, key, first), first)
    names = {change["id"]: change["op"] for change in told if change["kind"] == "node"}
    with database.transaction(read_only=True) as connection:
        keys = {row["source_key"]: row["feature_id"] for row in connection.execute("SELECT * FROM pipemap.node")}
    assert {name: names.get(keys[name]) for name in "ABC"} == {"A": "removed", "B": "added", "C": "changed"}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((0, "gas", "x", None), (1, "gas", "y", None)),
        ((4, "water", "x", None), (3, "water", "y", None)),
        ((1, "water", "x", "substation"), (0, "water", "y", "substation")),
        ((0, "gas", "x", None), None),
        ((0, "water", "x", None), (0, "water", "y", None)),
    ],
    ids=["of another class", "outside", "a sensitive site", "gone", "an attribute that is not granted"],
)
def test_what_is_hidden_is_told_neither_by_count_nor_by_identity(
    database: Database, publish: Any, before: Any, after: Any
) -> None:
    first = publish(A=(0, "water", "x", None), C=before)
    key = key_of(database, reach(-2, 12), attributes=())
    last = publish(A=(0, "water", "y", None), C=after)
    page = read_changes(database, key, ChangesRequest(first, limit=1))
    assert (page.version, page.parts, page.next) == (last, [], None)


def test_pages_go_on_at_the_version_they_began_with(database: Database, publish: Any) -> None:
    key = key_of(database, reach(-2, 45))
    publish(**{name: (i, "water", "x", None) for i, name in enumerate(KEYS)})
    page = read_changes(database, key, ChangesRequest(0, limit=2))
    assert page.next is not None
    publish(A=(0, "water", "y", None))
    rest = read_changes(database, key, ChangesRequest(0, page.next))
    assert rest.version == page.version
    got = [(one["kind"], one["id"]) for read in (page, rest) for one in json.loads(read.body)["changes"]]
    assert sorted(got) == sorted(full_read(database, key, page.version)) and len(set(got)) == len(got)


def test_an_area_that_moves_is_read_anew_and_an_agreement_that_expires_ends_the_pages(
    database: Database, publish: Any
) -> None:
    first = publish(A=(0, "water", "x", None), B=(1, "water", "x", None), D=(4, "water", "x", None))
    key = key_of(database, reach(-2, 12))
    page = read_changes(database, key, ChangesRequest(0, limit=1))
    publish(A=(0, "water", "y", None), B=(1, "water", "x", None), D=(4, "water", "x", None))
    assert page.next is not None
    change_agreement(database, key, "area = ST_Multi(ST_Translate(area, 30, 0))")
    for request in (ChangesRequest(0, page.next), ChangesRequest(first, permission=page.permission)):
        with pytest.raises(ConflictError):
            read_changes(database, key, request)
    held, version, _ = follow(database, key, {}, 0)
    assert held == full_read(database, key, version) and len(held) == 1
    page = read_changes(database, key, ChangesRequest(0, limit=1))
    change_agreement(database, key, "expires_at = now() - interval '1 second'")
    for request in (ChangesRequest(0, page.next), ChangesRequest(first)):
        with pytest.raises(UnknownKeyError):
            read_changes(database, key, request)


def change_agreement(database: Database, key: str, change: LiteralString) -> None:
    with database.transaction() as connection:
        connection.execute(
            SQL("UPDATE pipemap.agreement SET {} WHERE agreement_id = (SELECT agreement_id FROM pipemap.api_key "
                "WHERE key_sha256 = decode(%s, 'hex'))").format(SQL(change)),
            [key],
        )  # fmt: skip


def test_what_is_asked_wrongly_is_refused(database: Database, publish: Any) -> None:
    version = publish(A=(0, "water", "x", None))
    key = key_of(database, reach(-2, 45))
    digest = read_changes(database, key, ChangesRequest(version)).permission
    for request in (
        ChangesRequest(version + 1),
        ChangesRequest(-1),
        ChangesRequest(0, limit=0),
        ChangesRequest(0, Cursor(version + 1, digest, "node", 0)),
    ):
        with pytest.raises(UsageError):
            read_changes(database, key, request)
    for request in (ChangesRequest(0, permission="other"), ChangesRequest(0, Cursor(version, "other", "node", 0))):
        with pytest.raises(ConflictError):
            read_changes(database, key, request)
    for text in ("", "1.a.node", "1.a.consumer.3", "x.a.node.3", "1.a.node.-3", "1.a.node.99999999999999999999"):
        with pytest.raises(UsageError):
            parse_cursor(text)
    with pytest.raises(UnknownKeyError):
        read_changes(database, hash_key("pmk_forged"), ChangesRequest(0))


def test_a_frozen_agreement_has_no_changes_after_its_version(database: Database, publish: Any) -> None:
    version = publish(A=(0, "water", "x", None), B=(1, "water", "x", None))
    publish(A=(0, "water", "y", None), B=(1, "water", "x", None))
    key = key_of(database, reach(-2, 45), frozen_version=version)
    assert follow(database, key, {}, 0)[0] == full_read(database, key, version)
    assert read_changes(database, key, ChangesRequest(version)).parts == []
    with pytest.raises(UsageError):
        read_changes(database, key, ChangesRequest(version + 1))


def test_every_page_is_on_record(database: Database, publish: Any) -> None:
    publish(A=(0, "water", "x", None), B=(1, "water", "x", None))
    key = key_of(database, reach(-2, 45))
    page = read_changes(database, key, ChangesRequest(0))
    with database.transaction(read_only=True) as connection:
        [entry] = audit.list_entries(connection, limit=1)
        assert chains.verify(connection).is_intact
    assert (entry["chain"], entry["action"]) == ("水务局", "share.changes")
    assert entry["details"]["count"] == sum(page.counts.values()) == 3
    assert entry["details"]["bytes"] == len(page.body)


def test_a_delta_package_holds_all_changes(database: Database, publish: Any, tmp_path: Path) -> None:
    first = publish(A=(0, "water", "x", None), B=(1, "water", "x", None), C=(2, "water", "x", None))
    key = key_of(database, reach(-2, 45))
    held = full_read(database, key, first)
    last = publish(A=(0, "water", "y", None), B=(1, "water", "x", None), D=(2, "water", "x", None))
    made = write_delta(database, key, ChangesRequest(first), tmp_path)
    with zipfile.ZipFile(made.path) as archive:
        manifest = json.loads(archive.read("manifest.json"))
        for row in csv.DictReader(io.StringIO(archive.read("removed.csv").decode())):
            del held[row["kind"], int(row["feature_id"])]
        for kind in SHARED_KINDS:
            for line in archive.read(f"{kind}.geojsonl").decode().splitlines():
                feature = json.loads(line)
                held[kind, feature["id"]] = feature
    assert held == full_read(database, key, last)
    assert (manifest["since"], manifest["version"], manifest["agency"]) == (first, last, "水务局")
    with pytest.raises(ViewOnlyError):
        write_delta(database, key_of(database, reach(0, 9), may_export=False), ChangesRequest(0), tmp_path)
