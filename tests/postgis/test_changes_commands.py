"""The commands on changesets and versions, as typed."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import typer

from pipemap.commands.changes import app
from pipemap.db import Database
from pipemap.errors import ConflictError, NotFoundError, UsageError
from pipemap.findings import save_findings
from schemas.findings import Finding, Severity
from tests.postgis.deliveries import bring_in, mark_checked, publish_now, street

Run = Callable[..., Any]


@pytest.fixture
def run(database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs one command and gives the JSON document it prints."""
    monkeypatch.setenv("PIPEMAP_DATABASE_URL", database_url)
    monkeypatch.setenv("PIPEMAP_USER", "Li")

    def run_command(*words: str) -> Any:
        typer.main.get_command(app)([*words, "--json"], standalone_mode=False)
        return json.loads(capsys.readouterr().out)

    return run_command


def test_from_draft_to_version_and_back(database: Database, run: Run) -> None:
    draft = bring_in(database, street(3))
    assert run("changesets")[0]["changes"]["node"] == {"insert": 3, "update": 0, "delete": 0}
    shown = run("show", str(draft), "--limit", "2")
    assert [delta["op"] for delta in shown["deltas"]] == ["insert", "insert"]
    mark_checked(database, draft)
    assert run("publish", str(draft), "-m", "first street") == {"changeset_id": draft, "version": 1}
    assert [entry["message"] for entry in run("log")] == ["first street"]
    assert run("diff", "0..1")["counts"]["pipe_segment"]["insert"] == 2
    (born,) = run("history", "J0->J1", "--dataset", "survey")["history"]
    assert (born["op"], born["author"]) == ("insert", "Li")
    undoing = run("revert", str(draft))["changeset_id"]
    mark_checked(database, undoing)
    run("publish", str(undoing), "-m", "undo")
    assert run("diff", "0..2")["deltas"] == []


def test_review(database: Database, run: Run) -> None:
    draft = bring_in(database, street(3), author="Wang")
    mark_checked(database, draft)
    assert run("submit", str(draft))["state"] == "submitted"
    assert run("approve", str(draft))["state"] == "approved"
    assert [c["reviewer"] for c in run("changesets", "--state", "approved")] == ["Li"]
    assert run("reject", str(draft))["state"] == "rejected"
    run("discard", str(draft))
    assert run("changesets") == []


def test_publishing_a_draft_checks_it_first(database: Database, run: Run) -> None:
    draft = bring_in(database, street(3))
    found = Finding(rule="R20", severity=Severity.ERROR, message_en="no point", message_zh="缺点")
    with database.transaction() as connection:
        save_findings(connection, draft, "import", [found])
    checked = run("publish", str(draft), "-m", "m", "--waive", "R20=known gap", "--waive", "R21=known gap")
    assert checked["version"] == 1
    assert run("changesets")[0]["checked_at"]


def test_rebase_reports_what_is_left_to_decide(database: Database, run: Run) -> None:
    publish_now(database, bring_in(database, street(3, owner="a")))
    first, second = (bring_in(database, street(3, owner=owner)) for owner in ("b", "c"))
    publish_now(database, first)
    with pytest.raises(ConflictError, match=r"J0->J1 \(owner\)") as left:
        run("rebase", str(second))
    assert [feature["attributes"] for feature in left.value.details["features"]] == [("owner",)] * 2
    assert run("rebase", str(second), "--prefer", "mine")["settled"] == 2


@pytest.mark.parametrize("span", ["3", "a..b", "1..", "1..2026-13-01"])
def test_a_span_that_is_none_is_explained(run: Run, span: str) -> None:
    with pytest.raises(UsageError, match="version"):
        run("diff", span)


def test_what_is_not_there_is_named(run: Run) -> None:
    for words in (["show", "9"], ["publish", "9", "-m", "m"], ["history", "9"], ["revert", "9"], ["rebase", "9"]):
        with pytest.raises(NotFoundError, match="9"):
            run(*words)
    with pytest.raises(UsageError, match="reason"):
        run("publish", "9", "-m", "m", "--waive", "R1")
    with pytest.raises(UsageError, match="four numbers"):
        run("diff", "0..0", "--bbox", "1,2,x,4")


def test_tables_for_people(database: Database, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    publish_now(database, bring_in(database, street(3)))
    for words, expected in (
        (["changesets"], "survey"),
        (["show", "1"], "J0->J1"),
        (["log"], "publisher"),
        (["diff", "0..1"], "node +3 ~0 -0"),
        (["history", "1"], "insert"),
    ):
        typer.main.get_command(app)(words, standalone_mode=False)
        assert expected in capsys.readouterr().out
