"""How good a delivery is: every figure by other means, and the grade recomputed from the report's own files."""

from pathlib import Path

import orjson
import pyogrio
import pytest

from pipemap.checks import Rulebook, run_checks
from pipemap.db import Database
from pipemap.errors import UsageError
from pipemap.report import Report, gather_report, render_html, write_geopackage, write_json
from schemas.delivery import RowCount
from tests.postgis.deliveries import bring_in, delivery, node, publish_now, segment, street

GRADES = {"excellent": 90, "good": 75, "acceptable": 60, "not acceptable": 0}


def survey(database: Database) -> int:
    """Two water mains, one of unknown height, a gas main without pressure; one row was refused."""
    nodes = [
        node("J0", 0, ground_elevation_m=10.0, feature_code="bend"),
        node("J1", 30, ground_elevation_m=10.0),
        node("J2", 60),
    ]
    lines = [
        segment("J0", "J1", [(0, 0, 8), (30, 0, 4)], width_mm=200.0, material_code="pe", from_depth_m=2.1,
                to_depth_m=6.2, elevation_source_code="measured"),
        segment("J1", "J2", [(30, 0), (60, 0)], elevation_source_code="unknown"),
        segment("J0", "J2", [(0, 0), (60, 0)], class_code="gas", from_depth_m=40.0, elevation_source_code="unknown"),
    ]  # fmt: skip
    given = delivery(nodes, lines)
    given.counts = [RowCount("survey.csv", "P", "water", 4, 3, 1, 0), RowCount("survey.csv", "L", "water", 3, 3, 0, 0)]
    return bring_in(database, given)


@pytest.fixture
def changeset(database: Database) -> int:
    made = survey(database)
    run_checks(database, made)
    return made


def report_on(database: Database, changeset: int) -> Report:
    with database.transaction(read_only=True) as connection:
        return gather_report(connection, changeset)


def test_lengths_are_those_of_the_axes_and_heights_are_told_apart(database: Database, changeset: int) -> None:
    water, gas = sorted(report_on(database, changeset).quality.by_class, key=lambda line: -line["segments"])
    assert (water["class_code"], water["segments"], water["plan_m"]) == ("water", 2, 60.0)
    assert water["axis_m"] == pytest.approx((30**2 + 4**2) ** 0.5 + 30)
    assert water["height_segments"] == {"measured": 1, "inferred": 0, "unknown": 1}
    assert (gas["class_code"], gas["height_m"]) == ("gas", {"measured": 0.0, "inferred": 0.0, "unknown": 60.0})


def test_completeness_counts_what_is_known_and_marks_what_a_class_must_have(database: Database, changeset: int) -> None:
    cells = {
        (line["class_code"], line["attribute"]): (line["known"], line["features"], line["demanded"])
        for line in report_on(database, changeset).quality.completeness
    }
    assert cells["water", "ground"] == (2, 3, True)
    assert cells["water", "kind"] == (1, 3, True)
    assert cells["water", "material"] == (1, 2, True)
    assert cells["water", "depth"] == (1, 2, False)
    assert cells["water", "pressure"] == (0, 2, False)
    assert cells["gas", "pressure"] == (0, 1, True)


def test_depths_stand_in_their_half_metre_and_the_deepest_in_the_last(database: Database, changeset: int) -> None:
    depths = {(row["class_code"], row["step"]): row["ends"] for row in report_on(database, changeset).quality.depths}
    assert depths == {("water", 4): 1, ("water", 12): 1, ("gas", 15): 1}


def test_the_grade_can_be_recomputed_from_the_json_alone(database: Database, changeset: int, tmp_path: Path) -> None:
    write_json(report_on(database, changeset), tmp_path / "report.json")
    document = orjson.loads((tmp_path / "report.json").read_bytes())
    points = 100.0
    for line in document["quality"]["grade_lines"]:
        points -= min(line["cap"], line["points_per_percent"] * line["count"] / line["base"] * 100)
    assert document["quality"]["score"] == pytest.approx(max(points, 0), abs=0.05)
    best = max((least, name) for name, least in GRADES.items() if document["quality"]["score"] >= least)[1]
    assert document["quality"]["grade_en"] == best
    bases = {line["name"]: (line["count"], line["base"]) for line in document["quality"]["grade_lines"]}
    rows, severities = document["rows"], [found["severity"] for found in document["findings"]]
    assert bases["refused"] == (
        sum(row["refused"] for row in rows),
        sum(row["loaded"] + row["refused"] for row in rows),
    )
    assert bases["errors"] == (severities.count("error"), 6)
    assert bases["warnings"] == (severities.count("warning"), 6)
    assert bases["heights"] == (90.0, 120.0)


def test_the_geopackage_tells_the_same_grade(database: Database, changeset: int, tmp_path: Path) -> None:
    report = report_on(database, changeset)
    write_geopackage(report, tmp_path / "report.gpkg")
    table = pyogrio.read_dataframe(tmp_path / "report.gpkg", layer="quality_grade").set_index("name")
    assert table.loc["score", "deduction"] == report.quality.score
    deductions = table["deduction"].drop("score")
    assert max(0.0, 100 - deductions.sum()) == pytest.approx(report.quality.score, abs=0.05)


def test_a_city_may_set_its_own_weights(database: Database, changeset: int) -> None:
    nothing = {name: {"cap": 0.0} for name in ("refused", "errors", "warnings", "missing")}
    with database.transaction(read_only=True) as connection:
        report = gather_report(connection, changeset, nothing | {"heights": {"points_per_percent": 0.1, "cap": 50.0}})
    assert report.quality.score == 92.5


@pytest.mark.parametrize("wrong", ["[grade.neatness]\ncap = 1", "[grade.errors]\ncap = -1", "[grade.errors]\nsize = 1"])
def test_weights_that_make_no_sense_are_refused(database: Database, changeset: int, tmp_path: Path, wrong: str) -> None:
    (tmp_path / "rules.toml").write_text(wrong, encoding="utf-8")
    book = Rulebook.from_toml(tmp_path / "rules.toml")
    with database.transaction(read_only=True) as connection, pytest.raises(UsageError, match=r"grade\."):
        gather_report(connection, changeset, book.grade_weights)


def test_a_published_delivery_is_measured_as_it_was_published(database: Database, changeset: int) -> None:
    draft = report_on(database, changeset).quality.document()
    publish_now(database, changeset)
    assert report_on(database, changeset).quality.document() == draft


def test_the_page_prints_every_step_of_the_grade(database: Database, changeset: int) -> None:
    report = report_on(database, changeset)
    page = render_html(report, "en")
    assert all(line.item.name_en in page and line.item.name_zh in page for line in report.quality.grade_lines)
    assert f"{report.quality.score} ·" in page


def test_the_map_shows_a_second_delivery_within_the_pipes_of_today(database: Database, changeset: int) -> None:
    assert 'class="around"' not in render_html(report_on(database, changeset))
    publish_now(database, changeset)
    wider = delivery([node("J0", 0), node("J1", 30)], [segment("J0", "J1", [(0, 0, 8), (30, 0, 4)], width_mm=300.0)])
    report = report_on(database, bring_in(database, wider, partial=True))
    assert sorted(axis.length for axis in report.around) == [30.0, 30.0, 60.0]
    assert 'class="around" d="M' in render_html(report)


def test_the_page_names_states_and_sources_in_both_languages(database: Database, changeset: int) -> None:
    page = render_html(report_on(database, changeset))
    assert '<span lang="en">checked</span><span lang="zh">已检查</span>' in page
    assert "survey practice, rule R36: pressure for gas" in page
    assert "普查检查规则 R36：燃气查压力" in page


def test_a_second_delivery_is_told_by_attribute_and_by_how_many(database: Database, tmp_path: Path) -> None:
    publish_now(database, bring_in(database, street(5, material_code="pe")))
    second = street(4, material_code="cast_iron")
    second.segments.loc[0, "width_mm"] = 200.0
    made = bring_in(database, second)
    report = report_on(database, made)
    write_json(report, tmp_path / "report.json")
    written = orjson.loads((tmp_path / "report.json").read_bytes())
    assert written["unchanged"] == {"node": 4, "pipe_segment": 0}
    assert written["changed_attributes"] == {"pipe_segment": {"material_code": 3, "width_mm": 1}}
    assert '<span lang="en">material</span><span lang="zh">材质</span> 3 · ' in render_html(report)
    publish_now(database, made)
    assert (report_on(database, made).unchanged, report_on(database, made).changed) == ({}, {})


def test_a_first_delivery_changes_nothing_that_was_there(database: Database, changeset: int) -> None:
    report = report_on(database, changeset)
    assert (report.changed, "Changes to the map" in render_html(report)) == ({}, False)
