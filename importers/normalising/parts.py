"""Drawn lines of several parts, and closed ones, as lines that each have a beginning and an end of their own."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from importers.base import DERIVED, RecordTable
from importers.normalising.cells import Mask, Objects
from importers.profiles import Profile

_LINE, _MULTILINE = shapely.GeometryType.LINESTRING, shapely.GeometryType.MULTILINESTRING
_AT_START = ("from_key", "from_depth_m", "from_elevation_m", "from_ground_m")
_AT_END = ("to_key", "to_depth_m", "to_elevation_m", "to_ground_m")
# One cell for both ends is of neither when a line comes apart.
_OF_BOTH = ("pair_key", "depths")


def in_parts(table: RecordTable, profile: Profile) -> RecordTable:
    """The table of lines with a row for every part, derived but the first.

    Parts that meet are one line again. The first part keeps what the row says of its start, the last what it
    says of its end. A closed line without point numbers, a ring, comes in three.
    """
    if table.geometry is None:
        return table
    lines, mapping = table.geometry, profile.mapping("segment", map(str, table.rows.columns))
    several = shapely.get_type_id(lines) == _MULTILINE
    closed = _is_ring(lines) & _is_nameless(table.rows, mapping)
    if not (several | closed).any():
        return table
    pieces = lines.copy()
    pieces[several] = _merged(lines[several])
    pieces[closed] = [_thirds(ring) for ring in lines[closed]]
    pieces, owner = _taken_apart(pieces)
    is_first, is_last = np.r_[True, owner[1:] != owner[:-1]], np.r_[owner[1:] != owner[:-1], True]
    rows = table.rows.iloc[owner].copy()
    derived = rows.get(DERIVED, False) | ~is_first
    for attributes, without in ((_AT_START, ~is_first), (_AT_END, ~is_last), (_OF_BOTH, ~(is_first & is_last))):
        for column in (mapping[name] for name in attributes if name in mapping):
            rows[column] = rows[column].astype(object).where(~without, None)
    return replace(table, rows=rows.assign(**{DERIVED: derived}), shapes=pieces)


def _merged(lines: Objects) -> Objects:
    """Parts that meet as one line; drawn on from each other where possible, else whichever way they run."""
    onward = shapely.line_merge(lines, directed=True)
    left = shapely.get_type_id(onward) != _LINE
    onward[left] = shapely.line_merge(onward[left])
    return np.asarray(onward)


def _is_ring(lines: Objects) -> Mask:
    ring = (shapely.get_type_id(lines) == _LINE) & (shapely.get_num_coordinates(lines) > 3)
    ring[ring] = shapely.is_closed(lines[ring])
    return np.asarray(ring)


def _is_nameless(rows: pd.DataFrame, mapping: Mapping[str, str]) -> Mask:
    names = [mapping[name] for name in ("from_key", "to_key", "pair_key") if name in mapping]
    return np.asarray(rows[names].isna().all(axis=1)) if names else np.ones(len(rows), dtype=bool)


def _thirds(ring: shapely.LineString) -> shapely.MultiLineString:
    """Halves would join the same two points twice."""
    places = shapely.get_coordinates(ring, include_z=ring.has_z)
    along = np.r_[0.0, np.hypot(*np.diff(places[:, :2], axis=0).T).cumsum()]
    first = int(np.clip(np.abs(along - along[-1] / 3).argmin(), 1, len(places) - 3))
    second = int(np.clip(np.abs(along - along[-1] * 2 / 3).argmin(), first + 1, len(places) - 2))
    return shapely.MultiLineString([places[: first + 1], places[first : second + 1], places[second:]])


def _taken_apart(lines: Objects) -> tuple[Objects, npt.NDArray[np.int64]]:
    """Every part of every shape, also of what is no line, and its place; a missing shape stays."""
    several = shapely.get_type_id(lines) == _MULTILINE
    parts, owner = shapely.get_parts(lines[several], return_index=True)
    pieces = np.concatenate([lines[~several], parts])
    owners = np.concatenate([np.flatnonzero(~several), np.flatnonzero(several)[owner]])
    order = np.argsort(owners, kind="stable")
    return pieces[order], owners[order]
