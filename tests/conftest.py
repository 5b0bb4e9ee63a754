"""A private throw-away PostGIS per run, a template database, and a clone of it per test."""

import itertools
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import numba
import psycopg
import pytest

from pipemap.cluster import Cluster
from pipemap.db import Database
from pipemap.projects import create_database, init_project

# Given the name of a template and of the copy: the URL of that.
Clone: TypeAlias = Callable[[str, str], str]

SHARED_DATA = Path(os.environ.get("PIPEMAP_REAL_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
_numbers = itertools.count()
_PREFIX = "pipemap-test-"
_ABANDONED_AFTER_S = 3600
_MEMORY, _ROOM_BYTES = Path("/dev/shm"), 6 << 30


def pytest_report_header() -> str:
    return f"real data: {SHARED_DATA.is_dir()}"


@pytest.fixture(scope="session", autouse=True)
def heeded_interrupts() -> None:
    """Whoever runs the tests in the background has them ignore interrupts, and so the programs that they start."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def started_numba() -> None:
    """Numba takes 0.4 s to start: here once, not in every process that a check is shared out to."""
    numba.njit(lambda: None)()


def _place_of_databases() -> str:
    """Where there is room in memory: ext4 looks at every file that was removed in the last minutes to make a new one.

    A database has three hundred files, and each test removes one.
    """
    if _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _ROOM_BYTES:
        return str(_MEMORY)
    return tempfile.gettempdir()


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=_place_of_databases()))
    folder.chmod(0o755)
    server = Cluster(folder, durable=False)
    server.start()
    yield server
    server.stop()
    shutil.rmtree(folder, ignore_errors=True)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Remove the servers of runs that were killed; workers share one folder, so the process that starts them does."""
    if hasattr(session.config, "workerinput"):
        return
    for folder in Path(_place_of_databases()).glob(f"{_PREFIX}*"):
        is_old = time.time() - folder.stat().st_mtime > _ABANDONED_AFTER_S
        if is_old and not Cluster(folder).is_running():
            shutil.rmtree(folder, ignore_errors=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what reads files: a reader is a fork of its worker, which grows with every step that it compiles."""
    items.sort(key=lambda item: not _reads_files(item))


def _reads_files(item: pytest.Item) -> bool:
    assert isinstance(item, pytest.Function)
    return any(str(getattr(held, "__module__", "")).startswith("importers.") for held in vars(item.module).values())


@pytest.fixture(scope="session")
def template(cluster: Cluster) -> str:
    create_database(cluster.url("template_pipemap"))
    with Database(cluster.url("template_pipemap")) as database:
        init_project(database, "test city")
    return "template_pipemap"


@pytest.fixture(scope="session")
def clone(cluster: Cluster) -> Clone:
    """Copy a template into a database of its own: the URL of that."""

    def copied(template: str, name: str) -> str:
        with psycopg.connect(cluster.url("postgres"), autocommit=True) as connection:
            # Files copied as they are take a third of the processor time that pages through the log take.
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        return cluster.url(name)

    return copied


@pytest.fixture
def database_template(template: str) -> str:
    """What the database of a test is a copy of."""
    return template


@pytest.fixture
def database_url(cluster: Cluster, clone: Clone, database_template: str) -> Iterator[str]:
    """A database of its own, gone with the test: a thousand of them would fill a disk."""
    name = f"test_{next(_numbers)}"
    yield clone(database_template, name)
    with psycopg.connect(cluster.url("postgres"), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    with Database(database_url) as opened:
        yield opened


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real deliveries that are not part of the repository; without them the test skips with the reason."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"the real deliveries are not on this machine ({SHARED_DATA.name} is missing beside the checkout)")
    return SHARED_DATA
