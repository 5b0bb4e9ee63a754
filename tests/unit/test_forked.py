"""Work in forked processes: items in order, faults where they are used, and no process left behind."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pipemap.errors import PipemapError
from pipemap.forked import forked, shared_out


def counted(part: int) -> Iterator[tuple[int, int]]:
    time.sleep(0.01 * (part % 2))
    yield from ((part, number) for number in range(part))


def pid_of_maker(_part: int) -> Iterator[int]:
    while True:
        yield os.getpid()


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("processes", [1, 2, 3, 9])
def test_items_of_parts_come_in_the_order_of_the_parts(processes: int) -> None:
    assert list(shared_out(7, counted, processes)) == [item for part in range(7) for item in counted(part)]


def test_parts_see_what_this_process_holds() -> None:
    held = [bytearray(1_000_000) for _ in range(4)]
    held[2][5] = 7
    assert list(shared_out(4, lambda part: [held[part][5]], 2)) == [0, 0, 7, 0]


def test_items_of_one_process_come_in_their_order() -> None:
    assert list(forked(lambda: range(1_000))) == list(range(1_000))


def test_a_fault_in_a_part_is_raised_as_it_is() -> None:
    def fails(part: int) -> Iterator[int]:
        yield part
        if part == 1:
            raise LookupError("no such height")

    with pytest.raises(LookupError, match="no such height"):
        list(shared_out(3, fails, 2))
    with pytest.raises(LookupError, match="no such height"):
        list(forked(lambda: fails(1)))


class Unportable(Exception):
    def __init__(self, one: int, other: int) -> None:
        super().__init__(f"{one} is not {other}")


def test_a_fault_that_cannot_leave_its_process_is_told_in_words() -> None:
    def fails() -> Iterator[int]:
        yield 1
        raise Unportable(1, 2)

    with pytest.raises(RuntimeError, match="1 is not 2"):
        list(forked(fails))


def test_processes_end_when_their_items_are_wanted_no_more() -> None:
    with closing(shared_out(2, pid_of_maker, 2)) as made, closing(forked(lambda: pid_of_maker(0))) as alone:
        makers = [next(made), next(alone)]
        assert all(map(is_running, makers))
    assert not any(map(is_running, makers))
    assert not multiprocessing.active_children()


def test_a_process_that_is_killed_is_told_of() -> None:
    def dies(_part: int) -> Iterator[int]:
        os.kill(os.getpid(), signal.SIGKILL)
        yield 1

    for made in (shared_out(2, dies, 2), forked(lambda: dies(0))):
        with pytest.raises(PipemapError, match="ended from outside"):
            list(made)


def test_processes_end_with_the_program_however_it_ends() -> None:
    program = (
        "import sys, time\n"
        "from tests.unit.test_forked import pid_of_maker\n"
        "from pipemap.forked import shared_out\n"
        "made = shared_out(2, pid_of_maker, 2)\n"
        "print(next(made), flush=True)\n"
        "time.sleep(60)\n"
    )
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=root) as run:
        assert run.stdout is not None
        maker = int(run.stdout.readline())
        assert is_running(maker)
        run.kill()
    deadline = time.monotonic() + 60
    while is_running(maker) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not is_running(maker)
