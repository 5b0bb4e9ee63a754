"""Point and line tables in text files and workbooks, whatever stands above and below them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from itertools import chain, islice
from pathlib import Path
from typing import Any

import pandas as pd

from importers.base import RecordTable
from importers.profile_files import known_headers, load_profile, shipped
from importers.profiles import plain
from importers.tabular import markup
from importers.tabular.chainages import with_points_joined
from importers.tabular.colours import meanings_of_rows, with_colours
from importers.tabular.column_names import is_name, may_be_values
from importers.tabular.decimal_commas import with_decimal_points
from importers.tabular.drawn_columns import with_shapes
from importers.tabular.grid_references import with_grid_references
from importers.tabular.grids import CHUNK_ROWS, tables_of
from importers.tabular.headers import HEADER_WITHIN, header_score
from importers.tabular.long_tables import with_things_as_rows
from importers.tabular.offsets import with_whole_places
from importers.tabular.place_pairs import with_places_apart
from importers.tabular.records import Grid, Names
from importers.tabular.routes import with_pieces_of_routes
from importers.tabular.systems import with_systems_apart
from importers.tabular.text_files import text_format, text_rows, with_point
from importers.tabular.unit_columns import with_units_beside
from importers.tabular.unread import remarks_on_cells, unvalued
from importers.tabular.wide_columns import with_rows_for_links
from importers.tabular.workbooks import Sheet, is_workbook, sheets
from pipemap.errors import SourceError
from schemas.findings import Finding, Severity

_TEXT, _BOOK = {".csv", ".txt", ".tsv", ".tab", ".asc"}, {".xlsx", ".xls", ".xlsm", ".xlsb", ".ods", ".et"}
# Programs that export "Excel" often write text under its name.
_OFTEN_TEXT = {".xls", ".et"}
# What a line above a table can say of all its rows.
_SAID_ABOVE = (
    "class", "owner", "lifecycle", "installed_on", "address", "section", "diameter", "material", "burial",
)  # fmt: skip
# Among so many there is a record, whatever titles and totals stand around it.
_FEWEST_HEAD_ROWS = 1_000
_SHEET_LABELS = ("图幅号", "图号", "工程名称", "工程编号", "测区", "测区名称")


class TableReader:
    """Reads csv, txt and workbooks; the header is the row among the first twenty that names most known columns.

    Options: `encoding` and `delimiter` for text files whose own cannot be told, `known_headers` for column
    names beyond those of the shipped profiles, `hidden_sheets` to read those too, `chunk_rows` for about how
    many rows make a table.
    """

    name = "tables"

    def accepts(self, path: Path) -> bool:
        """Whether the file is named like a text table or a workbook."""
        return path.suffix.lower() in _TEXT | _BOOK

    def prepare(self, options: dict[str, Any]) -> None:
        """Load names of columns and words of code tables."""
        is_name("", _names(frozenset(options.get("known_headers", ()))).known)
        may_be_values([""])

    def read(self, paths: Sequence[Path], options: dict[str, Any]) -> Iterator[RecordTable]:
        """The rows of each text file and sheet, in as many tables as the rows need.

        Raises
        ------
        SourceError
            When a file is empty, damaged, protected, or in an encoding that is not what it should be.
        """
        names = _names(frozenset(options.get("known_headers", ())))
        return _opened(self._tables(paths, names, options), names)

    def _tables(self, paths: Sequence[Path], names: Names, options: dict[str, Any]) -> Iterator[RecordTable]:
        for path in paths:
            if _is_text(path):
                yield from tables_of(_text_grid(path, options, names), names, options.get("chunk_rows", CHUNK_ROWS))
            elif is_workbook(path) or path.suffix.lower() not in _OFTEN_TEXT:
                yield from _tables_of_book(path, sheets(path), options, names)
            else:
                yield from _tables_of_book(path, markup.sheets(path), options, names)

    def heads(self, path: Path, options: dict[str, Any]) -> Iterator[RecordTable] | None:
        """The first rows of a text file; None for workbooks, which are unpacked whole to read any of them."""
        if not _is_text(path):
            return None
        names = _names(frozenset(options.get("known_headers", ())))
        rows = max(options.get("chunk_rows", CHUNK_ROWS), _FEWEST_HEAD_ROWS)
        return _opened(islice(tables_of(_text_grid(path, options, names), names, rows), 1), names)


def _opened(tables: Iterable[RecordTable], names: Names) -> Iterator[RecordTable]:
    """Tables with a row for each thing and each connected point, a column for each coordinate, and shapes where drawn.

    Rows of several coordinate systems are a table for each.

    How is told once a sheet.
    """
    told: set[tuple[str, str]] = set()
    decimal: set[str] = set()
    for table in with_things_as_rows(tables, names.known):
        whole = with_pieces_of_routes(with_rows_for_links(with_decimal_points(table, decimal), names.keys))
        whole = with_whole_places(with_grid_references(with_places_apart(with_units_beside(whole))))
        whole = with_points_joined(whole)
        if whole is not table and (table.file, table.sheet) in told:
            whole = replace(whole, findings=table.findings)
        told.add((table.file, table.sheet))
        for of_system in with_systems_apart(whole):
            yield from with_shapes(of_system)


def _is_text(path: Path) -> bool:
    """Whether a file is a text table, also one under the name of a workbook."""
    suffix = path.suffix.lower()
    return suffix in _TEXT or (suffix in _OFTEN_TEXT and not is_workbook(path) and not markup.is_markup(path))


@cache
def _names(more: frozenset[str]) -> Names:
    profiles = [load_profile(name) for name in shipped()]
    said = (
        plain(name)
        for profile in profiles
        for role in ("node", "segment")
        for attribute in _SAID_ABOVE
        for name in profile.names(role, attribute)
    )
    keys = (plain(name) for profile in profiles for name in profile.names("node", "key"))
    return Names(known_headers() | {plain(name) for name in more}, frozenset([*said, *_SHEET_LABELS]), frozenset(keys))


def _text_grid(path: Path, options: dict[str, Any], names: Names) -> Grid:
    form = text_format(
        path, options.get("encoding"), options.get("delimiter"), lambda rows: header_score(rows, names.known)
    )
    clean = _with_point_and_stripped if form.decimal_comma else str.strip
    findings = [_broken_text(path, form.encoding)] if form.has_faults else []
    return Grid(path.name, path.stem, text_rows(path, form), clean=clean, findings=findings)


def _with_point_and_stripped(cell: str) -> str:
    return with_point(cell.strip())


def _tables_of_book(path: Path, book: Iterator[Sheet], options: dict[str, Any], names: Names) -> Iterator[RecordTable]:
    is_empty, remarks = True, remarks_on_cells(path)
    for sheet in book:
        if sheet.is_hidden and not options.get("hidden_sheets"):
            yield _hidden(path, sheet)
            continue
        rows = iter(sheet.rows)
        first = list(islice(rows, HEADER_WITHIN))
        meanings = meanings_of_rows(path, sheet.name, first)
        grid = Grid(path.name, sheet.name, chain(first, rows), sheet.merges, findings=remarks)
        remarks = []
        if sheet.n_unvalued:
            grid.findings = [*grid.findings, unvalued(path.name, sheet.n_unvalued)]
        for table in tables_of(grid, names, options.get("chunk_rows", CHUNK_ROWS)):
            is_empty = is_empty and not len(table.rows.columns)
            yield with_colours(table, meanings) if meanings else table
    if is_empty:
        raise SourceError(
            f"{path.name} has no cell with anything in it; ask for the file again.",
            message_zh=f"{path.name} 中没有任何内容，请重新提供。",
        )


def _hidden(path: Path, sheet: Sheet) -> RecordTable:
    n_rows = sum(any(cell not in (None, "") for cell in row) for row in sheet.rows)
    finding = Finding(
        rule="IMP-HIDDEN",
        severity=Severity.WARNING,
        message_en=f"Sheet {sheet.name} is hidden and was left out with its {n_rows} rows; unhide it to import it.",
        message_zh=f"工作表 {sheet.name} 已隐藏，其 {n_rows} 行未导入；如需导入请取消隐藏。",
        file=path.name,
        sheet=sheet.name,
    )
    return RecordTable(path.name, sheet.name, pd.DataFrame(), skipped_rows=n_rows, findings=[finding])


def _broken_text(path: Path, encoding: str) -> Finding:
    return Finding(
        rule="IMP-ENCODING",
        severity=Severity.WARNING,
        message_en=f"Some bytes of {path.name} are no text in {encoding.upper()}; they were read as \ufffd.",
        message_zh=f"{path.name} 中部分字节不是 {encoding.upper()} 编码的文字，以 \ufffd 代替。",
        file=path.name,
        sheet=path.stem,
    )
