"""Coordinate reference systems of questions: known ones only, and only for places where the map can be.

x is easting or longitude, y northing or latitude, in every system.
"""

import math
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import TypeAlias, TypeVar

import shapely
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError as ProjError
from shapely.geometry.base import BaseGeometry

from pipemap.errors import CrsError, UsageError

Bounds: TypeAlias = tuple[float, float, float, float]
Drawn = TypeVar("Drawn", bound=BaseGeometry)

# Areas of use end at zone borders; surveys do not.
_MARGIN_DEG = 0.5
# Into so many pieces of one length a polygon's rings are cut before they are transformed.
_PIECES = 128
# So many points of each side of a box are brought along with its corners.
_BOUND_STEPS = 4
# Far beyond every projected system, a zone's number before its eastings included.
_FARTHEST = 1e9


@cache
def is_geographic(srid: int) -> bool:
    """Whether a CRS is in degrees; CrsError when there is no such CRS."""
    return _crs(srid).is_geographic


def check_in_use(bounds: Bounds, srid: int, project_srid: int) -> None:
    """Refuse a place wholly outside of where the project CRS is used: an empty answer to it would be no all-clear.

    Parameters
    ----------
    bounds
        min x, min y, max x, max y of the place in the CRS `srid`.

    Raises
    ------
    CrsError
        Usually the numbers are of another CRS than the one named, or taken for the project's.
    """
    if not all(abs(number) <= _FARTHEST for number in bounds):
        raise CrsError("A place has coordinates that no coordinate reference system has.")
    area = area_of_use(srid, project_srid)
    if area is None:
        return
    min_x, min_y, max_x, max_y = bounds
    west, south, east, north = area
    across = min_x <= east and max_x >= west if west <= east else min_x <= east or max_x >= west
    if not (across and min_y <= north and max_y >= south):
        raise CrsError(
            f"Read in EPSG:{srid}, the place at {min_x:g}, {min_y:g} lies outside of where EPSG:{project_srid}, the "
            "system of this map, is used; give coordinates of that system or, where the question takes a crs, name "
            "theirs: EPSG:4326 for degrees, longitude first."
        )


def within_use(box: Bounds, srid: int, project_srid: int) -> Bounds:
    """The part of a box in which the project CRS is used; one without any shrinks to the edge, where nothing is.

    A box around the whole world cannot be brought to a projected system, but what lies in it can be told.
    """
    area = None if srid == project_srid else area_of_use(srid, project_srid)
    if area is None:
        return box
    west, south, east, north = area
    min_x, max_x = (min(max(x, west), east) for x in (box[0], box[2]))
    min_y, max_y = (min(max(y, south), north) for y in (box[1], box[3]))
    return min_x, min_y, max_x, max_y


def bounds_in_project(box: Bounds, srid: int, project_srid: int) -> Bounds:
    """About what a box spans in the project CRS; infinite where it cannot be brought there."""
    if srid == project_srid:
        return box
    spanned: Bounds = transformer(srid, project_srid).transform_bounds(*box, densify_pts=_BOUND_STEPS)
    return spanned


def polygon_in_project(polygon: Drawn, srid: int, project_srid: int) -> Drawn:
    """A polygon brought to the project CRS, its edges staying straight in their own; CrsError as `check_in_use`."""
    check_in_use(polygon.bounds, srid, project_srid)
    if srid == project_srid:
        return polygon
    # By its length and not its area: of a sliver that would make millions of points.
    dense = shapely.segmentize(polygon, polygon.length / _PIECES)
    change = transformer(srid, project_srid).transform
    brought: Drawn = shapely.transform(dense, change, interleaved=False)
    # One that is too large may come out folded, as a dig that meets nothing.
    if not all(map(math.isfinite, brought.bounds)) or (polygon.is_valid and not brought.is_valid):
        raise CrsError(f"The polygon reaches beyond where EPSG:{srid} can be transformed to EPSG:{project_srid}.")
    return brought


def line_in_project(line: shapely.LineString, srid: int, project_srid: int) -> shapely.LineString:
    """A line brought to the project CRS vertex by vertex; CrsError as `check_in_use`."""
    check_in_use(line.bounds, srid, project_srid)
    if srid == project_srid:
        return line
    change = transformer(srid, project_srid).transform
    brought: shapely.LineString = shapely.transform(line, change, interleaved=False)
    if not all(map(math.isfinite, brought.bounds)):
        raise CrsError(f"The line reaches beyond where EPSG:{srid} can be transformed to EPSG:{project_srid}.")
    return brought


def drawn_line_in_project(
    line: shapely.LineString, srid: int, project_srid: int, longest_m: float
) -> shapely.LineString:
    """A line that somebody draws, as `line_in_project`; UsageError when it is longer than such a line may be."""
    drawn = line_in_project(line, srid, project_srid)
    if not drawn.length <= longest_m:
        most_km, length_km = longest_m / 1000, drawn.length / 1000
        raise UsageError(
            f"A drawn line is at most {most_km:g} km long; this one has {length_km:.1f} km.",
            message_zh=f"绘制的线最长 {most_km:g} 公里，现为 {length_km:.1f} 公里。",
        )
    return drawn


def places_in_project(places: Sequence[tuple[float, float]], srid: int, project_srid: int) -> list[tuple[float, float]]:
    """Places brought to the project CRS; CrsError as `check_in_use`, for any that is far off."""
    for x, y in places:
        check_in_use((x, y, x, y), srid, project_srid)
    if srid == project_srid:
        return list(places)
    change = transformer(srid, project_srid).transform
    return [change(x, y) for x, y in places]


@cache
def _crs(srid: int) -> CRS:
    try:
        return CRS.from_epsg(srid)
    except ProjError as error:
        raise CrsError(f"EPSG:{srid} is not a known coordinate reference system.") from error


@lru_cache(64)
def transformer(srid: int, other_srid: int) -> Transformer:
    """From one system to another, found by their numbers; CrsError when there is no such CRS.

    To find a system among others it is written out each time, which takes as long as to find a page.
    """
    return Transformer.from_crs(_crs(srid), _crs(other_srid), always_xy=True)


@cache
def area_of_use(srid: int, project_srid: int) -> Bounds | None:
    """Where the project CRS is used, as bounds in the CRS `srid`; None when nobody knows, as for a local grid."""
    area = _crs(project_srid).area_of_use if project_srid else None
    geodetic = _crs(project_srid).geodetic_crs if area else None
    if area is None or geodetic is None:
        return None
    south, north = max(area.south - _MARGIN_DEG, -90.0), min(area.north + _MARGIN_DEG, 90.0)
    to_srid = Transformer.from_crs(geodetic, _crs(srid), always_xy=True)
    bounds: Bounds = to_srid.transform_bounds(area.west - _MARGIN_DEG, south, area.east + _MARGIN_DEG, north)
    return bounds if all(map(math.isfinite, bounds)) else None
