"""GIS files before GDAL sees them: the declared format is held to, missing parts are asked for."""

import struct
from collections.abc import Callable
from pathlib import Path

from importers.layers.files import LayerFile, head, refusal
from importers.layers.geojson import geojson, geojson_lines, is_geojson
from importers.layers.mapinfo import mif_file, tab_file
from importers.layers.markup import gml_file, is_gml, kml_file
from importers.layers.shapefiles import dbf_file, shapefile

_GEOPACKAGE_IDS = (b"GPKG", b"GP10", b"GP11")
_GDB_CATALOG = "a00000001.gdbtable"
# As GDAL's notes on the format have it: version, blocks of rows, rows, bytes an offset.
_GDB_INDEX_HEADER = struct.Struct("<4i")
_GDB_VERSION, _GDB_ROWS_A_BLOCK = 3, 1024

_Opener = Callable[[Path, Path, str | None], LayerFile]


def is_layer_file(path: Path) -> bool:
    """Whether the name is that of a GIS format; .json and .xml also have to begin like GeoJSON or GML."""
    suffix = path.suffix.lower()
    if suffix == ".json":
        return path.is_file() and is_geojson(path)
    if suffix == ".xml":
        return path.is_file() and is_gml(path)
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
    path = path.resolve()
    if not path.exists():
        raise refusal(path, "does not exist", "不存在")
    if path.is_file() and path.stat().st_size == 0:
        raise refusal(path, "is empty (0 bytes); ask for the file again", "是空文件（0 字节），请重新提供")
    return _OPENERS[path.suffix.lower()](path, scratch, encoding)


def _geopackage(path: Path, _scratch: Path, _encoding: str | None) -> LayerFile:
    first = head(path, 100)
    if not first.startswith(b"SQLite format 3\x00"):
        raise refusal(path, "is not a GeoPackage, whatever its name says", "不是 GeoPackage 文件")
    if first[68:72] not in _GEOPACKAGE_IDS:
        raise refusal(path, "is an SQLite database but not a GeoPackage", "是 SQLite 数据库，但不是 GeoPackage")
    return LayerFile(path, "GPKG", path)


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
        if entry.suffix.lower() == ".gdbtablx" and not _is_whole(entry):
            raise refusal(
                path,
                f"is damaged: {entry.name} in it is cut off; ask for it again",
                f"已损坏：{entry.name} 不完整，请重新提供",
            )
    return LayerFile(path, "OpenFileGDB", path)


def _is_whole(index: Path) -> bool:
    """Whether an index of rows is as long as its header says; else GDAL would take its table for empty."""
    first = head(index, _GDB_INDEX_HEADER.size)
    if len(first) < _GDB_INDEX_HEADER.size:
        return False
    version, n_blocks, _, offset_bytes = _GDB_INDEX_HEADER.unpack(first)
    n_bytes = _GDB_INDEX_HEADER.size + n_blocks * _GDB_ROWS_A_BLOCK * offset_bytes
    # Version 4 is for row numbers of 64 bits and laid out otherwise.
    return bool(version == 4 or (version == _GDB_VERSION and index.stat().st_size >= n_bytes))


_OPENERS: dict[str, _Opener] = {
    ".shp": shapefile,
    ".dbf": dbf_file,
    ".gpkg": _geopackage,
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
    ".tab": tab_file,
    ".mif": mif_file,
}
