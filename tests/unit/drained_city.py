"""An independent, slow burst trace: plain networkx, remove and flood. And random cities to ask it about."""

import os
from dataclasses import dataclass, field, replace
from math import nan

import networkx as nx
from hypothesis import strategies as st

from pipemap.network import Network
from pipemap.tracing.columns import network_from_arrays


def examples(count: int) -> int:
    """How many examples to try; PIPEMAP_LONG_RUN multiplies them."""
    return count * int(os.environ.get("PIPEMAP_LONG_RUN", "1"))


VALVES = ("valve", "valve_well")
ONE_WAY = ("check_valve", "pressure_reducing_valve", "pump_station")
SOURCES = ("tank", "reservoir")


@dataclass
class City:
    """A drawn network: node -> (appurtenance, state, operability), pipes (from, to, flow), valves at pipe ends.

    `consumers` are (node, people); `places` of nodes and `lengths` of pipes may be left out. Devices are named by
    their node, or by (pipe, node) for valves at pipe ends.
    """

    nodes: list[tuple[str, str, str]]
    pipes: list[tuple[int, int, int]]
    layer: dict[tuple[int, int], tuple[str, str]] = field(default_factory=dict)
    consumers: list[tuple[int, int]] = field(default_factory=list)
    places: list[tuple[float, float]] = field(default_factory=list)
    lengths: list[float] = field(default_factory=list)

    def network(self) -> Network:
        appurtenances, states, operabilities = zip(*self.nodes, strict=True)
        starts, ends, flows = zip(*self.pipes, strict=True)
        served, people = zip(*self.consumers, strict=True) if self.consumers else ((), ())
        x_m, y_m = zip(*(self.places or [(nan, nan)] * len(self.nodes)), strict=True)
        network = network_from_arrays(
            {
                "x_m": x_m,
                "y_m": y_m,
                "id": range(len(self.nodes)),
                "appurtenance": appurtenances,
                "state": states,
                "operability": operabilities,
            },
            {
                "id": range(len(self.pipes)),
                "from_id": starts,
                "to_id": ends,
                "flow": flows,
                "length_m": self.lengths or [1.0] * len(self.pipes),
            },
            {"id": range(len(self.consumers)), "node_id": served, "people": people},
        )
        layer_states, layer_operabilities = zip(*self.layer.values(), strict=True) if self.layer else ((), ())
        return network.with_valves(self.layer, layer_states, layer_operabilities)

    def condition(self, device: object) -> tuple[str, str]:
        """State and operability of a device."""
        return self.layer[device] if isinstance(device, tuple) else self.nodes[device][1:]

    @property
    def devices(self) -> list[object]:
        """Names of the devices in the order in which the network numbers them."""
        return [*range(len(self.nodes)), *self.layer]


@dataclass
class Plan:
    close: set[object]
    rely: set[object]
    isolated: set[int]
    dry: set[int]
    already_dry: set[int]
    consumers: set[int]
    source_in_zone: bool
    at_the_rim: set[int] = field(default_factory=set, compare=False)
    fed_nodes: set[int] = field(default_factory=set, compare=False)


@dataclass(frozen=True)
class Otherwise:
    """Devices taken to be otherwise than drawn."""

    stuck: frozenset[object] = frozenset()
    freed: frozenset[object] = frozenset()
    opened: frozenset[object] = frozenset()


def condition(is_one_way: bool, state: str, operability: str) -> str:
    """What a device does to the water: a gate can be shut, a flap lets it one way, a hole both, a wall none."""
    if operability == "broken_closed":
        return "wall"
    if operability == "broken_open":
        return "hole"
    if state == "closed":
        return "wall"
    if is_one_way:
        return "flap"
    return "hole" if operability in ("inoperable", "inaccessible") else "gate"


class Reference:
    """Water as walks over pipes, pipe ends and plain nodes; an edge names the gate or wall it passes, if any."""

    def __init__(self, city: City, otherwise: Otherwise | None = None) -> None:
        self.city = city
        self.otherwise = otherwise or Otherwise()
        self.graph = nx.MultiDiGraph()
        self.anyhow = nx.Graph()
        self.taps: set[object] = set()
        self.source_parts: set[object] = set()
        self.sides: dict[object, set[object]] = {}
        self.walls: set[object] = set()
        for pipe in range(len(city.pipes)):
            self._add_pipe(pipe)
        for node in range(len(city.nodes)):
            self._add_node(node)
        self.before = self._reach(self.taps, set(), set())
        self.areas = list(nx.connected_components(self.anyhow))
        self.unknown = set().union(*(area for area in self.areas if not area & self.source_parts))

    def condition_of(self, device: object, is_one_way: bool, state: str, operability: str) -> str:
        drawn = condition(is_one_way, state, operability)
        if drawn == "gate" and device in self.otherwise.stuck:
            return "hole"
        if drawn == "hole" and device in self.otherwise.freed:
            return "gate"
        if drawn == "wall" and device in self.otherwise.opened:
            return "flap" if is_one_way else "gate"
        return drawn

    def _add_pipe(self, pipe: int) -> None:
        start, end, _ = self.city.pipes[pipe]
        body = ("pipe", pipe)
        self.graph.add_node(body)
        self.anyhow.add_node(body)
        for side, node in ((0, start), (1, end)):
            tip = ("end", pipe, side)
            self.anyhow.add_edge(body, tip)
            if (pipe, node) in self.city.layer and (side == 0 or start != end):
                valve = (pipe, node)
                self.sides[valve] = {body, tip}
                self._join([body, tip], valve, self.condition_of(valve, False, *self.city.layer[valve]))
            else:
                self._join([body, tip], None, "hole")

    def _join(self, parts: list[object], device: object, what: str) -> None:
        if what == "wall":
            self.walls.add(device)
        for a in parts:
            for b in parts:
                if a != b:
                    named = device if what in ("gate", "wall") else None
                    self.graph.add_edge(a, b, valve=named, closed=what == "wall")

    def _ends(self, node: int) -> list[tuple[object, bool, bool]]:
        """(end, water may enter the node here, water may leave the node here) by the drawn directions."""
        found: list[tuple[object, bool, bool]] = []
        for pipe, (start, end, flow) in enumerate(self.city.pipes):
            if start == node:
                found.append((("end", pipe, 0), flow != 1, flow != -1))
            if end == node:
                found.append((("end", pipe, 1), flow != -1, flow != 1))
        return found

    def _add_node(self, node: int) -> None:
        appurtenance, state, operability = self.city.nodes[node]
        ends = self._ends(node)
        parts = [end for end, _, _ in ends]
        self.anyhow.add_edges_from((("node", node), part) for part in parts)
        if appurtenance in SOURCES:
            self.sides[node] = set(parts)
            self.taps |= {end for end, _, leaves in ends if leaves}
            self.source_parts |= set(parts)
        elif appurtenance in VALVES or appurtenance in ONE_WAY:
            self.sides[node] = set(parts)
            what = self.condition_of(node, appurtenance in ONE_WAY, state, operability)
            if what == "flap":
                self._add_flap(ends)
            else:
                self._join(parts, node, what)
        else:
            self._join([*parts, ("node", node)], None, "hole")

    def _add_flap(self, ends: list[tuple[object, bool, bool]]) -> None:
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

    def plan(self, pipes: set[int], at_nodes: frozenset[int] = frozenset()) -> Plan:
        burst: set[object] = {("pipe", pipe) for pipe in pipes}.union(*map(self._parts, at_nodes))
        isolated = self._drained(burst)
        beside = {valve for valve in self.otherwise.opened if self.sides.get(valve, set()) & isolated}
        if beside:
            return Reference(self.city, replace(self.otherwise, opened=self.otherwise.opened - beside)).plan(
                pipes, at_nodes
            )
        across = [
            (passed["valve"], passed["closed"], far if near in isolated else near)
            for near, far, passed in self.graph.edges(data=True)
            if passed["valve"] is not None and (near in isolated) != (far in isolated)
        ]
        after = self._reach(self.taps, isolated, {valve for valve, closed, _ in across if not closed})
        before = Reference(self.city).before if self.otherwise.opened else self.before
        touched = set().union(*(area for area in self.areas if area & burst))
        wet = [(valve, closed) for valve, closed, far in across if far in after or far in self.unknown]
        dry = before - after - isolated
        return Plan(
            close={valve for valve, closed in wet if not closed},
            rely={valve for valve, closed in wet if closed},
            isolated=self._pipes(isolated),
            dry=self._pipes(dry),
            already_dry=self._pipes((touched - before - isolated) - self.unknown),
            consumers=self._consumers(isolated, dry, after),
            source_in_zone=bool(self.taps & isolated),
            fed_nodes={node for node in range(len(self.city.nodes)) if self._parts(node) & after - isolated},
            at_the_rim={number for number, (node, _) in enumerate(self.city.consumers) if self._parts(node) & isolated},
        )

    def _parts(self, node: int) -> set[object]:
        return self.sides.get(node, {("node", node)})

    def _consumers(self, isolated: set[object], dry: set[object], after: set[object]) -> set[int]:
        lost = set()
        for number, (node, _) in enumerate(self.city.consumers):
            parts = self._parts(node)
            supplied = (after - isolated) | (self.unknown - isolated)
            if self.city.nodes[node][0] not in SOURCES and parts & (isolated | dry) and not parts & supplied:
                lost.add(number)
        return lost

    def fed_with(self, shut: set[object]) -> set[int]:
        """Pipes that some source reaches with some gates shut."""
        return self._pipes(self._reach(self.taps, set(), shut))

    @staticmethod
    def _pipes(parts: set[object]) -> set[int]:
        return {part[1] for part in parts if isinstance(part, tuple) and part[0] == "pipe"}


_STATES = st.sampled_from(["open", "open", "open", "closed", "unknown", ""])
_OPERABILITIES = st.sampled_from(
    ["operable", "operable", "operable", "inoperable", "inaccessible", "broken_open", "broken_closed", "unknown", ""]
)


@st.composite
def cities(draw: st.DrawFn) -> City:
    """Up to 14 nodes and 22 pipes, with any mixture of devices."""
    count = draw(st.integers(2, 14))
    part = draw(st.sampled_from(["", "", "", "valve", "valve", "valve_well", "tank", "check_valve", "hydrant"]))
    appurtenances = st.sampled_from(
        ["", "", "", "valve", "valve", "valve", "valve_well", "tank", "reservoir", *ONE_WAY, "hydrant", part]
    )
    nodes = draw(st.lists(st.tuples(appurtenances, _STATES, _OPERABILITIES), min_size=count, max_size=count))
    places = st.integers(0, count - 1)
    pipes = draw(st.lists(st.tuples(places, places, st.sampled_from([0, 0, 1, -1])), min_size=1, max_size=22))
    sides = st.sampled_from([(p, node) for p, (a, b, _) in enumerate(pipes) for node in {a, b}])
    layer = draw(st.dictionaries(sides, st.tuples(_STATES, _OPERABILITIES), max_size=6))
    consumers = draw(st.lists(st.tuples(places, st.integers(0, 50)), max_size=8))
    return City(nodes, pipes, layer, consumers)
