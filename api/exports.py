"""Export jobs over HTTP: asked for, watched, cancelled, and fetched in as many pieces as the line allows."""

import base64
from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

import shapely
from fastapi import APIRouter, Body, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from shapely.geometry import shape
from starlette.responses import FileResponse

from api.deps import STRICT, ActorDep, AskerDep, OffsetParam, ServiceDep, own_address, parse_crs, parse_version
from api.features import as_json
from pipemap.errors import UsageError
from pipemap.jobs import exports
from pipemap.jobs.exports import Asker
from pipemap.projects import read_project
from pipemap.sharing.agreements import read_area
from pipemap.sharing.exchange import ExportRequest
from pipemap.sharing.granted import Place

router = APIRouter(tags=["sharing"], dependencies=[STRICT])
_PACKAGE = "application/zip"
# An area stays on record for ever.
_MOST_CORNERS = 10_000
_RUNNING = ("waiting", "running")


class ExportQuestion(BaseModel):
    """What to export: a format, a box or a polygon (GeoJSON geometry), the CRS of the package, a version."""

    model_config = ConfigDict(extra="forbid")

    format: str
    bbox: tuple[float, float, float, float] | None = None
    area: dict[str, Any] | None = Field(None, description="GeoJSON Polygon or MultiPolygon")
    area_crs: str | None = Field(None, description="CRS of bbox and area, EPSG:n; the project CRS by default")
    crs: str | None = Field(None, description="CRS of the package, EPSG:n; the project CRS by default")
    version: int | str | None = Field(None, description="Number, date or instant; the newest by default")


async def read_who(key_sha256: AskerDep, actor: ActorDep) -> Asker:
    """An agency by its key, or staff."""
    return Asker(key_sha256, actor)


WhoDep = Annotated[Asker, Depends(read_who)]


@router.post("/exports", status_code=202)
def ask(service: ServiceDep, who: WhoDep, request: Request, question: Annotated[ExportQuestion, Body()]) -> Response:
    """Ask for a package; the answer names the job, whose address tells how far it is."""
    with service.reading() as connection:
        wanted = _request(question, read_project(connection).srid)
    job = exports.ask(service.database, who, wanted)
    answer = as_json(_told(job, request))
    answer.status_code = 202
    answer.headers["Location"] = _address(request, job)
    return answer


@router.get("/exports")
def list_jobs(service: ServiceDep, who: WhoDep, request: Request, offset: OffsetParam = 0) -> Response:
    """The jobs of an agreement, or of staff, newest first."""
    found = exports.jobs(service.database, who, offset=offset)
    return as_json({"exports": [_told(job, request) for job in found]})


@router.get("/exports/{job_id}")
def look(service: ServiceDep, who: WhoDep, request: Request, job_id: UUID) -> Response:
    """How far a job is, why it failed, or where its package is."""
    job = exports.look(service.database, who, str(job_id))
    answer = as_json(_told(job, request))
    if job["state"] in _RUNNING:
        answer.headers["Retry-After"] = "2"
    return answer


@router.delete("/exports/{job_id}")
def cancel(service: ServiceDep, who: WhoDep, request: Request, job_id: UUID) -> Response:
    """End a job, or give its package up."""
    return as_json(_told(exports.cancel(service.database, who, str(job_id), service.settings.export_folder), request))


@router.get("/exports/{job_id}/package")
def fetch(service: ServiceDep, who: WhoDep, job_id: UUID) -> FileResponse:
    """The package; a broken download is taken up by Range and If-Range, its ETag is the package's checksum."""
    path, job = exports.fetch(service.database, who, str(job_id), service.settings.export_folder)
    headers = {"ETag": f'"{job["sha256"]}"', "Repr-Digest": f"sha-256=:{_base64(job['sha256'])}:"}
    return FileResponse(path, media_type=_PACKAGE, filename=path.name, headers=headers)


def _request(question: ExportQuestion, project_srid: int) -> ExportRequest:
    area_srid, out_srid = parse_crs(question.area_crs), parse_crs(question.crs)
    if question.bbox is not None and question.area is not None:
        raise UsageError("Give a bbox or an area, not both.")
    version = None if question.version is None else parse_version(str(question.version))
    area = None if question.area is None else read_area(_wkt(question.area), area_srid or project_srid, project_srid)
    return ExportRequest(question.format, Place(question.bbox, area_srid, out_srid), area, version)


def _wkt(geometry: dict[str, Any]) -> str:
    try:
        area = shape(geometry)
        if shapely.get_num_coordinates(area) > _MOST_CORNERS:
            raise UsageError(
                f"An area has at most {_MOST_CORNERS} corners.", message_zh=f"范围最多 {_MOST_CORNERS} 个角点。"
            )
        return str(shapely.to_wkt(area, rounding_precision=-1))
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, shapely.errors.ShapelyError) as error:
        raise UsageError("The area is no GeoJSON Polygon or MultiPolygon.") from error


def _told(job: Mapping[str, Any], request: Request) -> dict[str, Any]:
    told = ("job_id", "state", "request", "reason", "asked_at", "finished_at", "expires_at", "bytes", "sha256")
    address = _address(request, job)
    links = {"self": address} | ({"package": f"{address}/package"} if job["state"] == "done" else {})
    share = min(job["done"] / job["total"], 1.0) if job["total"] else float(job["state"] == "done")
    features = {"done": job["done"], "total": job["total"]}
    return {name: job[name] for name in told} | {"progress": share, "features": features, "links": links}


def _address(request: Request, job: Mapping[str, Any]) -> str:
    return f"{own_address(request)}/share/exports/{job['job_id']}"


def _base64(hexadecimal: str) -> str:
    return base64.b64encode(bytes.fromhex(hexadecimal)).decode()
