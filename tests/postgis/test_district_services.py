"""What the sample district's cables and heat lines answer, held to its own booking by plain searches."""

from collections.abc import Iterator

import networkx as nx
import pytest

from pipemap.db import Database, fetch_all
from pipemap.network import Network, load_network
from pipemap.tracing.asking import BurstQuestion, ask_burst
from pipemap.tracing.leaks import ask_leak
from pipemap.tracing.outages import ask_outage
from pipemap.tracing.starts import Start
from pipemap.versions import find_feature
from sample_data import model
from sample_data.cables import build_cables
from sample_data.demo import load_district
from sample_data.district import write_district
from schemas.outages import OutageAnswer
from tests.conftest import Clone


@pytest.fixture(scope="module")
def city(clone: Clone, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    district = write_district(tmp_path_factory.mktemp("deliveries"))
    with Database(clone(template, "services")) as database:
        load_district(database, district, lambda _: None)
        yield database


@pytest.fixture(scope="module")
def network(city: Database) -> Network:
    with city.transaction(read_only=True) as connection:
        return load_network(connection)


@pytest.fixture(scope="module")
def cables() -> model.Network:
    return build_cables()


def _outage(city: Database, network: Network, key: str) -> OutageAnswer:
    with city.transaction(read_only=True) as connection:
        return ask_outage(connection, network, Start([find_feature(connection, key, "cables")]))


def _circuits(line: model.Line) -> set[str]:
    return set(filter(None, line.fields.get("circuit", "").split("；")))


def _without(cables: model.Network, circuit: str, cut: str) -> set[str]:
    """Named stations of a power circuit that are dark once its switches have parted the cut."""
    points = cables.points
    of_circuit = [line for line in cables.lines if circuit in _circuits(line)]
    graph = nx.Graph()
    for line in of_circuit:
        # A switch parts the lines that meet at it, so each line has an end of its own there.
        ends = [(end, line.key if points[end].appurtenance == "控制柜" else "") for end in (line.start, line.end)]
        graph.add_edge(*ends, key=line.key)
    burst = next(a for a, _, key in graph.edges(data="key") if key == cut)
    isolated = nx.node_connected_component(graph, burst)
    fed = nx.Graph((a, b) for a, b in graph.edges if a not in isolated)
    # Outside of the isolated part the switches stay closed.
    fed = nx.relabel_nodes(fed, lambda end: (end[0], ""))
    source = next(end for line in of_circuit for end in (line.start, line.end) if points[end].appurtenance == "变电站")
    reached = nx.node_connected_component(fed, (source, "")) if (source, "") in fed else set()
    ends = {end for line in of_circuit for end in (line.start, line.end)}
    return {end for end in ends if points[end].appurtenance == "变压器" and (end, "") not in reached}


@pytest.mark.parametrize("place", [0, 7, 40, 100, 150])
def test_a_cut_power_duct_takes_down_the_circuits_booked_on_it(
    city: Database, network: Network, cables: model.Network, place: int
) -> None:
    line = [line for line in cables.lines if line.class_code == "power"][place]
    answer = _outage(city, network, line.key)
    assert {one.circuit for one in answer.circuits} == _circuits(line) != set()
    for one in answer.circuits:
        assert one.is_source_known
        lost = {point.source_key for point in one.points_lost}
        assert lost == _without(cables, one.circuit or "", line.key), one.circuit


def test_behind_a_switch_the_near_half_of_the_street_keeps_its_supply(
    city: Database, network: Network, cables: model.Network
) -> None:
    switch = next(p for p in cables.points.values() if p.appurtenance == "控制柜" and p.road == "云杉路")
    beyond = next(line for line in cables.lines if line.start == switch.number)
    (circuit,) = _outage(city, network, beyond.key).circuits
    assert [one.source_key for one in circuit.switches_to_open] == [switch.number]
    dark = {point.source_key for point in circuit.points_lost}
    on_the_circuit = {
        end
        for line in cables.lines
        if circuit.circuit in _circuits(line)
        for end in (line.start, line.end)
        if cables.points[end].appurtenance == "变压器"
    }
    assert dark and on_the_circuit - dark


def test_a_cut_telecom_duct_names_its_cables(city: Database, network: Network, cables: model.Network) -> None:
    line = [line for line in cables.lines if line.class_code == "telecom"][10]
    answer = _outage(city, network, line.key)
    assert {one.circuit for one in answer.circuits} == _circuits(line) != set()
    assert {one.group_code for one in answer.circuits} == {"telecom"}


def test_a_burst_of_a_heated_street_closes_supply_and_return(city: Database, network: Network) -> None:
    with city.transaction(read_only=True) as connection:
        supply = fetch_all(
            connection,
            "SELECT s.source_key FROM pipemap.pipe_segment s JOIN pipemap.node n ON n.feature_id = s.from_node_id"
            " WHERE n.class_code = 'heat' AND n.appurtenance_code = 'valve' AND n.source_key LIKE 'RS%'"
            " ORDER BY s.feature_id",
        )[0]
        burst = find_feature(connection, supply["source_key"], "heat")
        answer = ask_burst(connection, network, BurstQuestion([burst]))
    assert {(valve.source_key or "")[:2] for valve in answer.valves_to_close} == {"RS", "RH"}
    assert answer.pair is not None and answer.pair.side == "supply" and not answer.pair.unpaired_segment_ids


def test_a_gas_leak_lists_the_wells_near_it_nearest_first(city: Database, network: Network) -> None:
    near = (
        "SELECT n.feature_id FROM pipemap.node n JOIN pipemap.pipe_segment s ON ST_DWithin(n.geom, s.geom, %s)"
        " WHERE s.feature_id = %s AND n.appurtenance_code IN ('manhole', 'handhole')"
    )
    with city.transaction(read_only=True) as connection:
        segment = fetch_all(
            connection, "SELECT min(feature_id) AS one FROM pipemap.pipe_segment WHERE class_code = 'gas'"
        )[0]["one"]
        answer = ask_leak(connection, network, Start([segment]), radius_m=15.0)
        inner, outer = ({row["feature_id"] for row in fetch_all(connection, near, [m, segment])} for m in (8.0, 15.0))
    distances = [space.distance_m for space in answer.spaces]
    wells = {space.feature_id for space in answer.spaces if space.what_code in ("manhole", "handhole")}
    assert distances == sorted(distances)
    # No well is nearer in space than in plan, and none of these lies more than two metres deeper than the pipe.
    assert inner and inner <= wells <= outer
