"""Which rows under a header are records: totals, signatures, pages, repeated headers are not; columns typed."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from pyproj import CRS

from importers.base import RecordTable
from importers.normalising.ledger import listed
from importers.profiles import plain
from importers.tabular.headers import Header, Merge, is_filled, labels, title
from importers.tabular.systems import system_of, told_of_system
from importers.tabular.typed_columns import Column, Row, columns_of, first_filled, fitted, is_none, row_of
from schemas.findings import Finding, Severity

ROWS_OF_HEADER = 3
_FEW_COLUMNS = 4
# Three words, or one and what it says.
_SENTENCE = re.compile(r"[^\W\d]{2,}\s+[^\W\d]{2,}\s+[^\W\d]{2,}|[^\W\d]{2,}\s*[:：]\s*\S|[一-鿿，。、]{8,}")
# A quote that is never closed makes one cell of half a file.
_BEGINNING = 200
_ASCII_STARTS = (
    "total", "sum", "sub", "grand", "page", "- ", "razem", "gesamt", "somme", "totaal", "toplam", "celkem",
    "jumlah", "jml", "ukupno", "skupaj", "spolu", "kokku",
)  # fmt: skip

_BLANK, _TOTALS, _SIGNED, _PAGES = "blank", "totals", "signatures", "page marks"
_HEAD, _HEADER, _NUMBERING = "titles and remarks", "repeated headers", "column numbers"
_IN_CHINESE = {
    _TOTALS: "合计",
    _SIGNED: "签署",
    _PAGES: "页码",
    _HEAD: "标题与说明",
    _HEADER: "重复表头",
    _NUMBERING: "列序号",
}
_REASONS = {
    re.compile(
        r"^[(（]?(?:合\s*计|总\s*计|小\s*计|共\s*计|累\s*计|(?:grand\s+|sub-?\s?)?total|totale|totaal|sum|suma|summe"
        r"|somme|gesamt|razem|toplam|celkem|jumlah|jml|итого|всего|разом|всього|общо|összesen|mindösszesen|ukupno|skupaj|spolu|yhteensä|totalt|kokku|kopā|viso"
        r"|σύνολο|جمع(?:\s+کل)?|รวม(?:ทั้งหมด|ทั้งสิ้น)?|कुल|합\s*계|소\s*계|合\s*計|小\s*計|tổng(?:\s+cộng)?|المجموع|الإجمالي)\b"
        r"|^(?:合计|总计|小计|共计|累计)"
        r"|(?:合计|总计|小计|共计|累计)\s*[:：]?$",
        re.IGNORECASE,
    ): _TOTALS,
    re.compile(
        r"^(?:制\s*表|审\s*核|检\s*查|校\s*核|复\s*核|校\s*对|填\s*表|制\s*图|绘\s*图|探\s*测|测\s*量|记\s*录|调\s*查|作\s*业)"
        r"(?:者|人|员|单位|日期)?\s*(?:[:：]|$)"
    ): _SIGNED,
    re.compile(r"^(?:第\s*\d+\s*页|共\s*\d+\s*页|page\s*\d+\b|-\s\d+\s-$)", re.IGNORECASE): _PAGES,
    re.compile(r"^(?:注|说明|备注|单位|坐标系统?|高程系统?|日期)\s*[:：]"): _HEAD,
}
_SUSPECT = re.compile("|".join(["[:：]", *(f"(?i:{pattern.pattern})" for pattern in _REASONS)]))


@dataclass(frozen=True)
class Names:
    """Column names that tell a header, labels of lines above it, and the names of the column that numbers points."""

    known: frozenset[str]
    labels: frozenset[str]
    keys: frozenset[str]


@dataclass
class Grid:
    """One sheet or text file as rows of cells; blank cells are None or empty text.

    `merges` are merged cells as (first row and column, last row and column) counted from 0; `clean` is
    applied to texts, for formats that pad them or write numbers in their own way.
    """

    file: str
    sheet: str
    rows: Iterable[Row]
    merges: Sequence[Merge] = ()
    clean: Callable[[str], str] = str.strip
    findings: list[Finding] = field(default_factory=list)


@dataclass
class Body:
    """The rows under the header, chunk by chunk; lines between them that hold for the rows after are remembered."""

    grid: Grid
    names: Names
    header: Header | None
    above: Sequence[Row]
    header_rows: Sequence[Row]
    said: dict[str, str] = field(default_factory=dict)
    key_places: list[int] = field(default_factory=list)
    is_top: bool = True
    crs: CRS | None = None

    def __post_init__(self) -> None:
        for row in self.above:
            self.said.update(self._labels(row))
        named = self.header.names if self.header else []
        self.key_places = [n for n, name in enumerate(named) if plain(name) in self.names.keys]
        self.title = title(self.above)
        self.about = [*self.above, named]
        width = len(named)
        self.lines_above = {tuple(map(_plain, fitted(row, width))) for row in self.above if any_filled(row)}
        firsts = (next(filter(is_filled, row), None) for row in (*self.above, *self.header_rows))
        self.header_cells = {str(cell) for cell in firsts if cell is not None}

    def begins_point(self, row: Row) -> bool:
        """Whether a row is not one of the further lines of the point of the row before."""
        return not self.key_places or any(n < len(row) and row[n] not in (None, "") for n in self.key_places)

    def table(self, rows: list[Row], start: int) -> RecordTable:
        """The records among some rows, the first of which has the number `start`, counted from 0."""
        columns = columns_of(_filled_merges(rows, start, self.grid.merges), self._width(rows), self.grid.clean)
        skipped = self._skipped(columns, len(rows), self.is_top)
        self.is_top = False
        frame = self._frame(columns, skipped, len(rows))
        frame.index = pd.RangeIndex(start + 1, start + 1 + len(rows))
        keep = np.ones(len(rows), dtype=bool)
        keep[list(skipped)] = False
        remarks = [row_of(columns, place) for place, why in skipped.items() if why == _HEAD]
        findings = [*self.grid.findings, *self._said_of(skipped, start)]
        if self.crs is None and (crs := system_of([*self.about, *remarks], frame[keep])):
            self.crs = crs
            findings.append(told_of_system(self.grid.file, self.grid.sheet, crs))
        self.grid.findings = []
        return RecordTable(
            self.grid.file,
            self.grid.sheet,
            frame if keep.all() else frame[keep],
            crs=self.crs,
            skipped_rows=len(skipped),
            findings=findings,
            title=self.title,
            said=frozenset(self.said).difference(self.header.names if self.header else ()),
        )

    def _width(self, rows: list[Row]) -> int:
        named = len(self.header.names) if self.header else 0
        return max(named, max(map(len, rows), default=0))

    def _frame(self, columns: list[Column], skipped: dict[int, str], n_rows: int) -> pd.DataFrame:
        named = list(self.header.names) if self.header else []
        named += [f"column {n + 1}" for n in range(len(named), len(columns))]
        there = dict(zip(named, columns, strict=True))
        for label, column in self._said_columns(columns, skipped, n_rows).items():
            there.setdefault(label, column)
        # Typed one by one: pandas would make Arrow strings of texts.
        return pd.DataFrame({name: pd.Series(column, dtype=column.dtype) for name, column in there.items()}, copy=False)

    def _said_columns(self, columns: list[Column], skipped: dict[int, str], n_rows: int) -> dict[str, Column]:
        """What lines above the rows say of them, as columns; a line in between holds from there on."""
        said = {label: np.full(n_rows, value, dtype=object) for label, value in self.said.items()}
        for place, why in skipped.items():
            for label, value in self._labels(row_of(columns, place)).items() if why == _HEAD else ():
                said.setdefault(label, np.full(n_rows, None, dtype=object))[place:] = value
                self.said[label] = value
        return said

    def _skipped(self, columns: list[Column], n_rows: int, is_top: bool) -> dict[int, str]:
        """Which rows are no records, and why."""
        first = first_filled(columns, n_rows)
        skipped = dict.fromkeys(np.flatnonzero(is_none(first)).tolist(), _BLANK)
        suspects = self._suspects(first.tolist())
        places = [place for place, cell in enumerate(first.tolist()) if cell in suspects] if suspects else []
        for place in {*places, *range(min(ROWS_OF_HEADER, n_rows) if is_top else 0)} - skipped.keys():
            if why := self._why_skipped(str(first[place]), row_of(columns, place)):
                skipped[place] = why
        skipped |= dict.fromkeys(self._lines_below(columns, first, skipped), _HEAD)
        if is_top and n_rows and self.header and self.header.is_numbering(row_of(columns, 0)):
            skipped[0] = _NUMBERING
        return dict(sorted(skipped.items()))

    def _lines_below(self, columns: list[Column], first: Column, skipped: dict[int, str]) -> Iterator[int]:
        """Rows at the end that are sentences: nothing stands beside them, and no point is numbered with words."""
        if self.header is None or len(self.header.names) < _FEW_COLUMNS:
            return
        for place in range(len(first) - 1, -1, -1):
            if place in skipped:
                continue
            if not isinstance(first[place], str) or not _SENTENCE.search(first[place], 0, _BEGINNING):
                return
            if sum(cell is not None and cell == cell for cell in row_of(columns, place)) > 1:
                return
            yield place

    def _suspects(self, cells: list[Any]) -> set[str]:
        """Words among first cells that a record would hardly begin with."""
        words = [cell for cell in cells if type(cell) is str]
        # Most columns are plain numbers of points, which one look at all of them tells.
        joined = "\n".join(words)
        if joined.isascii() and not self._ascii_suspect.search(joined):
            return set()
        return {word for word in set(words) if self._ascii_suspect.match(word) or _SUSPECT.search(word)}

    @cached_property
    def _ascii_suspect(self) -> re.Pattern[str]:
        """Words of totals and pages in English, and what the header begins with."""
        begun = [f"{re.escape(cell)}$" for cell in self.header_cells if cell.strip()]
        return re.compile(rf"^(?:{'|'.join([*_ASCII_STARTS, *begun])})", re.MULTILINE | re.IGNORECASE)

    def _why_skipped(self, cell: str, row: Row) -> str | None:
        for pattern, why in _REASONS.items():
            if pattern.search(cell):
                return why
        if tuple(map(_plain, row)) in self.lines_above or (re.search("[:：]", cell) and self._labels(row)):
            return _HEAD
        is_header = self.header is not None and (self.header.repeats(row) or self._names_columns(row))
        return _HEADER if is_header else None

    def _labels(self, row: Row) -> dict[str, str]:
        return labels(row, self.names.labels)

    def _names_columns(self, row: Row) -> bool:
        filled = [cell for cell in row if cell is not None]
        n_known = sum(isinstance(cell, str) and plain(cell) in self.names.known for cell in filled)
        return n_known > 2 and n_known * 2 > len(filled)

    def _said_of(self, skipped: dict[int, str], start: int) -> list[Finding]:
        """One finding for what was left out, by reason; blank rows need no word."""
        by_reason: dict[str, list[int]] = {}
        for place, why in skipped.items():
            by_reason.setdefault(why, []).append(start + 1 + place)
        by_reason.pop(_BLANK, None)
        if not by_reason:
            return []
        first = min(rows[0] for rows in by_reason.values())
        words = "; ".join(f"{len(rows)} {why} (row {listed(rows)})" for why, rows in by_reason.items())
        in_chinese = "；".join(
            f"{_IN_CHINESE[why]} {len(rows)} 行（第 {listed(rows)} 行）" for why, rows in by_reason.items()
        )
        return [
            Finding(
                rule="IMP-SKIP",
                severity=Severity.INFO,
                message_en=f"Rows that are no records were left out: {words}.",
                message_zh=f"跳过非数据行：{in_chinese}。",
                file=self.grid.file,
                sheet=self.grid.sheet,
                row=first,
                details={"rows": sum(map(len, by_reason.values()))},
            )
        ]


def _filled_merges(rows: list[Row], start: int, merges: Sequence[Merge]) -> list[Row]:
    """Rows with every cell that is merged over several rows written in each of them."""
    stop = start + len(rows)
    for (top, left), (bottom, _) in merges:
        if top < bottom and start <= top < stop and left < len(rows[top - start]):
            for place in range(top + 1 - start, min(bottom + 1, stop) - start):
                row = rows[place]
                if left < len(row) and row[left] in (None, ""):
                    rows[place] = [*row[:left], rows[top - start][left], *row[left + 1 :]]
    return rows


def _plain(cell: Any) -> str:
    return "" if cell is None else plain(str(cell))


def any_filled(row: Row) -> bool:
    """Whether any cell of a row holds something."""
    return any(cell is not None and cell != "" for cell in row)
