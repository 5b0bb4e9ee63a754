"""The sheet of a granted dig: over HTTP, in the package, and on paper by a real browser in both languages."""

import hashlib
import io
import json
import re
import zipfile
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from pipemap.contacts import set_contact
from pipemap.sharing import audit, digging
from tests.service.browsing import chromium
from tests.service.conftest import X0, Y0, Town
from tests.service.test_api import refused
from tests.service.test_share_requests import MANAGER, TOKEN, written

SHEET = "/share/sheet"
# A->B reaches into the area by half; of the gas only G0->G1 has a part in it.
HALF_WAY = f"{X0},{Y0 + 85},{X0 + 50},{Y0 + 120}"


@pytest.fixture
def client(town: Town, serve: Any, tmp_path: Path) -> httpx.Client:
    with town.database.transaction() as connection:
        set_contact(connection, "供水公司", "0755-1234 5678", "manager")
    return serve(staff_token=TOKEN, audit_dir=tmp_path / "audit", language="zh")


def granted(client: httpx.Client, decision: dict[str, Any] | None = None, **asked: Any) -> dict[str, str]:
    number = written(client, **{"area": HALF_WAY, "attributes": ["source_key", "owner", "width_mm"]} | asked)
    answer = client.post(f"/share/requests/{number}/approve", json=decision or {}, auth=MANAGER)
    return {"X-API-Key": answer.json()["key"]}


def words(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.split("</style>")[1]))


def test_a_sheet_tells_what_is_granted_for_whom_and_how_long(client: httpx.Client, town: Town) -> None:
    hostile = '<img src=x onerror="alert(1)">'
    key = granted(client, reason=hostile, class_codes=["water"])
    assert client.get("/share/agreement", headers=key).json()["has_sheet"]
    answer = client.get(SHEET, headers=key)
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    seen = words(answer.text)
    until = date.today() + timedelta(days=20)
    for told in (
        "市政公司",
        "王工",
        "manager",
        f"{date.today()} – {until}",
        "A->B",
        "供水公司",
        "0755-1234 5678",
        "300 mm",
    ):
        assert told in seen.replace("&gt;", ">"), told
    assert "10.0 m" in seen and "未授权" in seen and "not granted" in seen
    assert "JGJ 33-2012 5.1.4 (recalled, to be confirmed)" in seen and "usual practice" in seen
    assert hostile not in answer.text and "alert(1)" in answer.text
    assert "G0" not in seen and "燃气" not in seen and "B-&gt;V2" not in answer.text
    [mark] = set(re.findall(r"编号 ?</span> ?([0-9a-f]{16})", answer.text))
    assert client.get(SHEET, headers=key).text.count(mark) == 0
    with town.database.transaction(read_only=True) as connection:
        marks = [
            one["details"]["watermark"] for one in audit.list_entries(connection) if one["action"] == "share.sheet"
        ]
    assert mark in marks and len(marks) == 2


def test_pipes_beyond_the_rows_are_counted_drawn_and_told_to_their_owners(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digging, "MOST_PIPES", 1)
    answer = client.get(SHEET, headers=granted(client, class_codes=["gas", "water"]))
    assert answer.status_code == 200, answer.text
    assert answer.text.count('class="axis"') == 2 and len(re.findall(r'<text class="row"', answer.text)) == 1
    assert "0755-1234 5678" in answer.text and "给水 3 · 50 m" in words(answer.text)
    assert "另有" in answer.text


def test_who_may_not_dig_by_it_is_told_so(client: httpx.Client) -> None:
    key = granted(client, {"reason": "coarser", "position_precision": "grid_5m"})
    assert "不得据此开挖" in client.get(SHEET, headers=key).text


def test_without_a_granted_dig_there_is_no_sheet(client: httpx.Client) -> None:
    planner = granted(client, purpose_code="orientation")
    refused(client.get(SHEET, headers=planner), 404)
    refused(client.get(SHEET, headers={"X-API-Key": "pmk_forged"}), 401)
    package = client.get("/share/export", params={"format": "geojson"}, headers=planner)
    with zipfile.ZipFile(io.BytesIO(package.content)) as archive:
        assert "digging_sheet.html" not in archive.namelist()


def test_a_package_brings_the_sheet_with_its_own_mark(client: httpx.Client) -> None:
    package = client.get("/share/export", params={"format": "geojson"}, headers=granted(client))
    with zipfile.ZipFile(io.BytesIO(package.content)) as archive:
        manifest = json.loads(archive.read("manifest.json"))
        page = archive.read("digging_sheet.html")
        pipes = json.loads(archive.read("pipe_segment.geojson"))["features"]
    [listed] = [one for one in manifest["files"] if one["name"] == "digging_sheet.html"]
    assert listed["sha256"] == hashlib.sha256(page).hexdigest()
    assert manifest["watermark"] in page.decode()
    rows = set(re.findall(r"<div>([^<·]+)", page.decode()))
    assert {one["properties"]["source_key"] for one in pipes} <= {row.strip().replace("&gt;", ">") for row in rows}


def test_the_sheet_prints_on_a4_with_its_map_in_either_language(client: httpx.Client, tmp_path: Path) -> None:
    key = granted(client)
    with chromium() as browser:
        for language, told, untold in (("zh", "开挖前须通知", "Call before"), ("en", "Call before", "开挖前须通知")):
            file = tmp_path / f"{language}.html"
            file.write_text(client.get(SHEET, params={"language": language}, headers=key).text, encoding="utf-8")
            page = browser.new_page()
            page.goto(file.as_uri())
            seen = page.inner_text("main")
            assert told in seen and untold not in seen
            drawn = page.evaluate(
                "Array.from(document.querySelectorAll('main > svg path.axis, main > svg text.row'), "
                "one => one.getBoundingClientRect().width + one.getBoundingClientRect().height)"
            )
            assert len(drawn) > 2 and min(drawn) > 0
            sizes = re.findall(rb"/MediaBox\s*\[0 0 ([0-9.]+) ([0-9.]+)\]", page.pdf(prefer_css_page_size=True))
            assert {(round(float(wide)), round(float(high))) for wide, high in sizes} == {(595, 842)}
            page.close()
