"""A planned pipe over HTTP: saved as a draft that others do not see, and told with its conflicts."""

from collections.abc import Callable

import httpx

from tests.service.conftest import X0, Y0, Town
from tests.service.test_api import refused

# Through the gas main at 7 m.
PIPE = {
    "line": [[X0 + 25, Y0 + 85, 7.05], [X0 + 25, Y0 + 95, 7.05]],
    "class_code": "water",
    "width_mm": 200,
}


def test_a_planned_pipe_is_saved_as_a_draft_with_its_conflicts(client: httpx.Client, town: Town) -> None:
    saved = client.post("/api/designs", json={"pipe": PIPE, "title": "新建给水支线"})
    assert saved.status_code == 201
    design = saved.json()
    (conflict,) = design["clearance"]["conflicts"]
    assert (conflict["kind"], conflict["other_id"]) == ("collision", town.ids["G0->G1"])
    number = design["changeset_id"]
    assert client.get(f"/api/designs/{number}").json() == design
    assert client.get(f"/api/clearance/changesets/{number}").json() == design["clearance"]
    (draft,) = client.get("/api/changesets", params={"state": "draft"}).json()
    assert (draft["changeset_id"], draft["title"], draft["kind"]) == (number, "新建给水支线", "design")
    assert client.get("/api/project").json()["version"] == 2
    assert len(client.get("/api/features/pipe_segment").json()["features"]) == 7


def test_only_staff_may_save_a_design(town: Town, serve: Callable[..., httpx.Client]) -> None:
    guarded = serve(staff_token="open sesame")
    question = {"pipe": PIPE, "title": "t"}
    refused(guarded.post("/api/designs", json=question), 401)
    assert guarded.post("/api/designs", json=question, headers={"Authorization": "Bearer open sesame"}).is_success


def test_a_design_without_a_title_or_with_a_strange_line_is_refused(client: httpx.Client) -> None:
    refused(client.post("/api/designs", json={"pipe": PIPE, "title": ""}))
    refused(client.post("/api/designs", json={"pipe": PIPE | {"line": [[X0, Y0], [X0, Y0]]}, "title": "t"}))
    refused(client.post("/api/designs", json={"pipe": PIPE | {"from_node_id": 10**9}, "title": "t"}), 404)
    refused(client.get("/api/designs/99"), 404)


def test_a_route_is_proposed_and_saved_as_a_draft_without_conflicts(client: httpx.Client, town: Town) -> None:
    ends = {"start": {"at": [X0 + 30, Y0 + 84]}, "end": {"at": [X0 + 30, Y0 + 96]}}
    pipe = ends | {"class_code": "telecom", "width_mm": 100, "burial_code": "direct"}
    along = [[X0 + 30, Y0 + 80], [X0 + 30, Y0 + 97]]
    question = {"pipe": pipe, "along": along, "half_width_m": 5}
    proposal = client.post("/api/routes", json=question).json()
    assert proposal["found"], proposal
    assert [each["other_id"] for each in proposal["crossings"]] == [town.ids["G0->G1"]]
    saved = client.post("/api/designs", json={"pipe": proposal["pipe"], "title": "通信支线"}).json()
    assert saved["clearance"]["conflicts"] == []
    ring = [[X0 + 25, Y0 + 80], [X0 + 35, Y0 + 80], [X0 + 35, Y0 + 97], [X0 + 25, Y0 + 97], [X0 + 25, Y0 + 80]]
    polygon = {"pipe": pipe, "corridor": {"type": "Polygon", "coordinates": [ring]}}
    assert client.post("/api/routes", json=polygon).json()["found"]


def test_a_route_question_that_makes_no_sense_is_refused(client: httpx.Client, town: Town) -> None:
    ends = {"start": {"at": [X0, Y0]}, "end": {"at": [X0 + 5, Y0]}}
    pipe = ends | {"class_code": "water", "width_mm": 100}
    line = [[X0, Y0], [X0 + 5, Y0]]
    refused(client.post("/api/routes", json={"pipe": pipe}))
    refused(client.post("/api/routes", json={"pipe": pipe | {"start": {}}, "along": line}))
    refused(client.post("/api/routes", json={"pipe": pipe, "along": [[X0, Y0], [X0, Y0]]}))
    refused(client.post("/api/routes", json={"pipe": pipe, "along": [[X0, Y0], [X0 + 1e6, Y0]], "half_width_m": 500}))
    zigzag = [[X0 + 500 * number, Y0 + 90_000 * (number % 2)] for number in range(300)]
    sliver = [[X0, Y0], [X0 + 2e6, Y0]]
    for along, half_width_m in ((zigzag, 0.001), (sliver, 1e-5)):
        too_large = {"pipe": pipe, "along": along, "half_width_m": half_width_m}
        assert "too large" in refused(client.post("/api/routes", json=too_large))["detail"]
    bow = [[X0, Y0], [X0 + 9, Y0 + 9], [X0 + 9, Y0], [X0, Y0 + 9], [X0, Y0]]
    refused(client.post("/api/routes", json={"pipe": pipe, "corridor": {"type": "Polygon", "coordinates": [bow]}}))
