"""What stands behind a key, asked of the database once for all requests that wait for it at the same moment."""

import asyncio
from collections.abc import Callable

from starlette.concurrency import run_in_threadpool

from pipemap.errors import PermissionDeniedError
from pipemap.sharing.tiles.cache import Made
from pipemap.sharing.tiles.serving import Standing


class Standings:
    """Checks of keys; each answer comes from a check that began after its request had arrived."""

    def __init__(self, check: Callable[[str | None], Standing]) -> None:
        self._check = check
        self._next: dict[str | None, asyncio.Task[Standing]] = {}
        self._running: dict[str | None, asyncio.Task[Standing]] = {}

    async def of(self, key_sha256: str | None) -> Standing:
        """What a key is worth now; UnknownKeyError when it is not in force."""
        task = self._next.get(key_sha256)
        if task is None:
            before = self._running.get(key_sha256)
            task = self._next[key_sha256] = asyncio.create_task(self._ask(key_sha256, before))
        return await asyncio.shield(task)

    async def kept(self, key_sha256: str | None, find: Callable[[Standing], Made | None]) -> Made | None:
        """What is kept for a key; None when nothing is, or the key is not in force, which the making then tells."""
        try:
            return find(await self.of(key_sha256))
        except PermissionDeniedError:
            return None

    async def _ask(self, key_sha256: str | None, before: "asyncio.Task[Standing] | None") -> Standing:
        if before is not None:
            await asyncio.wait([before])
        # Whoever comes from here on has come after this check began, and needs the next one.
        self._running[key_sha256] = self._next.pop(key_sha256)
        try:
            return await run_in_threadpool(self._check, key_sha256)
        finally:
            if self._running.get(key_sha256) is asyncio.current_task():
                del self._running[key_sha256]
