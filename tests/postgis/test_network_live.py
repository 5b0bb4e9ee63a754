"""The newest version in memory: swapped after a publish, while readers go on with the one they have."""

import threading
import time
from collections.abc import Callable

import pytest
from shapely import Point

from pipemap.changesets import create_edit
from pipemap.db import Database
from pipemap.errors import NotFoundError
from pipemap.network import LiveNetwork, Network
from tests.postgis.deliveries import publish_now


def add_node(database: Database) -> int:
    node = {"kind": "node", "op": "insert", "values": {"class_code": "water", "geom": Point(500_000, 2_500_000)}}
    return publish_now(database, create_edit(database, title="t", author="a", changes=[node]))


def read(database: Database, live: LiveNetwork, version: int | None = None) -> Network:
    with database.transaction(read_only=True) as connection:
        return live.at(connection, version)


def within(seconds: float, holds: Callable[[], bool]) -> bool:
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        time.sleep(0.01)
    return holds()


def test_a_publish_is_heard_and_made_ready_before_anyone_asks(database: Database) -> None:
    ready: list[int | None] = []
    live = LiveNetwork(database, lambda network: ready.append(network.version))
    live.watch()
    try:
        assert within(20, lambda: ready == [0])
        add_node(database)
        assert within(20, lambda: ready == [0, 1])
        network = read(database, live)
        assert (network.version, len(network.nodes.id)) == (1, 1)
        assert read(database, live) is network
    finally:
        live.close()


def test_readers_keep_the_old_network_until_the_new_one_is_whole(database: Database) -> None:
    may_finish, began = threading.Event(), threading.Event()

    def prepare(network: Network) -> None:
        if network.version == 2:
            began.set()
            assert may_finish.wait(20)

    live = LiveNetwork(database, prepare)
    try:
        add_node(database)
        assert read(database, live).version == 1
        add_node(database)
        answers: list[int | None] = []
        reader = threading.Thread(target=lambda: answers.append(read(database, live).version))
        reader.start()
        assert began.wait(20)
        reader.join(20)
        # The patience for the version being made is over: all are served the one before, at once.
        assert answers == [1]
        assert read(database, live).version == 1
        may_finish.set()
        assert within(20, lambda: read(database, live).version == 2)
    finally:
        may_finish.set()
        live.close()


def test_a_version_asked_for_by_number_is_that_version(database: Database) -> None:
    live = LiveNetwork(database)
    try:
        for _ in range(4):
            add_node(database)
        for version in (4, 1, 2, 3, 1, 0):
            network = read(database, live, version)
            assert (network.version, len(network.nodes.id)) == (version, version)
        assert read(database, live, 0) is read(database, live, 0)
    finally:
        live.close()


def test_a_publish_while_nobody_listened_is_found(database: Database) -> None:
    live = LiveNetwork(database)
    assert read(database, live).version == 0
    add_node(database)
    assert read(database, live).version == 1
    live.close()


def test_a_load_that_fails_is_tried_again(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    live = LiveNetwork(database)

    def fail(*_: object) -> Network:
        raise NotFoundError

    with monkeypatch.context() as broken:
        broken.setattr("pipemap.network.watching.load_network", fail)
        with pytest.raises(NotFoundError):
            read(database, live)
    assert read(database, live).version == 0
    live.close()
