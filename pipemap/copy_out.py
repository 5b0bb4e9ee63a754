"""Rows of a query as arrays: PostgreSQL's binary COPY format, decoded without a Python step per row.

The format (PostgreSQL manual, COPY, "Binary Format"): a header of 11 + 4 + 4 bytes and its extension,
then per row an int16 field count and per field an int32 byte length (-1 for null) and the bytes,
big-endian; a field count of -1 ends the stream.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any

import numba
import numpy as np
import numpy.typing as npt
import psycopg.sql
from psycopg.abc import PQGen
from psycopg.errors import error_from_result
from psycopg.generators import fetch_many
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGconn
from psycopg.waiting import WAIT_R

from pipemap.db import Connection
from pipemap.errors import StorageError

Bytes = npt.NDArray[np.uint8]
Offsets = npt.NDArray[np.int64]
_HEADER_BYTES = 19
_BLOCK_ROWS = 8_000


@dataclass(frozen=True, eq=False)
class TextColumn:
    """Texts kept as one run of UTF-8 bytes; the empty text stands for null."""

    blob: Bytes
    offsets: Offsets

    def __getitem__(self, index: int) -> str | None:
        """The text of one row, or None when it is null."""
        return self.between(self.offsets.item(index), self.offsets.item(index + 1))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def at(self, positions: npt.NDArray[np.int64]) -> list[str | None]:
        """The texts of some rows, as one by one."""
        if not len(self.blob):
            return [None] * len(positions)
        bounds = zip(self.offsets[positions].tolist(), self.offsets[positions + 1].tolist(), strict=True)
        return [self.between(*one) for one in bounds]

    def between(self, start: int, end: int) -> str | None:
        """The text that stands between two of the offsets."""
        return str(self._bytes[start:end], "utf-8") if end > start else None

    @cached_property
    def _bytes(self) -> memoryview:
        return self.blob.data

    def merged(self, other: "TextColumn", order: npt.NDArray[np.int64]) -> "TextColumn":
        """The rows followed by those of another column, all taken in `order`."""
        blob = np.concatenate([self.blob, other.blob])
        starts = np.concatenate([self.offsets[:-1], len(self.blob) + other.offsets[:-1]])[order]
        lengths = np.concatenate([np.diff(self.offsets), np.diff(other.offsets)])[order]
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
        return TextColumn(_compact(blob, starts, offsets), offsets)

    def taken(self, positions: npt.NDArray[np.int64]) -> "TextColumn":
        """Some of the rows, in the order given."""
        starts = self.offsets[positions]
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(self.offsets[positions + 1] - starts)])
        return TextColumn(_compact(self.blob, starts, offsets), offsets)

    @classmethod
    def empty(cls, length: int) -> "TextColumn":
        """A column of nulls."""
        return cls(np.zeros(0, np.uint8), np.zeros(length + 1, np.int64))


@dataclass(frozen=True, eq=False)
class CopiedRows:
    """The rows of one COPY: where each field starts in the stream and how long it is (-1 for null)."""

    stream: Bytes
    starts: Offsets
    lengths: Offsets

    def __len__(self) -> int:
        return len(self.starts)

    def arranged(self, columns: Sequence[int | None]) -> "CopiedRows":
        """The rows with these of their fields, in this order; null where there is no such field."""
        places = np.array([-1 if column is None else column for column in columns])
        lengths = self.lengths.T[places]
        lengths[places < 0] = -1
        return CopiedRows(self.stream, self.starts.T[places].T, lengths.T)

    def are_null(self, column: int) -> npt.NDArray[np.bool_]:
        """Which rows have no value in a column."""
        return np.asarray(self.lengths[:, column] < 0)

    def numbers(self, column: int, dtype: npt.DTypeLike, null: float = 0) -> npt.NDArray[Any]:
        """One column of int2, int4, int8, float4, float8 or bool, as the SQL type's own width; nulls become `null`."""
        kind, is_null = np.dtype(dtype), self.are_null(column)
        if is_null.all():
            return np.full(len(self), null, kind)
        raw = _gather(self.stream, self.starts[:, column], self.lengths[:, column], kind.itemsize)
        values = raw.view(kind.newbyteorder(">")).ravel().astype(kind)
        if is_null.any():
            values[is_null] = null
        return values

    def text(self, column: int, order: npt.NDArray[np.int64]) -> TextColumn:
        """One text column with its rows taken in `order`."""
        lengths = np.maximum(self.lengths[order, column], 0)
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
        return TextColumn(_compact(self.stream, self.starts[order, column], offsets), offsets)


def copy_blocks(
    connection: Connection, query: psycopg.sql.Composable, columns: int, params: dict[str, Any] | None = None
) -> Generator[CopiedRows]:
    """The rows of a query of `columns` columns, some thousand at a time, through one binary COPY."""
    statement = psycopg.sql.SQL("COPY ({}) TO STDOUT (FORMAT binary)").format(query)
    with connection.cursor() as cursor, cursor.copy(statement, params):
        messages, begin = _messages(connection), _HEADER_BYTES
        # The server sends a message for each row, the header with the first and the end after the last.
        while parts := list(islice(messages, _BLOCK_ROWS)):
            block = rows_in(np.frombuffer(b"".join(parts), dtype=np.uint8), columns, len(parts), begin)
            begin = 0
            if len(block):
                yield block


def copy_rows(connection: Connection, query: psycopg.sql.Composable, columns: int) -> CopiedRows:
    """Run a query of `columns` columns and read its rows through one binary COPY."""
    statement = psycopg.sql.SQL("COPY ({}) TO STDOUT (FORMAT binary)").format(query)
    # One growing buffer: a million rows kept as objects of their own would cost more than sending them.
    buffer, sent = bytearray(), 0
    with connection.cursor() as cursor, cursor.copy(statement):
        for message in _messages(connection):
            buffer += message
            sent += 1
    return rows_in(np.frombuffer(buffer, dtype=np.uint8), columns, sent, _HEADER_BYTES)


def rows_in(stream: Bytes, columns: int, most: int, begin: int = 0) -> CopiedRows:
    """The rows of `columns` fields, `most` at most, that stand in a stream from byte `begin` on.

    Raises
    ------
    StorageError
        When they have another number of fields.
    """
    # Column by column, as they are read.
    starts, lengths = (np.empty((columns, most), np.int64).T for _ in range(2))
    count: int = _scan(stream, begin, starts, lengths)
    if count < 0:
        raise StorageError("The database sent rows of another shape than asked for.")
    return CopiedRows(stream, starts[:count], lengths[:count])


def _messages(connection: Connection) -> Generator[bytes]:
    """What the server sends in the COPY that has begun: psycopg takes several steps for a message, this one."""
    pgconn = connection.pgconn
    while True:
        size, data = pgconn.get_copy_data(1)
        if size > 0:
            # As bytes: so many views at once would have the collector look through the whole heap, time and again.
            yield bytes(data)
        elif size == 0:
            connection.wait(_more(pgconn))
        else:
            break
    for result in connection.wait(fetch_many(pgconn)):
        if result.status != ExecStatus.COMMAND_OK:
            raise error_from_result(result)


def _more(pgconn: PGconn) -> PQGen[None]:
    while not (yield WAIT_R):
        continue
    pgconn.consume_input()


@numba.njit(cache=True, nogil=True)
def _int32(stream: Bytes, at: int) -> int:  # pragma: no cover
    value = 0
    for byte in range(4):
        value = (value << 8) | int(stream[at + byte])
    return value - (1 << 32) if value >= (1 << 31) else value


@numba.njit(cache=True, nogil=True)
def _scan(stream: Bytes, at: int, starts: Offsets, lengths: Offsets) -> int:  # pragma: no cover
    """Find the fields of the rows in the stream and return how many rows there are, -1 when they have another shape."""
    rows: int
    rows, columns = starts.shape
    for row in range(rows):
        if at >= len(stream) or (stream[at] == 255 and stream[at + 1] == 255):
            return row
        if stream[at] != columns >> 8 or stream[at + 1] != columns & 255:
            return -1
        at += 2
        for column in range(columns):
            length = _int32(stream, at)
            at += 4
            starts[row, column] = at
            lengths[row, column] = length
            at += max(length, 0)
    return rows


@numba.njit(cache=True, nogil=True)
def _gather(stream: Bytes, starts: Offsets, lengths: Offsets, width: int) -> Bytes:  # pragma: no cover
    values = np.zeros((len(starts), width), np.uint8)
    for row in range(len(starts)):
        if lengths[row] == width:
            for byte in range(width):
                values[row, byte] = stream[starts[row] + byte]
    return values


@numba.njit(cache=True, nogil=True)
def _compact(stream: Bytes, starts: Offsets, offsets: Offsets) -> Bytes:  # pragma: no cover
    blob = np.empty(offsets[-1], np.uint8)
    for row in range(len(starts)):
        for byte in range(offsets[row + 1] - offsets[row]):
            blob[offsets[row] + byte] = stream[starts[row] + byte]
    return blob
