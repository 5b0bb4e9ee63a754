"""The way to the database from an event loop, without threads, for what is asked most; else `pipemap.db`."""

from collections.abc import Mapping
from typing import Any, TypeAlias

import psycopg
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool

AsyncConnection: TypeAlias = psycopg.AsyncConnection[DictRow]


class AsyncDatabase:
    """A pool of connections of one event loop; on each, a statement is a transaction of its own.

    `settings` hold for every statement: being set once for a connection, they cost a look nothing.
    """

    def __init__(self, url: str, max_connections: int, **settings: str) -> None:
        self._settings = settings
        self._pool: AsyncConnectionPool[AsyncConnection] = AsyncConnectionPool(
            url,
            min_size=0,
            max_size=max_connections,
            open=False,
            timeout=10,
            configure=self._configure,
            kwargs={"row_factory": dict_row, "application_name": "pipemap", "autocommit": True},
        )

    async def open(self) -> None:
        """Belong to the event loop that runs; connections are made when they are needed."""
        await self._pool.open()

    async def close(self) -> None:
        """Close every connection."""
        await self._pool.close()

    async def rows(self, statement: bytes, values: Mapping[str, Any]) -> list[DictRow]:
        """What a statement finds, committed when this returns; `translated_errors` is for the caller."""
        connection = await self._pool.getconn()
        try:
            return await (await connection.execute(statement, values, binary=True)).fetchall()
        finally:
            await self._pool.putconn(connection)

    async def _configure(self, connection: AsyncConnection) -> None:
        names_values = [list(self._settings), list(self._settings.values())]
        await connection.execute(
            "SELECT set_config(name, value, false) FROM unnest(%s::text[], %s::text[]) AS s (name, value)", names_values
        )
