"""Whoever is given a package is named again from it: in every format, and by what is left after GDAL was at it."""

import itertools
import os
import subprocess
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import shapely

from pipemap.db import Database
from pipemap.errors import SourceError
from pipemap.sharing import agreements
from pipemap.sharing.accusing import Verdict, whose
from pipemap.sharing.agreements import Terms, hash_key
from pipemap.sharing.exchange import ExportRequest, export_package
from pipemap.sharing.layers import formats
from pipemap.sharing.vertices import read_vertices
from tests.postgis.deliveries import bring_in, delivery, node, publish_now, segment

SECRET = b"s" * 32
SIDE = 18
LOW = 499_900, 2_499_900
AREA = shapely.box(*LOW, 501_000, 2_501_000)
# What of a package is held against the map; of several files one is enough.
FILES = {
    "gpkg": "pipemap.gpkg", "gdb": "pipemap.gdb", "cityjson": "pipemap.city.json", "ifc": "pipemap.ifc",
    "inp": "pipemap.inp", "dxf": "pipemap.dxf", "tables-xlsx": "成果表.xlsx", "tables-csv": "成果表_points.csv",
    "shp-gbk": "pipe_segment.shp",
}  # fmt: skip


@pytest.fixture
def city(database: Database) -> Database:
    """18 x 18 valves in a grid, 20 m apart but for some decimetres, and the pipes along its rows; a source."""
    random = np.random.default_rng(3)
    at = {
        (i, j): (20 * i + random.uniform(-1, 1), 20 * j + random.uniform(-1, 1))
        for i, j in itertools.product(range(SIDE), range(SIDE))
    }
    nodes = [
        node(f"N{i}_{j}", *at[i, j], ground_elevation_m=10.0, appurtenance_code="waterworks" if i + j == 0 else "valve")
        for i, j in at
    ]
    lines = [
        segment(f"N{i}_{j}", f"N{i + 1}_{j}", [(*at[i, j], 8), (*at[i + 1, j], 8.5)], width_mm=300.0)
        for i, j in itertools.product(range(SIDE - 1), range(SIDE))
    ]
    publish_now(database, bring_in(database, delivery(nodes, lines)))
    return database


def packed(database: Database, folder: Path, agency: str, format: str) -> Path:
    """The file of an agency's package that is looked at, in a folder of its own."""
    attributes = ("source_key", "ground_elevation_m", "width_mm", "from_node_id", "to_node_id")
    terms = Terms(agency, "设计", AREA, ("water",), attributes, datetime.now(UTC) + timedelta(days=9))
    with database.transaction() as connection:
        key = agreements.issue_key(connection, agreements.agree(connection, terms, "li"), "li")
    (folder / "watermark.key").write_bytes(SECRET)
    package = export_package(database, hash_key(key), ExportRequest(format), folder, mark_key=folder / "watermark.key")
    opened = folder / f"{agency}-{format}"
    with zipfile.ZipFile(package.path) as archive:
        archive.extractall(opened)
    return opened / FILES.get(format, f"pipe_segment.{format}")


def told(database: Database, path: Path, srid: int | None = None) -> Verdict:
    with database.transaction(read_only=True) as connection:
        return whose(connection, SECRET, path, srid)


def named(database: Database, path: Path, srid: int | None = None) -> str | None:
    recipient = told(database, path, srid).recipient
    return recipient and recipient.agency


def test_the_recipient_is_named_from_a_package_of_every_format(city: Database, tmp_path: Path) -> None:
    files = [(agency, one, packed(city, tmp_path, agency, one)) for one in formats() for agency in ("水务局", "设计院")]
    for agency, format, path in files:
        verdict = told(city, path)
        assert verdict.recipient is not None, format
        assert (verdict.recipient.agency, verdict.recipient.format) == (agency, format)
        assert verdict.packages == len(files) and verdict.score > 1.5 * verdict.threshold


def test_a_package_names_its_recipient_unopened(city: Database, tmp_path: Path) -> None:
    packed(city, tmp_path, "水务局", "shp")
    packed(city, tmp_path, "设计院", "csv")
    for package in tmp_path.glob("*.zip"):
        assert named(city, package) == ("水务局" if "shp" in package.name else "设计院")


CLIP = ["-clipsrc", "500030", "2500030", "500190", "2500210"]
TO_DEGREES, BACK = ["-t_srs", "EPSG:4490"], ["-t_srs", "EPSG:4547"]
# Steps of ogr2ogr one after another, each into a file of the name that stands first.
WAYS = {
    "clipped": [["a.gpkg", *CLIP]],
    "to degrees and back": [["a.gpkg", *TO_DEGREES], ["b.gpkg", *BACK]],
    "to another zone and back": [["a.gpkg", "-t_srs", "EPSG:4526"], ["b.shp", *BACK]],
    "left in degrees": [["a.fgb", *TO_DEGREES]],
    "as a shapefile": [["a.shp"]],
    "as GeoJSON with every digit": [["a.geojson", "-lco", "COORDINATE_PRECISION=12"]],
    "as a drawing": [["a.dxf", "-select", ""]],
    "as a table": [["a.csv", "-lco", "GEOMETRY=AS_WKT"]],
    "for Google Earth": [["a.kml"]],
    "as GML": [["a.gml"]],
    "as GML in degrees": [["a.gml", *TO_DEGREES]],
    "for MapInfo, as text": [["a.mif"]],
    "cut to 200 features": [["a.gpkg", "-limit", "200"]],
    "cut to 200, clipped, to degrees and back, as a shapefile": [
        ["a.gpkg", "-limit", "200", *CLIP], ["b.gpkg", *TO_DEGREES], ["c.shp", *BACK],
    ],
    "cut in parts of 7 m": [["a.gpkg", "-segmentize", "7"]],
    "without heights and attributes": [["a.gpkg", "-dim", "XY", "-select", ""]],
}  # fmt: skip


def test_the_recipient_is_named_after_gdal_was_at_it(city: Database, tmp_path: Path) -> None:
    paths = {agency: packed(city, tmp_path, agency, "gpkg") for agency in ("水务局", "设计院")}
    for number, (way, steps) in enumerate(WAYS.items()):
        (folder := tmp_path / str(number)).mkdir()
        path = paths["设计院"]
        for name, *options in steps:
            path = converted(path, folder / name, options)
        assert named(city, path) == "设计院", way


def converted(source: Path, target: Path, options: list[str]) -> Path:
    command = ["ogr2ogr", str(target), str(source), *options]
    # GDAL does not guess this one.
    command += ["-f", "MapInfo File"] if target.suffix == ".mif" else []
    if source.suffix == ".gpkg" and "pipemap" in source.name:
        command.append("pipe_segment")
    ran = subprocess.run(command, check=False, capture_output=True, text=True, env={"PATH": os.environ["PATH"]})
    assert ran.returncode == 0, ran.stderr
    return target


def test_rounding_to_a_centimetre_takes_the_mark_off_and_nobody_is_named(city: Database, tmp_path: Path) -> None:
    packed(city, tmp_path, "水务局", "gpkg")
    path = packed(city, tmp_path, "设计院", "geojson")
    assert named(city, converted(path, tmp_path / "a.geojson", ["-lco", "COORDINATE_PRECISION=2"])) is None


HOSTILE = {
    "entities.xlsx": b"PK\x03\x04 no zip", "a.ifc": b"ISO-10303-21;\nIFCCARTESIANPOINT((1.,2.", "b.city.json": b"[]",
    "c.json": b'{"type": "CityJSON"}', "d.parquet": b"PAR1" + b"\x00" * 64, "e.inp": b"\xff\xfe\x00", "f.csv": b"",
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_damaged_file_is_refused_in_one_sentence_or_points_to_nobody(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(HOSTILE[name])
    try:
        xy, _ = read_vertices(path)
    except SourceError as error:
        assert name in error.message
    else:
        assert len(xy) < 3
