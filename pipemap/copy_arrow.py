"""Rows of a query as Arrow batches, made from PostgreSQL's binary COPY without a Python step per row."""

from collections.abc import Generator
from contextlib import closing
from typing import Any

import numpy as np
import numpy.typing as npt
import psycopg.sql
import pyarrow as pa

from pipemap.copy_out import CopiedRows, copy_blocks
from pipemap.db import Connection

# PostgreSQL counts days from 2000, Arrow from 1970.
_DAYS_BETWEEN = 10_957
_NUMBERS = {pa.int32(): np.int32, pa.int64(): np.int64, pa.float32(): np.float32, pa.float64(): np.float64}


def arrow_batches(
    connection: Connection, query: psycopg.sql.Composable, schema: pa.Schema, params: dict[str, Any] | None = None
) -> Generator[pa.RecordBatch]:
    """Batches of some thousand rows; the query's columns are of the schema's types, in its order.

    Types: int32, int64, float32, float64, date32, string and binary; null stays null.
    """
    with closing(copy_blocks(connection, query, len(schema), params)) as blocks:
        for rows in blocks:
            arrays = [_array(rows, place, field.type) for place, field in enumerate(schema)]
            yield pa.record_batch(arrays, schema=schema)


def _array(rows: CopiedRows, place: int, kind: pa.DataType) -> pa.Array:
    is_null = rows.lengths[:, place] < 0
    if kind in _NUMBERS:
        return pa.array(rows.numbers(place, _NUMBERS[kind]), kind, mask=is_null)
    if kind == pa.date32():
        days = rows.numbers(place, np.int32) + np.int32(_DAYS_BETWEEN)
        return pa.array(days, pa.int32(), mask=is_null).cast(pa.date32())
    return _bytes(rows, place, kind, is_null)


def _bytes(rows: CopiedRows, place: int, kind: pa.DataType, is_null: npt.NDArray[np.bool_]) -> pa.Array:
    column = rows.text(place, np.arange(len(rows)))
    known = pa.array(~is_null).buffers()[1]
    offsets = pa.py_buffer(column.offsets.astype(np.int32))
    return pa.Array.from_buffers(kind, len(rows), [known, offsets, pa.py_buffer(column.blob)], int(is_null.sum()))
