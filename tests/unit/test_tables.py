import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from importers import access
from importers.access import AccessReader, page_key
from importers.base import RecordTable
from importers.passing import read_confined
from importers.tables import TableReader
from pipemap.errors import SourceError
from tests.unit.old_workbooks import write_ods, write_xls, write_xls_95
from tests.unit.trials import workbook

HEADER = ("物探点号", "X", "Y", "地面高程", "特征")
ROWS = [("JS1", "2600000.1", "500000.2", "12.5", "三通"), ("JS2", "2600010.1", "500000.2", "12.4", "弯头")]


def read(path: Path, **options: Any) -> list[RecordTable]:
    return list(TableReader().read([path], options))


def text_of(rows: Sequence[Sequence[str]], delimiter: str) -> str:
    return "\r\n".join(delimiter.join(row) for row in rows) + "\r\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_text_tables_read_alike_in_any_encoding_and_delimiter(tmp_path: Path, encoding: str, delimiter: str) -> None:
    path = tmp_path / "点.csv"
    path.write_bytes(text_of([HEADER, *ROWS], delimiter).encode(encoding))
    (table,) = read(path)
    assert list(table.rows.columns) == list(HEADER)
    assert table.rows.to_numpy().tolist() == [list(row) for row in ROWS]
    assert table.rows.index.tolist() == [2, 3]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"\r\n \r\n", "is empty"),
        (b"a,b\n1,\0\0\0\0\n", "it holds zero bytes"),
        (b"a,b\n\xff\xff\xff,1\n", "not in UTF-8 nor GB18030"),
    ],
)
def test_a_text_file_that_cannot_be_read_is_refused_by_name(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=r"^bad\.csv ") as fault:
        read(path)
    assert said in fault.value.message


def test_titles_above_and_totals_below_are_not_rows(tmp_path: Path) -> None:
    above: list[Sequence[Any]] = [["某区管点成果表"], ["坐标系: CGCS2000", None, "日期: 2024-05"], []]
    below: list[Sequence[Any]] = [["合计", 2], ["制表", "张三"]]
    path = workbook(tmp_path / "book.xlsx", {"管点": [*above, HEADER, *ROWS, *below], "空": []})
    table, empty = read(path)
    assert table.sheet == "管点"
    assert table.rows["物探点号"].tolist() == ["JS1", "JS2"]
    assert table.rows.index.tolist() == [5, 6]
    assert table.skipped_rows == 2
    assert (empty.sheet, len(empty.rows)) == ("空", 0)


def test_a_workbook_of_empty_sheets_is_refused(tmp_path: Path) -> None:
    path = workbook(tmp_path / "none.xlsx", {"a": [], "b": []})
    with pytest.raises(SourceError, match=r"none\.xlsx"):
        read(path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not really", b"hello"])
def test_what_only_is_called_a_workbook_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.xlsx"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=r"bad\.xlsx"):
        read(path)


def test_cells_beyond_the_header_and_repeated_names_are_not_lost(tmp_path: Path) -> None:
    path = tmp_path / "wide.csv"
    path.write_text("物探点号,X,X\n1,2,3,4\n", encoding="utf-8")
    (table,) = read(path)
    assert table.rows.iloc[0].tolist() == ["1", "2", "3", "4"]
    assert table.rows.columns.is_unique


@pytest.mark.parametrize("content", [b"", b"nothing of the kind" * 300])
def test_what_only_is_called_a_database_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.mdb"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=r"bad\.mdb"):
        list(AccessReader().read([path], {}))


@pytest.mark.parametrize("share", [0.03, 0.2, 0.5, 0.9, 0.99])
def test_a_truncated_database_is_refused(tmp_path: Path, shared_data: Path, share: float) -> None:
    whole = (shared_data / "cn-shennan-survey" / "survey.mdb").read_bytes()
    path = tmp_path / "cut.mdb"
    path.write_bytes(whole[: int(len(whole) * share) | 1])
    with pytest.raises(SourceError, match=r"cut\.mdb"):
        list(AccessReader().read([path], {}))


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.7, 0.9])
def test_a_database_that_lacks_whole_pages_is_refused_or_complete(
    tmp_path: Path, shared_data: Path, share: float
) -> None:
    whole = (shared_data / "cn-shennan-survey" / "survey.mdb").read_bytes()
    path = tmp_path / "cut.mdb"
    path.write_bytes(whole[: int(len(whole) * share) // 4096 * 4096])
    try:
        rows = {table.sheet: len(table.rows) for table in AccessReader().read([path], {})}
    except SourceError as fault:
        assert fault.message.startswith("cut.mdb")
    else:
        assert (rows["管点调查表"], rows["管线调查表"]) == (909, 873)


def test_without_mdbtools_the_database_reads_alike(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not shutil.which("mdb-export"):
        pytest.skip("mdbtools is not installed")
    path = shared_data / "cn-shennan-survey" / "survey.mdb"
    by_tools = {table.sheet: table.rows for table in AccessReader().read([path], {})}
    monkeypatch.setenv("PATH", "")
    by_parser = {table.sheet: table.rows for table in AccessReader().read([path], {})}
    assert by_tools.keys() == by_parser.keys()
    for name, rows in by_tools.items():
        assert list(by_parser[name].columns) == list(rows.columns)
        # Deleted rows, dates, yes/no, memos and numbers of all kinds; only the order of rows is each tool's own.
        alike = [Counter(map(tuple, read[name].to_numpy().tolist())) for read in (by_tools, by_parser)]
        assert alike[0] == alike[1], name


def test_an_encrypted_database_is_said_to_be_one(tmp_path: Path) -> None:
    # The first bytes that every Access database's header is scrambled with, as Jackcess lists them.
    mask = bytes.fromhex(
        "b56f03626108c255eba96772433f009c7a9f90ff809a31c579baed30bcdfcc9d63d9e4c37b42fb8abc4e86fbec375d44"
    )
    clear = bytearray(48)
    clear[0x3E - 0x18 : 0x42 - 0x18] = b"\x12\x34\x56\x78"
    head = b"\0\1\0\0Standard ACE DB\0\2\0\0\0" + bytes(a ^ b for a, b in zip(clear, mask, strict=True))
    assert page_key(head) == b"\x12\x34\x56\x78"
    path = tmp_path / "locked.accdb"
    path.write_bytes(head.ljust(8192, b"\0"))
    with pytest.raises(SourceError, match=r"locked\.accdb is encrypted with a password"):
        list(AccessReader().read([path], {}))


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("while :; do echo unsupported data type >&2; done", r"lost\.mdb is damaged \(unsupported data type\)"),
        ("while :; do :; done", r"lost\.mdb takes longer than 1 s to read"),
        ("exec yes", r"lost\.mdb is damaged"),
    ],
)
def test_a_database_in_which_the_tools_lose_their_way_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, words: str
) -> None:
    for name in ("mdb-tables", "mdb-export", "mdb-count"):
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(access, "_LIMIT_S", 1)
    path = tmp_path / "lost.mdb"
    path.write_bytes(b"\0\1\0\0Standard Jet DB\0".ljust(8192, b"\0"))
    with pytest.raises(SourceError, match=words) as raised:
        list(read_confined(AccessReader(), path, {}))
    assert raised.value.details["message_zh"].startswith("lost.mdb")


def test_a_database_comes_in_parts_whose_rows_count_on(shared_data: Path) -> None:
    path = shared_data / "cn-shennan-survey" / "survey.mdb"
    tables = [t for t in AccessReader().read([path], {"chunk_rows": 300}) if t.sheet == "管点调查表"]
    assert [len(table.rows) for table in tables] == [300, 300, 300, 9]
    assert [int(table.rows.index[0]) for table in tables] == [1, 301, 601, 901]


WESTERN = "Punto;X;Y;Descripción\nÑ1;2600000,5;500000,25;Canalización\n"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "gbk"])
def test_chinese_text_reads_alike_as_other_programs_write_it(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "点.txt"
    path.write_bytes(text_of([HEADER, *ROWS], "\t").encode(encoding))
    (table,) = read(path)
    assert table.rows.to_numpy().tolist() == [list(row) for row in ROWS]


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-8"])
def test_western_text_is_not_taken_for_chinese_and_its_commas_are_points(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "nodos.csv"
    path.write_bytes(WESTERN.encode(encoding))
    (table,) = read(path)
    assert list(table.rows.columns) == ["Punto", "X", "Y", "Descripción"]
    assert table.rows.iloc[0].tolist() == ["Ñ1", "2600000.5", "500000.25", "Canalización"]


def test_letters_that_are_signs_in_other_code_pages_are_letters_where_hardly_any_others_stand(tmp_path: Path) -> None:
    path = tmp_path / "jaski.csv"
    lines = ["Oznaka jaška;Vrsta jaška;Kota pokrova", "J1;revizijski jašek;298,01", "J2;požiralnik;297,95"]
    path.write_bytes("\n".join(lines).encode("cp1250"))
    (table,) = read(path)
    assert list(table.rows.columns) == ["Oznaka jaška", "Vrsta jaška", "Kota pokrova"]
    assert table.rows["Vrsta jaška"].tolist() == ["revizijski jašek", "požiralnik"]


def test_baltic_letters_are_read_in_their_code_page(tmp_path: Path) -> None:
    path = tmp_path / "suliniai.csv"
    text = "Šulinio Nr.;Dangčio altitudė;Gatvė\n1K;112,01;Gedimino pr.\n2K;111,95;Žemaitės g."
    path.write_bytes(text.encode("cp1257"))
    (table,) = read(path)
    assert list(table.rows.columns) == ["Šulinio Nr.", "Dangčio altitudė", "Gatvė"]
    assert table.rows["Gatvė"].tolist() == ["Gedimino pr.", "Žemaitės g."]


def test_runs_of_blanks_separate_columns_where_nothing_else_does(tmp_path: Path) -> None:
    path = tmp_path / "points.txt"
    path.write_text(
        "物探点号   X            Y\nJS1   2600000.1    500000.2\nJS2  2600010.1   500000.2\n", encoding="gbk"
    )
    (table,) = read(path)
    assert table.rows.to_numpy().tolist() == [["JS1", "2600000.1", "500000.2"], ["JS2", "2600010.1", "500000.2"]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("点号;X;Y\nA;714,440;500,125\n", ["714.440", "500.125"]),
        ("点号\tX\tY\nA\t2600714,440\t500000,1\n", ["2600714.440", "500000.1"]),
        ('点号,X,Y\nA,"2600714,44","500000,1"\n', ["2600714.44", "500000.1"]),
        # Thousands, and a comma that no number shows to be the decimal mark.
        ('点号,X,Y\nA,"2,600,714.44",500000.1\n', ["2,600,714.44", "500000.1"]),
        ("点号|X|Y\nA|1,234|5,678\n", ["1,234", "5,678"]),
    ],
)
def test_a_decimal_comma_is_told_from_thousands(tmp_path: Path, text: str, expected: list[str]) -> None:
    path = tmp_path / "a.csv"
    path.write_text(text, encoding="utf-8")
    (table,) = read(path)
    assert table.rows.iloc[0].tolist()[1:] == expected


def test_padding_and_tabs_inside_headers_and_cells_are_not_part_of_them(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("点号     ;\t\tX    ; Y \t;特征\nA   ; 1,50; 2,50;  三通  \n", encoding="utf-8")
    (table,) = read(path)
    assert list(table.rows.columns) == ["点号", "X", "Y", "特征"]
    assert table.rows.iloc[0].tolist() == ["A", "1.50", "2.50", "三通"]


def test_a_quotation_mark_that_is_never_closed_swallows_no_rows(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('起点点号,终点点号,管径,备注\nA,B,"6,\nB,C,300,"two\nlines"\nC,D,8" pipe,x\n', encoding="utf-8")
    (table,) = read(path)
    assert table.rows["起点点号"].tolist() == ["A", "B", "C"]
    assert table.rows["管径"].tolist() == ['"6', "300", '8" pipe']
    assert table.rows["备注"].tolist()[1] == "two\nlines"


def test_a_name_cut_within_a_character_costs_one_mark_not_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    rows = "".join(f"JS{n},2600000.1,500000.2,检查井在路边\n" for n in range(20))
    path.write_bytes(
        ("物探点号,X,Y,备注\n" + rows).encode("gbk") + "JS20,2600000.1,500000.2,检查井".encode("gbk")[:-1] + b",\n"
    )
    (table,) = read(path)
    assert len(table.rows) == 21
    assert table.rows["备注"].tolist()[-1].startswith("检查")
    assert [finding.rule for finding in table.findings] == ["IMP-ENCODING"]


def test_text_that_a_program_called_an_excel_file_is_read_as_text(tmp_path: Path) -> None:
    path = tmp_path / "export.xls"
    path.write_text(text_of([HEADER, *ROWS], "\t"), encoding="gbk")
    (table,) = read(path)
    assert table.rows["物探点号"].tolist() == ["JS1", "JS2"]


def test_a_hidden_sheet_is_left_out_with_a_word_unless_asked_for(tmp_path: Path) -> None:
    path = workbook(tmp_path / "book.xlsx", {"管点": [HEADER, *ROWS], "旧": [HEADER, *ROWS]})
    book = openpyxl.load_workbook(path)
    book["旧"].sheet_state = "hidden"
    book.save(path)
    shown, hidden = read(path)
    assert (len(shown.rows), len(hidden.rows), hidden.skipped_rows) == (2, 0, 3)
    assert [finding.rule for finding in hidden.findings] == ["IMP-HIDDEN"]
    assert [len(table.rows) for table in read(path, hidden_sheets=True)] == [2, 2]


def test_an_empty_sheet_is_named(tmp_path: Path) -> None:
    _, empty = read(workbook(tmp_path / "book.xlsx", {"管点": [HEADER, *ROWS], "空": []}))
    assert [(finding.rule, finding.sheet) for finding in empty.findings] == [("IMP-EMPTY", "空")]


def test_a_workbook_whose_two_cells_span_billions_is_refused_at_once(tmp_path: Path) -> None:
    path = workbook(tmp_path / "far.xlsx", {"a": [HEADER]})
    book = openpyxl.load_workbook(path)
    book["a"]["XFD1048576"] = 1
    book.save(path)
    with pytest.raises(SourceError, match=r"far\.xlsx spans more cells"):
        read(path)


def test_a_workbook_of_eighty_sheets_is_read_sheet_by_sheet(tmp_path: Path) -> None:
    sheets = {f"{2600 + n}-500": [HEADER, *ROWS] for n in range(80)}
    tables = read(workbook(tmp_path / "book.xlsx", sheets))
    assert [table.sheet for table in tables] == list(sheets)
    assert {len(table.rows) for table in tables} == {2}


@pytest.mark.parametrize(
    ("name", "write"), [("a.xls", write_xls), ("a.et", write_xls), ("95.xls", write_xls_95), ("a.ods", write_ods)]
)
def test_older_workbooks_read_like_new_ones(
    tmp_path: Path, name: str, write: Callable[[Path, dict[str, Sequence[Sequence[Any]]]], Path]
) -> None:
    rows = [["管点成果表"], HEADER, ["JS1", 2600000.5, 500000.5, 12, "三通"], ["合计", 1]]
    points, lines = read(write(tmp_path / name, {"管点": rows, "管线": [["起点点号", "终点点号"], ["JS1", "JS2"]]}))
    assert points.rows.to_numpy().tolist() == [["JS1", 2600000.5, 500000.5, 12.0, "三通"]]
    assert (points.skipped_rows, lines.rows.to_numpy().tolist()) == (1, [["JS1", "JS2"]])


PAGE = """<html><head><meta charset="gb2312"></head><body><table border=1>
<tr><td colspan=5>管点成果表</td></tr>
<tr><th rowspan=2>物探点号</th><th colspan=2>坐标(m)</th><th rowspan=2>地面高程</th><th rowspan=2>特征</th></tr>
<tr><th>X</th><th>Y</th></tr>
<tr><td>JS1</td><td>2600000.5</td><td>500000.5</td><td>12</td><td>三通</td></tr></table></body></html>"""
SHEET = """<?xml version="1.0" encoding="UTF-8"?><?mso-application progid="Excel.Sheet"?>
<Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet" xmlns:ss="urn:schemas-microsoft-com:office:spreadsheet">
<Worksheet ss:Name="管点"><Table><Row><Cell><Data ss:Type="String">物探点号</Data></Cell>
<Cell><Data ss:Type="String">X</Data></Cell><Cell><Data ss:Type="String">Y</Data></Cell></Row>
<Row><Cell><Data ss:Type="String">JS1</Data></Cell>
<Cell ss:Index="3"><Data ss:Type="Number">500000.5</Data></Cell></Row>
</Table></Worksheet></Workbook>"""


def test_pages_that_a_program_called_an_excel_file_are_read(tmp_path: Path) -> None:
    path = tmp_path / "export.xls"
    path.write_text(PAGE, encoding="gb2312")
    (table,) = read(path)
    assert list(table.rows.columns) == ["物探点号", "X坐标(m)", "Y坐标(m)", "地面高程", "特征"]
    assert table.rows.iloc[0].tolist() == ["JS1", "2600000.5", "500000.5", "12", "三通"]
    path.write_text(SHEET, encoding="utf-8")
    (table,) = read(path)
    assert (table.sheet, table.rows["物探点号"].tolist(), table.rows["Y"].tolist()) == ("管点", ["JS1"], [500000.5])
    assert table.rows["X"].isna().all()


def test_a_page_without_a_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "login.xls"
    path.write_text("<html><body>请登录</body></html>", encoding="utf-8")
    with pytest.raises(SourceError, match=r"login\.xls is a page without a table"):
        read(path)


def test_a_workbook_with_dates_and_times_in_its_cells_is_read(tmp_path: Path) -> None:
    path = tmp_path / "点.xlsx"
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.append([*HEADER, "建成年月", "更新时间", "观测时刻"])
    for day, row in enumerate(ROWS, start=1):
        sheet.append([*row, date(2010, 5, day), datetime(2011, 6, day, 12, 30), time(9, 15)])
    book.save(path)

    (table,) = read_confined(TableReader(), path, {})

    assert table.rows["建成年月"].tolist() == ["2010-05-01", "2010-05-02"]
    assert table.rows["更新时间"].tolist() == ["2011-06-01", "2011-06-02"]
    assert table.rows["观测时刻"].tolist() == ["09:15:00", "09:15:00"]
