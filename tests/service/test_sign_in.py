"""Staff sign in with a browser at a real OIDC provider; whatever does not belong to what was asked signs nobody in."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import shapely
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from api.app import create_app
from pipemap.errors import UsageError
from pipemap.settings import Settings
from pipemap.sharing import agreements, audit, identity, sign_in
from pipemap.sharing.agreements import Terms
from pipemap.sharing.sign_in import own_path
from tests.service.browsing import PATIENCE_S, chromium
from tests.service.conftest import X0, Y0, Town, free_port
from tests.service.providing import CLIENT, KEY, SECRET, OidcProvider, providing
from tests.service.test_api import refused
from tests.service.test_designs import PIPE
from tests.service.test_identity import raw

SESSION = "pipemap-session"


@pytest.fixture
def provider() -> Iterator[OidcProvider]:
    with providing() as running:
        yield running


@pytest.fixture
def settings(provider: OidcProvider, tmp_path: Path) -> dict[str, Any]:
    keys, port = tmp_path / "jwks.json", free_port()
    keys.write_text(json.dumps({"keys": [KEY.as_dict(private=False)]}))
    secret = tmp_path / "client.secret"
    secret.write_text(f"{SECRET}\n")
    return {
        "port": port,
        "public_url": f"http://127.0.0.1:{port}",
        "data_dir": tmp_path / "data",
        "oidc_issuer": provider.issuer,
        "oidc_audience": "pipemap",
        "oidc_jwks": str(keys),
        "oidc_staff": "realm_access.roles=pipemap-staff",
        "oidc_client_id": CLIENT,
        "oidc_client_secret_file": secret,
        "language": "zh",
    }


@pytest.fixture
def client(town: Town, serve: Any, settings: dict[str, Any]) -> httpx.Client:
    running: httpx.Client = serve(**settings)
    return running


def brigade(town: Town, provider: OidcProvider, subject: str = "3e10") -> int:
    """An agreement that an identity of the provider stands for."""
    area, until = shapely.box(X0 - 100, Y0 - 100, X0 + 300, Y0 + 300), datetime.now(UTC) + timedelta(days=9)
    with town.database.transaction() as connection:
        terms = Terms("消防队", "火灾扑救", area, ("water",), ("width_mm",), until)
        number = agreements.agree(connection, terms, "manager")
        identity.register(connection, number, provider.issuer, subject, "manager")
    return number


def asked_for(client: httpx.Client, path: str = "/changesets") -> dict[str, str]:
    answer = client.get("/sign-in", params={"next": path})
    assert answer.status_code == 303, answer.text
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()}


def come_back(client: httpx.Client, provider: OidcProvider, subject: str = "8f2c", path: str = "/changesets") -> Any:
    return client.get(provider.agreed(asked_for(client, path), subject))


def nobody(client: httpx.Client, answer: httpx.Response) -> str:
    assert answer.status_code == 403 and 'role="alert"' in answer.text, answer.text
    assert SESSION not in client.cookies and client.get("/sign-in/who").json()["actor"] is None
    refused(client.get("/api/changesets"), 401)
    return answer.text


def test_staff_sign_in_review_publish_and_sign_out_in_a_browser(
    client: httpx.Client, town: Town, settings: dict[str, Any]
) -> None:
    url = settings["public_url"]
    with chromium() as browser:
        page = browser.new_page(locale="zh-CN")
        page.set_default_timeout(PATIENCE_S * 1000)
        page.goto(f"{url}/changesets?language=zh")
        page.click("[id='8f2c']")
        page.wait_for_url(f"{url}/changesets?language=zh")
        assert "oidc:8f2c (李明)" in page.inner_text("nav")
        pipe = PIPE | {"line": [[x, y + 40, 8.0] for x, y, _ in PIPE["line"]]}  # type: ignore[misc]
        made = page.request.post(f"{url}/api/designs", data={"pipe": pipe, "title": "新管"}, headers={"Origin": url})
        draft = f"{url}/changesets/{made.json()['changeset_id']}?language=zh"
        page.goto(draft)
        page.click("button[value=submit]")
        page.click("button[value=approve]")
        assert "不得审批本人提交" in page.inner_text("[role=alert]")
        page.click("text=退出登录")
        page.wait_for_url(f"{url}/sign-out")
        page.goto(draft)
        page.click("[id='77aa']")
        page.click("button[value=approve]")
        for reason in page.locator("input[name^=waive_]").all():
            reason.fill("规划")
        page.click("button[value=publish]")
        page.wait_for_selector("text=发布版本")
        page.click("text=退出登录")
        page.wait_for_url(f"{url}/sign-out")
        assert page.request.get(f"{url}/api/changesets").status == 401
    with town.database.transaction(read_only=True) as connection:
        done = [(one["action"], one["actor"]) for one in reversed(audit.list_entries(connection))]
    li, wang = "oidc:8f2c (李明)", "oidc:77aa (王芳)"
    assert [one for one in done if one[1] in (li, wang)] == [
        ("staff.sign-in", li), ("changeset.submit", li), ("staff.sign-out", li), ("staff.sign-in", wang),
        ("changeset.approve", wang), ("publish", wang), ("staff.sign-out", wang),
    ]  # fmt: skip


def test_cookies_are_for_no_script_and_no_other_site_and_under_https_for_no_other_way(
    client: httpx.Client, provider: OidcProvider, serve: Any, settings: dict[str, Any]
) -> None:
    (kept,) = (one for one in come_back(client, provider).headers.get_list("set-cookie") if one.startswith(SESSION))
    assert {"httponly", "samesite=lax", "path=/", "max-age=28800"} <= {part.strip().lower() for part in kept.split(";")}
    safe = serve(**(settings | {"public_url": "https://map.example.cn", "port": free_port()}))
    (note,) = safe.get("/sign-in").headers.get_list("set-cookie")
    assert note.startswith("__Host-") and "; secure" in note.lower() and "domain" not in note.lower()


def test_what_comes_back_must_be_what_this_browser_asked_for(client: httpx.Client, provider: OidcProvider) -> None:
    other = asked_for(client)
    client.cookies.clear()
    nobody(client, client.get(provider.agreed(other, "8f2c")))
    mine = asked_for(client)
    nobody(client, client.get(provider.agreed(mine | {"state": other["state"]}, "8f2c")))
    nobody(client, client.get(provider.agreed(mine, "8f2c")))  # the note went with the first attempt
    mine = asked_for(client)
    nobody(client, client.get(provider.agreed(mine, "8f2c").partition("&state")[0]))
    nobody(client, client.get("/sign-in/back", params={"state": asked_for(client)["state"], "error": "access_denied"}))
    mixed = asked_for(client)
    nobody(client, client.get(provider.agreed(mixed, "8f2c") + "&iss=https://evil.example"))


def test_a_code_signs_in_once(client: httpx.Client, provider: OidcProvider) -> None:
    asked = asked_for(client)
    note = {name: value for name, value in client.cookies.items() if "asking" in name}
    back = provider.agreed(asked, "8f2c")
    assert client.get(back).status_code == 303
    client.cookies.clear()
    nobody(client, client.get(back))
    client.cookies.update(note)  # even by one who kept the note
    nobody(client, client.get(back))
    stolen = asked_for(client)
    provider.agreed(stolen, "8f2c")
    code = next(iter(provider.codes))
    thief = httpx.Client(base_url=client.base_url, trust_env=False)
    state = asked_for(thief)["state"]
    nobody(thief, thief.get("/sign-in/back", params={"code": code, "state": state}))
    thief.close()


WRONG: dict[str, dict[str, Any]] = {
    "of another request": {"nonce": "another"},
    "of no request": {"nonce": None},
    "for another": {"aud": "another"},
    "for the service's bearers": {"aud": "pipemap"},
    "for two, given to another": {"aud": [CLIENT, "another"], "azp": "another"},
    "for two, given to nobody": {"aud": [CLIENT, "another"]},
    "given to another": {"azp": "another"},
    "of another issuer": {"iss": "https://evil.example"},
    "at its end": {"exp": int(time.time()) - 120},
    "without an end": {"exp": None},
    "of nobody": {"sub": None},
    "of a subject that is no word": {"sub": "8f2c (李明) x"},
    "without the role": {"realm_access": {"roles": ["staff"]}},
    "with the role elsewhere": {"realm_access": None, "roles": ["pipemap-staff"]},
}


@pytest.mark.parametrize("wrong", WRONG)
def test_an_identity_token_that_is_wrong_signs_nobody_in(
    client: httpx.Client, provider: OidcProvider, wrong: str
) -> None:
    provider.claims = WRONG[wrong]
    nobody(client, come_back(client, provider))


def with_hmac_of_the_public_key(told: dict[str, Any]) -> str:
    unsigned = raw({"alg": "HS256", "kid": "rsa"}, told).rpartition(".")[0]
    digest = hmac.digest(KEY.as_pem(private=False), unsigned.encode(), hashlib.sha256)
    return f"{unsigned}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


def test_forged_signatures_sign_nobody_in(client: httpx.Client, provider: OidcProvider) -> None:
    other = RSAKey.generate_key(2048, {"kid": "rsa"})
    forged = {
        "none": lambda told: raw({"alg": "none"}, told),
        "none, in capitals": lambda told: raw({"alg": "NONE", "kid": "rsa"}, told),
        "another key": lambda told: jwt.encode({"alg": "RS256", "kid": "rsa"}, told, other),
        "the public key as a secret": with_hmac_of_the_public_key,
        "the client's secret": lambda told: jwt.encode({"alg": "HS256"}, told, OctKey.import_key(SECRET)),
        "another algorithm": lambda told: jwt.encode({"alg": "RS384", "kid": "rsa"}, told, KEY, algorithms=["RS384"]),
        "no token": lambda told: "",
    }
    for mint in forged.values():
        provider.mint = mint
        nobody(client, come_back(client, provider))


def test_who_is_known_but_not_of_the_staff_is_told_so(client: httpx.Client, provider: OidcProvider) -> None:
    assert "既不是本系统工作人员" in nobody(client, come_back(client, provider, "3e10"))


def test_a_provider_that_names_itself_otherwise_is_not_used(client: httpx.Client, provider: OidcProvider) -> None:
    provider.said_issuer = "https://evil.example"
    answer = client.get("/sign-in")
    assert answer.status_code == 403 and "evil" not in answer.text


ELSEWHERE = (
    "https://evil.example", "//evil.example", "/\\evil.example", "\\\\evil.example", "/\t/evil.example", "javascript:0",
    " //evil.example", "/a\r\nSet-Cookie: x=1", "", "changesets", "///evil.example", "http:evil.example", "/é",
)  # fmt: skip


def test_nobody_is_led_to_another_site(client: httpx.Client, provider: OidcProvider) -> None:
    for path in ELSEWHERE:
        assert own_path(path) == "/", path
        assert come_back(client, provider, path=path).headers["location"] == "/", path
    on = "/changesets/7?language=en&next=//evil.example"
    assert come_back(client, provider, path=on).headers["location"] == on


def test_a_session_ends_with_its_time_by_signing_out_and_with_its_secret(
    client: httpx.Client, provider: OidcProvider, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def opens() -> int:
        return client.get("/api/changesets").status_code

    come_back(client, provider)
    kept = client.cookies[SESSION]
    assert opens() == 200
    own = {"Origin": settings["public_url"]}
    refused(client.post("/sign-out"), 403)
    refused(client.post("/sign-out", headers={"Origin": "https://evil.example"}), 403)
    assert opens() == 200
    assert client.post("/sign-out", headers=own).status_code == 303 and SESSION not in client.cookies
    client.cookies.set(SESSION, kept, domain="127.0.0.1")
    assert opens() == 401  # a copy holds no more either
    client.cookies.clear()
    monkeypatch.setattr(sign_in, "SESSION_S", -1)
    monkeypatch.setattr("api.sign_in.SESSION_S", 600)
    come_back(client, provider)
    assert SESSION in client.cookies and opens() == 401
    monkeypatch.undo()
    client.cookies.clear()
    come_back(client, provider)
    assert opens() == 200
    (settings["data_dir"] / "session.key").write_bytes(b"x" * 32)
    assert opens() == 401


def test_a_session_is_none_but_its_own_seal(client: httpx.Client, provider: OidcProvider) -> None:
    come_back(client, provider)
    kept = client.cookies[SESSION]
    head, told, seal = kept.split(".")
    asking = client.get("/sign-in") and next(value for name, value in client.cookies.items() if "asking" in name)
    forged = {"actor": "oidc:8f2c", "exp": int(time.time()) + 600, "id": "x"}
    for value in (
        "", "x", "..", f"{head}.{told}.", f"{head}.{told}.{seal[:-4]}AAAA", asking, raw({"alg": "none"}, forged),
        jwt.encode({"alg": "HS256"}, forged, OctKey.import_key("s" * 32)),
        jwt.encode({"alg": "RS256", "kid": "rsa"}, forged, KEY), "x" * 10_000,
    ):  # fmt: skip
        client.cookies.clear()
        client.cookies.set(SESSION, value, domain="127.0.0.1")
        refused(client.get("/api/changesets"), 401)
    client.cookies.clear()
    refused(client.get("/api/changesets", headers={"Authorization": f"Bearer {kept}"}), 401)


def test_a_session_changes_nothing_but_from_a_page_of_this_service(
    client: httpx.Client, provider: OidcProvider, settings: dict[str, Any]
) -> None:
    come_back(client, provider)
    asked = {"pipe": PIPE, "title": "新管"}
    for headers in ({}, {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": "http://127.0.0.1:1"}):
        assert client.post("/api/designs", json=asked, headers=headers).status_code in (401, 403), headers
    made = client.post("/api/designs", json=asked, headers={"Origin": settings["public_url"]})
    assert made.status_code == 201 and client.get(f"/api/changesets/{made.json()['changeset_id']}").json()[
        "author"
    ] == ("oidc:8f2c (李明)")
    # A key beside it is the agency's and not the staff's.
    refused(client.get("/api/changesets", headers={"X-API-Key": "pmk_x"}), 401)


def test_a_page_leads_to_the_sign_in_and_a_program_is_told_of_it(client: httpx.Client) -> None:
    page = client.get("/changesets?language=en", headers={"Accept": "text/html"})
    assert (page.status_code, page.headers["location"]) == (303, "/sign-in?next=%2Fchangesets%3Flanguage%3Den")
    told = client.get("/api/changesets")
    assert refused(told, 401)["sign_in"] == "/sign-in" and told.headers["www-authenticate"].startswith("Bearer")


def test_it_is_off_unless_it_is_whole(
    client: httpx.Client, serve: Any, settings: dict[str, Any], database_url: str
) -> None:
    without = {name: value for name, value in settings.items() if name not in ("oidc_client_id", "port")}
    off = serve(**without)
    refused(off.get("/sign-in"), 404)
    assert off.get("/sign-in/who").json() == {"actor": None, "can_sign_in": False}
    for missing in ("oidc_issuer", "oidc_staff", "public_url"):
        with pytest.raises(UsageError):
            create_app(Settings(_env_file=None, **(settings | {missing: None})), database_url)
    with pytest.raises(UsageError, match="https"):
        create_app(Settings(_env_file=None, **(settings | {"public_url": "http://map.example.cn"})), database_url)


def test_a_session_that_was_ended_is_ended_for_every_process_and_after_a_restart(
    client: httpx.Client, provider: OidcProvider, settings: dict[str, Any], serve: Any
) -> None:
    other = serve(**(settings | {"port": free_port()}))

    def opens(at: httpx.Client, session: str) -> bool:
        return at.get("/api/changesets", headers={"Cookie": f"{SESSION}={session}"}).status_code == 200

    come_back(client, provider)
    kept = client.cookies[SESSION]
    client.cookies.clear()
    come_back(client, provider)
    still = client.cookies[SESSION]
    assert opens(client, kept) and opens(other, kept)
    client.cookies.set(SESSION, kept, domain="127.0.0.1")
    assert client.post("/sign-out", headers={"Origin": settings["public_url"]}).status_code == 303
    client.cookies.clear()
    assert not opens(client, kept)
    until_s = time.monotonic() + 60
    while opens(other, kept) and time.monotonic() < until_s:
        time.sleep(0.02)
    later = serve(**(settings | {"port": free_port()}))
    for at in (client, other, later):
        assert not opens(at, kept) and opens(at, still)


def test_an_agencys_people_open_their_map_by_their_own_account(
    client: httpx.Client, town: Town, provider: OidcProvider, settings: dict[str, Any]
) -> None:
    number, url = brigade(town, provider), settings["public_url"]
    with chromium() as browser:
        page = browser.new_page(locale="zh-CN")
        page.set_default_timeout(PATIENCE_S * 1000)
        page.goto(f"{url}/map?language=zh")
        page.click("#identity")
        page.click("[id='3e10']")
        page.wait_for_selector("#legend-classes li")
        assert urlsplit(page.url).path == "/map"
        assert page.locator("#legend-classes li").all_inner_texts()[0].startswith("给水")
        assert page.request.get(f"{url}/api/changesets").status == 401, "no member of staff"
        assert page.request.get(f"{url}/share/agreement").json()["agency"] == "消防队"
        with town.database.transaction() as connection:
            agreements.revoke(connection, number, "manager")
        assert page.request.get(f"{url}/share/agreement").status == 401
    with town.database.transaction(read_only=True) as connection:
        (entry,) = audit.list_entries(connection, audit.AuditFilter(action="share.sign-in"))
    assert entry["actor"] == "消防队"


def test_staff_who_come_by_an_agencys_door_go_to_their_own_map(client: httpx.Client, provider: OidcProvider) -> None:
    answer = come_back(client, provider, "8f2c", "/map?language=zh")
    assert answer.status_code == 303 and answer.headers["location"] == "/"
