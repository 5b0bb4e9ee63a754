"""The change feed for agencies: pages of changes, and all of them as a package."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from api.deps import STRICT, CrsDep, KeyDep, ServiceDep
from api.downloads import OneDownload, making_one
from pipemap.sharing.deltas import write_delta
from pipemap.sharing.feed import MAX_CHANGES, ChangesRequest, parse_cursor, read_changes

router = APIRouter(tags=["sharing"], dependencies=[STRICT])

SinceParam = Annotated[int, Query(ge=0, le=2**31 - 1, description="Version held; 0 for nothing yet")]
PermissionParam = Annotated[str | None, Query(description="`permission` of the last answer; 409 when it has changed")]


@router.get("/changes")
def changes(
    service: ServiceDep,
    key: KeyDep,
    since: SinceParam,
    crs: CrsDep,
    permission: PermissionParam = None,
    cursor: Annotated[str | None, Query(description="`next` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_CHANGES)] = 1000,
) -> Response:
    """What was added, changed and removed since a version, as far as the key's agreement shows it."""
    request = ChangesRequest(since, None if cursor is None else parse_cursor(cursor), permission, limit, crs)
    page = read_changes(service.database, key, request, service.settings.statement_timeout_s)
    return Response(page.body, media_type="application/json")


@router.get("/changes/package")
def package(
    service: ServiceDep, key: KeyDep, since: SinceParam, crs: CrsDep, permission: PermissionParam = None
) -> OneDownload:
    """All changes since a version as a zip: GeoJSON features by line, a list of what is gone, and a manifest."""
    request = ChangesRequest(since, permission=permission, out_srid=crs)
    with making_one(service.settings.download_folder) as folder:
        made = write_delta(service.database, key, request, folder)
    return OneDownload(made.path)
