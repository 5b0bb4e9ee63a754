"""Any version can be read again, and the difference of two is what turns one into the other."""

import itertools
import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pipemap.changesets import create_edit
from pipemap.db import Database
from pipemap.errors import NotFoundError, UsageError
from pipemap.findings import blocking_findings
from pipemap.versions import diff, diff_counts, find_feature, history, log, relation, resolve_version
from schemas.tables import FEATURE_KINDS, state_names
from tests.postgis.deliveries import (
    bring_in,
    delivery,
    deltas_of,
    node,
    publish_now,
    segment,
    states_in,
    street,
    whole_map,
)

_numbers = itertools.count()
KEYS = ("A", "B", "C", "D")
# What a survey may say of each point at one time: nothing, or its position and name.
a_state = st.none() | st.tuples(st.integers(0, 2), st.sampled_from(["", "x"]))
a_survey = st.fixed_dictionaries(dict.fromkeys(KEYS, a_state))


def surveyed(points: dict[str, Any], dataset: str) -> Any:
    """The named points, and a pipe between each two neighbours that are there."""
    nodes = [node(key, p[0], name=p[1] or None) for key, p in points.items() if p is not None]
    pairs = [(a, b) for a, b in itertools.pairwise(KEYS) if points[a] and points[b]]
    segments = [segment(a, b, [(points[a][0], 0, 1), (points[b][0], 1, 2)]) for a, b in pairs]
    return delivery(nodes, segments, dataset=dataset)


def as_of(database: Database, version: int, dataset: str) -> dict[tuple[str, int], dict[str, Any]]:
    with database.transaction() as connection:
        sources = {kind: relation(kind, version).as_string(connection) for kind in FEATURE_KINDS}
    return states_in(database, sources.__getitem__, dataset)


def as_json(database: Database, version: int, dataset: str) -> dict[tuple[str, int], Any]:
    """The states of a version in the form in which differences tell them."""
    with database.transaction() as connection:
        found = {}
        for kind in FEATURE_KINDS:
            fields = ", ".join(f"'{name}', {name}" for name in state_names(kind) if name != "geom")
            rows = connection.execute(
                f"SELECT feature_id, jsonb_build_object({fields}, 'geom', ST_AsGeoJSON(geom, 15)::jsonb) AS state"
                f" FROM {relation(kind, version).as_string(connection)}"
                " WHERE dataset_id = (SELECT dataset_id FROM pipemap.dataset d WHERE d.name = %s)",
                [dataset],
            )
            found |= {(kind, row["feature_id"]): row["state"] for row in rows}
        return found


# Shrinking would replay hundreds of imports.
@settings(
    max_examples=6,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
@given(surveys=st.lists(a_survey, min_size=2, max_size=5), data=st.data())
def test_versions_stay_readable_and_differences_lead_from_one_to_another(
    database: Database, surveys: list[dict[str, Any]], data: st.DataObject
) -> None:
    dataset = f"survey {next(_numbers)}"
    seen: dict[int, Any] = {0: {}}
    for survey in surveys:
        changeset = bring_in(database, surveyed(survey, dataset))
        if deltas_of(database, changeset):
            with database.transaction() as connection:
                mass_deletion = blocking_findings(connection, changeset)
            version = publish_now(database, changeset, waivers=dict.fromkeys(mass_deletion, "meant so"))
            seen[version] = whole_map(database, dataset)
    for version, then in seen.items():
        assert as_of(database, version, dataset) == then
    low, high = (data.draw(st.sampled_from(sorted(seen))) for _ in range(2))
    state = as_json(database, low, dataset)
    with database.transaction() as connection:
        deltas = [d for d in diff(connection, low, high) if dataset_of(connection, d) == dataset]
    for delta in deltas:
        key = (delta["kind"], delta["feature_id"])
        assert state.pop(key, None) == delta["old"]
        assert (delta["op"] == "insert") == (delta["old"] is None)
        assert (delta["op"] == "delete") == (delta["new"] is None)
        assert delta["op"] != "update" or delta["changed"]
        if delta["new"] is not None:
            state[key] = delta["new"]
    assert state == as_json(database, high, dataset)


def dataset_of(connection: Any, delta: dict[str, Any]) -> str:
    dataset_id = (delta["new"] or delta["old"])["dataset_id"]
    row = connection.execute("SELECT name FROM pipemap.dataset WHERE dataset_id = %s", [dataset_id]).fetchone()
    return str(row["name"])


@pytest.fixture
def three_versions(database: Database) -> Database:
    """1: a street of three; 2: its pipes change owner; 3: one more pipe."""
    publish_now(database, bring_in(database, street(3, owner="first")))
    publish_now(database, bring_in(database, street(3, owner="second")))
    publish_now(database, bring_in(database, street(4, owner="second")))
    return database


def test_differences_can_be_counted_filtered_and_paged(three_versions: Database) -> None:
    with three_versions.transaction() as connection:
        assert diff_counts(connection, 1, 3) == {
            "node": {"insert": 1, "update": 0, "delete": 0},
            "pipe_segment": {"insert": 1, "update": 2, "delete": 0},
        }
        assert diff_counts(connection, 3, 1)["pipe_segment"] == {"insert": 0, "update": 2, "delete": 1}
        everything = diff(connection, 1, 3)
        assert [d["kind"] for d in everything] == ["node"] + ["pipe_segment"] * 3
        assert diff(connection, 1, 3, limit=2, offset=1) == everything[1:3]
        assert diff(connection, 1, 3, kind="node") == everything[:1]
        assert [d["op"] for d in diff(connection, 3, 1, op="delete", kind="pipe_segment")] == ["delete"]
        east = (500_025, 2_499_999, 500_040, 2_500_001)
        assert {d["source_key"] for d in diff(connection, 1, 3, bbox=east)} == {"J3", "J2->J3"}
        with pytest.raises(UsageError, match="kind"):
            diff(connection, 1, 3, kind="pipe")


def test_what_was_changed_and_changed_back_is_no_difference(three_versions: Database) -> None:
    publish_now(three_versions, bring_in(three_versions, street(4, owner="first")))
    with three_versions.transaction() as connection:
        assert {d["source_key"] for d in diff(connection, 1, 4)} == {"J3", "J2->J3"}


def test_the_life_of_a_feature(three_versions: Database) -> None:
    with three_versions.transaction() as connection:
        pipe = find_feature(connection, "J0->J1", "survey")
    edits = [{"kind": "pipe_segment", "feature_id": pipe, "op": "delete"}]
    publish_now(three_versions, create_edit(three_versions, title="t", author="a", changes=edits))
    with three_versions.transaction() as connection:
        life = history(connection, pipe)
        assert find_feature(connection, "J0->J1") == pipe
    assert [(entry["version"], entry["op"], entry["changed"]) for entry in life] == [
        (1, "insert", []),
        (2, "update", ["owner"]),
        (4, "delete", []),
    ]
    assert [entry["author"] for entry in life] == ["publisher"] * 3
    assert json.dumps(life[1]["state"])
    assert life[2]["state"] is None


def test_versions_by_number_and_by_time(three_versions: Database) -> None:
    with three_versions.transaction() as connection:
        assert resolve_version(connection, None) is None
        assert resolve_version(connection, 2) == 2
        assert resolve_version(connection, date.today() + timedelta(days=1)) == 3
        moments = {row["version"]: row["published_at"] for row in log(connection)}
        assert resolve_version(connection, moments[2]) == 2
        for missing in (4, -1, datetime(1999, 1, 1, tzinfo=UTC), date(1999, 1, 1)):
            with pytest.raises(NotFoundError):
                resolve_version(connection, missing)


def test_the_log_is_newest_first_and_paged(three_versions: Database) -> None:
    with three_versions.transaction() as connection:
        assert [row["version"] for row in log(connection)] == [3, 2, 1]
        assert [row["version"] for row in log(connection, limit=1, offset=1)] == [2]
        assert log(connection, author="nobody") == []
        assert log(connection)[0]["counts"]["node"]["insert"] == 1


def test_an_unknown_feature_is_named(database: Database) -> None:
    with database.transaction() as connection:
        with pytest.raises(NotFoundError, match="42"):
            history(connection, 42)
        with pytest.raises(NotFoundError, match="J9"):
            find_feature(connection, "J9")


def test_a_draft_can_be_seen_as_if_it_were_published(database: Database) -> None:
    publish_now(database, bring_in(database, street(3, owner="first")))
    draft = bring_in(database, street(2, owner="second"))
    foreseen = states_in(database, lambda kind: f"pipemap_app.{kind}_in_changeset({draft})")
    publish_now(database, draft)
    assert foreseen == whole_map(database)


def test_a_box_at_a_version_reads_the_spatial_indexes(database: Database) -> None:
    publish_now(database, bring_in(database, street(3)))
    with database.transaction() as connection:
        connection.execute("SET LOCAL enable_seqscan = off")
        plan = "\n".join(
            row["QUERY PLAN"]
            for row in connection.execute(
                "EXPLAIN SELECT feature_id FROM pipemap_app.pipe_segment_as_of(1) WHERE geom && %s::box2d::geometry",
                ["BOX(0 0,1 1)"],
            )
        )
    assert "pipe_segment_geom_idx" in plan
    assert "pipe_segment_history_life_idx" in plan
