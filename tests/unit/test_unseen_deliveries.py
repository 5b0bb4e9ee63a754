"""Deliveries in other languages and layouts, imported by what a dry run proposes and nothing else."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from pyproj import CRS

from importers.delivery import read_delivery
from importers.places.place_readings import transformer
from importers.profile_files import load_profile
from pipemap.errors import CrsError
from tests.unit.trials import proposed, trial, workbook

_PLACES = [(512100.0 + 30 * n, 2611900.0 + 2 * n) for n in range(12)]


def test_a_german_sewer_register_is_understood_by_its_words(tmp_path: Path) -> None:
    wells = ["Schachtbezeichnung;Schachtart;Rechtswert;Hochwert;Deckelhöhe [m ü. NHN];Straße"]
    wells += [f"S{n};Kontrollschacht;{432100 + 30 * n},5;{5385200 + n},25;150,00;Am Bach" for n in range(12)]
    pipes = ["Haltungsbezeichnung;Schacht oben;Schacht unten;Entwässerungsart;Profilart;Profilhöhe [mm];"
             "Profilbreite [mm];Material;Sohlhöhe oben;Sohlhöhe unten;Baujahr"]  # fmt: skip
    pipes += [f"H{n};S{n};S{n + 1};Regenwasser;Kreis;300;300;Steinzeug;148,5;148,4;1978" for n in range(11)]
    files = [_written(tmp_path / "schaechte.csv", wells), _written(tmp_path / "haltungen.csv", pipes)]

    delivery = trial(proposed(files, "EPSG:25832"))

    assert len(delivery.segments) == 11
    first = delivery.segments.iloc[0]
    assert (first["from_key"], first["to_key"], first["class_code"]) == ("S0", "S1", "storm")
    assert (first["width_mm"], first["shape_code"], first["material_code"]) == (300.0, "circle", "ceramic")
    assert str(first["installed_on"]) == "1978-01-01"
    # Inverts of 148.5 and 148.4 m, half of 300 mm up to the axis.
    np.testing.assert_allclose(shapely.get_coordinates(first["geom"], include_z=True)[:, 2], [148.65, 148.55])
    assert delivery.nodes["ground_elevation_m"].eq(150.0).all()


def test_a_japanese_workbook_is_understood_by_its_words(tmp_path: Path) -> None:
    wells = [["人孔番号", "X座標", "Y座標", "地盤高(m)", "人孔深(m)"]]
    wells += [[f"A-{n}", 61200.1 + n, -10250.2 + 30 * n, 24.5, 2.1] for n in range(12)]
    pipes = [
        [
            "路線番号",
            "上流人孔番号",
            "下流人孔番号",
            "排除方式",
            "管種",
            "管径(mm)",
            "延長(m)",
            "上流管底高",
            "下流管底高",
        ]
    ]
    pipes += [[n, f"A-{n}", f"A-{n + 1}", "汚水", "陶管", 250, 22.5, 22.4] for n in range(11)]
    file = workbook(tmp_path / "下水道台帳.xlsx", {"人孔調書": wells, "管渠調書": pipes})

    delivery = trial(proposed([file], "EPSG:6676"))

    first = delivery.segments.iloc[0]
    assert (first["from_key"], first["class_code"], first["material_code"]) == ("A-0", "foul", "ceramic")
    assert shapely.get_coordinates(delivery.nodes["geom"].iloc[0]).tolist() == [[-10250.2, 61200.1]]
    assert delivery.nodes["well_depth_m"].eq(2.1).all()


def test_what_stands_over_a_group_of_columns_says_which_end_of_a_pipe_they_are_of(tmp_path: Path) -> None:
    wells = [["Ref", "Easting", "Northing", "Cover Level"]]
    wells += [[f"MH{n}", 531200.1 + 30 * n, 180300.2 + n, 12.5] for n in range(12)]
    head = [["Pipe", "Upstream", None, None, "Downstream", None, None, None]]
    head += [["PLR", "MH Ref", "Invert Level", "Depth (m)", "MH Ref", "Invert Level", "Depth (m)", "Size (mm)"]]
    pipes = [[f"P{n}", f"MH{n}", 11.2, 1.3, f"MH{n + 1}", 11.1, 1.4, 225] for n in range(11)]
    file = workbook(
        tmp_path / "survey.xlsx", {"Manholes": wells, "Pipes": [*head, *pipes]}, {"Pipes": ["B1:D1", "E1:G1"]}
    )

    found = proposed([file], "EPSG:27700")

    taken = {column.attribute: column.column for table in found.tables for column in table.columns if column.attribute}
    assert taken["from_key"] == "Upstream MH Ref"
    assert taken["to_elevation_m"] == "Downstream Invert Level"
    assert taken["from_depth_m"] == "Upstream Depth(m)"
    delivery = trial(found)
    # The levels are of inverts by their name; ground less depth is the same level, so the depths are of inverts, too.
    assert "R27" not in {finding.rule for finding in delivery.findings}
    z_m = shapely.get_coordinates(delivery.segments["geom"].iloc[0], include_z=True)[:, 2]
    np.testing.assert_allclose(z_m, [11.2 + 0.1125, 11.1 + 0.1125])


def test_a_second_row_that_says_from_and_to_is_header_and_no_pipe(tmp_path: Path) -> None:
    points = [["管点", "X", "Y", "地面标高(m)"]] + [[f"J{n}", y, x, 25.5] for n, (x, y) in enumerate(_PLACES)]
    pipes = [["序号", "管段", None, "埋深(m)", "规格(mm)", "材料"], [None, "自", "至", "起/止", None, None]]
    pipes += [[n, f"J{n}", f"J{n + 1}", "0.85/0.92", "DN200", "球墨铸铁"] for n in range(11)]
    file = workbook(tmp_path / "道路.xlsx", {"1-给水点": points, "1-给水段": pipes}, {"1-给水段": ["B1:C1"]})

    delivery = trial(proposed([file], "EPSG:4547"))

    assert [(count.rows, count.loaded, count.refused) for count in delivery.counts] == [(12, 12, 0), (11, 11, 0)]
    first = delivery.segments.iloc[0]
    assert (first["from_key"], first["to_key"], first["class_code"]) == ("J0", "J1", "water")
    assert (first["from_depth_m"], first["to_depth_m"]) == (0.85, 0.92)


def test_points_that_name_the_next_point_under_an_unknown_word_are_pipes(tmp_path: Path) -> None:
    rows = ["点号,相邻井,X坐标,Y坐标,地面标高,规格(mm),起始埋深(cm),终止埋深(cm)"]
    rows += [f"JS{n:03d},JS{n + 1:03d},{y},{x},25.5,300,149,158" for n, (x, y) in enumerate(_PLACES[:-1])]
    rows += [f"JS011,,{_PLACES[-1][1]},{_PLACES[-1][0]},25.5,,,"]

    found = proposed([_written(tmp_path / "给水成果.csv", rows)], "EPSG:4547")

    assert found.tables[0].role == "combined"
    delivery = trial(found)
    assert len(delivery.segments) == 11
    assert delivery.segments["from_depth_m"].eq(1.49).all()


def test_the_class_of_layers_without_attributes_is_read_from_their_names(tmp_path: Path) -> None:
    file = tmp_path / "bare.gpkg"
    names = {
        "water_main": "water",
        "foul_sewer": "foul",
        "gas_mp": "gas",
        "Regenwasserkanal": "storm",
        "layer_4": "unknown",
    }
    for place, name in enumerate(names):
        lines = [shapely.LineString([(x, y + 9 * place, 20), (x + 30, y + 9 * place, 20)]) for x, y in _PLACES]
        gpd.GeoDataFrame(geometry=lines, crs="EPSG:4547").to_file(file, layer=name)

    delivery = trial(proposed([file], "EPSG:4547"))

    assert {count.sheet: count.class_code for count in delivery.counts} == names
    told = {finding.sheet for finding in delivery.findings if finding.rule == "IMP-TITLE"}
    assert told == set(names) - {"layer_4"}


def test_a_shapefile_without_prj_is_proposed_in_the_system_its_places_fit(tmp_path: Path) -> None:
    file = tmp_path / "ysgd.shp"
    lines = [shapely.LineString([(x, y), (x + 30, y + 2)]) for x, y in _PLACES]
    gpd.GeoDataFrame({"GDGJ": [300] * 12}, geometry=lines, crs="EPSG:4547").to_file(file)
    file.with_suffix(".prj").unlink()

    found = proposed([file], "EPSG:4547")

    assert 'crs = "EPSG:4547"' in found.text
    assert len(trial(found).segments) == 12


def test_a_shapefile_without_prj_is_refused_with_the_system_that_fits(tmp_path: Path) -> None:

    file = tmp_path / "ysgd.shp"
    gpd.GeoDataFrame(geometry=[shapely.LineString(_PLACES)], crs="EPSG:4547").to_file(file)
    file.with_suffix(".prj").unlink()

    with pytest.raises(CrsError, match="--crs EPSG:4547"):
        read_delivery([file], srid=4547)


@pytest.mark.parametrize(
    ("column", "words", "attribute"), [("类型", "三通", "feature"), ("GDLX", "检查井", "appurtenance")]
)
def test_a_column_called_type_is_no_class_where_its_words_are_of_points(
    tmp_path: Path, column: str, words: str, attribute: str
) -> None:
    rows = [f"点号,X坐标,Y坐标,{column}"] + [f"G{n},{y},{x},{words}" for n, (x, y) in enumerate(_PLACES)]

    found = proposed([_written(tmp_path / "燃气点.csv", rows)], "EPSG:4547")

    assert found.tables[0].column_of(attribute) == column


@pytest.mark.parametrize(
    ("sizes", "unit"), [((6, 8, 12), "in"), ((200, 300, 600), None), ((20, 25, 63), None), ((20, 20, 20), None)]
)
def test_sizes_are_taken_for_inches_where_they_are_usual_inches_and_no_millimetres(
    tmp_path: Path, sizes: tuple[int, ...], unit: str | None
) -> None:
    file = tmp_path / "mains.gpkg"
    lines = [shapely.LineString([(x, y), (x + 30, y + 2)]) for x, y in _PLACES]
    gpd.GeoDataFrame({"DIAMETER": sizes * 4}, geometry=lines, crs="EPSG:4547").to_file(file)

    found = proposed([file], "EPSG:4547")

    assert next(c.unit for c in found.tables[0].columns if c.attribute == "diameter") == unit
    width_mm = sizes[0] * (25.4 if unit else 1)
    assert trial(found).segments["width_mm"].iloc[0] == pytest.approx(width_mm)


def test_each_layer_is_read_by_the_column_that_was_proposed_for_it(tmp_path: Path) -> None:
    file = tmp_path / "lines.gpkg"
    for layer, columns in {"a": {"utility": "gas"}, "b": {"utility": "net 7", "管类": "JS"}}.items():
        lines = [shapely.LineString([(x, y + (layer == "b")), (x + 9, y + 2)]) for x, y in _PLACES]
        told = {name: [word] * len(lines) for name, word in columns.items()}
        gpd.GeoDataFrame(told, geometry=lines, crs="EPSG:4547").to_file(file, layer=layer)

    segments = trial(proposed([file], "EPSG:4547")).segments

    assert segments["class_code"].value_counts().to_dict() == {"gas": len(_PLACES), "water": len(_PLACES)}


def test_pits_of_a_council_are_known_in_a_column_whose_name_was_cut_off(tmp_path: Path) -> None:
    kinds = ["Gully Pit", "Manhole", "Field Inlet", "Headwall"]
    rows = ["Asset_ID,Easting,Northing,Structure_"]
    rows += [f"SW-{n},{x},{y},{kinds[n % 4]}" for n, (x, y) in enumerate(_PLACES)]

    nodes = trial(proposed([_written(tmp_path / "Stormwater_Pits.csv", rows)], "EPSG:4547")).nodes

    assert nodes["appurtenance_code"].tolist()[:4] == ["storm_grate", "manhole", "storm_grate", "outfall"]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("FERNWÄRME", "heat"),
        ("FernwärmeNetz", "heat"),
        ("EAUX USÉES", "foul"),
        ("foul_sewer", "foul"),
        ("EP_regards", "storm"),
        ("Tronçons EU", "foul"),
        ("AEP_tronçons", "water"),
    ],
)
def test_the_class_in_a_name_is_read_whatever_its_letters(name: str, code: str) -> None:
    assert load_profile("default").class_said(name, is_name=True) == code


_ABROAD = {
    "cp1250": (
        ["Nr studni", "Współrzędna X", "Współrzędna Y", "Rzędna terenu", "Rzędna dna", "Ulica"], "ul. Długa",
        ["Od studni", "Do studni", "Rodzaj kanału", "Średnica [mm]", "Materiał", "Właściciel", "Rok budowy"],
        ["kanalizacja deszczowa", "300", "kamionka", "MPWiK", "1987"], 2178, (5789000, 7501000),
    ),
    "cp1251": (
        ["№ колодца", "X, м", "Y, м", "Отметка земли", "Отметка лотка", "Улица"], "ул. Ленина",
        ["Начальный колодец", "Конечный колодец", "Назначение", "Диаметр, мм", "Материал труб", "Балансодержатель",
         "Год прокладки"], ["дождевая канализация", "300", "керамика", "Водоканал", "1987"], 32637, (6178000, 412000),
    ),
    "cp1253": (
        ["Αριθμός φρεατίου", "Χ", "Υ", "Υψόμετρο καλύμματος", "Υψόμετρο πυθμένα", "Οδός"], "Οδός Ερμού",
        ["Φρεάτιο ανάντη", "Φρεάτιο κατάντη", "Δίκτυο", "Διάμετρος (mm)", "Υλικό", "Φορέας", "Έτος κατασκευής"],
        ["Όμβρια", "300", "κεραμικό", "ΕΥΔΑΠ", "1987"], 2100, (4203000, 476000),
    ),
    "utf-8": (
        ["Mã hố ga", "Tọa độ X (m)", "Tọa độ Y (m)", "Cao độ mặt đất (m)", "Cao độ đáy (m)", "Tuyến đường"],
        "Đường Nguyễn Huệ", ["Hố ga đầu", "Hố ga cuối", "Loại", "Đường kính (mm)", "Vật liệu", "Đơn vị quản lý",
         "Năm xây dựng"], ["thoát nước mưa", "300", "gốm", "Công ty Thoát nước", "1987"], 3405, (1192000, 602000),
    ),
}  # fmt: skip


@pytest.mark.parametrize("encoding", _ABROAD)
def test_a_sewer_register_is_understood_by_the_words_of_its_language(tmp_path: Path, encoding: str) -> None:
    of_wells, street, of_pipes, told, srid, (north, east) = _ABROAD[encoding]
    first, second = (east, north) if encoding == "cp1253" else (north, east)
    places = [(first + n * (30 if first == east else 1), second + n * (30 if second == east else 1)) for n in range(9)]
    wells = [";".join(of_wells)]
    wells += [f"S{n};{x},5;{y},5;110,{n};107,{n};{street}" for n, (x, y) in enumerate(places)]
    pipes = [";".join(of_pipes), *(";".join([f"S{n}", f"S{n + 1}", *told]) for n in range(8))]
    files = [tmp_path / "a.csv", tmp_path / "b.csv"]
    for file, lines in zip(files, (wells, pipes), strict=True):
        file.write_bytes("\n".join(lines).encode(encoding))

    delivery = trial(proposed(files, f"EPSG:{srid}"))

    well, pipe = delivery.nodes.iloc[1], delivery.segments.iloc[0]
    assert (well["source_key"], well["ground_elevation_m"], well["address"]) == ("S1", 110.1, street)
    assert well["well_depth_m"] == pytest.approx(3.0)
    assert shapely.get_coordinates(well["geom"]).tolist() == [[east + 30.5, north + 1.5]]
    assert (pipe["from_key"], pipe["to_key"], pipe["class_code"], pipe["width_mm"]) == ("S0", "S1", "storm", 300.0)
    assert (pipe["owner"], str(pipe["installed_on"])) == (told[3], "1987-01-01")
    assert pipe["material_code"] == "ceramic"


@pytest.mark.parametrize(
    ("letters", "codes"),
    [
        (["SW", "RW", "MW"], ["foul", "storm", "combined"]),
        (["FW", "SW", "FW"], ["foul", "storm", "foul"]),
        (["KS", "KR", "KM"], ["foul", "storm", "combined"]),
        (["SP", "OV", "AF"], ["foul", "storm", "combined"]),
        (["SW", "SW", "SW"], ["unknown"] * 3),
    ],
)
def test_letters_for_kinds_of_sewage_are_of_the_country_that_has_them_all(
    tmp_path: Path, letters: list[str], codes: list[str]
) -> None:
    wells = ["Schacht;Rechtswert;Hochwert;Deckelhöhe", *(f"S{n};{432100 + 30 * n};{5385200 + n};9.5" for n in range(7))]
    pipes = ["Schacht oben;Schacht unten;Art;DN", *(f"S{n};S{n + 1};{letters[n % 3]};300" for n in range(6))]
    files = [_written(tmp_path / "a.csv", wells), _written(tmp_path / "b.csv", pipes)]
    assert trial(proposed(files, "EPSG:25832")).segments["class_code"].tolist() == codes * 2


def test_a_line_whose_word_for_its_class_nobody_knows_is_not_of_the_class_of_the_title(tmp_path: Path) -> None:
    wells = [["Pozo", "X", "Y", "Cota tapa"], *([f"P{n}", x, y, 9.5] for n, (x, y) in enumerate(_PLACES))]
    pipes = [["Pozo inicio", "Pozo fin", "Tipo de red", "Diámetro (mm)"]]
    pipes += [[f"P{n}", f"P{n + 1}", "Pluviales" if n else "Zzyzx", 300] for n in range(11)]
    file = workbook(tmp_path / "saneamiento.xlsx", {"Pozos": wells, "Colectores": pipes})
    segments = trial(proposed([file], "EPSG:4547")).segments
    assert segments["class_code"].tolist() == ["unknown", *["storm"] * 10]


def test_heights_are_in_the_foot_of_the_map_and_the_points_numbered_as_lines_refer_to_them(tmp_path: Path) -> None:
    wells = [["No", "Label", "NORTHING", "EASTING", "RIM_ELEV"]]
    wells += [[n + 1, f"CB-{n}", 2112345.2 + n, 6123456.1 + 120 * n, 320.5] for n in range(9)]
    pipes = [["No", "UP_STRUCT", "DN_STRUCT", "DIAM_IN", "INV_UP", "INV_DN"]]
    pipes += [[n + 1, f"CB-{n}", f"CB-{n + 1}", 18, 310.5, 310.4] for n in range(8)]
    file = workbook(tmp_path / "storm.xlsx", {"Structures": wells, "Pipes": pipes})

    delivery = trial(proposed([file], "EPSG:2227"))

    assert delivery.nodes["source_key"].tolist() == [f"CB-{n}" for n in range(9)]
    us_ft = 1200 / 3937
    np.testing.assert_allclose(delivery.nodes["ground_elevation_m"], 320.5 * us_ft)
    z_m = shapely.get_coordinates(delivery.segments["geom"].iloc[0], include_z=True)[:, 2]
    np.testing.assert_allclose(z_m, np.array([310.5, 310.4]) * us_ft + 18 * 0.0254 / 2)


def test_a_shape_that_no_dictionary_has_is_unknown_and_no_box(tmp_path: Path) -> None:
    wells = ["putnummer;x;y;maaiveld", *(f"P{n};{122000 + 30 * n};{487000 + n};1.2" for n in range(6))]
    pipes = ["beginput;eindput;vorm;breedte;hoogte;bob begin;bob eind"]
    pipes += [f"P{n};P{n + 1};{['rond', 'eivormig', 'heulvormig'][n % 3]};400;600;-1.5;-1.6" for n in range(5)]
    files = [_written(tmp_path / "putten.csv", wells), _written(tmp_path / "strengen.csv", pipes)]
    delivery = trial(proposed(files, "EPSG:28992"))
    assert delivery.segments["shape_code"].tolist()[1:3] == ["egg", "unknown"]
    assert [f.value for f in delivery.findings if f.rule == "R12"] == ["heulvormig"]


def test_groups_of_columns_without_merged_cells_are_header_with_the_units_under_them(tmp_path: Path) -> None:
    rows: list[list[object]] = [["Borough Water Company - asset register"], ["Printed 2025-03-01"], []]
    rows += [["Asset ID", "Start", None, None, "End", None, None, "Dia", "Material", "Depth of cover", "Year laid"]]
    rows += [[None, "Easting", "Northing", "Level", "Easting", "Northing", "Level", "(mm)", None, "(m)", None]]
    ends = list(pairwise(_PLACES))
    rows += [[f"WM{n}", *one, 8.25, *other, 8.5, 150, "DI", 1.1, 1990] for n, (one, other) in enumerate(ends)]
    rows += [["Total", None, None, None, None, None, None, None, None, None, "11 assets"]]
    file = workbook(tmp_path / "register.xlsx", {"Water mains": rows})

    delivery = trial(proposed([file], "EPSG:4547"))

    assert [(count.rows, count.loaded, count.refused) for count in delivery.counts if count.class_code] == [(11, 11, 0)]
    first = delivery.segments.iloc[0]
    assert (first["class_code"], first["width_mm"], first["material_code"]) == ("water", 150.0, "ductile_iron")
    assert first["from_depth_m"] == 1.1
    places = shapely.get_coordinates(first["geom"])
    np.testing.assert_allclose(places, [_PLACES[0], _PLACES[1]])


def test_a_combined_result_table_is_proposed_with_the_points_it_names(tmp_path: Path) -> None:
    head = [["物探点号", "连接点号", "附属物", "平面坐标(m)", None, "地面高程(m)", "埋深(m)", None, "管径或断面(mm)"]]
    head += [[None, None, None, "X", "Y", None, "起点", "终点", None]]
    rows: list[list[object]] = []
    for n, (x, y) in enumerate(_PLACES):
        joined = [other for other in (n - 1, n + 1) if 0 <= other < len(_PLACES)]
        for other in joined:
            own = ["阀门", y, x, 25.5] if other == joined[0] else [None] * 4
            rows += [[f"JS{n}", f"JS{other}", *own, 1.0 + n / 100, 1.0 + other / 100, "DN200"]]
    file = workbook(
        tmp_path / "成果表.xlsx", {"给水管线成果表": [*head, *rows]}, {"给水管线成果表": ["D1:E1", "G1:H1"]}
    )

    found = proposed([file], "EPSG:4547")

    assert (found.tables[0].column_of("key"), found.tables[0].column_of("to_key")) == ("物探点号", "连接点号")
    delivery = trial(found)
    assert (len(delivery.nodes), len(delivery.segments)) == (12, 11)
    assert [(count.rows, count.refused) for count in delivery.counts] == [(22, 0)]


@pytest.mark.parametrize(
    ("encoding", "head", "material", "code"),
    [
        (
            "cp932",
            "上流人孔番号,下流人孔番号,上流X座標,上流Y座標,下流X座標,下流Y座標,管径(mm),管種,排除方式",
            "陶管",
            "汚水",
        ),
        ("cp950", "起點點號,終點點號,起點X,起點Y,終點X,終點Y,管徑(mm),材質,管線類別", "鑄鐵", "污水"),
        ("gb18030", "起点点号,终点点号,起点X,起点Y,终点X,终点Y,管径(mm),材质,管线类别", "铸铁", "污水"),
    ],
)
def test_text_is_read_in_the_encoding_in_which_its_words_are_everyday_ones(
    tmp_path: Path, encoding: str, head: str, material: str, code: str
) -> None:
    ends = list(pairwise(_PLACES))
    rows = [
        f"M{n},M{n + 1},{one[1]},{one[0]},{other[1]},{other[0]},250,{material},{code}"
        for n, (one, other) in enumerate(ends)
    ]
    file = tmp_path / "pipes.csv"
    file.write_text("\n".join([head, *rows]), encoding=encoding)

    found = proposed([file], "EPSG:4547")

    assert [column.column for column in found.tables[0].columns] == head.split(",")
    delivery = trial(found)
    assert delivery.segments["class_code"].eq("foul").all() and len(delivery.segments) == 11
    assert (found.tables[0].column_of("from_key"), found.tables[0].column_of("to_key")) == tuple(head.split(",")[:2])


def test_the_letters_of_point_numbers_tell_the_class_that_nothing_else_tells(tmp_path: Path) -> None:
    points = ["点号,X,Y,H"] + [f"{'DL' if n < 6 else 'RQ'}{n},{y},{x},25.5" for n, (x, y) in enumerate(_PLACES)]
    lines = ["起点,终点,起埋,终埋"] + [f"DL{n},DL{n + 1},0.8,0.9" for n in range(5)] + ["RQ6,RQ7,1.0,1.1"]
    files = [_written(tmp_path / "点.csv", points), _written(tmp_path / "线.csv", lines)]

    delivery = trial(proposed(files, "EPSG:4547"))

    assert delivery.segments["class_code"].value_counts().to_dict() == {"power": 5, "gas": 1}
    assert delivery.nodes["class_code"].value_counts().to_dict() == {"power": 6, "gas": 6}
    told = [finding.message_en for finding in delivery.findings if finding.rule == "IMP-LETTERS"]
    assert told and all("DL power" in message or "RQ gas" in message for message in told)
    assert delivery.segments["from_depth_m"].tolist() == [0.8] * 5 + [1.0]


@pytest.mark.parametrize("numbers", [["JX1", "JX2", "JX3"], ["P1", "P2", "P3"], ["DL1", "AB2", "CD3"]])
def test_letters_that_mean_no_class_or_a_secret_one_leave_it_unknown(tmp_path: Path, numbers: list[str]) -> None:
    points = ["点号,X坐标,Y坐标,地面高程"] + [
        f"{key},{y},{x},25.5" for key, (x, y) in zip(numbers, _PLACES, strict=False)
    ]
    files = [_written(tmp_path / "点.csv", points)]

    delivery = trial(proposed(files, "EPSG:4547"))

    assert delivery.nodes["class_code"].eq("unknown").all()
    assert "IMP-LETTERS" not in {finding.rule for finding in delivery.findings}


@pytest.mark.parametrize("prefix", ["", "SRID=4547;"])
def test_shapes_as_text_in_a_table_are_its_geometry(tmp_path: Path, prefix: str) -> None:
    ends = list(pairwise(_PLACES))
    shapes = [f"{prefix}LINESTRING Z ({x} {y} 9.5, {x2} {y2} 9.4)" for (x, y), (x2, y2) in ends]
    rows = [f'{n},gas,160,PE,"{shape}"' for n, shape in enumerate([*shapes[:-1], "LINESTRING (1 2", ""])]
    file = _written(tmp_path / "export.csv", ["id,class,dn,mat,geom", *rows])

    delivery = trial(proposed([file], "EPSG:4547"))

    assert [(count.rows, count.loaded, count.refused) for count in delivery.counts if count.class_code] == [(12, 10, 2)]
    assert shapely.get_coordinates(delivery.segments["geom"].iloc[0], include_z=True).tolist() == [
        [*_PLACES[0], 9.5],
        [*_PLACES[1], 9.4],
    ]
    assert delivery.segments["material_code"].eq("pe").all() and len(delivery.nodes) == 11
    (bad,) = (finding for finding in delivery.findings if finding.rule == "IMP-GEOMETRY")
    assert (bad.row, bad.column, bad.value) == (12, "geom", "LINESTRING (1 2")


def test_points_and_lines_as_text_in_one_table_are_both_read(tmp_path: Path) -> None:
    rows = [f"W{n},POINT ({x} {y})" for n, (x, y) in enumerate(_PLACES)]
    rows += [f'L{n},"LINESTRING ({x} {y}, {x2} {y2})"' for n, ((x, y), (x2, y2)) in enumerate(pairwise(_PLACES))]
    delivery = trial(proposed([_written(tmp_path / "water.csv", ["name,wkt", *rows])], "EPSG:4547"))
    assert (len(delivery.nodes), len(delivery.segments)) == (12, 11)
    assert sum(count.rows for count in delivery.counts) == sum(count.loaded for count in delivery.counts) == 23


def test_a_header_in_two_rows_is_found_though_none_of_its_names_is_known(tmp_path: Path) -> None:
    wells = [["BẢNG THỐNG KÊ HỐ GA THOÁT NƯỚC MƯA"], ["STT", "Tên hố ga", "Tọa độ", None, "Cao độ nắp (m)", "Ghi chú"]]
    wells += [[None, None, "X", "Y", None, None]]
    wells += [[n, f"GT{n}", y, x, 6.25, "-"] for n, (x, y) in enumerate(_PLACES)]
    pipes = [["BẢNG THỐNG KÊ CỐNG"], ["STT", "Hố ga đầu", "Hố ga cuối", "Cao độ đáy cống", None, "Chủ sở hữu"]]
    pipes += [[None, None, None, "Đầu", "Cuối", None]]
    pipes += [[n, f"GT{n}", f"GT{n + 1}", 4.5, 4.4, "Đô thị"] for n in range(11)]
    merged = {"Hố ga": ["A1:F1", "C2:D2"], "Cống": ["A1:F1", "D2:E2"]}
    file = workbook(tmp_path / "hồ sơ.xlsx", {"Hố ga": wells, "Cống": pipes}, merged)

    delivery = trial(proposed([file], "EPSG:4547"))

    assert delivery.nodes["ground_elevation_m"].tolist() == [6.25] * 12
    assert [(count.rows, count.class_code) for count in delivery.counts] == [(12, "storm"), (11, "storm")]
    first = delivery.segments.iloc[0]
    assert (first["from_elevation_m"], first["to_elevation_m"], first["owner"]) == (4.5, 4.4, "Đô thị")


def test_what_stands_under_the_coordinates_of_an_end_is_of_that_end(tmp_path: Path) -> None:
    rows: list[list[object]] = [["管段编号", "起点坐标", None, None, "终点坐标", None, None, "管径"]]
    rows += [[None, "X", "Y", "地面标高", "X", "Y", "地面标高", "mm"]]
    rows += [[n, y, x, 4.1, y2, x2, 4.2, "d600"] for n, ((x, y), (x2, y2)) in enumerate(pairwise(_PLACES[:8]))]
    file = workbook(tmp_path / "雨水.xlsx", {"成果": rows}, {"成果": ["B1:D1", "E1:G1"]})
    delivery = trial(proposed([file], "EPSG:4547"))
    # Each point is the end of one pipe and the start of the next: what is told first holds.
    assert sorted(delivery.nodes["ground_elevation_m"]) == [4.1] * 7 + [4.2]


def test_the_height_of_the_other_end_is_found_beside_a_name_that_is_one_word_away(tmp_path: Path) -> None:
    wells = [["Pozo", "X", "Y", "Cota tapa"], *([f"P{n}", x, y, 9.5] for n, (x, y) in enumerate(_PLACES))]
    pipes = [["Pozo inicio", "Pozo fin", "Cota solera inicio", "Cota solera remate", "Longitud"]]
    pipes += [[f"P{n}", f"P{n + 1}", 7.55, 7.45, 30.1] for n in range(11)]
    file = workbook(tmp_path / "fecal.xlsx", {"Pozos": wells, "Colectores": pipes})
    delivery = trial(proposed([file], "EPSG:4547"))
    assert delivery.segments["from_elevation_m"].tolist() == [7.55] * 11
    assert delivery.segments["to_elevation_m"].tolist() == [7.45] * 11


@pytest.mark.parametrize(
    ("columns", "cells", "told"),
    [
        ("断面形式,断面数据(mm),断面数据2(mm)", "圆形,400,", ("circle", 400.0, 400.0)),
        ("断面形式,断面数据(mm),断面数据2(mm)", "矩形,2000,1500", ("rect", 2000.0, 1500.0)),
        ("管径,高度(mm),管长", "2000,1500,30.1", ("rect", 2000.0, 1500.0)),
        ("管径/渠宽(mm),渠高(mm)", "2500,1800", ("rect", 2500.0, 1800.0)),
        ("Dia of pipe in mm", "150", ("circle", 150.0, 150.0)),
        ("SHAPE,DIAM_MM,BOX_W,BOX_H", "RCBC,,1200,600", ("rect", 1200.0, 600.0)),
        ("SECTION,PROFILE", "600x900,EGG", ("egg", 600.0, 900.0)),
        # A size of 0 stands where the other column gives the size.
        ("GJ,DMCC", "300,0", ("circle", 300.0, 300.0)),
    ],
)
def test_a_section_in_several_columns_is_read_from_all_of_them(
    tmp_path: Path, columns: str, cells: str, told: tuple[str, float, float]
) -> None:
    points = ["物探点号,X,Y", *(f"P{n},{y},{x}" for n, (x, y) in enumerate(_PLACES))]
    lines = [f"起点点号,终点点号,{columns}", *(f"P{n},P{n + 1},{cells}" for n in range(11))]
    files = [_written(tmp_path / "雨水点.csv", points), _written(tmp_path / "雨水线.csv", lines)]
    segments = trial(proposed(files, "EPSG:4547")).segments
    assert segments[["shape_code", "width_mm", "height_mm"]].drop_duplicates().values.tolist() == [list(told)]


def test_letters_for_kinds_of_sewage_are_believed_beside_the_bottom_of_pipes(tmp_path: Path) -> None:
    wells = ["Node Ref,Easting,Northing", *(f"N{n},{x},{y}" for n, (x, y) in enumerate(_PLACES))]
    pipes = ["US Node,DS Node,Use,US Invert,DS Invert", *(f"N{n},N{n + 1},{'FSC'[n % 3]},3.5,3.4" for n in range(9))]
    files = [_written(tmp_path / "a.csv", wells), _written(tmp_path / "b.csv", pipes)]
    segments = trial(proposed(files, "EPSG:4547")).segments
    assert segments["class_code"].tolist() == ["foul", "storm", "combined"] * 3


@pytest.mark.parametrize("marks", ["K0+{:07.3f}", "{:.2f}"])
def test_points_whose_figures_along_the_line_agree_with_their_distances_are_joined(tmp_path: Path, marks: str) -> None:
    along = [0.0, *np.cumsum([np.hypot(x2 - x, y2 - y) for (x, y), (x2, y2) in pairwise(_PLACES)])]
    rows: list[list[object]] = [
        ["Y1 雨水管道纵断面"],
        ["桩号", "X坐标", "Y坐标", "地面标高(m)", "管底标高(m)", "管径(mm)"],
    ]
    rows += [
        [marks.format(m), y, x, 6.1, round(4.2 - n / 100, 3), 500]
        for n, (m, (x, y)) in enumerate(zip(along, _PLACES, strict=True))
    ]
    file = workbook(tmp_path / "a.xlsx", {"Y1": rows, "Y2": [rows[0], rows[1], *rows[3:1:-1], *rows[4:]]})

    delivery = trial(proposed([file], "EPSG:4547"))

    lines = delivery.segments[delivery.segments["source_sheet"] == "Y1"]
    assert (len(lines), lines["width_mm"].unique().tolist()) == (11, [500.0])
    np.testing.assert_allclose(lines[["from_elevation_m", "to_elevation_m"]].iloc[0], [4.2, 4.19])
    assert shapely.get_coordinates(lines["geom"].iloc[3]).tolist() == [list(_PLACES[3]), list(_PLACES[4])]
    # The points of the other sheet are in no order.
    assert len(delivery.segments) == 11
    assert "IMP-CHAINAGE" in {finding.rule for finding in delivery.findings}


@pytest.mark.parametrize("column", ["长度", "桩号"])
def test_points_are_not_joined_by_figures_that_are_no_chainage(tmp_path: Path, column: str) -> None:
    rows: list[list[object]] = [["点号", "X坐标", "Y坐标", column, "管径(mm)"]]
    rows += [[f"P{n}", y, x, 30 + (n % 3) if column == "长度" else 45 * n, 500] for n, (x, y) in enumerate(_PLACES)]
    delivery = trial(proposed([workbook(tmp_path / "雨水.xlsx", {"点": rows})], "EPSG:4547"))
    assert (len(delivery.nodes), len(delivery.segments)) == (12, 0)


def test_degrees_that_differ_by_little_agree_with_no_figures(tmp_path: Path) -> None:
    rows: list[list[object]] = [["StructureID", "Lat", "Long", "Invert", "Pipe dia (mm)"]]
    rows += [[f"S{n}", -26.2 - n / 9999, 28.04 + n / 9999, 1447.6 - n / 20, 300] for n in range(12)]
    file = workbook(tmp_path / "storm.xlsx", {"Structures": rows})
    assert len(trial(proposed([file], "EPSG:2053")).segments) == 0


def test_ends_of_drawn_lines_are_numbered_by_the_columns_that_have_one_value_at_each_place(tmp_path: Path) -> None:
    rows = [
        f'"LINESTRING ({x} {y}, {x2} {y2})",High Street,SD{n},CB{n},CB{n + 1},300'
        for n, ((x, y), (x2, y2)) in enumerate(pairwise(_PLACES))
    ]
    file = _written(tmp_path / "storm_drains.csv", ["the_geom,AlongStr,StormID,AtStr,ToStr,Size_mm", *rows])
    segments = trial(proposed([file], "EPSG:4547")).segments
    assert segments["from_key"].tolist() == [f"CB{n}" for n in range(11)]
    assert segments["to_key"].tolist() == [f"CB{n + 1}" for n in range(11)]


def test_up_and_downstream_are_told_by_their_letters_with_a_stroke_between(tmp_path: Path) -> None:
    wells = ["MH No.,Easting,Northing", *(f"N{n},{x},{y}" for n, (x, y) in enumerate(_PLACES))]
    pipes = ["U/S MH,D/S MH,D/S IL (m),U/S IL (m)", *(f"N{n},N{n + 1},3.4,3.5" for n in range(9))]
    files = [_written(tmp_path / "a.csv", wells), _written(tmp_path / "foul.csv", pipes)]
    segments = trial(proposed(files, "EPSG:4547")).segments
    assert segments[["from_elevation_m", "to_elevation_m"]].drop_duplicates().values.tolist() == [[3.5, 3.4]]


def test_hungarian_letters_and_thai_words_and_years_are_read(tmp_path: Path) -> None:
    hungarian = tmp_path / "csapadékvíz.csv"
    pipes = ["Kezdő akna;Végakna;Folyásfenék kezdő;Folyásfenék vég;Tulajdonos"]
    pipes += [f"A{n};A{n + 1};3,5;3,4;Csatornázási Művek" for n in range(9)]
    hungarian.write_bytes("\n".join(pipes).encode("cp1250"))
    wells = ["Akna;EOV Y;EOV X", *(f"A{n};{650300 + 30 * n},5;{238400 + n},2" for n in range(10))]
    delivery = trial(proposed([hungarian, _written(tmp_path / "b.csv", wells)], "EPSG:23700"))
    assert delivery.segments["owner"].unique().tolist() == ["Csatornázási Művek"]

    shafts: list[list[object]] = [["หมายเลขบ่อพัก", "พิกัด E", "พิกัด N", "ระดับฝาบ่อ (ม.)"]]
    shafts += [[f"MH{n}", 665300.1 + 30 * n, 1522400.2 + n, 3.25] for n in range(9)]
    lines: list[list[object]] = [["จากบ่อ", "ถึงบ่อ", "ระดับท้องท่อต้นทาง", "ระดับท้องท่อปลายทาง", "ชนิดท่อ", "ปีที่ก่อสร้าง"]]
    lines += [[f"MH{n}", f"MH{n + 1}", 1.5, 1.4, "คสล.", 2555] for n in range(8)]
    file = workbook(tmp_path / "ท่อรวบรวมน้ำเสีย.xlsx", {"บ่อพัก": shafts, "ท่อ": lines})
    delivery = trial(proposed([file], "EPSG:32647"))
    first = delivery.segments.iloc[0]
    assert (first["class_code"], first["material_code"], str(first["installed_on"])) == (
        "foul",
        "concrete",
        "2012-01-01",
    )
    assert (first["from_elevation_m"], first["to_elevation_m"]) == (1.5, 1.4)
    assert delivery.nodes["ground_elevation_m"].eq(3.25).all()


def test_point_numbers_that_lost_their_zeros_in_the_lines_are_joined_all_the_same(tmp_path: Path) -> None:
    wells = [["Manhole ID", "Easting", "Northing"], *([f"{n:04}", x, y] for n, (x, y) in enumerate(_PLACES, start=1))]
    pipes = [["Upstream MH", "Downstream MH", "Size (mm)"], *([n, n + 1, 200] for n in range(1, 12))]
    file = workbook(tmp_path / "foul.xlsx", {"Manholes": wells, "Pipes": pipes})
    delivery = trial(proposed([file], "EPSG:4547"))
    assert delivery.segments["from_key"].tolist() == [f"{n:04}" for n in range(1, 12)]
    assert {finding.rule for finding in delivery.findings} >= {"R20"}


def test_commas_in_texts_of_a_workbook_are_decimal_where_its_other_numbers_tell(tmp_path: Path) -> None:
    wells: list[list[object]] = [["№ колодца", "X", "Y", "Отметка люка"]]
    wells += [[f"К{n}", f"6 171 5{n:02},250", f"7 413 2{n:02},500", "150,884"] for n in range(12)]
    pipes: list[list[object]] = [["От колодца", "До колодца", "Отметка лотка начало", "Отметка лотка конец"]]
    pipes += [[f"К{n}", f"К{n + 1}", "149,394", "149,374"] for n in range(11)]
    file = workbook(tmp_path / "ливневая канализация.xlsx", {"Колодцы": wells, "Участки": pipes})
    delivery = trial(proposed([file], "EPSG:28407"))
    assert delivery.nodes["ground_elevation_m"].unique().tolist() == [150.884]
    assert delivery.segments["to_elevation_m"].unique().tolist() == [149.374]


@pytest.mark.parametrize(
    ("column", "cell", "told"),
    [
        ("材质规格", "钢 DN200", ("steel", 200.0)),
        ("Nature et diamètre", "PVC 110", ("pvc", 110.0)),
        ("管径", "1,200", (None, 1200.0)),
    ],
)
def test_material_and_size_in_one_column_are_both_read(
    tmp_path: Path, column: str, cell: str, told: tuple[str | None, float]
) -> None:
    points = [["点号", "X", "Y"], *([f"P{n}", y, x] for n, (x, y) in enumerate(_PLACES))]
    lines = [["起点点号", "终点点号", column], *([f"P{n}", f"P{n + 1}", cell] for n in range(11))]
    file = workbook(tmp_path / "燃气.xlsx", {"点": points, "线": lines})
    first = trial(proposed([file], "EPSG:4547")).segments.iloc[0]
    assert (first["material_code"], first["width_mm"]) == told


def test_wells_that_name_the_next_one_under_names_that_no_profile_has_are_pipes(tmp_path: Path) -> None:
    rows: list[list[object]] = [["检查井编号", "X", "Y", "井面标高", "下游井号", "下游管底标高", "管径(mm)"]]
    rows += [[f"W{n}", y, x, 5.1, f"W{n + 1}" if n < 11 else None, 3.4, 300] for n, (x, y) in enumerate(_PLACES)]
    delivery = trial(proposed([workbook(tmp_path / "污水.xlsx", {"Sheet1": rows})], "EPSG:4547"))
    assert (len(delivery.nodes), len(delivery.segments)) == (12, 11)
    assert delivery.segments[["width_mm", "to_elevation_m"]].drop_duplicates().values.tolist() == [[300.0, 3.4]]


def test_what_heights_of_pipes_of_an_unknown_kind_refer_to_is_told_to_be_open(tmp_path: Path) -> None:
    points = [["点号", "X", "Y"], *([f"P{n}", y, x] for n, (x, y) in enumerate(_PLACES))]
    lines = [["起点点号", "终点点号", "起点高程", "终点高程"], *([f"P{n}", f"P{n + 1}", 3.5, 3.4] for n in range(11))]
    delivery = trial(proposed([workbook(tmp_path / "a.xlsx", {"点": points, "线": lines})], "EPSG:4547"))
    (told,) = [finding for finding in delivery.findings if finding.rule == "IMP-DATUM"]
    assert (told.severity, told.value) == ("warning", "crown")


def test_codes_are_read_by_the_table_of_them_that_comes_with_a_delivery(tmp_path: Path) -> None:
    points = [["点号", "X", "Y"], *([f"P{n}", y, x] for n, (x, y) in enumerate(_PLACES))]
    lines = [["起点号", "终点号", "管材代码"], *([f"P{n}", f"P{n + 1}", 1 + n % 3] for n in range(11))]
    legend = [["管材代码", "名称"], [1, "钢筋混凝土"], [2, "PVC"], [3, "PE"]]
    file = workbook(tmp_path / "雨水.xlsx", {"点": points, "线": lines, "代码说明": legend})
    found = proposed([file], "EPSG:4547")
    assert found.tables[1].column_of("material") == "管材代码"
    assert {word.word: word.near.code for word in found.words if word.near} == {"1": "concrete", "2": "pvc", "3": "pe"}


def test_what_flows_in_sewers_is_told_by_the_file_where_the_sheet_speaks_of_sewers_alone(tmp_path: Path) -> None:
    wells = [["MH No", "Easting", "Northing"], *([f"M{n}", x, y] for n, (x, y) in enumerate(_PLACES))]
    pipes = [["From MH", "To MH", "Size (mm)"], *([f"M{n}", f"M{n + 1}", 200] for n in range(11))]
    for name, code in (("foul 2020.xlsx", "foul"), ("gas.xlsx", "combined"), ("2020.xlsx", "combined")):
        file = workbook(tmp_path / name, {"Manholes": wells, "Sewer details": pipes})
        assert trial(proposed([file], "EPSG:4547")).segments["class_code"].unique().tolist() == [code]


def test_levels_of_pipes_in_a_low_town_are_no_depths(tmp_path: Path) -> None:
    wells = [["Zxq", "X", "Y", "Wvu"], *([f"M{n}", y, x, 9.2 + n % 3 / 10] for n, (x, y) in enumerate(_PLACES))]
    pipes = [["Qp", "Rt", "Gh sa", "Gh fu"]]
    pipes += [[f"M{n}", f"M{n + 1}", 7.4 - n / 50, 7.38 - n / 50] for n in range(11)]
    delivery = trial(proposed([workbook(tmp_path / "a.xlsx", {"A": wells, "B": pipes})], "EPSG:4547"))
    assert delivery.segments["from_elevation_m"].round(2).tolist()[:2] == [7.4, 7.38]
    assert delivery.segments["from_depth_m"].isna().all()


@pytest.mark.parametrize("names", [("Start TP", "End TP"), ("Zxq", "Wvu")])
def test_ends_of_lines_with_their_places_name_the_points_of_a_tree(tmp_path: Path, names: tuple[str, str]) -> None:
    header = [names[0], "Start X", "Start Y", names[1], "End X", "End Y", "Dia (mm)"]
    rows = [[f"T{n}", *a, f"T{n + 1}", *b, 110] for n, (a, b) in enumerate(pairwise(_PLACES))]
    delivery = trial(proposed([workbook(tmp_path / "gas.xlsx", {"Lines": [header, *rows]})], "EPSG:32650"))
    assert sorted(delivery.nodes["source_key"]) == sorted(f"T{n}" for n in range(12))
    assert len(delivery.segments) == 11


@pytest.mark.parametrize("shift", [0.0, 39e6], ids=["no zone", "zone in eastings"])
def test_places_are_read_in_the_system_that_a_line_above_names_with_its_meridian(tmp_path: Path, shift: float) -> None:
    places = [(x + 138_000, y) for x, y in _PLACES]
    x, y = transformer(CRS.from_epsg(4547), CRS.from_epsg(4548)).transform(*np.transpose(places))
    head = [["坐标系统：2000国家大地坐标系，中央子午线117°"], ["点号", "X", "Y"]]
    points = [*head, *([f"P{n}", north, east + shift] for n, (east, north) in enumerate(zip(x, y, strict=True)))]
    lines = [["起点点号", "终点点号", "管径"], *([f"P{n}", f"P{n + 1}", 300] for n in range(11))]
    delivery = trial(proposed([workbook(tmp_path / "雨水.xlsx", {"点": points, "线": lines})], "EPSG:4547"))
    np.testing.assert_allclose(shapely.get_coordinates(delivery.nodes["geom"].to_numpy()), places, atol=0.01)
    assert [each.rule for each in delivery.findings].count("IMP-SYSTEM") == 1


def test_places_that_count_to_the_west_and_south_are_read_in_the_system_of_their_meridian(tmp_path: Path) -> None:
    places = [(616200.0 + 30 * n, 7149500.0 + n) for n in range(12)]
    west, south = transformer(CRS.from_epsg(32735), CRS.from_epsg(2053)).transform(*np.transpose(places))
    points = [["MH No", "Y (Lo29)", "X (Lo29)"]]
    points += [[f"M{n}", *place] for n, place in enumerate(zip(west, south, strict=True))]
    pipes = [["From MH", "To MH", "Dia"], *([f"M{n}", f"M{n + 1}", 160] for n in range(11))]
    delivery = trial(proposed([workbook(tmp_path / "foul.xlsx", {"a": points, "b": pipes})], "EPSG:32735"))
    np.testing.assert_allclose(shapely.get_coordinates(delivery.nodes["geom"].to_numpy()), places, atol=0.01)


def test_points_and_lines_beside_each_other_are_told_by_the_numbers_that_lines_name(tmp_path: Path) -> None:
    header = ["Nr. pusetës", "Lindje", "Veri", None, "Nga puseta", "Te puseta", "Diametri (mm)"]
    rows = [[f"P{n}", *place, None, f"P{n}", f"P{n + 1}", 200] for n, place in enumerate(_PLACES)]
    file = workbook(tmp_path / "foul.xlsx", {"Fleta1": [header, *rows[:-1], rows[-1][:3]]})
    delivery = trial(proposed([file], "EPSG:32650"))
    assert (len(delivery.nodes), delivery.segments["width_mm"].tolist()) == (12, [200.0] * 11)


def test_a_layout_that_comes_with_coordinates_it_has_elsewhere_keeps_them(tmp_path: Path) -> None:
    points = [["FCODE", "GXDDH", "DMGC", "HZB", "ZZB"]]
    points += [["52012201", f"P{n}", 12.5, x, y] for n, (x, y) in enumerate(_PLACES)]
    lines = [["FCODE", "GXQDDH", "GXZDDH", "GXQDMS", "GXZDMS"]]
    lines += [["52011000", f"P{n}", f"P{n + 1}", 1.5, 1.6] for n in range(11)]
    delivery = trial(proposed([workbook(tmp_path / "a.xlsx", {"PT": points, "LN": lines})], "EPSG:4547"))
    assert shapely.get_coordinates(delivery.nodes["geom"].to_numpy()).tolist() == [[*place] for place in _PLACES]
    assert len(delivery.segments) == 11


def test_sizes_that_are_of_no_standard_do_not_speak_against_their_name(tmp_path: Path) -> None:
    points = [["点号", "X", "Y"], *([f"P{n}", y, x] for n, (x, y) in enumerate(_PLACES))]
    lines = [["起点点号", "终点点号", "管径", "建设年代"], ["", "", "mm", "年"]]
    lines += [[f"P{n}", f"P{n + 1}", 271 + 6 * n, 2010] for n in range(11)]
    delivery = trial(proposed([workbook(tmp_path / "氮气.xlsx", {"点": points, "线": lines})], "EPSG:4547"))
    assert delivery.segments["width_mm"].tolist() == [271.0 + 6 * n for n in range(11)]


@pytest.mark.parametrize(("per_m", "unit"), [(100, "cm"), (1000, "mm")])
def test_whole_depths_are_in_the_unit_in_which_streets_are_dug(tmp_path: Path, per_m: int, unit: str) -> None:
    points = [["点号", "X", "Y"], *([f"P{n}", y, x] for n, (x, y) in enumerate(_PLACES))]
    lines = [
        ["起点点号", "终点点号", "起点埋深"],
        *([f"P{n}", f"P{n + 1}", (12 + n) * per_m // 10] for n in range(11)),
    ]
    found = proposed([workbook(tmp_path / "燃气.xlsx", {"点": points, "线": lines})], "EPSG:4547")
    assert found.tables[1].columns[2].unit == unit
    np.testing.assert_allclose(trial(found).segments["from_depth_m"], [1.2 + n / 10 for n in range(11)])


def test_what_sewers_are_in_use_for_is_their_class_beside_a_column_written_alike(tmp_path: Path) -> None:
    header = ["US_Node", "US_E", "US_N", "DS_Node", "DS_E", "DS_N", "Use", "Size"]
    kinds = ["Foul", "Surface Water", "Combined"]
    rows = [[f"N{n}", *a, f"N{n + 1}", *b, kinds[n % 3], 225] for n, (a, b) in enumerate(pairwise(_PLACES))]
    delivery = trial(proposed([workbook(tmp_path / "a.xlsx", {"Sewers": [header, *rows]})], "EPSG:32650"))
    assert delivery.segments["class_code"].tolist()[:3] == ["foul", "storm", "combined"]


def test_single_characters_for_kinds_of_sewage_are_read_beside_each_other(tmp_path: Path) -> None:
    points = [["点号", "X", "Y", "附属物"], *([f"P{n}", y, x, "雨篦"] for n, (x, y) in enumerate(_PLACES))]
    lines = [["起点点号", "终点点号", "性质"], *([f"P{n}", f"P{n + 1}", "雨污合"[n % 3]] for n in range(11))]
    delivery = trial(proposed([workbook(tmp_path / "a.xlsx", {"点": points, "线": lines})], "EPSG:4547"))
    assert delivery.segments["class_code"].tolist()[:3] == ["storm", "foul", "combined"]


def test_grates_among_wells_do_not_make_all_sewers_carry_storm_water(tmp_path: Path) -> None:
    devices = ["检查井", "检查井", "雨篦"]
    points = [["点号", "X", "Y", "附属物"], *([f"P{n}", y, x, devices[n % 3]] for n, (x, y) in enumerate(_PLACES))]
    lines = [["起点点号", "终点点号", "管径"], *([f"P{n}", f"P{n + 1}", 300] for n in range(11))]
    found = proposed([workbook(tmp_path / "a.xlsx", {"点": points, "线": lines})], "EPSG:4547")
    assert found.class_told is None


def test_what_points_are_may_stand_among_remarks_where_nothing_else_does(tmp_path: Path) -> None:
    devices = ["Gate valve", "Fire hydrant"]
    points = [["Point", "E", "N", "RL (m)", "Description"]]
    points += [[f"P{n}", x, y, 8.5, devices[n % 2]] for n, (x, y) in enumerate(_PLACES)]
    pipes = [["From", "To", "Remarks"], *([f"P{n}", f"P{n + 1}", "2019.5"] for n in range(11))]
    delivery = trial(proposed([workbook(tmp_path / "water.xlsx", {"a": points, "b": pipes})], "EPSG:32650"))
    assert delivery.nodes["appurtenance_code"].value_counts().to_dict() == {"valve": 6, "hydrant": 6}
    assert delivery.nodes["ground_elevation_m"].eq(8.5).all()
    assert delivery.segments["installed_on"].isna().all()


def test_the_height_of_the_pipe_in_a_row_of_a_combined_table_is_its_own(tmp_path: Path) -> None:
    rows = [["点号", "连接点号", "X", "Y", "地面高程", "管内底高程"]]
    rows += [[f"P{n}", f"P{n + 1}", y, x, 12.5, 11.2 + n / 100] for n, (x, y) in enumerate(_PLACES[:-1])]
    rows += [["P11", None, *_PLACES[-1][::-1], 12.5, None]]
    delivery = trial(proposed([workbook(tmp_path / "污水.xlsx", {"成果": rows})], "EPSG:4547"))
    np.testing.assert_allclose(delivery.segments["from_elevation_m"], [11.2 + n / 100 for n in range(11)])


def test_one_kilovolt_among_lines_of_unknown_kinds_does_not_make_them_all_of_power(tmp_path: Path) -> None:
    points = [["点号", "X", "Y"], *([f"P{n}", y, x] for n, (x, y) in enumerate(_PLACES))]
    lines = [["起点点号", "终点点号", "电压(kV)"], *([f"P{n}", f"P{n + 1}", [10, None, 0.4][n % 3]] for n in range(11))]
    found = proposed([workbook(tmp_path / "a.xlsx", {"点": points, "线": lines})], "EPSG:4547")
    assert found.class_told is None


def test_a_sheet_of_the_field_has_its_places_from_what_the_receiver_wrote(tmp_path: Path) -> None:
    sheet = ["点号,连接点号,附属物名称,管径(mm),材质,埋深(cm)"]
    sheet += [
        f"J{n},{'、'.join(f'J{m}' for m in (n - 1, n + 1) if 0 <= m < 12)},阀门井,200,球墨铸铁,{94 + n}"
        for n in range(12)
    ]
    survey = [f"J{n},,{x:.3f},{y:.3f},12.3{n}" for n, (x, y) in enumerate(_PLACES)]
    files = [_written(tmp_path / "明显点调查表.csv", sheet), _written(tmp_path / "测量.dat", survey)]

    delivery = trial(proposed(files, "EPSG:4547"))

    nodes = delivery.nodes.set_index("source_key")
    assert shapely.get_coordinates(nodes["geom"]["J3"]).tolist() == [list(_PLACES[3])]
    assert (len(nodes), nodes["ground_elevation_m"]["J3"], nodes["appurtenance_code"]["J3"]) == (
        12,
        12.33,
        "valve_well",
    )
    lines = delivery.segments.set_index("source_key")
    assert (len(lines), lines["material_code"]["J3->J4"], lines["width_mm"]["J3->J4"]) == (11, "ductile_iron", 200)
    np.testing.assert_allclose(lines.loc["J5->J6", ["from_depth_m", "to_depth_m"]].astype(float), [0.99, 1.0])
    assert [(count.rows, count.loaded) for count in delivery.counts] == [(12, 12), (12, 12)]


def _written(path: Path, lines: Sequence[str]) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
