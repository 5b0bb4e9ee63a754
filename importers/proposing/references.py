"""Which columns hold point numbers of which: the way tables of a delivery hang together, seen by values alone."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from importers.normalising.attributes import pair_of
from importers.normalising.spellings import folded
from importers.proposing.sample import Sample

# Shares of values found among the point numbers of another column.
_LEAST_SHARE, _MOSTLY = 0.5, 0.8
LEAST_DISTINCT = 3
# A running number holds every small number there is; only a column of many different values can refer to it.
_LEAST_DISTINCT_SHARE = 0.2


@dataclass(frozen=True)
class Links:
    """For the columns of one table: what they refer to (share of values, table and column), and what refers to them.

    `pairs` are columns that name two points in one cell.
    """

    refers: dict[str, tuple[float, str]] = field(default_factory=dict)
    referred: dict[str, tuple[float, str]] = field(default_factory=dict)
    pairs: dict[str, tuple[float, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class _Column:
    table: int
    name: str
    words: frozenset[str]
    head: list[str | None]
    n_known: int
    is_key: bool
    is_serial: bool


def links(tables: Sequence[tuple[str, Mapping[str, Sample]]], may_be_points: Sequence[bool]) -> list[Links]:
    """The links between columns of named tables; those that may hold points are referred to, by one column each."""
    columns = [_column(at, name, sample) for at, (_, samples) in enumerate(tables) for name, sample in samples.items()]
    shares = {
        (one.table, one.name, other.table, other.name): share
        for other in columns
        if other.is_key and may_be_points[other.table]
        for one in columns
        if (share := _share(one, other)) >= _LEAST_SHARE
    }
    keys = _keys(columns, shares)
    found = [Links() for _ in tables]
    for (table, name, target, key), share in shares.items():
        if keys.get(target) != key:
            continue
        if share > found[table].refers.get(name, (0.0, ""))[0]:
            found[table].refers[name] = (share, f"{tables[target][0]}.{key}")
        if share > found[target].referred.get(key, (0.0, ""))[0]:
            found[target].referred[key] = (share, f"{tables[table][0]}.{name}")
    _add_pairs(found, tables, columns)
    return found


def _add_pairs(
    found: Sequence[Links], tables: Sequence[tuple[str, Mapping[str, Sample]]], columns: Sequence[_Column]
) -> None:
    """Columns of which most values are two numbers of points, JS1-JS2, of one column that may number points."""
    numbers = [column for column in columns if column.is_key and not column.is_serial]
    for table, (_, samples) in enumerate(tables):
        for name, sample in samples.items():
            pairs = [pair for word in sample.words if not word.isdigit() and (pair := pair_of(word))]
            if len(pairs) < max(LEAST_DISTINCT, _MOSTLY * len(sample.words)):
                continue
            for other in (column for column in numbers if column.table != table):
                share = sum({*map(folded, pair)} <= other.words for pair in pairs) / len(sample.words)
                if share >= _MOSTLY:
                    found[table].pairs[name] = (share, f"{tables[other.table][0]}.{other.name}")


def _column(table: int, name: str, sample: Sample) -> _Column:
    is_key = sample.n_known >= LEAST_DISTINCT and sample.distinct_share >= 0.98 and sample.decimal_share < 0.1
    values = sample.known_numbers
    is_serial = sample.number_share == 1.0 and bool(len(values)) and float(np.max(values)) <= 2 * len(values)
    return _Column(
        table, name, frozenset(map(folded, sample.words)), sample.head_words, sample.n_known, is_key, is_serial
    )


def _share(one: _Column, other: _Column) -> float:
    if (one.table, one.name) == (other.table, other.name) or len(one.words) < LEAST_DISTINCT:
        return 0.0
    if one.is_key and one.table == other.table and not _names_others(one, other):
        return 0.0
    if other.is_serial and (one.table == other.table or len(one.words) < _LEAST_DISTINCT_SHARE * one.n_known):
        return 0.0
    return len(one.words & other.words) / len(one.words)


def _names_others(one: _Column, other: _Column) -> bool:
    """Whether a column of different numbers names points of other rows; one that repeats the row's own does not."""
    pairs = [(a, b) for a, b in zip(one.head, other.head, strict=True) if a is not None]
    return not other.is_serial and bool(pairs) and all(a != b for a, b in pairs)


def _keys(columns: Iterable[_Column], shares: Mapping[tuple[int, str, int, str], float]) -> dict[int, str]:
    """Of each table the column that most is referred to, words before running numbers."""
    best: dict[int, tuple[tuple[bool, float], str]] = {}
    for column in columns:
        total = sum(
            share for (*_, table, name), share in shares.items() if (table, name) == (column.table, column.name)
        )
        rank = (not column.is_serial, total)
        if total and (column.table not in best or rank > best[column.table][0]):
            best[column.table] = (rank, column.name)
    return {table: name for table, (_, name) in best.items()}
