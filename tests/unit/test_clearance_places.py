"""Conflicts by place: against a graph of the same links made pair by pair."""

from collections import Counter
from itertools import combinations

import networkx as nx
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipemap.clearance.places import NOBODY, Sides, counted, place_numbers

Row = tuple[int, int, int]


def sides_of(rows: list[Row], nodes: dict[int, tuple[int, int]]) -> Sides:
    kind, one, other = np.array(rows, np.int64).reshape(-1, 3).T
    ends = [np.array([nodes.get(each, (NOBODY, NOBODY)) for each in side]).reshape(-1, 2) for side in (one, other)]
    return Sides(kind, one, other, *ends)


def of_one_place(a: Row, b: Row, nodes: dict[int, tuple[int, int]], shallow: Counter[int]) -> bool:
    """Same kind, one side the same, and the other sides joined at a node."""
    for same, left in (a[1:], a[:0:-1]):
        for also, right in (b[1:], b[:0:-1]):
            joints = set(nodes.get(left, ())) & set(nodes.get(right, ()))
            if same == NOBODY:
                joints = {node for node in joints if shallow[node] == 2}
            if a[0] == b[0] and same == also and joints:
                return True
    return False


@given(st.integers(0, 2**32 - 1), st.integers(0, 60))
def test_places_are_the_parts_that_linked_conflicts_make(seed: int, count: int) -> None:
    random = np.random.default_rng(seed)
    nodes = {pipe: tuple(random.choice(14, 2, replace=False).tolist()) for pipe in range(1, 13)}
    pairs = {tuple(random.choice(12, 2, replace=False) + 1) for _ in range(count)}
    rows = [(int(random.integers(0, 2)), int(one), int(other)) for one, other in pairs if (other, one) not in pairs]
    rows += [(2, pipe, NOBODY) for pipe in range(1, 13) if random.random() < 0.4]
    rows += [(0, pipe, 100) for pipe in range(1, 13) if random.random() < 0.2]
    shallow = Counter(node for kind, pipe, _ in rows if kind == 2 for node in nodes[pipe])
    graph = nx.Graph()
    graph.add_nodes_from(range(len(rows)))
    graph.add_edges_from(
        (i, j) for i, j in combinations(range(len(rows)), 2) if of_one_place(rows[i], rows[j], nodes, shallow)
    )
    found = place_numbers(sides_of(rows, nodes))
    parts = {frozenset(np.flatnonzero(found == number).tolist()) for number in range(int(found.max(initial=-1)) + 1)}
    assert parts == {frozenset(part) for part in nx.connected_components(graph)}
    firsts = [int(np.flatnonzero(found == number)[0]) for number in range(len(parts))]
    assert firsts == sorted(firsts)


def test_a_run_side_by_side_is_one_place_however_its_pipes_are_cut() -> None:
    # Water pipes 1 to 5 and gas pipes 11 to 14 along one street, and pipe 21 across all of it at two places.
    nodes = {n: (n, n + 1) for n in range(1, 6)} | {n: (90 + n, 91 + n) for n in range(11, 15)} | {21: (200, 201)}
    beside = [(0, water, gas) for water in range(1, 6) for gas in range(11, 15) if 0 <= water + 10 - gas <= 1]
    across = [(1, 2, 21), (1, 12, 21)]
    sides = sides_of(beside + across, nodes)
    assert place_numbers(sides).tolist() == [0] * len(beside) + [1, 2]
    certain = np.array([True] + [False] * (len(beside) + 1))
    assert counted(sides, certain) == {"horizontal": (1, 1), "vertical": (2, 0)}


def test_no_conflict_is_at_no_place() -> None:
    assert counted(sides_of([], {}), np.empty(0, np.bool_)) == {}
