"""MapInfo tables (.tab with its parts) and interchange files (.mif, .mid): parts, references and encoding."""

import re
import shutil
from collections.abc import Iterable
from itertools import dropwhile
from pathlib import Path

from importers.layers.dbf import dbf_encoding, text_encoding
from importers.layers.files import LayerFile, companion, companions, head, linked
from importers.refusing import refusal

_TAB_PARTS = (".dat", ".map", ".id", ".ind", ".dbf")
_HEAD_BYTES = 2**16
_SAMPLE_BYTES = 2**20
_TAB_TYPE = re.compile(rb"^\s*type\s+(\w+)", re.IGNORECASE | re.MULTILINE)
_CHARSET = re.compile(rb'^(\s*!?charset\s+"?|.*\bcharset\s+")(neutral|)(?="?\s*$)', re.IGNORECASE | re.MULTILINE)
_OBJECT = re.compile(
    rb"\s*(?:none|point|line|pline|region|arc|text|rect|roundrect|ellipse|multipoint|collection\s+(\d))\b",
    re.IGNORECASE,
)
_CHARSETS = {
    "utf-8": b"UTF-8",
    "gb18030": b"WindowsSimpChinese",
    "cp932": b"WindowsJapanese",
    "cp950": b"WindowsTradChinese",
    "cp949": b"WindowsKorean",
    "cp1250": b"WindowsLatin2",
    "cp1251": b"WindowsCyrillic",
    "cp1253": b"WindowsGreek",
    "cp1254": b"WindowsTurkish",
    "iso-8859-1": b"WindowsLatin1",
}
_ASKS_FOR_MORE = b"<OGR"


def tab_file(path: Path, scratch: Path, _encoding: str | None) -> LayerFile:
    """A native table; tables that only point to other files or to a database are refused."""
    first = head(path, _HEAD_BYTES)
    if not first.lstrip().lower().startswith(b"!table") or _ASKS_FOR_MORE in first:
        raise refusal(path, "is not a MapInfo table, whatever its name says", "不是 MapInfo 表文件")
    kind = _TAB_TYPE.search(first)
    if kind is None or kind[1].lower() not in (b"native", b"dbf"):
        raise refusal(
            path,
            "is a table that holds no data of its own but points to other files; deliver those tables",
            "是只引用其他文件的表，请直接提供被引用的表",
        )
    parts = companions(path, _TAB_PARTS)
    data = parts.get(".dat") or parts.get(".dbf")
    if data is None:
        raise refusal(
            path,
            "comes without its data; ask for the complete table (.tab, .dat, .map, .id)",
            "缺少数据文件，请提供完整的表（.tab、.dat、.map、.id）",
        )
    encoding, guessed = dbf_encoding(data, None)
    own = _with_charset(path, scratch, encoding) if guessed else path
    place = linked(scratch, path.stem, {".tab": own} | parts)
    return LayerFile(path, "MapInfo File", place, guessed_encoding=encoding if own != path else None)


def mif_file(path: Path, scratch: Path, _encoding: str | None) -> LayerFile:
    """An interchange file with its attributes."""
    first = head(path, _HEAD_BYTES)
    if not first.lstrip().lower().startswith(b"version") or _ASKS_FOR_MORE in first:
        raise refusal(path, "is not a MapInfo interchange file, whatever its name says", "不是 MIF 文件")
    mid = companion(path, ".mid")
    if mid is None:
        raise refusal(
            path, f"comes without its attributes {path.stem}.mid; ask for both files", "缺少 .mid 属性文件，请一并提供"
        )
    encoding, guessed = text_encoding([first, *head(mid, _SAMPLE_BYTES).splitlines()[:-1]])
    own = _with_charset(path, scratch, encoding) if guessed else path
    place = linked(scratch, path.stem, {".mif": own, ".mid": mid})
    n_rows = _demand_whole_rows(path, mid)
    guess = encoding if own != path else None
    return LayerFile(path, "MapInfo File", place, guessed_encoding=guess, declared_rows=n_rows)


def _demand_whole_rows(path: Path, mid: Path) -> int:
    """The rows of the file; refuse one in which a missing quotation mark makes rows other than there are objects.

    GDAL would give objects the attributes of others, and leave out what is over at the end.
    """
    with mid.open("rb") as rows, path.open("rb") as objects:
        n_rows, n_objects = _rows(rows), _objects(objects)
    with mid.open("rb") as rows:
        n_lines = sum(bool(line.strip()) for line in rows)
    if n_rows not in (n_lines, n_objects):
        raise refusal(
            path,
            f"is damaged: a quotation mark is missing in {mid.name}, whose {n_lines} lines make {n_rows} rows for "
            f"{n_objects} objects; ask for both files again",
            f"已损坏：{mid.name} 缺少引号，{n_lines} 行成 {n_rows} 条记录，而图形对象有 {n_objects} 个，请重新提供",
        )
    return max(n_rows, n_objects)


def _objects(lines: Iterable[bytes]) -> int:
    """Objects that a .mif file draws; a collection is one, whatever it is made of."""
    n_objects = 0
    for line in dropwhile(lambda line: line.strip().lower() != b"data", lines):
        if found := _OBJECT.match(line):
            n_objects += 1 - int(found[1] or 0)
    return n_objects


def _rows(lines: Iterable[bytes]) -> int:
    """Rows of a .mid file: one a line, and a quoted text may go over several lines."""
    n_rows, is_open = 0, False
    for line in lines:
        if line.strip() and not is_open:
            n_rows += 1
        is_open ^= line.count(b'"') % 2 == 1
    return n_rows


def _with_charset(path: Path, scratch: Path, encoding: str) -> Path:
    """The file, or where it says that its text is in no charset ("Neutral"), a copy that names one, for GDAL to use."""
    with path.open("rb") as file:
        first = file.read(_HEAD_BYTES)
        named = _CHARSET.sub(lambda found: found[1] + _CHARSETS[encoding], first)
        if named == first:
            return path
        copy = scratch / f"charset{path.suffix.lower()}"
        with copy.open("wb") as sink:
            sink.write(named)
            shutil.copyfileobj(file, sink)
    return copy
