"""An answer in the encoding asked for: JSON, or a plain page for people."""

import hashlib
from typing import Annotated, Any, Literal

import orjson
from fastapi import Depends, Query, Request, Response

from api.html import PAGES, STYLED
from api.ogc.links import HTML
from pipemap.errors import UsageError

Encoding = Literal["json", "html"]


async def read_encoding(
    request: Request,
    f: Annotated[Encoding | None, Query(description="Encoding; else as the Accept header prefers")] = None,
) -> Encoding:
    """The encoding asked for by the parameter, else by the header; JSON when neither says."""
    return f or _preferred(request)


def encoding_of(request: Request) -> Encoding:
    """The same for a route whose parameters are not declared."""
    given = request.query_params.get("f")
    if given is None:
        return _preferred(request)
    if given == "html":
        return "html"
    if given != "json":
        raise UsageError(f"{given} is no encoding; there are json and html.")
    return "json"


def _preferred(request: Request) -> Encoding:
    accepted = [part.split(";")[0].strip() for part in request.headers.get("accept", "").split(",")]
    return "html" if HTML in accepted and not any("json" in part for part in accepted) else "json"


EncodingDep = Annotated[Encoding, Depends(read_encoding)]


def answer(encoding: Encoding, document: dict[str, Any], media_type: str, page: str) -> Response:
    """A document as JSON of a media type, or as a page by its template."""
    if encoding == "html":
        return Response(PAGES.get_template(page).render(document=document), headers=STYLED, media_type=HTML)
    return Response(orjson.dumps(document, default=str), media_type=media_type)


def tag_of(body: bytes) -> str:
    """Strong entity tag of some bytes."""
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def is_known(request: Request, tag: str) -> bool:
    """Whether the asker holds what has this tag already."""
    given = request.headers.get("if-none-match", "")
    return "*" in given or tag in [part.strip().removeprefix("W/") for part in given.split(",")]
