"""The desensitised stores: a copy of what is shared for each pair of precision classes that an agreement has.

A store is brought up to the newest version after a publish or on demand, by the states that changed. Until then an
agreement reads it as of the version it is made to, and its answers say that version (schemas/sql/20_sharing.sql). The
secret of a shift comes from a file of this machine and goes neither into the database nor into a package.
"""

import hashlib
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import shapely
from geoalchemy2 import Geometry
from psycopg.rows import DictRow
from psycopg.sql import SQL, Composable, Composed, Identifier
from sqlalchemy.dialects.postgresql import BIGINT, INTEGER
from sqlalchemy.types import TypeEngine

from pipemap.copy_in import Progress, copy_frames
from pipemap.db import Connection, Database, fetch_all, fetch_one
from pipemap.errors import SourceError
from pipemap.sharing.precision import DEPTH_ATTRIBUTES, MASKED, SHIFTED, Precision, desensitise
from pipemap.sql import queries
from pipemap.statements import columns, table
from pipemap.versions import current_version
from schemas.tables import SHARED_KINDS, attribute_names

_BATCH_ROWS = 50_000
_KEY_BYTES = 32
_MOVED_TYPES: dict[str, TypeEngine[Any]] = {
    "feature_id": BIGINT(),
    "valid_from_version": INTEGER(),
    "geom": Geometry(),
}


@dataclass(frozen=True)
class StoreState:
    """One store, the version it is made to, and how many states the last refresh wrote."""

    position_precision: str
    depth_precision: str
    version: int
    written: int


def refresh_stores(database: Database, key_file: Path, on_rows: Progress | None = None) -> list[StoreState]:
    """Bring every store that an agreement in force needs up to the newest version; makes those that are missing.

    Raises SourceError when a shift is needed and its secret is not at hand, or is another than the map was shifted by.
    """
    with database.transaction(read_only=True) as connection:
        needed = fetch_all(connection, queries("stores")["needed"])
        mark = fetch_one(connection, queries("stores")["shift_mark"])
    is_shifted = any(row["position_precision"] == SHIFTED for row in needed)
    key = _shift_key(key_file, mark["key_mark"] if mark else None) if is_shifted else b""
    made = []
    for row in needed:
        position = row["position_precision"]
        precision = Precision(position, row["depth_precision"], key if position == SHIFTED else b"")
        with database.transaction() as connection:
            made.append(refresh(connection, precision, on_rows))
    return made


def refresh(connection: Connection, precision: Precision, on_rows: Progress | None = None) -> StoreState:
    """Bring one store up to the newest version by the states that changed since; a missing one is made."""
    named = {"position": precision.position, "depth": precision.depth, "key_mark": _mark(precision.key)}
    connection.execute(queries("stores")["add_store"], named)
    store = fetch_one(connection, queries("stores")["lock_store"], named)
    assert store is not None
    version = current_version(connection)
    reach = {"store_id": store["store_id"], "made": store["version"], "version": version}
    written = sum(_refresh_kind(connection, kind, precision, reach, on_rows) for kind in SHARED_KINDS)
    connection.execute(queries("stores")["set_version"], reach)
    return StoreState(precision.position, precision.depth, version, written)


def list_stores(connection: Connection) -> list[DictRow]:
    """Every store with the version it is made to and the newest one of the map."""
    return fetch_all(connection, queries("stores")["stores"])


def _shift_key(path: Path, mark: str | None) -> bytes:
    """The secret of the shift; made, readable to its owner alone, when nothing was shifted yet."""
    try:
        if mark is None and not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(secrets.token_hex(_KEY_BYTES).encode())
        key = path.read_bytes().strip()
    except OSError as error:
        raise SourceError(
            f"The secret of the coordinate shift is not to be had from {path.name}; PIPEMAP_SHIFT_KEY_FILE names it."
        ) from error
    if len(key) < _KEY_BYTES:
        raise SourceError(f"{path.name} holds no secret of at least {_KEY_BYTES} characters for the coordinate shift.")
    if mark not in (None, _mark(key)):
        raise SourceError(f"{path.name} holds another secret than the one that the map was shifted by.")
    return key


def _mark(key: bytes) -> str:
    """Tells one secret from another without giving it away."""
    return hashlib.sha256(b"pipemap shift mark " + key).hexdigest()[:16] if key else ""


def _refresh_kind(
    connection: Connection, kind: str, precision: Precision, reach: dict[str, Any], on_rows: Progress | None
) -> int:
    tables = {"store": table(f"{kind}_desensitised"), "history": table(f"{kind}_history")}
    connection.execute(SQL(queries("stores")["close_states"]).format(**tables), reach)
    names = ("feature_id", "source_key", *attribute_names(kind))
    connection.execute(queries("stores")["make_moved"])
    _copy_moved(connection, kind, precision, reach, on_rows)
    filled = connection.execute(
        SQL(queries("stores")["fill_store"]).format(
            store=tables["store"],
            columns=columns(names),
            shown=SQL(", ").join(_shown(name, precision) for name in names),
            states=_states(kind, names),
        ),
        reach,
    )
    connection.execute("DROP TABLE moved")
    return filled.rowcount


def _copy_moved(
    connection: Connection, kind: str, precision: Precision, reach: dict[str, Any], on_rows: Progress | None
) -> None:
    """Put the geometries of changed states, as the classes show them, into the table `moved`, batch by batch."""
    statement = SQL(queries("stores")["changed_geometries"]).format(states=_states(kind, ("feature_id", "geom")))
    done = 0
    with connection.cursor("changed_geometries") as cursor:
        cursor.execute(statement, reach)
        while rows := cursor.fetchmany(_BATCH_ROWS):
            frame = pd.DataFrame(rows)
            geometries = shapely.from_wkb(frame["geom"].to_numpy(object))
            frame["geom"] = desensitise(np.asarray(geometries, dtype=object), precision)
            copy_frames(connection, Identifier("moved"), [frame[frame["geom"].notna()]], _MOVED_TYPES)
            done += len(rows)
            if on_rows is not None:
                on_rows(done)
    connection.execute("ANALYZE moved")


def _states(kind: str, names: tuple[str, ...]) -> Composed:
    return SQL(queries("stores")["states"]).format(
        columns=columns(names), current=table(kind), history=table(f"{kind}_history")
    )


def _shown(name: str, precision: Precision) -> Composable:
    """A column as the classes show it; mean errors grow by what a class adds."""
    column = Identifier("s", name)
    if name == "geom":
        return Identifier("m", "geom")
    if name in DEPTH_ATTRIBUTES and precision.depth == MASKED:
        return SQL("NULL")
    if name in DEPTH_ATTRIBUTES and precision.step_m is not None:
        return SQL("round((round(({} / {step})::numeric) * {step})::numeric, 4)").format(column, step=precision.step_m)
    added = {"horizontal_accuracy_m": precision.position_error_m, "vertical_accuracy_m": precision.depth_error_m}
    if name == "vertical_accuracy_m" and precision.depth == MASKED:
        return SQL("NULL")
    return SQL("sqrt({0} * {0} + {1}::float8 ^ 2)").format(column, added[name]) if added.get(name) else column
