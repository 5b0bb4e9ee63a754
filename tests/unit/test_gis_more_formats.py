"""Layers of formats that no survey firm's GIS begins with, imported by what a dry run proposes."""

import json
import sqlite3
import subprocess
from collections.abc import Sequence
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import ezdxf
import geopandas as gpd
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely
from pyproj import Transformer

from importers.base import RecordTable
from importers.cad import dgn
from importers.dxf import DxfReader
from importers.gis import GisReader
from importers.places.georeference import parse_crs
from importers.places.place_readings import Home
from importers.proposing.dry_run import dry_run
from pipemap.errors import SourceError
from schemas.delivery import Delivery

_PLACES = [(512100.0 + 30 * n, 2611900.0 + 2 * n) for n in range(9)]
_LINES = [shapely.LineString(ends) for ends in pairwise(_PLACES)]
_SIZES_MM = [100, 150, 200, 100, 150, 200, 100, 150]


def _imported(files: Sequence[Path], crs: str = "EPSG:4547") -> Delivery:
    found = dry_run(files, Home(parse_crs(crs)), on_progress=lambda *_: None)
    assert found.fault is None, found.fault
    assert found.trial is not None
    return found.trial


def test_a_drawing_whose_eastings_begin_with_the_zone_is_read_in_it(tmp_path: Path) -> None:
    drawing = ezdxf.new("R2010")
    drawing.modelspace().add_line((38_512_100.0, 2_611_900.0), (38_512_130.0, 2_611_902.0), {"layer": "JS"})
    drawing.saveas(tmp_path / "a.dxf")
    [line] = _imported([tmp_path / "a.dxf"]).segments["geom"]
    wanted = [[512_100.0, 2_611_900.0], [512_130.0, 2_611_902.0]]
    assert shapely.get_coordinates(line) == pytest.approx(np.array(wanted), abs=1e-6)


def _mains() -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame({"diameter_mm": _SIZES_MM}, geometry=_LINES, crs="EPSG:4547")


def _read(path: Path) -> list[RecordTable]:
    reader = GisReader()
    assert reader.accepts(path)
    return list(reader.read([path], {}))


def _refusal(path: Path) -> str:
    with pytest.raises(SourceError) as raised:
        _read(path)
    assert raised.value.details["message_zh"]
    return raised.value.message


def _starts(delivery: Delivery) -> np.ndarray:
    return np.array([line.coords[0][:2] for line in delivery.segments["geom"]])


@pytest.mark.parametrize("epsg", [4547, 4326])
def test_geoparquet_is_read_in_the_system_it_names(tmp_path: Path, epsg: int) -> None:
    file = tmp_path / "water_main.parquet"
    _mains().to_crs(epsg).to_parquet(file, write_covering_bbox=True)

    delivery = _imported([file])

    assert delivery.segments["width_mm"].tolist() == _SIZES_MM
    assert set(delivery.segments["class_code"]) == {"water"}
    np.testing.assert_allclose(_starts(delivery), _PLACES[:-1], atol=0.01)


def test_geoparquet_comes_in_chunks_with_a_row_of_no_place(tmp_path: Path) -> None:
    file = tmp_path / "a.parquet"
    mains = _mains()
    mains.loc[3, "geometry"] = None
    mains.to_parquet(file)

    tables = list(GisReader().read([file], {"chunk_rows": 3}))

    assert [len(table.rows) for table in tables] == [3, 3, 2]
    assert [number for table in tables for number in table.rows.index] == list(range(1, 9))
    geometry = np.concatenate([table.geometry for table in tables if table.geometry is not None])
    assert np.flatnonzero(shapely.is_missing(geometry)).tolist() == [3]


def test_parquet_that_is_damaged_or_in_arrows_own_encoding_is_refused(tmp_path: Path) -> None:
    whole, cut, own = tmp_path / "a.parquet", tmp_path / "cut.parquet", tmp_path / "own.parquet"
    _mains().to_parquet(whole)
    cut.write_bytes(whole.read_bytes()[:-20])
    told = {"primary_column": "geometry", "columns": {"geometry": {"encoding": "linestring"}}}
    table = pa.table({"geometry": [[1.0, 2.0]]}).replace_schema_metadata({"geo": json.dumps(told)})
    pq.write_table(table, own)

    assert "is damaged" in _refusal(cut)
    assert "encoding WKB" in _refusal(own)


@pytest.mark.parametrize("suffix", [".sqlite", ".db"])
def test_spatialite_is_read_layer_by_layer(tmp_path: Path, suffix: str) -> None:
    file, made = tmp_path / f"net{suffix}", tmp_path / "net.gpkg"
    _mains().to_file(made, layer="gas_pipe")
    subprocess.run(
        ["ogr2ogr", "-q", "-f", "SQLite", "-dsco", "SPATIALITE=YES", file, made],
        check=True, stderr=subprocess.DEVNULL,
    )  # fmt: skip

    delivery = _imported([file])

    assert delivery.segments["width_mm"].tolist() == _SIZES_MM
    assert set(delivery.segments["class_code"]) == {"gas"}


def test_what_is_called_a_database_and_is_none(tmp_path: Path) -> None:
    (tmp_path / "Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0 no database")
    (tmp_path / "a.sqlite").write_bytes(b"no database")
    assert not GisReader().accepts(tmp_path / "Thumbs.db")
    assert "is not an SQLite database" in _refusal(tmp_path / "a.sqlite")


@pytest.mark.parametrize("name", ["mains.topojson", "mains.json"])
def test_topojson_lies_where_its_shared_arcs_say(tmp_path: Path, name: str) -> None:
    to_degrees = Transformer.from_crs(4547, 4326, always_xy=True).transform
    places = np.rint(np.array([to_degrees(*place) for place in _PLACES]) * 1e8).astype(int).tolist()
    arcs = [[start, [end[0] - start[0], end[1] - start[1]]] for start, end in pairwise(places)]
    mains = [
        {"type": "LineString", "arcs": [n], "properties": {"service": "sanitary sewer", "diameter_mm": size}}
        for n, size in enumerate(_SIZES_MM)
    ]
    topology = {
        "type": "Topology",
        "transform": {"scale": [1e-8, 1e-8], "translate": [0, 0]},
        "objects": {"mains": {"type": "GeometryCollection", "geometries": mains}},
        "arcs": arcs,
    }
    (tmp_path / name).write_text(json.dumps(topology))

    delivery = _imported([tmp_path / name])

    assert delivery.segments["width_mm"].tolist() == _SIZES_MM
    np.testing.assert_allclose(_starts(delivery), _PLACES[:-1], atol=0.01)


def test_an_answer_of_an_arcgis_server_is_read_and_tells_that_there_is_more(tmp_path: Path) -> None:
    pipes = [
        {"attributes": {"OBJECTID": n, "Diameter": 225, "InstallDate": 631152000000}, "geometry": {"paths": [ends]}}
        for n, ends in enumerate(pairwise([(512100 + 30 * n, 2611900) for n in range(4)]), 1)
    ]
    fields = [("OBJECTID", "OID"), ("Diameter", "Integer"), ("InstallDate", "Date")]
    answer = {
        "geometryType": "esriGeometryPolyline",
        "spatialReference": {"wkid": 4547},
        "fields": [{"name": name, "type": f"esriFieldType{kind}"} for name, kind in fields],
        "features": pipes,
        "exceededTransferLimit": True,
    }
    (tmp_path / "stormwater_pipes.json").write_text(json.dumps(answer))

    delivery = _imported([tmp_path / "stormwater_pipes.json"])

    assert delivery.segments["width_mm"].tolist() == [225] * 3
    assert delivery.segments["geom"].iloc[0].coords[0] == (512100, 2611900)
    assert {str(day) for day in delivery.segments["installed_on"]} == {"1990-01-01"}
    assert [found.severity for found in delivery.findings if found.rule == "IMP-PART"] == ["warning"]


@pytest.mark.parametrize("name", ["mains.topojson", "mains.parquet"])
def test_places_that_cannot_be_the_degrees_of_the_standard_are_of_no_known_system(tmp_path: Path, name: str) -> None:
    if name.endswith(".parquet"):
        _mains().set_crs("OGC:CRS84", allow_override=True).to_parquet(tmp_path / name)
    else:
        mains = [{"type": "LineString", "arcs": [n]} for n in range(len(_LINES))]
        objects = {"mains": {"type": "GeometryCollection", "geometries": mains}}
        arcs = list(pairwise(_PLACES))
        (tmp_path / name).write_text(json.dumps({"type": "Topology", "objects": objects, "arcs": arcs}))
    [table] = _read(tmp_path / name)
    assert table.crs is None
    assert len(table.rows) == len(_LINES)


def test_a_track_of_gpx_is_one_line_and_its_points_are_none(tmp_path: Path) -> None:
    to_degrees = Transformer.from_crs(4547, 4326, always_xy=True).transform
    degrees = [to_degrees(*place) for place in _PLACES]
    track = "".join(f'<trkpt lat="{lat:.9f}" lon="{lon:.9f}"/>' for lon, lat in degrees)
    text = (
        '<gpx version="1.1" creator="a" xmlns="http://www.topografix.com/GPX/1/1"><wpt lat="23.6" lon="114.1">'
        f"<name>V1</name></wpt><trk><name>water main</name><trkseg>{track}</trkseg></trk></gpx>"
    )
    (tmp_path / "walk.gpx").write_text(text)

    tables = _read(tmp_path / "walk.gpx")

    assert [(table.sheet, len(table.rows)) for table in tables if len(table.rows)] == [("waypoints", 1), ("tracks", 1)]


def test_points_and_lines_in_a_folder_of_kml_have_their_decimals_and_no_ends_by_time(tmp_path: Path) -> None:
    place = '<Placemark><ExtendedData><SchemaData schemaUrl="#t">{}</SchemaData></ExtendedData>{}</Placemark>'
    cell = '<SimpleData name="{}">{}</SimpleData>'
    field = '<SimpleField name="{}" type="string"/>'
    at = [(-46.63 + 0.0003 * n, -23.55) for n in range(5)]
    points = [
        place.format(cell.format("PROFUNDIDADE", f"1,{50 + n}"), f"<Point><coordinates>{x},{y}</coordinates></Point>")
        for n, (x, y) in enumerate(at)
    ]
    lines = [
        place.format(
            cell.format("PROF_MONTANTE", f"1,{50 + n}") + cell.format("PROF_JUSANTE", f"1,{51 + n}"),
            f"<LineString><coordinates>{a[0]},{a[1]} {b[0]},{b[1]}</coordinates></LineString>",
        )
        for n, (a, b) in enumerate(pairwise(at))
    ]
    fields = "".join(map(field.format, ("PROFUNDIDADE", "PROF_MONTANTE", "PROF_JUSANTE")))
    (tmp_path / "rede.kml").write_text(
        '<kml xmlns="http://www.opengis.net/kml/2.2"><Document><Schema name="t" id="t">'
        f"{fields}</Schema><Folder><name>Rede de Esgoto</name>{''.join(points + lines)}</Folder></Document></kml>"
    )

    delivery = _imported([tmp_path / "rede.kml"], "EPSG:31983")

    assert sorted(delivery.nodes["well_depth_m"]) == pytest.approx([1.5, 1.51, 1.52, 1.53, 1.54])
    assert delivery.segments["from_depth_m"].tolist() == pytest.approx([1.5, 1.51, 1.52, 1.53])
    assert delivery.segments["to_depth_m"].tolist() == pytest.approx([1.51, 1.52, 1.53, 1.54])


_MEMBER = "<gml:featureMember>{}</gml:featureMember>"
_GAS_PIPE = (
    '<imkl:OlieGasChemicalienPijpleiding gml:id="{0}"><net:inNetwork xlink:href="n1"/>{1}'
    '<us:currentStatus xlink:href="http://i.eu/ConditionOfFacilityValue/{2}"/>'
    '<us:pipeDiameter uom="urn:ogc:def:uom:OGC::{3}">{4}</us:pipeDiameter></imkl:OlieGasChemicalienPijpleiding>'
)
_LINK = (
    '<us:UtilityLink gml:id="{0}"><net:centrelineGeometry><gml:LineString gml:id="g{0}" srsName='
    '"urn:ogc:def:crs:EPSG::28992"><gml:posList>{1}</gml:posList></gml:LineString></net:centrelineGeometry>'
    "</us:UtilityLink>"
)
_NETWORK = (
    '<imkl:Utiliteitsnet gml:id="n1"><imkl:thema xlink:href="http://d.nl/Thema/gasLageDruk"/></imkl:Utiliteitsnet>'
)


def test_features_that_refer_to_their_course_and_network_have_both(tmp_path: Path) -> None:
    names = {"imkl": "http://www.geostandaarden.nl/imkl/wibon", "gml": "http://www.opengis.net/gml/3.2"}
    names |= {
        name: f"http://inspire.ec.europa.eu/schemas/{uri}/4.0" for name, uri in (("net", "net"), ("us", "us-net"))
    }
    declared = " ".join(f'xmlns:{name}="{uri}"' for name, uri in names.items())
    members = [
        _NETWORK,
        _GAS_PIPE.format("p1", '<net:link xlink:href="l1"/>', "disused", "cm", 11),
        _GAS_PIPE.format("p2", '<net:link xlink:href="l2"/><net:link xlink:href="#l3"/>', "functional", "mm", 63),
        _LINK.format("l1", "121100 487200 121130 487200"),
        _LINK.format("l2", "121130 487200 121160 487205"),
        _LINK.format("l3", "121160 487205 121190 487200"),
    ]
    body = "".join(map(_MEMBER.format, members))
    (tmp_path / "net.gml").write_text(
        f'<gml:FeatureCollection {declared} xmlns:xlink="http://www.w3.org/1999/xlink">{body}</gml:FeatureCollection>'
    )

    segments = _imported([tmp_path / "net.gml"], "EPSG:28992").segments

    # Links that meet are one line.
    assert segments["width_mm"].tolist() == [110, 63]
    assert set(segments["class_code"]) == {"gas"}
    assert segments["lifecycle_code"].tolist() == ["abandoned", "in_service"]
    assert [round(line.length, 1) for line in segments["geom"]] == [30.0, 60.8]


def test_pipes_that_lie_in_their_network_are_lines_of_its_class(tmp_path: Path) -> None:
    names = {"core": "http://www.opengis.net/citygml/2.0", "gml": "http://www.opengis.net/gml"}
    names["u"] = "http://www.citygml.org/ade/utility/0.9.2"
    declared = " ".join(f'xmlns:{name}="{uri}"' for name, uri in names.items())
    pipe = (
        '<u:RoundPipe gml:id="{0}"><u:lod1Geometry><gml:LineString><gml:posList>{1}</gml:posList></gml:LineString>'
        '</u:lod1Geometry><u:interiorDiameter uom="mm">{2}</u:interiorDiameter></u:RoundPipe>'
    )
    gas = pipe.format("p1", "391000 5820000 32.1 391030 5820000 32.0", 150)
    water = pipe.format("p2", "391000 5820009 31.1 391030 5820009 31.0", 200)
    network = '<u:Network gml:id="{}"><u:class>{}</u:class><u:component{}</u:Network>'
    members = [
        network.format("n1", "naturalGas", f">{gas}</u:component>"),
        network.format("n2", "freshWater", ' xlink:href="#p2"/>'),
        water,
    ]
    (tmp_path / "city.gml").write_text(
        f'<core:CityModel {declared} xmlns:xlink="http://www.w3.org/1999/xlink"><gml:boundedBy><gml:Envelope srsName='
        '"urn:ogc:def:crs,crs:EPSG::25833,crs:EPSG::5783" srsDimension="3"><gml:lowerCorner>391000 5820000 31'
        "</gml:lowerCorner><gml:upperCorner>391030 5820009 33</gml:upperCorner></gml:Envelope></gml:boundedBy>"
        + "".join(f"<core:cityObjectMember>{member}</core:cityObjectMember>" for member in members)
        + "</core:CityModel>"
    )

    segments = _imported([tmp_path / "city.gml"], "EPSG:25833").segments

    assert dict(zip(segments["class_code"], segments["inner_width_mm"], strict=True)) == {"gas": 150, "water": 200}
    assert {line.coords[1] for line in segments["geom"]} == {(391030, 5820000, 32.0), (391030, 5820009, 31.0)}


def test_a_view_of_a_layer_gives_its_lines_once(tmp_path: Path) -> None:
    file = tmp_path / "mains.gpkg"
    _mains().to_file(file, layer="mains")
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("CREATE VIEW v_mains AS SELECT fid AS OGC_FID, geom, diameter_mm FROM mains")
        connection.execute(
            "INSERT INTO gpkg_contents (table_name, data_type, identifier, srs_id)"
            " SELECT 'v_mains', data_type, 'v', srs_id FROM gpkg_contents WHERE table_name = 'mains'"
        )
        connection.execute(
            "INSERT INTO gpkg_geometry_columns SELECT 'v_mains', column_name, geometry_type_name, srs_id, z, m"
            " FROM gpkg_geometry_columns WHERE table_name = 'mains'"
        )

    tables = _read(file)

    assert [(table.sheet, len(table.rows)) for table in tables if len(table.rows)] == [("mains", 8)]
    assert [note.rule for table in tables for note in table.findings] == ["IMP-VIEW"]
    [named] = GisReader().read([file], {"layers": ["v_mains"]})
    assert len(named.rows) == 8


def test_a_design_file_comes_as_levels_with_their_texts(tmp_path: Path) -> None:
    texts = [shapely.Point(line.centroid.x, line.centroid.y + 0.3) for line in _LINES]
    frame = gpd.GeoDataFrame(
        {
            "Type": np.array([4] * 8 + [17] * 8, dtype=np.int32),
            "Level": np.array([11] * 8 + [21] * 8, dtype=np.int32),
            "Text": [None] * 8 + [f"DN{size}" for size in _SIZES_MM],
        },
        geometry=[*_LINES, *texts],
        crs=4547,
    )
    frame.to_file(tmp_path / "plan.gpkg")
    made = ["ogr2ogr", "-q", "-f", "DGN", tmp_path / "plan.dgn", tmp_path / "plan.gpkg"]
    subprocess.run(made, check=True, stderr=subprocess.DEVNULL)

    tables = list(DxfReader().read([tmp_path / "plan.dgn"], {}))

    [lines] = [table for table in tables if table.role == "segment"]
    assert lines.sheet == "Level 11"
    assert lines.rows["drawn_section"].tolist() == [f"DN{size}" for size in _SIZES_MM]
    assert "IMP-DGN" in {finding.rule for table in tables for finding in table.findings}


def test_a_design_file_of_the_newer_version_is_refused_with_the_way_on(tmp_path: Path) -> None:
    (tmp_path / "new.dgn").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600))
    with pytest.raises(SourceError, match="save it as DXF"), dgn.converted(tmp_path / "new.dgn"):
        pass
