"""Each export format, opened by a client that had no part in writing it, against the items of the same key."""

import json
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import ezdxf
import ifcopenshell
import ifcopenshell.validate
import numpy as np
import openpyxl
import pytest
import shapely
import wntr
from epanet import toolkit
from shapely.geometry import shape

from importers.delivery import read_delivery
from importers.writers.dxf import APP
from pipemap.db import Database
from pipemap.errors import UsageError
from pipemap.sharing import agreements
from pipemap.sharing.agreements import Terms
from pipemap.sharing.exchange import ExportRequest, export_package
from pipemap.sharing.granted import Place
from pipemap.sharing.item_statements import ItemsRequest
from pipemap.sharing.items import read_items
from schemas.codetables import code_table
from tests.postgis.deliveries import bring_in, delivery, node, publish_now, segment

X0, Y0 = 500_000, 2_500_000
GRANTED = ("source_key", "owner", "width_mm", "from_depth_m", "ground_elevation_m", "installed_on", "from_node_id")
Item = tuple[shapely.Geometry, dict[str, Any]]


@pytest.fixture
def town(database: Database) -> Database:
    """Two streets: water with heights, one bent and one that the edge of the area cuts, gas of unknown height."""
    nodes = [
        node(f"J{i}", 25 * i, 0, ground_elevation_m=10 + i / 8, owner="供水公司", appurtenance_code="valve")
        for i in range(5)
    ]
    nodes += [node(f"G{i}", 40 * i, 30, class_code="gas", owner="=HYPERLINK(1)") for i in range(3)]
    pipes = [
        segment("J0", "J1", [(0, 0, 8), (25, 0, 8.125)], width_mm=300.0, owner="供水公司", from_depth_m=1.5),
        segment("J1", "J2", [(25, 0, 8.125), (30, 4.321, 8), (50, 0, 7.9)], width_mm=200.0, owner="－供水"),
        segment("J2", "J3", [(50, 0, 7.9), (75, 0, 7.5)], width_mm=200.0),
        segment("J3", "J4", [(75, 0, 7.5), (100, 0, 7)], width_mm=100.0),
        segment("G0", "G1", [(0, 30), (40, 30)], class_code="gas", width_mm=160.0, owner="燃气公司"),
    ]
    publish_now(database, bring_in(database, delivery(nodes, pipes)))
    return database


AREA = shapely.box(X0 - 5, Y0 - 5, X0 + 90, Y0 + 50)


@pytest.fixture
def key(town: Database) -> str:
    terms = Terms("水务局", "设计", AREA, ("water", "gas"), GRANTED, datetime.now(UTC) + timedelta(days=9))
    with town.transaction() as connection:
        return agreements.hash_key(agreements.issue_key(connection, agreements.agree(connection, terms, "m"), "m"))


def packed(town: Database, key: str | None, format: str, folder: Path, **asked: Any) -> dict[str, Any]:
    """Write a package and unpack it; gives its manifest."""
    package = export_package(town, key, ExportRequest(format, **asked), folder)
    with zipfile.ZipFile(package.path) as archive:
        archive.extractall(folder / "open")
        return json.loads(archive.read("manifest.json"))


def items_of(town: Database, key: str | None, kind: str, **asked: Any) -> dict[int, Item]:
    """What the same key is shown by the interface for items."""
    page = json.loads(read_items(town, key, ItemsRequest(kind, **asked)).features)
    return {item["id"]: (shape(item["geometry"]), item["properties"]) for item in page}


def by_ogr(path: Path, layer: str) -> Iterator[tuple[int, Item]]:
    """Features of a layer as Debian's GDAL reads them."""
    words = ["ogr2ogr", "-f", "GeoJSON", "/vsistdout/", str(path), layer, "-lco", "COORDINATE_PRECISION=9"]
    done = subprocess.run(words, capture_output=True, check=True)
    for feature in json.loads(done.stdout)["features"]:
        properties = feature["properties"]
        yield int(properties.pop("feature_id")), (shape(feature["geometry"]), properties)


def by_duckdb(path: Path, _: str) -> Iterator[tuple[int, Item]]:
    answer = duckdb.sql(f"SELECT * FROM read_parquet('{path}')")
    for row in answer.fetchall():
        properties = dict(zip(answer.columns, row, strict=True))
        wkb = properties.pop("geometry")
        yield properties.pop("feature_id"), (shapely.from_wkb(bytes(wkb)), properties)


READERS: dict[str, tuple[str, Callable[[Path, str], Iterator[tuple[int, Item]]]]] = {
    "gpkg": ("pipemap.gpkg", by_ogr),
    "gdb": ("pipemap.gdb", by_ogr),
    "geojson": ("{}.geojson", by_ogr),
    "fgb": ("{}.fgb", by_ogr),
    "shp": ("{}.shp", by_ogr),
    "shp-gbk": ("{}.shp", by_ogr),
    "parquet": ("{}.parquet", by_duckdb),
}
LAYERS = {"node": "node", "pipe_segment": "pipe_segment", "pipe_segment_no_height": "pipe_segment"}


def long_names(folder: Path) -> dict[tuple[str, str], str]:
    told = folder / "field_names.csv"
    lines = told.read_text(encoding="utf-8").splitlines() if told.exists() else []
    return {(layer, short): name for layer, short, name in (line.split(",") for line in lines)}


@pytest.mark.parametrize("format", READERS)
def test_a_gis_file_holds_the_items_of_its_key(town: Database, key: str, format: str, tmp_path: Path) -> None:
    manifest = packed(town, key, format, tmp_path)
    name, read = READERS[format]
    names = long_names(tmp_path / "open")
    found: dict[str, dict[int, Item]] = {"node": {}, "pipe_segment": {}}
    for layer, kind in LAYERS.items():
        for number, (geometry, properties) in read(tmp_path / "open" / name.format(layer), layer):
            full = {names.get((layer, short), short): value for short, value in properties.items()}
            assert number not in found[kind]
            assert geometry.has_z == (layer == "pipe_segment")
            found[kind][number] = geometry, full
    for kind, shown in found.items():
        same_items(shown, items_of(town, key, kind))
    assert manifest["counts"] == {"node": 7, "pipe_segment": 4, "pipe_segment_no_height": 1}


def same_items(found: dict[int, Item], items: dict[int, Item]) -> None:
    assert found.keys() == items.keys()
    for number, (geometry, properties) in items.items():
        other, told = found[number]
        # FlatGeobuf leaves unknown values out.
        assert told.keys() <= properties.keys()
        assert {name: plain(told.get(name)) for name in properties} == {n: plain(v) for n, v in properties.items()}
        ours, theirs = (shapely.get_coordinates(one, include_z=geometry.has_z) for one in (geometry, other))
        assert ours.shape == theirs.shape
        assert abs(ours - theirs).max() < 0.001


def plain(value: Any) -> Any:
    """A value as it can be compared between formats: numbers as doubles, days as words."""
    if isinstance(value, int | float):
        return round(float(value), 6)
    return None if value is None else str(value).replace("/", "-")


def test_a_package_of_an_older_version_and_a_drawn_area_holds_just_that(
    town: Database, key: str, tmp_path: Path
) -> None:
    publish_now(town, bring_in(town, delivery([node("J0", 0, 0), node("K", 10, 10)]), partial=True))
    corner = shapely.Polygon([(X0 - 1, Y0 - 1), (X0 + 30, Y0 - 1), (X0 - 1, Y0 + 30)])
    manifest = packed(town, key, "geojson", tmp_path, area=corner, version=1)
    found = dict(by_ogr(tmp_path / "open" / "node.geojson", "node"))
    older = items_of(town, key, "node", version=1)
    same_items(found, {n: item for n, item in older.items() if corner.intersects(item[0])})
    assert len(found) == 2 and manifest["version"] == 1
    newest = packed(town, key, "geojson", tmp_path, area=corner)
    assert newest["counts"]["node"] == 3 and newest["version"] == 2


def test_a_package_comes_in_the_crs_that_was_asked_for(town: Database, key: str, tmp_path: Path) -> None:
    packed(town, key, "gpkg", tmp_path, place=Place(out_srid=4490))
    words = ["ogr2ogr", "-f", "GeoJSON", "/vsistdout/", "-t_srs", "EPSG:4547", "-lco", "COORDINATE_PRECISION=5"]
    done = subprocess.run([*words, tmp_path / "open" / "pipemap.gpkg", "node"], capture_output=True, check=True)
    back = {f["properties"]["feature_id"]: shape(f["geometry"]) for f in json.loads(done.stdout)["features"]}
    for number, (geometry, _) in items_of(town, key, "node").items():
        assert geometry.distance(back[number]) < 0.001


def test_a_text_that_gbk_has_no_letters_for_is_refused_by_name(town: Database, tmp_path: Path) -> None:
    publish_now(town, bring_in(town, delivery([node("E", 0, 0, owner="Ćevap 🚰")]), partial=True))
    with pytest.raises(Exception, match="Ćevap") as refused:
        packed(town, None, "shp-gbk", tmp_path)
    assert "shp" in str(refused.value)
    packed(town, None, "shp", tmp_path)
    names = long_names(tmp_path / "open")
    owner = next(short for (layer, short), name in names.items() if layer == "node" and name == "owner")
    owners = {told[owner] for _, (_, told) in by_ogr(tmp_path / "open" / "node.shp", "node")}
    assert "Ćevap 🚰" in owners


def held_items(database: Database, key_sha256: str) -> dict[str, dict[int, Any]]:
    return {kind: items_of(database, key_sha256, kind) for kind in ("node", "pipe_segment")}


def same_places(found: Any, geometry: shapely.Geometry) -> None:
    wanted = shapely.get_coordinates(geometry, include_z=geometry.has_z)
    assert np.shape(found) == wanted.shape
    assert abs(np.array(found) - wanted).max() < 0.001


def test_a_drawing_holds_the_items_as_entities_with_xdata(town: Database, key: str, tmp_path: Path) -> None:
    manifest = packed(town, key, "dxf", tmp_path)
    drawing = ezdxf.readfile(tmp_path / "open" / "pipemap.dxf")
    assert not drawing.audit().has_errors
    held = held_items(town, key)
    found: dict[str, dict[int, Any]] = {"INSERT": {}, "POLYLINE": {}, "LWPOLYLINE": {}}
    for entity in drawing.modelspace():
        told = dict(tag.value.split("=", 1) for tag in entity.get_xdata(APP) if tag.code == 1000)
        found[entity.dxftype()][int(told["feature_id"])] = entity, told
    lines = found["POLYLINE"] | found["LWPOLYLINE"]
    assert found["INSERT"].keys() == held["node"].keys() and lines.keys() == held["pipe_segment"].keys()
    for number, (geometry, properties) in (held["node"] | held["pipe_segment"]).items():
        entity, told = found["INSERT"].get(number) or lines[number]
        known = {name: value for name, value in properties.items() if value is not None}
        assert told.keys() == known.keys() | {"feature_id"}
        assert all(
            told[name] in (str(value), str(float(value)) if isinstance(value, int) else "")
            for name, value in known.items()
        )
        cjj = code_table("utility_class")[properties["class_code"]].fields["cjj_code"]
        assert entity.dxf.layer.startswith(f"{cjj}-")
        if number in found["INSERT"]:
            same_places([tuple(entity.dxf.insert)[:2]], geometry)
            assert entity.dxf.name == told.get("appurtenance_code", "node")
        elif geometry.has_z:
            same_places([tuple(vertex.dxf.location) for vertex in entity.vertices], geometry)
        else:
            assert entity.dxf.layer.endswith("NO-HEIGHT")
            same_places([tuple(point)[:2] for point in entity.get_points()], geometry)
    assert any("NO-HEIGHT" in note for note in manifest["notes"])


def test_gdal_reads_the_drawing_in_three_dimensions(town: Database, key: str, tmp_path: Path) -> None:
    packed(town, key, "dxf", tmp_path)
    words = ["ogr2ogr", "-f", "GeoJSON", "/vsistdout/", tmp_path / "open" / "pipemap.dxf", "entities"]
    features = json.loads(subprocess.run(words, capture_output=True, check=True).stdout)["features"]
    lines = [f for f in features if f["properties"]["Layer"] == "JS-LINE"]
    assert len(lines) == 4
    assert {len(point) for line in lines for point in line["geometry"]["coordinates"]} == {3}


def test_survey_tables_are_read_back_as_the_items(town: Database, key: str, tmp_path: Path) -> None:
    manifest = packed(town, key, "tables-xlsx", tmp_path)
    delivered = read_delivery([tmp_path / "open" / "成果表.xlsx"], srid=4547)
    held = held_items(town, key)
    places = {properties["source_key"]: geometry for geometry, properties in held["node"].values()}
    read = dict(zip(delivered.nodes["source_key"], delivered.nodes["geom"], strict=True))
    assert set(places) == {name for name in read if not name.startswith("CUT")}
    for name, place in places.items():
        same_places(shapely.get_coordinates(read[name]), place)
    assert len(delivered.segments) == len(held["pipe_segment"])
    # One line leaves the area: it ends in a point of its own, where the edge cuts it.
    (cut,) = (place for name, place in read.items() if name.startswith("CUT"))
    assert cut.distance(shapely.Point(500_090, 2_500_000)) < 0.001
    assert any("CUT" in note for note in manifest["notes"]) and any("bends" in note for note in manifest["notes"])
    by_ends = {frozenset(row) for row in delivered.segments[["from_key", "to_key"]].to_numpy().tolist()}
    assert frozenset(("J0", "J1")) in by_ends and frozenset(("G0", "G1")) in by_ends


def test_no_cell_of_a_survey_table_is_a_formula(town: Database, key: str, tmp_path: Path) -> None:
    packed(town, key, "tables-xlsx", tmp_path)
    book = openpyxl.load_workbook(tmp_path / "open" / "成果表.xlsx")
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
    assert "=HYPERLINK(1)" in {cell.value for cell in cells}
    assert {cell.data_type for cell in cells} <= {"s", "n"}
    packed(town, key, "tables-csv", tmp_path)
    texts = [path.read_text(encoding="utf-8-sig") for path in (tmp_path / "open").glob("*.csv")]
    assert texts and "=HYPERLINK(1)" in "".join(texts)
    assert not any(cell.startswith("=") for text in texts for line in text.splitlines() for cell in line.split(","))


# In a process of its own: importing cjio makes every later json.dumps of the process round to six decimals.
_CJIO = """
import sys
import cjio.cityjson, orjson
with open(sys.argv[1]) as file:
    city = cjio.cityjson.reader(file)
city.decompress()
sys.stdout.buffer.write(orjson.dumps({"epsg": city.get_epsg(), "city": city.j}))
"""


def test_cjio_reads_the_items_as_city_objects(town: Database, key: str, tmp_path: Path) -> None:
    packed(town, key, "cityjson", tmp_path)
    command = [sys.executable, "-c", _CJIO, str(tmp_path / "open" / "pipemap.city.json")]
    read = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    assert read["epsg"] == 4547
    city = read["city"]
    vertices = np.array(city["vertices"])
    held = held_items(town, key)
    wanted = {f"{kind}-{number}": item for kind, items in held.items() for number, item in items.items()}
    assert city["CityObjects"].keys() == wanted.keys()
    for name, (geometry, properties) in wanted.items():
        found = city["CityObjects"][name]
        plan = found["attributes"].pop("plan_wkt", None)
        known = {attribute: value for attribute, value in properties.items() if value is not None}
        assert found["attributes"].keys() == known.keys() | {"feature_id"}
        if plan is not None:
            assert found["geometry"] == [] and shapely.from_wkt(plan).distance(geometry) < 0.001
        elif geometry.geom_type == "Point":
            (place,) = vertices[found["geometry"][0]["boundaries"]]
            same_places([place[:2]], geometry)
            assert place[2] == pytest.approx(properties["ground_elevation_m"])
        else:
            (line,) = found["geometry"][0]["boundaries"]
            same_places(vertices[line], geometry)


def test_an_ifc_model_is_valid_and_joined_through_ports(town: Database, key: str, tmp_path: Path) -> None:
    packed(town, key, "ifc", tmp_path)
    model = ifcopenshell.open(tmp_path / "open" / "pipemap.ifc")
    logger = ifcopenshell.validate.json_logger()
    ifcopenshell.validate.validate(model, logger, express_rules=False)
    assert logger.statements == []
    (conversion,) = model.by_type("IfcMapConversion")
    assert conversion.TargetCRS.Name == "EPSG:4547"
    held = held_items(town, key)
    segments = {int(one.Name.split("-")[1]): one for one in model.by_type("IfcFlowSegment")}
    assert segments.keys() == held["pipe_segment"].keys()
    for number, (geometry, properties) in held["pipe_segment"].items():
        shape = segments[number].Representation
        assert (shape is None) == (not geometry.has_z)
        if shape is not None:
            disc = shape.Representations[0].Items[0]
            local = np.array([point.Coordinates for point in disc.Directrix.Points])
            same_places(np.add(local, [conversion.Eastings, conversion.Northings, 0]), geometry)
            assert disc.Radius == pytest.approx(properties["width_mm"] / 2000)
    assert {system.PredefinedType for system in model.by_type("IfcDistributionSystem")} == {"DOMESTICCOLDWATER", "GAS"}
    # That some are valves is not granted.
    assert {one.is_a() for one in model.by_type("IfcFlowFitting")} == {"IfcPipeFitting"}
    assert len(model.by_type("IfcPipeFitting")) == 7 and not model.by_type("IfcValve")
    # Four pipes and a gas main with two ends each; one end is cut off by the area.
    assert len(model.by_type("IfcRelConnectsPorts")) == 9


def test_epanet_opens_and_solves_the_model(town: Database, key: str, tmp_path: Path) -> None:
    manifest = packed(town, key, "inp", tmp_path)
    path = tmp_path / "open" / "pipemap.inp"
    model = wntr.network.WaterNetworkModel(str(path))
    held = held_items(town, key)
    water = {n: item for n, item in held["pipe_segment"].items() if item[1]["class_code"] == "water"}
    pipes = {int(name[1:].split(".")[0]): pipe for name, pipe in model.pipes()}
    assert pipes.keys() == water.keys()
    for number, (geometry, properties) in water.items():
        assert pipes[number].diameter == pytest.approx(properties["width_mm"] / 1000)
        space = np.linalg.norm(np.diff(shapely.get_coordinates(geometry, include_z=True), axis=0), axis=1).sum()
        assert pipes[number].length == pytest.approx(space, abs=0.001)
    project = toolkit.createproject()
    toolkit.open(project, str(path), str(tmp_path / "report"), str(tmp_path / "out"))
    toolkit.solveH(project)
    toolkit.close(project)
    # No source is granted, so one had to be made; that is told.
    assert len(model.reservoir_name_list) == 1
    assert any("stands for one" in note for note in manifest["notes"])


def test_epanet_solves_parts_that_are_not_joined(town: Database, tmp_path: Path) -> None:
    apart = shapely.unary_union(
        [shapely.box(X0 - 5, Y0 - 5, X0 + 20, Y0 + 5), shapely.box(X0 + 60, Y0 - 5, X0 + 90, Y0 + 5)]
    )
    terms = Terms("水务局", "设计", apart, ("water",), GRANTED, datetime.now(UTC) + timedelta(days=9))
    with town.transaction() as connection:
        key = agreements.hash_key(agreements.issue_key(connection, agreements.agree(connection, terms, "m"), "m"))
    manifest = packed(town, key, "inp", tmp_path)
    path = tmp_path / "open" / "pipemap.inp"
    project = toolkit.createproject()
    toolkit.open(project, str(path), str(tmp_path / "report"), str(tmp_path / "out"))
    toolkit.solveH(project)
    toolkit.close(project)
    assert len(wntr.network.WaterNetworkModel(str(path)).reservoir_name_list) == 2
    assert any("2 parts" in note for note in manifest["notes"])


@pytest.mark.parametrize("format", ["dxf", "cityjson", "ifc", "inp"])
def test_models_in_metres_are_not_made_in_degrees(town: Database, key: str, format: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="projected"):
        packed(town, key, format, tmp_path, place=Place(out_srid=4490))
