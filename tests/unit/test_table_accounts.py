"""Any table has each row loaded, refused or skipped, and any file of whatever bytes is read or refused."""

import io
import random
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from importers.access import AccessReader
from importers.delivery import read_delivery
from importers.tables import TableReader
from pipemap.errors import CrsError, SourceError
from tests.unit.old_workbooks import write_ods, write_xls

NORTH, EAST = 2_494_000.0, 492_000.0
POINT = ["物探点号", "X", "Y", "地面高程", "特征", "附属物", "管线类型", "备注"]
LINE = ["起点点号", "终点点号", "起点埋深", "终点埋深", "管径", "材质", "管线类型", "备注"]

_null = st.sampled_from([None, "", "/", "*", "-", "无", "NULL", " "])
_junk = st.text(st.characters(codec="gb18030", exclude_categories=["Cc", "Cs", "Co", "Cn"]), max_size=8)
_key = st.integers(0, 12).map(lambda n: f"JS{n}")
_north = st.integers(0, 500).map(lambda n: NORTH + n)
_east = st.integers(0, 500).map(lambda n: EAST + n)
_depth = st.sampled_from([0, 0.5, "0.85", 1.2, "１.2", "x", -9999])
_word = st.sampled_from(["三通", "阀门", "JS", "YS", "给水", "铸铁", "合计", "第1页", "制表:", "X", "JX"])
_size = st.sampled_from([300, "DN300", "600X400", "12孔 8根", "三百", 0])


def _row(*cells: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    """A row of such cells, some of them blank or junk, cut short or with more cells than the header has names."""
    spoiled = [st.one_of(*[cell] * 6, _null, _junk) for cell in cells]
    whole = st.tuples(*spoiled).map(list)
    return st.builds(lambda row, cut, more: [*row[:cut], *more], whole, st.integers(0, 12), st.lists(_junk, max_size=2))


_points = _row(_key, _north, _east, _depth, _word, _word, _word, _junk)
_lines = _row(_key, _key, _depth, _depth, _size, _word, _word, _junk)
_above = st.lists(
    st.lists(st.sampled_from(["某市普查", "", "说明: 无", "管线类别: 给水", 3, None]), max_size=4), max_size=12
)


def _written(path: Path, rows: Sequence[Sequence[Any]]) -> None:
    if path.suffix == ".csv":
        text = "\n".join(",".join("" if cell is None else _quoted(str(cell)) for cell in row) for row in rows)
        path.write_text(text + "\n", encoding="gb18030")
        return
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    for row in rows:
        sheet.append(list(row))
    book.save(path)


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"' if set(cell) & set(',"\n') else cell


def _is_blank(row: Sequence[Any]) -> bool:
    return all(cell is None or cell == "" for cell in row)


@given(
    suffix=st.sampled_from([".csv", ".csv", ".xlsx"]),
    above=_above,
    header=st.sampled_from([POINT, LINE]),
    good=st.integers(1, 6),
    data=st.data(),
    chunk_rows=st.sampled_from([2, 50_000]),
)
@settings(
    max_examples=40,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_every_row_of_any_table_is_loaded_refused_or_skipped(
    tmp_path: Path,
    suffix: str,
    above: list[list[Any]],
    header: list[str],
    good: int,
    data: st.DataObject,
    chunk_rows: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Some sound points, so that there is something that the delivery can be placed by.
    points = tmp_path / "管点.csv"
    _written(points, [POINT, *([f"JS{n}", NORTH + n, EAST, 10, "三通", None, "JS"] for n in range(20, 20 + good))])
    body = data.draw(st.lists(_points if header is POINT else _lines, min_size=1, max_size=12))
    while len(body) > 1 and _is_blank(body[-1]):
        body.pop()
    table = tmp_path / f"a{suffix}"
    _written(table, [*above, header, *body])
    monkeypatch.setattr("importers.tables.CHUNK_ROWS", chunk_rows)
    try:
        delivery = read_delivery([points, table], srid=4547)
    except CrsError as elsewhere:
        # Junk in most coordinates of the sheet: it is refused as a whole, by name.
        assert table.name in elsewhere.message
        return
    counts = [count for count in delivery.counts if count.file == table.name]
    n_rows = 0 if len(body) == 1 and _is_blank(body[0]) and suffix == ".xlsx" else len(body)
    assert sum(count.rows for count in counts) == n_rows
    assert all(count.rows == count.loaded + count.refused + count.skipped for count in counts)
    told = {finding.row for finding in delivery.findings if finding.file == table.name}
    secret = sum(f.details["rows"] for f in delivery.findings if f.rule == "IMP-SECRET")
    assert sum(count.refused for count in counts) <= len(told - {None}) + secret


def _whole(kind: str, folder: Path, shared_data: Path) -> bytes:
    rows = [["管点成果表"], POINT, *([f"JS{n}", NORTH + n, EAST, 10.5, "三通", "检修井", "JS"] for n in range(60))]
    path = folder / f"whole.{kind}"
    if kind == "mdb":
        return (shared_data / "cn-shennan-survey" / "survey.mdb").read_bytes()
    if kind in ("xls", "ods"):
        {"xls": write_xls, "ods": write_ods}[kind](path, {"管点": rows, "管线": rows[:5]})
    else:
        _written(path, rows)
    return path.read_bytes()


def _mutated(data: bytes, dice: random.Random) -> bytes:
    """Bytes with some of them changed, lost, repeated or put in."""
    mutant = bytearray(data)
    for _ in range(dice.choice((1, 2, 8, 40))):
        at, other, n = dice.randrange(len(mutant)), dice.randrange(len(mutant)), dice.choice((1, 4, 64, 2000))
        match dice.randrange(4):
            case 0:
                mutant[at] = dice.randrange(256)
            case 1:
                del mutant[at : at + n]
            case 2:
                mutant[at:at] = mutant[other : other + n]
            case _:
                mutant[at : at + 4] = dice.choice((b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\x7f"))
        mutant = mutant or bytearray(b"x")
    return bytes(mutant)


def _with_mutated_part(data: bytes, dice: random.Random) -> bytes:
    """An archive with one of its parts mutated, which its checksums do not give away."""
    whole, mutant = zipfile.ZipFile(io.BytesIO(data)), io.BytesIO()
    chosen = dice.choice(whole.namelist())
    with zipfile.ZipFile(mutant, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in whole.namelist():
            part = whole.read(name)
            archive.writestr(name, _mutated(part, dice) if name == chosen and part else part)
    return mutant.getvalue()


@pytest.mark.parametrize(("kind", "n_mutants"), [("csv", 150), ("xlsx", 150), ("xls", 20), ("ods", 15), ("mdb", 15)])
def test_a_mutated_file_is_read_or_refused_by_name(
    tmp_path: Path, shared_data: Path, kind: str, n_mutants: int
) -> None:
    whole = _whole(kind, tmp_path, shared_data)
    reader = AccessReader() if kind == "mdb" else TableReader()
    path = tmp_path / f"mutant.{kind}"
    n_read = 0
    for number in range(n_mutants):
        dice = random.Random(number)
        in_part = kind in ("xlsx", "ods") and number % 8
        path.write_bytes((_with_mutated_part if in_part else _mutated)(whole, dice))
        try:
            n_read += sum(len(table.rows) for table in reader.read([path], {}))
        except SourceError as refused:
            assert "mutant." in refused.message
    assert n_read
