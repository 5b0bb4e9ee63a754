"""The main job on the sample district: every delivery in, every planted fault found, every answer right."""

import json
from collections.abc import Iterator
from typing import Any

import networkx as nx
import numpy as np
import pytest

from importers.delivery import read_delivery
from pipemap.changesets import list_deltas
from pipemap.clearance.questions import segment_clearance
from pipemap.db import Database, fetch_all
from pipemap.ingest import create_import
from pipemap.network import class_groups, load_network
from pipemap.network.kinds import pressure_groups
from pipemap.tracing.asking import BurstQuestion, ask_burst
from pipemap.tracing.isolation import burst
from pipemap.versions import find_feature
from sample_data.demo import load_district
from sample_data.district import Dataset, District, write_district
from sample_data.water import build_water
from tests.conftest import Clone
from tests.postgis.around import WHOLE, assert_all_around

_SRID = 4547


@pytest.fixture(scope="module")
def district(tmp_path_factory: pytest.TempPathFactory) -> District:
    return write_district(tmp_path_factory.mktemp("deliveries"))


@pytest.fixture(scope="module")
def city(clone: Clone, template: str, district: District) -> Iterator[Database]:
    with Database(clone(template, "district")) as database:
        load_district(database, district, lambda _: None)
        yield database


@pytest.fixture(scope="module")
def found(city: Database) -> set[tuple[str, str]]:
    """Rule and feature key of every finding."""
    with city.transaction(read_only=True) as connection:
        rows = fetch_all(connection, "SELECT rule, feature_key FROM pipemap.finding")
    return {(row["rule"], row["feature_key"]) for row in rows}


def _draft(city: Database, dataset: Dataset) -> int:
    delivery = read_delivery(list(dataset.files), srid=_SRID, source_crs=f"EPSG:{_SRID}", dataset=dataset.name)
    return create_import(city, delivery, title=dataset.title, author="surveyor")


def _changes(city: Database, changeset: int) -> set[tuple[str, str]]:
    with city.transaction(read_only=True) as connection:
        return {(delta["op"], delta["source_key"]) for delta in list_deltas(connection, changeset, limit=1000)}


def test_every_planted_fault_is_found_by_its_rule(district: District, found: set[tuple[str, str]]) -> None:
    expected = {(fault.rule, fault.key) for fault in district.faults if fault.rule != "P06"}
    assert expected <= found


def test_every_planted_conflict_is_found_and_nothing_else_collides(city: Database, district: District) -> None:
    planted = {fault.key for fault in district.faults if fault.rule == "R40"}
    with city.transaction(read_only=True) as connection:
        for fault in (fault for fault in district.faults if fault.rule == "R40"):
            answer = segment_clearance(connection, find_feature(connection, fault.key, fault.dataset))
            others = [conflict for conflict in answer.conflicts if conflict.kind in ("vertical", "collision")]
            assert {conflict.other_class_code for conflict in others} == {"gas"}
        clean = next(line for line in build_water()[0].lines if line.key not in planted)
        answer = segment_clearance(connection, find_feature(connection, clean.key, "water"))
    assert not [conflict for conflict in answer.conflicts if conflict.kind == "collision"]


def test_the_rows_of_every_delivery_are_accounted_for(city: Database) -> None:
    with city.transaction(read_only=True) as connection:
        counts = [c for row in fetch_all(connection, "SELECT counts FROM pipemap.changeset") for c in row["counts"]]
    assert sum(count["rows"] for count in counts) > 6000
    assert all(c["loaded"] + c["refused"] + c["skipped"] == c["rows"] for c in counts)


@pytest.mark.parametrize("place", range(6))
def test_importing_a_delivery_again_changes_nothing(city: Database, district: District, place: int) -> None:
    assert _changes(city, _draft(city, district.datasets[place])) == set()


def test_the_later_delivery_makes_exactly_its_changes(city: Database, district: District) -> None:
    key = json.loads(district.answer_key.read_text(encoding="utf-8"))["drainage_update"]
    expected = {("delete", name) for name in key["removed"]} | {("insert", name) for name in key["added"]}
    expected |= {("update", name) for name in key["changed"]}
    assert _changes(city, _draft(city, district.drainage_update)) == expected


def test_the_burst_before_the_hospital_equals_a_plain_search(city: Database, district: District) -> None:
    key = json.loads(district.answer_key.read_text(encoding="utf-8"))["burst"]
    with city.transaction(read_only=True) as connection:
        answer = burst(load_network(connection), [find_feature(connection, key["segment"], "water")])
        keys = {
            row["feature_id"]: row["source_key"]
            for row in fetch_all(connection, "SELECT feature_id, source_key FROM pipemap.pipe_segment")
        }
    isolated, valves = _plain_search(key["segment"])
    assert {keys[number] for number in answer.isolated_segment_ids} == isolated
    assert {valve.source_key for valve in answer.valves_to_close} == valves
    assert [consumer.name for consumer in answer.consumers.critical] == [key["critical_consumer"]]


def _plain_search(segment: str) -> tuple[set[str], set[str]]:
    """Lines of the burst's zone and its valves, from the generator's own booking rather than the database."""
    network: Any = build_water()[0]
    valves = {number for number, point in network.points.items() if point.appurtenance == "阀门"}
    graph = nx.Graph()
    for line in network.lines:
        ends = [(end, line.key) if end in valves else (end, None) for end in (line.start, line.end)]
        graph.add_edge(*ends, key=line.key)
    start = next(edge[0] for edge in graph.edges(data="key") if edge[2] == segment)
    zone = nx.node_connected_component(graph, start)
    return {k for a, _, k in graph.edges(data="key") if a in zone}, {number for number, tag in zone if tag}


def test_what_lies_around_a_burst_is_what_postgis_measures(city: Database) -> None:
    with city.transaction(read_only=True) as connection:
        network = load_network(connection)
        is_pressure = np.isin(class_groups()[network.segments.class_], pressure_groups(network))
        pipes = network.segments.id[is_pressure & network.segments.is_active]
        for one in np.random.default_rng(3).choice(pipes, 25).tolist():
            answer = ask_burst(connection, network, BurstQuestion([one]))
            assert_all_around(connection, answer, WHOLE, {"segments": [one]})
