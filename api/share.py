"""What other agencies are served under an API key; every answer is on record before it leaves."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from starlette.responses import HTMLResponse

from api.deps import STRICT, BboxCrsDep, BoxDep, CrsDep, KeyDep, ServiceDep
from api.downloads import OneDownload, making_one
from api.features import GEOJSON, as_json
from api.html import STYLED
from pipemap.sharing.asking import agreed
from pipemap.sharing.digging import has_sheet
from pipemap.sharing.digging_copies import digging_sheet
from pipemap.sharing.exchange import export
from pipemap.sharing.granted import Place, grant_of, refusals_on_record
from pipemap.sharing.sites import read_sites

_MANNER = (
    "agency", "purpose", "expires_at", "frozen_version", "may_export", "sites_telephone", "requests_per_minute",
    "concurrent_requests",
)  # fmt: skip
router = APIRouter(tags=["sharing"], dependencies=[STRICT])


@router.get("/agreement")
def read_agreement(service: ServiceDep, key: KeyDep) -> Response:
    """What the agreement behind the key shows, in which manner, and until when."""
    with refusals_on_record(service.database, key, {"question": "agreement"}), service.reading() as connection:
        grant = grant_of(connection, key)
        manner = {name: getattr(grant, name) for name in _MANNER}
        manner["has_sheet"] = has_sheet(connection, grant.agreement_id)
    return as_json(agreed(grant).model_dump(mode="json") | manner)


@router.get("/export")
def download(
    service: ServiceDep,
    key: KeyDep,
    format: Annotated[str, Query(description="gpkg, shp, dxf, ifc …; a large area is better asked for as a job")],
    bbox: BoxDep,
    bbox_crs: BboxCrsDep,
    crs: CrsDep,
) -> OneDownload:
    """A package of everything granted in a box, with its manifest."""
    place, mark_key = Place(bbox, bbox_crs, crs), service.settings.mark_key_path
    with making_one(service.settings.download_folder) as folder:
        package = export(service.database, key, format, folder, place, mark_key=mark_key)
    return OneDownload(package.path)


@router.get("/sheet", response_class=HTMLResponse)
def print_sheet(
    service: ServiceDep,
    key: KeyDep,
    language: Annotated[Literal["zh", "en"] | None, Query(description="The one it opens in")] = None,
) -> HTMLResponse:
    """The sheet of a granted request for digging, to print on A4: map, pipes, whom to call, what to mind, how long."""
    settings = service.settings
    page = digging_sheet(service.database, key, language or settings.language, settings.statement_timeout_s)
    return HTMLResponse(page, headers=STYLED)


@router.get("/sites")
def list_sites(service: ServiceDep, key: KeyDep, bbox: BoxDep, bbox_crs: BboxCrsDep, crs: CrsDep) -> Response:
    """Sensitive sites as padded shapes with whom to call, where the agreement shows them at all."""
    place = Place(bbox, bbox_crs, crs)
    page = read_sites(service.database, key, place, timeout_s=service.settings.statement_timeout_s)
    return Response(page.collection(), media_type=GEOJSON)
