"""Opening an empty draft changeset, the delivery series it belongs to, and counting what it would modify."""

from collections.abc import Mapping

import psycopg
from psycopg.sql import SQL, Composable, Identifier

from pipemap.db import Connection, fetch_all, fetch_one
from pipemap.errors import ConflictError
from pipemap.sql import queries
from pipemap.statements import compose


def add_changeset(
    connection: Connection,
    title: str,
    kind: str,
    author: str,
    *,
    dataset_id: int | None = None,
    reverts_changeset_id: int | None = None,
    delivery_job_id: str | None = None,
) -> int:
    """Open an empty draft changeset on the current version and return its number.

    Of one delivery that was handed in there is one draft: whoever makes a second waits for the first to hold, and
    gets a ConflictError then.
    """
    given = {"title": title, "kind": kind, "author": author, "dataset_id": dataset_id}
    given |= {"reverts_changeset_id": reverts_changeset_id, "delivery_job_id": delivery_job_id}
    try:
        row = fetch_one(connection, queries("ingest")["add_changeset"], given)
    except psycopg.errors.UniqueViolation as error:
        raise ConflictError("This delivery is a changeset already.", message_zh="该成果已生成变更集。") from error
    assert row is not None
    return int(row["changeset_id"])


def add_dataset(connection: Connection, name: str) -> int:
    """Identity of a delivery series, created when it is new."""
    connection.execute(queries("ingest")["add_dataset"], {"name": name})
    row = fetch_one(connection, queries("ingest")["dataset_id"], {"name": name})
    assert row is not None
    return int(row["dataset_id"])


def dataset_names(connection: Connection) -> list[str]:
    """Every delivery series by its name."""
    return [row["name"] for row in fetch_all(connection, queries("ingest")["dataset_names"])]


def count_updates(
    connection: Connection, changeset_id: int, kind: str, conditions: Mapping[str, Composable]
) -> dict[str, int]:
    """Of how many features of a kind that an open changeset modifies each condition holds, where of any.

    Conditions are over `d`, the feature as it would be, and `c`, as it is.
    """
    counts = SQL(", ").join(
        SQL("count(*) FILTER (WHERE {}) AS {}").format(condition, Identifier(name))
        for name, condition in conditions.items()
    )
    statement = compose(queries("ingest")["count_updates"], kind, counts=counts)
    row = fetch_one(connection, statement, {"changeset_id": changeset_id})
    return {str(name): int(count) for name, count in dict(row or {}).items() if count}
