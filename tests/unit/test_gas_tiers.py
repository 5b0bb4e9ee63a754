"""Gas bursts and pressure tiers against an independent reference: plain networkx over pipes, and what is told."""

from collections.abc import Iterator
from dataclasses import dataclass

import networkx as nx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipemap.network import Network
from pipemap.tracing.columns import network_from_arrays
from pipemap.tracing.criticality import criticality_of
from pipemap.tracing.isolation import burst
from tests.unit.drained_city import examples

RANK = {"low": 0, "medium_a": 1, "high_b": 2}
REGULATORS = ("regulator_station", "pressure_reducing_valve")


@dataclass
class Gasworks:
    """Nodes as (appurtenance, state), pipes as (from, to, pressure), consumers as nodes."""

    nodes: list[tuple[str, str]]
    pipes: list[tuple[int, int, str]]
    consumers: list[int]

    def network(self) -> Network:
        appurtenances, states = zip(*self.nodes, strict=True)
        starts, ends, pressures = zip(*self.pipes, strict=True)
        return network_from_arrays(
            {"id": range(len(self.nodes)), "appurtenance": appurtenances, "state": states},
            {
                "id": range(len(self.pipes)),
                "from_id": starts,
                "to_id": ends,
                "class_code": ["gas"] * len(self.pipes),
                "pressure_code": pressures,
            },
            {"id": range(len(self.consumers)), "node_id": self.consumers, "class_code": ["gas"] * len(self.consumers)},
        )


class Reference:
    """Which pipe ends pass gas on to which, and through what that can be shut."""

    def __init__(self, works: Gasworks) -> None:
        self.works = works
        self.graph = nx.MultiDiGraph()
        self.anyhow = nx.Graph()
        ends = [((pipe, side), (a, b)[side]) for pipe, (a, b, _) in enumerate(works.pipes) for side in (0, 1)]
        self.ends = {node: [end for end, at in ends if at == node] for node in range(len(works.nodes))}
        self.taps = {
            end for node, (what, _) in enumerate(works.nodes) if what == "gas_station" for end in self.ends[node]
        }
        for pipe in range(len(works.pipes)):
            self.graph.add_edges_from(((pipe, a), (pipe, 1 - a), {"gate": None}) for a in (0, 1))
            self.anyhow.add_edge((pipe, 0), (pipe, 1))
        for node in range(len(works.nodes)):
            self.anyhow.add_edges_from((("node", node), end) for end in self.ends[node])
            self.graph.add_edges_from((a, b, {"gate": gate}) for a, b, gate in self._passes(node))

    def _passes(self, node: int) -> Iterator[tuple[object, object, int | None]]:
        what, state = self.works.nodes[node]
        if what == "gas_station" or (what and state == "closed"):
            return
        ends = self.ends[node]
        ranks = {end: RANK[self.works.pipes[end[0]][2]] for end in ends}
        is_directed = what in REGULATORS and len(set(ranks.values())) > 1
        for a in ends:
            for b in ends:
                if a == b:
                    continue
                if is_directed and not (ranks[a] > min(ranks.values()) and ranks[b] < max(ranks.values())):
                    continue
                yield a, b, node if what else None

    def plan(self, pipe: int) -> tuple[set[int], set[int], set[int], set[int]]:
        """Devices to close, pipes isolated, pipes dry, consumers lost."""
        free = nx.Graph()
        free.add_nodes_from(self.graph)
        free.add_edges_from((a, b) for a, b, gate in self.graph.edges(data="gate") if gate is None)
        isolated = nx.node_connected_component(free, (pipe, 0))
        into = [(a, gate) for a, b, gate in self.graph.edges(data="gate") if b in isolated and a not in isolated]
        shut = {gate for _, gate in into}
        before, after = self._fed(set(), set()), self._fed(isolated, shut)
        area = nx.node_connected_component(self.anyhow, (pipe, 0))
        close = {gate for a, gate in into if a in after or not area & self.taps}
        dry = before - after - isolated
        return (
            close,
            self._pipes(isolated),
            self._pipes(dry),
            self._lost(isolated, after, before, bool(area & self.taps)),
        )

    def _fed(self, without: set[object], shut: set[int | None]) -> set[object]:
        left = nx.DiGraph()
        left.add_nodes_from(end for end in self.graph if end not in without)
        left.add_edges_from(
            (a, b)
            for a, b, gate in self.graph.edges(data="gate")
            if a not in without and b not in without and (gate is None or gate not in shut)
        )
        taps = self.taps - without
        return taps.union(*(nx.descendants(left, tap) for tap in taps))

    def _lost(self, isolated: set[object], after: set[object], before: set[object], has_source: bool) -> set[int]:
        lost = set()
        for number, node in enumerate(self.works.consumers):
            ends = set(self.ends[node])
            if self.works.nodes[node][0] == "gas_station" or not ends & (isolated | (before - after)):
                continue
            left = ends - isolated if not has_source else ends & after
            if not left:
                lost.add(number)
        return lost

    @staticmethod
    def _pipes(ends: set[object]) -> set[int]:
        return {pipe for pipe, _ in ends}


@st.composite
def gasworks(draw: st.DrawFn) -> Gasworks:
    count = draw(st.integers(2, 12))
    what = st.sampled_from(["", "", "", "valve", *REGULATORS, "regulator_station", "gas_station"])
    nodes = draw(
        st.lists(st.tuples(what, st.sampled_from(["open", "open", "closed", ""])), min_size=count, max_size=count)
    )
    place, tier = st.integers(0, count - 1), st.sampled_from(list(RANK))
    pipes = draw(st.lists(st.tuples(place, place, tier), min_size=1, max_size=18))
    on_pipes = sorted({node for a, b, _ in pipes for node in (a, b)})
    return Gasworks(nodes, pipes, draw(st.lists(st.sampled_from(on_pipes), max_size=6)))


@settings(max_examples=examples(120), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(gasworks())
def test_every_gas_burst_equals_the_reference(works: Gasworks) -> None:
    network, reference = works.network(), Reference(works)
    critical = criticality_of(network, "gas")
    for pipe in range(len(works.pipes)):
        answer = burst(network, [pipe])
        close, isolated, dry, lost = reference.plan(pipe)
        assert {valve.node_id for valve in answer.valves_to_close} == close
        assert set(answer.isolated_segment_ids) == isolated
        assert set(answer.dry_segment_ids) == dry
        assert set(answer.consumer_ids) == lost
        assert (critical.valves[pipe], critical.consumers[pipe]) == (len(close), len(lost))


def two_districts() -> Gasworks:
    """A gate station 0, a medium trunk 0-1-2-3 with a valve at 1, low districts behind regulators 4 and 5.

    The district of regulator 4 (pipes 5, 6) is joined through valve 8 to that of regulator 5 (7).
    """
    nodes = [("", "")] * 10
    nodes[0], nodes[1], nodes[8] = ("gas_station", ""), ("valve", "open"), ("valve", "closed")
    nodes[4] = nodes[5] = ("regulator_station", "open")
    pipes = [
        (0, 1, "medium_a"), (1, 2, "medium_a"), (2, 3, "medium_a"), (2, 4, "medium_a"), (5, 3, "medium_a"),
        (4, 6, "low"), (6, 8, "low"), (8, 7, "low"), (7, 5, "low"),
    ]  # fmt: skip
    return Gasworks(nodes, pipes, [6, 7])


def test_a_burst_above_tells_the_districts_that_lose_all_their_regulators() -> None:
    answer = burst(two_districts().network(), [2])
    assert {valve.node_id for valve in answer.valves_to_close} == {1}
    assert set(answer.isolated_segment_ids) == {1, 2, 3, 4}
    assert set(answer.dry_segment_ids) == {5, 6, 7, 8}
    tiers = answer.tiers
    assert tiers is not None
    assert tiers.burst_pressure_codes == ["medium_a"]
    assert tiers.lost_length_m == {"low": 4.0, "medium_a": 4.0}
    trunk, *below = tiers.districts
    assert (trunk.holds_burst, trunk.pressure_codes, trunk.is_out) == (True, ["medium_a"], False)
    assert trunk.stations_left == 1
    told = [(one.pressure_codes, one.is_out, one.lost_all_regulators, one.consumers_lost) for one in below]
    assert told == [(["low"], True, True, 1)] * 2
    regulators = [one for district in below for one in district.regulators]
    assert sorted((one.node_id, one.fate) for one in regulators) == [(4, "lost"), (5, "lost")]
    one = below[0].regulators[0]
    assert (one.from_pressure_codes, one.to_pressure_codes) == (["medium_a"], ["low"])


def test_a_burst_below_shuts_its_regulator_and_leaves_the_tier_above_alone() -> None:
    answer = burst(two_districts().network(), [5])
    assert {valve.node_id for valve in answer.valves_to_close} == {4}
    assert set(answer.isolated_segment_ids) == {5, 6}
    assert answer.dry_segment_ids == []
    assert answer.tiers is not None
    (district,) = answer.tiers.districts
    assert (district.holds_burst, district.is_out, district.lost_all_regulators) == (True, True, True)
    assert [(one.node_id, one.fate) for one in district.regulators] == [(4, "closed")]


def test_a_regulator_that_cannot_be_shut_widens_the_cut_upstream_only() -> None:
    answer = burst(two_districts().network(), [5], inaccessible=[4])
    assert {valve.node_id for valve in answer.valves_to_close} == {1}
    assert set(answer.isolated_segment_ids) == {1, 2, 3, 4, 5, 6}
    assert set(answer.dry_segment_ids) == {7, 8}


def test_a_closed_valve_between_districts_is_offered_to_feed_the_one_that_lost_its_regulator() -> None:
    works = two_districts()
    works.nodes[9], works.pipes[3] = ("valve", "open"), (9, 4, "medium_a")
    works.pipes.append((2, 9, "medium_a"))
    answer = burst(works.network(), [3])
    assert {valve.node_id for valve in answer.valves_to_close} == {9}
    (back,) = answer.back_feeds
    assert (back.valve.node_id, back.consumers, set(back.segment_ids)) == (8, 1, {5, 6})


def test_joined_tiers_and_unknown_pressures_are_told() -> None:
    works = two_districts()
    works.nodes[4] = ("", "")
    works.pipes[6] = (6, 8, "")
    codes = {one.code for one in burst(works.network(), [5]).warnings}
    assert {"tiers-joined", "tier-unknown"} <= codes
