"""What a cut takes from a circuit, against plain networkx: power that trips, telecom that is parted."""

from dataclasses import dataclass

import networkx as nx
import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipemap.network import Network
from pipemap.tracing.circuits import part_of
from pipemap.tracing.columns import network_from_arrays
from pipemap.tracing.losses import parted, tripped
from tests.unit.drained_city import examples

SOURCE = {"power": "substation", "telecom": "telecom_office"}


@dataclass
class Grid:
    """Nodes as (appurtenance, state), cables as pairs of nodes, consumers as nodes."""

    group: str
    nodes: list[tuple[str, str]]
    cables: list[tuple[int, int]]
    consumers: list[int]

    def network(self) -> Network:
        appurtenances, states = zip(*self.nodes, strict=True)
        starts, ends = zip(*self.cables, strict=True)
        classes = [self.group] * len(self.cables)
        return network_from_arrays(
            {"id": range(len(self.nodes)), "appurtenance": appurtenances, "state": states},
            {"id": range(len(self.cables)), "from_id": starts, "to_id": ends, "class_code": classes},
            {"id": range(len(self.consumers)), "node_id": self.consumers,
             "class_code": [self.group] * len(self.consumers)},
        )  # fmt: skip

    def graph(self, without: set[int] = frozenset(), opened: set[int] = frozenset(), anyhow: bool = False) -> nx.Graph:
        """Cable ends and nodes, joined where current passes (anyhow: where cables meet, whatever stands there)."""
        graph = nx.Graph()
        for cable, (a, b) in enumerate(self.cables):
            if cable in without:
                continue
            graph.add_edge(("cable", cable, 0), ("cable", cable, 1))
            for side, node in enumerate((a, b)):
                if self.joins(node, opened) or anyhow:
                    graph.add_edge(("cable", cable, side), ("node", node))
        return graph

    def joins(self, node: int, opened: set[int]) -> bool:
        what, state = self.nodes[node]
        return not (what == SOURCE[self.group] or (what == "switch_cabinet" and (state == "open" or node in opened)))

    def ends(self, node: int) -> set[object]:
        return {("cable", c, side) for c, ends in enumerate(self.cables) for side in (0, 1) if ends[side] == node}

    def fed(self, graph: nx.Graph) -> set[object]:
        taps = {end for n, (what, _) in enumerate(self.nodes) if what == SOURCE[self.group] for end in self.ends(n)}
        return {part for tap in taps & set(graph) for part in nx.node_connected_component(graph, tap)}

    def served(self, fed: set[object]) -> set[int]:
        """Nodes at which some fed cable ends."""
        return {node for node in range(len(self.nodes)) if self.ends(node) & fed}


def cables(parts: set[object]) -> set[int]:
    return {part[1] for part in parts if part[0] == "cable"}


@st.composite
def grids(draw: st.DrawFn, group: str) -> Grid:
    count = draw(st.integers(2, 10))
    what = st.sampled_from(["", "", "", "switch_cabinet", "switch_cabinet", SOURCE[group], "transformer"])
    state = st.sampled_from(["closed", "closed", "open", "unknown", ""])
    nodes = draw(st.lists(st.tuples(what, state), min_size=count, max_size=count))
    place = st.integers(0, count - 1)
    drawn = draw(st.lists(st.tuples(place, place), min_size=1, max_size=14))
    ends = sorted({node for pair in drawn for node in pair})
    return Grid(group, nodes, drawn, draw(st.lists(st.sampled_from(ends), max_size=5)))


def joined_to(grid: Grid, hit: int) -> set[object]:
    return nx.node_connected_component(grid.graph(anyhow=True), ("cable", hit, 0))


def has_source(grid: Grid, parts: set[object]) -> bool:
    return any(what == SOURCE[grid.group] and ("node", n) in parts for n, (what, _) in enumerate(grid.nodes))


@settings(max_examples=examples(80), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(grids("telecom"))
def test_a_parted_circuit_loses_what_every_way_to_a_source_led_through(grid: Grid) -> None:
    network, before = grid.network(), grid.fed(grid.graph())
    for hit in range(len(grid.cables)):
        loss = parted(network, "telecom", network_positions(hit))
        area = joined_to(grid, hit)
        assert loss.is_source_known == has_source(grid, area)
        if not loss.is_source_known:
            assert set(loss.isolated.tolist()) | set(loss.dry.tolist()) == cables(area)
            continue
        after = grid.fed(grid.graph(without={hit}))
        assert loss.isolated.tolist() == [hit]
        assert set(loss.dry.tolist()) == cables(before) - cables(after) - {hit}
        out = grid.served(before) - grid.served(after)
        sources = {node for node, (what, _) in enumerate(grid.nodes) if what == SOURCE["telecom"]}
        assert set(loss.consumers.tolist()) == {n for n, at in enumerate(grid.consumers) if at in out - sources}


@settings(max_examples=examples(80), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(grids("power"))
def test_a_tripped_circuit_is_parted_at_its_closed_switches(grid: Grid) -> None:
    network, before = grid.network(), grid.fed(grid.graph())
    switches = {node for node, (what, _) in enumerate(grid.nodes) if what == "switch_cabinet"}
    conducting = {node for node in switches if grid.nodes[node][1] != "open"}
    for hit in range(len(grid.cables)):
        loss = tripped(network, "power", network_positions(hit))
        isolated = nx.node_connected_component(grid.graph(opened=switches), ("cable", hit, 0))
        if not loss.is_source_known:
            assert not has_source(grid, joined_to(grid, hit))
            continue
        rim = {node for node in conducting if grid.ends(node) & isolated}
        after = grid.fed(grid.graph(without=cables(isolated), opened=rim))
        assert set(loss.isolated.tolist()) == cables(isolated)
        assert set(loss.dry.tolist()) == cables(before) - cables(after) - cables(isolated)
        # A switch parts everything that meets at it, so only those with a fed side need opening.
        assert set(loss.to_open.tolist()) == {node for node in rim if grid.ends(node) & after}


def network_positions(hit: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array([hit], np.int64)


@settings(max_examples=examples(50), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(grids("power"), st.data())
def test_a_part_of_a_network_answers_as_if_the_rest_were_not_there(grid: Grid, data: st.DataObject) -> None:
    kept = sorted(data.draw(st.sets(st.integers(0, len(grid.cables) - 1), min_size=1)))
    part = part_of(grid.network(), np.array(kept, np.int64))
    alone = Grid(grid.group, grid.nodes, [grid.cables[one] for one in kept], grid.consumers).network()
    ends = {node for one in kept for node in grid.cables[one]}
    assert part.segments.id.tolist() == kept
    assert set(part.nodes.id.tolist()) == ends
    assert part.consumers.id.tolist() == [n for n, node in enumerate(grid.consumers) if node in ends]
    for place in range(len(kept)):
        here, there = (tripped(one, "power", network_positions(place)) for one in (part, alone))
        assert (here.isolated.tolist(), here.dry.tolist()) == (there.isolated.tolist(), there.dry.tolist())
        assert part.nodes.id[here.to_open].tolist() == alone.nodes.id[there.to_open].tolist()
        assert part.consumers.id[here.consumers].tolist() == alone.consumers.id[there.consumers].tolist()
