"""Reads a workbook in a process of its own, whose memory is bounded: a damaged one may ask for all there is.

Run as a script it writes pickled sheets to standard output; it imports nothing else of the product.
"""

import io
import pickle
import re
import resource
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import python_calamine

PROTECTED = 3
# What an honest workbook needs grows with its size; a mutilated one may ask for anything.
_MEMORY_BYTES, _MEMORY_PER_BYTE = 2**30, 60
_CPU_S, _BYTES_PER_CPU_S = 6, 2**20
# Excel 95 wrote texts of East Asia in bytes of their code page, which the library takes for one of single bytes.
_OF_EXCEL_95 = re.compile(rb"\x09\x08[\x08\x10]\x00\x00\x05\x05\x00")
_CODE_PAGE = re.compile(rb"\x42\x00\x02\x00(\xa4\x03|\xa8\x03|\xb5\x03|\xb6\x03)")
_OF_SINGLE_BYTES, _HEAD_BYTES = 1252, 2**16
_BYTES = {ord(bytes([byte]).decode("cp1252", "ignore") or chr(byte)): byte for byte in range(256)}


def sheets(path: Path) -> Iterator[tuple[str, bool, Iterable[list[Any]], list[Any]]]:
    """Name, whether hidden, rows and merged ranges of every sheet of cells."""
    whole, page = _of_excel_95(path)
    book = python_calamine.CalamineWorkbook.from_object(io.BytesIO(whole) if page else str(path))
    for place, about in enumerate(book.sheets_metadata):
        if about.typ == python_calamine.SheetTypeEnum.WorkSheet:
            sheet = book.get_sheet_by_index(place)
            is_hidden = about.visible != python_calamine.SheetVisibleEnum.Visible
            rows, merges = sheet.iter_rows(), sheet.merged_cell_ranges or []
            if page is None:
                yield about.name, is_hidden, rows, merges
            else:
                in_words = ([_in_words(cell, page) for cell in row] for row in rows)
                yield _in_words(about.name, page), is_hidden, in_words, merges


def _of_excel_95(path: Path) -> tuple[bytes, str | None]:
    """The workbook as one of single bytes with the code page that its texts are in; nothing where it is no such one."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
        begun = _OF_EXCEL_95.search(head)
        named = _CODE_PAGE.search(head, begun.end()) if begun else None
        if named is None:
            return b"", None
        number = int.from_bytes(named[1], "little")
        whole = head[: named.start(1)] + _OF_SINGLE_BYTES.to_bytes(2, "little") + head[named.end(1) :] + file.read()
    return whole, f"cp{number}"


def _in_words(cell: Any, page: str) -> Any:
    """A text of which every letter is a byte, in the code page that the bytes are of."""
    if not isinstance(cell, str) or cell.isascii():
        return cell
    return bytes(_BYTES.get(ord(letter), 0x3F) for letter in cell).decode(page, "replace")


def main() -> None:
    """Write every sheet of the workbook that is named on the command line."""
    path = Path(sys.argv[1])
    size = path.stat().st_size
    for limit, most in (
        (resource.RLIMIT_AS, _MEMORY_BYTES + _MEMORY_PER_BYTE * size),
        (resource.RLIMIT_CPU, _CPU_S + size // _BYTES_PER_CPU_S),
    ):
        resource.setrlimit(limit, (most, most))
    try:
        for name, is_hidden, rows, merges in sheets(path):
            pickle.dump((name, is_hidden, list(rows), merges), sys.stdout.buffer)
    except python_calamine.PasswordError:
        sys.exit(PROTECTED)


if __name__ == "__main__":
    main()
