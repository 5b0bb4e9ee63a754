"""`/burst/sheet`: a burst on one page of A4, to print and to carry."""

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from api.deps import STRICT, ServiceDep, VersionDep
from api.html import STYLED
from api.trace_parameters import StartDep
from api.traces import Inaccessible, Opened, Radius
from pipemap.report.burst_sheet import render_sheet
from pipemap.tracing.asking import BurstQuestion, ask_burst
from pipemap.tracing.surroundings import DEFAULT_RADIUS_M
from pipemap.versions import resolve_version

router = APIRouter(tags=["traces"], prefix="/burst", dependencies=[STRICT])


@router.get("/sheet", response_class=HTMLResponse)
def burst_sheet(
    service: ServiceDep,
    version: VersionDep,
    start: StartDep,
    inaccessible: Inaccessible = None,
    opened: Opened = None,
    radius_m: Radius = DEFAULT_RADIUS_M,
    language: Annotated[Literal["zh", "en"] | None, Query(description="The one it opens in")] = None,
) -> HTMLResponse:
    """The burst sheet: map, valves in order, whom to warn, on one page of A4 in Chinese and English."""
    question = replace(BurstQuestion.at(start, inaccessible or (), opened or (), radius_m), fallbacks=True)
    with service.reading() as connection:
        network = service.networks.at(connection, resolve_version(connection, version))
        answer = ask_burst(connection, network, question)
        now = datetime.now().astimezone()
        page = render_sheet(connection, network, answer, language or service.settings.language, now)
    return HTMLResponse(page, headers=STYLED)
