"""Which attributes a changeset changes, and of how many features: what who reviews it asks first."""

from psycopg.sql import SQL, Identifier

from pipemap.changesets import Changeset
from pipemap.db import Connection, fetch_one
from pipemap.sql import queries
from pipemap.statements import compose, content_names, differs


def changed_attributes(connection: Connection, changeset: Changeset) -> dict[str, dict[str, int]]:
    """Of each kind that an open changeset modifies, how many features it changes in each attribute, most first."""
    if changeset.version is not None:
        return {}
    kinds = [kind for kind, ops in changeset.changes.items() if ops.get("update")]
    return {kind: _of_kind(connection, changeset.changeset_id, kind) for kind in kinds}


def _of_kind(connection: Connection, changeset_id: int, kind: str) -> dict[str, int]:
    counts = SQL(", ").join(
        SQL("count(*) FILTER (WHERE {}) AS {}").format(differs([name], "d", "c"), Identifier(name))
        for name in content_names(kind)
    )
    statement = compose(queries("report")["changed_attributes"], kind, counts=counts)
    row = fetch_one(connection, statement, {"changeset_id": changeset_id})
    found = {str(name): int(count) for name, count in dict(row or {}).items() if count}
    return dict(sorted(found.items(), key=lambda item: -item[1]))
