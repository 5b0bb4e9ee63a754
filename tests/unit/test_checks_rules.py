"""Every rule on hand-drawn networks: where it must speak, and where it must be silent."""

import gc
import weakref
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from pipemap.checks import Rulebook, all_rules
from pipemap.checks.check import Check
from pipemap.checks.scope import Scope
from schemas.findings import Finding, Severity
from tests.unit.scopes import findings, scope_of

# A place in the middle of EPSG:4547, so that only the rule about places has an opinion on it.
EAST_M, NORTH_M = 500_000.0, 2_500_000.0

Point = tuple[float, float] | tuple[float, float, dict[str, Any]]
Line = tuple[str, str] | tuple[str, str, dict[str, Any]]
Drawing = Callable[[], Scope]


def draw(
    points: dict[str, Point],
    lines: list[Line],
    class_code: str = "water",
    buildings: dict[str, tuple[float, float, float, float]] | None = None,
    consumers: list[dict[str, Any]] | None = None,
    disturbed: tuple[str, ...] = (),
) -> Scope:
    """A network: points are (x, y, attributes), lines (from, to, attributes); pipes are 200 mm, 1 m deep."""
    nodes, segments = frames(points, lines, class_code)
    structures = pd.DataFrame(
        [
            {"feature_id": 9000 + i, "source_key": key, "kind_code": "building", "geom": _box(*corners)}
            for i, (key, corners) in enumerate((buildings or {}).items())
        ]
    )
    ids = nodes.set_index("source_key")["feature_id"][list(disturbed)].tolist()
    return scope_of(nodes, segments, pd.DataFrame(consumers or []), structures, disturbed_node_ids=ids)


def drawn(*what: Any, **more: Any) -> Drawing:
    """To be drawn by the test that looks at it: every worker reads all the cases."""
    return partial(draw, *what, **more)


def on_model(ground_m: Callable[[int], float], count: int = 30) -> Drawing:
    """Points in a row whose surveyed ground is given, where the ground model has 10 m."""
    points: dict[str, Point] = {
        f"p{i}": (5.0 * i, 0.0, {"ground_elevation_m": ground_m(i), "model_ground_m": 10.0}) for i in range(count)
    }
    return drawn(points, [])


def frames(points: dict[str, Point], lines: list[Line], class_code: str = "water") -> tuple[pd.DataFrame, pd.DataFrame]:
    nodes = pd.DataFrame([_node(number, key, point, class_code) for number, (key, point) in enumerate(points.items())])
    by_key = {row["source_key"]: row for row in nodes.to_dict("records")}
    segments = pd.DataFrame(
        [_segment(number, line, by_key, class_code) for number, line in enumerate(lines)],
        columns=None if lines else ["feature_id", "geom", "from_node_id", "to_node_id"],
    )
    return nodes, segments


def _box(west: float, south: float, east: float, north: float) -> shapely.Geometry:
    return shapely.box(EAST_M + west, NORTH_M + south, EAST_M + east, NORTH_M + north)


def _node(number: int, key: str, point: Point, class_code: str) -> dict[str, Any]:
    x, y, *more = point
    common = {"feature_id": number + 1, "source_key": key, "class_code": class_code, "ground_elevation_m": 10.0}
    return {**common, "geom": shapely.Point(EAST_M + x, NORTH_M + y), **(more[0] if more else {})}


def _segment(number: int, line: Line, nodes: dict[str, dict[str, Any]], class_code: str) -> dict[str, Any]:
    start, end, *more = line
    row: dict[str, Any] = {
        "feature_id": 1000 + number,
        "source_key": f"{start}->{end}",
        "class_code": class_code,
        "from_node_id": nodes.get(start, {"feature_id": 777})["feature_id"],
        "to_node_id": nodes.get(end, {"feature_id": 777})["feature_id"],
        "shape_code": "circle",
        "width_mm": 200.0,
        "height_mm": 200.0,
        "burial_code": "direct",
        "depth_datum_code": "crown",
        "elevation_source_code": "measured",
        "from_depth_m": 1.0,
        "to_depth_m": 1.0,
    }
    row |= more[0] if more else {}
    ends = [
        (nodes.get(key, next(iter(nodes.values()))), row[f"{side}_depth_m"])
        for key, side in ((start, "from"), (end, "to"))
    ]
    row.setdefault("geom", _axis(ends, row["height_mm"]))
    return row


def _axis(ends: list[tuple[dict[str, Any], float | None]], height_mm: float | None) -> shapely.LineString:
    places = [(node["geom"].x, node["geom"].y) for node, _ in ends]
    if height_mm is None or any(depth is None for _, depth in ends):
        return shapely.LineString(places)
    levels = [node["ground_elevation_m"] - depth - height_mm / 2000 for node, depth in ends]
    return shapely.LineString([(*place, level) for place, level in zip(places, levels, strict=True)])


def told(rule: str, scope: Scope) -> set[str | None]:
    """Keys of the features a rule speaks of (None for a note about the whole)."""
    return {finding.feature_key for finding in findings(scope, Rulebook.standard().only([rule]))}


A, B, C, D = (0.0, 0.0), (20.0, 0.0), (40.0, 0.0), (20.0, 20.0)
SEWER = {"depth_datum_code": "crown", "flow_direction_code": "forward"}


def deep(start: float | None, end: float | None, **more: Any) -> dict[str, Any]:
    return {"from_depth_m": start, "to_depth_m": end, **more}


# Of a line that has the height of those it meets.
UNTOLD = deep(None, None, elevation_source_code="inferred", from_elevation_m=None, to_elevation_m=None)


def sewer(points: dict[str, Point], lines: list[Line]) -> Drawing:
    return drawn(points, lines, "foul")


def bent(*places: tuple[float, float]) -> shapely.LineString:
    """An axis with bends, in metres from the corner."""
    return shapely.LineString([(EAST_M + x, NORTH_M + y) for x, y in places])


def house(node_id: int | None) -> dict[str, Any]:
    place = shapely.Point(EAST_M + 5, NORTH_M + 5)
    return {"feature_id": 8000, "source_key": "K1", "class_code": "water", "node_id": node_id, "geom": place}


CASES: list[tuple[str, set[str | None], Drawing]] = [
    # R06 a point beyond the zone; one with easting and northing swapped
    ("R06", set(), drawn({"a": A, "b": B}, [("a", "b")])),
    ("R06", {"far"}, drawn({"a": A, "far": (2_000_000.0, 0.0)}, [("a", "far")])),
    ("R06", {"swapped"}, drawn({"a": A, "swapped": (2_000_000.0, -2_000_000.0)}, [])),
    # R09 two numbers, one place; the same place at another ground elevation is a bridge
    ("R09", {"b"}, drawn({"a": A, "b": (0.004, 0.0)}, [])),
    ("R09", set(), drawn({"a": A, "b": (0.0, 0.0, {"ground_elevation_m": 15.0}), "c": (0.5, 0.0)}, [])),
    ("R10", {None}, drawn({"a": (0.0, 0.0, {"feature_code": "bend", "appurtenance_code": "valve"})}, [])),
    ("R10", set(), drawn({"a": (0.0, 0.0, {"feature_code": "bend"})}, [])),
    ("R12", {"a->b"}, drawn({"a": A, "b": B}, [("a", "b", {"material_code": "unobtainium"})])),
    ("R12", set(), drawn({"a": A, "b": B}, [("a", "b", {"material_code": "steel"})])),
    ("R13", {"a->a"}, drawn({"a": A}, [("a", "a")])),
    ("R13", set(), drawn({"a": A, "b": B}, [("a", "b")])),
    # R14 the same pipe reversed; two pipes of different size between the same wells; neighbours
    ("R14", {"b->a"}, drawn({"a": A, "b": B}, [("a", "b"), ("b", "a")])),
    ("R14", {"x->y"}, drawn({"a": A, "b": B, "x": A, "y": B}, [("a", "b"), ("x", "y")])),
    ("R14", set(), drawn({"a": A, "b": B, "c": C}, [("a", "b"), ("b", "c"), ("b", "a", {"class_code": "gas"})])),
    ("R15", {"a->b"}, drawn({"a": A, "b": B}, [("a", "b", deep(1.0, 9.0))])),
    ("R15", {"a->b"}, drawn({"a": A, "b": B}, [("a", "b", deep(-0.4, 1.0))])),
    ("R15", set(), sewer({"a": A, "b": B}, [("a", "b", deep(8.0, 9.0))])),
    # R16 ── a ── b ┄┄ c : the second line starts a metre higher; in a well it may
    ("R16", {"b"}, drawn({"a": A, "b": B, "c": C}, [("a", "b"), ("b", "c", deep(2.0, 2.0))])),
    (
        "R16",
        set(),
        drawn(
            {"a": A, "b": (20.0, 0.0, {"appurtenance_code": "manhole"}), "c": C},
            [("a", "b"), ("b", "c", deep(2.0, 2.0))],
        ),
    ),
    ("R17", {"a->b"}, drawn({"a": A, "b": (90.0, 0.0)}, [("a", "b")])),
    ("R17", set(), drawn({"a": A, "b": (70.0, 0.0)}, [("a", "b")])),
    ("R18", {"a->b"}, drawn({"a": A, "b": (0.03, 0.0)}, [("a", "b")])),
    # ... but a pipe straight down is long enough in space
    ("R18", set(), drawn({"a": A, "b": (0.03, 0.0)}, [("a", "b", deep(1.0, 3.0))])),
    ("R19", {"a->b"}, drawn({"a": A, "b": (2.0, 0.0)}, [("a", "b", deep(1.0, 4.0))])),
    ("R19", set(), drawn({"a": A, "b": (2.0, 0.0, {"feature_code": "riser"})}, [("a", "b", deep(1.0, 4.0))])),
    ("R20", {"a->ghost"}, drawn({"a": A, "b": B}, [("a", "ghost"), ("a", "b")])),
    (
        "R20",
        {"K1"},
        drawn(
            {"a": A, "b": B},
            [("a", "b")],
            consumers=[{"feature_id": 8000, "source_key": "K1", "node_id": 555, "geom": shapely.Point(0, 0)}],
        ),
    ),
    ("R20", set(), drawn({"a": A, "b": B}, [("a", "b")])),
    ("R21", {"c"}, drawn({"a": A, "b": B, "c": C}, [("a", "b")])),
    ("R21", set(), drawn({"a": A, "b": B, "c": (40.0, 0.0, {"feature_code": "not_surveyed"})}, [("a", "b")])),
    # R22 a ── t ── c : a tee of two lines; with d it is one
    ("R22", {"t"}, drawn({"a": A, "t": (20.0, 0.0, {"feature_code": "tee"}), "c": C}, [("a", "t"), ("t", "c")])),
    (
        "R22",
        set(),
        drawn(
            {"a": A, "t": (20.0, 0.0, {"feature_code": "tee"}), "c": C, "d": D}, [("a", "t"), ("t", "c"), ("t", "d")]
        ),
    ),
    ("R23", {None}, drawn({"a": A, "b": B, "c": C, "d": D}, [("a", "b"), ("c", "d")])),
    ("R23", set(), drawn({"a": A, "b": B, "c": C}, [("a", "b"), ("b", "c")])),
    # R25 a triangle of sewers; a triangle of water mains is a ring
    ("R25", {"a->d"}, sewer({"a": A, "b": B, "d": D}, [("a", "b"), ("b", "d"), ("a", "d")])),
    ("R25", set(), drawn({"a": A, "b": B, "d": D}, [("a", "b"), ("b", "d"), ("a", "d")])),
    # R26 a ──┬── c with the branch's end n on, but not of, the main
    ("R26", {"n"}, drawn({"a": A, "c": C, "n": (20.0, 0.02), "d": D}, [("a", "c"), ("n", "d")])),
    ("R26", {"n"}, drawn({"a": A, "c": C, "n": (20.0, 0.30), "d": D}, [("a", "c"), ("n", "d")])),
    ("R26", set(), drawn({"a": A, "c": C, "n": (20.0, 0.80), "d": D}, [("a", "c"), ("n", "d")])),
    ("R26", set(), drawn({"a": A, "c": C, "n": (20.0, 0.02), "d": D}, [("a", "c"), ("n", "d", deep(3.0, 3.0))])),
    # ... two ends that almost meet
    ("R26", {"b"}, drawn({"a": A, "b": B, "e": (20.3, 0.0), "f": C}, [("a", "b"), ("e", "f")])),
    # ... a crossing at one height, and one with a metre between the pipes
    ("R26", {"a->c"}, drawn({"a": A, "c": C, "s": (20.0, -9.0), "n": (20.0, 9.0)}, [("a", "c"), ("s", "n")])),
    (
        "R26",
        set(),
        drawn({"a": A, "c": C, "s": (20.0, -9.0), "n": (20.0, 9.0)}, [("a", "c"), ("s", "n", deep(2.2, 2.2))]),
    ),
    ("R27", {"a->b"}, drawn({"a": A, "b": B}, [("a", "b", {"from_elevation_m": 8.5, "to_elevation_m": 9.0})])),
    ("R27", set(), drawn({"a": A, "b": B}, [("a", "b", {"from_elevation_m": 9.01, "to_elevation_m": 9.0})])),
    # R28 the ground of one point is the bottom of its well
    (
        "R28",
        {"p5"},
        drawn({f"p{i}": (5.0 * i, 0.0, {"ground_elevation_m": 3.0 if i == 5 else 10.0}) for i in range(10)}, []),
    ),
    # ... a street that climbs by 8 % has no outlier, and three points are too few to tell
    ("R28", set(), drawn({f"p{i}": (5.0 * i, 0.0, {"ground_elevation_m": 10 + 0.4 * i}) for i in range(30)}, [])),
    ("P19", {"p7"}, on_model(lambda i: 12.0 if i == 7 else 10.05)),
    ("P19", set(), on_model(lambda i: 10.0 + 0.05 * (i % 3))),
    # All of them are off alike: that is rule P20.
    ("P19", set(), on_model(lambda i: 11.7 + 0.02 * (i % 3))),
    ("P20", {None}, on_model(lambda i: 11.7 + 0.02 * (i % 3))),
    ("P20", {None}, on_model(lambda i: 10.0 + 3.1 * (i % 5 - 2))),
    ("P20", set(), on_model(lambda i: 12.0 if i == 7 else 10.05)),
    ("P20", set(), on_model(lambda i: 11.7, count=10)),
    ("R28", set(), drawn({"a": (0.0, 0.0, {"ground_elevation_m": 3.0}), "b": B, "c": C}, [])),
    ("R29", {"a->b"}, drawn({"a": A, "b": B}, [("a", "b", deep(-1.0, 1.0))])),
    (
        "R29",
        {"a->b"},
        drawn(
            {"a": A, "b": B},
            [
                (
                    "a",
                    "b",
                    {
                        "height_mm": 2000.0,
                        "depth_datum_code": "invert",
                        "geom": shapely.LineString([(EAST_M, NORTH_M), (EAST_M + 20, NORTH_M)]),
                    },
                )
            ],
        ),
    ),
    ("R29", set(), drawn({"a": A, "b": B}, [("a", "b", deep(-1.0, 1.0, burial_code="overhead"))])),
    ("R29", set(), drawn({"a": A, "b": B}, [("a", "b", deep(None, None))])),
    ("R30", {"a->b"}, sewer({"a": A, "b": B}, [("a", "b", deep(2.0, 1.8, **SEWER))])),
    ("R30", set(), sewer({"a": A, "b": B}, [("a", "b", deep(1.8, 2.0, **SEWER))])),
    ("R30", set(), sewer({"a": A, "b": B}, [("a", "b", deep(2.0, 1.8, flow_direction_code="backward"))])),
    # ... with no flow declared, the way to the outfall o is down: a ─ b ─ o rises at its start
    (
        "R30",
        {"b->a"},
        sewer(
            {"a": A, "b": B, "o": (40.0, 0.0, {"appurtenance_code": "outfall"})},
            [("b", "a", deep(1.8, 2.2)), ("b", "o", deep(1.8, 2.4))],
        ),
    ),
    # R31 a → b ← c
    ("R31", {"b"}, sewer({"a": A, "b": B, "c": C}, [("a", "b", SEWER), ("c", "b", SEWER)])),
    ("R31", {"b"}, sewer({"a": A, "b": B, "c": C}, [("a", "b", deep(1.0, 2.0)), ("b", "c", deep(2.0, 1.0))])),
    (
        "R31",
        set(),
        sewer(
            {"a": A, "b": (20.0, 0.0, {"appurtenance_code": "outfall"}), "c": C}, [("a", "b", SEWER), ("c", "b", SEWER)]
        ),
    ),
    ("R31", set(), sewer({"a": A, "b": B, "c": C}, [("a", "b", SEWER), ("b", "c", SEWER)])),
    ("R32", {"b->c"}, sewer({"a": A, "b": B, "c": C}, [("a", "b", SEWER | {"width_mm": 400.0}), ("b", "c", SEWER)])),
    ("R32", {"b"}, drawn({"a": A, "b": B, "c": C}, [("a", "b", {"width_mm": 400.0}), ("b", "c")])),
    (
        "R32",
        set(),
        drawn(
            {"a": A, "b": (20.0, 0.0, {"feature_code": "reducer"}), "c": C},
            [("a", "b", {"width_mm": 400.0}), ("b", "c")],
        ),
    ),
    ("R32", set(), sewer({"a": A, "b": B, "c": C}, [("a", "b", SEWER), ("b", "c", SEWER | {"width_mm": 400.0})])),
    (
        "R33",
        {"b"},
        drawn({"a": A, "b": B, "c": C}, [("a", "b", {"material_code": "steel"}), ("b", "c", {"material_code": "pe"})]),
    ),
    (
        "R33",
        set(),
        drawn(
            {"a": A, "b": (20.0, 0.0, {"feature_code": "material_change"}), "c": C},
            [("a", "b", {"material_code": "steel"}), ("b", "c", {"material_code": "pe"})],
        ),
    ),
    ("R34", {"a->b"}, drawn({"a": A, "b": B}, [("a", "b", {"hole_count": 4, "used_hole_count": 6})], "telecom")),
    ("R34", set(), drawn({"a": A, "b": B}, [("a", "b", {"hole_count": 6, "used_hole_count": 6})], "telecom")),
    ("R35", {"a->b"}, drawn({"a": A, "b": B}, [("a", "b", {"lifecycle_code": "empty", "cable_count": 2})], "telecom")),
    (
        "R35",
        set(),
        drawn({"a": A, "b": B}, [("a", "b", {"lifecycle_code": "in_service", "cable_count": 2})], "telecom"),
    ),
    ("R36", {"a->b"}, drawn({"a": A, "b": B}, [("a", "b")], "gas")),
    ("R36", set(), drawn({"a": A, "b": B}, [("a", "b", {"pressure_code": "low"})], "gas")),
    ("R36", {"a->b"}, drawn({"a": A, "b": B}, [("a", "b")], "power")),
    ("R36", {None}, sewer({"a": A, "b": B}, [("a", "b")])),
    ("R36", set(), sewer({"a": A, "b": B}, [("a", "b", SEWER)])),
    ("P01", {"a->b"}, drawn({"a": A, "b": (20.0, 0.0, {"class_code": "gas"})}, [("a", "b")])),
    ("P01", set(), drawn({"a": A, "b": B}, [("a", "b")])),
    # P02 works ── a   c ── d : the second piece has no source; without any source nobody can tell
    (
        "P02",
        {"c->d"},
        drawn({"w": (0.0, 0.0, {"appurtenance_code": "waterworks"}), "b": B, "c": C, "d": D}, [("w", "b"), ("c", "d")]),
    ),
    (
        "P02",
        set(),
        drawn({"w": (0.0, 0.0, {"appurtenance_code": "waterworks"}), "b": B, "c": C}, [("w", "b"), ("b", "c")]),
    ),
    ("P02", set(), drawn({"a": A, "b": B, "c": C, "d": D}, [("a", "b"), ("c", "d")])),
    # ... an abandoned pipe carries nothing
    (
        "P02",
        {"c->d"},
        drawn(
            {"w": (0.0, 0.0, {"appurtenance_code": "waterworks"}), "b": B, "c": C, "d": D},
            [("w", "b"), ("b", "c", {"lifecycle_code": "abandoned"}), ("c", "d")],
        ),
    ),
    (
        "P03",
        {"c->d"},
        sewer({"o": (0.0, 0.0, {"appurtenance_code": "outfall"}), "b": B, "c": C, "d": D}, [("b", "o"), ("c", "d")]),
    ),
    (
        "P03",
        set(),
        sewer({"o": (0.0, 0.0, {"appurtenance_code": "outfall"}), "b": B, "c": C}, [("b", "o"), ("c", "b")]),
    ),
    ("P04", {"a->c"}, drawn({"a": A, "c": C}, [("a", "c")], buildings={"house": (10.0, -5.0, 25.0, 5.0)})),
    ("P04", set(), drawn({"a": A, "c": C}, [("a", "c")], buildings={"house": (10.0, 5.0, 25.0, 15.0)})),
    ("P05", {"a"}, drawn({"a": (0.0, 0.0, {"appurtenance_code": "valve"}), "b": B}, [("a", "b")])),
    (
        "P05",
        set(),
        drawn({"a": (0.0, 0.0, {"appurtenance_code": "valve", "valve_state_code": "open"}), "b": B}, [("a", "b")]),
    ),
    ("P06", {"a->b"}, drawn({"a": A, "b": B}, [("a", "b", deep(None, 1.0))])),
    ("P06", set(), drawn({"a": A, "b": B}, [("a", "b")])),
    ("P06", {"b->c"}, drawn({"a": A, "b": B, "c": C}, [("a", "b"), ("b", "c", UNTOLD)])),
    ("P06", {None}, drawn(dict.fromkeys("abcdefghijk", A), [(a, b, UNTOLD) for a, b in pairwise("abcdefghijk")])),
    ("P07", {"a->b"}, drawn({"a": A, "b": B}, [("a", "b", {"width_mm": None, "height_mm": None})])),
    ("P07", set(), drawn({"a": A, "b": B}, [("a", "b")])),
    ("P08", {"a->b"}, drawn({"a": A, "b": B}, [("a", "b", deep(0.3, 1.0))])),
    ("P08", set(), drawn({"a": A, "b": B}, [("a", "b", deep(0.3, 1.0, burial_code="rack"))])),
    ("P08", set(), drawn({"a": A, "b": B}, [("a", "b", deep(0.7, 1.0))])),
    # A casing of 600 mm reaches 0.2 m higher than the pipe of 200 mm in it.
    ("P08", {"a->b"}, drawn({"a": A, "b": B}, [("a", "b", deep(0.7, 1.0, casing_mm=600))])),
    ("P08", set(), drawn({"a": A, "b": B}, [("a", "b", deep(0.9, 1.0, casing_mm=600))])),
    ("P08", set(), drawn({"a": A, "b": B}, [("a", "b", deep(0.7, 1.0, casing_mm=150))])),
    # One of 500 mm cannot hold a box of 800 x 300 mm, though it would stand out 0.1 m over it.
    (
        "P08",
        set(),
        drawn(
            {"a": A, "b": B},
            [("a", "b", deep(0.75, 1.0, casing_mm=500, shape_code="rect", width_mm=800, height_mm=300))],
        ),
    ),
    (
        "P09",
        {"a->b"},
        drawn(
            {"a": A, "b": B}, [("a", "b", {"geom": shapely.LineString([(EAST_M, NORTH_M), (EAST_M + 21, NORTH_M)])})]
        ),
    ),
    ("P09", set(), drawn({"a": A, "b": B}, [("a", "b")])),
    # P18 the sewer ends at b, which is no outfall; at an outfall it may
    ("P18", {"b"}, sewer({"a": A, "b": B}, [("a", "b", SEWER)])),
    ("P18", set(), sewer({"a": A, "b": (20.0, 0.0, {"appurtenance_code": "outfall"})}, [("a", "b", SEWER)])),
    # R30 twenty lines fall the way they are drawn, and one rises
    (
        "R30",
        {"p7->p8"},
        sewer(
            {f"p{i}": (20.0 * i, 0.0) for i in range(25)},
            [(f"p{i}", f"p{i + 1}", deep(1.5, 1.0 if i == 7 else 2.0)) for i in range(24)],
        ),
    ),
    # R21 a point on a line that does not stop there is for R26 to tell
    ("R21", set(), drawn({"a": A, "c": C, "n": (20.0, 0.02)}, [("a", "c")])),
    ("R26", {"n"}, drawn({"a": A, "c": C, "n": (20.0, 0.02)}, [("a", "c")])),
    # R14 supply and return of heat share a trench
    ("R14", {"b->a"}, drawn({"a": A, "b": B}, [("a", "b"), ("b", "a")], "heat")),
    # R11 a hydrant on a gas main; on a water main it belongs
    ("R11", {"a"}, drawn({"a": (0.0, 0.0, {"appurtenance_code": "hydrant"}), "b": B}, [("a", "b")], "gas")),
    ("R11", {"a"}, drawn({"a": (0.0, 0.0, {"appurtenance_code": "valve"}), "b": B}, [("a", "b")], "telecom")),
    ("R11", set(), drawn({"a": (0.0, 0.0, {"appurtenance_code": "hydrant"}), "b": B}, [("a", "b")])),
    ("R11", set(), drawn({"a": (0.0, 0.0, {"appurtenance_code": "manhole"}), "b": B}, [("a", "b")], "power")),
    # R17 a sewer of 1.2 m may have its manholes 150 m apart
    ("R17", set(), sewer({"a": A, "b": (140.0, 0.0)}, [("a", "b", {"width_mm": 1200.0})])),
    ("R17", {"a->b"}, sewer({"a": A, "b": (160.0, 0.0)}, [("a", "b", {"width_mm": 1200.0})])),
    # R24 the way back lies 11 degrees beside the way there; a bend of 90 degrees is one
    ("R24", {"b"}, drawn({"a": A, "b": B, "c": (0.0, 4.0)}, [("a", "b"), ("b", "c")])),
    ("R24", set(), drawn({"a": A, "b": B, "d": D}, [("a", "b"), ("b", "d")])),
    (
        "R24",
        set(),
        drawn({"a": A, "b": (20.0, 0.0, {"appurtenance_code": "manhole"}), "c": (0.0, 4.0)}, [("a", "b"), ("b", "c")]),
    ),
    # ... a sewer may not turn back by 60 degrees, not even in a manhole
    (
        "R24",
        {"b"},
        sewer(
            {"a": A, "b": (20.0, 0.0, {"appurtenance_code": "manhole"}), "c": (10.0, 17.0)}, [("a", "b"), ("b", "c")]
        ),
    ),
    # ... straight up is at a right angle to the street, though both are in one place in plan
    (
        "R24",
        set(),
        drawn({"a": A, "b": B, "c": (20.0, 0.01)}, [("a", "b", deep(3.0, 3.0)), ("b", "c", deep(3.0, 1.0))]),
    ),
    (
        "P10",
        {"a->b"},
        drawn({"a": A, "b": (10.0, 10.0)}, [("a", "b", {"geom": bent((0, 0), (10, 10), (10, 0), (0, 10), (10, 10))})]),
    ),
    ("P10", set(), drawn({"a": A, "b": (10.0, 10.0)}, [("a", "b", {"geom": bent((0, 0), (10, 0), (10, 10))})])),
    ("P11", {None}, drawn({"a": (0.0001234, 0.0), "b": B}, [("a", "b")])),
    ("P11", set(), drawn({"a": (0.123, 0.0), "b": B}, [("a", "b")])),
    # P12 a well of 1 m with a pipe 2 m down; a well with a sump below the pipe is as it should be
    ("P12", {"a"}, sewer({"a": (0.0, 0.0, {"well_depth_m": 1.0}), "b": B}, [("a", "b", deep(2.0, 2.0))])),
    ("P12", {"a"}, sewer({"a": (0.0, 0.0, {"well_depth_m": -0.5}), "b": B}, [])),
    ("P12", set(), sewer({"a": (0.0, 0.0, {"well_depth_m": 2.5}), "b": B}, [("a", "b", deep(2.0, 2.0))])),
    # P13 two points 3 m above one another; a riser between them joins them
    ("P13", {"u"}, drawn({"a": A, "u": (0.0, 0.0, {"ground_elevation_m": 13.0}), "b": B}, [("a", "b")])),
    ("P13", set(), drawn({"a": A, "u": (0.0, 0.0, {"ground_elevation_m": 13.0}), "b": B}, [("a", "b"), ("a", "u")])),
    ("P13", {"u"}, drawn({"a": A, "u": (0.0, 0.0, {"ground_elevation_m": 13.0, "class_code": "gas"})}, [])),
    ("P13", set(), drawn({"a": A, "u": (0.5, 0.0, {"ground_elevation_m": 13.0})}, [])),
    (
        "P14",
        {"v"},
        drawn({"a": A, "v": (20.0, 0.0, {"appurtenance_code": "check_valve"}), "c": C}, [("a", "v"), ("v", "c")]),
    ),
    (
        "P14",
        set(),
        drawn(
            {"a": A, "v": (20.0, 0.0, {"appurtenance_code": "check_valve"}), "c": C}, [("a", "v", SEWER), ("v", "c")]
        ),
    ),
    # ... water that flows in from both sides has nowhere to go
    (
        "P14",
        {"v"},
        drawn(
            {"a": A, "v": (20.0, 0.0, {"appurtenance_code": "check_valve"}), "c": C},
            [("a", "v", SEWER), ("c", "v", SEWER)],
        ),
    ),
    # P15 a cable beside its duct, in it, and in one that nobody knows
    (
        "P15",
        {"x->y"},
        drawn({"a": A, "b": B, "x": (0.0, 3.0), "y": (20.0, 3.0)}, [("a", "b"), ("x", "y", {"container_id": 1000})]),
    ),
    ("P15", {"a->b"}, drawn({"a": A, "b": B}, [("a", "b", {"container_id": 4711})])),
    (
        "P15",
        set(),
        drawn({"a": A, "b": B, "x": (0.0, 0.1), "y": (20.0, 0.1)}, [("a", "b"), ("x", "y", {"container_id": 1000})]),
    ),
    ("P16", {"K1"}, drawn({"a": A, "b": B, "c": C}, [("a", "b")], consumers=[house(3)])),
    ("P16", {"K1"}, drawn({"a": A, "b": B}, [("a", "b", {"width_mm": 900.0})], consumers=[house(1)])),
    ("P16", {None}, drawn({"a": A, "b": B}, [("a", "b")], consumers=[house(None)])),
    ("P16", set(), drawn({"a": A, "b": B}, [("a", "b")], consumers=[house(1)])),
    (
        "P17",
        {"a->b"},
        drawn({"a": A, "b": B}, [("a", "b", {"lifecycle_code": "planned", "installed_on": "2001-05-01"})]),
    ),
    (
        "P17",
        {"a->b"},
        drawn({"a": A, "b": B}, [("a", "b", {"lifecycle_code": "in_service", "installed_on": "2190-01-01"})]),
    ),
    ("P17", {"a->b"}, drawn({"a": A, "b": B}, [("a", "b", {"installed_on": "1753-01-01"})])),
    (
        "P17",
        set(),
        drawn({"a": A, "b": B}, [("a", "b", {"lifecycle_code": "in_service", "installed_on": "2001-05-01"})]),
    ),
    ("P17", set(), drawn({"a": A, "b": B}, [("a", "b", {"lifecycle_code": "planned"})])),
    # P21 a casing as wide as its pipe of 200 mm, narrower than one, beside a box it cannot go round, and sound ones
    ("P21", {"a->b"}, drawn({"a": A, "b": B}, [("a", "b", {"casing_mm": 200.0})])),
    ("P21", {"a->b"}, drawn({"a": A, "b": B}, [("a", "b", {"casing_mm": 50.0})])),
    (
        "P21",
        {"a->b"},
        drawn({"a": A, "b": B}, [("a", "b", {"shape_code": "rect", "height_mm": 400.0, "casing_mm": 300.0})]),
    ),
    ("P21", set(), drawn({"a": A, "b": B, "c": C}, [("a", "b", {"casing_mm": 300.0}), ("b", "c")])),
    ("P21", set(), drawn({"a": A, "b": B}, [("a", "b", {"width_mm": None, "height_mm": None, "casing_mm": 100.0})])),
]


@pytest.mark.parametrize(
    ("rule", "expected", "drawing"), CASES, ids=[f"{rule}-{i}" for i, (rule, *_) in enumerate(CASES)]
)
def test_a_rule_speaks_of_what_it_should_and_of_nothing_else(
    rule: str, expected: set[str | None], drawing: Drawing
) -> None:
    assert told(rule, drawing()) == expected


def test_every_rule_has_a_case_where_it_speaks_and_one_where_it_is_silent() -> None:
    speaks = {rule for rule, expected, _ in CASES if expected}
    silent = {rule for rule, expected, _ in CASES if not expected}
    # Rule R40 measures clearances, R37 to R39 compare two surveys: these have cases of their own.
    assert speaks == silent == set(all_rules()) - {"R37", "R38", "R39", "R40"}


def test_a_sound_network_has_nothing_wrong_with_it() -> None:
    points: dict[str, Point] = {
        "works": (0.0, 0.0, {"appurtenance_code": "waterworks"}),
        "v": (20.0, 0.0, {"appurtenance_code": "valve", "valve_state_code": "open"}),
        "t": (40.0, 0.0, {"feature_code": "tee"}),
        "e": (60.0, 0.0, {"feature_code": "end"}),
        "f": (40.0, 20.0, {"feature_code": "end"}),
    }
    lines: list[Line] = [("works", "v"), ("v", "t"), ("t", "e"), ("t", "f")]
    assert findings(draw(points, lines), Rulebook.standard()) == []


@pytest.mark.parametrize(("n_branches", "is_told"), [(25, True), (5, False)])
def test_many_connections_drawn_onto_a_main_are_each_told_and_once_explained(n_branches: int, is_told: bool) -> None:
    points: dict[str, Point] = {"a": (0.0, 0.0), "c": (1000.0, 0.0)}
    points |= {f"n{i}": (10.0 + 20 * i, 0.0) for i in range(n_branches)}
    points |= {f"h{i}": (10.0 + 20 * i, 15.0) for i in range(n_branches)}
    scope = draw(points, [("a", "c"), *((f"n{i}", f"h{i}") for i in range(n_branches))])
    for tile_features in (10**9, 7):
        found = findings(scope, Rulebook.standard().only(["R26"]), tile_features=tile_features)
        notes = [finding for finding in found if finding.feature_key is None]
        assert {finding.feature_key for finding in found} - {None} == {f"n{i}" for i in range(n_branches)}
        assert [note.value for note in notes] == ([str(n_branches)] if is_told else [])
        assert all(note.severity == Severity.INFO and "drawn onto mains" in note.message_en for note in notes)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(-90, 90), st.integers(-90, 90), st.integers(0, 16)), max_size=12, unique=True))
def test_ground_is_told_where_the_median_of_what_lies_around_is_far_from_it(places: list[tuple[int, int, int]]) -> None:
    wanted = set()
    for number, (x, y, quarters) in enumerate(places):
        around = [z / 4 for i, j, z in places if 0 <= np.hypot(i - x, j - y) <= 60 and (i, j, z) != (x, y, quarters)]
        if len(around) >= 4:
            usual = np.median(around)
            spread = 1.4826 * np.median(np.abs(np.array(around) - usual))
            if abs(quarters / 4 - usual) > max(1.5, 5 * spread):
                wanted.add(f"p{number}")
    points: dict[str, Point] = {f"p{i}": (x, y, {"ground_elevation_m": z / 4}) for i, (x, y, z) in enumerate(places)}
    found = findings(draw(points, []), Rulebook.standard().only(["R28"])) if points else []
    assert {finding.feature_key for finding in found} == wanted


def test_a_scope_is_let_go_of_at_once_when_all_rules_have_looked_at_it() -> None:
    gc.collect()
    gc.disable()
    try:
        scope = draw({"a": (0.0, 0.0), "b": (9.0, 0.0), "c": (18.0, 0.1)}, [("a", "b"), ("b", "c")])
        for rule in Rulebook.standard():
            if rule.sees != "survey":
                list(rule.run(Check(rule, scope)))
        left = weakref.ref(scope)
        del scope
        assert left() is None
    finally:
        gc.enable()


def test_an_empty_scope_has_nothing_wrong_with_it() -> None:
    nothing = scope_of(pd.DataFrame(), pd.DataFrame())
    assert findings(nothing, Rulebook.standard()) == []


def severities(rule: str, scope: Scope) -> list[Severity]:
    return [finding.severity for finding in findings(scope, Rulebook.standard().only([rule]))]


def test_only_contradictions_are_errors() -> None:
    reverse = draw({"a": A, "b": B}, [("a", "b"), ("b", "a")])
    beside = draw({"a": A, "b": B}, [("a", "b"), ("b", "a", {"width_mm": 500.0, "height_mm": 500.0})])
    assert severities("R14", reverse) == [Severity.ERROR]
    assert severities("R14", beside) == [Severity.WARNING]
    shared_well = draw({"a": A, "b": (20.0, 0.0, {"class_code": "combined"})}, [("a", "b")], "foul")
    wrong_well = draw({"a": A, "b": (20.0, 0.0, {"class_code": "storm"})}, [("a", "b")], "foul")
    assert severities("P01", shared_well) == [Severity.INFO]
    assert severities("P01", wrong_well) == [Severity.WARNING]
    little = draw({"a": A, "b": B}, [("a", "b", deep(-0.2, 1.0))])
    assert severities("R29", little) == [Severity.WARNING]


def test_supply_and_return_in_one_trench_are_a_note_and_a_third_line_a_fault() -> None:
    pair: list[Line] = [("a", "b"), ("b", "a")]
    assert severities("R14", draw({"a": A, "b": B}, pair, "heat")) == [Severity.INFO]
    three = draw({"a": A, "b": B}, [*pair, ("a", "b", {"source_key": "again"})], "heat")
    assert severities("R14", three) == [Severity.ERROR, Severity.ERROR]


def test_many_small_pieces_without_a_source_are_counted_and_the_large_ones_told() -> None:
    points: dict[str, Point] = {"w": (0.0, -50.0, {"appurtenance_code": "waterworks"}), "x": (20.0, -50.0)}
    points |= {f"p{i}": (30.0 * (i // 2) + 10.0 * (i % 2), 0.0) for i in range(60)}
    points |= {f"q{i}": (10.0 * i, 50.0) for i in range(5)}
    lines: list[Line] = [("w", "x"), *((f"p{i}", f"p{i + 1}") for i in range(0, 60, 2))]
    lines += [(f"q{i}", f"q{i + 1}") for i in range(4)]
    one, rest = sorted(findings(draw(points, lines), Rulebook.standard().only(["P02"])), key=lambda f: f.message_en)
    assert (one.feature_key, one.value) == ("q0->q1", "4")
    assert (rest.feature_key, rest.value) == (None, "30")


def test_a_limit_nobody_has_read_never_blocks(tmp_path: Any) -> None:
    (tmp_path / "city.toml").write_text('[P08]\nseverity = "error"\n')
    book = Rulebook.from_toml(tmp_path / "city.toml").only(["P08"])
    shallow = deep(0.2, 0.2)
    heat, gas = (draw({"a": A, "b": B}, [("a", "b", shallow)], code) for code in ("heat", "gas"))
    (recalled,), (read,) = findings(heat, book), findings(gas, book)
    assert (recalled.severity, recalled.details["to_be_confirmed"]) == (Severity.INFO, True)
    assert "to be confirmed" in recalled.message_en
    assert (read.severity, read.details["to_be_confirmed"]) == (Severity.ERROR, False)
    assert "GB 50028-2006" in read.message_zh


def test_messages_name_the_feature_and_the_numbers_in_both_languages() -> None:
    scope = draw(
        {"J1": A, "J2": (90.0, 0.0)}, [("J1", "J2", {"file": "survey.mdb", "source_sheet": "JSLINE", "source_row": 7})]
    )
    (found,) = findings(scope, Rulebook.standard().only(["R17"]))
    assert found.message_en == "water supply line J1->J2 is 90.0 m long, more than 75 m"
    assert found.message_zh == "给水管线 J1->J2 长 90.0 m，超过 75 m"
    assert (found.file, found.sheet, found.row, found.value, found.limit) == (
        "survey.mdb",
        "JSLINE",
        7,
        "90.00 m",
        "75 m",
    )
    assert (found.x_m, found.y_m) == (EAST_M + 45, NORTH_M)


def test_only_what_the_changeset_touches_is_told() -> None:
    """``a ── t ── c`` stood before; only the line ``c ── d`` is new, so nobody is told of the tee."""
    tee: dict[str, Point] = {"a": A, "t": (20.0, 0.0, {"feature_code": "tee"}), "c": C, "d": (60.0, 0.0)}
    old = {"changed": False}
    points: dict[str, Point] = {key: (p[0], p[1], {**(p[2] if len(p) > 2 else {}), **old}) for key, p in tee.items()}
    lines: list[Line] = [("a", "t", old), ("t", "c", old), ("c", "d", {"changed": True})]
    assert told("R22", draw(points, lines)) == set()
    # ... but a third line taken away from it is a change of the tee.
    assert told("R22", draw(points, lines, disturbed=("t",))) == {"t"}


def test_a_new_pipe_that_meets_an_old_one_is_told_of_the_new() -> None:
    old = {"changed": False}
    points: dict[str, Point] = {"a": (0.0, 0.0, old), "c": (40.0, 0.0, old), "s": (20.0, -9.0), "n": (20.0, 9.0)}
    assert told("R26", draw(points, [("a", "c", old), ("s", "n")])) == {"s->n"}


def test_the_findings_are_the_same_whatever_the_order_of_rows() -> None:
    nodes, segments = frames(*random_network(60, 80, side_m=120.0))
    shuffled = scope_of(nodes.sample(frac=1, random_state=1), segments.sample(frac=1, random_state=2))
    assert findings(scope_of(nodes, segments), Rulebook.standard()) == findings(shuffled, Rulebook.standard())


@settings(deadline=None, max_examples=15, phases=[Phase.explicit, Phase.generate])
@given(st.integers(0, 10**6), st.integers(20, 60), st.sampled_from([200.0, 600.0, 2000.0]))
@example(1071, 20, 200.0)
def test_the_findings_are_the_same_however_the_city_is_cut_into_tiles(seed: int, size: int, side_m: float) -> None:
    scope = scope_of(*frames(*random_network(60, 80, side_m, seed), "foul"))
    whole, tiled = (findings(scope, Rulebook.standard(), tile_features=features) for features in (10**9, size))
    assert list(map(in_any_order, tiled)) == list(map(in_any_order, whole))


def in_any_order(found: Finding) -> dict[str, Any]:
    """A finding whose examples may come in any order."""
    details = {name: sorted(value) if isinstance(value, list) else value for name, value in found.details.items()}
    return {**found.model_dump(), "details": details}


def random_network(
    point_count: int, line_count: int, side_m: float, seed: int = 7
) -> tuple[dict[str, Point], list[Line]]:
    """Points strewn over a square, some in the same place, and lines between any two of them."""
    rng = np.random.default_rng(seed)
    spots = rng.uniform(0, side_m, (point_count, 2)).round(3)
    spots[::7] = spots[3 : 3 + len(spots[::7])]
    features = rng.choice(["tee", "bend", "end", None], point_count)  # type: ignore[arg-type]
    points: dict[str, Point] = {
        f"n{i}": (float(x), float(y), {"feature_code": feature, "ground_elevation_m": 10 + float(x) // 1 % 3})
        for i, ((x, y), feature) in enumerate(zip(spots, features, strict=True))
    }
    near = {i: np.argsort(np.hypot(*(spots - spots[i]).T))[:8] for i in range(point_count)}
    ends = [(int(a), int(rng.choice(near[int(a)]))) for a in rng.integers(0, point_count, line_count)]
    return points, [(f"n{a}", f"n{b}", {"source_key": f"{a}->{b}:{n}"}) for n, (a, b) in enumerate(ends)]


def test_a_dataset_that_lies_elsewhere_is_one_error() -> None:
    far = {f"p{n}": (float(n), -2_400_000.0, {"dataset_id": 7}) for n in range(20)}
    scope = draw({"a": (*A, {"dataset_id": 8}), "b": (0.0, -2_400_000.0, {"dataset_id": 8}), **far}, [])
    found = findings(scope, Rulebook.standard().only(["R06"]))
    (whole,) = [finding for finding in found if finding.feature_key is None]
    assert whole.severity is Severity.ERROR
    assert whole.details == {"count": 20, "first_keys": ["p0", "p1", "p2", "p3", "p4"]}
    assert [finding.feature_key for finding in found if finding.feature_key] == ["b"]


def test_lines_that_their_source_tells_apart_are_only_suspicious() -> None:
    ends = {"a": (*A, {"dataset_id": 7}), "b": (*B, {"dataset_id": 7})}
    twins = {
        "p": (20.0, 0.0, {"appurtenance_code": "pump_station"}),
        "q": (20.0, 0.0, {"appurtenance_code": "pump_station"}),
    }
    parallel = draw(ends, [("a", "b", {"dataset_id": 7}), ("a", "b", {"dataset_id": 7, "source_key": "a->b#2"})])
    pumps = draw({"a": A, **twins}, [("a", "p", {"dataset_id": 7}), ("a", "q", {"dataset_id": 7})])
    other_dataset = draw(ends, [("a", "b", {"dataset_id": 7}), ("a", "b", {"dataset_id": 8, "source_key": "a->b#2"})])
    assert severities("R14", parallel) == [Severity.WARNING]
    assert severities("R14", pumps) == [Severity.WARNING]
    assert severities("R14", other_dataset) == [Severity.ERROR]
