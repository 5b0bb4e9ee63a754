"""`/changesets`: the data manager's pages of what waits for review, and of what each changeset does to the map."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from markupsafe import Markup

from api.deps import STRICT, OffsetParam, ServiceDep
from api.history import ChangesetId
from api.staff_pages import Language, staff_page
from pipemap import changesets
from pipemap.checks.registry import all_rules
from pipemap.db import Connection
from pipemap.findings import count_findings, list_findings, list_waivers
from pipemap.report.changes import draw_changes

router = APIRouter(prefix="/changesets", include_in_schema=False, dependencies=[STRICT])
_PER_PAGE, _EXAMPLES = 50, 3


@router.get("")
def list_page(
    request: Request, service: ServiceDep, language: Language = None, offset: OffsetParam = 0
) -> HTMLResponse:
    """Every changeset, newest first."""
    with service.reading() as connection:
        rows = changesets.list_changesets(connection, limit=_PER_PAGE + 1, offset=offset)
    return staff_page(
        request, service, "changesets.html", language, rows=rows[:_PER_PAGE], **_pages(offset, len(rows) > _PER_PAGE)
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
    with service.reading() as connection:
        changeset = changesets.get_changeset(connection, changeset_id)
        deltas = changesets.list_deltas(connection, changeset_id, limit=_PER_PAGE + 1, offset=offset)
        picture = draw_changes(connection, changeset)
        found = _found(connection, changeset_id)
        waivers = list_waivers(connection, changeset_id)
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
        **_pages(offset, len(deltas) > _PER_PAGE),
    )


def _found(connection: Connection, changeset_id: int) -> list[dict[str, Any]]:
    """Findings by rule and severity, errors first, with the rule's names and the first few."""
    known = all_rules()
    lines = []
    for line in count_findings(connection, changeset_id):
        rule = known.get(line["rule"])
        first = list_findings(connection, changeset_id, line["rule"], line["severity"], _EXAMPLES)
        names = (rule.name_en, rule.name_zh) if rule else ("found while importing", "导入时发现")
        lines.append({**line, "names": names, "first": first})
    return lines


def _pages(offset: int, goes_on: bool) -> dict[str, Any]:
    """Where the pages before and after a page begin."""
    return {
        "offset": offset,
        "previous": max(offset - _PER_PAGE, 0) if offset else None,
        "following": offset + _PER_PAGE if goes_on else None,
    }
