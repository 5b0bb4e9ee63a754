"""Made-up deliveries in each published layout: the right profile is chosen, every row loads and means what it says."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import shapely

from importers.delivery import read_delivery
from schemas.delivery import Delivery
from tests.unit.trials import workbook

NORTH, EAST = 2_494_000.0, 492_000.0
Rows = Sequence[Sequence[Any]]


def words(text: str) -> list[str]:
    return text.split()


def imported(*paths: Path, srid: int = 4547, **options: Any) -> Delivery:
    return read_delivery(list(paths), srid=srid, **options)


def totals(delivery: Delivery) -> tuple[int, int, int]:
    """Loaded, refused and skipped rows, which are all rows."""
    counts = delivery.counts
    assert sum(c.rows for c in counts) == sum(c.loaded + c.refused + c.skipped for c in counts)
    return sum(c.loaded for c in counts), sum(c.refused for c in counts), sum(c.skipped for c in counts)


def profile_of(delivery: Delivery) -> str:
    (name,) = {file.profile for file in delivery.files}
    return name


def ends_z(delivery: Delivery, key: str) -> list[float]:
    geom = delivery.segments.set_index("source_key").geom[key]
    return [round(z, 3) for z in shapely.get_coordinates(geom, include_z=True)[:, 2]]


def segment(delivery: Delivery, key: str) -> Any:
    return delivery.segments.set_index("source_key").loc[key]


def node(delivery: Delivery, key: str) -> Any:
    return delivery.nodes.set_index("source_key").loc[key]


def place(delivery: Delivery, key: str) -> tuple[float, float]:
    geom = node(delivery, key).geom
    return geom.x, geom.y


def test_workbooks_of_points_and_lines_named_p_and_l(tmp_path: Path) -> None:
    points = workbook(
        tmp_path / "XX路P.xlsx",
        {
            "Sheet1": [
                ["图上点号", "物探点号", "特征", "附属物", "X", "Y", "地面高程", "点编码"],
                ["J1", "J1", "三通", None, NORTH, EAST, 10, 51042102],
                ["J2", "J2", None, "阀门", NORTH, EAST + 30, 10.5, 51042204],
                ["W1", "W1", None, "污水篦", NORTH + 5, EAST, 10, 52022204],
                ["W2", "W2", "拐点", None, NORTH + 5, EAST + 30, 10, 52022101],
            ]
        },
    )
    lines = workbook(
        tmp_path / "XX路L.xlsx",
        {
            "Sheet1": [
                ["起始点号", "终止点号", "起点埋深", "终点埋深", "起点高程", "终点高程", "埋设方式", "材质", "管径",
                 "保护材料", "管理单位", "建设年代", "道路名称"],
                ["J1", "J2", 1.0, 1.5, 9.0, 9.0, "直埋", "铸铁", 200, None, "水司", "2015-06", "中山路"],
                ["W1", "W2", 2.0, 2.1, 8.0, 7.9, "直埋", "混凝土", 400, None, "市政", "2010", "中山路"],
            ]
        },
    )  # fmt: skip
    delivery = imported(points, lines)
    assert profile_of(delivery) == "bdjm-excel"
    assert totals(delivery) == (6, 0, 0)
    assert delivery.segments.class_code.tolist() == ["water", "foul"]
    # To the crown of water pipes, less half the size; to the invert of sewers, plus half.
    assert ends_z(delivery, "J1->J2") == [8.9, 8.9]
    assert ends_z(delivery, "W1->W2") == [8.2, 8.1]
    assert (segment(delivery, "J1->J2").owner, str(segment(delivery, "J1->J2").installed_on)) == ("水司", "2015-06-01")
    assert node(delivery, "J2").appurtenance_code == "valve"


CANGNAN_POINTS = words(
    "Exp_No Map_NO Surf_H Feature Subsid Offset Angle MapNum P_Type Memo X Y MapNo_X MapNo_Y Mdata B_Code Road PID"
)
CANGNAN_LINES = words(
    "S_point E_point S_Deep E_Deep Material D_S Mdata Cab_Count Voltage Hole_Num FlowDirect P_Type "
    "Memo D_Type B_Code Pressure Hole_Used D_Dia Road PID"
)


def cangnan_point(key: str, class_code: str, ground: float, step: float) -> list[Any]:
    place = [NORTH + step, EAST + step, NORTH + step + 1, EAST + step + 1]
    return [
        key,
        None,
        ground,
        "直线点",
        None,
        None,
        0,
        "2494.00-492.00",
        class_code,
        None,
        *place,
        None,
        "电信",
        "人民路",
        "1",
    ]


def test_county_tables_per_class_count_the_holes_that_are_free(tmp_path: Path) -> None:
    def line(start: str, end: str, size: str, class_code: str, total: Any, free: Any) -> list[Any]:
        return [
            start, end, 0.85, 0.92, "PVC", size, "2016-05-01", "12", None, total, 0, class_code, None, "管块", "电信",
            None, free, None, "人民路", "1",
        ]  # fmt: skip

    path = workbook(
        tmp_path / "苍南.xlsx",
        {
            "DXPOINT": [CANGNAN_POINTS, cangnan_point("DX1", "DX", 5.5, 0), cangnan_point("DX2", "DX", 5.6, 20)],
            "DXLINE": [CANGNAN_LINES, line("DX1", "DX2", "300X200", "DX", "6", "4")],
            "CSPOINT": [CANGNAN_POINTS, cangnan_point("CS1", "CS", 5.5, 50), cangnan_point("CS2", "CS", 5.6, 70)],
            "CSLINE": [CANGNAN_LINES, line("CS1", "CS2", "DN1200", "CS", None, None)],
            "JXLINE": [CANGNAN_LINES, line("JX1", "JX2", "100", "JX", None, None)],
        },
    )
    delivery = imported(path)
    assert profile_of(delivery) == "cangnan-mdb"
    assert totals(delivery) == (6, 1, 0)
    assert [f.rule for f in delivery.findings if f.severity == "warning"] == ["IMP-SECRET"]
    cable = segment(delivery, "DX1->DX2")
    assert (cable.class_code, cable.hole_count, cable.used_hole_count, cable.cable_count) == ("telecom", 6, 2, 12)
    assert (cable.width_mm, cable.height_mm, cable.burial_code) == (300, 200, "duct_block")
    assert segment(delivery, "CS1->CS2").class_code == "water"
    assert place(delivery, "DX1") == (EAST, NORTH)


def test_a_table_written_from_a_drawing_gives_used_before_total_and_both_depths_in_a_cell(tmp_path: Path) -> None:
    header = (
        "图上点号,连接点号,特征,附属物,X_m,Y_m,地面高程m,材质,管顶(沟底)高程m,管径mm,压力/电压,埋深m,电缆条数,已用孔数/总孔数,"
        "权属单位代码,埋设方式,埋设年代,流向,线型,备注,长度,坡度,井深,井规格"
    )
    rows = [
        f"DL1,DL2,转折点,,{NORTH},{EAST},10.000,铜,9.150,600*400,10kV,0.85/0.92,3,2/6,01,管沟,2012,,,,30.0,,,",
        f"DL2,DL1,转折点,,{NORTH},{EAST + 30},10.000,铜,9.080,600*400,10kV,0.92/0.85,3,2/6,01,管沟,2012,,,,30.0,,,",
        f"DL3,DL4,转折点,,{NORTH},{EAST + 60},10.000,铜,9.150,100,0.38kV,0.85/0.92,1,,01,直埋,2012,,,,30.0,,,",
        f"DL4,DL3,转折点,,{NORTH},{EAST + 90},10.000,铜,9.080,100,0.38kV,0.92/0.85,1,,01,直埋,2012,,,,30.0,,,",
    ]
    path = tmp_path / "电力.csv"
    path.write_text("\r\n".join([header, *rows]), encoding="gbk")
    delivery = imported(path)
    assert profile_of(delivery) == "hangzhou-csv"
    assert totals(delivery) == (4, 0, 0)
    assert delivery.segments.class_code.tolist() == ["power", "power"]
    ditch, pipe = segment(delivery, "DL1->DL2"), segment(delivery, "DL3->DL4")
    assert (ditch.used_hole_count, ditch.hole_count, ditch.voltage_kv) == (2, 6, 10)
    assert (ditch.from_depth_m, ditch.to_depth_m, ditch.depth_datum_code) == (0.85, 0.92, "invert")
    assert pipe.depth_datum_code == "crown"
    # The bottom of the ditch plus half its height; the top of the pipe less half its size.
    assert ends_z(delivery, "DL1->DL2") == [9.35, 9.28]
    assert ends_z(delivery, "DL3->DL4") == [9.1, 9.03]


YUTAI_POINT = words(
    "P_No M_No X Y H Feature Subsid PSTYLE PDS PMA ProjectNo CODE ROADCODE MapNumber DCode BCode "
    "CCode Mdate DDate Precision Rotang Remark"
)
YUTAI_LINE = words(
    "S_Point E_Point S_Deep E_Deep S_H E_H Material D_Type Line_Style D_S Mdate DDate BCode CCode "
    "ProjectNo PD_M CODE ROADCODE Cab_Count Vol_Pres Hole_Count Hole_Used DCode UseStatus Flow_D "
    "Remark"
)
YUTAI_PASSAGE = words(
    "Link_Code S_Point E_Point S_Deep E_Deep S_H E_H D_S Material Belong CCode P_Type D_Type CODE "
    "B_Type LineCode ProjectNo Mdate DCode DDate C_Descrip Remark"
)


def record(header: Sequence[str], **cells: Any) -> list[Any]:
    assert set(cells) <= set(header)
    return [cells.get(name) for name in header]


def yutai_point(key: str, step: float, **cells: Any) -> list[Any]:
    return record(YUTAI_POINT, P_No=key, X=NORTH + step, Y=EAST, H=8.5, Mdate="20150601", **cells)


def test_product_tables_with_passages_auxiliary_lines_and_annotation(tmp_path: Path) -> None:
    line = record(
        YUTAI_LINE, S_Point="RQ1", E_Point="RQ2", S_Deep=1.1, E_Deep=1.2, S_H=7.4, E_H=7.3, Material="PE",
        D_Type="直埋", D_S="160", Vol_Pres="中压A", UseStatus="在用", Flow_D=1, Mdate="20150601", BCode=3,
    )  # fmt: skip
    cable = record(YUTAI_LINE, S_Point="CS1", E_Point="CS2", S_Deep=0.6, E_Deep=0.6, D_Type="管块", D_S="300X200")
    passage = record(
        YUTAI_PASSAGE, S_Point="G1", E_Point="G2", S_Deep=1, E_Deep=1, S_H=7.5, E_H=7.5, D_S="2000X1800", P_Type="DL"
    )
    auxiliary = ["S_Point", "E_Point", "L_TYPE", "CODE", "ProjectNo", "DCode", "BCode", "Remark"]
    note = ["P_No", "X", "Y", "Angle", "TextString", "ProjectNo", "Remark"]
    path = workbook(
        tmp_path / "yutai.xlsx",
        {
            "RQPOINT": [YUTAI_POINT, yutai_point("RQ1", 0, Subsid="阀门"), yutai_point("RQ2", 25, Feature="三通")],
            "RQLINE": [YUTAI_LINE, line],
            "CSPOINT": [YUTAI_POINT, yutai_point("CS1", 60), yutai_point("CS2", 80)],
            "CSLINE": [YUTAI_LINE, cable],
            "JYPOINT": [YUTAI_POINT, yutai_point("JY1", 90)],
            "GGPOINT": [YUTAI_POINT, yutai_point("G1", 200), yutai_point("G2", 230)],
            "GGLINE": [YUTAI_PASSAGE, passage],
            "ASSPOINT": [["P_No", "X", "Y", "H"], ["F1", NORTH, EAST, 8]],
            "ASSLINE": [auxiliary, ["F1", "F2", "井边框", None, None, None, None, None]],
            "ANNOPOINT": [note, ["RQ1", NORTH, EAST, 0, "RQ1", None, None]],
            "ANNOLINE": [note, ["RQ1", NORTH, EAST, 0, "PE160", None, None]],
        },
    )
    delivery = imported(path)
    assert profile_of(delivery) == "yutai"
    assert totals(delivery) == (9, 1, 4)
    gas = segment(delivery, "RQ1->RQ2")
    assert (gas.class_code, gas.pressure_code, gas.width_mm, gas.flow_direction_code) == (
        "gas",
        "medium_a",
        160,
        "forward",
    )
    assert ends_z(delivery, "RQ1->RQ2") == [7.32, 7.22]
    assert segment(delivery, "CS1->CS2").class_code == "telecom"
    assert segment(delivery, "G1->G2").class_code == "power"
    assert str(node(delivery, "RQ1").installed_on) == "2015-06-01"
    assert "JY1" not in delivery.nodes.source_key.tolist()


def test_census_tables_carry_datum_and_dictionaries_as_numbers(tmp_path: Path) -> None:
    points = [
        words("FCODE PCDYBH FEATUREID GXDDH TZ FSW DMGC X Y PXJW DATASOURCE CHDW GXRQ BZ"),
        ["5104210100", "U1", "F1", "JS1", "三通", None, 10, NORTH, EAST, None, "探测", "测绘院", "20230101", None],
        ["5104220400", "U1", "F2", "JS2", None, "阀门", 10, NORTH, EAST + 40, None, "探测", "测绘院", "20230101", None],
    ]  # fmt: skip
    names = words(
        "FCODE GXDBH GXQDDH GXZDDH GXQDMS GXZDMS GXQDDMGC GXZDDMGC GXQDGDGC GXZDGDGC GC SJYL DYZ LX FSFS "
        "GJ DMCC GDGCWZ XLTS ZKS YYKS GXZT JCNY"
    )
    line = record(
        names, GXQDDH="JS1", GXZDDH="JS2", GXQDMS=1, GXZDMS=1.1, GXQDDMGC=10, GXZDDMGC=10, GXQDGDGC=9, GXZDGDGC=8.9,
        GC="3", FSFS="0", DMCC="300X300", GDGCWZ=1, GXZT="在用", JCNY="201506",
    )  # fmt: skip
    path = workbook(
        tmp_path / "给水普查.xlsx", {"GXSSPT": points, "GXSSLN": [names, line], "GXSSPY": [["FCODE"], ["1"]]}
    )
    delivery = imported(path, default_class="water")
    assert profile_of(delivery) == "cn-census (class water)"
    assert totals(delivery) == (3, 0, 1)
    pipe = segment(delivery, "JS1->JS2")
    assert (pipe.material_code, pipe.burial_code, pipe.depth_datum_code) == ("ductile_iron", "direct", "invert")
    assert ends_z(delivery, "JS1->JS2") == [9.15, 9.05]


COMBINED_TOP = [
    "图上点号", "物探点号", "连接点号", "管线点", None, "平面坐标(m)", None, "高程(m)", "管材", "管径或断面尺寸(mm)",
    "埋深(m)", None, "管道高程(m)", None, "电压(kV)", "设计压力", "总孔数/已用孔数", "线缆条数", "流向", "权属单位",
    "敷设方式", "建成年月", "备注",
]  # fmt: skip
COMBINED_LOW = [*[None] * 3, *words("特征 附属物 X Y 地面"), None, None, *words("起点 终点 起点 终点"), *[None] * 9]


def combined(tmp_path: Path, merged: bool) -> Path:
    def rows(point: Sequence[Any], *lines: Sequence[Any]) -> Rows:
        blank = [None] * len(point)
        return [
            [*(point if not n else blank)[:2], end, *(point if not n else blank)[2:], *attributes]
            for n, (end, *attributes) in enumerate(lines)
        ]

    def line(end: str, depth: float, far: float | None, size: Any = 200) -> list[Any]:
        heights = [10 - depth, None if far is None else 10 - far]
        return [end, "铸铁", size, depth, far, *heights, None, "/", None, None, "+", "水司", "直埋", "2015.06", None]

    table = [
        ["管线点成果表"],
        ["管线类别: 给水", None, None, None, None, "图幅号: 2494.00-492.00", *[None] * 10, "探测单位：测绘院"],
        COMBINED_TOP,
        COMBINED_LOW,
        *rows(
            ["1", "J1", "三通", None, NORTH, EAST, 10],
            line("J2", 1.0, 1.1),
            line("J3", 1.0, 1.2, 100),
            line("J4", 1.0, 1.3),
        ),
        *rows(["2", "J2", None, "阀门", NORTH, EAST + 30, 10], line("J1", 1.1, 1.0)),
        *rows(["3", "J3", "弯头", None, NORTH + 30, EAST, 10], line("J1", 1.2, None, 100)),
        *rows(["4", "J4", "管帽", None, NORTH - 30, EAST, 10], line("J1", 1.3, 1.0)),
        ["合计", None, 6],
        ["制表: 张三", None, None, "检查: 李四", None, "第1页 共1页"],
    ]
    path = workbook(tmp_path / "成果.xlsx", {"2494.00-492.00": table})
    if merged:
        book = openpyxl.load_workbook(path)
        sheet = book.worksheets[0]
        for area in ("A1:W1", "D3:E3", "F3:G3", "K3:L3", "M3:N3", *(f"{letter}5:{letter}7" for letter in "ABDEFGH")):
            sheet.merge_cells(area)
        book.save(path)
    return path


@pytest.mark.parametrize("merged", [True, False])
def test_a_combined_table_gives_every_point_and_every_line_once(tmp_path: Path, merged: bool) -> None:
    delivery = imported(combined(tmp_path, merged))
    assert profile_of(delivery) == "combined-table"
    assert totals(delivery) == (6, 0, 2)
    assert delivery.nodes.source_key.tolist() == ["J1", "J2", "J3", "J4"]
    assert set(delivery.nodes.class_code) == set(delivery.segments.class_code) == {"water"}
    assert delivery.segments.source_key.tolist() == ["J1->J2", "J1->J3", "J1->J4"]
    assert segment(delivery, "J1->J3")[["from_depth_m", "to_depth_m", "width_mm"]].tolist() == [1.0, 1.2, 100]
    assert ends_z(delivery, "J1->J4") == [8.9, 8.6]
    assert place(delivery, "J1") == (EAST, NORTH)
    assert {finding.rule for finding in delivery.findings} == {"IMP-SKIP"}
    assert delivery.nodes.extra[0]["图幅号"] == "2494.00-492.00"


def test_lines_with_the_places_of_both_ends_make_their_points(tmp_path: Path) -> None:
    names = words(
        "Prj_No S_Exp S_X S_Y S_Deep E_Exp E_X E_Y E_Deep Type Code Material WallThick PSize EmBed "
        "FlowDir Belong Mdate Lno"
    )

    def line(start: str, end: str, at: float, to: float) -> list[Any]:
        return record(
            names, S_Exp=start, E_Exp=end, S_X=EAST, S_Y=NORTH + at, E_X=EAST, E_Y=NORTH + to, S_Deep=1.2, E_Deep=1.4,
            Type="雨水", Code="5201", Material="混凝土", PSize="600", EmBed="管埋", FlowDir="+", Mdate="2016-05-01",
        )  # fmt: skip

    path = workbook(tmp_path / "psline.xlsx", {"psline": [names, line("Y1", "Y2", 0, 40), line("Y2", "Y3", 40, 80)]})
    delivery = imported(path)
    assert profile_of(delivery) == "psline"
    assert totals(delivery) == (2, 0, 0)
    assert delivery.nodes.source_key.tolist() == ["Y1", "Y2", "Y3"]
    assert delivery.segments.class_code.tolist() == ["storm", "storm"]
    assert delivery.segments.width_mm.tolist() == [600, 600]
    assert place(delivery, "Y2") == (EAST, NORTH + 40)


def test_segments_in_space_without_any_number_meet_where_their_ends_do(tmp_path: Path) -> None:
    header = ["管线类别", "起点X", "起点Y", "起点Z", "终点X", "终点Y", "终点Z", "管径(mm)", "材质"]
    rows = [
        ["污水", NORTH, EAST, 8.0, NORTH, EAST + 30, 7.9, 400, "混凝土"],
        ["污水", NORTH, EAST + 30.004, 7.9, NORTH, EAST + 60, 7.8, 400, "混凝土"],
        ["给水", NORTH, EAST + 30, 9.0, NORTH + 40, EAST + 30, 9.0, 100, "PE"],
    ]
    delivery = imported(workbook(tmp_path / "管段.xlsx", {"管段": [header, *rows]}))
    assert totals(delivery) == (3, 0, 0)
    # Ends of one class within the tolerance are one point; another class at the place has its own.
    assert sorted(delivery.nodes.class_code) == ["foul", "foul", "foul", "water", "water"]
    foul = delivery.segments[delivery.segments.class_code == "foul"]
    assert foul.to_key.iloc[0] == foul.from_key.iloc[1]
    first = shapely.get_coordinates(foul.geom.iloc[0], include_z=True).round(3).tolist()
    assert first == [[EAST, NORTH, 8.2], [EAST + 30.004, NORTH, 8.1]]


def test_conduits_of_a_road_program_with_decimal_commas_and_padding(tmp_path: Path) -> None:
    nodes = """
ID Nodo     ;X           ;Y           ;Zs          ;Zt          ;Tipo        ;Descripción
N1          ;  359744,627; 4606692,717;     714,440;     717,157;Libre       ;
N2          ;  359767,438; 4606648,280;     714,240;     716,124;P1          ;
"""
    conduits = """
ID Tramo    ;Nodo 1      ;Z ini       ;Nodo 2      ;Z fin       ;Material    ;Forma;\t\tGeom1;\t\tGeom2;\t\tTipo
T1          ;N1          ;     714,440;N2          ;     714,240;THA         ;RECT_CLOSED; 1200,000;\t\t1000;
T2          ;N2          ;     714,240;N1          ;     714,440;THA         ;CIRCULAR;     800,000;        ;
"""
    (tmp_path / "nodos.csv").write_text(nodes.lstrip(), encoding="latin-1")
    (tmp_path / "tramos.csv").write_text(conduits.lstrip(), encoding="latin-1")
    delivery = imported(tmp_path / "nodos.csv", tmp_path / "tramos.csv", srid=25831)
    assert profile_of(delivery) == "giswater-istram"
    assert totals(delivery) == (4, 0, 0)
    box, pipe = segment(delivery, "N1->N2"), segment(delivery, "N2->N1")
    assert (box.shape_code, box.width_mm, box.height_mm, box.material_code) == ("rect", 1000, 1200, "concrete")
    assert (pipe.shape_code, pipe.width_mm, pipe.height_mm) == ("circle", 800, 800)
    assert ends_z(delivery, "N1->N2") == [715.04, 714.84]
    assert place(delivery, "N1") == (359744.627, 4606692.717)
    assert node(delivery, "N1").ground_elevation_m == 717.157


@pytest.mark.parametrize(
    ("file", "sheet", "title", "class_code"),
    [
        ("普查.xlsx", "给水", None, "water"),
        ("普查.xlsx", "JS", None, "water"),
        ("普查.xlsx", "1.雨水管点", None, "storm"),
        ("普查.xlsx", "污水管线成果表", None, "foul"),
        ("普查.xlsx", "2026DL点表", None, "power"),
        ("普查.xlsx", "管点(RQ)", None, "gas"),
        ("普查.xlsx", "Sheet1", "某市天然气管线点成果表", "gas"),
        ("电力管线普查.xlsx", "Sheet1", "成果表", "power"),
        ("JS点表.xlsx", "Sheet1", None, "water"),
        # Two classes, or none that is told.
        ("普查.xlsx", "Sheet1", "雨水、污水管线成果表", "unknown"),
        ("普查.xlsx", "2600-500", "城市地下管线成果表", "unknown"),
    ],
)
def test_the_class_is_what_sheet_title_or_file_are_called(
    tmp_path: Path, file: str, sheet: str, title: str | None, class_code: str
) -> None:
    rows = [["物探点号", "X", "Y", "地面高程"], ["A1", NORTH, EAST, 10]]
    delivery = imported(workbook(tmp_path / file, {sheet: [[title], *rows] if title else rows}))
    assert delivery.nodes.class_code.tolist() == [class_code]
    is_guess = class_code != "unknown" and sheet == "Sheet1"
    assert ("IMP-TITLE" in {finding.rule for finding in delivery.findings}) == is_guess


def test_points_that_name_their_class_are_believed_before_the_name_of_the_file(tmp_path: Path) -> None:
    points = [["物探点号", "X", "Y", "管线类型"], ["A1", NORTH, EAST, "YS"], ["A2", NORTH, EAST + 9, "YS"]]
    lines = [["起点点号", "终点点号", "管径"], ["A1", "A2", 300]]
    delivery = imported(workbook(tmp_path / "排水普查.xlsx", {"点": points, "线": lines}))
    assert delivery.segments.class_code.tolist() == ["storm"]
    assert "IMP-TITLE" not in {finding.rule for finding in delivery.findings}


@pytest.mark.parametrize(
    ("said", "read"),
    [
        (["+", "-", None], ["forward", "backward", "unknown"]),
        (["-", "-", None], ["unknown"] * 3),
        (["1", "-", "2"], ["forward", "unknown", "backward"]),
    ],
)
def test_a_minus_is_a_direction_of_flow_beside_a_plus_and_unknown_elsewhere(
    tmp_path: Path, said: list[str | None], read: list[str]
) -> None:
    points = [["物探点号", "X", "Y"], *(["W" + str(n), NORTH, EAST + 30 * n] for n in range(4))]
    lines = [["起点点号", "终点点号", "流向"], *([f"W{n}", f"W{n + 1}", word] for n, word in enumerate(said))]
    delivery = imported(workbook(tmp_path / "污水.xlsx", {"WS点": points, "WS线": lines}))
    directions = [segment(delivery, f"W{n}->W{n + 1}").flow_direction_code for n in range(3)]
    assert [word if isinstance(word, str) else "unknown" for word in directions] == read
