"""Where in a dig only hands may dig: areas around pipes, from a depth on."""

from collections.abc import Sequence

import shapely

from pipemap.clearance.numbers import known_or
from pipemap.clearance.site import Segment
from schemas.excavation import Dig, Meeting


def hand_dig(
    polygon: shapely.Polygon, dig: Dig, depth_m: float | None, found: Sequence[tuple[Segment, Meeting]]
) -> tuple[float, float | None]:
    """Area in m² and volume in m³ within the hand-dig distance of any pipe, in the dig; no volume without a depth.

    Where zones overlap the one that begins nearest to the ground counts.
    """
    zones = [
        (meeting.hand_dig_from_m, _zone(polygon, dig, segment))
        for segment, meeting in found
        if meeting.hand_dig_from_m is not None
    ]
    covered: shapely.Geometry = shapely.Polygon()
    volume_m3 = 0.0
    for starts_m, zone in sorted(zones, key=lambda each: each[0]):
        fresh = zone.difference(covered)
        volume_m3 += fresh.area * max(0.0, (depth_m or 0.0) - starts_m)
        covered = covered.union(zone)
    return covered.area, None if depth_m is None else volume_m3


def _zone(polygon: shapely.Polygon, dig: Dig, segment: Segment) -> shapely.Geometry:
    return segment.plan.buffer(known_or(segment.half_width_m) + dig.hand_dig_m).intersection(polygon)
