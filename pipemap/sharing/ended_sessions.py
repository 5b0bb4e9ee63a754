"""Sessions of staff that were ended before their time: every process of the service hears of each within a moment.

What is sealed cannot be taken back, so what has ended is kept until it would have ended by itself.
"""

from contextlib import suppress
from datetime import UTC, datetime
from threading import Event, Lock, Thread

from pipemap.db import Database, Listener, fetch_all
from pipemap.errors import PipemapError
from pipemap.sql import queries

CHANNEL = "pipemap_session"
_LISTEN_S, _RETRY_S = 60.0, 2.0


class EndedSessions:
    """Those of one database as one process knows them; before it has read them, every session counts as ended."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._ended: frozenset[str] | None = None
        self._closed, self._lock = Event(), Lock()
        self._listener: Listener | None = None
        self._watcher = Thread(target=self._follow, name="session-watch", daemon=True)

    def watch(self) -> None:
        """Read them and follow what is ended anywhere, in the background, until `close`."""
        with suppress(PipemapError):
            self._read()
        self._watcher.start()

    def close(self) -> None:
        """Stop following."""
        self._closed.set()
        with self._lock:
            if self._listener is not None:
                self._listener.wake()
        if self._watcher.is_alive():
            self._watcher.join()

    def __contains__(self, session_id: str) -> bool:
        """Whether a session was ended."""
        ended = self._ended
        return ended is None or session_id in ended

    def end(self, session_id: str, until_s: float) -> None:
        """Let a session hold nowhere any more; by itself it would end at `until_s`, in seconds since 1970."""
        values = {"session_id": session_id, "until": datetime.fromtimestamp(until_s, UTC)}
        with self._database.transaction() as connection:
            connection.execute(queries("sessions")["end"], values)
        self._read()

    def _read(self) -> None:
        with self._lock, self._database.transaction(read_only=True) as connection:
            rows = fetch_all(connection, queries("sessions")["ended"])
            self._ended = frozenset(row["session_id"] for row in rows)

    def _follow(self) -> None:
        while not self._closed.is_set():
            try:
                with self._database.listening(CHANNEL) as listener:
                    self._hear(listener)
            except PipemapError:
                # The database is away; what was ended meanwhile is read when it is back.
                self._closed.wait(_RETRY_S)

    def _hear(self, listener: Listener) -> None:
        with self._lock:
            self._listener = listener
        try:
            self._read()
            while not self._closed.is_set():
                if listener.wait(_LISTEN_S):
                    self._read()
        finally:
            with self._lock:
                self._listener = None
