import json
from collections.abc import Callable
from pathlib import Path

import pytest
import shapely
from pyproj import Transformer
from typer.testing import CliRunner, Result

from pipemap.cli import build
from pipemap.db import Database
from pipemap.errors import PipemapError
from tests.postgis.planting import plant, plant_version, wkt

EAST, NORTH = 500_000.0, 2_500_000.0
Run = Callable[..., Result]


@pytest.fixture
def run(database: Database, database_url: str, tmp_path: Path) -> Run:
    with database.transaction() as connection:
        plant_version(connection, 1)
        for number in range(1, 5):
            plant(connection, "node", number, f"POINT({EAST + 10 * number} {NORTH})", ground_elevation_m=0.0)
        water = [(EAST, NORTH, -1.0), (EAST + 20, NORTH, -1.0)]
        sewer = [(EAST + 10, NORTH - 5, -1.3), (EAST + 10, NORTH + 5, -1.3)]
        size = {"width_mm": 200, "horizontal_accuracy_m": 0.01, "vertical_accuracy_m": 0.01}
        plant(connection, "pipe_segment", 11, wkt(water), from_node_id=1, to_node_id=2, **size)
        plant(connection, "pipe_segment", 12, wkt(sewer), class_code="foul", from_node_id=3, to_node_id=4, **size)
        plant(connection, "pipe_segment", 13, wkt([(EAST, NORTH + 3), (EAST + 5, NORTH + 3)]))

    environment = {"PIPEMAP_DATABASE_URL": database_url, "PIPEMAP_DATA_DIR": str(tmp_path)}
    return lambda *words: CliRunner().invoke(build(), words, env=environment)


def test_find_near_and_corridor_speak_json(run: Run) -> None:
    found = run("find", "pipe_segment", "--z-min", "-1.1", "--z-max", "-0.9", "--json")
    assert found.exit_code == 0, found.stderr
    answer = json.loads(found.stdout)
    assert [feature["id"] for feature in answer["features"]] == [11] and answer["unknownElevation"] == 1

    by_attribute = run("find", "pipe_segment", "--where", "width_mm=", "--class", "water", "--json")
    assert [feature["id"] for feature in json.loads(by_attribute.stdout)["features"]] == [13]

    here = run("near", "--at", f"{EAST + 10},{NORTH},-1.2", "--radius", "1", "--json")
    distances = {f["id"]: f["properties"]["distance_m"] for f in json.loads(here.stdout)["features"]}
    assert distances == {12: pytest.approx(0.1), 11: pytest.approx(0.2)}

    along = run("corridor", "--line", f"{EAST + 8} {NORTH - 9},{EAST + 8} {NORTH + 9}", "--half-width", "2.5", "--json")
    assert {f["id"]: f["properties"]["distance_m"] for f in json.loads(along.stdout)["features"]} == {11: 0.0, 12: 2.0}


def test_clearance_is_said_in_words_and_as_a_document(run: Run, tmp_path: Path) -> None:
    words = run("clearance", "--segment", "11")
    assert words.exit_code == 0, words.stderr
    assert "垂直净距为 0.10 m" in words.stdout and "V002" in words.stdout

    document = json.loads(run("clearance", "--segment", "11", "--json").stdout)
    assert [c["rule_id"] for c in document["conflicts"]] == ["V002"] and document["version"] == 1

    ring = [[EAST - 1, NORTH - 1], [EAST + 5, NORTH - 1], [EAST + 5, NORTH + 1], [EAST - 1, NORTH + 1]]
    area = tmp_path / "dig.geojson"
    area.write_text(json.dumps({"type": "Polygon", "coordinates": [[*ring, ring[0]]]}))
    dig = run("clearance", "--polygon", str(area), "--z-min", "-2", "--z-max", "0", "--json")
    assert [c["other_id"] for c in json.loads(dig.stdout)["conflicts"]] == [11]


def test_a_dig_drawn_in_degrees_needs_its_system_named(run: Run, tmp_path: Path) -> None:
    to_degrees = Transformer.from_crs(4547, 4326, always_xy=True)
    corners = [(EAST - 1, NORTH - 1), (EAST + 5, NORTH - 1), (EAST + 5, NORTH + 1), (EAST - 1, NORTH + 1)]
    ring = [to_degrees.transform(*corner) for corner in corners]
    area = tmp_path / "dig.geojson"
    area.write_text(json.dumps({"type": "Polygon", "coordinates": [[*ring, ring[0]]]}))
    question = ("clearance", "--polygon", str(area), "--z-min", "-2", "--z-max", "0")

    dig = run(*question, "--crs", "EPSG:4326", "--json")
    assert [c["other_id"] for c in json.loads(dig.stdout)["conflicts"]] == [11]
    unnamed = run(*question).exception
    assert isinstance(unnamed, PipemapError) and unnamed.exit_code == 45
    assert "name theirs: EPSG:4326" in unnamed.message


def test_an_answer_that_compared_nothing_is_no_all_clear(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    far = shapely.box(EAST + 900, NORTH + 900, EAST + 905, NORTH + 905).wkt
    dig = run("clearance", "--polygon", far, "--z-min", "-2", "--z-max", "0")
    assert dig.exit_code == 0 and "不代表可以施工" in dig.stdout
    monkeypatch.setenv("PIPEMAP_LANGUAGE", "en")
    assert "no all-clear" in run("clearance", "--polygon", far, "--z-min", "-2", "--z-max", "0").stdout
    assert "all-clear" not in run("clearance", "--segment", "11").stdout


@pytest.mark.parametrize(
    ("words", "exit_code", "says"),
    [
        (["find", "node", "--bbox", "113,22,115,24"], 45, "outside of where EPSG:4547"),
        (["near", "--at", "114,22.6", "--radius", "5"], 45, "outside of where EPSG:4547"),
        (["find", "pipe_segment", "--where", "colour=red"], 2, "cannot be asked for colour"),
        (["find", "pipe"], 2, "the kinds are node"),
        (["find", "node", "--bbox", "1,2,x,4"], 2, "--bbox takes numbers"),
        (["find", "node", "--crs", "EPSG:1"], 45, "EPSG:1 is not a known"),
        (["find", "node", "--version", "7"], 40, "no version 7"),
        (["near", "--at", "1", "--radius", "1"], 2, "--at takes 2 or 3 numbers"),
        (["clearance"], 2, "either --segment or --polygon"),
        (["clearance", "--segment", "999"], 40, "no pipe_segment 999"),
        (["clearance", "--polygon", "POLYGON((0 0", "--z-min", "0", "--z-max", "1"], 2, "polygon as WKT"),
        (["clearance", "--polygon", "nowhere.geojson", "--z-min", "0", "--z-max", "1"], 2, "GeoJSON file"),
    ],
)
def test_a_bad_question_gets_one_sentence_and_an_exit_code(
    run: Run, words: list[str], exit_code: int, says: str
) -> None:
    answer = run(*words)
    assert isinstance(answer.exception, PipemapError)
    assert (answer.exception.exit_code, answer.stdout) == (exit_code, "")
    assert says in answer.exception.message and "\n" not in answer.exception.message
