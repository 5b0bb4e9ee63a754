"""The tables of limits as they stand: the standards' own, with what a city adds to them or puts in their place."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from hashlib import sha256
from typing import Literal, TypeAlias

from pipemap.db import Connection, fetch_all
from pipemap.sql import queries
from schemas.codetables import limits

TableName: TypeAlias = Literal["clearance_horizontal", "clearance_vertical", "cover_depth"]
Row: TypeAlias = dict[str, str]

TABLE_NAMES: tuple[TableName, ...] = ("clearance_horizontal", "clearance_vertical", "cover_depth")
# Editions that are no longer in force stand in the tables for comparison only.
SUPERSEDED = frozenset({"GB 50289-98 (edition inferred)", "GB 50217-2007", "CJJ 61-2003"})
_TABLES_AT_ONCE = 16


@dataclass(frozen=True)
class LocalTable:
    """A table that a city has added: its number, the table it adds to, and its rows as JSON."""

    set_id: int
    name: TableName
    rows: str


class LimitTables:
    """The rows in force of each table; equal to every other of the same rows, whichever process made it."""

    def __init__(self, local: tuple[LocalTable, ...]) -> None:
        self.local = local
        self._rows = {name: tuple(_in_force(name, local)) for name in TABLE_NAMES}
        self.digest = sha256(repr(self._rows).encode()).hexdigest()[:16]

    @classmethod
    def of(cls, local: Iterable[LocalTable]) -> "LimitTables":
        """The standards' tables with those of a city."""
        return _interned(tuple(local))

    def rows(self, name: TableName) -> tuple[Row, ...]:
        """The rows in force of one table."""
        return self._rows[name]

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, LimitTables) and self.digest == other.digest)

    def __hash__(self) -> int:
        return hash(self.digest)

    def __reduce__(self) -> tuple[object, tuple[tuple[LocalTable, ...]]]:
        return _interned, (self.local,)


def limits_in_force(connection: Connection) -> LimitTables:
    """The tables of this database as they stand now."""
    return _read(connection, None)


def limits_of_sets(connection: Connection, set_ids: list[int]) -> LimitTables:
    """The tables as they stood with some local ones, removed since or not."""
    return _read(connection, set_ids)


@cache
def standard_rows(name: TableName) -> tuple[Row, ...]:
    """Every row that ships with the product, superseded editions too."""
    return tuple(limits(name))


def _read(connection: Connection, set_ids: list[int] | None) -> LimitTables:
    rows = fetch_all(connection, queries("limits")["tables"], {"set_ids": set_ids})
    return LimitTables.of(LocalTable(row["set_id"], row["table_name"], row["rows"]) for row in rows)


@lru_cache(_TABLES_AT_ONCE)
def _interned(local: tuple[LocalTable, ...]) -> LimitTables:
    return LimitTables(local)


def _in_force(name: TableName, local: tuple[LocalTable, ...]) -> Iterable[Row]:
    added: list[Row] = [row for table in local if table.name == name for row in json.loads(table.rows)]
    replaced = {rule_id for row in added for rule_id in replaced_by(row)}
    yield from (
        row for row in standard_rows(name) if row["standard"] not in SUPERSEDED and row["rule_id"] not in replaced
    )
    yield from added


def replaced_by(row: Row) -> tuple[str, ...]:
    """The rules of the standards that a local row puts itself in the place of."""
    return tuple(word.strip() for word in row.get("replaces", "").split("|") if word.strip())


STANDARD = LimitTables.of(())
