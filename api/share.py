"""What other agencies are served under an API key; every answer is on record before it leaves."""

import shutil
import tempfile
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Response
from starlette.background import BackgroundTask
from starlette.responses import FileResponse

from api.deps import (
    STRICT,
    AfterParam,
    BboxCrsDep,
    BoxDep,
    ClassCodesDep,
    CrsDep,
    FeatureId,
    KeyDep,
    LimitParam,
    ServiceDep,
)
from api.features import GEOJSON
from pipemap.sharing import items
from pipemap.sharing.agreements import hash_key
from pipemap.sharing.exchange import export
from pipemap.sharing.items import ItemsRequest, Place

router = APIRouter(tags=["sharing"], dependencies=[STRICT])


@router.get("/items")
def list_items(
    service: ServiceDep,
    key: KeyDep,
    kind: Annotated[str, Query(description="node or pipe_segment")],
    bbox: BoxDep,
    bbox_crs: BboxCrsDep,
    class_codes: ClassCodesDep,
    crs: CrsDep,
    limit: LimitParam = 1000,
    after: AfterParam = 0,
) -> Response:
    """Features that the key's agreement grants, cut at the edge of its area."""
    request = ItemsRequest(kind, Place(bbox, bbox_crs, crs), class_codes or None, limit, after)
    page = items.read_items(service.database, key, request, service.settings.statement_timeout_s)
    return Response(page.collection(), media_type=GEOJSON)


@router.get("/items/{kind}/{feature_id}")
def read_item(service: ServiceDep, key: KeyDep, kind: str, feature_id: FeatureId, crs: CrsDep) -> Response:
    """One granted feature; what is not granted is answered as if it were not there."""
    item = items.read_item(service.database, key, kind, feature_id, Place(out_srid=crs))
    return Response(item, media_type=GEOJSON)


@router.get("/export")
def download(
    service: ServiceDep,
    key: KeyDep,
    format: Annotated[str, Query(description="gpkg, geojson, shp or csv")],
    bbox: BoxDep,
    bbox_crs: BboxCrsDep,
    crs: CrsDep,
) -> FileResponse:
    """A package of everything granted in a box, with its manifest."""
    folder = Path(tempfile.mkdtemp(prefix="pipemap-export-"))
    try:
        package = export(service.database, hash_key(key), format, folder, Place(bbox, bbox_crs, crs))
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    tidy = BackgroundTask(shutil.rmtree, folder, ignore_errors=True)
    return FileResponse(package.path, media_type="application/zip", filename=package.path.name, background=tidy)
