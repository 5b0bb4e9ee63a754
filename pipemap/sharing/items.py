"""Features a page at a time, as an agency's agreement grants them or as staff see them, each look on record.

A page belongs to one version: the next one is asked of the same, so that a publish in between neither repeats nor
loses a feature.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
from psycopg.rows import DictRow

from pipemap import geojson
from pipemap.db import Database
from pipemap.errors import NotFoundError, PipemapError
from pipemap.pages import Box
from pipemap.sharing import audit, ledger
from pipemap.sharing.agreements import SHARED_KINDS
from pipemap.sharing.audit import Look
from pipemap.sharing.granted import (
    Grant,
    read_at_once,
    read_under,
    record_refusal,
    recording_refusals,
    srid_of,
    window_of,
)
from pipemap.sharing.item_statements import ItemsRequest, Readable, check_request, granted_columns, statement_of
from pipemap.sharing.reading import BlockingReading, Reading, now
from pipemap.versions import resolve_version

# So many identities are looked through first for each feature of a page that is not bound by a box, and at most.
_NEAREST, _FURTHEST = 4, 64


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


@dataclass(frozen=True)
class _Found:
    """Rows with the grant they were found under, None for staff, and the box looked into if it lies deep in it."""

    grant: Grant | None
    request: ItemsRequest
    rows: list[DictRow]
    deep: Box | None = None


Ask = Callable[[Readable], ItemsRequest]


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
        found = await _read(reading, key_sha256, ask, wanted)
    grant, request, row = found.grant, found.request, found.rows[0]
    page = _page(row, request.limit, await _origin(reading, grant, request, row, wanted))
    if grant is None or key_sha256 is None:
        return FoundPage(page, None)
    await ledger.charge_window(reading, grant, request.place, found.deep or row["wanted"])
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
        found = await _read(reading, key_sha256, ask, wanted, identities)
    grant, request = found.grant, found.request
    shown = {row["feature_id"]: row for row in found.rows if row["feature_id"] is not None}
    origin = await _origin(reading, grant, request, found.rows[0], wanted)
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
) -> _Found:
    """What is found under the grant that stood behind the key meanwhile: a page, or what has some identities."""
    srid = await srid_of(reading)

    async def read(grant: Grant | None, is_certain: bool) -> _Found | None:
        try:
            request = ask(Readable(srid, {kind: granted_columns(grant, kind) for kind in SHARED_KINDS}))
        except PipemapError:
            if is_certain:
                raise
            return None
        check_request(request)
        up_to = None if grant is None or identities is not None else _nearest(request)
        window = None if is_certain else window_of(request.place, srid)
        while True:
            is_listed = up_to is not None or identities is not None
            view = None if grant is None else grant.view(request.kind, version, is_listed, window)
            statement, values = statement_of(request, srid, grant, view, version, identities, up_to)
            rows = await read_at_once(reading, key_sha256, request.place, version, statement, values)
            if not rows or (grant is not None and grant.digest != rows[0]["digest"]):
                return None
            if up_to is None or len(rows[0]["ids"]) > request.limit:
                return _Found(grant, request, rows, None if view is None else view.deep)
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
