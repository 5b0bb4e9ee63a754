"""Rebasing: brings a changeset up to date with the map by a three-way merge of every attribute."""

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from psycopg import Cursor
from psycopg.rows import DictRow
from psycopg.sql import SQL, Composable, Identifier
from psycopg.sql import Literal as Constant

from pipemap.db import Connection, Database, fetch_all
from pipemap.errors import RejectedError
from pipemap.findings import save_findings
from pipemap.publishing import conflicts, lock_changeset
from pipemap.sql import queries
from pipemap.statements import NODE_LINKS, columns, compose, content_names, differs, value
from pipemap.steps import note_step
from pipemap.versions import current_version
from schemas.tables import FEATURE_KINDS

Side = Literal["mine", "map"]
_Clashes: TypeAlias = dict[int, tuple[str, ...]]


@dataclass(frozen=True)
class Conflict:
    """A feature that both the map and the changeset changed: `changed`, `deleted`, `exists` or `key taken`.

    `attributes` names the ones that both changed to different values.
    """

    kind: str
    feature_id: int
    source_key: str
    reason: str
    attributes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Settled:
    """A feature that was brought up to date: whose state it has now, and the attributes that came from either side."""

    kind: str
    feature_id: int
    source_key: str
    outcome: Literal["mine", "map", "merged"]
    mine: tuple[str, ...] = ()
    map: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rebase:
    """The features that were brought up to date, and the conflicts that are left to decide."""

    features: tuple[Settled, ...]
    conflicts: tuple[Conflict, ...]

    @property
    def settled(self) -> int:
        """How many features were brought up to date."""
        return len(self.features)


def rebase(database: Database, changeset_id: int, *, actor: str, prefer: Side | None = None) -> Rebase:
    """Merge what the map has changed since into an unpublished changeset.

    Changes to different attributes of a feature are both kept. Where both sides changed the same
    attribute to different values, or one deleted what the other changed, `prefer` decides ("mine"
    for the changeset, "map" for what is published); without it the feature is left as it was and
    reported. Deltas that no longer change anything vanish. A changeset that was rebased is a draft
    again and must be checked anew.
    """
    with database.transaction() as connection:
        changeset = lock_changeset(connection, changeset_id)
        if changeset["state"] == "published":
            raise RejectedError(f"Changeset {changeset_id} is published already; there is nothing to rebase.")
        before = conflicts(connection, changeset_id)
        settled, clashes = _merge(connection, changeset_id, prefer) if before else ([], {})
        left = tuple(
            Conflict(**found, attributes=clashes.get(found["feature_id"], ()))
            for found in conflicts(connection, changeset_id)
        )
        if before:
            _reopen(connection, changeset_id, is_clean=not left)
            told = {"prefer": prefer, "settled": len(settled), "conflicts": len(left)}
            note_step(connection, changeset_id, "rebase", actor, **told)
        return Rebase(tuple(settled), left)


def _merge(connection: Connection, changeset_id: int, prefer: Side | None) -> tuple[list[Settled], _Clashes]:
    """Rewrite the deltas; what was settled, and the attributes that clash by feature."""
    _renumber(connection, changeset_id)
    settled: list[Settled] = []
    clashes: _Clashes = {}
    for kind in FEATURE_KINDS:
        merged, clashing = _merge_kind(connection, changeset_id, kind, prefer)
        settled += merged
        clashes |= clashing
        _run(connection, "drop_unchanging", kind, changeset_id)
        endings: list[tuple[str, Side]] = [("drop_done_deletions", "map")]
        endings += [(f"{prefer}_delete", prefer), (f"{prefer}_update", prefer)] if prefer else []
        for name, side in endings:
            rows = _run(connection, name, kind, changeset_id).fetchall()
            settled += [Settled(kind, row["feature_id"], row["source_key"], side) for row in rows]
    return settled, clashes


def _renumber(connection: Connection, changeset_id: int) -> None:
    connection.execute(queries("rebasing")["stage_renumbered"])
    for kind in FEATURE_KINDS:
        _run(connection, "find_renumbered", kind, changeset_id)
    for kind in FEATURE_KINDS:
        _run(connection, "renumber", kind, changeset_id)
        for link in NODE_LINKS[kind]:
            _run(connection, "renumber_link", kind, changeset_id, link=Identifier(link))
    _run(connection, "renumber_link", "pipe_segment", changeset_id, link=Identifier("container_id"))


def _merge_kind(
    connection: Connection, changeset_id: int, kind: str, prefer: Side | None
) -> tuple[list[Settled], _Clashes]:
    merged = {"merged": Identifier(f"merged_{kind}")}
    names = content_names(kind)
    statement = compose(
        queries("rebasing")["merge"],
        kind,
        changeset_id=Constant(changeset_id),
        values=SQL(", ").join(_merged_value(name, prefer) for name in names),
        clashes=SQL(", ").join(_clash(name) for name in names) if prefer is None else SQL(""),
        **merged,
    )
    connection.execute(statement)
    settled = _settled(connection, changeset_id, kind, **merged)
    _run(
        connection,
        "take_merged",
        kind,
        changeset_id,
        content=columns(names),
        content_of_m=columns(names, "m"),
        **merged,
    )
    rows = fetch_all(connection, compose(queries("rebasing")["clashes"], kind, **merged))
    return settled, {row["feature_id"]: tuple(row["clashes"]) for row in rows}


def _settled(connection: Connection, changeset_id: int, kind: str, **merged: Composable) -> list[Settled]:
    names = content_names(kind)
    # What the merged state has otherwise than the map is mine; what it has otherwise than the changeset, the map's.
    mine, of_map = (
        SQL(", ").join(SQL("CASE WHEN {} THEN {} END").format(differs([n], "m", side), Constant(n)) for n in names)
        for side in ("c", "d")
    )
    rows = _run(connection, "settled", kind, changeset_id, mine=mine, map=of_map, **merged).fetchall()
    return [
        Settled(kind, row["feature_id"], row["source_key"], _outcome(row), tuple(row["mine"]), tuple(row["map"]))
        for row in rows
    ]


def _outcome(row: DictRow) -> Literal["mine", "map", "merged"]:
    if row["mine"] and row["map"]:
        return "merged"
    return "mine" if row["mine"] else "map"


def _merged_value(name: str, prefer: Side | None) -> Composable:
    side = "c" if prefer == "map" else "d"
    return SQL(
        "CASE WHEN {d} IS NOT DISTINCT FROM {b} THEN {from_c} WHEN {c} IS NOT DISTINCT FROM {b} THEN {from_d} "
        "ELSE {preferred} END AS {name}"
    ).format(
        **{alias: value(name, alias) for alias in ("b", "c", "d")},
        from_c=Identifier("c", name),
        from_d=Identifier("d", name),
        preferred=Identifier(side, name),
        name=Identifier(name),
    )


def _clash(name: str) -> Composable:
    pairs = (("d", "b"), ("c", "b"), ("c", "d"))
    conditions = SQL(" AND ").join(differs([name], left, right) for left, right in pairs)
    return SQL("CASE WHEN {} THEN {} END").format(conditions, Constant(name))


def _run(connection: Connection, name: str, kind: str, changeset_id: int, **parts: Composable) -> Cursor[DictRow]:
    filled: dict[str, Any] = {"changed": differs(content_names(kind), "c", "d")} | parts
    return connection.execute(compose(queries("rebasing")[name], kind, **filled), {"changeset_id": changeset_id})


def _reopen(connection: Connection, changeset_id: int, is_clean: bool) -> None:
    given = {"changeset_id": changeset_id, "is_clean": is_clean, "version": current_version(connection)}
    connection.execute(queries("rebasing")["reopen"], given)
    # What the checks found belongs to the states before the merge.
    save_findings(connection, changeset_id, "check", [])
