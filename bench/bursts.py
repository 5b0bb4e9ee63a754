"""Traces on a water network of any size: bursts, criticality, loading and publishing against floors and peers."""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from pathlib import Path
from threading import Event, Thread
from typing import Any

import httpx
import numpy as np
import psycopg
import wntr
from psycopg.sql import SQL
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from bench.cases import _served
from bench.mains import plant_mains
from bench.measure import Line, median_s
from pipemap.changesets import create_edit
from pipemap.cluster import Cluster
from pipemap.db import Connection, Database
from pipemap.network import LiveNetwork, Network, NodeKind, load_network, loading
from pipemap.network.kinds import node_kinds
from pipemap.projects import create_database, init_project
from pipemap.publishing import publish
from pipemap.tracing.asking import BurstQuestion, burst_json, find_burst, make_ready
from pipemap.tracing.columns import network_from_arrays
from pipemap.tracing.criticality import criticality_of
from pipemap.tracing.cuts import cut_at
from pipemap.tracing.isolation import burst
from pipemap.tracing.sites import site_of
from pipemap.tracing.zones import zones_of

_BURSTS = 300
_PEER_BURSTS = 20
_BLOCK = 20
_CHANGED = 100
_DATA = Path(os.environ.get("PIPEMAP_REAL_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
_SCIPY, _PGROUTING = "2 x scipy connected_components", "pgr_drivingDistance + pgr_connectedComponents"


@dataclass(frozen=True)
class Mains:
    """A throw-away database with the network published as version 1, and the network in memory."""

    url: str
    database: Database
    network: Network

    def picks(self, count: int, seed: int = 1) -> list[int]:
        """Water segments to burst."""
        water = self.network.segments.id[zones_of(self.network, "water").segment_zone >= 0]
        found: list[int] = np.random.default_rng(seed).choice(water, count).tolist()
        return found


def mains_lines(cluster: Cluster, size: int) -> Iterator[Line]:
    """Every trace case on a network of about `size` water segments."""
    url = cluster.url(f"mains{size}")
    create_database(url)
    with Database(url) as database:
        init_project(database, "bench", 4547)
        plant_mains(database, size)
        with database.transaction(read_only=True) as connection:
            yield _load_line(connection)
            network = load_network(connection)
        mains = Mains(url, database, network)
        yield _ready_line(network)
        yield from _burst_lines(mains)
        yield from _service_lines(mains)
        yield from _pgrouting_lines(mains)
        yield from _publish_lines(mains)


def wntr_lines() -> Iterator[Line]:
    """Isolation zones of Net6 against WNTR's valve segments: the same parts of the network."""
    path = _DATA / "epanet-networks" / "Net6.inp"
    if not path.is_file():
        yield Line("zones of Net6 from arrays", None, None, "WNTR valve_segments", "Net6.inp is not here")
        return
    model = wntr.network.WaterNetworkModel(str(path))
    layer = wntr.network.generate_valve_layer(model, "strategic", 2, seed=7).drop_duplicates()
    graph = model.to_graph()
    _, parts, _ = wntr.metrics.valve_segments(graph, layer)
    network = _plain_network(model).with_valves(_valve_pairs(model, layer))
    zones = zones_of(network, "water")
    ours = zones.segment_zone.tolist()
    theirs = [int(parts[name]) for name in model.link_name_list]
    is_same = len(set(zip(ours, theirs, strict=True))) == len(set(ours)) == len(set(theirs))
    note = f"{len(layer)} valves, {len(set(ours))} zones, {'the same' if is_same else 'OTHER'} parts"
    other_s = median_s(lambda: wntr.metrics.valve_segments(graph, layer), 3, 0)
    yield Line(
        "zones of Net6 from arrays", median_s(_anew(network, zones_of), 20), other_s, "WNTR valve_segments", note
    )


def _load_line(connection: Connection) -> Line:
    queries = _copied(connection)
    ours, bare = [], []
    for _ in range(3):
        ours.append(_once_s(lambda: load_network(connection)))
        bare.append(_once_s(lambda: [_drain(connection, query) for query in queries]))
    return Line("load a version into arrays", min(ours), min(bare), "bare binary COPY", "of the same rows and columns")


def _copied(connection: Connection) -> list[Any]:
    """The queries that a load copies."""
    taken: list[Any] = []
    real = loading.copy_rows

    def note(asked: Connection, query: Any, columns: int) -> Any:
        taken.append(query)
        return real(asked, query, columns)

    loading.copy_rows = note
    try:
        load_network(connection)
    finally:
        loading.copy_rows = real
    return taken


def _drain(connection: Connection, query: Any) -> None:
    with connection.cursor().copy(SQL("COPY ({}) TO STDOUT (FORMAT binary)").format(query)) as rows:
        for _ in rows:
            pass


def _ready_line(network: Network) -> Line:
    make_ready(network)
    ready_s = median_s(_anew(network, lambda one, _: make_ready(one)), 3, 0)
    all_s = median_s(_anew(network, criticality_of), 3, 0)
    make_ready(network)
    return Line("criticality of all segments, from loaded arrays", all_s, ready_s, "zones and indexes alone")


def _anew(network: Network, compute: Callable[[Network, str], object]) -> Callable[[], None]:
    def work() -> None:
        network.derived.clear()
        network.by_layout.clear()
        compute(network, "water")

    return work


def _burst_lines(mains: Mains) -> Iterator[Line]:
    yield from _against(mains, lambda _: _scipy_pair(mains.network), _BURSTS, _SCIPY)


def _against(mains: Mains, other: Callable[[int], object], count: int, name: str) -> Iterator[Line]:
    """Three depths of our answer against the other's work: each main for the first time, again, and out of the blue."""
    network = mains.network
    with mains.database.transaction(read_only=True) as connection:

        def find(segment: int) -> None:
            find_burst(connection, network, BurstQuestion([segment]))

        def tell(segment: int) -> None:
            burst_json(connection, network, BurstQuestion([segment]))

        looks: list[Callable[[int], object]] = [lambda one: cut_at(site_of(network, [one])), find, tell, tell, other]
        picks = [mains.picks(count, seed) for seed in (1, 2, 3, 3, 1)]
        valves, arrays, told, again, others = _in_blocks(looks, picks)
        after, others_too = _in_turn([tell, other], mains.picks(count, 4))
    whole = "one burst, the whole answer"
    first = "each main for the first time, a block of them after the other"
    yield _burst_line("one burst, valves and outage", valves, others, name, first)
    yield _burst_line(f"{whole} in arrays", arrays, others, name, first)
    yield _burst_line(f"{whole} as JSON", told, others, name, first)
    yield _burst_line(f"{whole} as JSON, again", again, others, name, "mains that were asked in the block before")
    yield _burst_line(f"{whole} as JSON, out of the blue", after, others_too, name, "each right after the other's work")


def _burst_line(case: str, ours: list[float], others: list[float], name: str, note: str) -> Line:
    return Line(case, _median(ours), _median(others), name, f"{note}; {_p95(ours)}; {name}: {_p95(others)}")


def _service_lines(mains: Mains) -> Iterator[Line]:
    with _served(mains.url) as base, httpx.Client(base_url=base, timeout=600) as client:

        def ask(segment: int) -> None:
            client.get("/api/trace/burst", params={"segment_id": segment}).raise_for_status()

        asked = _times(ask, mains.picks(_BURSTS, 2))
    yield Line("one burst over HTTP", _median(asked), None, "-", _p95(asked))


def _publish_lines(mains: Mains) -> Iterator[Line]:
    """From the call of publish until a reader is given the new version; the network is watched as in the service."""
    nodes = mains.network.nodes
    valves = np.random.default_rng(4).choice(nodes.id[nodes.state >= 0], _CHANGED).tolist()
    live = LiveNetwork(mains.database, make_ready)
    live.watch()
    while _version(mains, live) != 1:
        time.sleep(0.01)
    sizes, states = {"width_mm": 250.0}, {"valve_state_code": "closed"}
    yield _publish_line(mains, live, "sizes of 100 segments", "pipe_segment", mains.picks(_CHANGED, 3), sizes)
    yield _publish_line(mains, live, "states of 100 valves", "node", valves, states)
    live.close()


def _publish_line(
    mains: Mains, live: LiveNetwork, what: str, kind: str, picks: list[int], values: dict[str, Any]
) -> Line:
    changes = [{"kind": kind, "op": "update", "feature_id": one, "values": values} for one in dict.fromkeys(picks)]
    changeset = create_edit(mains.database, title="bench", author="bench", changes=changes)
    with mains.database.transaction() as connection:
        connection.execute("UPDATE pipemap.changeset SET state = 'checked' WHERE changeset_id = %s", [changeset])
    reading = Event()
    meanwhile: list[float] = []
    reader = Thread(target=_read_on, args=(mains, reading, meanwhile))
    reader.start()
    start = time.perf_counter()
    version = publish(mains.database, changeset, message="bench", author="bench")
    published = time.perf_counter()
    while _version(mains, live) != version:
        time.sleep(0.002)
    seen = time.perf_counter()
    reading.set()
    reader.join()
    note = f"bursts meanwhile: {_p95(meanwhile)}"
    return Line(f"publish {what} until seen", seen - start, published - start, "publish alone", note)


def _read_on(mains: Mains, until: Event, times: list[float]) -> None:
    """A reader who goes on asking the network that is being replaced, a burst every ten milliseconds."""
    picks = cycle(mains.picks(_BURSTS, 5))
    while not until.is_set():
        times.append(_once_s(partial(burst, mains.network, [next(picks)])))
        time.sleep(0.01)


def _version(mains: Mains, live: LiveNetwork) -> int | None:
    with mains.database.transaction(read_only=True) as connection:
        return live.at(connection, None).version


def _scipy_pair(network: Network) -> None:
    """From scratch, twice: components with every valve shut, then what still reaches a source."""
    segments = network.segments
    water = np.flatnonzero(zones_of(network, "water").segment_zone >= 0)
    is_valve = node_kinds(network, "water") == NodeKind.OPEN_VALVE
    for keep in (water[~is_valve[segments.from_node[water]] & ~is_valve[segments.to_node[water]]], water):
        ends = segments.from_node[keep], segments.to_node[keep]
        graph = coo_matrix((np.ones(len(keep), np.int8), ends), shape=(len(is_valve), len(is_valve)))
        connected_components(graph, directed=False)


_PGROUTING_TABLES = """
CREATE EXTENSION IF NOT EXISTS pgrouting CASCADE;
CREATE TABLE wall AS SELECT feature_id, valve_state_code = 'closed' AS is_closed FROM pipemap.node
    WHERE appurtenance_code = 'valve' AND (operability_code = 'operable' OR valve_state_code = 'closed');
CREATE UNIQUE INDEX ON wall (feature_id);
-- Where a walk must end, the end of a pipe is a vertex of its own.
CREATE TABLE parted AS SELECT s.feature_id AS id, 1.0::float8 AS cost,
    CASE WHEN a.feature_id IS NULL THEN s.from_node_id ELSE -2 * s.feature_id END AS source,
    CASE WHEN b.feature_id IS NULL THEN s.to_node_id ELSE -2 * s.feature_id - 1 END AS target
    FROM pipemap.pipe_segment s LEFT JOIN wall a ON a.feature_id = from_node_id
    LEFT JOIN wall b ON b.feature_id = to_node_id WHERE s.class_code = 'water';
CREATE TABLE joined AS SELECT s.feature_id AS id, 1.0::float8 AS cost,
    CASE WHEN a.is_closed THEN -2 * s.feature_id ELSE s.from_node_id END AS source,
    CASE WHEN b.is_closed THEN -2 * s.feature_id - 1 ELSE s.to_node_id END AS target
    FROM pipemap.pipe_segment s LEFT JOIN wall a ON a.feature_id = from_node_id
    LEFT JOIN wall b ON b.feature_id = to_node_id WHERE s.class_code = 'water';
CREATE UNIQUE INDEX ON parted (id); CREATE INDEX ON parted (source); CREATE INDEX ON parted (target);
CREATE UNIQUE INDEX ON joined (id);
ANALYZE parted; ANALYZE joined;
"""


def _pgrouting_lines(mains: Mains) -> Iterator[Line]:
    with psycopg.connect(mains.url, autocommit=True) as connection:
        try:
            connection.execute(_PGROUTING_TABLES)
        except psycopg.Error:
            yield Line("one burst, valves and outage", None, None, _PGROUTING, "pgRouting is not installed")
            return
        sources = connection.execute("SELECT feature_id FROM pipemap.node WHERE appurtenance_code = 'waterworks'")
        works = [row[0] for row in sources]
        yield from _against(mains, lambda one: _pgrouting_burst(connection, one, works), _PEER_BURSTS, _PGROUTING)


def _pgrouting_burst(connection: psycopg.Connection[Any], segment: int, works: list[int]) -> tuple[int, int]:
    """How many pipes are isolated and how many nodes then reach no waterworks."""
    isolated = connection.execute(
        "WITH walk AS MATERIALIZED (SELECT node FROM pgr_drivingDistance("
        "'SELECT id, source, target, cost FROM parted', (SELECT source FROM parted WHERE id = %s), 1e9, false))"
        " SELECT DISTINCT p.id FROM walk JOIN parted p ON walk.node IN (p.source, p.target)",
        [segment],
    ).fetchall()
    ids = ",".join(str(row[0]) for row in isolated)
    dry = connection.execute(
        "WITH part AS MATERIALIZED (SELECT component, node FROM pgr_connectedComponents(%s))"
        " SELECT count(*) FROM part WHERE component NOT IN (SELECT component FROM part WHERE node = ANY(%s))",
        [f"SELECT id, source, target, cost FROM joined WHERE id NOT IN ({ids})", works],
    ).fetchone()
    assert dry is not None
    return len(isolated), dry[0]


def _plain_network(model: wntr.network.WaterNetworkModel) -> Network:
    number = {name: place for place, name in enumerate(model.node_name_list)}
    links = [link for _, link in model.links()]
    return network_from_arrays(
        {"id": range(len(number))},
        {
            "id": range(len(links)),
            "from_id": [number[link.start_node_name] for link in links],
            "to_id": [number[link.end_node_name] for link in links],
        },
    )


def _valve_pairs(model: wntr.network.WaterNetworkModel, layer: Any) -> list[tuple[int, int]]:
    node = {name: place for place, name in enumerate(model.node_name_list)}
    link = {name: place for place, name in enumerate(model.link_name_list)}
    return [(link[one], node[other]) for one, other in zip(layer["link"], layer["node"], strict=True)]


def _times(work: Callable[[int], object], picks: list[int]) -> list[float]:
    for pick in picks[:3]:
        work(pick)
    return [_once_s(partial(work, pick)) for pick in picks]


def _in_blocks(works: list[Callable[[int], object]], picks: list[list[int]]) -> list[list[float]]:
    """Times of every work on its own picks, a block of each in turn, so that a drifting machine meets all alike."""
    times: list[list[float]] = [[] for _ in works]
    for start in range(0, len(picks[0]), _BLOCK):
        for work, own, found in zip(works, picks, times, strict=True):
            found += [_once_s(partial(work, pick)) for pick in own[start : start + _BLOCK]]
    return times


def _in_turn(works: list[Callable[[int], object]], picks: list[int]) -> list[list[float]]:
    """Times of every work on every pick, the works in turn."""
    for pick in picks[:3]:
        for work in works:
            work(pick)
    rows = [[_once_s(partial(work, pick)) for work in works] for pick in picks]
    return [list(column) for column in zip(*rows, strict=True)]


def _once_s(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _median(times: list[float]) -> float:
    return float(np.median(times))


def _p95(times: list[float]) -> str:
    return f"p95 {np.percentile(times, 95) * 1000:.3g} ms, worst {max(times) * 1000:.3g} ms of {len(times)}"
