"""Export jobs: asked for, looked at, cancelled, fetched; run by the worker, and deleted when their time is over."""

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import shapely
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from pipemap.db import Connection, Database, count_alone, fetch_all, fetch_one
from pipemap.errors import ConflictError, NotFoundError, PipemapError, StorageError, UnreachableError
from pipemap.jobs.folders import sweep_folders
from pipemap.jobs.queue import enqueue_export
from pipemap.projects import read_project
from pipemap.sharing import audit
from pipemap.sharing.exchange import ExportRequest, count_features, export_package
from pipemap.sharing.granted import Grant, Place, grant_of, refusals_on_record
from pipemap.sharing.layers import writer
from pipemap.sharing.packing import checksum
from pipemap.sql import queries
from pipemap.versions import resolve_version

_MOST_UNFINISHED = 4
# Until they expire they fill the folder of exports, which is everybody's.
_MOST_KEPT = 20
_MOST_ATTEMPTS = 3
_TOLD_EVERY_S = 0.5


class CancelledError(PipemapError):
    """The export was cancelled."""

    code = "cancelled"


@dataclass(frozen=True)
class Asker:
    """Who asks: an agency by the hash of its key, or staff by name."""

    key_sha256: str | None
    name: str = "staff"


def ask(database: Database, asker: Asker, request: ExportRequest) -> DictRow:
    """Put an export into the queue; the job as `look` gives it.

    Raises UsageError, NotFoundError (no such version), UnknownKeyError, ViewOnlyError, or ConflictError when this
    asker has too many unfinished ones.
    """
    writer(request.format)
    with refusals_on_record(database, asker.key_sha256 or "", request.told()):
        with database.transaction(read_only=True) as connection:
            resolve_version(connection, request.version)
            grant = _grant(connection, asker, request.place)
            if grant is not None:
                grant.check_export()
        with database.transaction() as connection:
            job = _add(connection, asker, grant, request)
    details = {"job_id": str(job["job_id"]), **request.told()}
    _put_on_record(database, asker, grant, job["actor"], "share.export.ask", details)
    return job


def look(database: Database, asker: Asker, job_id: str) -> DictRow:
    """One job of the asker; NotFoundError alike for another's and for none."""
    return jobs(database, asker, job_id=job_id)[0]


def jobs(
    database: Database, asker: Asker, limit: int = 100, offset: int = 0, job_id: str | None = None
) -> list[DictRow]:
    """The asker's jobs, newest first, or the one that is named."""
    asked = {"asked": "export", "job_id": job_id}
    with refusals_on_record(database, asker.key_sha256 or "", asked), database.transaction(True) as connection:
        grant = _grant(connection, asker)
    wanted = {"agreement_id": grant and grant.agreement_id, "job_id": job_id, "limit": limit, "offset": offset}
    with database.transaction(read_only=True) as connection:
        found = fetch_all(connection, queries("exports")["jobs"], wanted)
    if job_id is not None and not found:
        raise NotFoundError(f"There is no export {job_id}.")
    return found


def cancel(database: Database, asker: Asker, job_id: str, folder: Path) -> DictRow:
    """End a job, or give its package up; what is at its end already stays as it is."""
    job = look(database, asker, job_id)
    with database.transaction() as connection:
        grant = _grant(connection, asker)
        ended = fetch_one(connection, queries("exports")["cancel"], {"job_id": job_id})
    if ended is None:
        return job
    _put_on_record(database, asker, grant, job["actor"], "share.export.cancel", {"job_id": job_id})
    if job["state"] != "running":
        shutil.rmtree(folder / job_id, ignore_errors=True)
    return ended


def fetch(database: Database, asker: Asker, job_id: str, folder: Path) -> tuple[Path, DictRow]:
    """The package of a job that is done, put on record; ConflictError when there is none (yet, or any more)."""
    job = look(database, asker, job_id)
    path = folder / job_id / (job["file_name"] or "-")
    if job["state"] != "done" or not path.is_file():
        raise ConflictError(f"The package of export {job_id} is not there to be fetched: it is {job['state']}.")
    with database.transaction(read_only=True) as connection:
        grant = _grant(connection, asker)
        if grant is not None:
            grant.check_export()
            if grant.digest != job["digest"]:
                raise ConflictError("The agreement or the map it shows has changed since; ask for the export again.")
    details = {"job_id": job_id, "bytes": job["bytes"], "package_sha256": job["sha256"]}
    _put_on_record(database, asker, grant, job["actor"], "share.download", details)
    return path, job


def run(
    database: Database,
    job_id: str,
    folder: Path,
    keep_h: int,
    is_stopping: Callable[[], bool] = lambda: False,
    mark_key: Path | None = None,
) -> None:
    """Make the package of a job in its folder; whatever goes wrong is told in the job, and no part of a file stays."""
    with database.transaction() as connection:
        job = fetch_one(connection, queries("exports")["begin"], {"job_id": job_id})
    if job is None:
        return
    own = folder / job_id
    shutil.rmtree(own, ignore_errors=True)
    if job["attempts"] > _MOST_ATTEMPTS:
        _fail(database, job_id, f"The work on it was ended from outside {_MOST_ATTEMPTS} times.")
        return
    own.mkdir(mode=0o700, parents=True)
    try:
        _make(database, job, own, keep_h, is_stopping, mark_key)
    except CancelledError:
        shutil.rmtree(own, ignore_errors=True)
    except UnreachableError:
        # The job stays running with nothing in the queue for it, and is begun anew as one of a worker that is gone.
        shutil.rmtree(own, ignore_errors=True)
        raise
    except PipemapError as error:
        shutil.rmtree(own, ignore_errors=True)
        _fail(database, job_id, error.message)
    except BaseException as error:
        shutil.rmtree(own, ignore_errors=True)
        _fail(database, job_id, f"Something went wrong ({type(error).__name__}); the log of the worker has it.")
        raise


def take_up_again(database: Database) -> int:
    """Put jobs that wait into the queue where nothing stands for them any more; how many there were."""
    with database.transaction() as connection:
        stranded = fetch_all(connection, queries("exports")["stranded"])
        for job in stranded:
            enqueue_export(connection, str(job["job_id"]))
    return len(stranded)


def sweep(database: Database, folder: Path) -> None:
    """Delete packages whose time is over, and the folders of jobs that are at their end without one."""
    with database.transaction() as connection:
        fetch_all(connection, queries("exports")["expire"])
        kept = {str(row["job_id"]) for row in fetch_all(connection, queries("exports")["kept"])}
    sweep_folders(folder, kept)


def _grant(connection: Connection, asker: Asker, place: Place | None = None) -> Grant | None:
    if asker.key_sha256 is None:
        return None
    return grant_of(connection, asker.key_sha256, place, read_project(connection).srid)


def _put_on_record(
    database: Database, asker: Asker, grant: Grant | None, actor: str, action: str, details: dict[str, Any]
) -> None:
    if grant is not None and asker.key_sha256 is not None:
        audit.look(database, grant, asker.key_sha256, action, details)
        return
    with database.transaction() as connection:
        audit.record(connection, actor, action, details)


def _add(connection: Connection, asker: Asker, grant: Grant | None, request: ExportRequest) -> DictRow:
    agreement_id = None if grant is None else grant.agreement_id
    if agreement_id is not None:
        _demand_room(connection, agreement_id)
    actor = asker.name if grant is None else grant.agency
    values = {"agreement_id": agreement_id, "key_sha256": asker.key_sha256, "actor": actor}
    job = fetch_one(connection, queries("exports")["add"], values | {"request": Jsonb(_stored(request))})
    if job is None:
        raise StorageError("The export could not be put into the queue.")
    enqueue_export(connection, str(job["job_id"]))
    return job


def _demand_room(connection: Connection, agreement_id: int) -> None:
    count_alone(connection, f"exports of {agreement_id}")
    [held] = fetch_all(connection, queries("exports")["held"], {"agreement_id": agreement_id})
    if held["unfinished"] >= _MOST_UNFINISHED:
        raise ConflictError(f"{_MOST_UNFINISHED} exports are not finished yet; wait for one, or cancel one.")
    if held["kept"] >= _MOST_KEPT:
        raise ConflictError(
            f"{_MOST_KEPT} packages are kept for this agreement; delete one, or wait until one expires.",
            message_zh=f"本协议已保留 {_MOST_KEPT} 个数据包，请先删除或等待其过期。",
        )


def _make(
    database: Database, job: DictRow, own: Path, keep_h: int, is_stopping: Callable[[], bool], mark_key: Path | None
) -> None:
    request, key_sha256, job_id = _restored(job["request"]), job["key_sha256"], str(job["job_id"])
    with database.transaction(read_only=True) as connection:
        total = count_features(connection, key_sha256, request)
    progress = _Progress(database, job_id, total, is_stopping)
    progress.tell(0)
    package = export_package(database, key_sha256, request, own, job["actor"], progress=progress, mark_key=mark_key)
    with database.transaction(read_only=True) as connection:
        grant = _grant(connection, Asker(key_sha256))
    facts = {
        "job_id": job_id,
        "done": sum(package.manifest["counts"].values()),
        "digest": grant and grant.digest,
        "file_name": package.path.name,
        "bytes": package.path.stat().st_size,
        "sha256": checksum(package.path),
        "keep_h": keep_h,
    }
    with database.transaction() as connection:
        if fetch_one(connection, queries("exports")["finish"], facts) is None:
            raise CancelledError


class _Progress:
    """Tells the job how far it has come, now and then; learns there that it was cancelled."""

    def __init__(self, database: Database, job_id: str, total: int, is_stopping: Callable[[], bool]) -> None:
        self.database = database
        self.job_id = job_id
        self.total = total
        self.is_stopping = is_stopping
        self._told_at = 0.0

    def __call__(self, done: int) -> None:
        if time.monotonic() - self._told_at >= _TOLD_EVERY_S:
            self.tell(done)

    def tell(self, done: int) -> None:
        """Write it down; CancelledError when there is no more need to go on."""
        self._told_at = time.monotonic()
        values = {"job_id": self.job_id, "done": done, "total": self.total}
        with self.database.transaction() as connection:
            if self.is_stopping() or fetch_one(connection, queries("exports")["advance"], values) is None:
                raise CancelledError


def _fail(database: Database, job_id: str, reason: str) -> None:
    with database.transaction() as connection:
        connection.execute(queries("exports")["fail"], {"job_id": job_id, "reason": reason})


def _stored(request: ExportRequest) -> dict[str, Any]:
    version = request.version
    told = request.told() | {"out_srid": request.place.out_srid}
    return told | {"version": version.isoformat() if isinstance(version, datetime) else version}


def _restored(stored: dict[str, Any]) -> ExportRequest:
    box, area, version = stored["bbox"], stored["area_wkt"], stored["version"]
    return ExportRequest(
        format=stored["format"],
        place=Place(None if box is None else tuple(box), stored["bbox_srid"], stored["out_srid"]),
        area=None if area is None else shapely.from_wkt(area),
        version=datetime.fromisoformat(version) if isinstance(version, str) else version,
    )
