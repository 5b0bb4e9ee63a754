"""Puts the page on an application: the page itself, its files, and the deck that pydeck declares."""

from pathlib import Path

import orjson
from fastapi import FastAPI
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from viewer.deck import build_deck, page_codes, page_looks

STATIC = Path(__file__).parent / "static"
# Everything comes from this host, no text becomes code; deck.gl sets styles on the elements it makes.
CONTENT_POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "worker-src 'self' blob:; connect-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'self'"
)
_PAGE_HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "Cache-Control": "no-cache",
    # Browsers tell where a form comes from, as that which signs out, only under a policy that lets them.
    "Referrer-Policy": "same-origin",
}


class _PageFiles(StaticFiles):
    """Files a browser keeps, asking each time whether they are still the same."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "no-cache"
        return response


def mount(app: FastAPI) -> None:
    """Serve the page at `/`, to agencies at `/map`, its files under `/static`, what they need of us under `/viewer`."""
    deck = build_deck().to_json().encode()
    codes = orjson.dumps(page_codes())
    looks = orjson.dumps(page_looks())

    @app.get("/", include_in_schema=False)
    @app.get("/map", include_in_schema=False)
    def page() -> FileResponse:
        return FileResponse(STATIC / "index.html", headers=_PAGE_HEADERS)

    @app.get("/viewer/deck.json", include_in_schema=False)
    def deck_json() -> Response:
        return Response(deck, media_type="application/json")

    @app.get("/viewer/codes.json", include_in_schema=False)
    def codes_json() -> Response:
        return Response(codes, media_type="application/json")

    @app.get("/viewer/looks.json", include_in_schema=False)
    def looks_json() -> Response:
        return Response(looks, media_type="application/json")

    app.mount("/static", _PageFiles(directory=STATIC), name="static")
