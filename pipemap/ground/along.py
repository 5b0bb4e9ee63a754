"""The ground along many axes, every few metres of each where models tell it, and where they lie least deep in it.

At both ends the more accurate of survey and model tells it. Between them it is that of the model, raised or lowered by
what it is off at the ends, straight from the one to the other; where no model knows it, it runs straight itself.
"""

from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from pipemap.ground.grid import Floats, Ints
from pipemap.ground.sampling import Terrain
from pipemap.ground.surveyed import SurveyedGround

# So often, in metres, and so many times at most the ground of a model is asked for along an axis.
STEP_M, MOST_STEPS = 2.0, 500
# Axes are sampled so many at a time, those of one square after another, so that few tiles are read twice.
_AXES_AT_ONCE, _SQUARE_M = 50_000, 1000.0
# So that nothing is divided by the length of an axis that stands upright.
_SHORTEST_M = 1e-9


class Stations(NamedTuple):
    """Places along n axes: those of axis i are `first[i]` up to `first[i + 1]` of `xyz` and of `along_m` in plan."""

    first: Ints
    xyz: Floats
    along_m: Floats


def stations_along(first: Ints, xyz: Floats, is_fine: npt.NDArray[np.bool_]) -> Stations:
    """The vertices of n axes, those of axis i at `first[i]` up to `first[i + 1]` of `xyz` (v, 3).

    Of those that are `is_fine` also a place every few metres between them.
    """
    return Stations(*_stations(np.ascontiguousarray(first, np.int64), np.ascontiguousarray(xyz, np.float64), is_fine))


class Shallowest(NamedTuple):
    """Where n axes have the least ground over them: the place on each (n, 3) and the ground there.

    `over_m` is the ground less the axis there, NaN where either is not known all along; `is_by_model` whether a model
    tells the ground there, `accuracy_m` how well it does (0: the survey tells it, or nobody says how well).
    """

    over_m: Floats
    place: Floats
    ground_m: Floats
    is_by_model: npt.NDArray[np.bool_]
    accuracy_m: Floats

    def part(self, rows: Ints) -> "Shallowest":
        """Of some of the axes."""
        known = self.ground_m[rows], self.is_by_model[rows], self.accuracy_m[rows]
        return Shallowest(self.over_m[rows], self.place[rows], *known)


def shallowest(
    first: Ints,
    xyz: Floats,
    ends: SurveyedGround,
    terrain: Terrain | None = None,
    is_asked: npt.NDArray[np.bool_] | None = None,
) -> Shallowest:
    """Where axes, as `stations_along` takes them, lie least deep; `ends` is the ground surveyed at both ends (n, 2).

    The models are not asked for axes that are not `is_asked`; None is all of them.
    """
    if terrain is None or not terrain.models:
        return _least_as_surveyed(stations_along(first, xyz, np.zeros(len(ends.ground_m), np.bool_)), ends)
    order = _by_square(xyz[first[:-1], :2])
    parts = []
    for begin in range(0, max(len(order), 1), _AXES_AT_ONCE):
        rows = order[begin : begin + _AXES_AT_ONCE]
        is_fine = np.ones(len(rows), np.bool_) if is_asked is None else is_asked[rows]
        stations = stations_along(*_axes(first, xyz, rows), is_fine)
        own = SurveyedGround(ends.ground_m[rows], ends.accuracy_m[rows])
        told_m, which = _told(terrain, stations, None if is_fine.all() else is_fine)
        parts.append(_least(stations, *ground_between(stations, own, terrain, told_m, which), terrain))
    by_square = Shallowest(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
    return by_square.part(np.argsort(order))


def ground_between(
    stations: Stations, ends: SurveyedGround, terrain: Terrain, told_m: Floats, which: Ints
) -> tuple[Floats, Ints]:
    """The ground at stations with the models that tell it, -1 for the survey; by what `Terrain.told` says of them."""
    at = np.column_stack([stations.first[:-1], stations.first[1:] - 1])
    model_accuracy_m = terrain.accuracy_m(which[at])
    off_m = ends.off_m(told_m[at], model_accuracy_m)
    ground_m = _ground(stations.first, stations.along_m, np.ascontiguousarray(ends.ground_m, np.float64), told_m, off_m)
    by = which.copy()
    by[at[ends.holds(model_accuracy_m)]] = -1
    return ground_m, by


def _told(terrain: Terrain, stations: Stations, is_asked: npt.NDArray[np.bool_] | None) -> tuple[Floats, Ints]:
    """As `Terrain.told` at the stations of the axes that are asked (None: of all, which spares the picking)."""
    if is_asked is None:
        return terrain.told(stations.xyz[:, :2])
    asked = np.repeat(is_asked, np.diff(stations.first))
    told_m, which = np.full(len(asked), np.nan), np.full(len(asked), -1)
    told_m[asked], which[asked] = terrain.told(stations.xyz[asked, :2])
    return told_m, which


def _least_as_surveyed(stations: Stations, ends: SurveyedGround) -> Shallowest:
    none, ends_m = np.full(len(stations.xyz), np.nan), np.ascontiguousarray(ends.ground_m, np.float64)
    ground_m = _ground(stations.first, stations.along_m, ends_m, none, np.zeros(ends_m.shape))
    return _least(stations, ground_m, np.full(len(none), -1), None)


def _least(stations: Stations, ground_m: Floats, by: Ints, terrain: Terrain | None) -> Shallowest:
    over_m, chosen = _least_of(stations.first, ground_m - stations.xyz[:, 2])
    accuracy_m = np.zeros(len(chosen)) if terrain is None else terrain.accuracy_m(by[chosen])
    return Shallowest(over_m, stations.xyz[chosen], ground_m[chosen], by[chosen] >= 0, accuracy_m)


def _by_square(plan: Floats) -> Ints:
    """Places (n, 2) in the order of the squares they lie in, those side by side one after another."""
    column, row = np.floor(plan / _SQUARE_M).T
    # There and back again, so that the next square is always beside the last.
    return np.lexsort([np.where(row % 2 == 0, column, -column), row])


def _axes(first: Ints, xyz: Floats, rows: Ints) -> tuple[Ints, Floats]:
    counts = np.diff(first)[rows]
    starts = _starts(counts)
    return starts, xyz[np.repeat(first[rows] - starts[:-1], counts) + np.arange(starts[-1])]


def _starts(counts: Ints) -> Ints:
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


@numba.njit(cache=True, nogil=True)
def _ground(first: Ints, along_m: Floats, ends_m: Floats, told_m: Floats, off_m: Floats) -> Floats:  # pragma: no cover
    """What is told, raised by what is off at both ends (n, 2); where nothing is told, straight from end to end."""
    ground_m = told_m.copy()
    for axis in range(len(first) - 1):
        length_m = max(along_m[first[axis + 1] - 1], _SHORTEST_M)
        for at in range(first[axis], first[axis + 1]):
            share = along_m[at] / length_m
            if np.isnan(told_m[at]):
                ground_m[at] = ends_m[axis, 0] + share * (ends_m[axis, 1] - ends_m[axis, 0])
            else:
                ground_m[at] += off_m[axis, 0] + share * (off_m[axis, 1] - off_m[axis, 0])
    return ground_m


@numba.njit(cache=True, nogil=True)
def _least_of(first: Ints, values: Floats) -> tuple[Floats, Ints]:  # pragma: no cover
    """The least value of each run, NaN where one of them is, and the first place of the least that is known."""
    least, chosen = np.empty(len(first) - 1), first[:-1].copy()
    for run in range(len(first) - 1):
        is_known = True
        for at in range(first[run], first[run + 1]):
            is_known &= not np.isnan(values[at])
            if values[at] < values[chosen[run]] or np.isnan(values[chosen[run]]):
                chosen[run] = at
        least[run] = values[chosen[run]] if is_known else np.nan
    return least, chosen


@numba.njit(cache=True, nogil=True)
def _stations(
    first: Ints, xyz: Floats, is_fine: npt.NDArray[np.bool_]
) -> tuple[Ints, Floats, Floats]:  # pragma: no cover
    starts = np.empty(len(first), np.int64)
    along_m, steps_m, most = _chainages(first, xyz, is_fine)
    places, stations_m, n = np.empty((most, 3)), np.empty(most), 0
    for axis in range(len(first) - 1):
        starts[axis], step = n, 1
        for at in range(first[axis], first[axis + 1]):
            while step * steps_m[axis] <= along_m[at]:
                station_m = step * steps_m[axis]
                step += 1
                if station_m < along_m[at]:
                    share = (station_m - along_m[at - 1]) / (along_m[at] - along_m[at - 1])
                    for column in range(3):
                        places[n, column] = xyz[at - 1, column] + share * (xyz[at, column] - xyz[at - 1, column])
                    stations_m[n] = station_m
                    n += 1
            for column in range(3):
                places[n, column] = xyz[at, column]
            stations_m[n] = along_m[at]
            n += 1
    starts[-1] = n
    return starts, places[:n], stations_m[:n]


@numba.njit(cache=True, nogil=True)
def _chainages(
    first: Ints, xyz: Floats, is_fine: npt.NDArray[np.bool_]
) -> tuple[Floats, Floats, int]:  # pragma: no cover
    """Length in plan up to each vertex, the step on each axis (endless: none), and how many stations are enough."""
    along_m, steps_m, most = np.zeros(len(xyz)), np.full(len(first) - 1, np.inf), len(xyz)
    for axis in range(len(first) - 1):
        for at in range(first[axis] + 1, first[axis + 1]):
            step_m = np.hypot(xyz[at, 0] - xyz[at - 1, 0], xyz[at, 1] - xyz[at - 1, 1])
            along_m[at] = along_m[at - 1] + step_m
        length_m = along_m[first[axis + 1] - 1]
        if is_fine[axis] and length_m > 0:
            steps_m[axis] = max(STEP_M, length_m / MOST_STEPS)
            most += int(length_m / steps_m[axis]) + 1
    return along_m, steps_m, most
