"""A workbook of 100,000 rows and 20 columns: read and normalised, against python-calamine that only reads it."""

import zipfile
from collections.abc import Callable, Iterator, Sequence
from html import escape
from pathlib import Path

import numpy as np
import python_calamine

from bench.measure import Line, paired_s
from importers.delivery import read_delivery

_COLUMNS = {
    "points": (
        "物探点号", "图上点号", "X", "Y", "地面高程", "特征", "附属物", "管线类型", "井深", "井盖材质", "井盖规格",
        "图幅号", "道路名称", "权属单位", "建设年代", "使用状态", "旋转角", "探测单位", "探测日期", "备注",
    ),
    "segments": (
        "管线类型", "起点X", "起点Y", "起点地面高程", "起点埋深", "终点X", "终点Y", "终点地面高程", "终点埋深", "管径",
        "材质", "埋设方式", "压力", "流向", "权属单位", "道路名称", "建设年代", "使用状态", "探测日期", "备注",
    ),
}  # fmt: skip
_SRID = 4547
_REPEATS = 5


def table_lines(folder: Path, n_rows: int = 100_000) -> list[Line]:
    """One line per kind of table; ratio is reading and normalising over reading alone."""
    lines = []
    for kind, rows in (("points", _points), ("segments", _segments)):
        path = folder / f"{kind}.xlsx"
        write_workbook(path, _COLUMNS[kind], rows(n_rows))
        ours, alone = paired_s(lambda p=path: read_delivery([p], srid=_SRID), _read_alone(path), _REPEATS)  # type: ignore[misc]
        note = f"{n_rows:,} rows, {len(_COLUMNS[kind])} columns"
        lines.append(Line(f"xlsx of {kind}: read and normalise", ours, alone, "python-calamine reads it", note))
    return lines


def write_workbook(path: Path, header: Sequence[str], rows: Iterator[Sequence[str | float]]) -> None:
    """One sheet with shared strings, as a spreadsheet program writes it."""
    strings: dict[str, int] = {}

    def cell(place: str, value: str | float) -> str:
        if isinstance(value, str):
            if not value:
                return ""
            return f'<c r="{place}" t="s"><v>{strings.setdefault(value, len(strings))}</v></c>'
        return f'<c r="{place}"><v>{value}</v></c>'

    letters = [chr(ord("A") + n) for n in range(len(header))]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as book:
        with book.open("xl/worksheets/sheet1.xml", "w") as sheet:
            sheet.write(f'<?xml version="1.0"?><worksheet xmlns="{_MAIN}"><sheetData>'.encode())
            for number, row in enumerate([header, *rows], start=1):
                cells = "".join(cell(f"{letter}{number}", value) for letter, value in zip(letters, row, strict=True))
                sheet.write(f'<row r="{number}">{cells}</row>'.encode())
            sheet.write(b"</sheetData></worksheet>")
        words = "".join(f"<si><t>{escape(word)}</t></si>" for word in strings)
        book.writestr("xl/sharedStrings.xml", f'<sst xmlns="{_MAIN}">{words}</sst>')
        for name, text in _PARTS.items():
            book.writestr(name, text)


def _read_alone(path: Path) -> Callable[[], object]:
    return lambda: python_calamine.CalamineWorkbook.from_path(str(path)).get_sheet_by_index(0).to_python()


def _points(n_rows: int) -> Iterator[Sequence[str | float]]:
    rng = np.random.default_rng(1)
    x, y = rng.uniform(2_600_000, 2_610_000, n_rows).round(3), rng.uniform(500_000, 510_000, n_rows).round(3)
    ground = rng.uniform(5, 40, n_rows).round(3)
    for n in range(n_rows):
        yield (
            f"JS{n}", f"J{n}", float(x[n]), float(y[n]), float(ground[n]), _FEATURES[n % 5], _APPURTENANCES[n % 7],
            "JS", *((round(n % 300 / 100, 2), "铸铁", "Φ700") if n % 3 == 0 else ("", "", "")),
            f"{2600 + n // 500}-500", f"第{n // 400}路", "市自来水公司", f"{1980 + n % 40}-05", "在用", float(n % 360),
            "测绘院", "2024-03-01", "",
        )  # fmt: skip


def _segments(n_rows: int) -> Iterator[Sequence[str | float]]:
    x = 2_600_000 + np.arange(n_rows + 1) // 500 * 20.0
    y = 500_000 + np.arange(n_rows + 1) % 500 * 15.0
    for n in range(n_rows):
        ground = round(20 + n % 97 / 10, 3)
        yield (
            ("JS", "YS", "WS")[n // 500 % 3], float(x[n]), float(y[n]), ground, 1.2, float(x[n]), float(y[n]) + 15.0,
            ground, 1.3, float((100, 200, 300, 600)[n % 4]), ("铸铁", "PE", "混凝土")[n % 3], "直埋", "", "+",
            "市水务局", f"第{n // 400}路", f"{1980 + n % 40}-05", "在用", "2024-03-01", "",
        )  # fmt: skip


_FEATURES = ("三通", "弯头", "直线点", "变径", "")
_APPURTENANCES = ("阀门", "", "检修井", "", "消火栓", "", "")
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_DOCUMENT = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_KIND = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_PARTS = {
    "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{_KIND}.sheet.main+xml"/>'
    f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_KIND}.worksheet+xml"/>'
    f'<Override PartName="/xl/sharedStrings.xml" ContentType="{_KIND}.sharedStrings+xml"/></Types>',
    "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="r1" '
    f'Type="{_DOCUMENT}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_DOCUMENT}"><sheets>'
    '<sheet name="管线" sheetId="1" r:id="r1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="r1" Type="{_DOCUMENT}/worksheet" Target="worksheets/sheet1.xml"/>'
    f'<Relationship Id="r2" Type="{_DOCUMENT}/sharedStrings" Target="sharedStrings.xml"/></Relationships>',
}
