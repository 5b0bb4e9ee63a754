"""Versions and changesets: what was published, what differs, and what is waiting."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response

from api.deps import STRICT, BoxDep, LimitParam, OffsetParam, ServiceDep
from api.features import as_json
from pipemap import changesets, findings, versions
from pipemap.steps import steps_of

router = APIRouter(tags=["versions"], dependencies=[STRICT])
VersionNumber = Annotated[int, Query(ge=0, lt=2**31)]
ChangesetId = Annotated[int, Path(ge=1, lt=2**31)]


@router.get("/versions")
def list_versions(
    service: ServiceDep, author: str | None = None, limit: LimitParam = 50, offset: OffsetParam = 0
) -> Response:
    """Versions, newest first."""
    with service.reading() as connection:
        return as_json(versions.log(connection, limit, offset, author))


@router.get("/diff")
def diff(
    service: ServiceDep,
    from_version: Annotated[int, Query(alias="from", ge=0, lt=2**31)],
    to_version: Annotated[int, Query(alias="to", ge=0, lt=2**31)],
    bbox: BoxDep,
    kind: str | None = None,
    op: str | None = None,
    limit: LimitParam = 1000,
    offset: OffsetParam = 0,
) -> Response:
    """What turns one version into another: counts of it all, and a page of the changes."""
    with service.reading() as connection:
        for version in (from_version, to_version):
            versions.resolve_version(connection, version)
        answer: dict[str, Any] = {
            "from": from_version,
            "to": to_version,
            "counts": versions.diff_counts(connection, from_version, to_version, bbox),
            "changes": versions.diff(
                connection, from_version, to_version, kind=kind, op=op, bbox=bbox, limit=limit, offset=offset
            ),
        }
    return as_json(answer)


@router.get("/changesets")
def list_changesets(
    service: ServiceDep,
    state: str | None = None,
    author: str | None = None,
    dataset: str | None = None,
    limit: LimitParam = 50,
    offset: OffsetParam = 0,
) -> Response:
    """Changesets, newest first."""
    with service.reading() as connection:
        found = changesets.list_changesets(
            connection, state=state, author=author, dataset=dataset, limit=limit, offset=offset
        )
    return as_json([asdict(changeset) for changeset in found])


@router.get("/changesets/{changeset_id}")
def read_changeset(service: ServiceDep, changeset_id: ChangesetId) -> Response:
    """One changeset."""
    with service.reading() as connection:
        return as_json(asdict(changesets.get_changeset(connection, changeset_id)))


@router.get("/changesets/{changeset_id}/log")
def read_log(service: ServiceDep, changeset_id: ChangesetId) -> Response:
    """Who did what with a changeset and when, oldest first; also of one that was discarded."""
    with service.reading() as connection:
        return as_json(steps_of(connection, changeset_id))


@router.get("/changesets/{changeset_id}/findings")
def list_findings(
    service: ServiceDep,
    changeset_id: ChangesetId,
    rule: str | None = None,
    severity: str | None = None,
    class_code: str | None = None,
    sheet: str | None = None,
    limit: LimitParam = 100,
    offset: OffsetParam = 0,
) -> Response:
    """Findings of a changeset, errors first."""
    with service.reading() as connection:
        changesets.get_changeset(connection, changeset_id)
        found = findings.list_findings(
            connection, changeset_id, rule, severity, limit, offset, class_code=class_code, sheet=sheet
        )
        return as_json(found)
