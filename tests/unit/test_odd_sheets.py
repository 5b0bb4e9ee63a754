"""Sheets that are no plain tables: turned, stacked, one attribute a row, without header, with remarks and colours."""

from pathlib import Path
from typing import Any

import openpyxl
import pytest
import shapely
from openpyxl.comments import Comment

from importers.normalising.numerals import number_written
from importers.tabular.headers import Row
from importers.tabular.stacked import Tables
from schemas.delivery import Delivery
from schemas.findings import Severity
from tests.unit.trials import proposed, trial, workbook

_PLACES = [(507000.0 + 30 * n, 2495000.0 + 2 * n, 12.0 + n / 10) for n in range(12)]
_POINTS = [["点号", "X坐标", "Y坐标", "地面高程"], *([f"J{n}", y, x, z] for n, (x, y, z) in enumerate(_PLACES))]
_LINES = [["起点", "终点", "管径", "材质"], *([f"J{n}", f"J{n + 1}", "DN200", "铸铁"] for n in range(11))]
_DEPTHS = [["起点", "终点", "起点埋深"], *([f"J{n}", f"J{n + 1}", 1.2] for n in range(11))]


def test_a_sheet_with_a_point_in_each_column_is_read_turned_and_says_so(tmp_path: Path) -> None:
    turned = [list(row) for row in zip(*_POINTS, strict=True)]

    delivery = trial(
        proposed([workbook(tmp_path / "成果.xlsx", {"给水点": [["给水管点"], *turned], "给水线": _LINES})])
    )

    assert _drawn(delivery) == {f"J{n}": (x, y, z) for n, (x, y, z) in enumerate(_PLACES)}
    assert delivery.nodes["source_row"].tolist() == list(range(2, 14))
    assert "首列" in _only(delivery, "IMP-TURNED").message_zh


def test_a_turned_sheet_is_told_by_the_kinds_of_its_values_in_a_language_that_nobody_knows(tmp_path: Path) -> None:
    rows = [["qwv", *(f"A{n}" for n in range(6))], ["zrt", *range(101, 107)], ["plk", *"ababab"], ["mnb", *"ccdddc"]]

    found = proposed([workbook(tmp_path / "成果.xlsx", {"S": rows, "给水点": _POINTS})])

    assert [column.column for column in found.tables[0].columns] == ["qwv", "zrt", "plk", "mnb"]


def test_points_and_lines_one_below_the_other_are_two_tables(tmp_path: Path) -> None:
    sheet = [["一、管点"], *_POINTS, [], ["二、管线"], *_LINES]

    delivery = trial(proposed([workbook(tmp_path / "成果.xlsx", {"给水": sheet})]))

    assert (len(delivery.nodes), len(delivery.segments)) == (12, 11)
    assert delivery.segments["source_row"].tolist() == list(range(18, 29))
    assert {count.sheet: (count.loaded, count.refused) for count in delivery.counts if count.loaded} == {
        "给水": (12, 0), "给水!A15": (11, 0),
    }  # fmt: skip
    assert _only(delivery, "IMP-STACKED").row == 15


def test_a_cell_far_out_to_the_right_is_told_and_the_table_beside_it_read(tmp_path: Path) -> None:
    far = [[*row, *[None] * 2_999, "x" if n == 5 else None] for n, row in enumerate(_POINTS, start=1)]

    delivery = trial(proposed([workbook(tmp_path / "成果.xlsx", {"给水点": far, "给水线": _LINES})]))

    assert (len(delivery.nodes), len(delivery.segments)) == (12, 11)
    told = _only(delivery, "IMP-FAR")
    assert (told.row, told.column, told.value, told.severity) == (5, "DKN", "x", Severity.WARNING)


def test_points_and_lines_beside_each_other_are_two_tables(tmp_path: Path) -> None:
    points, lines = _POINTS[:8], _LINES
    sides = [[*(points[n] if n < len(points) else [None] * 4), None, *lines[n]] for n in range(len(lines))]

    delivery = trial(proposed([workbook(tmp_path / "成果.xlsx", {"给水": [["管点", *[None] * 4, "管线"], *sides]})]))

    assert _drawn(delivery) == {f"J{n}": (x, y, z) for n, (x, y, z) in enumerate(_PLACES[:7])}
    assert delivery.segments["source_key"].tolist() == [f"J{n}->J{n + 1}" for n in range(6)]
    of_lines = [count for count in delivery.counts if count.sheet == "给水!F1"]
    assert (sum(count.loaded for count in of_lines), sum(count.refused for count in of_lines)) == (6, 5)
    assert "F1" in _only(delivery, "IMP-STACKED").message_zh


def test_a_blank_column_within_a_table_parts_nothing(tmp_path: Path) -> None:
    lines = [[*row[:2], None, *row[2:]] for row in _LINES]

    delivery = trial(proposed([workbook(tmp_path / "成果.xlsx", {"给水点": _POINTS, "给水线": lines})]))

    assert delivery.segments["section_text"].eq("DN200").all()


def test_columns_of_pipes_with_points_that_go_nowhere_are_told(tmp_path: Path) -> None:
    sheet = [["桩号", *_POINTS[0], "管径", "管材"]]
    sheet += [[f"K0+{40 * n:03}", *row, "DN600", "混凝土"] for n, row in enumerate(_POINTS[1:])]

    delivery = trial(proposed([workbook(tmp_path / "成果.xlsx", {"纵断面": sheet})]))

    assert _only(delivery, "IMP-LINES").details["columns"] == ["管径", "管材"]
    assert delivery.nodes["extra"].iloc[0]["管径"] == "DN600"


@pytest.mark.parametrize("between", [[], [[]], [[None, None], ["注：以下为管线"]]])
def test_another_header_begins_another_table_with_the_lines_above_it(between: list[Row]) -> None:
    rows: list[Row] = [*_POINTS, *between, *_DEPTHS]
    tables = [(before, list(part)) for before, part in Tables(rows, frozenset())]
    assert [before for before, _ in tables] == [0, 13]
    assert [*tables[0][1], *tables[1][1]] == rows


def test_a_header_that_comes_again_and_a_row_of_words_begin_no_table() -> None:
    rows: list[Row] = [*_POINTS[:5], _POINTS[0], *_POINTS[5:], ["J99", "未测", "未测", "无"], _POINTS[3]]
    assert [list(part) for _, part in Tables(rows, frozenset())] == [rows]


def test_one_attribute_a_row_is_read_as_one_thing_with_all_of_them(tmp_path: Path) -> None:
    points = [["object_id", "attribute", "value"]]
    for n, (x, y, z) in enumerate(_PLACES):
        points += [[f"J{n}", "easting", x], [f"J{n}", "northing", y], [f"J{n}", "ground level", z]]
    file = tmp_path / "water.csv"
    file.write_text("\n".join(",".join(map(str, row)) for row in points), encoding="utf-8")

    delivery = trial(proposed([file]))

    assert _drawn(delivery) == {f"J{n}": (x, y, z) for n, (x, y, z) in enumerate(_PLACES)}
    assert delivery.nodes["source_row"].tolist() == list(range(2, 38, 3))
    assert "36 rows were read as 12 things" in _only(delivery, "IMP-LONG").message_en


def test_an_attribute_that_a_long_table_gives_again_is_told(tmp_path: Path) -> None:
    points = [["object_id", "attribute", "value"]]
    for n, (x, y, _) in enumerate(_PLACES * 5):
        points += [[f"J{n}", "easting", x], [f"J{n}", "northing", y]]
    file = tmp_path / "water.csv"
    file.write_text("\n".join(",".join(map(str, row)) for row in [*points, ["J1", "easting", 5]]), encoding="utf-8")

    told = _only(trial(proposed([file])), "IMP-LONG")

    assert (told.severity, "1 rows that give an attribute again" in told.message_en) == (Severity.WARNING, True)


@pytest.mark.parametrize(
    ("name", "cell"), [("坐标(X,Y)", "({1:.3f}, {0:.3f})"), ("位置", "X={1:.3f} Y={0:.3f}"), ("Location", "{0} {1}")]
)
def test_both_coordinates_in_one_cell_are_told_apart(tmp_path: Path, name: str, cell: str) -> None:
    rows = [["点号", name, "地面高程"], *([f"J{n}", cell.format(x, y), z] for n, (x, y, z) in enumerate(_PLACES))]

    delivery = trial(proposed([workbook(tmp_path / "成果.xlsx", {"给水点": rows})]))

    assert _drawn(delivery) == {f"J{n}": (x, y, z) for n, (x, y, z) in enumerate(_PLACES)}
    assert _only(delivery, "IMP-PAIR").column == name


def test_sizes_of_a_box_are_no_coordinates(tmp_path: Path) -> None:
    lines = [["起点", "终点", "断面尺寸"], *([f"J{n}", f"J{n + 1}", "2000/1500"] for n in range(11))]

    found = proposed([workbook(tmp_path / "成果.xlsx", {"雨水点": _POINTS, "雨水线": lines})])

    assert [column.column for column in found.tables[1].columns] == ["起点", "终点", "断面尺寸"]


def test_a_dictionary_that_comes_with_the_tables_gives_their_codes_a_meaning(tmp_path: Path) -> None:
    lines = [["起点", "终点", "管径", "材质"], *([f"J{n}", f"J{n + 1}", 200, 1 + n % 2] for n in range(11))]
    meanings = [["字典项", "代码", "含义"], ["材质", 1, "球墨铸铁"], ["材质", 2, "PE"], ["特征", 1, "弯头"]]
    file = workbook(tmp_path / "成果.xlsx", {"给水点": _POINTS, "给水线": lines, "代码表": meanings})

    found = proposed([file])

    assert trial(found).segments["material_code"].tolist() == [["ductile_iron", "pe"][n % 2] for n in range(11)]
    assert '\n"1" = "ductile_iron"' in found.text


def test_a_code_that_two_rows_of_a_dictionary_explain_otherwise_stays_unknown(tmp_path: Path) -> None:
    lines = [["起点", "终点", "管径", "材质"], *([f"J{n}", f"J{n + 1}", 200, 7] for n in range(11))]
    meanings = [["代码", "含义"], [7, "球墨铸铁"], [7, "PE"], [8, "钢"]]

    delivery = trial(
        proposed([workbook(tmp_path / "成果.xlsx", {"给水点": _POINTS, "给水线": lines, "代码表": meanings})])
    )

    assert delivery.segments["material_code"].isna().all()
    assert _only(delivery, "R12").value == "7"


def test_marks_for_the_value_above_are_that_value(tmp_path: Path) -> None:
    rows = [["点号", "X坐标", "Y坐标", "地面高程", "权属单位"]]
    marks = ["水务局", "同上", "〃", '"', "燃气公司", "″"]
    rows += [[f"J{n}", y, x, 12.0, marks[n % 6]] for n, (x, y, _) in enumerate(_PLACES)]

    delivery = trial(proposed([workbook(tmp_path / "成果.xlsx", {"给水点": rows})]))

    assert delivery.nodes["owner"].tolist() == 2 * [*4 * ["水务局"], *2 * ["燃气公司"]]


@pytest.mark.parametrize(("raised_m", "is_ground"), [(0.0, True), (-11.0, False)])
def test_what_stands_behind_coordinates_without_header_is_ground_unless_it_can_be_a_depth(
    tmp_path: Path, raised_m: float, is_ground: bool
) -> None:
    file = tmp_path / "给水点.txt"
    rows = [f"J{n} {y} {x} {z + raised_m:.2f}" for n, (x, y, z) in enumerate(_PLACES)]
    file.write_text("\n".join(rows), encoding="utf-8")

    nodes = trial(proposed([file])).nodes

    assert nodes["ground_elevation_m"].notna().all() == is_ground
    assert len(nodes) == 12


def test_a_header_below_pages_of_remarks_is_found(tmp_path: Path) -> None:
    remarks = [[f"{n}. 说明文字"] for n in range(55)]

    delivery = trial(proposed([workbook(tmp_path / "成果.xlsx", {"给水点": [*remarks, *_POINTS]})]))

    assert delivery.nodes["source_row"].tolist() == list(range(57, 69))


def test_remarks_on_cells_and_colours_with_a_meaning_are_told(tmp_path: Path) -> None:
    file = workbook(tmp_path / "成果.xlsx", {"给水点": [["红色填充为废弃管点"], *_POINTS]})
    book = openpyxl.load_workbook(file)
    book["给水点"]["D5"].comment = Comment("待复测", "张三")
    book.save(file)

    delivery = trial(proposed([file]))

    assert "D5" in _only(delivery, "IMP-REMARK").message_zh
    colours = _only(delivery, "IMP-COLOUR")
    assert (colours.row, colours.value, colours.severity) == (1, "红色填充为废弃管点", Severity.WARNING)


def test_formulas_without_values_are_told_by_their_number(tmp_path: Path) -> None:
    points = [[*row, "=D2-1"] if at else [*row, "管顶高程"] for at, row in enumerate(_POINTS)]
    delivery = trial(proposed([workbook(tmp_path / "成果.xlsx", {"给水点": points})]))
    assert _only(delivery, "IMP-FORMULA").message_en.startswith("12 formulas of ")


def test_what_a_type_is_of_is_said_by_the_group_it_stands_in(tmp_path: Path) -> None:
    points = [["节点", None, "坐标", None], ["编号", "类型", "X", "Y"]]
    points += [[f"J{n}", "阀门" if n % 2 else "消防栓", y, x] for n, (x, y, _) in enumerate(_PLACES)]
    delivery = trial(proposed([workbook(tmp_path / "成果.xlsx", {"给水点": points, "给水线": _LINES})]))
    assert delivery.nodes["appurtenance_code"].value_counts().to_dict() == {"hydrant": 6, "valve": 6}


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("1'200.50", 1200.5), ("1’247’900,12", 1247900.12), ("1.200,50", 1200.5), ("2 495 000,5", 2495000.5),
        ("1。35", 1.35), ("22°33′36″", 22.56), ("22°33.6′N", 22.56),
        ("113°12'36.0\"E", 113.21), ("W 0°30′00″", -0.5), ("22.5678°S", -22.5678),
        ("507000.12 mE", 507000.12), ("N2495000.5", 2495000.5), ("2495000m N", 2495000.0),
    ],
)  # fmt: skip
def test_numbers_are_known_in_the_writing_of_many_countries(written: str, number: float) -> None:
    assert float(number_written(written)) == pytest.approx(number, abs=1e-9)


@pytest.mark.parametrize("text", ["1,5", "1,234", "12 350", "E10001", "12:30:45", "22°75′00″", "1.2.3", "DN300", "无"])
def test_what_can_be_two_things_is_left_as_it_stands(text: str) -> None:
    assert number_written(text) == text


def test_what_a_line_above_says_gives_way_to_a_column_that_says_it_row_by_row(tmp_path: Path) -> None:
    lines = [[*row, "南方电网"] if at else [*row, "产权归属"] for at, row in enumerate(_LINES)]
    book = workbook(tmp_path / "成果.xlsx", {"给水点": _POINTS, "给水线": [["权属单位：供电局"], *lines]})
    assert set(trial(proposed([book])).segments["owner"]) == {"南方电网"}


def _drawn(delivery: Delivery) -> dict[str, tuple[float, float, float]]:
    places = shapely.get_coordinates(delivery.nodes["geom"])
    heights = delivery.nodes["ground_elevation_m"]
    keys = delivery.nodes["source_key"]
    return {key: (x, y, z) for key, (x, y), z in zip(keys, places.tolist(), heights, strict=True)}


def _only(delivery: Delivery, rule: str) -> Any:
    (found,) = [finding for finding in delivery.findings if finding.rule == rule]
    return found
