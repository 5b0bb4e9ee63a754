"""The layers of an export package and how each format writes one: GDAL through fiona, CSV by itself."""

import csv
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, LiteralString, TypeAlias

import fiona
import orjson
from fiona.crs import CRS
from fiona.model import Feature, Geometry, Properties

from schemas.tables import SCHEMA, metadata

Row: TypeAlias = Mapping[str, Any]

_FIELD_TYPES = {
    "TEXT": "str",
    "BIGINT": "int64",
    "INTEGER": "int32",
    "REAL": "float",
    "DOUBLE PRECISION": "float",
    "DATE": "date",
}
# What a spreadsheet would take for the beginning of a formula.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_SHAPEFILE_NAME_LENGTH = 10
_SHAPEFILE_TEXT_BYTES = 254


@dataclass(frozen=True)
class Layer:
    """One layer: a kind, or the part of it that has a known height and the part that has not.

    They are apart because a file's layer has one dimension, and a height of 0 must not stand for an unknown one.
    """

    name: str
    kind: str
    geometry: str
    condition: LiteralString


@dataclass(frozen=True)
class Sink:
    """Where and how a layer is written: folder, EPSG code (0: a local grid), and the columns in order."""

    folder: Path
    layer: Layer
    srid: int
    columns: tuple[str, ...]


LAYERS = (
    Layer("node", "node", "Point", "true"),
    Layer("pipe_segment", "pipe_segment", "3D MultiLineString", "ST_NDims(v.geom) = 3"),
    Layer("pipe_segment_no_height", "pipe_segment", "MultiLineString", "ST_NDims(v.geom) = 2"),
)


def write_geopackage(sink: Sink, rows: Iterable[Row]) -> None:
    """All layers in one file."""
    _write(sink, rows, sink.folder / "pipemap.gpkg", "GPKG", layer=sink.layer.name)


def write_geojson(sink: Sink, rows: Iterable[Row]) -> None:
    """One file a layer; the CRS is named in the file when it is not WGS 84."""
    _write(sink, rows, sink.folder / f"{sink.layer.name}.geojson", "GeoJSON", COORDINATE_PRECISION="9")


def write_shapefile(sink: Sink, rows: Iterable[Row]) -> None:
    """One set of files a layer, UTF-8; `field_names.csv` says what the ten-letter names stand for."""
    short = short_names(sink.columns)
    with (sink.folder / "field_names.csv").open("a", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows((sink.layer.name, short[name], name) for name in sink.columns)
    path = sink.folder / f"{sink.layer.name}.shp"
    _write(sink, rows, path, "ESRI Shapefile", short, encoding="UTF-8")


def write_csv(sink: Sink, rows: Iterable[Row]) -> None:
    """One table a layer with the geometry as WKT; text that a spreadsheet would run as a formula is defused."""
    path = sink.folder / f"{sink.layer.name}.csv"
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.writer(file)
        writer.writerow([*sink.columns, "WKT"])
        writer.writerows([defused(row[name]) for name in (*sink.columns, "geometry")] for row in rows)


def defused(cell: Any) -> Any:
    """A cell that no spreadsheet takes for a formula; numbers stay numbers."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA_STARTS) else cell


def short_names(names: Iterable[str]) -> dict[str, str]:
    """Different names of at most ten letters."""
    short: dict[str, str] = {}
    for name in names:
        tries = (name[: _SHAPEFILE_NAME_LENGTH - len(tail)] + tail for tail in _tails())
        short[name] = next(found for found in tries if found not in short.values())
    return short


Writer: TypeAlias = Callable[[Sink, Iterable[Row]], None]
WRITERS: dict[str, Writer] = {
    "gpkg": write_geopackage,
    "geojson": write_geojson,
    "shp": write_shapefile,
    "csv": write_csv,
}


def _tails() -> Iterable[str]:
    yield ""
    yield from (str(number) for number in count(2))


def _write(
    sink: Sink, rows: Iterable[Row], path: Path, driver: str, names: Mapping[str, str] | None = None, **options: str
) -> None:
    called = names or {name: name for name in sink.columns}
    columns = metadata.tables[f"{SCHEMA}.{sink.layer.kind}"].columns
    width = f":{_SHAPEFILE_TEXT_BYTES}" if driver == "ESRI Shapefile" else ""
    types = {name: _FIELD_TYPES[str(columns[name].type)] for name in sink.columns}
    properties = {called[name]: kind + (width if kind == "str" else "") for name, kind in types.items()}
    schema = {"geometry": sink.layer.geometry, "properties": properties}
    crs = CRS.from_epsg(sink.srid) if sink.srid else CRS()
    with fiona.open(path, "w", driver=driver, schema=schema, crs=crs, **options) as file:
        file.writerecords(_feature(row, called) for row in rows)


def _feature(row: Row, called: Mapping[str, str]) -> Feature:
    geometry = Geometry.from_dict(orjson.loads(row["geometry"]))
    return Feature(geometry=geometry, properties=Properties(**{short: row[name] for name, short in called.items()}))
