"""What an agreement over an area would show, for the data manager to see before deciding: counts, km2 and a map."""

from collections.abc import Iterable
from dataclasses import dataclass

import shapely
from psycopg.rows import DictRow
from shapely.geometry.base import BaseGeometry

from pipemap.db import Connection, fetch_all
from pipemap.sharing.map_picture import dark_colour, path_of, scale_bar
from pipemap.sharing.requests import allowed_km2, granted_before
from pipemap.sql import queries

_SIZE_PX = 640
_MARGIN = 0.15
_MOST_DRAWN = 20_000
# Classes that are not asked for.
_NOT_ASKED = "#c4c4c4"


@dataclass(frozen=True)
class Preview:
    """By class what lies in the area, whether it is asked for, and what the agency holds with it, in km2."""

    counts: list[DictRow]
    area_km2: float
    in_force_km2: float
    total_km2: float
    allowed_km2: float
    svg: str

    @property
    def is_too_much(self) -> bool:
        """Whether the agency would hold more full-feature data than it may."""
        return self.total_km2 > self.allowed_km2


def preview(connection: Connection, row: DictRow) -> Preview:
    """The preview of a request as `read_request` gives it."""
    area = shapely.from_wkt(row["area_wkt"])
    in_force, exact = granted_before(connection, row["agency"])
    counts = fetch_all(connection, queries("requests")["shown_counts"], {"area": shapely.to_wkb(area)})
    return Preview(
        counts=[one | {"is_asked": one["class_code"] in row["class_codes"]} for one in counts],
        area_km2=area.area / 1e6,
        in_force_km2=shapely.union(in_force, area).area / 1e6,
        total_km2=shapely.union(exact, area).area / 1e6,
        allowed_km2=allowed_km2(connection, row["agency"]),
        svg=_map(connection, area, in_force, row["class_codes"]),
    )


def _map(connection: Connection, area: BaseGeometry, before: BaseGeometry, class_codes: list[str]) -> str:
    """The area over the network, north up: asked classes in their colours, others grey, earlier grants hatched."""
    low_x, low_y, high_x, high_y = area.bounds
    side = max(high_x - low_x, high_y - low_y, 1.0) * (1 + 2 * _MARGIN)
    middle_x, middle_y = (low_x + high_x) / 2, (low_y + high_y) / 2
    frame = shapely.box(middle_x - side / 2, middle_y - side / 2, middle_x + side / 2, middle_y + side / 2)
    box = dict(zip(("low_x", "low_y", "high_x", "high_y"), frame.bounds, strict=True))
    asked = {**box, "class_codes": class_codes, "limit": _MOST_DRAWN}
    rows = fetch_all(connection, queries("requests")["drawn_pipes"], asked)
    scale = _SIZE_PX / side

    def path(shapes: Iterable[BaseGeometry]) -> str:
        return path_of(shapes, frame, scale)

    by_class: dict[str, list[BaseGeometry]] = {}
    for row in rows:
        by_class.setdefault(row["class_code"], []).append(shapely.from_wkb(row["axis"]))
    colours = {code: dark_colour(code) if code in class_codes else _NOT_ASKED for code in by_class}
    strokes = "".join(
        f'<path d="{path(axes)}" fill="none" stroke="{colours[code]}" stroke-width="1.4"/>'
        for code, axes in sorted(by_class.items(), key=lambda one: one[0] in class_codes)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_SIZE_PX} {_SIZE_PX}" role="img">'
        '<defs><pattern id="before" width="8" height="8" patternUnits="userSpaceOnUse" '
        'patternTransform="rotate(45)"><path d="M0 0V8" stroke="#888" stroke-width="1.5"/></pattern></defs>'
        f'<rect width="{_SIZE_PX}" height="{_SIZE_PX}" fill="#fff"/>'
        f'<path d="{path([before])}" fill="url(#before)" stroke="#888" stroke-dasharray="4 3"/>'
        f'<path d="{path([area])}" fill="#ffd54a" fill-opacity="0.25"/>{strokes}'
        f'<path d="{path([area])}" fill="none" stroke="#b00020" stroke-width="2.5"/>{scale_bar(scale, _SIZE_PX)}</svg>'
    )
