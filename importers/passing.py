"""Tables on their way from the process that reads a file: as plain values, of which nothing can go off in this one."""

import glob
import json
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from datetime import date
from itertools import starmap
from pathlib import Path
from types import NoneType
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from pyproj import CRS

from importers.base import Reader, RecordTable
from importers.layers.plain import octets_and_bounds
from pipemap.confined import confined
from pipemap.repeating import is_repeating
from pipemap.sandbox import Limits
from schemas.findings import Finding

# Types of cells that go from one process to the other as they are.
_PLAIN = frozenset({str, int, float, bool, NoneType})
_TEXT = frozenset({str, NoneType})


@runtime_checkable
class StreamingReader(Reader, Protocol):
    """A reader whose files may be larger than memory: it yields tables in parts, and their first rows fast."""

    def heads(self, path: Path, options: dict[str, Any]) -> Iterator[RecordTable] | None:
        """The first part of every table, None when that is no faster than reading all of it."""
        ...


@runtime_checkable
class PreparedReader(Reader, Protocol):
    """A reader that needs dictionaries for every file: loaded once, the processes that read have them, too."""

    def prepare(self, options: dict[str, Any]) -> None:
        """Load what reading needs whatever the file."""
        ...


def read_confined(reader: Reader, path: Path, options: dict[str, Any]) -> Generator[RecordTable]:
    """What a reader yields of one file, read in a process of its own as `pipemap.confined` has it.

    Raises
    ------
    SourceError
        As `Reader.read`, and when the file makes its reader break down or takes more than it may.
    """
    _prepare(reader, options)
    with closing(_confined(path, lambda: map(packed, reader.read([path], options)))) as tables:
        yield from map(unpacked, tables)


def heads_confined(reader: StreamingReader, path: Path, options: dict[str, Any]) -> list[RecordTable] | None:
    """What `StreamingReader.heads` gives, read likewise."""

    def work() -> Iterator[Any]:
        heads = reader.heads(path, options)
        yield heads is not None
        yield from map(packed, heads or ())

    _prepare(reader, options)
    with closing(_confined(path, work)) as said:
        return [unpacked(table) for table in said] if next(said) else None


def _prepare(reader: Reader, options: dict[str, Any]) -> None:
    if isinstance(reader, PreparedReader):
        reader.prepare(options)


def _confined(path: Path, work: Callable[[], Iterable[Any]]) -> Generator[Any]:
    return confined(path, work, Limits.for_reading(size_bytes(path)))


def size_bytes(path: Path) -> int:
    """Size of a file with the other files of its dataset, or of all files in a folder."""
    parts = path.rglob("*") if path.is_dir() else path.parent.glob(f"{glob.escape(path.stem)}.*")
    return sum(part.stat().st_size for part in parts if part.is_file())


def packed(table: RecordTable) -> tuple[Any, ...]:
    """A table as plain values."""
    rows = table.rows
    columns = [_packed_cells(rows.iloc[:, place].to_numpy()) for place in range(rows.shape[1])]
    return (
        table.file,
        table.sheet,
        _packed_cells(rows.index.to_numpy()),
        list(map(plain, rows.columns)),
        columns,
        _packed_shapes(table.shapes),
        None if table.crs is None else table.crs.srs,
        table.role,
        table.skipped_rows,
        table.refused_rows,
        [finding.model_dump(mode="json") for finding in table.findings],
        table.title,
        sorted(table.said),
    )


def unpacked(values: Sequence[Any]) -> RecordTable:
    """The table that was packed."""
    file, sheet, index, names, columns, geometry, crs, role, skipped, refused, findings, title, said = values
    numbers = pd.Index(_cells(*index))
    # Texts would become another type were they not said to be objects.
    cells = (pd.Series(cells, numbers, cells.dtype) for cells in starmap(_cells, columns))
    rows = pd.DataFrame(dict(enumerate(cells)), index=numbers)
    rows.columns = pd.Index(names, dtype=object)
    return RecordTable(
        file,
        sheet,
        rows,
        None if geometry is None else _from_octets(pa.large_binary(), *geometry),
        None if crs is None else CRS(crs),
        role,
        skipped,
        refused,
        [Finding(**finding) for finding in findings],
        title,
        said=frozenset(said),
    )


def _packed_shapes(shapes: npt.NDArray[np.object_] | pa.Array | None) -> tuple[bytes, bytes] | None:
    if shapes is None:
        return None
    return _octets_of(shapes if isinstance(shapes, pa.Array) else pa.array(shapely.to_wkb(shapes), pa.binary()))


def _packed_cells(cells: npt.NDArray[Any]) -> tuple[Any, ...]:
    if cells.dtype.kind in "biuf":
        return cells.dtype.str, cells.tobytes()
    if cells.dtype.kind in "mM":
        # Finer ones would come as numbers.
        cells = cells.astype(f"{cells.dtype.kind}8[us]")
    values = cells.tolist()
    kinds = set(map(type, values))
    if kinds <= _TEXT and (texts := _packed_texts(cells)):
        return texts
    return "O", values if kinds <= _PLAIN else list(map(plain, values))


def _packed_texts(cells: npt.NDArray[np.object_]) -> tuple[Any, ...] | None:
    """Texts as their octets, those that come again and again once with a number for each cell, -1 where there is none.

    None where UTF-8 cannot hold one of them: half a character.
    """
    try:
        texts = pa.array(cells, pa.string())
    except UnicodeEncodeError:
        return None
    if not is_repeating(texts):
        return "T", *_octets_of(texts)
    words = texts.dictionary_encode()
    return "W", *_octets_of(words.dictionary), words.indices.fill_null(-1).to_numpy().tobytes()


def _octets_of(values: pa.Array) -> tuple[bytes, bytes]:
    """How many octets each text or binary has, -1 where there is none, and all of them."""
    lengths = pc.binary_length(values).fill_null(-1).to_numpy().astype(np.int64)
    octets, _ = octets_and_bounds(values.fill_null(pa.scalar("").cast(values.type)))
    return lengths.tobytes(), octets.tobytes()


def plain(cell: Any) -> str | float | bool | None:
    """A cell as text, number or truth value: a date without its time of day, lists and such as JSON.

    What has no words, as a picture, comes as the number of its bytes.
    """
    if type(cell) in _PLAIN:
        return cell  # type: ignore[no-any-return]
    if cell is pd.NaT or cell is pd.NA:
        return None
    if isinstance(cell, np.generic | np.ndarray):
        return float(cell) if isinstance(cell, np.floating) else plain(cell.tolist())
    if isinstance(cell, date):
        return cell.isoformat()[:10]
    if isinstance(cell, bytes | bytearray | memoryview):
        return f"{len(cell)} bytes"
    return json.dumps(cell, ensure_ascii=False, default=plain) if isinstance(cell, dict | list | tuple) else str(cell)


def _cells(kind: str, *values: Any) -> npt.NDArray[Any]:
    if kind == "O":
        return _objects(values[0])
    if kind == "T":
        return _texts(*values)
    if kind == "W":
        *octets, numbers = values
        return np.array([*_texts(*octets), None], dtype=object)[np.frombuffer(numbers, np.int32)]
    return np.frombuffer(values[0], kind).copy()


def _texts(lengths: bytes, octets: bytes) -> npt.NDArray[np.object_]:
    return np.asarray(_from_octets(pa.large_string(), lengths, octets).to_numpy(zero_copy_only=False), dtype=object)


def _from_octets(kind: pa.DataType, lengths: bytes, octets: bytes) -> pa.Array:
    """What `_octets_of` took apart; ArrowInvalid where the two do not fit, or are no texts."""
    counts = np.frombuffer(lengths, np.int64)
    bounds = np.append(0, np.cumsum(np.maximum(counts, 0)))
    known = pa.array(counts >= 0).buffers()[1]
    array = pa.Array.from_buffers(kind, len(counts), [known, pa.py_buffer(bounds), pa.py_buffer(octets)])
    array.validate(full=True)
    return array


def _objects(cells: Iterable[Any]) -> npt.NDArray[np.object_]:
    # Without the last one numpy would look into cells that are sequences themselves.
    return np.array([*cells, None], dtype=object)[:-1]
