"""How a look reaches the database: from an event loop without threads, or blocking the thread that asks.

What a look is made of is written once, as coroutines that are given one of the two.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ParamSpec, Protocol, TypeVar

import psycopg.errors
from psycopg.rows import DictRow

from pipemap.async_db import AsyncDatabase
from pipemap.db import Database, translated_errors
from pipemap.errors import UsageError
from pipemap.sharing import audit
from pipemap.sharing.audit import Look, LoopRecorder
from pipemap.sql import queries

P = ParamSpec("P")
T = TypeVar("T")
_AGENCY = "pipemap_agency"
# Shared out between the processes of a service. One agency may ask 32 times at a time and leaves some to others; the
# record needs few, as the looks of an agency wait for one another.
_OF_AGENCIES, _OF_STAFF, _OF_THE_RECORD = 40, 16, 4


class Reading(Protocol):
    """A way to the database."""

    @property
    def database(self) -> Database:
        """The database itself, for what `run` does."""

    async def rows(self, is_agency: bool, statement: bytes, values: Mapping[str, Any]) -> list[DictRow]:
        """What one statement finds, which may only read: as the agency's role, or as staff."""

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What a function gives that blocks; for what is rarely asked."""

    async def record(self, entries: Sequence[Look]) -> None:
        """Append looks of one agency to its chain; committed when this returns."""


class BlockingReading:
    """Each statement is waited for by the thread that asks; coroutines given this never wait, so `now` can run them."""

    def __init__(self, database: Database, timeout_s: int = 30) -> None:
        self.database = database
        self._timeout_s = timeout_s

    async def rows(self, is_agency: bool, statement: bytes, values: Mapping[str, Any]) -> list[DictRow]:
        """The same, in one round trip with what sets the role, which lasts no longer than the statement."""
        session = {"role": _AGENCY if is_agency else "none", "timeout": f"{self._timeout_s}s"}
        with self.database.at_once() as connection:
            with faults_of_place(), connection.pipeline():
                connection.execute(queries("sharing")["begin_at_once"], session)
                found = connection.execute(statement, values, binary=True)
            return found.fetchall()

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The same, here and now."""
        return work(*args, **kwargs)

    async def record(self, entries: Sequence[Look]) -> None:
        """The same, together with what other threads record."""
        audit.append(self.database, entries)


class LoopReading:
    """Statements of one event loop; agencies have connections of their own, whose role is the agency's for good."""

    def __init__(self, database: Database, timeout_s: int, processes: int = 1) -> None:
        self.database = database
        # A plan for all values: one for each would take longer to make than to carry out.
        limits = {"plan_cache_mode": "force_generic_plan", "statement_timeout": f"{timeout_s}s"}
        limits["default_transaction_read_only"] = "on"
        self._agency = AsyncDatabase(database.url, _OF_AGENCIES // processes, **limits, role=_AGENCY)
        self._staff = AsyncDatabase(database.url, _OF_STAFF // processes, **limits)
        self._record = AsyncDatabase(database.url, max(_OF_THE_RECORD // processes, 1))
        self._recorder = LoopRecorder(self._record)

    async def close(self) -> None:
        """Close every connection."""
        for one in (self._agency, self._staff, self._record):
            await one.close()

    async def rows(self, is_agency: bool, statement: bytes, values: Mapping[str, Any]) -> list[DictRow]:
        """The same."""
        with translated_errors(), faults_of_place():
            if not is_agency:
                return await self._staff.rows(statement, values)
            with self._recorder.expecting():
                return await self._agency.rows(statement, values)

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The same, in a thread."""
        return await asyncio.to_thread(work, *args, **kwargs)

    async def record(self, entries: Sequence[Look]) -> None:
        """The same, together with what else is recorded in this loop."""
        await self._recorder.append(entries)


def now(coroutine: Coroutine[Any, Any, T]) -> T:
    """What a coroutine gives that never waits."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    coroutine.close()
    raise RuntimeError("It waits for something.")


@contextmanager
def faults_of_place() -> Iterator[None]:
    """Say of a box that cannot be transformed what is wrong with it."""
    try:
        yield
    except psycopg.errors.InternalError_ as error:
        raise UsageError("The box lies outside of where its coordinate reference system is defined.") from error
