"""Who looked at what, as staff see it: in JSON and on a page, in Chinese and English."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import shapely

from pipemap.sharing import agreements
from pipemap.sharing.agreements import Terms
from tests.service.conftest import X0, Y0, Town
from tests.service.test_api import refused

NODES, SEGMENTS = (f"/ogc/collections/{kind}/items" for kind in ("node", "pipe_segment"))
PROJECT_CRS = "http://www.opengis.net/def/crs/EPSG/0/4547"


@pytest.fixture
def keys(town: Town) -> dict[str, dict[str, str]]:
    """Headers of a water and a gas agency, each for the east of the town."""
    found = {}
    for agency, code in (("水务局", "water"), ("燃气集团", "gas")):
        area = shapely.box(X0 + 30, Y0, X0 + 200, Y0 + 200)
        terms = Terms(agency, "设计", area, (code,), ("owner",), datetime.now(UTC) + timedelta(days=9))
        with town.database.transaction() as connection:
            number = agreements.agree(connection, terms, "manager")
            found[agency] = {"X-API-Key": agreements.issue_key(connection, number, "manager")}
    return found


def looks(client: httpx.Client, **filters: Any) -> list[dict[str, Any]]:
    answer = client.get("/api/audit", params=filters)
    assert answer.status_code == 200, answer.text
    return list(answer.json())


def test_looks_can_be_filtered_by_agency_time_and_class(client: httpx.Client, town: Town, keys: Any) -> None:
    for _ in range(2):
        assert client.get(NODES, headers=keys["水务局"]).status_code == 200
    assert client.get(SEGMENTS, headers=keys["燃气集团"]).status_code == 200
    client.get(NODES, headers={"X-API-Key": "pmk_forged"})
    assert [look["agency"] for look in looks(client)] == ["unknown", "燃气集团", "水务局", "水务局"]
    assert len(looks(client, agency="水务局")) == 2
    assert [look["agency"] for look in looks(client, class_code="gas")] == ["燃气集团"]
    assert [look["action"] for look in looks(client, action="share.refused")] == ["share.refused"]
    now = datetime.now(UTC)
    assert looks(client, until=(now - timedelta(hours=1)).isoformat()) == []
    assert len(looks(client, until=(now + timedelta(days=1)).date().isoformat())) == 4
    assert len(looks(client, since=(now - timedelta(days=1)).date().isoformat())) == 4
    assert len(looks(client, limit=1, offset=1)) == 1
    look = looks(client, agency="燃气集团")[0]
    assert look["purpose"] == "设计" and look["details"]["count"] == 2 and look["details"]["agreement_id"] == 2
    assert look["place"]["type"] == "MultiPolygon" and len(look["details"]["key_sha256"]) == 12


def test_an_owner_learns_who_read_an_asset(client: httpx.Client, town: Town, keys: Any) -> None:
    def boxed(low: float, high: float, **more: Any) -> dict[str, Any]:
        box = f"{Y0},{X0 + low},{Y0 + 200},{X0 + high}"
        return {"bbox": box, "bbox-crs": PROJECT_CRS, **more}

    water = keys["水务局"]
    asset = town.ids["B"]
    for params in (boxed(50, 70), boxed(90, 110), boxed(50, 70, owner="供水公司")):
        assert client.get(NODES, params=params, headers=water).status_code == 200
    client.get(SEGMENTS, params=boxed(50, 70), headers=water)
    client.get(NODES, headers=keys["燃气集团"])
    client.get(f"{NODES}/{asset}", headers=water)
    client.get(f"{NODES}/{town.ids['C']}", headers=water)
    found = looks(client, feature_id=asset)
    assert [(one["details"].get("feature_id"), one["is_certain"]) for one in found] == [(asset, True), (None, True)]
    assert looks(client, feature_id=town.ids["A->B"])[0]["details"]["kind"] == "pipe_segment"
    assert looks(client, feature_id=town.ids["W"]) == [] == looks(client, feature_id=999_999)


def test_the_page_shows_looks_in_both_languages(client: httpx.Client, town: Town, keys: Any) -> None:
    assert client.get(NODES, headers=keys["水务局"]).status_code == 200
    client.get(NODES, headers={"X-API-Key": "<b>pmk"})
    chinese, english = (client.get("/audit", params={"language": code}) for code in ("zh", "en"))
    assert chinese.status_code == english.status_code == 200
    assert "谁看了什么" in chinese.text and "who looked at what" in english.text
    for page in (chinese.text, english.text):
        assert "水务局" in page and "<svg" in page and "<script" not in page and "<b>pmk" not in page
    assert "要素 管点" in chinese.text and "密钥无效" in chinese.text and "unknown key" not in chinese.text
    assert "unknown key" in english.text
    form = {"language": "zh", "agency": "", "action": "", "since": "", "until": "", "class_code": "", "feature_id": ""}
    assert client.get("/audit", params=form).text == chinese.text
    assert "没有记录" in client.get("/audit", params=form | {"agency": "nobody"}).text


@pytest.mark.parametrize(
    "query", ["feature_id=x", "feature_id=-1", f"feature_id={2**63}", "since=soon", "until=2026-13-01", "dragon=1",
              "since=2026-01-01T00:00:00", "offset=-1", "language=fr"]
)  # fmt: skip
def test_filters_that_make_no_sense_are_bad_requests(client: httpx.Client, query: str) -> None:
    refused(client.get(f"/audit?{query}"))


def test_looks_are_for_staff(serve: Any, town: Town, keys: Any) -> None:
    client = serve(staff_token="a long secret")
    for address in ("/audit", "/api/audit"):
        refused(client.get(address, headers=keys["水务局"]), 401)
        assert client.get(address, headers={"Authorization": "Bearer a long secret"}).status_code == 200
