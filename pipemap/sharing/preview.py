"""What an agreement over an area would show, for the data manager to see before deciding: counts, km2 and a map."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import shapely
from psycopg.rows import DictRow
from shapely.geometry.base import BaseGeometry

from pipemap.db import Connection, fetch_all
from pipemap.sharing.requests import allowed_km2, granted_before
from pipemap.sql import queries
from schemas.codetables import code_table

_SIZE_PX = 640
_MARGIN = 0.15
_MOST_DRAWN = 20_000


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
        return "".join(_path(shape, frame, scale) for shape in shapes)

    by_class: dict[str, list[BaseGeometry]] = {}
    for row in rows:
        by_class.setdefault(row["class_code"], []).append(shapely.from_wkb(row["axis"]))
    strokes = "".join(
        f'<path d="{path(axes)}" fill="none" stroke="{_colour(code, class_codes)}" stroke-width="1.4"/>'
        for code, axes in sorted(by_class.items(), key=lambda one: one[0] in class_codes)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_SIZE_PX} {_SIZE_PX}" role="img">'
        '<defs><pattern id="before" width="8" height="8" patternUnits="userSpaceOnUse" '
        'patternTransform="rotate(45)"><path d="M0 0V8" stroke="#888" stroke-width="1.5"/></pattern></defs>'
        f'<rect width="{_SIZE_PX}" height="{_SIZE_PX}" fill="#fff"/>'
        f'<path d="{path([before])}" fill="url(#before)" stroke="#888" stroke-dasharray="4 3"/>'
        f'<path d="{path([area])}" fill="#ffd54a" fill-opacity="0.25"/>{strokes}'
        f'<path d="{path([area])}" fill="none" stroke="#b00020" stroke-width="2.5"/>{_bar(scale)}</svg>'
    )


def _path(shape: BaseGeometry, frame: BaseGeometry, scale: float) -> str:
    low_x, _, _, high_y = frame.bounds
    drawn = shapely.simplify(shapely.intersection(shape, frame), 0.5 / scale)
    strokes = []
    for part in shapely.get_parts(drawn):
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


def _colour(class_code: str, wanted: list[str]) -> str:
    found = code_table("utility_class").get(class_code)
    if class_code not in wanted or found is None:
        return "#c4c4c4"
    red, green, blue = (int(int(found.fields[part]) * 0.8) for part in ("red", "green", "blue"))
    return f"#{red:02x}{green:02x}{blue:02x}"
