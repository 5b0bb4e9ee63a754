"""Checking a changeset in the database: what is loaded, told, kept and marked."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from typer.testing import CliRunner

from pipemap.changesets import get_changeset, reject
from pipemap.checks import Rulebook, run_checks, tried_rules
from pipemap.checks.rule import Rule
from pipemap.cli import build
from pipemap.db import Database
from pipemap.errors import ConflictError, NotFoundError
from pipemap.findings import list_findings
from pipemap.ground.grid import Grid
from pipemap.ground.storing import Origin, store_model
from pipemap.ingest import create_import
from pipemap.publishing import publish
from schemas.delivery import Delivery
from schemas.findings import Finding, Severity
from tests.postgis.deliveries import bring_in, delivery, node, publish_now, segment, street


def kept(database: Database, changeset_id: int, origin: str = "check") -> list[dict[str, Any]]:
    with database.transaction() as connection:
        rows = list_findings(connection, changeset_id, limit=100_000)
    return [row for row in rows if row["origin"] == origin]


def checked(database: Database, changeset_id: int) -> list[dict[str, Any]]:
    """What a check finds in a changeset."""
    run_checks(database, changeset_id)
    return kept(database, changeset_id)


def told(findings: list[dict[str, Any]], rule: str) -> set[str | None]:
    return {finding["feature_key"] for finding in findings if finding["rule"] == rule}


def faulty() -> Delivery:
    """``J0 ── J1 ── J2`` with J1-J0 booked again, an orphan, and a 90 m pipe."""
    nodes = [node(f"J{i}", 10.0 * i, ground_elevation_m=10.0) for i in range(3)]
    nodes += [node("lost", 50, 50), node("far", 110, 0, ground_elevation_m=10.0)]
    lines = [
        segment("J0", "J1", [(0, 0, 8), (10, 0, 8)], source_row=2),
        segment("J1", "J2", [(10, 0, 8), (20, 0, 8)], source_row=3),
        segment("J1", "J0", [(10, 0, 8), (0, 0, 8)], source_row=4),
        segment("J2", "far", [(20, 0, 8), (110, 0, 8)], source_row=5),
    ]
    return delivery(nodes, lines)


def test_a_check_is_kept_and_marks_the_changeset(database: Database) -> None:
    changeset = bring_in(database, faulty())
    counts = run_checks(database, changeset)
    rows = kept(database, changeset)
    assert told(rows, "R14") == {"J1->J0"}
    assert told(rows, "R21") == {"lost"}
    assert told(rows, "R17") == {"J2->far"}
    assert counts == Counter((row["rule"], row["severity"]) for row in rows)
    (twice,) = [row for row in rows if row["rule"] == "R14"]
    assert (twice["file"], twice["sheet"], twice["row"]) == ("survey.xlsx", "lines", 4)
    assert (twice["x_m"], twice["y_m"]) == (500_005, 2_500_000)
    with database.transaction() as connection:
        marked = get_changeset(connection, changeset)
    assert marked.state == "checked"
    assert marked.checked_at is not None


def test_a_second_check_replaces_the_first_and_leaves_the_import_alone(database: Database) -> None:
    given = faulty()
    given.findings = [Finding(rule="IMP-X", severity=Severity.INFO, message_en="odd", message_zh="异常")]
    changeset = bring_in(database, given)
    first, second = checked(database, changeset), checked(database, changeset)
    assert first
    assert [row | {"finding_id": 0} for row in second] == [row | {"finding_id": 0} for row in first]
    assert [row["rule"] for row in kept(database, changeset, "import")] == ["IMP-X"]


def test_trying_some_rules_keeps_nothing(database: Database) -> None:
    changeset = bring_in(database, faulty())
    run_checks(database, changeset)
    before = kept(database, changeset)
    with tried_rules(database, changeset, rules=Rulebook.standard().only(["r21"])) as connection:
        assert [each["rule"] for each in list_findings(connection, changeset)] == ["R21"]
    assert kept(database, changeset) == before


def test_trying_rules_does_not_count_as_a_check(database: Database) -> None:
    changeset = bring_in(database, faulty())
    with tried_rules(database, changeset):
        pass
    with database.transaction() as connection:
        assert get_changeset(connection, changeset).state == "draft"


def test_a_rule_that_fails_fails_the_check(database: Database) -> None:
    def broken(_: object) -> list[Finding]:
        raise ZeroDivisionError

    changeset = bring_in(database, street())
    book = Rulebook((*Rulebook.standard(), Rule("Z99", Severity.INFO, "", "", "", "", {}, broken)))
    with pytest.raises(ZeroDivisionError):
        run_checks(database, changeset, rules=book)
    assert kept(database, changeset) == []


def test_an_interrupted_check_leaves_the_changeset_as_it_was(database: Database) -> None:
    def interrupt(_stage: str, done: int, total: int) -> None:
        if done > total // 2:
            raise KeyboardInterrupt

    changeset = bring_in(database, faulty())
    run_checks(database, changeset, rules=Rulebook.standard().only(["R21"]))
    before = kept(database, changeset)
    with database.transaction() as connection:
        checked_at = get_changeset(connection, changeset).checked_at
    with pytest.raises(KeyboardInterrupt):
        run_checks(database, changeset, on_progress=interrupt)
    assert kept(database, changeset) == before != []
    with database.transaction() as connection:
        assert get_changeset(connection, changeset).checked_at == checked_at


def test_what_is_closed_or_absent_cannot_be_checked(database: Database) -> None:
    changeset, turned_down = (bring_in(database, street(dataset=name)) for name in ("one", "other"))
    publish_now(database, changeset)
    reject(database, turned_down, reviewer="someone else")
    for closed in (changeset, turned_down):
        with pytest.raises(ConflictError):
            run_checks(database, closed)
    with pytest.raises(NotFoundError):
        run_checks(database, 999)


def test_errors_block_publishing_until_they_are_waived(database: Database) -> None:
    changeset = bring_in(database, faulty())
    run_checks(database, changeset)
    with pytest.raises(Exception, match="R14"):
        publish(database, changeset, message="m", author="a")
    assert publish(database, changeset, message="m", author="a", waivers={"R14": "two ducts in one trench"}) == 1


def test_a_small_change_is_told_of_what_it_touches_and_of_nothing_else(database: Database) -> None:
    """J0 ─ J1 ─ … ─ J9 stands. A new pipe crosses the old line and joins nothing."""
    publish_now(database, bring_in(database, street(10)))
    nodes = [node("s", 45, -9), node("n", 45, 9)]
    lines = [segment("s", "n", [(45, -9, 8), (45, 9, 8)], width_mm=200.0, height_mm=200.0)]
    changeset = bring_in(database, delivery(nodes, lines, dataset="design"), partial=True)
    found = checked(database, changeset)
    assert told(found, "R26") == {"s->n"}
    assert "J4->J5" in next(each["message_en"] for each in found if each["rule"] == "R26")
    assert {each["feature_key"] for each in found} <= {"s->n", "s", "n", None}


def test_a_pipe_booked_again_by_another_dataset_is_a_duplicate(database: Database) -> None:
    publish_now(database, bring_in(database, street(3)))
    again = delivery(
        [node("A", 10), node("B", 0)], [segment("A", "B", [(10, 0, 8), (0, 0, 8)])], dataset="another survey"
    )
    found = checked(database, bring_in(database, again))
    assert told(found, "R14") == {"A->B"}
    assert told(found, "R09") == {"A", "B"}


def test_taking_a_pipe_away_is_told_of_the_point_it_leaves_behind(database: Database) -> None:
    publish_now(database, bring_in(database, street(4)))
    shorter = street(3)
    nodes = [node(f"J{i}", 10 * i) for i in range(4)]
    changeset = create_import(
        database,
        delivery(nodes, shorter.segments.to_dict("records")),
        title="J3 loses its pipe",
        author="surveyor",
    )
    assert told(checked(database, changeset), "R21") == {"J3"}


def test_the_network_beyond_the_neighbourhood_counts_for_what_is_reached(database: Database) -> None:
    """works ─ … 2 km of main … ─ end: a pipe at the far end is fed, one beside it is not."""
    count = 41
    nodes = [node(f"J{i}", 50.0 * i) for i in range(count)]
    nodes[0]["appurtenance_code"] = "waterworks"
    mains = [segment(f"J{i}", f"J{i + 1}", [(50 * i, 0, 8), (50 * i + 50, 0, 8)]) for i in range(count - 1)]
    publish_now(database, bring_in(database, delivery(nodes, mains)))
    grown = [node("a", 2050), node("b", 2050, 30), node("c", 2090, 30)]
    lines = [
        segment(f"J{count - 1}", "a", [(2000, 0, 8), (2050, 0, 8)]),
        segment("b", "c", [(2050, 30, 8), (2090, 30, 8)]),
    ]
    changeset = bring_in(database, delivery([*nodes, *grown], [*mains, *lines]))
    assert told(checked(database, changeset), "P02") == {"b->c"}


def run(database: Database, monkeypatch: pytest.MonkeyPatch, *words: object) -> Any:
    monkeypatch.setenv("PIPEMAP_DATABASE_URL", database.url)
    done = CliRunner().invoke(build(), [str(word) for word in words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done


def test_the_commands_answer_as_table_and_as_json(
    database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    changeset = bring_in(database, faulty())
    files = {name: tmp_path / f"report.{name}" for name in ("html", "gpkg", "csv")}
    options = [word for name, path in files.items() for word in (f"--{name}", path)]
    document = orjson.loads(run(database, monkeypatch, "check", changeset, *options, "--json").stdout)
    assert document["kept"]
    assert {each["feature_key"] for each in document["findings"] if each["rule"] == "R21"} == {"lost"}
    assert all(path.stat().st_size for path in files.values())
    page = orjson.loads(
        run(database, monkeypatch, "findings", changeset, "--severity", "error", "--limit", 1, "--json").stdout
    )
    assert [each["rule"] for each in page["findings"]] == ["R14"]
    assert page["total"] == sum(each["count"] for each in document["counts"] if each["severity"] == "error")
    gas = orjson.loads(run(database, monkeypatch, "findings", changeset, "--class", "gas", "--json").stdout)
    assert (gas["total"], gas["counts"], gas["findings"]) == (0, [], [])
    lines = orjson.loads(run(database, monkeypatch, "findings", changeset, "--sheet", "lines", "--json").stdout)
    assert {each["sheet"] for each in lines["findings"]} == {"lines"}
    assert lines["total"] == len(lines["findings"]) < document["total"]
    told_in_chinese = run(database, monkeypatch, "findings", changeset, "--rule", "R17", "--lang", "zh").stdout
    assert "管线过长" in told_in_chinese
    city = tmp_path / "city.toml"
    city.write_text("[R17]\nmax_length_m = 200\n[R21]\nenabled = false\n")
    tried = orjson.loads(run(database, monkeypatch, "check", changeset, "--rules", city, "--json").stdout)
    assert not {"R17", "R21"} & {each["rule"] for each in tried["findings"]}


def test_surveyed_ground_is_held_against_the_ground_model(database: Database) -> None:
    """Thirty points at 10 m, one of them booked as 14 m, on a model of 10 m; one more lies beyond the model."""
    z = np.full((40, 400), 10.0, np.float32)
    grid = Grid(499_990.0, 2_500_020.0, 1.0, 1.0, 400, 40)
    parts = ((w, z[w.row : w.row + w.height, w.column : w.column + w.width]) for w in grid.windows())
    store_model(database, Origin("dem", "dem.tif", "0" * 64, "", "tester"), grid, parts)
    points = [node(f"J{i}", 10.0 * i, ground_elevation_m=14.0 if i == 7 else 10.1) for i in range(30)]
    changeset = bring_in(database, delivery([*points, node("beyond", 0, 900, ground_elevation_m=99.0)], []))
    found = checked(database, changeset)
    assert told(found, "P19") == {"J7"} and told(found, "P20") == set()
    (one,) = [row for row in found if row["rule"] == "P19"]
    assert one["message_en"] == "Ground at J7 is booked as 14.00 m; the ground model has 10.00 m (+4.00 m)"
    other = [node(f"K{i}", 10.0 * i, 5.0, ground_elevation_m=11.3) for i in range(30)]
    (off,) = [row for row in checked(database, bring_in(database, delivery(other, []))) if row["rule"] == "P20"]
    assert "+1.30 m" in off["message_en"] and "offset_m" in off["message_zh"]
