"""Standing in for an agency: a block reads as `pipemap_agency`, a role that sees features by `pipemap_share` alone.

The views ask the transaction's settings whose key it is, which part of the map is wanted and of which version
(schemas/sql/20_sharing.sql). Refusals are put on record here; what was read, by whoever hands it out.
"""

import math
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property, lru_cache
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from psycopg.rows import DictRow
from psycopg.sql import SQL, Composable

from pipemap.crs import bounds_in_project, is_geographic
from pipemap.db import Connection, Database, fetch_one
from pipemap.errors import CrsError, PermissionDeniedError, StorageError, UsageError
from pipemap.pages import Box, check_finite
from pipemap.projects import known_srid, project_srid
from pipemap.sharing import audit
from pipemap.sharing.precision import EXACT
from pipemap.sharing.reading import Reading, faults_of_place
from pipemap.sql import queries
from schemas.tables import SHARED_KINDS, attribute_names

UNKNOWN_AGENCY = "unknown"
T = TypeVar("T")


class UnknownKeyError(PermissionDeniedError):
    """The API key is missing or not valid."""

    code = "unauthorized"


class ViewOnlyError(PermissionDeniedError):
    """The agreement is for viewing only; it allows no export."""

    code = "view-only"


@dataclass(frozen=True)
class Place:
    """A box of the map and the CRS to answer in; None means the whole area and the project CRS."""

    bbox: Box | None = None
    bbox_srid: int | None = None
    out_srid: int | None = None


@dataclass(frozen=True)
class View:
    """A view that shows features of a kind, and the one that holds the grant it reads; both in `pipemap_share`.

    `deep` is the box that is looked into where all of what meets it lies in the area.
    """

    features: str
    grant: str
    deep: Box | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Grant:
    """The agreement behind a key that is in force.

    `version` is the one that is read: the newest, the one asked for, the one the agreement is frozen at, or the one
    its desensitised store is made to. `digest`, in hex, is of all that decides what is shown of a version, so that what
    was made under it may be kept and given to whoever holds a key in force with the same digest. `inner_box` lies in
    the area, off its edge, where that is a box; `reach_m` is how far beyond a box a segment goes at most that meets it,
    where that was asked for.
    """

    agreement_id: int
    agency: str
    purpose: str
    class_codes: Sequence[str]
    attributes: Sequence[str]
    expires_at: datetime
    area_wkt: str
    position_precision: str
    depth_precision: str
    frozen_version: int | None
    may_export: bool
    sites_telephone: str | None
    requests_per_minute: int | None
    concurrent_requests: int | None
    version: int
    digest: str
    inner_box: Sequence[float] | None
    reach_m: float = math.inf

    def columns(self, kind: str) -> tuple[str, ...]:
        """Columns of a kind that the agency is shown, geometry apart."""
        return self._columns[kind]

    @cached_property
    def _columns(self) -> dict[str, tuple[str, ...]]:
        granted = set(self.attributes)
        return {
            kind: ("class_code", *(name for name in ("source_key", *attribute_names(kind)) if name in granted))
            for kind in SHARED_KINDS
        }

    def view(self, kind: str, version: int | None, is_listed: bool = False, window: Box | None = None) -> View:
        """Where a kind is shown at a version (None: as it is now), by identity or by place, in a window if it is known.

        The database finds nothing, not even a grant, where a window turns out to lie less deep than thought.
        """
        if not self._is_now(version):
            return View(kind + "_listed" * is_listed, "granted")
        if is_listed or window is None or not self._holds_deep(window):
            return View(kind + "_listed" * is_listed + "_now", "granted_now")
        return View(f"{kind}_deep", "granted_deep", window)

    def _is_now(self, version: int | None) -> bool:
        """Whether the map itself is read, as it is now."""
        return (
            version is None and self.frozen_version is None and self.position_precision == EXACT == self.depth_precision
        )

    def _holds_deep(self, window: Box) -> bool:
        """Whether a window lies so deep in the area that what meets it lies in the area whole."""
        if self.inner_box is None:
            return False
        min_x, min_y, max_x, max_y = self.inner_box
        return (
            min_x <= window[0] - self.reach_m
            and min_y <= window[1] - self.reach_m
            and window[2] + self.reach_m <= max_x
            and window[3] + self.reach_m <= max_y
        )

    def check_export(self) -> None:
        """Raise ViewOnlyError when nothing may be taken away as a file."""
        if not self.may_export:
            raise ViewOnlyError


# A line so many times longer than a tenth of a millimetre, 50 m, leaves its curve in another system by less than that.
_STRAIGHT = 500_000
# What was last found behind keys in force.
_known: WeakKeyDictionary[Database, dict[str, Grant]] = WeakKeyDictionary()


@contextmanager
def refusals_on_record(database: Database, key_sha256: str, *asked: Mapping[str, Any]) -> Iterator[None]:
    """Write it into the audit log, for each question, when a block is refused for its key."""
    try:
        yield
    except UnknownKeyError:
        _record_refusals(database, key_sha256, asked)
        raise


@asynccontextmanager
async def recording_refusals(reading: Reading, key_sha256: str, *asked: Mapping[str, Any]) -> AsyncIterator[None]:
    """The same in a coroutine."""
    try:
        yield
    except UnknownKeyError:
        await reading.run(_record_refusals, reading.database, key_sha256, asked)
        raise


def _record_refusals(database: Database, key_sha256: str, asked: Sequence[Mapping[str, Any]]) -> None:
    for question in asked:
        record_refusal(database, key_sha256, dict(question))


def record_refusal(database: Database, key_sha256: str, asked: dict[str, Any]) -> None:
    """Write into the audit log whose key was refused what, and why; the key by the first letters of its hash."""
    with database.transaction(read_only=True) as connection:
        known = fetch_one(connection, queries("sharing")["why_refused"], {"key_sha256": key_sha256})
    behind = known or {"agreement_id": None, "agency": UNKNOWN_AGENCY, "reason": "unknown key"}
    details = {
        "key_sha256": key_sha256[: audit.KEY_LETTERS],
        "agreement_id": behind["agreement_id"],
        "reason": behind["reason"],
        "asked": asked,
    }
    audit.record_look(database, audit.Look(behind["agency"], "share.refused", details))


@contextmanager
def as_agency(
    connection: Connection, key_sha256: str, place: Place, srid: int, version: int | None = None
) -> Iterator[Grant]:
    """Run a block as the agency that holds a key; UnknownKeyError when no agreement in force stands behind it.

    `version` None reads the newest.
    """
    yield become_agency(connection, key_sha256, place, srid, version)
    # After an error the transaction is rolled back, and the role with it.
    connection.execute(SQL("RESET ROLE"))


def become_agency(
    connection: Connection, key_sha256: str, place: Place, srid: int, version: int | None = None
) -> Grant:
    """The same for the rest of the transaction."""
    # One round trip to the database instead of three.
    with faults_of_place(), connection.pipeline():
        introduce(connection, key_sha256, place, srid, version)
        connection.execute(SQL("SET LOCAL ROLE pipemap_agency"))
        row = fetch_one(connection, queries("sharing")["granted"])
    if row is None:
        raise UnknownKeyError
    return Grant(**row)


def grant_of(
    connection: Connection, key_sha256: str, place: Place | None = None, srid: int = 0, version: int | None = None
) -> Grant:
    """The agreement behind a key, once a place has been found to be one; UnknownKeyError when none is in force."""
    with as_agency(connection, key_sha256, place or Place(), srid, version) as grant:
        return grant


async def read_under(
    reading: Reading, key_sha256: str | None, read: Callable[[Grant | None, bool], Awaitable[T | None]]
) -> T:
    """What is read under the grant that stood behind a key meanwhile; under None for staff.

    A key is asked about and read under at once: `read` is given what stood behind it last, and gives None when its own
    statement finds another digest; then what stands behind it now, which it is told to be certain. UnknownKeyError when
    nothing in force does.
    """
    known = _known.setdefault(reading.database, {})
    grant, is_certain = (None, True) if key_sha256 is None else (known.get(key_sha256), False)
    while True:
        if key_sha256 is not None and grant is None:
            grant, is_certain = await reading.run(_grant_now, reading.database, key_sha256), True
            known[key_sha256] = grant
        found = await read(grant, is_certain)
        if found is not None:
            return found
        if key_sha256 is None:
            raise UnknownKeyError
        known.pop(key_sha256, None)
        grant = None


def _grant_now(database: Database, key_sha256: str) -> Grant:
    with database.transaction(read_only=True) as connection:
        grant, row = grant_of(connection, key_sha256), fetch_one(connection, queries("sharing")["reach"])
        return grant if row is None else replace(grant, **row)


async def read_at_once(
    reading: Reading,
    key_sha256: str | None,
    place: Place,
    version: int | None,
    statement: bytes,
    values: Mapping[str, Any],
) -> list[DictRow]:
    """What a statement finds for whoever asks, None being staff, in one round trip.

    It runs as the agency's role; what stands behind the key is for it to find out.
    """
    srid = await srid_of(reading)
    check_place(place, srid)
    who = {"key_sha256": key_sha256 or "", "version": version}
    where = {} if place.bbox is None else _box_values(place, srid)
    asked = _asked_at_once(statement, has_box=place.bbox is not None)
    return await reading.rows(key_sha256 is not None, asked, {**values, **who, **where})


@lru_cache(256)
def _asked_at_once(statement: bytes, has_box: bool) -> bytes:
    wanted = queries("sharing")["want"] if has_box else "NULL"
    asked = SQL(queries("sharing")["asked_at_once"]).format(wanted=SQL(wanted), statement=SQL("{statement}"))
    return asked.as_bytes(None).replace(b"{statement}", statement)


async def srid_of(reading: Reading) -> int:
    """EPSG code of the project; 0 for a local grid."""
    known = known_srid(reading.database)
    return await reading.run(project_srid, reading.database) if known is None else known


def introduce(connection: Connection, key_sha256: str, place: Place, srid: int, version: int | None = None) -> None:
    """Set for this transaction whose key it is, which box is wanted and of which version; checks box and CRS."""
    connection.execute(queries("sharing")["introduce"], {"key_sha256": key_sha256, "version": version})
    want(connection, place, srid)


def want(connection: Connection, place: Place, srid: int) -> None:
    """Set for this transaction which box is wanted; checks box and CRS."""
    check_place(place, srid)
    with faults_of_place():
        connection.execute(queries("sharing")["want"], _box_values(place, srid))


def _box_values(place: Place, srid: int) -> dict[str, Any]:
    """The values of the statement `want`."""
    box, box_srid = place.bbox or (None, None, None, None), place.bbox_srid or srid
    values: dict[str, Any] = dict(zip(("min_x", "min_y", "max_x", "max_y"), box, strict=True))
    return values | {"box_srid": box_srid, "srid": srid, "least": 10.0 ** -digits(box_srid), "step": straight(box_srid)}


def check_place(place: Place, srid: int) -> None:
    """UsageError or CrsError when a place cannot be asked for."""
    if place.bbox is not None:
        check_finite(*place.bbox)
        if place.bbox[0] > place.bbox[2] or place.bbox[1] > place.bbox[3]:
            raise UsageError("A box is min x, min y, max x, max y; a minimum of this one is above its maximum.")
    for asked in (place.bbox_srid, place.out_srid):
        if asked is not None and asked != srid:
            _check_reachable(asked, srid)


def window_of(place: Place, srid: int) -> Box | None:
    """About what the wanted box spans in the project's system; None where none is wanted."""
    return None if place.bbox is None else bounds_in_project(place.bbox, place.bbox_srid or srid, srid)


def begin_reading(connection: Connection, timeout_s: int) -> tuple[int, int]:
    """Begin a transaction's reading with a limit to each statement: the project's EPSG code and the newest version."""
    row = fetch_one(connection, queries("sharing")["begin_reading"], {"timeout": f"{timeout_s}s"})
    if row is None:
        raise StorageError("The database holds no project; run `pipemap init`.")
    return row["srid"], row["version"]


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


def straight(srid: int) -> float:
    """As long as a line may be that is straight in every system."""
    return _STRAIGHT * 10.0 ** -digits(srid)


def _check_reachable(asked: int, srid: int) -> None:
    if srid == 0:
        raise CrsError("This project uses a local grid without an EPSG code; ask in the project's own coordinates.")
    is_geographic(asked)
