"""Layouts of countries and of open maps, imported by what a dry run proposes."""

import json
from pathlib import Path

import geopandas as gpd
import pytest
import shapely

from importers.delivery import read_delivery
from importers.places.georeference import parse_crs
from importers.places.place_readings import Home
from importers.proposing.dry_run import dry_run
from pipemap.errors import SourceError
from schemas.delivery import Delivery


def _imported(file: Path, srid: int) -> Delivery:
    found = dry_run([file], Home(parse_crs(f"EPSG:{srid}")), on_progress=lambda *_: None)
    assert found.trial is not None, found.fault
    return found.trial


def test_a_french_register_is_read_by_the_words_of_its_codes(tmp_path: Path) -> None:
    file = tmp_path / "reseaux.gpkg"
    sewer, main = (shapely.LineString([(845_000, y), (845_040, y)]) for y in (6_520_000, 6_520_020))
    shared = {"enservice": "O", "anfinpose": "1999", "mouvrage": "Ville"}
    sewers = {"idcana": "A1", "materiau": "13", "diametre": 200, "typreseau": "02", "zamont": 201.5, "zaval": 201.2}
    mains = {"idcana": "B1", "materiau": "11", "diametre": 100, "profgen": 1.2}
    gpd.GeoDataFrame([sewers | shared], geometry=[sewer], crs=2154).to_file(file, layer="raepa_canalass_l")
    gpd.GeoDataFrame([mains | shared], geometry=[main], crs=2154).to_file(file, layer="raepa_canalaep_l")
    valve = gpd.GeoDataFrame({"idappareil": ["V1"], "fnappaep": ["03"]}, geometry=[shapely.Point(main.coords[0])])
    valve.set_crs(2154).to_file(file, layer="raepa_apparaep_p")
    inlet = gpd.GeoDataFrame({"idouvrage": ["R1"], "fnouvass": ["07"]}, geometry=[shapely.Point(sewer.coords[0])])
    inlet.set_crs(2154).to_file(file, layer="raepa_ouvrass_p")

    for delivery in (_imported(file, 2154), read_delivery([file], srid=2154)):
        lines = delivery.segments.set_index("class_code")
        assert lines["material_code"].to_dict() == {"foul": "ceramic", "water": "ductile_iron"}
        assert lines.loc["foul", ["from_elevation_m", "to_elevation_m"]].tolist() == [201.5, 201.2]
        assert lines.loc["water", "from_depth_m"] == pytest.approx(1.2)
        assert set(lines["lifecycle_code"]) == {"in_service"}
        assert set(delivery.nodes["appurtenance_code"].dropna()) == {"valve", "storm_grate"}


_LER = """<gml:FeatureCollection xmlns:gml="http://www.opengis.net/gml/3.2"
 xmlns:ler="http://data.gov.dk/schemas/LER/2/gml"><gml:featureMember><ler:Gasledning gml:id="g1">
<ler:lerid>g1</ler:lerid>
<ler:driftsstatus>permanent ude af drift</ler:driftsstatus><ler:vejledendeDybde uom="m">0.9</ler:vejledendeDybde>
<ler:udvendigDiameter uom="mm">63</ler:udvendigDiameter><ler:geometri><gml:LineString
 srsName="urn:ogc:def:crs:EPSG::25832" srsDimension="3"><gml:posList>725000 6175000 -99 725033 6175000 -99</gml:posList>
</gml:LineString></ler:geometri></ler:Gasledning></gml:featureMember><gml:featureMember><ler:Ledningstrace gml:id="t1">
<ler:lerid>t1</ler:lerid><ler:driftsstatus>i drift</ler:driftsstatus><ler:forsyningsart>el</ler:forsyningsart>
<ler:geometri><gml:LineString srsName="urn:ogc:def:crs:EPSG::25832" srsDimension="2"><gml:posList>725000 6175010 725033
 6175010</gml:posList></gml:LineString></ler:geometri></ler:Ledningstrace></gml:featureMember></gml:FeatureCollection>"""


def test_a_danish_pipe_of_unknown_height_has_its_guiding_depth_alone(tmp_path: Path) -> None:
    file = tmp_path / "pakke.gml"
    file.write_text(_LER, encoding="utf-8")
    line, trace = _imported(file, 25832).segments.to_dict("records")
    assert trace["class_code"] == "power"
    assert not line["geom"].has_z
    assert line["from_depth_m"] == pytest.approx(0.9)
    assert (line["class_code"], line["lifecycle_code"], line["width_mm"]) == ("gas", "abandoned", 63)


def test_an_extract_of_the_open_map_is_its_pipes_and_cables_alone(tmp_path: Path) -> None:
    tags = [
        {"man_made": "pipeline", "substance": "hot_water", "diameter": "DN 250"},
        {"power": "cable", "voltage": "400"},
        {"power": "cable", "voltage": "110000"},
        {"disused:man_made": "pipeline", "substance": "gas"},
        {"highway": "residential"},
    ]
    lines = [shapely.LineString([(11.57, 48.13 + n / 1000), (11.58, 48.13 + n / 1000)]) for n in range(len(tags))]
    members = [
        {"type": "Feature", "properties": {"@id": f"way/{n}", **own}, "geometry": shapely.geometry.mapping(line)}
        for n, (own, line) in enumerate(zip(tags, lines, strict=True))
    ]
    file = tmp_path / "export.geojson"
    file.write_text(json.dumps({"type": "FeatureCollection", "features": members}), encoding="utf-8")
    delivery = _imported(file, 25832)
    assert sorted(delivery.segments["class_code"]) == ["gas", "heat", "power", "power"]
    assert sorted(delivery.segments["voltage_kv"].dropna()) == pytest.approx([0.4, 110])
    assert (delivery.segments["lifecycle_code"] == "abandoned").sum() == 1
    assert sum(count.skipped for count in delivery.counts) == 1


def test_tags_that_lie_packed_in_one_column_are_read_as_their_own(tmp_path: Path) -> None:
    tags = ['"substance"=>"water","diameter"=>"600"', '"power"=>"cable","voltage"=>"20000"', '"highway"=>"service"']
    lines = [shapely.LineString([(11.57, 48.13 + n / 1000), (11.58, 48.13 + n / 1000)]) for n in range(len(tags))]
    columns = {"osm_id": ["1", "2", "3"], "man_made": ["pipeline", None, None], "other_tags": tags}
    gpd.GeoDataFrame(columns, geometry=lines, crs=4326).to_file(tmp_path / "extract.gpkg", layer="lines")
    found = _imported(tmp_path / "extract.gpkg", 25832).segments.set_index("class_code")
    assert sorted(found.index) == ["power", "water"]
    assert (found.loc["water", "width_mm"], found.loc["power", "voltage_kv"]) == (600, 20)


def test_a_layer_whose_sizes_have_their_unit_beside_them_and_whose_depth_is_that_to_the_crown(tmp_path: Path) -> None:
    lines = [shapely.LineString([(530_000, 180_000 + n), (530_025, 180_000 + n)]) for n in range(4)]
    columns = {
        "pipediameter": [100, 150, 4, 6],
        "pipediameterunit": ["mm", "mm", "in", "in"],
        "depthtocrown": [0.9, 1.0, 1.1, 1.2],
    }
    gpd.GeoDataFrame(columns, geometry=lines, crs=27700).to_file(tmp_path / "a.gpkg", layer="WaterMain")
    found = _imported(tmp_path / "a.gpkg", 27700).segments
    assert found["width_mm"].tolist() == pytest.approx([100, 150, 101.6, 152.4])
    assert found["from_depth_m"].tolist() == found["to_depth_m"].tolist() == pytest.approx([0.9, 1.0, 1.1, 1.2])
    assert set(found["depth_datum_code"]) == {"crown"}


def test_letters_of_american_plans_are_believed_together(tmp_path: Path) -> None:
    letters = {"W": "water", "G": "gas", "SS": "foul", "SD": "storm", "E": "power", "FO": "telecom"}
    lines = [shapely.LineString([(500_000, 4_000_000 + n), (500_040, 4_000_000 + n)]) for n in range(len(letters))]
    gpd.GeoDataFrame({"UTIL_TYPE": list(letters)}, geometry=lines, crs=32611).to_file(tmp_path / "sue.shp")
    assert _imported(tmp_path / "sue.shp", 32611).segments["class_code"].tolist() == list(letters.values())


def test_voltages_beyond_any_line_are_volts(tmp_path: Path) -> None:
    lines = [shapely.LineString([(500_000, 4_000_000 + n), (500_040, 4_000_000 + n)]) for n in range(2)]
    gpd.GeoDataFrame({"voltage": [400, 22_000]}, geometry=lines, crs=32611).to_file(tmp_path / "power.shp")
    assert read_delivery([tmp_path / "power.shp"], srid=32611).segments["voltage_kv"].tolist() == [0.4, 22.0]


_JVF = """<JVFDTM xmlns="jvfdtm" xmlns:gml="http://www.opengis.net/gml/3.2" xmlns:atr="atributy" xmlns:cmn="common">
<VerzeJVFDTM>1.4.3</VerzeJVFDTM><Data><TrasaPlynovodniSite xmlns="trplsi"><ObjektovyTypNazev code_base="0100000072"
 code_suffix="01">Trasa plynovodní sítě</ObjektovyTypNazev><ZaznamyObjektu>{records}</ZaznamyObjektu>
</TrasaPlynovodniSite></Data></JVFDTM>"""
_RECORD = """<ZaznamObjektu><cmn:ZapisObjektu>{state}</cmn:ZapisObjektu><AtributyObjektu><atr:ID>{state}1</atr:ID>
<atr:UrovenUmisteniObjektuTI>-1</atr:UrovenUmisteniObjektuTI></AtributyObjektu><GeometrieObjektu><gml:curveProperty>
<gml:LineString gml:id="{state}" srsName="EPSG:5514" srsDimension="3"><gml:posList>-742000 -1043000 231.5
 -741970 -1043000 231.6</gml:posList></gml:LineString></gml:curveProperty></GeometrieObjektu></ZaznamObjektu>"""


def test_the_czech_technical_map_is_read_by_kinds_of_objects(tmp_path: Path) -> None:
    file = tmp_path / "dtm.xml"
    file.write_text(_JVF.format(records="".join(_RECORD.format(state=state) for state in "id")), encoding="utf-8")
    lines = _imported(file, 5514).segments
    assert set(lines["class_code"]) == {"gas"}
    assert sorted(lines["lifecycle_code"].fillna("")) == ["", "removed"]
    assert lines["geom"].iloc[0].coords[0] == (-742000, -1043000, 231.5)


_SOSI = """.HODE
..TEGNSETT {declared}
..TRANSPAR
...KOORDSYS 22
...ORIGO-NØ 6000000 500000
...ENHET 0.01
.KURVE 1: ! the main
..OBJTYPE VA_Vannledning
..DIMENSJON 160
..EIER "Høydal"
..NØ
64300000 9700000 ...KP 1
..NØH
64300500 9703000 10260
.FLATE 2:
..OBJTYPE Bygning
..REF :1 :5
:7 :9
.KURVE 3:
..OBJTYPE VA_Vannledning
..NØH
64300000 9700000 10250
64300500 9703000 10260
.SLUTT
"""


@pytest.mark.parametrize(("declared", "codec"), [("UTF-8", "utf-8"), ("ISO8859-10", "iso8859_10"), ("ANSI", "cp1252")])
def test_norwegian_mains_lie_where_their_unit_and_origin_put_them(tmp_path: Path, declared: str, codec: str) -> None:
    (tmp_path / "net.sos").write_bytes(_SOSI.format(declared=declared).encode(codec))
    first, second = _imported(tmp_path / "net.sos", 25832).segments.to_dict("records")
    assert [vertex[:2] for vertex in first["geom"].coords] == [(597_000, 6_643_000), (597_030, 6_643_005)]
    assert (first["class_code"], first["width_mm"], first["owner"]) == ("water", 160, "Høydal")
    assert [vertex[2] for vertex in second["geom"].coords] == [102.5, 102.6] and not first["geom"].has_z


@pytest.mark.parametrize(
    ("name", "word"), [("net.vfk", "GDAL"), ("net.qgz", "layers"), ("net.12da", "LandXML"), ("net.wat", "DXF")]
)
def test_a_file_of_a_known_kind_that_is_not_read_is_refused_with_the_way_on(
    tmp_path: Path, name: str, word: str
) -> None:
    (tmp_path / name).write_text("x")
    with pytest.raises(SourceError, match=word) as raised:
        read_delivery([tmp_path / name], srid=25832)
    assert name in raised.value.details["message_zh"]


def test_all_files_of_a_shapefile_can_be_named(tmp_path: Path) -> None:
    line = shapely.LineString([(500_000, 4_000_000), (500_040, 4_000_000)])
    gpd.GeoDataFrame({"DN": [200]}, geometry=[line], crs=32611).to_file(tmp_path / "water.shp")
    delivery = read_delivery(sorted(tmp_path.glob("water.*")), srid=32611)
    assert [file.name for file in delivery.files] == ["water.shp"]
