"""A real terrain model over a real sewer network: what GDAL reads of the model, and plain arithmetic with it."""

from pathlib import Path

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
    assert np.allclose(told_m, model.at(places), atol=2e-3)
    assert found is not None and found["n"] == n_outliers(model, folder)
    assert len(covers) > 20
    for one in covers:
        ground = np.array([one.nearest[1]])
        assert model.at(ground[:, :2])[0] == pytest.approx(ground[0, 2], abs=2e-3)
        assert one.accuracy_m >= ACCURACY_M
        assert one.within_accuracy == (one.shortfall_m < one.accuracy_m)


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
