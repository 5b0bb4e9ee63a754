"""The rows of one kind on their way: what joining looks at in memory, everything else in a spool."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from importers.normalising.spool import Spool

Hashes = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Batch:
    """Where rows of a pool lie in its spool: from row `first` on, under one number."""

    first: int
    count: int
    number: int


class Pool:
    """Rows are numbered from 0 on in the order they come in; column `row` of the frames in memory says which."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._batches: list[Batch] = []
        self._frames: list[pd.DataFrame] = []
        self._count = 0

    def lay_by(self, columns: Mapping[str, Any]) -> npt.NDArray[np.int32]:
        """Spool columns of equal length and return the numbers of their rows; a column without a value is left out."""
        arrays = as_arrow(columns)
        count = len(next(iter(arrays.values())))
        known = {name: array for name, array in arrays.items() if array.null_count < count} or {"": pa.nulls(count)}
        number = self._spool.add(pa.RecordBatch.from_arrays(list(known.values()), names=list(known)))
        self._batches.append(Batch(self._count, count, number))
        self._count += count
        return np.arange(self._count - count, self._count, dtype=np.int32)

    def keep(self, frame: pd.DataFrame) -> None:
        """Keep rows in memory, with their numbers in the column `row`."""
        if len(frame):
            self._frames.append(frame)

    def frame(self) -> pd.DataFrame:
        """All rows that were kept, in one frame; the pool lets go of them."""
        frames, self._frames = self._frames, []
        return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()

    def spooled(self, rows: npt.NDArray[np.integer[Any]]) -> Iterator[tuple[slice, pa.RecordBatch]]:
        """The spooled columns of some rows, numbers ascending: which of them, and their batch."""
        for batch in self._batches:
            start, stop = np.searchsorted(rows, [batch.first, batch.first + batch.count])
            if start < stop:
                places = pa.array(rows[start:stop] - batch.first)
                yield slice(int(start), int(stop)), self._spool.get(batch.number).take(places)


def as_arrow(columns: Mapping[str, Any]) -> dict[str, pa.Array]:
    """Columns as Arrow has them; what is so already stays as it is."""
    return {name: _arrow(values) for name, values in columns.items()}


def content_hash(columns: Mapping[str, Any]) -> Hashes:
    """A hash of each row over columns, whatever their order; an unknown value counts for nothing."""
    arrays = as_arrow(columns)
    total = np.zeros(len(next(iter(arrays.values()))), dtype=np.uint64)
    for name, array in arrays.items():
        if array.null_count < len(array):
            total += _hashed(name, array)
    return total


def _hashed(name: str, array: pa.Array) -> Hashes:
    codes = pc.dictionary_encode(array)
    values = codes.dictionary.to_pandas().to_numpy()
    salt = np.uint64(pd.util.hash_array(np.array([name], dtype=object), categorize=False)[0] | np.uint64(1))
    hashes = np.append(pd.util.hash_array(values, categorize=False) * salt, np.uint64(0))
    return np.asarray(hashes[codes.indices.fill_null(len(values)).to_numpy()], dtype=np.uint64)


def _arrow(values: Any) -> pa.Array:
    if isinstance(values, pa.Array):
        return values
    if not isinstance(values, np.ndarray) or values.dtype != object:
        return pa.array(values, from_pandas=True)
    array = pa.array(values, from_pandas=True)
    return array.cast(pa.string()) if pa.types.is_null(array.type) else array
