"""Killed at any moment, service or database: every answer that has left is on record, and none is there twice."""

import subprocess
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from pipemap.cluster import Cluster
from pipemap.db import Database
from pipemap.projects import create_database, init_project
from pipemap.sharing.chains import verify
from pipemap.sharing.tiles.grids import own_grid
from tests.postgis.test_kill import durable, kill_server
from tests.service.conftest import X0, Y0, Town, free_port, published_town
from tests.service.program import PROGRAM, Program
from tests.service.test_limits import make_key
from tests.service.test_ogc_tiles import path_of, tile_at
from tests.service.test_processes import wait_for

__all__ = ["durable"]

SETTINGS = {"PIPEMAP_REQUESTS_PER_MINUTE": "1000000", "PIPEMAP_TILE_CACHE_MB": "0"}
ITEMS = "/ogc/collections/pipe_segment/items"
LEAST_ANSWERED = 60


@dataclass
class Asking:
    """What was asked, by name, and what of it was answered."""

    header: Mapping[str, str]
    town: Town
    asked: Counter[str] = field(default_factory=Counter)
    answered: Counter[str] = field(default_factory=Counter)

    def has_answers(self, least: int) -> bool:
        return self.answered.total() >= least

    def ask(self, address: str, number: int) -> None:
        """Ask until there is no answer any more."""
        with httpx.Client(base_url=address, headers=self.header, trust_env=False, timeout=600) as client:
            for turn in range(100_000):
                name, path = self._question(number, turn)
                self.asked[name] += 1
                try:
                    if client.get(path).status_code not in (200, 204):
                        return
                except httpx.HTTPError:
                    return
                self.answered[name] += 1

    def _question(self, number: int, turn: int) -> tuple[str, str]:
        if number % 3 == 0:
            box = ",".join(map(repr, (113.9 + number / 1e3, 22.5, 114.1, 22.7 + turn / 1e6)))
            return box, f"{ITEMS}?limit=5&bbox={box}"
        if number % 3 == 1:
            # Each thread has one of its own, so that counting needs no lock.
            identity = self.town.ids[("W->V1", "V1->A", "A->B", "B->V2")[number // 3]]
            return str(identity), f"{ITEMS}/{identity}"
        tile = tile_at(own_grid(4547), X0 + 45, Y0 + 99, 14 + number // 3)
        return f"{tile.grid.id}/{tile.level}/{tile.row}/{tile.column}", path_of("pipe_segment", tile)


def name_of(details: Mapping[str, Any]) -> str:
    """The name under which what is on record was asked for."""
    if "tile" in details:
        return str(details["tile"])
    return ",".join(map(repr, details["bbox"])) if details["bbox"] else str(details["feature_id"])


def on_record(database: Database) -> Counter[str]:
    with database.transaction(read_only=True) as connection:
        assert verify(connection).is_intact
        rows = connection.execute(
            "SELECT details::jsonb AS details FROM pipemap.audit_log WHERE action IN ('share.items', 'share.tile')"
        ).fetchall()
    return Counter(name_of(row["details"]) for row in rows)


def answers(address: str) -> bool:
    try:
        return httpx.get(address + "/health", trust_env=False).is_success
    except httpx.HTTPError:
        return False


@contextmanager
def serving(url: str, folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """The program's service, once it answers."""
    port = free_port()
    environment = Program(folder, url).environment() | SETTINGS
    process = subprocess.Popen([PROGRAM, "serve", "--port", str(port)], cwd=folder, env=environment)
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(lambda: answers(address))
        yield process, address
    finally:
        process.kill()
        process.wait()


def test_an_answer_that_has_left_is_on_record_once_whatever_is_killed(durable: Cluster, tmp_path: Path) -> None:
    url = durable.url("city")
    create_database(url)
    with Database(url) as database:
        init_project(database, "city", 4547)
        town = published_town(database)
        _, header = make_key(town)
    asking = Asking(header, town)
    for victim in ("service", "database"):
        with serving(url, tmp_path) as (process, address):
            threads = [threading.Thread(target=asking.ask, args=[address, number]) for number in range(12)]
            for thread in threads:
                thread.start()
            wait_for(partial(asking.has_answers, asking.answered.total() + LEAST_ANSWERED))
            if victim == "database":
                kill_server(durable)
            process.kill()
            for thread in threads:
                thread.join()
        durable.start()
        with Database(url) as database:
            recorded = on_record(database)
        assert not asking.answered - recorded, "what was answered is on record"
        assert not recorded - asking.asked, "nothing is on record twice"
