import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from importers.access import AccessReader
from importers.base import RecordTable
from importers.tables import TableReader
from pipemap.errors import SourceError

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
        ("物探点号,X\n1,2\n".encode("utf-16"), "UTF-8"),
        (b"a,b\n\xff\xff\xff,1\n", "not in UTF-8 nor GB18030"),
    ],
)
def test_a_text_file_that_cannot_be_read_is_refused_by_name(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=r"^bad\.csv ") as fault:
        read(path)
    assert said in fault.value.message


def workbook(path: Path, sheets: dict[str, Sequence[Sequence[Any]]]) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
    book.save(path)
    return path


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
    for name, key in (("管点调查表", "EXP_NO"), ("管线调查表", "S_POINT")):
        assert sorted(by_parser[name][key]) == sorted(by_tools[name][key])
