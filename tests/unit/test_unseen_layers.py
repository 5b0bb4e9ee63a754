"""Layers and drawings of other countries, imported by what a dry run proposes, held against what they were made of."""

import json
import zipfile
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import ezdxf
import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely
from ezdxf.enums import TextEntityAlignment
from pyproj import Transformer

from importers.archive import unpacked
from importers.cad.label_words import Vocabulary
from importers.delivery import read_delivery
from importers.places.georeference import parse_crs
from importers.places.place_readings import Home
from importers.profile_files import load_profile
from importers.proposing.dry_run import dry_run
from schemas.delivery import Delivery

_PLACES = [(512100.0 + 30 * n, 2611900.0 + 2 * n) for n in range(9)]


def test_a_number_that_stands_for_none_is_none_in_whatever_unit_depths_are(tmp_path: Path) -> None:
    depths = [1400, -9999, 1350, 0, 1300, -999, 1250, 1200]

    delivery = _imported([_layer(tmp_path / "gas_pipe.gpkg", {"depth_mm": depths})], "EPSG:4547")

    read = delivery.segments["from_depth_m"].astype(float)
    np.testing.assert_allclose(read, [1.4, np.nan, 1.35, np.nan, 1.3, np.nan, 1.25, 1.2], rtol=1e-6)


def test_a_layer_in_feet_has_its_sizes_in_inches_and_its_heights_in_feet(tmp_path: Path) -> None:
    places = [(6_300_000.0 + 100 * n, 1_850_000.0) for n in range(9)]
    levels = {"UPELEV": [100.0 - n for n in range(8)], "DOWNELEV": [99.0 - n for n in range(8)]}
    file = _layer(tmp_path / "ssGravityMain.shp", {"DIAMETER": [8, 12, 15, 8, 8, 12, 15, 8], **levels}, places, 2230)

    delivery = _imported([file], "EPSG:32611")

    first = delivery.segments.iloc[0]
    assert (first["class_code"], first["width_mm"]) == ("foul", pytest.approx(203.2))
    z_m = shapely.get_coordinates(first["geom"], include_z=True)[:, 2]
    np.testing.assert_allclose(z_m, np.array([100.0, 99.0]) * 1200 / 3937 + 0.1016, atol=1e-6)


@pytest.mark.parametrize(("west", "metres"), [(-81.0, 0.3048), (-6.0, 1.0)])
def test_a_layer_in_degrees_has_heights_in_feet_where_surveyors_count_in_them_and_sizes_are_inches(
    tmp_path: Path, west: float, metres: float
) -> None:
    places = [(west + 0.001 * n, 35.2) for n in range(9)]
    mains = {"DIAMETER": [8, 12, 15, 8, 8, 12, 15, 8], "UPELEV": [690.0] * 8, "DOWNELEV": [689.0] * 8}
    wells = gpd.GeoDataFrame(
        {"FACILITYID": [f"M{n}" for n in range(9)], "RIMELEV": 700.0, "MHTYPE": "Standard"},
        geometry=gpd.points_from_xy(*zip(*places, strict=True)), crs=4326,
    )  # fmt: skip
    files = [_layer(tmp_path / "Sewer_Mains.geojson", mains, places, 4326), tmp_path / "Sewer_Manholes.geojson"]
    pyogrio.write_dataframe(wells, files[1])

    delivery = _imported(files, "EPSG:32617" if west < -80 else "EPSG:32630")

    first = delivery.segments.iloc[0]
    assert (first["width_mm"], first["from_elevation_m"]) == pytest.approx((203.2, 690.0 * metres), rel=1e-5)
    np.testing.assert_allclose(delivery.nodes["ground_elevation_m"].astype(float), 700 * metres, rtol=1e-5)
    assert set(delivery.nodes["appurtenance_code"]) == {"manhole"}, "a type in words that nobody knows says nothing"


def test_names_that_a_dbase_table_cuts_off_are_whole_words_and_heights_number_no_points(tmp_path: Path) -> None:
    levels = [18.123 - 0.111 * n for n in range(9)]
    ends = {"UPSTREAM_I": levels[:-1], "DOWNSTREAM": levels[1:]}
    file = _layer(tmp_path / "Foul_Gravity_Mains.shp", {**ends, "PIPE_MATER": ["uPVC"] * 8, "LIFE_STATU": ["Live"] * 8})

    delivery = _imported([file], "EPSG:4547")

    assert len(delivery.segments) == 8 and delivery.nodes["source_key"].str.startswith("@").all()
    assert set(delivery.segments["material_code"]) == {"pvc"}
    assert set(delivery.segments["lifecycle_code"]) == {"in_service"}


def test_sizes_that_are_usual_in_inches_alone_are_inches_also_by_the_known_names(tmp_path: Path) -> None:
    file = _layer(tmp_path / "water_main.gpkg", {"DIAMETER": [6, 8, 12, 6, 8, 12, 6, 8]})
    delivery = read_delivery([file], srid=4547)
    assert delivery.segments["width_mm"].iloc[:3].tolist() == pytest.approx([152.4, 203.2, 304.8])
    assert "IMP-UNIT" in {finding.rule for finding in delivery.findings}


def test_what_software_adds_to_a_layer_numbers_no_ends_and_is_no_height(tmp_path: Path) -> None:
    degrees = [(114.0 + 0.0003 * n, 23.6) for n in range(9)]
    ground = [24.1 + 0.1 * n for n in range(9)]
    own = {"SmID": range(1, 10), "SmX": [x for x, _ in degrees], "SmY": [y for _, y in degrees], "地面高程": ground}
    points = gpd.GeoDataFrame(own, geometry=gpd.points_from_xy(*zip(*degrees, strict=True)), crs=4490)
    pyogrio.write_dataframe(points, tmp_path / "给水管点.gpkg")
    lines = _layer(tmp_path / "给水管线.gpkg", {"SmID": range(8, 0, -1), "管径": [300] * 8}, degrees, 4490)

    delivery = _imported([lines, tmp_path / "给水管点.gpkg"], "EPSG:4547")

    assert len(delivery.segments) == 8 and len(delivery.nodes) == 9
    assert delivery.nodes["well_depth_m"].isna().all()
    place_of = dict(zip(delivery.nodes["source_key"], delivery.nodes["geom"], strict=True))
    for pipe in delivery.segments.to_dict("records"):
        assert shapely.distance(place_of[pipe["from_key"]], shapely.Point(pipe["geom"].coords[0])) < 0.01


def test_sizes_below_a_few_millimetres_are_metres(tmp_path: Path) -> None:
    file = _layer(tmp_path / "storm_sewer.gpkg", {"diameter": [0.3, 0.45, 0.6, 0.3, 0.3, 0.45, 1.2, 0.3]})
    assert _imported([file], "EPSG:4547").segments["width_mm"].tolist() == [300, 450, 600, 300, 300, 450, 1200, 300]


def test_widths_and_heights_below_a_few_millimetres_are_metres(tmp_path: Path) -> None:
    sizes = {"breite": [0.3, 0.6, 1.0, 0.3, 0.3, 2.0, 0.6, 0.3], "hoehe": [0.3, 0.9, 1.0, 0.3, 0.3, 1.5, 0.9, 0.3]}
    segments = _imported([_layer(tmp_path / "regenwasser_haltungen.gpkg", sizes)], "EPSG:4547").segments
    assert segments["width_mm"].tolist() == [300, 600, 1000, 300, 300, 2000, 600, 300]
    assert segments["height_mm"].tolist() == [300, 900, 1000, 300, 300, 1500, 900, 300]


def test_a_drawing_in_a_system_of_feet_has_its_heights_in_feet_and_its_places_where_they_are(tmp_path: Path) -> None:
    places = [(6_300_000.0 + 100 * n, 1_850_000.0) for n in range(9)]
    drawing = ezdxf.new("R2018")
    drawing.units = ezdxf.units.FT
    drawing.blocks.new("SSMH").add_attdef("RIM", (1, 1))
    for place in places:
        insert = drawing.modelspace().add_blockref("SSMH", place, dxfattribs={"layer": "C-SSWR-STRC"})
        insert.add_auto_attribs({"RIM": "100.00"})
    for ends in pairwise(places):
        drawing.modelspace().add_line(*ends, dxfattribs={"layer": "C-SSWR-PIPE"})
    # As far away as a text may stand: five feet, which are no five metres.
    label = drawing.modelspace().add_text('8" PVC', dxfattribs={"layer": "C-SSWR-TEXT", "height": 1.0})
    label.set_placement((6_300_050.0, 1_850_005.0), align=TextEntityAlignment.BOTTOM_CENTER)
    drawing.saveas(tmp_path / "plan.dxf")

    delivery = _imported([tmp_path / "plan.dxf"], "EPSG:32611", "EPSG:2230")

    np.testing.assert_allclose(delivery.nodes["ground_elevation_m"].astype(float), 100 * 1200 / 3937)
    assert delivery.segments["width_mm"].iloc[0] == pytest.approx(203.2)
    first = Transformer.from_crs(2230, 32611, always_xy=True).transform(*places[0])
    assert shapely.distance(shapely.Point(first), shapely.Point(delivery.segments["geom"].iloc[0].coords[0])) < 0.001


def test_a_layer_without_a_system_is_in_feet_where_the_user_names_one_that_is(tmp_path: Path) -> None:
    places = [(6_300_000.0 + 100 * n, 1_850_000.0, 100.0) for n in range(9)]
    file = _layer(tmp_path / "water_main.shp", {"DIAMETER": [6, 8, 12, 6, 8, 12, 6, 8]}, places, 2230)
    file.with_suffix(".prj").unlink()

    for delivery in (
        _imported([file], "EPSG:32611", "EPSG:2230"),
        read_delivery([file], srid=32611, source_crs="EPSG:2230"),
    ):
        z_m = shapely.get_coordinates(delivery.segments["geom"].iloc[0], include_z=True)[:, 2]
        np.testing.assert_allclose(z_m, 100 * 1200 / 3937)
        assert delivery.segments["width_mm"].iloc[:3].tolist() == pytest.approx([152.4, 203.2, 304.8])


def test_heights_that_are_drawn_in_a_system_of_feet_are_feet(tmp_path: Path) -> None:
    places = [(6_300_000.0 + 100 * n, 1_850_000.0, 100.0) for n in range(9)]

    delivery = _imported([_layer(tmp_path / "water.shp", {"ID": range(8)}, places, 2230)], "EPSG:32611")

    z_m = shapely.get_coordinates(delivery.segments["geom"].iloc[0], include_z=True)[:, 2]
    np.testing.assert_allclose(z_m, [120_000 / 3937] * 2)
    assert "IMP-UNITS" in {finding.rule for finding in delivery.findings}


def test_points_that_lines_name_are_known_by_that_whatever_their_column_is_called(tmp_path: Path) -> None:
    file, names = tmp_path / "kanal.gpkg", [f"S{n}" for n in range(9)]
    kinds = ["Schmutzwasserkanal", "Mischwasserkanal"] * 4
    _layer(file, {"Kanalart": kinds, "Schacht_ob": names[:-1], "Schacht_un": names[1:]})
    points = {"Bezeichnung": names, "Deckelhoehe": [20.5] * 9}
    gpd.GeoDataFrame(points, geometry=[shapely.Point(p) for p in _PLACES], crs=4547).to_file(file, layer="Schacht")

    delivery = _imported([file], "EPSG:4547")

    assert sorted(delivery.nodes["source_key"]) == names
    assert delivery.segments["class_code"].tolist() == ["foul", "combined"] * 4
    assert delivery.nodes["ground_elevation_m"].eq(20.5).all()


def test_attributes_within_attributes_and_lines_beside_points_of_one_layer_are_proposed(
    tmp_path: Path,
) -> None:
    points = [_feature("Point", p, network="heating", elev={"ground": 20.5}) for p in _PLACES]
    pipe = {"dn": 200, "material": "steel"}
    lines = [_feature("LineString", ends, network="heating", pipe=pipe) for ends in pairwise(_PLACES)]
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::4547"}}
    file = tmp_path / "net.geojson"
    file.write_text(json.dumps({"type": "FeatureCollection", "crs": crs, "features": points + lines}))

    delivery = _imported([file], "EPSG:4547")

    assert (len(delivery.nodes), len(delivery.segments)) == (9, 8)
    assert delivery.nodes["ground_elevation_m"].eq(20.5).all()
    assert delivery.segments["width_mm"].eq(200).all() and delivery.segments["material_code"].eq("steel").all()


@pytest.mark.parametrize(
    ("layer", "columns", "code"),
    [
        ("GX_RQ_L", {"管径": [200] * 8}, "gas"),
        ("HV Cables Underground", {"conductor": ["Copper"] * 8}, "power"),
        ("综合管线_YS_LINE", {"管径": [200] * 8}, "storm"),
        ("strengen", {"stelsel": ["Vuilwater"] * 8, "diameter": [250] * 8}, "foul"),
        ("下水道管渠", {"排除区分": ["分流雨水"] * 8, "管径": [250] * 8}, "storm"),
        ("condotte_fognatura", {"tipo_acque": ["nere"] * 8, "diametro": [300] * 8}, "foul"),
        ("ledning", {"vandtype": ["Spildevand"] * 8, "dimension": [200] * 8}, "foul"),
        ("przewody", {"rodzaj_przewodu": ["wodociagowy"] * 8, "srednica": [110] * 8}, "water"),
    ],
)
def test_names_and_words_of_many_countries_tell_the_class(
    tmp_path: Path, layer: str, columns: dict[str, object], code: str
) -> None:
    segments = _imported([_layer(tmp_path / f"{layer}.gpkg", columns)], "EPSG:4547").segments
    assert segments["class_code"].eq(code).all()


def test_a_layer_beyond_its_zone_of_utm_is_where_it_says(tmp_path: Path) -> None:
    copenhagen = [(724_000.0 + 30 * n, 6_175_000.0) for n in range(9)]
    file = _layer(tmp_path / "drikkevand.gpkg", {"dimension": [110] * 8}, copenhagen, 25832)
    assert _imported([file], "EPSG:25832").segments["geom"].iloc[0].coords[0] == copenhagen[0]


def test_the_folder_in_an_archive_tells_the_class_that_nothing_else_tells(tmp_path: Path) -> None:
    archive = tmp_path / "成果.zip"
    with zipfile.ZipFile(archive, "w") as made:
        for folder in ("给水", "gas mains"):
            for part in _layer(tmp_path / "管线.shp", {"管径": [200] * 8}).parent.glob("管线.*"):
                made.write(part, f"成果/{folder}/{part.name}")
    with unpacked([archive]) as files:
        delivery = _imported(files, "EPSG:4547")
    assert delivery.segments["class_code"].value_counts().to_dict() == {"water": 8, "gas": 8}


def test_a_map_of_no_system_is_read_in_the_one_its_places_fit(tmp_path: Path) -> None:
    head = 'Version 300\nCharset "WindowsSimpChinese"\nDelimiter ","\nCoordSys NonEarth Units "m" '
    head += "Bounds (0, 0) (10000000, 10000000)\nColumns 1\n 埋深 Float\nData\n\n"
    lines = (f"Line {a} {b} {c} {d}\n" for (a, b), (c, d) in pairwise(_PLACES))
    (tmp_path / "电力.mif").write_bytes((head + "".join(lines)).encode("gbk"))
    (tmp_path / "电力.mid").write_text("0.8\n" * 8)

    delivery = _imported([tmp_path / "电力.mif"], "EPSG:4547")

    np.testing.assert_allclose(delivery.segments["from_depth_m"], 0.8, rtol=1e-6)
    assert delivery.segments["class_code"].eq("power").all()


@pytest.mark.parametrize(
    ("layer", "code"),
    [
        ("給水管", "water"), ("FOGNATURA_NERA", "foul"), ("P_SEWER_FOUL", "foul"), ("RISER_SEWER", "combined"),
        ("газопровод", "gas"), ("recycled_water", "reclaimed"), ("KANAL-RW", "storm"), ("하수관", "combined"),
        ("ASSAINISSEMENT_EU", "foul"), ("W_管线", "foul"), ("SANEAMIENTO PLUVIALES", "storm"),
        ("VA-Spillvattenledning", "foul"),
    ],
)  # fmt: skip
def test_layers_of_a_drawing_are_of_the_class_they_are_named_for(tmp_path: Path, layer: str, code: str) -> None:
    drawing = ezdxf.new("R2010")
    for ends in pairwise(_PLACES):
        drawing.modelspace().add_line(*ends, dxfattribs={"layer": layer})
    drawing.saveas(tmp_path / "plan.dxf")
    assert _imported([tmp_path / "plan.dxf"], "EPSG:4547").segments["class_code"].eq(code).all()


def test_attributes_of_foreign_blocks_are_proposed_by_their_words(tmp_path: Path) -> None:
    drawing = ezdxf.new("R2018")
    block = drawing.blocks.new("MH_1200")
    block.add_attdef("MHNO", (1, 1)), block.add_attdef("COVER", (1, 2))
    for number, place in enumerate(_PLACES):
        insert = drawing.modelspace().add_blockref("MH_1200", place, dxfattribs={"layer": "FOUL_MH"})
        insert.add_auto_attribs({"MHNO": f"F{number}", "COVER": "24.500"})
    for ends in pairwise(_PLACES):
        drawing.modelspace().add_line(*ends, dxfattribs={"layer": "FOUL_PIPE"})
    drawing.saveas(tmp_path / "plan.dxf")

    delivery = _imported([tmp_path / "plan.dxf"], "EPSG:4547")

    assert sorted(delivery.nodes["source_key"]) == [f"F{number}" for number in range(9)]
    assert delivery.nodes["ground_elevation_m"].eq(24.5).all()


@pytest.mark.parametrize(
    ("text", "width_mm", "material"),
    [
        ('8" PVC', 203.2, "pvc"),
        ('18" RCP @ 0.50%', 457.2, "concrete"),
        ("d600 Ⅱ级钢筋砼管 i=0.002", 600.0, "concrete"),
    ],
)
def test_sizes_and_grades_beside_a_pipe_are_read(tmp_path: Path, text: str, width_mm: float, material: str) -> None:
    drawing = ezdxf.new("R2010")
    drawing.modelspace().add_line((512100, 2611900), (512140, 2611900), dxfattribs={"layer": "STORM"})
    label = drawing.modelspace().add_text(text, dxfattribs={"layer": "STORM-TEXT", "height": 1.0})
    label.set_placement((512120, 2611900.5), align=TextEntityAlignment.BOTTOM_CENTER)
    drawing.saveas(tmp_path / "plan.dxf")
    pipe = _imported([tmp_path / "plan.dxf"], "EPSG:4547").segments.iloc[0]
    assert (pipe["width_mm"], pipe["material_code"]) == (pytest.approx(width_mm), material)


def test_neither_the_water_in_a_tank_is_ground_nor_a_reducing_valve_a_material(tmp_path: Path) -> None:
    model = tmp_path / "town.inp"
    model.write_text(
        "[JUNCTIONS]\nJ1 20\nJ2 21\nJ3 22\n[TANKS]\nT1 60 3.5 0.5 5 12 0\n[PIPES]\nP1 T1 J1 100 300 110 0 Open\n"
        "P2 J1 J2 100 200 110 0 Open\n[VALVES]\nV1 J2 J3 200 PRV 30 0\n[OPTIONS]\nUnits LPS\n[COORDINATES]\n"
        "T1 512000 2611000\nJ1 512100 2611000\nJ2 512200 2611000\nJ3 512210 2611000\n[END]\n"
    )

    delivery = _imported([model], "EPSG:4547")

    ground_m = delivery.nodes.set_index("source_key")["ground_elevation_m"].astype(float)
    np.testing.assert_array_equal(ground_m[["J1", "J2", "J3", "T1"]], [20.0, 21.0, 22.0, np.nan])
    assert delivery.segments["material_code"].isna().all()


def test_sizes_of_models_are_taken_though_boxes_stand_among_the_circles(tmp_path: Path) -> None:
    forms = ['<CircPipe diameter="12" material="RCP"/>', '<RectPipe width="48" height="36" material="Concrete"/>'] * 2
    structs = "".join(
        f'<Struct name="{n}" elevRim="10"><Center>2611900 {512100 + 30 * n}</Center><CircStruct diameter="4"/></Struct>'
        for n in range(5)
    )
    pipes = "".join(f'<Pipe name="P{n}" refStart="{n}" refEnd="{n + 1}">{form}</Pipe>' for n, form in enumerate(forms))
    (tmp_path / "storm.xml").write_text(
        '<LandXML xmlns="http://www.landxml.org/schema/LandXML-1.2"><Units><Metric linearUnit="meter" '
        'diameterUnit="inch"/></Units><PipeNetworks><PipeNetwork name="a" pipeNetType="storm">'
        f"<Structs>{structs}</Structs><Pipes>{pipes}</Pipes></PipeNetwork></PipeNetworks></LandXML>"
    )

    segments = _imported([tmp_path / "storm.xml"], "EPSG:4547").segments

    assert segments["width_mm"].tolist() == [304.8, 1219.2, 304.8, 1219.2]


def test_a_sewer_that_does_not_say_of_what_is_told(tmp_path: Path) -> None:
    sewers = _imported([_layer(tmp_path / "SewerMain.gpkg", {"diameter": [200] * 8})], "EPSG:4547")
    combined = _imported([_layer(tmp_path / "CombinedSewerMain.gpkg", {"diameter": [200] * 8})], "EPSG:4547")

    told = [[f.severity for f in each.findings if f.rule == "IMP-TITLE"] for each in (sewers, combined)]

    assert told == [["warning"], ["info"]]


def test_points_of_sewers_are_of_what_flows_in_their_pipes_and_numbered_by_the_column_that_is_filled(
    tmp_path: Path,
) -> None:
    names = [f"P{n}" for n in range(9)]
    own = {"id": [None] * 9, "chamber_id": names, "stelsel": ["Riool"] * 9, "soort": ["Put"] * 9}
    points = gpd.GeoDataFrame(own, geometry=gpd.points_from_xy(*zip(*_PLACES, strict=True)), crs=4547)
    pyogrio.write_dataframe(points, tmp_path / "putten.gpkg")
    lines = _layer(tmp_path / "leidingen.gpkg", {"stelsel": ["Vuilwater"] * 4 + ["Hemelwater"] * 4})

    nodes = _imported([lines, tmp_path / "putten.gpkg"], "EPSG:4547").nodes.set_index("source_key")

    assert nodes["class_code"][names].tolist() == ["foul"] * 4 + ["storm"] * 5


def test_a_sewer_beside_storm_water_in_one_column_is_of_foul_water(tmp_path: Path) -> None:
    kinds = ["Sewer", "Stormwater", "Water", "Sewer"] * 2
    delivery = _imported([_layer(tmp_path / "utilities.gpkg", {"UTIL_TYPE": kinds})], "EPSG:4547")
    assert delivery.segments["class_code"].tolist() == ["foul", "storm", "water", "foul"] * 2


def test_ends_are_the_columns_whose_numbers_meet_where_lines_do(tmp_path: Path) -> None:
    """A network of SuperMap: a line's own number, SmID, is a number of some point as well."""
    kinds, numbers = {"SmID": [*range(1, 9)]}, {"SmFNode": [*range(1, 9)], "SmTNode": [*range(2, 10)]}
    lines = _layer(tmp_path / "network.gpkg", {**kinds, **numbers, "class": ["雨水"] * 8})
    nodes = gpd.GeoDataFrame({"SmID": [*range(1, 10)]}, geometry=[shapely.Point(p) for p in _PLACES], crs=4547)
    nodes.to_file(tmp_path / "nodes.gpkg")

    segments = _imported([lines, tmp_path / "nodes.gpkg"], "EPSG:4547").segments

    assert segments["from_key"].tolist() == [str(n) for n in range(1, 9)]
    assert segments["to_key"].tolist() == [str(n) for n in range(2, 10)]


def test_cover_in_inches_and_depth_to_the_top_are_depths_of_crowns(tmp_path: Path) -> None:
    inches = {"NOMDIAM": [8, 6, 4, 2, 8, 6, 4, 2], "COVER_IN": [36, 37, 38, 39, 40, 41, 42, 43]}
    gas = _imported([_layer(tmp_path / "gas_main.gpkg", inches)], "EPSG:4547").segments
    metres = {"DEPTH_TOP": [1.1, 1.2, 1.3, 1.4, 1.0, 0.9, 0.8, 1.5]}
    water = _imported([_layer(tmp_path / "water_main.gpkg", metres)], "EPSG:4547").segments

    assert gas["width_mm"].tolist()[:2] == pytest.approx([203.2, 152.4])
    assert gas["from_depth_m"].tolist()[:2] == pytest.approx([0.9144, 0.9398])
    assert water["to_depth_m"].tolist() == pytest.approx(metres["DEPTH_TOP"])
    assert {*gas["depth_datum_code"], *water["depth_datum_code"]} == {"crown"}


def test_codes_are_read_by_the_tables_that_list_them(tmp_path: Path) -> None:
    codes = {"material_id": [1, 2, 2, 0] * 2, "RedeID": [7, 8] * 4, "zone_id": [1] * 8, "situ_id": [1] * 7 + [2]}
    file = _layer(tmp_path / "rede.gpkg", codes)
    lists = {
        "dominios_situacao": {"situ_id": [1, 2], "nome": ["Em operação", "Abandonada"]},
        "dom_material": {"id": [1, 2, 3], "descricao": ["PVC", "Cerâmica", "Concreto"]},
        "lut_rede": {"ordem": [1, 2], "codigo": [7, 8], "nome": ["Esgoto sanitário", "Drenagem pluvial"]},
        # Of three zones none is said to be the first.
        "zone": {"id": [4, 5, 6], "name": ["Norte", "Sul", "Centro"]},
    }
    for name, columns in lists.items():
        pyogrio.write_dataframe(pd.DataFrame(columns), file, layer=name, append=True)

    delivery = _imported([file], "EPSG:4547")

    assert delivery.segments["material_code"].fillna("").tolist() == ["pvc", "ceramic", "ceramic", ""] * 2
    assert delivery.segments["class_code"].tolist() == ["foul", "storm"] * 4
    assert delivery.segments["lifecycle_code"].tolist() == ["in_service"] * 7 + ["abandoned"]
    assert {extra["zone_id"] for extra in delivery.segments["extra"]} == {1}


def test_the_finer_of_two_columns_of_classes_is_the_class(tmp_path: Path) -> None:
    kinds = {"大类": ["排水"] * 6 + ["给水"] * 2, "小类": ["污水", "雨水"] * 3 + ["给水"] * 2}
    segments = _imported([_layer(tmp_path / "管线.gpkg", kinds)], "EPSG:4547").segments
    assert segments["class_code"].tolist() == ["foul", "storm"] * 3 + ["water"] * 2


def test_element_codes_alone_tell_class_and_device(tmp_path: Path) -> None:
    """Codes of CJJ 61-2017, App. F: a valve and a tee of distribution mains, a storm grate, a foul bend."""
    points = gpd.GeoDataFrame(
        {"FCODE": ["51042204", "51042102", "52012204", "52022101"], "GXDDH": ["J1", "J2", "Y1", "W1"]},
        geometry=[shapely.Point(place) for place in _PLACES[:4]], crs=4547,
    )  # fmt: skip
    points.to_file(tmp_path / "GXPT.gpkg")
    ends = {"GXQDDH": ["J1"], "GXZDDH": ["J2"], "FCODE": ["51041000"]}
    lines = _layer(tmp_path / "GXLN.gpkg", ends, _PLACES[:2])

    nodes = _imported([lines, tmp_path / "GXPT.gpkg"], "EPSG:4547").nodes.set_index("source_key")

    assert nodes["class_code"].to_dict() == {"J1": "water", "J2": "water", "Y1": "storm", "W1": "foul"}
    assert nodes["appurtenance_code"].dropna().to_dict() == {"J1": "valve", "Y1": "storm_grate"}
    assert nodes["feature_code"].dropna().to_dict() == {"J2": "tee", "W1": "bend"}


def test_a_bottom_at_zero_is_none_and_no_well_as_deep_as_the_ground_is_high(tmp_path: Path) -> None:
    levels = {"COVER_LVL": [20.5, 20.4, 20.3, 20.2], "INVERT_LVL": [17.9, 0.0, 17.5, 17.3]}
    points = gpd.GeoDataFrame(
        {"NODE_REF": ["F1", "F2", "F3", "F4"], **levels},
        geometry=[shapely.Point(place) for place in _PLACES[:4]],
        crs=4547,
    )
    points.to_file(tmp_path / "foul_manholes.gpkg")
    wells = _imported([tmp_path / "foul_manholes.gpkg"], "EPSG:4547").nodes["well_depth_m"].astype(float)
    np.testing.assert_allclose(wells, [2.6, np.nan, 2.8, 2.9], rtol=1e-6)


def test_the_tier_of_pressure_is_read_though_a_letter_stands_in_it() -> None:
    label = Vocabulary(load_profile("drawing")).pipe_label("燃气 中压A PE De160")
    assert label is not None
    assert (label.section, label.material, label.others) == ("De160", "PE", (("pressure", "中压A"),))


def test_depths_of_nothing_but_nines_are_none(tmp_path: Path) -> None:
    depths = {"起点埋深": [1.2, 99.99, 1.4, 999.0, 9.99, 1.1, 1.3, 99.9]}
    read = _imported([_layer(tmp_path / "给水管线.gpkg", depths)], "EPSG:4547").segments["from_depth_m"].astype(float)
    np.testing.assert_allclose(read, [1.2, np.nan, 1.4, np.nan, 9.99, 1.1, 1.3, np.nan], rtol=1e-6)


def test_a_depth_of_minus_one_is_none_where_no_pipe_lies_above_the_ground(tmp_path: Path) -> None:
    depths = {
        "起点埋深": [1.2, -1.0, 1.4, -1.0, 1.3, 1.1, 1.3, 1.2],
        "终点埋深": [1.2, -1.0, -0.35, 1.0, 1.3, 1.1, 1.3, 1.2],
    }
    read = _imported([_layer(tmp_path / "给水管线.gpkg", depths)], "EPSG:4547").segments
    assert read["from_depth_m"].isna().tolist() == [False, True, False, True] + [False] * 4
    assert read["to_depth_m"].tolist()[1:3] == pytest.approx([-1.0, -0.35])


def test_one_column_of_devices_and_bends_is_both(tmp_path: Path) -> None:
    kinds = ["阀门", "弯头", "三通", "弯头", "消防栓", "变径", "弯头", "阀门", "弯头"]
    points = gpd.GeoDataFrame(
        {"点号": [f"J{n}" for n in range(9)], "点属性": kinds}, geometry=[*map(shapely.Point, _PLACES)]
    )
    points.set_crs(4547).to_file(tmp_path / "管点.gpkg")
    ends = {"起点": [f"J{n}" for n in range(8)], "终点": [f"J{n}" for n in range(1, 9)], "管径": ["DN200"] * 8}
    nodes = _imported([tmp_path / "管点.gpkg", _layer(tmp_path / "给水管线.gpkg", ends)], "EPSG:4547").nodes
    told = nodes.set_index("source_key")[["appurtenance_code", "feature_code"]]
    assert told.loc[["J0", "J4"], "appurtenance_code"].tolist() == ["valve", "hydrant"]
    assert told.loc[["J1", "J2", "J5"], "feature_code"].tolist() == ["bend", "tee", "reducer"]


def test_points_among_lines_of_one_layer_are_points_though_it_has_columns_of_ends(tmp_path: Path) -> None:
    ends = {
        "编号": [f"L{n}" for n in range(8)],
        "起点号": list("ABCDEFGH"),
        "终点号": list("BCDEFGHI"),
        "管径": ["DN200"] * 8,
    }
    lines = gpd.GeoDataFrame(ends, geometry=[shapely.LineString(each) for each in pairwise(_PLACES)], crs=4547)
    points = gpd.GeoDataFrame(
        {"编号": list("ABCDEFGHI"), "地面标高": [24.0 + n for n in range(9)]},
        geometry=[*map(shapely.Point, _PLACES)],
        crs=4547,
    )
    pd.concat([points, lines]).to_file(tmp_path / "给水.gpkg")
    delivery = _imported([tmp_path / "给水.gpkg"], "EPSG:4547")
    assert delivery.nodes.set_index("source_key").loc[["A", "I"], "ground_elevation_m"].tolist() == [24.0, 32.0]
    assert (len(delivery.nodes), len(delivery.segments)) == (9, 8)


def test_a_code_of_the_line_is_its_class_where_it_says_one(tmp_path: Path) -> None:
    words = _layer(tmp_path / "a.gpkg", {"管线代码": ["排水-雨水", "给水-配水"] * 4})
    numbers = _layer(tmp_path / "燃气.gpkg", {"管线代码": [f"L{n:03}" for n in range(8)]})
    assert _imported([words], "EPSG:4547").segments["class_code"].tolist() == ["storm", "water"] * 4
    assert set(_imported([numbers], "EPSG:4547").segments["class_code"]) == {"gas"}


def test_one_day_of_all_pipes_is_that_of_their_survey(tmp_path: Path) -> None:
    days = {"SURV_DATE": ["2024-03-14"] * 8, "DAT": ["2024-03-14"] * 8, "size_mm": [200] * 8}
    segments = _imported([_layer(tmp_path / "water_main.gpkg", days)], "EPSG:4547").segments
    assert segments["installed_on"].isna().all()


def test_letters_tell_what_flows_in_sewers_that_their_layer_does_not_tell(tmp_path: Path) -> None:
    columns = {"PURPOSE": list("FSCFSCFS"), "size_mm": [200] * 8}
    british = _imported([_layer(tmp_path / "sewer_pipe.gpkg", columns)], "EPSG:4547")
    unsaid = _imported([_layer(tmp_path / "sewer_main.gpkg", {**columns, "PURPOSE": list("SCSCSCSC")})], "EPSG:4547")

    assert british.segments["class_code"].tolist() == ["foul", "storm", "combined"] * 2 + ["foul", "storm"]
    assert set(unsaid.segments["class_code"]) == {"combined"}
    assert "warning" in {finding.severity for finding in unsaid.findings if finding.rule == "IMP-TITLE"}


def test_words_are_known_however_their_parts_hang_together(tmp_path: Path) -> None:
    words = ["Asbestos-Cement", "Ductile_Iron", "Kunststoff.Polyethylen", "ductile iron"]
    words += ["Concrete, Precast", "Hormigon", "zeliwo", "Ductile Iron, Class 52"]
    delivery = _imported([_layer(tmp_path / "water_main.gpkg", {"material": words, "dn": [100] * 8})], "EPSG:4547")
    assert delivery.segments["material_code"].tolist() == [
        "asbestos", "ductile_iron", "pe", "ductile_iron", "concrete", "concrete", "cast_iron", "ductile_iron",
    ]  # fmt: skip


def test_depths_with_their_unit_in_the_cell(tmp_path: Path) -> None:
    file = _layer(tmp_path / "water_main.gpkg", {"cover": ["4.5 ft", "5 ft"] * 4, "dn": [100] * 8})
    read = _imported([file], "EPSG:4547").segments["from_depth_m"].astype(float)
    np.testing.assert_allclose(read, [1.3716, 1.524] * 4, atol=1e-6)


def test_what_a_placemark_describes_is_its_attributes(tmp_path: Path) -> None:
    to_degrees = Transformer.from_crs(4547, 4326, always_xy=True).transform
    table = "<![CDATA[<table><tr><td>Diameter (mm)</td><td>{}</td></tr><tr><td>Material</td><td>PE</td></tr></table>]]>"
    lines = "Diameter (mm): {}&lt;br&gt;Material: PE"
    marks = [
        f"<Placemark><description>{text.format(90 + 20 * n)}</description><LineString><coordinates>"
        + " ".join("{:.9f},{:.9f}".format(*to_degrees(*place)) for place in ends)
        + "</coordinates></LineString></Placemark>"
        for n, (ends, text) in enumerate(zip(pairwise(_PLACES), [table, lines] * 4, strict=True))
    ]
    (tmp_path / "survey.kml").write_text(
        '<kml xmlns="http://www.opengis.net/kml/2.2"><Document><Folder><name>Water mains</name>'
        f"{''.join(marks)}</Folder></Document></kml>"
    )

    segments = _imported([tmp_path / "survey.kml"], "EPSG:4547").segments

    assert segments["width_mm"].tolist() == [90 + 20 * n for n in range(8)]
    assert set(segments["material_code"]) == {"pe"}


def test_the_model_of_a_transfer_tells_the_class_of_its_pipes(tmp_path: Path) -> None:
    model = "SIA405_WASSER_2015_LV95"
    pipes = "".join(
        f'<{model}.SIA405_Wasser.Leitung TID="l{n}"><Nennweite>150</Nennweite><Material>Guss.duktil</Material>'
        f"<Geometrie><POLYLINE><COORD><C1>{2600000 + 30 * n}</C1><C2>1200000</C2></COORD>"
        f"<COORD><C1>{2600030 + 30 * n}</C1>"
        f"<C2>1200000</C2></COORD></POLYLINE></Geometrie></{model}.SIA405_Wasser.Leitung>"
        for n in range(4)
    )
    (tmp_path / "w.xtf").write_text(
        '<TRANSFER xmlns="http://www.interlis.ch/INTERLIS2.3"><HEADERSECTION SENDER="x" VERSION="2.3"><MODELS>'
        f'<MODEL NAME="{model}" VERSION="1" URI="u"/></MODELS></HEADERSECTION><DATASECTION><{model}.SIA405_Wasser '
        f'BID="b">{pipes}</{model}.SIA405_Wasser></DATASECTION></TRANSFER>'
    )

    segments = _imported([tmp_path / "w.xtf"], "EPSG:2056").segments

    assert set(segments["class_code"]) == {"water"}
    assert set(segments["material_code"]) == {"ductile_iron"}


def test_a_text_of_several_lines_at_the_end_of_a_leader_is_about_what_its_arrow_points_at(tmp_path: Path) -> None:
    drawing = ezdxf.new("R2010")
    space = drawing.modelspace()
    for ends, size in zip(pairwise(_PLACES), [300, 450, 600, 300, 450, 600, 300, 450], strict=True):
        x, y = (ends[0][0] + ends[1][0]) / 2, (ends[0][1] + ends[1][1]) / 2
        space.add_line(*ends, dxfattribs={"layer": "STORM DRAIN"})
        space.add_leader([(x, y), (x + 4, y + 5), (x + 5, y + 5)], dxfattribs={"layer": "NOTES"})
        space.add_mtext(
            rf"{{\fArial|b1;{size} mm RCP}}\PCLASS III\PL = 30.1 m",
            dxfattribs={"layer": "NOTES", "char_height": 0.8, "insert": (x + 5.2, y + 5.5), "attachment_point": 1},
        )
    drawing.saveas(tmp_path / "m.dxf")

    segments = _imported([tmp_path / "m.dxf"], "EPSG:4547").segments

    assert segments["width_mm"].tolist() == [300, 450, 600, 300, 450, 600, 300, 450]
    assert set(segments["material_code"]) == {"concrete"}


@pytest.mark.parametrize(
    ("text", "depths"),
    [
        ("DN300 铸铁 1.20", "1.20/1.20"),
        ("DN300 8.40m", None),
        ("38.2 m DN 300 Stz", None),
        ("DN300 22.45/22.30", None),
        ("DN300 埋深8.5m", "8.5/8.5"),
    ],
)
def test_lengths_and_levels_beside_a_size_are_no_depths(text: str, depths: str | None) -> None:
    label = Vocabulary(load_profile("drawing")).pipe_label(text)
    assert label is not None
    assert label.depths == depths


def _imported(files: Sequence[Path], crs: str, named: str | None = None) -> Delivery:
    """What the proposed profile makes of files; `named` is the system that the user names for them."""
    found = dry_run(files, Home(parse_crs(crs)), source_crs=named, on_progress=lambda *_: None)
    assert found.fault is None, found.fault
    assert found.trial is not None
    return found.trial


def _layer(file: Path, columns: dict[str, object], places: Sequence[object] = _PLACES, epsg: int = 4547) -> Path:
    lines = [shapely.LineString(ends) for ends in pairwise(places)]
    gpd.GeoDataFrame(columns, geometry=lines, crs=epsg).to_file(file)
    return file


def _feature(kind: str, coordinates: object, **properties: object) -> dict[str, object]:
    return {"type": "Feature", "properties": properties, "geometry": {"type": kind, "coordinates": coordinates}}
