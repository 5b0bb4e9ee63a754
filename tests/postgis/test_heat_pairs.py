"""Supply and return of heat on the map: how pairs are found, and what a burst on one side does to both."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from pipemap.db import Connection, Database
from pipemap.network import load_network
from pipemap.tracing.asking import BurstQuestion, ask_burst
from pipemap.tracing.criticality import ranked_criticality
from pipemap.tracing.shutdowns import plan_shutdowns
from schemas.isolation import BurstAnswer
from schemas.shutdowns import PlannedCut
from tests.postgis.planting import plant, plant_version, wkt

X0, Y0 = 500_000.0, 2_500_000.0
# Supply: source 1, valve 2, joint 3, valve 4, station 5. Return: the same 10 further on, but without the valve 14.
SUPPLY, RETURN = (1, 2, 3, 4, 5), (11, 12, 13, 14, 15)


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.transaction() as opened:
        plant_version(opened, 1)
        yield opened


def side(connection: Connection, nodes: tuple[int, ...], y: float, circuit: str | None, **special: Any) -> None:
    valve = {"appurtenance_code": "valve", "valve_state_code": "open", "operability_code": "operable"}
    of_node: dict[int, dict[str, Any]] = {
        0: {"appurtenance_code": "heat_source"},
        1: valve,
        3: valve if nodes is SUPPLY else {},
        4: {"appurtenance_code": "heat_station", "name": "一号换热站"},
    }
    for place, number in enumerate(nodes):
        at = f"POINT({X0 + 30 * place} {Y0 + y})"
        plant(connection, "node", number, at, class_code="heat", **of_node.get(place, {}))
    for place in range(4):
        line = [(X0 + 30 * place, Y0 + y, 5.0), (X0 + 30 * place + 30, Y0 + y, 5.0)]
        ends = {"from_node_id": nodes[place], "to_node_id": nodes[place + 1]}
        number = 100 + nodes[place]
        plant(connection, "pipe_segment", number, wkt(line), class_code="heat", circuit=circuit, **ends, **special)


def ask(connection: Connection, *segment_ids: int) -> BurstAnswer:
    return ask_burst(connection, load_network(connection), BurstQuestion(segment_ids=segment_ids))


def codes(answer: BurstAnswer) -> set[str]:
    return {one.code for one in answer.warnings}


def test_a_burst_on_supply_closes_both_sides_and_takes_out_who_hangs_on_either(connection: Connection) -> None:
    side(connection, SUPPLY, 0, "供水")
    side(connection, RETURN, 0.5, "回水")
    for number, node in ((1001, 5), (1002, 15)):
        plant(connection, "consumer", number, f"POINT({X0 + 120} {Y0})", class_code="heat", node_id=node,
              kind_code="household")  # fmt: skip
    answer = ask(connection, 103)
    assert answer.pair is not None
    assert (answer.pair.side, [(one.partner_id, one.method) for one in answer.pair.partners]) == (
        "supply", [(113, "circuit")],
    )  # fmt: skip
    assert {valve.node_id for valve in answer.valves_to_close} == {2, 12}
    assert set(answer.isolated_segment_ids) == {102, 103, 112, 113, 114}
    assert answer.consumer_ids == [1001, 1002]
    assert {one.node_id for one in answer.pair.stations_lost} == {5, 15}
    assert [place.segment_id for place in answer.burst] == [103]
    assert not {"pair-unknown", "pair-by-geometry", "side-assumed"} & codes(answer)


def test_a_consumer_whose_own_side_is_fed_is_out_when_the_other_side_is(connection: Connection) -> None:
    side(connection, SUPPLY, 0, "供水")
    side(connection, RETURN, 0.5, "回水")
    plant(connection, "node", 6, f"POINT({X0 + 60} {Y0 - 9})", class_code="heat")
    line = wkt([(X0 + 60, Y0, 5.0), (X0 + 60, Y0 - 9, 5.0)])
    plant(connection, "pipe_segment", 106, line, class_code="heat", circuit="供水", from_node_id=3, to_node_id=6)
    plant(connection, "consumer", 1001, f"POINT({X0 + 120} {Y0})", class_code="heat", node_id=3, kind_code="household")
    answer = ask(connection, 114)
    assert answer.pair is not None
    # Supply 104 is its pair: only valve 4 closes there, while return loses everything up to valve 12.
    assert {valve.node_id for valve in answer.valves_to_close} == {4, 12}
    assert {112, 113, 114, 104} == set(answer.isolated_segment_ids)
    assert answer.pair.consumer_ids_by_other_side == []
    plant(connection, "consumer", 1002, f"POINT({X0 + 90} {Y0})", class_code="heat", node_id=2, kind_code="household")
    assert ask(connection, 114).consumer_ids == []


def test_sides_that_nothing_names_are_paired_by_geometry_and_said_to_be(connection: Connection) -> None:
    side(connection, SUPPLY, 0, None)
    side(connection, RETURN, 0.5, None)
    answer = ask(connection, 103)
    assert answer.pair is not None
    assert (answer.pair.side, [(one.partner_id, one.method) for one in answer.pair.partners]) == (
        "unknown", [(113, "geometry")],
    )  # fmt: skip
    assert "pair-by-geometry" in codes(answer)


def test_one_named_side_makes_the_other_and_says_so(connection: Connection) -> None:
    side(connection, SUPPLY, 0, None)
    side(connection, RETURN, 0.5, "return")
    answer = ask(connection, 103)
    assert answer.pair is not None
    assert (answer.pair.side, answer.pair.partners[0].method) == ("supply", "circuit")
    assert "side-assumed" in codes(answer)


def test_far_sides_are_paired_at_stations_of_one_name_and_the_rest_is_told(connection: Connection) -> None:
    side(connection, SUPPLY, 0, "供水")
    side(connection, RETURN, 40, "回水")
    at_station, before = ask(connection, 104), ask(connection, 103)
    assert at_station.pair is not None
    assert before.pair is not None
    assert [(one.partner_id, one.method) for one in at_station.pair.partners] == [(114, "consumer")]
    assert before.pair.partners == []
    assert before.pair.unpaired_segment_ids == [103]
    assert "pair-unknown" in codes(before)


def test_sides_far_apart_are_paired_by_the_name_of_their_circuit(connection: Connection) -> None:
    for nodes, y, circuit in ((SUPPLY, 0, "supply_7"), (RETURN, 40, "return_7")):
        side(connection, nodes, y, None)
        connection.execute(
            "UPDATE pipemap.pipe_segment SET circuit = %s WHERE feature_id = %s", [circuit, 100 + nodes[1]]
        )
    answer = ask(connection, 102)
    assert answer.pair is not None
    assert [(one.partner_id, one.method) for one in answer.pair.partners] == [(112, "circuit")]


def test_a_planned_cut_and_the_criticality_of_heat_say_what_a_burst_there_does(connection: Connection) -> None:
    side(connection, SUPPLY, 0, "供水")
    side(connection, RETURN, 0.5, "回水")
    for number, node in ((1001, 5), (1002, 13)):
        plant(connection, "consumer", number, f"POINT({X0 + 120} {Y0})", class_code="heat", node_id=node,
              kind_code="household")  # fmt: skip
    network = load_network(connection)
    ranked = ranked_criticality(connection, network, "heat")
    assert ranked.segment_ids == network.segments.id.tolist()
    begins, ends = datetime(2026, 8, 3, 22), datetime(2026, 8, 4, 5)
    for place, segment in enumerate(ranked.segment_ids):
        burst = ask(connection, segment)
        assert ranked.consumers[place] == burst.consumers.count
        assert burst.pair is not None and ranked.stations[place] == len(burst.pair.stations_lost) == 2
        assert ranked.length_m[place] == pytest.approx(burst.isolated_length_m + burst.dry_length_m, abs=0.01)
        planned = PlannedCut(name="weld", starts_at=begins, ends_at=ends, segment_ids=[segment], class_codes=["heat"])
        (interval,) = plan_shutdowns(connection, network, [planned]).intervals
        assert interval.plan.isolated_segment_ids == burst.isolated_segment_ids
        assert interval.plan.consumer_ids == burst.consumer_ids
        assert {one.node_id for one in interval.plan.valves_to_close} == {one.node_id for one in burst.valves_to_close}
        assert interval.only_together.consumer_ids == []
    assert len(burst.isolated_segment_ids) > 1
