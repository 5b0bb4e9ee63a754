"""An answer in the encoding asked for: JSON, or a plain page for people."""

import hashlib
from functools import lru_cache
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
    return f or _preferred(request.headers.get("accept", ""))


def encoding_of(request: Request) -> Encoding:
    """The same for a route whose parameters are not declared."""
    given = request.query_params.get("f")
    if given is None:
        return _preferred(request.headers.get("accept", ""))
    if given == "html":
        return "html"
    if given != "json":
        raise UsageError(f"{given} is no encoding; there are json and html.")
    return "json"


@lru_cache(256)
def _preferred(accept: str) -> Encoding:
    """A page only for those who would rather have one: programs that take anything are given data."""
    accepted = dict(map(_range_of, accept.lower().split(",")))
    page = next((accepted[name] for name in (HTML, "text/*", "*/*") if name in accepted), 0.0)
    data = [quality for name, quality in accepted.items() if "json" in name]
    data = data or [accepted[name] for name in ("application/*", "*/*") if name in accepted][:1]
    return "html" if page > max(data, default=0.0) else "json"


def _range_of(part: str) -> tuple[str, float]:
    """A media range of an Accept header and how much it is wanted, 0 to 1."""
    name, *parameters = (one.strip() for one in part.split(";"))
    given = next((one.removeprefix("q=") for one in parameters if one.startswith("q=")), "1")
    try:
        return name, float(given)
    except ValueError:
        return name, 1.0


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
    return given.strip() == "*" or tag in [part.strip().removeprefix("W/") for part in given.split(",")]
