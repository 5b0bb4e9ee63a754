"""One running service: what it holds from its start to its end."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pipemap.db import Connection, Database
from pipemap.errors import ConflictError
from pipemap.network import LiveNetwork
from pipemap.overview import overview
from pipemap.settings import Settings
from pipemap.sharing.ended_sessions import EndedSessions
from pipemap.sharing.granted import set_timeout
from pipemap.sharing.identity import read_verifier
from pipemap.sharing.key_sessions import KeySessions
from pipemap.sharing.reading import LoopReading
from pipemap.sharing.sealed import Seals
from pipemap.sharing.sign_in import read_sign_in
from pipemap.tracing.asking import make_ready
from pipemap.versions import current_version


class Service:
    """One running service: its settings, its database, by threads and by the event loop, and the networks it holds."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self.settings = settings
        self.database = database
        self.looking = LoopReading(database, settings.statement_timeout_s, settings.processes)
        self.networks = LiveNetwork(database, make_ready)
        self.identities = read_verifier(settings)
        self._ended_sessions, seals = EndedSessions(database), Seals(settings.session_key_path)
        self.sign_in = read_sign_in(settings, self.identities, seals, self._ended_sessions)
        self.key_sessions = KeySessions(database, seals, self._ended_sessions)
        self._overview: dict[str, Any] = {}
        self._n_incoming = 0

    def watch(self) -> None:
        """Until `close`, follow what is published and which sessions are ended, in the background."""
        self.networks.watch()
        self._ended_sessions.watch()

    async def close(self) -> None:
        """Stop following, and let go of the database."""
        await self.looking.close()
        self.networks.close()
        self._ended_sessions.close()
        self.database.close()

    @contextmanager
    def taking_in(self, most: int) -> Iterator[None]:
        """Take in one delivery; ConflictError where so many come in already. For the event loop alone."""
        if self._n_incoming >= most:
            raise ConflictError(
                f"{most} deliveries are coming in already; wait for one.",
                message_zh=f"已有 {most} 份成果正在上传，请稍候。",
            )
        self._n_incoming += 1
        try:
            yield
        finally:
            self._n_incoming -= 1

    def overview(self, connection: Connection) -> dict[str, Any]:
        """The map at a glance, counted anew only after a publish."""
        if self._overview.get("version") != current_version(connection):
            self._overview = overview(connection)
        return self._overview

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One moment of the map; a query that takes too long is stopped."""
        with self.database.transaction(read_only=True) as connection:
            set_timeout(connection, self.settings.statement_timeout_s)
            yield connection
