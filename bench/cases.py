"""The cases of the table; each takes the loaded city and gives lines with ours and the other's time."""

import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx
import numpy as np
import psycopg
import uvicorn
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from api.app import create_app
from bench.deliveries import delivered
from bench.measure import Line, median_s, paired_s
from pipemap.cluster import Cluster
from pipemap.db import Connection, Database, fetch_one
from pipemap.network import Network, NodeKind, load_network
from pipemap.network.kinds import node_kinds
from pipemap.settings import Settings
from pipemap.tracing.isolation import burst
from schemas.codetables import code_table

_PORT = 8765
_WATER = list(code_table("utility_class")).index("water")


@dataclass(frozen=True)
class Loaded:
    """A throw-away server with the synthetic city published as version 1."""

    cluster: Cluster
    url: str
    database: Database


def load_city(cluster: Cluster, files: tuple[Path, Path]) -> tuple[Loaded, list[Line]]:
    """Import, check and publish the city; the import is timed against ogr2ogr of the same rows."""
    url, lines = delivered(cluster, "bench", files)
    return Loaded(cluster, url, Database(url)), lines


def burst_lines(city: Loaded) -> list[Line]:
    """One burst, full answer from the loaded network, against two scipy component runs from scratch."""
    with city.database.transaction(read_only=True) as connection:
        start = time.perf_counter()
        network = load_network(connection)
        loaded_s = time.perf_counter() - start
    water = np.flatnonzero(network.segments.class_ == _WATER)
    picks = iter(np.random.default_rng(1).choice(network.segments.id[water], 400))
    ours, other = paired_s(lambda: burst(network, [int(next(picks))]), lambda: _scipy_components(network), 20)
    return [
        Line("one burst, full answer", ours, other, "2 x scipy connected_components"),
        Line("load a version into arrays", loaded_s, None, "-"),
    ]


def lookup_lines(city: Loaded) -> list[Line]:
    """A 500 m box over HTTP against the SQL that reads a few columns of it, and the SQL that makes the same text."""
    box = _middle_box(city, 500.0)
    address = f"/api/features/pipe_segment?bbox={','.join(map(str, box))}&limit=10000"
    with _served(city.url) as base, httpx.Client(base_url=base) as client, city.database.transaction() as connection:

        def ask() -> None:
            client.get(address).raise_for_status()

        floors = {"bare SQL": _bare_box, "SQL of the same GeoJSON": _geojson_box}
        note = f"{_bare_box(connection, box)} segments"
        return [
            Line("500 m box over HTTP", *paired_s(ask, partial(floor, connection, box), 30), name, note)
            for name, floor in floors.items()
        ]


def history_lines(city: Loaded) -> list[Line]:
    """The current state of a 500 m box with one version of history and with ten."""
    box = _middle_box(city, 500.0)
    with city.database.transaction() as connection:
        one = median_s(lambda: _bare_box(connection, box), 30)
        blocks_one = _blocks(connection, box)
    _age(city, versions=10)
    with city.database.transaction() as connection:
        ten = median_s(lambda: _bare_box(connection, box), 30)
        blocks_ten = _blocks(connection, box)
    return [Line("current box, 10 versions of history", ten, one, "1 version", f"blocks {blocks_ten} / {blocks_one}")]


def _scipy_components(network: Network) -> None:
    """From scratch, twice: components with every valve shut, then what still reaches a source."""
    nodes, segments = network.nodes, network.segments
    valve = node_kinds(network, "water") == NodeKind.OPEN_VALVE
    is_open = ~valve[segments.from_node] & ~valve[segments.to_node]
    for keep in (is_open, slice(None)):
        a, b = segments.from_node[keep], segments.to_node[keep]
        graph = coo_matrix((np.ones(len(a), np.int8), (a, b)), shape=(len(nodes.id), len(nodes.id)))
        connected_components(graph, directed=False)


def _middle_box(city: Loaded, side_m: float) -> tuple[float, float, float, float]:
    with city.database.transaction(read_only=True) as connection:
        row = fetch_one(
            connection,
            "SELECT (ST_XMin(e) + ST_XMax(e)) / 2 AS x, (ST_YMin(e) + ST_YMax(e)) / 2 AS y"
            " FROM (SELECT ST_Extent(geom) AS e FROM pipemap.pipe_segment) AS extent",
        )
    assert row is not None
    half = side_m / 2
    return row["x"] - half, row["y"] - half, row["x"] + half, row["y"] + half


_BARE = (
    "SELECT feature_id, class_code, width_mm, material_code, ST_AsGeoJSON(geom) FROM pipemap.pipe_segment"
    " WHERE geom && ST_MakeEnvelope(%s, %s, %s, %s, 4547)"
)


def _bare_box(connection: Connection, box: tuple[float, float, float, float]) -> int:
    return len(connection.execute(_BARE, box).fetchall())


_GEOJSON = (
    "SELECT json_build_object('type', 'FeatureCollection', 'features', json_agg(ST_AsGeoJSON(f, 'geom', 4)::json))"
    "::text AS text FROM pipemap.pipe_segment AS f WHERE geom && ST_MakeEnvelope(%s, %s, %s, %s, 4547)"
)


def _geojson_box(connection: Connection, box: tuple[float, float, float, float]) -> int:
    row = connection.execute(_GEOJSON, box).fetchone()
    assert row is not None
    return len(row["text"])


def _blocks(connection: Connection, box: tuple[float, float, float, float]) -> int:
    plan = connection.execute("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + _BARE, box).fetchone()
    assert plan is not None
    top = plan["QUERY PLAN"][0]["Plan"]
    return int(top["Shared Hit Blocks"] + top["Shared Read Blocks"])


def _age(city: Loaded, versions: int) -> None:
    """Give every segment further versions of history, as so many re-surveys of the whole city would.

    In between the server is given the time that autovacuum takes between two surveys.
    """
    with psycopg.connect(city.url, autocommit=True) as connection:
        for version in range(2, versions + 1):
            connection.execute(
                "INSERT INTO pipemap.pipe_segment_history SELECT s.*, %s FROM pipemap.pipe_segment s", [version]
            )
            connection.execute("UPDATE pipemap.pipe_segment SET valid_from_version = %s", [version])
            connection.execute("VACUUM (ANALYZE) pipemap.pipe_segment")


@contextmanager
def _served(url: str) -> Iterator[str]:
    """The service in a process of its own, as it runs in the field."""
    base = f"http://127.0.0.1:{_PORT}"
    server = multiprocessing.get_context("spawn").Process(target=_serve, args=(url,), daemon=True)
    server.start()
    try:
        while not _answers(base):
            time.sleep(0.05)
        yield base
    finally:
        server.terminate()
        server.join()


def _serve(url: str) -> None:
    uvicorn.run(create_app(Settings(), url), port=_PORT, log_level="warning")


def _answers(base: str) -> bool:
    try:
        return httpx.get(f"{base}/health").is_success
    except httpx.ConnectError:
        return False
