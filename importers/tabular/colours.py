"""What the colours of cells mean where a legend above the table says it: 图例, then a word in a cell of each colour."""

import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd
from lxml import etree

from importers.base import RecordTable
from importers.tabular.column_letters import column_of
from importers.tabular.headers import is_filled
from importers.tabular.typed_columns import Row
from importers.tabular.unread import COLOUR, says_colours
from schemas.findings import Finding, Severity

COLUMN = "图例"
# Lines of a legend below the one that is called so have few cells.
_MOST_CELLS, _MOST_LINES = 3, 10
_MOST_BYTES = 64 * 2**20
_DAMAGED = (
    OSError, LookupError, ValueError, TypeError, AttributeError, RuntimeError, StopIteration, EOFError, zlib.error,
    zipfile.BadZipFile, etree.LxmlError,
)  # fmt: skip
_ANY = "{*}"
_ID = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"

Fill = tuple[tuple[str, str], ...]
Fills = Mapping[int, Mapping[int, Fill]]


def meanings_of_rows(path: Path, sheet: str, first: Sequence[Row]) -> dict[int, str]:
    """The word that a legend among the first rows gives for the colour of each row, by row as a person counts it.

    Nothing where there is no legend, where its colours are none of the rows', or the file is no .xlsx.
    """
    at = next((place for place, row in enumerate(first) if says_colours(row)), None)
    if at is None:
        return {}
    try:
        fills = _fills(path, sheet)
    except _DAMAGED:
        # What is damaged is told when its sheets are read.
        return {}
    lines = [at, *_lines_below(first, at)]
    words = {fill: word for line in lines for fill, word in _explained(first[line], fills.get(line + 1, {}))}
    told = {row: _most(words[fill] for fill in of_row.values() if fill in words) for row, of_row in fills.items()}
    return {row: word for row, word in told.items() if word is not None and row > lines[-1] + 1}


def with_colours(table: RecordTable, meanings: Mapping[int, str]) -> RecordTable:
    """The table with a column for what the colours of its rows mean, in place of the word that they are not read."""
    told = pd.Series([meanings.get(row) for row in table.rows.index], index=table.rows.index, dtype=object)
    if told.isna().all():
        return table
    kept = [finding for finding in table.findings if finding.rule != COLOUR]
    finding = Finding(
        rule=COLOUR,
        severity=Severity.INFO,
        message_en=f"The sheet says what colours mean; what they say of each row was read as the column {COLUMN}: "
        f"{', '.join(told.dropna().unique())}.",
        message_zh=f"表中图例说明了颜色含义；每行颜色的含义已读作列 {COLUMN}：{'、'.join(told.dropna().unique())}。",
        file=table.file,
        sheet=table.sheet,
    )
    return replace(table, rows=table.rows.assign(**{COLUMN: told}), findings=[*kept, finding])


def _lines_below(first: Sequence[Row], at: int) -> Iterator[int]:
    for line in range(at + 1, min(at + _MOST_LINES, len(first))):
        if not 0 < sum(map(is_filled, first[line])) <= _MOST_CELLS:
            return
        yield line


def _explained(row: Row, fills: Mapping[int, Fill]) -> Iterator[tuple[Fill, str]]:
    """Colours with the words in their cells, or behind those that are blank."""
    for at, fill in fills.items():
        cells = (row[place] for place in (at, at + 1) if place < len(row))
        word = next((cell for cell in cells if isinstance(cell, str) and cell.strip()), None)
        if word is not None and not says_colours([word]):
            yield fill, word.strip()


def _most(words: Iterator[str]) -> str | None:
    counted = Counter(words).most_common(1)
    return counted[0][0] if counted else None


def _fills(path: Path, sheet: str) -> Fills:
    """The colours of the cells of a sheet by row (from 1) and column (from 0), without those that have none."""
    with zipfile.ZipFile(path) as book:
        styles = _styles(_parsed(book, "xl/styles.xml"))
        part = _part_of(book, sheet)
        _require_small(book, part)
        found: dict[int, dict[int, Fill]] = {}
        with book.open(part) as file:
            for _, row in etree.iterparse(file, tag=f"{_ANY}row", resolve_entities=False):
                of_row = {_column(cell.get("r", "")): styles[int(cell.get("s", "0"))] for cell in row if cell.get("r")}
                found[int(row.get("r", "0"))] = {at: fill for at, fill in of_row.items() if fill is not None}
                row.clear()
        return found


def _styles(styles: Any) -> list[Fill | None]:
    """The solid colour of each style of cells, None for none."""
    colours = [_colour(fill) for fill in styles.find(f"{_ANY}fills")]
    return [colours[int(style.get("fillId", "0"))] for style in styles.find(f"{_ANY}cellXfs")]


def _colour(fill: Any) -> Fill | None:
    pattern = fill.find(f"{_ANY}patternFill")
    colour = None if pattern is None else pattern.find(f"{_ANY}fgColor")
    is_solid = pattern is not None and pattern.get("patternType") == "solid"
    return tuple(sorted(colour.attrib.items())) if is_solid and colour is not None else None


def _part_of(book: zipfile.ZipFile, sheet: str) -> str:
    listed = _parsed(book, "xl/workbook.xml").iter(f"{_ANY}sheet")
    number = next(each.get(_ID) for each in listed if each.get("name") == sheet)
    links = _parsed(book, "xl/_rels/workbook.xml.rels")
    target = next(link.get("Target") for link in links if link.get("Id") == number)
    return str(PurePosixPath("xl") / target) if not target.startswith("/") else target.lstrip("/")


def _parsed(book: zipfile.ZipFile, part: str) -> Any:
    _require_small(book, part)
    return etree.fromstring(book.read(part), etree.XMLParser(resolve_entities=False))


def _require_small(book: zipfile.ZipFile, part: str) -> None:
    if book.getinfo(part).file_size > _MOST_BYTES:
        raise ValueError(part)


def _column(cell: str) -> int:
    """The column of a cell, AB12, from 0."""
    return column_of("".join(filter(str.isalpha, cell)))
