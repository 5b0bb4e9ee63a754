"""Who looked at what: the entries of agencies with the place each read, for the data manager and for owners.

"Who read my assets" is answered from where a feature lies and lay, its class and its number: an entry keeps a digest
of the identities it gave out, not the identities. A read that had no further condition is certain to have held it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import shapely
from psycopg.rows import DictRow
from shapely.geometry.base import BaseGeometry

from pipemap.db import Connection, fetch_all
from pipemap.sharing.map_picture import dark_colour, path_of, scale_bar
from pipemap.sql import queries

_SIZE_PX = 640
_MARGIN = 0.08
_NARROWEST_M = 100.0
_MOST_DRAWN = 20_000


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
    places = [shapely.from_wkb(look["place"]) for look in looks if look["place"] is not None]
    places = [place for place in places if not place.is_empty]
    if not places:
        return None
    frame = _frame(shapely.total_bounds(places))
    box = dict(zip(("low_x", "low_y", "high_x", "high_y"), frame.bounds, strict=True))
    rows = fetch_all(connection, queries("looks")["drawn_pipes"], box | {"limit": _MOST_DRAWN})
    scale = _SIZE_PX / (frame.bounds[2] - frame.bounds[0])
    by_class: dict[str, list[BaseGeometry]] = {}
    for row in rows:
        by_class.setdefault(row["class_code"], []).append(shapely.from_wkb(row["axis"]))
    pipes = "".join(
        f'<path d="{path_of(axes, frame, scale)}" fill="none" stroke="{dark_colour(code)}" stroke-width="1.2"/>'
        for code, axes in sorted(by_class.items())
    )
    shade = max(0.04, min(0.3, 1.2 / len(places)))
    areas = "".join(
        f'<path d="{path_of([place], frame, scale)}" fill="#d2691e" fill-opacity="{shade:.2f}" '
        'stroke="#b00020" stroke-opacity="0.7" stroke-width="1.2"/>'
        for place in places
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_SIZE_PX} {_SIZE_PX}" role="img">'
        f'<rect width="{_SIZE_PX}" height="{_SIZE_PX}" fill="#fff"/>{pipes}{areas}{scale_bar(scale, _SIZE_PX)}</svg>'
    )


def as_document(look: DictRow) -> dict[str, Any]:
    """A look as JSON: the place as GeoJSON in the project CRS."""
    place = look["place"] and shapely.geometry.mapping(shapely.from_wkb(look["place"]))
    return {**look, "place": place}


def _frame(bounds: Any) -> BaseGeometry:
    low, high = np.array(bounds[:2]), np.array(bounds[2:])
    side = max(*(high - low), _NARROWEST_M) * (1 + 2 * _MARGIN)
    middle = (low + high) / 2
    return shapely.box(*(middle - side / 2), *(middle + side / 2))
