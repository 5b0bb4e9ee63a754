"""What differs between two versions as an agreement shows them: the change feed between two fixed ends, and its counts.

A feature that came into the area or the granted classes counts as added, one that left as removed, and a change of
what is not shown as none.
"""

from collections import Counter
from typing import Any

import orjson

from pipemap.db import Database
from pipemap.errors import NotFoundError, UsageError
from pipemap.sharing.feed import ChangesRequest, Cursor, all_pages, read_changes
from pipemap.sharing.granted import Grant, grant_of, refusals_on_record
from pipemap.versions import resolve_version

_BEGINNING = "node", 0


def read_difference(
    database: Database,
    key_sha256: str,
    from_version: int,
    to_version: int,
    limit: int = 1000,
    timeout_s: int = 30,
) -> bytes:
    """Counts of all changes by kind and op, and the first `limit` changes, as JSON; each page read is on record.

    Raises UnknownKeyError, UsageError, or NotFoundError for a version that is not there or that the agreement hides.
    """
    if from_version > to_version:
        raise UsageError("The version to compare with comes before the other: give the earlier one as from.")
    asked = {"question": "diff", "from": from_version, "to": to_version}
    with refusals_on_record(database, key_sha256, asked):
        grant = _granted(database, key_sha256, from_version, to_version)
    counts: dict[str, Counter[str]] = {}
    changes: list[dict[str, Any]] = []
    request = ChangesRequest(from_version, Cursor(to_version, grant.digest, *_BEGINNING))
    for page in all_pages(lambda one: read_changes(database, key_sha256, one, timeout_s), request):
        for part in page.parts:
            counts.setdefault(part.kind, Counter()).update(part.counts)
        if len(changes) < limit:
            changes += orjson.loads(page.body)["changes"][: limit - len(changes)]
    return orjson.dumps(
        {
            "from": from_version,
            "to": to_version,
            "permission": grant.digest,
            "counts": counts,
            "changes": changes,
        }
    )


def _granted(database: Database, key_sha256: str, *versions: int) -> Grant:
    with database.transaction(read_only=True) as connection:
        for version in versions:
            resolve_version(connection, version)
            grant = grant_of(connection, key_sha256, version=version)
            if grant.version != version:
                raise NotFoundError(f"Version {version} is not shown; {grant.version} is.")
    return grant
