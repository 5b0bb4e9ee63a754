"""What lies around a burst, found in memory, equals what PostGIS finds in the tables."""

import numpy as np
import pytest
from shapely import LineString

from pipemap.changesets import create_edit
from pipemap.contacts import set_contact
from pipemap.db import Connection, Database
from pipemap.network import Ints, Network, load_network, refresh_network
from pipemap.tracing.asking import BurstQuestion, ask_burst
from tests.postgis.around import AT_NODES, CLICKED, WHOLE, assert_all_around
from tests.postgis.deliveries import publish_now
from tests.postgis.planting import plant, plant_version, wkt

HERE = np.array([500_000.0, 2_500_000.0, 0.0])


def plant_pipes(connection: Connection, random: np.random.Generator) -> None:
    """Forty crooked pipes of several classes in a small place, some in plan alone, of all sizes and stages."""
    connection.execute("INSERT INTO pipemap.dataset (dataset_id, name) VALUES (1, 'town')")
    plant_version(connection, 1)
    classes = ["water", "gas", "power", "telecom"]
    for number in range(12):
        x_m, y_m, _ = HERE + random.uniform(0, 60, 3)
        plant(connection, "node", 1 + number, f"POINT({x_m} {y_m})")
    for number in range(40):
        steps = random.integers(-8, 8, (random.integers(2, 5), 3))
        points = HERE + random.integers(0, 60, 3) * [1, 1, 0.05] + np.cumsum(steps, axis=0) * [1, 1, 0.1]
        # Three nodes for each class.
        ends = (1 + number % 4 + 4 * random.integers(0, 3, 2)).tolist()
        plant(
            connection, "pipe_segment", 100 + number,
            wkt(points[:, : random.choice([2, 3, 3])].tolist()),
            class_code=classes[number % 4], from_node_id=ends[0], to_node_id=ends[1],
            width_mm=random.choice([None, 110.5, 300.0, 12_000.0], p=[0.3, 0.3, 0.3, 0.1]),
            height_mm=random.choice([None, 400.0]), owner=random.choice([None, "燃气公司", "power"]),
            lifecycle_code=random.choice([None, None, None, "in_service", "abandoned", "planned", "removed"]),
            material_code=random.choice([None, "steel"]), voltage_kv=random.choice([None, 0.4, 10.0]),
        )  # fmt: skip


def live_water(network: Network) -> Ints:
    """Positions; the first segment planted is of water."""
    segments = network.segments
    return np.flatnonzero(segments.is_active & (segments.class_ == segments.class_[0]))


@pytest.mark.parametrize("seed", range(4))
def test_the_pipes_around_a_burst_are_those_that_postgis_measures(database: Database, seed: int) -> None:
    random = np.random.default_rng(seed)
    with database.transaction() as connection:
        plant_pipes(connection, random)
        network = load_network(connection)
        water = live_water(network)
        pipes = network.segments.id[water].tolist()
        for radius_m in (0.5, 5.0, 30.0):
            for one in pipes:
                answer = ask_burst(connection, network, BurstQuestion([one], radius_m=radius_m))
                assert_all_around(connection, answer, WHOLE, {"segments": [one]})
            answer = ask_burst(connection, network, BurstQuestion(pipes, radius_m=radius_m))
            assert_all_around(connection, answer, WHOLE, {"segments": pipes})
        for node in np.unique(network.nodes.id[network.segments.from_node[water]]).tolist():
            answer = ask_burst(connection, network, BurstQuestion(node_ids=[node]))
            assert_all_around(connection, answer, AT_NODES, {"nodes": [node]})
        middles = np.stack([network.segments.x_m[water], network.segments.y_m[water]], axis=1)
        for x_m, y_m in (middles + random.uniform(-9, 9, middles.shape)).tolist():
            answer = ask_burst(connection, network, BurstQuestion(places=[(x_m, y_m, None)]))
            assert answer.clicked is not None
            asked = {"segments": [answer.clicked.segment_id], "x": x_m, "y": y_m}
            assert_all_around(connection, answer, CLICKED, asked)


def test_the_owners_of_what_lies_around_are_told_with_their_telephones(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipemap.tracing.surroundings._FRESH_S", -1)
    with database.transaction() as connection:
        plant_pipes(connection, np.random.default_rng(1))
        network = load_network(connection)
        question = BurstQuestion(network.segments.id[live_water(network)].tolist(), radius_m=30.0)
        for telephone in ("0755-1234", "0755-5678"):
            set_contact(connection, "燃气公司", telephone, "manager")
            set_contact(connection, "elsewhere", "110", "manager")
            around = ask_burst(connection, network, question).surroundings
            assert around is not None and set(around.owners) == {"", "power", "燃气公司"}
            assert around.telephones == {"燃气公司": telephone}


def test_a_publish_moves_what_lies_around_a_burst(database: Database) -> None:
    with database.transaction() as connection:
        plant_pipes(connection, np.random.default_rng(9))
        connection.execute("UPDATE pipemap.version SET changeset_id = 1000")
        network = load_network(connection)
    water = network.segments.axis[0]
    beside_water = LineString(np.column_stack([water[:, 0], water[:, 1] + 1.0, np.full(len(water), 0.7)]))
    changes = [
        {"kind": "pipe_segment", "op": "update", "feature_id": one, "values": {"geom": beside_water, "owner": "new"}}
        for one in network.segments.id[1::4].tolist()
    ]
    publish_now(database, create_edit(database, title="t", author="a", changes=changes))
    with database.transaction(read_only=True) as connection:
        refreshed = refresh_network(connection, network)
        for one in refreshed.segments.id[live_water(refreshed)].tolist():
            answer = ask_burst(connection, refreshed, BurstQuestion([one], radius_m=8.0))
            assert_all_around(connection, answer, WHOLE, {"segments": [one]})
