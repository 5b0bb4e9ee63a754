"""Shapefiles and lone dBASE tables: all parts together, under names that GDAL finds, with a known encoding."""

import re
import struct
from pathlib import Path

from importers.layers.dbf import Table, dbf_encoding
from importers.layers.files import LayerFile, companions, head, linked
from importers.refusing import refusal

_SHAPEFILE_CODE = b"\x00\x00\x27\x0a"
_SHAPEFILE_HEADER_BYTES = 100
_INDEX_ENTRY_BYTES = 8
_PARTS = (".shp", ".shx", ".dbf", ".prj", ".cpg")
# Of countries whose few characters, or letters, could as well be those of another.
_OF_COUNTRIES = (
    (re.compile(rb"korea", re.IGNORECASE), "cp949"),
    (re.compile(rb"japan|jgd_?(?:2000|2011)|tokyo", re.IGNORECASE), "cp932"),
    (re.compile(rb"twd_?(?:67|97)|taiwan", re.IGNORECASE), "cp950"),
    (
        re.compile(rb"s_?-?jtsk|krovak|poland|hd_?72|eov|hungar|croatia|htrs96|dealul|stereo_?70", re.IGNORECASE),
        "cp1250",
    ),
    (re.compile(rb"greek|ggrs", re.IGNORECASE), "cp1253"),
    (re.compile(rb"turef|turkey", re.IGNORECASE), "cp1254"),
)
_DBASE_VERSIONS = (0x02, 0x03, 0x04, 0x05, 0x30, 0x31, 0x32, 0x83, 0x8B, 0x8C, 0xF5, 0xFB)


def shapefile(path: Path, scratch: Path, encoding: str | None) -> LayerFile:
    """A .shp with its companions; `encoding` is stronger than the .cpg."""
    first = head(path, _SHAPEFILE_HEADER_BYTES)
    if not first.startswith(_SHAPEFILE_CODE) or len(first) < _SHAPEFILE_HEADER_BYTES:
        raise refusal(path, "is not a shapefile, whatever its name says", "不是 Shapefile 文件")
    declared_bytes = 2 * struct.unpack(">i", first[24:28])[0]
    if path.stat().st_size < declared_bytes:
        raise refusal(path, "is cut off: it is shorter than it declares; ask for it again", "不完整，请重新提供")
    parts = {".shp": path} | companions(path, _PARTS[1:])
    if ".shx" not in parts:
        raise refusal(
            path,
            f"comes without its index {path.stem}.shx; ask for the complete shapefile (.shp, .shx, .dbf, .prj)",
            "缺少索引文件 .shx，请提供完整的 Shapefile（.shp、.shx、.dbf、.prj）",
        )
    return _with_table(path, parts, scratch, encoding)


def dbf_file(path: Path, scratch: Path, encoding: str | None) -> LayerFile:
    """A table without geometry, as old survey software exports it."""
    first = head(path, 32)
    if len(first) < 32 or first[0] not in _DBASE_VERSIONS:
        raise refusal(path, "is not a dBASE table, whatever its name says", "不是 dBASE 表文件")
    return _with_table(path, {".dbf": path} | companions(path, (".cpg",)), scratch, encoding)


def _with_table(path: Path, parts: dict[str, Path], scratch: Path, encoding: str | None) -> LayerFile:
    cpg = parts.pop(".cpg", None)
    if ".prj" in parts:
        parts[".prj"] = _in_utf8(parts[".prj"], scratch / "utf-8.prj")
    dbf, n_shapes = parts.get(".dbf"), _shapes(path, parts)
    if dbf is None:
        place = linked(scratch, path.stem, parts)
        return LayerFile(path, "ESRI Shapefile", place, declared_rows=n_shapes, lacks_attributes=True)
    declared = encoding or (cpg.read_text("ascii", "replace") if cpg else None)
    found, guessed = dbf_encoding(dbf, declared, _of_country(parts.get(".prj")))
    table = Table(dbf)
    parts[".dbf"] = table.with_whole_names(found, scratch / "names.dbf")
    n_pairs = table.n_records if n_shapes is None else min(n_shapes, table.n_records)
    n_deleted = table.deleted_records(n_pairs)
    return LayerFile(
        path,
        "ESRI Shapefile",
        linked(scratch, path.stem, parts),
        encoding=found,
        guessed_encoding=found if guessed else None,
        declared_rows=n_pairs - n_deleted,
        lost_rows=0 if n_shapes is None else abs(n_shapes - table.n_records),
        deleted_rows=n_deleted,
    )


def _of_country(prj: Path | None) -> str | None:
    """The encoding that tables of the country are written in whose own coordinate system a .prj names."""
    system = prj.read_bytes() if prj is not None else b""
    return next((encoding for named, encoding in _OF_COUNTRIES if named.search(system)), None)


def _in_utf8(prj: Path, copy: Path) -> Path:
    """The .prj, or a copy of one that a Chinese Windows wrote with Chinese names, which GDAL's bindings refuse."""
    text = prj.read_bytes()
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        copy.write_text(text.decode("gb18030", "replace"), "utf-8")
        return copy
    return prj


def _shapes(path: Path, parts: dict[str, Path]) -> int | None:
    """How many shapes the index lists; None for a table without shapes."""
    index = parts.get(".shx")
    if index is None:
        return None
    first = head(index, _SHAPEFILE_HEADER_BYTES)
    n_bytes = 2 * struct.unpack(">i", first[24:28])[0] if len(first) == _SHAPEFILE_HEADER_BYTES else -1
    if not _SHAPEFILE_HEADER_BYTES <= n_bytes <= index.stat().st_size:
        raise refusal(
            path, f"comes with a damaged index {index.name}; ask for it again", "的索引文件 .shx 已损坏，请重新提供"
        )
    return (n_bytes - _SHAPEFILE_HEADER_BYTES) // _INDEX_ENTRY_BYTES
