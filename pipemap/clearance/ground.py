"""The ground as clearances and sections ask for it: of the ground models, where they know none as it was surveyed."""

from dataclasses import replace

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from pipemap.clearance.geometry3d import Floats
from pipemap.clearance.site import Segment, Site, chainage
from pipemap.ground.along import ground_between, stations_along
from pipemap.ground.sampling import Terrain

# Surveyed points this near tell the ground at a place.
_REACH_M = 100.0


class Ground:
    """The ground of the models that are loaded; where they know none, that of the surveyed points around a place.

    Between points it runs straight, outside of them it is as high as at the nearest. `known` are the points, x, y and
    elevation, shape (n, 3).
    """

    def __init__(self, known: Floats, terrain: Terrain) -> None:
        self._known, self._terrain = known, terrain
        self._points = shapely.STRtree(shapely.points(known[:, :2]))
        triangles = shapely.get_parts(shapely.delaunay_triangles(shapely.multipoints(known)))
        self._corners = shapely.get_coordinates(triangles, include_z=True).reshape(-1, 4, 3)[:, :3]
        self._triangles = shapely.STRtree(triangles)

    def at(self, plan: Floats) -> Floats:
        """Elevation at places (n, 2); NaN where no ground is known at all."""
        told_m = self._terrain.at(plan)
        return np.where(np.isnan(told_m), self._surveyed(plan), told_m)

    def _surveyed(self, plan: Floats) -> Floats:
        if len(self._known) == 0:
            return np.full(len(plan), np.nan)
        places = shapely.points(plan)
        ground_m: Floats = self._known[self._points.nearest(places), 2]
        row, which = self._triangles.query(places, predicate="intersects")
        ground_m[row] = _between(self._corners[which], plan[row])
        return ground_m


def ground_around(site: Site, place: BaseGeometry) -> Ground:
    """The ground around a place, where no model knows it by what was surveyed within 100 m."""
    return Ground(site.ground_near(place, _REACH_M), site.terrain)


def ground_at(site: Site, plan: Floats) -> Floats:
    """Ground elevation at the places (n, 2) of a line, or at one place, NaN where none is known (`ground_around`)."""
    told_m = site.terrain.at(plan)
    if np.isfinite(told_m).all():
        return told_m
    place = shapely.LineString(plan) if len(plan) > 1 else shapely.Point(plan[0])
    return ground_around(site, place).at(plan)


def ground_along(site: Site, segment: Segment, stations_m: Floats, places: Floats) -> Floats:
    """Ground over places (n, 2) of an axis at some stations; around them where neither model nor nodes tell it."""
    if segment.ground_m is None:
        return ground_at(site, places)
    told_m = site.terrain.at(places)
    return np.where(np.isnan(told_m), np.interp(stations_m, chainage(segment.axis), segment.ground_m), told_m)


def over_models(site: Site, segment: Segment) -> Segment:
    """A segment with the ground of the models every few metres along it, as it is where they know nothing of it.

    A drawn one has its ground already.
    """
    if segment.drawn_ground_m is not None or not site.terrain.models:
        return segment
    ends = np.array([0, len(segment.axis)])
    stations = stations_along(ends, segment.axis, np.array([True]))
    told_m, which = site.terrain.told(stations.xyz[:, :2])
    if np.isnan(told_m).all():
        return segment
    own = segment.ground_m
    ends_m = np.full((1, 2), np.nan) if own is None else own[None, [0, -1]]
    ground_m, accuracy_m = ground_between(stations, ends_m, told_m), site.terrain.accuracy_m(which)
    return replace(segment, axis=stations.xyz, drawn_ground_m=ground_m, ground_accuracy_m=accuracy_m)


def _between(corners: Floats, plan: Floats) -> Floats:
    """Height at places (n, 2) of the planes through three corners (n, 3, 3) each."""
    u, v, w = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0], plan - corners[:, 0, :2]
    area = u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]
    s, t = (w[:, 0] * v[:, 1] - w[:, 1] * v[:, 0]) / area, (u[:, 0] * w[:, 1] - u[:, 1] * w[:, 0]) / area
    height_m: Floats = corners[:, 0, 2] + s * u[:, 2] + t * v[:, 2]
    return height_m
