"""Bursts on Giswater's water sample, imported and published as any delivery: every pipe against the slow reference."""

from pathlib import Path
from typing import Any

import pytest

from importers.delivery import read_delivery
from pipemap.checks import run_checks
from pipemap.db import Connection, Database, fetch_all
from pipemap.ingest import create_import
from pipemap.network import load_network
from pipemap.publishing import publish
from pipemap.tracing.cuts import cut_at
from pipemap.tracing.dependants import consumers_of
from pipemap.tracing.isolation import burst
from pipemap.tracing.sites import site_of
from tests.unit.drained_city import SOURCES, VALVES, City, Reference

FLOW = {"forward": 1, "backward": -1}
IN_SERVICE = (None, "in_service", "unknown")


class Drawn:
    """The live water network of a database as a city, read row by row, with the identities of its parts."""

    def __init__(self, connection: Connection) -> None:
        self.nodes = [row["feature_id"] for row in fetch_all(connection, "SELECT * FROM pipemap.node ORDER BY 1")]
        number = {feature_id: place for place, feature_id in enumerate(self.nodes)}
        nodes = [self._node(row) for row in fetch_all(connection, "SELECT * FROM pipemap.node ORDER BY feature_id")]
        rows = fetch_all(connection, "SELECT * FROM pipemap.pipe_segment ORDER BY feature_id")
        live = [row for row in rows if row["lifecycle_code"] in IN_SERVICE]
        self.pipes = [row["feature_id"] for row in live]
        pipes = [
            (number[row["from_node_id"]], number[row["to_node_id"]], FLOW.get(row["flow_direction_code"] or "", 0))
            for row in live
        ]
        served = fetch_all(connection, "SELECT * FROM pipemap.consumer WHERE node_id IS NOT NULL ORDER BY feature_id")
        self.consumers = [row["feature_id"] for row in served]
        self.city = City(nodes, pipes, consumers=[(number[row["node_id"]], row["people"] or 0) for row in served])

    @staticmethod
    def _node(row: dict[str, Any]) -> tuple[str, str, str]:
        if row["lifecycle_code"] not in IN_SERVICE:
            return "", "", ""
        return row["appurtenance_code"] or "", row["valve_state_code"] or "", row["operability_code"] or ""


@pytest.fixture
def giswater(database: Database, shared_data: Path) -> Database:
    with database.transaction() as connection:
        connection.execute("UPDATE pipemap.project SET srid = 25831")
    delivery = read_delivery([shared_data / "giswater-samples" / "ws_network.gpkg"], srid=25831)
    assert delivery.files[0].profile == "giswater-ws"
    changeset = create_import(database, delivery, title="giswater", author="test")
    errors = {rule for rule, severity in run_checks(database, changeset) if severity == "error"}
    publish(database, changeset, message="m", author="test", waivers=dict.fromkeys(errors, "a sample"))
    return database


def test_every_pipe_of_the_giswater_sample_equals_the_reference(giswater: Database) -> None:
    with giswater.transaction(read_only=True) as connection:
        network, drawn = load_network(connection), Drawn(connection)
    kinds = [node[0] for node in drawn.city.nodes]
    assert (
        len(drawn.pipes) > 250 and sum(kind in VALVES for kind in kinds) > 40 and sum(k in SOURCES for k in kinds) >= 5
    )
    reference = Reference(drawn.city)
    for place, pipe in enumerate(drawn.pipes):
        plan, cut = reference.plan({place}), cut_at(site_of(network, [pipe]))
        assert set(network.nodes.id[cut.valves].tolist()) == {drawn.nodes[node] for node in plan.close}
        assert set(network.nodes.id[cut.relied_on].tolist()) == {drawn.nodes[node] for node in plan.rely}
        assert set(network.segments.id[cut.isolated].tolist()) == {drawn.pipes[one] for one in plan.isolated}
        assert set(network.segments.id[cut.dry].tolist()) == {drawn.pipes[one] for one in plan.dry}
        lost = consumers_of(network, cut.zones).lost(cut)[0]
        assert set(network.consumers.id[lost].tolist()) == {drawn.consumers[one] for one in plan.consumers}


def test_a_broken_valve_widens_the_cut_and_its_repair_narrows_it(giswater: Database) -> None:
    with giswater.transaction(read_only=True) as connection:
        network = load_network(connection)
        broken = fetch_all(
            connection,
            "SELECT n.feature_id AS node_id, s.feature_id AS segment_id FROM pipemap.node n"
            " JOIN pipemap.pipe_segment s ON n.feature_id IN (s.from_node_id, s.to_node_id)"
            " WHERE n.appurtenance_code = 'valve' AND n.operability_code = 'inoperable'",
        )
    assert len(broken) == 4
    for row in broken:
        answer = burst(network, [row["segment_id"]])
        holds = [one for one in answer.alternatives if one.outcome == "holds"]
        assert row["node_id"] in {valve.node_id for one in holds for valve in one.valves}
        assert row["node_id"] not in {valve.node_id for valve in answer.valves_to_close}
        assert all(len(one.plan.isolated_segment_ids) < len(answer.isolated_segment_ids) for one in holds)
