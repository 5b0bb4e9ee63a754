"""A small change on a large map: what is read stays small, and what far-off networks mean is still told."""

from typing import Any

import pytest

from pipemap.checks import Rulebook, found_blocks
from pipemap.checks.loading import load_scope
from pipemap.checks.scope import KINDS, Scope
from pipemap.db import Database, fetch_all
from pipemap.ingest import create_import
from schemas.delivery import Delivery
from tests.postgis.deliveries import bring_in, delivery, node, publish_now, segment

FEW = 30


def main(count: int, *, works: int | None = 0, gaps: tuple[int, ...] = ()) -> Delivery:
    """J0 ── J1 ── … of 20 m each; the waterworks at one of them; no pipe leaves the points in `gaps`."""
    nodes = [node(f"J{i}", 20.0 * i, ground_elevation_m=10.0) for i in range(count)]
    if works is not None:
        nodes[works]["appurtenance_code"] = "waterworks"
    pipes = [
        segment(f"J{i}", f"J{i + 1}", [(20.0 * i, 0, 8), (20.0 * i + 20, 0, 8)])
        for i in range(count - 1)
        if i not in gaps
    ]
    return delivery(nodes, pipes)


def branch(at: float, *, joined_to: str | None) -> Delivery:
    """Two new pipes north of the main, joined to one of its points or to nothing."""
    start = joined_to or "S"
    nodes = [node("A", at, 20, ground_elevation_m=10.0), node("B", at, 40, ground_elevation_m=10.0)]
    nodes += [] if joined_to else [node("S", at, 5, ground_elevation_m=10.0)]
    south = 0.0 if joined_to else 5.0
    pipes = [segment(start, "A", [(at, south, 8), (at, 20, 8)]), segment("A", "B", [(at, 20, 8), (at, 40, 8)])]
    return delivery(nodes, pipes)


def scope_of(database: Database, changeset: int, most_links: int = FEW) -> Scope:
    with database.transaction() as connection:
        return load_scope(connection, changeset, most_links=most_links)


def told(scope: Scope, rule: str) -> list[Any]:
    blocks = found_blocks(scope, Rulebook.standard().only([rule]))
    return [key for block in blocks for key in block["feature_key"]]


def rows_read(scope: Scope) -> int:
    return sum(len(scope.columns[kind]) for kind in KINDS) + len(scope.farther.from_node_id)


def test_what_a_small_change_reads_does_not_grow_with_the_map(database: Database) -> None:
    read = []
    for count in (200, 800):
        publish_now(database, bring_in(database, main(count)))
        changeset = bring_in(database, branch(2_000.0, joined_to="J100"), partial=True)
        read.append(rows_read(scope_of(database, changeset)))
    assert read[0] == read[1] < 150


def test_no_statement_of_a_small_change_goes_through_a_whole_table(database: Database) -> None:
    publish_now(database, bring_in(database, main(2_000)))
    changeset = bring_in(database, branch(8_000.0, joined_to="J400"), partial=True)
    with database.transaction() as connection:
        connection.execute("ANALYZE pipemap.pipe_segment")
        connection.execute("ANALYZE pipemap.node")
        before = rows_scanned(connection)
        load_scope(connection, changeset, most_links=FEW)
        after = rows_scanned(connection)
    # Whether there are more links than are followed is asked by counting that many and no further.
    assert {name: after[name] - before[name] <= 2 * FEW for name in before} == dict.fromkeys(before, True)


def rows_scanned(connection: Any) -> dict[str, int]:
    """Rows of the current tables that this transaction has read one after the other, without an index."""
    rows = fetch_all(
        connection,
        "SELECT relname, pg_stat_get_xact_tuples_returned(oid) AS rows FROM pg_class"
        " WHERE relnamespace = 'pipemap'::regnamespace AND relname IN ('node', 'pipe_segment')",
    )
    return {row["relname"]: row["rows"] for row in rows}


def test_a_branch_of_a_main_that_is_fed_from_afar_is_fed(database: Database) -> None:
    publish_now(database, bring_in(database, main(300)))
    changeset = bring_in(database, branch(5_000.0, joined_to="J250"), partial=True)
    assert told(scope_of(database, changeset), "P02") == []


def test_pipes_that_are_joined_to_nothing_are_told_though_the_source_is_far_off(database: Database) -> None:
    publish_now(database, bring_in(database, main(300)))
    changeset = bring_in(database, branch(5_000.0, joined_to=None), partial=True)
    scope = scope_of(database, changeset)
    assert told(scope, "P02") == ["S->A"]
    assert told(scope, "R23") == []


def test_where_the_map_has_no_source_nobody_is_cut_off(database: Database) -> None:
    publish_now(database, bring_in(database, main(300, works=None)))
    changeset = bring_in(database, branch(5_000.0, joined_to=None), partial=True)
    assert told(scope_of(database, changeset), "P02") == []


@pytest.mark.parametrize("works", [0, 299])
def test_a_pipe_taken_out_of_a_long_main_cuts_off_the_far_half(database: Database, works: int) -> None:
    """Both halves are longer than what a small change follows, so that the whole network must be asked."""
    publish_now(database, bring_in(database, main(300, works=works)))
    changeset = create_import(database, main(300, works=works, gaps=(150,)), title="gap", author="surveyor")
    cut_off = "J151" if works == 0 else "J150"
    for most_links in (FEW, 10_000):
        assert told(scope_of(database, changeset, most_links), "P02") == [cut_off]


def test_a_pipe_taken_out_of_a_ring_cuts_off_nothing(database: Database) -> None:
    ring = main(12)
    closing = segment("J11", "J0", [(220, 0, 8), (220, 30, 8), (0, 30, 8), (0, 0, 8)])
    for gaps in ((), (5,)):
        given = main(12, gaps=gaps)
        pipes = [*given.segments.to_dict("records"), closing]
        ring = delivery(given.nodes.to_dict("records"), pipes)
        if not gaps:
            publish_now(database, bring_in(database, ring))
    changeset = create_import(database, ring, title="gap", author="surveyor")
    assert told(scope_of(database, changeset, 4), "P02") == []
