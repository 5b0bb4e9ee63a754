"""Work made ready in a thread arrives in order, and its end is the end of the thread."""

import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from pipemap.ahead import ahead


def threads() -> set[threading.Thread]:
    return set(threading.enumerate())


def test_items_come_in_their_order_and_not_many_before_they_are_asked_for() -> None:
    made: list[int] = []

    def items() -> Iterator[int]:
        for number in range(100):
            made.append(number)
            yield number

    seen = []
    for number in ahead(items(), depth=2):
        seen.append(number)
        assert len(made) <= len(seen) + 3
    assert seen == list(range(100))


def test_an_error_is_raised_after_the_items_before_it() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise LookupError("no more")

    seen: list[int] = []
    with pytest.raises(LookupError, match="no more"):
        seen.extend(ahead(items()))
    assert seen == [1]


def test_stopping_early_ends_the_thread() -> None:
    before = threads()
    with closing(ahead(iter(range(1000)), depth=1)) as items:
        assert next(items) == 0
        assert threads() - before
    assert not threads() - before


def test_an_interrupt_while_items_are_used_ends_the_thread() -> None:
    before = threads()
    with pytest.raises(KeyboardInterrupt), closing(ahead(iter(range(1000)))) as items:
        for _ in items:
            raise KeyboardInterrupt
    assert not threads() - before
