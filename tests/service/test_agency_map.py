"""The map for an agency's own people: its key given once by a form, and what is then read of the map under it."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import shapely

from pipemap.contacts import set_contact
from pipemap.sharing import agreements, audit
from pipemap.sharing.agreements import Terms
from tests.postgis.test_scene import decode
from tests.service.conftest import X0, Y0, Town
from tests.service.test_api import refused
from tests.service.test_excavation_route import question

CITY = shapely.box(X0 - 500, Y0 - 500, X0 + 500, Y0 + 500)
EAST_HALF = shapely.box(X0 + 50, Y0, X0 + 200, Y0 + 200)
SHOWN = ("source_key", "width_mm", "owner", "appurtenance_code")
COOKIE = "pipemap-key"


@pytest.fixture
def issue(town: Town) -> Callable[..., tuple[int, str]]:
    """Make an agreement and give its number and a key."""

    def make(
        classes: tuple[str, ...] = ("water",), area: Any = CITY, attributes: tuple[str, ...] = SHOWN, **more: Any
    ) -> tuple[int, str]:
        terms = Terms("消防队", "救火", area, classes, attributes, datetime.now(UTC) + timedelta(days=9), **more)
        with town.database.transaction() as connection:
            number = agreements.agree(connection, terms, "manager")
            return number, agreements.issue_key(connection, number, "manager")

    return make


@pytest.fixture
def client(town: Town, serve: Callable[..., httpx.Client], tmp_path: Path) -> httpx.Client:
    return serve(data_dir=tmp_path)


def own(client: httpx.Client) -> dict[str, str]:
    return {"Origin": str(client.base_url).rstrip("/")}


def sign_in(client: httpx.Client, key: str, **params: str) -> httpx.Response:
    return client.post("/map/sign-in", data={"key": key}, params=params, headers=own(client))


def entries(town: Town) -> list[Any]:
    with town.database.transaction(read_only=True) as connection:
        return list(audit.list_entries(connection, audit.AuditFilter(actor="消防队")))


def test_a_key_given_once_opens_the_map_until_it_is_signed_out(client: httpx.Client, town: Town, issue: Any) -> None:
    _, key = issue()
    refused(client.get("/share/agreement"), 401)
    came = sign_in(client, key, next="/map?language=en#1,2,3,4,5,6")
    assert (came.status_code, came.headers["location"]) == (303, "/map?language=en#1,2,3,4,5,6")
    cookie = came.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=strict" in cookie and "Max-Age" not in cookie
    assert key not in cookie and key not in str(came.headers)
    assert client.get("/share/agreement").json()["agency"] == "消防队"
    kept = client.cookies[COOKIE]
    assert client.post("/map/sign-out", headers=own(client)).status_code == 303
    assert COOKIE not in client.cookies
    refused(client.get("/share/agreement", headers={"Cookie": f"{COOKIE}={kept}"}), 401)
    assert [one["action"] for one in reversed(entries(town))][:1] == ["share.sign-in"]
    assert entries(town)[0]["action"] == "share.sign-out"
    assert key not in json.dumps([one["details"] for one in entries(town)])


def test_a_session_ends_with_its_key(client: httpx.Client, town: Town, issue: Any) -> None:
    number, key = issue()
    sign_in(client, key)
    assert client.get("/share/scene").status_code == 200
    with town.database.transaction() as connection:
        agreements.revoke(connection, number, "manager")
    refused(client.get("/share/scene"), 401)
    assert entries(town)[0]["details"]["reason"] == "agreement revoked"
    again = sign_in(client, key)
    assert again.status_code == 403 and 'role="alert"' in again.text


def test_what_is_no_key_opens_nothing_and_is_on_record(client: httpx.Client, town: Town, issue: Any) -> None:
    _, key = issue()
    pages = [sign_in(client, given, language="en").text for given in ("", "pmk_forged", key[:-1], f"{key}x")]
    assert len(set(pages)) == 1 and "opens nothing" in pages[0] and COOKIE not in client.cookies
    with town.database.transaction(read_only=True) as connection:
        assert len(audit.list_entries(connection, audit.AuditFilter(action="share.refused"))) == 4
    for forged in ("", "a.b.c", "eyJhbGciOiJub25lIn0.eyJpZCI6IjEiLCJrZXlfc2hhMjU2IjoiMSIsImV4cCI6OTk5OTk5OTk5OX0."):
        refused(client.get("/share/agreement", headers={"Cookie": f"{COOKIE}={forged}"}), 401)


def test_strangers_at_the_door_are_as_many_as_strangers_elsewhere(town: Town, serve: Any, tmp_path: Path) -> None:
    client = serve(data_dir=tmp_path, requests_per_minute=3)
    codes = [sign_in(client, f"pmk_{number}").status_code for number in range(6)]
    assert codes[:3] == [403] * 3 and codes[-1] == 429


def test_a_page_of_another_site_can_neither_sign_in_nor_ask(client: httpx.Client, issue: Any) -> None:
    _, key = issue()
    elsewhere = {"Origin": "https://evil.example"}
    for headers in ({}, elsewhere):
        refused(client.post("/map/sign-in", data={"key": key}, headers=headers), 403)
    sign_in(client, key)
    refused(client.post("/map/sign-out", headers=elsewhere), 403)
    refused(client.post("/share/excavation", json=question(depth_m=3), headers=elsewhere), 401)
    refused(client.post("/share/excavation", json=question(depth_m=3)), 401)
    assert client.post("/share/excavation", json=question(depth_m=3), headers=own(client)).status_code == 200
    for path in ("https://evil.example", "//evil.example", "/audit", "/map/../audit", "/mapped"):
        assert sign_in(client, key, next=path).headers["location"] == "/map"


def test_a_session_opens_what_is_shared_alone(town: Town, serve: Any, issue: Any, tmp_path: Path) -> None:
    client = serve(data_dir=tmp_path, staff_token="a long secret")
    sign_in(client, issue()[1])
    assert client.get("/share/agreement").status_code == 200
    for path in ("/api/project", "/api/scene", "/ogc/collections/node/items", "/agreements", "/audit"):
        refused(client.get(path), 401)


def test_a_key_is_not_taken_unencrypted_from_afar(town: Town, serve: Any, issue: Any, tmp_path: Path) -> None:
    _, key = issue()
    bare = serve(data_dir=tmp_path, public_url="http://map.example.cn")
    page = sign_in(bare, key, language="en")
    assert page.status_code == 403 and "https" in page.text and "set-cookie" not in page.headers
    safe = sign_in(serve(data_dir=tmp_path, public_url="https://map.example.cn"), key)
    assert safe.headers["set-cookie"].startswith("__Host-pipemap-key=") and "Secure" in safe.headers["set-cookie"]


def scene(client: httpx.Client, **params: Any) -> Any:
    answer = client.get("/share/scene", params=params)
    assert answer.status_code == 200, answer.text
    return decode(answer.content)


def test_the_scene_holds_what_is_granted_alone(client: httpx.Client, town: Town, issue: Any) -> None:
    def ids(*keys: str) -> set[int]:
        return {town.ids[key] for key in keys}

    sign_in(client, issue()[1])
    header, columns = scene(client)
    assert set(columns["segment_id"]) == ids("W->V1", "V1->A", "A->B", "B->V2", "V2->C")
    assert ids("V1", "A", "C") <= set(columns["node_id"]) and not ids("G0", "W") & set(columns["node_id"])
    assert len(columns["consumer_id"]) == 0 and len(columns["ground_vertex"]) == 0, "neither is granted"
    assert set(columns["node_state"]) == {255}, "whether a valve is closed is not granted"
    assert header["version"] == 2
    entry = entries(town)[0]
    assert (entry["action"], entry["details"]["format"]) == ("share.scene", "scene")
    assert entry["details"]["count"] == len(columns["segment_id"]) + len(columns["node_id"])
    sign_in(client, issue(("water", "gas"), EAST_HALF)[1])
    _, columns = scene(client, bbox=f"{X0 + 70},{Y0},{X0 + 200},{Y0 + 200}")
    assert set(columns["segment_id"]) == ids("B->V2", "V2->C", "G1->G2")
    assert entries(town)[0]["details"]["bbox"] == [X0 + 70, Y0, X0 + 200, Y0 + 200]
    header, columns = scene(client)
    eastings = np.asarray(columns["segment_vertex"]).reshape(-1, 3)[:, 0] + header["origin"][0]
    assert eastings.min() == X0 + 50, "cut at the edge of the area"


def told(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()["answer"]


def test_a_number_is_found_where_it_is_granted(client: httpx.Client, town: Town, issue: Any) -> None:
    sign_in(client, issue(area=EAST_HALF)[1])
    found = told(client.get("/share/search", params={"q": "A->"}))
    assert [(hit["kind"], hit["source_key"]) for hit in found] == [("pipe_segment", "A->B")]
    assert found[0]["x_m"] == pytest.approx(X0 + 55), "the middle of what is granted of it"
    for hidden in ("W", "G0", "U1", "人民医院"):
        assert told(client.get("/share/search", params={"q": hidden})) == []
    missed, *_, hit = (one["details"] for one in entries(town)[:5])
    assert (missed["asked"]["q"], missed["count"], hit["count"]) == ("人民医院", 0, 1)
    assert hit["bbox"] == [X0 + 55, Y0 + 100, X0 + 55, Y0 + 100]
    sign_in(client, issue(attributes=("width_mm",))[1])
    assert told(client.get("/share/search", params={"q": "A"})) == []


def test_a_feature_is_told_as_far_as_it_is_granted(client: httpx.Client, town: Town, issue: Any) -> None:
    sign_in(client, issue(area=EAST_HALF)[1])
    shown = told(client.get(f"/share/features/pipe_segment/{town.ids['A->B']}"))
    assert {name for name, value in shown["properties"].items() if value is not None} == {
        "class_code", "source_key", "width_mm", "owner"
    }  # fmt: skip
    assert shown["geometry"]["coordinates"][0][:2] == [X0 + 50, Y0 + 100]
    hidden, absent = (client.get(f"/share/features/pipe_segment/{n}") for n in (town.ids["G1->G2"], 999_999))
    assert refused(hidden, 404)["detail"].replace(str(town.ids["G1->G2"]), "?") == refused(absent, 404)[
        "detail"
    ].replace("999999", "?")
    refused(client.get(f"/share/features/consumer/{town.ids['U1']}"))
    assert client.get(f"/share/features/node/{town.ids['V2']}").status_code == 200


def test_a_dig_is_told_of_with_whom_to_call_and_what_to_mind(client: httpx.Client, town: Town, issue: Any) -> None:
    with town.database.transaction() as connection:
        set_contact(connection, "供水公司", "96968", "manager")
    sign_in(client, issue()[1])
    answer = told(client.post("/share/excavation", json=question(depth_m=3), headers=own(client)))
    assert [one["source_key"] for one in answer["meetings"]] == ["A->B"]
    assert [(one["owner"], one["telephone"]) for one in answer["owners"]] == [("供水公司", "96968")]
    minded = {one["code"] for one in answer["precautions"]}
    assert {"near", "unmapped", "water"} <= minded and "gas" not in minded
    assert answer["shutoffs"] == [] and "V1" not in json.dumps(answer) and "人民医院" not in json.dumps(answer)
    sign_in(client, issue(attributes=("width_mm",))[1])
    answer = told(client.post("/share/excavation", json=question(depth_m=3), headers=own(client)))
    assert [(one["owner"], one["telephone"]) for one in answer["owners"]] == [(None, None)]
