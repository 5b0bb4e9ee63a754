"""Reads a workbook in a process of its own, whose memory is bounded: a damaged one may ask for all there is.

Run as a script it writes pickled sheets to standard output; it imports nothing else of the product.
"""

import pickle
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


def sheets(path: Path) -> Iterator[tuple[str, bool, Iterable[list[Any]], list[Any]]]:
    """Name, whether hidden, rows and merged ranges of every sheet of cells."""
    book = python_calamine.CalamineWorkbook.from_object(str(path))
    for place, about in enumerate(book.sheets_metadata):
        if about.typ == python_calamine.SheetTypeEnum.WorkSheet:
            sheet = book.get_sheet_by_index(place)
            is_hidden = about.visible != python_calamine.SheetVisibleEnum.Visible
            yield about.name, is_hidden, sheet.iter_rows(), sheet.merged_cell_ranges or []


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
