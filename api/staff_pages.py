"""What the pages of staff share: two languages, their frame with the way to the others, and forms sent from them."""

from typing import Annotated, Literal
from urllib.parse import parse_qs, urlencode

from fastapi import Query, Request
from fastapi.responses import HTMLResponse
from jinja2 import StrictUndefined

from api.deps import refuse_other_sites, signed_in
from api.html import FORM, PAGES
from api.service import Service
from pipemap.errors import PermissionDeniedError, UsageError
from schemas.codetables import CODED, code_table

Language = Annotated[Literal["zh", "en"] | None, Query()]
_LARGEST_FORM = 200_000
_PAGES = PAGES.overlay(undefined=StrictUndefined)
_NAMED = ("utility_class", "request_purpose", "changeset_step")


async def read_form(request: Request) -> dict[str, list[str]]:
    """The fields of a form that this service's own page sent: another site's page cannot decide in one's name."""
    if request.headers.get("origin") is None:
        raise PermissionDeniedError("A decision is sent from the page that shows what is decided.")
    await refuse_other_sites(request)
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _LARGEST_FORM:
            raise UsageError("The form is too long.")
    return parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)


def staff_page(
    request: Request, service: Service, template: str, language: Literal["zh", "en"] | None, **values: object
) -> HTMLResponse:
    """A page in the language asked for, else in the service's own."""
    spoken = language or service.settings.language
    chinese = spoken == "zh"
    asked = {name: value for name, value in request.query_params.items() if value}
    words = {
        "t": lambda en, zh: zh if chinese else en,
        "language": spoken,
        "here": request.url.path,
        "signed_in": signed_in(service, request),
        "turned": urlencode(asked | {"language": "en" if chinese else "zh"}),
        "names": {
            table: {code: one.name_zh if chinese else one.name_en for code, one in code_table(table).items()}
            for table in _NAMED
        },
        "attribute": lambda name: _attribute(name, chinese),
        "valued": lambda kind, name, value: _valued(kind, name, value, chinese),
    }
    return HTMLResponse(_PAGES.get_template(template).render(**words, **values), headers=FORM)


def _attribute(name: str, chinese: bool) -> str:
    """What a field is called."""
    return _coded("attribute", name, chinese) or name


def _valued(kind: str, name: str, value: object, chinese: bool) -> str:
    """A value of a field, a code by its name; a dash where it is not known."""
    table = CODED.get(kind, {}).get(name)
    known = _coded(table, str(value), chinese) if table else None
    return known or ("–" if value is None else str(value))


def _coded(table: str, code: str, chinese: bool) -> str | None:
    known = code_table(table).get(code)
    if known is None:
        return None
    return known.name_zh if chinese else known.name_en


def paging(offset: int, per_page: int, goes_on: bool) -> dict[str, int | None]:
    """Where the pages before and after one of a list begin; None where there is none."""
    previous = max(offset - per_page, 0) if offset else None
    return {"previous": previous, "following": offset + per_page if goes_on else None}
