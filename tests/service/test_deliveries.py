"""Deliveries handed in over HTTP: a draft changeset by the command line's importer, or a reason and nothing left."""

import base64
import hashlib
import io
import multiprocessing
import re
import signal
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from pipemap.jobs.worker import work
from pipemap.settings import Settings
from pipemap.sharing import audit
from tests.service.bad_files import LINES, POINTS
from tests.service.conftest import X0, Y0, Town
from tests.service.test_api import refused
from tests.service.test_identity import bearer, jwks
from tests.service.test_review import li, wang
from tests.service.test_staff_identity import TOKEN, served

__all__ = ["jwks"]
DELIVERIES = "/api/deliveries"
BODY = {"Content-Type": "application/octet-stream"}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(_env_file=None, export_dir=tmp_path / "exports", max_upload_mb=1)


@pytest.fixture
def client(town: Town, serve: Any, jwks: Path, settings: Settings) -> httpx.Client:
    return served(serve, jwks, staff_token=TOKEN, export_dir=settings.export_dir, max_upload_mb=1)


@pytest.fixture
def do_work(database_url: str, settings: Settings) -> Callable[[], None]:
    return lambda: work(settings, database_url, forever=False, dead_after_s=0)


def zipped(**files: str | bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("_", "."), content)
    return packed.getvalue()


def handed_in(client: httpx.Client, name: str, content: bytes, **options: Any) -> str:
    answer = client.post(DELIVERIES, params={"name": name} | options, content=content, headers=li() | BODY)
    assert answer.status_code == 202, answer.text
    job = answer.json()
    assert job["state"] == "waiting" and answer.headers["location"].endswith(f"{DELIVERIES}/{job['job_id']}")
    return str(job["job_id"])


def state(client: httpx.Client, job_id: str) -> dict[str, Any]:
    answer = client.get(f"{DELIVERIES}/{job_id}", headers=li())
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def left(settings: Settings) -> list[Path]:
    return list(settings.delivery_folder.rglob("*")) if settings.delivery_folder.exists() else []


def test_a_delivery_becomes_a_checked_changeset_with_its_report_and_the_map_stays(
    client: httpx.Client, town: Town, do_work: Callable[[], None], settings: Settings
) -> None:
    packed = zipped(points_csv=POINTS, lines_csv=LINES)
    job_id = handed_in(client, "../../深南大道 成果.zip", packed, crs="EPSG:4547", title="深南大道")
    (kept,) = [path for path in left(settings) if path.is_file()]
    assert kept == settings.delivery_folder / job_id / "delivery.zip" and kept.read_bytes() == packed
    do_work()
    job = state(client, job_id)
    assert (job["state"], job["reason"], job["progress"]) == ("done", None, 1)
    changeset = client.get(job["links"]["changeset"], headers=li()).json()
    assert (changeset["title"], changeset["author"], changeset["dataset"]) == (
        "深南大道",
        "oidc:8f2c (李明)",
        "深南大道 成果",
    )
    assert (changeset["state"], changeset["version"]) == ("checked", None)
    assert changeset["changes"]["node"]["insert"] == 3 and changeset["changes"]["pipe_segment"]["insert"] == 2
    assert client.get("/api/project", headers=li()).json()["version"] == 2
    report = client.get(job["links"]["report"], headers=li())
    assert report.headers["content-type"].startswith("text/html") and "lines.csv" in report.text
    assert left(settings) == []
    refused(client.get(job["links"]["report"]), 401)
    with town.database.transaction(read_only=True) as connection:
        [entry] = audit.list_entries(connection, audit.AuditFilter(action="delivery"))
    assert (entry["actor"], entry["details"]["sha256"]) == ("oidc:8f2c (李明)", job["sha256"])


def test_a_layout_that_no_profile_knows_is_read_as_proposed_and_told(
    client: httpx.Client, do_work: Callable[[], None]
) -> None:
    rows = "US MH,DS MH,US Easting,US Northing,DS Easting,DS Northing,US IL,DS IL,Dia\n" + "".join(
        f"M{n},M{n + 1},{X0 + 40 * n},{Y0},{X0 + 40 * n + 40},{Y0},8.2,8.0,300\n" for n in (1, 2)
    )
    job_id = handed_in(client, "下水道.csv", rows.encode(), crs="EPSG:4547", class_code="foul")
    do_work()
    job = state(client, job_id)
    assert job["state"] == "done", job
    findings = client.get(f"{job['links']['changeset']}/findings", headers=li()).json()
    told = {(found["rule"], found["file"]) for found in findings}
    assert ("IMP-PROPOSED", "下水道.csv") in told


def test_one_file_is_told_by_the_name_it_came_under(client: httpx.Client, do_work: Callable[[], None]) -> None:
    good = handed_in(client, "管点.csv", POINTS.encode(), crs="EPSG:4547")
    bad = handed_in(client, "成果.xlsx", b"no workbook")
    do_work()
    changeset = client.get(state(client, good)["links"]["changeset"], headers=li()).json()
    assert {row["file"] for row in changeset["row_counts"]} == {"管点.csv"}
    job = state(client, bad)
    assert job["state"] == "failed" and "成果.xlsx" in job["reason"] and "成果.xlsx" in job["reason_zh"]
    assert "delivery.xlsx" not in job["reason"] + job["reason_zh"] and "changeset" not in job["links"]


def test_what_cannot_be_read_is_told_in_both_languages_and_leaves_nothing(
    client: httpx.Client, do_work: Callable[[], None], settings: Settings
) -> None:
    before = client.get("/api/changesets", headers=li()).json()
    hostile = {
        "bomb.zip": zipped(points_csv=b"0" * 30_000_000),
        "up.zip": zipped(**{"../../evil_csv": POINTS}),
        "letter.doc": b"Dear all",
    }
    jobs = {name: handed_in(client, name, content) for name, content in hostile.items()}
    do_work()
    for name, job_id in jobs.items():
        job = state(client, job_id)
        assert (job["state"], job["changeset_id"]) == ("failed", None), (name, job)
        assert job["reason"] and any("\u4e00" <= letter <= "\u9fff" for letter in job["reason_zh"]), (name, job)
        assert str(settings.delivery_folder) not in job["reason"]
    assert client.get("/api/changesets", headers=li()).json() == before
    assert left(settings) == []


def test_what_should_not_come_in_is_refused_at_the_door(client: httpx.Client, settings: Settings) -> None:
    def answer(name: str, content: Any = b"x", headers: dict[str, str] | None = None, **more: Any) -> httpx.Response:
        as_li = li() | BODY if headers is None else headers
        return client.post(DELIVERIES, params={"name": name} | more, content=content, headers=as_li)

    for name in (
        "",
        "survey",
        "..",
        "a/..",
        "survey.",
        ".zip",
        "a\nb.zip",
        "a\0.zip",
        "x" * 300 + ".zip",
        "a.b c",
        "a.zip/",
    ):
        refused(answer(name), 400)
    refused(answer("a.csv", b""), 422)
    too_large = refused(answer("a.zip", b"x" * (2**20 + 1)), 413)
    assert "a.zip" in too_large["message_zh"]
    refused(answer("a.zip", _pieces(9)), 413)
    refused(answer("a.csv", profile="../../etc/x.toml"), 400)
    refused(answer("a.csv", class_code="lava"), 400)
    refused(answer("a.csv", crs="+proj=utm +nadgrids=/etc/passwd"), 400)
    refused(answer("a.csv", title="a\nb"), 400)
    refused(answer("a.csv", actor="somebody"), 400)
    refused(answer("a.csv", headers=li() | {"Content-Type": "multipart/form-data; boundary=x"}), 400)
    refused(answer("a.csv", headers=li() | BODY | {"Origin": "https://evil.example"}), 403)
    refused(answer("a.csv", headers=BODY), 401)
    refused(answer("a.csv", headers=BODY | {"X-API-Key": "pmk_x"}), 401)
    assert client.get(DELIVERIES, headers=li()).json() == []
    assert left(settings) == []


def test_a_delivery_that_stops_half_way_is_given_up_and_only_so_many_come_in_at_once(
    client: httpx.Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.deliveries.SILENT_S", 3.0)
    named = li() | BODY | {"Host": "127.0.0.1", "Content-Length": "100"}
    head = "".join(f"{name}: {value}\r\n" for name, value in named.items())
    with ExitStack() as stack:
        place = "127.0.0.1", client.base_url.port or 0
        lines = [stack.enter_context(socket.create_connection(place, timeout=60)) for _ in range(4)]
        for line in lines:
            line.sendall(f"POST {DELIVERIES}?name=a.csv HTTP/1.1\r\n{head}\r\nhalf".encode())
        while len(left(settings)) < 8:
            time.sleep(0.01)
        more = client.post(DELIVERIES, params={"name": "a.csv"}, content=POINTS.encode(), headers=li() | BODY)
        assert "4" in refused(more, 409)["message_zh"]
        assert all(line.recv(4096).startswith(b"HTTP/1.1 408") for line in lines)
    assert left(settings) == []
    handed_in(client, "a.csv", POINTS.encode())


def test_the_queue_takes_only_so_many(client: httpx.Client, settings: Settings) -> None:
    jobs = [handed_in(client, "a.csv", POINTS.encode()) for _ in range(8)]
    full = client.post(DELIVERIES, params={"name": "a.csv"}, content=POINTS.encode(), headers=li() | BODY)
    assert "8" in refused(full, 409)["message_zh"]
    assert client.delete(f"{DELIVERIES}/{jobs[0]}", headers=wang()).json()["state"] == "cancelled"
    assert not (settings.delivery_folder / jobs[0]).exists()
    handed_in(client, "a.csv", POINTS.encode())
    refused(client.delete(f"{DELIVERIES}/{jobs[1]}"), 401)
    assert [job["job_id"] for job in client.get(DELIVERIES, headers=li()).json()][-1] == jobs[0]


def test_one_that_is_called_off_is_gone_and_one_whose_worker_is_killed_is_read_by_the_next(
    client: httpx.Client, do_work: Callable[[], None], settings: Settings, database_url: str
) -> None:
    many = "".join(f"P{i},JS,弯头,,{2_494_000 + i},{492_000 + i % 7},10\n" for i in range(15_000))
    packed = zipped(points_csv=POINTS + many)
    first, second = (handed_in(client, name, packed, crs="EPSG:4547") for name in ("first.zip", "second.zip"))
    process = multiprocessing.get_context("spawn").Process(target=work, args=(settings, database_url))
    process.start()
    _wait(lambda: state(client, first)["state"] == "running")
    assert client.delete(f"{DELIVERIES}/{first}", headers=li()).json()["state"] == "cancelled"
    _wait(lambda: state(client, second)["state"] == "running")
    assert not (settings.delivery_folder / first).exists() and state(client, first)["state"] == "cancelled"
    process.kill()
    process.join()
    do_work()
    job = state(client, second)
    assert job["state"] == "done" and left(settings) == []
    (draft,) = client.get("/api/changesets", params={"state": "checked"}, headers=li()).json()
    assert (draft["changeset_id"], draft["dataset"]) == (job["changeset_id"], "second")


KILLED_ONCE_IMPORTED = """
import os, signal, sys
from pathlib import Path
from pipemap.db import Database
from pipemap.jobs import bringing_in

made = bringing_in.create_import

def made_and_killed(*given, **options):
    made(*given, **options)
    os.kill(os.getpid(), signal.SIGKILL)

bringing_in.create_import = made_and_killed
with Database(sys.argv[1]) as database:
    bringing_in.bring_in(database, sys.argv[2], Path(sys.argv[3]))
"""


def test_a_worker_that_is_killed_between_the_import_and_its_note_makes_no_second_draft(
    client: httpx.Client, do_work: Callable[[], None], settings: Settings, database_url: str
) -> None:
    job_id = handed_in(client, "管点.csv", POINTS.encode(), crs="EPSG:4547")
    kept = settings.delivery_folder / job_id / "delivery.csv"
    killed = subprocess.run([sys.executable, "-c", KILLED_ONCE_IMPORTED, database_url, job_id, str(kept)])
    assert killed.returncode == -signal.SIGKILL
    (draft,) = client.get("/api/changesets", params={"state": "draft"}, headers=li()).json()
    assert state(client, job_id)["changeset_id"] is None
    do_work()
    job = state(client, job_id)
    assert (job["state"], job["changeset_id"]) == ("done", draft["changeset_id"])
    (after,) = client.get("/api/changesets", params={"dataset": draft["dataset"]}, headers=li()).json()
    assert (after["changeset_id"], after["state"]) == (draft["changeset_id"], "checked")


def _wait(until: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not until():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_page_runs_its_own_script_alone_and_tells_why_in_its_language(
    client: httpx.Client, do_work: Callable[[], None]
) -> None:
    handed_in(client, "<b>.doc", b"x")
    do_work()
    page = client.get("/deliveries?language=zh", headers=li())
    (script,) = re.findall(r"<script>(.*?)</script>", page.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in page.headers["content-security-policy"]
    assert "&lt;b&gt;.doc" in page.text and "<b>" not in page.text
    assert "格式不能导入" in page.text and "no kind" not in page.text
    assert "of no kind that can be imported" in client.get("/deliveries?language=en", headers=li()).text
    refused(client.get("/deliveries"), 401)


def _pieces(count: int) -> Iterator[bytes]:
    yield from (b"x" * 2**17 for _ in range(count))


def test_the_staff_token_hands_in_under_the_name_that_is_given(client: httpx.Client) -> None:
    given = {"params": {"name": "a.csv"}, "content": POINTS.encode(), "headers": BODY}
    assert client.post(DELIVERIES, auth=("surveyor", TOKEN), **given).json()["actor"] == "token:surveyor"  # type: ignore[arg-type]
    refused(client.post(DELIVERIES, params={"name": "a.csv"}, content=b"x", headers=BODY | bearer("x")), 401)
