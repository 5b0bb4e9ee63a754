"""Agreements that are made without a request: one of the staff writes it, and somebody else approves it.

Until then it has no key, and nobody reads anything under it.
"""

import shapely

from pipemap.actors import demand_another
from pipemap.db import Connection, fetch_one
from pipemap.errors import NotFoundError, UsageError
from pipemap.sharing import audit
from pipemap.sharing.agreements import Terms, write_agreement
from pipemap.sharing.requests import check_total
from pipemap.sql import queries


def propose(connection: Connection, terms: Terms, author: str) -> int:
    """Write an agreement that waits for approval; returns its number. AreaApprovalError when it would be too much."""
    check_total(connection, terms.agency, terms.area, terms.position_precision)
    return write_agreement(connection, terms, "share.propose", written_by=author)


def approve(connection: Connection, agreement_id: int, approver: str) -> None:
    """Let a proposed agreement come into force, so that keys of it are issued.

    Raises PermissionDeniedError for its own author, UsageError unless it waits for approval, AreaApprovalError when the
    agency would hold too much by now.
    """
    row = fetch_one(connection, queries("sharing")["lock_agreement"], {"agreement_id": agreement_id})
    if row is None:
        raise NotFoundError(f"There is no agreement {agreement_id}.")
    if not row["is_waiting"]:
        raise UsageError(
            f"Agreement {agreement_id} does not wait for approval.", message_zh=f"协议 {agreement_id} 不在待批准状态。"
        )
    demand_another(row["written_by"], approver, f"agreement {agreement_id}")
    check_total(connection, row["agency"], shapely.from_wkb(row["area"]), row["position_precision"])
    connection.execute(queries("sharing")["approve"], {"agreement_id": agreement_id, "approved_by": approver})
    told = {"agreement_id": agreement_id, "agency": row["agency"], "written_by": row["written_by"]}
    audit.record(connection, approver, "share.agree", told)
