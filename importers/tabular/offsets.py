"""Columns of coordinates of which the first figures are left out, as their names say: X+2600000, Y(-500000)."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd

from importers.base import RecordTable
from importers.proposing.vocabulary import readings
from schemas.findings import Finding, Severity

_LEFT_OUT = re.compile(r"\s*[(（\[]?\s*[+\-－＋—]\s*(\d{4,8})(?:\.0+)?\s*(?:m|米)?\s*[)）\]]?\s*$")
_PLACES = frozenset(("x", "y", "easting_m", "northing_m", "from_x", "from_y", "to_x", "to_y"))


def with_whole_places(table: RecordTable) -> RecordTable:
    """The table with what the names of its coordinates leave out added to them, other tables as they are.

    Numbers that are as large as that already are whole.
    """
    for name in [str(column) for column in table.rows.columns]:
        match = _LEFT_OUT.search(name)
        bare = name[: match.start()].strip() if match else ""
        if match is None or not _is_of_a_place(bare) or bare in table.rows.columns:
            continue
        numbers = pd.to_numeric(table.rows[name], errors="coerce").to_numpy(np.float64)
        known = np.abs(numbers[np.isfinite(numbers)])
        if not len(known) or known.max() >= float(match[1]):
            continue
        whole = table.rows.rename(columns={name: bare}).assign(**{bare: numbers + float(match[1])})
        table = replace(table, rows=whole, findings=[*table.findings, _told(table, name, bare, match[1])])
    return table


def _is_of_a_place(name: str) -> bool:
    return any(found.attribute in _PLACES for role in ("node", "segment") for found in readings(role, name))


def _told(table: RecordTable, name: str, bare: str, left_out: str) -> Finding:
    return Finding(
        rule="IMP-OFFSET",
        severity=Severity.INFO,
        message_en=f"The name of column {name} says what its coordinates leave out; {left_out} was added to them, and "
        f"it was read as {bare}.",
        message_zh=f"列名 {name} 说明坐标省略了常数；已加上 {left_out}，列名记为 {bare}。",
        file=table.file,
        sheet=table.sheet,
        column=name,
    )
