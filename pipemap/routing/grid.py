"""Where the axis of a new pipe may run: cells of a corridor, levels below its ground, and what stands in the way.

The grid lies along the corridor, with the start of the route at the middle of a cell, so that a route along a street
runs straight. In a *zone* of a pipe or structure the axis is nearer to it than a rule allows beside it; the cells in
no zone are free. A zone of a pipe may be crossed, that of a structure may not.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import shapely

from pipemap.clearance.geometry3d import Bools, Floats
from pipemap.clearance.numbers import LARGEST_UNKNOWN_HALF_M, Ints, known_or
from pipemap.clearance.rules import strictest
from pipemap.clearance.site import Segment, Structure

# What straight lines between the middles of cells may lose to the round edge of a zone.
_MARGIN_M = 0.01
# A sloping round pipe takes up more than its radius in the vertical: as much as at a slope of 1 in 5.
_SLOPING = 1.02
_MOST_CELLS, _SMALLEST_CELL_M, _LARGEST_CELL_M = 50_000, 0.25, 1.0
# Of the box around a corridor, most of which may lie outside of it.
_MOST_IN_BOX = 4_000_000


class Plan(NamedTuple):
    """The cells of a corridor for compiled code, in a frame whose origin is in the cell at `row` and `column`.

    `numbers` (rows, columns) has the numbers of the cells, -1 outside of the corridor; `places` (n, 2) their rows and
    columns, `cells` (n, 2) their middles in metres.
    """

    numbers: Ints
    places: Ints
    cells: Floats
    cell_m: float
    row: int
    column: int


@dataclass(frozen=True, eq=False)
class Grid:
    """Cells of a corridor, and where their frame lies on the map: its origin and the direction of its first axis."""

    origin: Floats
    along: Floats
    plan: Plan

    def local(self, points: Floats) -> Floats:
        """Points (n, 2 or 3) of the map in the frame of the grid."""
        moved = points[:, :2] - self.origin
        return np.column_stack([moved @ self.along, moved @ _left_of(self.along), points[:, 2:]])

    def cell_of(self, point: Floats) -> int:
        """The cell that a point of the map lies in; -1 outside."""
        x, y = self.local(point[None, :2])[0]
        row, column = round(y / self.plan.cell_m) + self.plan.row, round(x / self.plan.cell_m) + self.plan.column
        rows, columns = self.plan.numbers.shape
        return int(self.plan.numbers[row, column]) if 0 <= row < rows and 0 <= column < columns else -1

    @cached_property
    def places(self) -> Floats:
        """Middles of the cells on the map, (n, 2)."""
        return _on_map(self.plan.cells, self.origin, self.along)


class Zones(NamedTuple):
    """What stands in the way, in the frame of the grid, for compiled code.

    Pieces of obstacle o are `first_piece[o]` up to `first_piece[o + 1]`, none for a structure; `apart_m` is what must
    be between the axes where one is crossed, infinite where nobody can tell. The zones a cell lies in are
    `zone[first_zone[cell]:first_zone[cell + 1]]`.
    """

    first_piece: Ints
    start: Floats
    end: Floats
    apart_m: Floats
    first_zone: Ints
    zone: Ints


def grid_over(corridor: shapely.Polygon, origin: Floats) -> Grid:
    """The grid over a corridor, as fine as its area allows, with the middle of a cell at the origin."""
    cell_m, along = _cell_size(corridor), _course(corridor)
    low, high = (bound.astype(np.int64) for bound in _extent(corridor, origin, along, cell_m))
    columns, rows = np.meshgrid(np.arange(low[0], high[0] + 1), np.arange(low[1], high[1] + 1))
    middles = cell_m * np.stack([columns, rows], axis=-1)
    places = _on_map(middles, origin, along)
    shapely.prepare(corridor)
    inside = shapely.intersects_xy(corridor, places[..., 0], places[..., 1])
    index = np.where(inside, np.cumsum(inside).reshape(inside.shape) - 1, -1).astype(np.int64)
    plan = Plan(index, np.argwhere(inside), np.ascontiguousarray(middles[inside]), cell_m, -int(low[1]), -int(low[0]))
    return Grid(origin, along, plan)


def _extent(corridor: shapely.Polygon, origin: Floats, along: Floats, cell_m: float) -> tuple[Floats, Floats]:
    """The first and the last cell of the box around a corridor, along its course and to the left of it."""
    corners = shapely.get_coordinates(corridor.exterior) - origin
    frame = np.column_stack([corners @ along, corners @ _left_of(along)]) / cell_m
    return np.floor(frame.min(axis=0)), np.ceil(frame.max(axis=0))


def is_too_large(corridor: shapely.Polygon) -> bool:
    """Whether a corridor cannot be searched with cells small enough to find the gaps between pipes."""
    cell_m = _cell_size(corridor)
    return cell_m > _LARGEST_CELL_M or _count_in_box(corridor, cell_m) > _MOST_IN_BOX


def _count_in_box(corridor: shapely.Polygon, cell_m: float) -> float:
    """About how many cells the box around a corridor has: of a sliver far more than fit into its area."""
    low, high = _extent(corridor, np.zeros(2), _course(corridor), cell_m)
    return float(np.prod(high - low + 1.0))


def _cell_size(corridor: shapely.Polygon) -> float:
    return max(_SMALLEST_CELL_M, math.sqrt(corridor.area / _MOST_CELLS))


def _left_of(way: Floats) -> Floats:
    return np.array([-way[1], way[0]])


def _on_map(points: Floats, origin: Floats, along: Floats) -> Floats:
    return origin + points[..., :1] * along + points[..., 1:] * _left_of(along)


def zones_of(
    grid: Grid, asked: Segment, segments: Sequence[Segment], structures: Sequence[Structure], cross_unknown: bool
) -> Zones:
    """The zones around pipes and structures; pipes come first, in their order."""
    axes = [grid.local(segment.axis) for segment in segments]
    counts = [len(axis) - 1 for axis in axes] + [0] * len(structures)
    start = np.concatenate([*(axis[:-1] for axis in axes), np.empty((0, 3))])
    end = np.concatenate([*(axis[1:] for axis in axes), np.empty((0, 3))])
    apart_m = np.repeat([_apart(asked, segment) for segment in segments], counts[: len(segments)]).astype(np.float64)
    is_unknown = np.isnan(start[:, 2] + end[:, 2])
    apart_m[is_unknown] = -math.inf if cross_unknown else math.inf
    outlines = [segment.plan for segment in segments] + [structure.outline for structure in structures]
    reach_m = [_beside(asked, segment, grid.plan.cell_m) for segment in segments]
    reach_m += [_off(asked, structure) for structure in structures]
    return Zones(
        np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        np.nan_to_num(start), np.nan_to_num(end), apart_m,
        *_zones_by_cell(grid, outlines, np.array(reach_m)),
    )  # fmt: skip


def _course(corridor: shapely.Polygon) -> Floats:
    """Direction of the longer side of a corridor."""
    corners = shapely.get_coordinates(shapely.minimum_rotated_rectangle(corridor))
    sides = np.diff(corners[:3], axis=0)
    longer = sides[int(np.argmax(np.hypot(*sides.T)))]
    course: Floats = longer / math.hypot(*longer)
    return course


def _apart(asked: Segment, other: Segment) -> float:
    """Between the axes at a crossing, in metres; an unknown height counts as the largest."""
    limit = strictest("vertical", asked.party, other.party)
    halves = _half(asked.half_height_m) + _half(other.half_height_m)
    slope = np.diff(other.axis, axis=0)
    flat_m = np.maximum(np.hypot(slope[:, 0], slope[:, 1]), 1e-9)
    steepest = float(np.nan_to_num(np.hypot(1.0, slope[:, 2] / flat_m)).max(initial=_SLOPING))
    return (limit.min_m if limit else 0.0) + halves * max(_SLOPING, min(steepest, math.sqrt(2))) + _MARGIN_M


def _beside(asked: Segment, other: Segment, cell_m: float) -> float:
    """Between the axes of pipes side by side; as wide as a step of the grid, so that none is stepped over."""
    limit = strictest("horizontal", asked.party, other.party)
    apart_m = (limit.min_m if limit else 0.0) + _half(asked.half_width_m) + _half(other.half_width_m)
    return max(apart_m + _MARGIN_M, 0.75 * cell_m)


def _off(asked: Segment, other: Structure) -> float:
    """Between the axis and a structure; negative where no rule keeps them apart."""
    limit = strictest("horizontal", asked.party, other.party) if other.party else None
    return -1.0 if limit is None else limit.min_m + _half(asked.half_width_m) + _MARGIN_M


def _half(half_m: float) -> float:
    return known_or(half_m, LARGEST_UNKNOWN_HALF_M)


def _zones_by_cell(grid: Grid, outlines: Sequence[shapely.Geometry], reach_m: Floats) -> tuple[Ints, Ints]:
    cells = np.empty(0, np.int64), np.empty(0, np.int64)
    kept = np.flatnonzero(reach_m >= 0)
    if len(kept):
        tree = shapely.STRtree(shapely.points(grid.places))
        near = np.array([outlines[number] for number in kept.tolist()], dtype=object)
        cells = tuple(tree.query(near, predicate="dwithin", distance=reach_m[kept]))
    order = np.argsort(cells[1], kind="stable")
    counts = np.bincount(cells[1], minlength=len(grid.places))
    first = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return first, kept[cells[0][order]].astype(np.int64)


def is_free(zones: Zones) -> Bools:
    """Whether each cell lies in no zone."""
    return np.asarray(np.diff(zones.first_zone) == 0)
