"""The features of a collection: a page at a time, or one by its identity."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import orjson
from fastapi import Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.routing import Route

from api.deps import read_asker, refuse_parameters_but, refuse_repeated, refuse_unreadable, service_of
from api.ogc.answers import Encoding, answer, encoding_of, is_known, tag_of
from api.ogc.asking import PageMark, read_heights, read_limit, read_moment, read_page_mark, read_place
from api.ogc.collections import asked_of, known_kind
from api.ogc.crs import OgcCrs, read_crs
from api.ogc.gathering import Gathered
from api.ogc.links import GEOJSON, HTML, JSON, ROOT, asked_again, base_of, link, self_links
from pipemap.errors import NotFoundError, UsageError
from pipemap.sharing.filters import Geometries, compile_filter, read_language
from pipemap.sharing.granted import Place
from pipemap.sharing.item_statements import Condition, ItemsRequest, Readable, equals
from pipemap.sharing.items import FoundPage, ItemsPage, feature_of, find_features, find_page, hand_out
from pipemap.sharing.reading import BlockingReading, Reading, now
from schemas.tables import LARGEST_ID

# When it is told that something is not there: in steps several times as long as it takes to find out.
_NOT_FOUND_EVERY_S = 0.025
_ENCODINGS = {"json": GEOJSON, "html": HTML}
# Of one feature, and of a page; every property of the collection is a parameter of a page too.
_OF_ONE = ("f", "datetime", "crs")
_OF_A_PAGE = (*_OF_ONE, "limit", "page", "bbox", "bbox-crs", "filter", "filter-lang", "filter-crs")


async def list_items(request: Request) -> Response:
    """One page of features."""
    refuse_unreadable(request)
    refuse_repeated(request)
    asker, service, encoding = await read_asker(request), service_of(request), encoding_of(request)
    if encoding == "html" or "filter" in request.query_params:
        # What may take long beside the database must not hold up others.
        blocking = BlockingReading(service.database, service.settings.statement_timeout_s)
        return await run_in_threadpool(lambda: now(_list(blocking, request, asker, encoding)))
    return await _list(service.looking, request, asker, encoding)


async def read_one(request: Request) -> Response:
    """One feature; one that is not granted is answered as one that is not there."""
    refuse_parameters_but(request, _OF_ONE)
    refuse_repeated(request)
    asker, kind, given = await read_asker(request), request.path_params["kind"], request.query_params
    encoding, moment = encoding_of(request), read_moment(given.get("datetime"))
    identity = identity_of(kind, request.path_params["feature_id"])
    singles: Singles = request.app.state.singles
    question, began_s = _Question(asker, kind, given.get("crs"), moment), time.monotonic()
    try:
        answered_in, feature = await singles.find(question, identity, asked_of(request))
    except NotFoundError:
        # A hidden one takes longer to look at than none.
        await asyncio.sleep((began_s - time.monotonic()) % _NOT_FOUND_EVERY_S)
        raise
    return _one(request, encoding, kind, answered_in, feature)


# Their parameters are not declared: working those out took as long as finding a feature.
ROUTES = (
    Route(f"{ROOT}/collections/{{kind}}/items", list_items),
    Route(f"{ROOT}/collections/{{kind}}/items/{{feature_id}}", read_one),
)


async def _list(reading: Reading, request: Request, asker: str | None, encoding: Encoding) -> Response:
    kind, given = request.path_params["kind"], dict(request.query_params.items())
    language = read_language(given.get("filter-lang"))
    limit = read_limit(given.get("limit"))
    page, moment = read_page_mark(given.get("page")), read_moment(given.get("datetime"))
    bbox, filter_text = given.get("bbox"), given.get("filter")
    found: list[OgcCrs] = []

    def ask(readable: Readable) -> ItemsRequest:
        known_kind(kind, readable)
        answered_in, asked_in = (
            read_crs(given.get("crs"), readable.srid),
            read_crs(given.get("bbox-crs"), readable.srid),
        )
        found.append(answered_in)
        drawn_in = read_crs(given.get("filter-crs"), readable.srid)
        place = read_place(bbox, readable.srid, asked_in.srid, asked_in.northing_first, answered_in.srid)
        conditions = _equal(kind, readable, {name: given[name] for name in given if name not in _OF_A_PAGE})
        if filter_text is not None:
            geometries = Geometries(drawn_in.srid, drawn_in.northing_first, readable.srid)
            wanted = compile_filter(filter_text, language, kind, readable.columns[kind], geometries)
            conditions.append(wanted.condition)
            if place.bbox is None and wanted.bounds is not None:
                # A geometry in the filter finds its features by the index, as a box does.
                place = replace(place, bbox=wanted.bounds, bbox_srid=drawn_in.srid)
        return ItemsRequest(
            kind=kind,
            place=place,
            heights_m=read_heights(bbox),
            conditions=conditions,
            limit=limit,
            after=page.after if page else 0,
            northing_first=answered_in.northing_first,
        )

    shown = await find_page(reading, asker, ask, page.version if page else moment, asked_of(request))
    return _page(request, encoding, await hand_out(reading, shown), found[-1])


@dataclass(frozen=True)
class _Question:
    """What requests for single features have in common that are answered together."""

    asker: str | None
    kind: str
    crs: str | None
    moment: datetime | None


class Singles:
    """Single features of one running service, those asked for at the same moment found together."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._gathered: Gathered[_Question, tuple[int, dict[str, str]], tuple[OgcCrs, FoundPage]] = Gathered(self._find)

    async def find(self, question: _Question, identity: int, asked: dict[str, str]) -> tuple[OgcCrs, bytes]:
        """A feature and the system it is answered in; NotFoundError when it is not there or not granted."""
        answered_in, found = await self._gathered.ask(question, (identity, asked))
        page = await hand_out(self._reading, found)
        return answered_in, await feature_of(self._reading, question.asker, page, question.kind, identity)

    async def _find(
        self, question: _Question, asked: Sequence[tuple[int, dict[str, str]]]
    ) -> list[tuple[OgcCrs, FoundPage]]:
        drawn_in = list[OgcCrs]()

        def ask(readable: Readable) -> ItemsRequest:
            known_kind(question.kind, readable)
            drawn_in.append(read_crs(question.crs, readable.srid))
            place = Place(out_srid=drawn_in[-1].srid)
            return ItemsRequest(question.kind, place, limit=1, northing_first=drawn_in[-1].northing_first)

        pages = await find_features(self._reading, question.asker, ask, question.moment, asked)
        return [(drawn_in[-1], page) for page in pages]


def _one(request: Request, encoding: Encoding, kind: str, answered_in: OgcCrs, feature: bytes) -> Response:
    tag = tag_of(feature)
    headers = {"ETag": tag, **_content_crs(answered_in)}
    if encoding == "json" and is_known(request, tag):
        return Response(status_code=304, headers=headers)
    links = [
        *self_links(request, _ENCODINGS[encoding], _ENCODINGS),
        link(f"{base_of(request)}/collections/{kind}", "collection", JSON, "The collection"),
    ]
    if encoding == "html":
        page = answer(encoding, {**orjson.loads(feature), "links": links}, GEOJSON, "ogc_item.html")
        page.headers.update(_content_crs(answered_in))
        return page
    return Response(_with_members(feature, {"links": links}), media_type=GEOJSON, headers=headers)


def _page(request: Request, encoding: Encoding, page: ItemsPage, answered_in: OgcCrs) -> Response:
    links = self_links(request, _ENCODINGS[encoding], _ENCODINGS)
    if page.next is not None:
        mark = str(PageMark(page.version, page.next))
        links.append(link(asked_again(request, page=mark), "next", _ENCODINGS[encoding], "The next page"))
    members: dict[str, Any] = {
        "type": "FeatureCollection",
        "numberReturned": page.count,
        "timeStamp": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "version": page.version,
        "links": links,
    }
    if encoding == "html":
        document = {**members, "features": orjson.loads(page.features), "attributes": page.attributes}
        return answer(encoding, document, GEOJSON, "ogc_items.html")
    body = b"".join((orjson.dumps(members)[:-1], b',"features":', page.features, b"}"))
    return Response(body, media_type=GEOJSON, headers=_content_crs(answered_in))


def _content_crs(crs: OgcCrs) -> dict[str, str]:
    return {"Content-Crs": f"<{crs.uri}>"}


def _with_members(feature: bytes, members: Mapping[str, Any]) -> bytes:
    return feature[:-1] + b"," + orjson.dumps(members)[1:]


def identity_of(kind: str, text: str) -> int:
    """The identity in an address; NotFoundError for what cannot be one."""
    if not (text.isascii() and text.isdecimal() and int(text) <= LARGEST_ID):
        raise NotFoundError(f"There is no {kind} {text}.")
    return int(text)


def _equal(kind: str, readable: Readable, given: Mapping[str, str]) -> list[Condition]:
    """That columns the asker is granted have these values."""
    known = readable.columns[kind]
    strange = sorted(set(given) - set(known))
    if strange:
        raise UsageError(f"There is no parameter {', '.join(strange)}; properties to ask for: {', '.join(known)}.")
    return [equals(name, value) for name, value in given.items()]
