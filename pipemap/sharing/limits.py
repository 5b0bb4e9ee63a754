"""How often and how many at a time a key may ask: a bucket of tokens and a count, kept in the service's memory.

The processes of one service have it in a file that each of them maps, so that they count together.
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ctypes import Structure, c_char, c_double, c_int32, sizeof
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from math import ceil
from mmap import mmap
from pathlib import Path
from threading import Lock
from typing import ClassVar

from pipemap.db import Database, fetch_one
from pipemap.errors import PipemapError
from pipemap.sql import queries

MOST_PROCESSES = 16
# A key has its use in one of the places of its set.
_SETS, _PLACES = 2_048, 8
_ROUNDING_S = 1e-6


class _Use(Structure):
    """What a key has in use: when its bucket is full again, and how much each process has running for it."""

    _fields_: ClassVar = [("name", c_char * 32), ("full_at_s", c_double), ("running", c_int32 * MOST_PROCESSES)]


class _Counts(Structure):
    """What the processes of a service share."""

    _fields_: ClassVar = [("pids", c_int32 * MOST_PROCESSES), ("uses", _Use * (_SETS * _PLACES))]


class TooManyRequestsError(PipemapError):
    """Too many requests; wait as long as Retry-After says."""

    code: ClassVar[str] = "too-many-requests"

    def __init__(self, retry_after_s: int, why: str) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(f"{why} Ask again in {retry_after_s} s. 请求过多，请在 {retry_after_s} 秒后重试。")


@dataclass(frozen=True)
class Limits:
    """Most requests a minute, and most at the same time."""

    requests_per_minute: int
    concurrent_requests: int


class Limiter:
    """Counts what each key has in use; `clock` gives seconds that never go back, the same in every process.

    Those that are given the same file count together, at most `MOST_PROCESSES` of them. What a process that was killed
    had running counts until another takes its place.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, shared: Path | None = None) -> None:
        self._clock = clock
        self._lock = Lock()
        # Open as long as the process lives.
        self._file = os.open(shared, os.O_RDWR) if shared else None
        with self._alone():
            if self._file is not None:
                os.truncate(self._file, sizeof(_Counts))
            memory = mmap(-1 if self._file is None else self._file, sizeof(_Counts))
            self._counts = _Counts.from_buffer(memory)
            self._own = self._take_place()

    def enter(self, key: str, limits: Limits) -> None:
        """Begin a request, to be ended by `leave`; TooManyRequestsError when it may not begin now."""
        with self._alone():
            use, full_at_s = self._free(key, limits)
            use.full_at_s = full_at_s
            use.running[self._own] += 1

    def check(self, key: str, limits: Limits) -> None:
        """TooManyRequestsError when a request could not begin now."""
        with self._alone():
            self._free(key, limits)

    def leave(self, key: str) -> None:
        """End a request."""
        with self._alone():
            running = self._use(key).running
            running[self._own] = max(running[self._own] - 1, 0)

    def _free(self, key: str, limits: Limits) -> tuple[_Use, float]:
        """The use of a key that may begin a request, and when its bucket will be full again after it."""
        use, now_s = self._use(key), self._clock()
        if sum(use.running) >= limits.concurrent_requests:
            raise TooManyRequestsError(1, f"At most {limits.concurrent_requests} requests at the same time.")
        # A bucket that a minute fills tells all about itself by when it will be full again.
        full_at_s = max(use.full_at_s, now_s) + 60 / limits.requests_per_minute
        wait_s = full_at_s - now_s - 60
        if wait_s > _ROUNDING_S:
            told_s = max(ceil(wait_s), 1)
            raise TooManyRequestsError(told_s, f"At most {limits.requests_per_minute} requests a minute.")
        return use, full_at_s

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other threads and processes out; the system lets go of it for a process that ends."""
        with self._lock:
            if self._file is None:
                yield
                return
            fcntl.lockf(self._file, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.lockf(self._file, fcntl.LOCK_UN)

    def _take_place(self) -> int:
        """The column this process counts in, which nobody has or somebody had who is gone."""
        pids = self._counts.pids
        free = next((place for place, pid in enumerate(pids) if not _is_alive(pid)), None)
        if free is None:
            raise PipemapError(f"At most {MOST_PROCESSES} processes share one service.")
        pids[free] = os.getpid()
        for use in self._counts.uses:
            use.running[free] = 0
        return free

    def _use(self, key: str) -> _Use:
        """The use of a key; one that is idle, its bucket the fullest, makes room for a new one."""
        name, first = _place(key)
        for place in range(first, first + _PLACES):
            use: _Use = self._counts.uses[place]
            if use.name == name:
                return use
        use = min(self._counts.uses[first : first + _PLACES], key=lambda one: (any(one.running), one.full_at_s))
        use.name, use.full_at_s = name, 0.0
        use.running[:] = [0] * MOST_PROCESSES
        return use


@lru_cache(4_096)
def _place(key: str) -> tuple[bytes, int]:
    """The name of a key, and where its set begins."""
    name = sha256(key.encode()).hexdigest()[:32]
    return name.encode(), int(name[:8], 16) % _SETS * _PLACES


def _is_alive(pid: int) -> bool:
    return pid > 0 and Path(f"/proc/{pid}").exists()


def limits_of(database: Database, key_sha256: str, default: Limits) -> Limits | None:
    """The limits of the agreement behind a key; None when it is not in force."""
    with database.transaction(read_only=True) as connection:
        row = fetch_one(connection, queries("sharing")["limits"], {"key_sha256": key_sha256})
    if row is None:
        return None
    return Limits(
        row["requests_per_minute"] or default.requests_per_minute,
        row["concurrent_requests"] or default.concurrent_requests,
    )
