"""Where a line drawn over the map cuts the axes of pipes."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import shapely

from pipemap.clearance.geometry3d import Floats
from pipemap.clearance.site import Segment, chainage


@dataclass(frozen=True)
class Place:
    """Where the line cuts an axis: along the line, share and direction on the axis, and the line's direction."""

    segment: Segment
    station_m: float
    along_axis_m: float
    point: Floats
    way: Floats
    along: Floats

    @property
    def crossing_deg(self) -> float:
        """Acute angle in plan."""
        ahead = abs(float(self.along @ self.way[:2])) / math.hypot(self.way[0], self.way[1])
        return math.degrees(math.acos(min(1.0, ahead)))


def places_on(drawn: shapely.LineString, segments: Sequence[Segment]) -> Iterator[Place]:
    """Every place where a line in plan cuts the axis of a segment, segment by segment."""
    corners, starts_m = shapely.get_coordinates(drawn), chainage(shapely.get_coordinates(drawn))
    for segment in segments:
        seen: set[float] = set()
        for at in range(len(corners) - 1):
            for place in _on_piece(segment, corners[at], corners[at + 1], float(starts_m[at])):
                # A vertex of the axis or of the line lies on two pieces and is one cut.
                if round(place.station_m, 6) not in seen:
                    seen.add(round(place.station_m, 6))
                    yield place


def _on_piece(segment: Segment, start: Floats, end: Floats, start_m: float) -> Iterator[Place]:
    """Where one straight piece of the line meets the axis; pieces of the axis within the line are not cut."""
    axis, along_m = segment.axis, chainage(segment.axis)
    way, ways = end - start, np.diff(axis, axis=0)
    area = way[0] * ways[:, 1] - way[1] * ways[:, 0]
    gap = axis[:-1, :2] - start
    with np.errstate(divide="ignore", invalid="ignore"):
        on_line = (gap[:, 0] * ways[:, 1] - gap[:, 1] * ways[:, 0]) / area
        on_axis = (gap[:, 0] * way[1] - gap[:, 1] * way[0]) / area
    meets = (np.abs(area) > 1e-9) & (on_line >= 0) & (on_line <= 1) & (on_axis >= 0) & (on_axis <= 1)
    length_m = float(np.linalg.norm(way))
    for row in np.flatnonzero(meets).tolist():
        share = float(on_axis[row])
        yield Place(
            segment,
            start_m + float(on_line[row]) * length_m,
            float(along_m[row]) + share * float(np.linalg.norm(ways[row, :2])),
            axis[row] + share * ways[row],
            ways[row],
            way / length_m,
        )
