"""The report a surveyor acts on: complete, safe to open, readable by other programs."""

import csv
import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import geopandas as gpd
import orjson
import pyogrio
import pytest
from playwright.sync_api import Browser, sync_playwright

from pipemap.checks import run_checks
from pipemap.db import Database
from pipemap.errors import UsageError
from pipemap.report import Report, gather_report, write_csv, write_geopackage, write_html, write_json, write_whole
from pipemap.report.page import MAX_LISTED_PER_RULE
from schemas.findings import Finding, Severity
from tests.postgis.deliveries import bring_in, delivery, node, segment

HOSTILE = '</script><script>document.title="owned"</script><img src=x onerror="document.title=\'owned\'">'
FORMULA = '=HYPERLINK("http://example.org","x")'


def report_of(database: Database, orphans: int = 3) -> Report:
    """A street with a doubled pipe, orphans far from it, and cells that mean harm."""
    nodes = [node(f"J{i}", 10.0 * i, ground_elevation_m=10.0) for i in range(3)]
    nodes += [node(f"lost {i}", 3.0 * i, 40) for i in range(orphans)]
    lines = [
        segment("J0", "J1", [(0, 0, 8), (10, 0, 8)]),
        segment("J1", "J0", [(10, 0, 8), (0, 0, 8)]),
        segment("J1", "J2", [(10, 0), (20, 0)], class_code="gas"),
    ]
    given = delivery(nodes, lines)
    given.findings = [
        Finding(
            rule="IMP-CELL",
            severity=Severity.WARNING,
            message_en=f"The cell holds {HOSTILE}",
            message_zh=f"单元格内容 {HOSTILE}",
            feature_key=HOSTILE,
            file=HOSTILE,
            sheet="P",
            row=7,
            value=FORMULA,
        )
    ]
    changeset = bring_in(database, given)
    run_checks(database, changeset)
    with database.transaction() as connection:
        return gather_report(connection, changeset)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        started = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=options)
        yield started
        started.close()


def test_the_page_shows_counts_map_and_findings_without_asking_anybody(
    database: Database, browser: Browser, tmp_path: Path
) -> None:
    report = report_of(database)
    write_html(report, tmp_path / "report.html", "en")
    page = browser.new_page(viewport={"width": 1280, "height": 1600})
    asked: list[str] = []
    faults: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    page.goto((tmp_path / "report.html").as_uri())
    page.screenshot(path=tmp_path / "report.png", full_page=True)

    assert [url for url in asked if not url.startswith("file:")] == []
    assert faults == []
    assert page.title() == "survey"
    assert page.locator(".tile.error b").inner_text() == str(report.by_severity["error"])
    assert page.locator(".findings tbody tr").count() == len(report.findings)
    assert page.locator("#map > path").count() == 2
    placed = [found for found in report.findings if found["x_m"] is not None]
    assert page.locator("#map circle").count() == len(placed)
    account = page.locator(".account tfoot th.number").all_inner_texts()
    assert account == [str(report.row_totals[name]) for name in ("rows", "loaded", "refused", "skipped")]

    assert "The cell holds" in page.locator("body").inner_text()
    page.click("#language")
    assert "The cell holds" not in page.locator("body").inner_text()
    assert "单元格内容" in page.locator("body").inner_text()

    page.click('.rules tr[data-rule="R14"]')
    assert page.locator(".findings tbody tr:visible").count() == 1
    page.click("#clear")
    page.fill("#search", "lost 1")
    assert page.locator(".findings tbody tr:visible").count() >= 1
    page.fill("#search", "")
    page.locator('#map circle[data-rule="R14"]').click()
    assert page.locator(".findings tr:target td").first.inner_text() == "R14"


def test_hostile_cells_are_words_and_nothing_more(database: Database, browser: Browser, tmp_path: Path) -> None:
    write_html(report_of(database), tmp_path / "report.html")
    page = browser.new_page()
    page.goto((tmp_path / "report.html").as_uri())
    assert page.title() == "survey"
    assert page.locator(".findings img, .findings script").count() == 0
    assert HOSTILE in page.locator(".findings").inner_text()


def test_a_long_list_is_cut_and_says_so(database: Database, browser: Browser, tmp_path: Path) -> None:
    report = report_of(database, orphans=MAX_LISTED_PER_RULE + 20)
    write_html(report, tmp_path / "report.html", "en")
    page = browser.new_page()
    page.goto((tmp_path / "report.html").as_uri())
    listed = page.locator(".findings tbody tr").count()
    assert listed < len(report.findings)
    assert f"This page lists {listed} of {len(report.findings)} findings" in page.locator("body").inner_text()
    assert page.locator('.rules tr[data-rule="R21"] td.number').inner_text() == str(MAX_LISTED_PER_RULE + 20)


def test_the_geopackage_holds_every_finding_at_its_place(database: Database, tmp_path: Path) -> None:
    report = report_of(database)
    path = tmp_path / "report.gpkg"
    write_geopackage(report, path)
    write_geopackage(report, path)
    kinds = {str(name): geometry for name, geometry in pyogrio.list_layers(path)}
    assert {name for name, geometry in kinds.items() if geometry is not None} == {"findings", "segments", "nodes"}
    assert pyogrio.read_info(path, layer="findings")["features"] == len(report.findings)
    found = gpd.read_file(path, layer="findings")
    assert found.crs.to_epsg() == report.srid
    twice = found[found["rule"] == "R14"].iloc[0]
    assert (twice.geometry.x, twice.geometry.y) == (500_005, 2_500_000)
    assert found["geometry"].isna().sum() == sum(row["x_m"] is None for row in report.findings)
    lines = gpd.read_file(path, layer="segments")
    assert sorted(lines["source_key"]) == ["J0->J1", "J1->J0", "J1->J2"]
    assert dict(zip(lines["source_key"], lines["geometry"].has_z, strict=True))["J1->J2"] is False


def test_the_table_holds_every_finding_and_no_formula(database: Database, tmp_path: Path) -> None:
    report = report_of(database)
    write_csv(report, tmp_path / "report.csv")
    with (tmp_path / "report.csv").open(encoding="utf-8-sig", newline="") as file:
        rows: list[dict[str, Any]] = list(csv.DictReader(file))
    assert [row["rule"] for row in rows] == [row["rule"] for row in report.findings]
    hostile = next(row for row in rows if row["rule"] == "IMP-CELL")
    assert hostile["value"] == "'" + FORMULA
    assert hostile["feature_key"] == HOSTILE


@pytest.mark.parametrize("kind", ["half", "gpkg", "device"])
def test_a_report_that_finds_no_room_says_so_and_leaves_the_last_one(tmp_path: Path, kind: str) -> None:
    old = tmp_path / "report.gpkg"
    old.write_text("the last one", encoding="utf-8")

    def write(path: Path) -> None:
        if kind == "gpkg":
            pyogrio.write_dataframe(gpd.GeoDataFrame({"a": [1]}, geometry=[None], crs=4547), path / "none" / "a.gpkg")
        path.write_text("half", encoding="utf-8")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(UsageError, match="cannot be written") as raised:
        write_whole(Path("/dev/full") if kind == "device" else old, write)
    assert "无法写入" in raised.value.told("zh")
    assert ("No space left" in raised.value.message) == (kind != "gpkg")
    assert [path.read_text(encoding="utf-8") for path in tmp_path.iterdir()] == ["the last one"]


def test_the_document_adds_up(database: Database, tmp_path: Path) -> None:
    report = report_of(database)
    write_json(report, tmp_path / "report.json")
    document = orjson.loads((tmp_path / "report.json").read_bytes())
    assert len(document["findings"]) == document["finding_count"] == sum(document["by_severity"].values())
    assert sum(line["count"] for line in document["counts"]) == document["finding_count"]
    assert all(line["adds_up"] for line in document["rows"])


def test_a_changeset_without_findings_has_a_report_too(database: Database, tmp_path: Path) -> None:
    changeset = bring_in(database, delivery())
    with database.transaction() as connection:
        report = gather_report(connection, changeset)
    write_html(report, tmp_path / "report.html")
    write_geopackage(report, tmp_path / "report.gpkg")
    write_csv(report, tmp_path / "report.csv")
    assert "未发现问题" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert pyogrio.read_info(tmp_path / "report.gpkg", layer="findings")["features"] == 0
