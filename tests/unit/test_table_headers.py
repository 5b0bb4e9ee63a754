"""Headers as firms draw them: over several rows, merged, with units, below titles, again on every page."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from importers.base import RecordTable
from importers.tables import TableReader

Cells = Sequence[Sequence[Any]]


def workbook(path: Path, rows: Cells, merges: Sequence[str] = (), sheet: str = "管线") -> Path:
    book = openpyxl.Workbook()
    page = book.worksheets[0]
    page.title = sheet
    for row in rows:
        page.append(list(row))
    for merge in merges:
        page.merge_cells(merge)
    book.save(path)
    return path


def read(path: Path, **options: Any) -> list[RecordTable]:
    return list(TableReader().read([path], options))


TWO_ROWS = [
    ["物探点号", "连接点号", "特征", "平面坐标(m)", None, "地面高程(m)", "埋深(cm)", None, "管径(mm)"],
    [None, None, None, "X", "Y", None, "起点", "终点", None],
]
NAMES_OF_TWO_ROWS = [
    "物探点号", "连接点号", "特征", "平面坐标X(m)", "平面坐标Y(m)", "地面高程(m)", "起点埋深(cm)",
    "终点埋深(cm)", "管径(mm)",
]  # fmt: skip
RECORD = ["JS1", "JS2", "三通", 2600000.5, 500000.5, 12.5, 85, 92, 300]


@pytest.mark.parametrize("merged", [True, False])
def test_a_header_of_two_rows_is_joined_so_that_the_meaning_and_the_unit_stay(tmp_path: Path, merged: bool) -> None:
    merges = ["D1:E1", "G1:H1", "A1:A2", "B1:B2", "C1:C2", "F1:F2", "I1:I2"] if merged else []
    (table,) = read(workbook(tmp_path / "a.xlsx", [*TWO_ROWS, RECORD], merges))
    assert list(table.rows.columns) == NAMES_OF_TWO_ROWS
    assert table.rows.iloc[0].tolist() == RECORD
    assert table.rows.index.tolist() == [3]


def test_a_header_of_three_rows_reads_like_one_of_two(tmp_path: Path) -> None:
    rows = [
        ["点号", "连接点号", "管线点", None, None, "管线", None],
        [None, None, "坐标", None, "高程", "埋深(m)", None],
        [None, None, "X", "Y", "地面", "起点", "终点"],
        ["A", "B", 2600000.5, 500000.5, 10, 1, 2],
    ]
    merges = ["A1:A3", "B1:B3", "C1:E1", "F1:G1", "C2:D2", "F2:G2"]
    (table,) = read(workbook(tmp_path / "a.xlsx", rows, merges))
    assert list(table.rows.columns) == [
        "点号",
        "连接点号",
        "X坐标",
        "Y坐标",
        "地面高程",
        "管线起点埋深(m)",
        "管线终点埋深(m)",
    ]


def test_an_end_word_under_an_unknown_quantity_is_not_taken_for_the_point_there(tmp_path: Path) -> None:
    rows = [["起点点号", "终点点号", "坡度", None, "材质"], [None, None, "起点", "终点", None], ["A", "B", 1, 2, "PE"]]
    (table,) = read(workbook(tmp_path / "a.xlsx", rows, ["C1:D1"]))
    assert list(table.rows.columns) == ["起点点号", "终点点号", "坡度 起点", "坡度 终点", "材质"]


def test_a_row_of_units_belongs_to_the_header(tmp_path: Path) -> None:
    rows = [
        ["起点点号", "终点点号", "起点埋深", "终点埋深", "管径"],
        [None, None, "(cm)", "(cm)", "mm"],
        ["A", "B", 85, 92, 300],
    ]
    (table,) = read(workbook(tmp_path / "a.xlsx", rows))
    assert list(table.rows.columns) == ["起点点号", "终点点号", "起点埋深(cm)", "终点埋深(cm)", "管径(mm)"]
    assert len(table.rows) == 1


def test_numbers_of_columns_and_english_names_under_the_header_are_no_records(tmp_path: Path) -> None:
    header = ["物探点号", "特征", "附属物", "X", "Y", "地面高程"]
    english = ["Exp_No", "Feature", "Subsid", "X", "Y", "Surf_H"]
    rows = [header, english, ["A", "三通", None, 2600000.5, 500000.5, 10]]
    (table,) = read(workbook(tmp_path / "a.xlsx", rows))
    assert (table.rows["物探点号"].tolist(), table.skipped_rows) == (["A"], 1)
    (table,) = read(workbook(tmp_path / "b.xlsx", [header, [1, 2, 3, 4, 5, 6], rows[2]]))
    assert (table.rows["物探点号"].tolist(), table.skipped_rows) == (["A"], 1)


@pytest.mark.parametrize("n_above", range(0, 20, 3))
def test_the_header_is_found_wherever_it_stands_in_the_first_twenty_rows(tmp_path: Path, n_above: int) -> None:
    above = [["某市地下管线普查", None, None], [], ["测区: 一", "日期", "2024-05"]] * 7
    rows = [*above[:n_above], ["物探点号", "X", "Y", "地面高程"], ["A", 2600000.5, 500000.5, 10]]
    (table,) = read(workbook(tmp_path / "a.xlsx", rows))
    assert [name for name in table.rows.columns if name != "测区"] == ["物探点号", "X", "Y", "地面高程"]
    assert table.rows.index.tolist() == [n_above + 2]


PAGE = [
    ["给水管线成果表"],
    ["管线类别: 给水", None, "图幅号：2600-500", None, None],
    ["物探点号", "连接点号", "X", "Y", "地面高程"],
]


def page_of(key: str, sheet: str, class_word: str) -> Cells:
    said = [f"管线类别: {class_word}", None, f"图幅号：{sheet}", None, None]
    record = [key, f"{key}0", 2600000.5, 500000.5, 10]
    return [PAGE[0], said, PAGE[2], record, ["制表: 张三", None, None, "审核: 李四"], ["第1页 共2页"]]


def test_every_page_of_a_printed_table_is_read_with_what_its_head_says(tmp_path: Path) -> None:
    rows = [*page_of("A", "2600-500", "给水"), *page_of("B", "2601-500", "雨水")]
    (table,) = read(workbook(tmp_path / "a.xlsx", rows))
    assert table.rows["物探点号"].tolist() == ["A", "B"]
    assert table.rows["图幅号"].tolist() == ["2600-500", "2601-500"]
    assert table.rows["管线类别"].tolist() == ["给水", "雨水"]
    assert table.rows.index.tolist() == [4, 10]
    assert (table.title, table.skipped_rows) == ("给水管线成果表", 7)
    (finding,) = table.findings
    assert "2 page marks (row 6, 12)" in finding.message_en
    assert "1 repeated headers (row 9)" in finding.message_en


def test_labels_that_name_measurements_are_not_spread_over_the_rows(tmp_path: Path) -> None:
    rows = [["高程: 1985国家高程基准", "坐标：CGCS2000"], ["物探点号", "X", "Y"], ["A", 2600000.5, 500000.5]]
    (table,) = read(workbook(tmp_path / "a.xlsx", rows))
    assert list(table.rows.columns) == ["物探点号", "X", "Y"]


@pytest.mark.parametrize(
    "total", ["合计", "小 计", "总计:", "给水小计", "Total", "TOTAL length", "共计", "Grand total"]
)
def test_totals_are_left_out_and_named(tmp_path: Path, total: str) -> None:
    rows = [["起点点号", "终点点号", "长度"], ["A", "B", 10.5], [total, None, 10.5], ["B", "C", 7]]
    (table,) = read(workbook(tmp_path / "a.xlsx", rows))
    assert table.rows["起点点号"].tolist() == ["A", "B"]
    assert table.skipped_rows == 1
    assert (table.findings[0].rule, table.findings[0].row) == ("IMP-SKIP", 3)


@pytest.mark.parametrize("word", ["检查井", "总管", "计量站", "Totenweg", "第一路1", "S1", "-1", "测量点1", "给水"])
def test_words_that_only_look_like_totals_stay(tmp_path: Path, word: str) -> None:
    rows = [["物探点号", "X", "Y"], [word, 2600000.5, 500000.5]]
    (table,) = read(workbook(tmp_path / "a.xlsx", rows))
    assert (table.rows["物探点号"].tolist(), table.skipped_rows) == ([word], 0)


def test_a_point_of_which_only_the_number_is_known_is_a_row_like_others(tmp_path: Path) -> None:
    rows = [["给水管点表"], ["物探点号", "X", "Y", "特征"], ["A", 2600000.5, 500000.5, "三通"], ["B"]]
    (table,) = read(workbook(tmp_path / "a.xlsx", rows))
    assert table.rows["物探点号"].tolist() == ["A", "B"]


def test_a_table_without_header_keeps_its_first_row(tmp_path: Path) -> None:
    (table,) = read(workbook(tmp_path / "a.xlsx", [["A", "B", 1.5], ["B", "C", 1.6]]))
    assert list(table.rows.columns) == ["column 1", "column 2", "column 3"]
    assert len(table.rows) == 2


def test_cells_merged_over_rows_hold_for_each_of_them(tmp_path: Path) -> None:
    rows = [["起点点号", "终点点号", "材质"], ["A", "B", "PE"], [None, "C", None], ["C", "D", "铸铁"]]
    (table,) = read(workbook(tmp_path / "a.xlsx", rows, ["A2:A3", "C2:C3"]))
    assert table.rows.to_numpy().tolist() == [["A", "B", "PE"], ["A", "C", "PE"], ["C", "D", "铸铁"]]


def test_a_chunk_never_begins_with_a_further_line_of_a_point(tmp_path: Path) -> None:
    rows = [["物探点号", "连接点号", "X", "Y"], ["A", "B", 1.5, 2.5], [None, "C"], [None, "D"], ["B", "A", 1.5, 3.5]]
    tables = read(workbook(tmp_path / "a.xlsx", rows), chunk_rows=2)
    assert [table.rows["连接点号"].tolist() for table in tables] == [["B", "C", "D"], ["A"]]
    assert [table.rows.index.tolist() for table in tables] == [[2, 3, 4], [5]]
    assert {(table.file, table.sheet) for table in tables} == {("a.xlsx", "管线")}


def test_whole_numbers_that_a_program_made_decimals_are_whole_again(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("物探点号,X,Y\n12.0,2600000.5,500000.0\n13.0,2600001.5,500001.5\n", encoding="utf-8")
    (table,) = read(path)
    assert table.rows["物探点号"].tolist() == ["12", "13"]
    assert table.rows["Y"].tolist() == ["500000.0", "500001.5"]
