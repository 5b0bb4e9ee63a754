"""The cheapest way through cells and levels, against Dijkstra of networkx on a graph built by hand from the rules."""

import itertools
import math

import networkx as nx
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from pipemap.routing.grid import Plan, Zones, grid_over
from pipemap.routing.hops import Depths, End, hops_between, hops_from
from pipemap.routing.searching import FORBIDDEN, Costs, cheapest_way

ROWS, COLUMNS, CELL_M, LEVELS, STEP_M, LONGEST_M = 6, 12, 0.5, 3, 0.4, 4.0
COSTS = Costs()
Pipe = tuple[tuple[float, float, float], tuple[float, float, float], float, float]


def plan_of(outside: set[tuple[int, int]]) -> Plan:
    inside = np.array([[(row, column) not in outside for column in range(COLUMNS)] for row in range(ROWS)])
    numbers = np.where(inside, np.cumsum(inside).reshape(inside.shape) - 1, -1)
    places = np.argwhere(inside)
    return Plan(numbers, places, np.ascontiguousarray(places[:, ::-1] * CELL_M), CELL_M, 0, 0)


def zones_of(plan: Plan, pipes: list[Pipe]) -> Zones:
    met = [[number for number, pipe in enumerate(pipes) if _is_in(pipe, cell)] for cell in plan.cells]
    first = np.concatenate([[0], np.cumsum([len(each) for each in met])]).astype(np.int64)
    starts, ends = (np.array([pipe[end] for pipe in pipes], np.float64).reshape(-1, 3) for end in (0, 1))
    apart_m = np.array([pipe[3] for pipe in pipes], np.float64)
    return Zones(np.arange(len(pipes) + 1), starts, ends, apart_m, first, np.array([*itertools.chain(*met)], np.int64))


def _is_in(pipe: Pipe, cell: np.ndarray) -> bool:
    return bool(shapely.Point(cell).distance(_line(pipe)) <= pipe[2])


def _line(pipe: Pipe) -> shapely.LineString:
    return shapely.LineString([pipe[0][:2], pipe[1][:2]])


class Reference:
    """The rules once more, in the plainest way."""

    def __init__(self, plan: Plan, pipes: list[Pipe], highest_m: np.ndarray) -> None:
        self.plan, self.pipes, self.highest_m = plan, pipes, highest_m
        self.in_zones = [{n for n, pipe in enumerate(pipes) if _is_in(pipe, cell)} for cell in plan.cells]
        self.graph = nx.DiGraph()
        for cell, level in itertools.product(range(len(plan.cells)), range(LEVELS)):
            self._steps(cell, level)
            self._hops(cell, level)

    def cost(self, start: tuple[float, float], goal: tuple[float, float]) -> float:
        cells = [self._cell(*place) for place in (start, goal)]
        for level in range(LEVELS):
            for name, place, cell in zip(("start", "goal"), (start, goal), cells, strict=True):
                walled = FORBIDDEN * max(1, len(self.in_zones[cell]))
                self._add(name, (cell, level), walled)
                for other in range(len(self.plan.cells)):
                    if self.in_zones[other] or math.dist(place, self.plan.cells[other]) > LONGEST_M:
                        continue
                    cost = self._hop_cost(place, self.highest_m[cell], other, level)
                    if cost is not None:
                        self._add(name, (other, level), cost)
        try:
            return float(nx.dijkstra_path_length(self.graph, "start", "goal"))
        except (nx.NetworkXNoPath, nx.NodeNotFound):
            return math.inf

    def _add(self, name: str, state: tuple[int, int], cost: float) -> None:
        edge = ("start", state) if name == "start" else (state, "goal")
        known = self.graph.edges.get(edge, {"weight": math.inf})["weight"]
        self.graph.add_edge(*edge, weight=min(cost, known))

    def _cell(self, x: float, y: float) -> int:
        row, column = round(y / CELL_M), round(x / CELL_M)
        if not (0 <= row < ROWS and 0 <= column < COLUMNS):
            return -1
        return int(self.plan.numbers[row, column])

    def _steps(self, cell: int, level: int) -> None:
        x, y = self.plan.cells[cell]
        for dx, dy in itertools.product((-1, 0, 1), repeat=2):
            other = self._cell(x + dx * CELL_M, y + dy * CELL_M)
            if (dx, dy) == (0, 0) or other < 0:
                continue
            for deeper in (level - 1, level, level + 1) if 0 in (dx, dy) else (level,):
                if 0 <= deeper < LEVELS:
                    n_zones = max(len(self.in_zones[cell]), len(self.in_zones[other]))
                    metre = 1 + COSTS.deeper * STEP_M * (level + deeper) / 2 + FORBIDDEN * n_zones
                    cost = math.hypot(dx, dy) * CELL_M * metre + COSTS.level * abs(deeper - level)
                    self.graph.add_edge((cell, level), (other, deeper), weight=cost)

    def _hops(self, cell: int, level: int) -> None:
        if self.in_zones[cell]:
            return
        ways = [way for way in itertools.product(range(-2, 3), repeat=2) if math.gcd(*way) == 1]
        for dx, dy in ways:
            for strides in range(1, int(LONGEST_M / (math.hypot(dx, dy) * CELL_M)) + 1):
                x, y = self.plan.cells[cell] + np.array([dx, dy]) * strides * CELL_M
                other = self._cell(x, y)
                if other < 0:
                    break
                if not self.in_zones[other]:
                    cost = self._hop_cost(tuple(self.plan.cells[cell]), self.highest_m[cell], other, level)
                    if strides > 1 and cost is not None:
                        self.graph.add_edge((cell, level), (other, level), weight=cost)
                    break

    def _hop_cost(self, start: tuple[float, float], high_m: float, other: int, level: int) -> float | None:
        end = tuple(self.plan.cells[other])
        line, length_m = shapely.LineString([start, end]), math.dist(start, end)
        count = max(2, math.ceil(2 * length_m / CELL_M) + 1)
        under = [self._cell(*(np.array(start) + s * (np.array(end) - start))) for s in np.linspace(0, 1, count)]
        if -1 in under:
            return None
        met = set().union(*(self.in_zones[each] for each in under))
        heights = high_m - STEP_M * level, self.highest_m[other] - STEP_M * level
        if not all(self._is_crossed_well(self.pipes[number], line, heights) for number in met):
            return None
        return length_m * (1 + COSTS.deeper * STEP_M * level) + COSTS.crossing * len(met)

    @staticmethod
    def _is_crossed_well(pipe: Pipe, line: shapely.LineString, heights: tuple[float, float]) -> bool:
        meeting = line.intersection(_line(pipe))
        if meeting.is_empty or meeting.geom_type != "Point":
            return False
        (a, b), (c, d) = line.coords, _line(pipe).coords
        u, v = np.subtract(b, a), np.subtract(d, c)
        if abs(u @ v) / (np.hypot(*u) * np.hypot(*v)) > math.cos(math.radians(60)) + 1e-12:
            return False
        own = heights[0] + line.project(meeting, normalized=True) * (heights[1] - heights[0])
        theirs = pipe[0][2] + _line(pipe).project(meeting, normalized=True) * (pipe[1][2] - pipe[0][2])
        return bool(abs(own - theirs) >= pipe[3])


def found_cost(plan: Plan, pipes: list[Pipe], highest_m: np.ndarray, ends: tuple[tuple[float, float], ...]) -> float:
    zones, depths = zones_of(plan, pipes), Depths(highest_m, STEP_M, LEVELS)
    at = [int(plan.numbers[round(y / CELL_M), round(x / CELL_M)]) for x, y in ends]
    joins = np.zeros(len(pipes) + 1, np.bool_)
    tips = [End(x, y, highest_m[cell], False, joins) for (x, y), cell in zip(ends, at, strict=True)]
    start, goal = (hops_from(tip, plan, zones, depths, LONGEST_M) for tip in tips)
    hops = hops_between(plan, zones, depths, LONGEST_M)
    return float(cheapest_way(plan, zones, depths, hops, (start, goal), (at[0], at[1]), COSTS).cost)


def along(off_m: float) -> st.SearchStrategy[float]:
    """Coordinates off the middles and edges of cells and the lines between them, so that rounding decides nothing."""
    return st.integers(-2, 4 * COLUMNS).map(lambda number: number * 0.125 + off_m)


x, y = along(0.031), along(0.0437)
height = st.floats(-1.5, 0.5).map(lambda value: round(value, 2) + 0.003)
pipes = st.lists(
    st.tuples(
        st.tuples(x, y, height), st.tuples(x, y, height), st.sampled_from([0.4, 0.6]),
        st.sampled_from([0.2, 0.5]),
    ).filter(lambda pipe: math.dist(pipe[0][:2], pipe[1][:2]) > 0.3),
    max_size=4,
)  # fmt: skip
holes = st.sets(st.tuples(st.integers(0, ROWS - 1), st.integers(1, COLUMNS - 2)), max_size=8)


@given(pipes, holes, st.integers(0, 2**31))
@settings(max_examples=60, deadline=None)
def test_the_cheapest_way_costs_what_dijkstra_finds(laid: list[Pipe], outside: set[tuple[int, int]], seed: int) -> None:
    plan = plan_of(outside)
    highest_m = -np.random.default_rng(seed).uniform(0, 0.1, len(plan.cells))
    ends = (0.0, 1.0), ((COLUMNS - 1) * CELL_M, 1.5)
    expected = Reference(plan, laid, highest_m).cost(*ends)
    assert found_cost(plan, laid, highest_m, ends) == pytest.approx(expected, rel=1e-9)


def test_a_pipe_across_the_corridor_is_crossed_at_the_level_that_is_clear() -> None:
    plan, highest_m = plan_of(set()), np.zeros(ROWS * COLUMNS)
    across: Pipe = ((2.73, -1.0, 0.0), (2.73, 4.0, 0.0), 0.6, 0.7)
    cost = found_cost(plan, [across], highest_m, ((0.0, 1.0), (5.5, 1.0)))
    # At 0.8 m deeper, two levels down, from end to end: both ends lie at the level of the line that leaves them.
    deep = 5.5 * (1 + 0.8 * COSTS.deeper) + COSTS.crossing
    assert cost == pytest.approx(deep)


def test_the_grid_lies_along_the_corridor_with_the_start_in_the_middle_of_a_cell() -> None:
    corridor = shapely.LineString([(100, 100), (180, 160)]).buffer(5)
    grid = grid_over(corridor, np.array([100.0, 100.0]))
    assert abs(float(grid.along @ [0.8, 0.6])) == pytest.approx(1)
    cell = grid.cell_of(np.array([100.0, 100.0]))
    assert grid.places[cell] == pytest.approx([100, 100])
    inside = shapely.contains_xy(corridor.buffer(1e-6), *grid.places.T)
    assert inside.all() and len(inside) == pytest.approx(corridor.area / grid.plan.cell_m**2, rel=0.01)
    assert grid.cell_of(np.array([100.0, 120.0])) == -1
    assert grid.local(grid.places) == pytest.approx(grid.plan.cells)
