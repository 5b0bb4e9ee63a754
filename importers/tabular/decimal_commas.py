"""Numbers that a workbook holds as texts with decimal commas, where the table tells that its commas are decimal."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pandas as pd

from importers.base import RecordTable
from importers.proposing.vocabulary import sure_readings

_LEAST_TRUST, _LOOK_AT = 0.5, 200
_NUMBER = re.compile(r"[-+]?\d+(?:,\d+)?")
# 150,884 can be either; so many digits before a comma, or another count behind it, are of no thousands.
_DECIMAL = re.compile(r"[-+]?\d{1,3}(?:[ .'\u00a0]\d{3})+,\d+|[-+]?(?:\d{4,}|0),\d+|[-+]?\d+,(?:\d{1,2}|\d{4,})")
# So large a number is a coordinate, whatever its column is called.
_COORDINATE = re.compile(r"[-+]?\d{5,},\d+")
_THOUSANDS = re.compile(r"[-+]?\d{1,3}(?:,\d{3})+\.\d+|[-+]?\d{1,3}(?:,\d{3}){2,}")
_NUMBERS = frozenset(("x", "y", "easting_m", "northing_m", "depths"))


def with_decimal_points(table: RecordTable, told: set[str]) -> RecordTable:
    """The table with points in heights and coordinates whose commas other numbers tell to be decimal.

    `told` are the files of which a table before has told it; the table's own is added.
    """
    columns = dict(_texts(table.rows))
    words = [word for column in columns.values() for word in column.head(_LOOK_AT)]
    if any(map(_THOUSANDS.fullmatch, words)):
        return table
    if any(map(_DECIMAL.fullmatch, words)):
        told.add(table.file)
    if table.file not in told:
        return table
    changed = {
        name: table.rows[name].where(table.rows[name].isna(), column.str.replace(",", "."))
        for name, column in columns.items()
        if column.map(lambda word: _NUMBER.fullmatch(word) is not None).all()
    }
    return replace(table, rows=table.rows.assign(**changed)) if changed else table


def _texts(rows: pd.DataFrame) -> Iterator[tuple[str, "pd.Series[Any]"]]:
    """The columns of heights and coordinates whose filled cells are texts, trimmed."""
    for name in map(str, rows.columns):
        if rows[name].dtype != object:
            continue
        written = [cell for cell in rows[name].head(_LOOK_AT).dropna() if isinstance(cell, str) and "," in cell]
        if written and (_is_of_numbers(name) or any(_COORDINATE.fullmatch(cell.strip()) for cell in written)):
            yield name, rows[name].dropna().astype(str).str.strip()


def _is_of_numbers(name: str) -> bool:
    attributes = (found.attribute for found in sure_readings(name, _LEAST_TRUST))
    return any(attribute in _NUMBERS or attribute.endswith("_m") for attribute in attributes)
