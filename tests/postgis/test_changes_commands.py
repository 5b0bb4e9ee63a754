"""The commands on changesets and versions, as typed."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import typer
from shapely import Point

from pipemap.commands.changes import app
from pipemap.db import Database
from pipemap.errors import ConflictError, NotFoundError, RejectedError, UsageError
from pipemap.findings import save_findings
from pipemap.sharing.audit import AuditFilter, list_entries
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
    checked = run("publish", str(draft), "-m", "m", "--waive", "R20=known gap")
    assert checked["version"] == 1
    assert run("changesets")[0]["checked_at"]


def test_rebase_reports_what_is_left_to_decide(database: Database, run: Run) -> None:
    publish_now(database, bring_in(database, street(3, owner="a")))
    first, second = (bring_in(database, street(3, owner=owner)) for owner in ("b", "c"))
    publish_now(database, first)
    with pytest.raises(ConflictError, match=r"J0->J1 \(owner\)") as left:
        run("rebase", str(second))
    assert [feature["attributes"] for feature in left.value.details["features"]] == [("owner",)] * 2
    settled = run("rebase", str(second), "--prefer", "mine")
    assert settled["settled"] == 2
    told = [(f["source_key"], f["outcome"], f["mine"], f["map"]) for f in settled["features"]]
    assert told == [("J0->J1", "mine", ["owner"], []), ("J1->J2", "mine", ["owner"], [])]


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
        (["diff", "0..1"], "管点 +3 ~0 -0"),
        (["history", "1"], "新增"),
    ):
        typer.main.get_command(app)(words, standalone_mode=False)
        assert expected in capsys.readouterr().out


def test_a_rebase_names_what_came_from_where(database: Database, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    publish_now(database, bring_in(database, street(2, owner="a", circuit="1")))
    first = bring_in(database, street(2, owner="b", circuit="1"))
    second = bring_in(database, street(2, owner="a", circuit="2"))
    publish_now(database, first)
    typer.main.get_command(app)(["rebase", str(second)], standalone_mode=False)
    (line,) = (line for line in capsys.readouterr().out.splitlines() if "J0->J1" in line)
    assert "已合并" in line and "线路 取自本变更集" in line and "权属单位 取自现状" in line
    shown = run("show", str(second))["deltas"]
    assert [(d["source_key"], d["changed"], d["new"]["owner"]) for d in shown] == [("J0->J1", ["circuit"], "b")]


def test_a_waiver_is_kept_where_it_can_be_read(database: Database, run: Run) -> None:
    draft = bring_in(database, street(3))
    found = Finding(rule="R20", severity=Severity.ERROR, message_en="no point", message_zh="缺点")
    with database.transaction() as connection:
        save_findings(connection, draft, "import", [found, found])
    for rule in ("R21", "R999"):
        with pytest.raises(UsageError, match=f"no error of rule {rule} to waive; its errors: R20"):
            run("publish", str(draft), "-m", "m", "--waive", f"{rule}=why not")
    run("publish", str(draft), "-m", "m", "--waive", "R20=known gap")
    (waiver,) = run("show", str(draft))["waivers"]
    assert waiver == {"rule": "R20", "reason": "known gap", "waived_by": "Li", "count": 2}
    assert run("log")[0]["waivers"] == [{"rule": "R20", "reason": "known gap"}]
    with database.transaction() as connection:
        (published,) = list_entries(connection, AuditFilter(action="publish"))
    assert published["details"]["waivers"] == [waiver]


def test_publishing_twice_says_so_and_whether_it_was_reverted(database: Database, run: Run) -> None:
    draft = bring_in(database, street(3))
    run("publish", str(draft), "-m", "first")
    again = {"changeset_id": draft, "version": 1, "reverted_by_version": None, "was_published_already": True}
    assert run("publish", str(draft), "-m", "again") == again
    run("publish", str(run("revert", str(draft))["changeset_id"]), "-m", "undo")
    assert run("publish", str(draft), "-m", "again") == again | {"reverted_by_version": 2}
    assert [entry["reverted_by_version"] for entry in run("log")] == [None, 2]


def test_publishing_what_changes_nothing_says_how_to_be_rid_of_it(database: Database, run: Run) -> None:
    publish_now(database, bring_in(database, street(3)))
    same = bring_in(database, street(3))
    with pytest.raises(RejectedError, match=f"changes nothing.*pipemap discard {same}"):
        run("publish", str(same), "-m", "again")
    waiting = run("changesets", "--state", "draft", "--state", "checked")
    assert [changeset["changeset_id"] for changeset in waiting] == [same]


def test_tables_tell_the_class_and_what_became_of_what(
    database: Database, run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_now(database, bring_in(database, street(3, material_code="concrete")))
    second = street(3, material_code="pe")
    second.nodes.loc[2, "geom"] = Point(500_020.12, 2_500_000)
    publish_now(database, bring_in(database, second))
    monkeypatch.setattr("pipemap.terminal._answers.width", 200)
    for words in (["show", "2"], ["diff", "1..2"], ["history", "J0->J1", "--dataset", "survey"]):
        typer.main.get_command(app)(words, standalone_mode=False)
        told = capsys.readouterr().out
        assert "材质 混凝土 → 聚乙烯塑料" in told
        assert "给水" in told
        assert "移动 0.12 m" in told or words[0] == "history"
    typer.main.get_command(app)(["show", "2", "--limit", "2"], standalone_mode=False)
    assert "第 1–2 个，共 3 个" in capsys.readouterr().out
    assert run("diff", "1..2", "--class", "gas")["counts"] == {}
    assert run("show", "2", "--class", "gas")["deltas"] == []
    assert len(run("show", "2", "--class", "water")["deltas"]) == 3
