"""Columns of a million features in little room: words by number, numbers as arrays, texts as bytes."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from pipemap.copy_out import TextColumn
from pipemap.shelf import let_go

Bools: TypeAlias = npt.NDArray[np.bool_]
Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
Objects: TypeAlias = npt.NDArray[np.object_]

UNKNOWN = -1


@dataclass(frozen=True, eq=False)
class Words:
    """A column of words from a short list: `codes` count into `known_words`; -1 is not known."""

    codes: npt.NDArray[np.integer[Any]]
    known_words: tuple[str, ...]

    @classmethod
    def of(cls, values: Sequence[str | None] | Objects) -> "Words":
        """The words of a column; None and NaN are not known."""
        encoded = pa.array(values, type=pa.string(), from_pandas=True).dictionary_encode()
        codes = np.asarray(encoded.indices.fill_null(UNKNOWN), np.int32)
        return cls(codes, tuple(encoded.dictionary.to_pylist()))

    @classmethod
    def unknown(cls, count: int) -> "Words":
        """A column without a word."""
        return cls(np.full(count, UNKNOWN, np.int16), ())

    @classmethod
    def joined(cls, parts: Sequence["Words"]) -> "Words":
        """Several columns as one."""
        words = tuple(dict.fromkeys(word for part in parts for word in part.known_words))
        number = {word: code for code, word in enumerate(words)}
        codes = [part.translated(number, UNKNOWN) for part in parts]
        return cls(np.concatenate(codes).astype(np.int32), words)

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, rows: Any) -> "Words":
        return Words(self.codes[rows], self.known_words)

    def is_known(self) -> Bools:
        """Whether each row has a word."""
        return np.asarray(self.codes >= 0)

    def is_in(self, words: Collection[str]) -> Bools:
        """Whether the word of each row is one of these; an unknown one is not."""
        return self.translated(dict.fromkeys(words, True), False).astype(np.bool_)

    def translated(self, meaning: Mapping[str, Any], otherwise: Any) -> npt.NDArray[Any]:
        """What each word means; `otherwise` for words without a meaning and where there is no word."""
        listed = [*(meaning.get(word, otherwise) for word in self.known_words), otherwise]
        is_words = any(isinstance(each, str) or each is None for each in listed)
        meanings: npt.NDArray[Any] = np.array(listed, dtype=object if is_words else None)[self.codes]
        return meanings

    def renamed(self, names: Mapping[str, str], otherwise: str) -> "Words":
        """Another word for each word; `otherwise` for those without another and where there is no word."""
        words = tuple(dict.fromkeys([*(names.get(word, otherwise) for word in self.known_words), otherwise]))
        number = {word: words.index(names.get(word, otherwise)) for word in self.known_words}
        return Words(self.translated(number, words.index(otherwise)), words)

    def texts(self) -> Objects:
        """The words themselves, None where there is none."""
        listed: Objects = np.array([*self.known_words, None], dtype=object)[self.codes]
        return listed


@dataclass(frozen=True, eq=False)
class Texts:
    """A column of texts that are hardly ever the same, such as point numbers; no text is an empty one."""

    column: TextColumn

    @classmethod
    def of(cls, values: Sequence[str | None] | Objects) -> "Texts":
        """The texts of a column."""
        texts = pa.array(values, type=pa.large_string(), from_pandas=True).fill_null("")
        _, offsets, blob = texts.buffers()
        return cls(TextColumn(np.frombuffer(blob or b"", np.uint8).copy(), np.frombuffer(offsets, np.int64).copy()))

    def __len__(self) -> int:
        return len(self.column)

    def __getitem__(self, rows: Ints) -> "Texts":
        return Texts(self.column.taken(rows))

    def texts(self) -> Objects:
        """The texts themselves."""
        buffers = [None, pa.py_buffer(self.column.offsets), pa.py_buffer(self.column.blob)]
        listed: Objects = pa.Array.from_buffers(pa.large_string(), len(self), buffers).to_numpy(zero_copy_only=False)
        return listed


Column: TypeAlias = Words | Texts | npt.NDArray[Any]


class Columns:
    """Columns of one kind of feature by name; a part takes a column only when it is asked for.

    What it is a part of is let go of at once: its rows may lie far apart.
    """

    def __init__(self, columns: Mapping[str, Column], rows: Ints | None = None) -> None:
        self._columns = columns
        self._rows = rows
        self._taken: dict[str, Column] = {}

    def __len__(self) -> int:
        return len(self._columns["feature_id"]) if self._rows is None else len(self._rows)

    def words(self, name: str) -> Words:
        """A column of words."""
        column = self._column(name)
        assert isinstance(column, Words), name
        return column

    def values(self, name: str) -> npt.NDArray[Any]:
        """A column of numbers, truth values, dates or shapes."""
        column = self._column(name)
        assert isinstance(column, np.ndarray), name
        return column

    def texts(self, name: str, rows: Ints) -> Objects:
        """The texts of a few rows of a column of words or texts."""
        column, at = self._columns[name], rows if self._rows is None else self._rows[rows]
        assert not isinstance(column, np.ndarray), name
        texts = column[at].texts()
        let_go(*_arrays(column))
        return texts

    def part(self, rows: Ints) -> "Columns":
        """These rows of every column."""
        return Columns(self._columns, rows if self._rows is None else self._rows[rows])

    def _column(self, name: str) -> Column:
        if self._rows is None:
            return self._columns[name]
        if name not in self._taken:
            self._taken[name] = self._columns[name][self._rows]
            let_go(*_arrays(self._columns[name]))
        return self._taken[name]


def _arrays(column: Column) -> tuple[npt.NDArray[Any], ...]:
    if isinstance(column, Texts):
        return column.column.blob, column.column.offsets
    return (column.codes,) if isinstance(column, Words) else (column,)


def known_values(values: npt.NDArray[Any], is_known: Bools) -> list[Any]:
    """Numbers as Python's own, None where not known."""
    listed: list[Any] = values.tolist()
    return (
        listed
        if is_known.all()
        else [each if known else None for each, known in zip(listed, is_known.tolist(), strict=True)]
    )


def distinct(values: Ints) -> Ints:
    """The values in order, each once: by sorting, which for whole numbers beats numpy's table of hashes."""
    ordered = np.sort(values)
    return np.asarray(ordered[np.append(True, np.diff(ordered) != 0)[: len(ordered)]])


def numbered(columns: Sequence[npt.NDArray[Any]]) -> tuple[Ints, Ints]:
    """Number rows so that rows alike in every column share one, unknowns being alike, and the first row of each."""
    number = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        codes, known = pd.factorize(column, use_na_sentinel=True)
        number = pd.factorize(number * (len(known) + 1) + codes + 1)[0].astype(np.int64)
    first = np.full(number.max(initial=-1) + 1, len(number), np.int64)
    np.minimum.at(first, number, np.arange(len(number)))
    return number, first
