"""OGC API Features Part 4: what staff send becomes a draft changeset; the map stays until that is published."""

from typing import Any

import httpx
import pytest
from pyproj import Transformer

from api.ogc.crs import CRS84, epsg_uri
from pipemap.changesets import get_changeset, list_deltas
from tests.postgis.deliveries import publish_now
from tests.service.conftest import X0, Y0, Town
from tests.service.test_api import refused
from tests.service.test_ogc_features import NODES, SEGMENTS, agency  # noqa: F401

HERE = epsg_uri(4547)
GEOJSON = {"Content-Type": "application/geo+json"}
TO_DEGREES = Transformer.from_crs(4547, 4326, always_xy=True)


def point(x: float, y: float, **properties: Any) -> dict[str, Any]:
    place = list(TO_DEGREES.transform(X0 + x, Y0 + y))
    return {"type": "Feature", "geometry": {"type": "Point", "coordinates": place}, "properties": properties}


def drafted(town: Town, answer: httpx.Response) -> int:
    """The number of the draft an answer tells of."""
    assert answer.status_code == 202, answer.text
    number = answer.json()["changeset_id"]
    assert answer.headers["Location"].endswith(f"/api/changesets/{number}") and answer.json()["state"] == "draft"
    assert httpx.get(answer.headers["Location"]).json()["state"] == "draft"
    with town.database.transaction(read_only=True) as connection:
        assert get_changeset(connection, number).state == "draft"
    return int(number)


def test_create_is_a_draft_that_shows_after_it_is_published(client: httpx.Client, town: Town) -> None:
    before = client.get(NODES).json()["numberReturned"]
    sent = point(30, 70, class_code="water", source_key="N9", ground_elevation_m=10.25)
    number = drafted(town, client.post(NODES, json=sent, headers=GEOJSON))
    assert client.get(NODES).json()["numberReturned"] == before
    publish_now(town.database, number)
    (made,) = client.get(NODES, params={"source_key": "N9", "crs": HERE}).json()["features"]
    assert made["geometry"]["coordinates"] == pytest.approx([Y0 + 70, X0 + 30], abs=1e-3)
    assert made["properties"]["ground_elevation_m"] == 10.25


def test_create_in_the_projects_own_system_is_northing_first(client: httpx.Client, town: Town) -> None:
    line = {"type": "LineString", "coordinates": [[Y0 + 100, X0 + 40, 7.5], [Y0 + 90, X0 + 50, 7]]}
    given = {"class_code": "water", "from_node_id": town.ids["A"], "to_node_id": town.ids["G1"], "shape_code": "circle",
             "depth_datum_code": "axis", "elevation_source_code": "measured", "source_key": "new"}  # fmt: skip
    sent = {"type": "Feature", "geometry": line, "properties": given}
    number = drafted(town, client.post(SEGMENTS, json=sent, headers={**GEOJSON, "Content-Crs": HERE}))
    publish_now(town.database, number)
    (made,) = client.get(SEGMENTS, params={"source_key": "new", "crs": HERE}).json()["features"]
    assert made["geometry"]["coordinates"] == [pytest.approx(place, abs=1e-3) for place in line["coordinates"]]


def test_a_place_that_was_read_comes_back_to_itself(client: httpx.Client, town: Town) -> None:
    item = f"{SEGMENTS}/{town.ids['A->B']}"
    for crs in (CRS84, epsg_uri(4326), epsg_uri(3857), HERE):
        read = client.get(item, params={"crs": crs}).json()["geometry"]
        number = drafted(town, client.patch(item, json={"geometry": read}, headers={**GEOJSON, "Content-Crs": crs}))
        publish_now(town.database, number)
        there = client.get(item, params={"crs": HERE}).json()["geometry"]["coordinates"]
        assert there == [pytest.approx([Y0 + 100, X0 + x, 8], abs=1e-3) for x in (40, 60)], crs


def test_update_changes_what_it_names_and_replace_empties_the_rest(client: httpx.Client, town: Town) -> None:
    item = f"{NODES}/{town.ids['V1']}"
    patch = {"properties": {"owner": "自来水公司", "valve_state_code": None}}
    number = drafted(town, client.patch(item, json=patch, headers={"Content-Type": "application/merge-patch+json"}))
    publish_now(town.database, number)
    told = client.get(item).json()["properties"]
    assert (told["owner"], told["valve_state_code"], told["appurtenance_code"]) == ("自来水公司", None, "valve")
    number = drafted(town, client.put(item, json=point(20, 100, class_code="water", name="一号阀"), headers=GEOJSON))
    publish_now(town.database, number)
    told = client.get(item).json()["properties"]
    assert (told["name"], told["owner"], told["appurtenance_code"]) == ("一号阀", None, None)


def test_delete_is_a_draft_too(client: httpx.Client, town: Town) -> None:
    item = f"{SEGMENTS}/{town.ids['G1->G2']}"
    number = drafted(town, client.delete(item))
    assert client.get(item).status_code == 200
    with town.database.transaction(read_only=True) as connection:
        (delta,) = list_deltas(connection, number)
    assert (delta["op"], delta["feature_id"]) == ("delete", town.ids["G1->G2"])
    publish_now(town.database, number)
    refused(client.get(item), 404)


def test_what_is_held_must_be_what_is_there(client: httpx.Client, town: Town) -> None:
    item = f"{NODES}/{town.ids['V1']}"
    held = client.get(item).headers["ETag"]
    patch = {"properties": {"owner": "甲"}}
    publish_now(town.database, drafted(town, client.patch(item, json=patch, headers={**GEOJSON, "If-Match": held})))
    for ask in (
        client.build_request("PATCH", item, json=patch, headers={**GEOJSON, "If-Match": held}),
        client.build_request("PUT", item, json=point(20, 100), headers={**GEOJSON, "If-Match": held}),
        client.build_request("DELETE", item, headers={"If-Match": held}),
    ):
        refused(client.send(ask), 412)
    now = client.get(item, params={"crs": HERE}).headers["ETag"]
    drafted(town, client.delete(item, headers={"If-Match": f'"other", {now}', "Content-Crs": HERE}))
    drafted(town, client.delete(item, headers={"If-Match": "*"}))


def test_options_say_what_can_be_done(client: httpx.Client, town: Town) -> None:
    assert client.options(NODES).headers["Allow"] == "GET, HEAD, POST, OPTIONS"
    assert client.options(f"{NODES}/1").headers["Allow"] == "GET, HEAD, PUT, PATCH, DELETE, OPTIONS"


def test_what_makes_no_sense_is_refused_and_leaves_no_draft(client: httpx.Client, town: Town) -> None:
    good = point(30, 70, class_code="water")
    item = f"{NODES}/{town.ids['V1']}"
    line = {"type": "LineString", "coordinates": [[0, 0], [1, 1]]}
    for sent in ([], 5, {**good, "geometry": None}, {**good, "geometry": {"type": "Point", "coordinates": ["a", 1]}},
                 {**good, "geometry": line}, {**good, "properties": 5}, point(30, 70), point(1, 1, class_code=None),
                 {"type": "Feature", "properties": {"class_code": "water"}},
                 point(30, 70, class_code="water", colour="red"), point(30, 70, class_code="water", geom="POINT(1 2)"),
                 point(30, 70, class_code="water", ground_elevation_m="high"), point(30, 70, class_code={"a": 1}),
                 {**good, "geometry": {"type": "Point", "coordinates": [0, 0]}}):  # fmt: skip
        refused(client.post(NODES, json=sent, headers=GEOJSON), 400)
    refused(client.post(NODES, content=b"{", headers=GEOJSON), 400)
    refused(client.post(NODES, json=good, headers={**GEOJSON, "Content-Crs": "EPSG:4547"}), 400)
    refused(client.post(f"{NODES}?x=1", json=good, headers=GEOJSON), 400)
    for name in ("class_code", "source_key"):
        refused(client.patch(item, json={"properties": {name: None}}, headers=GEOJSON), 400)
    refused(client.post(NODES, content=b"<xml/>", headers={"Content-Type": "text/xml"}), 415)
    refused(client.post("/ogc/collections/nothing/items", json=good, headers=GEOJSON), 404)
    for gone in (f"{NODES}/999999", f"{NODES}/x"):
        refused(client.put(gone, json=good, headers=GEOJSON), 404)
        refused(client.delete(gone), 404)
    with town.database.transaction(read_only=True) as connection:
        row = connection.execute("SELECT count(*) AS n FROM pipemap.changeset WHERE state = 'draft'").fetchone()
    assert row is not None and row["n"] == 0


def test_an_agency_reads_and_cannot_propose(client: httpx.Client, town: Town, agency: dict[str, str]) -> None:  # noqa: F811
    item, good = f"{NODES}/{town.ids['V1']}", point(30, 70, class_code="water")
    refused(client.post(NODES, json=good, headers={**GEOJSON, **agency}), 403)
    refused(client.put(item, json=good, headers={**GEOJSON, **agency}), 403)
    refused(client.patch(item, json=good, headers={**GEOJSON, **agency}), 403)
    refused(client.delete(item, headers=agency), 403)
