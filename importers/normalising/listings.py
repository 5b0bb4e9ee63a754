"""Rows of points that name several connected points in one cell, `J12、J13`: a row for each of them."""

import re
from dataclasses import replace

import numpy as np

from importers.base import DERIVED, RecordTable
from importers.normalising.cells import Objects
from importers.profiles import ATTRIBUTES, Profile

_SEVERAL = re.compile(r"[^、，,;；\n]+(?:[、，,;；\n]+[^、，,;；\n]+)+")
_MARKS = re.compile(r"\s*[、，,;；\n]+\s*")


def one_by_one(table: RecordTable, profile: Profile) -> RecordTable:
    """The table with a row for every connected point that a cell names, derived but the first.

    Cells of pipe attributes that list as many values as there are points give each of them its own.
    """
    mapping = profile.mapping("combined", map(str, table.rows.columns))
    if "to_key" not in mapping or table.shapes is not None:
        return table
    named = [_listed(cell) for cell in table.rows[mapping["to_key"]]]
    counts = np.array([len(names) for names in named])
    if not len(counts) or counts.max() < 2:
        return table
    owner = np.repeat(np.arange(len(counts)), counts)
    nth = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
    rows = table.rows.iloc[owner].copy()
    for attribute in ("to_key", *(name for name in ATTRIBUTES["segment"] if name in mapping)):
        column = mapping[attribute]
        cells = [_listed(cell) for cell in table.rows[column]]
        rows[column] = _spread(cells, owner, nth, counts, rows[column].to_numpy(object))
    derived = rows.get(DERIVED, False) | (nth > 0)
    return replace(table, rows=rows.assign(**{DERIVED: derived}))


def _listed(cell: object) -> list[str]:
    text = cell.strip() if isinstance(cell, str) else ""
    return _MARKS.split(text) if _SEVERAL.fullmatch(text) else [text]


def _spread(
    listed: list[list[str]],
    owner: "np.ndarray[tuple[int], np.dtype[np.int64]]",
    nth: "np.ndarray[tuple[int], np.dtype[np.int64]]",
    counts: "np.ndarray[tuple[int], np.dtype[np.int64]]",
    whole: Objects,
) -> Objects:
    """Each row's own value where its cell lists as many as the row became rows, else the whole cell."""
    spread = whole.copy()
    for place, (row, at) in enumerate(zip(owner.tolist(), nth.tolist(), strict=True)):
        if counts[row] > 1 and len(listed[row]) == counts[row]:
            spread[place] = listed[row][at]
    return spread
