"""Lines drawn through several points, a whole street of manholes, as one pipe from each point to the next."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from scipy.spatial import cKDTree

from importers.base import DERIVED, RecordTable
from importers.cad.layer_names import can_meet
from importers.cad.sheets import Sheet
from importers.normalising import stops
from schemas.findings import Finding, Severity

_AT_POINT_M = 0.01
_DEPTHS = "drawn_depths"


class Stops:
    """The points of a drawing, by the class that their layer names."""

    def __init__(self, sheets: Sequence[Sheet]) -> None:
        nodes = [(e.vertices[0][:2], s.told.class_code) for s in sheets for e in s.rows["node"] if e.vertices]
        self._classes = [class_code for _, class_code in nodes]
        self._tree = cKDTree(np.array([place for place, _ in nodes])) if nodes else None

    def parted(self, table: RecordTable, class_code: str | None) -> RecordTable:
        """The table of lines with a row for each pipe, derived but the first of a line."""
        if self._tree is None or table.geometry is None:
            return table
        pieces = [[line] for line in table.geometry]
        for at in self._passing(table.geometry):
            pieces[at] = self._pieces(table.geometry[at], class_code)
        sizes = np.array([len(parts) for parts in pieces], dtype=np.int64)
        if not (sizes > 1).any():
            return table
        owner = np.repeat(np.arange(len(pieces)), sizes)
        rows = table.rows.iloc[owner].copy()
        is_part = sizes[owner] > 1
        if _DEPTHS in rows:
            # Of two depths each is that of one end of the whole line.
            rows[_DEPTHS] = rows[_DEPTHS].where(~is_part | rows[_DEPTHS].map(_is_one_depth), None)
        shapes = np.empty(len(owner), dtype=object)
        shapes[:] = [part for parts in pieces for part in parts]
        derived = np.r_[False, owner[1:] == owner[:-1]]
        findings = [*table.findings, _told(table, int(np.count_nonzero(sizes > 1)), len(owner) - len(sizes))]
        return replace(table, rows=rows.assign(**{DERIVED: derived}), shapes=shapes, findings=findings)

    def _passing(self, lines: npt.NDArray[np.object_]) -> list[int]:
        """The lines with a point at one of their vertices between the ends, as far as can be seen at once."""
        assert self._tree is not None
        places, owner = shapely.get_coordinates(lines, return_index=True)
        is_at = np.asarray(self._tree.query(places, distance_upper_bound=_AT_POINT_M)[0]) <= _AT_POINT_M
        is_between = np.r_[False, (owner[1:-1] == owner[:-2]) & (owner[1:-1] == owner[2:]), False][: len(owner)]
        return list(map(int, np.unique(owner[is_at & is_between])))

    def _pieces(self, line: Any, class_code: str | None) -> list[Any]:
        places = shapely.get_coordinates(line, include_z=line.has_z)
        if line.is_closed:
            return [line]
        between = [at for at in range(1, len(places) - 1) if self._is_stop(places[at, :2], class_code)]
        ends = [0, *between, len(places) - 1]
        return [shapely.LineString(places[a : b + 1]) for a, b in pairwise(ends)]

    def _is_stop(self, place: npt.NDArray[np.float64], class_code: str | None) -> bool:
        assert self._tree is not None
        near = self._tree.query_ball_point(place, _AT_POINT_M)
        return any(can_meet(self._classes[each], class_code) for each in near)


def _told(table: RecordTable, n_lines: int, n_more: int) -> Finding:
    en, zh = stops.words(n_lines, n_more)
    return Finding(
        rule=stops.RULE,
        severity=Severity.INFO,
        message_en=en,
        message_zh=zh,
        file=table.file,
        sheet=table.sheet,
        details={"rows": n_lines},
    )


def _is_one_depth(depths: Any) -> bool:
    return isinstance(depths, str) and len(set(depths.split("/"))) == 1
