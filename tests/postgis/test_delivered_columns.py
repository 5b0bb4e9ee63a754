"""What a check finds is told as the delivery calls it, and once."""

from collections import Counter
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from importers.delivery import read_delivery
from pipemap.checks import Proposed, run_checks
from pipemap.db import Database
from pipemap.findings import list_findings
from pipemap.ingest import create_import

NORTH, EAST = 2_494_000.0, 492_000.0
POINTS = [
    ["管线点号", "纵坐标", "横坐标", "地面标高", "特征"],
    *([f"W{n}", NORTH, EAST + 30 * n, 10.0, "直线点"] for n in range(5)),
    ["W5", EAST, NORTH, 10.0, "直线点"],
]
LINES = [
    ["起点点号", "终点点号", "起点埋深", "终点埋深", "起点管顶高程", "终点管顶高程", "管径", "建成年月", "使用状态"],
    ["W0", "W1", 1.0, 1.0, 9.0, 9.0, 200, "2031-05", "在用"],
    ["W1", "W2", 1.0, 1.0, 8.0, 9.0, 200, "2019-05", "在用"],
    ["W2", "W3", 1.0, 9.0, 9.0, 1.0, 200, "2019-05", "在用"],
    ["W3", "W4", 9.0, 1.0, 1.0, 9.0, 200, "2019-05", "在用"],
    ["W4", "W3", 9.0, 1.0, 1.0, 9.0, 100, "2019-05", "在用"],
]


@pytest.fixture
def workbook(tmp_path: Path) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)  # type: ignore[arg-type]
    for name, rows in (("JS点", POINTS), ("JS线", LINES)):
        sheet = book.create_sheet(name)
        for row in [["某市给水成果表"], *rows]:
            sheet.append(row)
    book.save(tmp_path / "survey.xlsx")
    return tmp_path / "survey.xlsx"


def found(database: Database, path: Path, *, follows: bool) -> list[dict[str, Any]]:
    seen = Proposed() if follows else None
    given = read_delivery([path], srid=4547, source_crs="EPSG:4547")
    changeset = create_import(database, given, title="t", author="a", follower=seen)
    run_checks(database, changeset, proposed=seen)
    with database.transaction() as connection:
        return [dict(row) for row in list_findings(connection, changeset, limit=1_000)]


@pytest.mark.parametrize("follows", [True, False])
def test_a_finding_names_the_column_of_the_delivery(database: Database, workbook: Path, follows: bool) -> None:
    told = {(row["rule"], row["row"], row["column"]) for row in found(database, workbook, follows=follows)}
    assert {
        ("P17", 3, "建成年月"),
        ("R27", 4, "起点管顶高程"),
        ("R15", 5, "终点埋深"),
        ("R15", 6, "起点埋深"),
        ("R06", 8, "横坐标, 纵坐标"),
        ("R22", 3, "特征"),
    } <= told


def test_no_fault_counts_twice_because_the_import_saw_it_too(database: Database, workbook: Path) -> None:
    rows = [row for row in found(database, workbook, follows=True) if row["severity"] != "info"]
    faults = Counter((row["rule"], row["feature_key"], row["column"]) for row in rows)
    assert {rule for rule, _, _ in faults} >= {"R06", "R14", "R27"}
    assert set(faults.values()) == {1}
