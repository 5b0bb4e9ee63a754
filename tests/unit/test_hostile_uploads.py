"""Hostile deliveries at the door: refused in five seconds' work and 512 MB, nothing written outside the folder."""

import multiprocessing
import os
import resource
import tempfile
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from importers.delivery import read_delivery
from pipemap.errors import PipemapError
from tests.unit.hostile_files import MAKERS

CPU_S = 5
# A file that makes its reader wait for nothing; a busy machine is no fault of the file.
WAIT_S = 60
MEMORY_BYTES = 512 * 2**20


def attempt(paths: list[Path], scratch: Path, said: Connection) -> None:
    """Deliver files in this process, which may take so much more memory than it has; tell how it ended."""
    tempfile.tempdir = str(scratch)
    os.environ["TMPDIR"] = str(scratch)
    used, resident = (int(pages) * resource.getpagesize() for pages in Path("/proc/self/statm").read_text().split()[:2])
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY_BYTES, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, resource.RLIM_INFINITY))
    try:
        read_delivery(paths, srid=4547)
        ending = "loaded"
    except PipemapError as error:
        ending = "refused" if error.details.get("message_zh") else f"refused in one language: {error.message}"
    except BaseException as error:
        ending = f"{type(error).__name__}: {error}"
    helped = resource.getrusage(resource.RUSAGE_CHILDREN)
    # What a forked process is born with is counted as its own.
    said.send((ending, helped.ru_maxrss * 1024 - resident, helped.ru_utime + helped.ru_stime))


def everything_in(folder: Path) -> set[tuple[str, int]]:
    return {(str(path.relative_to(folder)), path.lstat().st_size) for path in folder.rglob("*")}


@pytest.mark.parametrize("name", MAKERS)
def test_a_hostile_delivery_is_refused_in_time_and_memory_and_leaves_nothing(name: str, tmp_path: Path) -> None:
    given, scratch = tmp_path / "given", tmp_path / "job"
    given.mkdir()
    scratch.mkdir()
    paths = MAKERS[name](given)
    before = everything_in(tmp_path)
    hear, say = multiprocessing.Pipe(duplex=False)
    child = multiprocessing.get_context("fork").Process(target=attempt, args=(paths, scratch, say))
    child.start()
    say.close()
    try:
        told = hear.recv() if hear.poll(WAIT_S) else None
    except EOFError:
        told = None
    child.kill()
    child.join()
    assert told is not None, "it took more time or memory than it may"
    ending, children_bytes, children_s = told
    assert ending == "refused"
    assert children_bytes < MEMORY_BYTES and children_s < CPU_S
    assert everything_in(tmp_path) == before
    assert not Path("/tmp/pipemap-outside.csv").exists()


def test_there_are_enough_of_them() -> None:
    assert len(MAKERS) >= 40
