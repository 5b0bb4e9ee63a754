"""Which attributes a changeset changes, and of how many features: what who reviews it asks first."""

from pipemap.changesets import Changeset
from pipemap.db import Connection
from pipemap.drafts import count_updates
from pipemap.statements import content_names, differs


def changed_attributes(connection: Connection, changeset: Changeset) -> dict[str, dict[str, int]]:
    """Of each kind that an open changeset modifies, how many features it changes in each attribute, most first."""
    if changeset.version is not None:
        return {}
    kinds = [kind for kind, ops in changeset.changes.items() if ops.get("update")]
    return {kind: _of_kind(connection, changeset.changeset_id, kind) for kind in kinds}


def _of_kind(connection: Connection, changeset_id: int, kind: str) -> dict[str, int]:
    found = count_updates(
        connection, changeset_id, kind, {name: differs([name], "d", "c") for name in content_names(kind)}
    )
    return dict(sorted(found.items(), key=lambda item: -item[1]))
