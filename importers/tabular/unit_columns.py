"""Columns that give the unit of another one row by row: DIAMETER 4, DIA_UNIT INCH."""

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from importers.base import RecordTable
from importers.profiles import plain
from schemas.findings import Finding, Severity

_UNITS = {
    **dict.fromkeys(("mm", "millimetre", "millimeter", "millimetres", "millimeters", "毫米"), "mm"),
    **dict.fromkeys(("cm", "centimetre", "centimeter", "厘米"), "cm"),
    **dict.fromkeys(("m", "metre", "meter", "metres", "meters", "米"), "m"),
    **dict.fromkeys(("in", "inch", "inches", '"', "英寸"), "in"),
    **dict.fromkeys(("ft", "foot", "feet", "英尺"), "ft"),
    **{unit: unit for unit in ("mpa", "kpa", "bar", "kv", "v")},
}
_CALLED = ("unitofmeasure", "units", "unit", "uom", "单位", "einheit", "unité", "unidad")


def with_units_beside(table: RecordTable) -> RecordTable:
    """The table with units behind the numbers that another column gives them for, other tables as they are."""
    names = [str(name) for name in table.rows.columns]
    for unit_column in (name for name in names if _may_be_of_units(name) and _is_of_units(table.rows[name])):
        measured = _measured(unit_column, names)
        if measured is not None and pd.api.types.is_object_dtype(table.rows[unit_column]):
            table = _beside(table, measured, unit_column)
    return table


def _may_be_of_units(name: str) -> bool:
    return any(word in plain(name) for word in _CALLED)


def _is_of_units(column: "pd.Series[str]") -> bool:
    words = column.dropna().unique()[: len(_UNITS) + 1]
    return len(words) > 0 and all(isinstance(word, str) and word.strip().casefold() in _UNITS for word in words)


def _measured(unit_column: str, names: Sequence[str]) -> str | None:
    """The column that a column of units is for: the one that it is called after, else the one before it."""
    called = plain(unit_column)
    stem = next((called.replace(word, "") for word in _CALLED if word in called), None)
    if stem is None:
        return None
    others = [name for name in names if name != unit_column]
    named = [name for name in others if stem and plain(name).startswith(stem)]
    if stem:
        return named[0] if len(named) == 1 else None
    at = names.index(unit_column)
    return names[at - 1] if at else None


def _beside(table: RecordTable, measured: str, unit_column: str) -> RecordTable:
    units = table.rows[unit_column].map(lambda word: _UNITS[word.strip().casefold()], na_action="ignore")
    values = table.rows[measured]
    is_number = pd.to_numeric(values, errors="coerce").notna() & units.notna()
    texts = values.astype(object).map(_written, na_action="ignore")
    with_units = (texts + " " + units).where(is_number, values.astype(object))
    finding = Finding(
        rule="IMP-UNIT",
        severity=Severity.INFO,
        message_en=f"Column {unit_column} gives the unit of {measured} row by row; its numbers were read in it.",
        message_zh=f"列 {unit_column} 逐行给出 {measured} 的单位，数值按该单位读取。",
        file=table.file,
        sheet=table.sheet,
        column=measured,
    )
    return replace(table, rows=table.rows.assign(**{measured: with_units}), findings=[*table.findings, finding])


def _written(value: object) -> str:
    return f"{value:.15g}" if isinstance(value, float) else str(value)
