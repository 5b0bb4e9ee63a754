"""The burst trace against an independent reference: plain networkx, remove and flood, on random networks."""

from dataclasses import dataclass, field

import networkx as nx
import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipemap.network import Network
from pipemap.tracing.columns import network_from_arrays
from pipemap.tracing.cuts import cut_at

VALVES = ("valve", "valve_well")
ONE_WAY = ("check_valve", "pressure_reducing_valve", "pump_station")
SOURCES = ("tank", "reservoir")


@dataclass
class City:
    """A drawn network: node -> (appurtenance, state, operability), pipes (from, to, flow), valves at pipe ends."""

    nodes: list[tuple[str, str, str]]
    pipes: list[tuple[int, int, int]]
    layer: dict[tuple[int, int], tuple[str, str]] = field(default_factory=dict)

    def network(self) -> Network:
        appurtenances, states, operabilities = zip(*self.nodes, strict=True)
        starts, ends, flows = zip(*self.pipes, strict=True)
        network = network_from_arrays(
            {
                "id": range(len(self.nodes)),
                "appurtenance": appurtenances,
                "state": states,
                "operability": operabilities,
            },
            {"id": range(len(self.pipes)), "from_id": starts, "to_id": ends, "flow": flows},
        )
        layer_states, layer_operabilities = zip(*self.layer.values(), strict=True) if self.layer else ((), ())
        return network.with_valves(self.layer, layer_states, layer_operabilities)


def is_closed(state: str) -> bool:
    return state == "closed"


def can_close(state: str, operability: str) -> bool:
    return state != "closed" and operability not in ("inoperable", "inaccessible")


@dataclass
class Plan:
    close: set[object]
    rely: set[object]
    isolated: set[int]
    dry: set[int]
    already_dry: set[int]
    source_in_zone: bool


class Reference:
    """Water as walks over pipes, pipe ends and plain nodes; an edge names the valve it passes, if any."""

    def __init__(self, city: City) -> None:
        self.city = city
        self.graph = nx.MultiDiGraph()
        self.taps: set[object] = set()
        self.source_parts: set[object] = set()
        self.anyhow = nx.Graph()
        for pipe in range(len(city.pipes)):
            self._add_pipe(pipe)
        for node in range(len(city.nodes)):
            self._add_node(node)
        self.before = self._reach(self.taps, set(), set())
        self.areas = list(nx.connected_components(self.anyhow))
        self.unknown = set().union(*(area for area in self.areas if not area & self.source_parts))

    def _link(self, a: object, b: object, valve: object = None, state: tuple[str, str] = ("open", "operable")) -> None:
        self.anyhow.add_edge(a, b)
        closable = valve is not None and can_close(*state)
        closed = valve is not None and is_closed(state[0])
        if valve is None or closable or closed:
            self.graph.add_edge(a, b, valve=valve, closed=closed)
        else:
            self.graph.add_edge(a, b, valve=None, closed=False)

    def _add_pipe(self, pipe: int) -> None:
        start, end, _ = self.city.pipes[pipe]
        self.graph.add_node(("pipe", pipe))
        self.anyhow.add_node(("pipe", pipe))
        for side, node in ((0, start), (1, end)):
            valve = (pipe, node) if (pipe, node) in self.city.layer and (side == 0 or start != end) else None
            state = self.city.layer.get((pipe, node), ("open", "operable"))
            for a, b in ((("pipe", pipe), ("end", pipe, side)), (("end", pipe, side), ("pipe", pipe))):
                self._link(a, b, valve, state)

    def _ends(self, node: int) -> list[tuple[object, bool, bool]]:
        """(end, water may enter the node here, water may leave the node here) by the drawn directions."""
        found = []
        for pipe, (start, end, flow) in enumerate(self.city.pipes):
            if start == node:
                found.append((("end", pipe, 0), flow != 1, flow != -1))
            if end == node:
                found.append((("end", pipe, 1), flow != -1, flow != 1))
        return found

    def _add_node(self, node: int) -> None:
        appurtenance, state, operability = self.city.nodes[node]
        ends = self._ends(node)
        for a, _, _ in ends:
            self.anyhow.add_edge(("node", node), a)
        if appurtenance in SOURCES:
            self.taps |= {end for end, _, leaves in ends if leaves}
            self.source_parts |= {end for end, _, _ in ends}
        elif appurtenance in VALVES:
            for a, _, _ in ends:
                for b, _, _ in ends:
                    if a != b:
                        self._link(a, b, node, (state, operability))
        elif appurtenance in ONE_WAY:
            self._add_one_way(ends)
        else:
            for end, _, _ in ends:
                self._link(end, ("node", node))
                self._link(("node", node), end)

    def _add_one_way(self, ends: list[tuple[object, bool, bool]]) -> None:
        inlets = [end for end, enters, leaves in ends if enters and not leaves]
        outlets = [end for end, enters, leaves in ends if leaves and not enters]
        undrawn = [end for end, enters, leaves in ends if enters and leaves]
        if inlets and not outlets:
            outlets = undrawn
        elif outlets and not inlets:
            inlets = undrawn
        else:
            inlets, outlets = inlets + undrawn, outlets + undrawn
        for a in inlets:
            for b in outlets:
                if a != b:
                    self.graph.add_edge(a, b, valve=None, closed=False)

    def _reach(self, starts: set[object], without: set[object], shut: set[object]) -> set[object]:
        seen = {start for start in starts if start not in without}
        stack = list(seen)
        while stack:
            for _, head, passed in self.graph.out_edges(stack.pop(), data=True):
                if head in seen or head in without or passed["closed"] or passed["valve"] in shut - {None}:
                    continue
                seen.add(head)
                stack.append(head)
        return seen

    def _drained(self, burst: set[object]) -> set[object]:
        seen, stack = set(burst), list(burst)
        while stack:
            for tail, _, passed in self.graph.in_edges(stack.pop(), data=True):
                if tail not in seen and passed["valve"] is None:
                    seen.add(tail)
                    stack.append(tail)
        return seen

    def plan(self, pipes: set[int]) -> Plan:
        burst: set[object] = {("pipe", pipe) for pipe in pipes}
        isolated = self._drained(burst)
        across = [
            (passed["valve"], passed["closed"], far if near in isolated else near)
            for near, far, passed in self.graph.edges(data=True)
            if passed["valve"] is not None and (near in isolated) != (far in isolated)
        ]
        after = self._reach(self.taps, isolated, {valve for valve, closed, _ in across if not closed})
        touched = set().union(*(area for area in self.areas if area & burst))
        wet = [(valve, closed) for valve, closed, far in across if far in after or far in self.unknown]
        return Plan(
            close={valve for valve, closed in wet if not closed},
            rely={valve for valve, closed in wet if closed},
            isolated=self._pipes(isolated),
            dry=self._pipes(self.before - after - isolated),
            already_dry=self._pipes((touched - self.before - isolated) - self.unknown),
            source_in_zone=bool(self.taps & isolated),
        )

    def fed_with(self, shut: set[object]) -> set[int]:
        return self._pipes(self._reach(self.taps, set(), shut))

    @staticmethod
    def _pipes(parts: set[object]) -> set[int]:
        return {part[1] for part in parts if isinstance(part, tuple) and part[0] == "pipe"}


@st.composite
def cities(draw: st.DrawFn) -> City:
    count = draw(st.integers(2, 14))
    part = draw(st.sampled_from(["", "", "", "valve", "valve", "valve_well", "tank", "check_valve", "hydrant"]))
    appurtenances = st.sampled_from(
        ["", "", "", "valve", "valve", "valve", "valve_well", "tank", "reservoir", *ONE_WAY, "hydrant", part]
    )
    states = st.sampled_from(["open", "open", "open", "closed", "unknown", ""])
    operabilities = st.sampled_from(["operable", "operable", "operable", "inoperable", "inaccessible", "unknown", ""])
    nodes = draw(st.lists(st.tuples(appurtenances, states, operabilities), min_size=count, max_size=count))
    places = st.integers(0, count - 1)
    flow = st.sampled_from([0, 0, 1, -1])
    pipes = draw(st.lists(st.tuples(places, places, flow), min_size=1, max_size=22))
    sides = st.sampled_from([(p, node) for p, (a, b, _) in enumerate(pipes) for node in {a, b}])
    layer = draw(st.dictionaries(sides, st.tuples(states, operabilities), max_size=6))
    return City(nodes, pipes, layer)


def answered(city: City, network: Network, pipes: set[int]) -> Plan:
    cut = cut_at(network, np.array(sorted(pipes)))
    keys = [*range(len(city.nodes)), *city.layer]
    ports = cut.zones.ports.of_zones(cut.isolated_zones)
    feeding = (cut.zones.ports.kind[ports] == 4) & cut.zones.ports.gives[ports]
    return Plan(
        close={keys[device] for device in cut.valves.tolist()},
        rely={keys[device] for device in cut.relied_on.tolist()},
        isolated=set(cut.isolated.tolist()),
        dry=set(cut.dry.tolist()),
        already_dry=set(cut.already_dry.tolist()),
        source_in_zone=bool(feeding.any()),
    )


@settings(max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(cities())
def test_every_burst_equals_the_reference(city: City) -> None:
    network, reference = city.network(), Reference(city)
    for pipe in range(len(city.pipes)):
        assert answered(city, network, {pipe}) == reference.plan({pipe})


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(cities(), st.data())
def test_several_bursts_at_once_equal_the_reference(city: City, data: st.DataObject) -> None:
    pipes = data.draw(
        st.sets(st.integers(0, len(city.pipes) - 1), min_size=2, max_size=4).map(set)
        if len(city.pipes) > 1
        else st.just({0})
    )
    assert answered(city, city.network(), pipes) == Reference(city).plan(pipes)


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(cities())
def test_the_plan_stops_the_water_and_no_valve_of_it_can_stay_open(city: City) -> None:
    network, reference = city.network(), Reference(city)
    for pipe in range(len(city.pipes)):
        plan = answered(city, network, {pipe})
        if plan.source_in_zone or pipe not in reference.fed_with(set()):
            continue
        assert pipe not in reference.fed_with(plan.close)
        for valve in plan.close:
            assert pipe in reference.fed_with(plan.close - {valve})
