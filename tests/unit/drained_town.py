"""Random sewers, and a slow reference for what traces say of them: plain networkx, one rule after the other."""

from dataclasses import dataclass

import networkx as nx
from hypothesis import strategies as st

from pipemap.network import Network
from pipemap.tracing.columns import network_from_arrays

EXITS = ("outfall",)
MOST_CLIMB_MM = 500
CLASSES = ("foul", "storm", "combined")


@dataclass(frozen=True)
class Pipe:
    """A pipe as surveyed; levels in mm, None when unknown; `flow` 1, -1 or 0 along start to end."""

    start: int
    end: int
    start_mm: int | None
    end_mm: int | None
    flow: int
    is_live: bool = True
    class_code: str = "foul"
    length_m: float = 10.0

    def turned(self) -> "Pipe":
        """The same pipe drawn the other way."""
        return Pipe(
            self.end, self.start, self.end_mm, self.start_mm, -self.flow, self.is_live, self.class_code, self.length_m
        )

    @property
    def fall_mm(self) -> int | None:
        return None if self.start_mm is None or self.end_mm is None else self.start_mm - self.end_mm


@dataclass(frozen=True)
class Town:
    """Appurtenance and valve state of every node, pipes, and nodes that serve consumers."""

    nodes: tuple[tuple[str, str], ...]
    pipes: tuple[Pipe, ...]
    served: tuple[int, ...] = ()

    def network(self) -> Network:
        def levels(side: str) -> list[float]:
            given = [getattr(pipe, side) for pipe in self.pipes]
            return [float("nan") if level is None else level / 1000 for level in given]

        return network_from_arrays(
            {
                "id": range(len(self.nodes)),
                "appurtenance": [kind for kind, _ in self.nodes],
                "state": [state for _, state in self.nodes],
            },
            {
                "id": range(len(self.pipes)),
                "from_id": [pipe.start for pipe in self.pipes],
                "to_id": [pipe.end for pipe in self.pipes],
                "class_code": [pipe.class_code for pipe in self.pipes],
                "flow": [pipe.flow for pipe in self.pipes],
                "is_active": [pipe.is_live for pipe in self.pipes],
                "length_m": [pipe.length_m for pipe in self.pipes],
                "from_invert_m": levels("start_mm"),
                "to_invert_m": levels("end_mm"),
            },
            {"id": range(len(self.served)), "node_id": self.served, "class_code": ["foul"] * len(self.served)},
        )


@st.composite
def towns(draw: st.DrawFn, *, with_levels: bool = False) -> Town:
    """Small sewers with known, level, missing and contradicted levels, loops, splits, pumps and closed gates."""
    count = draw(st.integers(2, 9))
    kinds = st.sampled_from([("", "")] * 8 + [("outfall", ""), ("pump_station", ""), ("storm_grate", ""),
                                              ("valve", "closed"), ("check_valve", "")])  # fmt: skip
    nodes = tuple(draw(st.lists(kinds, min_size=count, max_size=count)))
    place = st.integers(0, count - 1)
    level = st.integers(0, 40).map(lambda step: step * 25)
    height = level if with_levels else st.one_of(level, level, level, st.none())
    pipes = draw(
        st.lists(
            st.builds(
                Pipe, place, place, height, height, st.sampled_from([0, 0, 0, 1, -1]),
                st.sampled_from([True] * 7 + [False]), st.sampled_from(CLASSES), st.integers(1, 50).map(float),
            ),
            min_size=1, max_size=14,
        )
    )  # fmt: skip
    served = tuple(draw(st.lists(place, max_size=3)))
    return Town(nodes, tuple(pipes), served)


class Reference:
    """Which way every pipe runs, and what walks reach, found without any of our code."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.live = [one for one, pipe in enumerate(town.pipes) if pipe.is_live]
        self.degree = dict.fromkeys(range(len(town.nodes)), 0)
        for one in self.live:
            self.degree[town.pipes[one].start] += 1
            self.degree[town.pipes[one].end] += 1
        self.why = {one: self._own_word(one) for one in self.live}
        self.turned = self._out_of_pits()
        self.sign = {one: -sign if one in self.turned else sign for one, (sign, _) in self.why.items()}
        self.contradicted = {
            one for one, (sign, why) in self.why.items()
            if why == "levels" and one not in self.turned and town.pipes[one].flow == -sign
        }  # fmt: skip

    def _own_word(self, one: int) -> tuple[int, str]:
        pipe, kind = self.town.pipes[one], lambda node: self.town.nodes[node][0]
        if pipe.flow and {kind(pipe.start), kind(pipe.end)} & {"pump_station", "check_valve"}:
            return pipe.flow, "device"
        fall = pipe.fall_mm
        if fall and not (pipe.flow and pipe.flow * fall < 0 and abs(fall) <= 30):
            return (1 if fall > 0 else -1), "levels"
        if pipe.flow:
            return pipe.flow, "declared"
        ends = [self.degree[node] == 1 and (kind(node) == "storm_grate" or node in self.town.served)
                for node in (pipe.start, pipe.end)]  # fmt: skip
        if ends[0] != ends[1]:
            return (1 if ends[0] else -1), "inlet"
        return 1, "drawn"

    def ends(self, one: int, sign: int) -> tuple[int, int]:
        pipe = self.town.pipes[one]
        return (pipe.start, pipe.end) if sign > 0 else (pipe.end, pipe.start)

    def _out_of_pits(self) -> set[int]:
        flow: nx.MultiDiGraph = nx.MultiDiGraph()
        flow.add_nodes_from(range(len(self.town.nodes)))
        for one, (sign, _) in self.why.items():
            flow.add_edge(*self.ends(one, sign), key=one)
        exits = {node for node, (kind, _) in enumerate(self.town.nodes) if kind in EXITS}
        for one, (sign, why) in self.why.items():
            head = self.ends(one, sign)[1]
            if self.degree[head] == 1 and why != "drawn":
                exits.add(head)
        drained = set(exits).union(*(nx.ancestors(flow, node) for node in exits)) if exits else set()
        ways: nx.MultiDiGraph = nx.MultiDiGraph()
        for one, (sign, _) in self.why.items():
            tail, head = self.ends(one, sign)
            ways.add_edge(tail, head, cost=0)
            pipe = self.town.pipes[one]
            if head in drained or pipe.flow == sign:
                continue
            climb = 1 if pipe.flow == -sign or pipe.fall_mm is None else max(1, abs(pipe.fall_mm))
            ways.add_edge(head, tail, cost=climb, pipe=one)
        ways.add_edges_from((node, "out", {"cost": 0}) for node in drained)
        if "out" not in ways:
            return set()
        least = nx.single_source_dijkstra_path_length(ways.reverse(), "out", weight="cost", cutoff=MOST_CLIMB_MM)
        return {
            data["pipe"] for one, other, data in ways.edges(data=True)
            if "pipe" in data and one in least and other in least and least[one] == least[other] + data["cost"]
        }  # fmt: skip

    def walk(self, nodes: set[int], is_down: bool, without: frozenset[int] = frozenset(), doubts: bool = False,
             shut: frozenset[int] = frozenset()) -> tuple[set[int], set[int]]:  # fmt: skip
        """Nodes and pipes of a walk, closed gates not passed."""
        held = shut | {
            node for node, (kind, state) in enumerate(self.town.nodes) if kind == "valve" and state == "closed"
        }
        seen, pipes, todo = set(nodes), set(), list(nodes)
        while todo:
            node = todo.pop()
            if node in held and node not in nodes:
                continue
            for one in self.live:
                signs = [self.sign[one], *([-self.sign[one]] if doubts and one in self.contradicted else [])]
                for sign in signs:
                    tail, head = self.ends(one, sign) if is_down else self.ends(one, sign)[::-1]
                    if tail == node and one not in without:
                        pipes.add(one)
                        if head not in seen:
                            seen.add(head)
                            todo.append(head)
        return seen, pipes
