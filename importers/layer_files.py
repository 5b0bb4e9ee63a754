"""GIS files before GDAL sees them: the declared format is held to, missing parts are asked for."""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pyproj import CRS
from pyproj.exceptions import CRSError

from importers.dbf import dbf_encoding
from pipemap.errors import SourceError

_SHAPEFILE_CODE = b"\x00\x00\x27\x0a"
_SHAPEFILE_HEADER_BYTES = 100
_GEOPACKAGE_IDS = (b"GPKG", b"GP10", b"GP11")
_GDB_CATALOG = "a00000001.gdbtable"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class LayerFile:
    """A file that holds what its name says; `source` is what GDAL is given."""

    path: Path
    driver: str
    source: str
    encoding: str | None = None
    guessed_encoding: bool = False
    is_text: bool = False
    lacks_attributes: bool = False


def damage(file: LayerFile, error: Exception) -> SourceError:
    """The refusal of a file in which GDAL or fiona stumbled; no folder of ours is named."""
    words = " ".join(str(error).replace(str(file.path), file.path.name).split()).rstrip(".")
    prj = _companion(file.path, ".prj")
    if prj is not None and not _is_crs(prj.read_text("utf-8", "replace")):
        return _refusal(
            file.path,
            f"comes with a damaged {prj.name} ({words}); ask for it again, or take it away and name the CRS",
            f"所附 {prj.name} 已损坏，请重新提供，或移除后指定坐标系",
        )
    return SourceError(
        f"{file.path.name} cannot be read as {file.driver}, it is damaged or something else ({words}).",
        message_zh=f"{file.path.name} 无法按 {file.driver} 读取：文件已损坏或并非该格式。",
    )


def is_layer_file(path: Path) -> bool:
    """Whether the name is that of a GIS format; a .json also has to begin like GeoJSON."""
    suffix = path.suffix.lower()
    if suffix == ".json":
        return path.is_file() and b'"type"' in _head(path, 4096) and _begins_as_object(path)
    return suffix in _OPENERS


def opened(path: Path, encoding: str | None = None) -> LayerFile:
    """Look at the file and its companions; `encoding` overrides what a shapefile declares.

    GDAL tries every format it knows on a file, some of which (VRT) make it open other files or
    addresses. So the first bytes must be those of the declared format.

    Raises
    ------
    SourceError
        When the file is absent, empty, of another format, cut off, or lacks a part.
    """
    # An absolute path that exists can be neither a connection string nor one of GDAL's virtual files.
    path = path.resolve()
    if not path.exists():
        raise _refusal(path, "does not exist", "不存在")
    if path.is_file() and path.stat().st_size == 0:
        raise _refusal(path, "is empty (0 bytes); ask for the file again", "是空文件（0 字节），请重新提供")
    return _OPENERS[path.suffix.lower()](path, encoding)


def _shapefile(path: Path, encoding: str | None) -> LayerFile:
    head = _head(path, _SHAPEFILE_HEADER_BYTES)
    if not head.startswith(_SHAPEFILE_CODE) or len(head) < _SHAPEFILE_HEADER_BYTES:
        raise _refusal(path, "is not a shapefile, whatever its name says", "不是 Shapefile 文件")
    declared_bytes = 2 * struct.unpack(">i", head[24:28])[0]
    if path.stat().st_size < declared_bytes:
        raise _refusal(path, "is cut off: it is shorter than it declares; ask for it again", "不完整，请重新提供")
    if _companion(path, ".shx") is None:
        raise _refusal(
            path,
            f"comes without its index {path.stem}.shx; ask for the complete shapefile (.shp, .shx, .dbf, .prj)",
            "缺少索引文件 .shx，请提供完整的 Shapefile（.shp、.shx、.dbf、.prj）",
        )
    dbf, cpg = _companion(path, ".dbf"), _companion(path, ".cpg")
    declared = encoding or (cpg.read_text("ascii", "replace") if cpg else None)
    found, guessed = dbf_encoding(dbf, declared) if dbf else (None, False)
    return LayerFile(path, "ESRI Shapefile", str(path), found, guessed, lacks_attributes=dbf is None)


def _geopackage(path: Path, _: str | None) -> LayerFile:
    head = _head(path, 100)
    if not head.startswith(b"SQLite format 3\x00"):
        raise _refusal(path, "is not a GeoPackage, whatever its name says", "不是 GeoPackage 文件")
    if head[68:72] not in _GEOPACKAGE_IDS:
        raise _refusal(path, "is an SQLite database but not a GeoPackage", "是 SQLite 数据库，但不是 GeoPackage")
    return LayerFile(path, "GPKG", str(path))


def _geojson(path: Path, _: str | None) -> LayerFile:
    if not _begins_as_object(path):
        raise _refusal(path, "is not GeoJSON, whatever its name says", "不是 GeoJSON 文件")
    # The prefix pins the driver: text anywhere in the file could otherwise make GDAL take it for a VRT.
    return LayerFile(path, "GeoJSON", f"GeoJSON:{path}", is_text=True)


def _geodatabase(path: Path, _: str | None) -> LayerFile:
    if not path.is_dir() or not any(entry.name.lower() == _GDB_CATALOG for entry in path.iterdir()):
        raise _refusal(
            path,
            f"is not a file geodatabase folder (no {_GDB_CATALOG} in it); deliver the whole .gdb folder",
            "不是文件地理数据库，请提供完整的 .gdb 文件夹",
        )
    if any(entry.is_symlink() for entry in path.iterdir()):
        raise _refusal(path, "holds links instead of files", "含有链接文件")
    return LayerFile(path, "OpenFileGDB", str(path))


_OPENERS: dict[str, Callable[[Path, str | None], LayerFile]] = {
    ".shp": _shapefile,
    ".gpkg": _geopackage,
    ".geojson": _geojson,
    ".json": _geojson,
    ".gdb": _geodatabase,
}


def _head(path: Path, n_bytes: int) -> bytes:
    if not path.is_file():
        raise _refusal(path, "is a folder, not a file", "是文件夹而不是文件")
    with path.open("rb") as file:
        return file.read(n_bytes)


def _begins_as_object(path: Path) -> bool:
    return _head(path, 4096).removeprefix(_BYTE_ORDER_MARK).lstrip().startswith(b"{")


def _companion(path: Path, suffix: str) -> Path | None:
    wanted = path.with_suffix(suffix).name.lower()
    return next((entry for entry in path.parent.iterdir() if entry.name.lower() == wanted), None)


def _is_crs(wkt: str) -> bool:
    try:
        CRS.from_wkt(wkt)
    except CRSError:
        return False
    return True


def _refusal(path: Path, what_en: str, what_zh: str) -> SourceError:
    return SourceError(f"{path.name} {what_en}.", message_zh=f"{path.name} {what_zh}。")
