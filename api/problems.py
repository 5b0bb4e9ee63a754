"""Errors as `application/problem+json`: what was asked wrongly, never how the inside looks."""

import json
import logging
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException

from pipemap.errors import (
    ConflictError,
    CrsError,
    NotFoundError,
    PermissionDeniedError,
    PipemapError,
    RejectedError,
    SourceError,
    StorageError,
    UnreachableError,
    UsageError,
)
from pipemap.sharing.granted import UnknownKeyError

MEDIA_TYPE = "application/problem+json"
# The nearest class in a fault's family tree counts. A CRS here is a parameter, so a wrong one is a bad request.
STATUS_OF: dict[type[PipemapError], HTTPStatus] = {
    UsageError: HTTPStatus.BAD_REQUEST,
    CrsError: HTTPStatus.BAD_REQUEST,
    UnknownKeyError: HTTPStatus.UNAUTHORIZED,
    PermissionDeniedError: HTTPStatus.FORBIDDEN,
    NotFoundError: HTTPStatus.NOT_FOUND,
    ConflictError: HTTPStatus.CONFLICT,
    SourceError: HTTPStatus.UNPROCESSABLE_ENTITY,
    RejectedError: HTTPStatus.UNPROCESSABLE_ENTITY,
    StorageError: HTTPStatus.SERVICE_UNAVAILABLE,
    PipemapError: HTTPStatus.INTERNAL_SERVER_ERROR,
}
_HEADERS: dict[str, dict[str, str]] = {
    "unauthorized": {"WWW-Authenticate": 'ApiKey realm="pipemap"'},
    "staff-only": {"WWW-Authenticate": 'Basic realm="pipemap", charset="UTF-8"'},
    "storage": {"Retry-After": "5"},
}
_log = logging.getLogger("api")


class UnauthorizedError(PermissionDeniedError):
    """The staff token is needed for this."""

    code = "staff-only"


STATUS_OF[UnauthorizedError] = HTTPStatus.UNAUTHORIZED


def add_problems(app: FastAPI) -> None:
    """Answer every error of an application as a problem document."""
    app.add_exception_handler(PipemapError, _fault)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


def problem(status: int, code: str, detail: str, **more: Any) -> Response:
    """One problem document."""
    known = HTTPStatus(status)
    document = {"type": "about:blank", "title": known.phrase, "status": status, "detail": detail, "code": code}
    return Response(_as_json(document | more), status, _HEADERS.get(code, {}), media_type=MEDIA_TYPE)


def _as_json(document: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(document, default=str)
    except TypeError:
        # It repeats half a pair of surrogates, which a JSON text may hold as an escape alone.
        return json.dumps(document, default=str).encode()


def _fault(request: Request, error: Exception) -> Response:
    assert isinstance(error, PipemapError)
    if isinstance(error, UnauthorizedError) and request.app.state.service.sign_in is not None:
        return _sign_in_first(request, error)
    return answer_to(error)


def answer_to(error: PipemapError) -> Response:
    """The problem document of an error."""
    status = next(STATUS_OF[parent] for parent in type(error).__mro__ if parent in STATUS_OF)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.error("%s", error.message, exc_info=error)
    if isinstance(error, UnreachableError):
        return problem(status, StorageError.code, "The database cannot be reached; ask again in a while.")
    return problem(status, error.code, error.message, **error.details)


def _sign_in_first(request: Request, error: UnauthorizedError) -> Response:
    """A page that was opened leads to the sign-in and back; a program is told that there is one, without a prompt."""
    is_page = request.method == "GET" and "text/html" in request.headers.get("accept", "")
    if is_page and "authorization" not in request.headers:
        here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"/sign-in?{urlencode({'next': here})}", HTTPStatus.SEE_OTHER)
    answer = problem(HTTPStatus.UNAUTHORIZED, error.code, error.message, **error.details, sign_in="/sign-in")
    answer.headers["WWW-Authenticate"] = 'Bearer realm="pipemap"'
    return answer


def _invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    faults = [{"where": ".".join(str(part) for part in one["loc"]), "what": one["msg"]} for one in error.errors()]
    sentence = "; ".join(f"{fault['where']}: {fault['what']}" for fault in faults)
    return problem(HTTPStatus.BAD_REQUEST, "usage", sentence, faults=faults)


def _http(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    answer = problem(error.status_code, HTTPStatus(error.status_code).name.lower().replace("_", "-"), error.detail)
    answer.headers.update(error.headers or {})
    return answer


def _unexpected(_: Request, error: Exception) -> Response:
    _log.error("unexpected", exc_info=error)
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal", "Something went wrong; the log of the service has it.")
