"""What another agency reads: only what its key's agreement grants, enforced in the database, each look on record.

A read runs as the role `pipemap_agency`, which can reach the views of schema `pipemap_share` and nothing else;
the views ask the transaction's settings whose key it is (schemas/sql/20_sharing.sql).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import orjson
import psycopg.errors
from psycopg.sql import SQL, Composable, Identifier
from pyproj import CRS
from pyproj.exceptions import CRSError as ProjError

from pipemap.db import Connection, Database, fetch_one
from pipemap.errors import CrsError, NotFoundError, PermissionDeniedError, UsageError
from pipemap.pages import Box, check_finite
from pipemap.projects import read_project
from pipemap.sharing import audit
from pipemap.sharing.agreements import SHARED_KINDS, hash_key
from pipemap.sql import queries
from pipemap.versions import current_version
from schemas.tables import attribute_names

SHARE_SCHEMA = "pipemap_share"
MAX_ITEMS = 10_000
_PREFIX_LETTERS = 12


class UnknownKeyError(PermissionDeniedError):
    """The API key is missing or not valid."""

    code = "unauthorized"


@dataclass(frozen=True)
class Grant:
    """The agreement behind a key that is in force."""

    agreement_id: int
    agency: str
    purpose: str
    class_codes: Sequence[str]
    attributes: Sequence[str]
    expires_at: datetime
    area_wkt: str

    def columns(self, kind: str) -> tuple[str, ...]:
        """Columns of a kind that the agency is shown, geometry apart."""
        granted = [name for name in ("source_key", *attribute_names(kind)) if name in self.attributes]
        return ("class_code", *granted)


@dataclass(frozen=True)
class Place:
    """A box of the map and the CRS to answer in; None means the whole area and the project CRS."""

    bbox: Box | None = None
    bbox_srid: int | None = None
    out_srid: int | None = None


@dataclass(frozen=True)
class ItemsRequest:
    """One page of a kind's granted features, or one feature; `after` is the identity the last page ended with."""

    kind: str
    place: Place = Place()
    class_codes: Sequence[str] | None = None
    limit: int = 1000
    after: int = 0
    feature_id: int | None = None


@dataclass(frozen=True)
class ItemsPage:
    """Granted features as a JSON array of GeoJSON features, and where the next page begins."""

    features: bytes
    count: int
    next: int | None
    srid: int
    version: int
    attributes: Sequence[str]

    def collection(self) -> bytes:
        """The page as a GeoJSON FeatureCollection; the CRS is named when it is not WGS 84."""
        members: dict[str, Any] = {
            "type": "FeatureCollection",
            "numberReturned": self.count,
            "next": self.next,
            "version": self.version,
            "attributes": self.attributes,
        }
        if self.srid not in (0, 4326):
            members["crs"] = {"type": "name", "properties": {"name": f"urn:ogc:def:crs:EPSG::{self.srid}"}}
        return orjson.dumps(members)[:-1] + b',"features":' + self.features + b"}"


def read_items(database: Database, key: str, request: ItemsRequest, timeout_s: int = 30) -> ItemsPage:
    """One page of what a key may see; recorded before it is handed out, and so is a refusal."""
    _check(request)
    with (
        refusals_on_record(database, hash_key(key), _asked(request)),
        database.transaction(read_only=True) as connection,
    ):
        set_timeout(connection, timeout_s)
        version = current_version(connection)
        srid = read_project(connection).srid
        with as_agency(connection, hash_key(key), request.place, srid) as grant:
            row = _item_row(connection, request, grant, srid)
    page = ItemsPage(
        features=b"[" + row["features"].encode() + b"]",
        count=row["shown"],
        next=row["next"],
        srid=request.place.out_srid or srid,
        version=version,
        attributes=grant.columns(request.kind),
    )
    with database.transaction() as connection:
        audit.record(connection, grant.agency, "share.items", _account(request, grant, page, row["ids_sha256"]))
    return page


def read_item(database: Database, key: str, kind: str, feature_id: int, place: Place) -> bytes:
    """One granted feature as GeoJSON; NotFoundError alike for a hidden and an absent one."""
    request = ItemsRequest(kind, place, limit=1, feature_id=feature_id)
    page = read_items(database, key, request)
    if page.count == 0:
        record_refusal(database, hash_key(key), _asked(request))
        raise NotFoundError(f"There is no {kind} {feature_id}.")
    return page.features[1:-1]


@contextmanager
def refusals_on_record(database: Database, key_sha256: str, asked: dict[str, Any]) -> Iterator[None]:
    """Write it into the audit log when a block is refused for its key."""
    try:
        yield
    except UnknownKeyError:
        record_refusal(database, key_sha256, asked)
        raise


def record_refusal(database: Database, key_sha256: str, asked: dict[str, Any]) -> None:
    """Write into the audit log whose key was refused what, and why; the key by the first letters of its hash."""
    with database.transaction() as connection:
        known = fetch_one(connection, queries("sharing")["why_refused"], {"key_sha256": key_sha256})
        behind = known or {"agreement_id": None, "agency": "unknown", "reason": "unknown key"}
        details = {
            "key_sha256": key_sha256[:_PREFIX_LETTERS],
            "agreement_id": behind["agreement_id"],
            "reason": behind["reason"],
            "asked": asked,
        }
        audit.record(connection, behind["agency"], "share.refused", details)


@contextmanager
def as_agency(connection: Connection, key_sha256: str, place: Place, srid: int) -> Iterator[Grant]:
    """Run a block as the agency that holds a key; UnknownKeyError when no agreement in force stands behind it."""
    introduce(connection, key_sha256, place, srid)
    connection.execute(SQL("SET LOCAL ROLE pipemap_agency"))
    row = fetch_one(connection, queries("sharing")["granted"])
    if row is None:
        raise UnknownKeyError
    yield Grant(**row)
    # After an error the transaction is rolled back, and the role with it.
    connection.execute(SQL("RESET ROLE"))


def introduce(connection: Connection, key_sha256: str, place: Place, srid: int) -> None:
    """Set for this transaction whose key it is and which box is wanted; checks box and CRS."""
    box = place.bbox or (None, None, None, None)
    if place.bbox is not None:
        check_finite(*place.bbox)
        if place.bbox[0] >= place.bbox[2] or place.bbox[1] >= place.bbox[3]:
            raise UsageError("A box is min x, min y, max x, max y; a minimum of this one is not below its maximum.")
    for asked in (place.bbox_srid, place.out_srid):
        if asked is not None and asked != srid:
            _check_reachable(asked, srid)
    values: dict[str, Any] = dict(zip(("min_x", "min_y", "max_x", "max_y"), box, strict=True))
    values |= {"key_sha256": key_sha256, "box_srid": place.bbox_srid or srid, "srid": srid}
    try:
        connection.execute(queries("sharing")["introduce"], values)
    except psycopg.errors.InternalError_ as error:
        raise UsageError("The box lies outside of where its coordinate reference system is defined.") from error


def set_timeout(connection: Connection, seconds: int) -> None:
    """Stop any statement of this transaction that runs longer."""
    connection.execute("SELECT set_config('statement_timeout', %s, true)", [f"{seconds}s"])


def geometry_in(column: Composable, srid: int, out_srid: int | None) -> Composable:
    """A geometry column in the CRS asked for; parameter `out_srid`."""
    if out_srid is None or out_srid == srid:
        return column
    return SQL("ST_Transform({}, %(out_srid)s::int)").format(column)


def digits(srid: int) -> int:
    """Decimals that keep a tenth of a millimetre: in metres, or in degrees."""
    return 9 if srid and is_geographic(srid) else 4


@cache
def is_geographic(srid: int) -> bool:
    """Whether a CRS is in degrees; CrsError when there is no such CRS."""
    try:
        return CRS.from_epsg(srid).is_geographic
    except ProjError as error:
        raise CrsError(f"EPSG:{srid} is not a known coordinate reference system.") from error


def _check(request: ItemsRequest) -> None:
    if request.kind not in SHARED_KINDS:
        raise UsageError(f"{request.kind} is not shared; what is shared: {', '.join(SHARED_KINDS)}.")
    if not 1 <= request.limit <= MAX_ITEMS:
        raise UsageError(f"A page holds 1 to {MAX_ITEMS} features; {request.limit} were asked for.")


def _check_reachable(asked: int, srid: int) -> None:
    if srid == 0:
        raise CrsError("This project uses a local grid without an EPSG code; ask in the project's own coordinates.")
    is_geographic(asked)


def _item_row(connection: Connection, request: ItemsRequest, grant: Grant, srid: int) -> dict[str, Any]:
    statement = SQL(queries("sharing")["items"]).format(
        relation=Identifier(SHARE_SCHEMA, request.kind),
        geometry=geometry_in(Identifier("f", "geom"), srid, request.place.out_srid),
        properties=SQL(", ").join(Identifier("f", name) for name in grant.columns(request.kind)),
    )
    values = {
        "limit": request.limit,
        "after": request.after,
        "feature_id": request.feature_id,
        "class_codes": None if request.class_codes is None else list(request.class_codes),
        "has_box": request.place.bbox is not None,
        "out_srid": request.place.out_srid,
        "digits": digits(request.place.out_srid or srid),
    }
    row = fetch_one(connection, statement, values)
    if row is None:
        raise UnknownKeyError
    return row


def _asked(request: ItemsRequest) -> dict[str, Any]:
    place = request.place
    asked = {"kind": request.kind, "bbox": place.bbox, "bbox_srid": place.bbox_srid, "feature_id": request.feature_id}
    return asked | {"class_codes": request.class_codes, "after": request.after}


def _account(request: ItemsRequest, grant: Grant, page: ItemsPage, ids_sha256: str) -> dict[str, Any]:
    return {
        "agreement_id": grant.agreement_id,
        "kind": request.kind,
        "bbox": request.place.bbox,
        "bbox_srid": request.place.bbox_srid,
        "feature_id": request.feature_id,
        "after": request.after,
        "version": page.version,
        "count": page.count,
        "bytes": len(page.features),
        "ids_sha256": ids_sha256,
    }
