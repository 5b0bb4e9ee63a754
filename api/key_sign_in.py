"""`/map/sign-in`: an agency's people give its key once, to see on the map what it is granted (viewer), and sign out.

The key comes in a form, never in an address, and is kept nowhere: a sealed cookie stands for it that no script can
read, that goes with requests of this site's own pages alone and not longer than the browser runs. Those with an
identity at the provider go there instead (`/sign-in`).
"""

from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from api.deps import KEY_DOOR, STRICT, ServiceDep, is_https, key_cookie, own_address
from api.service import Service
from api.staff_pages import Language, read_form, staff_page
from pipemap.errors import PermissionDeniedError, PipemapError
from pipemap.sharing.granted import UnknownKeyError
from pipemap.sharing.provider import is_safe
from pipemap.sharing.sign_in import own_path

MAP = "/map"
router = APIRouter(prefix=MAP, include_in_schema=False)
NextParam = Annotated[str, Query(alias="next", description="View of the map to go on with")]


@router.get("/sign-in", dependencies=[STRICT])
def show(
    request: Request,
    service: ServiceDep,
    path: NextParam = MAP,
    ended: Annotated[bool, Query(description="Whether the map was open until now")] = False,
    language: Language = None,
) -> Response:
    """The form that asks for a key."""
    return _form(request, service, path, language, has_ended=ended)


@router.post("/sign-in", dependencies=[STRICT])
async def begin(
    request: Request,
    service: ServiceDep,
    form: Annotated[dict[str, list[str]], Depends(read_form)],
    path: NextParam = MAP,
    language: Language = None,
) -> Response:
    """Begin a session for a key that is in force; for any other the form again, alike for all of them."""
    try:
        _demand_encrypted(request)
        session = await run_in_threadpool(service.key_sessions.begin, form.get("key", [""])[0].strip())
    except UnknownKeyError:
        refusal = PermissionDeniedError(
            "This key opens nothing: it is mistyped, or it was revoked, or its agreement is over.",
            message_zh="该密钥无效：可能输入有误、已被撤销，或协议已到期。",
        )
        return _form(request, service, path, language, refusal)
    except PermissionDeniedError as error:
        return _form(request, service, path, language, error)
    return open_map(request, session, path)


def open_map(request: Request, session: str, path: str) -> Response:
    """Send a browser on to the map, with its session."""
    answer = RedirectResponse(_view(path), HTTPStatus.SEE_OTHER)
    answer.set_cookie(key_cookie(request), session, **_cookie_terms(request))
    return answer


@router.post("/sign-out", dependencies=[STRICT, Depends(read_form)])
def end(request: Request, service: ServiceDep, language: Language = None) -> Response:
    """End the session, here and wherever a copy of it is kept."""
    service.key_sessions.end(request.cookies.get(key_cookie(request), ""))
    answer = RedirectResponse(f"{KEY_DOOR}?language={language or service.settings.language}", HTTPStatus.SEE_OTHER)
    answer.delete_cookie(key_cookie(request), **_cookie_terms(request))
    return answer


def _form(
    request: Request,
    service: Service,
    path: str,
    language: Language,
    fault: PipemapError | None = None,
    has_ended: bool = False,
) -> Response:
    shown = {"fault": fault, "path": _view(path), "has_ended": has_ended, "by_identity": service.sign_in is not None}
    page = staff_page(request, service, "key_sign_in.html", language, **shown)
    if fault is not None:
        page.status_code = HTTPStatus.FORBIDDEN
    return page


def _view(path: str) -> str:
    """A view of the map that may be gone on with; the map for any other address."""
    view = own_path(path)
    return view if is_map(view) else MAP


def is_map(path: str) -> bool:
    """Whether an address is a view of an agency's map."""
    return urlsplit(path).path == MAP


def _demand_encrypted(request: Request) -> None:
    if not is_safe(own_address(request)):
        raise PermissionDeniedError(
            "A key is not sent unencrypted: the map is opened by an https address, which PIPEMAP_PUBLIC_URL names.",
            message_zh="密钥不得明文传输：请通过 https 地址（PIPEMAP_PUBLIC_URL）打开地图。",
        )


def _cookie_terms(request: Request) -> dict[str, Any]:
    return {"secure": is_https(request), "httponly": True, "samesite": "strict"}
