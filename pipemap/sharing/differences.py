"""What differs between two versions as an agreement shows them: the change feed between two fixed ends, and its counts.

A feature that came into the area or the granted classes counts as added, one that left as removed, and a change of
what is not shown as none.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

import orjson

from pipemap.db import Database
from pipemap.errors import NotFoundError, UsageError
from pipemap.sharing import audit
from pipemap.sharing.feed import ChangesPage, ChangesRequest, Cursor, read_changes, read_counts
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
    """Counts of all changes by kind and op, and the first `limit` changes, as JSON; on record before it is handed out.

    Raises UnknownKeyError, UsageError, or NotFoundError for a version that is not there or that the agreement hides.
    """
    if from_version > to_version:
        raise UsageError("The version to compare with comes before the other: give the earlier one as from.")
    asked = {"question": "diff", "from": from_version, "to": to_version}
    with refusals_on_record(database, key_sha256, asked):
        grant = _granted(database, key_sha256, from_version, to_version)
    request = ChangesRequest(from_version, Cursor(to_version, grant.digest, *_BEGINNING), limit=limit)
    first = read_changes(database, key_sha256, request, timeout_s)
    counts: dict[str, Counter[str]] = {}
    for page in chain([first], _rest(database, key_sha256, replace(request, cursor=first.next), timeout_s)):
        for part in page.parts:
            counts.setdefault(part.kind, Counter()).update(part.counts)
    told = {"question": "diff", "since": from_version, "version": to_version, "format": "counts", "counts": counts}
    audit.look(database, grant, key_sha256, "share.changes", told)
    return orjson.dumps(
        {
            "from": from_version,
            "to": to_version,
            "permission": grant.digest,
            "counts": counts,
            "changes": orjson.loads(first.body)["changes"],
        }
    )


def _rest(database: Database, key_sha256: str, request: ChangesRequest, timeout_s: int) -> Iterator[ChangesPage]:
    """The changes after a page, counted alone."""
    return iter(()) if request.cursor is None else read_counts(database, key_sha256, request, timeout_s)


def _granted(database: Database, key_sha256: str, *versions: int) -> Grant:
    with database.transaction(read_only=True) as connection:
        for version in versions:
            resolve_version(connection, version)
            grant = grant_of(connection, key_sha256, version=version)
            if grant.version != version:
                raise NotFoundError(f"Version {version} is not shown; {grant.version} is.")
    return grant
