import networkx as nx
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipemap.network.grouping import grouped
from pipemap.tracing.dominators import dominator_tree, tree_ranges

vertices = st.integers(0, 11)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(vertices, vertices), max_size=40))
def test_a_range_holds_exactly_what_is_cut_off_with_its_vertex(links: list[tuple[int, int]]) -> None:
    tails, heads = (
        (np.array(side, np.int64) for side in zip(*links, strict=True)) if links else (np.zeros(0, np.int64),) * 2
    )
    starts, out = grouped(tails, 12)
    back_starts, back = grouped(heads, 12)
    dominator, order = dominator_tree(starts, heads[out], back_starts, tails[back], 0)
    rank, size = tree_ranges(dominator, order)
    graph = nx.DiGraph(links)
    graph.add_nodes_from(range(12))
    reached = nx.descendants(graph, 0) | {0}
    assert set(order.tolist()) == reached
    for vertex in range(1, 12):
        without = graph.copy()
        without.remove_node(vertex)
        lost = reached - {0} - nx.descendants(without, 0) if vertex in reached else {vertex}
        assert {v for v in range(12) if rank[vertex] <= rank[v] < rank[vertex] + size[vertex]} == lost
