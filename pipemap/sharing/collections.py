"""What there is to read of each kind: under which columns, where, and since when, as one asker sees it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipemap.db import Connection, Database, fetch_one
from pipemap.projects import read_project
from pipemap.sharing.agreements import SHARED_KINDS
from pipemap.sharing.granted import Grant, Place, as_agency, refusals_on_record
from pipemap.sharing.items import Readable, granted_columns
from pipemap.sql import queries


@dataclass(frozen=True)
class Extent:
    """Where what an asker may read lies, in degrees (None where nothing is), and since when there is a map."""

    west_south_east_north: tuple[float, float, float, float] | None
    since: datetime | None


def read_collections(database: Database, key_sha256: str | None, asked: Mapping[str, Any]) -> Readable:
    """What a key may read, or staff where it is None; UnknownKeyError when the key is not in force.

    `asked` goes on record when the key is refused.
    """
    with _asking(database, key_sha256, asked) as (_, srid, grant):
        return Readable(srid, {kind: granted_columns(grant, kind) for kind in SHARED_KINDS})


def read_extent(database: Database, key_sha256: str | None, asked: Mapping[str, Any]) -> Extent:
    """Where and since when there is something to read, for a key or for staff; UnknownKeyError as above."""
    with _asking(database, key_sha256, asked) as (connection, srid, grant):
        times = fetch_one(connection, queries("sharing")["published_since"])
        return Extent(_box(connection, grant) if srid else None, times["since"] if times else None)


@contextmanager
def _asking(
    database: Database, key_sha256: str | None, asked: Mapping[str, Any]
) -> Iterator[tuple[Connection, int, Grant | None]]:
    with (
        refusals_on_record(database, key_sha256 or "", dict(asked)),
        database.transaction(read_only=True) as connection,
    ):
        srid, grant = read_project(connection).srid, None
        if key_sha256 is not None:
            with as_agency(connection, key_sha256, Place(), srid) as grant:
                pass
        yield connection, srid, grant


def _box(connection: Connection, grant: Grant | None) -> tuple[float, float, float, float] | None:
    name = "map_extent" if grant is None else "agreement_extent"
    row = fetch_one(connection, queries("sharing")[name], {"agreement_id": grant and grant.agreement_id})
    if row is None or row["west"] is None:
        return None
    return row["west"], row["south"], row["east"], row["north"]
