"""A network brought up to date by what was published since equals one that is loaded anew, array by array."""

from dataclasses import fields
from random import Random
from typing import Any

import numpy as np
import pytest
from shapely import LineString, Point

from pipemap.changesets import create_edit
from pipemap.copy_out import TextColumn
from pipemap.db import Connection, Database, fetch_all
from pipemap.network import Network, load_network, refresh_network
from pipemap.network.axes import Axes
from pipemap.network.kinds import pressure_groups
from pipemap.tracing.asking import make_ready
from pipemap.tracing.dependants import consumers_of, hydrants_of
from pipemap.tracing.zones import zones_of
from tests.postgis.deliveries import publish_now

HERE = (500_000.0, 2_500_000.0)


def point(x_m: float) -> Point:
    return Point(HERE[0] + x_m, HERE[1])


def line(x_m: float, to_x_m: float, z_m: float | None) -> LineString:
    places = [(HERE[0] + x, HERE[1]) if z_m is None else (HERE[0] + x, HERE[1], z_m) for x in (x_m, to_x_m)]
    return LineString(places)


class Editing:
    """Random edits that a publish accepts: nothing is left referring to a node that is not there."""

    def __init__(self, database: Database, random: Random) -> None:
        self.database, self.random = database, random

    def publish(self) -> None:
        with self.database.transaction(read_only=True) as connection:
            self.nodes = ids(connection, "node")
            self.segments = ids(connection, "pipe_segment")
            self.consumers = ids(connection, "consumer")
            used = fetch_all(
                connection,
                "SELECT from_node_id AS id FROM pipemap.pipe_segment UNION SELECT to_node_id FROM pipemap.pipe_segment"
                " UNION SELECT node_id FROM pipemap.consumer WHERE node_id IS NOT NULL",
            )
        self.loose = sorted(set(self.nodes) - {row["id"] for row in used})
        if self.segments and self.random.random() < 0.4:
            # Nothing but sizes: such a version keeps what was found from the layout.
            return self.publish_changes([*self.resize_segment(), *self.resize_segment()])
        changes = [self.insert_node(-1), self.insert_node(-2)]
        for touch in self.random.choices(self.touches(), k=self.random.randrange(7)):
            changes += touch()
        return self.publish_changes(changes)

    def publish_changes(self, changes: list[dict[str, Any]]) -> None:
        publish_now(self.database, create_edit(self.database, title="t", author="a", changes=changes))

    def touches(self) -> list[Any]:
        found = [self.insert_segment, self.insert_consumer]
        if self.nodes:
            found.append(self.update_node)
        if self.segments:
            found += [self.update_segment, self.delete_segment, self.resize_segment]
        if self.consumers:
            found += [self.update_consumer, self.delete_consumer]
        return found + ([self.delete_node] if self.loose else [])

    def take(self, some: list[int]) -> list[int]:
        """One of them that no other edit of this changeset has taken, if any is left."""
        if not some:
            return []
        taken = self.random.choice(some)
        for kept in (self.nodes, self.segments, self.consumers, self.loose):
            if taken in kept:
                kept.remove(taken)
        return [taken]

    def insert_node(self, placeholder: int) -> dict[str, Any]:
        values = {"class_code": "water", "geom": point(-placeholder * 3.0), "appurtenance_code": "valve", "name": "阀"}
        return {"kind": "node", "op": "insert", "feature_id": placeholder, "values": values}

    def insert_segment(self) -> list[dict[str, Any]]:
        ends = self.random.sample([-1, -2, *self.nodes[:3]], 2)
        sizes = {"shape_code": "circle", "width_mm": self.random.choice([None, 200.0, 110.5])}
        values = {
            "class_code": self.random.choice(["water", "gas"]), "from_node_id": ends[0], "to_node_id": ends[1], **sizes,
            "geom": line(0, 7, self.random.choice([None, 4.5])), "depth_datum_code": "axis",
            "elevation_source_code": "measured",
        }  # fmt: skip
        return [{"kind": "pipe_segment", "op": "insert", "values": values}]

    def insert_consumer(self) -> list[dict[str, Any]]:
        node = self.random.choice([-1, None, *self.nodes[:3]])
        values = {
            "class_code": "water", "kind_code": "school", "is_critical": True, "node_id": node, "geom": point(1),
            "name": self.random.choice([None, "学校", "school"]),
        }  # fmt: skip
        return [{"kind": "consumer", "op": "insert", "values": values}]

    def update_node(self) -> list[dict[str, Any]]:
        state = {"valve_state_code": self.random.choice(["open", "closed"]), "address": "人民路"}
        return [{"kind": "node", "op": "update", "feature_id": one, "values": state} for one in self.take(self.nodes)]

    def update_segment(self) -> list[dict[str, Any]]:
        changed = {"flow_direction_code": "backward", "geom": line(2, 9, 3.0), "lifecycle_code": "abandoned"}
        return [
            {"kind": "pipe_segment", "op": "update", "feature_id": one, "values": changed}
            for one in self.take(self.segments)
        ]

    def resize_segment(self) -> list[dict[str, Any]]:
        changed = {"width_mm": self.random.choice([300.0, 315.0, 400.0, 450.0]), "shape_code": "circle"}
        return [
            {"kind": "pipe_segment", "op": "update", "feature_id": one, "values": changed}
            for one in self.take(self.segments)
        ]

    def update_consumer(self) -> list[dict[str, Any]]:
        changed = {"people": self.random.randrange(10)}
        return [
            {"kind": "consumer", "op": "update", "feature_id": one, "values": changed}
            for one in self.take(self.consumers)
        ]

    def delete_segment(self) -> list[dict[str, Any]]:
        return [{"kind": "pipe_segment", "op": "delete", "feature_id": one} for one in self.take(self.segments)]

    def delete_consumer(self) -> list[dict[str, Any]]:
        return [{"kind": "consumer", "op": "delete", "feature_id": one} for one in self.take(self.consumers)]

    def delete_node(self) -> list[dict[str, Any]]:
        return [{"kind": "node", "op": "delete", "feature_id": one} for one in self.take(self.loose)]


def ids(connection: Connection, kind: str) -> list[int]:
    return [row["feature_id"] for row in fetch_all(connection, f"SELECT feature_id FROM pipemap.{kind} ORDER BY 1")]


def found_from(network: Network) -> dict[str, Any]:
    """All that bursts look up, as plain lists: zones with their ports, consumers and hydrants by zone."""
    make_ready(network)
    found: dict[str, Any] = {}
    for group in pressure_groups(network):
        zones = zones_of(network, group)
        for part in (zones, zones.ports, consumers_of(network, zones), hydrants_of(network, zones)):
            for field in fields(part):
                column = getattr(part, field.name)
                if isinstance(column, np.ndarray):
                    found[f"{group} {type(part).__name__} {field.name}"] = column.tolist()
    return found


def columns(network: Network) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for kind in ("nodes", "segments", "consumers"):
        part = getattr(network, kind)
        for field in fields(part):
            column = getattr(part, field.name)
            is_packed = isinstance(column, TextColumn | Axes)
            found[f"{kind}.{field.name}"] = [column[i] for i in range(len(column))] if is_packed else column.tolist()
    return found


@pytest.mark.parametrize("seed", range(3))
def test_a_refreshed_network_equals_a_loaded_one(database: Database, seed: int) -> None:
    random = Random(seed)
    with database.transaction(read_only=True) as connection:
        earliest = refreshed = load_network(connection)
    for _ in range(8):
        previous, before = refreshed, columns(refreshed)
        Editing(database, random).publish()
        with database.transaction(read_only=True) as connection:
            refreshed, loaded = refresh_network(connection, previous), load_network(connection)
            from_the_first = refresh_network(connection, earliest)
            assert refresh_network(connection, refreshed) is refreshed
        assert refreshed.version == loaded.version
        np.testing.assert_equal(columns(refreshed), columns(loaded))
        np.testing.assert_equal(found_from(refreshed), found_from(loaded))
        np.testing.assert_equal(columns(from_the_first), columns(loaded))
        np.testing.assert_equal(columns(previous), before)


def test_a_network_with_a_broken_reference_is_loaded_anew(database: Database) -> None:
    changes = [
        {"kind": "node", "op": "insert", "values": {"class_code": "water", "geom": point(5.0 * k)}} for k in range(3)
    ]
    publish_now(database, create_edit(database, title="t", author="a", changes=changes))
    with database.transaction(read_only=True) as connection:
        earlier = load_network(connection)
        start, end, third = earlier.nodes.id.tolist()
    pipe = {
        "class_code": "water", "from_node_id": start, "to_node_id": end, "geom": line(0, 5, None),
        "shape_code": "unknown", "depth_datum_code": "axis", "elevation_source_code": "unknown",
    }  # fmt: skip
    insert = {"kind": "pipe_segment", "op": "insert", "values": pipe}
    publish_now(database, create_edit(database, title="t", author="a", changes=[insert]))
    with database.transaction() as connection:
        connection.execute(
            "WITH gone AS (DELETE FROM pipemap.node WHERE feature_id = %s RETURNING *)"
            " INSERT INTO pipemap.node_history SELECT gone.*, 2 FROM gone",
            [end],
        )
        refreshed, loaded = refresh_network(connection, earlier), load_network(connection)
    assert loaded.nodes.id.tolist() == [start, end, third] and loaded.nodes.is_missing.tolist() == [False, True, False]
    np.testing.assert_equal(columns(refreshed), columns(loaded))


def test_a_version_that_changes_no_layout_keeps_the_zones(database: Database) -> None:
    pipes = {
        "class_code": "water", "from_node_id": -1, "to_node_id": -2, "geom": line(0, 5, None), "shape_code": "circle",
        "depth_datum_code": "axis", "elevation_source_code": "unknown",
    }  # fmt: skip
    nodes = [
        {"kind": "node", "op": "insert", "feature_id": -k, "values": {"class_code": "water", "geom": point(5.0 * k)}}
        for k in (1, 2)
    ]
    insert = {"kind": "pipe_segment", "op": "insert", "values": pipes}
    publish_now(database, create_edit(database, title="t", author="a", changes=[*nodes, insert]))
    with database.transaction(read_only=True) as connection:
        networks = [load_network(connection)]
    segment = int(networks[0].segments.id[0])
    for values in ({"width_mm": 315.0}, {"flow_direction_code": "forward"}):
        zones_of(networks[-1], "water")
        change = {"kind": "pipe_segment", "op": "update", "feature_id": segment, "values": values}
        publish_now(database, create_edit(database, title="t", author="a", changes=[change]))
        with database.transaction(read_only=True) as connection:
            networks.append(refresh_network(connection, networks[-1]))
    first, resized, directed = (zones_of(network, "water") for network in networks)
    assert networks[1].segments.bore_width_mm.tolist() == [315.0]
    assert resized is first and directed is not first
