"""Parameters of OGC API requests as pipemap understands them: who asks, where, when, and which page."""

import re
from dataclasses import dataclass
from datetime import datetime

from api.deps import box_numbers, read_instant
from pipemap.crs import Bounds, is_geographic, within_use
from pipemap.errors import UsageError
from pipemap.pages import check_finite, plan_of
from pipemap.sharing.granted import Place

MAX_LIMIT = 10_000
_LIMIT = 1000
# No longer than a number may be that is compared.
_NUMBER = re.compile(r"[0-9]{1,18}")
_PAGE = re.compile(r"(\d{1,9})\.(\d{1,18})")
_OPEN = ("", "..")


@dataclass(frozen=True)
class PageMark:
    """Where a page begins: the version it is read from and the identity the last one ended with."""

    version: int
    after: int

    def __str__(self) -> str:
        return f"{self.version}.{self.after}"


def read_limit(text: str | None) -> int:
    """Features a page; more than the most is taken as that."""
    if text is None:
        return _LIMIT
    if _NUMBER.fullmatch(text) is None or int(text) < 1:
        raise UsageError(f"A page holds 1 to {MAX_LIMIT} features; limit is {text}.")
    return min(int(text), MAX_LIMIT)


def read_page_mark(page: str | None) -> PageMark | None:
    """Where the page begins, as the `next` link tells; None for the first."""
    if page is None:
        return None
    match = _PAGE.fullmatch(page)
    if match is None:
        raise UsageError(f"{page} is no page; follow the next link of the page before.")
    return PageMark(int(match[1]), int(match[2]))


def read_moment(moment: str | None) -> datetime | None:
    """The instant to read the map as of, that or an interval's end; None for now."""
    if moment is None:
        return None
    parts = moment.split("/")
    if len(parts) > 2 or (len(parts) == 1 and moment in _OPEN):
        raise UsageError(f"{moment} is no instant such as 2026-01-31T12:00:00Z and no interval of two.")
    start, end = (None if part in _OPEN else read_instant(part) for part in (parts[0], parts[-1]))
    if start is not None and end is not None and start > end:
        raise UsageError(f"The interval {moment} ends before it begins.")
    return end


def read_place(bbox: str | None, project_srid: int, bbox_srid: int, northing_first: bool, out_srid: int) -> Place:
    """The box in the order and the system of its parameters, as a place of the map."""
    if bbox is None:
        return Place(out_srid=out_srid)
    a0, b0, a1, b1 = plan_of(box_numbers(bbox))
    box = (b0, a0, b1, a1) if northing_first else (a0, b0, a1, b1)
    check_finite(*box)
    if box[0] > box[2] and box[1] <= box[3] and is_geographic(bbox_srid):
        return Place(_over_antimeridian(box, bbox_srid, project_srid), bbox_srid, out_srid)
    if box[0] > box[2] or box[1] > box[3]:
        raise UsageError(f"In the box {bbox} a minimum is above its maximum.")
    return Place(within_use(box, bbox_srid, project_srid), bbox_srid, out_srid)


def _over_antimeridian(box: Bounds, srid: int, project_srid: int) -> Bounds:
    """The part of a box over the antimeridian in which the project CRS is used."""
    west, south, east, north = box
    parts = [
        within_use(part, srid, project_srid) for part in ((west, south, 180.0, north), (-180.0, south, east, north))
    ]
    met = [part for part in parts if part[0] < part[2]]
    if len(met) > 1:
        raise UsageError("Where this map can be lies on both sides of the antimeridian; ask for either.")
    return (met or parts)[0]


def read_heights(bbox: str | None) -> tuple[float, float] | None:
    """The range of elevations of a box of six numbers."""
    numbers = box_numbers(bbox) if bbox is not None else []
    if len(numbers) != 6:
        return None
    check_finite(*numbers)
    if numbers[2] > numbers[5]:
        raise UsageError(f"In the box {bbox} the lower elevation is above the upper one.")
    return numbers[2], numbers[5]
