"""Axes of segments as one array of vertices."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import shapely

from pipemap.checks.columns import Floats, Ints, Objects
from pipemap.shelf import Shelf

_AT_ONCE = 100_000


@dataclass(frozen=True, eq=False)
class Axes:
    """The axis of segment i is the vertices `first[i]` up to `first[i + 1]` of `xyz` (v, 3), z NaN where unknown.

    Every axis has two vertices at least.
    """

    xyz: Floats
    first: Ints

    @classmethod
    def of(cls, lines: Objects) -> "Axes":
        """The axes of shapely lines."""
        xyz = shapely.get_coordinates(lines, include_z=True)
        return cls(xyz, np.concatenate([[0], np.cumsum(shapely.get_num_coordinates(lines))]).astype(np.int64))

    def __len__(self) -> int:
        return len(self.first) - 1

    def part(self, rows: Ints) -> "Axes":
        """The axes of some segments."""
        counts = self.first[rows + 1] - self.first[rows]
        first = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        if (counts == 2).all():
            vertices = (self.first[rows][:, None] + np.arange(2)).ravel()
        else:
            vertices = np.repeat(self.first[rows] - first[:-1], counts) + np.arange(first[-1])
        return Axes(self.xyz[vertices], first)

    def lines(self, rows: Ints) -> Objects:
        """Some axes as shapely lines, with z."""
        part = self.part(rows)
        return np.asarray(shapely.linestrings(part.xyz, indices=part.owner), dtype=object)

    def middles(self, rows: Ints) -> Floats:
        """The middle of some axes along their course in plan, shape (rows, 2)."""
        part = self.part(rows)
        if part._are_straight:
            return np.asarray((part.start[:, :2] + part.end[:, :2]) / 2)
        flat = shapely.linestrings(part.xyz[:, :2], indices=part.owner)
        middle = shapely.line_interpolate_point(flat, 0.5, normalized=True)
        return np.column_stack([shapely.get_x(middle), shapely.get_y(middle)])

    @property
    def start(self) -> Floats:
        """First vertex of each axis, shape (n, 3); to be read only."""
        return self.xyz[::2] if self._are_straight else self.xyz[self.first[:-1]]

    @property
    def end(self) -> Floats:
        """Last vertex of each axis, shape (n, 3); to be read only."""
        return self.xyz[1::2] if self._are_straight else self.xyz[self.first[1:] - 1]

    @property
    def _are_straight(self) -> bool:
        return len(self.xyz) == 2 * len(self)

    @cached_property
    def owner(self) -> Ints:
        """Segment of each vertex."""
        return np.repeat(np.arange(len(self)), np.diff(self.first))

    @cached_property
    def pieces(self) -> Ints:
        """First vertex of each straight piece; it runs to the next vertex."""
        last = np.zeros(len(self.xyz), np.bool_)
        last[self.first[1:] - 1] = True
        return np.flatnonzero(~last)

    @cached_property
    def length_m(self) -> Floats:
        """Length of each axis, in space where its height is known, else in plan."""
        steps = self.xyz[self.pieces + 1] - self.xyz[self.pieces]
        steps[:, 2] = np.nan_to_num(steps[:, 2])
        steps_m = np.sqrt((steps**2).sum(axis=1))
        return np.bincount(self.owner[self.pieces], steps_m, minlength=len(self)).astype(np.float64)

    @cached_property
    def boxes(self) -> Floats:
        """West, south, east and north of each axis, shape (n, 4)."""
        boxes = Shelf(np.float64)
        for start in range(0, len(self), _AT_ONCE):
            first = self.first[start : start + _AT_ONCE + 1]
            plan, at = self.xyz[first[0] : first[-1], :2], first[:-1] - first[0]
            boxes.add(np.hstack([np.minimum.reduceat(plan, at), np.maximum.reduceat(plan, at)]))
        return boxes.array().reshape(-1, 4)
