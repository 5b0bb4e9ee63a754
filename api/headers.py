"""What every answer is wrapped in: security headers, and compression where it pays."""

from starlette.datastructures import MutableHeaders
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SECURITY = {
    "Content-Security-Policy": "default-src 'self'; worker-src 'self' blob:; img-src 'self' data: blob:; "
    "object-src 'none'; base-uri 'none'; frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_SMALLEST_WORTH_IT = 2_000
# Measured on GeoJSON: level 1 takes a third of the time of level 4 and makes a fifteenth of the text instead of an
# eighteenth.
_LEVEL = 1


class SecurityHeaders:
    """Adds the headers an answer does not set itself."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and complete its answer."""

        async def complete(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _SECURITY.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, complete)


class Compression:
    """Compresses large answers; packages are compressed already."""

    def __init__(self, app: ASGIApp) -> None:
        self.plain = app
        self.zipped = GZipMiddleware(app, minimum_size=_SMALLEST_WORTH_IT, compresslevel=_LEVEL)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on the way that suits its answer."""
        is_package = scope["type"] == "http" and scope["path"].endswith(("/export", "/package"))
        await (self.plain if is_package else self.zipped)(scope, receive, send)
