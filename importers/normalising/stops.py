"""Drawn lines that run through points of their class, a whole street of manholes, as one pipe from each to the next."""

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import shapely

from importers.normalising.cells import Floats, Objects, objects_of
from importers.normalising.compact import codes
from importers.normalising.ledger import Ledger
from importers.normalising.normalise import LINE_ENDS
from importers.normalising.pool import Pool
from schemas.findings import Severity

RULE = "IMP-STOPS"
_OF_ENDS = ("depth_m", "elevation_m", "ground_m")
Ints = npt.NDArray[np.int64]


def words(n_lines: int, n_more: int) -> tuple[str, str]:
    """What is said of lines that came apart, in English and Chinese."""
    return (
        f"{n_lines} lines run through points; each was taken for pipes from point to point, {n_more} more.",
        f"{n_lines} 条线穿过管点，已按管点分段，增加 {n_more} 段。",
    )


def with_stops(nodes: pd.DataFrame, pool: Pool, ledger: Ledger, snap_m: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Nodes as they are, and the segments of a pool with a row for each pipe, derived from that of its line.

    Only lines without point numbers come apart, where a point of their class lies within `snap_m` of them; and none of
    a class of which other lines have numbers: there a line that goes past a point says so. What a line says of both
    ends alike holds for each pipe, else the first has what it says of its start, the last what it says of its end.
    """
    segments = pool.frame()
    if not len(nodes) or not len(segments):
        return nodes, segments
    is_named = segments["from_key"].notna() | segments["to_key"].notna()
    are_named = segments["class_code"].isin(segments["class_code"][is_named])
    open_lines = segments[~are_named & segments["start_x"].notna()]
    if not len(open_lines):
        return nodes, segments
    points = _Points(nodes, snap_m)
    parted: list[pd.DataFrame] = []
    is_whole = np.full(len(segments), True)
    for at, spooled in pool.spooled(open_lines["row"].to_numpy()):
        lines = open_lines.iloc[at]
        pieces, owner = points.pieces(_drawn(lines, spooled), codes(lines["class_code"]))
        if len(owner):
            parted.append(_parted(lines, spooled, pieces, owner, pool))
            is_whole[lines.index.to_numpy()[owner]] = False
    if not parted:
        return nodes, segments
    pipes = pd.concat(parted, ignore_index=True)
    _tell(segments[~is_whole], pipes, ledger)
    return nodes, pd.concat([segments[is_whole], pipes], ignore_index=True)


class _Points:
    """Points that drawn lines may run through."""

    def __init__(self, nodes: pd.DataFrame, snap_m: float) -> None:
        placed = nodes[nodes["x_m"].notna() & nodes["y_m"].notna()]
        self._places = shapely.points(placed[["x_m", "y_m"]].to_numpy(float))
        self._classes, self._snap_m = codes(placed["class_code"]), snap_m
        self._tree = shapely.STRtree(self._places)

    def pieces(self, lines: Objects, classes: Ints) -> tuple[Objects, Ints]:
        """The pieces of the lines that run through points, and which line each is of."""
        line, point = self._tree.query(lines, predicate="dwithin", distance=self._snap_m)
        is_own = classes[line] == self._classes[point]
        line, point = line[is_own], point[is_own]
        along = shapely.line_locate_point(lines[line], self._places[point])
        is_between = (along > self._snap_m) & (along < shapely.length(lines[line]) - self._snap_m)
        found = pd.Series(along[is_between]).groupby(line[is_between])
        pieces = {int(at): _cut(lines[at], self._apart(np.sort(stops.to_numpy())), self._snap_m) for at, stops in found}
        owner = np.repeat(list(pieces), [len(parts) for parts in pieces.values()]).astype(np.int64)
        return objects_of(part for parts in pieces.values() for part in parts), owner

    def _apart(self, along: Floats) -> Floats:
        """Stops, of several at one place the first."""
        kept = along[:1].tolist()
        for stop in along[1:]:
            if stop - kept[-1] > self._snap_m:
                kept.append(stop)
        return np.array(kept)


def _drawn(lines: pd.DataFrame, spooled: pa.RecordBatch) -> Objects:
    """The lines as drawn: those of two vertices without heights are not spooled."""
    straight = shapely.linestrings(lines[list(LINE_ENDS)].to_numpy(float).reshape(-1, 2, 2))
    if "vertices" not in spooled.schema.names:
        return np.asarray(straight)
    bent = shapely.from_wkb(spooled["vertices"].to_numpy(zero_copy_only=False))
    return np.asarray(np.where(shapely.is_missing(bent), straight, bent))


def _cut(line: Any, stops: Floats, snap_m: float) -> list[Any]:
    """A line cut at lengths along it; vertices that are as good as a stop are left out."""
    vertices = shapely.get_coordinates(line, include_z=line.has_z)
    along = np.r_[0.0, np.hypot(*np.diff(vertices[:, :2], axis=0).T).cumsum()]
    cuts = np.column_stack([np.interp(stops, along, column) for column in vertices.T])
    is_far = (np.abs(along[:, None] - stops) > snap_m).all(axis=1)
    places = np.concatenate([vertices[is_far], cuts])
    where = np.r_[along[is_far], stops]
    order = np.argsort(where, kind="stable")
    bounds = np.flatnonzero(order >= int(is_far.sum()))
    ends = [0, *bounds, len(order) - 1]
    return [shapely.LineString(places[order[a : b + 1]]) for a, b in pairwise(ends)]


def _parted(lines: pd.DataFrame, spooled: pa.RecordBatch, pieces: Objects, owner: Ints, pool: Pool) -> pd.DataFrame:
    """The pieces as rows of their own, with everything that is known of their lines."""
    vertices = objects_of(None for _ in pieces)
    is_bent = (shapely.get_num_coordinates(pieces) > 2) | shapely.has_z(pieces)
    vertices[is_bent] = shapely.to_wkb(pieces[is_bent])
    known = {name: spooled[name].take(pa.array(owner)) for name in spooled.schema.names if name}
    rows = pool.lay_by({**known, "vertices": vertices})
    starts, ends = (shapely.get_coordinates(shapely.get_point(pieces, at), include_z=True) for at in (0, -1))
    places = dict(zip(LINE_ENDS, np.concatenate([starts[:, :2], ends[:, :2]], axis=1).T, strict=True))
    pipes = lines.iloc[owner].assign(row=rows, **places, length_m=np.round(shapely.length(pieces), 2))
    if "start_z" in pipes:
        pipes = pipes.assign(start_z=starts[:, 2], end_z=ends[:, 2])
    is_first, is_last = np.r_[True, owner[1:] != owner[:-1]], np.r_[owner[1:] != owner[:-1], True]
    for name in _OF_ENDS:
        start, end = pipes[f"from_{name}"], pipes[f"to_{name}"]
        alike = start == end
        pipes[f"from_{name}"], pipes[f"to_{name}"] = start.where(alike | is_first), end.where(alike | is_last)
    return pipes


def _tell(lines: pd.DataFrame, pipes: pd.DataFrame, ledger: Ledger) -> None:
    for table in np.unique(lines["table"]).tolist():
        n_lines, n_pipes = (int((rows["table"] == table).sum()) for rows in (lines, pipes))
        en, zh = words(n_lines, n_pipes - n_lines)
        ledger.note(table, Severity.INFO, RULE, en, zh, details={"rows": n_lines})
