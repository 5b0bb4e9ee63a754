"""The real service on a small published town, asked over HTTP.

    y 100   W ══ V1 ── A ──── B ── V2 ── C (hospital)      water, axis at 8 m, W a waterworks
    y  90   G0 ──────── G1 ───────────── G2                gas, axis at 7 m; G1->G2 of unknown height
          x 0    20    40     60   80    100

Version 1 has no gas; version 2 brings it and names the owner of A->B.
"""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import uvicorn

from api.app import create_app
from pipemap.db import Database
from pipemap.settings import Settings
from tests.conftest import Clone
from tests.postgis.deliveries import bring_in, delivery, node, publish_now, segment
from tests.service.program import Nursery

X0, Y0 = 500_000, 2_500_000
# The first burst compiles what it needs, beside whatever else the machine does.
_PATIENCE_S = 600


@dataclass
class Town:
    """The published town: its database, and identities by source key."""

    database: Database
    ids: dict[str, int]


@pytest.fixture(scope="session")
def town_template(clone: Clone, template: str) -> str:
    with Database(clone(template, "template_town")) as database:
        published_town(database)
    return "template_town"


@pytest.fixture
def database_template(request: pytest.FixtureRequest, template: str) -> str:
    """Where a test asks for the town, its database holds it already."""
    return str(request.getfixturevalue("town_template")) if "town" in request.fixturenames else template


@pytest.fixture
def town(database: Database) -> Town:
    return _town_in(database)


def published_town(database: Database) -> Town:
    publish_now(database, bring_in(database, _delivery(gas=False, owner=None)))
    publish_now(database, bring_in(database, _delivery(gas=True, owner="供水公司")))
    return _town_in(database)


def _town_in(database: Database) -> Town:
    ids: dict[str, int] = {}
    with database.transaction(read_only=True) as connection:
        for kind in ("node", "pipe_segment", "consumer"):
            rows = connection.execute(f"SELECT source_key, feature_id FROM pipemap.{kind}").fetchall()
            ids |= {row["source_key"]: row["feature_id"] for row in rows}
    return Town(database, ids)


@pytest.fixture(scope="session")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    started = Nursery(tmp_path_factory.mktemp("home"))
    yield started
    started.close()


@pytest.fixture(scope="session")
def ending() -> Iterator[list[threading.Thread]]:
    """Services that are told to stop, which takes them a moment that no test needs to wait for."""
    threads: list[threading.Thread] = []
    yield threads
    for thread in threads:
        thread.join()


@pytest.fixture
def serve(database_url: str, ending: list[threading.Thread]) -> Iterator[Callable[..., httpx.Client]]:
    """Start the service with some settings and get a client for it."""
    running: list[tuple[uvicorn.Server, threading.Thread, httpx.Client]] = []

    def start(**settings: Any) -> httpx.Client:
        app = create_app(Settings(_env_file=None, **settings), database_url)
        port = settings.get("port") or free_port()
        server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error"))
        thread = threading.Thread(target=server.run)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=_PATIENCE_S, trust_env=False)
        running.append((server, thread, client))
        return client

    yield start
    for server, thread, client in running:
        client.close()
        server.should_exit = True
        ending.append(thread)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture
def client(town: Town, serve: Callable[..., httpx.Client]) -> httpx.Client:
    return serve()


def _delivery(gas: bool, owner: str | None) -> Any:
    nodes = [
        node("W", 0, 100, appurtenance_code="waterworks", ground_elevation_m=10.0),
        node("V1", 20, 100, appurtenance_code="valve", valve_state_code="open", operability_code="operable"),
        node("A", 40, 100, ground_elevation_m=10.5),
        node("B", 60, 100, ground_elevation_m=10.5),
        node("V2", 80, 100, appurtenance_code="valve", valve_state_code="open", operability_code="operable"),
        node("C", 100, 100),
    ]
    pairs = [("W", 0, "V1", 20), ("V1", 20, "A", 40), ("A", 40, "B", 60), ("B", 60, "V2", 80), ("V2", 80, "C", 100)]
    segments = [
        segment(one, other, [(x, 100, 8), (x2, 100, 8)], shape_code="circle", width_mm=300.0, height_mm=300.0,
                depth_datum_code="axis", elevation_source_code="measured",
                owner=owner if one == "A" else None)
        for one, x, other, x2 in pairs
    ]  # fmt: skip
    if gas:
        nodes += [node(f"G{i}", 50 * i, 90, class_code="gas") for i in range(3)]
        segments.append(segment("G0", "G1", [(0, 90, 7), (50, 90, 7)], class_code="gas", width_mm=200.0))
        segments.append(segment("G1", "G2", [(50, 90), (100, 90)], class_code="gas"))
    consumers = [
        {"source_key": "U1", "class_code": "water", "node_key": "C", "kind_code": "hospital", "name": "人民医院",
         "people": 800, "is_critical": True, "geom": nodes[5]["geom"]},
    ]  # fmt: skip
    return delivery(nodes, segments, consumers)
