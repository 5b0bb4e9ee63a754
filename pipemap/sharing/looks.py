"""Who looked at what: the entries of agencies with the place each read, for the data manager and for owners.

"Who read my assets" is answered from where a feature lies and lay, its class and its number: an entry keeps a digest
of the identities it gave out, not the identities. A read that had no further condition is certain to have held it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import shapely
from psycopg.rows import DictRow

from pipemap.db import Connection, fetch_all
from pipemap.map_picture import Picture, by_class, dark_colour
from pipemap.sql import queries

_NARROWEST_M = 100.0
# What tells of no place: nothing of the map was handed out.
_NO_READS = (
    "share.refused", "share.stopped", "share.request", "share.hook", "share.hook.register", "share.export.ask",
    "share.export.cancel", "share.sign-in", "share.sign-out",
)  # fmt: skip


@dataclass(frozen=True)
class LooksFilter:
    """Which looks to list; None means any. `since` is included, `until` is not."""

    agency: str | None = None
    action: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    class_code: str | None = None
    feature_id: int | None = None


def list_looks(connection: Connection, filters: LooksFilter, limit: int = 100, offset: int = 0) -> list[DictRow]:
    """Looks of agencies, newest first; `place` is the area read as WKB in the project CRS, None when it is unknown."""
    return fetch_all(connection, queries("looks")["looks"], vars(filters) | {"limit": limit, "offset": offset})


def list_agencies(connection: Connection) -> list[DictRow]:
    """Agencies with a chain, and how many entries it has."""
    return fetch_all(connection, queries("looks")["agencies"])


def draw_looks(connection: Connection, looks: Sequence[DictRow]) -> str | None:
    """Where looks read, over the pipes, as SVG with north up; the more often a place was read, the darker."""
    reads = (look["place"] for look in looks if look["action"] not in _NO_READS)
    places = [shapely.from_wkb(place) for place in reads if place is not None]
    places = [place for place in places if not place.is_empty]
    if not places:
        return None
    picture = Picture(shapely.total_bounds(places).tolist(), _NARROWEST_M)
    pipes = by_class(picture.pipes(connection))
    shade = max(0.04, min(0.3, 1.2 / len(places)))
    looks_of_areas = {"fill": "#d2691e", "fill_opacity": f"{shade:.2f}", "stroke": "#b00020", "stroke_opacity": 0.7}
    return picture.svg(
        *(picture.path(axes, stroke=dark_colour(code), stroke_width=1.2) for code, axes in sorted(pipes.items())),
        *(picture.path([place], **looks_of_areas, stroke_width=1.2) for place in places),
    )


def as_document(look: DictRow) -> dict[str, Any]:
    """A look as JSON: the place as GeoJSON in the project CRS."""
    place = look["place"] and shapely.geometry.mapping(shapely.from_wkb(look["place"]))
    return {**look, "place": place}
