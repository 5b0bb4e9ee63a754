"""Deliveries over HTTP: a file is handed in, a worker makes a draft changeset of it, nothing is published."""

from asyncio import wait_for
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import PurePath
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse
from starlette.concurrency import run_in_threadpool

from api.deps import OWN_SITE, STRICT, ActorDep, LimitParam, OffsetParam, ServiceDep, own_address, parse_crs
from api.features import as_json
from api.history import ChangesetId
from api.problems import STATUS_OF
from api.service import Service
from pipemap.errors import UsageError
from pipemap.jobs import deliveries
from pipemap.jobs.deliveries import Incoming, TooLargeError, Wanted
from pipemap.report import gather_report, render_html

router = APIRouter(tags=["versions"], dependencies=[STRICT, OWN_SITE])


class BrokenOffError(UsageError):
    """The delivery did not come in whole."""

    code = "broken-off"


STATUS_OF[BrokenOffError] = HTTPStatus.REQUEST_TIMEOUT
STATUS_OF[TooLargeError] = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
_RUNNING = ("waiting", "running")
# A line that says nothing for so long is broken, which no system tells of itself.
SILENT_S = 60.0
# What comes in lies on the disk before it is counted.
_MOST_AT_ONCE = 4
_FORM = ("multipart/form-data", "application/x-www-form-urlencoded")


@router.post("/deliveries", status_code=202)
async def hand_in(
    request: Request,
    service: ServiceDep,
    actor: ActorDep,
    name: Annotated[str, Query(description="Name of the file, such as survey.zip")],
    title: Annotated[str | None, Query(description="Title of the changeset; the file's name by default")] = None,
    dataset: Annotated[str | None, Query(description="Delivery series; by default the file's name")] = None,
    profile: Annotated[str | None, Query(description="Shipped profile; the best fit by default")] = None,
    crs: Annotated[str | None, Query(description="CRS of the files, EPSG:n")] = None,
    class_code: Annotated[str | None, Query(description="Class of rows that name none")] = None,
    partial: Annotated[bool, Query(description="Keep what the delivery does not mention")] = False,
) -> Response:
    """Hand in one file, or a zip, RAR or 7z of several, as the body of the request; the answer names the job."""
    if request.headers.get("content-type", "").split(";")[0].strip().lower() in _FORM:
        raise UsageError(
            "A delivery is the body of the request itself, not a form: curl --data-binary @survey.zip -H "
            "'Content-Type: application/octet-stream'.",
            message_zh="请直接以文件内容作为请求正文，不要用表单。",
        )
    called = deliveries.read_name(name)
    srid = parse_crs(crs)
    source_crs = None if srid is None else f"EPSG:{srid}"
    wanted = Wanted(title or called, dataset or PurePath(called).stem, profile, source_crs, class_code, partial)
    deliveries.check_wanted(wanted)
    job = await _taken(request, service, actor, called, wanted)
    answer = as_json(_told(job, request), HTTPStatus.ACCEPTED)
    answer.headers["Location"] = _address(request, f"deliveries/{job['job_id']}")
    return answer


@router.get("/deliveries")
def list_jobs(service: ServiceDep, request: Request, limit: LimitParam = 100, offset: OffsetParam = 0) -> Response:
    """Deliveries that were handed in, newest first."""
    with service.reading() as connection:
        return as_json([_told(job, request) for job in deliveries.jobs(connection, limit, offset)])


@router.get("/deliveries/{job_id}")
def look(service: ServiceDep, request: Request, job_id: UUID) -> Response:
    """How far a delivery is, why it failed, or which changeset and report it became."""
    with service.reading() as connection:
        job = deliveries.look(connection, str(job_id))
    answer = as_json(_told(job, request))
    if job["state"] in _RUNNING:
        answer.headers["Retry-After"] = "2"
    return answer


@router.delete("/deliveries/{job_id}")
def cancel(service: ServiceDep, request: Request, actor: ActorDep, job_id: UUID) -> Response:
    """End a delivery that is not a changeset yet."""
    job = deliveries.cancel(service.database, str(job_id), actor, service.settings.delivery_folder)
    return as_json(_told(job, request))


@router.get("/changesets/{changeset_id}/report", response_class=HTMLResponse)
def read_report(service: ServiceDep, changeset_id: ChangesetId) -> HTMLResponse:
    """The report of a changeset as one page in both languages: rows, findings on a map, quality."""
    with service.reading() as connection:
        page = render_html(gather_report(connection, changeset_id), service.settings.language)
    # The page itself says which one script may run.
    return HTMLResponse(page, headers={"Content-Security-Policy": "frame-ancestors 'self'"})


async def _taken(request: Request, service: Service, actor: str, name: str, wanted: Wanted) -> Mapping[str, Any]:
    """The job of a file that came in whole; of any other nothing is left."""
    await run_in_threadpool(_demand_room, service)
    with service.taking_in(_MOST_AT_ONCE):
        return await _taken_in(request, service, actor, name, wanted)


async def _taken_in(request: Request, service: Service, actor: str, name: str, wanted: Wanted) -> Mapping[str, Any]:
    incoming = Incoming(service.settings.delivery_folder, name, service.settings.max_upload_mb)
    try:
        incoming.expect(int(request.headers.get("content-length") or 0))
        pieces = aiter(request.stream())
        while piece := await wait_for(anext(pieces, b""), SILENT_S):
            await run_in_threadpool(incoming.write, piece)
        return await run_in_threadpool(deliveries.hand_in, service.database, incoming, actor, wanted)
    except TimeoutError as error:
        incoming.drop()
        raise BrokenOffError(
            f"Nothing more of {incoming.name} has come for {SILENT_S:.0f} s; send it again.",
            message_zh=f"{incoming.name} 已有 {SILENT_S:.0f} 秒没有收到数据，请重新上传。",
        ) from error
    except BaseException:
        incoming.drop()
        raise


def _demand_room(service: Service) -> None:
    with service.reading() as connection:
        deliveries.demand_room(connection)


def _told(job: Mapping[str, Any], request: Request) -> dict[str, Any]:
    told = ("job_id", "state", "actor", "file_name", "bytes", "sha256", "request", "stage", "reason", "reason_zh",
            "asked_at", "finished_at", "changeset_id")  # fmt: skip
    links = {"self": _address(request, f"deliveries/{job['job_id']}")}
    if job["changeset_id"] is not None:
        changeset = _address(request, f"changesets/{job['changeset_id']}")
        links |= {"changeset": changeset, "report": f"{changeset}/report"}
    share = min(job["done"] / job["total"], 1.0) if job["total"] else float(job["state"] == "done")
    return {name: job[name] for name in told} | {"progress": share, "links": links}


def _address(request: Request, path: str) -> str:
    return f"{own_address(request)}/api/{path}"
