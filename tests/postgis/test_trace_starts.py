"""Where traces start and how their answers are drawn, on a published street."""

import pytest

from pipemap.db import Database
from pipemap.errors import NotFoundError, UsageError
from pipemap.network import Network, load_network
from pipemap.tracing.describing import node_place
from pipemap.tracing.drawing import with_drawing
from pipemap.tracing.starts import Located, Start, located
from schemas.traces import TraceAnswer, TraceStop
from tests.postgis.deliveries import bring_in, delivery, node, publish_now, segment


@pytest.fixture
def street(database: Database) -> Database:
    nodes = [node(key, x) for key, x in {"A": 0, "B": 100, "C": 200}.items()]
    pipes = [segment("A", "B", [(0, 0, 8), (100, 0, 8)]), segment("B", "C", [(100, 0, 8), (200, 0, 7)])]
    publish_now(database, bring_in(database, delivery(nodes, pipes)))
    return database


def keys(network: Network, start: Located) -> list[str | None]:
    return [network.segments.key[place] for place in start.segments.tolist()]


def test_a_start_is_a_segment_a_node_or_a_place(street: Database) -> None:
    with street.transaction(read_only=True) as connection:
        network = load_network(connection)
        [segment_id] = [int(one) for one in network.segments.id[:1]]
        x_m, y_m = network.segments.x_m[1], network.segments.y_m[1]
        start = located(connection, network, Start([segment_id], (), [(x_m, y_m + 9.0, None)]))
        assert keys(network, start) == [network.segments.key[0], network.segments.key[1]]
        [doubt] = start.doubts()
        assert doubt.count == 1 and "9.0 m" in doubt.message_en and doubt.segment_ids == [network.segments.id[1]]
        assert not located(connection, network, Start((), [int(network.nodes.id[0])])).doubts()
        with pytest.raises(UsageError):
            located(connection, network, Start())
        with pytest.raises(NotFoundError):
            located(connection, network, Start([10**9]))
        with pytest.raises(NotFoundError):
            located(connection, network, Start((), (), [(x_m, y_m, None)]), ["gas"])


def test_an_answer_is_drawn_with_the_part_of_each_segment_and_the_stops(street: Database) -> None:
    with street.transaction(read_only=True) as connection:
        network = load_network(connection)
        ids = network.segments.id.tolist()
        second = [network.segments.key[place] for place in range(2)].index("B->C")
        stop = TraceStop(code="end", message_en="e", message_zh="z", node=node_place(network, 2))
        answer = TraceAnswer(
            version=network.version, question="down", class_codes=["water"],
            start=Located(network.segments.id[:0], network.nodes.id[:0]).told(network),
            segment_ids=ids, node_ids=[], length_m=200.0, stopped_at=[stop], stop_counts={"end": 1}, assumptions=[],
        )  # fmt: skip
        own = with_drawing(connection, network, answer, {ids[second]: "adverse"}).geojson
        world = with_drawing(connection, network, answer, srid=4326).geojson
    assert own and world and "crs" in own and "crs" not in world
    roles = {one["properties"]["source_key"]: one["properties"]["role"] for one in own["features"]}
    assert list(roles.values()).count("end") == 1 and (roles["A->B"], roles["B->C"]) == ("reached", "adverse")
    assert [one["properties"]["kind"] for one in own["features"]] == ["segment", "segment", "node"]
    assert own["features"][second]["geometry"]["coordinates"][-1][2] == 7
    assert all(100 < one["geometry"]["coordinates"][0][0] < 130 for one in world["features"][:2])
