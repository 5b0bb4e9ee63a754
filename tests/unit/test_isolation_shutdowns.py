"""Planned shut-downs against the reference, hour by hour; and the valves that are turned from one to the next."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipemap.errors import UsageError
from pipemap.tracing.shutdowns import shutdowns_of
from pipemap.tracing.sites import site_of
from schemas.shutdowns import PlannedCut
from tests.unit.drained_city import City, Plan, Reference, cities, examples
from tests.unit.test_isolation_reference import SLOW

MIDNIGHT = datetime(2026, 8, 3, tzinfo=UTC)


def at(hour: int) -> datetime:
    return MIDNIGHT + timedelta(hours=hour)


def planned(name: str, start: int, end: int, pipes: set[int]) -> PlannedCut:
    return PlannedCut(name=name, starts_at=at(start), ends_at=at(end), segment_ids=sorted(pipes))


@settings(max_examples=examples(80), **SLOW)
@given(cities(), st.data())
def test_every_hour_has_the_joint_plan_of_the_cuts_in_force(city: City, data: st.DataObject) -> None:
    pipes = st.sets(st.integers(0, len(city.pipes) - 1), min_size=1, max_size=2)
    hours = st.lists(st.integers(0, 9), min_size=2, max_size=2, unique=True).map(sorted)
    drawn = data.draw(st.lists(st.tuples(hours, pipes), min_size=1, max_size=4))
    cuts = [(f"cut {k}", start, end, some) for k, ((start, end), some) in enumerate(drawn)]
    network, reference = city.network(), Reference(city)
    answer = shutdowns_of(network, [(planned(*cut), site_of(network, sorted(cut[3]))) for cut in cuts])
    for hour in range(10):
        on = [(name, some) for name, start, end, some in cuts if start <= hour < end]
        found = [one for one in answer.intervals if one.starts_at <= at(hour) < one.ends_at]
        assert len(found) == bool(on)
        if not on:
            continue
        [interval] = found
        assert interval.cuts == [name for name, _ in on]
        together = reference.plan(set().union(*(some for _, some in on)))
        alone = [reference.plan(some) for _, some in on]
        assert {device_of(city, valve) for valve in interval.plan.valves_to_close} == together.close
        assert set(interval.plan.isolated_segment_ids) == together.isolated
        assert set(interval.plan.dry_segment_ids) == together.dry
        assert set(interval.plan.consumer_ids) == together.consumers
        assert set(interval.only_together.consumer_ids) == together.consumers - set().union(
            *(p.consumers for p in alone)
        )
        assert set(interval.only_together.segment_ids) == cut_off(together) - set().union(*map(cut_off, alone))


def cut_off(plan: Plan) -> set[int]:
    return plan.isolated | plan.dry


def device_of(city: City, valve: object) -> object:
    pipe, node = valve.segment_id, valve.node_id  # type: ignore[attr-defined]
    return node if pipe is None else (pipe, node)


@settings(max_examples=examples(80), **SLOW)
@given(cities(), st.data())
def test_valves_are_closed_once_kept_while_needed_and_all_reopened(city: City, data: st.DataObject) -> None:
    pipes = st.sets(st.integers(0, len(city.pipes) - 1), min_size=1, max_size=2)
    drawn = data.draw(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 4), pipes), min_size=1, max_size=4))
    network = city.network()
    cuts = [planned(str(k), start, start + length, some) for k, (start, length, some) in enumerate(drawn)]
    answer = shutdowns_of(network, [(cut, site_of(network, cut.segment_ids)) for cut in cuts])
    standing: set[object] = set()
    for interval in answer.intervals:
        closing = {device_of(city, valve) for valve in interval.close_at_start}
        assert not closing & standing
        standing |= closing
        assert {device_of(city, valve) for valve in interval.plan.valves_to_close} <= standing
        reopening = {device_of(city, valve) for valve in interval.reopen_at_end}
        assert reopening <= standing
        standing -= reopening
    assert not standing


def test_times_that_cannot_be_are_refused() -> None:
    city = City([("tank", "", ""), ("", "", "")], [(0, 1, 0)])
    network = city.network()
    site = site_of(network, [0])
    with pytest.raises(UsageError, match="ends before"):
        shutdowns_of(network, [(planned("early", 5, 5, {0}), site)])
    naive = PlannedCut(name="n", starts_at=datetime(2026, 1, 1), ends_at=datetime(2026, 1, 2), segment_ids=[0])
    with pytest.raises(UsageError, match="time zone"):
        shutdowns_of(network, [(planned("late", 5, 6, {0}), site), (naive, site)])
    with pytest.raises(UsageError, match="1 to 200"):
        shutdowns_of(network, [])
