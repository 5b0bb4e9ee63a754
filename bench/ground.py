"""Ground models: loading a large one, and the ground at a million places, against what GDAL and numpy take for it."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import rasterio
from rasterio.transform import from_origin
from rasterio.windows import Window
from scipy.ndimage import map_coordinates

from bench.measure import Line, in_child, paired_s
from bench.serving import own_server
from importers.ground import Asked, read_ground
from pipemap.db import Database
from pipemap.ground.sampling import Terrain, ground_at
from pipemap.ground.storing import Origin, store_model
from pipemap.projects import create_database, init_project

_WEST_M, _NORTH_M, _PLACES, _REPEATS, _BLOCK = 500_000.0, 2_600_000.0, 1_000_000, 5, 512


def ground_lines(side: int) -> Iterator[Line]:
    """Cases on a model of so many posts each way, one a metre."""
    with own_server() as (cluster, folder):
        path = _write(folder / "ground.tif", side)
        create_database(cluster.url("ground"))
        with Database(cluster.url("ground")) as database:
            init_project(database)
        yield from _loading(cluster.url("ground"), path)
        yield from _sampling(cluster.url("ground"), path, side)


def _write(path: Path, side: int) -> Path:
    random = np.random.default_rng(1)
    with rasterio.open(
        path, "w", driver="GTiff", width=side, height=side, count=1, dtype="float32", crs="EPSG:4547", tiled=True,
        blockxsize=_BLOCK, blockysize=_BLOCK, transform=from_origin(_WEST_M, _NORTH_M, 1.0, 1.0), BIGTIFF="IF_SAFER",
    ) as file:  # fmt: skip
        for row in range(0, side, _BLOCK):
            height = min(_BLOCK, side - row)
            z = 20 + random.normal(0, 0.2, (height, side)).cumsum(axis=1) / 20
            file.write(z.astype("float32"), 1, window=Window(0, row, side, height))
    return path


def _loading(url: str, path: Path) -> Iterator[Line]:
    seconds, peak_mib = in_child(_load_and_read, url, path)
    yield Line("ground model loaded", *seconds, "GDAL reads it block by block", f"most memory {peak_mib} MiB")


def _load_and_read(url: str, path: Path) -> tuple[float, float]:
    return paired_s(lambda: _load(url, path), lambda: _read(path), 1)


def _load(url: str, path: Path) -> None:
    with Database(url) as database, read_ground(path, Asked(4547)) as (surface, parts):
        origin = Origin("ground", path.name, "0" * 64, surface.crs_name, "bench")
        store_model(database, origin, surface.grid, parts, replace=True)


def _read(path: Path) -> None:
    # By default GDAL keeps a twentieth of the machine's memory, which is not what is measured here.
    with rasterio.Env(GDAL_CACHEMAX=16 * 2**20), rasterio.open(path) as file:
        for _, window in file.block_windows(1):
            file.read(1, window=window)


def _sampling(url: str, path: Path, side: int) -> Iterator[Line]:
    seconds, peak_mib = in_child(_sample, url, path, side)
    note = f"most memory {peak_mib} MiB, the peer in it"
    yield Line(f"{_PLACES:,} places sampled", *seconds[0], "scipy on the whole array, read", note)
    yield Line("one place sampled", *seconds[1], "GDAL opens it and reads its block")


def _sample(url: str, path: Path, side: int) -> tuple[tuple[float, float], tuple[float, float]]:
    places = np.random.default_rng(2).uniform(0.5, side - 0.5, (_PLACES, 2))
    x, y = _WEST_M + places[:, 0], _NORTH_M - places[:, 1]
    with Database(url) as database, database.transaction(read_only=True) as connection:
        ours, peer = ground_at(connection, x[:1000], y[:1000]), _by_array(path, places[:1000])
        assert np.abs(ours - peer).max() < 1e-3
        many = paired_s(lambda: ground_at(connection, x, y), lambda: _by_array(path, places), _REPEATS)
        one = paired_s(lambda: Terrain(connection).at(np.array([[x[0], y[0]]])), lambda: _by_block(path, places[0]), 50)
    return many, one


def _by_array(path: Path, places: np.ndarray) -> np.ndarray:
    with rasterio.open(path) as file:
        return map_coordinates(file.read(1), places[:, ::-1].T - 0.5, order=1, output=np.float64)


def _by_block(path: Path, place: np.ndarray) -> np.ndarray:
    with rasterio.open(path) as file:
        column, row = (int(value - 0.5) for value in place)
        return file.read(1, window=Window(column, row, 2, 2))
