"""Every staff route as a client meets it."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from pyproj import Transformer

from api.problems import answer_to
from pipemap.changesets import create_edit
from pipemap.db import ping
from pipemap.errors import UnreachableError
from tests.postgis.deliveries import publish_now
from tests.service.conftest import X0, Y0, Town


def keys(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [feature["properties"]["source_key"] for feature in answer.json()["features"]]


def refused(answer: httpx.Response, status: int = 400) -> dict[str, Any]:
    """A problem document that tells nothing of the inside."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert problem["status"] == status and problem["title"] and problem["detail"] and problem["code"]
    for leak in ("SELECT", "psycopg", "Traceback", ".py", "pipemap.node"):
        assert leak not in answer.text
    return problem


def body(ring: list[list[float]], z_min_m: float, z_max_m: float) -> dict[str, Any]:
    return {"polygon": {"type": "Polygon", "coordinates": [ring]}, "z_min_m": z_min_m, "z_max_m": z_max_m}


def box(min_x: float, min_y: float, max_x: float, max_y: float) -> str:
    return f"{X0 + min_x},{Y0 + min_y},{X0 + max_x},{Y0 + max_y}"


def test_the_project_tells_what_there_is(client: httpx.Client) -> None:
    project = client.get("/api/project").json()
    assert (project["name"], project["srid"], project["version"]) == ("test city", 4547, 2)
    assert project["extent"] == [X0, Y0 + 90, X0 + 100, Y0 + 100]
    classes = {one["code"]: one for one in project["classes"]}
    assert (classes["water"]["segment_count"], classes["water"]["length_m"]) == (5, pytest.approx(100))
    assert classes["gas"]["segment_count"] == 2
    assert classes["water"]["name_zh"] == "给水" and classes["water"]["color"] == [0, 255, 255]


def test_features_by_box_height_class_and_attribute(client: httpx.Client) -> None:
    def ask(**parameters: Any) -> list[str]:
        return keys(client.get("/api/features/pipe_segment", params=parameters))

    assert sorted(ask(bbox=box(30, 95, 50, 105))) == ["A->B", "V1->A"]
    assert sorted(ask(bbox=box(0, 0, 200, 200), class_code="gas")) == ["G0->G1", "G1->G2"]
    assert sorted(ask(z_min=7.5, z_max=9)) == ["A->B", "B->V2", "V1->A", "V2->C", "W->V1"]
    x, y = X0, Y0
    assert ask(bbox=f"{x},{y},6.5,{x + 200},{y + 200},7.5") == ["G0->G1"]
    assert ask(owner="供水公司") == ["A->B"]
    assert ask(source_key="A->B") == ["A->B"]
    assert sorted(keys(client.get("/api/features/node", params={"appurtenance_code": "valve"}))) == ["V1", "V2"]


def test_a_box_in_degrees_finds_the_same(client: httpx.Client) -> None:
    degrees = Transformer.from_crs(4547, 4326, always_xy=True)
    bounds = degrees.transform_bounds(X0 + 30, Y0 + 95, X0 + 50, Y0 + 105)
    parameters = {"bbox": ",".join(map(str, bounds)), "bbox_crs": "EPSG:4326", "crs": "EPSG:4326"}
    answer = client.get("/api/features/pipe_segment", params=parameters)
    assert sorted(keys(answer)) == ["A->B", "V1->A"]
    del parameters["bbox_crs"]
    assert keys(client.get("/api/features/pipe_segment", params=parameters)) == keys(answer), "crs is that of the box"
    first = keys(answer).index("V1->A")
    longitude, latitude, z = answer.json()["features"][first]["geometry"]["coordinates"][0]
    assert (longitude, latitude) == pytest.approx(degrees.transform(X0 + 20, Y0 + 100), abs=1e-8)
    assert z == 8


def test_pages_follow_each_other(client: httpx.Client) -> None:
    seen: list[str] = []
    after = None
    while True:
        answer = client.get("/api/features/node", params={"limit": 4} | ({"after": after} if after else {}))
        seen += keys(answer)
        after = answer.json()["next"]
        if after is None:
            break
    assert sorted(seen) == ["A", "B", "C", "G0", "G1", "G2", "V1", "V2", "W"]


def test_any_version_can_be_read(client: httpx.Client, town: Town) -> None:
    assert len(keys(client.get("/api/features/pipe_segment", params={"version": 1}))) == 5
    assert len(keys(client.get("/api/features/pipe_segment", params={"version": 2}))) == 7
    assert len(keys(client.get("/api/features/pipe_segment", params={"version": "2999-01-01"}))) == 7
    assert client.get("/api/features/pipe_segment").json()["version"] == 2
    assert client.get("/api/features/pipe_segment", params={"version": 1}).json()["version"] == 1
    feature = f"/api/features/pipe_segment/{town.ids['A->B']}"
    assert client.get(feature, params={"version": 1}).json()["properties"]["owner"] is None
    assert client.get(feature).json()["properties"]["owner"] == "供水公司"
    history = client.get(f"{feature}/history").json()
    assert [(entry["version"], entry["op"]) for entry in history] == [(1, "insert"), (2, "update")]


def test_near_corridor_and_search(client: httpx.Client, town: Town) -> None:
    near = {"x": X0 + 50, "y": Y0 + 100, "z": 8, "radius_m": 10.01}
    nearest, *others = keys(client.get("/api/near", params=near))
    assert nearest == "A->B" and sorted(others) == ["B->V2", "V1->A"]
    assert "G0->G1" in keys(client.get("/api/near", params={"x": X0 + 50, "y": Y0 + 100, "radius_m": 10.01}))
    line = {"line": [[X0 + 45, Y0], [X0 + 45, Y0 + 200]], "half_width_m": 1}
    assert keys(client.post("/api/corridor", json=line)) == ["G0->G1", "A->B"]
    assert client.post("/api/corridor", json=line).json()["version"] == 2
    assert client.get("/api/near", params=near).json()["version"] == 2
    found = client.get("/api/search", params={"q": "V"}).json()
    assert [(one["source_key"], one["feature_id"]) for one in found][:2] == [
        ("V1", town.ids["V1"]),
        ("V2", town.ids["V2"]),
    ]
    assert (found[0]["x_m"], found[0]["y_m"]) == (X0 + 20, Y0 + 100)


@pytest.mark.parametrize("by", ["segment", "place"])
def test_a_burst_closes_valves_and_names_the_hospital(client: httpx.Client, town: Town, by: str) -> None:
    places = {"segment": {"segment_id": town.ids["A->B"]}, "place": {"x": X0 + 50, "y": Y0 + 100.5, "z": 8}}
    answer = client.get("/api/trace/burst", params=places[by]).json()
    ids = town.ids
    assert {valve["source_key"] for valve in answer["valves_to_close"]} == {"V1"}
    assert set(answer["isolated_segment_ids"]) == {ids["V1->A"], ids["A->B"], ids["B->V2"]}
    assert answer["dry_segment_ids"] == [ids["V2->C"]]
    assert answer["isolated_length_m"] == pytest.approx(60)
    assert answer["consumers"]["people"] == 800
    assert [(one["name"], one["zone"]) for one in answer["consumers"]["critical"]] == [("人民医院", "dry")]
    assert answer["version"] == 2
    if by == "place":
        assert answer["clicked"].pop("distance_m") == pytest.approx(0.5)
        size = {"width_mm": 300, "height_mm": 300}
        assert answer["clicked"] == {"segment_id": ids["A->B"], "source_key": "A->B", "class_code": "water"} | size
    else:
        assert answer["clicked"] is None


def test_a_burst_names_other_utilities_in_reach_and_what_is_not_known_of_their_height(
    client: httpx.Client, town: Town
) -> None:
    ids = town.ids
    parameters = {"segment_id": ids["A->B"], "radius_m": 10.0}
    around = client.get("/api/trace/burst", params=parameters).json()["surroundings"]
    known, unknown = around["neighbours"]
    # 10 m off in plan and 1 m in height, less half its width; the other is of unknown height and size.
    assert (known["segment_id"], known["is_height_known"]) == (ids["G0->G1"], True)
    assert known["distance_m"] == pytest.approx(101**0.5 - 0.1)
    assert (unknown["segment_id"], unknown["is_height_known"], unknown["z_m"]) == (ids["G1->G2"], False, None)
    assert unknown["distance_m"] == pytest.approx(10) and around["owners"] == {"": 2}
    nearer = client.get("/api/trace/burst", params=parameters | {"radius_m": 9.9}).json()["surroundings"]
    assert nearer["neighbours"] == []
    assert client.get("/api/trace/burst", params=parameters | {"radius_m": 0}).json()["surroundings"] is None


def test_several_bursts_at_segments_nodes_and_places(client: httpx.Client, town: Town) -> None:
    ids = town.ids
    both = client.get("/api/trace/burst", params={"at": [f"{X0 + 10},{Y0 + 100}", f"{X0 + 90},{Y0 + 100},8"]}).json()
    assert {place["segment_id"] for place in both["burst"]} == {ids["W->V1"], ids["V2->C"]}
    assert both["clicked"]["source_key"] == "W->V1" and both["further_clicked"][0]["source_key"] == "V2->C"
    assert [source["source_key"] for source in both["sources_to_shut"]] == ["W"]
    at_node = client.get("/api/trace/burst", params={"node_id": ids["A"]}).json()
    assert at_node["burst"][0] | {"x_m": 0, "y_m": 0} == {
        "segment_id": None, "node_id": ids["A"], "source_key": None, "class_code": "water",
        "x_m": 0, "y_m": 0, "z_m": None,
    }  # fmt: skip
    at_pipe = client.get("/api/trace/burst", params={"segment_id": ids["A->B"]}).json()
    assert at_node["isolated_segment_ids"] == at_pipe["isolated_segment_ids"]
    assert at_node["surroundings"]["neighbours"] == []


def test_a_valve_that_cannot_be_reached_widens_the_cut(client: httpx.Client, town: Town) -> None:
    ids = town.ids
    answer = client.get("/api/trace/burst", params={"segment_id": ids["A->B"], "inaccessible": ids["V1"]}).json()
    assert answer["valves_to_close"] == [] and [one["source_key"] for one in answer["sources_to_shut"]] == ["W"]
    assert ids["W->V1"] in answer["isolated_segment_ids"]
    [freed] = answer["alternatives"]
    assert freed["outcome"] == "holds" and [one["source_key"] for one in freed["valves"]] == ["V1"]
    assert [one["source_key"] for one in freed["plan"]["valves_to_close"]] == ["V1"]
    refused(client.get("/api/trace/burst", params={"segment_id": ids["A->B"], "inaccessible": ids["A"]}))
    refused(client.get("/api/trace/burst", params={"segment_id": ids["A->B"], "opened": ids["V1"]}))


def test_criticality_of_every_segment_at_once_and_of_the_worst(client: httpx.Client, town: Town) -> None:
    answer = client.get("/api/trace/criticality").json()
    bursts = [client.get("/api/trace/burst", params={"segment_id": one}).json() for one in answer["segment_ids"]]
    assert len(bursts) == 5 and (answer["group_code"], answer["version"]) == ("water", 2)
    assert answer["people"] == [burst["consumers"]["people"] for burst in bursts]
    assert answer["valves"] == [len(burst["valves_to_close"]) for burst in bursts]
    assert answer["length_m"] == [burst["isolated_length_m"] + burst["dry_length_m"] for burst in bursts]
    worst = client.get("/api/trace/criticality", params={"limit": 2}).json()
    assert len(worst["segment_ids"]) == 2 and worst["people"] == [800, 800]
    refused(client.get("/api/trace/criticality", params={"class_code": "storm"}))


def test_planned_cuts_are_split_where_they_overlap(client: httpx.Client, town: Town) -> None:
    ids = town.ids
    cuts = [
        {"name": "main", "starts_at": "2026-08-03T22:00:00+08:00", "ends_at": "2026-08-04T04:00:00+08:00",
         "segment_ids": [ids["A->B"]]},
        {"name": "hospital", "starts_at": "2026-08-04T02:00:00+08:00", "ends_at": "2026-08-04T06:00:00+08:00",
         "places": [[X0 + 90, Y0 + 100]]},
    ]  # fmt: skip
    first, both, last = client.post("/api/trace/shutdown", json={"cuts": cuts}).json()["intervals"]
    assert [one["cuts"] for one in (first, both, last)] == [["main"], ["main", "hospital"], ["hospital"]]
    assert (first["ends_at"], last["starts_at"]) == ("2026-08-04T02:00:00+08:00", "2026-08-04T04:00:00+08:00")
    assert [valve["source_key"] for valve in first["close_at_start"]] == ["V1"]
    assert [valve["source_key"] for valve in both["reopen_at_end"]] == ["V1"]
    assert [valve["source_key"] for valve in last["close_at_start"]] == ["V2"]
    assert both["only_together"]["consumers"]["count"] == 0 and both["plan"]["consumers"]["people"] == 800
    cuts[0]["ends_at"] = cuts[0]["starts_at"]
    assert "ends before" in refused(client.post("/api/trace/shutdown", json={"cuts": cuts}))["detail"]
    refused(client.post("/api/trace/shutdown", json={"cuts": []}))


def test_a_burst_in_an_older_version_and_after_a_publish(client: httpx.Client, town: Town) -> None:
    parameters = {"segment_id": town.ids["A->B"]}
    assert client.get("/api/trace/burst", params=parameters | {"version": 1}).json()["version"] == 1
    assert client.get("/api/trace/burst", params=parameters).json()["version"] == 2
    closed = {"kind": "node", "op": "update", "feature_id": town.ids["V2"], "values": {"valve_state_code": "closed"}}
    publish_now(town.database, create_edit(town.database, title="t", author="a", changes=[closed]))
    answer = client.get("/api/trace/burst", params=parameters).json()
    assert answer["version"] == 3
    assert answer["dry_segment_ids"] == [] and answer["already_dry_segment_ids"] == [town.ids["V2->C"]]


def test_clearance_of_a_segment_and_of_an_excavation(client: httpx.Client, town: Town) -> None:
    answer = client.get(f"/api/clearance/segments/{town.ids['A->B']}").json()
    assert answer["segment_id"] == town.ids["A->B"] and answer["version"] in (2, None)
    ring = [[X0 + 45, Y0 + 95], [X0 + 55, Y0 + 95], [X0 + 55, Y0 + 105], [X0 + 45, Y0 + 105], [X0 + 45, Y0 + 95]]
    met = client.post("/api/clearance/polygon", json=body(ring, 7, 10)).json()["conflicts"]
    assert [(one["kind"], one["other_id"]) for one in met] == [("collision", town.ids["A->B"])]

    to_degrees = Transformer.from_crs(4547, 4326, always_xy=True)
    in_degrees = body([list(to_degrees.transform(*corner)) for corner in ring], 7, 10)
    named = client.post("/api/clearance/polygon", json=in_degrees | {"crs": "EPSG:4326"}).json()["conflicts"]
    assert [one["other_id"] for one in named] == [town.ids["A->B"]]
    assert refused(client.post("/api/clearance/polygon", json=in_degrees))["code"] == "crs"


def test_versions_differences_and_changesets(client: httpx.Client, town: Town) -> None:
    assert [one["version"] for one in client.get("/api/versions").json()] == [2, 1]
    diff = client.get("/api/diff", params={"from": 1, "to": 2}).json()
    assert diff["counts"]["node"] == {"insert": 3, "update": 0, "delete": 0}
    changed = [(one["op"], one["source_key"]) for one in diff["changes"] if one["kind"] == "pipe_segment"]
    assert sorted(changed) == [("insert", "G0->G1"), ("insert", "G1->G2"), ("update", "A->B")]
    first = client.get("/api/changesets", params={"state": "published"}).json()[-1]
    assert client.get(f"/api/changesets/{first['changeset_id']}").json()["version"] == 1
    assert client.get(f"/api/changesets/{first['changeset_id']}/findings").json() == []


def test_the_scene_comes_in_binary_and_compressed(client: httpx.Client) -> None:
    answer = client.get("/api/scene")
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-encoding"] == "gzip"
    assert len(answer.content) > len(client.get("/api/scene", params={"bbox": box(0, 95, 10, 105)}).content)


UNREADABLE = [
    "/api/features/dragon",
    "/api/features/node?dragon=1",
    "/api/features/node?bbox=1,2,3",
    "/api/features/node?bbox=1,2,x,4",
    "/api/features/node?bbox=4,4,1,1",
    "/api/features/node?bbox=nan,0,1,1",
    "/api/features/node?bbox=113,22,115,24",
    "/api/features/node?bbox=0,0,1,1&bbox_crs=dragon",
    "/api/features/node?crs=EPSG:999999",
    "/api/features/node?crs=4326",
    "/api/features/node?limit=0",
    "/api/features/node?limit=10001",
    "/api/features/node?limit=many",
    "/api/features/node?z_min=inf",
    "/api/features/node?z_min=9&z_max=1",
    "/api/features/node?class_code=dragon",
    "/api/features/node?version=yesterday",
    "/api/features/node?version=2026-01-01T00:00:00",
    "/api/features/node?ground_elevation_m=deep",
    "/api/features/node?owner=%00",
    "/api/features/node/0",
    "/api/features/node/99999999999999999999",
    "/api/features/node/one",
    "/api/features/node/1?colour=red",
    "/api/near?x=1&y=2",
    "/api/near?x=1&y=2&radius_m=-1",
    "/api/near?x=1&y=2&radius_m=1&kind=dragon",
    "/api/near?x=1&y=2&radius_m=1&radius=2",
    "/api/search",
    "/api/search?q=",
    "/api/search?q=a&limit=x",
    "/api/diff?from=1",
    "/api/diff?from=1&to=two",
    "/api/diff?from=0&to=0&kind=dragon",
    "/api/versions?limit=0",
    "/api/versions?page=2",
    "/api/changesets/x",
    "/api/changesets?offset=-1",
    "/api/trace/burst",
    "/api/trace/burst?segment_id=x",
    "/api/trace/burst?x=1",
    "/api/trace/burst?segment_id=1&x=1&y=2",
    "/api/trace/burst?x=1&y=2&class_code=dragon",
    "/api/trace/burst?at=1",
    "/api/trace/burst?at=1,nan",
    "/api/trace/burst?segment_id=1&radius_m=-1",
    "/api/clearance/segments/x",
    "/api/scene?bbox=1",
    "/api/project?language=zh",
]


ABSENT = [
    "/api/features/node/999999",
    "/api/features/node/999999/history",
    "/api/features/node?version=77",
    "/api/changesets/999",
    "/api/changesets/999/findings",
    "/api/diff?from=1&to=77",
    "/api/trace/burst?segment_id=999999",
    "/api/clearance/segments/999999",
    "/api/clearance/changesets/999999",
    "/api/clearance/city?version=1",
    "/api/clearance/city/conflict?segment_id=1",
    "/api/dragon",
    "/dragon",
]


def test_requests_that_make_no_sense_are_bad_requests(client: httpx.Client) -> None:
    for address in UNREADABLE:
        refused(client.get(address))


def test_what_is_not_there_is_not_found(client: httpx.Client) -> None:
    for address in ABSENT:
        refused(client.get(address), 404)


def test_a_feature_is_not_found_under_another_kind(client: httpx.Client, town: Town) -> None:
    refused(client.get(f"/api/features/node/{town.ids['A->B']}"), 404)
    refused(client.get(f"/api/features/node/{town.ids['A->B']}/history"), 404)


def test_bodies_that_make_no_sense_are_bad_requests(client: httpx.Client) -> None:
    line = [[0, 0], [1, 1]]
    for question in (
        {},
        {"line": [[0, 0]], "half_width_m": 5},
        {"line": [[0, 0], [0, 0]], "half_width_m": 5},
        {"line": line, "half_width_m": 0},
        {"line": line, "half_width_m": 5, "colour": "red"},
        {"line": line, "half_width_m": 5, "crs": "dragon"},
    ):
        refused(client.post("/api/corridor", json=question))
    for question in (
        {"polygon": None, "z_min_m": 0, "z_max_m": 1},
        body([[0, 0], [1, 1], [0, 0], [0, 0]], 0, 1),
        body([[0, 0], [1, 0], [1, 1], [0, 0]], 2, 1),
    ):
        refused(client.post("/api/clearance/polygon", json=question))


def test_a_body_that_is_no_json_is_a_bad_request(serve: Callable[..., httpx.Client]) -> None:
    refused(serve().post("/api/corridor", content=b"{", headers={"Content-Type": "application/json"}))


def test_another_method_is_refused(serve: Callable[..., httpx.Client]) -> None:
    refused(serve().delete("/api/project"), 405)


def test_without_its_database_the_service_says_so(serve: Callable[..., httpx.Client], town: Town) -> None:
    client = serve()
    with town.database.transaction() as connection:
        connection.execute("ALTER TABLE pipemap.node RENAME TO lost")
        connection.execute("ALTER TABLE pipemap.api_key RENAME TO gone")
    for address, headers in (("/api/features/node", None), ("/share/agreement", {"X-API-Key": "pmk_any"})):
        assert refused(client.get(address, headers=headers), 503)["code"] == "storage"


def test_nobody_is_told_where_the_database_is() -> None:
    with pytest.raises(UnreachableError) as raised:
        ping("postgresql://hidden@127.0.0.1:1/map")
    answer = answer_to(raised.value)
    assert "127.0.0.1" in raised.value.message and b"127.0.0.1" not in answer.body
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")


def test_staff_routes_ask_for_the_token(serve: Callable[..., httpx.Client]) -> None:
    client = serve(staff_token="a long secret")
    for address in ("/api/project", "/api/features/node", "/api/scene", "/api/versions", "/api/trace/burst?x=1&y=1"):
        for given in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic !!"}):
            refused(client.get(address, headers=given), 401)
    assert client.get("/health").status_code == 200


def test_the_token_opens_as_bearer_and_as_password(serve: Callable[..., httpx.Client]) -> None:
    client = serve(staff_token="a long secret")
    assert client.get("/api/project", headers={"Authorization": "Bearer a long secret"}).status_code == 200
    assert client.get("/api/project", auth=("li", "a long secret")).status_code == 200


def test_answers_carry_security_headers(client: httpx.Client) -> None:
    for address in ("/api/project", "/docs", "/", "/dragon"):
        headers = client.get(address).headers
        assert "default-src 'self'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert "server" not in headers or "uvicorn" in headers["server"]


def test_the_document_of_the_api_lists_every_route(client: httpx.Client) -> None:
    document = client.get("/openapi.json").json()
    assert document["openapi"].startswith("3.")
    expected = """/health /api/project /api/features/{kind} /api/features/{kind}/{feature_id}
        /api/features/{kind}/{feature_id}/history /api/near /api/corridor /api/search
        /api/clearance/segments/{segment_id} /api/clearance/polygon
            /api/designs /api/designs/{changeset_id} /api/routes
        /api/clearance/city/conflict
        /api/clearance/line /api/clearance/city /api/clearance/changesets/{changeset_id} /api/trace/burst
        /api/excavation /api/room /api/room/drawing /api/room/corridor
        /api/trace/criticality /api/trace/shutdown /api/trace/leak /api/trace/outage /api/trace/pressure
        /api/trace/up /api/trace/down /api/trace/pollution /api/trace/blockage
        /api/trace/connected /api/trace/path /api/trace/loops /api/trace/bridges /burst/sheet
        /api/section /api/section/drawing /api/profile /api/profile/drawing /api/statistics /api/statistics/drawing
        /api/ground /api/versions /api/diff /api/changesets /api/changesets/{changeset_id}
        /api/changesets/{changeset_id}/findings /api/scene
        /api/changesets/{changeset_id}/check /api/changesets/{changeset_id}/submit
        /api/changesets/{changeset_id}/approve /api/changesets/{changeset_id}/reject
        /api/changesets/{changeset_id}/publish /api/changesets/{changeset_id}/revert
        /api/changesets/{changeset_id}/discard /api/changesets/{changeset_id}/report /api/changesets/{changeset_id}/log
        /api/deliveries /api/deliveries/{job_id}
        /api/audit /share/changes /share/changes/package
        /share/hooks /share/hooks/{hook_id} /share/hooks/{hook_id}/deliveries /share/hooks/{hook_id}/approve
        /share/hooks/{hook_id}/pause /share/hooks/{hook_id}/resume /share/hooks/{hook_id}/again
        /share/requests /share/requests/{request_id} /share/requests/{request_id}/map
        /share/requests/{request_id}/approve /share/requests/{request_id}/refuse
        /share/section /share/clearance/line /share/clearance/polygon /share/clearance/segments/{segment_id}
        /share/clearance/conflicts
        /share/near /share/profile /share/statistics /share/trace/burst /share/diff
        /share/agreement /share/export /share/sheet /share/sites /share/scene /share/search
        /share/features/{kind}/{feature_id} /share/corridor /share/excavation
        /share/exports /share/exports/{job_id} /share/exports/{job_id}/package"""
    assert set(document["paths"]) == set(expected.split())
    for methods in document["paths"].values():
        for operation in methods.values():
            assert operation["description"] and operation["responses"]


def test_the_documentation_needs_nothing_from_outside(client: httpx.Client) -> None:
    page = client.get("/docs").text
    assert "/api/features/{kind}" in page and "http://" not in page and "https://" not in page


def test_the_viewer_is_served(client: httpx.Client) -> None:
    assert client.get("/").headers["content-type"].startswith("text/html")
