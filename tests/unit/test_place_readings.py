"""Ways to read two columns as places; what they should give is worked out with pyproj from one point in Shenzhen."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS, Transformer

from importers.places.named_systems import system_said
from importers.places.place_readings import MARGIN_DEG, Home, beyond, place_readings

PROJECT = CRS.from_epsg(4547)
LON, LAT = 113.92, 22.54
OF_DEGREES = np.arange(20) * 1e-4


def columns(epsg: int, swapped: bool) -> tuple[np.ndarray, np.ndarray]:
    to_source = Transformer.from_crs(4490, epsg, always_xy=True)
    east, north = to_source.transform(LON + OF_DEGREES, LAT + OF_DEGREES)
    return (np.asarray(east), np.asarray(north)) if swapped else (np.asarray(north), np.asarray(east))


def bounds() -> tuple[float, float, float, float]:
    north, east = columns(4547, swapped=False)
    return (float(east.min()) - 500, float(north.min()) - 500, float(east.max()) + 500, float(north.max()) + 500)


# 4526 is zone 38 (CM 114), 4548 CM 117 without zone, 4490 degrees.
@pytest.mark.parametrize("epsg", [4547, 4526, 4548, 4490])
@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("axis", ["x_is_northing", "x_is_easting"])
def test_system_and_axes_are_found_by_where_the_map_is(epsg: int, swapped: bool, axis: str) -> None:
    first, second = columns(epsg, swapped)
    best = place_readings(first, second, Home(PROJECT, bounds()), None, axis)[0]
    assert best.fits
    assert best.name == f"EPSG:{epsg}"
    assert best.axis == ("x_is_easting" if swapped else "x_is_northing")
    assert best.distance_m == 0


def test_degrees_are_no_metres_where_the_origin_of_the_map_lies_in_its_own_area() -> None:
    # Zone IX of Japan counts from a point within it, so that 139.7 m and 35.6 m from there are in the zone, too.
    japan = CRS.from_epsg(6677)
    lon, lat = 139.71234 + OF_DEGREES, 35.61234 + OF_DEGREES
    best = place_readings(lon, lat, Home(japan), None, "x_is_easting")[0]
    assert (best.name, best.fits) == ("EPSG:4326", True)
    assert beyond(lon, lat, japan, japan).all()
    assert not beyond(np.array([12.25, 60.5]), np.array([7.125, 33.0]), japan, japan).any()


@pytest.mark.parametrize("swapped", [False, True])
def test_places_counted_along_the_axes_of_krovak_are_found_in_a_map_that_counts_against_them(swapped: bool) -> None:
    west, south = 742_345.0 + 30 * np.arange(9), 1_043_210.0 + 2 * np.arange(9)
    first, second = (south, west) if swapped else (west, south)
    best = next(r for r in place_readings(first, second, Home(CRS.from_epsg(5514)), None, "x_is_easting") if r.fits)
    east, north = (first, second) if best.axis == "x_is_easting" else (second, first)
    x, y = Transformer.from_crs(best.crs, 5514, always_xy=True).transform(east, north)
    np.testing.assert_allclose([x, y], [-west, -south], atol=1e-3)


@pytest.mark.parametrize(
    ("line", "epsg"),
    [
        ("2000国家大地坐标系，中央子午线117°00′，1985国家高程基准", 4548),
        ("CGCS2000 中央子午线117° 2023年5月", 4548),
        ("CGCS2000，中央子午线117°30′", None),
        ("1980西安坐标系 中央子午线117°", None),
        ("WGS84 / UTM zone 36S", 32736),
        ("from EPSG:4547 to EPSG:4548", None),
    ],
)
def test_a_line_about_a_table_names_its_system_wholly_or_not_at_all(line: str, epsg: int | None) -> None:
    crs = system_said([line], {0})
    assert (None if crs is None else crs.to_epsg()) == epsg


def test_a_neighbouring_zone_cannot_be_told_while_the_map_is_empty() -> None:
    first, second = columns(4548, swapped=False)
    assert not [reading for reading in place_readings(first, second, Home(PROJECT), None, "x_is_northing")
                if reading.name == "EPSG:4548"]  # fmt: skip


def test_places_far_from_the_map_do_not_fit() -> None:
    first, second = columns(4547, swapped=False)
    found = place_readings(first + 200_000, second, Home(PROJECT, bounds()), None, "x_is_northing")
    assert found
    assert not any(reading.fits for reading in found)
    assert found[0].distance_m == pytest.approx(200_000, abs=2_000)


def test_where_both_orders_are_possible_the_map_decides_and_without_one_the_stated_order() -> None:
    local = CRS.from_proj4("+proj=tmerc +lat_0=22 +lon_0=114 +x_0=50000 +y_0=0 +ellps=GRS80 +units=m")
    first, second = np.array([40_000.0, 40_100.0]), np.array([60_000.0, 60_100.0])
    assert place_readings(first, second, Home(local), None, "x_is_northing")[0].axis == "x_is_northing"
    assert place_readings(first, second, Home(local), None, "x_is_easting")[0].axis == "x_is_easting"
    there = (39_000.0, 59_000.0, 41_000.0, 61_000.0)
    assert place_readings(first, second, Home(local, there), None, "x_is_northing")[0].axis == "x_is_easting"


@given(st.lists(st.tuples(st.floats(width=32), st.floats(width=32)), max_size=5))
def test_any_numbers_are_read_or_not_without_fault(pairs: list[tuple[float, float]]) -> None:
    values = np.array(pairs, dtype=np.float64).reshape(-1, 2)
    for reading in place_readings(values[:, 0], values[:, 1], Home(PROJECT, bounds()), None, "x_is_northing"):
        assert 0.5 < reading.inside <= 1


@pytest.mark.parametrize(
    ("zone", "home", "beside_deg"),
    [(4547, 4547, MARGIN_DEG), (4513 + 13, 4547, MARGIN_DEG), (32633, 32633, 4.0), (3857, 3857, MARGIN_DEG)],
)
def test_places_around_the_edge_of_an_area_of_use_lie_outside_where_their_own_degrees_do(
    zone: int, home: int, beside_deg: float
) -> None:
    rng = np.random.default_rng(11)
    crs, area = CRS.from_epsg(zone), CRS.from_epsg(home).area_of_use
    assert area is not None
    to_plane = Transformer.from_crs(crs.geodetic_crs, crs, always_xy=True)
    for spread in (0.05, 0.2, 1.0, 4.0):
        for lon, lat in ((area.west, area.south), (area.east, area.north), (area.east, (area.south + area.north) / 2)):
            places = to_plane.transform(rng.normal(lon, spread, 60), np.clip(rng.normal(lat, spread, 60), -89, 89))
            east, north = (np.where(rng.random(60) < 0.1, np.nan, each) for each in places)
            x, y = to_plane.transform(east, north, direction="INVERSE")
            inside = (x >= area.west - beside_deg) & (x <= area.east + beside_deg)
            inside &= (y >= area.south - MARGIN_DEG) & (y <= area.north + MARGIN_DEG)
            told = beyond(east, north, crs, CRS.from_epsg(home))
            assert told.tolist() == (~inside & ~np.isnan(east) & ~np.isnan(north)).tolist()
