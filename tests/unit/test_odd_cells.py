"""Whatever a file holds in a cell, dates, pictures, lists, comes out of the process that reads it as a plain value."""

import datetime
import decimal
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fiona
import numpy as np
import openpyxl
import pandas as pd
import pyarrow as pa
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from importers.base import RecordTable
from importers.delivery import reader_of
from importers.passing import packed, plain, read_confined, unpacked
from tests.unit.drawings import at, drawn
from tests.unit.ifc_models import sewer

DAY, MOMENT, HOUR = datetime.date(2024, 3, 1), datetime.datetime(2024, 3, 1, 13, 45), datetime.time(13, 45)
PLAIN = (str, int, float, bool, np.bool_, np.integer, type(None))
Maker = Callable[[Path], Path]


def workbook(folder: Path) -> Path:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["点号", "X", "Y", "日期", "时刻", "钟点", "时长", "真", "错", "公式"])
    sheet.append(["J1", 1.0, 2, DAY, MOMENT, HOUR, datetime.timedelta(hours=30), True, "#N/A", "=1/0"])
    sheet.append(["J2", 3.0, 4, None, None, None, None, None, None, None])
    book.save(folder / "a.xlsx")
    return folder / "a.xlsx"


def open_document(folder: Path) -> Path:
    kinds = {
        "string": "", "float": 'office:value="1"', "date": 'office:date-value="2024-03-01"',
        "time": 'office:time-value="PT13H45M00S"', "boolean": 'office:boolean-value="true"',
        "percentage": 'office:value="0.5"', "currency": 'office:value="3.5" office:currency="CNY"',
    }  # fmt: skip
    head = "".join(f'<c office:value-type="string"><text:p>{kind}</text:p></c>' for kind in kinds)
    body = "".join(f'<c office:value-type="{kind}" {said}><text:p>x</text:p></c>' for kind, said in kinds.items())
    rows = "".join(f"<table:table-row>{row}</table:table-row>" for row in (head, body)).replace(
        "<c ", "<table:table-cell "
    )
    space = "urn:oasis:names:tc:opendocument:xmlns:"
    content = (
        f'<office:document-content xmlns:office="{space}office:1.0" xmlns:table="{space}table:1.0" '
        f'xmlns:text="{space}text:1.0"><office:body><office:spreadsheet><table:table table:name="a">'
        f"{rows.replace('</c>', '</table:table-cell>')}</table:table></office:spreadsheet></office:body>"
        "</office:document-content>"
    )
    with zipfile.ZipFile(folder / "a.ods", "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("META-INF/manifest.xml", f'<manifest:manifest xmlns:manifest="{space}manifest:1.0"/>')
        archive.writestr("content.xml", content)
    return folder / "a.ods"


def text(folder: Path) -> Path:
    path = folder / "a.csv"
    path.write_text("点号,X,Y,日期,真\nJ1,1.0,2,2024-03-01 13:45,true\nJ2,3,4,,\n", encoding="utf-8")
    return path


def layer(driver: str, name: str, **fields: tuple[str, Any]) -> Maker:
    def make(folder: Path) -> Path:
        path = folder / name
        schema = {"geometry": "Point", "properties": {field: kind for field, (kind, _) in fields.items()}}
        with fiona.open(path, "w", driver=driver, schema=schema, crs="EPSG:4547") as collection:
            for cells in ({field: value for field, (_, value) in fields.items()}, dict.fromkeys(fields)):
                point = {"type": "Point", "coordinates": (500_000.0, 2_500_000.0)}
                collection.write({"type": "Feature", "geometry": point, "properties": cells})
        return path

    return make


def geojson(folder: Path) -> Path:
    odd = [1, 2.5, "x", True, None, [1, 2], ["a", "b"], [1, "a", None], {"a": {"b": [1]}}, 2**60, "2024-03-01"]
    point = {"type": "Point", "coordinates": [114.0, 22.6]}
    rows = [{f"c{n}": cell for n, cell in enumerate(odd)}, {f"c{n}": None for n in range(len(odd))}, {"c0": "text"}]
    features = [{"type": "Feature", "geometry": point, "properties": row} for row in rows]
    path = folder / "a.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8")
    return path


def markup(folder: Path) -> Path:
    path = folder / "a.gml"
    path.write_text(
        '<?xml version="1.0"?><m:all xmlns:m="http://m" xmlns:gml="http://www.opengis.net/gml">'
        "<gml:featureMember><m:Point><m:place><gml:Point srsName='EPSG:4547'>"
        "<gml:pos>500000 2500000</gml:pos></gml:Point>"
        "</m:place><m:day>2024-03-01</m:day><m:is>true</m:is><m:many>1</m:many><m:many>2</m:many></m:Point>"
        "</gml:featureMember></m:all>",
        encoding="utf-8",
    )
    return path


def drawing(folder: Path) -> Path:
    def draw(dxf: Any) -> None:
        dxf.appids.add("SURVEY")
        point = dxf.modelspace().add_point(at(0))
        odd = [(1000, "点号:J1"), (1010, at(1)), (1040, 1.5), (1070, 7), (1004, b"\x00\x01"), (1005, "2F")]
        point.set_xdata("SURVEY", odd)

    return drawn(folder / "a.dxf", draw)


def model(folder: Path) -> Path:
    made = sewer()
    file = made.file
    pipe = file.by_type("IfcPipeSegment")[0]
    cells = {
        "Flag": file.createIfcBoolean(True),
        "Maybe": file.createIfcLogical("UNKNOWN"),
        "Day": file.createIfcDate("2024-03-01"),
        "Stamp": file.createIfcTimeStamp(1_700_000_000),
        "Count": file.createIfcInteger(3),
    }
    singles = [made.new("IfcPropertySingleValue", Name=name, NominalValue=cell) for name, cell in cells.items()]
    listed = made.new(
        "IfcPropertyListValue", Name="Many", ListValues=[file.createIfcReal(1.0), file.createIfcReal(2.0)]
    )
    bounded = made.new("IfcPropertyBoundedValue", Name="Between", UpperBoundValue=file.createIfcReal(2.0))
    odd = made.rooted("IfcPropertySet", Name="Odd", HasProperties=[*singles, listed, bounded])
    made.rooted("IfcRelDefinesByProperties", RelatedObjects=[pipe], RelatingPropertyDefinition=odd)
    file.write(str(folder / "a.ifc"))
    return folder / "a.ifc"


# Access, EPANET, SWMM, LandXML and INTERLIS are read as texts, or by their own columns alone.
FILES: dict[str, tuple[Maker, int]] = {
    "xlsx": (workbook, 2),
    "ods": (open_document, 1),
    "csv": (text, 2),
    "shp": (layer("ESRI Shapefile", "a.shp", d=("date", DAY), n=("int", 1), f=("float", 1.5), t=("str", "x")), 2),
    "gpkg": (
        layer("GPKG", "a.gpkg", d=("date", DAY), m=("datetime", MOMENT), b=("bool", True), p=("bytes", b"\x00\x89PNG")),
        2,
    ),
    "fgb": (
        layer("FlatGeobuf", "a.fgb", m=("datetime", MOMENT), b=("bool", True), p=("bytes", b"\x00"), n=("int", 1)),
        2,
    ),
    "tab": (layer("MapInfo File", "a.tab", d=("date", DAY), h=("time", HOUR), m=("datetime", MOMENT)), 2),
    "geojson": (geojson, 3),
    "gml": (markup, 1),
    "dxf": (drawing, 1),
    "ifc": (model, 0),
}


def read(path: Path) -> list[RecordTable]:
    return list(read_confined(reader_of(path), path, {"delivered": [path.name]}))


def cells_of(tables: list[RecordTable]) -> list[Any]:
    return [cell for table in tables for name in table.rows for cell in table.rows[name].tolist()]


@pytest.mark.parametrize("kind", FILES)
def test_a_file_of_odd_cells_is_read_to_its_end(kind: str, tmp_path: Path) -> None:
    make, n_rows = FILES[kind]
    tables = read(make(tmp_path))
    assert sum(len(table.rows) for table in tables) >= max(n_rows, 1)
    assert not sum(table.refused_rows for table in tables)
    strange = {type(cell).__name__ for cell in cells_of(tables) if not isinstance(cell, PLAIN)}
    assert not strange


@pytest.mark.parametrize("kind", ["xlsx", "ods", "shp", "gpkg", "tab", "gml", "ifc", "geojson"])
def test_a_date_is_read_as_people_write_it(kind: str, tmp_path: Path) -> None:
    assert DAY.isoformat() in cells_of(read(FILES[kind][0](tmp_path)))


def test_every_type_that_python_has_for_a_cell_goes_over() -> None:
    odd = [
        DAY, MOMENT, HOUR, datetime.timedelta(hours=30), decimal.Decimal("1.50"), b"\x00\x01", bytearray(b"\x00"),
        np.float32(1.5), np.float64(2.5), np.longdouble(3.5), np.int64(7), np.bool_(True), np.str_("x"),
        np.datetime64("2024-03-01"), pd.Timestamp(MOMENT), pd.NaT, pd.NA, None, [1, [2, "三"]], {"a": {"b": DAY}},
        (1, 2), {3}, np.arange(2), 1 + 2j, object,
    ]  # fmt: skip
    days = pd.to_datetime(["2024-03-01", None])
    rows = pd.DataFrame({"odd": pd.Series(odd, dtype=object), "day": pd.Series(days).reindex(range(len(odd)))})
    came = unpacked(packed(RecordTable("a", "b", rows))).rows
    said = came["odd"].tolist()
    assert said[:7] == ["2024-03-01", "2024-03-01", "13:45:00", "1 day, 6:00:00", "1.50", "2 bytes", "1 bytes"]
    assert said[7:13] == [1.5, 2.5, 3.5, 7, True, "x"]
    assert said[13:18] == ["2024-03-01", "2024-03-01", None, None, None]
    assert said[18:23] == ['[1, [2, "三"]]', '{"a": {"b": "2024-03-01"}}', "[1, 2]", "{3}", "[0, 1]"]
    assert came["day"].tolist()[:2] == ["2024-03-01", None]
    assert {type(cell) for cell in said} <= {str, int, float, bool, type(None)}
    assert all(plain(cell) == cell for cell in said)


@given(
    st.lists(st.none() | st.text(st.characters(exclude_categories=[]), max_size=4), min_size=1, max_size=8),
    st.integers(1, 300),
    st.booleans(),
)
def test_texts_go_over_as_they_are_whether_they_repeat_or_not(
    words: list[str | None], times: int, are_told_apart: bool
) -> None:
    cells = [word and f"{word}{number if are_told_apart else ''}" for number, word in enumerate(words * times)]
    rows = pd.DataFrame({"said": pd.Series(cells, dtype=object)})
    assert unpacked(packed(RecordTable("a", "b", rows))).rows["said"].tolist() == cells


def test_shapes_go_over_with_gaps_among_them() -> None:
    shapes = shapely.from_wkt(["POINT (1 2)", None, "LINESTRING Z (1 2 3, 4 5 6)", "POINT (3 4)"])
    for delivered in (shapes, pa.array(shapely.to_wkb(shapes, flavor="iso"), pa.binary()).slice(1)):
        rows, wanted = pd.DataFrame({"a": np.arange(len(delivered))}), shapes[-len(delivered) :]
        came = unpacked(packed(RecordTable("a", "b", rows, delivered))).geometry
        assert shapely.is_missing(came).tolist() == shapely.is_missing(wanted).tolist()
        assert shapely.to_wkt(came).tolist() == shapely.to_wkt(wanted).tolist()
