"""The change feed: what turns the map an agency held at one version into the one it may see at a later version.

What the agreement's views show of the states that ended is held against what they show of those that began
(schemas/sql/20_sharing.sql). So a feature that leaves the area or the granted classes is a removal, one that enters is
an addition, and a change of what is not shown is none. Whoever applies the pages in order holds exactly what a full
read of that version gives. Pages are compared and written in the database, a set at a time.
"""

import hashlib
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple, TypeAlias

import orjson
from psycopg.sql import SQL, Composable, Identifier, Literal

from pipemap import geojson
from pipemap.db import Connection, Database, fetch_one
from pipemap.errors import ConflictError, UsageError
from pipemap.projects import read_project
from pipemap.sharing import audit, ledger
from pipemap.sharing.agreements import SHARED_KINDS
from pipemap.sharing.granted import (
    Grant,
    Place,
    as_agency,
    digits,
    geometry_in,
    grant_of,
    refusals_on_record,
    set_timeout,
)
from pipemap.sharing.precision import EXACT
from pipemap.sql import queries
from pipemap.statements import compose
from pipemap.versions import SHARE_SCHEMA, current_version
from schemas.tables import LARGEST_ID

MAX_CHANGES = 10_000
OPS = ("added", "changed", "removed")
# How many touched features are compared at once: at first, and at most where few of them are shown.
_FEWEST_COMPARED, _MOST_COMPARED, _GROWTH = 1_000, 100_000, 4
Form: TypeAlias = typing.Literal["as_changes", "as_lines", "as_counts"]
_WRITTEN: dict[Form, tuple[str, ...]] = {"as_changes": ("changes",), "as_lines": ("features", "gone"), "as_counts": ()}


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
class Part:
    """Changes of one kind in a row by identity: how many of each op, their identities by line, and they themselves.

    `written` holds them as `changes`, members of a JSON array, or as `features`, GeoJSON by line of what is there now,
    with `gone`, kind and identity by line of what is not.
    """

    kind: str
    counts: Mapping[str, int]
    last: int
    ids: str
    written: Mapping[str, str]


@dataclass(frozen=True)
class ChangesPage:
    """Changes up to `version`, by kind and identity; `next` is None on the last page of them."""

    since: int
    version: int
    permission: str
    parts: Sequence[Part]
    next: Cursor | None
    srid: int

    @property
    def counts(self) -> dict[str, int]:
        """How many changes of each op it holds."""
        return {op: sum(part.counts[op] for part in self.parts) for op in OPS}

    @cached_property
    def body(self) -> bytes:
        """The page as it is handed out as JSON."""
        head = {
            "since": self.since,
            "version": self.version,
            "permission": self.permission,
            "srid": self.srid,
            "next": self.next and self.next.text(),
        }
        changes = ",".join(part.written["changes"] for part in self.parts).encode()
        return b"".join((orjson.dumps(head)[:-1], b',"changes":[', changes, b"]}"))


def parse_cursor(text: str) -> Cursor:
    """A cursor as it was handed out; UsageError when it is none."""
    parts = text.split(".")
    if len(parts) != 4 or not (parts[0].isdecimal() and parts[3].isdecimal()) or parts[2] not in SHARED_KINDS:
        raise UsageError(f"{text} is no cursor of a page of changes; take `next` of the page before.")
    version, feature_id = int(parts[0]), int(parts[3])
    if version >= 2**31 or feature_id > LARGEST_ID:
        raise UsageError(f"{text} is no cursor of a page of changes; take `next` of the page before.")
    return Cursor(version, parts[1], parts[2], feature_id)


def read_changes(database: Database, key_sha256: str, request: ChangesRequest, timeout_s: int = 30) -> ChangesPage:
    """One page of changes under a key, on record before it is handed out.

    Raises UsageError (no such version, limit), UnknownKeyError, or ConflictError when what is shown has come to be
    decided otherwise, so that everything must be read anew: from version 0.
    """
    grant, page = _read(database, key_sha256, request, "as_changes", timeout_s)
    audit.look(database, grant, key_sha256, "share.changes", _account(request, page))
    return page


def read_lines(database: Database, key_sha256: str, request: ChangesRequest, timeout_s: int) -> Iterator[ChangesPage]:
    """All changes by line, page by page; to be put on record by whoever hands them out. Raises as `read_changes`."""
    return _all_pages(lambda one: _read(database, key_sha256, one, "as_lines", timeout_s)[1], request)


@dataclass(frozen=True)
class Counted:
    """How many changes of each op there are up to a version, and what decides what is shown."""

    version: int
    permission: str
    counts: Mapping[str, int]


def read_counts(database: Database, key_sha256: str, request: ChangesRequest, timeout_s: int) -> Iterator[ChangesPage]:
    """All changes counted, page by page; to be put on record by whoever tells of them. Raises as `read_changes`."""
    return _all_pages(lambda one: _read(database, key_sha256, one, "as_counts", timeout_s)[1], request)


def count_changes(database: Database, key_sha256: str, request: ChangesRequest, timeout_s: int = 600) -> Counted:
    """The same added up."""
    counts = dict.fromkeys(OPS, 0)
    for page in read_counts(database, key_sha256, request, timeout_s):
        counts = {op: counts[op] + more for op, more in page.counts.items()}
    return Counted(page.version, page.permission, counts)


def _all_pages(read: Callable[[ChangesRequest], ChangesPage], request: ChangesRequest) -> Iterator[ChangesPage]:
    """The pages of a request as `read` gives them, one after another, as long as pages may be."""
    request = replace(request, limit=MAX_CHANGES)
    while True:
        page = read(request)
        yield page
        if page.next is None:
            return
        request = replace(request, cursor=page.next)


def _read(
    database: Database, key_sha256: str, request: ChangesRequest, form: Form, timeout_s: int
) -> tuple[Grant, ChangesPage]:
    if not 1 <= request.limit <= MAX_CHANGES:
        raise UsageError(f"A page holds 1 to {MAX_CHANGES} changes; {request.limit} were asked for.")
    asked = {"since": request.since, "cursor": request.cursor and request.cursor.text()}
    with (
        refusals_on_record(database, key_sha256, asked),
        database.transaction(read_only=True) as connection,
    ):
        set_timeout(connection, timeout_s)
        reading = _begin(connection, key_sha256, request, form)
        grant, out_srid = reading.grant, request.out_srid or reading.srid
        parts, has_more = reading.parts(request.cursor, request.limit) if request.since < grant.version else ([], False)
    # A count shows no place.
    for part in parts if _WRITTEN[form] else ():
        ledger.charge_places(database, grant, part.written[_WRITTEN[form][0]], out_srid)
    following = Cursor(grant.version, grant.digest, parts[-1].kind, parts[-1].last) if has_more else None
    return grant, ChangesPage(request.since, grant.version, grant.digest, parts, following, out_srid)


def _begin(connection: Connection, key_sha256: str, request: ChangesRequest, form: Form) -> "_Reading":
    place, srid, cursor = Place(out_srid=request.out_srid), read_project(connection).srid, request.cursor
    newest = current_version(connection)
    for version in (request.since, cursor.version if cursor else 0):
        if not 0 <= version <= newest:
            raise UsageError(f"There is no version {version}; the newest is {newest}.")
    grant = grant_of(connection, key_sha256, place, srid, cursor.version if cursor else None)
    _check_same(grant, request)
    return _Reading(connection, key_sha256, place, srid, request.since, grant, form)


def _check_same(grant: Grant, request: ChangesRequest) -> None:
    if request.since > grant.version:
        raise UsageError(f"Version {request.since} is not shown; the newest that is is {grant.version}.")
    named = request.cursor.permission if request.cursor else request.permission
    if named is not None and named != grant.digest:
        raise ConflictError("What the agreement shows has come to be decided otherwise; read everything anew.")
    if request.cursor is not None and request.cursor.version != grant.version:
        raise ConflictError("The version of these pages is not shown any more; read everything anew.")


@dataclass(frozen=True)
class _Reading:
    """The two versions that are compared, and how what differs is written."""

    connection: Connection
    key_sha256: str
    place: Place
    srid: int
    since: int
    grant: Grant
    form: Form

    def parts(self, cursor: Cursor | None, limit: int) -> tuple[list[Part], bool]:
        """So many changes from a place on, and whether there are more."""
        found: list[Part] = []
        for kind in SHARED_KINDS[SHARED_KINDS.index(cursor.kind) :] if cursor else SHARED_KINDS:
            for after, upto in self._ranges(kind, cursor.feature_id if cursor and cursor.kind == kind else 0, limit):
                part, has_more = self._differing(kind, after, upto, limit)
                if part is not None:
                    found.append(part)
                    limit -= sum(part.counts.values())
                if has_more:
                    return found, True
        return found, False

    def _ranges(self, kind: str, after: int, limit: int) -> Iterator[tuple[int, int]]:
        """Ranges of identities with as many touched features as are wanted, then ever more: few may be shown."""
        most = max(limit + 1, _FEWEST_COMPARED)
        while (upto := self._touched(kind, after, most)) is not None:
            yield after, upto
            after, most = upto, min(most * _GROWTH, _MOST_COMPARED)

    def _touched(self, kind: str, after: int, limit: int) -> int | None:
        in_area = SQL("true" if self.grant.position_precision != EXACT else queries("feed")["in_area"])
        values = {"since": self.since, "version": self.grant.version, "after": after, "limit": limit}
        values["agreement_id"] = self.grant.agreement_id
        row = fetch_one(self.connection, compose(queries("feed")["touched"], kind, in_area=in_area), values)
        return row["upto"] if row else None

    def _differing(self, kind: str, after: int, upto: int, limit: int) -> tuple[Part | None, bool]:
        """So many changes in a range of identities, None when there is none, and whether it has more."""
        out_srid = self.place.out_srid
        values = {"after": after, "upto": upto, "limit": limit, "out_srid": out_srid}
        values["digits"] = digits(out_srid or self.srid)
        with as_agency(self.connection, self.key_sha256, self.place, self.srid, self.grant.version):
            self.connection.execute(queries("feed")["since"], {"since": self.since})
            row = fetch_one(self.connection, self._statement(kind), values)
        if row is None or row["last"] is None:
            return None, row is not None and row["has_more"]
        counts, written = {op: row[op] for op in OPS}, {name: row[name] for name in _WRITTEN[self.form]}
        return Part(kind, counts, row["last"], row["ids"], written), row["has_more"]

    def _statement(self, kind: str) -> Composable:
        return SQL(queries("feed")["changes"]).format(
            before=self._features(kind, "ended"),
            now=self._features(kind, "begun"),
            written=SQL(queries("feed")[self.form]).format(kind=Literal(kind)),
        )

    def _features(self, kind: str, life: str) -> Composable:
        return SQL(queries("feed")["features"]).format(
            relation=Identifier(SHARE_SCHEMA, f"{kind}_{life}"),
            feature=geojson.feature(
                self.grant.columns(kind), geometry_in(Identifier("f", "geom"), self.srid, self.place.out_srid)
            ),
        )


def _account(request: ChangesRequest, page: ChangesPage) -> dict[str, Any]:
    return {
        "since": request.since,
        "version": page.version,
        "cursor": request.cursor and request.cursor.text(),
        "format": "changes",
        "count": sum(page.counts.values()),
        "bytes": len(page.body),
        "ids_sha256": hashlib.sha256("".join(part.ids for part in page.parts).encode()).hexdigest(),
    }
