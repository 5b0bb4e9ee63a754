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
