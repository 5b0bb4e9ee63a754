"""The change feed over HTTP, under an agency's key."""

import io
import json
import zipfile
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import shapely

from pipemap.sharing import agreements
from pipemap.sharing.agreements import Terms
from tests.service.conftest import X0, Y0, Town
from tests.service.test_api import refused

PROJECT_CRS = "http://www.opengis.net/def/crs/EPSG/0/4547"


@pytest.fixture
def key(town: Town) -> dict[str, str]:
    area = shapely.box(X0 - 10, Y0, X0 + 200, Y0 + 200)
    terms = Terms("水务局", "设计", area, ("water", "gas"), ("owner",), datetime.now(UTC) + timedelta(days=9))
    with town.database.transaction() as connection:
        return {"X-API-Key": agreements.issue_key(connection, agreements.agree(connection, terms, "li"), "li")}


def test_a_copy_follows_the_map_page_by_page(client: httpx.Client, town: Town, key: Any) -> None:
    held: dict[tuple[str, int], Any] = {}
    for since in (0, 1):
        cursor: dict[str, str] = {}
        while True:
            page = client.get("/share/changes", params={"since": since, "limit": 3, **cursor}, headers=key).json()
            held |= {(one["kind"], one["id"]): one["feature"] for one in page["changes"] if one["op"] != "removed"}
            if page["next"] is None:
                break
            cursor = {"cursor": page["next"]}
    assert page["version"] == 2 and page["srid"] == 4547
    names = {(kind, town.ids[name]) for name, kind in (("A->B", "pipe_segment"), ("G1", "node"), ("B", "node"))}
    assert names <= set(held) and ("node", town.ids["W"]) not in held
    assert held["pipe_segment", town.ids["A->B"]]["properties"]["owner"] == "供水公司"
    everything = client.get("/share/changes", params={"since": 0}, headers=key).json()["changes"]
    assert {(one["kind"], one["id"]): one["feature"] for one in everything} == held


def test_a_package_of_changes_is_downloaded(client: httpx.Client, town: Town, key: Any) -> None:
    answer = client.get("/share/changes/package", params={"since": 1}, headers=key)
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert json.loads(archive.read("manifest.json"))["counts"] == {"added": 5, "changed": 1, "removed": 0}


def test_what_is_asked_wrongly_is_refused(client: httpx.Client, key: Any) -> None:
    for query in ("", "since=-1", "since=9", "since=0&limit=0", "since=0&cursor=x", "since=0&dragon=1", "since=x"):
        refused(client.get(f"/share/changes?{query}", headers=key))
    refused(client.get("/share/changes?since=0&permission=other", headers=key), 409)
    refused(client.get("/share/changes?since=0", headers={"X-API-Key": "pmk_forged"}), 401)
    refused(client.get("/share/changes?since=0"), 401)
