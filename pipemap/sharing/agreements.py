"""Agreements with other agencies and their API keys: made, listed and revoked by the data manager."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import orjson
import shapely
from psycopg.rows import DictRow
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from pipemap.crs import polygon_in_project
from pipemap.db import Connection, fetch_all, fetch_one
from pipemap.errors import NotFoundError, PermissionDeniedError, SourceError, UsageError
from pipemap.sharing import audit
from pipemap.sharing.precision import EXACT, check_precision
from pipemap.sql import queries
from pipemap.versions import resolve_version
from schemas.codetables import code_table
from schemas.tables import SHARED_KINDS as SHARED_KINDS
from schemas.tables import attribute_names

KEY_PREFIX = "pmk_"
_KEY_BYTES = 32
# Farther from its origin no place has coordinates, zones before the easting and degrees with them.
_FARTHEST = 1e8


@dataclass(frozen=True)
class Terms:
    """What an agency may see: where (polygon in the project CRS), which classes and attributes, until when.

    `position_precision` and `depth_precision` are classes of pipemap.sharing.precision. `frozen_version` is the only
    version shown; None shows the newest and those before it. `sites_telephone` is whom to call about sensitive sites,
    which are then shown as padded shapes; None leaves them out. Limits that are None are the service's own.
    """

    agency: str
    purpose: str
    area: BaseGeometry
    class_codes: Sequence[str]
    attributes: Sequence[str]
    expires_at: datetime
    position_precision: str = EXACT
    depth_precision: str = EXACT
    frozen_version: int | None = None
    may_export: bool = True
    sites_telephone: str | None = None
    requests_per_minute: int | None = None
    concurrent_requests: int | None = None


def shareable_attributes() -> tuple[str, ...]:
    """Attributes an agreement may grant; identity, class and geometry are always shown."""
    names = {"source_key": None} | {name: None for kind in SHARED_KINDS for name in attribute_names(kind)}
    return tuple(name for name in names if name not in ("class_code", "geom"))


def agree(connection: Connection, terms: Terms, approver: str, written_by: str | None = None) -> int:
    """Write an agreement that is in force; returns its number.

    Who approves it has seen to it that somebody else wrote what it is made of.
    """
    return write_agreement(connection, terms, "share.agree", written_by, approver)


def write_agreement(
    connection: Connection, terms: Terms, action: str, written_by: str | None, approved_by: str | None = None
) -> int:
    """Write an agreement into the map and, as an action, into the audit log; returns its number.

    Without somebody who approved it, it waits for that.
    """
    _check_terms(terms)
    resolve_version(connection, terms.frozen_version)
    values = vars(terms) | {
        "written_by": written_by,
        "approved_by": approved_by,
        "area": shapely.to_wkb(shapely.force_2d(terms.area)),
        "class_codes": list(terms.class_codes),
        "attributes": list(terms.attributes),
    }
    row = fetch_one(connection, queries("sharing")["add_agreement"], values)
    if row is None:
        raise NotFoundError("The agreement could not be written.")
    agreement_id = int(row["agreement_id"])
    details = {name: value for name, value in values.items() if name not in ("area", "expires_at")}
    details |= {"area_wkt": shapely.to_wkt(terms.area, rounding_precision=3), "expires_at": str(terms.expires_at)}
    audit.record(connection, approved_by or written_by or "", action, {"agreement_id": agreement_id, **details})
    return agreement_id


def issue_key(connection: Connection, agreement_id: int, actor: str) -> str:
    """A new API key of an agreement in force; only its hash is kept, so it can be shown this once."""
    key = KEY_PREFIX + secrets.token_urlsafe(_KEY_BYTES)
    add_key(connection, agreement_id, hash_key(key))
    audit.record(connection, actor, "share.key", {"agreement_id": agreement_id, "key_sha256": hash_key(key)})
    return key


def add_key(connection: Connection, agreement_id: int, key_sha256: str) -> None:
    """Let a hash stand for an agreement; NotFoundError unless it is in force, PermissionDeniedError till approved."""
    values = {"agreement_id": agreement_id, "key_sha256": bytes.fromhex(key_sha256)}
    if fetch_one(connection, queries("sharing")["add_key"], values) is not None:
        return
    if [row["state"] for row in list_agreements(connection, agreement_id=agreement_id)] == ["waiting"]:
        raise PermissionDeniedError(
            f"Agreement {agreement_id} waits until somebody else than its author has approved it.",
            message_zh=f"协议 {agreement_id} 尚未由起草人以外的人员批准。",
        )
    raise NotFoundError(f"There is no agreement {agreement_id} in force.")


def hash_key(key: str) -> str:
    """SHA-256 of a key in hex, the only form in which the database knows it."""
    return hashlib.sha256(key.encode()).hexdigest()


def list_agreements(
    connection: Connection,
    agency: str | None = None,
    agreement_id: int | None = None,
    limit: int = 100,
    offset: int = 0,
) -> list[DictRow]:
    """Agreements with their keys' hashes, newest first."""
    wanted = {"agency": agency, "agreement_id": agreement_id, "limit": limit, "offset": offset}
    return fetch_all(connection, queries("sharing")["agreements"], wanted)


def revoke(connection: Connection, agreement_id: int, actor: str, key: str | None = None) -> None:
    """End an agreement at once, or only the key whose hash begins with `key`."""
    name = "revoke_agreement" if key is None else "revoke_key"
    rows = fetch_all(connection, queries("sharing")[name], {"agreement_id": agreement_id, "key": key})
    if not rows:
        raise NotFoundError(f"There is nothing of agreement {agreement_id} left to revoke.")
    if len(rows) > 1:
        raise UsageError(f"{len(rows)} keys begin with {key}; give more of the hash.")
    audit.record(connection, actor, "share.revoke", {"agreement_id": agreement_id, "key": key})


def read_area(text: str, srid: int, project_srid: int) -> BaseGeometry:
    """The polygon a user means: WKT, a GeoJSON file, or min x,min y,max x,max y; brought to the project CRS."""
    area = _parse_area(text.strip())
    if area is None or not all(abs(side) <= _FARTHEST for side in area.bounds):
        raise UsageError("The area has corners where no place is.", message_zh="范围的坐标不是有效位置。")
    if area.geom_type not in ("Polygon", "MultiPolygon") or area.is_empty or not area.is_valid:
        raise UsageError(f"An area must be a valid polygon: {shapely.is_valid_reason(area)} ({area.geom_type}).")
    return area if srid == project_srid else polygon_in_project(area, srid, project_srid)


def _parse_area(text: str) -> BaseGeometry:
    if text.endswith(("json", "JSON")):
        return _geojson_area(Path(text))
    numbers = text.split(",")
    try:
        if len(numbers) == 4 and "(" not in text:
            return shapely.box(*(float(number) for number in numbers))
        return shapely.from_wkt(text)
    except (ValueError, shapely.errors.ShapelyError) as error:
        raise UsageError("The area is not WKT, a .geojson file or min x,min y,max x,max y.") from error


def _geojson_area(path: Path) -> BaseGeometry:
    try:
        document = orjson.loads(path.read_bytes())
        features = document.get("features", [document])
        return shapely.union_all([shape(feature.get("geometry", feature)) for feature in features])
    except (OSError, ValueError, AttributeError, KeyError, TypeError, shapely.errors.ShapelyError) as error:
        raise SourceError(f"{path.name} cannot be read as GeoJSON polygons.") from error


def check_granted(class_codes: Sequence[str], attributes: Sequence[str]) -> None:
    """Raise UsageError for a class or an attribute that there is not, or for no class at all."""
    _check_known("utility class", class_codes, tuple(code_table("utility_class")))
    _check_known("attribute", attributes, shareable_attributes())
    if not class_codes:
        raise UsageError("An agreement grants at least one utility class.")


def _check_terms(terms: Terms) -> None:
    if not all(text.strip() and text.isprintable() for text in (terms.agency, terms.purpose)):
        raise UsageError("An agreement names the agency and the purpose, each in one line.")
    check_granted(terms.class_codes, terms.attributes)
    if terms.expires_at.tzinfo is None or terms.expires_at <= datetime.now(UTC):
        raise UsageError("An agreement expires at a moment to come.")
    check_precision(terms.position_precision, terms.depth_precision)
    if any(limit is not None and limit < 1 for limit in (terms.requests_per_minute, terms.concurrent_requests)):
        raise UsageError("A limit on requests is at least one.")
    if terms.sites_telephone is not None and not terms.sites_telephone.strip():
        raise UsageError("Sensitive sites are shown with a telephone number to call, or not at all.")


def _check_known(what: str, given: Sequence[str], known: Sequence[str]) -> None:
    strange = [name for name in given if name not in known]
    if strange:
        raise UsageError(f"No such {what}: {', '.join(strange)}. Known: {', '.join(known)}.")
