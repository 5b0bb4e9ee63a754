"""The ground over HTTP and by the command line, on the model of the made-up district."""

from pathlib import Path

import httpx
import pytest
from pyproj import Transformer

from importers.ground import Asked, read_ground
from pipemap.ground.storing import Origin, store_model
from sample_data.ground import write_ground_model
from sample_data.streets import ground_m, plan_xy_m
from tests.service.conftest import Town


@pytest.fixture
def ground(client: httpx.Client, town: Town, tmp_path: Path) -> httpx.Client:
    write_ground_model(tmp_path / "ground.tif")
    with read_ground(tmp_path / "ground.tif", Asked(4547)) as (surface, parts):
        origin = Origin("district", "ground.tif", "0" * 64, surface.crs_name, "tester", accuracy_m=0.15)
        store_model(town.database, origin, surface.grid, parts)
    return client


def test_the_ground_at_places_is_that_of_the_model(ground: httpx.Client) -> None:
    places = [plan_xy_m(u, v) for u, v in ((100.0, 50.0), (420.0, 333.0))]
    answer = ground.get(
        "/api/ground", params={"at": [f"{x},{y}" for x, y in [*places, (500_000.0, 2_600_000.0)]]}
    ).json()
    told = [place["z_m"] for place in answer["places"]]
    assert told[:2] == pytest.approx([ground_m(100.0, 50.0), ground_m(420.0, 333.0)], abs=0.011)
    assert told[2] is None and answer["places"][0]["accuracy_m"] == 0.15
    assert [model["name"] for model in answer["models"]] == ["district"]


def test_places_may_be_in_degrees(ground: httpx.Client) -> None:
    x, y = plan_xy_m(100.0, 50.0)
    lon, lat = Transformer.from_crs(4547, 4490, always_xy=True).transform(x, y)
    answer = ground.get("/api/ground", params={"at": f"{lon},{lat}", "crs": "EPSG:4490"}).json()
    assert answer["places"][0]["z_m"] == pytest.approx(ground_m(100.0, 50.0), abs=0.011)
    assert (answer["places"][0]["x"], answer["places"][0]["y"]) == pytest.approx((x, y), abs=1e-3)


@pytest.mark.parametrize("at", ["", "1", "a,b", "1,nan", "114.1,23.6"])
def test_a_place_that_makes_no_sense_is_refused(ground: httpx.Client, at: str) -> None:
    answer = ground.get("/api/ground", params={"at": at})
    assert answer.status_code in (400, 422)
    assert answer.json()["detail"]
