"""Small made-up ground models as files, and how they are brought into a map."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.transform import Affine, from_origin

from importers.ground import Asked, read_ground
from pipemap.db import Database
from pipemap.ground.storing import Origin, store_model
from schemas.ground import GroundModel

WEST_M, NORTH_M = 512_000.0, 2_612_000.0
Floats = npt.NDArray[np.float64]


def write_raster(
    path: Path,
    z_m: npt.NDArray[Any],
    step_m: float = 1.0,
    *,
    west_m: float = WEST_M,
    north_m: float = NORTH_M,
    crs: str | None = "EPSG:4547",
    driver: str = "GTiff",
    transform: Affine | None = None,
    **options: Any,
) -> Path:
    """A raster whose first post is half a step south-east of `west_m`, `north_m`."""
    at = transform or from_origin(west_m, north_m, step_m, step_m)
    with rasterio.open(
        path, "w", driver=driver, height=z_m.shape[0], width=z_m.shape[1], count=1, dtype=z_m.dtype, crs=crs,
        transform=at, **options,
    ) as file:  # fmt: skip
        file.write(z_m, 1)
    return path


def posts(columns: int, rows: int, step_m: float = 1.0) -> tuple[Floats, Floats]:
    """Eastings and northings of the posts, shape (rows, columns) each."""
    x, y = np.meshgrid(np.arange(columns) + 0.5, np.arange(rows) + 0.5)
    return WEST_M + x * step_m, NORTH_M - y * step_m


def load_raster(
    database: Database, path: Path, *, name: str = "ground", replace: bool = False, **origin: Any
) -> GroundModel:
    """Load a file as a user would."""
    with read_ground(path, Asked(4547)) as (surface, parts):
        stated = Origin(name, path.name, "0" * 64, surface.crs_name, "tester", **origin)
        return store_model(database, stated, surface.grid, parts, replace=replace)
