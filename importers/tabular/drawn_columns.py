"""Columns of tables that hold shapes as well-known text, as databases and GIS write them into text files."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import shapely
from pyproj import CRS
from pyproj.exceptions import CRSError as ProjError

from importers.base import RecordTable
from importers.layers.shapes import Shapes, are_nowhere, by_dimension, simplest
from schemas.findings import Finding, Severity

# EWKT says the CRS before the shape.
_SHAPE = re.compile(
    r"\s*(?:SRID\s*=\s*(\d{4,6})\s*;)?\s*(?:MULTI)?(?:POINT|LINESTRING|POLYGON)\s*Z?M?\s*\(", re.IGNORECASE
)
_SRID = r"(?i)^\s*SRID\s*=\s*\d+\s*;"


def with_shapes(table: RecordTable) -> Iterator[RecordTable]:
    """The table with the first column of shapes as its geometry, one table for each dimension; others as they are."""
    column = next((name for name in table.rows.columns if _SHAPE.match(_first_text(table.rows[name]))), None)
    if column is None:
        yield table
        return
    texts = table.rows[column].astype(object)
    shapes = _read(texts)
    bad = texts.index[texts.notna().to_numpy() & shapely.is_missing(shapes)]
    kept = table.rows if len(bad) else table.rows.drop(columns=column)
    findings = [*table.findings, *(_unreadable(table, int(row), str(column), str(texts[row])) for row in bad)]
    crs = _crs(_first_text(texts))
    masks = list(by_dimension(shapes))
    for place, mask in enumerate(masks):
        # What was left out and found is told once.
        first = {"findings": findings} if place == 0 else {"findings": [], "skipped_rows": 0, "refused_rows": 0}
        rows = kept if len(masks) == 1 else kept[mask]
        yield replace(table, rows=rows, shapes=shapes[mask], crs=crs, **first)


def _first_text(column: "pd.Series[Any]") -> str:
    first = column.first_valid_index()
    value = None if first is None else column[first]
    return value if isinstance(value, str) else ""


def _read(texts: "pd.Series[Any]") -> Shapes:
    bare = texts.where(texts.map(lambda text: isinstance(text, str)), None).str.replace(_SRID, "", regex=True)
    with np.errstate(invalid="ignore"):
        shapes = simplest(np.asarray(shapely.from_wkt(bare.to_numpy(object), on_invalid="ignore")))
    shapes[are_nowhere(shapes)] = None
    return shapes


def _crs(text: str) -> CRS | None:
    """The CRS that a shape says itself to be in; None where it says none that is known."""
    found = _SHAPE.match(text)
    try:
        return CRS.from_epsg(int(found[1])) if found and found[1] else None
    except ProjError:
        return None


def _unreadable(table: RecordTable, row: int, column: str, value: str) -> Finding:
    return Finding(
        rule="IMP-GEOMETRY",
        severity=Severity.ERROR,
        message_en="The geometry cannot be read.",
        message_zh="几何无法读取。",
        file=table.file,
        sheet=table.sheet,
        row=row,
        column=column,
        value=value[:200],
    )
