"""What an agreement over an area would show, for the data manager to see before deciding: counts, km2 and a map."""

from dataclasses import dataclass

import shapely
from psycopg.rows import DictRow
from shapely.geometry.base import BaseGeometry

from pipemap.db import Connection, fetch_all
from pipemap.map_picture import Picture, by_class, dark_colour
from pipemap.sharing.requests import allowed_km2, granted_before
from pipemap.sql import queries

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
    """The area over the network: asked classes in their colours, others grey, earlier grants hatched."""
    picture = Picture(area.bounds, 1.0)
    pipes = by_class(picture.pipes(connection, class_codes))
    colours = {code: dark_colour(code) if code in class_codes else _NOT_ASKED for code in pipes}
    strokes = [
        picture.path(axes, stroke=colours[code], stroke_width=1.4)
        for code, axes in sorted(pipes.items(), key=lambda one: one[0] in class_codes)
    ]
    return picture.svg(
        '<defs><pattern id="before" width="8" height="8" patternUnits="userSpaceOnUse" '
        'patternTransform="rotate(45)"><path d="M0 0V8" stroke="#888" stroke-width="1.5"/></pattern></defs>',
        picture.path([before], fill="url(#before)", stroke="#888", stroke_dasharray="4 3"),
        picture.path([area], fill="#ffd54a", fill_opacity=0.25),
        *strokes,
        picture.path([area], stroke="#b00020", stroke_width=2.5),
    )
