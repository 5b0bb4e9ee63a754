"""Limits on what agencies ask over HTTP, and the end of what is still being sent when a key is revoked."""

import time
from collections.abc import Callable
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.deps import KEY_DOOR, key_of
from api.problems import problem
from api.service import Service
from pipemap.sharing.granted import UnknownKeyError
from pipemap.sharing.limits import Limiter, Limits, TooManyRequestsError, limits_of

# A key that is revoked ends what it is being sent within this time, at the next piece.
LOOK_AGAIN_S = 15.0


class RequestLimits:
    """Lets a key ask as often, and as much at a time, as its agreement says; a stranger as the settings say."""

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
        self._known: dict[str, tuple[float, Limits]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on within its key's limits, or answer 429 with Retry-After."""
        key = self._presented(scope) if scope["type"] == "http" else None
        if key is None:
            await self._app(scope, receive, send)
            return
        limits = await self._limits(key)
        # Keys that are not in force share what their sender's address may use.
        name = key if limits else f"address {(scope.get('client') or ('',))[0]}"
        try:
            self._limiter.enter(name, limits or self._default)
        except TooManyRequestsError as error:
            answer = problem(429, error.code, error.message)
            answer.headers["Retry-After"] = str(error.retry_after_s)
            await answer(scope, receive, send)
            return
        try:
            await self._app(scope, receive, self._watched(key, send) if limits else send)
        finally:
            self._limiter.leave(name)

    def _presented(self, scope: Scope) -> str | None:
        # Whoever gives a key by a form is a stranger until it is looked at.
        if scope.get("path") == KEY_DOOR and scope["method"] == "POST":
            return ""
        request = Request(scope)
        try:
            return key_of(self._service, request)
        except UnknownKeyError:
            return ""

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
        """Send on as long as the key is in force; what is cut off misses the rest of its length."""

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.body" and await self._limits(key) is None:
                raise ConnectionAbortedError("The key was revoked while its answer was being sent.")
            await send(message)

        return sending
