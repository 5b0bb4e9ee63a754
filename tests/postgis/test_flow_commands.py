"""`pipemap trace` in a small sewer and along its pipes, as people type it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from pipemap.commands.tracing import app
from pipemap.db import Database
from pipemap.errors import UsageError
from tests.postgis.deliveries import bring_in, delivery, node, publish_now, segment

# G(gully) ─ A ─ B ─ C ─ OUT, an overflow B ─ RIVER 0.5 m up, B ─ C drawn backwards, H ─ A without levels.
PLACES = {"G": (0, 0), "A": (50, 0), "B": (100, 0), "C": (150, 0), "OUT": (200, 0), "RIVER": (100, 80), "H": (50, 9)}
LEVELS = [
    ("G", "A", 9.0, 8.0), ("A", "B", 8.0, 7.5), ("C", "B", 7.0, 7.5), ("C", "OUT", 7.0, 6.0), ("B", "RIVER", 8.0, 7.0),
]  # fmt: skip
Run = Callable[..., Result]


@pytest.fixture
def run(database: Database, monkeypatch: pytest.MonkeyPatch) -> Run:
    kinds = {"G": "storm_grate", "OUT": "outfall", "RIVER": "outfall", "A": "manhole", "B": "manhole"}
    nodes = [node(key, x, y, appurtenance_code=kinds.get(key), class_code="combined") for key, (x, y) in PLACES.items()]
    size = {"shape_code": "circle", "width_mm": 400.0, "height_mm": 400.0, "size_basis_code": "inner",
            "inner_width_mm": 400.0, "inner_height_mm": 400.0, "material_code": "concrete",
            "class_code": "combined"}  # fmt: skip
    pipes = [
        segment(a, b, [(*PLACES[a], start + 0.2), (*PLACES[b], end + 0.2)], elevation_source_code="measured", **size)
        for a, b, start, end in LEVELS
    ]
    pipes.append(segment("H", "A", [PLACES["H"], PLACES["A"]], class_code="combined", shape_code="unknown"))
    mall: dict[str, Any] = {
        "source_key": "U1", "class_code": "combined", "node_key": "H", "kind_code": "school", "name": "实验小学",
        "people": 800, "is_critical": True, "geom": node("H", *PLACES["H"])["geom"],
    }  # fmt: skip
    publish_now(database, bring_in(database, delivery(nodes, pipes, [mall])))
    monkeypatch.setenv("PIPEMAP_DATABASE_URL", database.url)
    monkeypatch.setenv("COLUMNS", "200")
    return lambda *words: CliRunner().invoke(app, ["trace", *map(str, words)])


def test_a_pollution_is_told_with_its_outfalls_and_times(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = json.loads(run("pollution", "--key", "G->A", "--json").stdout)
    ends = {one["node"]["source_key"]: one for one in answer["ends"]}
    assert {key: one["way"] for key, one in ends.items()} == {"OUT": "flow", "RIVER": "overflow"}
    # A pipe of 400 mm, n 0.013, laid at 1 and at 2 in 100: 1.66 and 2.34 m/s by v = R^(2/3) S^(1/2) / n.
    radius_term = 0.1 ** (2 / 3) / 0.013
    seconds = 2 * 50 / (radius_term * 0.01**0.5) + 50 / (radius_term * 0.02**0.5)
    assert ends["OUT"]["travel_time_h"] == pytest.approx(seconds / 3600, rel=1e-3)
    assert ends["OUT"]["distance_m"] == pytest.approx(150, abs=0.1) and ends["OUT"]["untimed_m"] == 0
    [overflow] = [one for one in answer["branches"] if one["is_overflow"]]
    assert overflow["above_lowest_m"] == pytest.approx(0.5)
    said = run("pollution", "--key", "G->A").stdout
    assert "污染扩散：管段 5 条" in said and "其中仅经溢流：1 条" in said and "出水口" in said and "0.0" in said
    monkeypatch.setenv("PIPEMAP_LANGUAGE", "en")
    told = run("pollution", "--at", f"{500_000 + 20},{2_500_000 + 1}", "--class", "combined")
    assert "Pollution: 5 segments" in told.stdout and "overflow" in told.stdout and "G->A" in told.stdout
    assert "estimates" in told.stderr


def test_a_blockage_names_who_is_held_back_and_what_runs_over(run: Run) -> None:
    answer = json.loads(run("blockage", "--key", "C->B", "--json").stdout)
    assert answer["drained"] == {
        "consumers": 1, "people": 800, "by_kind": {"school": 1}, "critical": ["实验小学"], "inlets": 1, "heads": 2,
    }  # fmt: skip
    assert answer["held_back"]["consumers"] == 0 and len(answer["another_way_segment_ids"]) == 3
    beside = json.loads(run("blockage", "--key", "A->B", "--json").stdout)
    assert beside["held_back"]["people"] == 800 and not beside["another_way_segment_ids"]
    assert "实验小学" in run("blockage", "--key", "A->B").stdout
    assert beside["decided_by"] == {"levels": 2, "inlet": 1}


def test_up_and_down_follow_the_levels_where_a_line_is_drawn_backwards(run: Run) -> None:
    up = json.loads(run("up", "--key", "C->OUT", "--json").stdout)
    assert len(up["segment_ids"]) == 5 and up["stop_counts"] == {"head": 1, "inlet": 1}
    down = json.loads(run("down", "--key", "C->B", "--json").stdout)
    assert len(down["segment_ids"]) == 2 and down["stop_counts"] == {"outfall": 1}


def test_a_trace_is_written_as_geojson_in_degrees(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "trace.geojson"
    assert run("pollution", "--key", "G->A", "--geojson", file).exit_code == 0
    features = json.loads(file.read_text(encoding="utf-8"))["features"]
    roles = {one["properties"]["source_key"]: one["properties"]["role"] for one in features}
    assert roles == {
        "G->A": "start", "A->B": "reached", "C->B": "reached", "C->OUT": "reached", "B->RIVER": "overflow",
        "OUT": "outfall", "RIVER": "outfall",
    }  # fmt: skip
    assert all(
        100 < one["geometry"]["coordinates"][0][0] < 130 for one in features if one["geometry"]["type"] != "Point"
    )


def test_what_is_joined_the_shortest_way_loops_and_bridges(run: Run) -> None:
    joined = json.loads(run("connected", "--key", "G->A", "--json").stdout)
    assert len(joined["segment_ids"]) == 6 and joined["consumers"] == 1
    way = json.loads(run("path", "--from", "key:G->A", "--to", "key:C->OUT", "--json").stdout)
    assert way["is_reached"] and way["length_m"] == pytest.approx(100, abs=0.1)
    [middle] = {one for one in way["segment_ids"] if one in joined["segment_ids"]} - {way["segment_ids"][0]}
    round_about = json.loads(
        run("path", "--from", "key:G->A", "--to", "key:C->OUT", "--avoid", middle, "--json").stdout
    )
    assert not round_about["is_reached"]
    assert json.loads(run("loops", "--class", "combined", "--json").stdout)["loops"] == []
    bridges = json.loads(run("bridges", "--class", "combined", "--json").stdout)
    assert bridges["bridge_count"] == 6 and max(bridges["smaller_consumers"]) == 0
    for words in (
        ("connected", "--key", "G->A"), ("loops", "--key", "G->A"), ("bridges", "--key", "G->A"),
        ("path", "--from", "key:G->A", "--to", "at:500200:2500000"),
    ):  # fmt: skip
        assert run(*words).exit_code == 0


@pytest.mark.parametrize(
    ("words", "reproach"),
    [
        (["up"], "where to start"),
        (["down", "--at", "here"], "X,Y"),
        (["down", "--key", "G->A", "--class", "water"], "no sewer class"),
        (["down", "--key", "G->A", "--class", "storm"], "not a sewer asked for"),
        (["path", "--from", "G", "--to", "node:1"], "names no place"),
        (["loops"], "which utility class"),
    ],
)
def test_a_trace_that_cannot_be_asked_is_refused_in_one_sentence(run: Run, words: list[str], reproach: str) -> None:
    refusal = run(*words).exception
    assert isinstance(refusal, UsageError) and reproach in refusal.message
