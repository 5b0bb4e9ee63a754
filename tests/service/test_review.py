"""The review of changesets over HTTP: by whom each is decided, what the core refuses, and what a version says then."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from pipemap.sharing import audit
from tests.service.conftest import Town
from tests.service.test_api import refused
from tests.service.test_designs import PIPE
from tests.service.test_identity import bearer, jwks
from tests.service.test_staff_identity import TOKEN, served, staff

__all__ = ["jwks"]


def li() -> dict[str, str]:
    return bearer(staff("8f2c", "李明"))


def wang() -> dict[str, str]:
    return bearer(staff("77aa", "王芳"))


@pytest.fixture
def client(town: Town, serve: Any, jwks: Path) -> httpx.Client:
    return served(serve, jwks, staff_token=TOKEN, require_approval=True)


@pytest.fixture
def draft(client: httpx.Client) -> str:
    sound = PIPE | {"line": [[x, y + 40, 8.0] for x, y, _ in PIPE["line"]]}  # type: ignore[misc]
    answer = client.post("/api/designs", json={"pipe": sound, "title": "新建给水支线"}, headers=li())
    assert answer.status_code == 201, answer.text
    return f"/api/changesets/{answer.json()['changeset_id']}"


def test_what_one_proposes_another_approves_and_a_version_names_both(
    client: httpx.Client, town: Town, draft: str
) -> None:
    client.post(f"{draft}/check", headers=li()).raise_for_status()
    said = {"message": "新建给水支线", "waivers": _waivers(client, draft)}
    refused(client.post(f"{draft}/publish", json=said, headers=li()), 422)
    assert client.post(f"{draft}/submit", headers=li()).json()["state"] == "submitted"
    for own in (li(), bearer(staff("8f2c", "another name")), bearer(TOKEN)):
        refused(client.post(f"{draft}/approve", headers=own), 403)
        refused(client.post(f"{draft}/reject", headers=own), 403)
    refused(client.post(f"{draft}/publish", json=said, headers=li()), 422)
    answer = client.post(f"{draft}/approve", headers=wang()).json()
    assert (answer["state"], answer["reviewer"]) == ("approved", "oidc:77aa (王芳)")
    done = client.post(f"{draft}/publish", json=said, headers=li()).json()
    assert (done["state"], done["version"], done["was_published_already"]) == ("published", 3, False)
    again = client.post(f"{draft}/publish", json=said, headers=li()).json()
    assert (again["version"], again["was_published_already"]) == (3, True)
    undone = client.post(f"{draft}/revert", headers=wang()).json()
    assert (undone["state"], undone["author"]) == ("draft", "oidc:77aa (王芳)")
    newest = client.get("/api/versions", headers=li()).json()[0]
    assert (newest["version"], newest["author"]) == (3, "oidc:8f2c (李明)")
    with town.database.transaction(read_only=True) as connection:
        [entry, *_] = audit.list_entries(connection, audit.AuditFilter(action="publish"))
    assert entry["actor"] == "oidc:8f2c (李明)"


def test_errors_are_waived_by_name_or_stop_a_version(client: httpx.Client, draft: str) -> None:
    client.post(f"{draft}/submit", headers=li())
    client.post(f"{draft}/approve", headers=wang())
    standing = _waivers(client, draft)
    refused(client.post(f"{draft}/publish", json={"message": "x", "waivers": {"R99": "why not"}}, headers=li()), 400)
    if standing:
        answer = refused(client.post(f"{draft}/publish", json={"message": "x"}, headers=li()), 422)
        assert set(answer["rules"]) == set(standing)
    refused(client.post(f"{draft}/publish", json={"message": " "}, headers=li()), 400)
    refused(client.post(f"{draft}/publish", json={}, headers=li()), 400)


def test_a_changeset_is_turned_down_or_discarded(client: httpx.Client, draft: str) -> None:
    assert client.post(f"{draft}/reject", headers=wang()).json()["state"] == "rejected"
    refused(client.post(f"{draft}/submit", headers=li()), 422)
    refused(client.post(f"{draft}/check", headers=li()), 422)
    assert client.post(f"{draft}/discard", headers=li()).json()["state"] == "discarded"
    for step in ("check", "submit", "approve", "reject", "discard"):
        refused(client.post(f"{draft}/{step}", headers=li()), 404)
    refused(client.post(f"{draft}/publish", json={"message": "x"}, headers=li()), 404)


def test_only_staff_review_and_no_page_of_another_site(client: httpx.Client, draft: str) -> None:
    for step in ("check", "submit", "approve", "reject", "discard", "publish"):
        refused(client.post(f"{draft}/{step}", json={"message": "x"}), 401)
        for origin in ("https://evil.example", "null"):
            elsewhere = li() | {"Origin": origin}
            refused(client.post(f"{draft}/{step}", json={"message": "x"}, headers=elsewhere), 403)
    assert client.get(draft, headers=li()).json()["state"] == "draft"


def _waivers(client: httpx.Client, draft: str) -> dict[str, str]:
    """A reason for every rule whose errors stand."""
    found = client.get(f"{draft}/findings", params={"severity": "error"}, headers=li()).json()
    return {finding["rule"]: "planned" for finding in found}


def test_who_did_what_with_a_changeset_stays_on_record_also_when_it_is_gone(client: httpx.Client, draft: str) -> None:
    def steps() -> list[tuple[str, str | None]]:
        answer = client.get(f"{draft}/log", headers=li())
        assert answer.status_code == 200, answer.text
        assert [one["at"] for one in answer.json()] == sorted(one["at"] for one in answer.json())
        return [(one["step"], one["actor"]) for one in answer.json()]

    opened = [("open", "oidc:8f2c (李明)")]
    assert steps() == opened
    client.post(f"{draft}/check", headers=li()).raise_for_status()
    client.post(f"{draft}/submit", headers=wang()).raise_for_status()
    refused(client.post(f"{draft}/approve", headers=li()), 403)
    client.post(f"{draft}/approve", headers=wang()).raise_for_status()
    taken = [*opened, ("check", None), ("submit", "oidc:77aa (王芳)"), ("approve", "oidc:77aa (王芳)")]
    assert steps() == taken
    client.post(f"{draft}/discard", headers=li()).raise_for_status()
    refused(client.get(draft, headers=li()), 404)
    kept = [*opened, ("submit", "oidc:77aa (王芳)"), ("approve", "oidc:77aa (王芳)"), ("discard", "oidc:8f2c (李明)")]
    assert steps() == kept
    refused(client.get("/api/changesets/999/log", headers=li()), 404)


def test_a_version_ends_the_record_of_its_changeset(client: httpx.Client, draft: str) -> None:
    client.post(f"{draft}/submit", headers=li()).raise_for_status()
    client.post(f"{draft}/approve", headers=wang()).raise_for_status()
    said = {"message": "新建给水支线", "waivers": _waivers(client, draft)}
    client.post(f"{draft}/publish", json=said, headers=li()).raise_for_status()
    *_, last = client.get(f"{draft}/log", headers=li()).json()
    assert (last["step"], last["actor"]) == ("publish", "oidc:8f2c (李明)")
    assert (last["details"]["version"], last["details"]["message"]) == (3, "新建给水支线")
