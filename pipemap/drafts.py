"""Opening an empty draft changeset, and the delivery series it belongs to."""

from pipemap.db import Connection, fetch_one
from pipemap.sql import queries


def add_changeset(
    connection: Connection,
    title: str,
    kind: str,
    author: str,
    *,
    dataset_id: int | None = None,
    reverts_changeset_id: int | None = None,
) -> int:
    """Open an empty draft changeset on the current version and return its number."""
    given = {"title": title, "kind": kind, "author": author, "dataset_id": dataset_id}
    row = fetch_one(
        connection, queries("ingest")["add_changeset"], given | {"reverts_changeset_id": reverts_changeset_id}
    )
    assert row is not None
    return int(row["changeset_id"])


def add_dataset(connection: Connection, name: str) -> int:
    """Identity of a delivery series, created when it is new."""
    connection.execute(queries("ingest")["add_dataset"], {"name": name})
    row = fetch_one(connection, queries("ingest")["dataset_id"], {"name": name})
    assert row is not None
    return int(row["dataset_id"])
