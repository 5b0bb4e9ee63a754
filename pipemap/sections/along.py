"""A drawn pipe in the section along its own line, where it is seen from the side, and what crosses it there."""

import math
from collections.abc import Collection, Iterator, Sequence

import numpy as np
import shapely

from pipemap.clearance.geometry3d import Floats
from pipemap.clearance.numbers import known
from pipemap.clearance.rules import strictest
from pipemap.clearance.site import Segment
from pipemap.sections.dimensions import cover_limit_m
from pipemap.sections.places import Place
from schemas.sections import CutStructure, DrawnAlong, VerticalGap

# The number of the drawn pipe where it is not cut but lies in the plane.
DRAWN_NUMBER = 0
_IN_PLANE_M = 0.001


def lies_along(asked: Segment, drawn: shapely.LineString) -> bool:
    """Whether a pipe lies in the plane of a line from end to end."""
    return bool(asked.plan.within(drawn.buffer(_IN_PLANE_M)))


def drawn_along(asked: Segment, drawn: shapely.LineString, structures: Sequence[CutStructure]) -> DrawnAlong:
    """The drawn pipe from the side, with its least cover."""
    stations, axis_z = _from_the_left(asked, drawn, asked.axis[:, 2])
    told = DrawnAlong(
        class_code=asked.row["class_code"],
        shape_code=asked.row["shape_code"],
        width_mm=asked.row["width_mm"],
        height_mm=asked.row["height_mm"],
        axis=tuple(zip(stations.tolist(), axis_z.tolist(), strict=True)) if asked.has_elevation else (),
        half_height_m=asked.half_height_m,
        is_cased=asked.is_cased,
    )
    ground_m = asked.ground_m
    if ground_m is None or not told.axis:
        return told
    _, over_m = _from_the_left(asked, drawn, ground_m - asked.axis[:, 2] - asked.half_height_m)
    here = int(over_m.argmin())
    at_m = float(stations[here])
    covered = {
        "cover_at_m": at_m,
        "cover_depth_m": float(over_m[here]),
        "cover_limit_m": cover_limit_m(asked.party, at_m, structures),
    }
    return told.model_copy(update=covered)


def gaps_along(
    asked: Segment, drawn: shapely.LineString, places: Sequence[Place], together: Collection[tuple[int, int]]
) -> Iterator[VerticalGap]:
    """Clear height between the drawn pipe and each live one it crosses, those lying `together` with it left out."""
    stations, axis_z = _from_the_left(asked, drawn, asked.axis[:, 2])
    for number, place in enumerate(places, 1):
        inside = stations[0] <= place.station_m <= stations[-1]
        if place.segment.is_live and inside and (DRAWN_NUMBER, number) not in together:
            own_z = float(np.interp(place.station_m, stations, axis_z))
            gap = _gap(asked, own_z, place, number)
            if gap is not None:
                yield gap


def _gap(asked: Segment, own_z: float, place: Place, number: int) -> VerticalGap | None:
    sides = [(DRAWN_NUMBER, own_z, asked.half_height_m), (number, float(place.point[2]), place.segment.half_height_m)]
    if math.isnan(sum(z + half_m for _, z, half_m in sides)):
        return None
    lower, upper = sorted(sides, key=lambda side: side[1])
    limit = strictest("vertical", asked.party, place.segment.party)
    top_z, bottom_z = lower[1] + lower[2], upper[1] - upper[2]
    return VerticalGap(
        upper=upper[0],
        lower=lower[0],
        station_m=place.station_m,
        from_z_m=top_z,
        to_z_m=bottom_z,
        clear_m=bottom_z - top_z,
        limit_m=None if limit is None else known(limit.min_m),
    )


def _from_the_left(asked: Segment, drawn: shapely.LineString, values: Floats) -> tuple[Floats, Floats]:
    """Where along the line each vertex of the pipe lies, and its value, whichever end it was drawn from."""
    stations = shapely.line_locate_point(drawn, shapely.points(asked.axis[:, :2]))
    order = np.argsort(stations, kind="stable")
    return stations[order], values[order]
