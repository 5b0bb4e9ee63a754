"""A thread that follows what the database announces."""

from collections.abc import Callable
from threading import Event, Lock, Thread

from pipemap.db import Database, Listener
from pipemap.errors import PipemapError

_LISTEN_S, _RETRY_S = 60.0, 2.0


class Follower:
    """Catches up when it starts, at every announcement on a channel, and every minute in case one was missed."""

    def __init__(self, database: Database, channel: str, catch_up: Callable[[], object]) -> None:
        self._database, self._channel, self._catch_up = database, channel, catch_up
        self._closed, self._lock = Event(), Lock()
        self._listener: Listener | None = None
        self._thread = Thread(target=self._follow, name=f"follow-{channel}", daemon=True)

    def start(self) -> None:
        """Follow in the background until `close`."""
        self._thread.start()

    def close(self) -> None:
        """Stop following."""
        self._closed.set()
        with self._lock:
            if self._listener is not None:
                self._listener.wake()
        if self._thread.is_alive():
            self._thread.join()

    def _follow(self) -> None:
        while not self._closed.is_set():
            try:
                with self._database.listening(self._channel) as listener:
                    self._hear(listener)
            except PipemapError:
                # The database is away or has no map yet; what was announced meanwhile is found when it is back.
                self._closed.wait(_RETRY_S)

    def _hear(self, listener: Listener) -> None:
        with self._lock:
            self._listener = listener
        try:
            self._catch_up()
            while not self._closed.is_set():
                if listener.wait(_LISTEN_S):
                    self._catch_up()
        finally:
            with self._lock:
                self._listener = None
