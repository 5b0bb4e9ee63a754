"""Heat: supply and return taken out together, against the independent reference, and how sides are read."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipemap.network import Network
from pipemap.tracing.criticality import criticality_of
from pipemap.tracing.cuts import Assumed
from pipemap.tracing.isolation import outcome_words
from pipemap.tracing.outcomes import outcome_of
from pipemap.tracing.pairing import Pairing, side_in
from pipemap.tracing.pairs import joint_cut
from pipemap.tracing.sites import site_of
from schemas.codetables import code_table
from schemas.isolation import BurstAnswer
from tests.unit.drained_city import City, Reference, cities, examples

HEAT = list(code_table("utility_class")).index("heat")


@dataclass
class HeatCity(City):
    """The same with heat in it, and pairs of pipes."""

    pairs: set[tuple[int, int]] = field(default_factory=set)

    def network(self) -> Network:
        nodes = [("heat_source" if node[0] in ("tank", "reservoir") else node[0], *node[1:]) for node in self.nodes]
        made = City(nodes, self.pipes, self.layer, self.consumers).network()
        heat = np.full(len(self.pipes), HEAT, np.int8)
        served = np.full(len(self.consumers), HEAT, np.int8)
        return replace(
            made, segments=replace(made.segments, class_=heat), consumers=replace(made.consumers, class_=served)
        )

    def pairing(self) -> Pairing:
        both = sorted({pair for a, b in self.pairs for pair in ((a, b), (b, a))})
        bounds = [sum(one < pipe for one, _ in both) for pipe in range(len(self.pipes) + 1)]
        partners = np.array([other for _, other in both], np.int64)
        sides = np.zeros(len(self.pipes), np.int8)
        return Pairing(np.array(bounds), partners, np.zeros(len(partners), np.int8), sides, False)

    def partners(self, pipe: int) -> set[int]:
        return {b if a == pipe else a for a, b in self.pairs if pipe in (a, b)}


@st.composite
def heat_cities(draw: st.DrawFn) -> HeatCity:
    city = draw(cities())
    pipe = st.integers(0, len(city.pipes) - 1)
    drawn = draw(st.sets(st.tuples(pipe, pipe), max_size=12))
    # Of every third nobody knows how many people it serves.
    served = [(node, people if people % 3 else -1) for node, people in city.consumers]
    return HeatCity(city.nodes, city.pipes, city.layer, served, pairs={(a, b) for a, b in drawn if a < b})


def out_by_the_other_side(city: HeatCity, lost: set[int], consumers: set[int]) -> set[int]:
    whole = {pipe for pipe in range(len(city.pipes)) if not city.partners(pipe) or city.partners(pipe) - lost}
    half_out = set(range(len(city.pipes))) - whole - lost
    out = set()
    for number, (node, _) in enumerate(city.consumers):
        beside = {pipe for pipe, (a, b, _) in enumerate(city.pipes) if node in (a, b)}
        if number not in consumers and beside & half_out and beside <= half_out | lost:
            out.add(number)
    return out


@settings(max_examples=examples(50), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(heat_cities())
def test_a_burst_takes_out_both_sides_and_whoever_needs_either(city: HeatCity) -> None:
    network, reference, pairing = city.network(), Reference(city), city.pairing()
    for pipe in range(len(city.pipes)):
        site = site_of(network, [pipe])
        cut = joint_cut(site, pairing, network, Assumed())
        answer = BurstAnswer.model_validate(outcome_words(network, outcome_of(network, site, cut, pairing)))
        plan = reference.plan({pipe} | city.partners(pipe))
        extra = out_by_the_other_side(city, plan.isolated | plan.dry, plan.consumers)
        assert answer.pair is not None
        assert set(cut.isolated.tolist()) == plan.isolated
        assert set(answer.dry_segment_ids) == plan.dry
        assert {city.devices[device] for device in cut.valves.tolist()} == plan.close
        assert set(answer.consumer_ids) == plan.consumers | extra
        assert set(answer.pair.consumer_ids_by_other_side) == extra
        assert answer.consumers.count == len(answer.consumer_ids)
        assert {one.partner_id for one in answer.pair.partners} == city.partners(pipe)
        is_uncounted = network.consumers.people[answer.consumer_ids] < 0
        assert ("people-unknown" in {one.code for one in answer.warnings}) == is_uncounted.any()
        for other in (one.plan for one in answer.alternatives):
            lost = {*other.isolated_segment_ids, *other.dry_segment_ids}
            assert not out_by_the_other_side(city, lost, set(other.consumer_ids))
            assert other.consumers.count == len(other.consumer_ids)


@settings(max_examples=examples(50), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(heat_cities())
def test_criticality_of_heat_counts_what_the_burst_of_both_sides_does(city: HeatCity) -> None:
    network, reference, pairing = city.network(), Reference(city), city.pairing()
    critical = criticality_of(network, "heat", pairing)
    assert critical.segments.tolist() == list(range(len(city.pipes)))
    for pipe in range(len(city.pipes)):
        plan = reference.plan({pipe} | city.partners(pipe))
        lost = plan.isolated | plan.dry
        out = sorted(plan.consumers | out_by_the_other_side(city, lost, plan.consumers))
        known = network.consumers.people[out]
        assert critical.consumers[pipe] == len(out)
        assert critical.people[pipe] == known[known > 0].sum()
        assert critical.critical[pipe] == network.consumers.is_critical[out].sum()
        assert critical.valves[pipe] == len(plan.close)
        assert critical.length_m[pipe] == pytest.approx(network.segments.length_m[sorted(lost)].sum())


@pytest.mark.parametrize(
    ("circuit", "side"),
    [
        ("供水", 1), ("一次网供水", 1), ("supply_12", 1), ("VL 3", 1), ("Vorlauf", 1),
        ("回水", -1), ("一次网回水", -1), ("return_pipe_K1_K2", -1), ("RL 3", -1), ("Rücklauf", -1),
        ("供回水", 0), ("pipe_K1_K2", 0), ("", 0),
    ],
)  # fmt: skip
def test_the_side_is_read_from_the_words_people_use(circuit: str, side: int) -> None:
    assert side_in(circuit) == side
