"""The page of agreements: what each grants until when, and that keys given out and taken back there hold at once."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import shapely

from pipemap.sharing import agreements, audit, proposals
from pipemap.sharing.agreements import Terms, hash_key
from tests.service.conftest import X0, Y0, Town
from tests.service.test_api import refused

NODES = "/ogc/collections/node/items"


@pytest.fixture
def number(town: Town) -> int:
    area = shapely.box(X0, Y0, X0 + 200, Y0 + 500)
    soon = datetime.now(UTC) + timedelta(days=9)
    terms = Terms("燃气<集团>", "巡检", area, ("gas",), ("owner", "from_depth_m"), soon, may_export=False)
    with town.database.transaction() as connection:
        return agreements.agree(connection, terms, "manager")


def press(client: httpx.Client, number: int, language: str = "en", **form: str) -> httpx.Response:
    own = {"Origin": str(client.base_url).rstrip("/")}
    return client.post(f"/agreements/{number}", data=form, params={"language": language}, headers=own)


def opens(client: httpx.Client, key: str) -> bool:
    return client.get(NODES, headers={"X-API-Key": key}).status_code == 200


def issued(page: httpx.Response) -> str:
    (key,) = re.findall(r"pmk_[A-Za-z0-9_-]+", page.text)
    return str(key)


def test_the_page_tells_terms_in_both_languages(client: httpx.Client, number: int) -> None:
    chinese, english = (client.get("/agreements", params={"language": one}).text for one in ("zh", "en"))
    for text in ("燃气&lt;集团&gt;", "有效", "0.100 km²", "仅供查看", "权属单位"):
        assert text in chinese, text
    for text in ("in force", "for viewing only", "newest version and any before", "none yet"):
        assert text in english, text
    assert "<集团>" not in chinese and client.get("/agreements?agency=none").text.count("<section") == 0


def test_a_key_is_given_out_shown_once_and_taken_back(client: httpx.Client, town: Town, number: int) -> None:
    first, second = (issued(press(client, number, step="issue")) for _ in range(2))
    assert opens(client, first) and opens(client, second)
    listed = client.get("/agreements").text
    assert first not in listed and hash_key(first)[:12] in listed
    assert press(client, number, step="revoke", key=hash_key(first)).status_code == 303
    assert not opens(client, first) and opens(client, second)
    assert press(client, number, step="revoke").status_code == 303
    assert not opens(client, second)
    assert "revoked" in client.get("/agreements?language=en").text
    with town.database.transaction(read_only=True) as connection:
        done = [
            one["action"] for one in audit.list_entries(connection, audit.AuditFilter()) if one["actor"] != "manager"
        ]
    assert done.count("share.key") == 2 and done.count("share.revoke") == 2


def test_an_agreement_is_approved_on_the_page_by_somebody_else(client: httpx.Client, town: Town) -> None:
    area = shapely.box(X0, Y0, X0 + 200, Y0 + 500)
    terms = Terms("热力集团", "巡检", area, ("water",), (), datetime.now(UTC) + timedelta(days=9))
    with town.database.transaction() as connection:
        number = proposals.propose(connection, terms, "li")
    client.auth = httpx.BasicAuth("li", "")
    assert "waits for approval" in client.get("/agreements?language=en").text
    assert "不得审批" in press(client, number, step="approve", language="zh").text
    assert 'role="alert"' in press(client, number, step="issue").text
    client.auth = httpx.BasicAuth("wang", "")
    assert press(client, number, step="approve").status_code == 303
    assert "written by li, approved by token:wang" in client.get("/agreements?language=en").text
    assert opens(client, issued(press(client, number, step="issue")))


def test_what_cannot_be_done_is_told_on_the_page(client: httpx.Client, number: int) -> None:
    for given in ({"step": "dance"}, {"step": "revoke", "key": "0" * 64}, {}):
        page = press(client, number, **given)
        assert page.status_code == 200 and 'role="alert"' in page.text
    assert 'role="alert"' in press(client, number + 1, step="issue").text


def test_the_page_is_for_staff_and_its_forms_for_itself(client: httpx.Client, serve: Any, number: int) -> None:
    refused(client.post(f"/agreements/{number}", data={"step": "issue"}), 403)
    other = client.post(f"/agreements/{number}", data={"step": "issue"}, headers={"Origin": "https://evil.example"})
    refused(other, 403)
    closed = serve(staff_token="a long secret")
    assert closed.get("/agreements").status_code == 401
    key = issued(press(client, number, step="issue"))
    assert closed.get("/agreements", headers={"X-API-Key": key}).status_code == 401
