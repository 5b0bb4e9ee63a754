"""Webhooks: a real HTTPS host is told, signed, of what changed for its agency; nothing else is told or reached."""

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import shapely

from pipemap.errors import UsageError
from pipemap.jobs.worker import work
from pipemap.settings import Settings
from pipemap.sharing import agreements, audit, chains, hooks
from pipemap.sharing.agreements import Terms
from pipemap.sharing.posting import HookPolicy, PostError, post
from tests.postgis.deliveries import bring_in, delivery, node, publish_now
from tests.service.conftest import X0, Y0, Town
from tests.service.receiving import Receiver, receiving
from tests.service.test_api import refused

TOWN = shapely.box(X0 - 50, Y0, X0 + 200, Y0 + 200)
ELSEWHERE = shapely.box(X0 + 5_000, Y0, X0 + 5_200, Y0 + 200)
Issue = Callable[..., dict[str, str]]


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Receiver]:
    with receiving(tmp_path) as receiver:
        yield receiver


@pytest.fixture
def settings(tmp_path: Path, host: Receiver) -> Settings:
    return Settings(
        _env_file=None,
        export_dir=tmp_path / "exports",
        audit_dir=tmp_path / "audit",
        hook_hosts=f"hooks.example.cn, {host.host}",
        hook_private=True,
        hook_ca_file=host.ca_file,
        public_url="https://map.example.cn/",
    )


@pytest.fixture
def client(town: Town, serve: Callable[..., httpx.Client], settings: Settings) -> httpx.Client:
    return serve(**settings.model_dump(exclude_unset=True))


@pytest.fixture
def issue(town: Town) -> Issue:
    def make(area: shapely.Geometry = TOWN, agency: str = "水务局", **more: Any) -> dict[str, str]:
        terms = Terms(agency, "设计", area, ("water", "gas"), ("name",), datetime.now(UTC) + timedelta(days=9), **more)
        with town.database.transaction() as connection:
            number = agreements.agree(connection, terms, "manager")
            return {"X-API-Key": agreements.issue_key(connection, number, "manager")}

    return make


@pytest.fixture
def told(database_url: str, settings: Settings) -> Callable[[], None]:
    """What the worker does in a minute."""
    return lambda: work(settings, database_url, forever=False, dead_after_s=0)


@pytest.fixture
def publish(town: Town) -> Callable[..., None]:
    def make(x: float = 30, name: str = "new") -> None:
        changed = delivery([node("T1", x, 50, name=name)], [], dataset=f"more {time.monotonic_ns()}")
        publish_now(town.database, bring_in(town.database, changed))

    return make


def registered(client: httpx.Client, key: dict[str, str], url: str) -> tuple[int, bytes]:
    """A hook that is approved, and its secret as its agency decodes it."""
    answer = client.post("/share/hooks", json={"url": url}, headers=key)
    assert answer.status_code == 201, answer.text
    hook = answer.json()
    assert hook["state"] == "waiting"
    assert client.post(f"/share/hooks/{hook['hook_id']}/approve").json()["state"] == "approved"
    return hook["hook_id"], base64.b64decode(hook["secret"].removeprefix("whsec_"))


def is_genuine(secret: bytes, headers: dict[str, str], body: bytes, now: float) -> bool:
    """What a receiver does by the words of Standard Webhooks alone."""
    if abs(now - int(headers["webhook-timestamp"])) > 300:
        return False
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
    return any(hmac.compare_digest(one, f"v1,{expected}") for one in headers["webhook-signature"].split(" "))


def make_due(town: Town) -> None:
    with town.database.transaction() as connection:
        connection.execute("UPDATE pipemap.share_delivery SET next_at = now() WHERE state = 'waiting'")


def test_a_publish_is_told_signed_and_without_features(
    client: httpx.Client, issue: Issue, host: Receiver, told: Any, publish: Any, town: Town
) -> None:
    key = issue()
    hook_id, secret = registered(client, key, host.url)
    told()
    assert host.came == []
    publish()
    told()
    [(headers, body)] = host.came
    message = json.loads(body)
    data = message["data"]
    assert (message["type"], data["since"], data["until"]) == ("changes", 2, 3)
    assert data["counts"] == {"added": 1, "changed": 0, "removed": 0}
    assert data["link"] == "https://map.example.cn/share/changes?since=2"
    assert set(data) == {"agreement_id", "since", "until", "permission", "counts", "link"} and "T1" not in json.dumps(
        data
    )
    page = client.get("/share/changes", params={"since": data["since"]}, headers=key).json()
    assert (page["version"], page["permission"], len(page["changes"])) == (data["until"], data["permission"], 1)
    now = time.time()
    assert is_genuine(secret, headers, body, now)
    assert not is_genuine(secret, headers, body.replace(b'"added":1', b'"added":2'), now)
    assert not is_genuine(bytes(32), headers, body, now)
    assert not is_genuine(secret, headers, body, now + 301)
    told()
    assert len(host.came) == 1
    [delivery_told] = client.get(f"/share/hooks/{hook_id}/deliveries", headers=key).json()
    assert (delivery_told["state"], delivery_told["attempts"], delivery_told["status"]) == ("delivered", 1, 204)
    with town.database.transaction(read_only=True) as connection:
        entries = [one for one in audit.list_entries(connection) if one["action"] == "share.hook"]
        assert chains.verify(connection).is_intact
    assert [(one["chain"], one["details"]["until"], one["details"]["status"]) for one in entries] == [
        ("水务局", 3, 204)
    ]


def test_whose_part_did_not_change_hears_nothing(
    client: httpx.Client, issue: Issue, host: Receiver, told: Any, publish: Any, town: Town
) -> None:
    seeing, blind = issue(), issue(ELSEWHERE, "燃气公司")
    registered(client, seeing, f"{host.url}/seeing")
    hook_id, _ = registered(client, blind, f"{host.url}/blind")
    publish()
    told()
    assert len(host.came) == 1
    assert client.get(f"/share/hooks/{hook_id}/deliveries", headers=blind).json() == []
    publish(x=5_100)
    told()
    assert [json.loads(body)["data"]["since"] for _, body in host.came] == [2, 3]
    assert [json.loads(body)["data"]["agreement_id"] for _, body in host.came] == [1, 2]
    with town.database.transaction() as connection:
        agreements.revoke(connection, 2, "manager")
    publish(x=5_110)
    told()
    assert len(host.came) == 2


def test_a_host_that_fails_is_tried_again_later_and_ends_dead(
    client: httpx.Client, issue: Issue, host: Receiver, told: Any, publish: Any, town: Town
) -> None:
    key = issue()
    hook_id, secret = registered(client, key, host.url)
    host.status = 500
    publish()
    told()
    told()
    assert len(host.came) == 1
    publish(x=31)
    for _ in range(2):
        make_due(town)
        told()
    assert {headers["webhook-id"] for headers, _ in host.came} == {host.came[0][0]["webhook-id"]}
    assert all(is_genuine(secret, headers, body, time.time()) for headers, body in host.came) and len(host.came) == 3
    host.status = 200
    make_due(town)
    told()
    told()
    assert [(d["since"], d["until"]) for d in (json.loads(body)["data"] for _, body in host.came[3:])] == [
        (2, 3),
        (3, 4),
    ]
    host.status = 503
    publish(x=32)
    told()
    with town.database.transaction() as connection:
        connection.execute(
            "UPDATE pipemap.share_delivery SET attempts = %s, next_at = now() WHERE state = 'waiting'",
            [len(hooks.RETRY_AFTER_S)],
        )
    told()
    [hook] = client.get("/share/hooks", headers=key).json()
    assert (hook["state"], hook["ended_reason"]) == ("ended", "It answered 503.")
    count = len(host.came)
    publish(x=33)
    told()
    assert len(host.came) == count
    host.status = 200
    client.post(f"/share/hooks/{hook_id}/approve")
    publish(x=34)
    told()
    assert json.loads(host.came[-1][1])["data"]["since"] == 6


def test_a_hook_that_was_ended_begins_anew(
    client: httpx.Client, issue: Issue, host: Receiver, told: Any, publish: Any, town: Town
) -> None:
    key = issue()
    hook_id, _ = registered(client, key, host.url)
    host.status = 500
    publish()
    told()
    client.delete(f"/share/hooks/{hook_id}", headers=key)
    host.status = 200
    client.post(f"/share/hooks/{hook_id}/approve")
    make_due(town)
    told()
    assert len(host.came) == 1
    publish(x=31)
    told()
    assert [json.loads(body)["data"]["since"] for _, body in host.came] == [2, 3]


def test_a_hook_that_is_ended_while_messages_are_sent_hears_no_more(
    client: httpx.Client, issue: Issue, host: Receiver, told: Any, publish: Any, town: Town
) -> None:
    key = issue()
    hook_ids = [registered(client, key, f"{host.url}/{number}")[0] for number in range(5)]
    host.status, host.silent_s = 500, 2
    publish()
    worker = threading.Thread(target=told)
    worker.start()
    # Four are told at once, so that the last waits for one of them.
    while len(host.came) < 4:
        time.sleep(0.01)
    for hook_id in (hook_ids[0], hook_ids[4]):
        client.delete(f"/share/hooks/{hook_id}", headers=key)
    worker.join()
    assert len(host.came) == 4
    (sent,) = client.get(f"/share/hooks/{hook_ids[0]}/deliveries", headers=key).json()
    assert (sent["state"], sent["attempts"], sent["status"]) == ("failed", 1, 500)
    host.status, host.silent_s = 200, 0
    client.post(f"/share/hooks/{hook_ids[0]}/approve")
    make_due(town)
    told()
    assert len(host.came) == 4 + 3


def test_an_agreement_has_five_webhooks_also_where_many_are_asked_for_at_once(
    client: httpx.Client, issue: Issue, host: Receiver
) -> None:
    key = issue()
    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(client.post, "/share/hooks", json={"url": host.url}, headers=key) for _ in range(8)]
    assert sorted(answer.result().status_code for answer in answers) == [201] * 5 + [409] * 3


def test_a_redirect_is_not_followed_and_a_host_that_is_gone_is_let_be(
    client: httpx.Client, issue: Issue, host: Receiver, told: Any, publish: Any
) -> None:
    key = issue()
    hook_id, _ = registered(client, key, host.url)
    host.status, host.location = 307, f"https://{host.host}/elsewhere"
    publish()
    told()
    [delivery_told] = client.get(f"/share/hooks/{hook_id}/deliveries", headers=key).json()
    assert len(host.came) == 1 and (delivery_told["state"], delivery_told["fault"]) == ("waiting", "It answered 307.")
    second, _ = registered(client, issue(agency="燃气公司"), host.url)
    host.status = 410
    publish(x=31)
    told()
    [hook] = [one for one in client.get("/share/hooks").json() if one["hook_id"] == second]
    assert hook["state"] == "ended"


def test_only_allowed_hosts_are_registered_and_others_hooks_are_not_seen(
    client: httpx.Client, issue: Issue, host: Receiver
) -> None:
    key, other = issue(), issue(agency="燃气公司")
    for url in (
        "http://hooks.example.cn/", "https://elsewhere.example.cn/", "https://hooks.example.cn:8443/",
        "https://user@hooks.example.cn/", "https://hooks.example.cn@evil.example/", "https://hooks.example.cn.evil.example/",
        "https://hooks.example.cn/#part", "https://hooks.example.cn/a b", "https://hooks.example.cn\\@evil.example/",
        "https://169.254.169.254/", "file:///etc/passwd", "https://hooks.example.cn/\r\nX: y", "https://[::1]/", "",
        "https://hooks.example.cn:x/",
    ):  # fmt: skip
        refused(client.post("/share/hooks", json={"url": url}, headers=key))
    hook_id, _ = registered(client, key, "https://hooks.example.cn/told?token=1")
    assert client.get("/share/hooks", headers=other).json() == []
    refused(client.get(f"/share/hooks/{hook_id}/deliveries", headers=other), 404)
    refused(client.delete(f"/share/hooks/{hook_id}", headers=other), 404)
    refused(client.post("/share/hooks", json={"url": host.url}), 401)
    assert "secret" not in client.get("/share/hooks", headers=key).text
    assert client.delete(f"/share/hooks/{hook_id}", headers=key).json()["state"] == "ended"


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "192.168.0.1", "172.16.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "::1", "fe80::1",
     "fd00::1", "fec0::1", "192.0.0.8", "3fff::1",
     "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "2002:7f00:1::", "224.0.0.1", "::"],
)  # fmt: skip
def test_inner_addresses_are_refused_however_they_are_written(address: str) -> None:
    with pytest.raises(PostError, match="inner network"):
        HookPolicy(("host",)).address(address, 443)
    assert HookPolicy(("host",)).address("93.184.215.14", 443) == "93.184.215.14"


def test_link_local_addresses_are_refused_even_where_private_ones_are_allowed() -> None:
    policy = HookPolicy(("host",), allows_private=True)
    assert policy.address("10.1.2.3", 443) == "10.1.2.3" and policy.address("127.0.0.1", 443) == "127.0.0.1"
    for address in ("169.254.169.254", "fe80::1", "224.0.0.1", "::ffff:169.254.169.254"):
        with pytest.raises(PostError):
            policy.address(address, 443)


def test_a_name_is_looked_up_once_and_its_certificate_must_fit(host: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up: list[str] = []

    def rebinding(name: str, port: int, *_: Any, **__: Any) -> list[Any]:
        looked_up.append(name)
        return [(2, 1, 6, "", ("127.0.0.1" if looked_up.count(name) == 1 else "127.0.0.2", port))]

    policy = HookPolicy((host.host, f"other.example.cn:{host.port}"), True, host.ca_file)
    monkeypatch.setattr("pipemap.sharing.posting.socket.getaddrinfo", rebinding)
    with pytest.raises(PostError, match="SSLCertVerificationError"):
        post(f"https://other.example.cn:{host.port}/", {}, b"{}", policy, 5)
    assert looked_up.count("other.example.cn") == 1 and host.came == []
    monkeypatch.undo()
    assert post(host.url, {}, b"{}", policy, 5) == 204
    with pytest.raises(PostError):
        post(host.url, {}, b"{}", HookPolicy(policy.hosts, True), 5)
    with pytest.raises(UsageError):
        post(host.url, {}, b"{}", HookPolicy((), True, host.ca_file), 5)


@pytest.mark.parametrize("way", ["silent_s", "drips_for_s"])
def test_a_host_that_takes_its_time_is_hung_up_on(host: Receiver, way: str) -> None:
    setattr(host, way, 2)
    with pytest.raises(PostError):
        post(host.url, {}, b"{}", HookPolicy((host.host,), True, host.ca_file), 0.5)


def test_a_paused_hook_is_told_of_all_there_was_once_it_goes_on(
    client: httpx.Client, issue: Issue, host: Receiver, told: Any, publish: Any
) -> None:
    key = issue()
    hook_id, _ = registered(client, key, host.url)
    refused(client.post(f"/share/hooks/{hook_id}/pause", headers=key | {"Origin": "https://evil.example"}), 403)
    assert client.post(f"/share/hooks/{hook_id}/pause").json()["state"] == "paused"
    refused(client.post(f"/share/hooks/{hook_id}/pause"), 422)
    refused(client.post(f"/share/hooks/{hook_id}/again"), 422)
    for x in (30, 31):
        publish(x=x)
    told()
    assert host.came == []
    assert client.post(f"/share/hooks/{hook_id}/resume").json()["state"] == "approved"
    told()
    [(_, body)] = host.came
    assert (json.loads(body)["data"]["since"], json.loads(body)["data"]["until"]) == (2, 4)


def test_the_last_message_is_sent_again_under_its_number_and_a_hook_that_gave_up_goes_on_from_there(
    client: httpx.Client, issue: Issue, host: Receiver, told: Any, publish: Any, town: Town
) -> None:
    hook_id, _ = registered(client, issue(), host.url)
    again = f"/share/hooks/{hook_id}/again"
    refused(client.post(again), 404)
    publish()
    told()
    assert client.post(again).json()["last_delivery"]["state"] == "waiting"
    told()
    assert [headers["webhook-id"] for headers, _ in host.came] == [host.came[0][0]["webhook-id"]] * 2
    assert host.came[0][1] == host.came[1][1]
    host.status = 410
    publish(x=31)
    told()
    assert client.get("/share/hooks").json()[0]["state"] == "ended"
    publish(x=32)
    host.status = 204
    assert client.post(again).json()["state"] == "approved"
    told()
    told()
    spans = [(d["since"], d["until"]) for d in (json.loads(body)["data"] for _, body in host.came[2:])]
    assert spans == [(3, 4), (3, 4), (4, 5)]


def test_the_page_tells_each_hook_its_messages_and_why_one_failed_in_both_languages(
    client: httpx.Client, issue: Issue, host: Receiver, told: Any, publish: Any
) -> None:
    def press(step: str, number: int) -> httpx.Response:
        own = {"Origin": str(client.base_url).rstrip("/")}
        return client.post(f"/webhooks/{number}?language=zh", data={"step": step}, headers=own)

    def shown(language: str) -> str:
        return client.get(f"/webhooks?language={language}").text

    assert "尚无单位" in shown("zh") and "No agency has named" in shown("en")
    waiting = client.post("/share/hooks", json={"url": host.url}, headers=issue()).json()["hook_id"]
    assert "待批准" in shown("zh") and press("approve", waiting).status_code == 303
    host.status = 500
    publish()
    told()
    assert "对方返回 500。" in shown("zh") and "It answered 500" not in shown("zh")
    assert "It answered 500." in shown("en") and "对方" not in shown("en") and "水务局" in shown("en")
    host.status = 204
    assert press("again", waiting).status_code == 303
    told()
    assert "已送达" in shown("zh") and len(host.came) == 2
    assert press("pause", waiting).status_code == 303 and "已暂停" in shown("zh")
    assert 'role="alert"' in press("again", waiting).text and "不允许此操作" in press("again", waiting).text
    press("resume", waiting)
    assert press("end", waiting).status_code == 303 and "已停用" in shown("zh")
    refused(client.post(f"/webhooks/{waiting}", data={"step": "approve"}), 403)
