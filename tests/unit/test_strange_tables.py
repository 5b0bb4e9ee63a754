"""Tables written in ways that none of the shipped layouts has, imported by what a dry run proposes."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pandas as pd
import pytest
import shapely
from openpyxl.styles import PatternFill
from pyproj import Transformer

from importers.normalising.cells import code_of
from importers.normalising.dates import date_parser, is_persian, parse_date
from importers.normalising.measures import parse_measure
from importers.normalising.sections import parse_section
from importers.profile_files import load_profile
from importers.tables import TableReader
from importers.tabular.routes import points_of
from schemas.delivery import Delivery
from tests.unit.trials import proposed, trial, workbook

_PLACES = [(507000.0 + 30 * n, 2495000.0 + 2 * n) for n in range(12)]
Rows = Sequence[Sequence[Any]]


def test_a_unit_in_front_of_another_bracket_counts(tmp_path: Path) -> None:
    rows = [["物探点号", "连接点号", "X", "Y", "地面高程", "管径(mm)", "埋深(cm)(起/终)"]]
    rows += [[f"W{n}", f"W{n + 1}" if n < 11 else None, y, x, 12.0, 400, "120/125"] for n, (x, y) in _numbered()]

    segments = _imported(tmp_path, {"污水": rows}).segments

    assert (segments["from_depth_m"].unique().tolist(), segments["to_depth_m"].unique().tolist()) == ([1.2], [1.25])


def test_several_connected_points_in_one_cell_are_a_line_each_with_a_size_each(tmp_path: Path) -> None:
    rows = [["点号", "X坐标", "Y坐标", "地面高程", "连接点号", "管径"]]
    for n, (x, y) in _numbered():
        beside = [other for other in (n - 1, n + 1) if 0 <= other < 12]
        sizes = [100 + 100 * min(n, other) for other in beside]
        rows.append([f"J{n}", y, x, 12.0, "、".join(f"J{other}" for other in beside), "、".join(map(str, sizes))])

    delivery = _imported(tmp_path, {"给水": rows})

    assert dict(zip(delivery.segments["source_key"], delivery.segments["width_mm"], strict=True)) == {
        f"J{n}->J{n + 1}": 100.0 + 100 * n for n in range(11)
    }
    assert sum(count.rows for count in delivery.counts) == 12


def test_numbered_columns_of_connected_points_are_lines_of_their_own(tmp_path: Path) -> None:
    rows = [
        ["点号", "X", "Y", "地面高程", "井底高程", "连接点1", "管径1", "管底高程1", "连接点2", "管径2", "管底高程2"]
    ]
    for n, (x, y) in _numbered():
        onward = [f"W{n + 1}", 400, 10.0 - n / 100] if n < 11 else [None] * 3
        back = [f"W{n - 1}", 400, 10.0 - n / 100] if n else [None] * 3
        rows.append([f"W{n}", y, x, 12.5, 9.5, *onward, *back])

    delivery = _imported(tmp_path, {"污水": rows})

    assert delivery.segments["source_key"].tolist() == [f"W{n}->W{n + 1}" for n in range(11)]
    assert delivery.segments["width_mm"].eq(400).all()
    assert delivery.nodes["well_depth_m"].eq(3.0).all()
    z_m = shapely.get_coordinates(delivery.segments["geom"].iloc[3], include_z=True)[:, 2]
    np.testing.assert_allclose(z_m, [10.0 - 0.03 + 0.2, 10.0 - 0.04 + 0.2])
    assert "IMP-WIDE" in {finding.rule for finding in delivery.findings}
    assert [(count.rows, count.loaded) for count in delivery.counts] == [(12, 12)]


def test_columns_that_become_rows_are_told_once_however_many_parts_a_table_is_read_in(tmp_path: Path) -> None:
    path = tmp_path / "wide.csv"
    rows = [f"W{n},{y},{x},W{n + 1},W{n - 1}" for n, (x, y) in _numbered()]
    path.write_text("\n".join(["点号,X,Y,连接点1,连接点2", *rows]), encoding="utf-8")
    tables = list(TableReader().read([path], {"chunk_rows": 4}))
    assert len(tables) == 3
    assert [finding.rule for table in tables for finding in table.findings].count("IMP-WIDE") == 1
    assert sum(len(table.rows) for table in tables) == 2 * len(rows)


def test_numbers_of_points_that_differ_in_case_blanks_and_dashes_join_with_a_word(tmp_path: Path) -> None:
    points = [["管线点号", "X坐标", "Y坐标"], *([f"RQ-{n}", y, x] for n, (x, y) in _numbered())]
    lines = [["起点点号", "终点点号", "管径"]]
    lines += [[f"rq-{n}" if n % 2 else f"RQ - {n}", f"RQ{n + 1}", "De110"] for n in range(11)]

    delivery = _imported(tmp_path, {"燃气点": points, "燃气线": lines})

    assert delivery.segments["source_key"].tolist() == [f"RQ-{n}->RQ-{n + 1}" for n in range(11)]
    assert sum(finding.rule == "R20" for finding in delivery.findings) == 22


def test_a_number_that_two_points_could_be_meant_by_joins_none(tmp_path: Path) -> None:
    points = [["管线点号", "X坐标", "Y坐标"], *([f"1-{n}", y, x] for n, (x, y) in _numbered())]
    lines = [["起点点号", "终点点号", "管径"], ["1-1", "1-2", 100], ["11", "1-3", 100], ["1 - 4", "1-5", 100]]

    delivery = _imported(tmp_path, {"燃气点": points, "燃气线": lines})

    assert delivery.segments["source_key"].tolist() == ["1-1->1-2", "1-4->1-5"]


def test_inverts_that_stand_with_the_manholes_are_those_of_the_pipes_there(tmp_path: Path) -> None:
    wells = [["Structure", "Type", "Northing", "Easting", "Rim Elev", "Inv Elev (In)", "Inv Elev (Out)", "Depth"]]
    wells += [[f"MH-{n}", "Manhole", y, x, 12.5, 10.1, 10.0, 2.5] for n, (x, y) in _numbered()]
    pipes = [["Pipe", "From Structure", "To Structure", "Dia (in)"]]
    pipes += [[f"P{n}", f"MH-{n}", f"MH-{n + 1}", 8] for n in range(11)]

    delivery = _imported(tmp_path, {"Structures": wells, "Pipes": pipes}, "Sanitary Sewer.xlsx")

    z_m = shapely.get_coordinates(delivery.segments["geom"].iloc[0], include_z=True)[:, 2]
    np.testing.assert_allclose(z_m, [10.0 + 0.1016, 10.1 + 0.1016])
    assert delivery.nodes["well_depth_m"].eq(2.5).all()
    assert delivery.nodes["extra"].iloc[0]["Inv Elev (In)"] == 10.1
    assert "IMP-HEIGHT" in {finding.rule for finding in delivery.findings}


def test_an_inlet_invert_is_of_no_pipe_where_two_come_in(tmp_path: Path) -> None:
    wells = [["Structure", "Northing", "Easting", "Rim Elev", "Inv In", "Inv Out"]]
    wells += [[f"MH-{n}", y, x, 12.5, 10.1, 10.0] for n, (x, y) in _numbered()]
    pipes = [
        ["From Structure", "To Structure", "Dia (in)"],
        ["MH-1", "MH-3", 8],
        ["MH-2", "MH-3", 8],
        ["MH-3", "MH-4", 8],
    ]

    segments = _imported(tmp_path, {"Structures": wells, "Pipes": pipes}, "Sanitary Sewer.xlsx").segments

    assert segments["to_elevation_m"].isna().tolist() == [True, True, False]
    assert segments["elevation_source_code"].tolist() == ["inferred", "inferred", "measured"]


def test_points_of_several_classes_may_all_be_numbered_from_one(tmp_path: Path) -> None:
    points: list[list[Any]] = [["管类", "点号", "X(m)", "Y(m)", "H(m)"]]
    lines: list[list[Any]] = [["管线类别", "起点号", "终点号", "管径"]]
    for of_class, north_m in (("JS", 0), ("WS", 40), ("RQ", 80)):
        points += [[of_class, n + 1, y + north_m, x, 12.0] for n, (x, y) in _numbered()]
        lines += [[of_class, n + 1, n + 2, "DN100"] for n in range(11)]

    delivery = _imported(tmp_path, {"管点": points, "管线": lines})

    assert (len(delivery.nodes), len(delivery.segments)) == (36, 33)
    assert delivery.segments["source_key"].iloc[-1] == "gas/11->gas/12"


def test_lines_that_leave_out_the_letters_of_their_class_join_its_points(tmp_path: Path) -> None:
    points = [["物探点号", "X", "Y"], *([f"JS{n}", y, x] for n, (x, y) in _numbered())]
    lines = [["起点", "终点", "管径"], *([n, n + 1, 200] for n in range(11))]

    delivery = _imported(tmp_path, {"给水点": points, "给水线": lines})

    assert delivery.segments["source_key"].tolist() == [f"JS{n}->JS{n + 1}" for n in range(11)]
    assert "R20" in {finding.rule for finding in delivery.findings}


def test_two_points_and_two_depths_in_one_cell_are_told_apart(tmp_path: Path) -> None:
    points = [["管点编号", "北坐标", "东坐标"], *([f"A-{n}", y, x] for n, (x, y) in _numbered())]
    lines = [["管段", "规格型号", "埋深(m)"], *([f"A-{n}-A-{n + 1}", "DN200", "0.8～0.9"] for n in range(11))]

    segments = _imported(tmp_path, {"给水点": points, "给水线": lines}).segments

    assert segments["source_key"].tolist() == [f"A-{n}->A-{n + 1}" for n in range(11)]
    assert segments["to_depth_m"].eq(0.9).all()


def test_the_depth_that_stands_with_the_points_is_that_of_their_pipes(tmp_path: Path) -> None:
    points = [
        ["点号", "X", "Y", "地面高程", "管顶高程", "埋深"],
        *([f"R{n}", y, x, 12.0, 10.9, 1.1] for n, (x, y) in _numbered()),
    ]
    lines = [["起点", "终点", "管径"], *([f"R{n}", f"R{n + 1}", "De200"] for n in range(11))]

    segments = _imported(tmp_path, {"燃气点": points, "燃气线": lines}).segments

    assert segments["from_depth_m"].eq(1.1).all()
    z_m = shapely.get_coordinates(segments["geom"].to_numpy(), include_z=True)[:, 2]
    np.testing.assert_allclose(z_m, 10.8)


def test_words_for_unknown_join_no_columns_and_are_no_values(tmp_path: Path) -> None:
    said = ["/", "*", "-", "不详", "N/A", "未知", "?", "——", "无", "(空)", "0", "null"]
    points = [["点号", "X", "Y", "井深", "权属单位"]]
    points += [[f"J{n}", y, x, said[n], said[n - 1]] for n, (x, y) in _numbered()]
    points[-1][-1] = "/"
    lines = [["起点号", "终点号", "起点埋深", "管径", "管材", "埋设年代"]]
    lines += [[f"J{n}", f"J{n + 1}", *[said[n]] * 4] for n in range(10)]

    delivery = _imported(tmp_path, {"给水点": points, "给水线": lines})

    assert delivery.segments["source_key"].tolist() == [f"J{n}->J{n + 1}" for n in range(10)]
    assert delivery.segments[["from_depth_m", "section_text", "material_code", "installed_on"]].isna().all(axis=None)
    assert delivery.nodes[["well_depth_m", "owner"]].isna().all(axis=None)


@pytest.mark.parametrize(
    ("word", "code"),
    [
        ("铸铁管", "cast_iron"), ("砼管", "concrete"), ("PE 100", "pe"), ("PE100 SDR11", "pe"), ("PVC관", "pvc"),
        ("球墨铸铁管K9", "ductile_iron"), ("管", None), ("5管", None), ("SN8", None),
    ],
)  # fmt: skip
def test_a_material_is_known_with_what_the_field_puts_behind_it(word: str, code: str | None) -> None:
    assert code_of(word, load_profile("default").code_words("material")) == code


def test_heights_with_units_and_the_word_for_their_datum_are_numbers(tmp_path: Path) -> None:
    points = [
        ["点号", "X坐标", "Y坐标", "地面高程", "井深"],
        *([f"T{n}", y, x, 12.0, "2.05m"] for n, (x, y) in _numbered()),
    ]
    lines = [["起点", "终点", "管径", "起点管道标高", "终点管道标高"]]
    lines += [[f"T{n}", f"T{n + 1}", "D200×10", "10.90(管底)", "管底10.80"] for n in range(11)]

    delivery = _imported(tmp_path, {"天然气点": points, "天然气线": lines})

    assert delivery.nodes["well_depth_m"].eq(2.05).all()
    assert delivery.segments["depth_datum_code"].eq("invert").all()
    z_m = shapely.get_coordinates(delivery.segments["geom"].iloc[0], include_z=True)[:, 2]
    np.testing.assert_allclose(z_m, [10.99, 10.89])


def test_taiwanese_words_and_years_are_read(tmp_path: Path) -> None:
    wells = [["人孔編號", "橫座標", "縱座標", "地面高程", "管線種類", "設置日期"]]
    wells += [[f"A{n}", x, y, 8.0, "電信", "民國95年"] for n, (x, y) in _numbered()]
    lines = [["起點編號", "終點編號", "管線種類", "管徑寬度", "管線材料", "起點埋設深度", "終點埋設深度"]]
    lines += [[f"A{n}", f"A{n + 1}", "電信", "100", "塑膠", 0.9, 1.0] for n in range(11)]

    delivery = _imported(tmp_path, {"人孔": wells, "管線": lines})

    first = delivery.segments.iloc[0]
    assert (first["class_code"], first["material_code"], first["width_mm"], first["to_depth_m"]) == (
        "telecom", "plastic", 100.0, 1.0,
    )  # fmt: skip
    assert delivery.nodes["installed_on"].astype(str).eq("2006-01-01").all()


def test_korean_columns_and_words_are_read(tmp_path: Path) -> None:
    wells = [["맨홀번호", "X좌표", "Y좌표", "지반고(m)", "맨홀깊이(m)"]]
    wells += [[f"M{n}", y, x, 22.0, 2.4] for n, (x, y) in _numbered()]
    lines = [["관로번호", "시점맨홀", "종점맨홀", "관경(mm)", "관종", "시점관저고", "종점관저고", "하수구분"]]
    lines += [[n, f"M{n}", f"M{n + 1}", 400, "흄관", 20.0, 19.9, "오수"] for n in range(11)]

    delivery = _imported(tmp_path, {"맨홀": wells, "관로": lines})

    first = delivery.segments.iloc[0]
    assert (first["class_code"], first["material_code"], first["width_mm"]) == ("foul", "concrete", 400.0)
    np.testing.assert_allclose(shapely.get_coordinates(first["geom"], include_z=True)[:, 2], [20.2, 20.1])
    assert delivery.nodes["well_depth_m"].eq(2.4).all()


def test_chambers_and_pipes_in_blocks_of_one_sheet_are_two_tables_without_their_sums_and_remarks(
    tmp_path: Path,
) -> None:
    rows: Rows = [["一、井室"], ["序号", "节点编号", "名称", "坐标X(m)", "坐标Y(m)", "井盖/地面标高", "备注"]]
    rows += [[n, f"YC-{n}", "排泥阀井" if n else "节点", y, x, 25.0, None] for n, (x, y) in _numbered()]
    rows += [[], ["合计", 12], [], ["二、管道"]]
    rows += [
        [
            "序号",
            "起点",
            "止点",
            "公称直径",
            "管材",
            "长度(m)",
            "起点管顶覆土(m)",
            "止点管顶覆土(m)",
            "施工单位",
            "备注",
        ]
    ]
    rows += [[n, f"YC-{n}", f"YC-{n + 1}", "DN400", "钢", 30.1, 1.2, 1.3, "市政二公司", None] for n in range(11)]
    rows += [[], ["本表坐标采用2000国家大地坐标系。"]]

    delivery = _imported(tmp_path, {"给水竣工": rows})

    assert (len(delivery.nodes), len(delivery.segments)) == (12, 11)
    assert delivery.nodes["appurtenance_code"].value_counts().to_dict() == {"drain_valve": 11}
    first = delivery.segments.iloc[0]
    assert (first["from_depth_m"], first["to_depth_m"], first["depth_datum_code"]) == (
        pytest.approx(1.2), pytest.approx(1.3), "crown",
    )  # fmt: skip
    # Who laid a pipe does not own it.
    assert delivery.segments.get("owner", pd.Series(dtype=object)).isna().all()
    assert sum(count.refused for count in delivery.counts) == 0


def test_units_of_counts_in_a_row_below_the_names_and_wells_numbered_with_a_point_are_read(tmp_path: Path) -> None:
    wells: Rows = [["人井号", "X坐标", "Y坐标", "高程"], *([12 + n / 10, y, x, 4.5] for n, (x, y) in _numbered())]
    ducts: Rows = [["起井", "止井", "电压等级", "管道规格", "总孔数", "断面尺寸", "起点埋深"]]
    ducts += [[None, None, "kV", None, "孔", "mm", "cm"]]
    ducts += [[12 + n / 10, 12 + (n + 1) / 10, 10, "6孔Φ110", 6, "330*220", 70 + n] for n in range(11)]

    segments = _imported(tmp_path, {"电力井": wells, "电力管": ducts}).segments

    assert segments["source_key"].iloc[0] == "12->12.1"
    first = segments.iloc[1]
    assert (first["voltage_kv"], first["hole_count"], first["shape_code"]) == (10.0, 6, "rect")
    assert (first["width_mm"], first["height_mm"], first["from_depth_m"]) == (330.0, 220.0, pytest.approx(0.71))


def test_rows_in_another_system_than_their_neighbours_are_read_in_it_and_unknown_ones_refused(tmp_path: Path) -> None:
    to_next_zone = Transformer.from_crs("EPSG:4547", "EPSG:4548", always_xy=True)
    # Between the two zones.
    places = [(x + 140_000, y) for x, y in _PLACES]
    points = [["点号", "X", "Y", "坐标系"], *([f"G{n}", y, x, "CGCS2000 114带"] for n, (x, y) in enumerate(places[:6]))]
    for n, place in enumerate(places[6:], start=6):
        x, y = to_next_zone.transform(*place)
        points.append([f"G{n}", y, x, "CGCS2000 117带"])
    points.append(["G12", 30000.5, 20000.5, "厂区独立坐标系"])

    delivery = _imported(tmp_path, {"点": points})

    assert delivery.nodes["source_key"].tolist() == [f"G{n}" for n in range(12)]
    np.testing.assert_allclose(shapely.get_coordinates(delivery.nodes["geom"]), places, atol=0.002)
    refused = [finding for finding in delivery.findings if finding.rule == "IMP-SYSTEM" and finding.severity == "error"]
    assert [(finding.row, finding.value) for finding in refused] == [(14, "厂区独立坐标系")]
    assert sum(count.rows for count in delivery.counts) == 13


@pytest.mark.parametrize(
    ("text", "points"),
    [("DL1-DL2-DL5", ["DL1", "DL2", "DL5"]), ("DL-1-DL-2", ["DL-1", "DL-2"]), ("A-1→A-2 → A-3", ["A-1", "A-2", "A-3"]),
     ("12、13", ["12", "13"]), ("沿科技路至终点", []), ("DL1", [])],
)  # fmt: skip
def test_the_points_of_a_route_are_told_apart(text: str, points: list[str]) -> None:
    assert points_of(text) == points


def test_a_route_in_one_cell_is_a_line_for_each_piece_and_counts_once(tmp_path: Path) -> None:
    points: Rows = [["点号", "X坐标", "Y坐标"], *([f"DL{n}", y, x] for n, (x, y) in _numbered())]
    lines: Rows = [["线路名称", "途经点号", "电压等级", "管孔规格"]]
    lines += [["科技线", "DL0-DL1-DL2-DL3", "10kV", "4孔Φ150"], ["高新线", "DL3-DL7", "10kV", "4孔Φ150"]]

    delivery = _imported(tmp_path, {"电力井": points, "路径": lines})

    assert delivery.segments["source_key"].tolist() == ["DL0->DL1", "DL1->DL2", "DL2->DL3", "DL3->DL7"]
    assert delivery.segments["circuit"].tolist() == ["科技线"] * 3 + ["高新线"]
    assert delivery.segments["hole_count"].eq(4).all()
    assert [(count.rows, count.loaded) for count in delivery.counts if count.sheet == "路径"] == [(2, 2)]


def test_attributes_down_a_column_with_their_units_beside_them_are_turned(tmp_path: Path) -> None:
    wells: Rows = [
        ["Attribute", "Unit", *(str(n) for n, _ in _numbered())],
        ["Manhole No.", "-", *(f"K{n}" for n, _ in _numbered())],
        ["Easting", "m", *(x for _, (x, _) in _numbered())],
        ["Northing", "m", *(y for _, (_, y) in _numbered())],
        ["Cover level", "mm", *(12_500 for _ in _numbered())],
    ]

    nodes = _imported(tmp_path, {"Manholes": wells}, "foul.xlsx").nodes

    assert nodes["source_key"].tolist() == [f"K{n}" for n in range(12)]
    assert nodes["ground_elevation_m"].eq(12.5).all()


def test_registers_of_devices_number_them_and_pipes_name_them(tmp_path: Path) -> None:
    heads = [[name, "安装位置", "坐标E", "坐标N"] for name in ("阀门编号", "消火栓编号")]
    valves: Rows = [heads[0], *([f"FM-{n}", "科苑路", x, y] for n, (x, y) in _numbered() if n % 2)]
    hydrants: Rows = [heads[1], *([f"XH-{n}", "科苑路", x, y] for n, (x, y) in _numbered() if n % 2 == 0)]
    pipes: Rows = [["管段编码", "起点设施", "终点设施", "管径"]]
    pipes += [[f"GD{n}", f"XH-{n}", f"FM-{n + 1}", "DN300"] for n in range(0, 11, 2)]

    delivery = _imported(tmp_path, {"阀门台账": valves, "消火栓台账": hydrants, "管段台账": pipes}, "供水.xlsx")

    assert delivery.segments["source_key"].tolist() == [f"XH-{n}->FM-{n + 1}" for n in range(0, 11, 2)]
    assert delivery.nodes["appurtenance_code"].value_counts().to_dict() == {"valve": 6, "hydrant": 6}
    assert delivery.nodes["address"].eq("科苑路").all()


def test_colours_of_rows_say_what_the_legend_gives_for_them(tmp_path: Path) -> None:
    points: Rows = [["点号", "X坐标", "Y坐标"], *([f"RQ{n}", y, x] for n, (x, y) in _numbered())]
    lines: Rows = [["图例：", "在用", None], [None, None, "废弃"], ["起点", "终点", "管径", "材质"]]
    lines += [[f"RQ{n}", f"RQ{n + 1}", "De110", "PE"] for n in range(11)]
    path = workbook(tmp_path / "成果.xlsx", {"燃气点": points, "燃气线": lines})
    book = openpyxl.load_workbook(path)
    sheet = book["燃气线"]
    green, red = (PatternFill("solid", fgColor=colour) for colour in ("FF92D050", "FFFF0000"))
    # Of the second colour the word stands beside the cell; the last row has none.
    sheet["B1"].fill, sheet["B2"].fill = green, red
    for n in range(10):
        for cell in sheet[n + 4]:
            cell.fill = red if n % 3 == 0 else green
    book.save(path)

    delivery = trial(proposed([path]))

    found = delivery.segments["lifecycle_code"]
    assert found[:10].tolist() == ["abandoned" if n % 3 == 0 else "in_service" for n in range(10)]
    assert found[10:].isna().all()
    told = [finding for finding in delivery.findings if finding.rule == "IMP-COLOUR"]
    assert [(finding.severity, "图例" in finding.message_en) for finding in told] == [("info", True)]


def test_the_return_of_a_pair_says_that_the_supply_is_of_heat_and_no_water(tmp_path: Path) -> None:
    points: Rows = [["检查室编号", "X+2600000", "Y+500000"]]
    points += [[f"J{n}", y - 2_600_000, x - 500_000] for n, (x, y) in _numbered()]
    lines: Rows = [["起点检查室", "终点检查室", "管道类别", "工作钢管规格", "外护管规格"]]
    lines += [[f"J{n}", f"J{n + 1}", which, "φ273×7", "φ365"] for n in range(11) for which in ("供水", "回水")]

    delivery = _imported(tmp_path, {"检查室": points, "管道": lines})

    assert delivery.segments["class_code"].eq("heat").all()
    assert delivery.segments["circuit"].value_counts().to_dict() == {"供水": 11, "回水": 11}
    assert (delivery.segments["width_mm"].iloc[0], delivery.segments["casing_mm"].iloc[0]) == (273.0, 365.0)
    # The first figures, which the names of the columns leave out, are there again.
    np.testing.assert_allclose(shapely.get_coordinates(delivery.nodes["geom"]), _PLACES)
    assert [finding.rule for finding in delivery.findings].count("IMP-OFFSET") == 2


def test_serbian_names_and_words_are_read_in_either_script(tmp_path: Path) -> None:
    wells: Rows = [["Ознака окна", "Врста", "Y (исток)", "X (север)", "Кота поклопца"]]
    wells += [[f"РО-{n}", "Ревизионо окно" if n % 2 else "Сливник", x, y, 76.5] for n, (x, y) in _numbered()]
    pipes: Rows = [["Узводно окно", "Низводно окно", "Врста канализације", "Материјал", "Пречник (mm)", "Кота узводно"]]
    pipes += [[f"РО-{n}", f"РО-{n + 1}", "Кишна", "ПВЦ", 300, 74.5] for n in range(11)]

    delivery = _imported(tmp_path, {"окна": wells, "канали": pipes})

    first = delivery.segments.iloc[0]
    assert (first["class_code"], first["material_code"], first["width_mm"], first["from_elevation_m"]) == (
        "storm", "pvc", 300.0, 74.5,
    )  # fmt: skip
    assert delivery.nodes["appurtenance_code"].value_counts().to_dict() == {"manhole": 6, "storm_grate": 6}
    assert delivery.nodes["ground_elevation_m"].eq(76.5).all()


def test_a_well_at_a_tee_is_a_well_and_a_tee_is_none(tmp_path: Path) -> None:
    wells: Rows = [["工井编号", "附属物", "X坐标", "Y坐标"]]
    wells += [[f"D{n}", ("三通井", "人孔", "三通")[n % 3], y, x] for n, (x, y) in _numbered()]

    nodes = _imported(tmp_path, {"电力工井": wells}).nodes

    assert nodes["appurtenance_code"].isna().tolist() == [n % 3 == 2 for n in range(12)]
    assert nodes["feature_code"].isna().tolist() == [n % 3 == 1 for n in range(12)]


def test_pipes_of_which_several_lie_side_by_side_are_told(tmp_path: Path) -> None:
    points: Rows = [["点号", "X坐标", "Y坐标", "地面高程"], *([f"R{n}", y, x, 12.0] for n, (x, y) in _numbered())]
    lines: Rows = [["起点", "终点", "管径"], *([f"R{n}", f"R{n + 1}", "2×DN300"] for n in range(11))]

    delivery = _imported(tmp_path, {"热力点": points, "热力线": lines})

    assert delivery.segments["nominal_mm"].eq(300).all()
    assert [finding.value for finding in delivery.findings if finding.rule == "IMP-SEVERAL"] == ["2×DN300"]


def test_japanese_text_with_letters_between_its_characters_is_not_taken_for_western(tmp_path: Path) -> None:
    rows = ["マンホール番号,Ｘ座標,Ｙ座標,地盤高", *(f"人孔{n},{y},{x},24.5" for n, (x, y) in _numbered())]
    file = tmp_path / "人孔.csv"
    file.write_bytes("\n".join(rows).encode("cp932"))

    delivery = trial(proposed([file]))

    assert delivery.nodes["source_key"].tolist() == [f"人孔{n}" for n, _ in _numbered()]


@pytest.mark.parametrize(
    ("column", "days"),
    [
        (["S55", "H12.3", "昭和55"], [date(1980, 1, 1), date(2000, 3, 1), date(1980, 1, 1)]),
        (["15/03/1999", "05/06/2011"], [date(1999, 3, 15), date(2011, 6, 5)]),
        (["03/15/1999", "05/06/2011"], [date(1999, 3, 15), date(2011, 5, 6)]),
        (["05/06/2011"], [None]),
        (["15-06-1975", "05-06-1975"], [date(1975, 6, 15), date(1975, 6, 5)]),
        (["05-06-1975"], [None]),
        (["98.6", "15.03.98", "05.06", "98年"], [date(1998, 6, 1), date(1998, 3, 15), None, date(1998, 1, 1)]),
        (["Mar-98", "18 May 2012"], [date(1998, 3, 1), date(2012, 5, 18)]),
        (["mar/2014", "3 de março de 2009"], [date(2014, 3, 1), date(2009, 3, 3)]),
        (["août 1998", "12. Dez. 2003"], [date(1998, 8, 1), date(2003, 12, 12)]),
        (["二〇〇八年", "约2005年", "1998.0"], [date(2008, 1, 1), date(2005, 1, 1), date(1998, 1, 1)]),
        (["098/05/12", "112-1-3"], [date(2009, 5, 12), date(2023, 1, 3)]),
        (["80年代", "1999-2001", "2009年以前"], [None, None, None]),
    ],
)
def test_a_column_of_dates_says_how_it_is_read(column: list[str], days: list[date | None]) -> None:
    parse = date_parser(column)
    assert [parse(word) for word in column] == days


def test_years_of_iran_are_read_where_the_table_is_persian_and_unknown_elsewhere() -> None:
    years = ["1385", "1357/11/22"]
    assert [date_parser(years, is_persian=True)(year) for year in years] == [date(2006, 3, 21), date(1979, 2, 11)]
    assert [date_parser(years)(year) for year in years] == [None, None]
    assert is_persian(["سال نصب", "کد گره"])
    assert not is_persian(["سنة الإنشاء", "رقم النقطة", "Year"])


def test_numbers_and_point_numbers_are_no_dates_by_themselves() -> None:
    assert [parse_date(word) for word in ("S55", "98.6", "45.2")] == [None, None, None]


@pytest.mark.parametrize(
    ("text", "width_mm", "height_mm"), [("0.6×0.6", 600, 600), ("1.2x0.8", 1200, 800), ("0.5", 500, 500)]
)
def test_sizes_too_small_for_millimetres_are_metres_and_say_so(text: str, width_mm: float, height_mm: float) -> None:
    found = parse_section(text)
    assert (found.width_mm, found.height_mm, found.is_in_metres) == (width_mm, height_mm, True)


def test_columns_by_rows_of_ducts_count_and_thousands_are_written_with_commas() -> None:
    assert parse_section("3×2", is_cable=True).hole_count == 6
    assert parse_section("1,200").width_mm == 1200


@pytest.mark.parametrize("text", ["", "12.5.6", "管底", "12管顶管底", "DN300", "12 35"])
def test_texts_that_hold_more_than_a_number_are_none(text: str) -> None:
    assert parse_measure(text) is None


def _numbered() -> list[tuple[int, tuple[float, float]]]:
    return list(enumerate(_PLACES))


def _imported(folder: Path, sheets: dict[str, Rows], name: str = "成果.xlsx") -> Delivery:
    return trial(proposed([workbook(folder / name, sheets)]))
