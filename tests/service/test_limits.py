"""How often a key may ask, how many at a time, and how soon it feels that it was revoked."""

import asyncio
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from api.downloads import OneDownload
from api.limits import LARGEST_BODY, LOOK_AGAIN_S, RequestLimits
from api.service import Service
from pipemap.db import Database
from pipemap.settings import Settings
from pipemap.sharing import agreements
from pipemap.sharing.agreements import Terms
from pipemap.sharing.limits import Limiter, Limits, TooManyRequestsError
from tests.service.conftest import X0, Y0, Town
from tests.service.test_api import refused

ROUTE = "/ogc/collections/node/items"


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class Door:
    """The limits alone, before a service that lets everybody in, at a moment that lasts."""

    def __init__(self, town: Town, **settings: Any) -> None:
        self.clock, self._let_in = Clock(), 0
        service = Service(Settings(_env_file=None, **settings), town.database)
        self._limits = RequestLimits(self._open, service, self.clock)
        self._app = SimpleNamespace(state=SimpleNamespace(service=service))

    def lets_in(self, header: tuple[str, str] | None = None, address: str = "127.0.0.1") -> bool:
        headers = [tuple(part.encode() for part in header)] if header else []
        scope = {"type": "http", "scheme": "http", "method": "GET", "path": "/share/agreement", "headers": headers}
        before, scope = self._let_in, scope | {"client": (address, 1), "app": self._app}
        asyncio.run(self._limits(scope, None, self._hear))  # type: ignore[arg-type]
        return self._let_in > before

    async def _open(self, _scope: Any, _receive: Any, _send: Any) -> None:
        self._let_in += 1

    async def _hear(self, _message: Any) -> None:
        pass


def as_password(text: str) -> str:
    return b64encode(text.encode()).decode()


def make_key(town: Town, **limits: int) -> tuple[int, dict[str, str]]:
    area = shapely.box(X0, Y0, X0 + 200, Y0 + 200)
    soon = datetime.now(UTC) + timedelta(days=9)
    terms = Terms("水务局", "设计", area, ("water",), ("from_depth_m",), soon, **limits)  # type: ignore[arg-type]
    with town.database.transaction() as connection:
        number = agreements.agree(connection, terms, "manager")
        return number, {"X-API-Key": agreements.issue_key(connection, number, "manager")}


def allowed(limiter: Limiter, limits: Limits, key: str = "k") -> bool:
    try:
        limiter.enter(key, limits)
    except TooManyRequestsError:
        return False
    limiter.leave(key)
    return True


@given(waits_s=st.lists(st.floats(0, 20), min_size=1, max_size=80), per_minute=st.integers(1, 30))
def test_no_stretch_of_time_has_more_requests_than_the_bucket_and_its_filling(
    waits_s: list[float], per_minute: int
) -> None:
    clock = Clock()
    limiter, limits = Limiter(clock), Limits(per_minute, 5)
    at_s = []
    for wait_s in waits_s:
        clock.now_s += wait_s
        if allowed(limiter, limits):
            at_s.append(clock.now_s)
    for first in range(len(at_s)):
        for last in range(first, len(at_s)):
            most = per_minute + (at_s[last] - at_s[first]) * per_minute / 60
            assert last - first + 1 <= most + 1e-6


def test_who_waits_as_long_as_told_is_let_in_and_others_never_wait() -> None:
    clock = Clock()
    limiter, limits = Limiter(clock), Limits(10, 5)
    assert [allowed(limiter, limits) for _ in range(11)] == [True] * 10 + [False]
    with pytest.raises(TooManyRequestsError) as told:
        limiter.enter("k", limits)
    assert allowed(limiter, limits, "another")
    clock.now_s += told.value.retry_after_s
    assert allowed(limiter, limits)


def test_a_request_that_ended_makes_room_for_another() -> None:
    limiter, limits = Limiter(Clock()), Limits(100, 2)
    limiter.enter("k", limits)
    limiter.enter("k", limits)
    with pytest.raises(TooManyRequestsError):
        limiter.enter("k", limits)
    limiter.leave("k")
    limiter.enter("k", limits)


def test_a_client_beyond_its_rate_is_told_when_to_come_again(client: httpx.Client, town: Town) -> None:
    _, hasty = make_key(town, requests_per_minute=5)
    _, calm = make_key(town)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: client.get(ROUTE, headers=hasty), range(12)))
    codes = [answer.status_code for answer in answers]
    assert set(codes) == {200, 429} and codes.count(200) <= 7
    late = next(answer for answer in answers if answer.status_code == 429)
    assert refused(late, 429)["code"] == "too-many-requests" and 1 <= int(late.headers["retry-after"]) <= 12
    assert client.get(ROUTE, headers=calm).status_code == 200


def test_strangers_share_one_bucket_however_many_keys_they_make_up(town: Town, serve: Any) -> None:
    client = serve(requests_per_minute=5)
    codes = [client.get(ROUTE, headers={"X-API-Key": f"pmk_{n}"}).status_code for n in range(9)]
    assert codes[:5] == [401] * 5 and 429 in codes[5:]
    assert client.get(ROUTE, headers=make_key(town)[1]).status_code == 200


def test_a_staff_token_cannot_be_guessed_faster_than_one_a_second(town: Town) -> None:
    door = Door(town, staff_token="a long secret")
    right = [("authorization", "Bearer a long secret"), ("authorization", "Basic " + as_password("li:a long secret"))]
    wrong = [("authorization", f"Bearer {number}") for number in range(75)]
    assert sum(door.lets_in(one) for one in wrong) == 60
    # Whoever could see the right one let in meanwhile would have found it.
    assert not any(door.lets_in(one) for one in right)
    assert all(door.lets_in(one, "192.0.2.7") for one in right) and door.lets_in()
    assert door.lets_in(("x-api-key", make_key(town)[1]["X-API-Key"]))
    door.clock.now_s += 1
    assert all(door.lets_in(one) for one in right)


@pytest.mark.parametrize(
    ("addresses", "let_in"),
    [
        ([f"2001:db8::{number:x}" for number in range(75)], 60),
        ([f"2001:db8:0:{number:x}::1" for number in range(75)], 75),
        ([f"::ffff:192.0.2.{number}" for number in range(75)], 75),
    ],
)
def test_a_host_of_many_addresses_is_one_stranger(town: Town, addresses: list[str], let_in: int) -> None:
    door = Door(town)
    assert sum(door.lets_in(("x-api-key", "pmk_forged"), address) for address in addresses) == let_in


def test_no_address_fills_the_log_with_refusals(town: Town) -> None:
    door = Door(town)
    assert sum(door.lets_in(("x-api-key", "pmk_forged")) for _ in range(75)) == 60


def test_a_body_is_not_held_in_memory_for_whoever_sends_it(client: httpx.Client) -> None:
    large = b"[" * LARGEST_BODY, (b"[" * 65_536 for _ in range(LARGEST_BODY // 65_536 + 1))
    for body in (*large, b"[" * (LARGEST_BODY + 1)):
        answer = client.post("/share/excavation", content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == (400 if body is large[0] else 413)


def test_a_download_under_a_revoked_key_ends_at_its_next_piece(town: Town) -> None:
    number, header = make_key(town)
    clock, sent = Clock(), []
    service = Service(Settings(_env_file=None), town.database)

    async def download(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for piece in range(4):
            if piece == 2:
                with town.database.transaction() as connection:
                    agreements.revoke(connection, number, "manager")
            clock.now_s += LOOK_AGAIN_S
            await send({"type": "http.response.body", "body": b"%d" % piece, "more_body": piece < 3})

    async def send(message: Any) -> None:
        sent.append(message.get("body"))

    scope = {"type": "http", "headers": [(b"x-api-key", header["X-API-Key"].encode())], "client": ("127.0.0.1", 1)}
    with pytest.raises(ConnectionAbortedError):
        asyncio.run(RequestLimits(download, service, clock)(scope, None, send))  # type: ignore[arg-type]
    assert sent == [None, b"0", b"1"]
    assert LOOK_AGAIN_S < 60


@pytest.mark.parametrize("status", [200, 503])
def test_while_the_database_is_away_an_agency_is_told_so_and_nothing_else(
    town: Town, database_url: str, status: int
) -> None:
    header = make_key(town)[1]["X-API-Key"].encode()
    clock, sent = Clock(), []
    service = Service(Settings(_env_file=None), Database(database_url))

    async def answer(_scope: Any, _receive: Any, send: Any) -> None:
        service.database.close()
        clock.now_s += LOOK_AGAIN_S
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b"words"})

    async def send(message: Any) -> None:
        sent.append(message.get("body"))

    scope = {"type": "http", "headers": [(b"x-api-key", header)], "client": ("127.0.0.1", 1)}
    with suppress(ConnectionAbortedError):
        asyncio.run(RequestLimits(answer, service, clock)(scope, None, send))  # type: ignore[arg-type]
    assert sent == ([None, b"words"] if status == 503 else [None])


def test_a_package_goes_with_its_download_also_where_that_breaks_off(tmp_path: Path) -> None:
    package = tmp_path / "made" / "share.zip"
    package.parent.mkdir()
    package.write_bytes(b"pipes" * 50_000)

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            raise ConnectionAbortedError

    scope = {"type": "http", "method": "GET", "headers": [], "asgi": {"spec_version": "2.4"}}
    with pytest.raises(ConnectionAbortedError):
        asyncio.run(OneDownload(package)(scope, None, send))  # type: ignore[arg-type]
    assert not package.parent.exists()


@pytest.mark.parametrize("route", [ROUTE, "/ogc/collections/node/tiles/WebMercatorQuad", "/share/export?format=gpkg"])
def test_a_revoked_key_is_refused_at_once(client: httpx.Client, town: Town, route: str) -> None:
    number, header = make_key(town)
    assert client.get(route, headers=header).status_code == 200
    with town.database.transaction() as connection:
        agreements.revoke(connection, number, "manager")
    refused(client.get(route, headers=header), 401)
