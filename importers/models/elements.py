"""Elements of network models (pipes, valves, manholes) as record tables: one row of the file each."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import Any

import numpy as np
import pandas as pd
import shapely
from pyproj import CRS

from importers.base import RecordTable
from schemas.findings import Finding, Severity

FOOT_M = 0.3048
UNKNOWN = float("nan")

# Farther from the origin than any coordinate system reaches, in metres, feet or with a zone number in front.
_BEYOND_EARTH = 1e9
_CHUNK_ROWS = 20_000
_SCALE_TOLERANCE = 0.02
# How far a drawn arc may lie from the true one, and into how many pieces it is cut at most.
_SAGITTA_M = 0.005
_MOST_PIECES = 180

Place = Sequence[float]


@dataclass(frozen=True, slots=True)
class Element:
    """One row of a model: its number in the file, its attributes, and its place.

    `path` has one place (x, y or x, y, z) for a node and at least two for a line; it is empty where the
    place is unknown.
    """

    row: int
    values: dict[str, Any]
    path: Sequence[Place] = ()


@dataclass
class Sheet:
    """The elements of one kind in one file, and what was read of it besides.

    `elements` are taken as they come, so that they need never be there all at once.
    """

    file: str
    name: str
    role: str
    elements: Iterable[Element] = ()
    crs: CRS | None = None
    skipped_rows: int = 0
    refused_rows: int = 0
    findings: Sequence[Finding] = ()

    def tables(self) -> Iterator[RecordTable]:
        """The sheet in tables of bounded size, or in none when it holds nothing."""
        elements = iter(self.elements)
        chunk = list(islice(elements, _CHUNK_ROWS))
        if not chunk and not (self.skipped_rows or self.refused_rows):
            return
        first = self._table(chunk)
        first.skipped_rows, first.refused_rows = self.skipped_rows, self.refused_rows
        first.findings = list(self.findings)
        yield first
        while chunk := list(islice(elements, _CHUNK_ROWS)):
            yield self._table(chunk)

    def _table(self, elements: Sequence[Element]) -> RecordTable:
        shapes = _shapes([element.path for element in elements])
        return RecordTable(self.file, self.name, _frame(elements), shapes, crs=self.crs, role=self.role)


def with_findings(tables: Iterable[RecordTable], findings: Iterable[Finding]) -> Iterator[RecordTable]:
    """The tables, the first of which also tells what was found of the whole file."""
    for number, table in enumerate(tables):
        if number == 0:
            table.findings += findings
        yield table


def known_place(*coordinates: float) -> bool:
    """Whether these can be coordinates: finite, and on earth in some system."""
    return all(abs(value) < _BEYOND_EARTH for value in coordinates)


def halved(path: Sequence[Place]) -> tuple[Sequence[Place], Sequence[Place], Sequence[Place]]:
    """The path's first half, its middle (one place) and its second half in plan; vertices stay on their side."""
    if not path:
        return (), (), ()
    steps = [math.dist(a, b) for a, b in pairwise(path)]
    half, passed = sum(steps) / 2, 0.0
    for place, step in enumerate(steps):
        if passed + step >= half:
            share = (half - passed) / step if step else 0.5
            middle = [a + (b - a) * share for a, b in zip(path[place], path[place + 1], strict=True)]
            return [*_until(path[: place + 1], middle)], [middle], [*_until(path[:place:-1], middle)][::-1]
        passed += step
    return list(path), [path[-1]], [path[-1], path[-1]]


def _until(places: Sequence[Place], middle: Place) -> Iterable[Place]:
    """Up to the middle, which is not repeated where a vertex stands there."""
    yield from places if tuple(places[-1]) != tuple(middle) or len(places) == 1 else places[:-1]
    yield middle


def arc(start: Place, end: Place, center: Place) -> list[Place]:
    """The shorter way from start to end on the circle round a centre."""
    radius = (math.dist(start, center) + math.dist(end, center)) / 2
    turn = math.atan2(end[1] - center[1], end[0] - center[0]) - math.atan2(start[1] - center[1], start[0] - center[0])
    turn = (turn + math.pi) % (2 * math.pi) - math.pi
    if radius <= _SAGITTA_M or abs(math.dist(start, center) - radius) > 0.01 * radius:
        return [start, end]
    pieces = min(_MOST_PIECES, max(1, math.ceil(abs(turn) / (2 * math.acos(1 - _SAGITTA_M / radius)))))
    first = math.atan2(start[1] - center[1], start[0] - center[0])
    angles = (first + turn * piece / pieces for piece in range(1, pieces))
    between = [(center[0] + radius * math.cos(angle), center[1] + radius * math.sin(angle)) for angle in angles]
    return [start, *between, end]


def map_in_degrees(file: str) -> Finding:
    """The finding that a map's coordinates were taken for degrees, as the model says."""
    return Finding(
        rule="IMP-SCALE",
        severity=Severity.INFO,
        message_en="The map of the model is in degrees; they were taken for longitude and latitude in WGS 84.",
        message_zh="模型底图单位为度，按 WGS 84 经纬度处理。",
        file=file,
        value="degrees",
    )


def scale_of_map(file: str, drawn: Sequence[float], stated_m: Sequence[float]) -> list[Finding]:
    """One finding when lines are drawn in feet, as told by the lengths that the model states.

    Parameters
    ----------
    drawn
        Length of each line in the units of its coordinates.
    stated_m
        The length that the model gives for it, NaN where it gives none.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.asarray(drawn, dtype=float) / np.asarray(stated_m, dtype=float)
    ratio = ratio[np.isfinite(ratio) & (ratio > 0)]
    if not len(ratio) or abs(np.median(ratio) * FOOT_M - 1) > _SCALE_TOLERANCE:
        return []
    return [
        Finding(
            rule="IMP-SCALE",
            severity=Severity.WARNING,
            message_en="The lines are drawn 3.28 times as long as the model says, so its coordinates are in feet; "
            "name their system with --crs, unless that is done.",
            message_zh="图上管线长度是模型所给长度的 3.28 倍，坐标单位应为英尺；请用 --crs 指明坐标系。",
            file=file,
            value=f"{np.median(ratio):.3f}",
            limit="1",
            details={"rows": len(ratio)},
        )
    ]


def _frame(elements: Sequence[Element]) -> pd.DataFrame:
    names = dict.fromkeys(name for element in elements for name in element.values)
    rows = pd.Index([element.row for element in elements], dtype=np.int64)
    columns = {name: _column([element.values.get(name) for element in elements], rows) for name in names}
    return pd.DataFrame(columns, index=rows)


def _column(values: list[Any], rows: "pd.Index[int]") -> "pd.Series[Any]":
    # Texts stay objects, so that unknown is None and not NaN.
    is_numeric = all(isinstance(value, int | float) for value in values)
    return pd.Series(values, index=rows, dtype=None if is_numeric else object)


def _shapes(paths: Sequence[Sequence[Place]]) -> Any:
    shapes = np.full(len(paths), None, dtype=object)
    points = [number for number, path in enumerate(paths) if len(path) == 1]
    lines = [number for number, path in enumerate(paths) if len(path) > 1]
    if points:
        shapes[points] = shapely.points([paths[number][0] for number in points])
    if lines:
        places = [place for number in lines for place in paths[number]]
        sizes = [len(paths[number]) for number in lines]
        shapes[lines] = shapely.linestrings(places, indices=np.repeat(np.arange(len(lines)), sizes))
    return shapes
