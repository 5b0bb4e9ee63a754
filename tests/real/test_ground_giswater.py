"""A real terrain model over a real sewer network: what GDAL reads of the model, and plain arithmetic with it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import shapely
from scipy.ndimage import map_coordinates

from importers.delivery import read_delivery
from importers.ground import Asked, read_ground
from pipemap.checks import run_checks
from pipemap.clearance.running import run_city
from pipemap.clearance.stored import stored_conflicts
from pipemap.db import Database, fetch_all
from pipemap.ground.sampling import ground_at
from pipemap.ground.storing import Origin, store_model
from pipemap.ingest import create_import
from pipemap.publishing import blocking_findings, publish
from tests.real.test_gis_sets import layer

ACCURACY_M = 1.0


class Model:
    """The heights of the file by GDAL and scipy."""

    def __init__(self, path: Path) -> None:
        with rasterio.open(path) as file:
            self._z, self._back = file.read(1).astype(float), ~file.transform

    def at(self, xy: np.ndarray) -> np.ndarray:
        column, row = self._back * (xy[:, 0], xy[:, 1])
        return np.asarray(map_coordinates(self._z, [np.asarray(row) - 0.5, np.asarray(column) - 0.5], order=1))


@pytest.fixture(scope="module")
def folder(shared_data: Path) -> Path:
    return shared_data / "giswater-samples"


@pytest.fixture
def sewer(database: Database, folder: Path) -> tuple[Database, int]:
    """The sewer brought in where the model of its town is loaded, and its changeset."""
    path = folder / "dem" / "dem.tif"
    with database.transaction() as connection:
        connection.execute("UPDATE pipemap.project SET srid = 25831")
    with read_ground(path, Asked(25831)) as (surface, parts):
        origin = Origin("town", path.name, "0" * 64, surface.crs_name, "test", accuracy_m=ACCURACY_M)
        store_model(database, origin, surface.grid, parts)
    changeset = create_import(database, read_delivery([folder / "ud_network.gpkg"], srid=25831), title="s", author="t")
    run_checks(database, changeset)
    with database.transaction(read_only=True) as connection:
        errors = blocking_findings(connection, changeset)
    publish(database, changeset, message="m", author="t", waivers=dict.fromkeys(errors, "a sample"))
    return database, changeset


def test_surveyed_ground_is_held_against_the_model_and_covers_are_taken_from_it(
    sewer: tuple[Database, int], folder: Path
) -> None:
    database, changeset = sewer
    model = Model(folder / "dem" / "dem.tif")
    run_city(database)
    with database.transaction(read_only=True) as connection:
        rows = fetch_all(connection, "SELECT ST_X(geom) AS x, ST_Y(geom) AS y FROM pipemap.node")
        places = np.array([(row["x"], row["y"]) for row in rows])
        told_m = ground_at(connection, *places.T)
        outliers = "SELECT count(*) AS n FROM pipemap.finding WHERE changeset_id = %s AND rule = 'P19'"
        found = connection.execute(outliers, [changeset]).fetchone()
        covers = [one for one in stored_conflicts(connection, limit=9_999) if one.kind == "cover"]
        pipes = {row["feature_id"]: row for row in fetch_all(connection, PIPES)}
    assert np.allclose(told_m, model.at(places), atol=2e-3)
    assert found is not None and found["n"] == n_outliers(model, folder)
    assert len(covers) > 20
    surveyed = 0
    for one in covers:
        x, y, ground_m = one.nearest[1]
        off_m, is_at_node = off_by_hand(model, pipes[one.segment_id], x, y)
        assert model.at(np.array([[x, y]]))[0] + off_m == pytest.approx(ground_m, abs=5e-3)
        # Where it was surveyed the ground is as sure as the survey, which is of centimetres; elsewhere as the model.
        assert (one.other_accuracy_m is None) == is_at_node and (is_at_node or one.accuracy_m >= ACCURACY_M)
        assert one.within_accuracy == (one.shortfall_m < one.accuracy_m)
        surveyed += is_at_node
    assert 0 < surveyed < len(covers)


PIPES = """
    SELECT f.feature_id, ST_AsBinary(ST_Force2D(f.geom)) AS axis, a.ground_elevation_m AS from_m,
        b.ground_elevation_m AS to_m
    FROM pipemap.pipe_segment AS f
    JOIN pipemap.node AS a ON a.feature_id = f.from_node_id
    JOIN pipemap.node AS b ON b.feature_id = f.to_node_id
"""


def off_by_hand(model: Model, pipe: dict[str, Any], x: float, y: float) -> tuple[float, bool]:
    """How far the ground lies above the model at a place of a pipe, and whether that is one of its nodes."""
    axis = shapely.from_wkb(bytes(pipe["axis"]))
    ends, grounds = np.array([axis.coords[0], axis.coords[-1]]), (pipe["from_m"], pipe["to_m"])
    off = [0.0 if known is None else known - told for known, told in zip(grounds, model.at(ends), strict=True)]
    along_m = axis.project(shapely.Point(x, y))
    share = along_m / axis.length
    at = (0.0, axis.length)
    is_at_node = [known is not None and abs(along_m - end) < 1e-3 for known, end in zip(grounds, at, strict=True)]
    return off[0] + share * (off[1] - off[0]), any(is_at_node)


def n_outliers(model: Model, folder: Path) -> int:
    """Points of the file whose ground is farther off the model than 1 m or five deviations, less what all are off."""
    off_m = []
    for name in ("ud_node", "ud_connec", "ud_gully"):
        for row in layer(folder / "ud_network.gpkg", name):
            # A GeoPackage puts 8 bytes and an envelope before the well-known binary of a geometry.
            place = shapely.from_wkb(row["geom"][8 + (32 if row["geom"][3] & 0b1110 else 0) :])
            ground_m = row.get("top_elev")
            if ground_m:
                off_m.append(ground_m - model.at(np.array([[place.x, place.y]]))[0])
    off = np.array(off_m) - np.median(off_m)
    return int((np.abs(off) > max(1.0, 5 * 1.4826 * np.median(np.abs(off)))).sum())
