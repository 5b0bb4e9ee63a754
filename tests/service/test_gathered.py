"""Requests that come at the same moment are answered together, each as if it were alone."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import shapely

from api.ogc.gathering import Gathered
from pipemap.errors import NotFoundError
from pipemap.sharing import agreements
from pipemap.sharing.agreements import Terms
from tests.service.conftest import X0, Y0, Town


def test_what_is_asked_while_a_call_runs_is_answered_by_the_next_and_errors_go_to_who_asked() -> None:
    calls: list[list[int]] = []
    first_runs, may_end = asyncio.Event(), asyncio.Event()

    async def double(_: str, asked: Sequence[int]) -> list[int | Exception]:
        calls.append(list(asked))
        first_runs.set()
        await asyncio.wait_for(may_end.wait(), 10)
        return [NotFoundError(f"{one}") if one % 5 == 0 else 2 * one for one in asked]

    async def ask_all() -> list[int | BaseException]:
        gathered = Gathered(double)
        first = asyncio.create_task(gathered.ask("key", 1))
        await asyncio.wait_for(first_runs.wait(), 10)
        others = [asyncio.create_task(gathered.ask("key", number)) for number in range(2, 12)]
        await asyncio.sleep(0)
        may_end.set()
        return await asyncio.gather(first, *others, return_exceptions=True)

    answers = asyncio.run(ask_all())
    assert calls == [[1], list(range(2, 12))]
    assert [one for one in answers if isinstance(one, int)] == [2 * n for n in range(1, 12) if n % 5]
    assert [str(one) for one in answers if isinstance(one, NotFoundError)] == ["5", "10"]


def test_who_was_answered_together_is_waited_for_to_be_answered_together_again(monkeypatch: Any) -> None:
    # However busy the machine is.
    monkeypatch.setattr("api.ogc.gathering._PATIENCE_S", 0.2)
    calls: list[int] = []

    async def answer(_: str, asked: Sequence[int]) -> list[int]:
        calls.append(len(asked))
        return list(asked)

    async def ask_all() -> None:
        gathered = Gathered(answer)

        async def ask(number: int) -> None:
            for _ in range(10):
                # Requests are read one after another.
                for _ in range(number):
                    await asyncio.sleep(0)
                assert await gathered.ask("key", number) == number

        await asyncio.gather(*map(ask, range(8)))

    asyncio.run(ask_all())
    assert sum(calls) == 80
    assert len(calls) < 20, "without waiting it is one and the other seven in turn"


def test_a_call_that_fails_fails_all_that_it_was_for_and_nothing_after() -> None:
    fails = [True]

    async def answer(_: str, asked: Sequence[int]) -> list[int]:
        if fails.pop() if fails else False:
            raise NotFoundError("all")
        return list(asked)

    async def ask() -> int:
        gathered = Gathered(answer)
        with pytest.raises(NotFoundError):
            await gathered.ask("key", 1)
        return await gathered.ask("key", 2)

    assert asyncio.run(ask()) == 2


def test_features_asked_for_at_once_under_several_keys_are_each_shown_and_recorded_as_granted(
    client: httpx.Client, town: Town
) -> None:
    soon = datetime.now(UTC) + timedelta(days=9)
    area = shapely.box(X0, Y0, X0 + 200, Y0 + 200)
    with town.database.transaction() as connection:
        keys = [
            agreements.issue_key(
                connection,
                agreements.agree(connection, Terms(agency, "p", area, (granted,), ("owner",), soon), "manager"),
                "manager",
            )
            for agency, granted in (("water company", "water"), ("gas company", "gas"))
        ]
    ids = [town.ids[name] for name in ("W->V1", "A->B", "G0->G1", "G1->G2")] + [987_654]
    asked = [(place, feature_id) for _ in range(6) for place in (0, 1) for feature_id in ids]

    def status(one: tuple[int, int]) -> tuple[int, int | None]:
        place, feature_id = one
        answer = client.get(f"/ogc/collections/pipe_segment/items/{feature_id}", headers={"X-API-Key": keys[place]})
        return answer.status_code, answer.json().get("id")

    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(status, asked))
    shown = {(0, ids[0]), (0, ids[1]), (1, ids[2]), (1, ids[3])}
    assert answers == [(200, one[1]) if one in shown else (404, None) for one in asked]
    with town.database.transaction(read_only=True) as connection:
        rows = connection.execute(
            "SELECT actor, (details::jsonb ->> 'feature_id')::bigint AS feature_id, details::jsonb ->> 'count' AS count"
            " FROM pipemap.audit_log WHERE action = 'share.items'"
        ).fetchall()
    names = ("water company", "gas company")
    expected = [(names[place], feature_id, "1" if (place, feature_id) in shown else "0") for place, feature_id in asked]
    assert sorted((row["actor"], row["feature_id"], row["count"]) for row in rows) == sorted(expected)
