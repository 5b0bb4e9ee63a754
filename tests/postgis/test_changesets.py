"""Review, publishing, conflicts, rebasing and undoing, as the people who do them see it."""

from typing import Any

import psycopg
import pytest
from shapely import LineString, Point

from pipemap.changesets import (
    approve,
    create_edit,
    discard,
    get_changeset,
    list_changesets,
    list_deltas,
    publish,
    rebase,
    reject,
    revert,
    submit,
)
from pipemap.db import Database
from pipemap.errors import ConflictError, NotFoundError, PermissionDeniedError, RejectedError, UsageError
from pipemap.findings import save_findings
from pipemap.versions import current_version
from schemas.findings import Finding, Severity
from tests.postgis.deliveries import (
    bring_in,
    delivery,
    deltas_of,
    mark_checked,
    node,
    publish_now,
    street,
    whole_map,
)


@pytest.fixture
def published(database: Database) -> dict[str, int]:
    """J0 ── J1 ── J2 on the map; identities by key."""
    publish_now(database, bring_in(database, street(3, owner="water company", width_mm=200.0)))
    return {row["source_key"]: row["feature_id"] for row in whole_map(database).values()}


def edit(
    database: Database, kind: str, feature_id: int, op: str = "update", author: str = "Wang", **values: Any
) -> int:
    change = {"kind": kind, "feature_id": feature_id, "op": op, "values": values}
    return create_edit(database, title="edit", author=author, changes=[change])


def state_of(database: Database, feature_id: int) -> dict[str, Any]:
    (row,) = (row for (_, number), row in whole_map(database).items() if number == feature_id)
    return row


def version_now(database: Database) -> int:
    with database.transaction() as connection:
        return current_version(connection)


def test_a_draft_must_be_checked_before_it_is_published(database: Database) -> None:
    changeset = bring_in(database, street())
    with pytest.raises(RejectedError, match=f"pipemap check {changeset}"):
        publish(database, changeset, message="m", author="a")
    assert whole_map(database) == {}


def test_publishing_again_gives_the_same_version(database: Database) -> None:
    changeset = bring_in(database, street())
    assert publish_now(database, changeset) == 1
    assert publish(database, changeset, message="again", author="a") == 1
    assert version_now(database) == 1


def test_publishing_is_written_to_the_audit_log(database: Database) -> None:
    publish_now(database, bring_in(database, street()))
    with database.transaction() as connection:
        rows = connection.execute("SELECT actor, action FROM pipemap.audit_log").fetchall()
    assert {"actor": "publisher", "action": "publish"} in rows


def test_publishing_is_announced(database: Database, database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as listener:
        listener.execute("LISTEN pipemap_version")
        publish_now(database, bring_in(database, street()))
        (heard,) = listener.notifies(timeout=60, stop_after=1)
    assert heard.payload == "1"


def test_errors_block_until_their_rule_is_waived_with_a_reason(database: Database) -> None:
    changeset = bring_in(database, street())
    found = Finding(rule="R17", severity=Severity.ERROR, message_en="too long", message_zh="过长")
    with database.transaction() as connection:
        save_findings(connection, changeset, "check", [found, found])
    with pytest.raises(RejectedError, match=r"R17 \(2\)") as blocked:
        publish_now(database, changeset)
    assert blocked.value.details["rules"] == {"R17": 2}
    with pytest.raises(UsageError, match="reason"):
        publish_now(database, changeset, waivers={"R17": " "})
    assert publish_now(database, changeset, waivers={"R17": "siphon under the river"}) == 1


def test_a_changeset_without_changes_makes_no_version(database: Database, published: dict[str, int]) -> None:
    again = bring_in(database, street(3, owner="water company", width_mm=200.0))
    with pytest.raises(RejectedError, match="changes nothing"):
        publish_now(database, again)
    assert version_now(database) == 1


def test_approval_by_somebody_else(database: Database) -> None:
    changeset = bring_in(database, street(), author="Wang")
    mark_checked(database, changeset)
    with pytest.raises(RejectedError, match="approval"):
        publish(database, changeset, message="m", author="Li", require_approval=True)
    submit(database, changeset, actor="Wang")
    with pytest.raises(PermissionDeniedError, match="author"):
        approve(database, changeset, reviewer="Wang")
    with pytest.raises(RejectedError, match="approval"):
        publish(database, changeset, message="m", author="Li")
    approve(database, changeset, reviewer="Li")
    assert publish(database, changeset, message="m", author="Li", require_approval=True) == 1


def test_a_rejected_changeset_stays_out_and_a_discarded_one_is_gone(database: Database) -> None:
    rejected, unwanted = bring_in(database, street(), author="Wang"), bring_in(database, street())
    reject(database, rejected, reviewer="Li")
    with pytest.raises(RejectedError, match="rejected by Li"):
        publish(database, rejected, message="m", author="Li")
    discard(database, unwanted, actor="Wang")
    assert deltas_of(database, unwanted) == {}
    with database.transaction() as connection:
        with pytest.raises(NotFoundError):
            get_changeset(connection, unwanted)
        assert [c.changeset_id for c in list_changesets(connection, state="rejected", author="Wang")] == [rejected]


def test_the_second_of_two_edits_of_one_feature_is_refused_and_rebased(
    database: Database, published: dict[str, int]
) -> None:
    pipe = published["J0->J1"]
    first = edit(database, "pipe_segment", pipe, owner="new owner")
    second = edit(database, "pipe_segment", pipe, material_code="pe")
    publish_now(database, first)
    with pytest.raises(ConflictError) as refused:
        publish_now(database, second)
    assert refused.value.details["features"] == [
        {"kind": "pipe_segment", "feature_id": pipe, "source_key": "J0->J1", "reason": "changed"}
    ]
    done = rebase(database, second, actor="Wang")
    assert (done.settled, done.conflicts) == (1, ())
    publish_now(database, second)
    merged = state_of(database, pipe)
    assert (merged["owner"], merged["material_code"], merged["width_mm"]) == ("new owner", "pe", 200)


@pytest.mark.parametrize(("prefer", "owner"), [("mine", "second"), ("map", "first")])
def test_the_same_attribute_on_both_sides_is_left_to_a_person(
    database: Database, published: dict[str, int], prefer: Any, owner: str
) -> None:
    pipe = published["J0->J1"]
    first = edit(database, "pipe_segment", pipe, owner="first")
    second = edit(database, "pipe_segment", pipe, owner="second", circuit="A")
    publish_now(database, first)
    (conflict,) = rebase(database, second, actor="Wang").conflicts
    assert (conflict.source_key, conflict.attributes) == ("J0->J1", ("owner",))
    with pytest.raises(ConflictError):
        publish_now(database, second)
    assert rebase(database, second, actor="Wang", prefer=prefer).conflicts == ()
    publish_now(database, second)
    settled = state_of(database, pipe)
    assert (settled["owner"], settled["circuit"]) == (owner, "A")


@pytest.mark.parametrize("prefer", ["mine", "map"])
def test_deleting_what_the_map_changed(database: Database, published: dict[str, int], prefer: Any) -> None:
    pipe = published["J0->J1"]
    changed = edit(database, "pipe_segment", pipe, owner="changed")
    deleted = edit(database, "pipe_segment", pipe, op="delete")
    publish_now(database, changed)
    (conflict,) = rebase(database, deleted, actor="Wang").conflicts
    assert conflict.reason == "changed"
    assert rebase(database, deleted, actor="Wang", prefer=prefer).conflicts == ()
    if prefer == "mine":
        publish_now(database, deleted)
    assert ("pipe_segment", pipe) in whole_map(database) or prefer == "mine"
    assert ("pipe_segment", pipe) not in whole_map(database) or prefer == "map"


@pytest.mark.parametrize("prefer", ["mine", "map"])
def test_changing_what_the_map_deleted(database: Database, published: dict[str, int], prefer: Any) -> None:
    pipe = published["J0->J1"]
    deleted = edit(database, "pipe_segment", pipe, op="delete")
    changed = edit(database, "pipe_segment", pipe, owner="changed")
    publish_now(database, deleted)
    (conflict,) = rebase(database, changed, actor="Wang").conflicts
    assert conflict.reason == "deleted"
    assert rebase(database, changed, actor="Wang", prefer=prefer).conflicts == ()
    assert deltas_of(database, changed) == ({("pipe_segment", "J0->J1"): "insert"} if prefer == "mine" else {})


def test_two_imports_of_one_delivery_made_side_by_side(database: Database) -> None:
    first, second = bring_in(database, street(3)), bring_in(database, street(4))
    publish_now(database, first)
    with pytest.raises(ConflictError) as refused:
        publish_now(database, second)
    assert {item["reason"] for item in refused.value.details["features"]} == {"key taken"}
    assert rebase(database, second, actor="Wang").conflicts == ()
    assert deltas_of(database, second) == {("node", "J3"): "insert", ("pipe_segment", "J2->J3"): "insert"}
    publish_now(database, second)
    by_key = {row["source_key"]: row for row in whole_map(database).values()}
    assert by_key["J2->J3"]["from_node_id"] == by_key["J2"]["feature_id"]


def test_a_rebased_changeset_must_be_checked_anew(database: Database, published: dict[str, int]) -> None:
    first = edit(database, "pipe_segment", published["J0->J1"], owner="x")
    second = edit(database, "pipe_segment", published["J0->J1"], circuit="A")
    mark_checked(database, second)
    publish_now(database, first)
    rebase(database, second, actor="Wang")
    with pytest.raises(RejectedError, match="not been checked"):
        publish(database, second, message="m", author="a")


def test_a_segment_without_its_node_is_refused(database: Database, published: dict[str, int]) -> None:
    before = whole_map(database)
    with pytest.raises(ConflictError, match="without a node") as refused:
        publish_now(database, edit(database, "node", published["J1"], op="delete"))
    assert {item["source_key"] for item in refused.value.details["features"]} == {"J0->J1", "J1->J2"}
    with pytest.raises(ConflictError):
        publish_now(database, edit(database, "pipe_segment", published["J0->J1"], to_node_id=999_999))
    assert whole_map(database) == before
    assert version_now(database) == 1


def test_a_key_that_was_taken_meanwhile_is_refused(database: Database, published: dict[str, int]) -> None:
    renamed = edit(database, "node", published["J0"], source_key="NEW")
    arriving = bring_in(database, delivery([node("NEW", 5)]), partial=True)
    publish_now(database, renamed)
    with pytest.raises(ConflictError) as refused:
        publish_now(database, arriving)
    assert refused.value.details["features"][0]["reason"] == "key taken"


def test_reverting_brings_the_exact_former_state_back(database: Database, published: dict[str, int]) -> None:
    before = whole_map(database)
    changed = street(4, owner="somebody else", width_mm=300.0)
    changed.nodes = changed.nodes[changed.nodes["source_key"] != "J0"]
    changed.segments = changed.segments[changed.segments["source_key"] != "J0->J1"]
    changeset = bring_in(database, changed)
    assert set(deltas_of(database, changeset).values()) == {"insert", "update", "delete"}
    publish_now(database, changeset)
    assert whole_map(database) != before
    publish_now(database, revert(database, changeset, author="Li"))
    assert whole_map(database) == before


def test_reverting_keeps_what_was_done_since(database: Database, published: dict[str, int]) -> None:
    pipe = published["J0->J1"]
    undone = edit(database, "pipe_segment", pipe, owner="wrong")
    publish_now(database, undone)
    publish_now(database, edit(database, "pipe_segment", pipe, circuit="A"))
    draft = revert(database, undone, author="Li")
    with pytest.raises(ConflictError):
        publish_now(database, draft)
    assert rebase(database, draft, actor="Wang").conflicts == ()
    publish_now(database, draft)
    assert (state_of(database, pipe)["owner"], state_of(database, pipe)["circuit"]) == ("water company", "A")


def test_only_published_changesets_can_be_reverted(database: Database) -> None:
    with pytest.raises(RejectedError, match="not published"):
        revert(database, bring_in(database, street()), author="Li")


def test_an_edit_may_add_a_pipe_between_new_points(database: Database) -> None:
    changes = [
        {"kind": "node", "op": "insert", "feature_id": -1, "values": {"class_code": "gas", "geom": Point(1, 2)}},
        {"kind": "node", "op": "insert", "feature_id": -2, "values": {"class_code": "gas", "geom": Point(4, 6)}},
        {
            "kind": "pipe_segment",
            "op": "insert",
            "values": {
                "source_key": "new",
                "class_code": "gas",
                "from_node_id": -1,
                "to_node_id": -2,
                "shape_code": "unknown",
                "depth_datum_code": "unknown",
                "elevation_source_code": "unknown",
                "geom": LineString([(1, 2), (4, 6)]),
            },
        },
    ]
    publish_now(database, create_edit(database, title="t", author="a", changes=changes))
    assert sorted(kind for kind, _ in whole_map(database)) == ["node", "node", "pipe_segment"]


def test_an_edit_says_what_it_cannot_do(database: Database, published: dict[str, int]) -> None:
    with pytest.raises(NotFoundError, match="999999"):
        edit(database, "node", 999_999, name="x")
    with pytest.raises(UsageError, match="colour"):
        edit(database, "node", published["J0"], colour="red")
    for cell in ("NaN", "Infinity", float("inf"), "wide", [1]):
        with pytest.raises(UsageError, match="width_mm is a number"):
            edit(database, "pipe_segment", published["J0->J1"], width_mm=cell)


def test_deltas_show_both_states_and_the_changed_fields(database: Database, published: dict[str, int]) -> None:
    changeset = edit(database, "pipe_segment", published["J0->J1"], width_mm=315)
    with database.transaction() as connection:
        (open_delta,) = list_deltas(connection, changeset)
    publish_now(database, changeset)
    with database.transaction() as connection:
        (closed_delta,) = list_deltas(connection, changeset, kind="pipe_segment", op="update")
        assert list_deltas(connection, changeset, op="delete") == []
    assert open_delta == closed_delta
    assert open_delta["changed"] == ["width_mm"]
    assert (open_delta["old"]["width_mm"], open_delta["new"]["width_mm"]) == (200, 315)
    assert open_delta["new"]["geom"]["type"] == "LineString"
