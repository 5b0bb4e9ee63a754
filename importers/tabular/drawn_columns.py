"""Columns of tables that hold shapes as text, as databases and GIS write them: well-known text or binary, GeoJSON."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import shapely
from pyproj import CRS
from pyproj.exceptions import CRSError as ProjError

from importers.base import RecordTable
from importers.layers.shapes import Shapes, are_nowhere, by_dimension, simplest
from importers.tabular.typed_columns import first_text
from schemas.findings import Finding, Severity

# EWKT says the CRS before the shape.
_SHAPE = re.compile(
    r"\s*(?:SRID\s*=\s*(\d{4,6})\s*;)?\s*(?:MULTI)?(?:POINT|LINESTRING|POLYGON)\s*Z?M?\s*\(", re.IGNORECASE
)
_GEOJSON = re.compile(r"\s*\{.*\"(?:Multi)?(?:Point|LineString|Polygon)\"", re.DOTALL)
# Hexadecimal, the lowest byte first.
_BINARY = re.compile(r"01[0-9A-F]{4}00[0-9A-F]{34,}", re.IGNORECASE)
_SRID = r"(?i)^\s*SRID\s*=\s*\d+\s*;"


def with_shapes(table: RecordTable) -> Iterator[RecordTable]:
    """The table with the first column of shapes as its geometry, one table for each dimension; others as they are."""
    column, read = next(
        ((name, read) for name in table.rows.columns if (read := _reader(first_text(table.rows[name])))), (None, None)
    )
    if column is None or read is None:
        yield table
        return
    texts = table.rows[column].astype(object)
    shapes = _cleaned(read(texts.where(texts.map(lambda text: isinstance(text, str)), None)))
    bad = texts.index[texts.notna().to_numpy() & shapely.is_missing(shapes)]
    kept = table.rows if len(bad) else table.rows.drop(columns=column)
    findings = [*table.findings, *(_unreadable(table, int(row), str(column), str(texts[row])) for row in bad)]
    crs = _crs(first_text(texts), shapes)
    masks = list(by_dimension(shapes))
    for place, mask in enumerate(masks):
        # What was left out and found is told once.
        first = {"findings": findings} if place == 0 else {"findings": [], "skipped_rows": 0, "refused_rows": 0}
        rows = kept if len(masks) == 1 else kept[mask]
        yield replace(table, rows=rows, shapes=shapes[mask], crs=crs, **first)


def _reader(text: str) -> Callable[["pd.Series[Any]"], Shapes] | None:
    """How the shapes of a column are read that begins with a text; None where it is no shape."""
    if _SHAPE.match(text):
        return _from_text
    if _GEOJSON.match(text):
        return lambda texts: np.asarray(shapely.from_geojson(texts.to_numpy(object), on_invalid="ignore"))
    if _BINARY.fullmatch(text):
        return lambda texts: np.asarray(shapely.from_wkb(texts.to_numpy(object), on_invalid="ignore"))
    return None


def _from_text(texts: "pd.Series[Any]") -> Shapes:
    bare = texts.str.replace(_SRID, "", regex=True)
    return np.asarray(shapely.from_wkt(bare.to_numpy(object), on_invalid="ignore"))


def _cleaned(shapes: Shapes) -> Shapes:
    with np.errstate(invalid="ignore"):
        shapes = simplest(shapes)
    shapes[are_nowhere(shapes)] = None
    return shapes


def _crs(text: str, shapes: Shapes) -> CRS | None:
    """The CRS that a shape says itself to be in; None where it says none that is known."""
    found = _SHAPE.match(text)
    code = int(found[1] or 0) if found else int(shapely.get_srid(shapes).max(initial=0))
    try:
        return CRS.from_epsg(code) if code > 0 else None
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
