"""How often and how many at a time a key may ask: a bucket of tokens and a count, kept in the service's memory.

The processes of one service have it in a file that each of them maps, so that they count together.
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from math import ceil
from mmap import mmap
from pathlib import Path
from threading import Lock
from typing import Any, ClassVar

import numpy as np

from pipemap.db import Database, fetch_one
from pipemap.errors import PipemapError
from pipemap.sql import queries

MOST_PROCESSES = 16
# A key has its use in one of the places of its set.
_SETS, _PLACES = 2_048, 8
_USE = np.dtype([("name", "S32"), ("full_at_s", "f8"), ("running", "i4", MOST_PROCESSES)])
_PIDS_BYTES = 4 * MOST_PROCESSES
_FILE_BYTES = _PIDS_BYTES + _SETS * _PLACES * _USE.itemsize
_ROUNDING_S = 1e-6


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
                os.truncate(self._file, _FILE_BYTES)
            memory = mmap(-1 if self._file is None else self._file, _FILE_BYTES)
            self._pids: np.ndarray = np.frombuffer(memory, np.int32, MOST_PROCESSES)
            self._uses: np.ndarray = np.frombuffer(memory, _USE, offset=_PIDS_BYTES).reshape(_SETS, _PLACES)
            self._own = self._take_place()

    def enter(self, key: str, limits: Limits) -> None:
        """Begin a request, to be ended by `leave`; TooManyRequestsError when it may not begin now."""
        with self._alone():
            use, now_s = self._use(key), self._clock()
            if use["running"].sum() >= limits.concurrent_requests:
                raise TooManyRequestsError(1, f"At most {limits.concurrent_requests} requests at the same time.")
            # A bucket that a minute fills tells all about itself by when it will be full again.
            full_at_s = max(float(use["full_at_s"]), now_s) + 60 / limits.requests_per_minute
            wait_s = full_at_s - now_s - 60
            if wait_s > _ROUNDING_S:
                told_s = max(ceil(wait_s), 1)
                raise TooManyRequestsError(told_s, f"At most {limits.requests_per_minute} requests a minute.")
            use["full_at_s"] = full_at_s
            use["running"][self._own] += 1

    def leave(self, key: str) -> None:
        """End a request."""
        with self._alone():
            running = self._use(key)["running"]
            running[self._own] = max(running[self._own] - 1, 0)

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
        free = next((place for place, pid in enumerate(self._pids) if not _is_alive(int(pid))), None)
        if free is None:
            raise PipemapError(f"At most {MOST_PROCESSES} processes share one service.")
        self._pids[free] = os.getpid()
        self._uses["running"][..., free] = 0
        return free

    def _use(self, key: str) -> Any:
        """The use of a key; one that is idle, its bucket the fullest, makes room for a new one."""
        name = sha256(key.encode()).hexdigest()[:32].encode()
        places = self._uses[int(name[:8], 16) % _SETS]
        known = np.flatnonzero(places["name"] == name)
        if known.size:
            return places[known[0]]
        use = places[np.lexsort((places["full_at_s"], places["running"].sum(axis=1) > 0))[0]]
        use["name"], use["full_at_s"], use["running"] = name, 0.0, 0
        return use


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
