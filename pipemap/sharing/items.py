"""Features a page at a time, as an agency's agreement grants them or as staff see them, each look on record.

A page belongs to one version: the next one is asked of the same, so that a publish in between neither repeats nor
loses a feature.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache, lru_cache
from typing import Any, LiteralString

import numpy as np
from psycopg.rows import DictRow
from psycopg.sql import SQL, Composable, Identifier, Literal, Placeholder

from pipemap import geojson
from pipemap.db import Database
from pipemap.errors import NotFoundError, PipemapError, UsageError
from pipemap.sharing import audit, ledger
from pipemap.sharing.agreements import SHARED_KINDS, shareable_attributes
from pipemap.sharing.audit import Look
from pipemap.sharing.granted import (
    Grant,
    Place,
    digits,
    geometry_in,
    read_at_once,
    read_under,
    record_refusal,
    recording_refusals,
    srid_of,
)
from pipemap.sharing.reading import BlockingReading, Reading, now
from pipemap.sql import queries
from pipemap.versions import SHARE_SCHEMA, relation, resolve_version
from schemas.tables import LARGEST_ID, attribute_names

MAX_ITEMS = 10_000
# So many identities are looked through first for each feature of a page that is not bound by a box, and at most.
_NEAREST, _FURTHEST = 4, 64
# What is of unknown height meets any range of heights: nobody can say that it lies elsewhere.
_MEETS_HEIGHTS: LiteralString = (
    "(ST_NDims(v.geom) = 2 OR (ST_ZMax(v.geom) >= %(min_z)s::float8 AND ST_ZMin(v.geom) <= %(max_z)s::float8))"
)
# The box is read once, not once a feature.
_IN_WINDOW: LiteralString = (
    "ST_Intersects(v.geom, (SELECT nullif(current_setting('pipemap.wanted', true), '')::geometry))"
)


@dataclass(frozen=True)
class Condition:
    """A condition over the alias `v` with its parameters."""

    sql: Composable
    params: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ItemsRequest:
    """One page of a kind's features, or one feature.

    `after` is the identity the last page ended with, `version` the one to read (the newest when None), `heights_m` a
    range of elevations, `northing_first` the order of the answer's coordinates.
    """

    kind: str
    place: Place = field(default_factory=Place)
    heights_m: tuple[float, float] | None = None
    conditions: Sequence[Condition] = ()
    limit: int = 1000
    after: int = 0
    feature_id: int | None = None
    version: int | datetime | None = None
    northing_first: bool = False


@dataclass(frozen=True)
class _Asked:
    """What a statement is made of: the view of an agency (None for staff), and its conditions as they are written."""

    kind: str
    view: str | None
    columns: tuple[str, ...]
    version: int | None
    srid: int
    out_srid: int | None
    northing_first: bool
    conditions: tuple[str, ...]
    are_single: bool


@dataclass(frozen=True)
class ItemsPage:
    """Features as a JSON array of GeoJSON features, a digest of their identities, and where the next page begins."""

    features: bytes
    count: int
    next: int | None
    srid: int
    version: int
    attributes: Sequence[str]
    ids_sha256: str


@dataclass(frozen=True)
class FoundPage:
    """A page with the look at it that is not on record yet, None for staff: `hand_out` gives it."""

    page: ItemsPage
    look: Look | None


def equals(name: str, value: str) -> Condition:
    """That a column has a value, given as text so that the server reads it as the column's own type."""
    return Condition(
        SQL("v.{} = {}").format(Identifier(name), Placeholder(f"equals_{name}")), {f"equals_{name}": value}
    )


@dataclass(frozen=True)
class Readable:
    """The kinds an asker may read: their columns, geometry apart, and the project's EPSG code (0: a local grid)."""

    srid: int
    columns: dict[str, tuple[str, ...]]


Ask = Callable[[Readable], ItemsRequest]


def granted_columns(grant: Grant | None, kind: str) -> tuple[str, ...]:
    """Columns of a kind that are shown, geometry apart; without a grant, to staff, all of them."""
    return _every_column(kind) if grant is None else grant.columns(kind)


@cache
def _every_column(kind: str) -> tuple[str, ...]:
    every = (name for name in shareable_attributes() if name in ("source_key", *attribute_names(kind)))
    return ("class_code", *every)


def read_items(database: Database, key_sha256: str | None, request: ItemsRequest, timeout_s: int = 30) -> ItemsPage:
    """One page of what a key may see, or staff where it is None; on record before it is handed out, as is a refusal.

    Raises UsageError, CrsError, NotFoundError (no such version) or UnknownKeyError.
    """
    return now(_read_items(BlockingReading(database, timeout_s), key_sha256, request))


async def _read_items(reading: Reading, key_sha256: str | None, request: ItemsRequest) -> ItemsPage:
    asked, version = _asked(request), request.version
    if request.feature_id is None:
        found = await find_page(reading, key_sha256, lambda _: request, version, asked)
    else:
        wanted = [(request.feature_id, asked)]
        (found,) = await find_features(reading, key_sha256, lambda _: request, version, wanted)
    return await hand_out(reading, found)


async def find_page(
    reading: Reading, key_sha256: str | None, ask: Ask, version: int | datetime | None, asked: Mapping[str, Any]
) -> FoundPage:
    """One page of a question that is put together from what the key may read, to be handed out by `hand_out`.

    `asked` goes on record if it is refused.
    """
    async with recording_refusals(reading, key_sha256 or "", asked):
        wanted = None if version is None else await reading.run(_version, reading.database, version)
        grant, request, rows = await _read(reading, key_sha256, ask, wanted)
    page = _page(rows[0], request.limit, await _origin(reading, grant, request, rows[0], wanted))
    if grant is None or key_sha256 is None:
        return FoundPage(page, None)
    await ledger.charge_window(reading, grant, request.place, rows[0]["wanted"])
    (look,) = audit.looks_under(grant, key_sha256, "share.items", [_account(request, page)])
    return FoundPage(page, look)


async def find_features(
    reading: Reading,
    key_sha256: str | None,
    ask: Ask,
    version: int | datetime | None,
    asked: Sequence[tuple[int, Mapping[str, Any]]],
) -> list[FoundPage]:
    """Single features by their identities in one statement: a page of one or none for each, with a look for each.

    `asked` has with each identity what goes on record if it is refused.
    """
    identities = [identity for identity, _ in asked]
    async with recording_refusals(reading, key_sha256 or "", *(question for _, question in asked)):
        wanted = None if version is None else await reading.run(_version, reading.database, version)
        grant, request, rows = await _read(reading, key_sha256, ask, wanted, identities)
    shown = {row["feature_id"]: row for row in rows if row["feature_id"] is not None}
    origin = await _origin(reading, grant, request, rows[0], wanted)
    pages = [_single(shown.get(identity), identity, origin) for identity in identities]
    if grant is None or key_sha256 is None:
        return [FoundPage(page, None) for page in pages]
    await ledger.charge_features(reading, grant, np.array([row["box"] for row in shown.values()]).reshape(-1, 4))
    each = zip(identities, pages, strict=True)
    accounts = [_account(replace(request, feature_id=identity), page) for identity, page in each]
    looks = audit.looks_under(grant, key_sha256, "share.items", accounts)
    return [FoundPage(page, look) for page, look in zip(pages, looks, strict=True)]


async def hand_out(reading: Reading, found: FoundPage) -> ItemsPage:
    """A page, once the look at it is on record."""
    if found.look is not None:
        await reading.record([found.look])
    return found.page


async def _read(
    reading: Reading, key_sha256: str | None, ask: Ask, version: int | None, identities: Sequence[int] | None = None
) -> tuple[Grant | None, ItemsRequest, list[DictRow]]:
    """What is found under the grant that stood behind the key meanwhile: a page, or what has some identities."""
    srid = await srid_of(reading)

    async def read(grant: Grant | None, is_certain: bool) -> tuple[Grant | None, ItemsRequest, list[DictRow]] | None:
        try:
            request = ask(Readable(srid, {kind: granted_columns(grant, kind) for kind in SHARED_KINDS}))
        except PipemapError:
            if is_certain:
                raise
            return None
        _check(request)
        up_to = None if grant is None or identities is not None else _nearest(request)
        while True:
            statement, values = _made(request, srid, grant, version, identities, up_to)
            rows = await read_at_once(reading, key_sha256, request.place, version, statement, values)
            if not rows or (grant is not None and grant.digest != rows[0]["digest"]):
                return None
            if up_to is None or len(rows[0]["ids"]) > request.limit:
                return grant, request, rows
            up_to = _further(request, up_to, len(rows[0]["ids"]))

    return await read_under(reading, key_sha256, read)


def _nearest(request: ItemsRequest) -> int | None:
    """Up to which identity to look first for a page without a box: by place, all of the area would be read."""
    return None if request.place.bbox is not None else request.after + _NEAREST * request.limit


def _further(request: ItemsRequest, up_to: int, found: int) -> int | None:
    """Up to which identity a page is likely to be full; None for all of them where it is better found by place."""
    looked_at = up_to - request.after
    wanted = looked_at * (request.limit + 1) * 3 // (2 * max(found, 1))
    return request.after + wanted if looked_at < wanted <= _FURTHEST * request.limit else None


async def _origin(
    reading: Reading, grant: Grant | None, request: ItemsRequest, row: DictRow, wanted: int | None
) -> dict[str, Any]:
    """What pages tell of where they are from."""
    return {
        "srid": request.place.out_srid or await srid_of(reading),
        "version": row["version"] if grant is not None or wanted is None else wanted,
        "attributes": granted_columns(grant, request.kind),
    }


def _page(row: DictRow, limit: int, origin: Mapping[str, Any]) -> ItemsPage:
    """The page that was found; one identity beyond the limit says that there are more."""
    shown, features, following = row["ids"], row["features"], None
    if len(shown) > limit:
        *shown, beyond = shown
        features, following = geojson.without_last(features, beyond), shown[-1]
    return ItemsPage(b"[%b]" % features, len(shown), following, ids_sha256=audit.digest_of(shown), **origin)


def _single(row: DictRow | None, identity: int, origin: Mapping[str, Any]) -> ItemsPage:
    """A page of one feature or, where that is None, of nothing."""
    shown, feature = ([], b"") if row is None else ([identity], row["feature"])
    return ItemsPage(b"[%b]" % feature, len(shown), None, ids_sha256=audit.digest_of(shown), **origin)


def _version(database: Database, version: int | datetime) -> int:
    """The version that is meant; before the first one was published there was nothing, which is version 0."""
    try:
        with database.transaction(read_only=True) as connection:
            return resolve_version(connection, version) or 0
    except NotFoundError:
        if not isinstance(version, datetime):
            raise
    return 0


def only_feature(database: Database, key_sha256: str | None, page: ItemsPage, kind: str, feature_id: int) -> bytes:
    """The one feature of a page as GeoJSON; NotFoundError alike, and on record, for a hidden and an absent one."""
    return now(feature_of(BlockingReading(database), key_sha256, page, kind, feature_id))


async def feature_of(reading: Reading, key_sha256: str | None, page: ItemsPage, kind: str, feature_id: int) -> bytes:
    """The same in a coroutine."""
    if page.count == 0:
        if key_sha256 is not None:
            missing = {"kind": kind, "feature_id": feature_id}
            await reading.run(record_refusal, reading.database, key_sha256, missing)
        raise NotFoundError(f"There is no {kind} {feature_id}.")
    return page.features[1:-1]


def _check(request: ItemsRequest) -> None:
    if request.kind not in SHARED_KINDS:
        raise UsageError(f"{request.kind} is not shared; what is shared: {', '.join(SHARED_KINDS)}.")
    if not 1 <= request.limit <= MAX_ITEMS:
        raise UsageError(f"A page holds 1 to {MAX_ITEMS} features; {request.limit} were asked for.")


def _made(
    request: ItemsRequest,
    srid: int,
    grant: Grant | None,
    version: int | None,
    identities: Sequence[int] | None,
    up_to: int | None,
) -> tuple[bytes, dict[str, Any]]:
    """The statement of a request and its values; `up_to` is the last identity to look at."""
    conditions = _conditions(request)
    if up_to is not None:
        conditions.append(Condition(SQL("v.feature_id <= %(up_to)s::bigint"), {"up_to": min(up_to, LARGEST_ID)}))
    asked = _Asked(
        request.kind,
        None
        if grant is None
        else grant.view(request.kind, version, is_listed=up_to is not None or identities is not None),
        granted_columns(grant, request.kind),
        version,
        srid,
        request.place.out_srid,
        request.northing_first,
        tuple(condition.sql.as_string(None) for condition in conditions),
        identities is not None,
    )
    values = _values(request, conditions, srid) | ({} if identities is None else {"identities": list(identities)})
    return _statement(asked), values


@lru_cache(256, typed=True)
def _statement(asked: _Asked) -> bytes:
    """The statement for an agency, or for staff; to put it together takes as long as to ask."""
    place = geometry_in(Identifier("f", "geom"), asked.srid, asked.out_srid)
    geometry = SQL("ST_FlipCoordinates({})").format(place) if asked.northing_first else place
    is_staff = asked.view is None
    statement = SQL(queries("sharing")["singles" if asked.are_single else "items"]).format(
        version=SQL(queries("sharing")["staff_version"]) if is_staff else Identifier("f", "of_version"),
        digest=Literal("") if is_staff else Identifier("f", "of_digest"),
        standing=SQL(queries("sharing")["staff_standing"]) if is_staff else Identifier(SHARE_SCHEMA, "granted"),
        relation=relation(asked.kind, asked.version) if asked.view is None else Identifier(SHARE_SCHEMA, asked.view),
        feature=geojson.feature(asked.columns, geometry),
        # Written by `Condition`, so as trustworthy as a literal.
        conditions=SQL(" AND ".join(("true", *asked.conditions))),
    )
    return statement.as_bytes(None)


def _values(request: ItemsRequest, conditions: Sequence[Condition], srid: int) -> dict[str, Any]:
    values = {
        "limit": request.limit,
        "after": request.after,
        "out_srid": request.place.out_srid,
        "digits": digits(request.place.out_srid or srid),
    }
    for condition in conditions:
        values |= condition.params
    return values


def _conditions(request: ItemsRequest) -> list[Condition]:
    # Not parameters that may be null: the server could not keep a plan that goes by the box.
    found = list(request.conditions)
    if request.place.bbox is not None:
        found.append(Condition(SQL(_IN_WINDOW)))
    if request.heights_m is not None:
        low, high = request.heights_m
        found.append(Condition(SQL(_MEETS_HEIGHTS), {"min_z": low, "max_z": high}))
    return found


def _asked(request: ItemsRequest) -> dict[str, Any]:
    place = request.place
    asked = {"kind": request.kind, "bbox": place.bbox, "bbox_srid": place.bbox_srid, "feature_id": request.feature_id}
    values = {name: str(value) for condition in request.conditions for name, value in condition.params.items()}
    return asked | {"values": values or None, "after": request.after}


def _account(request: ItemsRequest, page: ItemsPage) -> dict[str, Any]:
    return {
        **_asked(request),
        "format": "geojson",
        "version": page.version,
        "count": page.count,
        "last": page.next,
        "bytes": len(page.features),
        "ids_sha256": page.ids_sha256,
    }
