"""Killed at any moment of an import or a publish, the map is as before or as after, and the work can be repeated."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipemap.changesets import list_changesets
from pipemap.cluster import Cluster
from pipemap.db import Database
from pipemap.projects import create_database, init_project
from tests.postgis.deliveries import mark_checked, whole_map

ROOT = Path(__file__).resolve().parents[2]
POINTS = 3_000
# Shares of the time an undisturbed import takes; a publish takes about as long.
MOMENTS = (0.15, 0.4, 0.65, 0.9)
PROGRAM = """
import sys
from pipemap.changesets import publish
from pipemap.db import Database
from pipemap.ingest import create_import
from tests.postgis.deliveries import street

step, url, points, changeset = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
given = street(points)
with Database(url) as database:
    print("ready", flush=True)
    if step == "import":
        create_import(database, given, title="survey", author="surveyor")
    else:
        publish(database, changeset, message="first", author="surveyor")
print("done", flush=True)
"""


class Run:
    """The program in a process of its own, past its start-up."""

    def __init__(self, step: str, url: str, changeset: int = 0) -> None:
        words = [sys.executable, "-c", PROGRAM, step, url, str(POINTS), str(changeset)]
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"
        self.began = time.monotonic()

    def finish(self) -> float:
        """Let it end by itself; the seconds it took."""
        out, _ = self.process.communicate()
        assert (self.process.returncode, out) == (0, "done\n")
        return time.monotonic() - self.began

    def kill_after(self, seconds: float) -> None:
        self.wait(seconds)
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()

    def wait(self, seconds: float) -> None:
        time.sleep(max(0.0, self.began + seconds - time.monotonic()))


def changesets_of(database: Database) -> list[tuple[str, dict[str, dict[str, int]]]]:
    with database.transaction() as connection:
        return [(changeset.state, changeset.changes) for changeset in list_changesets(connection)]


def complete() -> dict[str, dict[str, int]]:
    return {
        "node": {"insert": POINTS, "update": 0, "delete": 0},
        "pipe_segment": {"insert": POINTS - 1, "update": 0, "delete": 0},
    }


def wait_until_idle(database: Database) -> None:
    """The server notices a dead client only when it next speaks to it."""
    others = "SELECT count(*) AS n FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    for _ in range(600):
        with database.transaction() as connection:
            row = connection.execute(others).fetchone()
        if row is not None and row["n"] == 0:
            return
        time.sleep(0.05)
    raise AssertionError("a killed client's session never ended")


@pytest.fixture
def durable() -> Iterator[Cluster]:
    """A server that keeps its promises when it is killed, which the shared throw-away one does not."""
    folder = Path(tempfile.mkdtemp(prefix="pipemap-durable-"))
    folder.chmod(0o755)
    server = Cluster(folder)
    server.start()
    yield server
    server.stop()
    shutil.rmtree(folder, ignore_errors=True)


def main_process(server: Cluster) -> int:
    return int((server.data_dir / "pgdata" / "postmaster.pid").read_text(encoding="utf-8").splitlines()[0])


def kill_server(server: Cluster) -> None:
    """SIGKILL the database server itself, and wait until its last process is gone."""
    process = main_process(server)
    os.kill(process, signal.SIGKILL)
    while Path(f"/proc/{process}").exists():
        time.sleep(0.05)
    while subprocess.run(["pgrep", "-f", str(server.data_dir)], capture_output=True, check=False).stdout:
        time.sleep(0.05)


def test_a_server_that_answers_late_is_not_started_a_second_time(cluster: Cluster) -> None:
    process = main_process(cluster)
    os.kill(process, signal.SIGSTOP)
    going_on = threading.Timer(3.5, os.kill, [process, signal.SIGCONT])
    going_on.start()
    cluster.start()
    going_on.join()
    assert (cluster.is_running(), main_process(cluster)) == (True, process)


def test_the_database_server_killed_during_import_and_publish(durable: Cluster) -> None:
    url = durable.url("city")
    create_database(url)
    with Database(url) as database:
        init_project(database, "city")
    seconds = Run("import", url).finish()
    for step, share in (("import", 0.6), ("publish", 0.3), ("publish", 0.7)):
        with Database(url) as database:
            mark_checked(database, 1)
            before = changesets_of(database)
        run = Run(step, url, 1)
        run.wait(share * seconds)
        kill_server(durable)
        run.process.communicate()
        durable.start()
        with Database(url) as database:
            after = changesets_of(database)
            if step == "import":
                assert after in (before, [("draft", complete()), *before])
            else:
                published = after[-1][0] == "published"
                assert len(whole_map(database)) == (2 * POINTS - 1 if published else 0)
                if published:
                    break
    Run("publish", url, 1).finish()
    with Database(url) as database:
        assert len(whole_map(database)) == 2 * POINTS - 1


def test_killed_during_import(database: Database, database_url: str) -> None:
    seconds = Run("import", database_url).finish()
    whole = 1
    for share in MOMENTS:
        Run("import", database_url).kill_after(share * seconds)
        wait_until_idle(database)
        found = changesets_of(database)
        assert all(changes == complete() for _, changes in found)
        assert len(found) in (whole, whole + 1)
        whole = len(found)
        with database.transaction() as connection:
            strays = connection.execute(
                "SELECT count(*) AS n FROM pipemap.node_delta WHERE changeset_id NOT IN"
                " (SELECT changeset_id FROM pipemap.changeset)"
            ).fetchone()
        assert strays == {"n": 0}
    Run("import", database_url).finish()
    assert changesets_of(database) == [("draft", complete())] * (whole + 1)


def test_killed_during_publish(database: Database, database_url: str) -> None:
    seconds = Run("import", database_url).finish()
    mark_checked(database, 1)
    for share in MOMENTS:
        if changesets_of(database)[0][0] == "checked":
            Run("publish", database_url, 1).kill_after(share * seconds)
            wait_until_idle(database)
        published = changesets_of(database) == [("published", complete())]
        assert len(whole_map(database)) == (2 * POINTS - 1 if published else 0)
        assert published or changesets_of(database) == [("checked", complete())]
    Run("publish", database_url, 1).finish()
    assert changesets_of(database) == [("published", complete())]
    assert len(whole_map(database)) == 2 * POINTS - 1
