"""Rows of cells as columns: numbers as numbers, texts cleaned and shared, marks for the value above filled in."""

from collections.abc import Callable, Sequence
from datetime import date, time, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Column = npt.NDArray[Any]
Row = Sequence[Any]

# What stands for the value above.
_DITTOS = frozenset(("同上", "同前", "上同", "〃", "″", "”", '"', "''", "′′", '-"-', "ditto", "Ditto", "dto.", "idem"))


def columns_of(rows: list[Row], width: int, clean: Callable[[str], str]) -> list[Column]:
    """The cells by column, numbers as numbers where a column holds nothing else; blanks are None or NaN."""
    if not rows:
        return [np.empty(0, dtype=object)] * width
    if set(map(len, rows)) != {width}:
        rows = [fitted(row, width) for row in rows]
    return [_column(cells, clean) for cells in np.array(rows, dtype=object).reshape(len(rows), width).T]


def _column(cells: Column, clean: Callable[[str], str]) -> Column:
    kind = pd.api.types.infer_dtype(cells, skipna=False)
    if kind == "floating":
        return cells.astype(np.float64)
    if kind == "string":
        return _texts(cells, clean)
    column = np.fromiter(map(_plain_value, cells), dtype=object, count=len(cells))
    is_text = np.array([type(cell) is str for cell in column], dtype=bool)
    column[is_text] = _texts(column[is_text], clean, with_dittos=True)
    column = without_dittos(column)
    is_text = np.array([type(cell) is str for cell in column], dtype=bool)
    is_blank = is_none(column)
    if not (is_text & ~is_blank).any() and all(type(cell) is float for cell in column[~is_blank]):
        return np.where(is_blank, np.nan, column).astype(np.float64)
    return column


def _plain_value(cell: Any) -> Any:
    """A cell as text where it is a date or a time of day, which are no values that files are read to."""
    if isinstance(cell, date):
        return cell.isoformat()[:10]
    return str(cell) if isinstance(cell, time | timedelta) else cell


def _texts(cells: Column, clean: Callable[[str], str], *, with_dittos: bool = False) -> Column:
    """Texts cleaned, one object for all that are alike, None where blank; 12.0 throughout a column is 12."""
    index, words = pd.factorize(cells)
    known = [clean(word) or None for word in words]
    # Whole numbers that a program wrote as decimals.
    if all(word is None or (word.endswith(".0") and word[:-2].isdigit()) for word in known):
        known = [word and word[:-2] for word in known]
    distinct = np.empty(len(known), dtype=object)
    distinct[:] = known
    return distinct[index] if with_dittos or _DITTOS.isdisjoint(known) else without_dittos(distinct[index])


def without_dittos(column: Column) -> Column:
    """The column with what stands above in place of the marks for it."""
    says_same = pd.Series(column, dtype=object).isin(_DITTOS).to_numpy()
    if not says_same.any():
        return column
    given = np.where(says_same | is_none(column), -1, np.arange(len(column)))
    above = np.maximum.accumulate(given)
    column = column.copy()
    column[says_same & (above >= 0)] = column[above[says_same & (above >= 0)]]
    return column


def first_filled(columns: list[Column], n_rows: int) -> npt.NDArray[np.object_]:
    """The first cell of each row that holds anything, None for blank rows."""
    first = np.full(n_rows, None, dtype=object)
    for column in columns:
        blank = is_none(first)
        if not blank.any():
            break
        filled = blank & ~pd.isna(column)
        first[filled] = column[filled]
    return first


def first_text(column: "pd.Series[Any]") -> str:
    """The first text of a column, empty where it has none."""
    cells = column.to_numpy() if column.dtype.kind == "O" else ()
    return next((cell for cell in cells if isinstance(cell, str)), "")


def is_none(cells: npt.NDArray[np.object_]) -> npt.NDArray[np.bool_]:
    """Which cells are None."""
    return np.array(cells == None, dtype=bool)  # noqa: E711 (cell by cell)


def row_of(columns: list[Column], place: int) -> list[Any]:
    """One row of columns."""
    return [column[place] for column in columns]


def fitted(row: Row, width: int) -> list[Any]:
    """A row cut or filled up to a width."""
    return [*row[:width], *[None] * (width - len(row))]
