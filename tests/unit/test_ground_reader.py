"""Ground models as files: heights come into the map's system as they are, and what is no ground is refused in words."""

import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import rasterio
import rasterio.shutil
from pyproj import Transformer
from rasterio.transform import Affine, from_origin

import importers.ground
from importers.ground import Asked, Surface, read_ground
from pipemap.errors import CrsError, PipemapError, SourceError
from tests.rasters import NORTH_M, WEST_M, Floats, write_raster


def read(path: Path, **asked: Any) -> tuple[Surface, Floats]:
    """The surface and all its heights."""
    with read_ground(path, Asked(4547, **asked)) as (surface, parts):
        z = np.full((surface.grid.rows, surface.grid.columns), 1e9)
        for window, part in parts:
            z[window.row : window.row + window.height, window.column : window.column + window.width] = part
    return surface, z


def places(surface: Surface) -> tuple[Floats, Floats]:
    grid = surface.grid
    x, y = np.meshgrid(np.arange(grid.columns), np.arange(grid.rows))
    return grid.west_m + x * grid.step_x_m, grid.north_m - y * grid.step_y_m


def flat(z: float = 20.0, dtype: str = "float32") -> npt.NDArray[Any]:
    return np.full((12, 15), z, dtype)


def refusal(path: Path, **asked: Any) -> PipemapError:
    with pytest.raises(PipemapError) as raised:
        read(path, **asked)
    assert path.name in raised.value.message and path.name in raised.value.details["message_zh"]
    assert str(path.parent) not in raised.value.message
    return raised.value


def test_a_file_in_the_maps_system_is_taken_post_by_post(tmp_path: Path) -> None:
    z = np.random.default_rng(0).uniform(0, 50, (300, 9000)).astype("float32")
    surface, told = read(write_raster(tmp_path / "a.tif", z, 0.5))
    assert (surface.grid.west_m, surface.grid.north_m) == (WEST_M + 0.25, NORTH_M - 0.25)
    assert (told == z).all()


@pytest.mark.parametrize(
    ("name", "driver", "dtype"),
    [
        ("a.asc", "AAIGrid", "float32"),
        ("a.img", "HFA", "float32"),
        ("a.tif", "COG", "int16"),
        ("a.grd", "GSBG", "float32"),
    ],
)
def test_other_formats_hold_the_same(tmp_path: Path, name: str, driver: str, dtype: str) -> None:
    z = np.arange(180).reshape(12, 15).astype(dtype)
    with rasterio.MemoryFile() as memory:
        with memory.open(
            driver="GTiff",
            height=12,
            width=15,
            count=1,
            dtype=dtype,
            crs="EPSG:4547",
            transform=from_origin(WEST_M, NORTH_M, 2, 2),
        ) as made:
            made.write(z, 1)
        with memory.open() as made:
            rasterio.shutil.copy(made, tmp_path / name, driver=driver)
    surface, told = read(tmp_path / name, crs="EPSG:4547")
    assert surface.grid.step_x_m == pytest.approx(2.0)
    assert told == pytest.approx(z, abs=1e-4)


@pytest.mark.parametrize("nodata", [None, -9999.0])
def test_a_plane_in_degrees_or_another_zone_stays_that_plane(tmp_path: Path, nodata: float | None) -> None:
    """Heights that rise evenly in the file's own system are what they are there at every post of the map's."""
    for epsg, west, north, step in ((4490, 114.0, 23.62, 1e-5), (4527, 39_196_000.0, 2_620_000.0, 1.0)):
        z = np.add.outer(np.arange(400) * 0.02, np.arange(500) * 0.03).astype("float32") + 10
        path = write_raster(
            tmp_path / f"{epsg}.tif", z, step, west_m=west, north_m=north, crs=f"EPSG:{epsg}", nodata=nodata
        )
        surface, told = read(path)
        back = Transformer.from_crs(4547, epsg, always_xy=True)
        x, y = back.transform(*places(surface))
        column, row = (x - west) / step - 0.5, (north - y) / step - 0.5
        inside = (column > 1) & (column < 498) & (row > 1) & (row < 398)
        assert inside.sum() > 100_000
        assert np.abs(told - (10 + 0.02 * row + 0.03 * column))[inside].max() < 0.002
        assert np.isnan(told[(column < -1) | (column > 501) | (row < -1) | (row > 401)]).all()


def test_a_file_that_is_turned_or_upside_down_is_set_straight(tmp_path: Path) -> None:
    z = np.add.outer(np.arange(80) * 0.5, np.arange(90) * 0.25).astype("float32")
    for name, turn in (
        ("turned.tif", Affine.translation(WEST_M, NORTH_M) @ Affine.rotation(-30) @ Affine.scale(2, -2)),
        ("upside.tif", Affine(2, 0, WEST_M, 0, 2, NORTH_M)),
    ):
        surface, told = read(write_raster(tmp_path / name, z, transform=turn))
        assert surface.grid.step_y_m > 0
        x, y = places(surface)
        across, down = ~turn @ (x, y)
        inside = (across > 2) & (across < 88) & (down > 2) & (down < 78)
        assert inside.sum() > 3000
        assert np.abs(told - ((down - 0.5) * 0.5 + (across - 0.5) * 0.25))[inside].max() < 0.01


def test_unknown_stays_unknown_and_a_value_that_stands_for_it_must_be_named(tmp_path: Path) -> None:
    z = flat()
    z[3, 4] = -9999.0
    assert np.isnan(read(write_raster(tmp_path / "said.tif", z, nodata=-9999.0))[1]).sum() == 1
    path = write_raster(tmp_path / "unsaid.tif", z)
    assert "-9999 m" in refusal(path).message and "--nodata" in refusal(path).message
    _, told = read(path, nodata=-9999.0)
    assert np.isnan(told).sum() == 1 and np.nanmin(told) == 20.0
    nan = flat()
    nan[0, 0] = np.nan
    assert np.isnan(read(write_raster(tmp_path / "nan.tif", nan))[1]).sum() == 1


def test_heights_in_feet_or_scaled_come_in_metres_and_an_offset_is_added(tmp_path: Path) -> None:
    feet = write_raster(tmp_path / "feet.tif", flat(100.0))
    with rasterio.open(feet, "r+") as file:
        file.units = ("ft",)
    assert read(feet)[1] == pytest.approx(30.48)
    scaled = write_raster(tmp_path / "scaled.tif", flat(2050, "int16"))
    with rasterio.open(scaled, "r+") as file:
        file.scales, file.offsets = (0.01,), (1.0,)
    assert read(scaled, offset_m=0.25)[1] == pytest.approx(21.75)
    odd = write_raster(tmp_path / "odd.tif", flat())
    with rasterio.open(odd, "r+") as file:
        file.units = ("li",)
    assert "heights in li" in refusal(odd).message


def test_heights_counted_from_elsewhere_need_an_offset(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "a.tif", flat())
    asked = {"vertical_datum": "珠江高程基准", "project_datum": "1985国家高程基准"}
    told = refusal(path, **asked)
    assert isinstance(told, CrsError) and "--offset" in told.message
    assert read(path, offset_m=-0.744, **asked)[1] == pytest.approx(19.256)
    assert read(path, vertical_datum="1985国家高程基准", project_datum="1985国家高程基准")[1] == pytest.approx(20.0)
    compound = write_raster(tmp_path / "compound.tif", flat(), crs="EPSG:4547+5737")
    surface, told_z = read(compound, project_datum="1985国家高程基准")
    assert told_z == pytest.approx(20.0)
    assert any("1985" in english for english, _ in surface.notes)
    ellipsoid = write_raster(tmp_path / "ellipsoid.tif", flat(), 1e-5, west_m=114.1, north_m=23.6, crs="EPSG:4979")
    assert "ellipsoid" in refusal(ellipsoid, project_datum="1985国家高程基准").message


def test_what_does_not_say_where_it_lies_is_refused(tmp_path: Path) -> None:
    assert "no georeference" in _quietly(tmp_path / "nowhere.tif").message
    bare = write_raster(tmp_path / "bare.tif", flat(), crs=None)
    assert "--crs" in refusal(bare).message
    assert read(bare, crs="EPSG:4547")[0].crs_name == "CGCS2000 / 3-degree Gauss-Kruger CM 114E"


def _quietly(path: Path) -> PipemapError:
    with pytest.warns(rasterio.errors.NotGeoreferencedWarning):
        write_raster(path, flat(), crs=None, transform=Affine.identity())
    return refusal(path)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"crs": "EPSG:4490"}, "outside of where"),
        ({"crs": "EPSG:4546"}, "outside of where"),
        ({"crs": "EPSG:32633"}, "outside of where"),
        ({"crs": "EPSG:2435"}, "safely"),
        ({"crs": "EPSG:99999"}, "not a known"),
    ],
)
def test_a_wrong_system_is_refused_with_the_place_it_would_lead_to(
    tmp_path: Path, asked: dict[str, str], words: str
) -> None:
    path = write_raster(tmp_path / "a.tif", flat())
    with pytest.raises(PipemapError, match=words) as raised:
        read(path, **asked)
    assert raised.value.details["message_zh"]


def test_a_model_far_from_all_that_the_map_holds_is_refused(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "a.tif", flat())
    near = (WEST_M - 30_000, NORTH_M - 30_000, WEST_M - 20_000, NORTH_M - 20_000)
    assert read(path, bounds=near)[1] == pytest.approx(20.0)
    far = (WEST_M - 90_000, NORTH_M - 3_000, WEST_M - 80_000, NORTH_M + 3_000)
    assert "80 km from all that the map holds" in refusal(path, bounds=far).message


def test_sizes_that_the_file_cannot_hold_are_refused_before_anything_is_read(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "lie.tif", flat())
    damaged = bytearray(path.read_bytes())
    (start,) = struct.unpack_from("<I", damaged, 4)
    (count,) = struct.unpack_from("<H", damaged, start)
    for entry in range(start + 2, start + 2 + 12 * count, 12):
        if struct.unpack_from("<H", damaged, entry)[0] in (256, 257):
            struct.pack_into("<HHII", damaged, entry, struct.unpack_from("<H", damaged, entry)[0], 4, 1, 900_000)
    path.write_bytes(damaged)
    assert "900000 x 900000" in refusal(path).message
    grid = tmp_path / "lie.asc"
    grid.write_text("ncols 60000\nnrows 60000\nxllcorner 512000\nyllcorner 2611000\ncellsize 1\n1 2 3\n")
    assert "60000 x 60000" in refusal(grid, crs="EPSG:4547").message


def test_a_file_in_one_block_that_would_fill_the_memory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_raster(tmp_path / "strip.tif", flat(), blockysize=12)
    assert read(path)[1] == pytest.approx(20.0)
    monkeypatch.setattr(importers.ground, "_MOST_BLOCK_BYTES", 12 * 15 * 4 - 1)
    assert "15 x 12 posts" in refusal(path).message


def test_what_is_no_grid_of_heights_is_refused(tmp_path: Path) -> None:
    picture = tmp_path / "photo.tif"
    with rasterio.open(
        picture,
        "w",
        driver="GTiff",
        width=9,
        height=9,
        count=3,
        dtype="uint8",
        crs="EPSG:4547",
        transform=from_origin(WEST_M, NORTH_M, 1, 1),
    ) as file:
        file.write(np.zeros((3, 9, 9), "uint8"))
    assert "picture" in refusal(picture).message
    for name, content in (
        ("words.tif", b"not a raster at all"),
        ("empty.tif", b""),
        ("half.tif", b"II*\0\x08\0\0\0\xff\xff"),
        ("text.asc", b"ncols 5\nnrows what\n"),
        ("other.vrt", b'<VRTDataset rasterXSize="9" rasterYSize="9"><SRS>EPSG:4547</SRS></VRTDataset>'),
    ):
        (tmp_path / name).write_bytes(content)
        assert isinstance(refusal(tmp_path / name), SourceError)


def test_every_cut_of_a_file_is_read_or_refused_in_words(tmp_path: Path) -> None:
    whole = write_raster(
        tmp_path / "whole.tif", np.random.default_rng(6).uniform(0, 9, (60, 60)).astype("float32"), compress="lzw"
    )
    content = whole.read_bytes()
    for share in (0.05, 0.3, 0.6, 0.9, 0.99):
        cut = tmp_path / f"cut{share}.tif"
        cut.write_bytes(content[: int(len(content) * share)])
        assert isinstance(refusal(cut), SourceError)
