"""The map of a burst sheet in millimetres of paper: made to be read in black and white."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Any

import numpy as np
import shapely
from psycopg.sql import SQL
from shapely import affinity
from shapely.geometry.base import BaseGeometry

from pipemap.db import Connection, fetch_all
from pipemap.network import Floats, Network, class_groups
from pipemap.report.drawing import round_length
from pipemap.sql import queries
from pipemap.versions import current_version, relation
from schemas.codetables import code_table, codes_where
from schemas.isolation import BurstAnswer, CriticalConsumer

WIDTH_MM = 190.0
_MARGIN_MM = 7.0
_NARROWEST_M = 120.0
_ZONE_MM = 2.2
_MARK_MM = 5.2
_BAR_MM = 35.0
_ROUNDS = 60
_MOST = {"pipes": 6_000, "buildings": 400, "streets": 12}
_Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Mark:
    """A numbered or lettered mark, where it is drawn and where the thing lies, in mm from the upper left."""

    label: str
    kind: str
    x: float
    y: float
    at_x: float
    at_y: float


@dataclass(frozen=True)
class Street:
    """The name of a street along it: place in mm and angle in degrees, clockwise."""

    name: str
    x: float
    y: float
    angle: float


@dataclass(frozen=True)
class BurstMap:
    """SVG paths and marks on `WIDTH_MM` by `height_mm`, north up; `bar_mm` of paper are `bar_m` of ground."""

    height_mm: float
    buildings: str
    pipes: str
    isolated: str
    dry: str
    isolated_zone: str
    dry_zone: str
    streets: list[Street]
    marks: list[Mark]
    bursts: list[tuple[float, float]]
    bar_mm: float
    bar_m: float
    is_whole: bool


def draw_burst(
    connection: Connection, network: Network, answer: BurstAnswer, height_mm: float, most: Mapping[str, int]
) -> BurstMap | None:
    """The map around a cut, as many marks of a kind as `most` says; None when nothing of it has a place."""
    box = _box(network, answer, height_mm)
    if box is None:
        return None
    scale = WIDTH_MM / (box[2] - box[0])
    paper = _Paper(box, scale, height_mm)
    found = _read(connection, network, answer, box)
    axes = {row["feature_id"]: paper.placed(shapely.from_wkb(row["axis"])) for row in found["pipes"]}
    isolated = _taken(axes, answer.isolated_segment_ids)
    dry = _taken(axes, answer.dry_segment_ids)
    bar_m = round_length(_BAR_MM / scale)
    return BurstMap(
        height_mm=height_mm,
        buildings=_path(paper.placed(shapely.from_wkb(row["outline"])) for row in found["buildings"]),
        pipes=_path(axes.values()),
        isolated=_path(isolated),
        dry=_path(dry),
        isolated_zone=_path([shapely.union_all(isolated).buffer(_ZONE_MM)]),
        dry_zone=_path([shapely.union_all(dry).buffer(_ZONE_MM)]),
        streets=[_street(row, paper) for row in found["streets"]],
        marks=_apart(list(_marks(answer, paper, most)), height_mm),
        bursts=[paper.xy(place.x_m, place.y_m) for place in answer.burst if place.x_m is not None],
        bar_mm=round(bar_m * scale, 2),
        bar_m=bar_m,
        is_whole=len(found["pipes"]) < _MOST["pipes"],
    )


def lettered(answer: BurstAnswer) -> list[tuple[str, CriticalConsumer]]:
    """The critical consumers, most people first, with the letters they have on map and list; none beyond Z."""
    ranked = sorted(answer.consumers.critical, key=lambda one: -(one.people or 0))
    return [(ascii_uppercase[place : place + 1], one) for place, one in enumerate(ranked)]


class _Paper:
    """From metres of ground in a box to millimetres of paper."""

    def __init__(self, box: _Box, scale: float, height_mm: float) -> None:
        self.box, self.scale, self.height_mm = box, scale, height_mm
        self.frame = shapely.box(-5, -5, WIDTH_MM + 5, height_mm + 5)

    def xy(self, x_m: Any, y_m: Any) -> Any:
        return (x_m - self.box[0]) * self.scale, (self.box[3] - y_m) * self.scale

    def placed(self, geometry: BaseGeometry) -> BaseGeometry:
        k, (low_x, _, _, high_y) = self.scale, self.box
        return affinity.affine_transform(geometry, [k, 0, 0, -k, -low_x * k, high_y * k]).intersection(self.frame)

    def shows(self, x: float, y: float) -> bool:
        return bool(0 <= x <= WIDTH_MM and 0 <= y <= self.height_mm)


def _box(network: Network, answer: BurstAnswer, height_mm: float) -> _Box | None:
    """What has burst, what is isolated and the valves, with a margin, in the shape of the paper."""
    bursts = [(one.x_m, one.y_m) for one in answer.burst]
    places = [*bursts, *((one.x_m, one.y_m) for one in answer.valves_to_close)]
    at = np.searchsorted(network.segments.id, answer.isolated_segment_ids)
    middles = np.stack([network.segments.x_m[at], network.segments.y_m[at]], axis=1)
    corners: Floats = np.vstack([np.array(places, np.float64).reshape(-1, 2), middles])
    corners = corners[np.isfinite(corners).all(axis=1)]
    if not len(corners):
        return None
    low, high = corners.min(axis=0), corners.max(axis=0)
    inner = np.array([WIDTH_MM, height_mm]) - 2 * _MARGIN_MM
    per_mm = max((high - low) / inner) if len(corners) > 1 else 0.0
    per_mm = max(per_mm, _NARROWEST_M / WIDTH_MM)
    middle, half = (low + high) / 2, np.array([WIDTH_MM, height_mm]) * per_mm / 2
    return (*(middle - half).tolist(), *(middle + half).tolist())


def _read(connection: Connection, network: Network, answer: BurstAnswer, box: _Box) -> dict[str, list[dict[str, Any]]]:
    version = None if network.version == current_version(connection) else network.version
    codes = np.array(list(code_table("utility_class")))
    group = code_table("utility_class")[answer.burst[0].class_code].fields["group_code"]
    params = {
        **dict(zip(("low_x", "low_y", "high_x", "high_y"), box, strict=True)),
        "class_codes": codes[class_groups() == group].tolist(),
        "active": list(codes_where("lifecycle", "is_active", "1")),
        "first": [*answer.isolated_segment_ids, *answer.dry_segment_ids],
    }
    kinds = {"pipes": "pipe_segment", "buildings": "structure", "streets": "node"}
    return {
        name: fetch_all(
            connection,
            SQL(queries("sheet")[name]).format(relation=relation(kind, version)),
            params | {"limit": _MOST[name]},
        )
        for name, kind in kinds.items()
    }


def _taken(axes: dict[int, BaseGeometry], ids: Sequence[int]) -> list[BaseGeometry]:
    return [axes[one] for one in ids if one in axes]


def _path(shapes: Iterable[BaseGeometry]) -> str:
    """Lines and outlines as one SVG path."""
    whole = shapely.get_parts(np.array([shape for shape in shapes if not shape.is_empty], dtype=object))
    areas = shapely.get_type_id(whole) == shapely.GeometryType.POLYGON
    rings = shapely.get_rings(whole[areas]) if areas.any() else []
    lines = whole[shapely.get_type_id(whole) == shapely.GeometryType.LINESTRING]
    return "".join([*(_strokes(ring) + "Z" for ring in rings), *map(_strokes, lines)])


def _strokes(line: BaseGeometry) -> str:
    return "M" + "L".join(f"{x:.2f} {y:.2f}" for x, y in shapely.get_coordinates(line).tolist())


def _street(row: dict[str, Any], paper: _Paper) -> Street:
    """The name lies along its points where they are in a row, else level."""
    xy = np.column_stack(paper.xy(np.array(row["x_m"]), np.array(row["y_m"])))
    middle = np.clip(np.median(xy, axis=0), [12, 5], [WIDTH_MM - 12, paper.height_mm - 5])
    _, spread, ways = np.linalg.svd(xy - xy.mean(axis=0), full_matrices=False)
    angle = float(np.degrees(np.arctan2(ways[0][1], ways[0][0])))
    in_a_row = spread[0] > 4 * spread[1]
    x, y = middle.round(1).tolist()
    return Street(row["address"], x, y, round((angle + 90) % 180 - 90, 1) if in_a_row else 0.0)


def _marks(answer: BurstAnswer, paper: _Paper, most: Mapping[str, int]) -> Iterable[Mark]:
    for valve in answer.valves_to_close[: most["valves"]]:
        yield from _mark(str(valve.order), "valve", valve.x_m, valve.y_m, paper)
    for closed in answer.closed_valves_relied_on[: most["closed"]]:
        yield from _mark("×", "closed", closed.x_m, closed.y_m, paper)
    for place, back in enumerate(answer.back_feeds[: most["back"]]):
        yield from _mark(f"R{place + 1}", "back", back.valve.x_m, back.valve.y_m, paper)
    for hydrant in answer.nearest_hydrants:
        yield from _mark("H", "hydrant", hydrant.x_m, hydrant.y_m, paper)
    for letter, consumer in lettered(answer)[: most["critical"]]:
        yield from _mark(letter, "critical", consumer.x_m, consumer.y_m, paper)


def _mark(label: str, kind: str, x_m: float | None, y_m: float | None, paper: _Paper) -> Iterable[Mark]:
    if x_m is not None and y_m is not None:
        x, y = paper.xy(x_m, y_m)
        if paper.shows(x, y):
            yield Mark(label, kind, x, y, round(x, 2), round(y, 2))


def _apart(marks: list[Mark], height_mm: float) -> list[Mark]:
    """The marks pushed from one another until none covers another, and kept on the paper."""
    xy = np.array([(mark.x, mark.y) for mark in marks], np.float64).reshape(-1, 2)
    first, second = np.triu_indices(len(xy), 1)
    for _ in range(_ROUNDS):
        apart = xy[first] - xy[second]
        away = np.hypot(*apart.T)
        near = away < _MARK_MM
        if not near.any():
            break
        # Two in one place part along a line of their own.
        turn = np.column_stack([np.cos(first + 2.0 * second), np.sin(first + 2.0 * second)])
        way = np.where(away[:, None] > 1e-6, apart / np.maximum(away, 1e-6)[:, None], turn)
        push = (way * (_MARK_MM - away)[:, None] / 2)[near]
        np.add.at(xy, first[near], push)
        np.add.at(xy, second[near], -push)
        xy = np.clip(xy, 3, [WIDTH_MM - 3, height_mm - 3])
    places = xy.round(2).tolist()
    return [Mark(one.label, one.kind, x, y, one.at_x, one.at_y) for one, (x, y) in zip(marks, places, strict=True)]
