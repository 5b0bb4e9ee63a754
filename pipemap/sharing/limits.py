"""How often and how many at a time a key may ask: a bucket of tokens and a count, kept in the service's memory.

A service of several processes keeps one of each in every process.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from threading import Lock
from typing import ClassVar

from pipemap.db import Database, fetch_one
from pipemap.errors import PipemapError
from pipemap.sql import queries

_MOST_KEYS = 10_000


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


@dataclass
class _Use:
    tokens: float
    filled_at_s: float
    running: int = 0


class Limiter:
    """Counts what each key has in use; `clock` gives seconds that never go back."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._uses: OrderedDict[str, _Use] = OrderedDict()
        self._lock = Lock()

    def enter(self, key: str, limits: Limits) -> None:
        """Begin a request, to be ended by `leave`; TooManyRequestsError when it may not begin now."""
        with self._lock:
            use = self._filled(key, limits)
            if use.running >= limits.concurrent_requests:
                raise TooManyRequestsError(1, f"At most {limits.concurrent_requests} requests at the same time.")
            if use.tokens < 1:
                wait_s = ceil((1 - use.tokens) * 60 / limits.requests_per_minute)
                raise TooManyRequestsError(max(wait_s, 1), f"At most {limits.requests_per_minute} requests a minute.")
            use.tokens -= 1
            use.running += 1

    def leave(self, key: str) -> None:
        """End a request."""
        with self._lock:
            use = self._uses.get(key)
            if use is not None:
                use.running = max(use.running - 1, 0)

    def _filled(self, key: str, limits: Limits) -> _Use:
        """The use of a key, its bucket filled up to now; the one longest unused makes room for a new one."""
        now_s = self._clock()
        use = self._uses.setdefault(key, _Use(limits.requests_per_minute, now_s))
        self._uses.move_to_end(key)
        gained = (now_s - use.filled_at_s) * limits.requests_per_minute / 60
        use.tokens = min(use.tokens + gained, float(limits.requests_per_minute))
        use.filled_at_s = now_s
        if len(self._uses) > _MOST_KEYS:
            self._drop_idle()
        return use

    def _drop_idle(self) -> None:
        idle = next((key for key, use in self._uses.items() if use.running == 0), None)
        if idle is not None:
            del self._uses[idle]


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
