"""A dataset judged by a second survey of some of its points: each limit, and all checks together."""

import itertools
from pathlib import Path
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner

from pipemap.checks import Rulebook
from pipemap.checks.resurvey import check_survey
from pipemap.cli import build
from pipemap.db import Database
from pipemap.errors import NotFoundError
from schemas.delivery import Delivery
from schemas.findings import Finding, Severity
from tests.postgis.deliveries import bring_in, delivery, node, publish_now, segment

WELL = {"appurtenance_code": "manhole"}


def street(count: int, *, off_depth_m: float = 0.0, off_plan_m: float = 0.0, off_ground_m: float = 0.0) -> Delivery:
    """W0 ── P1 ── W2 ── P3 …: wells and hidden points in turn, pipes 2 m deep; the second survey differs by so much."""
    nodes = [
        node(
            f"{'WP'[i % 2]}{i}",
            20.0 * i + off_plan_m,
            ground_elevation_m=10.0 + off_ground_m,
            source_row=i + 2,
            **({} if i % 2 else WELL),
        )
        for i in range(count)
    ]
    keys = [each["source_key"] for each in nodes]
    depth = {"from_depth_m": 2.0 + off_depth_m, "to_depth_m": 2.0 + off_depth_m}
    lines = [
        segment(a, b, [(20.0 * i, 0, 8), (20.0 * i + 20, 0, 8)], source_row=i + 2, **depth)
        for i, (a, b) in enumerate(itertools.pairwise(keys))
    ]
    return delivery(nodes, lines)


def judged(database: Database, again: Delivery, rule: str, **options: Any) -> list[Finding]:
    return check_survey(database, again, "survey", rules=Rulebook.standard().only([rule]), **options)


@pytest.fixture
def surveyed(database: Database) -> Database:
    publish_now(database, bring_in(database, street(9)))
    return database


def test_a_second_survey_that_agrees_breaks_no_limit(surveyed: Database) -> None:
    found = check_survey(surveyed, street(9), "survey")
    assert {each.severity for each in found} == {Severity.INFO}
    # Depth and place of visible and of hidden points, and the ground at all of them.
    assert sorted(each.rule for each in found) == ["R37", "R38", "R38", "R39", "R39"]


@pytest.mark.parametrize(("off_m", "breaks"), [(0.04, False), (0.06, True)])
def test_depths_at_wells_may_differ_by_five_centimetres(surveyed: Database, off_m: float, breaks: bool) -> None:
    *far, together = judged(surveyed, street(3, off_depth_m=off_m), "R37")
    # W0, and W2 from one side: P1 between them is hidden.
    assert [each.feature_key for each in far] == (["W0 → P1", "W2 → P1"] if breaks else [])
    assert (together.severity is Severity.WARNING) is breaks
    assert together.details["checks"] == 2


@pytest.mark.parametrize(("off_m", "breaks"), [(0.29, False), (0.31, True)])
def test_hidden_depths_may_differ_by_a_share_of_the_depth(surveyed: Database, off_m: float, breaks: bool) -> None:
    # 0.15 of 2.0 m.
    *far, _ = judged(surveyed, street(3, off_depth_m=off_m), "R38")
    assert [each.feature_key for each in far if "depth" in each.message_en] == (
        ["P1 → W2", "P1 → W0"] if breaks else []
    )


def test_visible_places_may_differ_by_less_than_hidden_ones(surveyed: Database) -> None:
    moved = street(3, off_plan_m=0.15)
    assert [each.feature_key for each in judged(surveyed, moved, "R39") if each.feature_key] == ["W0", "W2"]
    assert [each for each in judged(surveyed, moved, "R38") if each.feature_key] == []


def test_the_ground_is_judged_at_every_point(surveyed: Database) -> None:
    found = judged(surveyed, street(3, off_ground_m=-0.04), "R39")
    raised = [each for each in found if each.feature_key]
    assert [(each.feature_key, each.value, each.limit, each.row) for each in raised] == [
        ("W0", "-0.040 m", "0.030 m", 2),
        ("P1", "-0.040 m", "0.030 m", 3),
        ("W2", "-0.040 m", "0.030 m", 4),
    ]


@pytest.mark.parametrize(("count", "statistic"), [(15, "mean"), (17, "root mean square")])
def test_from_fifteen_checks_on_the_root_mean_square_counts(database: Database, count: int, statistic: str) -> None:
    # Of 17 points in turn, the 9 wells have 16 ends of lines, of 15 points the 8 wells 14.
    publish_now(database, bring_in(database, street(count)))
    (together,) = judged(database, street(count, off_depth_m=0.025), "R37")
    assert together.details["statistic"] == statistic
    assert together.details["share_of_limit"] == pytest.approx(0.5, abs=1e-3)


def test_a_draft_is_judged_before_it_is_published_and_limits_are_a_citys_own(
    database: Database, tmp_path: Path
) -> None:
    changeset = bring_in(database, street(3))
    (tmp_path / "city.toml").write_text("[R37]\nlimit_m = 0.1\n")
    book = Rulebook.from_toml(tmp_path / "city.toml").only(["R37"])
    again = street(3, off_depth_m=0.06)
    assert len(judged(database, again, "R37", changeset_id=changeset)) == 3
    assert len(check_survey(database, again, "survey", changeset_id=changeset, rules=book)) == 1
    with pytest.raises(NotFoundError):
        judged(database, again, "R37")


def test_the_command_reads_the_second_survey_as_any_delivery(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIPEMAP_DATABASE_URL", database.url)
    points = tmp_path / "points.csv"
    points.write_text(
        "点号,X,Y,地面高程,附属物\nW0,2500000,500000,10,检查井\nP1,2500000,500020,10,\n", encoding="utf-8"
    )
    run = CliRunner().invoke(build(), ["import", str(points), "--dataset", "survey", "--class", "water"])
    assert run.exit_code == 0, run.output
    again = tmp_path / "again.csv"
    again.write_text("点号,X,Y,地面高程\nW0,2500000.06,500000,10\n", encoding="utf-8")
    words = ["check-survey", str(again), "--dataset", "survey", "--changeset", "1", "--json"]
    run = CliRunner().invoke(build(), words, catch_exceptions=False)
    (far,) = [each for each in orjson.loads(run.stdout)["findings"] if each["feature_key"]]
    assert (far["rule"], far["feature_key"], far["value"], far["file"], far["row"]) == (
        "R39",
        "W0",
        "+0.060 m",
        "again.csv",
        2,
    )
