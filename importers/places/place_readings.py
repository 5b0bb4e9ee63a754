"""The ways in which two columns of numbers can be places near the map: which system, which column is easting.

A way is judged by where it puts the places: in the area where the map's system is used, and how far from what the map
holds already. Names of columns have no say.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from pyproj import CRS, Transformer
from pyproj.exceptions import ProjError

from importers.places.local_grid import LocalGrid

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Bounds = tuple[float, float, float, float]
System: TypeAlias = CRS | LocalGrid

AXES = ("x_is_northing", "x_is_easting")
# Areas of use end at zone borders; surveys do not.
MARGIN_DEG = 0.5
# Countries on two zones of UTM keep to one of them: Denmark 32, Spain 30, Italy 32.
_UTM, _MARGIN_OF_UTM_DEG = "UTM zone", 4.0
# Farther than this from everything the map holds, places are more likely in another zone than in another city.
FAR_M = 50_000.0
# Where either order of axes can be, the one within this of the map is it.
NEAR_M = 5_000.0
_LOOK_AT = 2_000
_MOST_LON_DEG, _MOST_LAT_DEG, _WIDEST_CITY_DEG = 180.0, 90.0, 2.0
_ROUNDING = 1e-6
# CGCS2000: zone forms by zone number, forms without zone by central meridian (standards.md section 5).
THREE_DEGREE_ZONES = {zone: 4513 + zone - 25 for zone in range(25, 46)}
_SIX_DEGREE_ZONES = {zone: 4491 + zone - 13 for zone in range(13, 24)}
# Krovak's axes run south and west; surveyors count along them, and GIS against them.
_AS_SURVEYED: dict[int | None, int] = {5514: 5513}
WITHOUT_ZONE = {meridian: 4534 + (meridian - 75) // 3 for meridian in range(75, 136, 3)}


@dataclass(frozen=True)
class Home:
    """Where the map is: its system, and the bounds (project CRS) of what it holds, None while it is empty.

    `terrain` is the ground of its ground models at places (n, 2), None without a map.
    """

    crs: CRS
    bounds: Bounds | None = None
    terrain: Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]] | None = None

    @property
    def srid(self) -> int:
        """EPSG code of the system: that of a map has one."""
        srid = self.crs.to_epsg()
        assert srid is not None
        return srid


@dataclass(frozen=True)
class PlaceReading:
    """One way to read two columns.

    `inside` is the share of places in the area where the map's system is used, `distance_m` the distance of their
    middle from what the map holds (0 within its bounds, None while the map is empty).
    """

    crs: System
    axis: str
    inside: float
    distance_m: float | None

    @property
    def fits(self) -> bool:
        """Whether most places can be there, and are not far from all that the map holds."""
        return self.inside > 0.5 and (self.distance_m is None or self.distance_m < FAR_M)

    @property
    def name(self) -> str:
        """The system as a user would give it."""
        code = None if isinstance(self.crs, LocalGrid) else self.crs.to_epsg()
        return f"EPSG:{code}" if code else str(self.crs.name)


def place_readings(first: Floats, second: Floats, home: Home, declared: System | None, axis: str) -> list[PlaceReading]:
    """Ways to read the columns X and Y that put places where the map can be, the stated one first where it fits.

    Parameters
    ----------
    declared
        System that the files or the user name; the map's own without one.
    axis
        The order of axes to be tried first, as `Profile.axis`.
    """
    known = np.flatnonzero(np.isfinite(first) & np.isfinite(second))[:_LOOK_AT]
    if not len(known):
        return []
    axes = AXES[::-1] if axis == "x_is_easting" else AXES
    found = [
        _reading(east, north, crs, order, home)
        for order in axes
        for east, north in [_ordered(first[known], second[known], order)]
        for crs in dict.fromkeys(_systems(east, north, home, declared))
    ]
    stated = declared or home.crs

    def rank(reading: PlaceReading) -> tuple[bool, bool, bool, int]:
        is_away = (reading.distance_m or 0.0) > NEAR_M
        return (not reading.fits, reading.crs != stated, is_away, axes.index(reading.axis))

    return sorted((reading for reading in found if reading.inside > 0.5), key=rank)


def own_axis(system: System) -> str:
    """Which of X and Y is the northing where nothing else tells: as the system names its own axes."""
    crs = system.target if isinstance(system, LocalGrid) else system
    is_north = any(axis.abbrev.casefold() == "x" and axis.direction == "north" for axis in crs.axis_info)
    return "x_is_northing" if is_north else "x_is_easting"


def beyond(east: Floats, north: Floats, system: System, home: CRS) -> Mask:
    """Which places, given in `system`, lie outside the area of use of `home`; none where that is not known.

    Degrees are outside of a system of metres, also where those of its origin would be within.
    """
    area, margin = home.area_of_use, _margin_deg(home)
    if isinstance(system, CRS) and system.is_projected and are_degrees(east, north):
        return ~np.isnan(east) & ~np.isnan(north)
    if area is None:
        return np.zeros(len(east), dtype=bool)
    crs = system.target if isinstance(system, LocalGrid) else system
    if crs is system and _lies_within(east, north, crs, area, margin):
        return np.zeros(len(east), dtype=bool)
    lon, lat = transformed(east, north, system, crs.geodetic_crs or crs)
    inside = (lon >= area.west - margin) & (lon <= area.east + margin)
    if area.west > area.east:
        inside = (lon >= area.west - margin) | (lon <= area.east + margin)
    inside &= (lat >= area.south - MARGIN_DEG) & (lat <= area.north + MARGIN_DEG)
    return np.asarray(~inside & ~np.isnan(east) & ~np.isnan(north), dtype=bool)


def are_degrees(east: Floats, north: Floats) -> bool:
    """Whether numbers can hardly be metres, in either order: small, close together, finer than millimetres."""
    known = np.isfinite(east) & np.isfinite(north)
    largest = sorted(np.abs(values[known]).max(initial=0.0) for values in (east, north))
    if not known.any() or largest[0] > _MOST_LAT_DEG or largest[1] > _MOST_LON_DEG:
        return False
    if max(np.ptp(east[known]), np.ptp(north[known])) > _WIDEST_CITY_DEG:
        return False
    return all(
        float((np.abs(values * 1000 - np.round(values * 1000)) > _ROUNDING).mean()) > 0.5
        for values in (east[known], north[known])
    )


def _margin_deg(crs: CRS) -> float:
    """How far to the east and west of its area of use a system may be used."""
    return _MARGIN_OF_UTM_DEG if _UTM in crs.name else MARGIN_DEG


def _lies_within(east: Floats, north: Floats, crs: CRS, area: Any, margin: float) -> bool:
    """Whether the rectangle around all places lies in an area of use, and with it each of them."""
    known = ~(np.isnan(east) | np.isnan(north))
    sides = east[known], north[known]
    corners = [*(side.min(initial=np.inf) for side in sides), *(side.max(initial=-np.inf) for side in sides)]
    if area.west > area.east or not np.isfinite(corners).all():
        return False
    try:
        bounds = transformer(crs, crs.geodetic_crs or crs).transform_bounds(*corners)
    except ProjError:
        return False
    # Not where they run across the date line or into infinity.
    is_plain = bounds[0] <= bounds[2] and bounds[1] <= bounds[3]
    least, most = (area.west - margin, area.south - MARGIN_DEG), (area.east + margin, area.north + MARGIN_DEG)
    return bool(is_plain and np.all(bounds[:2] >= np.array(least)) and np.all(bounds[2:] <= np.array(most)))


def distance_m(east: Floats, north: Floats, bounds: Bounds) -> float:
    """How far the middle of places in the project CRS lies outside of bounds."""
    x, y = float(np.nanmedian(east)), float(np.nanmedian(north))
    min_x, min_y, max_x, max_y = bounds
    return float(np.hypot(max(min_x - x, 0.0, x - max_x), max(min_y - y, 0.0, y - max_y)))


def transformed(east: Floats, north: Floats, source: System, target: CRS) -> tuple[Floats, Floats]:
    """Places of one system in another, easting or longitude first; what has no place there is NaN or infinite."""
    if isinstance(source, LocalGrid):
        east, north = source.to_target(east, north)
        source = source.target
    if source.equals(target, ignore_axis_order=True):
        return east, north
    x, y = transformer(source, target).transform(east, north, errcheck=False)
    return np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)


@lru_cache(maxsize=64)
def transformer(source: CRS, target: CRS) -> Transformer:
    """From one system to another, x easting or longitude, y northing or latitude."""
    return Transformer.from_crs(source, target, always_xy=True)


@lru_cache(maxsize=64)
def can_be_transformed(source: CRS, target: CRS) -> bool:
    """Whether PROJ knows a way from one system to another; a damaged definition can name a projection it has not."""
    try:
        transformer(source, target)
    except ProjError:
        return False
    return True


def _ordered(first: Floats, second: Floats, axis: str) -> tuple[Floats, Floats]:
    return (first, second) if axis == "x_is_easting" else (second, first)


def _reading(east: Floats, north: Floats, crs: System, axis: str, home: Home) -> PlaceReading:
    inside = 1.0 - float(beyond(east, north, crs, home.crs).mean())
    away = None
    if home.bounds is not None and inside > 0.5:
        x, y = transformed(east, north, crs, home.crs)
        is_finite = np.isfinite(x) & np.isfinite(y)
        away = distance_m(x[is_finite], y[is_finite], home.bounds) if is_finite.any() else None
    return PlaceReading(crs, axis, inside, away)


def _systems(east: Floats, north: Floats, home: Home, declared: System | None) -> Iterator[System]:
    """Systems that such numbers can be in: the stated one, degrees, the zone they begin with, the zones beside."""
    yield declared or home.crs
    if float(np.abs(east).max()) <= _MOST_LON_DEG and float(np.abs(north).max()) <= _MOST_LAT_DEG:
        yield CRS.from_epsg(4490 if _is_cgcs2000(home.crs) else 4326)
        return
    if home.crs.to_epsg() in _AS_SURVEYED:
        yield CRS.from_epsg(_AS_SURVEYED[home.crs.to_epsg()])
    zone, rest = divmod(float(np.median(east)), 1_000_000)
    for zones in (THREE_DEGREE_ZONES, _SIX_DEGREE_ZONES):
        if int(zone) in zones and 0 < rest < 1_000_000:
            yield CRS.from_epsg(zones[int(zone)])
    area = home.crs.area_of_use
    if zone == 0 and area is not None and _is_cgcs2000(home.crs):
        own = (area.west + area.east) / 2
        near = 7 if home.bounds is not None else 1
        yield from (CRS.from_epsg(code) for meridian, code in WITHOUT_ZONE.items() if abs(meridian - own) <= near)


def _is_cgcs2000(crs: CRS) -> bool:
    return "China Geodetic Coordinate System 2000" in (crs.geodetic_crs or crs).name
