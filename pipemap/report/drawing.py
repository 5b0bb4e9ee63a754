"""The map of the report: pipes in the colours of their classes and a marker per finding, as SVG paths."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from pipemap.map_picture import path_of, without_strays
from pipemap.report.contents import Report
from schemas.codetables import code_table

_WIDTH_PX = 1000.0
_MARGIN_PX = 20.0
_MIN_ASPECT = 0.3
MAX_DRAWN = 30_000


@dataclass(frozen=True)
class Stroke:
    """All pipes of one class as one SVG path."""

    class_code: str
    colour: str
    count: int
    path: str


@dataclass(frozen=True)
class Drawing:
    """The map in pixels, north up: today's pipes, strokes by class, markers (their number in the list, x, y), scale."""

    width: float
    height: float
    around: str
    strokes: list[Stroke]
    markers: list[dict[str, Any]]
    drawn: int
    total: int
    bar_px: float
    bar_m: float


def draw_map(report: Report, listed: list[dict[str, Any]]) -> Drawing | None:
    """Draw the touched pipes over those of today's map, and the listed findings; None when nothing has a place."""
    lines = report.segments.head(MAX_DRAWN)
    spots = np.array([[found["x_m"], found["y_m"]] for found in listed], dtype=np.float64).reshape(-1, 2)
    xy = shapely.get_coordinates(lines["geom"].to_numpy())
    corners = without_strays(np.vstack([xy, spots]))
    if not len(corners):
        return None
    low, high = corners.min(axis=0), corners.max(axis=0)
    slack = np.maximum((high - low).max() * _MIN_ASPECT - (high - low), 0) / 2
    low, high = low - slack, high + slack
    scale = (_WIDTH_PX - 2 * _MARGIN_PX) / max(*(high - low), 1.0)
    height = (high[1] - low[1]) * scale + 2 * _MARGIN_PX
    bar_m = round_length(150 / scale)
    return Drawing(
        width=round((high[0] - low[0]) * scale + 2 * _MARGIN_PX, 1),
        height=round(height, 1),
        around=path_of(report.around, shapely.box(*(low - _MARGIN_PX / scale), *(high + _MARGIN_PX / scale)), scale),
        strokes=_strokes(lines, low, scale, height),
        markers=_markers(listed, _pixels(spots, low, scale, height)),
        drawn=len(lines),
        total=len(report.segments),
        bar_px=round(bar_m * scale, 1),
        bar_m=bar_m,
    )


def _pixels(xy: npt.NDArray[np.float64], low: npt.NDArray[np.float64], scale: float, height: float) -> Any:
    pixels = (xy - low) * scale + _MARGIN_PX
    return np.column_stack([pixels[:, 0], height - pixels[:, 1]]).round(1)


def _strokes(lines: pd.DataFrame, low: npt.NDArray[np.float64], scale: float, height: float) -> list[Stroke]:
    strokes = []
    for class_code, rows in lines.groupby("class_code"):
        coordinates, owner = shapely.get_coordinates(rows["geom"].to_numpy(), return_index=True)
        pixels = _pixels(coordinates, low, scale, height)
        first = np.concatenate([[True], owner[1:] != owner[:-1]])
        path = "".join(f"{'M' if new else 'L'}{x:g} {y:g}" for new, (x, y) in zip(first, pixels, strict=True))
        strokes.append(Stroke(str(class_code), _colour(str(class_code)), len(rows), path))
    return strokes


def _colour(class_code: str) -> str:
    found = code_table("utility_class").get(class_code)
    red, green, blue = (int(found.fields[part]) if found else 102 for part in ("red", "green", "blue"))
    return f"#{red:02x}{green:02x}{blue:02x}"


def _markers(listed: list[dict[str, Any]], pixels: npt.NDArray[np.float64]) -> list[dict[str, Any]]:
    """Notes first, so that errors are drawn on top."""
    markers = [
        {
            "number": number,
            "x": x,
            "y": y,
            **{name: found[name] for name in ("rule", "severity", "message_en", "message_zh")},
        }
        for number, (found, (x, y)) in enumerate(zip(listed, pixels.tolist(), strict=True))
        if np.isfinite(x)
    ]
    return markers[::-1]


def round_length(metres: float) -> float:
    """The largest of 1, 2, 5, 10, 20, ... not above a length."""
    power = 10.0 ** np.floor(np.log10(metres))
    return float(max(step * power for step in (1, 2, 5) if step * power <= metres * (1 + 1e-9)))
