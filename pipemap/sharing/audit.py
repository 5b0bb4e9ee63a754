"""The audit log: who did what and who looked at what, append-only; every agency has a hash chain of its own.

What staff do is written in their own transaction (`record`). What an agency looks at is written by `append`, which
returns once the entry is committed: concurrent looks of an agency in one process share a transaction. For those of an
event loop `LoopRecorder` does the same.
"""

import asyncio
import hashlib
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from weakref import WeakKeyDictionary

import orjson
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from pipemap.async_db import AsyncDatabase
from pipemap.db import Connection, Database, fetch_all, translated_errors
from pipemap.errors import UsageError
from pipemap.sql import queries

STAFF_CHAIN = ""
KEY_LETTERS = 12
_LONGEST_DETAIL = 4_000
# A commit takes as much work as writing ten looks; about as long as finding a page takes.
_PATIENCE_S = 0.002


@dataclass(frozen=True)
class AuditFilter:
    """Which entries to list; None means any. `since` is included, `until` is not."""

    actor: str | None = None
    action: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True)
class Look:
    """What an agency did: an entry of its chain."""

    agency: str
    action: str
    details: Mapping[str, Any]


class Agreed(Protocol):
    """What an entry tells of the agreement that a look was under."""

    @property
    def agreement_id(self) -> int:
        """Its number."""

    @property
    def agency(self) -> str:
        """Whose it is."""

    @property
    def purpose(self) -> str:
        """What for."""


def record(connection: Connection, actor: str, action: str, details: dict[str, Any]) -> None:
    """Append what staff did in the caller's transaction; the next writer waits for its commit."""
    connection.execute(queries("audit")["append"], {"actor": actor, "action": action, "details": Jsonb(details)})


def look(database: Database, grant: Agreed, key_sha256: str, action: str, details: Mapping[str, Any]) -> None:
    """Put on record what a key read under its agreement; committed when this returns.

    `details` tell which area (`bbox`, `bbox_srid`), which features (`ids_sha256`), `count`, `bytes` and the format.
    """
    append(database, looks_under(grant, key_sha256, action, [details]))


def looks_under(grant: Agreed, key_sha256: str, action: str, each: Sequence[Mapping[str, Any]]) -> list[Look]:
    """Entries of several looks of a key, each with what it is under."""
    under = {"agreement_id": grant.agreement_id, "purpose": grant.purpose, "key_sha256": key_sha256[:KEY_LETTERS]}
    return [Look(grant.agency, action, under | dict(details)) for details in each]


def digest_of(identities: Iterable[int]) -> str:
    """SHA-256 in hex over the identities of what was shown, in ascending order, a line each."""
    # As JSON first, which writes numbers ten times as fast.
    listed = orjson.dumps(list(identities))[1:-1].replace(b",", b"\n")
    return hashlib.sha256(listed + b"\n" if listed else b"").hexdigest()


def record_look(database: Database, entry: Look) -> None:
    """Append one entry to its agency's chain; committed when this returns."""
    append(database, [entry])


def append(database: Database, entries: Sequence[Look]) -> None:
    """Append entries to the chain of their agency, which is the same for all; committed when this returns."""
    with _recorders_lock:
        recorder = _recorders.setdefault(database, {}).setdefault(entries[0].agency, _Recorder())
    recorder.append(database, entries)


def list_entries(
    connection: Connection, filters: AuditFilter | None = None, limit: int = 100, offset: int = 0
) -> list[DictRow]:
    """Entries of all chains, newest first."""
    wanted = vars(filters or AuditFilter()) | {"limit": limit, "offset": offset}
    return fetch_all(connection, queries("audit")["entries"], wanted)


class _Waiting:
    """Entries that are not committed yet, and the thread that waits for them: to be done, or to lead the next batch."""

    def __init__(self, entries: Sequence[Look]) -> None:
        self.entries = entries
        self.woken = threading.Event()
        self.is_done = False
        self.error: BaseException | None = None

    def finish(self, error: BaseException | None = None) -> None:
        """Let the thread go on, or fail."""
        self.error, self.is_done = error, True
        self.woken.set()


class _Recorder:
    """An agency's looks in one process: while one thread commits a batch, entries of others gather for the next.

    Each agency has its own, so that none waits for another; PostgreSQL joins the commits of several by itself.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_led = False
        self._waiting: list[_Waiting] = []

    def append(self, database: Database, entries: Sequence[Look]) -> None:
        """Commit entries, together with whatever else waits, or see another thread do so."""
        mine = _Waiting(entries)
        with self._lock:
            self._waiting.append(mine)
            leads, self._is_led = not self._is_led, True
        if not leads:
            mine.woken.wait()
        if not mine.is_done:
            self._lead(database)
        if mine.error is not None:
            raise mine.error

    def _lead(self, database: Database) -> None:
        with self._lock:
            batch, self._waiting = self._waiting, []
        try:
            _write(database, [entry for one in batch for entry in one.entries])
        except BaseException as error:
            for one in batch:
                one.finish(_fault_alone(database, one.entries, error))
        else:
            for one in batch:
                one.finish()
        finally:
            self._hand_on()

    def _hand_on(self) -> None:
        with self._lock:
            self._is_led = bool(self._waiting)
            if self._waiting:
                self._waiting[0].woken.set()


_recorders: WeakKeyDictionary[Database, dict[str, _Recorder]] = WeakKeyDictionary()
_recorders_lock = threading.Lock()


class LoopRecorder:
    """Looks of one event loop: a batch of an agency waits a moment for looks that are on their way to it.

    While it is committed, further looks gather for the next.
    """

    def __init__(self, database: AsyncDatabase) -> None:
        self._database = database
        # What waits, by agency, as long as a batch of it is under way.
        self._waiting: dict[str, list[_Unwritten]] = {}
        self._writers: set[asyncio.Task[None]] = set()
        self._on_their_way = 0
        self._all_are_here = asyncio.Event()

    @contextmanager
    def expecting(self) -> Iterator[None]:
        """A block at whose end there will be looks to append."""
        self._on_their_way += 1
        try:
            yield
        finally:
            self._on_their_way -= 1
            if self._on_their_way == 0:
                self._all_are_here.set()

    async def append(self, entries: Sequence[Look]) -> None:
        """Append entries to the chain of their agency, which is the same for all; committed when this returns."""
        agency, mine = entries[0].agency, _Unwritten(entries, asyncio.get_running_loop().create_future())
        if agency in self._waiting:
            self._waiting[agency].append(mine)
        else:
            self._waiting[agency] = [mine]
            # Not the first of them: who asked may go meanwhile, and the others must not wait in vain.
            writer = asyncio.create_task(self._write_all(agency))
            self._writers.add(writer)
            writer.add_done_callback(self._writers.discard)
        await mine.written

    async def _write_all(self, agency: str) -> None:
        while self._waiting[agency]:
            await self._let_in()
            batch, self._waiting[agency] = self._waiting[agency], []
            fault = await self._fault([entry for one in batch for entry in one.entries])
            for one in batch:
                # What fails for a value is written apart, so that none sinks another.
                one.finish(await self._fault(one.entries) if isinstance(fault, UsageError) else fault)
        del self._waiting[agency]

    async def _let_in(self) -> None:
        """Wait a moment for looks that are on their way."""
        if self._on_their_way:
            self._all_are_here.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(_PATIENCE_S):
                    await self._all_are_here.wait()

    async def _fault(self, entries: Sequence[Look]) -> Exception | None:
        """What went wrong with writing entries."""
        try:
            with translated_errors():
                await self._database.rows(queries("audit")["append_looks"].encode(), _values(entries))
        except Exception as error:
            return error
        return None


@dataclass(frozen=True)
class _Unwritten:
    """Entries that are not committed yet, and what tells that they are."""

    entries: Sequence[Look]
    written: asyncio.Future[None]

    def finish(self, error: Exception | None) -> None:
        """Tell whoever waits for it, unless they have gone."""
        if self.written.done():
            return
        if error is None:
            self.written.set_result(None)
        else:
            self.written.set_exception(error)


def _write(database: Database, entries: Sequence[Look]) -> None:
    """Write entries of one agency in one transaction."""
    with database.at_once() as connection:
        connection.execute(queries("audit")["append_looks"], _values(entries))


def _values(entries: Sequence[Look]) -> dict[str, Any]:
    """The values of the statement that appends entries of one agency."""
    return {
        "chain": entries[0].agency,
        "actors": [one.agency for one in entries],
        "actions": [one.action for one in entries],
        "details": [_text(one.details) for one in entries],
    }


def _text(details: Mapping[str, Any]) -> str:
    """Details as they go on record: a very long one by its beginning and digest, as nothing leaves the log again."""
    try:
        written = orjson.dumps(details, default=str)
    except orjson.JSONEncodeError as error:
        raise UsageError("A text in the question is not Unicode: it holds half of a surrogate pair.") from error
    if len(written) > _LONGEST_DETAIL:
        written = orjson.dumps({name: _shortened(value) for name, value in details.items()})
    return written.decode()


def _shortened(detail: Any) -> Any:
    written = orjson.dumps(detail, default=str)
    if len(written) <= _LONGEST_DETAIL:
        return orjson.Fragment(written)
    begins = written[:_LONGEST_DETAIL].decode(errors="ignore")
    return {"begins": begins, "bytes": len(written), "sha256": hashlib.sha256(written).hexdigest()}


def _fault_alone(database: Database, entries: Sequence[Look], cause: BaseException) -> BaseException | None:
    """Write what one thread waits for of a batch that failed, so that it sinks, and is sunk by, no other; its fault."""
    if not isinstance(cause, UsageError):
        # A connection that was lost may have committed.
        return cause
    try:
        _write(database, entries)
    except BaseException as error:
        return error
    return None
