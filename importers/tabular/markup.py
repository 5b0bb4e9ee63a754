"""Tables in HTML pages and in the XML of Excel 2003, which many programs write and call an .xls."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lxml import etree, html

from importers.tabular.headers import Merge
from importers.tabular.workbooks import Sheet, too_large
from pipemap.errors import SourceError

_SPREADSHEET = "{urn:schemas-microsoft-com:office:spreadsheet}"
_HEAD_BYTES = 4096
_MOST_SPAN = 1_000
_MOST_CELLS = 5_000_000


def is_markup(path: Path) -> bool:
    """Whether a file begins like a page or an XML document."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    text = head.replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")
    return (
        text.startswith(b"<")
        and re.search(rb"<(?:\?xml|html|table|!doctype|meta|head)", text, re.IGNORECASE) is not None
    )


def sheets(path: Path) -> Iterator[Sheet]:
    """Every table of the document.

    Raises
    ------
    SourceError
        When the document holds no table.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, recover=True, huge_tree=False)
    data = path.read_bytes()
    try:
        root = etree.fromstring(data, parser)
        if root is None or root.tag != f"{_SPREADSHEET}Workbook":
            root = html.document_fromstring(data, html.HTMLParser(no_network=True, huge_tree=False))
    except (etree.LxmlError, ValueError, AssertionError) as error:
        raise _no_table(path) from error
    found = list(_worksheets(root) if root.tag == f"{_SPREADSHEET}Workbook" else _tables(path, root))
    if not found:
        raise _no_table(path)
    yield from found


def _worksheets(root: Any) -> Iterator[Sheet]:
    for number, sheet in enumerate(root.iter(f"{_SPREADSHEET}Worksheet"), start=1):
        rows = [_sheet_row(row) for row in sheet.iter(f"{_SPREADSHEET}Row")]
        yield Sheet(sheet.get(f"{_SPREADSHEET}Name") or f"Sheet{number}", False, rows, ())


def _sheet_row(row: Any) -> list[Any]:
    cells: list[Any] = []
    for cell in row.iter(f"{_SPREADSHEET}Cell"):
        at = _number(cell.get(f"{_SPREADSHEET}Index"), len(cells) + 1)
        cells += [None] * (at - 1 - len(cells))
        data = cell.find(f"{_SPREADSHEET}Data")
        text = "".join(data.itertext()).strip() if data is not None else ""
        is_number = data is not None and data.get(f"{_SPREADSHEET}Type") == "Number"
        cells.append(_float(text) if is_number else text or None)
        cells += [None] * _number(cell.get(f"{_SPREADSHEET}MergeAcross"), 0)
    return cells


def _tables(path: Path, root: Any) -> Iterator[Sheet]:
    for number, table in enumerate(root.iter("table"), start=1):
        grid: dict[tuple[int, int], str | None] = {}
        merges: list[Merge] = []
        for r, row in enumerate(table.iter("tr")):
            c = 0
            for cell in row.iter("td", "th"):
                while (r, c) in grid:
                    c += 1
                down, across = (_number(cell.get(name), 1) for name in ("rowspan", "colspan"))
                if len(grid) + down * across > _MOST_CELLS:
                    raise too_large(path)
                places = [(r + i, c + j) for i in range(down) for j in range(across)]
                grid |= dict.fromkeys(places, None) | {(r, c): " ".join(cell.text_content().split()) or None}
                if len(places) > 1:
                    merges.append(((r, c), places[-1]))
                c += across
        yield Sheet(path.stem if number == 1 else f"{path.stem} {number}", False, _dense(grid), merges)


def _dense(grid: dict[tuple[int, int], str | None]) -> list[list[str | None]]:
    n_rows, n_columns = (max((place[axis] + 1 for place in grid), default=0) for axis in (0, 1))
    rows: list[list[str | None]] = [[None] * n_columns for _ in range(n_rows)]
    for (r, c), text in grid.items():
        rows[r][c] = text
    return rows


def _number(text: str | None, default: int) -> int:
    return min(int(text), _MOST_SPAN) if text and text.isdigit() else default


def _float(text: str) -> float | str | None:
    try:
        return float(text)
    except ValueError:
        return text or None


def _no_table(path: Path) -> SourceError:
    return SourceError(
        f"{path.name} is a page without a table; save it as .xlsx and try again.",
        message_zh=f"{path.name} 是网页但没有表格，请另存为 .xlsx 后重试。",
    )
