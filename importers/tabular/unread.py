"""What a workbook holds that no reader takes: remarks on cells, colours with a meaning, formulas without values."""

import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from importers.normalising.ledger import listed
from schemas.findings import Finding, Severity

COLOUR = "IMP-COLOUR"

_REMARKS = re.compile(r"xl/(?:comments/|threadedComments/)?(?:comments?|threadedComment)\d*\.xml")
_REMARK = re.compile(rb"<(?:\w+:)?comment\b[^>]*\bref=\"([A-Z]{1,3}\d+)\"")
_MOST_BYTES = 16 * 2**20
_COLOURS = re.compile(
    r"[红黄绿蓝紫橙灰粉]色|标[红黄绿蓝]|底色|颜色|填充色|高亮"
    r"|\b(?:colou?r(?:ed|s)?|highlight(?:ed)?|shaded|(?:red|yellow|green|blue|grey|gray|orange)\s+(?:fill|cells?|rows?))\b"
    r"|图例|\b(?:legend|legende|légende|leyenda|legenda|легенда)\b"
    r"|\b(?:farbig|farbe|couleur|surlign\w+|color(?:eado)?|цвет\w*|выделен\w*)\b",
    re.IGNORECASE,
)


def remarks_on_cells(path: Path) -> list[Finding]:
    """One finding that names the cells with remarks of an .xlsx; none where there are none, or the file is another."""
    try:
        cells = _cells_with_remarks(path)
    except (OSError, RuntimeError, ValueError, NotImplementedError, EOFError, zlib.error, zipfile.BadZipFile):
        # What is damaged is told when its sheets are read.
        return []
    if not cells:
        return []
    return [
        Finding(
            rule="IMP-REMARK",
            severity=Severity.INFO,
            message_en=f"{len(cells)} cells of {path.name} have remarks ({listed(cells)}), which are not read; "
            "put what matters into a column.",
            message_zh=f"{path.name} 有 {len(cells)} 个单元格带批注（{listed(cells)}），批注未读取；"
            "重要内容请写入单独的列。",
            file=path.name,
        )
    ]


def unvalued(file: str, count: int) -> Finding:
    """That formulas of a workbook have no value, as the program that wrote them did not reckon."""
    return Finding(
        rule="IMP-FORMULA",
        severity=Severity.WARNING,
        message_en=f"{count} formulas of {file} have no stored value and were read as blank; open it in a spreadsheet "
        "program, save it, and import again.",
        message_zh=f"{file} 有 {count} 个公式未存储计算结果，按空值读取；请用电子表格软件打开并保存后重新导入。",
        file=file,
    )


def _cells_with_remarks(path: Path) -> list[str]:
    if not zipfile.is_zipfile(path):
        return []
    with zipfile.ZipFile(path) as archive:
        parts = [part for part in archive.infolist() if _REMARKS.fullmatch(part.filename)]
        texts = [archive.read(part) for part in parts if part.file_size <= _MOST_BYTES]
    return [cell.decode() for text in texts for cell in _REMARK.findall(text)]


def says_colours(cells: Sequence[Any]) -> bool:
    """Whether a line beside a table says what a colour of cells means, or that a legend does."""
    return any(map(_speaks_of_colours, cells))


def _speaks_of_colours(cell: Any) -> bool:
    return isinstance(cell, str) and _COLOURS.search(cell) is not None


def colours_said(lines: Sequence[tuple[int, Sequence[Any]]], file: str, sheet: str) -> Iterator[Finding]:
    """A finding for each line beside a table, given with its row, that says what a colour of cells means."""
    for row, cells in lines:
        text = next(filter(_speaks_of_colours, cells), None)
        if text is not None:
            yield Finding(
                rule=COLOUR,
                severity=Severity.WARNING,
                message_en="A line of the sheet gives the colours of cells a meaning. Colours are not read: add a "
                "column that says it, and import again.",
                message_zh="表中说明以颜色区分的内容；颜色不会被读取，请增加一列写明后重新导入。",
                file=file,
                sheet=sheet,
                row=row,
                value=text[:200],
            )
