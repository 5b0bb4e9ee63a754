"""Traces on Schutterwald's gas and district heating, against plain networkx walks over the rows of the files.

The files hold neither valves nor sources: both are put at junctions for the test, in the network and in the walk alike.
"""

from collections.abc import Iterator, Set
from dataclasses import replace
from pathlib import Path

import networkx as nx
import numpy as np
import pyogrio
import pytest

from pipemap.cluster import Cluster
from pipemap.db import Database
from pipemap.network import STATES, Network, load_network
from pipemap.tracing.asking import BurstQuestion, ask_burst
from pipemap.tracing.connectivity import bridges, connected, reachable
from pipemap.tracing.isolation import burst
from pipemap.tracing.starts import located_ids
from schemas.codetables import code_table
from schemas.isolation import BurstAnswer
from tests.real.sewer_sets import Sewer, published

Pipe = tuple[str, str]
GAS = Sewer("schutterwald-gas", ["schutterwald-gas-heat/gas.gpkg"], 25832, "stanet-gas")
HEAT = Sewer("schutterwald-heat", ["schutterwald-gas-heat/heat.gpkg"], 25832, "stanet-heat")


class Walks:
    """The rows of a file as a graph, some junctions being valves, one a source."""

    def __init__(self, pipes: list[Pipe], valves: Set[str] = frozenset(), source: str | None = None) -> None:
        self.pipes, self.valves, self.source = pipes, valves, source

    def graph(self, pipes: Set[int], parting: Set[str]) -> nx.MultiGraph:
        """Some pipes, each ending apart from all others at the junctions that part."""
        found = nx.MultiGraph()
        for one in pipes:
            start, end = ((node, one) if node in parting else node for node in self.pipes[one])
            found.add_edge(start, end, pipe=one)
        return found

    def joined(self, one: int) -> set[int]:
        """The pipes that no valve and no source parts from one."""
        parting = self.valves | {self.source}
        return self._reached(self.graph(set(range(len(self.pipes))), parting), one)

    def plan(self, burst: Set[int]) -> tuple[set[int], set[int], set[str]]:
        """Pipes isolated with some that burst, those that then lose the source, and the valves that have to be shut."""
        isolated = set().union(*(self.joined(one) for one in burst))
        rim = {node for one in isolated for node in self.pipes[one]} & self.valves
        left = self.graph(set(range(len(self.pipes))) - isolated, rim)
        fed = self._inside(left, self.source) if self.source in left else set()
        wet = {node for one in fed for node in self.pipes[one]}
        return isolated, set(range(len(self.pipes))) - isolated - fed, rim & wet

    @staticmethod
    def _reached(graph: nx.MultiGraph, one: int) -> set[int]:
        start = next(tail for tail, _, data in graph.edges(data=True) if data["pipe"] == one)
        return Walks._inside(graph, start)

    @staticmethod
    def _inside(graph: nx.MultiGraph, node: object) -> set[int]:
        inside = nx.node_connected_component(graph, node)
        return {data["pipe"] for *_, data in graph.edges(inside, data=True)}


class Village:
    """A network, the rows it was made of, and the identities of pipes and junctions by them."""

    def __init__(self, network: Network, path: Path) -> None:
        rows = pyogrio.read_dataframe(path, layer="pipe")
        ends = (rows["from_junction"].astype(str), rows["to_junction"].astype(str))
        self.names: list[str] = rows["name"].tolist()
        self.lines: list[bytes] = rows.geometry.to_wkb().tolist()
        self.pipes: list[Pipe] = list(zip(*ends, strict=True))
        self.network, segments = network, network.segments
        place = {segments.key[one]: one for one in range(len(segments.id))}
        at = [place[f"{start}->{end}"] for start, end in self.pipes]
        self.ids: list[int] = segments.id[at].tolist()
        self.nodes = {start: int(segments.from_node[one]) for (start, _), one in zip(self.pipes, at, strict=True)}
        self.nodes |= {end: int(segments.to_node[one]) for (_, end), one in zip(self.pipes, at, strict=True)}

    def fitted(self, valves: Set[str], source: str | None) -> Network:
        """The network with open valves, and a gas gate station, at some junctions."""
        codes = list(code_table("appurtenance"))
        kind, state = self.network.nodes.appurtenance.copy(), self.network.nodes.state.copy()
        at = [self.nodes[one] for one in sorted(valves)]
        kind[at], state[at] = codes.index("valve"), STATES.index("open")
        if source is not None:
            kind[self.nodes[source]] = codes.index("gas_station")
        nodes = replace(self.network.nodes, appurtenance=kind, state=state)
        return replace(self.network, nodes=nodes, derived={}, by_layout={})

    def ids_of(self, pipes: Set[int]) -> list[int]:
        return sorted(self.ids[one] for one in pipes)

    def junctions_of(self, answer: BurstAnswer) -> set[str]:
        names = {int(self.network.nodes.id[place]): name for name, place in self.nodes.items()}
        return {names[valve.node_id] for valve in answer.valves_to_close}


@pytest.fixture(scope="module")
def gas(cluster: Cluster, shared_data: Path) -> Village:
    return Village(published(cluster, shared_data, GAS), shared_data / GAS.files[0])


@pytest.fixture(scope="module")
def heat_map(cluster: Cluster, shared_data: Path) -> Iterator[Database]:
    published(cluster, shared_data, HEAT)
    with Database(cluster.url("traced_schutterwald_heat")) as database:
        yield database


@pytest.fixture(scope="module")
def heat(heat_map: Database, shared_data: Path) -> Village:
    with heat_map.transaction(read_only=True) as connection:
        return Village(load_network(connection), shared_data / HEAT.files[0])


@pytest.mark.parametrize("village", ["gas", "heat"])
def test_what_is_connected_and_what_hangs_on_one_pipe_is_what_networkx_finds(
    village: str, request: pytest.FixtureRequest
) -> None:
    here: Village = request.getfixturevalue(village)
    walks = Walks(here.pipes)
    for one in range(0, len(here.pipes), 397):
        start = located_ids(here.network, [here.ids[one]], [])
        answer = connected(here.network, start, reachable(here.network, start))
        assert sorted(answer.segment_ids) == here.ids_of(walks.joined(one))
    graph = walks.graph(set(range(len(here.pipes))), set())
    is_bridge = {data["pipe"] for *ends, data in graph.edges(data=True) if graph.number_of_edges(*ends) == 1}
    is_bridge &= {graph.edges[(*ends, 0)]["pipe"] for ends in nx.bridges(nx.Graph(graph))}
    first = located_ids(here.network, [here.ids[0]], [])
    found = bridges(here.network, first, reachable(here.network, first))
    own = walks.joined(0)
    assert sorted(found.segment_ids) == here.ids_of(is_bridge & own)


def test_a_burst_of_gas_shuts_what_a_plain_walk_shuts(gas: Village) -> None:
    random = np.random.default_rng(5)
    degree = nx.MultiGraph(gas.pipes).degree
    inner = sorted(node for node, count in degree if count > 1)
    for share in (0.05, 0.4):
        source = str(random.choice(sorted(node for node, count in degree if count == 1)))
        valves = set(random.choice(inner, int(share * len(inner)), replace=False).tolist())
        walks, network = Walks(gas.pipes, valves, source), gas.fitted(valves, source)
        for one in random.choice(len(gas.pipes), 15).tolist():
            isolated, dry, shut = walks.plan({one})
            answer = burst(network, [gas.ids[one]])
            assert answer.isolated_segment_ids == gas.ids_of(isolated)
            assert answer.dry_segment_ids == gas.ids_of(dry)
            assert gas.junctions_of(answer) == shut
            assert (len(answer.sources_to_shut) == 1) == any(source in gas.pipes[pipe] for pipe in isolated)


def test_a_burst_of_heat_takes_supply_and_return(heat: Village, heat_map: Database) -> None:
    supplies = [one for one, name in enumerate(heat.names) if not name.startswith("return_")]
    valves = set(sorted(nx.MultiGraph(heat.pipes).nodes)[::4])
    walks, network = Walks(heat.pipes, valves), heat.fitted(valves, None)
    number = {identity: one for one, identity in enumerate(heat.ids)}
    with heat_map.transaction(read_only=True) as connection:
        for one in supplies[::6]:
            answer = ask_burst(connection, network, BurstQuestion([heat.ids[one]]))
            assert answer.pair is not None and answer.pair.side == "supply"
            partners = {number[partner.partner_id] for partner in answer.pair.partners}
            assert all(heat.names[partner].startswith("return_") for partner in partners)
            # Pipes of one name lie stacked; which of them is whose is not on the map, but it is one of them.
            twins = {(heat.names[partner], heat.lines[partner]) for partner in partners}
            assert ("return_" + heat.names[one], heat.lines[one]) in twins
            isolated = set().union(*(walks.joined(part) for part in {one} | partners))
            assert answer.isolated_segment_ids == heat.ids_of(isolated)
            # Nobody knows which side is fed: every valve around is shut.
            rim = {node for part in isolated for node in heat.pipes[part]} & valves
            outside = {node for part in set(range(len(heat.pipes))) - isolated for node in heat.pipes[part]}
            assert heat.junctions_of(answer) == rim & outside
