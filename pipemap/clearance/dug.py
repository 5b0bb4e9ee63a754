"""Clearance of a body to be dug or built, a polygon from one elevation to another, against everything near it.

The walls of the body are measured like a pipe: a box of no width that runs around every ring, as high as the body.
What has its axis in the polygon is beside no wall and is compared by heights alone.
"""

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from pipemap.clearance.answer import Pair, answered, cannot_tell, compared, conflict
from pipemap.clearance.core import distances_between
from pipemap.clearance.geometry3d import Floats
from pipemap.clearance.measuring import STEEPEST
from pipemap.clearance.numbers import LARGEST_UNKNOWN_HALF_M, TOLERANCE_M, WIDEST_NEIGHBOUR_M, known_or
from pipemap.clearance.questions import nearest_places
from pipemap.clearance.rules import Limit, Party, strictest, widest
from pipemap.clearance.site import DRAWN_ID, DRAWN_NODES, Segment, Site, Structure, as_pipes, chainage
from pipemap.clearance.words import Name
from pipemap.crs import polygon_in_project
from pipemap.db import Connection
from pipemap.errors import UsageError
from pipemap.pages import Version
from pipemap.projects import read_project
from schemas.clearance import CannotTell, ClearanceAnswer, Conflict, ConflictKind
from schemas.codetables import code_table


def polygon_clearance(
    connection: Connection,
    polygon: shapely.Polygon,
    z_min_m: float,
    z_max_m: float,
    class_code: str | None = None,
    version: Version = None,
    polygon_srid: int | None = None,
) -> ClearanceAnswer:
    """Everything that a body meets, or, for a planned utility of `class_code`, that is too near to it.

    The body is a polygon from one elevation to another, given in `polygon_srid` (the project CRS when None) and
    answered in the project CRS. Without a class only collisions count. Raises CrsError for a polygon wholly
    outside of where the project CRS is used, as one in degrees is that is taken for metres.
    """
    _check_body(polygon, z_min_m, z_max_m, class_code)
    srid = read_project(connection).srid
    polygon = polygon_in_project(polygon, srid if polygon_srid is None else polygon_srid, srid)
    site = Site(connection, version)
    planned = code_table("utility_class")[class_code].fields["clearance_class"] if class_code else None
    party = Party(planned, limits=site.limits) if planned else None
    reach_m = (widest("horizontal", party) if party else 0.0) + WIDEST_NEIGHBOUR_M
    segments, structures = site.neighbours(polygon, reach_m), site.structures(polygon, reach_m)
    body = Body(polygon, z_min_m, z_max_m, party)
    found = [*body.against_segments(segments), *map(body.against_structure, structures)]
    return answered(site.version, None, [], [], found, len(segments) + len(structures))


class Body:
    """A body in the ground: a polygon in plan from one elevation to another, for a utility or to be dug."""

    def __init__(self, polygon: shapely.Polygon, low_m: float, high_m: float, party: Party | None) -> None:
        self._polygon = polygon
        self._low_m, self._high_m = low_m, high_m
        self._party = party
        self._name = Name("the body", "所查范围")
        self._grown = lru_cache(polygon.buffer)

    def against_segments(self, others: Sequence[Segment]) -> Iterator[Conflict | CannotTell]:
        """What is found of each pipe that is too near, or that cannot be judged."""
        plans = np.array([other.plan for other in others], dtype=object)
        is_inside = shapely.intersects(self._polygon, plans)
        for other, inside, (plan_m, space_m) in zip(others, is_inside.tolist(), self._off_walls(others), strict=True):
            over = inside or plan_m < 0
            found = self._over(other, inside, space_m) if over else self._beside(other, plan_m)
            if found is not None:
                yield found

    def against_structure(self, other: Structure) -> Conflict | CannotTell | None:
        """What is found of a structure."""
        pair = Pair(None, self._name, other)
        distance_m = float(other.outline.distance(self._polygon))
        nearest = nearest_places(self._polygon, other.outline, None)
        if distance_m > 0:
            limit = strictest("horizontal", self._party, other.party) if self._party and other.party else None
            return None if limit is None else compared(ConflictKind.HORIZONTAL, pair, limit, distance_m, nearest, None)
        if other.party is None:
            return None
        base_m = other.row["base_elevation_m"]
        if base_m is None:
            return cannot_tell(ConflictKind.COLLISION, pair, ["other.elevation"])
        gap_m = float(base_m) - self._high_m
        return conflict(ConflictKind.COLLISION, pair, None, gap_m, nearest) if gap_m < -TOLERANCE_M else None

    def _off_walls(self, others: Sequence[Segment]) -> list[tuple[float, float]]:
        """How far the outer wall of each pipe is from the walls of the body, in plan and in space."""
        walls = [self._wall(ring) for ring in (self._polygon.exterior, *self._polygon.interiors)]
        pipes = as_pipes([*walls, *others])
        wall, other = np.divmod(np.arange(len(walls) * len(others)), max(len(others), 1))
        apart = distances_between(pipes, wall, other + len(walls))
        plan_m, space_m = (by.reshape(len(walls), -1).min(axis=0) for by in (apart.plan_m, apart.space_m))
        return list(zip(plan_m.tolist(), space_m.tolist(), strict=True))

    def _wall(self, ring: shapely.LinearRing) -> Segment:
        plan = shapely.get_coordinates(ring)
        axis = np.column_stack([plan, np.full(len(plan), (self._low_m + self._high_m) / 2)])
        row = {
            **dict.fromkeys(("burial_code", "pressure_code", "pressure_mpa", "width_mm", "voltage_kv", "container_id")),
            **dict(zip(("from_node_id", "to_node_id"), DRAWN_NODES, strict=True)),
            **{"feature_id": DRAWN_ID, "class_code": "", "shape_code": "rect"},
        }
        return Segment(row, axis, 0.0, (self._high_m - self._low_m) / 2, 0.0, 0.0)

    def _beside(self, other: Segment, plan_m: float) -> Conflict | CannotTell | None:
        pair = Pair(None, self._name, other)
        limit = strictest("horizontal", self._party, other.party) if self._party else None
        unknown_half = "other.width_mm" if math.isnan(other.half_width_m) else None
        if limit is None:
            # A pipe of unknown width may still reach into the body.
            could_meet = unknown_half is not None and plan_m < LARGEST_UNKNOWN_HALF_M
            return cannot_tell(ConflictKind.COLLISION, pair, ["other.width_mm"]) if could_meet else None
        nearest = nearest_places(self._polygon, other.plan, other)
        return compared(ConflictKind.HORIZONTAL, pair, limit, plan_m, nearest, unknown_half, LARGEST_UNKNOWN_HALF_M)

    def _over(self, other: Segment, is_inside: bool, walls_m: float) -> Conflict | CannotTell | None:
        """The pipe runs through, above or below the body: only heights can keep them apart."""
        pair = Pair(None, self._name, other)
        if not other.has_elevation:
            return cannot_tell(ConflictKind.VERTICAL, pair, ["other.elevation"])
        gap_m, place = self._least_gap(other, self._grown(known_or(other.half_width_m)))
        within_m = self._least_gap(other, self._polygon)[0] if is_inside else math.inf
        nearest = np.array([*place[:2], np.clip(place[2], self._low_m, self._high_m)]), place
        unknown_half = "other.height_mm" if math.isnan(other.half_height_m) else None
        if min(within_m, walls_m) < -TOLERANCE_M:
            depth_m = gap_m if is_inside else max(gap_m, walls_m)
            return conflict(ConflictKind.COLLISION, pair, None, depth_m, nearest, at_most=unknown_half is not None)
        # The flank of a pipe may lie under the edge of the body though its crown is higher.
        apart_m = gap_m if gap_m >= 0 else max(0.0, walls_m)
        limit = strictest("vertical", self._party, other.party) if self._party else None
        limit = limit or Limit(0.0, "COLLISION", "", "", "verified_1")
        return compared(ConflictKind.VERTICAL, pair, limit, apart_m, nearest, unknown_half, LARGEST_UNKNOWN_HALF_M)

    def _least_gap(self, other: Segment, area: BaseGeometry) -> tuple[float, Floats]:
        """The least vertical gap over an area, negative where the heights overlap, and the place on the axis."""
        inside, half_m = _part_over(other, area, (self._low_m + self._high_m) / 2)
        gaps_m = np.maximum(self._low_m - (inside[:, 2] + half_m), (inside[:, 2] - half_m) - self._high_m)
        here = int(gaps_m.argmin())
        return float(gaps_m[here]), inside[here]


def _part_over(segment: Segment, area: BaseGeometry, level_m: float) -> tuple[Floats, Floats]:
    """Places (v, 3) of the part of an axis over an area, half the height of the pipe there as the second.

    They are its vertices, and where it passes a level: nothing else can be the nearest to a body around that level.
    """
    plan, along_m, z_m = segment.plan, chainage(segment.axis), segment.axis[:, 2]
    stations = [_stations(plan, part, along_m, z_m - level_m) for part in _parts_in(plan, area)]
    at = np.concatenate(stations) if stations else np.array([plan.project(shapely.Point(area.centroid))])
    part = np.stack([np.interp(at, along_m, segment.axis[:, axis]) for axis in range(3)], axis=1)
    return part, known_or(segment.half_height_m) * _steepness(segment, along_m, at)


def _parts_in(plan: shapely.LineString, area: BaseGeometry) -> list[BaseGeometry]:
    return [part for part in shapely.get_parts(shapely.intersection(plan, area)) if not part.is_empty]


def _stations(plan: shapely.LineString, part: BaseGeometry, along_m: Floats, over_m: Floats) -> Floats:
    """Where along an axis the vertices of a part of it lie, and where between them it passes a level."""
    at = np.sort(shapely.line_locate_point(plan, shapely.points(shapely.get_coordinates(part))))
    over = np.interp(at, along_m, over_m)
    passes = np.flatnonzero(over[:-1] * over[1:] < 0)
    share = over[passes] / (over[passes] - over[passes + 1])
    return np.concatenate([at, at[passes] + share * (at[passes + 1] - at[passes])])


def _steepness(segment: Segment, along_m: Floats, stations: Floats) -> Floats:
    """By how much a round pipe is higher than wide where it slopes; of the steeper piece at a vertex."""
    if not segment.is_round:
        return np.ones(len(stations))
    ways = np.diff(segment.axis, axis=0)
    plan_m = np.maximum(np.hypot(ways[:, 0], ways[:, 1]), 1e-9)
    factor = np.clip(np.hypot(plan_m, ways[:, 2]) / plan_m, 1.0, STEEPEST)
    before, after = (np.searchsorted(along_m, stations, side) - 1 for side in ("left", "right"))
    return np.asarray(factor[np.stack([before, after]).clip(0, len(factor) - 1)].max(axis=0))


def _check_body(polygon: shapely.Polygon, z_min_m: float, z_max_m: float, class_code: str | None) -> None:
    if polygon.is_empty or not polygon.is_valid or polygon.area == 0:
        raise UsageError("The polygon must be closed, must not cross itself and must have an area.")
    if not (math.isfinite(z_min_m) and math.isfinite(z_max_m) and z_min_m < z_max_m):
        raise UsageError("The body needs a lower elevation below its upper one.")
    if class_code is not None and class_code not in code_table("utility_class"):
        known_codes = ", ".join(code_table("utility_class"))
        raise UsageError(f"{class_code} is not a utility class; the classes are {known_codes}.")
