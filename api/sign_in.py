"""`/sign-in`: staff sign in at the OIDC provider with a browser, and out again; absent unless it is configured.

Whoever is not of the staff but stands for an agreement is let in to the agency's map.
"""

import logging
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import RedirectResponse, Response

from api.deps import STRICT, ServiceDep, cookie_name, refuse_other_sites, session_cookie, signed_in, staff_of
from api.features import as_json
from api.key_sign_in import is_map, open_map
from api.problems import UnauthorizedError
from api.service import Service
from api.staff_pages import Language, staff_page
from pipemap.errors import NotFoundError, PermissionDeniedError
from pipemap.sharing import audit
from pipemap.sharing.granted import UnknownKeyError
from pipemap.sharing.provider import SignInError
from pipemap.sharing.sign_in import ASKING_S, SESSION_S, SignedIn, SignIn

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
        signed = sign_in.finish(request.cookies.get(note_cookie(sign_in), ""), came)
        answer = _let_in(request, service, sign_in, signed)
    except SignInError as error:
        _log.warning("a sign-in was refused: %s", error.message)
        answer = _told(request, service, error, None)
    _keep(answer, sign_in, note_cookie(sign_in), "", 0)
    return answer


def _let_in(request: Request, service: Service, sign_in: SignIn, signed: SignedIn) -> Response:
    """Begin the session of one of the staff, or of an agency; SignInError for who is neither."""
    actor, identity_sha256 = signed.who.staff, signed.who.key_sha256
    if actor is not None:
        with service.database.transaction() as connection:
            audit.record(connection, actor, "staff.sign-in", {})
        # The map behind an agency's door is none of theirs.
        answer = RedirectResponse("/" if is_map(signed.path) else signed.path, HTTPStatus.SEE_OTHER)
        _keep(answer, sign_in, session_cookie(sign_in), sign_in.session(actor), SESSION_S)
        return answer
    try:
        return open_map(request, service.key_sessions.begin_as(identity_sha256 or ""), signed.path)
    except UnknownKeyError as error:
        raise SignInError(
            "You are not signed in: you are known, but neither one of the staff nor of an agency with an agreement.",
            message_zh="登录未成功：您已通过认证，但既不是本系统工作人员，也不属于有生效协议的单位。",
        ) from error


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
