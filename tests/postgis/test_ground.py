"""Ground models: what was loaded is what is told, at any place, and a load that fails leaves nothing."""

import os
import signal
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import numpy as np
import pytest
import rasterio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rasterio.enums import Resampling
from rasterio.warp import reproject

from pipemap.db import Database
from pipemap.errors import ConflictError, NotFoundError, SourceError
from pipemap.ground.sampling import Terrain, ground_answer, ground_at
from pipemap.ground.storing import ground_models, remove_model
from tests.rasters import NORTH_M, WEST_M, Floats, load_raster, posts, write_raster


def heights(database: Database, x: Floats, y: Floats) -> Floats:
    with database.transaction(read_only=True) as connection:
        return ground_at(connection, np.asarray(x, float), np.asarray(y, float))


def saddle(x: Floats, y: Floats) -> Floats:
    """Bilinear between any posts, and exactly a float32 at whole and half metres."""
    return (x - WEST_M) * (y - NORTH_M) / 256.0


def test_a_saddle_is_told_exactly_wherever_it_is_asked_across_the_edges_of_tiles(
    database: Database, tmp_path: Path
) -> None:
    x, y = posts(300, 270)
    load_raster(database, write_raster(tmp_path / "saddle.tif", saddle(x, y).astype("float32")))
    random = np.random.default_rng(3)
    east, north = random.uniform(x.min(), x.max(), 5000), random.uniform(y.min(), y.max(), 5000)
    assert heights(database, east, north) == pytest.approx(saddle(east, north), abs=1e-6)
    assert (heights(database, x.ravel(), y.ravel()) == saddle(x, y).ravel()).all()


def test_beyond_the_posts_and_beside_unknown_ones_nothing_is_told(database: Database, tmp_path: Path) -> None:
    z = np.full((6, 6), 20.0, "float32")
    z[2, 3] = -9999.0
    load_raster(database, write_raster(tmp_path / "hole.tif", z, nodata=-9999.0))
    x, y = posts(6, 6)
    east, north = np.meshgrid(np.arange(0.0, 6.01, 0.25) + WEST_M, NORTH_M - np.arange(0.0, 6.01, 0.25))
    told = heights(database, east.ravel(), north.ravel()).reshape(east.shape)
    beyond = (east < x.min()) | (east > x.max()) | (north < y.min()) | (north > y.max())
    beside = (np.abs(east - x[2, 3]) < 1) & (np.abs(north - y[2, 3]) < 1)
    assert (np.isnan(told) == (beyond | beside)).all()
    assert (told[~(beyond | beside)] == 20.0).all()


@pytest.fixture(scope="module")
def rough(clone, template, tmp_path_factory) -> "tuple[Database, Path]":  # type: ignore[no-untyped-def]
    database = Database(clone(template, "rough_ground"))
    random = np.random.default_rng(11)
    z = (20 + random.normal(0, 3, (150, 140))).astype("float32")
    z[random.random(z.shape) < 0.02] = -9999.0
    path = write_raster(
        tmp_path_factory.mktemp("rough") / "rough.tif", z, 2.0, nodata=-9999.0, tiled=True, blockxsize=64, blockysize=64
    )
    load_raster(database, path)
    yield database, path
    database.close()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(places=st.lists(st.tuples(st.floats(-5, 290), st.floats(-5, 310)), min_size=1, max_size=20))
def test_any_place_is_told_as_a_plain_reading_of_the_file_tells_it(
    rough: "tuple[Database, Path]", places: list[tuple[float, float]]
) -> None:
    database, path = rough
    east, north = WEST_M + np.array([e for e, _ in places]), NORTH_M - np.array([s for _, s in places])
    with rasterio.open(path) as file:
        z = file.read(1, masked=True).filled(np.nan)
    expected = [plainly(z, e, s) for e, s in places]
    assert heights(database, east, north) == pytest.approx(expected, abs=1e-4, nan_ok=True)


def plainly(z: Floats, east: float, south: float) -> float:
    """Bilinear height, one place at a time; posts stand in the middle of pixels of two metres."""
    column, row = east / 2 - 0.5, south / 2 - 0.5
    # A millionth of a step is no distance.
    column, row = (round(v) if abs(v - round(v)) < 1e-6 else v for v in (column, row))
    if not (0 <= column <= z.shape[1] - 1 and 0 <= row <= z.shape[0] - 1):
        return float("nan")
    total = 0.0
    for r in {int(row), int(-(-row // 1))}:
        for c in {int(column), int(-(-column // 1))}:
            total += (1 - abs(row - r)) * (1 - abs(column - c)) * z[r, c]
    return total


def test_gdal_tells_the_same(rough: "tuple[Database, Path]") -> None:
    database, path = rough
    with rasterio.open(path) as file:
        whole = file.read(1, masked=True)
        by_gdal = np.full(whole.shape, np.nan, "float32")
        moved = file.transform.translation(0.6, -0.8) * file.transform
        reproject(
            rasterio.band(file, 1), by_gdal, dst_transform=moved, dst_crs=file.crs, dst_nodata=np.nan,
            resampling=Resampling.bilinear,
        )  # fmt: skip
    x, y = posts(140, 150, 2.0)
    told = heights(database, (x + 0.6).ravel(), (y - 0.8).ravel()).reshape(x.shape)
    # GDAL tells something beside unknown posts too.
    known = np.isfinite(told)
    assert known.sum() > 15_000
    assert told[known] == pytest.approx(by_gdal[known], abs=1e-3)


def test_the_finer_model_is_asked_first_and_the_coarser_one_fills_its_holes(database: Database, tmp_path: Path) -> None:
    fine = np.full((20, 20), 10.0, "float32")
    fine[:, 10:] = np.nan
    load_raster(database, write_raster(tmp_path / "fine.tif", fine, 1.0), name="fine", accuracy_m=0.1)
    load_raster(database, write_raster(tmp_path / "coarse.tif", np.full((20, 20), 30.0, "float32"), 5.0), name="coarse")
    east, north = np.array([5.0, 15.0, 90.0, 200.0]) + WEST_M, np.array([5.0, 5.0, 90.0, 5.0]) * -1 + NORTH_M
    assert heights(database, east, north) == pytest.approx([10.0, 30.0, 30.0, np.nan], nan_ok=True)
    with database.transaction(read_only=True) as connection:
        told = ground_answer(connection, list(zip(east.tolist(), north.tolist(), strict=True)))
    assert [place.model for place in told.places] == ["fine", "coarse", "coarse", None]
    assert told.places[0].accuracy_m == 0.1


def test_priority_beats_step_and_date_decides_between_equals(database: Database, tmp_path: Path) -> None:
    for name, z, origin in (
        ("old", 1.0, {"surveyed_on": date(2015, 1, 1)}),
        ("new", 2.0, {"surveyed_on": date(2024, 1, 1)}),
    ):
        path = write_raster(tmp_path / f"{name}.tif", np.full((9, 9), z, "float32"), 1.0)
        load_raster(database, path, name=name, **origin)
    assert heights(database, [WEST_M + 4], [NORTH_M - 4]) == pytest.approx([2.0])
    path = write_raster(tmp_path / "trusted.tif", np.full((9, 9), 3.0, "float32"), 5.0)
    load_raster(database, path, name="trusted", priority=1)
    assert heights(database, [WEST_M + 4], [NORTH_M - 4]) == pytest.approx([3.0])
    with database.transaction() as connection:
        remove_model(connection, "trusted")
    assert heights(database, [WEST_M + 4], [NORTH_M - 4]) == pytest.approx([2.0])


def test_a_name_is_taken_once_unless_it_is_to_be_replaced(database: Database, tmp_path: Path) -> None:
    one = write_raster(tmp_path / "one.tif", np.full((9, 9), 1.0, "float32"))
    two = write_raster(tmp_path / "two.tif", np.full((9, 9), 2.0, "float32"))
    load_raster(database, one)
    with pytest.raises(ConflictError, match="--replace"):
        load_raster(database, two)
    assert heights(database, [WEST_M + 4], [NORTH_M - 4]) == pytest.approx([1.0])
    load_raster(database, two, replace=True)
    assert heights(database, [WEST_M + 4], [NORTH_M - 4]) == pytest.approx([2.0])
    with database.transaction() as connection, pytest.raises(NotFoundError):
        remove_model(connection, "absent")


def test_the_account_counts_every_post_once(database: Database, tmp_path: Path) -> None:
    z = np.random.default_rng(1).uniform(5, 9, (257, 300)).astype("float32")
    z[100:140, 120:140] = -9999.0
    model = load_raster(database, write_raster(tmp_path / "z.tif", z, nodata=-9999.0))
    known = z[z > 0]
    assert (model.known_posts, model.columns, model.rows) == (known.size, 300, 257)
    assert (model.least_z_m, model.greatest_z_m) == (known.min(), known.max())


def test_what_is_nowhere_known_is_not_stored(database: Database, tmp_path: Path) -> None:
    z = np.full((1000, 1000), -9999.0, "float32")
    z[500:510, 500:510] = 8.0
    load_raster(database, write_raster(tmp_path / "island.tif", z, nodata=-9999.0))
    with database.transaction() as connection:
        stored = connection.execute("SELECT count(*) FROM pipemap.ground_tile").fetchone()
    assert stored == {"count": 1}


def test_a_load_that_fails_half_way_leaves_what_was_there(database: Database, tmp_path: Path) -> None:
    load_raster(database, write_raster(tmp_path / "good.tif", np.full((9, 9), 7.0, "float32")))
    z = np.random.default_rng(2).uniform(5, 9, (900, 900)).astype("float32")
    cut = write_raster(tmp_path / "cut.tif", z, compress="deflate")
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size * 2 // 3])
    with pytest.raises(SourceError, match=r"cut\.tif cannot be read") as refused:
        load_raster(database, cut, replace=True)
    assert "无法读取" in refused.value.details["message_zh"]
    assert heights(database, [WEST_M + 4], [NORTH_M - 4]) == pytest.approx([7.0])


def test_a_load_that_is_killed_leaves_nothing(database: Database, tmp_path: Path) -> None:
    path = write_raster(tmp_path / "big.tif", np.random.default_rng(4).uniform(5, 9, (1200, 1200)).astype("float32"))
    command = [sys.executable, "-m", "tests.postgis.loading_slowly", database.url, str(path)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])
    assert child.stdout is not None
    assert child.stdout.readline() == "half way\n"
    os.kill(child.pid, signal.SIGKILL)
    child.communicate()
    for _ in range(50):
        with database.transaction() as connection:
            if not ground_models(connection) and not _loading(connection):
                break
        time.sleep(0.1)
    with database.transaction() as connection:
        assert ground_models(connection) == []
        assert connection.execute("SELECT count(*) FROM pipemap.ground_tile").fetchone() == {"count": 0}


def _loading(connection) -> bool:  # type: ignore[no-untyped-def]
    asked = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'COPY%ground_tile%'"
    return connection.execute(asked).fetchone() is not None


def test_only_the_tiles_touched_are_read_and_no_more_than_once(database: Database, tmp_path: Path) -> None:
    x, _ = posts(1000, 1000)
    load_raster(database, write_raster(tmp_path / "plane.tif", ((x - WEST_M) / 8).astype("float32")))
    with database.transaction(read_only=True) as connection:
        terrain = Terrain(connection)
        reads: list[int] = []
        read = terrain._read
        terrain._read = lambda model, keys: (reads.append(len(keys)), read(model, keys))[1]  # type: ignore[method-assign]
        for _ in range(3):
            terrain.at(
                np.array([[WEST_M + 10, NORTH_M - 10], [WEST_M + 12, NORTH_M - 900], [WEST_M + 30, NORTH_M - 9]])
            )
        assert sum(reads) == 2
        assert terrain.used == ("ground",)
