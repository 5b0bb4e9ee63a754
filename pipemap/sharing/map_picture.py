"""Pieces of a small map drawn as SVG: shapes cut to a frame, a bar of scale, colours that stand out on white."""

from collections.abc import Iterable

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from schemas.codetables import code_table

_DARKER, _UNKNOWN = 0.8, 120


def path_of(shapes: Iterable[BaseGeometry], frame: BaseGeometry, scale: float) -> str:
    """Path data of lines and areas as far as they lie in a frame, whose upper left corner is the origin.

    `scale` is pixels a metre; what is smaller than half a pixel is left out.
    """
    low_x, _, _, high_y = frame.bounds
    strokes = []
    for part in shapely.get_parts(shapely.simplify(shapely.intersection(list(shapes), frame), 0.5 / scale)).tolist():
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
