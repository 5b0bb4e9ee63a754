"""The burst trace against an independent reference: plain networkx, remove and flood, on random networks."""

import numpy as np
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pipemap.network import Network, NodeKind
from pipemap.tracing.backfeed import regains_of
from pipemap.tracing.criticality import criticality_of
from pipemap.tracing.cuts import Assumed, Cut, cut_at
from pipemap.tracing.dependants import consumers_of
from pipemap.tracing.sites import site_of
from tests.unit.drained_city import City, Otherwise, Plan, Reference, cities, examples

SLOW = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}


def answered(
    city: City,
    network: Network,
    pipes: set[int],
    otherwise: Otherwise | None = None,
    at_nodes: frozenset[int] = frozenset(),
) -> Plan:
    place = {device: position for position, device in enumerate(city.devices)}

    def positions(devices: frozenset[object]) -> np.ndarray:
        return np.array(sorted(place[device] for device in devices), np.int64)

    otherwise = otherwise or Otherwise()
    assumed = Assumed(*map(positions, (otherwise.stuck, otherwise.freed, otherwise.opened)))
    cut = cut_at(site_of(network, sorted(pipes), sorted(at_nodes)), assumed)
    return Plan(
        close={city.devices[device] for device in cut.valves.tolist()},
        rely={city.devices[device] for device in cut.relied_on.tolist()},
        isolated=set(cut.isolated.tolist()),
        dry=set(cut.dry.tolist()),
        already_dry=set(cut.already_dry.tolist()),
        consumers=set(consumers_of(network, cut.zones).lost(cut)[0].tolist()),
        source_in_zone=source_in_zone(cut),
    )


def source_in_zone(cut: Cut) -> bool:
    ports = cut.zones.ports.of_zones(cut.isolated_zones)
    kind = cut.zones.ports.kind[cut.zones.ports.device[ports]]
    return bool(((kind == NodeKind.SOURCE) & cut.zones.ports.gives[ports]).any())


@settings(max_examples=examples(300), **SLOW)
@given(cities())
def test_every_burst_equals_the_reference(city: City) -> None:
    network, reference = city.network(), Reference(city)
    for pipe in range(len(city.pipes)):
        assert answered(city, network, {pipe}) == reference.plan({pipe})


@settings(max_examples=examples(100), **SLOW)
@given(cities(), st.data())
def test_several_bursts_at_once_equal_the_reference(city: City, data: st.DataObject) -> None:
    pipes = data.draw(
        st.sets(st.integers(0, len(city.pipes) - 1), min_size=2, max_size=4).map(set)
        if len(city.pipes) > 1
        else st.just({0})
    )
    assert answered(city, city.network(), pipes) == Reference(city).plan(pipes)


@settings(max_examples=examples(100), **SLOW)
@given(cities(), st.data())
def test_bursts_at_nodes_equal_the_reference(city: City, data: st.DataObject) -> None:
    on_pipes = sorted({node for start, end, _ in city.pipes for node in (start, end)})
    network, reference = city.network(), Reference(city)
    for node in on_pipes:
        at_nodes = frozenset({node, data.draw(st.sampled_from(on_pipes))})
        assert answered(city, network, set(), None, at_nodes) == reference.plan(set(), at_nodes)


@settings(max_examples=examples(120), **SLOW)
@given(cities(), st.data())
def test_what_a_question_assumes_of_valves_equals_the_reference(city: City, data: st.DataObject) -> None:
    some = st.frozensets(st.sampled_from(city.devices), max_size=3)
    stuck = data.draw(some)
    otherwise = Otherwise(stuck, data.draw(some) - stuck, data.draw(some))
    network, reference = city.network(), Reference(city, otherwise)
    for pipe in range(len(city.pipes)):
        assert answered(city, network, {pipe}, otherwise) == reference.plan({pipe})


@settings(max_examples=examples(100), **SLOW)
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


IMMOVABLE = ("inoperable", "inaccessible", "broken_open", "broken_closed")


# A consumer stands at a closed valve between what goes dry and what was dry: opening valve 4 brings water round.
ROUND_THE_BACK = City(
    nodes=[
        ("reservoir", "", ""),
        *[("valve", state, "operable") for state in ("open", "open", "closed", "closed")],
        ("reservoir", "", ""),
    ],
    pipes=[(node, node + 1, 0) for node in range(5)],
    consumers=[(3, 7)],
)


@settings(max_examples=examples(120), **SLOW)
@example(ROUND_THE_BACK)
@given(cities())
def test_back_feeds_are_what_opening_each_closed_valve_gives_back(city: City) -> None:
    network, reference = city.network(), Reference(city)
    for pipe in range(len(city.pipes)):
        plan = reference.plan({pipe})
        given_back = {}
        for device in reference.walls - {d for d in reference.walls if city.condition(d)[1] in IMMOVABLE}:
            opened = Reference(city, Otherwise(opened=frozenset({device}))).plan({pipe})
            # Someone at a valve of the rim may be fed through its other side, which need not have been dry.
            consumers = plan.consumers - opened.consumers - plan.at_the_rim
            back = (plan.dry - opened.dry, consumers, opened.close - plan.close)
            if back[0] or back[1]:
                given_back[device] = back
        cut = cut_at(site_of(network, [pipe]))
        lost = consumers_of(network, cut.zones).lost(cut)[0]
        regains = regains_of(network, cut, lost)
        ours = {
            city.devices[device]: (
                set(regain.segments.tolist()),
                set(regain.consumers.tolist()) - plan.at_the_rim,
                {city.devices[one] for one in regain.also_close.tolist()},
            )
            for regain in regains
            for device in regain.devices.tolist()
            if len(regain.segments) or set(regain.consumers.tolist()) - plan.at_the_rim
        }
        assert ours == given_back
        ranked = [(len(one.consumers), network.consumers.people[one.consumers].sum()) for one in regains]
        assert ranked == sorted(ranked, reverse=True)


@settings(max_examples=examples(150), **SLOW)
@given(cities())
def test_criticality_of_every_segment_is_what_its_burst_does(city: City) -> None:
    network, reference = city.network(), Reference(city)
    found = criticality_of(network, "water")
    people = [people for _, people in city.consumers]
    assert found.segments.tolist() == list(range(len(city.pipes)))
    for pipe in found.segments.tolist():
        plan = reference.plan({pipe})
        assert found.consumers[pipe] == len(plan.consumers)
        assert found.people[pipe] == sum(people[one] for one in plan.consumers)
        assert found.valves[pipe] == len(plan.close)
        assert found.length_m[pipe] == len(plan.isolated) + len(plan.dry)
