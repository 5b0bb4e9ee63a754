"""`pipemap trace` as people type it, on a street of a published map."""

import csv
import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from pipemap.commands.tracing import app
from pipemap.db import Database
from pipemap.errors import NotFoundError, UsageError
from tests.postgis.deliveries import bring_in, delivery, node, publish_now, segment

# works ── V1 ── A ── V2 ── B ── V3 (closed) ── works2; a hydrant at A, a school at B.
PLACES = {"works": 0, "V1": 100, "A": 200, "V2": 300, "B": 400, "V3": 500, "works2": 600}
Run = Callable[..., Result]


@pytest.fixture
def street(database: Database) -> dict[str, int]:
    open_valve = {"appurtenance_code": "valve", "valve_state_code": "open", "operability_code": "operable"}
    attributes: dict[str, dict[str, Any]] = {
        "works": {"appurtenance_code": "waterworks", "name": "东区水厂"},
        "works2": {"appurtenance_code": "waterworks"},
        "V1": open_valve | {"address": "人民路 1 号"},
        "V2": open_valve | {"valve_state_code": None},
        "V3": open_valve | {"valve_state_code": "closed", "address": "人民路 9 号"},
        "A": {"appurtenance_code": "hydrant"},
    }
    nodes = [node(key, x, **attributes.get(key, {})) for key, x in PLACES.items()]
    size = {"shape_code": "circle", "width_mm": 200.0, "height_mm": 200.0, "size_basis_code": "nominal"}
    pipes = [segment(a, b, [(PLACES[a], 0, 8), (PLACES[b], 0, 8)], **size) for a, b in pairwise(PLACES)]
    school = {
        "source_key": "U1", "class_code": "water", "node_key": "B", "kind_code": "school", "name": "实验小学",
        "people": 800, "is_critical": True, "geom": node("B", 400)["geom"],
    }  # fmt: skip
    publish_now(database, bring_in(database, delivery(nodes, pipes, [school])))
    with database.transaction(read_only=True) as connection:
        rows = connection.execute(
            "SELECT source_key, feature_id FROM pipemap.node"
            " UNION SELECT source_key, feature_id FROM pipemap.pipe_segment"
        ).fetchall()
    return {row["source_key"]: row["feature_id"] for row in rows}


@pytest.fixture
def run(street: dict[str, int], database: Database, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("PIPEMAP_DATABASE_URL", database.url)
    monkeypatch.setenv("COLUMNS", "200")
    return lambda *words: CliRunner().invoke(app, ["trace", *map(str, words)])


def test_a_burst_is_told_in_chinese_and_in_english(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    said = run("burst", "--key", "A->V2").stdout
    for words in (
        "须关闭的阀门",
        "人民路 1 号",
        "实验小学",
        "可开启以恢复供应的常闭阀",
        "人民路 9 号",
        "须排水 6.3 m³",
        "学校 1",
    ):
        assert words in said
    assert "隔离区以外无断供管段，无须反向供应。" in run("burst", "--key", "V2->B").stdout
    monkeypatch.setenv("PIPEMAP_LANGUAGE", "en")
    said = run("burst", "--key", "A->V2").stdout
    for words in ("Valves to close", "Consumers to warn", "To drain: 6.3 m³", "give supply back", "1 hydrants"):
        assert words in said


def test_what_is_known_of_valves_changes_the_plan(run: Run, street: dict[str, int]) -> None:
    plain = json.loads(run("burst", "--node", street["A"], "--json").stdout)
    assert [valve["source_key"] for valve in plain["valves_to_close"]] == ["V1"]
    [back] = plain["back_feeds"]
    assert (back["valve"]["source_key"], back["people"], back["critical"]) == ("V3", 800, ["实验小学"])
    assert [valve["source_key"] for valve in back["also_close"]] == ["V2"]
    opened = json.loads(run("burst", "--node", street["A"], "--open", street["V3"], "--json").stdout)
    assert [valve["source_key"] for valve in opened["valves_to_close"]] == ["V1", "V2"]
    assert opened["consumers"]["people"] == 0
    [doubtful] = opened["alternatives"]
    assert doubtful["outcome"] == "fails" and [one["source_key"] for one in doubtful["valves"]] == ["V2"]
    assert [one["source_key"] for one in doubtful["plan"]["closed_valves_relied_on"]] == ["V3"]
    stuck = json.loads(run("burst", "--node", street["A"], "--inaccessible", street["V1"], "--json").stdout)
    assert [one["name"] for one in stuck["sources_to_shut"]] == ["东区水厂"]


def test_planned_cuts_by_option_and_by_file(run: Run, street: dict[str, int], tmp_path: Path) -> None:
    rows = [
        ["name", "start", "end", "what"],
        ["焊接", "2026-08-03T22:00", "2026-08-04T04:00", "key:A->V2"],
        ["消防栓", "2026-08-04T02:00", "2026-08-04T06:00", f"node:{street['B']}"],
    ]
    file = tmp_path / "cuts.csv"
    with file.open("w", encoding="utf-8-sig", newline="") as lines:
        csv.writer(lines).writerows(rows)
    by_file = json.loads(run("shutdown", "--file", file, "--json").stdout)
    by_option = json.loads(run("shutdown", *(w for row in rows[1:] for w in ("--cut", ",".join(row))), "--json").stdout)
    assert by_file == by_option
    assert [(one["starts_at"], one["cuts"]) for one in by_file["intervals"]] == [
        ("2026-08-03T22:00:00", ["焊接"]),
        ("2026-08-04T02:00:00", ["焊接", "消防栓"]),
        ("2026-08-04T04:00:00", ["消防栓"]),
    ]
    said = run("shutdown", "--file", file).stdout
    assert "2026-08-04 02:00 至 2026-08-04 04:00：焊接 + 消防栓" in said and "仅因同时停供" in said


@pytest.mark.parametrize(
    ("cut", "reproach"),
    [
        ("weld,2026-08-03T22:00,segment:1", "no planned cut"),
        ("weld,tonight,2026-08-03T22:00,segment:1", "no time"),
        ("weld,2026-08-03T22:00,2026-08-03T23:00,pipe:1", "pipe:1"),
        ("weld,2026-08-03T22:00,2026-08-03T23:00,at:1", "at:X:Y"),
        ("weld,2026-08-03T22:00,2026-08-03T21:00,key:A->V2", "ends before"),
    ],
)
def test_a_planned_cut_that_cannot_be_read_is_refused(run: Run, cut: str, reproach: str) -> None:
    error = run("shutdown", "--cut", cut).exception
    assert isinstance(error, UsageError) and reproach in error.message


def test_criticality_lists_the_worst_and_writes_all(run: Run, street: dict[str, int], tmp_path: Path) -> None:
    file = tmp_path / "all.csv"
    answer = json.loads(run("criticality", "--limit", 2, "--csv", file, "--json").stdout)
    assert answer["people"] == [800, 800] and set(answer["source_keys"]) < {
        "works->V1",
        "V1->A",
        "A->V2",
        "V2->B",
        "B->V3",
    }
    with file.open(encoding="utf-8", newline="") as lines:
        rows = {int(row["segment_id"]): row for row in csv.DictReader(lines)}
    assert len(rows) == 6
    assert (rows[street["V1->A"]]["people"], rows[street["V3->works2"]]["people"]) == ("800", "0")
    assert "管段重要性" in run("criticality").stdout
    assert isinstance(run("criticality", "--class", "storm").exception, UsageError)
    assert isinstance(run("burst", "--node", 10**9).exception, NotFoundError)
