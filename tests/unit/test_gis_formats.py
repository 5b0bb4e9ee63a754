"""Every GIS format gives the rows that the file has, whatever was lost or odd on its way from the survey firm."""

import json
import sqlite3
import struct
import subprocess
import warnings
from contextlib import closing
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely

from importers.base import DERIVED, RecordTable
from importers.delivery import read_delivery
from importers.gis import GisReader
from pipemap.errors import CrsError, SourceError

NAMES = ["铸铁", "PE管", None, "钢筋混凝土"]
LINES = [
    shapely.LineString([(500000, 2490000), (500010, 2490000)]),
    shapely.LineString([(500010, 2490000), (500020, 2490010)]),
    shapely.LineString([(500020, 2490010), (500030, 2490010)]),
    shapely.MultiLineString([[(500030, 2490010), (500040, 2490000)], [(500050, 2490000), (500060, 2490000)]]),
]


def pipes(crs: str = "EPSG:4547", **columns: Any) -> gpd.GeoDataFrame:
    frame = gpd.GeoDataFrame({"material": NAMES, "code": ["007", "010", "011", "012"], **columns}, geometry=LINES)
    return frame.set_crs("EPSG:4547").to_crs(crs)


def write(path: Path, frame: gpd.GeoDataFrame, **options: Any) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pyogrio.write_dataframe(frame, path, **options)
    return path


def read(path: Path, **options: Any) -> list[RecordTable]:
    reader = GisReader()
    assert reader.accepts(path)
    return list(reader.read([path], options))


def one(path: Path, **options: Any) -> RecordTable:
    [table] = read(path, **options)
    return table


def notes(tables: list[RecordTable]) -> list[tuple[str, int | None]]:
    return [(note.rule, note.row) for table in tables for note in table.findings]


def refusal(path: Path) -> str:
    with pytest.raises(SourceError) as raised:
        read(path)
    assert raised.value.message.startswith(path.name)
    assert "/" not in raised.value.message
    assert raised.value.details["message_zh"]
    return raised.value.message


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.fgb", {"driver": "FlatGeobuf", "geometry_type": "Unknown", "SPATIAL_INDEX": "NO"}),
        ("a.tab", {"driver": "MapInfo File", "encoding": "UTF-8"}),
        ("a.mif", {"driver": "MapInfo File", "encoding": "UTF-8"}),
        ("a.gml", {"driver": "GML", "FORMAT": "GML2"}),
        ("a.gml", {"driver": "GML", "FORMAT": "GML3"}),
        ("a.gml", {"driver": "GML", "FORMAT": "GML3.2"}),
        ("a.xml", {"driver": "GML"}),
    ],
)
def test_every_format_gives_the_same_rows(tmp_path: Path, name: str, options: dict[str, str]) -> None:
    path = write(tmp_path / name, pipes(), **options)
    before = {entry: entry.stat().st_mtime_ns for entry in tmp_path.iterdir()}
    tables = read(path, chunk_rows=3)
    rows = pd.concat([table.rows for table in tables])
    geometry = np.concatenate([table.geometry for table in tables if table.geometry is not None])
    assert {(table.file, table.sheet) for table in tables} == {(name, "a")}
    assert [len(table.rows) for table in tables] == [3, 1]
    assert rows.index.tolist() == [1, 2, 3, 4]
    assert [cell or None for cell in rows["material"]] == NAMES
    assert rows["code"].tolist() == ["007", "010", "011", "012"]
    # MapInfo's own format keeps whole centimetres here.
    assert np.allclose(shapely.length(geometry), shapely.length(LINES), atol=0.03)
    assert geometry[3].geom_type == "MultiLineString"
    assert {entry: entry.stat().st_mtime_ns for entry in tmp_path.iterdir()} == before


def test_kml_folders_are_layers_in_degrees(tmp_path: Path) -> None:
    path = write(tmp_path / "a.kml", pipes("EPSG:4326"), driver="LIBKML", layer="管线")
    table = one(path)
    assert table.sheet == "管线"
    assert table.crs is not None
    assert table.crs.is_geographic
    assert table.rows["material"].tolist() == NAMES


def test_kml_is_read_up_to_a_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.kml", pipes("EPSG:4326"), driver="LIBKML")
    monkeypatch.setattr("importers.layers.markup.MAX_KML_BYTES", 1000)
    assert "deliver a GeoPackage" in refusal(path)


@pytest.mark.parametrize("name", ["a.geojsonl", "a.ndjson", "a.geojson"])
@pytest.mark.parametrize("separator", ["", "\x1e"])
def test_a_bad_line_of_newline_delimited_geojson_costs_that_line(tmp_path: Path, name: str, separator: str) -> None:
    lines = [
        json.dumps({"type": "Feature", "properties": {"k": k}, "geometry": {"type": "Point", "coordinates": [k, 22]}})
        for k in range(110, 115)
    ]
    lines[2] = lines[2][:-9]
    (tmp_path / name).write_text("".join(f"{separator}{line}\n" for line in lines))
    tables = read(tmp_path / name)
    assert [cell for table in tables for cell in table.rows.get("k", [])] == [110, 111, 113, 114]
    assert sum(table.refused_rows for table in tables) == 1
    assert notes(tables) == [("IMP-RECORD", 3)]


def test_gml_in_the_order_of_its_crs_comes_out_east_then_north(tmp_path: Path) -> None:
    member = """<gml:featureMember><Pipe gml:id="p{0}"><dn>{1}</dn><axis><gml:LineString srsDimension="3">
        <gml:posList>158794.4 21617.0 1.5 158794.5 21643.1 1.25</gml:posList></gml:LineString></axis></Pipe>
        </gml:featureMember>"""
    (tmp_path / "a.gml").write_text(
        '<gml:FeatureCollection xmlns:gml="http://www.opengis.net/gml"><gml:boundedBy><gml:Envelope '
        'srsName="http://www.opengis.net/def/crs/EPSG/0/10169" srsDimension="3"><gml:lowerCorner>158794 21617 0'
        "</gml:lowerCorner><gml:upperCorner>158795 21644 2</gml:upperCorner></gml:Envelope></gml:boundedBy>"
        + member.format(1, "0080")
        + member.format(2, "0100")
        + "</gml:FeatureCollection>"
    )
    table = one(tmp_path / "a.gml")
    assert table.crs is not None
    assert table.crs.to_epsg() == 6676
    assert table.rows["dn"].tolist() == ["0080", "0100"]
    assert shapely.get_coordinates(table.geometry[0], include_z=True).tolist() == [
        [21617.0, 158794.4, 1.5],
        [21643.1, 158794.5, 1.25],
    ]


def test_city_gml_objects_of_several_levels_of_detail_keep_their_geometry(tmp_path: Path) -> None:
    face = (
        "<gml:surfaceMember><gml:Polygon><gml:exterior><gml:LinearRing><gml:posList>{0}</gml:posList></gml:LinearRing>"
    )
    face += "</gml:exterior></gml:Polygon></gml:surfaceMember>"
    faces = [face.format(ring) for ring in ("5 2 0 5 3 0 6 3 0 5 2 0", "5 2 0 5 3 0 6 3 1.5 5 2 0")]
    (tmp_path / "a.gml").write_text(
        '<core:CityModel xmlns:core="http://www.opengis.net/citygml/2.0" xmlns:gml="http://www.opengis.net/gml" '
        'xmlns:u="http://u"><gml:boundedBy><gml:Envelope srsName="http://www.opengis.net/def/crs/EPSG/0/10169" '
        'srsDimension="3"><gml:lowerCorner>1 1 0</gml:lowerCorner><gml:upperCorner>9 9 2</gml:upperCorner>'
        "</gml:Envelope></gml:boundedBy><core:cityObjectMember><u:Manhole gml:id='m1'><u:a><u:lod0><gml:Point><gml:pos>"
        "7 4 0</gml:pos></gml:Point></u:lod0></u:a></u:Manhole></core:cityObjectMember><core:cityObjectMember>"
        "<u:Manhole gml:id='m2'><u:lod2><gml:Solid><gml:exterior><gml:CompositeSurface>"
        + "".join(faces)
        + "</gml:CompositeSurface></gml:exterior></gml:Solid></u:lod2></u:Manhole></core:cityObjectMember>"
        "</core:CityModel>"
    )
    points, bodies = read(tmp_path / "a.gml")
    assert points.rows["gml_id"].tolist() == ["m1"]
    assert (points.geometry[0].x, points.geometry[0].y) == (4, 7)
    assert bodies.rows["gml_id"].tolist() == ["m2"]
    assert bodies.geometry[0].bounds == (2, 5, 3, 6)


def test_gml_in_gbk(tmp_path: Path) -> None:
    path = write(tmp_path / "a.gml", pipes(), driver="GML")
    text = path.read_text("utf-8").replace('encoding="utf-8"', 'encoding="GB2312"')
    assert "GB2312" in text
    path.write_bytes(text.encode("gbk"))
    assert [cell or None for cell in one(path).rows["material"]] == NAMES


@pytest.mark.parametrize("name", ["a.gml", "a.kml"])
@pytest.mark.parametrize("kept", [0.3, 0.8, 0.99])
def test_cut_off_xml_is_refused_by_its_line(tmp_path: Path, name: str, kept: float) -> None:
    path = write(tmp_path / name, pipes("EPSG:4326"), driver="GML" if name == "a.gml" else "LIBKML")
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * kept)])
    assert "not well-formed XML at line" in refusal(path)


MIF = """Version 300
Charset "{0}"
Delimiter ","
CoordSys Earth Projection 8, 104, "m", 114, 0, 1, 500000, 0
Columns 2
  材质 Char(20)
  管径 Integer
Data

Line 500000 2490000 500010 2490000
NONE
Point 500000 2490000
"""


@pytest.mark.parametrize("charset", ["WindowsSimpChinese", "Neutral"])
def test_mapinfo_from_a_chinese_windows(tmp_path: Path, charset: str) -> None:
    (tmp_path / "管线.MIF").write_bytes(MIF.format(charset).encode("gbk"))
    (tmp_path / "管线.mid").write_bytes('"铸铁",200\n"聚乙烯",300\n"砼",400\n'.encode("gbk"))
    tables = read(tmp_path / "管线.MIF")
    rows = pd.concat([table.rows for table in tables]).sort_index()
    assert rows["材质"].tolist() == ["铸铁", "聚乙烯", "砼"]
    assert rows["管径"].tolist() == [200, 300, 400]
    assert [table.rows.index.tolist() for table in tables] == [[2, 3], [1]]
    assert notes(tables) == [("IMP-ENCODING", None)] * (charset == "Neutral")


def test_a_quotation_mark_that_joins_two_rows_of_a_mid_is_not_passed_over(tmp_path: Path) -> None:
    (tmp_path / "a.mif").write_text(MIF.format("UTF-8"))
    (tmp_path / "a.mid").write_text('"a",200\n"b,300\n"c",400\n')
    assert "quotation mark is missing in a.mid, whose 3 lines make 2 rows for 3 objects" in refusal(tmp_path / "a.mif")


def test_a_quotation_mark_that_hides_rows_beyond_the_objects_of_a_mif_is_not_passed_over(tmp_path: Path) -> None:
    (tmp_path / "a.mif").write_text(MIF.format("UTF-8"))
    (tmp_path / "a.mid").write_text('"a",200\n"b\n300\n"c",400\n"d",500\n"e",600\n')
    assert "6 lines make 2 rows for 3 objects" in refusal(tmp_path / "a.mif")


def test_a_collection_of_a_mif_is_one_object(tmp_path: Path) -> None:
    parts = "Collection 2\nPline 2\n500000 2490000\n500010 2490000\nMultipoint 1\n500000 2490000\n"
    (tmp_path / "a.mif").write_text(MIF.format("UTF-8").replace("NONE\n", parts))
    (tmp_path / "a.mid").write_text('"a",200\n"b",300\n"c",400\n')
    tables = read(tmp_path / "a.mif")
    assert {number for table in tables for number in table.rows.index} == {1, 2, 3}
    assert sum(table.refused_rows for table in tables) == 0


def test_mif_that_breaks_off_is_not_taken_for_whole(tmp_path: Path) -> None:
    (tmp_path / "a.mif").write_text(MIF.format("UTF-8"))
    (tmp_path / "a.mid").write_text('"a",200\n"b",300\n"c",400\n"d",500\n')
    assert "declares 4 features, only 3" in refusal(tmp_path / "a.mif")


def test_a_mapinfo_table_that_points_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "a.tab").write_text('!table\n!version 300\n\nDefinition Table\n  Type SEAMLESS\n  File "b.tab"\n')
    assert "deliver those tables" in refusal(tmp_path / "a.tab")
    (tmp_path / "b.tab").write_text("!table\n!version 300\n\nDefinition Table\n  Type NATIVE\n  Fields 1\n")
    assert "comes without its data" in refusal(tmp_path / "b.tab")


@pytest.mark.parametrize(
    "names",
    [("B.SHP", "B.SHX", "B.DBF", "B.PRJ"), ("b.shp", "B.SHX", "b.Dbf", "B.prj"), ("B.shp", "b.shx", "B.DBF", "b.PRJ")],
)
def test_shapefile_parts_in_any_case(tmp_path: Path, names: tuple[str, ...]) -> None:
    (tmp_path / "made").mkdir()
    made = write(tmp_path / "made" / "b.shp", pipes())
    for suffix, name in zip((".shp", ".shx", ".dbf", ".prj"), names, strict=True):
        made.with_suffix(suffix).rename(tmp_path / name)
    table = one(tmp_path / names[0])
    assert (table.file, table.sheet) == (names[0], names[0][0])
    assert table.rows["code"].tolist() == ["007", "010", "011", "012"]
    assert table.crs is not None
    assert table.crs.to_epsg() == 4547


@pytest.mark.parametrize("encoding", ["gbk", "utf-8"])
def test_a_coordinate_system_named_in_chinese(tmp_path: Path, encoding: str) -> None:
    path = write(tmp_path / "a.shp", pipes())
    prj = path.with_suffix(".prj")
    text = prj.read_text().replace("CGCS2000_3_Degree_GK_CM_114E", "国家2000坐标系_3度带_114")
    assert "国家" in text
    prj.write_bytes(text.encode(encoding))
    table = one(path)
    assert table.crs is not None
    assert "国家2000" in table.crs.name
    assert table.crs.coordinate_operation.params[0].value == 0


def test_a_coordinate_system_of_no_known_projection_is_refused_by_name(tmp_path: Path) -> None:
    path = write(tmp_path / "a.shp", pipes())
    prj = path.with_suffix(".prj")
    prj.write_text(prj.read_text().replace('PROJECTION["Gauss_Kruger"]', 'PROJECTION["CGCS2000"]'))
    with pytest.raises(CrsError) as refused:
        read_delivery([path], srid=4547)
    assert "a.shp" in str(refused.value)
    assert "--crs" in str(refused.value)


def test_deleted_records_are_not_rows(tmp_path: Path) -> None:
    path = write(tmp_path / "a.shp", pipes())
    content = bytearray(path.with_suffix(".dbf").read_bytes())
    header_bytes, record_bytes = struct.unpack("<HH", content[8:12])
    content[header_bytes + record_bytes] = ord("*")
    path.with_suffix(".dbf").write_bytes(content)
    table = one(path)
    assert table.rows["code"].tolist() == ["007", "011", "012"]
    assert notes([table]) == [("IMP-DELETED", None)]


@pytest.mark.parametrize(("n_records", "read_codes"), [(3, ["007", "010", "011"]), (5, ["007", "010", "011", "012"])])
def test_shapes_and_table_of_different_length(tmp_path: Path, n_records: int, read_codes: list[str]) -> None:
    path = write(tmp_path / "a.shp", pipes())
    content = bytearray(path.with_suffix(".dbf").read_bytes())
    header_bytes, record_bytes = struct.unpack("<HH", content[8:12])
    content[4:8] = struct.pack("<I", n_records)
    content[header_bytes + 4 * record_bytes :] = content[header_bytes : header_bytes + record_bytes]
    path.with_suffix(".dbf").write_bytes(content[: header_bytes + n_records * record_bytes])
    tables = read(path)
    assert [cell for table in tables for cell in table.rows["code"]] == read_codes
    assert sum(table.refused_rows for table in tables) == 1
    assert notes(tables) == [("IMP-PART", None)]


@pytest.mark.parametrize("encoding", ["UTF-8", "GBK"])
def test_column_names_cut_off_within_a_character(tmp_path: Path, encoding: str) -> None:
    path = write(tmp_path / "a.shp", pipes(起点地面高程=[1.0, 2.0, 3.0, 4.0], 井A底深度m=[5.0] * 4), encoding=encoding)
    names = list(one(path).rows.columns)
    assert [name for name in names if "起点地面高程".startswith(name)]
    assert [name for name in names if "井A底深度m".startswith(name)]


@pytest.mark.parametrize("text", ["Große Straße", "Bäckerstraße", "Rue de l'Évêché"])
def test_european_text_without_a_code_page_is_not_taken_for_chinese(tmp_path: Path, text: str) -> None:
    path = write(tmp_path / "a.shp", pipes(street=[text] * 4, material=["x"] * 4), encoding="ISO-8859-1")
    path.with_suffix(".cpg").unlink()
    assert set(one(path).rows["street"]) == {text}


def test_a_table_without_shapes(tmp_path: Path) -> None:
    write(tmp_path / "a.shp", pipes(), encoding="GBK")
    for suffix in (".shp", ".shx", ".prj"):
        (tmp_path / "a.shp").with_suffix(suffix).unlink()
    table = one(tmp_path / "a.dbf")
    assert table.geometry is None
    assert table.rows["material"].tolist() == NAMES


SHAPES = [
    "CIRCULARSTRING (500000 0, 500005 5, 500010 0)",
    "LINESTRING (500000 0, 500001 1)",
    "COMPOUNDCURVE ((500000 0, 500005 0), CIRCULARSTRING (500005 0, 500007 2, 500009 0))",
]


def test_arcs_become_chords(tmp_path: Path) -> None:
    path = geopackage_of_wkt(tmp_path, SHAPES)
    for chunk_rows in (1, 2, 10):
        tables = read(path, chunk_rows=chunk_rows)
        geometry = np.concatenate([table.geometry for table in tables if table.geometry is not None])
        assert set(shapely.get_type_id(geometry)) == {shapely.GeometryType.LINESTRING}
        # Half circles of radius 5 and 2, the latter behind 5 m of straight pipe.
        assert np.allclose(shapely.length(geometry), [5 * np.pi, np.sqrt(2), 5 + 2 * np.pi], rtol=1e-3)
        assert not notes(tables)


def test_the_faces_of_bodies_are_areas(tmp_path: Path) -> None:
    faces = "((0 0 0, 0 1 0, 1 1 0, 0 0 0)), ((0 0 0, 0 0 1, 0 1 1, 0 0 0))"
    path = geopackage_of_wkt(tmp_path, [f"POLYHEDRALSURFACE Z ({faces})", f"TIN Z ({faces})"])
    table = one(path)
    assert [shape.geom_type for shape in table.geometry] == ["MultiPolygon"] * 2
    assert [len(shape.geoms) for shape in table.geometry] == [2, 2]
    assert not table.findings


def geopackage_of_wkt(folder: Path, texts: list[str]) -> Path:
    """A GeoPackage with shapes that Python's libraries do not write."""
    (folder / "a.csv").write_text("WKT,k\n" + "".join(f'"{text}",{k}\n' for k, text in enumerate(texts)))
    command = ["ogr2ogr", "-f", "GPKG", "a.gpkg", "a.csv", "-a_srs", "EPSG:4547", "-nlt", "GEOMETRY"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return folder / "a.gpkg"


def test_points_lines_and_areas_of_one_layer_come_apart_with_their_own_rows(tmp_path: Path) -> None:
    shapes = [
        shapely.Point(1, 2),
        shapely.LineString([(0, 0), (1, 1)]),
        None,
        shapely.Point(3, 4),
        shapely.box(0, 0, 1, 1),
        shapely.GeometryCollection([shapely.Point(5, 6), shapely.LineString([(5, 6), (7, 8)])]),
    ]
    path = write(tmp_path / "a.gpkg", gpd.GeoDataFrame({"k": range(6)}, geometry=shapes, crs="EPSG:4547"))
    tables = read(path)
    assert [table.rows.index.tolist() for table in tables] == [[1, 3, 4, 6], [2, 6], [5]]
    assert [table.rows["k"].tolist() for table in tables] == [[0, 2, 3, 5], [1, 5], [4]]
    derived = [flag for table in tables for flag in table.rows[DERIVED]]
    assert derived == [False, False, False, False, False, True, False]
    assert tables[0].geometry is not None
    assert tables[0].geometry[1] is None


def test_places_that_are_no_numbers_are_told(tmp_path: Path) -> None:
    with np.errstate(invalid="ignore"):
        shapes = [shapely.LineString([(0, y), (1, 1)]) for y in (0, np.nan, np.inf)]
    path = write(tmp_path / "a.gpkg", gpd.GeoDataFrame({"k": range(3)}, geometry=shapes, crs="EPSG:4547"))
    table = one(path)
    assert [shape is None for shape in table.geometry] == [False, True, True]
    assert notes([table]) == [("IMP-GEOMETRY", 2), ("IMP-GEOMETRY", 3)]


@pytest.mark.parametrize("shape", ["POINT M", "POINT ZM", "LINESTRING M", "LINESTRING ZM"])
def test_measures_go_and_heights_stay(tmp_path: Path, shape: str) -> None:
    n_values = 2 + shape.count("Z") + shape.count("M")
    places = ", ".join(
        " ".join(str(float(k + n)) for n in range(n_values)) for k in range(1 if "POINT" in shape else 2)
    )
    table = one(geopackage_of_wkt(tmp_path, [f"{shape} ({places})"]))
    assert shapely.has_z(table.geometry[0]) == ("Z" in shape)
    assert not shapely.has_m(table.geometry[0])


@pytest.fixture
def with_codes(tmp_path: Path) -> Path:
    """A GeoPackage whose columns have domains: numbers for materials, letters for burial."""
    frame = pipes(CZ=[1.0, 2.0, None, 9.0], FSFS=["ZM", "GG", "XX", None])
    path = write(tmp_path / "a.gpkg", frame, layer="管线", geometry_type="Unknown")
    codes = [("材质", "1", "铸铁"), ("材质", "2", "PE"), ("埋设", "ZM", "直埋"), ("埋设", "GG", "管沟")]
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(
            """CREATE TABLE gpkg_data_columns (table_name TEXT, column_name TEXT, name TEXT, title TEXT,
            description TEXT, mime_type TEXT, constraint_name TEXT);
            CREATE TABLE gpkg_data_column_constraints (constraint_name TEXT, constraint_type TEXT, value TEXT,
            min NUMERIC, min_is_inclusive BOOLEAN, max NUMERIC, max_is_inclusive BOOLEAN, description TEXT);
            CREATE TABLE IF NOT EXISTS gpkg_extensions (table_name TEXT, column_name TEXT, extension_name TEXT,
            definition TEXT, scope TEXT);"""
        )
        for table in ("gpkg_data_columns", "gpkg_data_column_constraints"):
            row = (table, None, "gpkg_schema", "http://www.geopackage.org/spec/#extension_schema", "read-write")
            connection.execute("INSERT INTO gpkg_extensions VALUES (?, ?, ?, ?, ?)", row)
        for column, domain in (("CZ", "材质"), ("FSFS", "埋设")):
            row = ("管线", column, None, None, None, None, domain)
            connection.execute("INSERT INTO gpkg_data_columns VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        connection.executemany(
            "INSERT INTO gpkg_data_column_constraints VALUES (?, 'enum', ?, NULL, NULL, NULL, NULL, ?)", codes
        )
    return path


@pytest.mark.parametrize("name", ["a.gpkg", "a.gdb"])
def test_codes_are_read_by_the_names_that_the_file_gives_them(with_codes: Path, name: str) -> None:
    if name == "a.gdb":
        command = ["ogr2ogr", "-f", "OpenFileGDB", "a.gdb", "a.gpkg", "-nlt", "MULTILINESTRING"]
        subprocess.run(command, cwd=with_codes.parent, check=True, capture_output=True)
    table = one(with_codes.parent / name)
    assert table.rows["CZ"].tolist() == ["铸铁", "PE", None, 9.0]
    assert table.rows["FSFS"].tolist() == ["直埋", "管沟", "XX", None]
    assert notes([table]) == [("IMP-CODES", None)]


@pytest.mark.parametrize(
    ("renamed", "n_lost"),
    [({}, 0), ({"geometry": "geom"}, 0), ({"type": "tpye"}, 1), ({"type": "t", "geometry": "g"}, 1)],
)
def test_a_geojson_member_that_gdal_passes_over_is_counted_whatever_it_lacks(
    tmp_path: Path, renamed: dict[str, str], n_lost: int
) -> None:
    whole = {"type": "Feature", "properties": {"k": 1}, "geometry": {"type": "Point", "coordinates": [114, 22]}}
    # Attributes that are called like what makes a feature are none.
    other = {**whole, "properties": {"type": "Feature", "geometry": "line"}}
    broken = {renamed.get(name, name): value for name, value in whole.items()}
    document = {"type": "FeatureCollection", "features": [whole, other, broken]}
    (tmp_path / "a.geojson").write_text(json.dumps(document))
    tables = read(tmp_path / "a.geojson")
    assert sum(table.refused_rows for table in tables) == n_lost
    assert sum(len(table.rows) for table in tables) == 3 - n_lost
    assert notes(tables) == [("IMP-RECORD", None)] * n_lost
