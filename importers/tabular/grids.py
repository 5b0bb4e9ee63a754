"""Rows of cells into record tables: each table of a sheet found, with its header, and read in chunks."""

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain, islice

import pandas as pd

from importers.base import RecordTable
from importers.tabular.beside import column_between
from importers.tabular.column_letters import letters_of
from importers.tabular.headers import HEADER_WITHIN, Merge, find_header, is_filled
from importers.tabular.records import ROWS_OF_HEADER, Body, Grid, Names, any_filled
from importers.tabular.stacked import Tables
from importers.tabular.turned import Turned, turned
from importers.tabular.typed_columns import Row
from importers.tabular.unread import colours_said
from schemas.findings import Finding, Severity

CHUNK_ROWS = 50_000

_SAMPLE_ROWS = HEADER_WITHIN + 10
_MORE_UNTIL_NEXT_POINT = 1_000
# A sheet may be 16,384 columns wide, for one cell far out or by damage; no table is.
_MOST_COLUMNS = 1_000
# More single lines than these above a table do not count among the rows its header is looked for in.
_FEW_LINES, _MOST_LINES = 10, 1_000


def tables_of(grid: Grid, names: Names, chunk_rows: int = CHUNK_ROWS) -> Iterator[RecordTable]:
    """One table per at most about `chunk_rows` rows of a grid, all with its file and sheet.

    A grid without any filled cell gives one table without columns. Totals, signatures, page footers and
    repeated headers are left out, counted and named in a finding. A chunk never begins with a row that
    goes on about the point of the row before. Where the header of another table follows below, that one has
    a sheet of its own, named by the cell that it begins in: `热力!A19`.
    """
    grid = _within_reach(grid)
    for first_row, rows in Tables(grid.rows, names.known):
        part = grid if not first_row else _another(grid, first_row, 0)
        for side in _sides(replace(part, rows=rows), first_row):
            yield from _tables_of_one(side, names, chunk_rows, first_row)


def _within_reach(grid: Grid) -> Grid:
    """The grid without what stands beyond the thousandth column, which a finding tells."""
    rows = iter(grid.rows)
    first = list(islice(rows, _SAMPLE_ROWS))
    if max(map(len, first), default=0) <= _MOST_COLUMNS:
        return replace(grid, rows=chain(first, rows))
    whole = [*first, *rows]
    far = [
        (number, column, cell)
        for number, row in enumerate(whole, start=1)
        for column, cell in enumerate(row[_MOST_COLUMNS:], start=_MOST_COLUMNS)
        if is_filled(cell)
    ]
    told = [_far_out(grid, len(far), *far[0])] if far else []
    return replace(grid, rows=[row[:_MOST_COLUMNS] for row in whole], findings=[*grid.findings, *told])


def _far_out(grid: Grid, count: int, row: int, column: int, cell: object) -> Finding:
    letters = letters_of(column)
    return Finding(
        rule="IMP-FAR",
        severity=Severity.WARNING,
        message_en=f"{count} cells of {grid.sheet} beyond its first {_MOST_COLUMNS:,} columns were left out, the first "
        f"in {letters}{row}; if they belong to the table, move them beside it, else delete them.",
        message_zh=f"{grid.sheet} 第 {_MOST_COLUMNS} 列以外的 {count} 个单元格未读取，首个为 {letters}{row}；"
        "若属于本表请移至表旁，否则请删除。",
        file=grid.file,
        sheet=grid.sheet,
        row=row,
        column=letters,
        value=str(cell),
    )


def _sides(grid: Grid, first_row: int) -> Iterator[Grid]:
    """A table, or the two that stand beside each other; of those the right one has a sheet of its own: `热力!F1`."""
    rows = iter(grid.rows)
    first = list(islice(rows, _SAMPLE_ROWS))
    at = column_between(first)
    if at is None:
        yield replace(grid, rows=chain(first, rows))
        return
    whole = [*first, *rows]
    yield replace(grid, rows=[row[:at] for row in whole], merges=[merge for merge in grid.merges if merge[1][1] < at])
    right = [
        ((top, left - at - 1), (bottom, last - at - 1)) for (top, left), (bottom, last) in grid.merges if left > at
    ]
    yield replace(_another(grid, first_row, at + 1), rows=[row[at + 1 :] for row in whole], merges=right)


def _tables_of_one(grid: Grid, names: Names, chunk_rows: int, first_row: int) -> Iterator[RecordTable]:
    """The chunks of one table, before which the sheet has `first_row` rows."""
    rows = iter(grid.rows)
    first = list(islice(rows, _SAMPLE_ROWS))
    while not any(map(any_filled, first)):
        if not (more := list(islice(rows, CHUNK_ROWS))):
            yield _empty(grid)
            return
        first += more
    lies = turned(first, names.known) if len(first) < _SAMPLE_ROWS else None
    if lies is not None:
        yield _of_turned(grid, names, lies)
        return
    first, n_lines = _beyond_remarks(first, rows)
    header = find_header(first[n_lines:], names.known, _moved(grid.merges, -first_row - n_lines))
    top, start = (header.top + n_lines, header.bottom + n_lines) if header else (0, 0)
    said = colours_said(list(enumerate(first[:top], start=first_row + 1)), grid.file, grid.sheet)
    grid = replace(grid, findings=[*grid.findings, *said])
    body = Body(grid, names, header, first[:top], first[top:start])
    chunks = _chunks(chain(first[start:], rows), chunk_rows, body.begins_point)
    yielded = False
    start += first_row
    while True:
        with _collection_paused():
            chunk = next(chunks, [])
            table = body.table(chunk, start) if chunk or not yielded else None
        if table is None:
            return
        n_rows, chunk = len(chunk), []
        yield table
        start += n_rows
        yielded = True


def _another(grid: Grid, first_row: int, first_column: int) -> Grid:
    """Another table of a sheet, which begins below so many rows and behind so many columns."""
    cell = f"{letters_of(first_column)}{first_row + 1}"
    sheet = f"{grid.sheet}!{cell}"
    finding = Finding(
        rule="IMP-STACKED",
        severity=Severity.INFO,
        message_en=f"Another table begins in {cell} of {grid.sheet}; it is read by itself, as {sheet}.",
        message_zh=f"{grid.sheet} 自 {cell} 起为另一张表，按 {sheet} 单独读取。",
        file=grid.file,
        sheet=sheet,
        row=first_row + 1,
    )
    return replace(grid, sheet=sheet, findings=[*grid.findings, finding])


def _of_turned(grid: Grid, names: Names, lies: Turned) -> RecordTable:
    header = find_header(lies.rows, names.known)
    top, start = (header.top, header.bottom) if header else (0, 0)
    body = Body(replace(grid, merges=()), names, header, [*lies.above, *lies.rows[:top]], lies.rows[top:start])
    table = body.table(list(lies.rows[start:]), start)
    finding = Finding(
        rule="IMP-TURNED",
        severity=Severity.INFO,
        message_en=f"{grid.sheet} names its attributes down the first column and gives a point or a pipe in each "
        "column; it was read turned, so that a row of a finding is a column of the sheet.",
        message_zh=f"{grid.sheet} 的属性名位于首列、每列为一个管点或管段；已转置读取，问题中的行号即该表的列号。",
        file=grid.file,
        sheet=grid.sheet,
    )
    return replace(table, findings=[*table.findings, finding])


def _beyond_remarks(first: list[Row], rows: Iterator[Row]) -> tuple[list[Row], int]:
    """The first rows with as many more as single lines stand above the table, and how many of those are no header."""
    n_lines = _n_lines(first)
    if n_lines <= _FEW_LINES:
        return first, 0
    while n_lines == len(first) < _MOST_LINES and (more := list(islice(rows, _SAMPLE_ROWS))):
        first += more
        n_lines = _n_lines(first)
    if n_lines == len(first):
        return first, 0
    # The lowest of them may be the first of several rows of the header.
    n_lines -= ROWS_OF_HEADER
    return [*first, *islice(rows, n_lines)], n_lines


def _n_lines(rows: Sequence[Row]) -> int:
    """How many rows with one filled cell or none the rows begin with."""
    return next((at for at, row in enumerate(rows) if sum(map(is_filled, row)) > 1), len(rows))


def _moved(merges: Sequence[Merge], rows: int) -> Sequence[Merge]:
    """Merged cells that many rows lower."""
    if not rows:
        return merges
    return [((top + rows, left), (bottom + rows, right)) for (top, left), (bottom, right) in merges]


@contextmanager
def _collection_paused() -> Iterator[None]:
    """Python's search for cycles would go through millions of new cells again and again, and find none."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _chunks(rows: Iterator[Row], n_rows: int, begins: Callable[[Row], bool]) -> Iterator[list[Row]]:
    """Rows in pieces of about `n_rows`, each but the first beginning with a row that may begin a piece."""
    chunk = list(islice(rows, n_rows))
    while chunk:
        following: list[Row] = []
        for row in islice(rows, _MORE_UNTIL_NEXT_POINT):
            if begins(row):
                following.append(row)
                break
            chunk.append(row)
        yield chunk
        chunk = [*following, *islice(rows, n_rows - 1)] if following else list(islice(rows, n_rows))


def _empty(grid: Grid) -> RecordTable:
    finding = Finding(
        rule="IMP-EMPTY",
        severity=Severity.INFO,
        message_en=f"Sheet {grid.sheet} is empty.",
        message_zh=f"工作表 {grid.sheet} 为空。",
        file=grid.file,
        sheet=grid.sheet,
    )
    return RecordTable(grid.file, grid.sheet, pd.DataFrame(), findings=[finding])
