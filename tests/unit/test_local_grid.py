"""Local systems against the textbook: the transformations are worked out here once more, step by step, with numpy."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyproj import Transformer

from importers.delivery import read_delivery
from importers.places.local_grid import read_local_grid
from pipemap.errors import CrsError, NotFoundError

SHIFT = "dx_m = 1\ndy_m = 1\ndz_m = 987654321\n"


def written(folder: Path, text: str) -> Path:
    path = folder / "city.toml"
    path.write_text(f'id = "made-up"\ntarget = "EPSG:4547"\n{text}', encoding="utf-8")
    return path


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rotation=st.floats(-7200, 7200),
    scale=st.floats(0.9999, 1.0001),
    north=st.floats(0, 50_000),
    east=st.floats(0, 50_000),
)
def test_four_parameters_turn_scale_and_move(
    tmp_path: Path, rotation: float, scale: float, north: float, east: float
) -> None:
    text = (
        f"[helmert4]\ndelta_north_m = 2450000\ndelta_east_m = 450000\nrotation_arcsec = {rotation}\nscale = {scale}\n"
    )
    x, y = read_local_grid(written(tmp_path, text)).to_target(np.array([east]), np.array([north]))
    # With complex numbers, north the real part: turning and scaling is one product.
    moved = complex(2_450_000, 450_000) + scale * complex(north, east) * complex(
        math.cos(math.radians(rotation / 3600)), math.sin(math.radians(rotation / 3600))
    )
    assert (x[0], y[0]) == pytest.approx((moved.imag, moved.real), abs=1e-6)


def in_space(lon: float, lat: float, a: float, rf: float) -> np.ndarray:
    e2 = (2 - 1 / rf) / rf
    phi, lam = math.radians(lat), math.radians(lon)
    n = a / math.sqrt(1 - e2 * math.sin(phi) ** 2)
    return np.array([
        n * math.cos(phi) * math.cos(lam), n * math.cos(phi) * math.sin(lam), n * (1 - e2) * math.sin(phi)
    ])  # fmt: skip


def on_ellipsoid(xyz: np.ndarray, a: float, rf: float) -> tuple[float, float]:
    e2 = (2 - 1 / rf) / rf
    p, phi = math.hypot(xyz[0], xyz[1]), math.atan2(xyz[2], math.hypot(xyz[0], xyz[1]) * (1 - e2))
    for _ in range(20):
        n = a / math.sqrt(1 - e2 * math.sin(phi) ** 2)
        phi = math.atan2(xyz[2] + e2 * n * math.sin(phi), p)
    return math.degrees(math.atan2(xyz[1], xyz[0])), math.degrees(phi)


def test_seven_parameters_change_the_datum(tmp_path: Path) -> None:
    # Made-up shifts of the size that Beijing 1954 has; Krassovsky and CGCS2000 ellipsoids.
    dx, dy, dz, rx, ry, rz, ppm = 15.8, -154.4, -82.3, 0.7, -0.4, 1.1, 3.5
    text = (
        '[helmert7]\nsource = "EPSG:2435"\nconvention = "position_vector"\n'
        f"dx_m = {dx}\ndy_m = {dy}\ndz_m = {dz}\n"
        f"rx_arcsec = {rx}\nry_arcsec = {ry}\nrz_arcsec = {rz}\nscale_ppm = {ppm}\n"
    )
    east, north = 492_000.0, 2_494_000.0
    lon, lat = Transformer.from_crs(2435, 4214, always_xy=True).transform(east, north)
    a, b, c = (math.radians(turn / 3600) for turn in (rx, ry, rz))
    # The exact rotation, about x, then y, then z.
    about_x = np.array([[1, 0, 0], [0, math.cos(a), -math.sin(a)], [0, math.sin(a), math.cos(a)]])
    about_y = np.array([[math.cos(b), 0, math.sin(b)], [0, 1, 0], [-math.sin(b), 0, math.cos(b)]])
    about_z = np.array([[math.cos(c), -math.sin(c), 0], [math.sin(c), math.cos(c), 0], [0, 0, 1]])
    moved = np.array([dx, dy, dz]) + (1 + ppm * 1e-6) * about_z @ about_y @ about_x @ in_space(lon, lat, 6378245, 298.3)
    told = Transformer.from_crs(4490, 4547, always_xy=True).transform(*on_ellipsoid(moved, 6378137, 298.257222101))
    x, y = read_local_grid(written(tmp_path, text)).to_target(np.array([east]), np.array([north]))
    assert (x[0], y[0]) == pytest.approx(told, abs=2e-3)
    # And it is no small change: leaving it out would be wrong by a street.
    assert math.hypot(x[0] - east, y[0] - north) > 30


def test_a_pipeline_is_what_proj_makes_of_it(tmp_path: Path) -> None:
    grid = read_local_grid(written(tmp_path, 'pipeline = "+proj=affine +xoff=450000 +yoff=2450000"\n'))
    x, y = grid.to_target(np.array([42_000.0]), np.array([44_000.0]))
    assert (x[0], y[0]) == pytest.approx((492_000, 2_494_000))


def delivery_in(folder: Path, north: float, east: float) -> Path:
    rows = [f"A,JS,{north},{east},10", f"B,JS,{north + 30},{east + 30},10"]
    path = folder / "区管点.csv"
    path.write_text("\n".join(["物探点号,管线类型,X,Y,地面高程", *rows]), encoding="utf-8")
    return path


def test_a_delivery_in_the_citys_own_system_comes_onto_the_map_and_only_its_name_is_kept(tmp_path: Path) -> None:
    file = written(tmp_path, "[helmert4]\ndelta_north_m = 2450123.456\ndelta_east_m = 450000\n")
    delivery = read_delivery([delivery_in(tmp_path, 44_000, 42_000)], srid=4547, crs_file=file)
    assert (delivery.nodes.geom[0].x, delivery.nodes.geom[0].y) == pytest.approx((492_000, 2_494_123.456))
    assert delivery.files[0].profile == "default (local:made-up)"
    assert "2450123" not in repr(delivery.files)


def test_a_local_system_that_does_not_lead_to_the_map_is_refused_without_its_parameters(tmp_path: Path) -> None:
    file = written(tmp_path, "[helmert4]\ndelta_north_m = 123.456\ndelta_east_m = 1\n")
    with pytest.raises(CrsError, match="local:made-up") as fault:
        read_delivery([delivery_in(tmp_path, 44_000, 42_000)], srid=4547, crs_file=file)
    assert "123.456" not in fault.value.message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "give one of"),
        ("[helmert4]\ndelta_north_m = 987654321\n", "delta_east_m"),
        ('pipeline = "+proj=nonsense +x=987654321"\n', "PROJ"),
        ("[helmert7", "TOML"),
        ('[helmert7]\nsource = "EPSG:2435"\nconvention = "old"\ndx_m = 1\ndy_m = 1\ndz_m = 987654321\n', "convention"),
        (
            '[helmert7]\nsource = "EPSG:1"\nconvention = "position_vector"\ndx_m = 1\ndy_m = 1\ndz_m = 987654321\n',
            "PROJ",
        ),
    ],
)
def test_a_mistake_in_a_definition_is_named_without_a_parameter(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(CrsError, match=r"city\.toml") as fault:
        read_local_grid(written(tmp_path, text))
    assert said in fault.value.message
    assert "987654321" not in fault.value.message


def test_a_missing_definition_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"gone\.toml"):
        read_local_grid(tmp_path / "gone.toml")


def test_a_profile_for_a_local_system_asks_for_its_definition(tmp_path: Path) -> None:
    profile = tmp_path / "mine.toml"
    profile.write_text('name = "m"\ntitle = "t"\nextends = "default"\ncrs = "local:made-up"\n', encoding="utf-8")
    given = [delivery_in(tmp_path, 44_000, 42_000)]
    with pytest.raises(CrsError, match="--crs-file"):
        read_delivery(given, srid=4547, profile=profile)
    file = written(tmp_path, "[helmert4]\ndelta_north_m = 2450000\ndelta_east_m = 450000\n")
    assert len(read_delivery(given, srid=4547, profile=profile, crs_file=file).nodes) == 2
    file.write_text(file.read_text(encoding="utf-8").replace("made-up", "another"), encoding="utf-8")
    with pytest.raises(CrsError, match=r"local:made-up, not local:another"):
        read_delivery(given, srid=4547, profile=profile, crs_file=file)
