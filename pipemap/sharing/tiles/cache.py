"""Tiles kept in memory, within a bound of bytes, and the looks at them that are already on record."""

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from functools import cached_property

# What an entry takes beside its bytes, so that many empty tiles are bounded too.
_ENTRY_BYTES = 500


@dataclass(frozen=True)
class Made:
    """A tile as it is handed out; an empty body says that nothing is there. `shown` features are in it."""

    body: bytes
    shown: int = 0
    is_capped: bool = False
    ids_sha256: str | None = None

    @cached_property
    def tag(self) -> str:
        """Names these bytes."""
        return hashlib.sha256(self.body).hexdigest()[:32]


class TileCache:
    """Bytes by key, the least lately used dropped first; safe between threads.

    A key must hold everything the bytes depend on: layer, tile, version and the digest of the permission.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._held: OrderedDict[Hashable, Made] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    @property
    def held_bytes(self) -> int:
        """How much is held."""
        return self._bytes

    def get(self, key: Hashable) -> Made | None:
        """What is kept under a key."""
        with self._lock:
            if key not in self._held:
                return None
            self._held.move_to_end(key)
            return self._held[key]

    def keep(self, key: Hashable, made: Made) -> None:
        """Keep a tile; one that is larger than the bound is not kept."""
        size = len(made.body) + _ENTRY_BYTES
        with self._lock:
            self._drop(key)
            if size > self._max_bytes:
                return
            self._held[key] = made
            self._bytes += size
            while self._bytes > self._max_bytes:
                self._drop(next(iter(self._held)))

    def _drop(self, key: Hashable) -> None:
        dropped = self._held.pop(key, None)
        if dropped is not None:
            self._bytes -= len(dropped.body) + _ENTRY_BYTES


class Looks:
    """Which key has lately been shown which tile: the same bytes again within `lasting_s` are the same look."""

    def __init__(self, lasting_s: float = 600.0, most: int = 100_000) -> None:
        self._lasting_s, self._most = lasting_s, most
        self._since: OrderedDict[Hashable, float] = OrderedDict()
        self._lock = threading.Lock()

    def is_on_record(self, look: Hashable) -> bool:
        """Whether this look was put on record lately."""
        since = self._since.get(look)
        return since is not None and time.monotonic() - since < self._lasting_s

    def remember(self, look: Hashable) -> None:
        """A look has been put on record."""
        with self._lock:
            self._since[look] = time.monotonic()
            self._since.move_to_end(look)
            if len(self._since) > self._most:
                self._since.popitem(last=False)
