"""`/agreements`: what an agency may see and until when, its keys, and the buttons that approve, give out and end."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from api.deps import STRICT, ActorDep, OffsetParam, ServiceDep
from api.service import Service
from api.staff_pages import Language, paging, read_form, staff_page
from pipemap.errors import PipemapError, UsageError
from pipemap.sharing import agreements, proposals

router = APIRouter(prefix="/agreements", include_in_schema=False, dependencies=[STRICT])
AgreementId = Annotated[int, Path(ge=1, lt=2**31)]
_PER_PAGE = 30


@dataclass(frozen=True)
class _Issued:
    """A key that was just made, to be shown this once."""

    agreement_id: int
    key: str


@router.get("")
def agreements_page(
    request: Request, service: ServiceDep, language: Language = None, offset: OffsetParam = 0, agency: str = ""
) -> HTMLResponse:
    """Every agreement, newest first, or those of one agency."""
    return _shown(request, service, language, offset, agency)


@router.post("/{agreement_id}")
def act(
    request: Request,
    service: ServiceDep,
    actor: ActorDep,
    agreement_id: AgreementId,
    form: Annotated[dict[str, list[str]], Depends(read_form)],
    language: Language = None,
) -> Response:
    """Do with an agreement what the form says, and show what came of it."""
    try:
        issued = _do(service, actor, agreement_id, form)
    except PipemapError as error:
        return _shown(request, service, language, fault=error)
    if issued is not None:
        return _shown(request, service, language, issued=issued)
    return RedirectResponse(f"/agreements?language={language or service.settings.language}", HTTPStatus.SEE_OTHER)


def _do(service: Service, actor: str, agreement_id: int, form: dict[str, list[str]]) -> _Issued | None:
    with service.database.transaction() as connection:
        match form.get("step"):
            case ["issue"]:
                return _Issued(agreement_id, agreements.issue_key(connection, agreement_id, actor))
            case ["approve"]:
                proposals.approve(connection, agreement_id, actor)
            case ["revoke"]:
                agreements.revoke(connection, agreement_id, actor, form.get("key", [None])[0])
            case _:
                raise UsageError("The form does not say what to do.", message_zh="表单未说明操作。")
    return None


def _shown(
    request: Request,
    service: Service,
    language: Language,
    offset: int = 0,
    agency: str = "",
    issued: _Issued | None = None,
    fault: PipemapError | None = None,
) -> HTMLResponse:
    with service.reading() as connection:
        rows = agreements.list_agreements(connection, agency or None, limit=_PER_PAGE + 1, offset=offset)
    return staff_page(
        request,
        service,
        "agreements.html",
        language,
        rows=rows[:_PER_PAGE],
        issued=issued,
        fault=fault,
        **paging(offset, _PER_PAGE, len(rows) > _PER_PAGE),
    )
