"""A long layer, read in a process of its own, comes as in smaller pieces."""

import multiprocessing
from contextlib import closing
from pathlib import Path

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import shapely

from importers.base import RecordTable
from importers.gis import GisReader
from importers.passing import read_confined

N_ROWS = 100_001


@pytest.fixture(scope="module")
def layer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("long") / "points.shp"
    xy = np.column_stack([np.arange(N_ROWS) % 1000, np.arange(N_ROWS) // 1000]) + 500_000.0
    points = gpd.GeoDataFrame({"NO": [f"井{n}" for n in range(N_ROWS)], "geometry": shapely.points(xy)}, crs=4547)
    points.to_file(path, encoding="GBK", engine="pyogrio", use_arrow=True)
    return path


def _shapes(tables: list[RecordTable]) -> npt.NDArray[np.object_]:
    return np.concatenate([table.geometry for table in tables if table.geometry is not None])


def test_rows_shapes_and_system_are_those_of_smaller_pieces(layer: Path) -> None:
    whole, pieces = (list(read_confined(GisReader(), layer, options)) for options in ({}, {"chunk_rows": 30_000}))
    assert len(whole) < len(pieces)
    pd.testing.assert_frame_equal(*(pd.concat([table.rows for table in tables]) for tables in (whole, pieces)))
    shapes = (_shapes(tables) for tables in (whole, pieces))
    assert shapely.equals_identical(*shapes).all()
    assert {table.crs for table in whole} == {table.crs for table in pieces}
    assert [table.findings for table in whole if table.findings] == [t.findings for t in pieces if t.findings]


def test_a_reader_that_is_left_early_leaves_no_process(layer: Path) -> None:
    with closing(read_confined(GisReader(), layer, {})) as tables:
        next(tables)
        assert multiprocessing.active_children()
    assert not multiprocessing.active_children()
