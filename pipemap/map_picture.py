"""A small map drawn as SVG: shapes cut to a frame, a bar of scale, colours that stand out on white."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from psycopg.rows import DictRow
from shapely.geometry.base import BaseGeometry

from pipemap.db import Connection, fetch_all
from pipemap.sql import queries
from schemas.codetables import code_table

_DARKER, _UNKNOWN = 0.8, 120
_SIZE_PX = 640
_MARGIN = 0.1
_MOST_PIPES = 20_000


class Picture:
    """A square map with north up over some bounds (min x, min y, max x, max y) and a margin round them, in metres."""

    def __init__(self, bounds: Sequence[float], narrowest_m: float) -> None:
        low_x, low_y, high_x, high_y = bounds
        side_m = max(high_x - low_x, high_y - low_y, narrowest_m) * (1 + 2 * _MARGIN)
        x, y = (low_x + high_x) / 2, (low_y + high_y) / 2
        self.frame = shapely.box(x - side_m / 2, y - side_m / 2, x + side_m / 2, y + side_m / 2)
        self.scale = _SIZE_PX / side_m

    def path(self, shapes: Iterable[BaseGeometry], **looks: object) -> str:
        """Shapes as one path with SVG attributes, `_` standing for `-`; not filled unless they say so."""
        data = path_of(shapes, self.frame, self.scale)
        told = " ".join(f'{name.replace("_", "-")}="{value}"' for name, value in ({"fill": "none"} | looks).items())
        return f'<path d="{data}" {told}/>' if data else ""

    def pixels(self, x_m: float, y_m: float) -> tuple[float, float]:
        """Where a place lies in the picture, right and down from its upper left corner."""
        low_x, _, _, high_y = self.frame.bounds
        return (x_m - low_x) * self.scale, (high_y - y_m) * self.scale

    def pipes(self, connection: Connection, first: Sequence[str] = ()) -> list[DictRow]:
        """Class and plan axis of the pipes of today's map in the frame, those of some classes first, some thousands."""
        return pipes_within(connection, self.frame.bounds, first)

    def svg(self, *parts: str) -> str:
        """The picture of its parts, the first lowest, on white and with a bar of scale."""
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_SIZE_PX} {_SIZE_PX}" '
            f'role="img" aria-label="地图 map">'
            f'<rect width="{_SIZE_PX}" height="{_SIZE_PX}" fill="#fff"/>{"".join(parts)}'
            f"{scale_bar(self.scale, _SIZE_PX)}</svg>"
        )


def pipes_within(connection: Connection, bounds: Sequence[float], first: Sequence[str] = ()) -> list[DictRow]:
    """Class and plan axis of the pipes of today's map that meet a box, those of some classes first, some thousands."""
    box = dict(zip(("low_x", "low_y", "high_x", "high_y"), bounds, strict=True))
    wanted = {**box, "class_codes": list(first), "limit": _MOST_PIPES}
    rows = fetch_all(connection, queries("map_picture")["drawn_pipes"], wanted)
    return [{**row, "axis": shapely.from_wkb(row["axis"])} for row in rows]


def by_class(pipes: Iterable[Mapping[str, Any]]) -> dict[str, list[BaseGeometry]]:
    """The axes of pipes by their utility class."""
    found: dict[str, list[BaseGeometry]] = {}
    for pipe in pipes:
        found.setdefault(pipe["class_code"], []).append(pipe["axis"])
    return found


def without_strays(xy: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Places but those so far off (a swapped coordinate) that the rest would shrink to a dot."""
    known = xy[np.isfinite(xy).all(axis=1)]
    if not len(known):
        return known
    low, high = np.percentile(known, [5, 95], axis=0)
    reach = 3 * max(*(high - low), 1.0)
    near = ((known >= low - reach) & (known <= high + reach)).all(axis=1)
    return np.asarray(known[near])


def path_of(shapes: Iterable[BaseGeometry], frame: BaseGeometry, scale: float) -> str:
    """Path data of lines and areas as far as they lie in a frame, whose upper left corner is the origin.

    `scale` is pixels a metre; what is smaller than half a pixel is left out.
    """
    low_x, _, _, high_y = frame.bounds
    strokes = []
    parts = shapely.get_parts(shapely.simplify(shapely.intersection(list(shapes), frame), 0.5 / scale))
    for part in parts[~shapely.is_empty(parts)].tolist():
        is_area = part.geom_type == "Polygon"
        for line in shapely.get_rings(part) if is_area else [part]:
            xy = (shapely.get_coordinates(line) - [low_x, high_y]) * [scale, -scale]
            strokes.append("M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in xy.tolist()) + ("Z" if is_area else ""))
    return "".join(strokes)


def scale_bar(scale: float, size_px: int) -> str:
    """A bar of a round number of metres in the lower left corner of a square picture."""
    power = 10.0 ** np.floor(np.log10(150 / scale))
    metres = max(step * power for step in (1, 2, 5) if step * power <= 150 / scale)
    width, low = metres * scale, size_px - 12
    return (
        f'<rect x="8" y="{low - 20}" width="{width + 16:.0f}" height="26" fill="#fff" fill-opacity="0.85"/>'
        f'<path d="M16 {low - 5}v5h{width:.1f}v-5" fill="none" stroke="#000"/>'
        f'<text x="{16 + width / 2:.0f}" y="{low - 7}" font-size="12" text-anchor="middle">{metres:g} m</text>'
    )


def dark_colour(class_code: str) -> str:
    """The colour of a utility class, darkened; grey for one that is not known."""
    found = code_table("utility_class").get(class_code)
    red, green, blue = (
        int(int(found.fields[part]) * _DARKER) if found else _UNKNOWN for part in ("red", "green", "blue")
    )
    return f"#{red:02x}{green:02x}{blue:02x}"
