"""The cheapest way through a grid of cells and levels, compiled.

A pipe walks from free cell to free cell, a level up or down at a time, and crosses zones in straight hops that are
square enough to what they cross and high or low enough above or below it. Walking inside a zone is possible too, at
a cost beyond any other way: a route that has to is none, and its zones are what stands in the way.
"""

import heapq
import math
from typing import NamedTuple

import numba
import numpy as np

from pipemap.clearance.geometry3d import Floats
from pipemap.clearance.numbers import Ints
from pipemap.routing.grid import Plan, Zones
from pipemap.routing.hops import STEPS, Depths, Hops, cell_at

# A metre inside a zone costs more than any way around.
FORBIDDEN = 1e6


class Costs(NamedTuple):
    """What a route costs, in metres of pipe at the least cover.

    A metre of pipe costs `deeper` more for each metre it lies deeper; then each crossing and each change of level.
    """

    deeper: float = 0.3
    crossing: float = 2.0
    level: float = 0.3


class Way(NamedTuple):
    """A way through the grid: cells and levels from start to end, empty where there is none, and its cost."""

    cells: Ints
    levels: Ints
    cost: float


def cheapest_way(
    plan: Plan, zones: Zones, depths: Depths, hops: tuple[Hops, Hops], ends: tuple[Hops, Hops], at: tuple[int, int],
    costs: Costs,
) -> Way:  # fmt: skip
    """The cheapest way from one end, in the cell `at[0]`, to the other; `hops` are out of and into cells."""
    n_zones = np.diff(zones.first_zone)
    to_go = _costs_to_go(plan, n_zones, hops[1], ends[1], at[1], depths.step_m, costs, STEPS)
    found, cost = _search(plan, n_zones, depths, hops[0], *ends, to_go, at, costs, STEPS)
    return Way(found // depths.levels, found % depths.levels, cost)


@numba.njit(cache=True, nogil=True)
def _hop_cost(hops: Hops, place: int, deeper_m: float, costs: Costs) -> float:  # pragma: no cover
    cost: float = hops.length_m[place] * (1.0 + costs.deeper * deeper_m) + costs.crossing * hops.crossed[place]
    return cost


@numba.njit(cache=True, nogil=True)
def _step_cost(
    plan: Plan, n_zones: Ints, cell: int, other: int, deeper_m: float, costs: Costs
) -> float:  # pragma: no cover
    length_m = math.hypot(plan.cells[other, 0] - plan.cells[cell, 0], plan.cells[other, 1] - plan.cells[cell, 1])
    walled: float = FORBIDDEN * max(n_zones[cell], n_zones[other])
    return length_m * (1.0 + costs.deeper * deeper_m + walled)


@numba.njit(cache=True, nogil=True)
def _costs_to_go(
    plan: Plan, n_zones: Ints, into: Hops, goals: Hops, at: int, step_m: float, costs: Costs, steps: Ints
) -> Floats:  # pragma: no cover
    """The least a way costs from each cell to the goal, as if changes of level were free: never too much.

    `into` are the hops by the cell they end in, `at` is the cell of the goal.
    """
    to_go = np.full(len(plan.cells), np.inf)
    queue = [(0.0, 0)]
    queue.pop()
    for place in range(len(goals.to)):
        _offer(queue, to_go, int(goals.to[place]), _hop_cost(goals, place, 0.0, costs))
    _offer(queue, to_go, at, FORBIDDEN * max(1, n_zones[at]))
    while len(queue):
        cost, cell = heapq.heappop(queue)
        if cost > to_go[cell]:
            continue
        for place in range(into.first[cell], into.first[cell + 1]):
            at_least_m = step_m * _uppermost(into.levels[place])
            _offer(queue, to_go, int(into.to[place]), cost + _hop_cost(into, place, at_least_m, costs))
        for way in range(8):
            other = cell_at(plan, plan.places[cell, 0] + steps[way, 1], plan.places[cell, 1] + steps[way, 0])
            if other >= 0:
                _offer(queue, to_go, other, cost + _step_cost(plan, n_zones, cell, other, 0.0, costs))
    return to_go


@numba.njit(cache=True, nogil=True, inline="always")
def _uppermost(levels: int) -> int:  # pragma: no cover
    level = 0
    while not (levels >> level) & 1:
        level += 1
    return level


@numba.njit(cache=True, nogil=True)
def _offer(queue: list[tuple[float, int]], best: Floats, cell: int, cost: float) -> None:  # pragma: no cover
    if cost < best[cell]:
        best[cell] = cost
        heapq.heappush(queue, (cost, cell))


class _Front(NamedTuple):
    """What a search has reached: the least cost of each state, the state before it, and the cost to go of each cell.

    A state is a cell times levels and a level; the last one is the goal.
    """

    best: Floats
    came: Ints
    to_go: Floats
    levels: int


@numba.njit(cache=True, nogil=True)
def _search(
    plan: Plan,
    n_zones: Ints,
    depths: Depths,
    hops: Hops,
    starts: Hops,
    goals: Hops,
    to_go: Floats,
    at: tuple[int, int],
    costs: Costs,
    steps: Ints,
) -> tuple[Ints, float]:  # pragma: no cover
    """States from start to goal, and what they cost."""
    last = len(plan.cells) * depths.levels
    front = _Front(np.full(last + 1, np.inf), np.full(last + 1, -1, np.int64), to_go, depths.levels)
    queue = [(0.0, 0)]
    queue.pop()
    _leave_start(queue, front, starts, depths, costs)
    for level in range(depths.levels):
        _reach(queue, front, at[0] * depths.levels + level, -1, FORBIDDEN * max(1, n_zones[at[0]]))
    while len(queue):
        guess, state = heapq.heappop(queue)
        if state == last:
            break
        if guess > front.best[state] + to_go[state // depths.levels] + 1e-9:
            continue
        if state // depths.levels == at[1]:
            _reach(queue, front, last, state, front.best[state] + FORBIDDEN * max(1, n_zones[at[1]]))
        _hop(queue, front, state, goals, depths, costs, True)
        _hop(queue, front, state, hops, depths, costs, False)
        _walk(queue, front, state, plan, n_zones, depths, costs, steps)
    return _traced(front.came, last, front.best[last]), front.best[last]


@numba.njit(cache=True, nogil=True)
def _leave_start(
    queue: list[tuple[float, int]], front: _Front, starts: Hops, depths: Depths, costs: Costs
) -> None:  # pragma: no cover
    for place in range(len(starts.to)):
        for level in range(depths.levels):
            if (starts.levels[place] >> level) & 1:
                cost = _hop_cost(starts, place, level * depths.step_m, costs)
                _reach(queue, front, int(starts.to[place]) * depths.levels + level, -1, cost)


@numba.njit(cache=True, nogil=True)
def _hop(
    queue: list[tuple[float, int]], front: _Front, state: int, hops: Hops, depths: Depths, costs: Costs, is_last: bool
) -> None:  # pragma: no cover
    cell, level = state // depths.levels, state % depths.levels
    for place in range(hops.first[cell], hops.first[cell + 1]):
        if (hops.levels[place] >> level) & 1:
            cost = front.best[state] + _hop_cost(hops, place, level * depths.step_m, costs)
            to = len(front.best) - 1 if is_last else int(hops.to[place]) * depths.levels + level
            _reach(queue, front, to, state, cost)


@numba.njit(cache=True, nogil=True)
def _walk(
    queue: list[tuple[float, int]],
    front: _Front,
    state: int,
    plan: Plan,
    n_zones: Ints,
    depths: Depths,
    costs: Costs,
    steps: Ints,
) -> None:  # pragma: no cover
    cell, level = state // depths.levels, state % depths.levels
    for way in range(8):
        other = cell_at(plan, plan.places[cell, 0] + steps[way, 1], plan.places[cell, 1] + steps[way, 0])
        if other < 0:
            continue
        # Levels are changed along the rows and columns alone: a third of the steps less to weigh.
        shift = 1 if way < 4 else 0
        for deeper in range(max(0, level - shift), min(depths.levels, level + shift + 1)):
            step = _step_cost(plan, n_zones, cell, other, depths.step_m * (level + deeper) / 2, costs)
            cost = front.best[state] + step + abs(deeper - level) * costs.level
            _reach(queue, front, other * depths.levels + deeper, state, cost)


@numba.njit(cache=True, nogil=True)
def _reach(
    queue: list[tuple[float, int]], front: _Front, state: int, before: int, cost: float
) -> None:  # pragma: no cover
    if cost < front.best[state]:
        front.best[state], front.came[state] = cost, before
        cell = state // front.levels
        ahead = front.to_go[cell] if cell < len(front.to_go) else 0.0
        heapq.heappush(queue, (cost + ahead, state))


@numba.njit(cache=True, nogil=True)
def _traced(came: Ints, last: int, cost: float) -> Ints:  # pragma: no cover
    backwards = [0]
    backwards.pop()
    if math.isfinite(cost):
        state = came[last]
        while state >= 0:
            backwards.append(int(state))
            state = came[state]
    return np.array(backwards, np.int64)[::-1].copy()
