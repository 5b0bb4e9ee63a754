"""Long tables, of which each row gives one attribute of one thing: object, attribute, value."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import permutations

import pandas as pd

from importers.base import RecordTable
from importers.tabular.column_names import is_name, may_be_values, names_among
from schemas.findings import Finding, Severity

_MOST_COLUMNS, _MOST_ATTRIBUTES = 5, 100
_LEAST_ATTRIBUTES = 2
_HALF, _NEARLY_ALL, _ROWS_OF_A_THING = 0.5, 0.98, 1.5


@dataclass(frozen=True)
class _Axes:
    """The columns of a long table that name the thing and the attribute, and that give the value."""

    thing: str
    attribute: str
    value: str


def with_things_as_rows(tables: Iterable[RecordTable], known: frozenset[str]) -> Iterator[RecordTable]:
    """Tables with long ones as one row for each thing, under the number of its first row; others as they are.

    `known` are plain names of columns, which tell the column of attributes.
    """
    held: list[RecordTable] = []
    axes: _Axes | None = None
    place: tuple[str, str] | None = None
    for table in tables:
        if (table.file, table.sheet) != place:
            yield from _one_wide(held, axes)
            held, place, axes = [], (table.file, table.sheet), _axes(table.rows, known)
        if axes is None:
            yield table
        else:
            held.append(table)
    yield from _one_wide(held, axes)


def _one_wide(parts: list[RecordTable], axes: _Axes | None) -> Iterator[RecordTable]:
    if parts and axes is not None:
        yield _wide(parts, axes)


def _axes(rows: pd.DataFrame, known: frozenset[str]) -> _Axes | None:
    names = [str(name) for name in rows.columns]
    if not _LEAST_ATTRIBUTES < len(names) <= _MOST_COLUMNS or _are_names(names, known):
        return None
    attribute = next((name for name in names if _names_attributes(rows[name], known)), None)
    if attribute is None:
        return None
    others = [name for name in names if name != attribute]
    fitting = [
        _Axes(thing, attribute, value) for thing, value in permutations(others, 2) if _are(rows, thing, attribute)
    ]
    # The value is of many kinds; a unit beside it comes again and again.
    return max(fitting, key=lambda axes: rows[axes.value].nunique(), default=None)


def _are_names(words: Sequence[object], known: frozenset[str]) -> bool:
    """Whether most of some words are names of attributes; those of columns are so in tables that are not long."""
    return sum(isinstance(word, str) and is_name(word, known) for word in words) > _HALF * len(words)


def _names_attributes(column: "pd.Series[str]", known: frozenset[str]) -> bool:
    words = column.dropna().unique()
    if not _LEAST_ATTRIBUTES <= len(words) <= min(_MOST_ATTRIBUTES, len(column) / _ROWS_OF_A_THING):
        return False
    names = names_among(words, known)
    return len(names) >= max(_LEAST_ATTRIBUTES, _HALF * len(words)) and not may_be_values(names)


def _are(rows: pd.DataFrame, thing: str, attribute: str) -> bool:
    """Whether a column names things: each comes again, and has each attribute once."""
    n_things = rows[thing].nunique()
    is_once = ~rows.duplicated([thing, attribute])
    return bool(n_things and len(rows) >= _ROWS_OF_A_THING * n_things and is_once.mean() >= _NEARLY_ALL)


def _wide(parts: list[RecordTable], axes: _Axes) -> RecordTable:
    rows = pd.concat([part.rows for part in parts])
    rows = rows[rows[axes.thing].notna() & rows[axes.attribute].notna()]
    again = rows.duplicated([axes.thing, axes.attribute])
    first = rows[~rows.duplicated(axes.thing)]
    wide = rows[~again].pivot(index=axes.thing, columns=axes.attribute, values=axes.value)
    wide = wide.reindex(index=first[axes.thing], columns=rows[axes.attribute].unique())
    wide.insert(0, axes.thing, wide.index)
    wide = wide.set_axis(first.index).rename_axis(columns=None)
    findings = [finding for part in parts for finding in part.findings]
    return replace(
        parts[0],
        rows=wide.where(wide.notna(), None),
        findings=[*findings, _told(parts[0], axes, len(rows), len(wide), int(again.sum()))],
        skipped_rows=sum(part.skipped_rows for part in parts),
    )


def _told(table: RecordTable, axes: _Axes, n_rows: int, n_things: int, n_again: int) -> Finding:
    again = f"; {n_again} rows that give an attribute again were left out" if n_again else ""
    in_chinese = f"；重复给出同一属性的 {n_again} 行未采用" if n_again else ""
    return Finding(
        rule="IMP-LONG",
        severity=Severity.WARNING if n_again else Severity.INFO,
        message_en=f"Each row of {table.sheet} gives one attribute ({axes.attribute}) of a thing ({axes.thing}); its "
        f"{n_rows} rows were read as {n_things} things, each counted as the row it begins in{again}.",
        message_zh=f"{table.sheet} 每行只给出一个对象（{axes.thing}）的一个属性（{axes.attribute}）；"
        f"{n_rows} 行按 {n_things} 个对象读取，行号为其首行{in_chinese}。",
        file=table.file,
        sheet=table.sheet,
        column=axes.attribute,
    )
