"""The change feed: what turns the map an agency held at one version into the one it may see at a later version.

Only what the agreement's views show before and after is compared. So a feature that leaves the area or the granted
classes is a removal, one that enters is an addition, and a change of what is not shown is none. Whoever applies the
pages in order holds exactly what a full read of that version gives.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, TypeAlias

import orjson
from psycopg.sql import SQL, Composable, Identifier

from pipemap.db import Connection, Database, fetch_all
from pipemap.errors import ConflictError, UsageError
from pipemap.projects import read_project
from pipemap.sharing import audit
from pipemap.sharing.agreements import SHARED_KINDS
from pipemap.sharing.granted import (
    SHARE_SCHEMA,
    Grant,
    Place,
    as_agency,
    digits,
    geometry_in,
    refusals_on_record,
    set_timeout,
)
from pipemap.sql import queries
from pipemap.statements import compose
from pipemap.versions import current_version

MAX_CHANGES = 10_000
_FEWEST_COMPARED = 500
Op: TypeAlias = Literal["added", "changed", "removed"]


class Cursor(NamedTuple):
    """Where a page ends: the version that is gone to, what decided what is shown, and the last feature told."""

    version: int
    permission: str
    kind: str
    feature_id: int

    def text(self) -> str:
        """As it is handed out."""
        return f"{self.version}.{self.permission}.{self.kind}.{self.feature_id}"


@dataclass(frozen=True)
class Change:
    """One feature's change; `feature` is what is shown of it now as GeoJSON text, None where it is gone."""

    kind: str
    feature_id: int
    op: Op
    feature: str | None


@dataclass(frozen=True)
class ChangesRequest:
    """One page of changes after version `since`; `cursor` is where the last page ended.

    `permission` is what the last answer named: when another now decides what is shown, the changes alone do not do.
    """

    since: int
    cursor: Cursor | None = None
    permission: str | None = None
    limit: int = 1000
    out_srid: int | None = None


@dataclass(frozen=True)
class ChangesPage:
    """Changes up to `version`, by kind and identity; `next` is None on the last page of them."""

    since: int
    version: int
    permission: str
    changes: Sequence[Change]
    next: Cursor | None
    srid: int

    def as_json(self) -> bytes:
        """The page as it is handed out."""
        changes = ",".join(
            f'{{"op":"{one.op}","kind":"{one.kind}","id":{one.feature_id},"feature":{one.feature or "null"}}}'
            for one in self.changes
        )
        head = {
            "since": self.since,
            "version": self.version,
            "permission": self.permission,
            "srid": self.srid,
            "next": self.next and self.next.text(),
        }
        return orjson.dumps(head)[:-1] + b',"changes":[' + changes.encode() + b"]}"


def parse_cursor(text: str) -> Cursor:
    """A cursor as it was handed out; UsageError when it is none."""
    parts = text.split(".")
    if len(parts) != 4 or not (parts[0].isdecimal() and parts[3].isdecimal()) or parts[2] not in SHARED_KINDS:
        raise UsageError(f"{text} is no cursor of a page of changes; take `next` of the page before.")
    version, feature_id = int(parts[0]), int(parts[3])
    if version >= 2**31 or feature_id >= 2**63:
        raise UsageError(f"{text} is no cursor of a page of changes; take `next` of the page before.")
    return Cursor(version, parts[1], parts[2], feature_id)


def read_changes(database: Database, key_sha256: str, request: ChangesRequest, timeout_s: int = 30) -> ChangesPage:
    """One page of changes under a key, on record before it is handed out.

    Raises UsageError (no such version, limit), UnknownKeyError, or ConflictError when what is shown has come to be
    decided otherwise, so that everything must be read anew: from version 0.
    """
    if not 1 <= request.limit <= MAX_CHANGES:
        raise UsageError(f"A page holds 1 to {MAX_CHANGES} changes; {request.limit} were asked for.")
    asked = {"since": request.since, "cursor": request.cursor and request.cursor.text()}
    with (
        refusals_on_record(database, key_sha256, asked),
        database.transaction(read_only=True) as connection,
    ):
        set_timeout(connection, timeout_s)
        grant, page = _read(connection, key_sha256, request)
    audit.look(database, grant, key_sha256, "share.changes", _account(request, page))
    return page


@dataclass
class _Reading:
    """The two states that are compared, and how features are written."""

    connection: Connection
    key_sha256: str
    place: Place
    srid: int
    since: int
    grant: Grant
    texts: dict[str, Any] = field(default_factory=dict)

    def changes(self, kind: str, after: int, limit: int) -> Iterator[Change]:
        """Changes of a kind by identity; reads on until as many are found as are wanted, or nothing is left."""
        batch = max(limit, _FEWEST_COMPARED)
        while feature_ids := self._candidates(kind, after, batch):
            old = self._shown(kind, self.since, feature_ids) if self.since else {}
            new = self._shown(kind, self.grant.version, feature_ids)
            yield from _differences(kind, feature_ids, old, new)
            if len(feature_ids) < batch:
                return
            after = feature_ids[-1]

    def _candidates(self, kind: str, after: int, limit: int) -> list[int]:
        values: dict[str, Any] = {"since": self.since, "version": self.grant.version, "after": after, "limit": limit}
        if self.since == 0:
            with as_agency(self.connection, self.key_sha256, self.place, self.srid, self.grant.version):
                query = SQL(queries("feed")["shown"]).format(relation=Identifier(SHARE_SCHEMA, kind))
                return [row["feature_id"] for row in fetch_all(self.connection, query, values)]
        is_displaced = self.grant.position_precision != "exact"
        values["agreement_id"] = None if is_displaced else self.grant.agreement_id
        return [
            row["feature_id"] for row in fetch_all(self.connection, compose(queries("feed")["touched"], kind), values)
        ]

    def _shown(self, kind: str, version: int, feature_ids: list[int]) -> dict[int, str]:
        out_srid = self.place.out_srid
        values = {"feature_ids": feature_ids, "out_srid": out_srid, "digits": digits(out_srid or self.srid)}
        with as_agency(self.connection, self.key_sha256, self.place, self.srid, version) as grant:
            if grant.version != version:
                raise ConflictError("What the agreement shows of that version is not kept; read everything anew.")
            rows = fetch_all(self.connection, self._features(kind), values)
        return {row["feature_id"]: row["feature"] for row in rows}

    def _features(self, kind: str) -> Composable:
        return SQL(queries("feed")["features"]).format(
            relation=Identifier(SHARE_SCHEMA, kind),
            geometry=geometry_in(Identifier("f", "geom"), self.srid, self.place.out_srid),
            properties=SQL(", ").join(Identifier("f", name) for name in self.grant.columns(kind)),
        )


def _read(connection: Connection, key_sha256: str, request: ChangesRequest) -> tuple[Grant, ChangesPage]:
    place, srid, cursor = Place(out_srid=request.out_srid), read_project(connection).srid, request.cursor
    newest = current_version(connection)
    for version in (request.since, cursor.version if cursor else 0):
        if not 0 <= version <= newest:
            raise UsageError(f"There is no version {version}; the newest is {newest}.")
    with as_agency(connection, key_sha256, place, srid, cursor.version if cursor else None) as grant:
        pass
    _check_same(grant, request)
    reading = _Reading(connection, key_sha256, place, srid, request.since, grant)
    changes = _page(reading, cursor, request.limit + 1) if request.since < grant.version else []
    shown = changes[: request.limit]
    following = None
    if len(changes) > request.limit:
        following = Cursor(grant.version, grant.digest, shown[-1].kind, shown[-1].feature_id)
    out_srid = request.out_srid or srid
    return grant, ChangesPage(request.since, grant.version, grant.digest, shown, following, out_srid)


def _page(reading: _Reading, cursor: Cursor | None, limit: int) -> list[Change]:
    kinds = SHARED_KINDS[SHARED_KINDS.index(cursor.kind) :] if cursor else SHARED_KINDS
    found: list[Change] = []
    for kind in kinds:
        after = cursor.feature_id if cursor and cursor.kind == kind else 0
        for change in reading.changes(kind, after, limit - len(found)):
            found.append(change)
            if len(found) == limit:
                return found
    return found


def _check_same(grant: Grant, request: ChangesRequest) -> None:
    if request.since > grant.version:
        raise UsageError(f"Version {request.since} is not shown; the newest that is is {grant.version}.")
    named = request.cursor.permission if request.cursor else request.permission
    if named is not None and named != grant.digest:
        raise ConflictError("What the agreement shows has come to be decided otherwise; read everything anew.")
    if request.cursor is not None and request.cursor.version != grant.version:
        raise ConflictError("The version of these pages is not shown any more; read everything anew.")


def _differences(kind: str, feature_ids: Sequence[int], old: dict[int, str], new: dict[int, str]) -> Iterator[Change]:
    for feature_id in feature_ids:
        before, now = old.get(feature_id), new.get(feature_id)
        if before == now:
            continue
        op: Op = "added" if before is None else "removed" if now is None else "changed"
        yield Change(kind, feature_id, op, now)


def _account(request: ChangesRequest, page: ChangesPage) -> dict[str, Any]:
    ids = "".join(f"{one.feature_id}\n" for one in page.changes)
    return {
        "since": request.since,
        "version": page.version,
        "cursor": request.cursor and request.cursor.text(),
        "format": "changes",
        "count": len(page.changes),
        "bytes": len(page.as_json()),
        "ids_sha256": hashlib.sha256(ids.encode()).hexdigest(),
    }
