"""`/webhooks`: which hosts of agencies are told of changes, what became of the last messages, and what can be done."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from api import hooks as routes
from api.deps import STRICT, ActorDep, OffsetParam, ServiceDep
from api.hooks import HookId
from api.service import Service
from api.staff_pages import Language, paging, read_form, staff_page
from pipemap.errors import PipemapError, UsageError
from pipemap.sharing import hooks
from pipemap.sharing.posting import HookPolicy
from pipemap.versions import current_version

router = APIRouter(prefix="/webhooks", include_in_schema=False, dependencies=[STRICT])
_PER_PAGE, _MESSAGES = 30, 5


@router.get("")
def webhooks_page(
    request: Request, service: ServiceDep, language: Language = None, offset: OffsetParam = 0
) -> HTMLResponse:
    """Every webhook, newest first, with its last messages."""
    return _shown(request, service, language, offset)


@router.post("/{hook_id}")
def act(
    request: Request,
    service: ServiceDep,
    actor: ActorDep,
    hook_id: HookId,
    form: Annotated[dict[str, list[str]], Depends(read_form)],
    language: Language = None,
) -> Response:
    """Do with a webhook what the form says, and show what came of it."""
    try:
        _do(service, actor, hook_id, form.get("step"))
    except PipemapError as error:
        return _shown(request, service, language, fault=error)
    return RedirectResponse(f"/webhooks?language={language or service.settings.language}", HTTPStatus.SEE_OTHER)


def _do(service: Service, actor: str, hook_id: int, step: list[str] | None) -> None:
    match step:
        case ["approve"]:
            routes.approve(service, actor, hook_id)
        case ["pause"]:
            routes.pause(service, actor, hook_id)
        case ["resume"]:
            routes.resume(service, actor, hook_id)
        case ["again"]:
            routes.send_again(service, actor, hook_id)
        case ["end"]:
            routes.end(service, None, actor, hook_id)
        case _:
            raise UsageError("The form does not say what to do.", message_zh="表单未说明操作。")


def _shown(
    request: Request, service: Service, language: Language, offset: int = 0, fault: PipemapError | None = None
) -> HTMLResponse:
    with service.reading() as connection:
        found = hooks.list_hooks(connection, None, _PER_PAGE + 1, offset)
        rows = [hook | {"told": hooks.list_deliveries(connection, hook["hook_id"], _MESSAGES)} for hook in found]
        newest = current_version(connection)
    return staff_page(
        request,
        service,
        "webhooks.html",
        language,
        rows=rows[:_PER_PAGE],
        newest=newest,
        hosts=HookPolicy.of(service.settings).hosts,
        fault=fault,
        **paging(offset, _PER_PAGE, len(rows) > _PER_PAGE),
    )
