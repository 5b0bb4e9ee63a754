"""The axes of segments in arrays, as they come from the database, and the tree that finds the ones near a place."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

import numba
import numpy as np
import numpy.typing as npt

from pipemap.copy_out import CopiedRows
from pipemap.network.boxes import BoxTree
from pipemap.network.grouping import spread

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]

# Well-known binary of a line: byte order, kind, number of points, then the points (ISO 13249-3; OGC 06-103r4, 8.2).
_HEADER_BYTES = 9
_NUMBER_BYTES = 8


@dataclass(frozen=True, eq=False)
class Axes:
    """Axis a has the rows `bounds[a]` to `bounds[a + 1] - 1` of `points_m` (n, 3), project CRS; z NaN where unknown."""

    points_m: Floats
    bounds: Ints

    def __len__(self) -> int:
        return len(self.bounds) - 1

    def __getitem__(self, index: int) -> Floats:
        """The points of one axis."""
        return self.points_m[self.bounds[index] : self.bounds[index + 1]]

    def taken(self, positions: Ints) -> "Axes":
        """Some of the axes, in the order given."""
        counts = np.diff(self.bounds)[positions]
        return Axes(self.points_m[spread(self.bounds, positions)], _bounds(counts))

    def merged(self, other: "Axes", order: Ints) -> "Axes":
        """The axes followed by those of another column, all taken in `order`."""
        points_m = np.concatenate([self.points_m, other.points_m])
        return Axes(points_m, np.concatenate([self.bounds, len(self.points_m) + other.bounds[1:]])).taken(order)

    def equals(self, other: "Axes") -> bool:
        """Whether both have the same axes, point by point."""
        is_alike = np.array_equal(self.bounds, other.bounds)
        return is_alike and np.array_equal(self.points_m, other.points_m, equal_nan=True)

    @cached_property
    def tree(self) -> BoxTree:
        """Their boxes in plan; as long as a version keeps the axes it keeps the tree."""
        return BoxTree.of(_boxes(self.points_m, self.bounds))

    @classmethod
    def of(cls, lines: Iterable[npt.ArrayLike]) -> "Axes":
        """Axes from their points (n, 3) each."""
        points = [np.asarray(line, np.float64) for line in lines]
        bounds = np.array([0, *accumulate(map(len, points))], np.int64)
        return cls(np.concatenate(points) if points else np.zeros((0, 3)), bounds)

    @classmethod
    def read(cls, rows: CopiedRows, column: int, order: Ints) -> "Axes":
        """One column of lines as little-endian well-known binary, its rows taken in `order`."""
        starts, lengths = rows.starts[order, column], rows.lengths[order, column]
        dimensions = 2 + _has_z(rows.stream, starts)
        bounds = _bounds((lengths - _HEADER_BYTES) // (_NUMBER_BYTES * dimensions))
        raw = _gather(rows.stream, starts, dimensions, bounds)
        points_m = raw.view("<f8").astype(np.float64, copy=False).reshape(-1, 3)
        points_m[np.repeat(dimensions == 2, np.diff(bounds)), 2] = np.nan
        return cls(points_m, bounds)


def _bounds(counts: Ints) -> Ints:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])


@numba.njit(cache=True, nogil=True)
def _has_z(stream: Bytes, starts: Ints) -> Ints:  # pragma: no cover
    """1 where the kind is 1002, a line with heights, and 0 where it is 2."""
    found = np.zeros(len(starts), np.int64)
    for row in range(len(starts)):
        found[row] = stream[starts[row] + 2] == 1002 >> 8
    return found


@numba.njit(cache=True, nogil=True)
def _gather(stream: Bytes, starts: Ints, dimensions: Ints, bounds: Ints) -> Bytes:  # pragma: no cover
    """Three numbers for every point, the third zero where the line has none."""
    found = np.zeros(bounds[-1] * 3 * _NUMBER_BYTES, np.uint8)
    for row in range(len(starts)):
        at, width = starts[row] + _HEADER_BYTES, dimensions[row] * _NUMBER_BYTES
        for point in range(bounds[row], bounds[row + 1]):
            for byte in range(width):
                found[point * 3 * _NUMBER_BYTES + byte] = stream[at + byte]
            at += width
    return found


@numba.njit(cache=True, nogil=True)
def _boxes(points_m: Floats, bounds: Ints) -> Floats:  # pragma: no cover
    found = np.empty((len(bounds) - 1, 4))
    for axis in range(len(found)):
        found[axis, :2], found[axis, 2:] = np.inf, -np.inf
        for point in range(bounds[axis], bounds[axis + 1]):
            for side in range(2):
                found[axis, side] = min(found[axis, side], points_m[point, side])
                found[axis, 2 + side] = max(found[axis, 2 + side], points_m[point, side])
    return found
