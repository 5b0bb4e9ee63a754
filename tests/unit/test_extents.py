"""The area that a delivery is complete for, from text and from files."""

from pathlib import Path

import geopandas
import pytest
from shapely import LineString, box

from importers.extents import read_extent
from pipemap.errors import PipemapError, UsageError

AREA = box(500_000, 2_500_000, 500_100, 2_500_050)


def test_a_polygon_as_text_is_in_the_project_crs() -> None:
    assert read_extent(AREA.wkt, 4547).equals(AREA)


@pytest.mark.parametrize("name", ["extent.gpkg", "extent.geojson", "extent.shp"])
def test_a_layer_in_degrees_comes_out_in_the_project_crs(tmp_path: Path, name: str) -> None:
    geopandas.GeoDataFrame(geometry=[AREA], crs=4547).to_crs(4490).to_file(tmp_path / name, engine="pyogrio")
    found = read_extent(str(tmp_path / name), 4547)
    assert found.hausdorff_distance(AREA) < 0.01


@pytest.mark.parametrize(
    "text", ["POLYGON((0 0", "nothing.gpkg", "POINT(1 2)", "POLYGON EMPTY", "POLYGON((0 0,1 1,0 1,1 0,0 0))"]
)
def test_what_is_no_polygon_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        read_extent(text, 4547)


def test_a_file_of_lines_is_refused(tmp_path: Path) -> None:
    geopandas.GeoDataFrame(geometry=[LineString([(0, 0), (1, 1)])], crs=4547).to_file(tmp_path / "lines.gpkg")
    with pytest.raises(PipemapError):
        read_extent(str(tmp_path / "lines.gpkg"), 4547)
