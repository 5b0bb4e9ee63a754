"""A dig over HTTP."""

from typing import Any

import httpx
import pytest

from tests.service.conftest import X0, Y0, Town


def question(**dig: Any) -> dict[str, Any]:
    ring = [[X0 + x, Y0 + y] for x, y in ((45, 85), (55, 85), (55, 105), (45, 105), (45, 85))]
    return {"polygon": {"type": "Polygon", "coordinates": [ring]}, "dig": dig}


def test_a_dig_in_the_town_meets_the_main_and_is_shut_off_at_both_valves(client: httpx.Client, town: Town) -> None:
    answer = client.post("/api/excavation", json=question(depth_m=3)).json()
    states = {one["source_key"]: one["state"] for one in answer["meetings"]}
    # The main's top is 2.35 m below 10.5 m of ground; the gas has no surveyed ground of its own.
    assert states["A->B"] == "met" and set(states) == {"A->B", "G0->G1", "G1->G2"}
    plan = next(one for one in answer["shutoffs"] if one["group_code"] == "water")
    assert "V1" in {valve["source_key"] for valve in plan["valves"]}
    assert [one["name"] for one in plan["critical"]] == ["人民医院"]
    assert (answer["area_m2"], answer["volume_m3"]) == (pytest.approx(200), pytest.approx(600))
    assert {owner["owner"] for owner in answer["owners"]} == {"供水公司", None}


@pytest.mark.parametrize("dig", [{}, {"depth_m": 0}, {"depth_m": 1, "hand_dig_m": -1}, {"deep": 1}])
def test_a_dig_that_makes_no_sense_is_refused_over_http(client: httpx.Client, dig: dict[str, Any]) -> None:
    assert client.post("/api/excavation", json=question(**dig)).status_code in (400, 422)
