"""Point and line tables in text files and workbooks, whatever stands above and below them."""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import python_calamine

from importers.base import RecordTable
from importers.profiles import known_headers, plain
from pipemap.errors import SourceError

_TEXT, _BOOK = {".csv", ".txt", ".tsv"}, {".xlsx", ".xls", ".xlsm", ".xlsb", ".ods"}
_DELIMITERS = (",", ";", "\t", "|", "，")
_HEADER_WITHIN = 20
_TOTAL = re.compile(
    r"^(合\s*计|总\s*计|小\s*计|共\s*计|制表|审核|检查|total|sum)\b|^(合计|总计|小计|共计)", re.IGNORECASE
)

Grid = list[list[Any]]


class TableReader:
    """Reads csv, txt and workbooks; the header is the row among the first twenty that names most known columns.

    Options: `encoding` and `delimiter` for text files that are neither UTF-8 nor GB18030 or whose
    delimiter cannot be told, `known_headers` for column names beyond those of the shipped profiles.
    """

    name = "tables"

    def accepts(self, path: Path) -> bool:
        """Whether the file is named like a text table or a workbook."""
        return path.suffix.lower() in _TEXT | _BOOK

    def read(self, paths: Sequence[Path], options: dict[str, Any]) -> Iterator[RecordTable]:
        """Yield one table per text file and per sheet.

        Raises
        ------
        SourceError
            When a file is empty, damaged, or in an encoding that is not what it should be.
        """
        known = known_headers() | {plain(name) for name in options.get("known_headers", ())}
        for path in paths:
            if path.suffix.lower() in _TEXT:
                yield _table(path.name, path.stem, _text_grid(path, options), known)
            else:
                for sheet, grid in _sheets(path):
                    yield _table(path.name, sheet, grid, known)


def _text_grid(path: Path, options: dict[str, Any]) -> Grid:
    text = _decoded(path, options.get("encoding"))
    delimiter = options.get("delimiter") or _delimiter(text)
    try:
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=False)
        return [[cell if cell.strip() else None for cell in row] for row in rows]
    except csv.Error as error:
        raise SourceError(
            f"{path.name} is not a text table ({error}).", message_zh=f"{path.name} 不是文本表格。"
        ) from error


def _decoded(path: Path, encoding: str | None) -> str:
    data = _bytes(path)
    if b"\0" in data[:4096]:
        raise SourceError(
            f"{path.name} is not text in UTF-8 or GB18030 (it holds zero bytes); save it as CSV UTF-8 and try again.",
            message_zh=f"{path.name} 不是 UTF-8 或 GB18030 编码的文本，请另存为 CSV UTF-8 后重试。",
        )
    for candidate in [encoding] if encoding else ["utf-8-sig", "gb18030"]:
        try:
            return data.decode(candidate)
        except (UnicodeDecodeError, LookupError):
            continue
    tried = encoding or "UTF-8 nor GB18030"
    raise SourceError(
        f"{path.name} is not in {tried}; save it as CSV UTF-8, "
        "or name its encoding in the profile ([reader] encoding).",
        message_zh=f"{path.name} 不是 {encoding or 'UTF-8、GB18030'} 编码，请另存为 CSV UTF-8，"
        "或在配置文件中指明编码（[reader] encoding）。",
    )


def _bytes(path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SourceError(
            f"{path.name} cannot be read: {error.strerror}.", message_zh=f"{path.name} 无法读取。"
        ) from error
    if not data.strip():
        raise SourceError(
            f"{path.name} is empty; ask for the file again.", message_zh=f"{path.name} 是空文件，请重新提供。"
        )
    return data


def _delimiter(text: str) -> str:
    """The delimiter that splits the first lines into the most columns on most lines."""
    lines = [line for line in text.splitlines()[:_HEADER_WITHIN] if line.strip()]
    return max(_DELIMITERS, key=lambda mark: sorted(line.count(mark) for line in lines)[len(lines) // 2])


def _sheets(path: Path) -> Iterator[tuple[str, Grid]]:
    _bytes(path)
    try:
        book = python_calamine.CalamineWorkbook.from_path(str(path))
    except (python_calamine.CalamineError, OSError) as error:
        raise SourceError(
            f"{path.name} is not a workbook that can be read ({error}); ask for it again.",
            message_zh=f"{path.name} 不是可读取的工作簿，请重新提供。",
        ) from error
    empty = True
    for name in book.sheet_names:
        try:
            grid = book.get_sheet_by_name(name).to_python(skip_empty_area=False)
        except python_calamine.CalamineError as error:
            raise SourceError(
                f"Sheet {name} of {path.name} is damaged ({error}); ask for it again.",
                message_zh=f"{path.name} 的工作表 {name} 已损坏，请重新提供。",
            ) from error
        rows = [[None if cell == "" else cell for cell in row] for row in grid]
        empty = empty and not any(cell is not None for row in rows for cell in row)
        yield name, rows
    if empty:
        raise SourceError(
            f"{path.name} has no cell with anything in it; ask for the file again.",
            message_zh=f"{path.name} 中没有任何内容，请重新提供。",
        )


def _table(file: str, sheet: str, grid: Grid, known: frozenset[str]) -> RecordTable:
    if not any(cell is not None for row in grid for cell in row):
        return RecordTable(file, sheet, pd.DataFrame())
    header = _header_row(grid, known)
    width = max(map(len, grid[header:]))
    names = _names(_fitted(grid[header], width))
    body = [_fitted(row, width) for row in grid[header + 1 :]]
    rows = pd.DataFrame(body, columns=names, dtype=object, index=range(header + 2, header + 2 + len(body)))
    keep = np.array([_is_record(row) for row in body], dtype=bool)
    return RecordTable(file, sheet, rows[keep], skipped_rows=int((~keep).sum()))


def _header_row(grid: Grid, known: frozenset[str]) -> int:
    scores = [sum(plain(cell) in known for cell in row if cell is not None) for row in grid[:_HEADER_WITHIN]]
    best = max(range(len(scores)), key=lambda place: (scores[place], -place))
    if scores[best]:
        return best
    return next(place for place, row in enumerate(grid) if any(cell is not None for cell in row))


def _names(row: Sequence[Any]) -> list[str]:
    """Column names; blanks and repeats get the column's number so that nothing is lost."""
    names: list[str] = []
    for place, cell in enumerate(row, start=1):
        name = str(cell).strip() if cell is not None else f"column {place}"
        names.append(name if name not in names else f"{name} ({place})")
    return names


def _fitted(row: Sequence[Any], width: int) -> list[Any]:
    return [*row[:width], *[None] * (width - len(row))]


def _is_record(row: Sequence[Any]) -> bool:
    """Whether a row is neither blank nor one whose first filled cell is a total or a signature."""
    first = next((cell for cell in row if cell is not None), None)
    return first is not None and not (isinstance(first, str) and _TOTAL.match(first.strip()))
