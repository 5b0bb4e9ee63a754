"""Attributes within the descriptions of placemarks, where programs put them that know KML as a picture alone."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lxml import html
from lxml.etree import LxmlError

COLUMNS = ("description", "Description", "desc")

_MOST_CHARACTERS = 100_000
_PAIR = re.compile(r"([^\s:=][^:=]{0,60}?)\s*[:=]\s*(\S.*)")
_LINES = re.compile(r"<br\s*/?>|</p>|</li>|\n", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>")
_LEAST_ROWS = 0.5


def with_described(columns: Mapping[str, Any], known: list[str] | None) -> tuple[dict[str, Any], list[str]]:
    """The columns with those that descriptions hold as rows of a table or as lines `name: value`, and their names.

    `known` are the names of earlier parts of the layer, to which later ones keep. A description of which few rows
    hold such pairs is text, and stays alone.
    """
    named = dict(columns)
    column = next((name for name in COLUMNS if name in columns), None)
    if column is None or known == []:
        return named, known or []
    found = [pairs(text) for text in columns[column]]
    if known is None:
        counts = sum(bool(row) for row in found)
        known = list(_names(found)) if counts >= _LEAST_ROWS * max(len(found), 1) else []
    for name in known:
        if name not in columns:
            named[name] = [row.get(name) for row in found]
    return named, known


def pairs(text: Any) -> dict[str, str]:
    """Names and values in a description; those of a table in HTML that has two cells a row, else of its lines."""
    if not isinstance(text, str) or len(text) > _MOST_CHARACTERS:
        return {}
    if "<td" in text.casefold():
        return _of_table(text)
    lines = (_PAIR.match(_TAG.sub("", line).strip()) for line in _LINES.split(text))
    return {match[1]: match[2] for match in lines if match}


def _of_table(text: str) -> dict[str, str]:
    try:
        root = html.fragment_fromstring(text, create_parent=True)
    except (LxmlError, ValueError, AssertionError):
        return {}
    rows = ([_content(cell) for cell in row if cell.tag in ("td", "th")] for row in root.iter("tr"))
    return {cells[0].rstrip(" :"): cells[1] for cells in rows if len(cells) == 2 and cells[0] and cells[1]}


def _content(cell: Any) -> str:
    return " ".join(str(cell.text_content()).split())


def _names(found: Sequence[Mapping[str, str]]) -> Iterable[str]:
    return dict.fromkeys(name for row in found for name in row)
