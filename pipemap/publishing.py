"""Publishing: a changeset becomes the next version of the map, wholly or not at all."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier
from psycopg.types.json import Jsonb

from pipemap.db import Connection, Database, fetch_all, fetch_one
from pipemap.errors import ConflictError, NotFoundError, RejectedError, UsageError
from pipemap.findings import blocking_findings, list_waivers
from pipemap.sql import queries
from pipemap.statements import compose
from pipemap.versions import current_version
from schemas.tables import FEATURE_KINDS, SCHEMA

# Any fixed number: publishers wait for each other, so versions grow by one without gaps.
_LOCK = 4_547_002
_BULK_FROM_ROWS = 10_000
_LISTED_CONFLICTS = 1_000


def publish(
    database: Database,
    changeset_id: int,
    *,
    message: str,
    author: str,
    waivers: dict[str, str] | None = None,
    require_approval: bool = False,
) -> int:
    """Make a changeset the next version of the map and return that version.

    A changeset that is published already gives its version again, so that a publish whose answer
    got lost can be repeated.

    Parameters
    ----------
    waivers
        Reason by rule, for every rule whose errors may stand; it is kept with the version and audited.
    require_approval
        Publish only what somebody else has approved.

    Raises
    ------
    UsageError
        When a waiver has no reason, or the changeset no error of its rule.
    RejectedError
        When the changeset is not checked (or not approved), changes nothing, or has errors left.
    ConflictError
        When the map has changed under it, or a feature would refer to a node that is not there;
        `details["features"]` lists kind, feature_id, source_key and reason.
    """
    if not message.strip():
        raise UsageError("A version needs a message that says what it changes.")
    with database.transaction() as connection:
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        changeset = lock_changeset(connection, changeset_id)
        if changeset["state"] == "published":
            return _version_of(connection, changeset_id)
        _check_state(changeset, require_approval)
        _waive(connection, changeset_id, author, waivers or {})
        _check_findings(connection, changeset_id)
        counts = count_deltas(connection, changeset_id)
        if not counts:
            raise RejectedError(
                f"Changeset {changeset_id} changes nothing: the map says already what it says. "
                f"Discard it with `pipemap discard {changeset_id}`."
            )
        _check_conflicts(connection, changeset_id, counts)
        version = current_version(connection) + 1
        _apply(connection, changeset_id, version, counts)
        _check_dangling(connection, changeset_id, version)
        _stamp(connection, changeset, version, author, message, counts)
        return version


def lock_changeset(connection: Connection, changeset_id: int) -> dict[str, Any]:
    """The changeset's row, held against every other writer until the transaction ends."""
    row = fetch_one(connection, queries("changesets")["lock_changeset"], {"changeset_id": changeset_id})
    if row is None:
        raise NotFoundError(f"There is no changeset {changeset_id}; `pipemap changesets` lists them.")
    return row


def count_deltas(connection: Connection, changeset_id: int) -> dict[str, dict[str, int]]:
    """How many features an unpublished changeset inserts, updates and deletes, by kind; empty kinds left out."""
    counts: dict[str, dict[str, int]] = {}
    for kind in FEATURE_KINDS:
        statement = compose(queries("changesets")["count_deltas"], kind)
        rows = fetch_all(connection, statement, {"changeset_id": changeset_id})
        if rows:
            counts[kind] = {"insert": 0, "update": 0, "delete": 0} | {row["op"]: row["count"] for row in rows}
    return counts


def conflicts(connection: Connection, changeset_id: int) -> list[dict[str, Any]]:
    """The features of a changeset that are no longer as they were when it was made."""
    found: list[dict[str, Any]] = []
    for kind in FEATURE_KINDS:
        statement = compose(queries("publishing")["conflicts"], kind)
        rows = fetch_all(connection, statement, {"changeset_id": changeset_id})
        found += [{"kind": kind, **row} for row in rows]
    return found


def _check_state(changeset: dict[str, Any], require_approval: bool) -> None:
    number, state = changeset["changeset_id"], changeset["state"]
    if state == "draft":
        raise RejectedError(f"Changeset {number} has not been checked yet; run `pipemap check {number}` first.")
    if state == "rejected":
        raise RejectedError(f"Changeset {number} was rejected by {changeset['reviewer']}.")
    if state == "submitted" or (require_approval and state != "approved"):
        raise RejectedError(
            f"Changeset {number} waits for approval by somebody other than {changeset['author']}: "
            f"`pipemap submit {number}`, then `pipemap approve {number}`."
        )


def _waive(connection: Connection, changeset_id: int, author: str, waivers: dict[str, str]) -> None:
    standing = blocking_findings(connection, changeset_id)
    for rule, reason in waivers.items():
        if not reason.strip():
            raise UsageError(f"Waiving {rule} needs a reason.")
        if rule not in standing:
            listed = ", ".join(standing) or "none at all"
            raise UsageError(f"Changeset {changeset_id} has no error of rule {rule} to waive; its errors: {listed}.")
        given = {"changeset_id": changeset_id, "rule": rule, "reason": reason, "waived_by": author}
        connection.execute(queries("publishing")["add_waiver"], given)


def _check_findings(connection: Connection, changeset_id: int) -> None:
    blocking = blocking_findings(connection, changeset_id)
    if blocking:
        listed = ", ".join(f"{rule} ({count})" for rule, count in blocking.items())
        raise RejectedError(
            f"Changeset {changeset_id} has errors: {listed}. Correct them, or waive a rule by name with a reason.",
            rules=blocking,
        )


def _check_conflicts(connection: Connection, changeset_id: int, counts: dict[str, dict[str, int]]) -> None:
    found = conflicts(connection, changeset_id)
    if found:
        raise ConflictError(
            f"The map has changed under changeset {changeset_id} at {_named(found)}; "
            f"`pipemap rebase {changeset_id}` brings it up to date.",
            features=found[:_LISTED_CONFLICTS],
            total=len(found),
        )


def _check_dangling(connection: Connection, changeset_id: int, version: int) -> None:
    found = fetch_all(connection, queries("publishing")["dangling"], {"version": version})
    if found:
        raise ConflictError(
            f"Changeset {changeset_id} would leave {_named(found)} without a node.",
            features=found[:_LISTED_CONFLICTS],
            total=len(found),
        )


def _named(found: list[dict[str, Any]]) -> str:
    more = f" and {len(found) - 3} more" if len(found) > 3 else ""
    return ", ".join(f"{item['kind']} {item['source_key']}" for item in found[:3]) + more


def _apply(connection: Connection, changeset_id: int, version: int, counts: dict[str, dict[str, int]]) -> None:
    written = {"changeset_id": changeset_id, "version": version}
    try:
        for kind, ops in counts.items():
            is_bulk = sum(ops.values()) >= _BULK_FROM_ROWS
            connection.execute(compose(queries("publishing")["close_states"], kind), written)
            with _indexes_built_after(connection, kind) if is_bulk else nullcontext():
                connection.execute(compose(queries("publishing")["open_states"], kind), written)
            connection.execute(compose(queries("changesets")["drop_deltas"], kind), written)
            if is_bulk:
                connection.execute(compose("ANALYZE {current}, {history}, {delta}", kind))
    except psycopg.errors.UniqueViolation as error:
        raise ConflictError(f"Changeset {changeset_id} gives two features the same key.", features=[]) from error


@contextmanager
def _indexes_built_after(connection: Connection, kind: str) -> Iterator[None]:
    """Filling an empty table takes half the time when its indexes are built at the end, and they come out tighter."""
    if fetch_one(connection, compose("SELECT FROM {current} LIMIT 1", kind)) is not None:
        yield
        return
    indexes = fetch_all(connection, queries("publishing")["plain_indexes"], {"table": f"{SCHEMA}.{kind}"})
    for index in indexes:
        name = Identifier(index["schema_name"], index["index_name"])
        connection.execute(SQL("DROP INDEX {}").format(name))
    yield
    for index in indexes:
        connection.execute(index["definition"])


def _stamp(
    connection: Connection,
    changeset: dict[str, Any],
    version: int,
    author: str,
    message: str,
    counts: dict[str, dict[str, int]],
) -> None:
    number = changeset["changeset_id"]
    written = {"version": version, "changeset_id": number, "author": author, "message": message}
    connection.execute(queries("publishing")["add_version"], written | {"counts": Jsonb(counts)})
    state = {"changeset_id": number, "state": "published", "reviewer": changeset["reviewer"]}
    connection.execute(queries("changesets")["set_state"], state)
    waivers = list_waivers(connection, number)
    details = {"changeset_id": number, "version": version, "message": message, "counts": counts, "waivers": waivers}
    connection.execute(queries("publishing")["audit"], {"actor": author, "details": Jsonb(details)})
    connection.execute(queries("publishing")["announce"], {"version": version})


def _version_of(connection: Connection, changeset_id: int) -> int:
    row = fetch_one(connection, queries("publishing")["version_of"], {"changeset_id": changeset_id})
    assert row is not None
    return int(row["version"])
