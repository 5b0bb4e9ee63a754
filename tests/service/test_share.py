"""What an agency gets over HTTP under its key, and what it never gets."""

import io
import json
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pyogrio
import pytest
import shapely

from pipemap.sharing import agreements, audit, chains
from pipemap.sharing.agreements import Terms
from tests.service.conftest import X0, Y0, Town
from tests.service.test_api import refused

NODES, SEGMENTS = (f"/ogc/collections/{kind}/items" for kind in ("node", "pipe_segment"))
FORGED = ({"X-API-Key": "pmk_forged"}, {"Authorization": "Bearer pmk_forged"})
PROJECT_CRS = "http://www.opengis.net/def/crs/EPSG/0/4547"
EAST_HALF = shapely.box(X0 + 50, Y0, X0 + 200, Y0 + 200)


@pytest.fixture
def issue(town: Town) -> Callable[..., dict[str, str]]:
    """Make an agreement and give the header with its key."""

    def make(area: Any = EAST_HALF, classes: tuple[str, ...] = ("water",), attributes: tuple[str, ...] = ()) -> Any:
        terms = Terms("水务局", "设计", area, classes, attributes, datetime.now(UTC) + timedelta(days=9))
        with town.database.transaction() as connection:
            number = agreements.agree(connection, terms, "manager")
            return {"X-API-Key": agreements.issue_key(connection, number, "manager")}

    return make


def ids(answer: httpx.Response) -> set[int]:
    assert answer.status_code == 200, answer.text
    return {feature["id"] for feature in answer.json()["features"]}


def test_an_agency_sees_its_area_class_and_attributes_alone(client: httpx.Client, town: Town, issue: Any) -> None:
    key = issue(attributes=("owner",))
    answer = client.get(SEGMENTS, params={"crs": PROJECT_CRS}, headers=key)
    assert ids(answer) == {town.ids["A->B"], town.ids["B->V2"], town.ids["V2->C"]}
    for feature in answer.json()["features"]:
        assert set(feature["properties"]) == {"class_code", "owner"}
        assert min(x for _, x, *_ in feature["geometry"]["coordinates"]) >= X0 + 50
    nodes = client.get(NODES, headers=key)
    assert ids(nodes) == {town.ids["B"], town.ids["V2"], town.ids["C"]}


def test_hidden_and_absent_features_answer_alike(client: httpx.Client, town: Town, issue: Any) -> None:
    key = issue()
    assert client.get(f"{NODES}/{town.ids['B']}", headers=key).json()["id"] == town.ids["B"]
    for name in ("A", "W", "G2"):
        hidden = refused(client.get(f"{NODES}/{town.ids[name]}", headers=key), 404)
        absent = refused(client.get(f"{NODES}/999999", headers=key), 404)
        assert json.dumps(hidden).replace(str(town.ids[name]), "?") == json.dumps(absent).replace("999999", "?")


def test_another_agencys_features_cannot_be_reached(client: httpx.Client, town: Town, issue: Any) -> None:
    gas, water = issue(classes=("gas",)), issue()
    assert ids(client.get(NODES, headers=gas)) == {town.ids["G1"], town.ids["G2"]}
    assert ids(client.get(NODES, params={"class_code": "gas"}, headers=water)) == set()
    assert town.ids["G1"] not in ids(client.get(NODES, headers=water))
    refused(client.get(f"{NODES}/{town.ids['B']}", headers=gas), 404)


def test_a_key_that_is_not_in_force_is_unauthorized(client: httpx.Client, town: Town, issue: Any) -> None:
    key = issue()
    routes = [NODES, f"{NODES}/{town.ids['B']}", "/share/export?format=csv"]
    assert all(client.get(route, headers=key).status_code == 200 for route in routes)
    answers = [client.get(route, headers=header) for route in routes for header in FORGED]
    with town.database.transaction() as connection:
        connection.execute("UPDATE pipemap.agreement SET expires_at = now()")
    answers += [client.get(route, headers=key) for route in routes]
    assert {json.dumps(refused(answer, 401)) for answer in answers} == {json.dumps(answers[0].json())}


def test_a_key_opens_no_staff_route_and_the_token_no_share(serve: Any, town: Town, issue: Any) -> None:
    client, key = serve(staff_token="a long secret"), issue()
    refused(client.get("/api/features/node", headers=key), 401)
    refused(client.get("/share/export?format=csv", headers={"Authorization": "Bearer a long secret"}), 401)
    assert client.get(NODES, headers=key).status_code == 200
    refused(client.get(NODES), 401)
    assert len(ids(client.get(NODES, headers={"Authorization": "Bearer a long secret"}))) == 9


def test_a_page_of_another_site_is_not_staff_by_pointing_its_name_at_this_machine(client: Any, serve: Any) -> None:
    assert client.get("/api/changesets").status_code == 200
    refused(client.get("/api/changesets", headers={"Host": "evil.example:8008"}), 403)
    behind = serve(public_url="https://map.example")
    assert behind.get("/api/changesets", headers={"Host": "map.example"}).status_code == 200


def test_questions_that_make_no_sense_are_bad_requests(client: httpx.Client, issue: Any) -> None:
    key = issue()
    for query in (
        "export",
        "export?format=vrt",
        "export?format=csv&bbox=inf,0,1,1",
        "export?format=csv&folder=/etc",
    ):
        refused(client.get(f"/share/{query}", headers=key))
    refused(client.get(NODES, headers={"X-API-Key": "钥匙".encode()}), 401)


@pytest.mark.parametrize("format", ["gpkg", "geojson", "shp", "csv"])
def test_gdal_opens_an_export_with_what_was_granted(
    client: httpx.Client, town: Town, issue: Any, tmp_path: Path, format: str
) -> None:
    answer = client.get("/share/export", params={"format": format}, headers=issue(classes=("water", "gas")))
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        archive.extractall(tmp_path)
        manifest = json.loads(archive.read("manifest.json"))
    found = {
        name: len(pyogrio.read_dataframe(path, layer=name))
        for path in tmp_path.iterdir()
        if path.suffix == f".{format}" and path.name != "field_names.csv"
        for name, _ in pyogrio.list_layers(path)
    }
    assert found == {"node": 5, "pipe_segment": 3, "pipe_segment_no_height": 1} == manifest["counts"]


def test_every_look_is_on_record_and_the_record_holds(client: httpx.Client, town: Town, issue: Any) -> None:
    key = issue()
    client.get(NODES, params={"limit": 2}, headers=key)
    client.get(f"{NODES}/{town.ids['B']}", headers=key)
    client.get("/share/export", params={"format": "csv"}, headers=key)
    client.get(NODES, headers={"X-API-Key": "pmk_forged"})
    with town.database.transaction(read_only=True) as connection:
        looks = [entry for entry in audit.list_entries(connection) if entry["actor"] == "水务局"]
        assert chains.verify(connection).is_intact
    assert [look["action"] for look in looks] == ["share.export", "share.items", "share.items"]
    assert [look["details"].get("count") for look in looks] == [None, 1, 2]
    assert looks[0]["details"]["counts"]["node"] == 3
    assert key["X-API-Key"] not in str(looks)


def test_every_refusal_is_on_record_with_its_reason(client: httpx.Client, town: Town, issue: Any) -> None:
    key, route = issue(), {"url": NODES, "params": {"bbox": "114,22,114.1,22.1"}}
    client.get(**route, headers={"X-API-Key": "pmk_forged"})
    client.get(NODES, params={"owner": "x" * 50_000}, headers={"X-API-Key": "pmk_forged"})
    client.get(f"{NODES}/{town.ids['A']}", headers=key)
    with town.database.transaction() as connection:
        connection.execute("UPDATE pipemap.agreement SET expires_at = now()")
    client.get("/share/export", params={"format": "csv"}, headers=key)
    with town.database.transaction() as connection:
        (agreement,) = agreements.list_agreements(connection)
        agreements.revoke(connection, agreement["agreement_id"], "manager")
    client.get(**route, headers=key)
    with town.database.transaction(read_only=True) as connection:
        entries = audit.list_entries(connection, audit.AuditFilter(action="share.refused"))
        assert chains.verify(connection).is_intact
    assert all(len(json.dumps(entry["details"])) < 10_000 for entry in entries)
    told = [(entry["actor"], entry["details"]["reason"]) for entry in reversed(entries)]
    assert told == [
        ("unknown", "unknown key"),
        ("unknown", "unknown key"),
        ("水务局", "outside of the grant"),
        ("水务局", "agreement expired"),
        ("水务局", "agreement revoked"),
    ]
    prefixes = [entry["details"]["key_sha256"] for entry in entries]
    assert all(agreements.hash_key(key["X-API-Key"]).startswith(prefix) for prefix in prefixes[:3])
    assert entries[0]["details"]["asked"]["bbox"] == "114,22,114.1,22.1"
    assert entries[1]["details"]["asked"]["format"] == "csv"
    assert entries[2]["details"]["asked"]["feature_id"] == town.ids["A"]
    assert key["X-API-Key"] not in json.dumps([entry["details"] for entry in entries])
