"""Sessions that were ended before their time: every process of the service hears of each within a moment.

What is sealed cannot be taken back, so what has ended is kept until it would have ended by itself.
"""

from contextlib import suppress
from datetime import UTC, datetime
from threading import Lock

from pipemap.db import Database, fetch_all
from pipemap.errors import PipemapError
from pipemap.following import Follower
from pipemap.sql import queries

CHANNEL = "pipemap_session"


class EndedSessions:
    """Those of one database as one process knows them; before it has read them, every session counts as ended."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._ended: frozenset[str] | None = None
        self._lock = Lock()
        self._follower = Follower(database, CHANNEL, self._read)

    def watch(self) -> None:
        """Read them and follow what is ended anywhere, in the background, until `close`."""
        with suppress(PipemapError):
            self._read()
        self._follower.start()

    def close(self) -> None:
        """Stop following."""
        self._follower.close()

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
