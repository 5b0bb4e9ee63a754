"""Clearance of a pipe that somebody draws: against everything near its line in one version of the map."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely

from pipemap.clearance.casings import check_casing
from pipemap.clearance.core import distances_between
from pipemap.clearance.geometry3d import Floats
from pipemap.clearance.ground import ground_at
from pipemap.clearance.numbers import WIDEST_NEIGHBOUR_M, known, known_or
from pipemap.clearance.questions import answer_about
from pipemap.clearance.site import DRAWN_ID, DRAWN_NODES, Segment, Site, as_pipes
from pipemap.crs import drawn_line_in_project
from pipemap.db import Connection
from pipemap.errors import UsageError
from pipemap.pages import Version
from schemas.clearance import ClearanceAnswer, DrawnPipe
from schemas.codetables import code_table

# A line given by its cover follows the ground in such steps.
_GROUND_STEP_M = 20.0
# No pipe is drawn in one piece that is longer.
_LONGEST_M = 100_000.0


@dataclass(frozen=True)
class Neighbour:
    """A pipe near a drawn line.

    `space_m` is between outer walls in 3D, negative where the bodies intersect, NaN where an elevation is not known;
    `plan_m` between outer walls in plan, negative where one lies over the other. Sizes that are not known count as
    nothing. `station_m` is where along the line, in plan. `nearest` are the nearest places of both axes (3,).
    """

    segment: Segment
    space_m: float
    plan_m: float
    station_m: float
    nearest: tuple[Floats, Floats]

    @property
    def distance_m(self) -> float:
        """Between outer walls, in space where both elevations are known, else in plan."""
        return self.plan_m if math.isnan(self.space_m) else self.space_m


def line_clearance(
    connection: Connection, pipe: DrawnPipe, version: Version = None, line_srid: int | None = None
) -> ClearanceAnswer:
    """Everything too near a drawn pipe: other pipes, structures beside it, and the ground above.

    The line is given in `line_srid` (the project CRS when None) and answered in the project CRS. Raises UsageError
    for a line or attributes that make no sense, CrsError as `polygon_clearance`.
    """
    site = Site(connection, version)
    drawn = drawn_segment(site, pipe, line_srid)
    axis = tuple((x, y, known(z)) for x, y, z in drawn.axis.tolist())
    return answer_about(site, drawn).model_copy(update={"drawn_axis": axis})


def line_neighbours(
    connection: Connection,
    pipe: DrawnPipe,
    within_m: float,
    version: Version = None,
    line_srid: int | None = None,
    class_codes: Sequence[str] = (),
) -> list[Neighbour]:
    """Every live pipe in the ground whose wall is within a distance of a drawn pipe's wall, along the line.

    The distance is in space where both elevations are known, else in plan. `class_codes` keeps only these classes.
    """
    site = Site(connection, version)
    return neighbours_of(site, drawn_segment(site, pipe, line_srid), within_m, class_codes)


def neighbours_of(site: Site, asked: Segment, within_m: float, class_codes: Sequence[str] = ()) -> list[Neighbour]:
    """As `line_neighbours`, of a segment in the map or a drawn one."""
    half_m = known_or(asked.half_width_m)
    near = site.neighbours(asked.plan, within_m + half_m + WIDEST_NEIGHBOUR_M)
    others = [
        found
        for found in near
        if found.feature_id != asked.feature_id and (not class_codes or found.row["class_code"] in class_codes)
    ]
    right = np.arange(1, len(others) + 1)
    found = distances_between(as_pipes([asked, *others]), np.zeros_like(right), right)
    stations_m = shapely.line_locate_point(asked.plan, shapely.points(found.near_left[:, :2]))
    columns = found.space_m.tolist(), found.plan_m.tolist(), stations_m.tolist()
    places = zip(found.near_left, found.near_right, strict=True)
    neighbours = [Neighbour(*each) for each in zip(others, *columns, places, strict=True)]
    near_enough = [each for each in neighbours if each.distance_m <= within_m]
    return sorted(near_enough, key=lambda each: each.station_m)


def drawn_segment(site: Site, pipe: DrawnPipe, line_srid: int | None = None) -> Segment:
    """The segment a drawn pipe would be, its cover turned into elevations by the ground there (`ground_at`)."""
    _check(pipe)
    srid = site.srid if line_srid is None else line_srid
    line = drawn_line_in_project(shapely.LineString([at[:2] for at in pipe.line]), srid, site.srid, _LONGEST_M)
    heights = np.array([at[2] for at in pipe.line]) if len(pipe.line[0]) == 3 else None
    plan = shapely.get_coordinates(line if heights is not None else shapely.segmentize(line, _GROUND_STEP_M))
    ground_m = ground_at(site, plan)
    own = pipe.width_mm / 2000, (pipe.height_mm or pipe.width_mm) / 2000
    outer, cased = (own, None) if pipe.casing_mm is None else ((pipe.casing_mm / 2000, pipe.casing_mm / 2000), own)
    if heights is None:
        heights = ground_m - (math.nan if pipe.cover_depth_m is None else pipe.cover_depth_m) - outer[1]
    axis = np.column_stack([plan, heights])
    return Segment(_row(pipe, ground_m), axis, *outer, 0.0, 0.0, cased, ground_m, site.limits)


def _check(pipe: DrawnPipe) -> None:
    if len({at[:2] for at in pipe.line}) < 2:
        raise UsageError("A drawn line needs at least two different points.")
    if len({len(at) for at in pipe.line}) > 1:
        raise UsageError("Give the elevation of every point of the line, or of none.")
    if len(pipe.line[0]) == 3 and pipe.cover_depth_m is not None:
        raise UsageError("Give the elevations of the line or its cover, not both.")
    check_casing(pipe.casing_mm, pipe.width_mm, pipe.height_mm)
    for table, code in (
        ("utility_class", pipe.class_code),
        ("burial", pipe.burial_code),
        ("pressure", pipe.pressure_code),
    ):
        if code is not None and code not in code_table(table):
            raise UsageError(f"{code} is not in the code table {table}, which knows {', '.join(code_table(table))}.")


def _row(pipe: DrawnPipe, ground_m: Floats) -> dict[str, Any]:
    told_m = [known(value) for value in (ground_m[0], ground_m[-1])]
    return {
        "feature_id": DRAWN_ID, "source_key": "", "class_code": pipe.class_code, "shape_code": pipe.shape_code,
        "from_node_id": pipe.from_node_id or DRAWN_NODES[0], "to_node_id": pipe.to_node_id or DRAWN_NODES[1],
        "container_id": None,
        "width_mm": pipe.width_mm, "height_mm": pipe.height_mm or pipe.width_mm, "burial_code": pipe.burial_code,
        "pressure_code": pipe.pressure_code, "pressure_mpa": pipe.pressure_mpa, "voltage_kv": pipe.voltage_kv,
        "lifecycle_code": "planned", "elevation_source_code": "measured",
        "from_ground_m": told_m[0], "to_ground_m": told_m[1],
        "from_ground_accuracy_m": None, "to_ground_accuracy_m": None,
    }  # fmt: skip
