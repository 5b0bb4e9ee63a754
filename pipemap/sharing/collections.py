"""What there is to read of each kind: under which columns, where, and since when, as one asker sees it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from weakref import WeakKeyDictionary

from pipemap.db import Connection, Database, fetch_one
from pipemap.sharing.agreements import SHARED_KINDS
from pipemap.sharing.granted import Grant, begin_reading, grant_of, refusals_on_record
from pipemap.sharing.item_statements import Readable, granted_columns
from pipemap.sql import queries
from pipemap.versions import current_version


@dataclass(frozen=True)
class Extent:
    """Where what an asker may read lies, in degrees (None where nothing is), and since when there is a map."""

    west_south_east_north: tuple[float, float, float, float] | None
    since: datetime | None


_Box = tuple[float, float, float, float] | None
# The box around everything and the version it is of: all nodes are read for it.
_whole: WeakKeyDictionary[Database, tuple[int, _Box]] = WeakKeyDictionary()


def read_collections(
    database: Database, key_sha256: str | None, asked: Mapping[str, Any], timeout_s: int = 30
) -> Readable:
    """What a key may read, or staff where it is None; UnknownKeyError when the key is not in force.

    `asked` goes on record when the key is refused.
    """
    with _asking(database, key_sha256, asked, timeout_s) as (_, srid, grant):
        return Readable(srid, {kind: granted_columns(grant, kind) for kind in SHARED_KINDS})


def read_extent(database: Database, key_sha256: str | None, asked: Mapping[str, Any], timeout_s: int = 30) -> Extent:
    """Where and since when there is something to read, for a key or for staff; UnknownKeyError as above."""
    with _asking(database, key_sha256, asked, timeout_s) as (connection, srid, grant):
        times = fetch_one(connection, queries("sharing")["published_since"])
        since = times["since"] if times else None
        if srid == 0:
            return Extent(None, since)
        if grant is None:
            return Extent(_whole_box(database, connection), since)
        return Extent(_box(connection, "agreement_extent", {"agreement_id": grant.agreement_id}), since)


@contextmanager
def _asking(
    database: Database, key_sha256: str | None, asked: Mapping[str, Any], timeout_s: int
) -> Iterator[tuple[Connection, int, Grant | None]]:
    with (
        refusals_on_record(database, key_sha256 or "", asked),
        database.transaction(read_only=True) as connection,
    ):
        srid, _ = begin_reading(connection, timeout_s)
        yield connection, srid, None if key_sha256 is None else grant_of(connection, key_sha256)


def _whole_box(database: Database, connection: Connection) -> _Box:
    version, box = _whole.get(database, (None, None))
    newest = current_version(connection)
    if version != newest:
        box = _box(connection, "map_extent")
        _whole[database] = newest, box
    return box


def _box(connection: Connection, name: str, values: dict[str, Any] | None = None) -> _Box:
    row = fetch_one(connection, queries("sharing")[name], values)
    if row is None or row["west"] is None:
        return None
    return row["west"], row["south"], row["east"], row["north"]
