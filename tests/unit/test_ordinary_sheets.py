"""Ordinary tables that look a little like odd ones, stacked, turned, long or with pairs, are read as they stand."""

import csv
from collections.abc import Sequence
from pathlib import Path

import openpyxl
import pytest

from importers.base import RecordTable
from importers.tables import TableReader
from importers.tabular.stacked import Tables

Lines = Sequence[Sequence[str]]

_AT = [(f"J{n}", f"{507000.34 + n:.2f}", f"{2495000.12 + n:.2f}") for n in range(6)]
_FEATURES = ["start", "end", "start", "end", "start", "end"]
_FITTINGS = ["manhole", "junction", "manhole", "junction", "manhole", "junction"]

_WITH_HEADER: dict[str, Lines] = {
    "a point without number and depth that is a manhole at the end": [
        ["点号", "特征", "附属物", "埋深"], ["J1", "直线点", "检查井", "1.2"], ["", "终点", "检查井", ""],
        ["J3", "起点", "", "1.4"],
    ],
    "points in the word of a road, the last without depth": [
        ["道路", "特征", "附属物", "埋深"], ["人民路", "直线点", "检查井", "1.2"], ["解放路", "终点", "检查井", ""],
    ],
    "words of features in a language that nobody knows": [
        ["zrt", "plk", "mnb", "Từ"], *([f"{n // 2}", f"{n}.5", _FEATURES[n], f"{n}{n}"] for n in range(6)),
    ],
    "words of appurtenances in a language that nobody knows": [
        ["zrt", "plk", "mnb", "Từ"], *([f"{n // 2}", f"J{n}", _FITTINGS[n], f"DN{n}00"] for n in range(6)),
    ],
    "numbers of ducts": [
        ["zrt", "plk", "mnb", "Từ"], *([f"K{n // 2}", f"D{n % 2 + 1}", f"{n}.25", "PE"] for n in range(6)),
    ],
    "names of columns in rows": [
        ["字段", "类型", "长度"], ["点号", "文本", "20"], ["X坐标", "数值", "12"], ["Y坐标", "数值", "12"],
    ],
    "columns explained in words": [
        ["Field", "Type", "Description"], ["Point", "text", "of the plan"], ["X", "number", "to the east"],
        ["Y", "number", "to the north"], ["Depth", "number", "below ground"],
    ],
    "days and times of day": [
        ["点号", "东坐标", "北坐标", "采集时间"], *([*at, f"2023051{n} 14302{n}"] for n, at in enumerate(_AT)),
    ],
    "two telephones": [
        ["点号", "东坐标", "北坐标", "联系电话"], *([*at, f"1380013800{n}/1390013900{n}"] for n, at in enumerate(_AT)),
    ],
    "depths at both ends to the tenth of a millimetre": [
        ["起点", "终点", "起止埋深"], *([f"J{n}", f"J{n + 1}", f"1.234{n}/2.112{n + 1}"] for n in range(5)),
    ],
    "thousands told by commas": [
        ["No", "E", "N"], *([f"J{n}", f"113,00{n}.345{n + 1}", f"95,000.12{n + 1}4"] for n in range(5)),
    ],
}  # fmt: skip


@pytest.mark.parametrize("lines", _WITH_HEADER.values(), ids=_WITH_HEADER)
def test_a_table_with_its_names_in_a_row_keeps_columns_and_rows(tmp_path: Path, lines: Lines) -> None:
    (table,) = _read(tmp_path, lines)

    assert table.rows.columns.tolist() == lines[0]
    assert table.rows.fillna("").astype(str).to_numpy().tolist() == [list(line) for line in lines[1:]]
    assert not table.findings


def test_units_under_unknown_names_do_not_turn_a_table(tmp_path: Path) -> None:
    lines = [["qwv", "zrt", "plk", "mnb"], ["-", "-", "-", "-"], ["J0", "200", "1.25", "3"], ["J1", "300", "1.5", "6"]]

    (table,) = _read(tmp_path, lines)

    assert table.rows.columns.tolist() == lines[0]
    assert table.rows["qwv"].tolist()[-2:] == ["J0", "J1"]


def test_features_of_lines_without_header_are_no_attributes_of_them(tmp_path: Path) -> None:
    lines = [[f"{n // 2}", f"J{n}", f"K{n}", "消防栓", _FEATURES[n]] for n in range(6)]

    (table,) = _read(tmp_path, lines)

    assert (len(table.rows), len(table.rows.columns)) == (6, 5)


def test_a_turned_table_may_have_a_column_of_units(tmp_path: Path) -> None:
    lines = [
        ["点号", "-", "J1", "J2"],
        ["X坐标", "m", "2495000.1", "2495001.1"],
        ["Y坐标", "m", "507000.1", "507001.1"],
    ]

    (table,) = _read(tmp_path, lines)

    assert table.rows.columns.tolist() == ["点号", "X坐标(m)", "Y坐标(m)"]
    assert [finding.rule for finding in table.findings] == ["IMP-TURNED"]


def test_a_table_of_both_ends_alone_may_follow_points() -> None:
    points, ends = [["点号", "埋深"], ["J1", "1.2"], ["J2", "1.3"]], [["起点", "终点"], ["J1", "J2"]]

    assert [list(part) for _, part in Tables([*points, *ends], frozenset())] == [points, ends]


def test_numbers_with_a_unit_beside_them_keep_their_decimals(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["点号", "X", "Y", "单位"])
    for n in range(5):
        sheet.append([f"J{n}", 507000.12 + n, 2495000.345 + n, "m"])
    book.save(tmp_path / "points.xlsx")

    (table,) = TableReader().read([tmp_path / "points.xlsx"], {})

    assert table.rows["Y"].tolist() == [f"{2495000.345 + n} m" for n in range(5)]


def _read(folder: Path, lines: Lines) -> list[RecordTable]:
    file = folder / "table.csv"
    with file.open("w", newline="", encoding="utf-8") as out:
        csv.writer(out).writerows(lines)
    return list(TableReader().read([file], {}))
