"""Export packages are opened by GDAL, as a client would, and held against the rows in the database."""

import csv
import hashlib
import io
import json
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import geopandas
import pyogrio
import pytest
import shapely

from importers.writers.gis import short_names
from importers.writers.plain_csv import defused
from pipemap.db import Database
from pipemap.errors import UsageError
from pipemap.sharing import agreements, audit, chains
from pipemap.sharing.agreements import Terms
from pipemap.sharing.exchange import ExportPackage, export
from pipemap.sharing.granted import Place, UnknownKeyError
from pipemap.sharing.layers import formats
from schemas.tables import FEATURE_KINDS, attribute_names

# Real-looking coordinates, so that a swap of the axes or a lost decimal shows.
X0, Y0 = 500_000, 3_380_000
ATTRIBUTES = ("source_key", "owner", "ground_elevation_m", "width_mm", "from_depth_m", "installed_on", "from_node_id")


@pytest.fixture
def city(database: Database) -> Database:
    """100 nodes in a 10 x 10 grid of 50 m, 90 segments along x: every third without a height."""
    with database.transaction() as connection:
        connection.execute("INSERT INTO pipemap.dataset (dataset_id, name) VALUES (1, 'survey')")
        connection.execute(
            f"""INSERT INTO pipemap.node (feature_id, dataset_id, source_key, class_code, ground_elevation_m, owner,
                  geom, installed_on, valid_from_version)
                SELECT 10 * j + i + 1, 1, 'J' || 10 * j + i, 'water', 20 + i / 8.0, '=供水公司',
                  ST_SetSRID(ST_MakePoint({X0} + 50 * i, {Y0} + 50 * j), 4547), '2019-05-01', 1
                FROM generate_series(0, 9) i, generate_series(0, 9) j"""
        )
        connection.execute(
            f"""INSERT INTO pipemap.pipe_segment (feature_id, dataset_id, source_key, class_code, from_node_id,
                  to_node_id, shape_code, width_mm, owner, from_depth_m, depth_datum_code, elevation_source_code, geom,
                  valid_from_version)
                SELECT 1000 + n, 1, 'S' || n, 'water', a.feature_id, b.feature_id, 'circle', 300, '-供水公司', 1.25,
                  'axis', 'measured', CASE WHEN n % 3 = 0 THEN ST_MakeLine(a.geom, b.geom)
                    ELSE ST_SetSRID(ST_MakeLine(ST_MakePoint(ST_X(a.geom), ST_Y(a.geom), 18.125),
                      ST_MakePoint(ST_X(b.geom), ST_Y(b.geom), 18.375)), 4547) END, 1
                FROM (SELECT row_number() OVER (ORDER BY feature_id) AS n, * FROM pipemap.node
                      WHERE ST_X(geom) < {X0} + 450) a
                JOIN pipemap.node b ON b.feature_id = a.feature_id + 1"""
        )
    return database


def key_hash(database: Database, area: shapely.Geometry, attributes: tuple[str, ...] = ATTRIBUTES) -> str:
    terms = Terms("水务局", "设计", area, ("water",), attributes, datetime.now(UTC) + timedelta(days=9))
    with database.transaction() as connection:
        return agreements.hash_key(agreements.issue_key(connection, agreements.agree(connection, terms, "m"), "m"))


def unpacked(package: ExportPackage, folder: Path) -> dict[str, geopandas.GeoDataFrame]:
    """Layers of a package by name, read by GDAL."""
    with zipfile.ZipFile(package.path) as archive:
        archive.extractall(folder)
    layers = {}
    for path in sorted(folder.iterdir()):
        if path.suffix == ".parquet":
            layers[path.stem] = geopandas.read_parquet(path)
        elif path.suffix in (".gpkg", ".geojson", ".shp", ".csv", ".gdb", ".fgb") and path.name != "field_names.csv":
            for name, _ in pyogrio.list_layers(path):
                layers[name] = pyogrio.read_dataframe(path, layer=name)
    return layers


QUARTER = shapely.box(X0 - 10, Y0 - 10, X0 + 225, Y0 + 225)


@pytest.mark.parametrize("format", ["csv", "fgb", "gdb", "geojson", "gpkg", "parquet", "shp", "shp-gbk"])
def test_a_package_holds_what_is_granted_and_nothing_else(city: Database, tmp_path: Path, format: str) -> None:
    package = export(city, key_hash(city, QUARTER), format, tmp_path)
    layers = unpacked(package, tmp_path / "open")
    # 5 x 5 nodes; 4 whole segments a row and one that the edge cuts, in 5 rows.
    assert len(layers["node"]) == 25
    assert len(layers["pipe_segment"]) + len(layers["pipe_segment_no_height"]) == 25
    assert package.manifest["counts"] == {name: len(layer) for name, layer in layers.items()}
    for layer in layers.values():
        named = None if layer.crs is None else layer.crs.to_json_dict().get("id")
        assert named == (None if format == "csv" else {"authority": "EPSG", "code": 4547})
        shapes = shapely.from_wkt(layer["WKT"]) if format == "csv" else layer.geometry
        assert all(QUARTER.covers(shape) for shape in shapely.force_2d(shapely.get_parts(shapes)))


@pytest.mark.parametrize("format", ["fgb", "gdb", "geojson", "gpkg", "parquet", "shp", "shp-gbk"])
def test_heights_attributes_and_text_survive(city: Database, tmp_path: Path, format: str) -> None:
    layers = unpacked(export(city, key_hash(city, QUARTER), format, tmp_path), tmp_path / "open")
    segments, flat = layers["pipe_segment"], layers["pipe_segment_no_height"]
    assert segments.geometry.has_z.all() and not flat.geometry.has_z.any()
    whole = segments[segments.geometry.length > 49]
    heights = {point[2] for line in whole.geometry.explode() for point in line.coords}
    assert heights == {18.125, 18.375}
    cut = segments[segments.geometry.length < 49]
    assert {point[2] for line in cut.geometry.explode() for point in line.coords} == {18.125, 18.25}
    assert set(segments["owner"]) == {"-供水公司"}
    assert set(segments["width_mm"]) == {300}
    assert set(layers["node"].filter(like="installed").iloc[:, 0].astype(str).str[:10]) == {"2019-05-01"}


def test_what_is_not_granted_has_no_column(city: Database, tmp_path: Path) -> None:
    layers = unpacked(export(city, key_hash(city, QUARTER, ()), "gpkg", tmp_path), tmp_path / "open")
    for layer in layers.values():
        assert set(layer.columns) == {"feature_id", "class_code", "geometry"}


def test_a_shapefile_says_what_its_short_names_mean(city: Database, tmp_path: Path) -> None:
    layers = unpacked(export(city, key_hash(city, QUARTER), "shp", tmp_path), tmp_path / "open")
    rows = list(csv.reader((tmp_path / "open" / "field_names.csv").read_text().splitlines()))
    meanings = {(layer, short): name for layer, short, name in rows}
    for name, layer in layers.items():
        full = {meanings[name, column] for column in layer.columns if column != "geometry"}
        kind = name.removesuffix("_no_height")
        assert full == {
            "feature_id",
            "class_code",
            *(a for a in ATTRIBUTES if a in ("source_key", *attribute_names(kind))),
        }


@pytest.mark.parametrize(("format", "encoding"), [("shp", "UTF-8"), ("shp-gbk", "GBK")])
def test_texts_of_a_shapefile_stand_in_its_encoding(city: Database, tmp_path: Path, format: str, encoding: str) -> None:
    with city.transaction() as connection:
        connection.execute("UPDATE pipemap.node SET owner = repeat('水', 130) WHERE feature_id = 1")
    package = export(city, key_hash(city, QUARTER), format, tmp_path)
    nodes = unpacked(package, tmp_path / "open")["node"]
    assert (tmp_path / "open" / "node.cpg").read_text().strip() == encoding
    assert "=供水公司".encode(encoding) in (tmp_path / "open" / "node.dbf").read_bytes()
    # A field of dBASE holds 254 bytes, which are 127 letters of two bytes or 84 of three.
    assert set(nodes["owner"]) == {"=供水公司", "水" * len(nodes["owner"].max())}
    assert len(nodes["owner"].max()) == 254 // len("水".encode(encoding))
    assert any("1 texts of node are longer" in note for note in package.manifest["notes"])


@pytest.mark.parametrize("format", ["csv", "tables-csv"])
def test_no_cell_is_a_formula(city: Database, tmp_path: Path, format: str) -> None:
    beginnings = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t=", "\r=")
    with city.transaction() as connection:
        for number, beginning in enumerate(beginnings, 1):
            connection.execute(
                "UPDATE pipemap.pipe_segment SET owner = %s WHERE feature_id = %s", [f"{beginning}水", 1000 + number]
            )
    package = export(city, key_hash(city, shapely.box(X0 - 10, Y0 - 10, X0 + 600, Y0 + 600)), format, tmp_path)
    with zipfile.ZipFile(package.path) as archive:
        tables = [archive.read(name).decode("utf-8-sig") for name in archive.namelist() if name.endswith(".csv")]
    cells = [cell for text in tables for row in csv.reader(io.StringIO(text, newline="")) for cell in row]
    assert sum("水" in cell for cell in cells) >= len(beginnings)
    assert not any(cell.startswith(beginnings) and "水" in cell for cell in cells)
    assert defused(-1.5) == -1.5


def test_the_manifest_tells_who_what_and_the_sums(city: Database, tmp_path: Path) -> None:
    package = export(city, key_hash(city, QUARTER), "gpkg", tmp_path, Place((X0, Y0, X0 + 100, Y0 + 100)))
    with zipfile.ZipFile(package.path) as archive:
        manifest = json.loads(archive.read("manifest.json"))
        for file in manifest["files"]:
            content = archive.read(file["name"])
            assert (len(content), hashlib.sha256(content).hexdigest()) == (file["bytes"], file["sha256"])
    assert (manifest["agency"], manifest["purpose"], manifest["srid"]) == ("水务局", "设计", 4547)
    assert manifest["counts"]["node"] == 9
    assert shapely.from_wkt(manifest["area_wkt"]).equals(QUARTER)
    assert manifest["terms"]["zh"] and manifest["terms"]["en"]


def test_a_package_is_on_record_with_its_sum(city: Database, tmp_path: Path) -> None:
    package = export(city, key_hash(city, QUARTER), "geojson", tmp_path)
    with city.transaction(read_only=True) as connection:
        entry = audit.list_entries(connection, limit=1)[0]
        assert chains.verify(connection).is_intact
    content = package.path.read_bytes()
    assert (entry["actor"], entry["action"]) == ("水务局", "share.export")
    assert entry["details"]["package_sha256"] == hashlib.sha256(content).hexdigest()
    assert entry["details"]["bytes"] == len(content)
    ids = sorted({*range(1, 6), *range(11, 16), *range(21, 26), *range(31, 36), *range(41, 46)})
    assert entry["details"]["counts"]["node"] == len(ids)


def test_staff_take_everything_out_in_any_crs(city: Database, tmp_path: Path) -> None:
    layers = unpacked(export(city, None, "geojson", tmp_path, Place(out_srid=4326), "li"), tmp_path / "open")
    assert len(layers["node"]) == 100
    assert len(layers["pipe_segment"]) == 60 and len(layers["pipe_segment_no_height"]) == 30
    west, south, east, north = layers["node"].total_bounds
    assert 113.99 < west < east < 114.01 and 30.5 < south < north < 30.6
    back = layers["node"].to_crs(4547).geometry
    assert set(zip(back.x.round(3), back.y.round(3), strict=True)) == {
        (X0 + 50.0 * i, Y0 + 50.0 * j) for i in range(10) for j in range(10)
    }
    with city.transaction(read_only=True) as connection:
        assert audit.list_entries(connection, limit=1)[0]["actor"] == "li"


def test_an_empty_area_gives_an_empty_package(city: Database, tmp_path: Path) -> None:
    nowhere = shapely.box(0, 0, 1, 1)
    for format in set(formats()) - {"inp"}:
        assert sum(export(city, key_hash(city, nowhere), format, tmp_path).manifest["counts"].values()) == 0
    # EPANET opens no empty model.
    with pytest.raises(UsageError, match="no water pipe"):
        export(city, key_hash(city, nowhere), "inp", tmp_path)


def test_a_refused_request_leaves_nothing_behind(city: Database, tmp_path: Path) -> None:
    with pytest.raises(UnknownKeyError):
        export(city, agreements.hash_key("pmk_forged"), "gpkg", tmp_path)
    with pytest.raises(UsageError):
        export(city, None, "vrt", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_short_names_are_short_and_different() -> None:
    names = [name for kind in FEATURE_KINDS for name in attribute_names(kind)]
    names = list(dict.fromkeys(names))
    short: dict[str, Any] = short_names(names)
    assert len(set(short.values())) == len(names)
    assert max(map(len, short.values())) <= 10
