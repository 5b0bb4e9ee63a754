"""Traces of what is joined and of sewers over HTTP, on the small town."""

import httpx
import pytest

from tests.service.conftest import Town

X0, Y0 = 500_000, 2_500_000


def test_connected_path_loops_and_bridges_are_answered(client: httpx.Client, town: Town) -> None:
    ids = town.ids
    joined = client.get("/api/trace/connected", params={"node_id": ids["A"], "class_code": "water"}).json()
    assert len(joined["segment_ids"]) == 5 and joined["version"] == 2
    way = {"node_id": ids["W"], "to_at": f"{X0 + 70},{Y0 + 100}", "class_code": "water", "geojson": True}
    path = client.get("/api/trace/path", params=way).json()
    assert path["is_reached"] and path["length_m"] == pytest.approx(60)
    assert path["segment_ids"] == [ids["W->V1"], ids["V1->A"], ids["A->B"]]
    lines = path["geojson"]["features"]
    assert [one["id"] for one in lines] == path["segment_ids"] and "crs" in path["geojson"]
    refused_way = client.get("/api/trace/path", params=way | {"avoid": ids["A->B"]}).json()
    assert not refused_way["is_reached"] and refused_way["assumptions"][0]["code"] == "not-connected"
    bridges = client.get("/api/trace/bridges", params={"class_code": "water", "limit": 2}).json()
    assert bridges["bridge_count"] == 5 and len(bridges["segment_ids"]) == 2
    assert client.get("/api/trace/loops", params={"class_code": "water"}).json()["loops"] == []


@pytest.mark.parametrize("question", ["up", "down", "pollution", "blockage"])
def test_a_sewer_question_about_water_is_refused(client: httpx.Client, town: Town, question: str) -> None:
    refusal = client.get(f"/api/trace/{question}", params={"segment_id": town.ids["A->B"]})
    assert refusal.status_code == 400 and "not a sewer" in refusal.json()["detail"]
    assert client.get(f"/api/trace/{question}").status_code == 400
    assert client.get(f"/api/trace/{question}", params={"segment_id": 10**12}).status_code == 404
    assert client.get(f"/api/trace/{question}", params={"at": "here"}).status_code == 400
