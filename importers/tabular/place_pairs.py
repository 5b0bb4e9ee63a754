"""Columns of which each cell holds both coordinates of a place: (507000.12, 2495000.34), 113.2345 22.5678."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from importers.base import RecordTable
from importers.normalising.cells import Floats, Mask
from importers.normalising.numerals import number_written
from importers.proposing.vocabulary import NameReading, readings, sure_readings
from schemas.findings import Finding, Severity

_MOSTLY, _LEAST_ROWS = 0.8, 3
# Whole numbers of thousands are sizes, 2000/1500; places have decimals, or more digits.
_LEAST_METRES, _SURELY_METRES, _MOST_METRES = 1_000.0, 100_000.0, 1e8
_BETWEEN = re.compile(r"\s*[,，;；、/|]\s*|\s+")
_AROUND = " \t()（）[]【】{}<>"
_LABELS = re.compile(r"[xyzneh东北高经纬度]*\s*[=:：]\s*", re.IGNORECASE)
_IN_NAME = re.compile(r"[(（\[【]([^()（）\[\]【】]+)[)）\]】]")
_AXES = ("X", "Y", "Z")
_PLACES = frozenset(("x", "y", "easting_m", "northing_m"))
# A column called a point or a location may hold places, one called a depth or a date may not.
_MAY_HOLD_PLACES = _PLACES | {"key", "address"}
_LEAST_TRUST = 0.75
_DAYS = (19_000_101, 21_001_231)


def with_places_apart(table: RecordTable) -> RecordTable:
    """The table with a column for each coordinate of those that hold several, other tables as they are."""
    if table.shapes is not None:
        return table
    told = [str(name) for name in table.rows.columns if not _reads_as_else(str(name))]
    found = {name: numbers for name in told if (numbers := _apart(table.rows[name])) is not None}
    rows = table.rows
    for name, numbers in found.items():
        names = _names(name, numbers.shape[1], [str(column) for column in rows.columns])
        at = list(rows.columns).index(name)
        apart = pd.DataFrame(numbers, columns=names, index=rows.index)
        left = rows[[name]] if (rows[name].notna().to_numpy() & np.isnan(numbers).any(axis=1)).any() else rows[[]]
        rows = pd.concat([rows.iloc[:, :at], apart, left, rows.iloc[:, at + 1 :]], axis=1)
        table = replace(table, rows=rows, findings=[*table.findings, _told(table, name, names)])
    return table


def _apart(column: "pd.Series[Any]") -> Floats | None:
    """The coordinates of each cell (n, 2 or 3), NaN where it holds none; None where the column is of something else."""
    first = next((cell for cell in column if cell is not None), None) if column.dtype == object else None
    if not isinstance(first, str) or _coordinates(first) is None:
        return None
    texts = column.dropna()
    if len(texts) < _LEAST_ROWS:
        return None
    read = [_coordinates(cell) if isinstance(cell, str) else None for cell in column]
    sizes = [len(numbers) for numbers in read if numbers is not None]
    size = max(sizes.count(3), sizes.count(2)) and (3 if sizes.count(3) > sizes.count(2) else 2)
    blank = [np.nan] * size
    numbers = np.array([found if found is not None and len(found) == size else blank for found in read])
    known = ~np.isnan(numbers).any(axis=1)
    if not size or known.sum() < _MOSTLY * len(texts) or not _are_places(numbers[known]):
        return None
    return numbers


def _coordinates(cell: str) -> list[float] | None:
    """Two or three numbers of a text that holds nothing else, and is no single one: 1,234.5678."""
    if "," in cell and number_written(cell) != cell:
        return None
    parts = [part for part in _BETWEEN.split(_LABELS.sub(" ", cell).strip(_AROUND)) if part]
    try:
        return [float(number_written(part)) for part in parts] if len(parts) in (2, 3) else None
    except ValueError:
        return None


def _are_places(numbers: Floats) -> bool:
    """Whether pairs are metres of a grid, or degrees with as many decimals as a place needs; no days and times."""
    pairs = np.abs(numbers[:, :2])
    if np.median(pairs, axis=0).max() > _MOST_METRES or _are_days(pairs).mean(axis=0).max() >= _MOSTLY:
        return False
    least_m = float(np.median(pairs, axis=0).min())
    if least_m >= _LEAST_METRES:
        return least_m >= _SURELY_METRES or bool((pairs != np.round(pairs)).any(axis=1).mean() >= _MOSTLY)
    is_fine = np.abs(pairs * 1_000 - np.round(pairs * 1_000)) > 1e-6
    return bool((pairs <= [180, 180]).all() and is_fine.any(axis=1).mean() >= _MOSTLY)


def _are_days(numbers: Floats) -> Mask:
    """Which numbers are days as programs write them: 20230512."""
    month, day = numbers // 100 % 100, numbers % 100
    is_whole_and_near = (numbers >= _DAYS[0]) & (numbers <= _DAYS[1]) & (numbers == np.round(numbers))
    return np.asarray(is_whole_and_near & (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31))


def _names(name: str, size: int, taken: Sequence[str]) -> list[str]:
    """Names of the coordinates: those that the column's own name lists, 坐标(X,Y), else its name with X and Y."""
    match = _IN_NAME.search(name)
    listed = [part for part in re.split(r"[,，;；/、\s]+", match[1].strip()) if part] if match else []
    base = _IN_NAME.sub("", name).strip()
    is_listed = len(listed) == size == len(set(listed))
    parts = listed if is_listed else _AXES[:size]
    # A name that says nothing of places, 位置, would hide what X and Y say.
    told = [f"{base} {part}" for part in parts]
    names = told if any(_reads_as_place(role, told[0]) for role in ("node", "segment")) else parts
    return [each if each not in taken else f"{each} (2)" for each in names]


def _reads_as_place(role: str, name: str) -> bool:
    return any(_bare(found) in _PLACES for found in readings(role, name))


def _reads_as_else(name: str) -> bool:
    """Whether a name surely says an attribute that is no place, as depths at both ends are none: 0.8512/1.2034."""
    return any(_bare(found) not in _MAY_HOLD_PLACES for found in sure_readings(name, _LEAST_TRUST))


def _bare(found: NameReading) -> str:
    return found.attribute.removeprefix("from_").removeprefix("to_")


def _told(table: RecordTable, name: str, names: Sequence[str]) -> Finding:
    listed = ", ".join(names)
    return Finding(
        rule="IMP-PAIR",
        severity=Severity.INFO,
        message_en=f"Cells of column {name} hold several coordinates; they were read as the columns {listed}.",
        message_zh=f"列 {name} 的单元格含多个坐标，已拆分为列 {listed}。",
        file=table.file,
        sheet=table.sheet,
        column=name,
    )
