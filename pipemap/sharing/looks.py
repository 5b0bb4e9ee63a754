"""Who looked at what: the entries of agencies with the place each read, for the data manager and for owners.

"Who read my assets" is answered from where a feature lies and lay, its class and its number: an entry keeps a digest
of the identities it gave out, not the identities. A read that had no further condition is certain to have held it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import shapely
from psycopg.rows import DictRow
from shapely.geometry.base import BaseGeometry

from pipemap.db import Connection, fetch_all
from pipemap.sql import queries
from schemas.codetables import code_table

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
        f'<path d="{_path(axes, frame, scale)}" fill="none" stroke="{_colour(code)}" stroke-width="1.2"/>'
        for code, axes in sorted(by_class.items())
    )
    shade = max(0.04, min(0.3, 1.2 / len(places)))
    areas = "".join(
        f'<path d="{_path([place], frame, scale)}" fill="#d2691e" fill-opacity="{shade:.2f}" '
        'stroke="#b00020" stroke-opacity="0.7" stroke-width="1.2"/>'
        for place in places
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_SIZE_PX} {_SIZE_PX}" role="img">'
        f'<rect width="{_SIZE_PX}" height="{_SIZE_PX}" fill="#fff"/>{pipes}{areas}{_bar(scale)}</svg>'
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


def _path(shapes: Iterable[BaseGeometry], frame: BaseGeometry, scale: float) -> str:
    low_x, _, _, high_y = frame.bounds
    strokes = []
    for part in shapely.get_parts(shapely.simplify(shapely.intersection(list(shapes), frame), 0.5 / scale)).tolist():
        is_area = part.geom_type == "Polygon"
        for line in shapely.get_rings(part) if is_area else [part]:
            xy = (shapely.get_coordinates(line) - [low_x, high_y]) * [scale, -scale]
            strokes.append("M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in xy.tolist()) + ("Z" if is_area else ""))
    return "".join(strokes)


def _bar(scale: float) -> str:
    power = 10.0 ** np.floor(np.log10(150 / scale))
    metres = max(step * power for step in (1, 2, 5) if step * power <= 150 / scale)
    width, low = metres * scale, _SIZE_PX - 12
    return (
        f'<rect x="8" y="{low - 20}" width="{width + 16:.0f}" height="26" fill="#fff" fill-opacity="0.85"/>'
        f'<path d="M16 {low - 5}v5h{width:.1f}v-5" fill="none" stroke="#000"/>'
        f'<text x="{16 + width / 2:.0f}" y="{low - 7}" font-size="12" text-anchor="middle">{metres:g} m</text>'
    )


def _colour(class_code: str) -> str:
    found = code_table("utility_class").get(class_code)
    red, green, blue = (int(int(found.fields[part]) * 0.8) if found else 120 for part in ("red", "green", "blue"))
    return f"#{red:02x}{green:02x}{blue:02x}"
