"""Ways to damage a delivered file: its bytes, its end, its header, its pages, lines, words, cells or zip members."""

import io
import random
import re
import struct
import zipfile
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath

Way = Callable[[bytes, random.Random], bytes]

_PIECES = (
    b"\x00", b"\xff", b"NaN", b"-1", b"1e308", b"1e400", b"0", b" ", b"\n", b"\t", b";", b"[", b"]", b"<", b">", b"/",
    b'"', b"'", b"(", b")", b"{", b"}", b"$", b"*", b"#1", b"&x;", b"=", b",", b"\xff\xfe", b"null", b"\x1a", b"\r",
    b"[PIPES]\n", b"[CONDUITS]\n", b"  0\nPOLYLINE\n", b"1001\nACAD\n", b"</table>", b"ENDSEC",
)  # fmt: skip
_CELLS = (
    b"", b"0", b"-1", b"-9999", b"1e308", b"-1e308", b"1e400", b"NaN", b"inf", b"9" * 400, b"x" * 40_000, b"/", b"*",
    "３".encode(), b"1,5", b"1.2.3", b"2026-13-45", b"=1+1", b'"', b"\x00", b"DN300x", b"0.85/0.92", "²".encode(),
)  # fmt: skip
_NUMBERS = (0, 1, -1, 2, 255, 256, 65_535, 2**31 - 1, -(2**31), 10**6)
_PAGE_BYTES = (512, 4096)
_HEADER_BYTES = 256
_WORD_ENDS = re.compile(rb"[\s,;|\t<>\"'=()]+")
_TEXTS = {
    ".csv", ".txt", ".inp", ".xml", ".ifc", ".geojson", ".json", ".ndjson", ".gml", ".kml", ".mif", ".mid", ".xtf",
    ".dxf", ".prj", ".cpg", ".rels", ".xsd",
}  # fmt: skip
_ZIPS = {".zip", ".xlsx", ".ods", ".kmz"}


def damaged(parts: Mapping[str, bytes], chance: random.Random) -> tuple[dict[str, bytes], str]:
    """The parts of a delivery with one or more of them harmed, and the names of the ways taken."""
    harmed, told = dict(parts), []
    for _ in range(chance.choice((1, 1, 1, 1, 2, 6))):
        # The larger part is hit more often, the smaller still at times.
        name = chance.choices(list(harmed), [len(content) ** 0.5 + 1 for content in harmed.values()])[0]
        way = chance.choice(_ways(name))
        harmed[name] = way(harmed[name], chance)
        told.append(f"{way.__name__.strip('_')} of {PurePosixPath(name).suffix}")
    return harmed, ", ".join(dict.fromkeys(told))


def _ways(name: str) -> tuple[Way, ...]:
    suffix = PurePosixPath(name).suffix.lower()
    if suffix in _ZIPS:
        return (*_BYTES, _zip_member, _zip_member, _zip_member, _zip_members)
    return (*_BYTES, *_LINES) if suffix in _TEXTS else (*_BYTES, *_BINARY)


def _piece(content: bytes, chance: random.Random) -> bytes:
    at, piece = chance.randrange(len(content) + 1), chance.choice(_PIECES)
    return content[:at] + piece + content[at + chance.choice((0, 1, len(piece), 40)) :]


def _flip(content: bytes, chance: random.Random) -> bytes:
    if not content:
        return content
    at = chance.randrange(len(content))
    return content[:at] + bytes((content[at] ^ (1 << chance.randrange(8)),)) + content[at + 1 :]


def _truncation(content: bytes, chance: random.Random) -> bytes:
    return content[: chance.randrange(len(content) + 1)]


def _number(content: bytes, chance: random.Random) -> bytes:
    """A number in the header, or anywhere, replaced by one that cannot be."""
    reach = len(content) if chance.random() < 0.3 else min(len(content), _HEADER_BYTES)
    at = chance.randrange(max(reach - 4, 1))
    form, limit = chance.choice((("<i", 32), (">i", 32), ("<h", 16), ("<b", 8)))
    value = chance.choice(_NUMBERS) & (2**limit - 1)
    raw = struct.pack(form.upper(), value)
    return content[:at] + raw + content[at + len(raw) :]


def _page(content: bytes, chance: random.Random) -> bytes:
    """A page made blank, or a copy of another."""
    size = chance.choice(_PAGE_BYTES)
    n_pages = len(content) // size
    if not n_pages:
        return content
    one, other = chance.randrange(n_pages) * size, chance.randrange(n_pages) * size
    page = bytes(size) if chance.random() < 0.3 else content[other : other + size]
    return content[:one] + page + content[one + size :]


def _line(content: bytes, chance: random.Random) -> bytes:
    """Lines gone, repeated, moved or replaced."""
    lines = content.split(b"\n")
    one, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    lines[one : one + chance.choice((0, 1, 3))] = lines[other : other + chance.choice((0, 1, 5))]
    return b"\n".join(lines)


def _word(content: bytes, chance: random.Random) -> bytes:
    """A word replaced by one from another place."""
    place, other = _a_word(content, chance), _a_word(content, chance)
    return content[: place.start] + content[other] + content[place.stop :]


def _cell(content: bytes, chance: random.Random) -> bytes:
    """A word replaced by what cells hold at their worst."""
    place = _a_word(content, chance)
    return content[: place.start] + chance.choice(_CELLS) + content[place.stop :]


def _a_word(content: bytes, chance: random.Random) -> slice:
    start = chance.randrange(len(content) + 1)
    begins = _WORD_ENDS.search(content, start)
    first = begins.end() if begins else start
    ends = _WORD_ENDS.search(content, first)
    return slice(first, ends.start() if ends else len(content))


def _zip_member(content: bytes, chance: random.Random) -> bytes:
    """Something in the archive damaged, the archive itself whole."""
    members = _members(content)
    if not members:
        return _flip(content, chance)
    name = chance.choice(sorted(members))
    members[name] = chance.choice(_ways(name))(members[name], chance)
    return _zipped(members)


def _zip_members(content: bytes, chance: random.Random) -> bytes:
    """A member gone, or in the place of another."""
    members = _members(content)
    if len(members) < 2:
        return _flip(content, chance)
    one, other = chance.sample(sorted(members), 2)
    if chance.random() < 0.5:
        del members[one]
    else:
        members[one] = members[other]
    return _zipped(members)


def _members(content: bytes) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return {name: archive.read(name) for name in archive.namelist()}
    except Exception:  # an archive that an earlier way has damaged fails wherever its bytes lead
        return {}


def _zipped(members: Mapping[str, bytes]) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return sink.getvalue()


# What is cut off is mostly refused at once, so that little is learned from more of it.
_BYTES: tuple[Way, ...] = (_piece, _piece, _piece, _flip, _flip, _truncation)
_LINES: tuple[Way, ...] = (_line, _line, _line, _word, _word, _cell, _cell, _cell)
_BINARY: tuple[Way, ...] = (_number, _number, _number, _page, _flip, _flip)
