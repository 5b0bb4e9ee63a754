"""Export jobs over HTTP: asked for, done by a worker, fetched in pieces, cancelled, expired, and never half a file."""

import hashlib
import io
import json
import multiprocessing
import os
import resource
import signal
import time
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import shapely

from pipemap.db import Connection
from pipemap.jobs import exports
from pipemap.jobs.worker import beside, work
from pipemap.settings import Settings
from pipemap.sharing import agreements, audit
from pipemap.sharing.agreements import Terms
from tests.service.conftest import X0, Y0, Town
from tests.service.test_api import refused
from tests.service.test_processes import wait_for

EXPORTS = "/share/exports"
EAST_HALF = shapely.box(X0 + 50, Y0, X0 + 200, Y0 + 200)
Issue = Callable[..., dict[str, str]]


@pytest.fixture
def issue(town: Town) -> Issue:
    """Make an agreement and give the header with its key."""

    def make(agency: str = "水务局", days: float = 9, **terms: Any) -> dict[str, str]:
        until = datetime.now(UTC) + timedelta(days=days)
        written = Terms(agency, "设计", EAST_HALF, ("water", "gas"), ("owner", "width_mm"), until, **terms)
        with town.database.transaction() as connection:
            number = agreements.agree(connection, written, "manager")
            return {"X-API-Key": agreements.issue_key(connection, number, "manager")}

    return make


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(_env_file=None, export_dir=tmp_path / "exports")


@pytest.fixture
def client(town: Town, serve: Callable[..., httpx.Client], settings: Settings) -> httpx.Client:
    return serve(export_dir=settings.export_dir)


@pytest.fixture
def do_work(database_url: str, settings: Settings) -> Callable[[], None]:
    return lambda: work(settings, database_url, forever=False, dead_after_s=0)


def asked(client: httpx.Client, key: dict[str, str], **question: Any) -> str:
    answer = client.post(EXPORTS, json={"format": "gpkg"} | question, headers=key)
    assert answer.status_code == 202, answer.text
    job = answer.json()
    assert (job["state"], job["progress"]) == ("waiting", 0)
    assert answer.headers["location"].endswith(f"{EXPORTS}/{job['job_id']}")
    return str(job["job_id"])


def state(client: httpx.Client, key: dict[str, str], job_id: str) -> dict[str, Any]:
    answer = client.get(f"{EXPORTS}/{job_id}", headers=key)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def test_a_package_is_asked_for_made_and_fetched_in_pieces(
    client: httpx.Client, issue: Issue, do_work: Callable[[], None], town: Town
) -> None:
    key = issue()
    job_id = asked(client, key, format="geojson", bbox=[X0 + 55, Y0 + 80, X0 + 85, Y0 + 110])
    assert "package" not in state(client, key, job_id)["links"]
    refused(client.get(f"{EXPORTS}/{job_id}/package", headers=key), 409)
    do_work()
    job = state(client, key, job_id)
    assert (job["state"], job["progress"]) == ("done", 1)
    whole = client.get(job["links"]["package"], headers=key)
    assert whole.headers["etag"] == f'"{hashlib.sha256(whole.content).hexdigest()}"' == f'"{job["sha256"]}"'
    pieces = b""
    while len(pieces) < job["bytes"]:
        asked_for = {"Range": f"bytes={len(pieces)}-{len(pieces) + 999}", "If-Range": whole.headers["etag"]}
        piece = client.get(job["links"]["package"], headers=key | asked_for)
        assert piece.status_code == 206
        pieces += piece.content
    assert pieces == whole.content
    stale = {"Range": "bytes=10-", "If-Range": '"another"'}
    assert client.get(job["links"]["package"], headers=key | stale).content == whole.content
    with zipfile.ZipFile(io.BytesIO(pieces)) as archive:
        manifest = json.loads(archive.read("manifest.json"))
        nodes = json.loads(archive.read("node.geojson"))
        assert "水务局" in archive.read("LICENCE.txt").decode()
    assert {feature["properties"]["feature_id"] for feature in nodes["features"]} == {town.ids["B"], town.ids["V2"]}
    assert job["features"] == {"done": sum(manifest["counts"].values()), "total": sum(manifest["counts"].values())}
    with town.database.transaction(read_only=True) as connection:
        told = [entry["action"] for entry in audit.list_entries(connection) if entry["actor"] == "水务局"]
    assert told[-2:] == ["share.export", "share.export.ask"] and set(told[:-2]) == {"share.download"}


def test_an_area_a_crs_and_a_version_are_obeyed(
    client: httpx.Client, issue: Issue, do_work: Callable[[], None], town: Town
) -> None:
    key = issue()
    west = shapely.box(X0 + 50, Y0 + 80, X0 + 70, Y0 + 110)
    now, before = (
        asked(client, key, format="geojson", area=shapely.geometry.mapping(west), crs="EPSG:4490", version=version)
        for version in (None, 1)
    )
    do_work()
    found = []
    for job_id in (now, before):
        package = client.get(f"{EXPORTS}/{job_id}/package", headers=key)
        with zipfile.ZipFile(io.BytesIO(package.content)) as archive:
            features = json.loads(archive.read("node.geojson"))["features"]
        assert all(113 < feature["geometry"]["coordinates"][0] < 115 for feature in features)
        found.append({feature["properties"]["feature_id"] for feature in features})
    assert found == [{town.ids["B"], town.ids["G1"]}, {town.ids["B"]}]


def test_no_agency_reaches_the_job_of_another(client: httpx.Client, issue: Issue, do_work: Callable[[], None]) -> None:
    mine, theirs = issue(), issue("燃气公司")
    job_id = asked(client, mine)
    do_work()
    absent = "00000000-0000-4000-8000-000000000000"
    for call in (client.get, client.delete):
        hidden = refused(call(f"{EXPORTS}/{job_id}", headers=theirs), 404)
        assert json.dumps(hidden).replace(job_id, absent) == json.dumps(
            refused(call(f"{EXPORTS}/{absent}", headers=theirs), 404)
        )
    refused(client.get(f"{EXPORTS}/{job_id}/package", headers=theirs), 404)
    refused(client.get(f"{EXPORTS}/{job_id}/package", headers={"X-API-Key": "pmk_forged"}), 401)
    assert client.get(EXPORTS, headers=theirs).json() == {"exports": []}
    assert [job["job_id"] for job in client.get(EXPORTS, headers=mine).json()["exports"]] == [job_id]
    assert client.get(f"{EXPORTS}/{job_id}/package", headers=mine).status_code == 200


def test_a_key_that_is_revoked_fetches_nothing_and_an_agreement_for_viewing_asks_for_nothing(
    client: httpx.Client, issue: Issue, do_work: Callable[[], None], town: Town
) -> None:
    key, viewer = issue(), issue("规划院", may_export=False)
    refused(client.post(EXPORTS, json={"format": "gpkg"}, headers=viewer), 403)
    made, waiting = asked(client, key), None
    do_work()
    waiting = asked(client, key)
    with town.database.transaction() as connection:
        connection.execute("UPDATE pipemap.agreement SET revoked_at = now()")
    do_work()
    refused(client.get(f"{EXPORTS}/{made}/package", headers=key), 401)
    with town.database.transaction(read_only=True) as connection:
        job = connection.execute("SELECT * FROM pipemap.export_job WHERE job_id = %s", [waiting]).fetchone()
    assert job and job["state"] == "failed" and job["file_name"] is None and job["reason"]


def test_a_package_is_not_fetched_under_other_terms_than_it_was_made(
    client: httpx.Client, issue: Issue, do_work: Callable[[], None], town: Town
) -> None:
    key = issue()
    job_id = asked(client, key)
    do_work()
    with town.database.transaction() as connection:
        connection.execute("UPDATE pipemap.agreement SET class_codes = '{gas}'")
    refused(client.get(f"{EXPORTS}/{job_id}/package", headers=key), 409)


def test_a_cancelled_job_makes_nothing_and_a_given_up_package_is_gone(
    client: httpx.Client, issue: Issue, do_work: Callable[[], None], settings: Settings
) -> None:
    key = issue()
    before, after = asked(client, key), asked(client, key)
    assert client.delete(f"{EXPORTS}/{before}", headers=key).json()["state"] == "cancelled"
    do_work()
    assert client.delete(f"{EXPORTS}/{after}", headers=key).json()["state"] == "cancelled"
    assert [state(client, key, job_id)["state"] for job_id in (before, after)] == ["cancelled"] * 2
    assert [path for path in settings.export_folder.rglob("*") if path.is_file()] == []


def test_packages_are_kept_so_many_at_a_time(
    client: httpx.Client, issue: Issue, do_work: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "_MOST_KEPT", 1)
    key = issue()
    kept = asked(client, key)
    do_work()
    refused(client.post(EXPORTS, json={"format": "gpkg"}, headers=key), 409)
    client.delete(f"{EXPORTS}/{kept}", headers=key)
    assert asked(client, key)


def test_a_package_is_deleted_when_its_time_is_over(
    client: httpx.Client, issue: Issue, do_work: Callable[[], None], town: Town, settings: Settings
) -> None:
    key = issue()
    job_id = asked(client, key)
    do_work()
    with town.database.transaction() as connection:
        connection.execute("UPDATE pipemap.export_job SET expires_at = now()")
    do_work()
    assert state(client, key, job_id)["state"] == "expired"
    refused(client.get(f"{EXPORTS}/{job_id}/package", headers=key), 409)
    assert list(settings.export_folder.iterdir()) == []


def test_a_package_is_kept_no_longer_than_its_agreement_runs(
    client: httpx.Client, issue: Issue, do_work: Callable[[], None]
) -> None:
    key = issue(days=0.1)
    job_id = asked(client, key)
    do_work()
    ends = datetime.fromisoformat(state(client, key, job_id)["expires_at"])
    assert ends < datetime.now(UTC) + timedelta(days=0.1)


@pytest.mark.parametrize("route", ["/share/export?format=csv", "/share/changes/package?since=1"])
def test_a_package_for_one_download_is_deleted_even_where_its_service_was_killed(
    client: httpx.Client, issue: Issue, do_work: Callable[[], None], settings: Settings, route: str
) -> None:
    assert client.get(route, headers=issue()).status_code == 200
    # Told to the client a moment before it is done here.
    folder = settings.export_folder / "downloads"
    while list(folder.iterdir()):
        time.sleep(0.01)
    left, begun = folder / str(uuid4()), folder / str(uuid4())
    for own in (left, begun):
        own.mkdir()
        (own / "pipemap-v2.zip").write_bytes(b"PK")
    os.utime(left, (0, 0))
    do_work()
    assert list(folder.iterdir()) == [begun]


def test_the_job_of_a_killed_worker_is_done_by_the_next(
    client: httpx.Client, issue: Issue, do_work: Callable[[], None], town: Town, settings: Settings, database_url: str
) -> None:
    key = issue()
    with town.database.transaction() as blocking:
        # Whoever reads the segments waits, so that the worker is killed with its job half done.
        blocking.execute("LOCK TABLE pipemap.pipe_segment IN ACCESS EXCLUSIVE MODE")
        job_id = asked(client, key, format="csv")
        worker = multiprocessing.get_context("spawn").Process(target=work, args=(settings, database_url, False))
        worker.start()
        while state(client, key, job_id)["state"] == "waiting":
            time.sleep(0.05)
        assert worker.pid is not None
        os.kill(worker.pid, signal.SIGKILL)
        worker.join()
    refused(client.get(f"{EXPORTS}/{job_id}/package", headers=key), 409)
    do_work()
    assert state(client, key, job_id)["state"] == "done"
    (folder,) = settings.export_folder.iterdir()
    (package,) = folder.iterdir()
    with zipfile.ZipFile(package) as archive:
        assert archive.testzip() is None


def test_a_job_that_loses_its_database_is_begun_anew(
    client: httpx.Client, issue: Issue, do_work: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    key = issue()
    job_id = asked(client, key)

    def lose(connection: Connection, *_: Any) -> int:
        connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        return 0

    with monkeypatch.context() as while_lost:
        while_lost.setattr(exports, "count_features", lose)
        do_work()
    assert state(client, key, job_id)["state"] == "running"
    do_work()
    assert state(client, key, job_id)["state"] == "done"


def test_a_job_that_kills_its_workers_ends_with_a_reason(
    client: httpx.Client, issue: Issue, do_work: Callable[[], None], town: Town
) -> None:
    key = issue()
    job_id = asked(client, key)
    with town.database.transaction() as connection:
        connection.execute("UPDATE pipemap.export_job SET attempts = 3, state = 'running'")
    do_work()
    job = state(client, key, job_id)
    assert job["state"] == "failed" and "3" in job["reason"]


def test_staff_export_everything_and_see_their_own_jobs(
    client: httpx.Client, issue: Issue, do_work: Callable[[], None]
) -> None:
    asked(client, issue())
    job_id = asked(client, {}, format="csv")
    do_work()
    assert [job["job_id"] for job in client.get(EXPORTS).json()["exports"]] == [job_id]
    with zipfile.ZipFile(io.BytesIO(client.get(f"{EXPORTS}/{job_id}/package").content)) as archive:
        assert json.loads(archive.read("manifest.json"))["counts"]["node"] == 9


MANY_CORNERS = [*([X0 + step / 1000, Y0] for step in range(10_000)), [X0, Y0 + 10], [X0, Y0]]


@pytest.mark.parametrize(
    "question",
    [
        {"format": "vrt"},
        {"format": "gpkg", "bbox": [1, 2, 3]},
        {"format": "gpkg", "bbox": [5, 5, 1, 1]},
        {"format": "gpkg", "area": {"type": "Point", "coordinates": [1, 2]}},
        {"format": "gpkg", "area": {"type": "Polygon", "coordinates": "/etc/passwd.json"}},
        {"format": "gpkg", "area": "/etc/area.geojson"},
        {"format": "gpkg", "area": {"type": "Polygon", "coordinates": [MANY_CORNERS]}},
        {"format": "gpkg", "crs": "EPSG:1"},
        {"format": "gpkg", "version": "yesterday"},
        {"format": "gpkg", "folder": "/etc"},
        {},
    ],
    ids=lambda question: str(question)[:60],
)
def test_a_question_that_makes_no_sense_is_a_bad_request(
    client: httpx.Client, issue: Issue, question: dict[str, Any]
) -> None:
    refused(client.post(EXPORTS, json=question, headers=issue()), 400)


def test_too_many_unfinished_jobs_are_refused_also_those_that_are_asked_for_at_once(
    client: httpx.Client, issue: Issue
) -> None:
    key = issue()
    with ThreadPoolExecutor(10) as pool:
        answers = [pool.submit(client.post, EXPORTS, json={"format": "gpkg"}, headers=key) for _ in range(10)]
    codes = [answer.result().status_code for answer in answers]
    assert sorted(codes) == [202] * 4 + [409] * 6
    refused(client.post(EXPORTS, json={"format": "gpkg"}, headers=key), 409)
    refused(client.get(f"{EXPORTS}/not-a-job", headers=key), 400)
    refused(client.get(f"{EXPORTS}?state=done", headers=key), 400)


def test_a_service_that_ends_while_its_worker_starts_leaves_none_behind(settings: Settings, database_url: str) -> None:
    said, saying = multiprocessing.Pipe(duplex=False)
    service = multiprocessing.get_context("spawn").Process(target=_serve, args=(settings, database_url, saying))
    service.start()
    worker = said.recv()
    os.kill(service.pid or 0, signal.SIGKILL)
    service.join()
    wait_for(lambda: not os.path.exists(f"/proc/{worker}"))


def test_a_worker_that_cannot_be_replaced_at_once_is_replaced_later(
    settings: Settings, database_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("pipemap.jobs.worker._LOOK_EVERY_S", 0.1)
    before = set(multiprocessing.active_children())
    with beside(settings, database_url):
        (worker,) = set(multiprocessing.active_children()) - before
        most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, most[1]))
        try:
            worker.kill()
            wait_for(lambda: "no worker can be started" in caplog.text)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, most)
        wait_for(lambda: bool(set(multiprocessing.active_children()) - before - {worker}))


def _serve(settings: Settings, url: str, saying: Any) -> None:
    with beside(settings, url):
        (worker,) = multiprocessing.active_children()
        saying.send(worker.pid)
        time.sleep(120)
