"""`/requests`: the data manager's pages of requests, with what each would show and the buttons that decide it."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse
from markupsafe import Markup
from pydantic import ValidationError

from api.deps import STRICT, ActorDep, ServiceDep
from api.requests import Decision, RequestId, narrowing_of
from api.staff_pages import Language, read_form, staff_page
from pipemap.errors import PipemapError, UsageError
from pipemap.sharing import requests
from pipemap.sharing.precision import DEPTH_PRECISIONS, POSITION_PRECISIONS
from pipemap.sharing.preview import preview
from pipemap.sharing.requests import Approval
from pipemap.sharing.stores import refresh_stores

router = APIRouter(prefix="/requests", include_in_schema=False)


@router.get("", dependencies=[STRICT])
def list_page(request: Request, service: ServiceDep, language: Language = None) -> HTMLResponse:
    """Every request, the open ones first."""
    with service.reading() as connection:
        rows = requests.list_requests(connection, limit=500)
    rows.sort(key=lambda row: row["state"] != "open")
    return staff_page(request, service, "requests.html", language, rows=rows)


@router.get("/{request_id}", dependencies=[STRICT])
def request_page(
    request: Request, service: ServiceDep, request_id: RequestId, language: Language = None
) -> HTMLResponse:
    """One request: what is asked, what it would show, and the decision."""
    return _shown(request, service, request_id, language)


@router.post("/{request_id}")
def decide(
    request: Request,
    service: ServiceDep,
    actor: ActorDep,
    request_id: RequestId,
    form: Annotated[dict[str, list[str]], Depends(read_form)],
    language: Language = None,
) -> HTMLResponse:
    """Approve, narrow or refuse as the form says, and show the page again with what came of it."""
    made, fault = None, None
    try:
        with service.database.transaction() as connection:
            if form.get("verdict") == ["refuse"]:
                requests.refuse(connection, request_id, actor, form.get("reason", [""])[0])
            else:
                narrowing = narrowing_of(connection, _decision(form))
                made = requests.approve(connection, request_id, actor, narrowing, form.get("reason", [""])[0])
        refresh_stores(service.database, service.settings.shift_key_path)
    except PipemapError as error:
        fault = error
    return _shown(request, service, request_id, language, made, fault)


def _decision(form: dict[str, list[str]]) -> Decision:
    if form.get("verdict") != ["narrow"]:
        return Decision()
    given = {name: form[name][0].strip() for name in ("area", "ends_on") if form.get(name, [""])[0].strip()}
    try:
        return Decision(
            **given,
            class_codes=form.get("class_codes", []),
            attributes=form.get("attributes", []),
            position_precision=form.get("position_precision", ["exact"])[0],
            depth_precision=form.get("depth_precision", ["exact"])[0],
            may_export="may_export" in form,
        )
    except ValidationError as error:
        raise UsageError(f"The form is not right: {error.errors()[0]['msg']}.") from error


def _shown(
    request: Request,
    service: ServiceDep,
    request_id: int,
    language: Language,
    made: Approval | None = None,
    fault: PipemapError | None = None,
) -> HTMLResponse:
    with service.reading() as connection:
        row = requests.read_request(connection, request_id)
        shows = preview(connection, row)
    return staff_page(
        request,
        service,
        "request.html",
        language,
        row=row,
        shows=shows,
        map=Markup(shows.svg),
        made=made,
        fault=fault,
        precisions=POSITION_PRECISIONS,
        depth_precisions=DEPTH_PRECISIONS,
    )
