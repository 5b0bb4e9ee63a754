"""Bursts on EPANET's Net6, L-TOWN and ky4 with generated valve layers: every zone's answer equals a plain reference."""

from collections import defaultdict
from functools import cached_property
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
import wntr

from importers.delivery import read_delivery
from pipemap.checks import run_checks
from pipemap.db import Connection, Database, fetch_all
from pipemap.ingest import create_import
from pipemap.network import Network, load_network
from pipemap.publishing import publish
from pipemap.tracing.columns import network_from_arrays
from pipemap.tracing.cuts import cut_at
from pipemap.tracing.sites import site_at
from pipemap.tracing.zones import zones_of

Layer = list[tuple[str, str]]


@pytest.fixture(scope="module")
def model(shared_data: Path) -> wntr.network.WaterNetworkModel:
    return wntr.network.WaterNetworkModel(str(shared_data / "epanet-networks" / "Net6.inp"))


def directed_links(model: wntr.network.WaterNetworkModel) -> list[str]:
    """Pumps, the model's own valves and pipes with a check valve: water passes them one way."""
    check_valves = [name for name, pipe in model.pipes() if pipe.check_valve]
    return [*model.pump_name_list, *model.valve_name_list, *check_valves]


def valve_layer(model: wntr.network.WaterNetworkModel, kind: str) -> Layer:
    if kind == "N-2":
        frame = wntr.network.generate_valve_layer(model, "strategic", 2, seed=7)
    else:
        frame = wntr.network.generate_valve_layer(model, "random", 900, seed=7)
    return sorted(set(zip(frame["link"], frame["node"], strict=True)))


def states_of(layer: Layer, kind: str) -> list[tuple[str, str]]:
    """Every valve works in the plain layers; in the worn one some are closed, stuck or unknown."""
    if kind != "worn":
        return [("open", "operable")] * len(layer)
    random = np.random.default_rng(7)
    states = random.choice(["open", "closed", "unknown"], len(layer), p=[0.85, 0.1, 0.05])
    operabilities = random.choice(["operable", "inoperable", "inaccessible"], len(layer), p=[0.9, 0.05, 0.05])
    return list(zip(states.tolist(), operabilities.tolist(), strict=True))


def our_network(model: wntr.network.WaterNetworkModel, layer: Layer, states: list[tuple[str, str]]) -> Network:
    """Links become segments: a pump or a valve of the model a node with two short segments in flow direction."""
    devices = directed_links(model)
    nodes = [*model.node_name_list, *devices]
    number = {name: i for i, name in enumerate(nodes)}
    sources = {*model.tank_name_list, *model.reservoir_name_list}
    appurtenance = ["tank" if name in sources else "pump_station" if name in devices else "" for name in nodes]
    ends, flow, names = [], [], []
    for name, link in model.links():
        if name in devices:
            ends += [(number[link.start_node_name], number[name]), (number[name], number[link.end_node_name])]
            flow, names = [*flow, 1, 1], [*names, name, f"{name} out"]
        else:
            ends.append((number[link.start_node_name], number[link.end_node_name]))
            flow, names = [*flow, 0], [*names, name]
    starts, stops = zip(*ends, strict=True)
    network = network_from_arrays(
        {"id": range(len(nodes)), "appurtenance": appurtenance},
        {"id": range(len(ends)), "from_id": starts, "to_id": stops, "flow": flow},
    )
    segment = {name: i for i, name in enumerate(names)}
    at_end = {name: model.get_link(name).end_node_name for name in devices}
    pairs = [
        (segment[f"{link} out"] if at_end.get(link) == node else segment[link], number[node]) for link, node in layer
    ]
    return network.with_valves(pairs, *zip(*states, strict=True))


class Reference:
    """Links cut into pieces at their valves, joined at nodes; pumps and valves of the model let water one way."""

    def __init__(self, model: wntr.network.WaterNetworkModel, layer: Layer, states: list[tuple[str, str]]) -> None:
        self.flow = nx.DiGraph()
        self.gates: dict[tuple[str, str], tuple[object, object]] = {}
        self.closed: set[tuple[str, str]] = set()
        self.sources = {*model.tank_name_list, *model.reservoir_name_list}
        at = dict(zip(layer, states, strict=True))
        one_way = set(directed_links(model))
        for name, link in model.links():
            body = [("body", name)]
            if name in one_way:
                body = [("body", name), ("body", f"{name} out")]
                self.flow.add_edge(body[0], body[1])
            self._join(name, link.start_node_name, body[0], at, "tap")
            # What a pump presses into a tank does not come out of it again.
            self._join(name, link.end_node_name, body[-1], at, "inlet" if name in one_way else "tap")

    def _join(
        self, link: str, node: str, body: object, at: dict[tuple[str, str], tuple[str, str]], at_source: str
    ) -> None:
        end: object = (at_source, link, node) if node in self.sources else ("node", node)
        self.flow.add_nodes_from([body, end])
        state, operability = at.get((link, node), ("open", "inoperable"))
        if state == "closed":
            self.closed.add((link, node))
        elif operability != "operable":
            self.flow.add_edges_from([(body, end), (end, body)])
            return
        self.gates[(link, node)] = (body, end)

    def fed(self, without: set[object], shut: set[tuple[str, str]]) -> set[object]:
        beside = self.beside
        stack = [part for part in self.flow if part[0] == "tap" and part not in without]
        seen = set(stack)
        while stack:
            for part, gate in beside[stack.pop()]:
                if part not in seen and part not in without and gate not in shut:
                    seen.add(part)
                    stack.append(part)
        return seen

    @cached_property
    def beside(self) -> dict[object, list[tuple[object, tuple[str, str] | None]]]:
        """Where water can go from each part, and the gate it passes on the way, if any."""
        beside = {part: [(head, None) for head in self.flow.successors(part)] for part in self.flow}
        for gate in self.gates.keys() - self.closed:
            a, b = self.gates[gate]
            beside[a].append((b, gate))
            beside[b].append((a, gate))
        return beside

    def plan(self, burst: str) -> tuple[set[object], set[str], set[str]]:
        isolated = nx.ancestors(self.flow, ("body", burst)) | {("body", burst)}
        touched = {gate for part in isolated for gate in self.gates_at.get(part, ())}
        rim = {gate for gate in touched if len(isolated & set(self.gates[gate])) == 1}
        after = self.fed(isolated, rim)
        close = {gate for gate in rim - self.closed if after & set(self.gates[gate])}
        return close, bodies(isolated), bodies(self.before - after - isolated)

    @cached_property
    def gates_at(self) -> dict[object, list[tuple[str, str]]]:
        found = defaultdict(list)
        for gate, sides in self.gates.items():
            for side in sides:
                found[side].append(gate)
        return found

    @cached_property
    def before(self) -> set[object]:
        return self.fed(set(), set())


def bodies(parts: set[object]) -> set[str]:
    return {part[1] for part in parts if part[0] == "body"}


@pytest.mark.parametrize("kind", ["N-2", "random", "worn"])
def test_every_zone_of_net6_equals_the_reference(model: wntr.network.WaterNetworkModel, kind: str) -> None:
    check_model(model, kind)


@pytest.mark.parametrize("kind", ["N-2", "random", "worn"])
@pytest.mark.parametrize("name", ["L-TOWN", "ky4"])
def test_every_zone_of_other_models_equals_the_reference(shared_data: Path, name: str, kind: str) -> None:
    check_model(wntr.network.WaterNetworkModel(str(shared_data / "epanet-networks" / f"{name}.inp")), kind)


def check_model(model: wntr.network.WaterNetworkModel, kind: str) -> None:
    layer = valve_layer(model, kind)
    states = states_of(layer, kind)
    network = our_network(model, layer, states)
    compare_every_zone(network, segment_names(model), layer, Reference(model, layer, states))


def test_net6_imported_published_and_loaded_gives_the_same_answers(
    model: wntr.network.WaterNetworkModel, database: Database, shared_data: Path
) -> None:
    publish_model(database, shared_data / "epanet-networks" / "Net6.inp")
    layer = valve_layer(model, "N-2")
    states = states_of(layer, "N-2")
    with database.transaction(read_only=True) as connection:
        loaded = load_network(connection)
        names = loaded_names(connection, model)
        nodes = {r["source_key"]: r["feature_id"] for r in fetch_all(connection, "SELECT * FROM pipemap.node")}
    by_name = {name: number for number, name in names.items()}
    at_end = {name: model.get_link(name).end_node_name for name in directed_links(model)}
    pairs = [(by_name[f"{k} out" if at_end.get(k) == node else k], nodes[node]) for k, node in layer]
    network = loaded.with_valves(pairs, *zip(*states, strict=True))
    in_order = [names[number] for number in network.segments.id.tolist()]
    compare_every_zone(network, in_order, layer, Reference(model, layer, states))


def publish_model(database: Database, path: Path) -> None:
    delivery = read_delivery([path], srid=4547)
    assert sum(count.refused + count.skipped for count in delivery.counts) == 0
    changeset = create_import(database, delivery, title="Net6", author="test")
    errors = {rule for rule, severity in run_checks(database, changeset) if severity == "error"}
    waivers = dict.fromkeys(errors, "a model's schematic coordinates")
    publish(database, changeset, message="Net6", author="test", waivers=waivers)


def loaded_names(connection: Connection, model: wntr.network.WaterNetworkModel) -> dict[int, str]:
    """Name of every stored segment as the reference knows it: the link's, or "<link> out" beyond a device."""
    directed = set(directed_links(model))
    rows = fetch_all(
        connection,
        "SELECT s.feature_id, a.source_key AS start, b.source_key AS stop, s.extra ->> 'id' AS link"
        " FROM pipemap.pipe_segment s JOIN pipemap.node a ON a.feature_id = s.from_node_id"
        " JOIN pipemap.node b ON b.feature_id = s.to_node_id",
    )
    return {r["feature_id"]: f"{r['start']} out" if r["start"] in directed else r["link"] or r["stop"] for r in rows}


def compare_every_zone(network: Network, names: list[str], layer: Layer, reference: Reference) -> None:
    zones = zones_of(network, "water")
    _, one_per_zone = np.unique(zones.segment_zone, return_index=True)
    assert len(one_per_zone) > 100
    for segment in one_per_zone.tolist():
        cut = cut_at(site_at(network, np.array([segment]), np.zeros(0, np.int64)))
        answered = (
            {layer[device - len(network.nodes.id)] for device in cut.valves.tolist()},
            {names[i] for i in cut.isolated},
            {names[i] for i in cut.dry},
        )
        assert answered == reference.plan(names[segment])


def segment_names(model: wntr.network.WaterNetworkModel) -> list[str]:
    one_way = set(directed_links(model))
    return [piece for name in model.link_name_list for piece in ([name, f"{name} out"] if name in one_way else [name])]
