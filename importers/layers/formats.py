"""GIS files before GDAL sees them: the declared format is held to, missing parts are asked for."""

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from importers.layers.databases import database, geopackage, is_database
from importers.layers.files import LayerFile, companion, head
from importers.layers.geojson import geojson, geojson_lines, is_geojson, topojson
from importers.layers.geoparquet import geoparquet
from importers.layers.mapinfo import mif_file, tab_file
from importers.layers.markup import gml_file, gpx_file, is_gml, kml_file
from importers.layers.shapefiles import dbf_file, shapefile
from importers.layers.sosi import SUFFIXES, sosi_file
from importers.refusing import refusal

_GDB_CATALOG = "a00000001.gdbtable"
# As GDAL's notes on the format have it: version, blocks of rows, rows, bytes an offset.
_GDB_INDEX_HEADER = struct.Struct("<4i")
_GDB_VERSION, _GDB_ROWS_A_BLOCK = 3, 1024
# For row numbers of 64 bits, and laid out otherwise.
_GDB_WIDE_VERSION = 4

_Opener = Callable[[Path, Path, str | None], LayerFile]


def is_layer_file(path: Path) -> bool:
    """Whether the name is that of a GIS format; .json, .xml and .db also have to begin like one of them."""
    suffix = path.suffix.lower()
    if suffix == ".json":
        return path.is_file() and is_geojson(path)
    if suffix == ".xml":
        return path.is_file() and is_gml(path)
    if suffix == ".db":
        return path.is_file() and is_database(path)
    return suffix in _OPENERS


def opened(path: Path, scratch: Path, encoding: str | None = None) -> LayerFile:
    """Look at the file and its companions; `encoding` overrides what a shapefile declares.

    GDAL tries every format it knows on a file, some of which (VRT) make it open other files or
    addresses. So the first bytes must be those of the declared format, or a prefix pins the driver.
    `scratch` is an empty folder for links and for what GDAL would write beside the file.

    Raises
    ------
    SourceError
        When the file is absent, empty, of another format, cut off, or lacks a part.
    """
    # An absolute path that exists can be neither a connection string nor one of GDAL's virtual files.
    opener = _OPENERS[path.suffix.lower()]
    path = path.resolve()
    if not path.exists():
        raise refusal(path, "does not exist", "不存在")
    if path.is_file() and path.stat().st_size == 0:
        raise refusal(path, "is empty (0 bytes); ask for the file again", "是空文件（0 字节），请重新提供")
    return opener(path, scratch, encoding)


def _flatgeobuf(path: Path, _scratch: Path, _encoding: str | None) -> LayerFile:
    first = head(path, 8)
    if not (first.startswith(b"fgb") and first[4:7] == b"fgb"):
        raise refusal(path, "is not FlatGeobuf, whatever its name says", "不是 FlatGeobuf 文件")
    return LayerFile(path, "FlatGeobuf", path)


def _geodatabase(path: Path, _scratch: Path, _encoding: str | None) -> LayerFile:
    if not path.is_dir() or not any(entry.name.lower() == _GDB_CATALOG for entry in path.iterdir()):
        raise refusal(
            path,
            f"is not a file geodatabase folder (no {_GDB_CATALOG} in it); deliver the whole .gdb folder",
            "不是文件地理数据库，请提供完整的 .gdb 文件夹",
        )
    if any(entry.is_symlink() for entry in path.iterdir()):
        raise refusal(path, "holds links instead of files", "含有链接文件")
    for entry in sorted(path.iterdir()):
        if entry.suffix.lower() == ".gdbtablx":
            _demand_whole_table(path, entry)
    return LayerFile(path, "OpenFileGDB", path)


def _demand_whole_table(geodatabase: Path, index: Path) -> None:
    """Refuse a table that GDAL would take for empty: its index is cut off, or lists rows and it claims none."""
    offsets = _row_offsets(index)
    if offsets is None:
        raise refusal(
            geodatabase,
            f"is damaged: {index.name} in it is cut off; ask for it again",
            f"已损坏：{index.name} 不完整，请重新提供",
        )
    table = companion(index, ".gdbtable")
    claims_none = table is not None and head(table, 8)[4:] == bytes(4)
    if claims_none and (n_rows := int(offsets.any(axis=1).sum())):
        name = index.with_suffix(".gdbtable").name
        raise refusal(
            geodatabase,
            f"is damaged: {name} in it claims to be empty, its index lists {n_rows} rows; ask for it again",
            f"已损坏：{name} 声明无记录，但其索引有 {n_rows} 条，请重新提供",
        )


def _row_offsets(index: Path) -> npt.NDArray[np.uint8] | None:
    """Where each row of a table begins, as bytes, zeros for a deleted one; None when the index is cut off."""
    content = index.read_bytes()
    if len(content) < _GDB_INDEX_HEADER.size:
        return None
    version, n_blocks, _, offset_bytes = _GDB_INDEX_HEADER.unpack_from(content)
    if version == _GDB_WIDE_VERSION:
        return np.zeros((0, 1), np.uint8)
    n_bytes = n_blocks * _GDB_ROWS_A_BLOCK * offset_bytes
    if version != _GDB_VERSION or n_bytes < 0 or len(content) < _GDB_INDEX_HEADER.size + n_bytes:
        return None
    offsets = np.frombuffer(content, np.uint8, n_bytes, _GDB_INDEX_HEADER.size)
    return offsets.reshape(-1, offset_bytes) if n_bytes else np.zeros((0, 1), np.uint8)


_OPENERS: dict[str, _Opener] = {
    ".shp": shapefile,
    ".dbf": dbf_file,
    ".gpkg": geopackage,
    ".geojson": geojson,
    ".json": geojson,
    ".geojsonl": geojson_lines,
    ".geojsons": geojson_lines,
    ".ndjson": geojson_lines,
    ".gdb": _geodatabase,
    ".fgb": _flatgeobuf,
    ".gml": gml_file,
    ".xml": gml_file,
    ".kml": kml_file,
    ".gpx": gpx_file,
    ".topojson": topojson,
    ".parquet": geoparquet,
    ".geoparquet": geoparquet,
    ".sqlite": database,
    ".sqlite3": database,
    ".spatialite": database,
    ".db": database,
    ".tab": tab_file,
    ".mif": mif_file,
    **dict.fromkeys(SUFFIXES, sosi_file),
}
