"""The way to the database from an event loop, without threads, for what is asked most; else `pipemap.db`."""

import asyncio
from collections.abc import Mapping
from typing import Any, TypeAlias

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import DictRow, dict_row
from psycopg_pool import PoolTimeout

AsyncConnection: TypeAlias = psycopg.AsyncConnection[DictRow]
_PATIENCE_S = 10


class AsyncDatabase:
    """Connections of one event loop; on each, a statement is a transaction of its own.

    The one that was last given back is taken first, as its process at the server has at hand what is asked most; the
    driver's pool goes round all of them. `settings` hold for every statement: being set once for a connection, they
    cost a look nothing.
    """

    def __init__(self, url: str, max_connections: int, **settings: str) -> None:
        self._url = url
        self._settings = settings
        self._places = asyncio.Semaphore(max_connections)
        self._idle: list[AsyncConnection] = []

    async def close(self) -> None:
        """Close every connection that nobody uses."""
        while self._idle:
            await self._idle.pop().close()

    async def rows(self, statement: bytes, values: Mapping[str, Any]) -> list[DictRow]:
        """What a statement finds, committed when this returns; `translated_errors` is for the caller."""
        await self._take_place()
        try:
            connection = self._idle.pop() if self._idle else await self._connect()
            try:
                return await (await connection.execute(statement, values, binary=True)).fetchall()
            finally:
                await self._give_back(connection)
        finally:
            self._places.release()

    async def _take_place(self) -> None:
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await self._places.acquire()
        except TimeoutError as error:
            raise PoolTimeout from error

    async def _connect(self) -> AsyncConnection:
        connection = await psycopg.AsyncConnection.connect(
            self._url, row_factory=dict_row, application_name="pipemap", autocommit=True, connect_timeout=_PATIENCE_S
        )
        names_values = [list(self._settings), list(self._settings.values())]
        try:
            await connection.execute(
                "SELECT set_config(name, value, false) FROM unnest(%s::text[], %s::text[]) AS s (name, value)",
                names_values,
            )
        except BaseException:
            await connection.close()
            raise
        return connection

    async def _give_back(self, connection: AsyncConnection) -> None:
        if connection.pgconn.transaction_status == TransactionStatus.IDLE:
            self._idle.append(connection)
            return
        # The server may have gone and come back meanwhile: then all of them are lost.
        await connection.close()
        await self.close()
