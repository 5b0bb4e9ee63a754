"""The smallest workbooks of the older kinds that spreadsheet programs open: .xls (BIFF8, BIFF5) and .ods."""

import struct
import zipfile
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

Rows = Sequence[Sequence[Any]]

_SECTOR = 512
_FREE, _END, _FAT = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD


def write_xls(path: Path, sheets: Mapping[str, Rows]) -> Path:
    """Write sheets of texts and numbers; see [MS-XLS] for the records and [MS-CFB] for the file around them."""
    bodies = [_bof(0x0010) + b"".join(map(_cell, _cells(rows))) + _record(0x000A) for rows in sheets.values()]
    names = [name.encode("utf-16-le") for name in sheets]
    at = len(_bof(0x0005)) + sum(4 + 8 + len(name) for name in names) + 4
    head = _bof(0x0005)
    for name, body in zip(names, bodies, strict=True):
        head += _record(0x0085, struct.pack("<IBBBB", at, 0, 0, len(name) // 2, 1) + name)
        at += len(body)
    path.write_bytes(_compound(head + _record(0x000A) + b"".join(bodies)))
    return path


def write_xls_95(path: Path, sheets: Mapping[str, Rows]) -> Path:
    """Write sheets of texts and numbers as Excel 95 does in China: BIFF5, texts in bytes of code page 936."""
    bof = {kind: _record(0x0809, struct.pack("<HHHH", 0x0500, kind, 0, 1993)) for kind in (0x0005, 0x0010)}
    bodies = [
        bof[0x0010] + b"".join(_cell_95(cell) for cell in _cells(rows)) + _record(0x000A) for rows in sheets.values()
    ]
    names = [name.encode("gbk") for name in sheets]
    head = bof[0x0005] + _record(0x0042, struct.pack("<H", 936))
    at = len(head) + sum(4 + 7 + len(name) for name in names) + 4
    for name, body in zip(names, bodies, strict=True):
        head += _record(0x0085, struct.pack("<IHB", at, 0, len(name)) + name)
        at += len(body)
    path.write_bytes(_compound(head + _record(0x000A) + b"".join(bodies), "Book"))
    return path


def write_ods(path: Path, sheets: Mapping[str, Rows]) -> Path:
    """Write sheets of texts and numbers as an OpenDocument spreadsheet."""
    space = "urn:oasis:names:tc:opendocument:xmlns:"
    tables = "".join(
        f'<table:table table:name="{escape(name)}">'
        + "".join("<table:table-row>" + "".join(map(_ods_cell, row)) + "</table:table-row>" for row in rows)
        + "</table:table>"
        for name, rows in sheets.items()
    )
    content = (
        f'<office:document-content xmlns:office="{space}office:1.0" xmlns:table="{space}table:1.0" '
        f'xmlns:text="{space}text:1.0"><office:body><office:spreadsheet>{tables}'
        "</office:spreadsheet></office:body></office:document-content>"
    )
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("META-INF/manifest.xml", f'<manifest:manifest xmlns:manifest="{space}manifest:1.0"/>')
        archive.writestr("content.xml", content)
    return path


def _ods_cell(value: Any) -> str:
    if value is None:
        return "<table:table-cell/>"
    if isinstance(value, str):
        return f'<table:table-cell office:value-type="string"><text:p>{escape(value)}</text:p></table:table-cell>'
    return f'<table:table-cell office:value-type="float" office:value="{value}"/>'


def _cells(rows: Rows) -> list[tuple[int, int, Any]]:
    return [(r, c, value) for r, row in enumerate(rows) for c, value in enumerate(row) if value is not None]


def _cell(cell: tuple[int, int, Any]) -> bytes:
    row, column, value = cell
    if isinstance(value, str):
        text = value.encode("utf-16-le")
        return _record(0x0204, struct.pack("<HHHHB", row, column, 0, len(text) // 2, 1) + text)
    return _record(0x0203, struct.pack("<HHHd", row, column, 0, value))


def _cell_95(cell: tuple[int, int, Any]) -> bytes:
    row, column, value = cell
    if not isinstance(value, str):
        return _cell(cell)
    text = value.encode("gbk")
    return _record(0x0204, struct.pack("<HHHH", row, column, 0, len(text)) + text)


def _bof(kind: int) -> bytes:
    return _record(0x0809, struct.pack("<HHHHII", 0x0600, kind, 0, 1997, 0, 6))


def _record(number: int, data: bytes = b"") -> bytes:
    return struct.pack("<HH", number, len(data)) + data


def _compound(stream: bytes, name: str = "Workbook") -> bytes:
    """One stream in a compound file; short streams would need a second kind of sectors."""
    stream = stream.ljust(max(4096, -(-len(stream) // _SECTOR) * _SECTOR), b"\0")
    n_sectors = len(stream) // _SECTOR
    n_fat = 1
    while n_fat * 128 < n_sectors + 1 + n_fat:
        n_fat += 1
    chain = [*range(1, n_sectors), _END, _END, *[_FAT] * n_fat]
    chain += [_FREE] * (n_fat * 128 - len(chain))
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + bytes(6)
    header += struct.pack("<IIIIIIIII", 0, n_fat, n_sectors, 0, 4096, _END, 0, _END, 0)
    fat_at = [n_sectors + 1 + n for n in range(n_fat)]
    header += struct.pack("<109I", *fat_at, *[_FREE] * (109 - n_fat))
    entries = _entry("Root Entry", 5, 1, _END, 0) + _entry(name, 2, _FREE, 0, len(stream)) + bytes(256)
    return header + stream + entries + struct.pack(f"<{len(chain)}I", *chain)


def _entry(name: str, kind: int, child: int, start: int, size: int) -> bytes:
    text = (name + "\0").encode("utf-16-le")
    links = struct.pack("<BBIII", kind, 1, _FREE, _FREE, child)
    return text.ljust(64, b"\0") + struct.pack("<H", len(text)) + links + bytes(36) + struct.pack("<IQ", start, size)
