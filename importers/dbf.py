"""The character encoding of a shapefile's dBASE table, which old software leaves to be guessed."""

import codecs
import struct
from collections.abc import Iterator
from pathlib import Path

# Language driver byte -> encoding; 0x57 (the maker's Windows code page) and 0x00 say nothing.
_LANGUAGE_DRIVERS = {0x4D: "gb18030", 0x7A: "gb18030", 0x4F: "cp950", 0x78: "cp950", 0x13: "cp932", 0x7B: "cp932"}
_SAMPLE_RECORDS = 5_000
_HEADER = struct.Struct("<4xIHH")


def dbf_encoding(dbf: Path, declared: str | None) -> tuple[str, bool]:
    """Encoding of the table's text, and whether it had to be guessed.

    `declared` (the .cpg file's content) and then the table's language driver are believed as long as
    the text can be read with them; else UTF-8, GB18030 and Latin-1 are tried in this order, on the
    column names and the first records.
    """
    texts = list(_texts(dbf))
    for encoding in (_python_name(declared), _language_driver(dbf)):
        if encoding and _fits(texts, encoding):
            return encoding, False
    if all(text.isascii() for text in texts):
        return "utf-8", False
    return next((encoding for encoding in ("utf-8", "gb18030") if _fits(texts, encoding)), "iso-8859-1"), True


def _python_name(declared: str | None) -> str | None:
    name = (declared or "").strip().lower()
    name = f"cp{name}" if name.isdigit() else name
    try:
        codec = codecs.lookup(name.replace("ansi ", "cp").replace("oem ", "cp")).name
    except LookupError:
        return None
    return "gb18030" if codec in ("gbk", "gb2312", "cp936") else codec


def _language_driver(dbf: Path) -> str | None:
    with dbf.open("rb") as file:
        head = file.read(30)
    return _LANGUAGE_DRIVERS.get(head[29]) if len(head) == 30 else None


def _fits(texts: list[bytes], encoding: str) -> bool:
    return all(_readable(text, encoding) for text in texts)


def _readable(text: bytes, encoding: str) -> bool:
    # A field's width may cut the last character in two: incomplete at the end is no fault.
    try:
        codecs.getincrementaldecoder(encoding)().decode(text)
    except UnicodeDecodeError:
        return False
    return True


def _texts(dbf: Path) -> Iterator[bytes]:
    with dbf.open("rb") as file:
        head = file.read(_HEADER.size)
        if len(head) < _HEADER.size:
            return
        records, header_bytes, record_bytes = _HEADER.unpack(head)
        file.seek(32)
        fields = _fields(file.read(max(header_bytes - 32, 0)))
        yield from (name for name, _, _ in fields)
        file.seek(header_bytes)
        for _ in range(min(records, _SAMPLE_RECORDS)):
            record = file.read(record_bytes)
            if len(record) < record_bytes or not record:
                return
            yield from (text for _, start, end in fields if (text := record[start:end].rstrip(b" \x00")))


def _fields(descriptors: bytes) -> list[tuple[bytes, int, int]]:
    fields, offset = [], 1
    for place in range(0, len(descriptors) - 31, 32):
        descriptor = descriptors[place : place + 32]
        if descriptor[0] == 0x0D:
            break
        if descriptor[11:12] == b"C":
            fields.append((descriptor[:11].split(b"\x00")[0], offset, offset + descriptor[16]))
        offset += descriptor[16]
    return fields
