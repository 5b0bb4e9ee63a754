"""The pressure check over HTTP."""

import httpx
import pytest

from tests.service.conftest import Town

ROUTE = "/api/trace/pressure"


def test_the_hospital_behind_the_cut_is_counted_and_the_assumptions_are_told(client: httpx.Client, town: Town) -> None:
    answer = client.get(ROUTE, params={"segment_id": town.ids["A->B"], "source_pressure_m": 30}).json()
    assert answer["basis"] == "model"
    assert answer["without_supply"] == 1
    assert answer["low_consumers"] == []
    # Ground at the works is 10 m and the hospital's is that of B, half a metre higher.
    assert answer["before"]["median_m"] == pytest.approx(29.5, abs=0.5)
    assert answer["before"]["wanted_m3_per_d"] == pytest.approx(800 * 0.2)
    assert {one["code"] for one in answer["assumptions"]} >= {"source-pressure", "demand", "elevation"}


@pytest.mark.parametrize(
    ("params", "words"),
    [({"segment_id": "G0->G1"}, "water only"), ({}, "Say what has burst"), ({"threshold_m": 0}, "threshold_m")],
)
def test_what_cannot_be_reckoned_is_refused(
    client: httpx.Client, town: Town, params: dict[str, object], words: str
) -> None:
    named = {name: town.ids.get(str(value), value) for name, value in params.items()}
    answer = client.get(ROUTE, params=named)
    assert answer.status_code == 400
    assert words in answer.text
