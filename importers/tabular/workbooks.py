"""Workbooks sheet by sheet through python-calamine, whatever their suffix says and whoever made them."""

import pickle
import re
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import python_calamine

from importers.archive import MAX_RATIO
from importers.tabular import sheet_child
from importers.tabular.column_letters import column_of
from importers.tabular.headers import Merge
from pipemap.errors import SourceError

# What a workbook may unpack to, and how many cells a sheet may span: the library lays the span out in memory.
MAX_UNPACKED_BYTES = 4 * 2**30
MAX_SPAN = 60_000_000

# A check of so much takes time worth saving; it ends long before the library lays the cells out.
_CHECKED_BESIDE_FROM_BYTES = 16 * 2**20
_RATIO_MATTERS_FROM_BYTES = 64 * 2**20
_SMALL_SPAN = 10_000_000
_MOST_SPAN_PER_BYTE = 10
_ZIP, _COMPOUND = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_PIECE_BYTES = 1 << 18
_OVERLAP_BYTES = 64
# Sheets within columns A to Z fit into memory however many rows they have.
_BEYOND_Z = re.compile(rb"""r\s*=\s*["'][A-Za-z]{2}""")
_COLUMN = re.compile(rb"""r\s*=\s*["']([A-Za-z]{2,3})\d""")
# What ends a cell whose formula has no stored value, as programs write it that do not reckon; an empty text is one.
_UNVALUED = (b"</f></c>", b"</f><v/></c>", b"</f><v /></c>", b"</f><v></v></c>")
_EMPTY_TEXT = re.compile(rb"""<c\b[^>]*\bt="str"[^>]*><f\b[^>]*>[^<]*</f><v></v></c>""")
_ROW_FROM = {
    100_000: re.compile(rb"""r\s*=\s*["'][A-Za-z]{0,3}(\d{6,7})["']"""),
    1_000: re.compile(rb"""r\s*=\s*["'][A-Za-z]{0,3}(\d{4,7})["']"""),
}


@dataclass(frozen=True)
class Sheet:
    """One sheet: its rows from the first on, and its merged cells counted from 0.

    `n_unvalued` counts the formulas of the whole workbook that have no value, on its first sheet alone.
    """

    name: str
    is_hidden: bool
    rows: Iterable[Sequence[Any]]
    merges: Sequence[Merge]
    n_unvalued: int = 0


def is_workbook(path: Path) -> bool:
    """Whether the file's first bytes are those of a workbook; text that is called one is not."""
    try:
        with path.open("rb") as file:
            return file.read(8).startswith((_ZIP, _COMPOUND))
    except OSError:
        return True


def sheets(path: Path) -> Iterator[Sheet]:
    """Every sheet of cells, charts left out.

    Raises
    ------
    SourceError
        When the workbook is damaged, protected by a password, or spans more cells than can be.
    """
    with _damage_told(path):
        parts = _parts(path)
        if parts is None:
            yield from _from_child(path)
            return
        with ThreadPoolExecutor(1) as beside:
            checked = beside.submit(_check_spans, path, parts)
            if sum(part.file_size for part in parts) < _CHECKED_BESIDE_FROM_BYTES:
                checked.result()
            for place, sheet in enumerate(sheet_child.sheets(path)):
                n_unvalued = checked.result()
                yield Sheet(*sheet, n_unvalued if place == 0 else 0)


def _parts(path: Path) -> list[zipfile.ZipInfo] | None:
    """The parts of an .xlsx by content, of a size that can be unpacked; None where it is no such file."""
    if not zipfile.is_zipfile(path):
        return None
    with zipfile.ZipFile(path) as archive:
        parts = archive.infolist()
    unpacked_bytes = sum(part.file_size for part in parts)
    is_bomb = unpacked_bytes > max(MAX_RATIO * path.stat().st_size, _RATIO_MATTERS_FROM_BYTES)
    if unpacked_bytes > MAX_UNPACKED_BYTES or is_bomb:
        raise too_large(path)
    return parts if any(part.filename == "xl/workbook.xml" for part in parts) else None


def _check_spans(path: Path, parts: Iterable[zipfile.ZipInfo]) -> int:
    """Refuse a workbook of which a sheet spans too much; how many of its formulas have no value."""
    n_unvalued = 0
    with zipfile.ZipFile(path) as archive:
        for part in parts:
            if part.filename.endswith(".xml"):
                with archive.open(part) as file:
                    n_unvalued += _check_span(path, file)
    return n_unvalued


def _check_span(path: Path, file: IO[bytes]) -> int:
    """Refuse a sheet whose few cells lie so far apart that the room between them fills the memory.

    Return how many of its formulas have no value.
    """
    last_row, last_column, n_bytes, n_unvalued, tail, rest = 0, 0, 0, 0, b"", b""
    while piece := file.read(_PIECE_BYTES):
        n_bytes += len(piece)
        if rest or b"<f" in piece:
            cells, end, rest = (rest + piece).rpartition(b"</c>")
            n_unvalued += _n_unvalued(cells + end)
            rest = rest if end else b""
        piece = tail + piece
        if last_column or _BEYOND_Z.search(piece):
            last_column = max([last_column, *map(_number_of_column, {found[1] for found in _COLUMN.finditer(piece)})])
            # Rows before the file's first far column were not counted: they may be many.
            seen_from = 1_000 if last_column > _number_of_column(b"ZZ") else 100_000
            rows = (int(found[1]) for found in _ROW_FROM[seen_from].finditer(piece))
            last_row = max([last_row, seen_from, *rows])
        tail = piece[-_OVERLAP_BYTES:]
    span = last_row * last_column
    if span > MAX_SPAN or span > max(_SMALL_SPAN, _MOST_SPAN_PER_BYTE * n_bytes):
        raise too_large(path)
    return n_unvalued


def _n_unvalued(cells: bytes) -> int:
    return sum(map(cells.count, _UNVALUED)) - len(_EMPTY_TEXT.findall(cells))


def _number_of_column(letters: bytes) -> int:
    return column_of(letters.decode("ascii")) + 1


def _from_child(path: Path) -> Iterator[Sheet]:
    """Sheets of the older and rarer kinds, read in a process of its own."""
    command = [sys.executable, sheet_child.__file__, str(path)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert child.stdout is not None
    try:
        while True:
            yield Sheet(*pickle.load(child.stdout))
    except (EOFError, pickle.UnpicklingError):
        pass
    finally:
        child.stdout.close()
    code = child.wait()
    if code == sheet_child.PROTECTED:
        raise _protected(path)
    if code:
        raise _damaged(path)


@contextmanager
def _damage_told(path: Path) -> Iterator[None]:
    try:
        yield
    except (python_calamine.PasswordError, RuntimeError) as error:
        # RuntimeError is how zipfile says that a part is encrypted.
        raise _protected(path) from error
    except (python_calamine.CalamineError, OSError, ValueError, zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise _damaged(path) from error
    except BaseException as error:
        # A panic of the library is no Exception to Python.
        if type(error).__name__ == "PanicException":
            raise _damaged(path) from error
        raise


def _damaged(path: Path) -> SourceError:
    return SourceError(
        f"{path.name} is not a workbook that can be read; ask for it again.",
        message_zh=f"{path.name} 不是可读取的工作簿，请重新提供。",
    )


def _protected(path: Path) -> SourceError:
    return SourceError(
        f"{path.name} is protected by a password; ask for a copy without one.",
        message_zh=f"{path.name} 受密码保护，请提供未加密的文件。",
    )


def too_large(path: Path) -> SourceError:
    """What is said of a sheet that would fill the memory."""
    return SourceError(
        f"{path.name} spans more cells than can be read; delete what stands far from the table and try again.",
        message_zh=f"{path.name} 的单元格范围过大，请删除远离表格的内容后重试。",
    )
