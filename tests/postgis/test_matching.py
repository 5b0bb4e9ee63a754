"""Numbers change between two surveys; what they stand for is found again, and what cannot be told is not guessed."""

import itertools
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shapely import box

from pipemap.db import Database
from pipemap.findings import list_findings
from pipemap.ingest import create_import
from tests.postgis.deliveries import bring_in, delivery, deltas_of, node, publish_now, segment, street, whole_map

X0, Y0 = 500_000, 2_500_000


def ids(database: Database) -> dict[str, int]:
    return {row["source_key"]: row["feature_id"] for row in whole_map(database).values()}


def told(database: Database, changeset: int, rule: str) -> list[dict[str, Any]]:
    with database.transaction(read_only=True) as connection:
        return [dict(row) for row in list_findings(connection, changeset, rule=rule)]


def renamed(rows: list[tuple[str, float]], **attributes: Any) -> Any:
    """A street as `street` draws it, its points by other names and a little off."""
    nodes = [node(name, x) for name, x in rows]
    pairs = itertools.pairwise(rows)
    lines = [segment(a, b, [(x, 0, 8), (x2, 0, 8)], **attributes) for (a, x), (b, x2) in pairs]
    return delivery(nodes, lines)


def test_renumbered_points_and_their_lines_keep_their_identity(database: Database) -> None:
    publish_now(database, bring_in(database, street(3)))
    before = ids(database)
    changeset = bring_in(database, renamed([("K0", 0.04), ("K1", 10), ("K2", 20)]))
    assert set(deltas_of(database, changeset).values()) == {"update"}
    assert {row["value"] for row in told(database, changeset, "IMP-RENUMBERED")} == {"3", "2"}
    publish_now(database, changeset)
    after = ids(database)
    assert [after[key] for key in ("K0", "K1", "K2")] == [before[key] for key in ("J0", "J1", "J2")]
    assert (after["K0->K1"], after["K1->K2"]) == (before["J0->J1"], before["J1->J2"])
    assert deltas_of(database, bring_in(database, renamed([("K0", 0.04), ("K1", 10), ("K2", 20)]))) == {}


def test_numbers_that_moved_on_by_one_are_followed(database: Database) -> None:
    publish_now(database, bring_in(database, street(3)))
    before = ids(database)
    publish_now(database, bring_in(database, renamed([("J1", 0), ("J2", 10), ("J3", 20)])))
    after = ids(database)
    assert (after["J1"], after["J2"], after["J3"]) == (before["J0"], before["J1"], before["J2"])
    assert (after["J1->J2"], after["J2->J3"]) == (before["J0->J1"], before["J1->J2"])


def test_two_points_that_swapped_numbers_are_followed(database: Database) -> None:
    publish_now(database, bring_in(database, street(2)))
    before = ids(database)
    publish_now(database, bring_in(database, renamed([("J1", 0), ("J0", 10)])))
    after = ids(database)
    assert (after["J0"], after["J1"]) == (before["J1"], before["J0"])
    assert after["J1->J0"] == before["J0->J1"]


def test_a_point_that_moved_under_its_number_is_the_same_point(database: Database) -> None:
    publish_now(database, bring_in(database, street(2)))
    changeset = bring_in(database, renamed([("J0", 0), ("J1", 13)]))
    assert deltas_of(database, changeset) == {("node", "J1"): "update", ("pipe_segment", "J0->J1"): "update"}


def test_a_point_of_another_class_at_the_same_place_is_another_point(database: Database) -> None:
    publish_now(database, bring_in(database, delivery([node("J0"), node("J1", 10)])))
    changeset = bring_in(database, delivery([node("R0", class_code="gas"), node("J1", 10)]))
    assert deltas_of(database, changeset) == {("node", "J0"): "delete", ("node", "R0"): "insert"}


def test_a_point_beyond_the_tolerance_is_another_point(database: Database) -> None:
    publish_now(database, bring_in(database, delivery([node("J0"), node("J1", 10)])))
    changeset = bring_in(database, delivery([node("K0", 0.2), node("J1", 10)]))
    assert deltas_of(database, changeset) == {("node", "J0"): "delete", ("node", "K0"): "insert"}


def test_two_candidates_are_not_guessed(database: Database) -> None:
    publish_now(database, bring_in(database, delivery([node("V1"), node("W1", 0.05), node("J1", 10)])))
    changeset = bring_in(database, delivery([node("K0", 0.02), node("J1", 10)]))
    assert deltas_of(database, changeset) == {
        ("node", "V1"): "delete",
        ("node", "W1"): "delete",
        ("node", "K0"): "insert",
    }
    (said,) = told(database, changeset, "IMP-MATCH")
    assert (said["feature_key"], said["value"]) == ("K0", "V1, W1")


def test_a_split_line_goes_on_as_its_longest_part(database: Database) -> None:
    publish_now(database, bring_in(database, renamed([("A", 0), ("B", 30)])))
    before = ids(database)
    changeset = bring_in(database, renamed([("A", 0), ("C", 10), ("B", 30)]))
    assert deltas_of(database, changeset) == {
        ("node", "C"): "insert",
        ("pipe_segment", "A->C"): "insert",
        ("pipe_segment", "C->B"): "update",
    }
    (said,) = told(database, changeset, "IMP-SPLIT")
    assert (said["value"], said["details"]["parts"]) == ("A->B", ["C->B", "A->C"])
    publish_now(database, changeset)
    assert ids(database)["C->B"] == before["A->B"]


def test_merged_lines_go_on_as_the_longest_of_them(database: Database) -> None:
    publish_now(database, bring_in(database, renamed([("A", 0), ("C", 10), ("B", 30)])))
    before = ids(database)
    changeset = bring_in(database, renamed([("A", 0), ("B", 30)]))
    assert deltas_of(database, changeset) == {
        ("node", "C"): "delete",
        ("pipe_segment", "A->C"): "delete",
        ("pipe_segment", "A->B"): "update",
    }
    assert told(database, changeset, "IMP-MERGED")[0]["details"]["parts"] == ["C->B", "A->C"]
    publish_now(database, changeset)
    assert ids(database)["A->B"] == before["C->B"]


def test_parts_that_do_not_cover_the_old_line_are_no_split(database: Database) -> None:
    publish_now(database, bring_in(database, renamed([("A", 0), ("B", 30)])))
    nodes = [node("A"), node("C", 10), node("D", 12), node("B", 30)]
    lines = [segment("A", "C", [(0, 0, 8), (10, 0, 8)]), segment("D", "B", [(12, 0, 8), (30, 0, 8)])]
    changeset = bring_in(database, delivery(nodes, lines))
    assert deltas_of(database, changeset)["pipe_segment", "A->B"] == "delete"
    assert told(database, changeset, "IMP-SPLIT") == []


def test_a_line_drawn_the_other_way_is_the_same_line(database: Database) -> None:
    publish_now(database, bring_in(database, renamed([("A", 0), ("B", 30)])))
    before = ids(database)
    publish_now(database, bring_in(database, renamed([("B", 30), ("A", 0)])))
    assert ids(database)["B->A"] == before["A->B"]


def test_only_what_lies_wholly_in_the_declared_extent_is_removed(database: Database) -> None:
    publish_now(database, bring_in(database, street(6)))
    west = box(X0 - 1, Y0 - 1, X0 + 25, Y0 + 1)
    changeset = create_import(database, street(2), title="west", author="surveyor", extent=west)
    # J2 -> J3 straddles the edge and stays, and so does its point J2.
    assert deltas_of(database, changeset) == {("pipe_segment", "J1->J2"): "delete"}
    assert told(database, changeset, "IMP-REMOVES") == []
    publish_now(database, changeset)


on_one_database = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@on_one_database
@given(order=st.permutations(range(6)), shift_m=st.floats(0, 0.1))
def test_any_renumbering_keeps_every_identity(database: Database, order: list[int], shift_m: float) -> None:
    old = whole_map(database)
    if not old:
        publish_now(database, bring_in(database, street(6)))
        old = whole_map(database)
    names = [f"J{i}" for i in order]
    changeset = bring_in(database, renamed([(name, 10 * i + shift_m) for i, name in enumerate(names)]))
    deltas = deltas_of(database, changeset)
    assert set(deltas.values()) <= {"update"}
    if deltas:
        publish_now(database, changeset)
    assert whole_map(database).keys() == old.keys()


def test_renumbered_consumers_keep_their_identity(database: Database) -> None:
    def served(key: str) -> Any:
        street_ = street(2)
        place = node("x", 5)["geom"]
        consumer = {"source_key": key, "class_code": "water", "node_key": "J0", "kind_code": "school", "geom": place}
        return delivery(street_.nodes.to_dict("records"), street_.segments.to_dict("records"), [consumer])

    publish_now(database, bring_in(database, served("C1")))
    assert deltas_of(database, bring_in(database, served("C9"))) == {("consumer", "C9"): "update"}


def chamber(key: str, x: float, width: float = 2.0, kind: str = "tunnel") -> dict[str, Any]:
    outline = box(X0 + x, Y0, X0 + x + width, Y0 + 3)
    return {"source_key": key, "kind_code": kind, "geom": outline, "source_file": 0, "source_sheet": "structures"}


def test_renumbered_structures_keep_their_identity(database: Database) -> None:
    publish_now(database, bring_in(database, delivery(structures=[chamber("R1", 0), chamber("R2", 10)])))
    before = ids(database)
    again = delivery(structures=[chamber("R2", 0.05), chamber("R3", 10)])
    changeset = bring_in(database, again)
    assert deltas_of(database, changeset) == {("structure", "R2"): "update", ("structure", "R3"): "update"}
    (said,) = told(database, changeset, "IMP-RENUMBERED")
    assert "R1 → R2" in said["message_en"]
    assert "构筑物" in said["message_zh"]
    publish_now(database, changeset)
    assert ids(database) == {"R2": before["R1"], "R3": before["R2"]}
    assert deltas_of(database, bring_in(database, again)) == {}


def test_a_structure_of_another_kind_or_outline_is_another_structure(database: Database) -> None:
    publish_now(database, bring_in(database, delivery(structures=[chamber("R1", 0), chamber("R2", 10)])))
    changed = [chamber("S1", 0, kind="building"), chamber("S2", 10, width=2.5)]
    deltas = deltas_of(database, bring_in(database, delivery(structures=changed)))
    assert {key[1]: op for key, op in deltas.items()} == {
        "R1": "delete",
        "R2": "delete",
        "S1": "insert",
        "S2": "insert",
    }


def test_a_structure_that_grew_under_its_number_is_the_same_structure(database: Database) -> None:
    publish_now(database, bring_in(database, delivery(structures=[chamber("R1", 0)])))
    changeset = bring_in(database, delivery(structures=[chamber("R1", 0, width=6)]))
    assert deltas_of(database, changeset) == {("structure", "R1"): "update"}
