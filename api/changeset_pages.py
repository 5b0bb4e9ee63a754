"""`/changesets`: the data manager's pages of what waits for review, and of what each changeset does to the map."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from markupsafe import Markup

from api import review
from api.deps import STRICT, ActorDep, OffsetParam, ServiceDep
from api.history import ChangesetId
from api.service import Service
from api.staff_pages import Language, paging, read_form, staff_page
from pipemap import changesets
from pipemap.checks.registry import rule_name
from pipemap.db import Connection
from pipemap.errors import PipemapError, UsageError
from pipemap.findings import blocking_findings, count_findings, list_findings, list_waivers
from pipemap.report.changes import draw_changes
from pipemap.steps import steps_of

router = APIRouter(prefix="/changesets", include_in_schema=False, dependencies=[STRICT])
_PER_PAGE, _EXAMPLES = 50, 3
_WAIVER = "waive_"


@router.get("")
def list_page(
    request: Request, service: ServiceDep, language: Language = None, offset: OffsetParam = 0
) -> HTMLResponse:
    """Every changeset, newest first."""
    with service.reading() as connection:
        rows = changesets.list_changesets(connection, limit=_PER_PAGE + 1, offset=offset)
    return staff_page(
        request,
        service,
        "changesets.html",
        language,
        rows=rows[:_PER_PAGE],
        **paging(offset, _PER_PAGE, len(rows) > _PER_PAGE),
    )


@router.get("/{changeset_id}")
def changeset_page(
    request: Request,
    service: ServiceDep,
    changeset_id: ChangesetId,
    language: Language = None,
    offset: OffsetParam = 0,
) -> HTMLResponse:
    """One changeset: where and what it changes, what was found wrong with it, and who did what."""
    return _shown(request, service, changeset_id, language, offset)


@router.post("/{changeset_id}")
def decide(
    request: Request,
    service: ServiceDep,
    actor: ActorDep,
    changeset_id: ChangesetId,
    form: Annotated[dict[str, list[str]], Depends(read_form)],
    language: Language = None,
) -> Response:
    """Take the changeset a step on as the form says, and show what came of it."""
    try:
        shown = _take_step(service, actor, changeset_id, form)
    except PipemapError as error:
        return _shown(request, service, changeset_id, language, fault=error)
    address = "/changesets" if shown is None else f"/changesets/{shown}"
    return RedirectResponse(f"{address}?language={language or service.settings.language}", HTTPStatus.SEE_OTHER)


def _take_step(service: Service, actor: str, changeset_id: int, form: dict[str, list[str]]) -> int | None:
    """Do what the form says; the changeset to be shown then, None for all of them."""
    match form.get("step"):
        case ["check"]:
            review.check(service, changeset_id)
        case ["submit"]:
            review.submit(service, actor, changeset_id)
        case ["approve"]:
            review.approve(service, actor, changeset_id)
        case ["reject"]:
            review.reject(service, actor, changeset_id)
        case ["discard"]:
            review.discard(service, actor, changeset_id)
            return None
        case ["publish"]:
            review.publish_as(service, actor, changeset_id, form.get("message", [""])[0], _waivers(form))
        case ["revert"]:
            return changesets.revert(service.database, changeset_id, author=actor)
        case _:
            raise UsageError("The form does not say what to do.", message_zh="表单未说明操作。")
    return changeset_id


def _waivers(form: dict[str, list[str]]) -> dict[str, str]:
    """The reason for every rule whose errors may stand."""
    given = {name: values[0].strip() for name, values in form.items() if name.startswith(_WAIVER)}
    return {name.removeprefix(_WAIVER): reason for name, reason in given.items() if reason}


def _shown(
    request: Request,
    service: Service,
    changeset_id: int,
    language: Language,
    offset: int = 0,
    fault: PipemapError | None = None,
) -> HTMLResponse:
    with service.reading() as connection:
        changeset = changesets.get_changeset(connection, changeset_id)
        deltas = changesets.list_deltas(connection, changeset_id, limit=_PER_PAGE + 1, offset=offset)
        picture = draw_changes(connection, changeset)
        found = _found(connection, changeset_id)
        waivers = list_waivers(connection, changeset_id)
        blocking = blocking_findings(connection, changeset_id)
        steps = steps_of(connection, changeset_id)
    return staff_page(
        request,
        service,
        "changeset.html",
        language,
        changeset=changeset,
        deltas=deltas[:_PER_PAGE],
        picture=picture,
        map=Markup(picture.svg) if picture else None,
        found=found,
        waivers=waivers,
        blocking=blocking,
        steps=steps,
        must_be_approved=service.settings.require_approval,
        fault=fault,
        **paging(offset, _PER_PAGE, len(deltas) > _PER_PAGE),
    )


def _found(connection: Connection, changeset_id: int) -> list[dict[str, Any]]:
    """Findings by rule and severity, errors first, with the rule's names and the first few."""
    lines = []
    for line in count_findings(connection, changeset_id):
        first = list_findings(connection, changeset_id, line["rule"], line["severity"], _EXAMPLES)
        lines.append({**line, "names": rule_name(line["rule"]), "first": first})
    return lines
