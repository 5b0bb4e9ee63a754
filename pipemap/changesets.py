"""Changesets: the only way to write. Listing them, their review, manual edits, and roll-backs."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from typing import Any

import shapely
from psycopg.rows import DictRow
from psycopg.sql import SQL, Composed, Literal
from psycopg.types.json import Jsonb
from shapely.geometry.base import BaseGeometry

from pipemap.actors import demand_another
from pipemap.db import Connection, Database, fetch_all, fetch_one
from pipemap.drafts import add_changeset, add_dataset
from pipemap.errors import NotFoundError, RejectedError, UsageError
from pipemap.projects import read_project
from pipemap.publishing import count_deltas, lock_changeset, publish
from pipemap.rebasing import Conflict, Rebase, Settled, rebase
from pipemap.sql import queries
from pipemap.statements import compose
from pipemap.steps import note_discard, note_step
from pipemap.versions import Delta, as_delta, class_column, diff, diff_counts, read_states
from schemas.tables import FEATURE_KINDS, attribute_names, number_names

__all__ = [
    "Changeset",
    "Conflict",
    "Rebase",
    "Settled",
    "approve",
    "count_changes",
    "count_unchanged",
    "create_edit",
    "discard",
    "get_changeset",
    "list_changesets",
    "list_deltas",
    "publish",
    "rebase",
    "reject",
    "revert",
    "submit",
]

_MANUAL_DATASET = "manual"
_OPEN_STATES = ("draft", "checked", "submitted", "approved", "rejected")


@dataclass(frozen=True)
class Changeset:
    """What is known of a changeset; `changes` counts features by kind and op, `row_counts` an import's rows."""

    changeset_id: int
    title: str
    kind: str
    state: str
    base_version: int
    author: str
    reviewer: str | None
    created_at: datetime
    checked_at: datetime | None
    dataset_id: int | None
    dataset: str | None
    reverts_changeset_id: int | None
    version: int | None
    reverted_by_version: int | None
    row_counts: list[dict[str, Any]]
    changes: dict[str, dict[str, int]]


def get_changeset(connection: Connection, changeset_id: int) -> Changeset:
    """One changeset; NotFoundError when there is none."""
    found = _select(connection, changeset_id=changeset_id)
    if not found:
        raise NotFoundError(f"There is no changeset {changeset_id}; `pipemap changesets` lists them.")
    return found[0]


def count_unchanged(connection: Connection, changeset: Changeset) -> dict[str, int]:
    """How many features of its dataset an open changeset leaves as they are, by kind; none where there are none."""
    counts = {}
    for kind in FEATURE_KINDS:
        statement = compose(queries("changesets")["count_unchanged"], kind)
        values = {"changeset_id": changeset.changeset_id, "dataset_id": changeset.dataset_id}
        row = fetch_one(connection, statement, values)
        if (row and row["unchanged"]) or kind in changeset.changes:
            counts[kind] = row["unchanged"] if row else 0
    return counts


def list_changesets(
    connection: Connection,
    *,
    state: str | Collection[str] | None = None,
    author: str | None = None,
    dataset: str | None = None,
    limit: int = 50,
    offset: int = 0,
) -> list[Changeset]:
    """Changesets, newest first; `state` may be one or several."""
    states = [state] if isinstance(state, str) else list(state or ()) or None
    return _select(connection, states=states, author=author, dataset=dataset, limit=limit, offset=offset)


def list_deltas(
    connection: Connection,
    changeset_id: int,
    *,
    kind: str | None = None,
    op: str | None = None,
    class_code: str | None = None,
    limit: int | None = 100,
    offset: int = 0,
) -> list[Delta]:
    """What a changeset changes, published or not: one delta a feature, in the form of `versions.diff`."""
    changeset = get_changeset(connection, changeset_id)
    if changeset.version is not None:
        version = changeset.version
        return diff(
            connection, version - 1, version, kind=kind, op=op, class_code=class_code, limit=limit, offset=offset
        )
    page = SQL(" ORDER BY 1, 2 LIMIT {} OFFSET {}").format(Literal(limit), Literal(offset))
    wanted = {"changeset_id": changeset_id, "op": op, "class_code": class_code}
    keys = fetch_all(connection, _delta_keys(kind) + page, wanted)
    bases = read_states(connection, [key for key in keys if key["op"] != "insert"])
    proposed = _proposed_states(connection, changeset_id, keys)
    return [_open_delta(key, proposed[key["feature_id"]], bases) for key in keys]


def count_changes(connection: Connection, changeset: Changeset, class_code: str) -> dict[str, dict[str, int]]:
    """How many features of one utility class a changeset changes, by kind and op."""
    if changeset.version is not None:
        return diff_counts(connection, changeset.version - 1, changeset.version, None, class_code)
    wanted = {"changeset_id": changeset.changeset_id, "op": None, "class_code": class_code}
    counts: dict[str, dict[str, int]] = {}
    for key in fetch_all(connection, _delta_keys(None), wanted):
        ops = counts.setdefault(key["kind"], {"insert": 0, "update": 0, "delete": 0})
        ops[key["op"]] += 1
    return counts


def submit(database: Database, changeset_id: int, *, actor: str) -> None:
    """Hand a checked changeset to a reviewer."""
    with database.transaction() as connection:
        _require_state(lock_changeset(connection, changeset_id), ("checked",))
        _enter(connection, changeset_id, "submitted", None)
        note_step(connection, changeset_id, "submit", actor)


def approve(database: Database, changeset_id: int, *, reviewer: str) -> None:
    """Approve a submitted changeset; only somebody other than its author may."""
    with database.transaction() as connection:
        _demand_reviewer(connection, changeset_id, ("submitted",), reviewer)
        _enter(connection, changeset_id, "approved", reviewer)
        note_step(connection, changeset_id, "approve", reviewer)


def reject(database: Database, changeset_id: int, *, reviewer: str) -> None:
    """Turn a changeset down; only somebody other than its author may (the author discards)."""
    with database.transaction() as connection:
        _demand_reviewer(connection, changeset_id, ("draft", "checked", "submitted", "approved"), reviewer)
        _enter(connection, changeset_id, "rejected", reviewer)
        note_step(connection, changeset_id, "reject", reviewer)


def discard(database: Database, changeset_id: int, *, actor: str) -> None:
    """Delete an unpublished changeset with its deltas and findings; who did, and what it was, stays on record."""
    with database.transaction() as connection:
        changeset = lock_changeset(connection, changeset_id)
        _require_state(changeset, _OPEN_STATES)
        for kind in FEATURE_KINDS:
            connection.execute(compose(queries("changesets")["drop_deltas"], kind), {"changeset_id": changeset_id})
        connection.execute(queries("changesets")["drop_changeset"], {"changeset_id": changeset_id})
        note_discard(connection, changeset, actor)


def create_edit(
    database: Database,
    *,
    title: str,
    author: str,
    changes: Sequence[Mapping[str, Any]],
    kind: str = "edit",
    dataset: str = _MANUAL_DATASET,
) -> int:
    """Open a draft changeset of manual edits and return its number.

    Parameters
    ----------
    changes
        Each holds `kind`, `op` (insert, update, delete), `feature_id` and `values`: attributes by
        name, `geom` a shapely geometry in the project CRS. An update names only what it changes. An
        insert has no feature_id, or a negative one by which the links of later ones can refer to it.
    kind
        `edit`, or `design` for a planned work that is checked against the map.
    dataset
        Series that inserted features belong to.

    Raises
    ------
    NotFoundError
        When an update or delete names a feature that is not on the map.
    """
    with database.transaction() as connection:
        adds = any(change["op"] == "insert" for change in changes)
        dataset_id = add_dataset(connection, dataset) if adds else None
        changeset_id = add_changeset(connection, title, kind, author)
        edit = _Edit(connection, changeset_id, dataset_id, read_project(connection).srid)
        for change in changes:
            edit.write(change)
        return changeset_id


def revert(database: Database, changeset_id: int, *, author: str) -> int:
    """Open a draft changeset that undoes a published one and return its number.

    What has changed since comes up as a conflict when it is published, and can be rebased.
    """
    with database.transaction() as connection:
        undone = get_changeset(connection, changeset_id)
        if undone.version is None:
            raise RejectedError(f"Changeset {changeset_id} is not published; discard it instead.")
        title = f"Revert: {undone.title}"
        draft = add_changeset(connection, title, "revert", author, reverts_changeset_id=changeset_id)
        for kind in FEATURE_KINDS:
            statement = compose(queries("changesets")["undo"], kind)
            connection.execute(statement, {"version": undone.version, "changeset_id": draft})
        return draft


class _Edit:
    """Manual edits on their way into delta tables."""

    def __init__(self, connection: Connection, changeset_id: int, dataset_id: int | None, srid: int) -> None:
        self.connection = connection
        self.changeset_id = changeset_id
        self.dataset_id = dataset_id
        self.srid = srid
        self.assigned: dict[int, int] = {}

    def write(self, change: Mapping[str, Any]) -> None:
        kind, op = change["kind"], change["op"]
        if kind not in FEATURE_KINDS or op not in ("insert", "update", "delete"):
            raise UsageError(f"An edit has a kind and an op; {kind} {op} is not one.")
        feature_id = self._assign(change.get("feature_id")) if op == "insert" else change["feature_id"]
        given = {
            "changeset_id": self.changeset_id,
            "feature_id": feature_id,
            "op": op,
            "values": Jsonb(self._cells(kind, op, feature_id, change.get("values") or {})),
        }
        name = "edit_new" if op == "insert" else "edit_current"
        if self.connection.execute(compose(queries("changesets")[name], kind), given).rowcount == 0:
            raise NotFoundError(f"There is no {kind} {feature_id} on the map.")

    def _assign(self, placeholder: int | None) -> int:
        row = self.connection.execute("SELECT nextval('pipemap.feature_id_seq') AS feature_id").fetchone()
        assert row is not None
        if placeholder is not None:
            self.assigned[placeholder] = row["feature_id"]
        return int(row["feature_id"])

    def _cells(self, kind: str, op: str, feature_id: int, values: Mapping[str, Any]) -> dict[str, Any]:
        unknown = set(values) - {"source_key", "extra", *attribute_names(kind)}
        if unknown:
            raise UsageError(f"A {kind} has no attribute {', '.join(sorted(unknown))}.")
        cells = {name: self._cell(name, cell) for name, cell in values.items()}
        if op == "insert":
            cells |= {"feature_id": feature_id, "dataset_id": self.dataset_id}
            cells.setdefault("source_key", str(feature_id))
        return cells if op != "delete" else {}

    def _cell(self, name: str, cell: Any) -> Any:
        if isinstance(cell, BaseGeometry):
            return shapely.to_wkb(shapely.set_srid(cell, self.srid), hex=True, include_srid=True)
        if name in number_names() and cell is not None and not _is_number(cell):
            raise UsageError(f"{name} is a number; {cell} is none that the map can hold.")
        if name.endswith("_id") and isinstance(cell, int):
            return self.assigned.get(cell, cell)
        return cell.isoformat() if hasattr(cell, "isoformat") else cell


def _is_number(cell: Any) -> bool:
    """Whether it is one, or is written so; PostgreSQL would take the words NaN and Infinity too."""
    try:
        return isfinite(float(cell))
    except (TypeError, ValueError):
        return False


def _select(connection: Connection, **wanted: Any) -> list[Changeset]:
    filters = {"changeset_id": None, "states": None, "author": None, "dataset": None, "limit": 1, "offset": 0}
    rows = fetch_all(connection, queries("changesets")["list_changesets"], filters | wanted)
    return [_changeset(connection, row) for row in rows]


def _changeset(connection: Connection, row: DictRow) -> Changeset:
    published = row.pop("published_changes")
    changes = count_deltas(connection, row["changeset_id"]) if published is None else published
    return Changeset(**row, changes=changes)


def _delta_keys(kind: str | None) -> Composed:
    kinds = FEATURE_KINDS if kind is None else (kind,)
    statements = (
        compose(queries("changesets")["delta_keys"], each, class_code=class_column(each, "d")) for each in kinds
    )
    return SQL(" UNION ALL ").join(statements)


def _proposed_states(connection: Connection, changeset_id: int, keys: Sequence[DictRow]) -> dict[int, DictRow]:
    proposed: dict[int, DictRow] = {}
    for kind in {key["kind"] for key in keys}:
        statement = compose(queries("changesets")["delta_states"], kind)
        wanted = [key["feature_id"] for key in keys if key["kind"] == kind]
        for row in fetch_all(connection, statement, {"changeset_id": changeset_id, "feature_ids": wanted}):
            proposed[row["feature_id"]] = row
    return proposed


def _open_delta(key: DictRow, proposed: DictRow, bases: Mapping[tuple[int, int], DictRow]) -> Delta:
    old = bases.get((key["feature_id"], proposed["base_version"]))
    return as_delta(key, old, None if key["op"] == "delete" else proposed["state"])


def _demand_reviewer(connection: Connection, changeset_id: int, allowed: tuple[str, ...], reviewer: str) -> None:
    changeset = lock_changeset(connection, changeset_id)
    _require_state(changeset, allowed)
    demand_another(changeset["author"], reviewer, f"changeset {changeset_id}")


def _enter(connection: Connection, changeset_id: int, state: str, reviewer: str | None) -> None:
    moved = {"changeset_id": changeset_id, "state": state, "reviewer": reviewer}
    connection.execute(queries("changesets")["set_state"], moved)


def _require_state(changeset: DictRow, allowed: tuple[str, ...]) -> None:
    if changeset["state"] not in allowed:
        raise RejectedError(
            f"Changeset {changeset['changeset_id']} is {changeset['state']}; this needs one that is "
            f"{' or '.join(allowed)}."
        )
