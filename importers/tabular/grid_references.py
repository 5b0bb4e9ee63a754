"""Columns of references to the British National Grid, TQ 31215 81340, as eastings and northings in metres."""

import re
from dataclasses import replace

import numpy as np
from pyproj import CRS

from importers.base import RecordTable
from importers.proposing.vocabulary import readings
from importers.tabular.typed_columns import first_text
from schemas.findings import Finding, Severity

# Two halves apart, or ten figures together: eight are also what numbers of British manholes are made of, TQ31813001.
_REFERENCE = re.compile(r"\s*([HJNOST])([A-HJ-Z])\s*(?:(\d{4,5})\s+(\d{4,5})|(\d{5})(\d{5}))\s*", re.IGNORECASE)
_LETTERS = "ABCDEFGHJKLMNOPQRSTUVWXYZ"
_SQUARE_M, _FIGURES = 100_000, 5
_NATIONAL_GRID = 27700
_MOSTLY = 0.8
_NAMES = ("Easting", "Northing")


def with_grid_references(table: RecordTable) -> RecordTable:
    """The table with the metres that its first column of references stands for, other tables as they are.

    A reference of ten metres is the south-western corner of its square, as such references are written.
    """
    if table.shapes is not None or any(_is_easting(str(name)) for name in table.rows.columns):
        return table
    for column in table.rows.columns:
        cells = table.rows[column]
        if metres_of(first_text(cells)) is None:
            continue
        metres = [metres_of(cell) if isinstance(cell, str) else None for cell in cells]
        n_known = sum(place is not None for place in metres)
        if n_known and n_known >= _MOSTLY * cells.notna().sum():
            places = np.array([place or (np.nan, np.nan) for place in metres])
            rows = table.rows.assign(**dict(zip(_NAMES, places.T, strict=True)))
            findings = [*table.findings, _told(table, str(column))]
            return replace(table, rows=rows, crs=CRS.from_epsg(_NATIONAL_GRID), findings=findings)
    return table


def metres_of(reference: str) -> tuple[float, float] | None:
    """Easting and northing of a reference, None where a text is none.

    The letters are a square of 500 km and one of 100 km in it, counted from the north-west in rows of five; the grid's
    origin is the south-western corner of SV (Ordnance Survey, A guide to coordinate systems in Great Britain).
    """
    match = _REFERENCE.fullmatch(reference)
    if match is None:
        return None
    large, small = (divmod(_LETTERS.index(letter.upper()), 5) for letter in match.groups()[:2])
    east = (large[1] * 5 + small[1] - 10) * _SQUARE_M
    north = (19 - large[0] * 5 - small[0]) * _SQUARE_M
    figures = [part for part in match.groups()[2:] if part]
    within = [float(part) * 10 ** (_FIGURES - len(part)) for part in figures]
    return (east + within[0], north + within[1]) if len({*map(len, figures)}) == 1 else None


def _is_easting(name: str) -> bool:
    return any(found.attribute == "easting_m" for found in readings("node", name))


def _told(table: RecordTable, column: str) -> Finding:
    listed = ", ".join(_NAMES)
    return Finding(
        rule="IMP-PAIR",
        severity=Severity.INFO,
        message_en=f"Cells of column {column} are references to the British National Grid; they were read as the "
        f"columns {listed} in EPSG:{_NATIONAL_GRID}.",
        message_zh=f"列 {column} 的单元格为英国国家格网参照，已按 EPSG:{_NATIONAL_GRID} 读取为列 {listed}。",
        file=table.file,
        sheet=table.sheet,
        column=column,
    )
