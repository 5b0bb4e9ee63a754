"""Straight lines over what stands in the way, compiled: from free cell to free cell, square enough to what they cross.

A hop is clear at those levels at which it passes far enough above or below every pipe it crosses.
"""

import math
from typing import NamedTuple, TypeAlias

import numba
import numpy as np
from numpy.typing import NDArray

from pipemap.clearance.geometry3d import Floats, angle_of, crossing_of
from pipemap.clearance.numbers import LEAST_CROSSING_DEG, TOLERANCE_M, Ints
from pipemap.routing.grid import Plan, Zones

_MOST_MET = 64
# Hops as they are found: from a cell, to a cell, length, pipes crossed, levels.
_Found: TypeAlias = tuple[Ints, Ints, Floats, Ints, Ints]
# Directions as columns and rows; the first eight lead to the cells around, the first four along rows and columns.
STEPS = np.array(
    [
        (1, 0), (0, 1), (-1, 0), (0, -1), (1, 1), (-1, 1), (-1, -1), (1, -1),
        (2, 1), (1, 2), (-1, 2), (-2, 1), (-2, -1), (-1, -2), (1, -2), (2, -1),
    ]
)  # fmt: skip


class Depths(NamedTuple):
    """Heights of the axis at the uppermost level of each cell, and the step and number of levels."""

    highest_m: Floats
    step_m: float
    levels: int


class End(NamedTuple):
    """An end in the frame of the grid: height at the uppermost level, or where `is_fixed` the height itself.

    `joins` marks the obstacles that the pipe joins there.
    """

    x: float
    y: float
    z_m: float
    is_fixed: bool
    joins: NDArray[np.bool_]


class Hops(NamedTuple):
    """Hops from cell c are `first[c]` up to `first[c + 1]`: where to, length, pipes crossed, levels (a bit each)."""

    first: Ints
    to: Ints
    length_m: Floats
    crossed: Ints
    levels: Ints


def hops_between(plan: Plan, zones: Zones, depths: Depths, longest_m: float) -> tuple[Hops, Hops]:
    """Every hop from a free cell over zones to the next free cell in one of sixteen directions.

    By the cell they begin in, and the same by the cell they end in, `to` being the other one.
    """
    found = _hops(plan, zones, depths, longest_m, STEPS)
    return _by_cell(len(plan.cells), found), _by_cell(len(plan.cells), (found[1], found[0], *found[2:]))


def hops_from(end: End, plan: Plan, zones: Zones, depths: Depths, longest_m: float) -> Hops:
    """Straight lines between an end of the route and the free cells around it, by cell."""
    return _by_cell(len(plan.cells), _end_hops(end, plan, zones, depths, longest_m))


def _by_cell(count: int, found: _Found) -> Hops:
    order = np.argsort(found[0], kind="stable")
    first = np.concatenate([[0], np.cumsum(np.bincount(found[0], minlength=count))]).astype(np.int64)
    _, to, length_m, crossed, levels = found
    return Hops(first, to[order], length_m[order], crossed[order], levels[order])


@numba.njit(cache=True, nogil=True, inline="always")
def cell_at(plan: Plan, row: int, column: int) -> int:  # pragma: no cover
    """The cell in a row and column; -1 outside of the corridor."""
    if row < 0 or column < 0 or row >= plan.numbers.shape[0] or column >= plan.numbers.shape[1]:
        return -1
    return int(plan.numbers[row, column])


@numba.njit(cache=True, nogil=True)
def _line_met(
    plan: Plan, x0: float, y0: float, x1: float, y1: float, zones: Zones, met: Ints
) -> int:  # pragma: no cover
    """The obstacles whose zones a straight line enters, in `met`; -1 where it leaves the corridor or meets too many."""
    count = 0
    samples = max(2, math.ceil(2 * math.hypot(x1 - x0, y1 - y0) / plan.cell_m) + 1)
    for sample in range(samples):
        share = sample / (samples - 1)
        row = round((y0 + share * (y1 - y0)) / plan.cell_m) + plan.row
        column = round((x0 + share * (x1 - x0)) / plan.cell_m) + plan.column
        cell = cell_at(plan, row, column)
        if cell < 0:
            return -1
        for place in range(zones.first_zone[cell], zones.first_zone[cell + 1]):
            if zones.zone[place] not in met[:count]:
                if count == len(met):
                    return -1
                met[count] = zones.zone[place]
                count += 1
    return count


@numba.njit(cache=True, nogil=True)
def _levels_over(
    zones: Zones,
    obstacle: int,
    here: tuple[float, float, float],
    there: tuple[float, float, float],
    fixed: tuple[bool, bool],
    step_m: float,
    levels: int,
) -> int:  # pragma: no cover
    """The levels at which a straight line crosses a pipe far enough above or below it; 0 where it does not cross it."""
    way = there[0] - here[0], there[1] - here[1], 0.0
    allowed, crosses = (1 << levels) - 1, False
    for piece in range(zones.first_piece[obstacle], zones.first_piece[obstacle + 1]):
        q = zones.start[piece, 0], zones.start[piece, 1], zones.start[piece, 2]
        v = zones.end[piece, 0] - q[0], zones.end[piece, 1] - q[1], zones.end[piece, 2] - q[2]
        meets, s, t = crossing_of(here, way, q, v, TOLERANCE_M)
        if not meets:
            continue
        if angle_of(way, v) < LEAST_CROSSING_DEG:
            return 0
        crosses = True
        for level in range(levels):
            z_here = here[2] - (0.0 if fixed[0] else level * step_m)
            z_there = there[2] - (0.0 if fixed[1] else level * step_m)
            if abs(z_here + s * (z_there - z_here) - q[2] - t * v[2]) < zones.apart_m[piece]:
                allowed &= ~(1 << level)
    return allowed if crosses else 0


@numba.njit(cache=True, nogil=True)
def _hop_levels(
    plan: Plan,
    here: tuple[float, float, float],
    there: tuple[float, float, float],
    fixed: tuple[bool, bool],
    zones: Zones,
    joins: NDArray[np.bool_],
    depths: Depths,
    met: Ints,
) -> tuple[int, int]:  # pragma: no cover
    """Levels at which a straight line is clear of everything, and how many pipes it crosses."""
    count = _line_met(plan, here[0], here[1], there[0], there[1], zones, met)
    if count < 0:
        return 0, 0
    allowed, crossed = (1 << depths.levels) - 1, 0
    for place in range(count):
        if not joins[met[place]]:
            allowed &= _levels_over(zones, met[place], here, there, fixed, depths.step_m, depths.levels)
            crossed += 1
            if allowed == 0:
                break
    return allowed, crossed


@numba.njit(cache=True, nogil=True)
def _hops(plan: Plan, zones: Zones, depths: Depths, longest_m: float, steps: Ints) -> _Found:  # pragma: no cover
    origin, to, length_m, crossed, levels = [0], [0], [0.0], [0], [0]
    met, joins = np.empty(_MOST_MET, np.int64), np.zeros(len(zones.first_piece), np.bool_)
    for cell in range(len(plan.cells)):
        if zones.first_zone[cell] != zones.first_zone[cell + 1]:
            continue
        for way in range(len(steps)):
            target, stride_m = _next_free(plan, cell, steps[way], zones, longest_m)
            if target < 0:
                continue
            here = plan.cells[cell, 0], plan.cells[cell, 1], depths.highest_m[cell]
            there = plan.cells[target, 0], plan.cells[target, 1], depths.highest_m[target]
            allowed, count = _hop_levels(plan, here, there, (False, False), zones, joins, depths, met)
            if allowed:
                origin.append(cell)
                to.append(target)
                length_m.append(stride_m)
                crossed.append(count)
                levels.append(allowed)
    return (
        np.array(origin)[1:], np.array(to)[1:], np.array(length_m)[1:], np.array(crossed)[1:], np.array(levels)[1:]
    )  # fmt: skip


@numba.njit(cache=True, nogil=True)
def _next_free(
    plan: Plan, cell: int, step: Ints, zones: Zones, longest_m: float
) -> tuple[int, float]:  # pragma: no cover
    """The first free cell in a direction beyond at least one that is not, and how far away; -1 where there is none."""
    stride_m, row, column = math.hypot(step[0], step[1]) * plan.cell_m, plan.places[cell, 0], plan.places[cell, 1]
    for strides in range(1, int(longest_m / stride_m) + 1):
        row += step[1]
        column += step[0]
        other = cell_at(plan, row, column)
        if other < 0:
            return -1, 0.0
        if zones.first_zone[other] == zones.first_zone[other + 1]:
            return (other, strides * stride_m) if strides > 1 else (-1, 0.0)
    return -1, 0.0


@numba.njit(cache=True, nogil=True)
def _end_hops(end: End, plan: Plan, zones: Zones, depths: Depths, longest_m: float) -> _Found:  # pragma: no cover
    to, length_m, crossed, levels = [0], [0.0], [0], [0]
    met = np.empty(_MOST_MET, np.int64)
    for cell in range(len(plan.cells)):
        far_m = math.hypot(plan.cells[cell, 0] - end.x, plan.cells[cell, 1] - end.y)
        if far_m > longest_m or zones.first_zone[cell] != zones.first_zone[cell + 1]:
            continue
        there = plan.cells[cell, 0], plan.cells[cell, 1], depths.highest_m[cell]
        here = end.x, end.y, end.z_m
        allowed, count = _hop_levels(plan, here, there, (end.is_fixed, False), zones, end.joins, depths, met)
        for level in range(depths.levels):
            if end.is_fixed and abs(there[2] - level * depths.step_m - end.z_m) > max(far_m, depths.step_m):
                allowed &= ~(1 << level)
        if allowed:
            to.append(cell)
            length_m.append(far_m)
            crossed.append(count)
            levels.append(allowed)
    return (
        np.array(to)[1:], np.array(to)[1:], np.array(length_m)[1:], np.array(crossed)[1:], np.array(levels)[1:]
    )  # fmt: skip
