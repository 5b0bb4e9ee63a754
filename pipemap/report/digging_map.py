"""The map of a digging sheet: pipes in the colours of their classes with the numbers of their rows, and the area."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import shapely
from shapely.geometry.base import BaseGeometry

from pipemap.map_picture import by_class, dark_colour, path_of
from pipemap.report.drawing import round_length

WIDTH_MM, HEIGHT_MM = 190.0, 105.0
# Units of the drawing per mm of paper.
_PER_MM = 5.0
_MARGIN = 0.06
_LEAST_M = 20.0
_BAR_MM = 30.0
_APART_MM = 4.0


@dataclass(frozen=True)
class Stroke:
    """The pipes of one class."""

    colour: str
    path: str


@dataclass(frozen=True)
class Number:
    """The number of a row beside its pipe."""

    text: str
    x: float
    y: float


@dataclass(frozen=True)
class DiggingMap:
    """SVG paths on `width` by `height` units, north up; `bar` units are `bar_m` of ground, on paper at 1 : `scale`."""

    width: float
    height: float
    strokes: list[Stroke]
    area: str
    numbers: list[Number]
    bar: float
    bar_m: float
    scale: int


def draw_digging(area: BaseGeometry, pipes: Sequence[dict[str, Any]], rows: int) -> DiggingMap:
    """The map of an area and the pipes in it, those that have a row first and in that order."""
    frame = _frame(area)
    low_x, _, high_x, high_y = frame.bounds
    per_m = WIDTH_MM * _PER_MM / (high_x - low_x)
    drawn = [{**row, "axis": shapely.from_wkb(row["axis"])} for row in pipes]
    strokes = [Stroke(dark_colour(code), path_of(shapes, frame, per_m)) for code, shapes in by_class(drawn).items()]
    halves = [shapely.line_interpolate_point(_longest(row["axis"]), 0.5, normalized=True) for row in drawn[:rows]]
    middles = shapely.get_coordinates(halves)
    places = (middles - [low_x, high_y]) * [per_m, -per_m]
    bar_m = round_length(_BAR_MM * _PER_MM / per_m)
    return DiggingMap(
        WIDTH_MM * _PER_MM,
        HEIGHT_MM * _PER_MM,
        strokes,
        path_of([area], frame, per_m),
        _numbers(places.round(1).tolist()),
        round(bar_m * per_m, 1),
        bar_m,
        round(1000 * _PER_MM / per_m),
    )


def _frame(area: BaseGeometry) -> BaseGeometry:
    """The box of the area with a margin, in the shape of the paper."""
    low_x, low_y, high_x, high_y = area.bounds
    width = max(high_x - low_x, (high_y - low_y) * WIDTH_MM / HEIGHT_MM, _LEAST_M) * (1 + 2 * _MARGIN)
    height = width * HEIGHT_MM / WIDTH_MM
    x, y = (low_x + high_x) / 2, (low_y + high_y) / 2
    return shapely.box(x - width / 2, y - height / 2, x + width / 2, y + height / 2)


def _longest(axis: BaseGeometry) -> BaseGeometry:
    return max(shapely.get_parts(axis).tolist(), key=shapely.length)


def _numbers(places: list[list[float]]) -> list[Number]:
    """A number where no earlier one is in its way: long pipes come first within a class, and the table has them all."""
    kept: list[Number] = []
    for row, (x, y) in enumerate(places, 1):
        if all(abs(x - one.x) + abs(y - one.y) > _APART_MM * _PER_MM for one in kept):
            kept.append(Number(str(row), x, y))
    return kept
