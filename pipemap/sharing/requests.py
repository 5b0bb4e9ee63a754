"""Requests of agencies for data: written in, then approved, narrowed or refused by somebody else than the author.

The pattern is that of KLIC (NL) and KLIP (BE): an area, a reason, a purpose, a period, a kind of work, an applicant.
How large an area and how long a period a purpose may have, and which attributes it needs, is data:
schemas/codes/request_purpose.csv.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import shapely
from psycopg.rows import DictRow
from shapely.geometry.base import BaseGeometry

from pipemap.actors import demand_another
from pipemap.db import Connection, count_alone, fetch_all, fetch_one
from pipemap.errors import ConflictError, NotFoundError, PermissionDeniedError, UsageError
from pipemap.sharing import audit
from pipemap.sharing.agreements import Terms, agree, check_granted, issue_key
from pipemap.sharing.precision import DEPTH_PRECISIONS, EXACT, check_precision, default_depth
from pipemap.sql import queries
from schemas.codetables import Code, code_table

# Full-feature data of a larger area without a gap is secret (directory of 2020, item 18).
SECRET_KM2 = 25.0
_LONGEST_TEXT = 2_000
_MOST_UNDECIDED = 100
_STATES = ("open", "approved", "narrowed", "refused")


class AreaApprovalError(PermissionDeniedError):
    """The agency would hold full-feature data of more than 25 km2; that needs an allowance of its own."""

    code = "area-approval"


@dataclass(frozen=True)
class Request:
    """What is asked for; the area is a polygon in the project CRS, `ends_on` is included.

    Without attributes those are asked for that the purpose needs.
    """

    agency: str
    applicant: str
    purpose_code: str
    reason: str
    area: BaseGeometry
    class_codes: Sequence[str]
    attributes: Sequence[str]
    starts_on: date
    ends_on: date
    work_type: str | None = None


@dataclass(frozen=True)
class Narrowing:
    """What is granted instead; None leaves it as asked. Places and depths are as exact as asked, or coarser."""

    area: BaseGeometry | None = None
    class_codes: Sequence[str] | None = None
    attributes: Sequence[str] | None = None
    ends_on: date | None = None
    position_precision: str = EXACT
    depth_precision: str = EXACT
    may_export: bool = True

    @property
    def is_none(self) -> bool:
        """Whether everything is granted as asked."""
        return self == Narrowing()


@dataclass(frozen=True)
class Approval:
    """The agreement that was made of a request, and its key, which is shown this once."""

    agreement_id: int
    key: str


def write_request(connection: Connection, request: Request, author: str) -> int:
    """Write a request in; returns its number.

    UsageError when its purpose does not allow it, ConflictError when too many of this author wait for a decision.
    """
    purpose = purpose_of(request.purpose_code)
    _check(request, purpose)
    _check_waiting(connection, author)
    values = vars(request) | {
        "area": shapely.to_wkb(shapely.force_2d(request.area)),
        "class_codes": list(request.class_codes),
        "attributes": list(request.attributes) or purpose.fields["attributes"].split(),
        "author": author,
    }
    row = fetch_one(connection, queries("requests")["add_request"], values)
    assert row is not None
    told = {name: values[name] for name in ("agency", "applicant", "purpose_code", "reason", "class_codes")}
    audit.record(connection, author, "share.request", {"request_id": row["request_id"], **told})
    return int(row["request_id"])


def list_requests(
    connection: Connection,
    agency: str | None = None,
    state: str | None = None,
    limit: int = 100,
    offset: int = 0,
) -> list[DictRow]:
    """Requests, newest first."""
    if state is not None and state not in _STATES:
        raise UsageError(f"A request is {', '.join(_STATES)}; not {state}.")
    return _requests(connection, agency=agency, state=state, limit=limit, offset=offset)


def read_request(connection: Connection, request_id: int, agency: str | None = None) -> DictRow:
    """One request; of another agency than the one named it is answered as absent."""
    found = _requests(connection, request_id=request_id, agency=agency)
    if not found:
        raise NotFoundError(f"There is no request {request_id}.")
    return found[0]


def approve(
    connection: Connection, request_id: int, approver: str, narrowing: Narrowing | None = None, reason: str = ""
) -> Approval:
    """Make an agreement of an open request, as it was asked for or narrowed, and issue its key.

    Raises PermissionDeniedError for its own author, UsageError for a narrowing that is none or for one that is no part
    of what was asked, AreaApprovalError when the agency would hold too much.
    """
    narrowing = narrowing or Narrowing()
    row = _open_request(connection, request_id, approver)
    if not narrowing.is_none and not reason.strip():
        raise UsageError("What is narrowed is told with a reason.")
    terms = _terms(row, narrowing)
    check_total(connection, terms.agency, terms.area, terms.position_precision)
    agreement_id = agree(connection, terms, approver, written_by=row["author"])
    approval = Approval(agreement_id, issue_key(connection, agreement_id, approver))
    _decide(connection, row, approver, "approved" if narrowing.is_none else "narrowed", reason, agreement_id)
    return approval


def refuse(connection: Connection, request_id: int, approver: str, reason: str) -> None:
    """Refuse an open request with a reason."""
    if not reason.strip():
        raise UsageError("A request is refused with a reason.")
    _decide(connection, _open_request(connection, request_id, approver), approver, "refused", reason, None)


def granted_before(connection: Connection, agency: str) -> tuple[BaseGeometry, BaseGeometry]:
    """Areas granted to an agency: those in force, and all that ever showed exact places."""
    row = fetch_one(connection, queries("requests")["granted_before"], {"agency": agency}) or {}
    in_force, exact = (shapely.from_wkb(row[name]) or shapely.Polygon() for name in ("in_force", "exact"))
    return in_force, exact


def allowed_km2(connection: Connection, agency: str) -> float:
    """How much full-feature data an agency may hold over all its agreements."""
    row = fetch_one(connection, queries("requests")["allowance"], {"agency": agency})
    return max(row["km2"], SECRET_KM2) if row else SECRET_KM2


def allow(connection: Connection, agency: str, km2: float, reason: str, actor: str) -> None:
    """Let an agency hold full-feature data of so many km2, over all its agreements."""
    if not 0 < km2 < 1e6 or not reason.strip():
        raise UsageError("An allowance is a number of km² above 0, with a reason.")
    values = {"agency": agency, "km2": km2, "reason": reason, "allowed_by": actor}
    connection.execute(queries("requests")["allow"], values)
    audit.record(connection, actor, "share.allow", {"agency": agency, "km2": km2, "reason": reason})


def check_total(connection: Connection, agency: str, area: BaseGeometry, position_precision: str) -> None:
    """Raise AreaApprovalError when with this area an agency holds full-feature data of more than it may."""
    if position_precision != EXACT:
        return
    _, exact = granted_before(connection, agency)
    total_km2 = shapely.union(exact, area).area / 1e6
    allowed = allowed_km2(connection, agency)
    if total_km2 > allowed:
        raise AreaApprovalError(
            f"With this {agency} would hold full-feature data of {total_km2:.1f} km², and {allowed:g} km² are "
            f"allowed: narrow it, grant a coarser position, or allow more with `pipemap share allow`. "
            f"合计 {total_km2:.1f} 平方公里，超过 {allowed:g} 平方公里，须另行批准。"
        )


def purpose_of(code: str) -> Code:
    """What a purpose allows; UsageError when there is none of this code."""
    found = code_table("request_purpose").get(code)
    if found is None:
        raise UsageError(f"{code} is no purpose; the purposes are {', '.join(code_table('request_purpose'))}.")
    return found


def _requests(connection: Connection, **filters: Any) -> list[DictRow]:
    wanted = {"request_id": None, "agency": None, "state": None, "limit": 100, "offset": 0} | filters
    return fetch_all(connection, queries("requests")["requests"], wanted)


def _open_request(connection: Connection, request_id: int, approver: str) -> DictRow:
    row = fetch_one(connection, queries("requests")["lock_request"], {"request_id": request_id})
    if row is None:
        raise NotFoundError(f"There is no request {request_id}.")
    if row["state"] != "open":
        raise UsageError(f"Request {request_id} is {row['state']} already. 申请 {request_id} 已处理。")
    demand_another(row["author"], approver, f"request {request_id}")
    return row


def _terms(row: DictRow, narrowing: Narrowing) -> Terms:
    asked = shapely.from_wkb(row["area"])
    area = asked if narrowing.area is None else _part(asked, narrowing.area)
    attributes = _subset("attributes", row["attributes"], narrowing.attributes)
    ends_on = narrowing.ends_on or row["ends_on"]
    if ends_on > row["ends_on"]:
        raise UsageError(f"A narrower period ends by {row['ends_on']}; not on {ends_on}.")
    check_precision(narrowing.position_precision, narrowing.depth_precision)
    purpose = purpose_of(row["purpose_code"])
    return Terms(
        agency=row["agency"],
        purpose=f"{purpose.name_zh} {purpose.name_en}: {row['reason']}",
        area=area,
        class_codes=_subset("classes", row["class_codes"], narrowing.class_codes),
        attributes=attributes,
        expires_at=datetime.combine(ends_on, time.max).astimezone().astimezone(UTC),
        position_precision=narrowing.position_precision,
        depth_precision=max(default_depth(attributes), narrowing.depth_precision, key=DEPTH_PRECISIONS.index),
        may_export=narrowing.may_export,
    )


def _part(asked: BaseGeometry, narrower: BaseGeometry) -> BaseGeometry:
    """What two areas have in common: never more than was asked for."""
    common = shapely.intersection(asked, narrower)
    polygons = [part for part in shapely.get_parts(common) if part.geom_type == "Polygon" and not part.is_empty]
    if not polygons:
        raise UsageError("The narrower area has nothing of the one that was asked for.")
    return shapely.MultiPolygon(polygons)


def _subset(what: str, asked: Sequence[str], narrower: Sequence[str] | None) -> Sequence[str]:
    if narrower is None:
        return asked
    more = sorted(set(narrower) - set(asked))
    if more:
        raise UsageError(f"Narrower {what} are some of those that were asked for; not {', '.join(more)}.")
    return narrower


def _decide(
    connection: Connection, row: DictRow, approver: str, state: str, reason: str, agreement_id: int | None
) -> None:
    values = {"request_id": row["request_id"], "state": state, "decided_by": approver, "reason": reason or None}
    connection.execute(queries("requests")["decide"], values | {"agreement_id": agreement_id})
    told = {"request_id": row["request_id"], "state": state, "reason": reason, "agreement_id": agreement_id}
    audit.record(connection, approver, "share.decide", {**told, "agency": row["agency"]})


def _check(request: Request, purpose: Code) -> None:
    for name in ("agency", "applicant", "reason"):
        text = getattr(request, name)
        if not text.strip() or len(text) > _LONGEST_TEXT or not text.isprintable():
            raise UsageError(f"A request tells {name} in one line of at most {_LONGEST_TEXT} letters.")
    check_granted(request.class_codes, request.attributes)
    _check_area(request.area, purpose)
    _check_period(request, purpose)


def _check_waiting(connection: Connection, author: str) -> None:
    count_alone(connection, f"requests of {author}")
    waiting = fetch_one(connection, queries("requests")["undecided"], {"author": author})
    if waiting is not None and waiting["count"] >= _MOST_UNDECIDED:
        raise ConflictError(
            f"{_MOST_UNDECIDED} requests of {author} wait for a decision already.",
            message_zh=f"{author} 已有 {_MOST_UNDECIDED} 份申请待审批。",
        )


def _check_area(area: BaseGeometry, purpose: Code) -> None:
    low_x, low_y, high_x, high_y = area.bounds
    side, most = max(high_x - low_x, high_y - low_y), purpose.fields["max_side_m"]
    if most and side > float(most):
        raise UsageError(
            f"An area for {purpose.name_en} is at most {most} m by {most} m; this one is {side:.0f} m long. "
            f"{purpose.name_zh}范围不得超过 {most} 米见方。"
        )
    corners = shapely.get_num_coordinates(area)
    if corners > int(purpose.fields["max_vertices"]):
        raise UsageError(f"An area has at most {purpose.fields['max_vertices']} corners; this one has {corners}.")


def _check_period(request: Request, purpose: Code) -> None:
    today, days = date.today(), int(purpose.fields["max_days"])
    soon = timedelta(days=int(purpose.fields["start_within_days"]))
    if not today <= request.ends_on or request.starts_on > request.ends_on:
        raise UsageError("A period ends today or later, and not before it begins.")
    if request.starts_on > today + soon:
        raise UsageError(f"For {purpose.name_en} a period begins within {soon.days} days.")
    if (request.ends_on - max(request.starts_on, today)).days >= days:
        raise UsageError(
            f"For {purpose.name_en} a period has at most {days} days. {purpose.name_zh}期限不超过 {days} 天。"
        )
