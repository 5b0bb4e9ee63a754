"""Looks on an event loop: whose rights they have, what is put on record, and what becomes of a batch that fails."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import pytest

from pipemap.db import Database
from pipemap.errors import PipemapError, StorageError
from pipemap.sharing import chains
from pipemap.sharing.audit import Look
from pipemap.sharing.reading import LoopReading

T = TypeVar("T")


def on_loop(database: Database, work: Callable[[LoopReading], Awaitable[T]], timeout_s: int = 30) -> T:
    async def run() -> T:
        reading = LoopReading(database, timeout_s)
        try:
            return await work(reading)
        finally:
            await reading.close()

    return asyncio.run(run())


def test_agencies_and_staff_may_only_read_and_agencies_by_their_views_alone(database: Database) -> None:
    query = b"SELECT current_user::text AS who, current_setting('transaction_read_only') AS read_only"

    async def ask(reading: LoopReading) -> list[Any]:
        with pytest.raises(StorageError):
            await reading.rows(True, b"SELECT count(*) FROM pipemap.node", {})
        for is_agency in (True, False):
            with pytest.raises(StorageError):
                await reading.rows(is_agency, b"CREATE TEMP TABLE t (n int)", {})
        return [(await reading.rows(is_agency, query, {}))[0] for is_agency in (True, False, True)]

    agency, staff, again = on_loop(database, ask)
    assert agency == again == {"who": "pipemap_agency", "read_only": "on"}
    assert staff["who"] != "pipemap_agency" and staff["read_only"] == "on"


def test_a_question_that_takes_too_long_is_stopped(database: Database) -> None:
    async def ask(reading: LoopReading) -> None:
        await reading.rows(True, b"SELECT pg_sleep(30)", {})

    with pytest.raises(StorageError, match="too long"):
        on_loop(database, ask, timeout_s=1)


def test_a_connection_is_used_again_before_others_and_no_more_are_made_than_allowed(database: Database) -> None:
    async def pids(reading: LoopReading, statement: bytes, count: int) -> list[int]:
        found = await asyncio.gather(*(reading.rows(False, statement, {}) for _ in range(count)))
        return [row["pid"] for rows in found for row in rows]

    async def ask(reading: LoopReading) -> tuple[list[int], list[int]]:
        at_once = await pids(reading, b"SELECT pg_backend_pid() AS pid, pg_sleep(0.05)", 40)
        in_turn = [await pids(reading, b"SELECT pg_backend_pid() AS pid", 1) for _ in range(20)]
        return at_once, [pid for each in in_turn for pid in each]

    at_once, in_turn = on_loop(database, ask)
    assert len(at_once) == 40 and 1 < len(set(at_once)) <= 16
    assert len(in_turn) == 20 and len(set(in_turn)) == 1


def test_once_the_server_has_dropped_every_connection_one_question_fails_and_the_next_is_answered(
    database: Database,
) -> None:
    statement = b"SELECT pg_backend_pid() AS pid, pg_sleep(0.01)"

    async def ask(reading: LoopReading) -> tuple[set[int], set[int]]:
        before = [row["pid"] for rows in await ask_all(reading) for row in rows]
        with database.transaction() as connection:
            connection.execute("SELECT pg_terminate_backend(pid, 5000) FROM unnest(%s::int[]) AS t (pid)", [before])
        with pytest.raises(StorageError):
            await reading.rows(False, statement, {})
        after = [row["pid"] for rows in await ask_all(reading) for row in rows]
        return set(before), set(after)

    async def ask_all(reading: LoopReading) -> list[Any]:
        return await asyncio.gather(*(reading.rows(False, statement, {}) for _ in range(4)))

    before, after = on_loop(database, ask)
    assert len(before) == len(after) == 4 and not before & after


def test_looks_at_the_same_moment_share_a_commit_and_what_cannot_be_written_sinks_no_other(database: Database) -> None:
    async def record(reading: LoopReading, number: int) -> str:
        text = "\0" if number % 5 == 0 else "fine"
        look = Look(("水务局", "燃气公司")[number % 2], "share.items", {"n": number, "text": text})
        try:
            await reading.record([look])
        except PipemapError:
            return "\0"
        return "fine"

    async def record_all(reading: LoopReading) -> list[str]:
        return await asyncio.gather(*(record(reading, number) for number in range(60)))

    assert on_loop(database, record_all) == ["\0" if number % 5 == 0 else "fine" for number in range(60)]

    async def record_fine(reading: LoopReading) -> None:
        await asyncio.gather(*(reading.record([Look("水务局", "share.tile", {"n": n})]) for n in range(40)))

    on_loop(database, record_fine)
    with database.transaction(read_only=True) as connection:
        report = chains.verify(connection)
        rows = connection.execute(
            "SELECT count(*) AS n FROM pipemap.audit_log WHERE action = 'share.tile' GROUP BY xmin"
        ).fetchall()
    assert report.is_intact and report.entries == 48 + 40
    assert len(rows) < 40


def test_who_goes_before_the_commit_keeps_no_other_from_it(database: Database) -> None:
    async def record(reading: LoopReading) -> None:
        looks = [asyncio.create_task(reading.record([Look("水务局", "share.items", {"n": n})])) for n in range(6)]
        await asyncio.sleep(0)
        looks[0].cancel()
        looks[3].cancel()
        await asyncio.gather(*looks, return_exceptions=True)
        await reading.record([Look("水务局", "share.items", {"n": 6})])

    on_loop(database, record)
    with database.transaction(read_only=True) as connection:
        assert chains.verify(connection).entries == 7
