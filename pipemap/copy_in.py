"""Loads data frames by binary COPY, encoded a column at a time: no Python per value.

A row of PostgreSQL's binary format is the number of fields (int16) and, per field, its length in
bytes (int32, -1 for null) and its big-endian value. Each column becomes an Arrow array of such
fields, and Arrow joins the columns row by row.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from itertools import groupby
from operator import itemgetter
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from geoalchemy2 import Geometry
from psycopg.sql import SQL, Composable, Composed
from sqlalchemy.dialects.postgresql import BIGINT, BOOLEAN, DATE, DOUBLE_PRECISION, INTEGER, JSONB, REAL, TEXT
from sqlalchemy.types import TypeEngine

from pipemap.ahead import ahead
from pipemap.db import Connection
from pipemap.repeating import is_repeating
from pipemap.statements import columns

Progress: TypeAlias = Callable[[int], None]
# Names of the columns, number of rows, and the rows as they are sent.
Block: TypeAlias = tuple[tuple[str, ...], int, memoryview]

_CHUNK_ROWS = 50_000
_HEADER = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
_TRAILER = b"\xff\xff"
_NULL = b"\xff\xff\xff\xff"
_DAYS_1970_TO_2000 = 10_957


def copy_frames(
    connection: Connection,
    target: Composable,
    frames: Iterable[pd.DataFrame],
    types: dict[str, TypeEngine[Any]],
    on_rows: Progress | None = None,
    on_block: Callable[[Block], None] | None = None,
) -> None:
    """Append the rows of frames to a table, in one COPY as long as they have the same columns.

    `types` names the columns to write and their database types; one that a frame lacks is left to the table's default,
    null where it has none. Geometries are shapely ones that carry their SRID, or EWKB as Arrow, JSONB cells are dicts,
    or JSON text as Arrow, and missing values of any kind become null. `on_block` sees the rows before they are sent, in
    a thread of its own.
    """
    done = 0
    with closing(ahead(_shown(_encoded(frames, types), on_block))) as encoded:
        for names, parts in groupby(encoded, itemgetter(0)):
            with connection.cursor().copy(_statement(target, names)) as copy:
                copy.write(_HEADER)
                for _, count, rows in parts:
                    copy.write(rows)
                    done += count
                    if on_rows is not None:
                        on_rows(done)
                copy.write(_TRAILER)


def packed_rows(frame: pd.DataFrame, types: dict[str, TypeEngine[Any]]) -> bytes:
    """The rows of a frame that has all of the columns as `copy_packed` takes them; see `copy_frames`."""
    return b"".join(bytes(rows) for _, _, rows in _encoded([frame], types))


def copy_packed(connection: Connection, target: Composable, rows: bytes, types: dict[str, TypeEngine[Any]]) -> None:
    """Append rows that were packed with the same `types` to a table."""
    with connection.cursor().copy(_statement(target, types)) as copy:
        for part in (_HEADER, rows, _TRAILER):
            copy.write(part)


def _statement(target: Composable, names: Iterable[str]) -> Composed:
    return SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(target, columns(names))


def _shown(blocks: Iterator[Block], on_block: Callable[[Block], None] | None) -> Iterator[Block]:
    for block in blocks:
        if on_block is not None:
            on_block(block)
        yield block


def _encoded(frames: Iterable[pd.DataFrame], types: dict[str, TypeEngine[Any]]) -> Iterator[Block]:
    """The rows of the columns that there are, some thousand at a time."""
    for chunk in _chunks(frames):
        names = tuple(name for name in types if name in chunk.columns)
        yield names, len(chunk), _rows([_ENCODERS[type(types[name])](chunk[name]) for name in names])


def _chunks(frames: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    for frame in frames:
        for start in range(0, len(frame), _CHUNK_ROWS):
            yield frame.iloc[start : start + _CHUNK_ROWS]


def _rows(fields: Sequence[pa.Array]) -> memoryview:
    field_count = pa.scalar(len(fields).to_bytes(2, "big"), pa.binary())
    rows = pc.binary_join_element_wise(field_count, *fields, pa.scalar(b"", pa.binary()))
    _, offsets, data = rows.buffers()
    return memoryview(data)[: int(np.frombuffer(offsets, np.int32)[len(rows)])]


def _variable(payload: pa.Array) -> pa.Array:
    lengths = pc.fill_null(pc.binary_length(payload), -1).to_numpy(zero_copy_only=False)
    prefix = _binary(lengths.astype(">i4").view(np.uint8), np.full(len(payload), 4))
    return pc.binary_join_element_wise(prefix, pc.fill_null(payload, b""), pa.scalar(b"", pa.binary()))


def _fixed(values: npt.NDArray[Any], known: npt.NDArray[np.bool_]) -> pa.Array:
    width = values.dtype.itemsize
    cells = np.empty((len(values), 4 + width), np.uint8)
    cells[:, :4] = np.frombuffer(width.to_bytes(4, "big"), np.uint8)
    cells[:, 4:] = values.view(np.uint8).reshape(len(values), width)
    if known.all():
        return _binary(cells.ravel(), np.full(len(values), 4 + width))
    cells[~known, :4] = np.frombuffer(_NULL, np.uint8)
    written = np.ones(cells.shape, bool)
    written[~known, 4:] = False
    return _binary(cells[written], np.where(known, 4 + width, 4))


def _binary(data: npt.NDArray[np.uint8], lengths: npt.NDArray[np.integer[Any]]) -> pa.Array:
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(data))]
    return pa.Array.from_buffers(pa.binary(), len(lengths), buffers)


def _arrow(series: "pd.Series[Any]", kind: pa.DataType) -> pa.Array:
    array = pa.array(series, from_pandas=True)
    joined = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
    return joined.cast(kind, safe=kind != pa.date32() and kind != pa.float32())


def _numbers(kind: pa.DataType, network_type: str, shift: int = 0) -> Callable[["pd.Series[Any]"], pa.Array]:
    def encode(series: "pd.Series[Any]") -> pa.Array:
        array = _arrow(series, kind)
        plain = array.cast(pa.int32()) if kind == pa.date32() else array
        values = pc.fill_null(plain, False if kind == pa.bool_() else 0).to_numpy(zero_copy_only=False)
        known = np.asarray(array.is_valid())
        if pa.types.is_floating(kind):
            # A number beyond what its column can hold is none; written as JSON it would be none either.
            known &= np.isfinite(values)
        return _fixed((values - shift if shift else values).astype(network_type), known)

    return encode


def _text(series: "pd.Series[Any]") -> pa.Array:
    texts = _arrow(series, pa.string())
    if not is_repeating(texts):
        return _texts(texts)
    words = texts.dictionary_encode(null_encoding="encode")
    return _texts(words.dictionary).take(words.indices)


def _texts(texts: pa.Array) -> pa.Array:
    # PostgreSQL text cannot hold the zero character, which some survey files pad their fields with.
    return _variable(pc.replace_substring(texts, "\0", "").cast(pa.binary()))


def _json(series: "pd.Series[Any]") -> pa.Array:
    if series.dtype == object:
        return _variable(pa.array(_json_cells(series), pa.binary()))
    version = pa.scalar(b"\x01", pa.binary())
    return _variable(pc.binary_join_element_wise(version, _arrow(series, pa.binary()), pa.scalar(b"", pa.binary())))


def _json_cells(cells: Iterable[Any]) -> list[bytes | None]:
    options = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS
    return [
        b"\x01" + orjson.dumps(cell, default=str, option=options).replace(b"\\u0000", b"")
        if isinstance(cell, dict)
        else None
        for cell in cells
    ]


def _geometry(series: "pd.Series[Any]") -> pa.Array:
    if series.dtype == object:
        return _variable(pa.array(shapely.to_wkb(series.to_numpy(object), include_srid=True), pa.binary()))
    return _variable(_arrow(series, pa.binary()))


_ENCODERS: dict[type[TypeEngine[Any]], Callable[["pd.Series[Any]"], pa.Array]] = {
    BIGINT: _numbers(pa.int64(), ">i8"),
    INTEGER: _numbers(pa.int32(), ">i4"),
    REAL: _numbers(pa.float32(), ">f4"),
    DOUBLE_PRECISION: _numbers(pa.float64(), ">f8"),
    DATE: _numbers(pa.date32(), ">i4", _DAYS_1970_TO_2000),
    BOOLEAN: _numbers(pa.bool_(), ">i1"),
    TEXT: _text,
    JSONB: _json,
    Geometry: _geometry,
}
