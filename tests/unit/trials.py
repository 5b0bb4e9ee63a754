"""Workbooks written for a test, and deliveries read as a dry run proposes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import openpyxl

from importers.places.georeference import parse_crs
from importers.places.place_readings import Home
from importers.proposing.dry_run import DryRun, dry_run
from schemas.delivery import Delivery


def workbook(
    path: Path, sheets: Mapping[str, Sequence[Sequence[Any]]], merged: Mapping[str, Sequence[str]] | None = None
) -> Path:
    """Sheets by their names, `merged` with ranges of merged cells such as `A1:C1`."""
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
        for cells in (merged or {}).get(name, []):
            sheet.merge_cells(cells)
    book.save(path)
    return path


def proposed(files: Sequence[Path], crs: str = "EPSG:4547", **options: Any) -> DryRun:
    """What is proposed for files in a project of that system."""
    return dry_run(files, Home(parse_crs(crs)), on_progress=lambda *_: None, **options)


def trial(found: DryRun) -> Delivery:
    """The delivery by an unedited proposal."""
    assert found.fault is None, found.fault
    assert found.trial is not None
    return found.trial
