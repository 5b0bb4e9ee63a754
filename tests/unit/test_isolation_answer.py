"""What a burst answer holds beside the cut, each against a plain search: hydrants, order, alternatives, volume."""

from dataclasses import replace

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipemap.network.boxes import BoxTree, nearest
from pipemap.tracing.alternatives import MOST_ALTERNATIVES, alternatives_of
from pipemap.tracing.columns import network_from_arrays
from pipemap.tracing.cuts import cut_at
from pipemap.tracing.dependants import Unlinked
from pipemap.tracing.drainage import Held, drained_columns, held_in
from pipemap.tracing.fallbacks import fallbacks_of
from pipemap.tracing.isolation import burst
from pipemap.tracing.sites import site_of
from pipemap.tracing.walking import walk_to
from pipemap.tracing.zones import zones_of
from tests.unit.drained_city import VALVES, City, Otherwise, Reference, cities, examples
from tests.unit.test_isolation_reference import SLOW

coordinates = st.floats(-500, 500, allow_nan=False, width=32)


@st.composite
def placed_cities(draw: st.DrawFn) -> City:
    """Cities with hydrants all over, a place for every node and no two pipes of one length."""
    city = draw(cities())
    places = draw(st.lists(st.tuples(coordinates, coordinates), min_size=len(city.nodes), max_size=len(city.nodes)))
    random = np.random.default_rng(draw(st.integers(0, 999)))
    nodes = [node if node[0] else ("hydrant", *node[1:]) for node in city.nodes]
    return replace(city, nodes=nodes, places=places, lengths=random.uniform(1, 99, len(city.pipes)).tolist())


@settings(max_examples=examples(100), **SLOW)
@given(placed_cities())
def test_the_nearest_hydrants_still_fed_are_those_of_a_plain_search(city: City) -> None:
    network, reference = city.network(), Reference(city)
    place = np.array(city.places)
    for pipe, (start, end, _) in enumerate(city.pipes):
        plan, answer = reference.plan({pipe}), burst(network, [pipe])
        left = [node for node in sorted(plan.fed_nodes) if city.nodes[node][0] == "hydrant"]
        away = sorted(np.hypot(*(place[left] - (place[start] + place[end]) / 2).T)) if left else []
        assert [one.distance_m for one in answer.nearest_hydrants] == pytest.approx(away[:3])
        for lost in answer.hydrants_lost:
            assert lost.node_id not in left
            nearest = min(np.hypot(*(place[left] - place[lost.node_id]).T), default=None)
            assert (lost.nearest_fed and lost.nearest_fed.distance_m) == (nearest and pytest.approx(nearest))


@settings(max_examples=examples(30), **SLOW)
@given(st.integers(0, 700), st.integers(0, 4), st.integers(0, 999))
def test_the_nearest_of_many_boxes_are_those_of_a_plain_search(count: int, wanted: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    low = random.integers(0, 40, (count, 2)).astype(float)
    boxes = np.hstack([low, low + random.integers(0, 3, (count, 2))])
    tree, place = BoxTree.of(boxes), random.uniform(-5, 45, 2)
    but = np.sort(random.choice(count, count // 3, replace=False)) if count else np.zeros(0, np.int64)
    gaps = np.maximum(np.maximum(boxes[:, :2] - place, place - boxes[:, 2:]), 0)
    away = sorted((float(np.hypot(*gap)), one) for one, gap in enumerate(gaps) if one not in but)[:wanted]
    found, away_m = nearest(*tree.columns, (place[0], place[1]), wanted, but)
    assert found[: len(away)].tolist() == [one for _, one in away]
    assert away_m[: len(away)] == pytest.approx([far for far, _ in away])
    assert (found[len(away) :] == -1).all() and np.isinf(away_m[len(away) :]).all()


@settings(max_examples=examples(100), **SLOW)
@given(placed_cities())
def test_valves_come_in_the_order_of_a_walk_to_the_next_nearest(city: City) -> None:
    network = city.network()
    for pipe, (start, end, _) in enumerate(city.pipes):
        site = site_of(network, [pipe])
        cut = cut_at(site)
        graph = nx.Graph([("burst", start, {"weight": city.lengths[pipe] / 2})])
        graph.add_edge("burst", end, weight=city.lengths[pipe] / 2)
        for one in cut.isolated.tolist():
            a, b, _ = city.pipes[one]
            shorter = min(city.lengths[one], graph.edges[a, b]["weight"] if graph.has_edge(a, b) else np.inf)
            graph.add_edge(a, b, weight=shorter)
        walk = walk_to(network, site, cut, cut.valves)
        left = {device: network.device_node(device) for device in cut.valves.tolist()}
        here: object = "burst"
        for device, step in zip(walk.devices.tolist(), walk.walk_m, strict=True):
            ways = nx.single_source_dijkstra_path_length(graph, here)
            assert step == pytest.approx(min(ways[node] for node in left.values()), abs=0.01)
            assert ways[left[device]] == pytest.approx(step, abs=0.01)
            here = left.pop(device)


@settings(max_examples=examples(100), **SLOW)
@given(cities())
def test_plans_for_doubtful_valves_are_those_of_the_reference(city: City) -> None:
    network = city.network()
    for pipe in range(len(city.pipes)):
        cut = cut_at(site_of(network, [pipe]))
        found, left_out = alternatives_of(network, cut, cut.valves)
        failing = [one for one in found if one.outcome == "fails"]
        for one in found:
            devices = frozenset(city.devices[device] for device in one.devices.tolist())
            otherwise = Otherwise(stuck=devices) if one.outcome == "fails" else Otherwise(freed=devices)
            plan = Reference(city, otherwise).plan({pipe})
            assert {city.devices[device] for device in one.cut.valves.tolist()} == plan.close
            assert set(one.cut.isolated.tolist()) == plan.isolated
            assert set(one.cut.dry.tolist()) == plan.dry
        doubtful = [d for d in cut.valves.tolist() if city.condition(city.devices[d])[0] in ("unknown", "")]
        alone = [one.devices[0] for one in failing if len(one.devices) == 1]
        assert alone == doubtful[:MOST_ALTERNATIVES]
        assert left_out >= len(doubtful) - len(alone)


@settings(max_examples=examples(60), **SLOW)
@given(cities())
def test_what_to_do_where_a_valve_cannot_be_closed_is_the_plan_of_the_reference_without_it(city: City) -> None:
    network, reference = city.network(), Reference(city)
    for pipe in range(len(city.pipes)):
        site = site_of(network, [pipe])
        cut, planned = cut_at(site), reference.plan({pipe}).close
        found = fallbacks_of(network, site, cut)
        walk = walk_to(network, site, cut, cut.valves)
        for one, device in zip(found, walk.devices.tolist(), strict=False):
            plan = Reference(city, Otherwise(stuck=frozenset({city.devices[device]}))).plan({pipe})
            assert len(one["close"]) == len(plan.close - planned)
            assert {valve["source_key"] for valve in one["close"]} == {
                network.device_key(city.devices.index(other)) for other in plan.close - planned
            }
            assert one["consumers"] == len(plan.consumers)
            assert one["isolated_length_m"] == pytest.approx(network.segments.length_m[sorted(plan.isolated)].sum())
        assert len(found) == min(len(cut.valves), 12)


@settings(max_examples=examples(60), **SLOW)
@given(cities())
def test_a_stuck_valve_has_a_plan_for_when_it_holds_unless_that_changes_nothing(city: City) -> None:
    network, reference = city.network(), Reference(city)
    for pipe in range(len(city.pipes)):
        plan = reference.plan({pipe})
        cut = cut_at(site_of(network, [pipe]))
        found, left_out = alternatives_of(network, cut, cut.valves)
        freed = {city.devices[one.devices[0]] for one in found if one.outcome == "holds" and len(one.devices) == 1}
        for device in city.devices:
            is_valve = isinstance(device, tuple) or city.nodes[device][0] in VALVES
            state, operability = city.condition(device)
            if is_valve and state != "closed" and operability in ("inoperable", "inaccessible") and not left_out:
                narrower = Reference(city, Otherwise(freed=frozenset({device}))).plan({pipe})
                assert (device in freed) or narrower.isolated == plan.isolated


def test_a_valve_is_told_with_the_width_of_its_widest_pipe_in_service() -> None:
    network = network_from_arrays(
        {
            "id": [1, 2, 3, 4],
            "appurtenance": ["waterworks", "valve", "", "valve"],
            "state": ["", "open", "", "open"],
            "operability": ["", "operable", "", "operable"],
        },
        {
            "id": range(4),
            "from_id": [1, 2, 3, 1],
            "to_id": [2, 3, 4, 4],
            "width_mm": [300.0, 200.0, np.nan, np.nan],
        },
    )
    widths = {valve.node_id: valve.width_mm for valve in burst(network, [1]).valves_to_close}
    assert widths == {2: 300.0, 4: None}


def test_a_valve_beside_its_node_is_named_by_segment_and_node_and_its_state_told() -> None:
    nodes = {"id": [10, 20, 30], "appurtenance": ["waterworks", "", ""], "x_m": [0, 3, np.nan], "y_m": [0, 4, np.nan]}
    network = network_from_arrays(nodes, {"id": [1, 2], "from_id": [10, 20], "to_id": [20, 30]})
    layered = network.with_valves([(1, 20), (2, 30)], ["unknown", "open"], ["operable", "operable"])
    valve = burst(layered, [2]).valves_to_close[0]
    assert (valve.segment_id, valve.node_id, valve.source_key) == (1, 20, "1@20")
    assert (valve.state_code, valve.operability_code, valve.x_m, valve.y_m) == ("unknown", "operable", 3.0, 4.0)
    # The middle of pipe 2 is nowhere, as its far end is.
    assert (valve.distance_m, valve.address) == (None, None)
    assert [one.code for one in valve.notes] == ["state-unknown", "no-address"]


def test_the_volume_to_drain_follows_the_clear_section_and_tells_what_is_unknown() -> None:
    network = network_from_arrays(
        {"id": [1, 2, 3], "appurtenance": ["", "drain_valve", ""]},
        {
            "id": range(5),
            "from_id": [1, 1, 1, 1, 2],
            "to_id": [2, 2, 2, 2, 3],
            "length_m": [100.0] * 5,
            "shape_code": ["circle", "rect", "egg", "circle", "circle"],
            "bore_width_mm": [200, 1000, 1000, np.nan, 100],
            "bore_height_mm": [200, 500, 1500, np.nan, 100],
        },
    )
    pipes = network.segments
    columns = (drained_columns(network), pipes.from_node, pipes.to_node, pipes.length_m)
    drained = Held(*held_in(*columns, np.arange(4)))
    # An egg of 2:3 made of its four arcs: radii 1/2 (top), 3/2 (sides) and 1/4 (invert) of the width.
    assert drained.volume_m3 == pytest.approx(100 * (np.pi * 0.1**2 + 0.5 + egg_area()), rel=1e-3)
    assert (drained.unknown_length_m, drained.assumed_m3) == (100, 0)
    assert network.nodes.id[drained.outlets].tolist() == [2]


def egg_area() -> float:
    """Area of a standard egg one wide and one and a half high, by its width at every height."""
    height = np.linspace(0, 1.5, 200_001)
    # Invert arc about (0, 1/4), side arcs about (-+1, 1) with radius 3/2, crown arc about (0, 1).
    invert = np.sqrt(np.clip(0.25**2 - (height - 0.25) ** 2, 0, None))
    side = np.sqrt(np.clip(1.5**2 - (height - 1.0) ** 2, 0, None)) - 1.0
    crown = np.sqrt(np.clip(0.5**2 - (height - 1.0) ** 2, 0, None))
    half = np.where(height < 0.2, invert, np.where(height < 1.0, side, crown))
    return float(np.trapezoid(2 * half, height))


def test_a_tank_whose_filling_is_cut_off_and_a_pump_at_the_cut_are_told() -> None:
    # reservoir - v - a - pump - b - tank - c: the main from the works to the tank bursts.
    nodes = ["reservoir", "valve", "", "pump_station", "", "tank", ""]
    network = network_from_arrays(
        {"id": range(7), "appurtenance": nodes, "state": ["", "open", "", "", "", "", ""]},
        {"id": range(6), "from_id": range(6), "to_id": range(1, 7), "flow": [1] * 6},
    )
    answer = burst(network, [3])
    assert [tank.node_id for tank in answer.sources_not_refilled] == [5]
    assert [pump.node_id for pump in answer.pumps_to_stop] == [3]
    assert 5 not in answer.isolated_segment_ids and 5 not in answer.dry_segment_ids


@settings(max_examples=examples(60), **SLOW)
@given(placed_cities(), st.lists(st.tuples(coordinates, coordinates), max_size=20), st.booleans())
def test_consumers_without_a_connection_are_counted_where_they_lie_near(
    city: City, homes: list[tuple[float, float]], is_many: bool
) -> None:
    network = city.network()
    home = np.array(homes).reshape(-1, 2)
    count = len(home)
    consumers = replace(
        network.consumers,
        id=np.arange(count), node=np.full(count, -1), x_m=home[:, 0], y_m=home[:, 1], class_=np.zeros(count, np.int8),
    )  # fmt: skip
    places = np.tile(np.array(city.places), (100 if is_many else 1, 1))
    unlinked = Unlinked(replace(network, consumers=consumers), zones_of(network, "water"))
    apart = np.hypot(home[:, 0, None] - places[:, 0], home[:, 1, None] - places[:, 1])
    assert unlinked.near(places, 50.0) == int((apart <= 50.0).any(axis=1).sum())
