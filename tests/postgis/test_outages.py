"""Cut cables, ducts and tunnels on the map: circuits, who hangs on them, the switches, and what nobody knows."""

from collections.abc import Iterator
from typing import Any

import pytest

from pipemap.db import Connection, Database
from pipemap.errors import UsageError
from pipemap.network import load_network
from pipemap.tracing.drawing import with_features
from pipemap.tracing.outages import ask_outage, drawn_roles
from pipemap.tracing.starts import Start
from schemas.outages import OutageAnswer
from tests.postgis.planting import plant, plant_version, wkt

X0, Y0 = 500_000.0, 2_500_000.0
# Substation 1, switch 2, wells 3 and 4, transformer 5; a second way from switch 6 (open) to the substation 7.
PLACES = {1: 0, 2: 20, 3: 40, 4: 60, 5: 80, 6: 100, 7: 120}
TUNNEL, DUCT = 900, 901


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.transaction() as opened:
        plant_version(opened, 1)
        kinds: dict[int, dict[str, Any]] = {
            1: {"appurtenance_code": "substation", "name": "东变电站"},
            2: {"appurtenance_code": "switch_cabinet", "valve_state_code": "closed", "operability_code": "operable"},
            5: {"appurtenance_code": "transformer", "name": "五号变"},
            6: {"appurtenance_code": "switch_cabinet", "valve_state_code": "open", "operability_code": "operable"},
            7: {"appurtenance_code": "substation", "name": "西变电站"},
        }
        for number, x in PLACES.items():
            plant(opened, "node", number, f"POINT({X0 + x} {Y0})", class_code="power", **kinds.get(number, {}))
        yield opened


def cable(connection: Connection, number: int, a: int, b: int, **attributes: Any) -> int:
    line = wkt([(X0 + PLACES[a], Y0, 5.0), (X0 + PLACES[b], Y0, 5.0)])
    ends = {"from_node_id": a, "to_node_id": b, "class_code": "power"}
    return plant(connection, "pipe_segment", number, line, **(ends | attributes))


def feeder(connection: Connection, first: int, circuit: str | None, **attributes: Any) -> None:
    """A cable from the eastern substation to the western one, in six pieces."""
    for a in range(1, 7):
        cable(connection, first + a, a, a + 1, circuit=circuit, **attributes)


def customer(connection: Connection, number: int, node: int, **attributes: Any) -> None:
    plant(connection, "consumer", number, f"POINT({X0} {Y0})", node_id=node,
          **({"class_code": "power", "kind_code": "household", "people": 10} | attributes))  # fmt: skip


def ask(connection: Connection, *segment_ids: int, nodes: tuple[int, ...] = ()) -> OutageAnswer:
    return ask_outage(connection, load_network(connection), Start(segment_ids, nodes))


def codes(answer: OutageAnswer) -> dict[str, int]:
    return {one.code: one.count for one in answer.assumptions}


def test_a_power_circuit_trips_up_to_its_closed_switch_and_the_open_one_gives_supply_back(
    connection: Connection,
) -> None:
    feeder(connection, 100, "F1")
    customer(connection, 1001, 5, kind_code="hospital", name="人民医院", is_critical=True, people=300)
    answer = ask(connection, 103)
    (circuit,) = answer.circuits
    assert (circuit.circuit, circuit.basis, circuit.is_source_known) == ("F1", "circuit", True)
    assert circuit.isolated_segment_ids == [102, 103, 104, 105]
    assert [one.node_id for one in circuit.switches_to_open] == [2]
    assert [one.name for one in circuit.sources] == ["东变电站", "西变电站"]
    assert (circuit.consumers.count, circuit.consumers.people) == (1, 300)
    assert [one.name for one in circuit.consumers.critical] == ["人民医院"]
    assert [one.name for one in circuit.points_lost] == ["五号变"]
    assert answer.consumer_ids_out == [1001]
    assert [(one.code, one.node.node_id) for one in answer.stopped_at] == [("switch", 2)]


def test_beyond_an_open_switch_nothing_is_lost_and_closing_it_serves_what_is_dry(connection: Connection) -> None:
    feeder(connection, 100, "F1")
    connection.execute(
        "UPDATE pipemap.node SET appurtenance_code = 'switch_cabinet', valve_state_code = 'closed' WHERE feature_id = 4"
    )
    (circuit,) = ask(connection, 102).circuits
    assert circuit.isolated_segment_ids == [102, 103]
    assert circuit.dry_segment_ids == [104, 105]
    assert [one.node_id for one in circuit.switches_to_open] == [2]
    assert [one.node_id for one in circuit.switches_to_close] == [6]


def test_a_cut_tunnel_takes_down_every_circuit_inside_at_any_depth_and_names_the_pipes(connection: Connection) -> None:
    cable(connection, TUNNEL, 3, 4, class_code="utility_tunnel")
    cable(connection, DUCT, 3, 4, hole_count=6, container_id=TUNNEL)
    feeder(connection, 100, "F1")
    feeder(connection, 200, "F2")
    feeder(connection, 300, "F3")
    for number, container in ((103, DUCT), (203, TUNNEL)):
        connection.execute(
            "UPDATE pipemap.pipe_segment SET container_id = %s WHERE feature_id = %s", [container, number]
        )
    cable(connection, 950, 3, 4, class_code="water", container_id=TUNNEL, owner="供水公司")
    customer(connection, 1001, 5)
    answer = ask(connection, TUNNEL)
    assert {one.circuit for one in answer.circuits} == {"F1", "F2"}
    assert {one.segment_id for one in answer.hit} == {TUNNEL, DUCT, 103, 203}
    assert [(one.segment_id, one.owner) for one in answer.other_utilities] == [(950, "供水公司")]
    assert codes(answer) == {"pipes-inside": 1}
    # F3 runs in no duct that was cut and serves the same node.
    assert (answer.consumer_ids_out, answer.consumer_ids_with_another_circuit) == ([], [1001])
    drawn = with_features(connection, load_network(connection), answer, drawn_roles(answer)).geojson
    assert drawn is not None
    roles = {one["id"]: one["properties"]["role"] for one in drawn["features"]}
    assert {roles[one] for one in (TUNNEL, DUCT, 103, 203, 950)} == {"cut"}
    assert (roles[102], roles[2], roles[5]) == ("isolated", "switch", "lost")


def test_one_duct_line_may_carry_several_circuits(connection: Connection) -> None:
    cable(connection, 101, 1, 3, circuit="F1；F2")
    cable(connection, 102, 3, 4, circuit="F1")
    cable(connection, 103, 3, 5, circuit="F2、F3")
    assert {one.circuit for one in ask(connection, 101).circuits} == {"F1", "F2"}
    assert {one.circuit for one in ask(connection, 103).circuits} == {"F2", "F3"}
    by_name = {one.circuit: one for one in ask(connection, 103).circuits}
    assert (by_name["F2"].is_source_known, by_name["F3"].is_source_known) == (True, False)


def test_a_telecom_circuit_loses_only_what_lies_beyond_the_cut(connection: Connection) -> None:
    connection.execute("UPDATE pipemap.node SET appurtenance_code = 'telecom_office' WHERE feature_id = 1")
    connection.execute("UPDATE pipemap.node SET appurtenance_code = NULL WHERE feature_id IN (2, 5, 6, 7)")
    feeder(connection, 100, "G1", class_code="telecom")
    customer(connection, 1001, 3, class_code="telecom")
    customer(connection, 1002, 5, class_code="telecom")
    answer = ask(connection, 103)
    (circuit,) = answer.circuits
    assert (circuit.isolated_segment_ids, circuit.dry_segment_ids) == ([103], [104, 105, 106])
    assert circuit.consumer_ids == [1002]


def test_without_circuits_plain_connectivity_stands_in_and_says_so(connection: Connection) -> None:
    for number, a, b in ((101, 1, 2), (102, 2, 3), (103, 3, 4), (104, 4, 5)):
        cable(connection, number, a, b, hole_count=6, cable_count=3)
    (circuit,) = (answer := ask(connection, 103)).circuits
    assert (circuit.circuit, circuit.basis) == (None, "connectivity")
    assert (circuit.isolated_segment_ids, circuit.dry_segment_ids) == ([103], [104])
    assert [one.node_id for one in circuit.points_lost] == [5]
    assert codes(answer) == {"no-circuit": 1, "cables-not-drawn": 3}


def test_a_lost_cabinet_cuts_every_cable_that_meets_there(connection: Connection) -> None:
    feeder(connection, 100, "F1")
    cable(connection, 201, 4, 5, circuit="F2")
    answer = ask(connection, nodes=(4,))
    assert {one.segment_id for one in answer.hit} == {103, 104, 201}
    assert {one.circuit for one in answer.circuits} == {"F1", "F2"}


def test_a_water_main_is_no_cable(connection: Connection) -> None:
    cable(connection, 101, 1, 2, class_code="water")
    with pytest.raises(UsageError, match="burst"):
        ask(connection, 101)
