"""What stands behind a key, asked of the database once for all requests that wait for it at the same moment."""

from collections.abc import Awaitable, Callable, Sequence

from api.ogc.gathering import Gathered
from pipemap.errors import PermissionDeniedError
from pipemap.sharing.tiles.cache import Made
from pipemap.sharing.tiles.serving import Standing


class Standings:
    """Checks of keys; each answer comes from a check that began after its request had arrived."""

    def __init__(self, check: Callable[[str | None], Awaitable[Standing]]) -> None:
        async def check_once(key_sha256: str | None, asked: Sequence[None]) -> list[Standing]:
            return [await check(key_sha256)] * len(asked)

        self._checks: Gathered[str | None, None, Standing] = Gathered(check_once)

    async def of(self, key_sha256: str | None) -> Standing:
        """What a key is worth now; UnknownKeyError when it is not in force."""
        return await self._checks.ask(key_sha256, None)

    async def kept(self, key_sha256: str | None, find: Callable[[Standing], Made | None]) -> Made | None:
        """What is kept for a key; None when nothing is, or the key is not in force, which the making then tells."""
        try:
            return find(await self.of(key_sha256))
        except PermissionDeniedError:
            return None
