"""The service in two processes: what must hold over both of them together."""

import json
import multiprocessing
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import httpx
import pytest

from pipemap.sharing import agreements
from pipemap.sharing.anchors import Anchoring, anchor_file, read_anchors
from pipemap.sharing.chains import read_heads, verify
from pipemap.sharing.limits import Limiter, Limits, TooManyRequestsError
from tests.service.conftest import Town
from tests.service.program import PROGRAM, Program
from tests.service.test_limits import ROUTE, make_key

SETTINGS = {"PIPEMAP_PROCESSES": "2", "PIPEMAP_AUDIT_ANCHOR_MINUTES": "0.005"}


def stopped_clock() -> float:
    """A moment in which no bucket fills."""
    return 0.0


def tries(path: Path, count: int, limits: Limits, ends: bool) -> int:
    """How many requests of one key a process of its own may begin; it is killed or leaves them."""
    limiter, begun = Limiter(stopped_clock, path), 0
    for _ in range(count):
        try:
            limiter.enter("k", limits)
        except TooManyRequestsError:
            continue
        begun += 1
    for _ in range(begun if ends else 0):
        limiter.leave("k")
    return begun


def in_processes(path: Path, count: int, limits: Limits, ends: bool = True) -> list[int]:
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        return [one.result() for one in [pool.submit(tries, path, count, limits, ends) for _ in range(2)]]


def test_processes_fill_one_bucket_together(tmp_path: Path) -> None:
    counts = tmp_path / "counts"
    counts.touch()
    assert sum(in_processes(counts, 400, Limits(500, 10_000))) == 500


def test_what_a_process_had_running_at_its_end_is_given_back_to_those_after_it(tmp_path: Path) -> None:
    counts = tmp_path / "counts"
    counts.touch()
    limits = Limits(10_000, 7)
    assert sum(in_processes(counts, 20, limits, ends=False)) == 7
    later = [Limiter(stopped_clock, counts) for _ in range(2)]
    for _ in range(7):
        later[0].enter("k", limits)
    with pytest.raises(TooManyRequestsError):
        later[1].enter("k", limits)


@dataclass
class Running:
    """The program's service in two processes on a town."""

    pid: int
    address: str
    town: Town

    def ask(self, header: dict[str, str], times: int) -> list[int]:
        """Status codes of requests, each on a connection of its own, eight at a time."""
        with ThreadPoolExecutor(8) as pool:
            return list(pool.map(lambda _: self._ask(header), range(times)))

    def heard(self) -> int:
        """How many processes have begun, as each has a connection on which it hears of publications."""
        with self.town.database.transaction(read_only=True) as connection:
            row = connection.execute(
                "SELECT count(*) AS n FROM pg_stat_activity"
                " WHERE datname = current_database() AND query LIKE 'LISTEN%pipemap_version%'"
            ).fetchone()
        return 0 if row is None else int(row["n"])

    def _ask(self, header: dict[str, str]) -> int:
        return httpx.get(self.address + ROUTE, headers=header, trust_env=False, timeout=600).status_code


@pytest.fixture
def service(town: Town, database_url: str, tmp_path: Path) -> Iterator[Running]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    program = Program(tmp_path, database_url)
    words = [PROGRAM, "serve", "--port", str(port)]
    process = subprocess.Popen(words, cwd=tmp_path, env=program.environment() | SETTINGS)
    try:
        started = Running(process.pid, f"http://127.0.0.1:{port}", town)
        wait_for(lambda: started.heard() == 2)
        yield started
    finally:
        process.terminate()
        process.wait(120)


def wait_for(condition: Callable[[], bool], within_s: float = 300) -> None:
    until_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < until_s
        time.sleep(0.1)


def test_limits_revocation_record_and_anchors_hold_over_processes(service: Running, tmp_path: Path) -> None:
    town = service.town
    _, hasty = make_key(town, requests_per_minute=20)
    begun_s = time.monotonic()
    codes = service.ask(hasty, 60)
    filled_again = (time.monotonic() - begun_s) / 3
    assert set(codes) <= {200, 429} and 20 <= codes.count(200) <= 21 + filled_again
    number, header = make_key(town)
    assert service.ask(header, 40) == [200] * 40
    with town.database.transaction() as connection:
        agreements.revoke(connection, number, "manager")
    assert service.ask(header, 20) == [401] * 20

    wait_for(lambda: is_anchored(town, tmp_path))
    heads = [json.loads(line)["heads"] for line in anchors_of(town, tmp_path).read_text().splitlines()]
    assert all(one != other for one, other in pairwise(heads))
    with town.database.transaction(read_only=True) as connection:
        report = verify(connection, read_anchors(anchors_of(town, tmp_path)))
        shown = connection.execute(
            "SELECT count(*) AS n FROM pipemap.audit_log WHERE action = 'share.items'"
        ).fetchone()
    assert report.is_intact
    assert shown is not None and shown["n"] == codes.count(200) + 40


def anchors_of(town: Town, folder: Path) -> Path:
    return anchor_file(folder / "no-private-server-audit", town.database)


def is_anchored(town: Town, folder: Path) -> bool:
    path = anchors_of(town, folder)
    with town.database.transaction(read_only=True) as connection:
        heads = read_heads(connection)
    last = path.read_text().splitlines()[-1:] if path.exists() else []
    return bool(last) and json.loads(last[0])["heads"] == {chain: list(head) for chain, head in heads.items()}


def test_another_anchors_when_the_one_that_did_has_ended(town: Town, tmp_path: Path) -> None:
    path = tmp_path / "anchors.jsonl"
    first, second = (Anchoring(town.database, path, minutes=0.001) for _ in range(2))
    first.start()
    wait_for(path.exists)
    second.start()
    first.close()
    anchored = len(path.read_text().splitlines())
    make_key(town)
    try:
        wait_for(lambda: len(path.read_text().splitlines()) > anchored)
    finally:
        second.close()
    with town.database.transaction(read_only=True) as connection:
        assert verify(connection, read_anchors(path)).is_intact


def children_of(pid: int) -> list[int]:
    """The processes that a service has started, in the order it did."""
    found = Path(f"/proc/{pid}/task").glob("*/children")
    children = sorted(int(child) for task in found for child in task.read_text().split())
    return [child for child in children if b"resource_tracker" not in Path(f"/proc/{child}/cmdline").read_bytes()]


def test_a_worker_and_a_serving_process_that_are_killed_are_replaced(service: Running) -> None:
    _, header = make_key(service.town)
    worker, serving, other = children_of(service.pid)
    for pid in (worker, serving):
        os.kill(pid, signal.SIGKILL)
    assert service.ask(header, 20) == [200] * 20, "the one that is left answers meanwhile"
    wait_for(lambda: len(children_of(service.pid)) == 3 and service.heard() == 2)
    assert {worker, serving} & set(children_of(service.pid)) == set() and other in children_of(service.pid)
    assert service.ask(header, 20) == [200] * 20
    with httpx.Client(base_url=service.address, headers=header, trust_env=False, timeout=600) as client:
        job = client.post("/share/exports", json={"format": "csv"})
        assert job.status_code == 202, job.text
        address = job.headers["location"]
        wait_for(lambda: client.get(address).json()["state"] == "done")
