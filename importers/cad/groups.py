"""A DXF file as a stream of groups: one entity, table entry or object with all its tags.

ezdxf builds rich objects for every tag, which costs ten times what a survey needs of it; the tags of
the kinds that carry networks are taken here as they stand, and ezdxf is asked for everything curved.
"""

import re
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from ezdxf.lldxf.const import DXFError
from ezdxf.lldxf.encoding import MIF_CODE_PAGE
from ezdxf.lldxf.extendedtags import ExtendedTags
from ezdxf.lldxf.tagger import binary_tags_loader, tag_compiler
from ezdxf.lldxf.types import DXFTag

BINARY_MARK = b"AutoCAD Binary DXF"
_BLOCK_BYTES = 1 << 23
_XDATA = 1000
_BOM = b"\xef\xbb\xbf"
_STRAY = re.compile("[\ud800-\udfff]")
_UNICODE = re.compile(r"\\U\+([0-9A-Fa-f]{4})")
_MIF = re.compile(r"\\M\+([1-5])([0-9A-Fa-f]{4})")
_PARTS = {"INSERT": "ATTRIB", "POLYLINE": "VERTEX"}


class DamagedGroups(Exception):
    """The tags are out of step: what follows a place is not what it claims to be."""


class Group:
    """The tags of one entity: group codes and raw values (bytes of ASCII files, typed of binary ones).

    `parts` holds the attributes of an insert or the vertices of a polyline, which follow it in the file.
    """

    __slots__ = ("codes", "kind", "parts", "values")

    def __init__(self, kind: str, codes: list[int], values: list[Any]) -> None:
        self.kind, self.codes, self.values = kind, codes, values
        self.parts: list[Group] = []

    def tags(self) -> dict[int, Any]:
        """Code to value of the entity proper, without extended data; of equal codes the first wins."""
        codes, values = self.codes, self.values
        if codes and codes[-1] >= _XDATA:
            end = self.xdata_start()
            codes, values = codes[:end], values[:end]
        return dict(zip(reversed(codes), reversed(values), strict=True))

    def xdata_start(self) -> int:
        """Place of the first tag of extended data."""
        return next((place for place, code in enumerate(self.codes) if code >= _XDATA), len(self.codes))

    def all_of(self, code: int) -> list[Any]:
        """Every value of a code, in order."""
        return [value for found, value in zip(self.codes, self.values, strict=True) if found == code]

    def extended_tags(self, codec: str) -> ExtendedTags:
        """The tags as ezdxf wants them."""
        plain = [DXFTag(0, self.kind)]
        for code, value in zip(self.codes, self.values, strict=True):
            plain.append(DXFTag(code, text_of(value, codec)) if isinstance(value, bytes) else DXFTag(code, value))
        # The compiler looks one tag ahead, and drops a point that nothing follows.
        plain.append(DXFTag(0, "EOF"))
        return ExtendedTags(list(tag_compiler(iter(plain)))[:-1])


def text_of(value: Any, codec: str) -> str:
    """A value as text: UTF-8 where it is that, else the drawing's code page, else GB18030; escapes resolved."""
    text = value if isinstance(value, str) else _decoded(value, codec) if isinstance(value, bytes) else str(value)
    if not text.isascii():
        text = _without_strays(text, codec)
    if "\\U+" in text:
        text = _UNICODE.sub(lambda found: _letter(int(found[1], 16)), text)
    if "\\M+" in text:
        text = _MIF.sub(lambda found: bytes.fromhex(found[2]).decode(MIF_CODE_PAGE[found[1]], "replace"), text)
    return text


def _decoded(raw: bytes, codec: str) -> str:
    for encoding in ("utf-8", codec, "gb18030"):
        try:
            return raw.decode(encoding)
        except (UnicodeDecodeError, LookupError):
            continue
    return raw.decode("gb18030", "replace")


def _without_strays(text: str, codec: str) -> str:
    """Text of a binary file whose bytes are not of its code page: they stand in it as surrogates."""
    if not _STRAY.search(text):
        return text
    try:
        raw = text.encode(codec, "surrogateescape")
    except (UnicodeEncodeError, LookupError):
        raw = text.encode("utf-8", "replace")
    return _decoded(raw, "gb18030")


def _letter(code: int) -> str:
    return "\ufffd" if 0xD800 <= code < 0xE000 else chr(code)


def groups_of(path: Path) -> Iterator[Group]:
    """Every group of an ASCII or binary file up to its end mark, a part of the file in memory at a time.

    Raises
    ------
    DamagedGroups
        Where the tags are out of step.
    """
    with path.open("rb") as file:
        is_binary = file.read(len(BINARY_MARK)) == BINARY_MARK
        file.seek(0)
        yield from _compounded(_binary_groups(file.read()) if is_binary else _ascii_groups(file))


def _compounded(groups: Iterable[Group]) -> Iterator[Group]:
    """Inserts with their attributes and polylines with their vertices as one group; stray parts are dropped."""
    whole: Group | None = None
    for group in groups:
        if whole is not None and group.kind == _PARTS[whole.kind]:
            whole.parts.append(group)
            continue
        if whole is not None:
            yield whole
        whole = group if group.kind in _PARTS else None
        if whole is None and group.kind not in ("VERTEX", "ATTRIB", "SEQEND"):
            yield group
    if whole is not None:
        yield whole


def _ascii_groups(file: BinaryIO) -> Iterator[Group]:
    kind = ""
    codes: list[int] = []
    values: list[Any] = []
    n_lines = 0
    for lines in _line_pairs(file):
        try:
            found = [int(code) for code in lines[::2]]
        except ValueError as error:
            raise DamagedGroups(f"line {n_lines + _bad_line(lines)}: not a group code") from error
        begins = [place for place, code in enumerate(found) if not code]
        raw = lines[1::2]
        for place, end in zip([-1, *begins], [*begins, len(found)], strict=True):
            if place >= 0:
                if kind:
                    yield Group(kind, codes, values)
                kind, codes, values = raw[place].strip().decode("ascii", "replace").upper(), [], []
                if kind == "EOF":
                    return
            codes += found[place + 1 : end]
            values += raw[place + 1 : end]
        n_lines += len(lines)
    if kind:
        yield Group(kind, codes, values)


def _bad_line(lines: list[bytes]) -> int:
    return next(2 * place + 1 for place, code in enumerate(lines[::2]) if not code.strip().lstrip(b"-").isdigit())


def _line_pairs(file: BinaryIO) -> Iterator[list[bytes]]:
    """Lines of the file, an even number at a time, without their ends."""
    rest = b""
    while block := file.read(_BLOCK_BYTES):
        text = rest + block
        if b"\r" in text:
            # A return at the very end may belong to a new line in the next part.
            text, tail = (text[:-1], b"\r") if text.endswith(b"\r") else (text, b"")
            text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n") + tail
        lines = text.removeprefix(_BOM).split(b"\n")
        kept = [lines.pop()]
        if len(lines) % 2:
            kept.insert(0, lines.pop())
        rest = b"\n".join(kept)
        yield lines
    lines = rest.rstrip(b"\r\n").split(b"\n")
    yield lines if len(lines) % 2 == 0 else lines[:-1]


def _binary_groups(data: bytes) -> Iterator[Group]:
    group: Group | None = None
    try:
        for code, value in binary_tags_loader(data):
            if code == 0:
                if group is not None:
                    yield group
                group = Group(str(value).upper(), [], [])
                if group.kind == "EOF":
                    return
            elif group is not None:
                group.codes.append(code)
                group.values.append(value)
    except (DXFError, IndexError, ValueError, LookupError, struct.error, UnicodeDecodeError) as error:
        raise DamagedGroups(str(error)) from error
    if group is not None:
        yield group
