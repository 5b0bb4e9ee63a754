"""Input files of EPANET and SWMM as text: sections, numbered lines, and which of the two it is."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

_SWMM_SECTION = re.compile(rb"^[ \t]*\[(CONDUITS|SUBCATCH|OUTFALLS|XSECTIONS|DIVIDERS|RAINGAGES)", re.I | re.M)
_WORD = re.compile(r'"([^"]*)"?|(\S+)')
_ENCODINGS = ("utf-8", "gb18030", "latin-1")
_UTF8_MARK, _UTF16_MARKS = b"\xef\xbb\xbf", (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Line:
    """A line that holds something: its number in the file, its words, and the comment on it or right above it."""

    number: int
    section: str
    text: str
    words: list[str]
    comment: str


def plain(content: bytes) -> bytes:
    """The content without a byte order mark, in UTF-8 where it was UTF-16; neither program knows of either."""
    if content.startswith(_UTF16_MARKS):
        return content.decode("utf-16", "replace").encode()
    return content.removeprefix(_UTF8_MARK)


def is_swmm(content: bytes) -> bool:
    """Whether the sections are those of a drainage model."""
    return bool(_SWMM_SECTION.search(content))


def encoding_of(content: bytes) -> str:
    """The first encoding of those in use here that fits the whole file."""
    for encoding in _ENCODINGS:
        try:
            content.decode(encoding)
        except UnicodeDecodeError:
            continue
        return encoding
    return _ENCODINGS[-1]


def lines_of(text: str, sections: frozenset[str]) -> Iterator[Line]:
    """The lines of some sections, named by their first four letters in capitals, as both programs tell them."""
    section, above = "", ""
    for number, raw in enumerate(text.split("\n"), 1):
        content, mark, comment = raw.partition(";")
        content = content.strip()
        if content.startswith("["):
            section, above = content[1:5].rstrip("]").upper(), ""
        elif content and section in sections:
            yield Line(number, section, content, _words(content), _comment(comment) or above)
            above = ""
        elif not content:
            above = _comment(comment) if mark and not comment.startswith(";") else ""


def _words(content: str) -> list[str]:
    if '"' not in content:
        return content.split()
    return [quoted or plain for quoted, plain in _WORD.findall(content)]


def _comment(text: str) -> str:
    """A comment that says something; rulers and headings of columns (`;ID  Elev`) do not."""
    words = text.strip(" \t\r;-=*")
    return words if words and "\t" not in words and "   " not in words else ""


def number(word: str) -> float:
    """A finite number, NaN for any other word."""
    try:
        value = float(word) if "_" not in word else math.nan
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan
