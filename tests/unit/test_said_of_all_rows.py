"""What a title, a line above a table or one name of a column says of all rows, imported as a dry run proposes."""

from pathlib import Path

import numpy as np
import pytest
import shapely

from schemas.delivery import Delivery
from tests.unit.trials import proposed, trial, workbook

_PLACES = [(512100.0 + 30 * n, 2611900.0 + 2 * n) for n in range(12)]


def test_size_and_material_above_a_table_are_those_of_its_pipes(tmp_path: Path) -> None:
    rows = [["科技路给水管道竣工测量成果表"], ["管径：DN600", None, "管材：球墨铸铁管"]]
    rows += [["点号", "连接点号", "X", "Y", "地面高程", "管顶高程", "管顶埋深"]]
    rows += [[f"J{n}", f"J{n + 1}" if n < 11 else None, y, x, 20.0, 18.8 - n / 100, 1.2 + n / 100]
             for n, (x, y) in enumerate(_PLACES)]  # fmt: skip

    lines = _imported(tmp_path, {"成果表": rows}).segments

    assert set(lines["material_code"]) == {"ductile_iron"}
    assert set(lines["nominal_mm"]) == {600.0}


def test_a_row_a_point_tells_the_height_at_both_ends_of_the_pipe_to_the_next(tmp_path: Path) -> None:
    rows = [["点号", "连接点号", "X", "Y", "地面高程", "管顶高程", "管顶埋深", "管径"]]
    rows += [[f"JS{n}", f"JS{n + 1}" if n < 11 else None, y, x, 20.0, 18.8 - n / 100, 1.2 + n / 100, "300"]
             for n, (x, y) in enumerate(_PLACES)]  # fmt: skip

    delivery = _imported(tmp_path, {"成果表": rows})

    lines = delivery.segments.set_index("source_key")
    np.testing.assert_allclose(lines["to_elevation_m"], [18.8 - n / 100 for n in range(1, 12)])
    np.testing.assert_allclose(lines["to_depth_m"], [1.2 + n / 100 for n in range(1, 12)])
    assert set(lines["elevation_source_code"]) == {"measured"}


def test_a_point_that_gives_two_depths_tells_neither_of_another_pipe(tmp_path: Path) -> None:
    rows = [["点号", "连接点号", "X", "Y", "埋深"]]
    rows += [[f"JS{n}", f"JS{n + 1}" if n < 11 else None, y, x, 1.2] for n, (x, y) in enumerate(_PLACES)]
    rows += [["JS5", "JS9", None, None, 1.9]]

    lines = _imported(tmp_path, {"成果表": rows}).segments.set_index("source_key")

    assert np.isnan(lines["to_depth_m"]["JS4->JS5"])
    assert lines["to_depth_m"]["JS5->JS6"] == pytest.approx(1.2)


@pytest.mark.parametrize("name", ["管顶或管底", "管顶/管底", "管顶(底)", "管线点标注"])
def test_a_level_of_crowns_or_inverts_is_no_bottom_of_wells(tmp_path: Path, name: str) -> None:
    rows = [
        ["物探点号", "连接点号", "X", "Y", "地面高程", f"{name}高程" if name[0:2] == "管顶" else name, "埋深", "管径"]
    ]
    for n, (x, y) in enumerate(_PLACES):
        around = [m for m in (n - 1, n + 1) if 0 <= m < 12]
        at = [f"RQ{n}", y, x, 20.0]
        for place, m in enumerate(around):
            key, *rest = at if not place else [None] * 4
            rows.append([key, f"RQ{m}", *rest, 18.8 - n / 100, 1.2 + n / 100, "DN200"])

    delivery = _imported(tmp_path, {"成果表": rows})

    assert delivery.nodes.get("well_depth_m", np.array([np.nan])).isna().all()
    assert set(delivery.segments["depth_datum_code"]) == {"crown"}
    np.testing.assert_allclose(delivery.segments["from_elevation_m"].iloc[0], 18.8)


@pytest.mark.parametrize(
    ("title", "number", "sheet"),
    [
        ("东湖街道雨水检查井养护台账", "编号", "Sheet1"),
        ("东湖街道雨水养护台账", "检查井编号", "Sheet1"),
        ("东湖街道雨水养护台账", "编号", "检查井"),
    ],
)
def test_points_of_which_no_row_says_more_are_what_the_table_is_of(
    tmp_path: Path, title: str, number: str, sheet: str
) -> None:
    rows = [[title], [number, "X坐标", "Y坐标", "井面标高(m)", "井深(m)"]]
    rows += [[f"YJ{n}", y, x, 20.5, 1.85] for n, (x, y) in enumerate(_PLACES)]

    delivery = _imported(tmp_path, {sheet: rows})

    assert set(delivery.nodes["appurtenance_code"]) == {"manhole"}
    assert set(delivery.nodes["class_code"]) == {"storm"}
    assert "IMP-LAYER" in {finding.rule for finding in delivery.findings}


def test_a_title_of_several_kinds_of_points_tells_none(tmp_path: Path) -> None:
    rows = [["给水阀门及消火栓台账"], ["编号", "X坐标", "Y坐标", "地面高程"]]
    rows += [[f"F{n}", y, x, 20.5] for n, (x, y) in enumerate(_PLACES)]

    nodes = _imported(tmp_path, {"Sheet1": rows}).nodes

    assert "appurtenance_code" not in nodes or nodes["appurtenance_code"].isna().all()


@pytest.mark.parametrize(
    ("sheet", "title", "code"),
    [
        ("工业大道", "污水管网排查成果表", "foul"),
        ("电信二路", "给水管网成果表", "water"),
        ("工业园区", "雨水管网成果表", "storm"),
        ("供电线路", "成果表", "power"),
        ("给水管道", "成果表", "water"),
    ],
)
def test_the_name_of_a_street_is_no_class(tmp_path: Path, sheet: str, title: str, code: str) -> None:
    points = [[title], ["点号", "X坐标", "Y坐标", "地面高程"]]
    points += [[f"A{n}", y, x, 20.5] for n, (x, y) in enumerate(_PLACES)]

    assert set(_imported(tmp_path, {sheet: points}).nodes["class_code"]) == {code}


@pytest.mark.parametrize(
    ("name", "code"), [("Water_Street_sewer_manholes", "combined"), ("Water_Street_water_valves", "water")]
)
def test_the_name_of_a_street_in_english_is_no_class(tmp_path: Path, name: str, code: str) -> None:
    points = [["ID", "Easting", "Northing", "Ground Level"]]
    points += [[f"A{n}", x, y, 20.5] for n, (x, y) in enumerate(_PLACES)]

    assert set(_imported(tmp_path, {name: points}).nodes["class_code"]) == {code}


def test_supply_and_return_of_hot_water_are_heat(tmp_path: Path) -> None:
    points = [["点号", "X", "Y"], *([f"R-{n}", y, x] for n, (x, y) in enumerate(_PLACES))]
    lines = [["起点点号", "终点点号", "管线类型", "公称直径(mm)", "钢管外径(mm)"]]
    lines += [[f"R-{n}", f"R-{n + 1}", ["热水供水", "热水回水"][n % 2], 200, 219] for n in range(11)]

    delivery = _imported(tmp_path, {"点": points, "线": lines})

    assert set(delivery.nodes["class_code"]) == set(delivery.segments["class_code"]) == {"heat"}
    sizes = delivery.segments.iloc[0]
    assert (sizes["nominal_mm"], sizes["width_mm"], sizes["size_basis_code"]) == (200, 219, "outer")


def test_a_french_register_in_text_tables_is_of_drinking_water_by_its_name(tmp_path: Path) -> None:
    points = ["idouvrage;x;y;mouvrage;fnouvaep;anfinpose;z"]
    points += [f"N{n};{652300.5 + 30 * n:.2f};{6861200.5:.2f};SIAEP;04;1995;60.25" for n in range(12)]
    pipes = ["idcana;mouvrage;enservice;materiau;diametre;anfinpose;idnini;idnterm;profgen"]
    pipes += [f"C{n};SIAEP;O;11;150;1995;N{n};N{n + 1};1.20" for n in range(11)]
    files = [tmp_path / "raepa_ouvraep_p.csv", tmp_path / "raepa_canalaep_l.csv"]
    for file, lines in zip(files, (points, pipes), strict=True):
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")

    delivery = trial(proposed(files, "EPSG:2154"))

    assert set(delivery.segments["class_code"]) == {"water"}
    assert set(delivery.segments["material_code"]) == {"ductile_iron"}
    assert shapely.get_coordinates(delivery.nodes["geom"].iloc[0]).tolist() == [[652300.5, 6861200.5]]


def test_a_column_that_tells_what_flows_in_sewers_is_the_class_beside_one_that_does_not(tmp_path: Path) -> None:
    points = [["MH Ref", "Easting", "Northing"], *([f"SE{n}", x, y] for n, (x, y) in enumerate(_PLACES))]
    lines = [["US MH", "DS MH", "TYPE", "SYSTEM"], *([f"SE{n}", f"SE{n + 1}", "Sewer", "Foul"] for n in range(11))]

    delivery = _imported(tmp_path, {"mh": points, "pipes": lines})

    assert set(delivery.segments["class_code"]) == {"foul"}


def test_numbers_of_rows_are_no_numbers_of_points_on_any_sheet(tmp_path: Path) -> None:
    wells = [["燃气阀门井台账"], ["序号", "阀门编号", "X坐标", "Y坐标", "地面高程(m)", "阀井深度(m)"]]
    wells += [[n + 1, f"FMJ-{n}", y, x, 19.5, 1.35] for n, (x, y) in enumerate(_PLACES[:6])]
    others = [["燃气调压设施台账"], ["序号", "设施编号", "设施类型", "X坐标", "Y坐标", "地面高程(m)"]]
    others += [[n + 1, f"TY-{n}", "调压箱", y, x, 19.5] for n, (x, y) in enumerate(_PLACES[6:])]
    lines = [["燃气管线台账"], ["序号", "起点", "终点", "管材"]]
    lines += [[n + 1, f"FMJ-{n}", f"TY-{n}", "PE"] for n in range(6)]

    delivery = _imported(tmp_path, {"阀门井": wells, "调压设施": others, "管线": lines})

    nodes = delivery.nodes.set_index("source_key")
    assert {*nodes.index} == {*(f"FMJ-{n}" for n in range(6)), *(f"TY-{n}" for n in range(6))}
    assert nodes["well_depth_m"]["FMJ-3"] == pytest.approx(1.35)
    assert len(delivery.segments) == 6


def test_rows_of_this_point_and_the_opposite_one_place_their_points(tmp_path: Path) -> None:
    rows = [
        ["本点号", "本点特征", "本点附属物", "东坐标", "北坐标", "地面高", "本点埋深(cm)", "对点号", "对点埋深(cm)"]
    ]
    for n, (x, y) in enumerate(_PLACES):
        opposite = [f"TX{n + 1}", 81 + n] if n < 11 else []
        rows.append([f"TX{n}", "直线点", "人孔" if n % 2 else None, x, y, 20.55, 80 + n, *opposite])

    delivery = _imported(tmp_path, {"通信管线": rows})

    assert (len(delivery.nodes), len(delivery.segments)) == (12, 11)
    nodes = delivery.nodes.set_index("source_key")
    assert shapely.get_coordinates(nodes["geom"]["TX3"]).tolist() == [list(_PLACES[3])]
    assert (nodes["feature_code"]["TX2"], nodes["appurtenance_code"]["TX3"]) == ("straight", "manhole")
    np.testing.assert_allclose(delivery.segments.loc[0, ["from_depth_m", "to_depth_m"]].astype(float), [0.8, 0.81])


def _imported(folder: Path, sheets: dict[str, list[list[object]]]) -> Delivery:
    return trial(proposed([workbook(folder / "a.xlsx", sheets)]))
