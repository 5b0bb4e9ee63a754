"""Limits on what agencies ask over HTTP, and the end of what is still being sent when a key is revoked."""

import time
from collections.abc import Callable
from functools import lru_cache
from http import HTTPStatus
from ipaddress import ip_address, ip_network
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.deps import KEY_DOOR, key_of, staff_of
from api.problems import UnauthorizedError, answer_to, problem
from api.service import Service
from pipemap.errors import PipemapError, StorageError
from pipemap.sharing.granted import UnknownKeyError
from pipemap.sharing.limits import Limiter, Limits, TooManyRequestsError, limits_of

# A key that is revoked ends what it is being sent within this time, at the next piece.
LOOK_AGAIN_S = 15.0
# Of a question, which is held in memory before it is known who asks; deliveries have a limit of their own.
LARGEST_BODY = 8_000_000
_DELIVERIES = "/api/deliveries"
# What one address may write into the form that is open to strangers: each takes somebody's time.
_FORM, _FORMS = "/share/requests", Limits(10, 2)
# Each key that is refused goes on record, where nothing is ever deleted.
_STRANGERS_PER_MINUTE = 60
# What a provider gives to one customer.
_NETWORK_BITS = 64


class BodyLimit:
    """Refuses a body that is too large as soon as it is, whatever it says its length is."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and count its body."""
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD") or scope["path"] == _DELIVERIES:
            await self._app(scope, receive, send)
            return
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > LARGEST_BODY:
                # The only kind of error that reading a body lets through.
                raise HTTPException(413, f"A body of more than {LARGEST_BODY} bytes is not taken.")
            return message

        await self._app(scope, counted, send)


class RequestLimits:
    """Lets a key ask as often, and as much at a time, as its agreement says; a stranger once a second.

    So often, too, a staff token may be guessed from one address.
    """

    def __init__(
        self,
        app: ASGIApp,
        service: Service,
        clock: Callable[[], float] = time.monotonic,
        shared: Path | None = None,
    ) -> None:
        self._app = app
        self._service = service
        self._clock = clock
        self._limiter = Limiter(clock, shared)
        settings = service.settings
        self._default = Limits(settings.requests_per_minute, settings.concurrent_requests)
        per_minute = min(_STRANGERS_PER_MINUTE, settings.requests_per_minute)
        self._stranger = Limits(per_minute, settings.concurrent_requests)
        self._known: dict[str, tuple[float, Limits]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on within its key's limits, or answer 429 with Retry-After."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        key = self._presented(scope)
        try:
            limits = await self._limits(key) if key else None
            held_to = (key, limits) if key and limits else self._held_to(scope, key)
            if held_to is not None:
                self._limiter.enter(*held_to)
        except StorageError as error:
            # Here is outside of where errors become answers.
            await answer_to(error)(scope, receive, send)
            return
        except TooManyRequestsError as error:
            answer = problem(429, error.code, error.message)
            answer.headers["Retry-After"] = str(error.retry_after_s)
            await answer(scope, receive, send)
            return
        try:
            await self._app(scope, receive, self._watched(key, send) if key and limits else send)
        finally:
            if held_to is not None:
                self._limiter.leave(held_to[0])

    def _held_to(self, scope: Scope, key: str | None) -> tuple[str, Limits] | None:
        """What who has no key in force may use together with others of the same address; None for who need not count.

        Raises TooManyRequestsError for the right staff token, too, where wrong ones come from: who guesses would
        otherwise be told which is right.
        """
        address = _address((scope.get("client") or ("",))[0])
        if key is not None:
            return f"address {address}", self._stranger
        request = Request(scope)
        if "authorization" not in request.headers:
            return (f"form {address}", _FORMS) if self._is_open_form(scope) else None
        if self._service.settings.staff_token is None:
            return None
        guesses = f"staff {address}", self._stranger
        try:
            staff_of(self._service, request)
        except UnauthorizedError:
            return guesses
        except PipemapError:
            # The name beside the token is none; that is for the route to say.
            pass
        self._limiter.check(*guesses)
        return None

    def _presented(self, scope: Scope) -> str | None:
        # Whoever gives a key by a form is a stranger until it is looked at.
        if scope.get("path") == KEY_DOOR and scope["method"] == "POST":
            return ""
        request = Request(scope)
        try:
            return key_of(self._service, request)
        except UnknownKeyError:
            return ""

    def _is_open_form(self, scope: Scope) -> bool:
        """Whether somebody may be writing a request who shows nothing of who it is."""
        settings = self._service.settings
        is_open = settings.open_requests and settings.asks_staff
        return is_open and scope["method"] == "POST" and scope["path"] == _FORM

    async def _limits(self, key: str) -> Limits | None:
        """The limits of a key, looked up again after a while; None for one that is not in force."""
        known = self._known.get(key)
        if known is not None and self._clock() - known[0] < LOOK_AGAIN_S:
            return known[1]
        self._known.pop(key, None)
        limits = await run_in_threadpool(limits_of, self._service.database, key, self._default) if key else None
        if limits is not None:
            self._known[key] = (self._clock(), limits)
        return limits

    def _watched(self, key: str, send: Send) -> Send:
        """Send on as long as the key is in force; what is cut off misses the rest of its length.

        What went wrong is told in any case: it holds nothing that a key opens.
        """
        status = HTTPStatus.OK

        async def sending(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            if message["type"] == "http.response.body" and status < HTTPStatus.BAD_REQUEST:
                await self._demand_in_force(key)
            await send(message)

        return sending

    async def _demand_in_force(self, key: str) -> None:
        try:
            limits = await self._limits(key)
        except StorageError as error:
            raise ConnectionAbortedError("Whether the key is in force cannot be asked.") from error
        if limits is None:
            raise ConnectionAbortedError("The key was revoked while its answer was being sent.")


@lru_cache(4_096)
def _address(text: str) -> str:
    """The address that a request comes from; of the sixth version the network, in which one host may take any."""
    try:
        address = ip_address(text)
    except ValueError:
        return text
    if address.version == 4 or address.ipv4_mapped:
        return text
    return str(ip_network((address, _NETWORK_BITS), strict=False))
