"""Connected parts, shortest ways, loops and bridges against networkx on random nets, whatever meets whatever."""

from dataclasses import dataclass
from itertools import pairwise

import networkx as nx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipemap.errors import UsageError
from pipemap.network import Network
from pipemap.tracing.columns import network_from_arrays
from pipemap.tracing.connectivity import bridges, connected, loops, reachable, shortest_path
from pipemap.tracing.starts import located_ids
from tests.unit.drained_city import examples

SLOW = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}


@dataclass(frozen=True)
class Net:
    """Pipes (start, end, length, class, in service), nodes that are closed valves, and nodes that serve consumers."""

    count: int
    pipes: tuple[tuple[int, int, int, str, bool], ...]
    closed: frozenset[int]
    served: tuple[int, ...]

    def network(self) -> Network:
        start, end, length, code, is_live = (list(column) for column in zip(*self.pipes, strict=True))
        kinds = ["valve" if node in self.closed else "" for node in range(self.count)]
        return network_from_arrays(
            {"id": range(self.count), "appurtenance": kinds, "state": ["closed" if kind else "" for kind in kinds]},
            {
                "id": range(len(self.pipes)), "from_id": start, "to_id": end, "length_m": [float(m) for m in length],
                "class_code": code, "is_active": is_live,
            },
            {"id": range(len(self.served)), "node_id": self.served},
        )  # fmt: skip

    def graph(self, codes: tuple[str, ...] = ("water", "reclaimed")) -> "nx.MultiGraph[int]":
        graph: nx.MultiGraph[int] = nx.MultiGraph()
        graph.add_nodes_from(range(self.count))
        for one, (start, end, length, code, is_live) in enumerate(self.pipes):
            if is_live and code in codes:
                graph.add_edge(start, end, key=one, length=length)
        return graph


@st.composite
def nets(draw: st.DrawFn) -> Net:
    count = draw(st.integers(2, 10))
    place = st.integers(0, count - 1)
    live = st.sampled_from([True] * 8 + [False])
    code = st.sampled_from(["water"] * 6 + ["reclaimed", "gas"])
    pipes = draw(st.lists(st.tuples(place, place, st.integers(1, 99), code, live), min_size=1, max_size=16))
    return Net(count, tuple(pipes), draw(st.frozensets(place, max_size=3)), tuple(draw(st.lists(place, max_size=4))))


@settings(max_examples=examples(80), **SLOW)
@given(nets(), st.booleans())
def test_what_is_connected_equals_networkx(net: Net, open_only: bool) -> None:
    network, graph = net.network(), net.graph()
    for node in range(net.count):
        start = located_ids(network, [], [node])
        answer = connected(network, start, reachable(network, start, ["water", "reclaimed"], open_only=open_only))
        passed = graph.subgraph(set(graph) - (net.closed - {node} if open_only else set()))
        inner = nx.node_connected_component(passed, node)
        nodes = inner | {other for one in inner for other in graph[one]}
        assert set(answer.node_ids) == nodes
        assert set(answer.segment_ids) == {key for *_, key in graph.edges(inner, keys=True)}
        assert answer.consumers == sum(served in nodes for served in net.served)


@settings(max_examples=examples(80), **SLOW)
@given(nets(), st.data())
def test_the_shortest_way_equals_networkx(net: Net, data: st.DataObject) -> None:
    network, graph = net.network(), net.graph()
    avoid = data.draw(st.sets(st.integers(0, len(net.pipes) - 1), max_size=2))
    graph.remove_edges_from([(a, b, key) for a, b, key in graph.edges(keys=True) if key in avoid])
    for one in range(net.count):
        least = nx.single_source_dijkstra_path_length(graph, one, weight="length")
        for other in range(net.count):
            ends = [located_ids(network, [], [node]) for node in (one, other)]
            answer = shortest_path(network, *ends, reachable(network, ends[0], ["water", "reclaimed"], sorted(avoid)))
            assert answer.is_reached == (other in least)
            if not answer.is_reached:
                (why,) = answer.assumptions
                assert why.code == "not-connected"
                assert ("the stops" in why.message_en) == bool(answer.stopped_at)
                assert answer.stopped_at or ("avoided" in why.message_en) == bool(answer.avoided_segment_ids)
                continue
            assert answer.length_m == least[other]
            assert not set(answer.segment_ids) & avoid
            way = [one, *answer.node_ids[1:]]
            assert way[-1] == other and len(way) == len(answer.segment_ids) + 1
            for pipe, step in zip(answer.segment_ids, pairwise(way), strict=True):
                assert set(net.pipes[pipe][:2]) == set(step)


@settings(max_examples=examples(80), **SLOW)
@given(nets(), st.data())
def test_bridges_and_loops_equal_networkx(net: Net, data: st.DataObject) -> None:
    network, graph = net.network(), net.graph()
    node = data.draw(st.none() | st.integers(0, net.count - 1))
    start = None if node is None else located_ids(network, [], [node])
    part = graph if node is None else graph.subgraph(nx.node_connected_component(graph, node))
    scope = reachable(network, start, ["water", "reclaimed"])
    parted = {}
    for a, b, key in part.edges(keys=True):
        rest = nx.MultiGraph(part)
        rest.remove_edge(a, b, key)
        if not nx.has_path(rest, a, b):
            sides = [rest.subgraph(nx.node_connected_component(rest, end)) for end in (a, b)]
            parted[key] = min((sum(n in side for n in net.served), side.size("length")) for side in sides)
    found = bridges(network, start, scope)
    told = dict(zip(found.segment_ids, zip(found.smaller_consumers, found.smaller_length_m, strict=True), strict=True))
    assert told == parted and found.bridge_count == len(parted)
    ranked = list(told.values())
    assert ranked == sorted(ranked, reverse=True)
    looped = nx.MultiGraph(part)
    looped.remove_edges_from([(a, b, key) for a, b, key in part.edges(keys=True) if key in parted])
    ours = loops(network, start, scope)
    assert set(ours.segment_ids) == {key for *_, key in looped.edges(keys=True)}
    numbered = dict(zip(ours.segment_ids, ours.loop_numbers, strict=True))
    groups = [looped.subgraph(nodes) for nodes in nx.connected_components(looped)]
    expected = {frozenset(key for *_, key in group.edges(keys=True)): group for group in groups if group.size()}
    assert {frozenset(one for one, number in numbered.items() if number == loop.number) for loop in ours.loops} == set(
        expected
    )
    assert sum(loop.independent_loops for loop in ours.loops) == sum(
        group.size() - len(group) + 1 for group in expected.values()
    )
    assert [loop.length_m for loop in ours.loops] == sorted((loop.length_m for loop in ours.loops), reverse=True)


def test_a_trace_without_a_start_needs_a_class_and_a_start_must_be_of_it() -> None:
    net = Net(3, ((0, 1, 5, "water", True), (1, 2, 5, "gas", True)), frozenset(), ())
    network = net.network()
    with pytest.raises(UsageError, match="which utility class"):
        reachable(network, None)
    with pytest.raises(UsageError, match="no utility class"):
        reachable(network, None, ["wasser"])
    gas = located_ids(network, [1], [])
    with pytest.raises(UsageError, match="none of the classes water"):
        connected(network, gas, reachable(network, gas, ["water"]))
    answer = connected(network, gas, reachable(network, gas))
    assert answer.segment_ids == [1] and answer.stop_counts == {"another-class": 1}
