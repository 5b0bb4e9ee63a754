"""Requests for data over HTTP: written by an agency, by form or by staff, decided by somebody else, on a page."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest
import shapely
from pyproj import Transformer

from pipemap.sharing import agreements, audit, requests
from pipemap.sharing.agreements import Terms
from pipemap.sharing.precision import DEPTH_PRECISIONS
from tests.service.conftest import X0, Y0, Town
from tests.service.test_api import refused

TOKEN = "a long secret"
CLERK, MANAGER = ("clerk", TOKEN), ("manager", TOKEN)
HERE = f"{X0},{Y0 + 50},{X0 + 70},{Y0 + 120}"
KILOMETRES_8 = f"{X0},{Y0},{X0 + 8000},{Y0 + 4000}"


@pytest.fixture
def client(town: Town, serve: Any) -> httpx.Client:
    return serve(staff_token=TOKEN, open_requests=True)


def asked(**changes: Any) -> dict[str, Any]:
    today = date.today()
    return {
        "agency": "市政公司",
        "applicant": "王工",
        "purpose_code": "dig",
        "reason": "道路开挖",
        "area": HERE,
        "class_codes": ["water", "gas"],
        "attributes": ["owner", "width_mm"],
        "starts_on": str(today),
        "ends_on": str(today + timedelta(days=20)),
    } | changes


def written(client: httpx.Client, auth: Any = CLERK, **changes: Any) -> int:
    answer = client.post("/share/requests", json=asked(**changes), auth=auth)
    assert answer.status_code == 201, answer.text
    return int(answer.json()["request_id"])


def seen(client: httpx.Client, key: str, kind: str = "pipe_segment") -> list[dict[str, Any]]:
    answer = client.get(f"/ogc/collections/{kind}/items", headers={"X-API-Key": key})
    assert answer.status_code == 200, answer.text
    return list(answer.json()["features"])


def test_an_approved_request_is_an_agreement_with_its_key(client: httpx.Client, town: Town) -> None:
    number = written(client)
    answer = client.post(f"/share/requests/{number}/approve", json={}, auth=MANAGER).json()
    assert (answer["state"], answer["decided_by"], answer["author"]) == ("approved", "token:manager", "token:clerk")
    shown = {feature["id"]: feature["properties"] for feature in seen(client, answer["key"])}
    assert {"A->B", "G0->G1"} <= {name for name, number in town.ids.items() if number in shown}
    assert set(shown[town.ids["A->B"]]) == {"class_code", "owner", "width_mm"}
    with town.database.transaction(read_only=True) as connection:
        [agreement] = agreements.list_agreements(connection)
        decisions = audit.list_entries(connection, audit.AuditFilter(action="share.decide"))
    assert agreement["agreement_id"] == answer["agreement_id"]
    assert agreement["expires_at"].astimezone().date() == date.today() + timedelta(days=20)
    assert [entry["actor"] for entry in decisions] == ["token:manager"]


def test_nobody_decides_a_request_of_their_own_and_none_is_decided_twice(client: httpx.Client) -> None:
    number = written(client)
    refused(client.post(f"/share/requests/{number}/approve", json={}, auth=CLERK), 403)
    refused(client.post(f"/share/requests/{number}/refuse", json={"reason": "no"}, auth=CLERK), 403)
    client.post(f"/share/requests/{number}/refuse", json={"reason": "范围过大"}, auth=MANAGER)
    answer = client.get(f"/share/requests/{number}", auth=CLERK).json()
    assert (answer["state"], answer["decision_reason"]) == ("refused", "范围过大")
    refused(client.post(f"/share/requests/{number}/approve", json={}, auth=MANAGER), 400)


def test_a_narrowed_request_grants_a_part_and_never_more(client: httpx.Client, town: Town) -> None:
    number = written(client)
    route = f"/share/requests/{number}/approve"
    for more in (
        {"class_codes": ["water", "power"]},
        {"attributes": ["owner", "material_code"]},
        {"ends_on": str(date.today() + timedelta(days=21))},
        {"area": f"{X0 + 500},{Y0},{X0 + 600},{Y0 + 100}"},
    ):
        refused(client.post(route, json={"reason": "less", **more}, auth=MANAGER), 400)
    refused(client.post(route, json={"class_codes": ["water"]}, auth=MANAGER), 400)
    less = {
        "reason": "only water, west of A",
        "area": f"{X0 - 900},{Y0},{X0 + 30},{Y0 + 900}",
        "class_codes": ["water"],
        "attributes": [],
        "may_export": False,
    }
    answer = client.post(route, json=less, auth=MANAGER).json()
    assert answer["state"] == "narrowed"
    features = seen(client, answer["key"])
    assert {feature["properties"]["class_code"] for feature in features} == {"water"}
    assert {feature["id"] for feature in features} == {town.ids["W->V1"], town.ids["V1->A"]}
    assert client.get("/share/export?format=gpkg", headers={"X-API-Key": answer["key"]}).status_code == 403


@pytest.mark.parametrize(
    ("attributes", "asked", "granted"),
    [
        (["from_depth_m"], "step_0.5m", "step_0.5m"),
        (["from_depth_m"], "masked", "masked"),
        (["owner"], "exact", "masked"),
    ],
)
def test_depths_are_narrowed_to_a_step_and_never_finer(
    client: httpx.Client, attributes: list[str], asked: str, granted: str
) -> None:
    number = written(client, attributes=["owner", "from_depth_m"])
    less = {"reason": "coarser", "attributes": attributes, "depth_precision": asked}
    answer = client.post(f"/share/requests/{number}/approve", json=less, auth=MANAGER).json()
    told = client.get("/share/agreement", headers={"X-API-Key": answer["key"]}).json()
    assert told["depth_precision"] == granted
    nonsense = {"reason": "coarser", "depth_precision": "x"}
    refused(client.post(f"/share/requests/{written(client)}/approve", json=nonsense, auth=MANAGER), 400)


@pytest.mark.parametrize(
    "change",
    [
        {"area": f"{X0},{Y0},{X0 + 501},{Y0 + 10}"},
        {"area": "/etc/passwd.json"},
        {"area": "POLYGON((0 0,1 1,0 1,1 0,0 0))"},
        {"area": f"{X0},{Y0},nan,{Y0 + 10}"},
        {"area": f"{X0},{Y0},1e300,1e300", "purpose_code": "service"},
        {"purpose_code": "curiosity"},
        {"ends_on": str(date.today() + timedelta(days=60))},
        {"ends_on": str(date.today() - timedelta(days=1))},
        {"starts_on": str(date.today() + timedelta(days=29)), "ends_on": str(date.today() + timedelta(days=40))},
        {"class_codes": ["nothing"]},
        {"attributes": ["geom"]},
        {"state": "approved"},
        {"reason": " "},
        {"area": "POLYGON((" + ",".join(f"{X0 + i % 2} {Y0 + i}" for i in [*range(201), 0]) + "))"},
    ],
)
def test_what_a_purpose_does_not_allow_is_refused(client: httpx.Client, change: dict[str, Any]) -> None:
    refused(client.post("/share/requests", json=asked(**change), auth=CLERK), 400)


def test_who_digs_is_told_depth_accuracy_and_owner_without_naming_them(client: httpx.Client, town: Town) -> None:
    answer = client.post(f"/share/requests/{written(client, attributes=[])}/approve", json={}, auth=MANAGER).json()
    shown = next(feature for feature in seen(client, answer["key"]) if feature["id"] == town.ids["A->B"])["properties"]
    assert shown["owner"] == "供水公司"
    assert {"from_depth_m", "horizontal_accuracy_m", "vertical_accuracy_m", "to_node_id"} <= set(shown)
    sheet = client.get("/share/sheet", params={"language": "en"}, headers={"X-API-Key": answer["key"]}).text
    assert "owner not granted" not in sheet and "not granted /" not in sheet


def test_the_form_asks_for_digging_alone_and_sees_nothing(client: httpx.Client, town: Town, serve: Any) -> None:
    assert "author" not in client.post("/share/requests", json=asked()).json()
    refused(client.post("/share/requests", json=asked(purpose_code="orientation")), 400)
    refused(client.get("/share/requests"), 401)
    refused(client.post("/share/requests/1/approve", json={}), 401)
    refused(client.post("/share/requests", json=asked(), auth=("manager", "wrong")), 401)
    closed = serve(staff_token=TOKEN)
    refused(closed.post("/share/requests", json=asked()), 401)


def test_the_open_form_cannot_be_flooded(client: httpx.Client, town: Town) -> None:
    codes = [client.post("/share/requests", json=asked()).status_code for _ in range(14)]
    assert codes[:10] == [201] * 10 and 429 in codes[10:]
    assert written(client) > 10


def test_nobody_has_requests_without_end_decided_by_others(
    client: httpx.Client, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "_MOST_UNDECIDED", 2)
    first, _ = written(client), written(client)
    refused(client.post("/share/requests", json=asked(), auth=CLERK), 409)
    assert written(client, auth=MANAGER)
    client.post(f"/share/requests/{first}/refuse", json={"reason": "no"}, auth=MANAGER)
    assert written(client)


def test_a_sliver_in_degrees_is_no_more_corners_than_another_area(client: httpx.Client, town: Town) -> None:
    west, south = Transformer.from_crs(4547, 4326, always_xy=True).transform(X0, Y0)
    sliver = shapely.to_wkt(shapely.box(west, south, west + 0.001, south + 1e-12), rounding_precision=-1)
    assert written(client, area=sliver, crs="EPSG:4326")


def test_an_agency_writes_in_its_own_name_and_sees_its_own_requests(client: httpx.Client, town: Town) -> None:
    keys = []
    for agency in ("水务局", "燃气公司"):
        terms = Terms(agency, "p", shapely.box(X0, Y0, X0 + 9, Y0 + 9), ("water",), (), _soon())
        with town.database.transaction() as connection:
            number = agreements.agree(connection, terms, "manager")
            keys.append({"X-API-Key": agreements.issue_key(connection, number, "manager")})
    refused(client.post("/share/requests", json=asked(), headers=keys[0]), 400)
    own = client.post("/share/requests", json=asked(agency=None), headers=keys[0]).json()
    assert own["agency"] == "水务局"
    assert [row["request_id"] for row in client.get("/share/requests", headers=keys[0]).json()] == [own["request_id"]]
    assert client.get("/share/requests", headers=keys[1]).json() == []
    hidden = refused(client.get(f"/share/requests/{own['request_id']}", headers=keys[1]), 404)
    absent = refused(client.get("/share/requests/9999", headers=keys[1]), 404)
    assert str(hidden).replace(str(own["request_id"]), "?") == str(absent).replace("9999", "?")
    for call in ("approve", "refuse"):
        refused(client.post(f"/share/requests/1/{call}", json={"reason": "r"}, headers=keys[0]), 401)


def test_more_than_25_km2_of_full_features_needs_an_allowance(client: httpx.Client, town: Town) -> None:
    first = written(client, purpose_code="service", area=f"{X0},{Y0},{X0 + 4000},{Y0 + 4000}")
    assert client.post(f"/share/requests/{first}/approve", json={}, auth=MANAGER).status_code == 200
    second = written(client, purpose_code="service", area=KILOMETRES_8)
    answer = refused(client.post(f"/share/requests/{second}/approve", json={}, auth=MANAGER), 403)
    assert answer["code"] == "area-approval" and "32.0 km²" in answer["detail"]
    coarser = {"reason": "网格化", "position_precision": "grid_5m"}
    assert client.post(f"/share/requests/{second}/approve", json=coarser, auth=MANAGER).status_code == 200


def test_the_page_shows_what_a_request_would_show_and_decides_it(client: httpx.Client, town: Town) -> None:
    number = written(client, reason="<script>alert(1)</script>")
    refused(client.get(f"/requests/{number}"), 401)
    page = client.get(f"/requests/{number}?language=en", auth=MANAGER)
    assert "<script" not in page.text and "&lt;script&gt;" in page.text
    assert "<svg" in page.text and "water supply" in page.text
    assert "给水" in client.get(f"/requests/{number}?language=zh", auth=MANAGER).text
    form = {"verdict": "narrow", "reason": "less", "class_codes": "water", "area": "", "ends_on": ""}
    assert all(f'<option value="{one}"' in page.text for one in DEPTH_PRECISIONS)
    route = f"/requests/{number}?language=en"
    for origin in ({}, {"Origin": "https://evil.example"}):
        refused(client.post(route, data=form, auth=MANAGER, headers=origin), 403)
    own = {"Origin": str(client.base_url).rstrip("/")}
    told = client.post(route, data=form, auth=CLERK, headers=own)
    assert "somebody else decides" in told.text
    told = client.post(route, data=form, auth=MANAGER, headers=own)
    key = told.text.partition('class="key">')[2].partition("<")[0]
    assert {feature["properties"]["class_code"] for feature in seen(client, key)} == {"water"}
    assert key not in client.get(route, auth=MANAGER).text


def test_the_map_of_a_request_is_for_staff(client: httpx.Client) -> None:
    number = written(client)
    refused(client.get(f"/share/requests/{number}/map"), 401)
    picture = client.get(f"/share/requests/{number}/map", auth=MANAGER)
    assert picture.headers["content-type"] == "image/svg+xml" and picture.text.startswith("<svg")


def _soon() -> datetime:
    return datetime.now(UTC) + timedelta(days=9)
