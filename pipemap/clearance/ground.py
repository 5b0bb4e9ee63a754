"""The ground as clearances and sections ask for it: as it was surveyed at points, by the ground models between them."""

from dataclasses import replace

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from pipemap.clearance.geometry3d import Floats
from pipemap.clearance.site import Segment, Site, chainage
from pipemap.ground.along import Stations, ground_between, stations_along
from pipemap.ground.sampling import Terrain
from pipemap.ground.surveyed import SurveyedGround

# Surveyed points this near tell the ground at a place.
_REACH_M = 100.0


class Ground:
    """The ground around some surveyed points: of the models that are loaded, where they know none by the points.

    At a point the more accurate of survey and model tells it (`SurveyedGround.holds`). What a model is off at points
    is spread between them, and fades out where there are none. Where no model knows the ground it runs straight
    between points, outside of them it is as high as at the nearest. `plan` are the points (n, 2).
    """

    def __init__(self, plan: Floats, surveyed: SurveyedGround, terrain: Terrain) -> None:
        self._plan, self._terrain = plan, terrain
        told_m, which = terrain.told(plan)
        off_m = surveyed.off_m(told_m, terrain.accuracy_m(which))
        self._values = np.column_stack([surveyed.ground_m, off_m])
        self._points = shapely.STRtree(shapely.points(plan))
        numbered = np.column_stack([plan, np.arange(len(plan))])
        triangles = shapely.get_parts(shapely.delaunay_triangles(shapely.multipoints(numbered)))
        corners = shapely.get_coordinates(triangles, include_z=True).reshape(-1, 4, 3)[:, :3, 2]
        self._corners = corners.astype(np.int64)
        self._triangles = shapely.STRtree(triangles)

    def at(self, plan: Floats) -> Floats:
        """Elevation at places (n, 2); NaN where no ground is known at all."""
        told_m = self._terrain.at(plan)
        if len(self._plan) == 0:
            return told_m
        ground_m, off_m = self._between(plan).T
        by_both: Floats = np.where(np.isnan(told_m), ground_m, told_m + off_m)
        return by_both

    def _between(self, plan: Floats) -> Floats:
        """The ground by the points, and what a model is off by them, at places: shape (n, 2)."""
        places = shapely.points(plan)
        (_, nearest), apart_m = self._points.query_nearest(places, return_distance=True, all_matches=False)
        found: Floats = self._values[nearest]
        found[:, 1] *= np.clip(1 - apart_m / _REACH_M, 0.0, 1.0)
        row, which = self._triangles.query(places, predicate="intersects")
        corners = self._corners[which]
        found[row] = _on_plane(self._plan[corners], self._values[corners], plan[row])
        return found


def ground_around(site: Site, place: BaseGeometry) -> Ground:
    """The ground around a place, with what was surveyed within 100 m of it."""
    return Ground(*site.ground_near(place, _REACH_M), site.terrain)


def ground_at(site: Site, plan: Floats) -> Floats:
    """Ground elevation at the places (n, 2) of a line, or at one place, NaN where none is known (`ground_around`)."""
    place = shapely.LineString(plan) if len(plan) > 1 else shapely.Point(plan[0])
    return ground_around(site, place).at(plan)


def ground_along(site: Site, segment: Segment, stations_m: Floats, places: Floats) -> Floats:
    """Ground over places (n, 2) of an axis at rising stations; by the points around where its nodes have none."""
    if segment.ground_m is None:
        return ground_at(site, places)
    along_m, z = chainage(segment.axis), np.zeros(len(places))
    if segment.drawn_ground_m is not None:
        return np.interp(stations_m, along_m, segment.drawn_ground_m)
    whole = Stations(
        np.array([0, len(places) + 2]),
        np.vstack([segment.axis[:1], np.column_stack([places, z]), segment.axis[-1:]]),
        np.array([0.0, *stations_m.tolist(), along_m[-1]]),
    )
    told_m, which = site.terrain.told(whole.xyz[:, :2])
    return ground_between(whole, segment.surveyed_ends, site.terrain, told_m, which)[0][1:-1]


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
    ground_m, by = ground_between(stations, segment.surveyed_ends, site.terrain, told_m, which)
    return replace(segment, axis=stations.xyz, drawn_ground_m=ground_m, ground_accuracy_m=site.terrain.accuracy_m(by))


def _on_plane(corners: Floats, values: Floats, plan: Floats) -> Floats:
    """Values (n, k) at places (n, 2) of the planes through values (n, 3, k) at three corners (n, 3, 2) each."""
    u, v, w = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0], plan - corners[:, 0]
    area = u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]
    s, t = (w[:, 0] * v[:, 1] - w[:, 1] * v[:, 0]) / area, (u[:, 0] * w[:, 1] - u[:, 1] * w[:, 0]) / area
    one, other = values[:, 1] - values[:, 0], values[:, 2] - values[:, 0]
    found: Floats = values[:, 0] + s[:, None] * one + t[:, None] * other
    return found
