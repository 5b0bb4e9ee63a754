"""dBASE tables, the attributes of shapefiles: the encoding of their text, often to be guessed, and their records."""

import codecs
import re
import shutil
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from importers.tabular.code_pages import is_cyrillic, is_greek, is_hebrew, is_korean, western
from importers.tabular.text_files import EVERYDAY, everyday_share

# Language driver byte -> encoding; 0x57 (the maker's Windows code page) and 0x00 say nothing.
_LANGUAGE_DRIVERS = {
    0x4D: "gb18030", 0x7A: "gb18030", 0x4F: "cp950", 0x78: "cp950", 0x13: "cp932", 0x7B: "cp932", 0x4E: "cp949",
    0x79: "cp949", 0xC8: "cp1250", 0xC9: "cp1251", 0xCA: "cp1254", 0xCB: "cp1253",
}  # fmt: skip
_TOLD_BY_LETTERS = (("cp949", is_korean), ("cp1255", is_hebrew), ("cp1253", is_greek), ("cp1251", is_cyrillic))
_SAMPLE_RECORDS = 5_000
_HEADER = struct.Struct("<4xIHH")
_FIELD_BYTES = 32
_NAME_BYTES = 11
_END_OF_FIELDS = 0x0D
_DELETED = 0x2A
_SCANNED_BYTES = 2**24
_MOSTLY_EVERYDAY = 0.8
_BEYOND_ASCII = 0x80
_HIGH_BYTES = re.compile(rb"[\x80-\xff]+")


def dbf_encoding(dbf: Path, declared: str | None, likely: str | None = None) -> tuple[str, bool]:
    """Encoding of the table's text, and whether it had to be guessed.

    `declared` (the .cpg file's content) and then the table's language driver are believed as long as
    the text can be read with them; else column names and the first records tell (see `text_encoding`, which has
    `likely` too).
    """
    texts = list(_texts_beyond_ascii(dbf))
    for encoding in (_python_name(declared), _language_driver(dbf)):
        if encoding and _fits(texts, encoding):
            return encoding, False
    return text_encoding(texts, likely)


def text_encoding(texts: list[bytes], likely: str | None = None) -> tuple[str, bool]:
    """The encoding that all texts can be read with, and whether it is a guess.

    UTF-8 before `likely`, the one of the country that the data lies in, before the pages that the letters of Korea,
    Greece and Russia tell, these before the one of China, Japan and Taiwan in which most characters are everyday ones;
    a page of Latin letters where bytes beyond ASCII stand alone.
    """
    if all(text.isascii() for text in texts):
        return "utf-8", False
    if _fits(texts, "utf-8"):
        return "utf-8", True
    if likely is not None and _fits(texts, likely):
        return likely, True
    together = b"\n".join(texts)
    for encoding, is_told in _TOLD_BY_LETTERS:
        if is_told(together) and _fits(texts, encoding):
            return encoding, True
    fitting = [encoding for encoding in EVERYDAY if _fits(texts, encoding)]
    shares = {encoding: everyday_share(_joined(texts, encoding), encoding) for encoding in fitting}
    best = max(shares, key=lambda encoding: shares[encoding], default=None)
    if best == "cp932" and shares[best] >= _MOSTLY_EVERYDAY:
        # The second byte of kana can be that of a Latin letter.
        return best, True
    if best and _comes_in_pairs(texts):
        return best, True
    page = western(together)
    return page if page != "cp1252" and _fits(texts, page) else "iso-8859-1", True


def _joined(texts: list[bytes], encoding: str) -> bytes:
    return b"\n".join(_whole(text, encoding) for text in texts)


def _comes_in_pairs(texts: list[bytes]) -> bool:
    """Common Chinese characters are two high bytes each; in European text most high bytes stand alone."""
    runs = [len(run) for text in texts for run in _HIGH_BYTES.findall(text)]
    return 2 * sum(length % 2 == 0 for length in runs) > len(runs)


class Table:
    """The records of a table, without their meaning."""

    def __init__(self, dbf: Path) -> None:
        self._dbf = dbf
        with dbf.open("rb") as file:
            head = file.read(_HEADER.size)
        self.n_records, self._header_bytes, self._record_bytes = (
            _HEADER.unpack(head) if len(head) == _HEADER.size else (0, 0, 0)
        )

    def deleted_records(self, n_records: int) -> int:
        """How many of the first records are marked as deleted."""
        if not self._record_bytes:
            return 0
        flags = np.memmap(self._dbf, np.uint8, "r")[self._header_bytes :: self._record_bytes][:n_records]
        return int((flags == _DELETED).sum())

    def with_whole_names(self, encoding: str, copy: Path) -> Path:
        """The table, or a copy of it where a column's name is cut off within a character, at 10 bytes."""
        with self._dbf.open("rb") as file:
            head = file.read(self._header_bytes)
        whole = bytearray(head)
        for place in _field_places(head):
            name = _name_at(head, place)
            whole[place : place + len(name)] = _whole(name, encoding).ljust(len(name), b"\x00")
        if whole == head:
            return self._dbf
        shutil.copyfile(self._dbf, copy)
        with copy.open("r+b") as file:
            file.write(whole)
        return copy


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


def _whole(text: bytes, encoding: str) -> bytes:
    """The text up to its last whole character."""
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        decoder.decode(text)
    except UnicodeDecodeError:
        return text
    pending = decoder.getstate()[0]
    return text[: len(text) - len(pending)]


def _texts_beyond_ascii(dbf: Path) -> set[bytes]:
    """Names of columns and texts of the first records that are more than ASCII, which is alike in every encoding."""
    with dbf.open("rb") as file:
        head = file.read(_HEADER.size)
        if len(head) < _HEADER.size:
            return set()
        n_records, header_bytes, record_bytes = _HEADER.unpack(head)
        file.seek(0)
        head_bytes = file.read(header_bytes)
        fields = _fields(head_bytes)
        file.seek(header_bytes)
        sample = file.read(min(n_records * record_bytes, _SAMPLE_RECORDS * record_bytes, _SCANNED_BYTES))
    n_whole = len(sample) // record_bytes if record_bytes else 0
    records = np.frombuffer(sample, np.uint8, n_whole * record_bytes).reshape(n_whole, record_bytes)
    texts = {name for place in _field_places(head_bytes) if not (name := _name_at(head_bytes, place)).isascii()}
    for start, end in fields:
        cells = records[(records[:, start:end] >= _BEYOND_ASCII).any(axis=1), start:end]
        # Fields of a damaged table go beyond its records.
        if cells.size:
            texts |= {cell.rstrip(b" \x00") for cell in set(cells.copy().view(f"V{cells.shape[1]}").ravel().tolist())}
    return texts


def _name_at(head: bytes, place: int) -> bytes:
    return head[place : place + _NAME_BYTES].split(b"\x00")[0]


def _fields(head: bytes) -> list[tuple[int, int]]:
    """Place within a record of the text columns."""
    fields, offset = [], 1
    for place in _field_places(head):
        descriptor = head[place : place + _FIELD_BYTES]
        if descriptor[11:12] == b"C":
            fields.append((offset, offset + descriptor[16]))
        offset += descriptor[16]
    return fields


def _field_places(head: bytes) -> Iterator[int]:
    for place in range(_FIELD_BYTES, len(head) - _FIELD_BYTES + 1, _FIELD_BYTES):
        if head[place] == _END_OF_FIELDS:
            return
        yield place
