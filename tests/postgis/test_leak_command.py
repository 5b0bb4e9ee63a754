"""`pipemap trace leak` as people type it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipemap.commands.tracing import app
from pipemap.db import Database
from pipemap.errors import UsageError
from tests.postgis.deliveries import bring_in, delivery, node, publish_now, segment

X0, Y0 = 500_000, 2_500_000


@pytest.fixture
def street(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    nodes = [node(f"G{i}", 40 * i, class_code="gas") for i in range(2)]
    nodes.append(node("W1", 20, 3, class_code="foul", appurtenance_code="manhole", ground_elevation_m=10.0,
                      well_depth_m=4.0, owner="排水公司", address="人民路"))  # fmt: skip
    nodes.append(node("W2", 90, 3, class_code="foul"))
    pipes = [
        segment("G0", "G1", [(0, 0, 8), (40, 0, 8)], class_code="gas"),
        segment("W1", "W2", [(20, 3), (90, 3)], class_code="foul"),
    ]
    publish_now(database, bring_in(database, delivery(nodes, pipes)))
    monkeypatch.setenv("PIPEMAP_DATABASE_URL", database.url)
    monkeypatch.setenv("COLUMNS", "200")


@pytest.mark.usefixtures("street")
def test_a_leak_is_told_in_both_languages_as_json_and_as_a_drawing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    words = ["trace", "leak", "--at", f"{X0 + 20},{Y0}", "--radius", "5"]
    chinese = CliRunner().invoke(app, words)
    monkeypatch.setenv("PIPEMAP_LANGUAGE", "en")
    english = CliRunner().invoke(app, words)
    assert "密闭空间" in chinese.stdout
    assert "须通知：排水公司 (1)" in chinese.stdout
    assert "有 1 处空间高程不明" in chinese.stderr
    assert "Enclosed spaces within 5 m" in english.stdout
    assert "To be told: 排水公司 (1)" in english.stdout
    assert "The height of 1 of the spaces is unknown" in english.stderr
    drawing = tmp_path / "leak.geojson"
    answer = json.loads(CliRunner().invoke(app, [*words, "--json", "--geojson", str(drawing)]).stdout)
    assert [(one["kind"], one["distance_m"]) for one in answer["spaces"]] == [("chamber", 3.0), ("sewer", 3.0)]
    drawn = json.loads(drawing.read_text(encoding="utf-8"))["features"]
    assert sorted(one["properties"]["role"] for one in drawn) == ["chamber", "leak", "sewer"]
    with pytest.raises(UsageError):
        CliRunner().invoke(app, ["trace", "leak"], catch_exceptions=False)
