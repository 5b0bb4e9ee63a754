"""`/sign-in`: staff sign in at the OIDC provider with a browser, and out again; absent unless it is configured."""

import logging
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import RedirectResponse, Response

from api.deps import STRICT, ServiceDep, cookie_name, refuse_other_sites, session_cookie, signed_in, staff_of
from api.features import as_json
from api.problems import UnauthorizedError
from api.staff_pages import Language, staff_page
from pipemap.errors import NotFoundError, PermissionDeniedError
from pipemap.sharing import audit
from pipemap.sharing.provider import SignInError
from pipemap.sharing.sign_in import ASKING_S, SESSION_S, SignIn

router = APIRouter(prefix="/sign-in", include_in_schema=False)
out = APIRouter(include_in_schema=False, dependencies=[STRICT])
_log = logging.getLogger("api")


async def read_sign_in(service: ServiceDep) -> SignIn:
    """How staff sign in here; NotFoundError where they do not."""
    if service.sign_in is None:
        raise NotFoundError("Nobody signs in here with a browser.", message_zh="本系统未启用浏览器登录。")
    return service.sign_in


SignInDep = Annotated[SignIn, Depends(read_sign_in)]


@router.get("", dependencies=[STRICT])
def begin(
    request: Request,
    service: ServiceDep,
    sign_in: SignInDep,
    path: Annotated[str, Query(alias="next", description="Page to go on with")] = "/",
    language: Language = None,
) -> Response:
    """Send the browser to the provider."""
    try:
        begun = sign_in.begin(path)
    except SignInError as error:
        return _told(request, service, error, language)
    answer = RedirectResponse(begun.address, HTTPStatus.SEE_OTHER)
    _keep(answer, sign_in, note_cookie(sign_in), begun.note, ASKING_S)
    return answer


@router.get("/back")
def back(request: Request, service: ServiceDep, sign_in: SignInDep) -> Response:
    """Where the provider sends the browser back to: the session begins, or the page says why not."""
    came = dict(request.query_params)
    try:
        begun = sign_in.finish(request.cookies.get(note_cookie(sign_in), ""), came)
    except SignInError as error:
        _log.warning("a sign-in was refused: %s", error.message)
        answer: Response = _told(request, service, error, None)
    else:
        with service.database.transaction() as connection:
            audit.record(connection, begun.actor, "staff.sign-in", {})
        answer = RedirectResponse(begun.path, HTTPStatus.SEE_OTHER)
        _keep(answer, sign_in, session_cookie(sign_in), begun.session, SESSION_S)
    _keep(answer, sign_in, note_cookie(sign_in), "", 0)
    return answer


@router.get("/who", dependencies=[STRICT])
def who(request: Request, service: ServiceDep) -> Response:
    """Who of the staff is signed in with this browser; null for nobody, or where nobody signs in so."""
    return as_json({"actor": signed_in(service, request), "can_sign_in": service.sign_in is not None})


@out.post("/sign-out", dependencies=[Depends(refuse_other_sites)])
def sign_out(request: Request, service: ServiceDep, sign_in: SignInDep) -> Response:
    """End the session, here and wherever a copy of it is kept."""
    if request.headers.get("origin") is None:
        raise PermissionDeniedError("Signing out is asked for by a page of this service.")
    try:
        actor = staff_of(service, request)
    except UnauthorizedError:
        actor = None
    sign_in.end(request.cookies.get(session_cookie(sign_in), ""))
    if actor is not None:
        with service.database.transaction() as connection:
            audit.record(connection, actor, "staff.sign-out", {})
    answer = RedirectResponse("/sign-out", HTTPStatus.SEE_OTHER)
    _keep(answer, sign_in, session_cookie(sign_in), "", 0)
    return answer


@out.get("/sign-out")
def signed_out(request: Request, service: ServiceDep, _: SignInDep, language: Language = None) -> Response:
    """Says that nobody is signed in any more."""
    return staff_page(request, service, "sign_in.html", language, fault=None)


def note_cookie(sign_in: SignIn) -> str:
    """Name of the cookie with what was asked for."""
    return cookie_name(sign_in.is_https, "asking")


def _keep(answer: Response, sign_in: SignIn, name: str, value: str, seconds: int) -> None:
    answer.set_cookie(name, value, max_age=seconds, path="/", secure=sign_in.is_https, httponly=True, samesite="lax")


def _told(request: Request, service: ServiceDep, error: SignInError, language: Language) -> Response:
    page = staff_page(request, service, "sign_in.html", language, fault=error)
    page.status_code = HTTPStatus.FORBIDDEN
    return page
