"""A delivery becomes exactly the changes it means."""

import itertools
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import date
from math import inf
from typing import Any

import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.sql import Identifier
from shapely import LineString, Point, Polygon
from sqlalchemy.dialects.postgresql import BIGINT, BOOLEAN, DATE, DOUBLE_PRECISION, INTEGER, JSONB, REAL, TEXT

from pipemap.changesets import get_changeset
from pipemap.copy_in import copy_frames
from pipemap.db import Database
from pipemap.errors import ConflictError, PipemapError, StorageError
from pipemap.findings import list_findings
from pipemap.ingest import create_import
from schemas.findings import Finding
from tests.postgis.deliveries import (
    bring_in,
    delivery,
    deltas_of,
    node,
    publish_now,
    segment,
    street,
    whole_map,
)

_numbers = itertools.count()
on_one_database = settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def full_delivery() -> Any:
    nodes = [node("J1", well_depth_m=2.35, extra={"备注": "井盖破损"}), node("J2", 10, ground_elevation_m=12.345)]
    segments = [
        segment("J1", "J2", [(0, 0, 8.123), (10, 0, 8.1)], width_mm=300.1, installed_on=date(1998, 5, 1)),
        segment("J2", "J1", [(10, 0), (0, 0)], hole_count=np.nan, from_depth_m=1.1),
    ]
    consumers = [
        {"source_key": "C1", "class_code": "water", "node_key": "J2", "kind_code": "hospital", "people": 812,
         "is_critical": True, "geom": Point(500_010, 2_500_005)},
    ]  # fmt: skip
    structures = [
        {"source_key": "B1", "kind_code": "building", "geom": shapely.box(500_000, 2_500_010, 500_009, 2_500_020)}
    ]
    return delivery(nodes, segments, consumers, structures)


def test_a_delivery_arrives_whole(database: Database) -> None:
    publish_now(database, bring_in(database, full_delivery()))
    by_key = {row["source_key"]: row for row in whole_map(database).values()}
    assert by_key.keys() == {"J1", "J2", "J1->J2", "J2->J1", "C1", "B1"}
    pipe, unknown = by_key["J1->J2"], by_key["J2->J1"]
    assert (pipe["from_node_id"], pipe["to_node_id"]) == (by_key["J1"]["feature_id"], by_key["J2"]["feature_id"])
    assert pipe["installed_on"] == date(1998, 5, 1)
    assert pipe["width_mm"] == pytest.approx(300.1)
    assert shapely.from_wkb(pipe["geom"]) == LineString([(500_000, 2_500_000, 8.123), (500_010, 2_500_000, 8.1)])
    assert shapely.get_srid(shapely.from_wkb(pipe["geom"])) == 4547
    assert not shapely.from_wkb(unknown["geom"]).has_z
    assert unknown["hole_count"] is None
    assert (unknown["shape_code"], unknown["depth_datum_code"]) == ("unknown", "unknown")
    assert by_key["J1"]["extra"] == {"备注": "井盖破损"}
    assert by_key["C1"]["node_id"] == by_key["J2"]["feature_id"]
    assert isinstance(shapely.from_wkb(by_key["B1"]["geom"]), Polygon)


def test_the_same_delivery_again_changes_nothing(database: Database) -> None:
    publish_now(database, bring_in(database, full_delivery()))
    again = bring_in(database, full_delivery())
    assert deltas_of(database, again) == {}
    with database.transaction() as connection:
        assert get_changeset(connection, again).changes == {}


def test_provenance_alone_is_no_change(database: Database) -> None:
    publish_now(database, bring_in(database, street()))
    moved = street()
    moved.nodes["source_row"] = 99
    assert deltas_of(database, bring_in(database, moved)) == {}


ATTRIBUTES = {
    "width_mm": st.none() | st.floats(1, 3000, width=32),
    "to_depth_m": st.none() | st.floats(0, 20),
    "from_elevation_m": st.none() | st.floats(-100, 100),
    "hole_count": st.none() | st.integers(0, 30),
    "owner": st.none() | st.text(max_size=5).filter(lambda text: "\0" not in text),
    "installed_on": st.none() | st.dates(date(1900, 1, 1), date(2030, 1, 1)),
    "extra": st.none() | st.dictionaries(st.sampled_from(["备注", "a"]), st.integers(0, 9), min_size=1),
}
# Points enough that no drawn delivery deletes more than half of its dataset.
KEYS = [f"N{i}" for i in range(7)]


@st.composite
def pipes(draw: st.DrawFn) -> dict[str, dict[str, Any]]:
    # As many pipes as points at most: taking away more than half of a dataset is an error of its own. Each is drawn
    # one way only, and none lies along others: what reversing, splitting and merging mean is told in test_matching.
    pairs = draw(st.sets(st.sampled_from(list(itertools.combinations(KEYS, 2))), max_size=len(KEYS)))
    return {f"{a}->{b}": _pipe(draw, a, b) for a, b in pairs}


def _pipe(draw: st.DrawFn, start: str, end: str) -> dict[str, Any]:
    z = draw(st.none() | st.floats(-50, 50))
    ends = [(5 * KEYS.index(key), KEYS.index(key) ** 2) + (() if z is None else (z,)) for key in (start, end)]
    return segment(start, end, ends, **{name: draw(values) for name, values in ATTRIBUTES.items()})


@on_one_database
@given(before=pipes(), after=pipes())
def test_a_changed_delivery_is_exactly_its_changes(
    database: Database, before: dict[str, Any], after: dict[str, Any]
) -> None:
    dataset = f"survey {next(_numbers)}"
    nodes = [node(key, 5 * i, i**2) for i, key in enumerate(KEYS)]
    publish_now(database, bring_in(database, delivery(nodes, before.values(), dataset=dataset)))
    expected = {("pipe_segment", key): "insert" for key in after.keys() - before.keys()}
    expected |= {("pipe_segment", key): "delete" for key in before.keys() - after.keys()}
    expected |= {("pipe_segment", k): "update" for k in before.keys() & after.keys() if differ(before[k], after[k])}
    changeset = bring_in(database, delivery(nodes, after.values(), dataset=dataset))
    assert deltas_of(database, changeset) == expected
    if expected:
        publish_now(database, changeset)
    assert deltas_of(database, bring_in(database, delivery(nodes, after.values(), dataset=dataset))) == {}


def differ(old: dict[str, Any], new: dict[str, Any]) -> bool:
    singles = {"width_mm", "to_depth_m"}
    same = all(
        (np.float32(old[name]) == np.float32(new[name]))
        if name in singles and None not in (old[name], new[name])
        else old[name] == new[name]
        for name in ATTRIBUTES
    )
    return not same or shapely.to_wkb(old["geom"]) != shapely.to_wkb(new["geom"])


def test_a_partial_delivery_keeps_what_it_has_no_column_for(database: Database) -> None:
    rich = street(2, burial_code="direct", shape_code="circle", installed_on=date(1998, 5, 1), extra={"a": 1, "b": 2})
    publish_now(database, bring_in(database, rich))
    poor = street(2, shape_code="unknown", installed_on=None, width_mm=300.0, extra={"b": 3})
    publish_now(database, bring_in(database, poor, partial=True))
    (pipe,) = [row for row in whole_map(database).values() if row["source_key"] == "J0->J1"]
    assert (pipe["burial_code"], pipe["shape_code"], pipe["installed_on"]) == ("direct", "circle", date(1998, 5, 1))
    assert pipe["width_mm"] == 300.0
    assert pipe["extra"] == {"a": 1, "b": 3}
    assert not deltas_of(database, bring_in(database, poor, partial=True))


def test_a_partial_delivery_deletes_nothing_and_may_lean_on_the_map(database: Database) -> None:
    publish_now(database, bring_in(database, street(3)))
    more = delivery([node("K", 0, 10)], [segment("J1", "K", [(10, 0), (0, 10)])])
    changeset = bring_in(database, more, partial=True)
    assert deltas_of(database, changeset) == {("node", "K"): "insert", ("pipe_segment", "J1->K"): "insert"}
    publish_now(database, changeset)
    by_key = {row["source_key"]: row for row in whole_map(database).values()}
    assert by_key["J1->K"]["from_node_id"] == by_key["J1"]["feature_id"]


def test_a_row_refused_by_the_importer_does_not_remove_what_the_map_holds(database: Database) -> None:
    publish_now(database, bring_in(database, street(3)))
    spoilt = street(2)
    spoilt.findings += [
        Finding(rule=rule, severity="error", message_en="-", message_zh="-", feature_kind=kind, feature_key=key)
        for rule, kind, key in (("IMP-NUMBER", "node", "J2"), ("R20", "pipe_segment", "J1->J2"))
    ]
    assert deltas_of(database, bring_in(database, spoilt)) == {}


def test_a_line_to_a_missing_point_is_refused_and_counted(database: Database) -> None:
    publish_now(database, bring_in(database, delivery([node("FAR", 50)], dataset="another")))
    broken = street(2)
    extra = segment("J0", "FAR", [(0, 0), (50, 0)], source_row=7)
    broken.segments = pd.concat([broken.segments, pd.DataFrame([extra])], ignore_index=True)
    broken.counts[1].rows = broken.counts[1].loaded = 2
    changeset = bring_in(database, broken)
    assert ("pipe_segment", "J0->FAR") not in deltas_of(database, changeset)
    with database.transaction() as connection:
        (found,) = list_findings(connection, changeset)
        count = get_changeset(connection, changeset).row_counts[1]
    assert (found["rule"], found["severity"], found["feature_key"]) == ("R20", "error", "J0->FAR")
    assert (found["value"], found["file"], found["sheet"], found["row"]) == ("FAR", "survey.xlsx", "lines", 7)
    assert (found["x_m"], found["y_m"]) == (500_000, 2_500_000)
    assert (count["rows"], count["loaded"], count["refused"]) == (2, 1, 1)


def test_a_key_given_twice_loads_once_with_a_finding(database: Database) -> None:
    twice = delivery([node("J", source_row=2), node("J", 5, source_row=3)])
    changeset = bring_in(database, twice)
    assert deltas_of(database, changeset) == {("node", "J"): "insert"}
    with database.transaction() as connection:
        (found,) = list_findings(connection, changeset)
        assert (found["rule"], found["row"]) == ("R07", 3)
        assert get_changeset(connection, changeset).row_counts[0]["refused"] == 1


def test_progress_reaches_the_end(database: Database) -> None:
    seen: list[tuple[str, int, int]] = []
    create_import(database, street(4), title="t", author="a", on_progress=lambda *step: seen.append(step))
    assert ("load node", 4, 4) in seen
    assert seen[-1] == ("compare", 4, 4)


def test_the_same_delivery_given_twice_at_once_is_two_drafts(database: Database) -> None:
    with ThreadPoolExecutor() as pool:
        others: list[Future[int]] = []

        def meanwhile(*_step: Any) -> None:
            if not others:
                others.append(pool.submit(create_import, database, street(4), title="other", author="b"))
                wait(others, timeout=2)

        mine = create_import(database, street(4), title="mine", author="a", on_progress=meanwhile)
        (other,) = (each.result() for each in others)
    assert deltas_of(database, mine) == deltas_of(database, other)
    assert len(deltas_of(database, mine)) == 7


@pytest.mark.parametrize(
    ("state", "error", "told"),
    [
        ("40001", ConflictError, "do it again"),
        ("40P01", ConflictError, "do it again"),
        ("53100", StorageError, "disk of the database is full"),
    ],
)
def test_what_stops_a_change_is_called_by_its_name(
    database: Database, state: str, error: type[PipemapError], told: str
) -> None:
    with pytest.raises(error, match=told) as raised, database.transaction() as connection:
        connection.execute(f"DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{state}'; END $$")
    assert raised.value.told("zh") != raised.value.message
    assert "cannot be reached" not in raised.value.message


TYPES = {
    "big": (BIGINT(), "bigint", st.integers(-(2**62), 2**62)),
    "small": (INTEGER(), "integer", st.integers(-(2**31), 2**31 - 1)),
    "single": (REAL(), "real", st.floats(width=32, allow_nan=False)),
    "double": (DOUBLE_PRECISION(), "double precision", st.floats(allow_nan=False)),
    "flag": (BOOLEAN(), "boolean", st.booleans()),
    "day": (DATE(), "date", st.dates(date(1, 1, 1), date(2262, 1, 1))),
    "words": (TEXT(), "text", st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))),
    "more": (
        JSONB(),
        "jsonb",
        st.dictionaries(st.text('键a"\\', max_size=3), st.integers(-(2**63), 2**63), min_size=1),
    ),
}


@on_one_database
@given(rows=st.lists(st.fixed_dictionaries({name: st.none() | values for name, (_, _, values) in TYPES.items()})))
def test_copied_values_come_back_as_they_were(database: Database, rows: list[dict[str, Any]]) -> None:
    frame = pd.DataFrame({name: pd.Series([row[name] for row in rows], dtype=object) for name in TYPES})
    with database.transaction() as connection:
        listed = ", ".join(f"{name} {word}" for name, (_, word, _) in TYPES.items())
        connection.execute(f"CREATE TEMP TABLE copied (place integer, {listed}) ON COMMIT DROP")
        placed = frame.assign(place=np.arange(len(frame)))
        types = {"place": INTEGER(), **{name: kind for name, (kind, _, _) in TYPES.items()}}
        copy_frames(connection, Identifier("copied"), [placed], types)
        back = connection.execute(f"SELECT {', '.join(TYPES)} FROM copied ORDER BY place").fetchall()
    for row in back:
        # The driver reads a real by its shortest decimal form, which names the same single.
        row["single"] = None if row["single"] is None else float(np.float32(row["single"]))
    for row in rows:
        # What is beyond every number is not known.
        row |= {name: None for name in ("single", "double") if row[name] in (inf, -inf)}
    assert back == rows
