"""Rows that name all points of a route in one cell, DL1-DL2-DL5: a row for each piece between two of them."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd

from importers.base import DERIVED, RecordTable
from importers.proposing.vocabulary import sure_readings
from schemas.findings import Finding, Severity

_CALLED = re.compile(
    r"途[经径]|经过|沿线|点号串|[点井]号?序列|路由|走向|\b(?:route|via|path|sequence|ruta|trasa|trasse)\b|маршрут",
    re.IGNORECASE,
)
_MARKS = re.compile(r"\s*(?:[-=]?[>→➔⇒]+|[、,，;；~～—–至到]|\s-\s)\s*")
_DASH = re.compile(r"\s*-\s*")
_LETTERS, _NUMBER = re.compile(r"[^\W\d]+"), re.compile(r"(?=.*\d)[\w.#]+")
_FROM, _TO = "起点点号", "终点点号"
_MOSTLY, _LEAST_TRUST, _LEAST_OF_A_ROUTE = 0.8, 0.75, 3


def with_pieces_of_routes(table: RecordTable) -> RecordTable:
    """The table with a row for each piece of its routes, derived but the first, other tables as they are.

    It has a column that is called a route and names three points or more in some cell, and none for the two ends.
    """
    names = [str(name) for name in table.rows.columns]
    column = next((name for name in names if _CALLED.search(name)), None)
    if column is None or table.shapes is not None or any(map(_is_of_an_end, names)):
        return table
    routes = [points_of(cell) if isinstance(cell, str) else [] for cell in table.rows[column]]
    counts = np.array([len(route) for route in routes], dtype=int)
    is_told = table.rows[column].notna().to_numpy()
    if not is_told.any() or counts.max() < _LEAST_OF_A_ROUTE or (counts[is_told] > 1).mean() < _MOSTLY:
        return table
    pieces = np.maximum(counts - 1, 1)
    owner = np.repeat(np.arange(len(routes)), pieces)
    nth = np.arange(len(owner)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    ends = [routes[row][at : at + 2] if counts[row] > 1 else [None, None] for row, at in zip(owner, nth, strict=True)]
    rows = table.rows.iloc[owner]
    rows = rows.assign(
        **{
            name: pd.Series([pair[place] for pair in ends], index=rows.index, dtype=object)
            for place, name in enumerate((_FROM, _TO))
        },
        **{DERIVED: rows.get(DERIVED, False) | (nth > 0)},
    )
    return replace(table, rows=rows, findings=[*table.findings, _told(table, column)])


def points_of(text: str) -> list[str]:
    """The point numbers that a text names one after another, DL-1-DL-2 as well as DL1→DL2; none where it is else."""
    parts = _MARKS.split(text.strip())
    if len(parts) == 1:
        parts = _DASH.split(parts[0])
        if len(parts) > 2 and len(parts) % 2 == 0 and all(map(_LETTERS.fullmatch, parts[::2])):
            parts = [f"{letters}-{number}" for letters, number in zip(parts[::2], parts[1::2], strict=True)]
    are_numbers = all(_NUMBER.fullmatch(part.replace("-", "")) for part in parts)
    return parts if len(parts) > 1 and are_numbers else []


def _is_of_an_end(name: str) -> bool:
    return any(found.attribute in ("from_key", "to_key", "pair_key") for found in sure_readings(name, _LEAST_TRUST))


def _told(table: RecordTable, column: str) -> Finding:
    return Finding(
        rule="IMP-ROUTE",
        severity=Severity.INFO,
        message_en=f"Cells of column {column} name all points of a route; each piece between two of them was read as a "
        f"line of its own, under the names {_FROM} and {_TO}.",
        message_zh=f"列 {column} 在一个单元格中给出线路的全部点号；已按相邻两点一段读取，列名记为 {_FROM}、{_TO}。",
        file=table.file,
        sheet=table.sheet,
        column=column,
    )
