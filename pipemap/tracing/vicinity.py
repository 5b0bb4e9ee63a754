"""Segments near something in space, measured from their axes in memory.

Parts are what something is made of: part p is a line, or a single point, with the rows `bounds[p]` to
`bounds[p + 1] - 1` of `points_m` (pipemap/network/axes.py). Between a part and an axis whose heights are both known
the distance is in space, else in plan.
"""

from typing import NamedTuple, TypeAlias

import numba
import numpy as np

from pipemap.clearance.geometry3d import Point, along, minus, nearest_of, nearest_share, row_point
from pipemap.network import Flags, Floats, Ints, Network, SmallInts
from pipemap.network.arrays import Reals
from pipemap.network.axes import Axes
from pipemap.network.boxes import touching

# A pipe that ends so near to another one may well be joined to it.
OPEN_END_M = 0.3

# Columns of the axes' boxes (pipemap/network/boxes.py), of the axes, and of the segments: class, stage of life, sizes.
Tree: TypeAlias = tuple[Floats, Ints, Ints]
Lines: TypeAlias = tuple[Floats, Ints]
Sizes: TypeAlias = tuple[SmallInts, SmallInts, Reals, Reals]


class Near(NamedTuple):
    """Segments (positions), how far they are, whether in space, and their nearest points (n, 3), z NaN in plan."""

    segments: Ints
    distance_m: Floats
    is_in_space: Flags
    point_m: Floats


def near(network: Network, parts: Axes, radius_m: float, is_wanted: Flags) -> Near:
    """Segments within a distance of some parts, measured to their walls (their axes where the size is unknown).

    `is_wanted` is by class and stage of life, as positions in their code tables, the last of both for the unknown.
    Nearest first, in order of identity where that is the same.
    """
    columns = network.once("near", lambda: _columns(network))
    place, away_m, in_space, point_m = _near(*columns, parts.points_m, parts.bounds, is_wanted, radius_m)
    if len(place) < 2:
        return Near(place, away_m, in_space, point_m)
    order = np.lexsort((place, away_m))
    return Near(place[order], away_m[order], in_space[order], point_m[order])


def ready_near(network: Network) -> None:
    """Compute now what the first look around would otherwise wait for."""
    network.once("near", lambda: _columns(network))


def _columns(network: Network) -> tuple[Tree, Lines, Sizes, float]:
    """What a look around takes of a network, last half the widest section of all segments."""
    segments, axis = network.segments, network.segments.axis
    sizes_mm = np.fmax(segments.width_mm, segments.height_mm)
    widest_m = float(np.nanmax(sizes_mm, initial=0)) / 2000
    columns = (segments.class_, segments.lifecycle, segments.width_mm, segments.height_mm)
    return axis.tree.columns, (axis.points_m, axis.bounds), columns, widest_m


@numba.njit(cache=True, nogil=True)
def _near(
    tree: Tree,
    lines: Lines,
    columns: Sizes,
    widest_m: float,
    parts: Floats,
    part_bounds: Ints,
    is_wanted: Flags,
    radius_m: float,
) -> tuple[Ints, Floats, Flags, Floats]:  # pragma: no cover
    points, bounds = lines
    class_, lifecycle, width_mm, height_mm = columns
    candidates = touching(*tree, _window(parts, radius_m + widest_m))
    found, in_space = np.empty(len(candidates), np.int64), np.empty(len(candidates), np.bool_)
    away, place, count = np.empty(len(candidates)), np.empty((len(candidates), 3)), 0
    for one in candidates:
        if not is_wanted[class_[one], lifecycle[one]]:
            continue
        axis_m, is_high, nearest = _from_parts(points[bounds[one] : bounds[one + 1]], parts, part_bounds)
        size_mm = np.fmax(np.float64(width_mm[one]), np.float64(height_mm[one]))
        wall_m = axis_m - (0.0 if np.isnan(size_mm) else size_mm / 2000)
        if wall_m <= radius_m:
            found[count], in_space[count], away[count] = one, is_high, max(wall_m, 0.0)
            place[count, 0], place[count, 1], place[count, 2] = nearest
            count += 1
    return found[:count], away[:count], in_space[:count], place[:count]


@numba.njit(cache=True, nogil=True)
def _window(parts: Floats, margin_m: float) -> tuple[float, float, float, float]:  # pragma: no cover
    west = south = np.inf
    east = north = -np.inf
    for row in range(len(parts)):
        west, east = min(west, parts[row, 0]), max(east, parts[row, 0])
        south, north = min(south, parts[row, 1]), max(north, parts[row, 1])
    return west - margin_m, south - margin_m, east + margin_m, north + margin_m


@numba.njit(cache=True, nogil=True)
def _from_parts(axis: Floats, parts: Floats, part_bounds: Ints) -> tuple[float, bool, Point]:  # pragma: no cover
    """Distance of an axis from the nearest part, whether in space, and its point there."""
    best_m, is_high, place = np.inf, False, (np.nan, np.nan, np.nan)
    for part in range(len(part_bounds) - 1):
        line = parts[part_bounds[part] : part_bounds[part + 1]]
        in_space = len(line) > 0 and not np.isnan(axis[0, 2]) and not np.isnan(line[0, 2])
        for start in range(len(axis) - 1):
            a, u = _piece(axis, start, in_space)
            for other in range(max(len(line) - 1, min(len(line), 1))):
                b, v = _piece(line, other, in_space)
                away_m, share, _ = nearest_of(a, u, b, v)
                if away_m < best_m:
                    x, y, z = along(a, u, share)
                    best_m, is_high, place = away_m, in_space, (x, y, z if in_space else np.nan)
    return best_m, is_high, place


@numba.njit(cache=True, nogil=True)
def _piece(line: Floats, row: int, in_space: bool) -> tuple[Point, Point]:  # pragma: no cover
    """Start and way of a piece of a line, level where only the plan counts; a point has no way."""
    start, end = row_point(line, row), row_point(line, min(row + 1, len(line) - 1))
    if not in_space:
        start, end = (start[0], start[1], 0.0), (end[0], end[1], 0.0)
    return start, minus(end, start)


def beside_nodes(network: Network, nodes: Ints, is_wanted: Flags, within_m: float) -> tuple[Ints, Ints, Floats]:
    """Nodes, the live segments that lie within a distance of them in plan but do not end there, and how far they lie.

    `is_wanted` is by class, the last for the unknown.
    """
    segments, tree = network.segments, network.segments.axis.tree
    columns = (segments.class_, segments.is_active, segments.from_node, segments.to_node)
    places = (network.nodes.x_m, network.nodes.y_m)
    lines = (segments.axis.points_m, segments.axis.bounds)
    found: tuple[Ints, Ints, Floats] = _beside(tree.columns, lines, columns, places, nodes, is_wanted, within_m)
    return found


@numba.njit(cache=True, nogil=True)
def _beside(
    tree: Tree,
    lines: Lines,
    columns: tuple[SmallInts, Flags, Ints, Ints],
    places: tuple[Floats, Floats],
    nodes: Ints,
    is_wanted: Flags,
    within_m: float,
) -> tuple[Ints, Ints, Floats]:  # pragma: no cover
    (points, bounds), (class_, is_active, from_node, to_node), (x_m, y_m) = lines, columns, places
    ends, others = [np.int64(0) for _ in range(0)], [np.int64(0) for _ in range(0)]
    away = [0.0 for _ in range(0)]
    for node in nodes:
        x, y = x_m[node], y_m[node]
        for one in touching(*tree, (x - within_m, y - within_m, x + within_m, y + within_m)):
            if not is_wanted[class_[one]] or not is_active[one] or node in (from_node[one], to_node[one]):
                continue
            away_m = _along_plan(points[bounds[one] : bounds[one + 1]], x, y)[2]
            if away_m <= within_m:
                ends.append(node)
                others.append(one)
                away.append(away_m)
    return np.array(ends), np.array(others), np.array(away)


def nearest_point(axis: Floats, x_m: float, y_m: float) -> Floats:
    """The point of an axis nearest in plan to a place, as a row."""
    row, share, _ = _along_plan(axis, x_m, y_m)
    point: Floats = axis[row] + share * (axis[row + 1] - axis[row])
    return point[None]


@numba.njit(cache=True, nogil=True)
def _along_plan(axis: Floats, x_m: float, y_m: float) -> tuple[int, float, float]:  # pragma: no cover
    """The piece of an axis nearest in plan to a place, the share of it that is, and how far away."""
    best, best_share, best_m = 0, 0.0, np.inf
    for row in range(len(axis) - 1):
        start = (axis[row, 0], axis[row, 1], 0.0)
        way = (axis[row + 1, 0] - start[0], axis[row + 1, 1] - start[1], 0.0)
        share = nearest_share((x_m, y_m, 0.0), start, way)
        away_m = np.hypot(start[0] + share * way[0] - x_m, start[1] + share * way[1] - y_m)
        if away_m < best_m:
            best, best_share, best_m = row, share, away_m
    return best, best_share, best_m
