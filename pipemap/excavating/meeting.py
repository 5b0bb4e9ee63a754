"""Each pipe against a dig: met, under its floor, beside it, or nobody can tell."""

import math
from dataclasses import dataclass

import numpy as np
import shapely

from pipemap.clearance.geometry3d import Floats
from pipemap.clearance.ground import ground_along
from pipemap.clearance.numbers import known, known_or
from pipemap.clearance.site import Segment, Site, chainage
from schemas.excavation import Dig, Meeting, MeetingState

# Ground between nodes runs straight; along a long axis without their heights it is asked for in such steps.
_STEP_M = 5.0


@dataclass(frozen=True)
class Body:
    """The dig in plan and height."""

    polygon: shapely.Polygon
    dig: Dig

    def floor_m(self, ground_m: Floats) -> Floats:
        """Elevation of the floor under places of known ground."""
        if self.dig.depth_m is not None:
            return ground_m - self.dig.depth_m
        return np.full(len(ground_m), self.dig.z_min_m)

    def roof_m(self, ground_m: Floats) -> Floats:
        """Elevation of the top of the dig: the ground, or that of the body."""
        return np.full(len(ground_m), self.dig.z_max_m) if self.dig.depth_m is None else ground_m


@dataclass(frozen=True)
class _Part:
    """A part of a pipe: places (n, 2), and ground and axis there."""

    places: Floats
    ground_m: Floats
    axis_m: Floats


def met_by(site: Site, body: Body, segment: Segment) -> Meeting | None:
    """How a pipe stands to the dig; None when it is farther away than the hand-dig distance."""
    half_m = known_or(segment.half_width_m)
    aside_m = max(0.0, segment.plan.distance(body.polygon) - half_m)
    if aside_m > body.dig.hand_dig_m:
        return None
    part = _part(site, segment, body.polygon, half_m)
    state, gap_m = _judged(body, segment, part, aside_m)
    reach = _reach(segment, part)
    return Meeting(
        segment_id=segment.feature_id,
        **{name: segment.row[name] for name in ("source_key", "class_code", "shape_code")},
        **{name: segment.row[name] for name in ("owner", "material_code", "lifecycle_code", "width_mm", "height_mm")},
        is_live=segment.is_live,
        state=state,
        inside_m=shapely.intersection(segment.plan, body.polygon).length,
        starts_at_m=reach[0],
        ends_at_m=reach[1],
        gap_m=gap_m,
        hand_dig_from_m=_hand_dig_from(body, state, gap_m, reach[0]),
        is_size_known=not math.isnan(segment.half_height_m + segment.half_width_m),
        accuracy_m=round(segment.vertical_accuracy_m, 3),
        point=_middle(part),
    )


def _part(site: Site, segment: Segment, polygon: shapely.Polygon, half_m: float) -> _Part:
    """The part of the axis whose walls lie over the dig, at every vertex and step, and its place nearest to the dig."""
    inside = shapely.segmentize(shapely.intersection(segment.plan, polygon.buffer(half_m)), _STEP_M)
    nearest = shapely.get_coordinates(shapely.shortest_line(segment.plan, polygon))[:1]
    points = shapely.points(np.vstack([shapely.get_coordinates(inside), nearest]))
    stations = np.unique(shapely.line_locate_point(segment.plan, points))
    along_m = chainage(segment.axis)
    x, y, z = (np.interp(stations, along_m, segment.axis[:, column]) for column in range(3))
    places = np.column_stack([x, y])
    return _Part(places, ground_along(site, segment, stations, places), z)


def _judged(body: Body, segment: Segment, part: _Part, aside_m: float) -> tuple[MeetingState, float | None]:
    half_m = known_or(segment.half_height_m)
    down_m = body.floor_m(part.ground_m) - (part.axis_m + half_m)
    up_m = (part.axis_m - half_m) - body.roof_m(part.ground_m)
    gaps_m = np.maximum(down_m, up_m)
    if np.isnan(gaps_m).any():
        return "cannot_tell", aside_m if aside_m > 0 else None
    gap_m = max(0.0, float(gaps_m.min()))
    if aside_m > 0:
        return "beside", math.hypot(aside_m, gap_m)
    return ("met", 0.0) if gaps_m.min() < 0 else ("under", gap_m)


def _reach(segment: Segment, part: _Part) -> tuple[float | None, float | None]:
    """Depths below the ground from the top at its shallowest to the bottom at its deepest."""
    depth_m, half_m = part.ground_m - part.axis_m, known_or(segment.half_height_m)
    if np.isnan(depth_m).any():
        return None, None
    return float(depth_m.min()) - half_m, float(depth_m.max()) + half_m


def _hand_dig_from(body: Body, state: MeetingState, gap_m: float | None, starts_at_m: float | None) -> float | None:
    """From the ground on where the depth is not known; else from so far over its top."""
    if state != "cannot_tell" and (gap_m is None or gap_m >= body.dig.hand_dig_m):
        return None
    return 0.0 if starts_at_m is None else max(0.0, starts_at_m - body.dig.hand_dig_m)


def _middle(part: _Part) -> tuple[float, float, float | None]:
    at = len(part.places) // 2
    z = float(part.axis_m[at])
    return float(part.places[at, 0]), float(part.places[at, 1]), known(z)
