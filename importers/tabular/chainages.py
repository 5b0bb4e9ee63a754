"""Long sections: points in a row, each with how far along the line it lies, as lines from each point to the next."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from importers.base import DERIVED, RecordTable
from importers.normalising.cells import Floats, Mask
from importers.normalising.numerals import number_written
from importers.normalising.units import unit_of
from importers.proposing.vocabulary import datum_in_name, readings
from schemas.findings import Finding, Severity

_LEAST_TRUST, _LEAST_ROWS, _MOST_ROWS = 0.75, 4, 20_000
_EASTINGS, _NORTHINGS = ("x", "easting_m"), ("y", "northing_m")
_OF_ENDS = frozenset(("from_key", "to_key", "pair_key", "from_x", "to_x"))
# Wells have levels, too, beside pipes in another table; only pipes have sizes.
_OF_LINES = frozenset(("diameter", "section", "width_mm"))
# The distance between two points is what the figures along the line differ by, but for rounding and slight bends.
_ROUNDING_M, _ROUNDING_SHARE, _MOSTLY, _LEAST_STRAIGHT = 0.1, 0.01, 0.8, 0.7
# Points nearer than this, and degrees, can agree with any figures.
_LEAST_APART_M = 1.0
# K0+025.5 counts kilometres and metres, 12+50 in America hundreds of feet.
_STATION = re.compile(r"\D*?(\d+)\+(\d+(?:\.\d+)?)")
_PER_STATION = (1000.0, 100.0)
_HEIGHTS = {
    ("elevation", "invert"): "管底高程",
    ("elevation", "crown"): "管顶高程",
    ("depth", "invert"): "管底埋深",
    ("depth", "crown"): "管顶埋深",
}


def with_points_joined(table: RecordTable) -> RecordTable:
    """The table with the number of the next point in each row that has one, other tables as they are.

    Only figures that agree with the distances between the points tell that a table is a long section. Heights of the
    pipe get a column for either end.
    """
    names = [str(name) for name in table.rows.columns]
    places = _places(names)
    if table.shapes is not None or places is None or not _has_lines(names) or DERIVED in names:
        return table
    if not _LEAST_ROWS <= len(table.rows) <= _MOST_ROWS:
        return table
    apart_m = np.hypot(*(np.diff(_numbers(table.rows[name])) for name in places))
    open_names = (name for name in names if _told("node", name) in (None, "key", "address"))
    found = ((name, _joined(table.rows[name], apart_m)) for name in open_names)
    chainage, joined = next(((name, each) for name, each in found if each is not None), (None, None))
    return table if chainage is None or joined is None else _with_ends(table, chainage, joined)


def _places(names: Sequence[str]) -> tuple[str, str] | None:
    """The columns of coordinates of a table that names no ends of lines."""
    told = {name: _told("node", name) for name in names}
    if any(_told("segment", name) in _OF_ENDS for name in names):
        return None
    first = next((name for name, attribute in told.items() if attribute in _EASTINGS), None)
    second = next((name for name, attribute in told.items() if attribute in _NORTHINGS), None)
    return (first, second) if first and second else None


def _has_lines(names: Sequence[str]) -> bool:
    return any(_told("segment", name) in _OF_LINES for name in names)


def _told(role: str, name: str) -> str | None:
    """The attribute that a name surely says, None where it does not."""
    return next((found.attribute for found in readings(role, name) if found.trust >= _LEAST_TRUST), None)


def _height(name: str) -> str | None:
    """What the heights of the inner bottom or the outer top of pipes are called, None for any other column."""
    attribute, datum = str(_told("node", name)), datum_in_name(name)
    is_level = attribute in ("well_bottom_m", "pipe_elevation_m", "inlet_invert_m", "outlet_invert_m")
    kind = "depth" if attribute == "pipe_depth_m" else "elevation" if is_level else ""
    return _HEIGHTS.get((kind, datum or ""))


def _joined(column: "pd.Series[Any]", apart_m: Floats) -> Mask | None:
    """Which points go on to the next by the figures of a column (one less than rows), None where these are no chainage.

    Where a line ends and another begins the figures turn back, by other than the points lie apart: where they turn
    back by just that, the points are in no order.
    """
    for along in _figures(column):
        steps = np.diff(along)
        is_known = np.isfinite(steps) & np.isfinite(apart_m) & (steps != 0) & (apart_m > _LEAST_APART_M)
        onward = steps * (-1.0 if (steps[is_known] < 0).sum() * 2 > is_known.sum() else 1.0)
        fits = is_known & (np.abs(np.abs(steps) - apart_m) <= _ROUNDING_M + _ROUNDING_SHARE * apart_m)
        is_onward = is_known & (onward > 0)
        if is_onward.sum() < _LEAST_ROWS - 1 or (fits & ~is_onward).any():
            continue
        if fits.sum() >= _MOSTLY * is_onward.sum():
            is_bent = (onward >= apart_m) & (apart_m >= _LEAST_STRAIGHT * onward)
            return np.asarray(fits | (is_onward & is_bent))
    return None


def _figures(column: "pd.Series[Any]") -> Sequence[Floats]:
    """The figures of a column, in each unit that stations may count in."""
    if column.dtype != object:
        return [_numbers(column)]
    matches = [_STATION.fullmatch(str(cell).strip()) if cell is not None else None for cell in column]
    if sum(match is not None for match in matches) * 2 <= len(matches):
        return [_numbers(column)]
    parts = np.array([(float(m[1]), float(m[2])) if m else (np.nan, np.nan) for m in matches])
    return [parts[:, 0] * per_station + parts[:, 1] for per_station in _PER_STATION]


def _numbers(column: "pd.Series[Any]") -> Floats:
    plain = column if column.dtype != object else column.map(lambda cell: number_written(str(cell)), "ignore")
    return pd.to_numeric(plain, errors="coerce").to_numpy(float)


def _written(cell: Any) -> str:
    return f"{cell:.15g}" if isinstance(cell, float) else str(cell)


def _with_ends(table: RecordTable, chainage: str, joined: Mask) -> RecordTable:
    names = [str(name) for name in table.rows.columns]
    goes_on = np.append(joined, False)
    key = next((name for name in names if name != chainage and _told("node", name) == "key"), None)
    points = table.rows[key or chainage].map(_written, "ignore")
    own = points if key else f"{table.sheet} " + points
    added: dict[str, Any] = {} if key else {"物探点号": own}
    added["连接点号"] = own.shift(-1).where(goes_on, None)
    for name in names:
        if height := _height(name):
            unit = f"({unit_of(name)})" if unit_of(name) else ""
            added[f"起点{height}{unit}"] = table.rows[name].where(goes_on, None)
            added[f"终点{height}{unit}"] = table.rows[name].shift(-1).where(goes_on, None)
    finding = Finding(
        rule="IMP-CHAINAGE",
        severity=Severity.WARNING,
        message_en=f"Column {chainage} counts how far along the line each point lies, as the distances between them "
        f"agree: each was joined to the next, {int(joined.sum())} lines in all.",
        message_zh=f"列 {chainage} 为里程，与点间距离相符；各点依次相连，共 {int(joined.sum())} 条线。",
        file=table.file,
        sheet=table.sheet,
        column=chainage,
    )
    return replace(table, rows=table.rows.assign(**added), findings=[*table.findings, finding])
