"""The made-up district's ground as a model on a grid, as a city's surveying institute delivers it."""

from pathlib import Path

import numpy as np
import rasterio
from rasterio.transform import from_origin

from sample_data.streets import ORIGIN_X_M, ORIGIN_Y_M, grid_uv_m, surface_m
from sample_data.writers import CRS

_STEP_M = 5.0
_MARGIN_M = 60.0
# The turned district from west to east and from north to south.
_WEST_M, _NORTH_M, _COLUMNS, _ROWS = ORIGIN_X_M - 100 - _MARGIN_M, ORIGIN_Y_M + _MARGIN_M, 214, 208


def write_ground_model(path: Path) -> None:
    """A GeoTIFF of the district's ground, rounded to centimetres, unknown in a corner where nobody flew."""
    x_m = _WEST_M + (np.arange(_COLUMNS) + 0.5) * _STEP_M
    y_m = _NORTH_M - (np.arange(_ROWS) + 0.5) * _STEP_M
    z_m = np.round(surface_m(*grid_uv_m(*np.meshgrid(x_m, y_m))), 2)
    z_m[:8, :8] = -9999.0
    with rasterio.open(
        path, "w", driver="GTiff", width=_COLUMNS, height=_ROWS, count=1, dtype="float32", nodata=-9999.0, crs=CRS,
        transform=from_origin(_WEST_M, _NORTH_M, _STEP_M, _STEP_M), compress="deflate",
    ) as file:  # fmt: skip
        file.write(z_m.astype(np.float32), 1)
