"""Deliveries handed in over HTTP: kept in a folder of their own until a worker has made a draft changeset of them.

What a file was called is told and never used: it lies under a name of ours in a folder named by the job.
"""

import hashlib
import re
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from uuid import uuid4

from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from pipemap.db import Connection, Database, count_alone, fetch_all, fetch_one
from pipemap.errors import ConflictError, NotFoundError, PipemapError, SourceError, StorageError, UsageError
from pipemap.jobs.apart import done_apart
from pipemap.jobs.folders import sweep_folders
from pipemap.jobs.queue import enqueue_delivery
from pipemap.settings import Settings
from pipemap.sharing import audit
from pipemap.sql import queries
from schemas.codetables import code_table

_MOST_UNFINISHED = 8
_MOST_ATTEMPTS = 3
_LONGEST_NAME = 200
# A folder without a job that is older is what an upload left that broke off with its service.
_LONGEST_UPLOAD_S = 24 * 3600
_SUFFIX = re.compile(r"\.[a-z0-9]{1,8}")
# A profile is one that is shipped; a path would name a file of the service.
_PROFILE = re.compile(r"[a-z0-9-]{1,60}")


class TooLargeError(UsageError):
    """The delivery is larger than the setting PIPEMAP_MAX_UPLOAD_MB allows."""

    code = "too-large"


@dataclass(frozen=True)
class Wanted:
    """How a delivery is to be read, as the options of `pipemap import`."""

    title: str
    dataset: str
    profile: str | None = None
    source_crs: str | None = None
    default_class: str | None = None
    partial: bool = False


class Incoming:
    """A file on its way in, written piece by piece into the folder of a job that is not there yet."""

    def __init__(self, folder: Path, name: str, max_mb: int) -> None:
        self.name = read_name(name)
        self.job_id = str(uuid4())
        self._own = folder / self.job_id
        self._max_mb = max_mb
        self._digest, self.bytes = hashlib.sha256(), 0
        self._own.mkdir(mode=0o700, parents=True)
        self._file = _kept_as(self._own, self.name).open("xb")

    def expect(self, size_bytes: int) -> None:
        """Raise TooLargeError for more than is taken."""
        if size_bytes > self._max_mb * 2**20:
            raise TooLargeError(
                f"{self.name} is larger than the {self._max_mb} MiB that are taken (PIPEMAP_MAX_UPLOAD_MB).",
                message_zh=f"{self.name} 超过允许的 {self._max_mb} MiB（PIPEMAP_MAX_UPLOAD_MB）。",
            )

    def write(self, piece: bytes) -> None:
        """Take one piece more."""
        self.bytes += len(piece)
        self.expect(self.bytes)
        self._digest.update(piece)
        self._file.write(piece)

    def close(self) -> str:
        """All of it is there; its checksum."""
        self._file.close()
        if not self.bytes:
            raise SourceError(f"{self.name} is empty.", message_zh=f"{self.name} 是空文件。")
        return self._digest.hexdigest()

    def drop(self) -> None:
        """Leave nothing of it."""
        self._file.close()
        shutil.rmtree(self._own, ignore_errors=True)


def hand_in(database: Database, incoming: Incoming, actor: str, wanted: Wanted) -> DictRow:
    """Put a file that is wholly there into the queue; the job as `look` gives it."""
    sha256 = incoming.close()
    values = {
        "job_id": incoming.job_id,
        "actor": actor,
        "file_name": incoming.name,
        "bytes": incoming.bytes,
        "sha256": sha256,
        "request": Jsonb(asdict(wanted)),
    }
    with database.transaction() as connection:
        count_alone(connection, "deliveries")
        demand_room(connection)
        job = fetch_one(connection, queries("deliveries")["add"], values)
        if job is None:
            raise StorageError("The delivery could not be put into the queue.")
        enqueue_delivery(connection, incoming.job_id)
        details = {name: values[name] for name in ("job_id", "file_name", "bytes", "sha256")}
        audit.record(connection, actor, "delivery", details | asdict(wanted))
    return job


def demand_room(connection: Connection) -> None:
    """ConflictError when too many deliveries wait already."""
    waiting = fetch_one(connection, queries("deliveries")["unfinished"])
    if waiting is not None and waiting["count"] >= _MOST_UNFINISHED:
        raise ConflictError(
            f"{_MOST_UNFINISHED} deliveries are not read yet; wait for one, or cancel one.",
            message_zh=f"已有 {_MOST_UNFINISHED} 份成果在排队，请等待或取消其一。",
        )


def check_wanted(wanted: Wanted) -> None:
    """UsageError for what no import takes: a profile that is a path, a class that there is not, a title of lines."""
    if wanted.profile is not None and not _PROFILE.fullmatch(wanted.profile):
        raise UsageError("A profile is one of those that `pipemap profiles` lists.", message_zh="没有这个导入配置。")
    known = code_table("utility_class")
    if wanted.default_class is not None and wanted.default_class not in known:
        raise UsageError(
            f"There is no class {wanted.default_class}; choose one of {', '.join(known)}.",
            message_zh=f"没有类别 {wanted.default_class}；可选：{'、'.join(known)}。",
        )
    for text in (wanted.title, wanted.dataset):
        if not text.strip() or not text.isprintable() or len(text) > _LONGEST_NAME:
            raise UsageError(
                f"Title and dataset are one line of at most {_LONGEST_NAME} letters.",
                message_zh=f"标题和数据集名称须为一行，不超过 {_LONGEST_NAME} 字。",
            )


def read_name(name: str) -> str:
    """What a file is called, without the folders it came from; UsageError where that is no name of a file."""
    last = re.split(r"[/\\]", name)[-1].strip()
    if not last.isprintable() or len(last) > _LONGEST_NAME or not _SUFFIX.fullmatch(Path(last).suffix.lower()):
        raise UsageError(
            "A delivery comes under the name of a file with its ending, such as survey.xlsx or survey.zip.",
            message_zh="请给出带扩展名的文件名，例如 survey.xlsx 或 survey.zip。",
        )
    return last


def look(connection: Connection, job_id: str) -> DictRow:
    """One job; NotFoundError when there is none."""
    found = jobs(connection, job_id=job_id)
    if not found:
        raise NotFoundError(f"There is no delivery {job_id}.", message_zh=f"没有成果 {job_id}。")
    return found[0]


def jobs(connection: Connection, limit: int = 100, offset: int = 0, job_id: str | None = None) -> list[DictRow]:
    """The jobs, newest first, or the one that is named."""
    return fetch_all(connection, queries("deliveries")["jobs"], {"job_id": job_id, "limit": limit, "offset": offset})


def cancel(database: Database, job_id: str, actor: str, folder: Path) -> DictRow:
    """End a job; what is at its end already stays as it is."""
    with database.transaction() as connection:
        job = look(connection, job_id)
        ended = fetch_one(connection, queries("deliveries")["cancel"], {"job_id": job_id})
        if ended is None:
            return job
        audit.record(connection, actor, "delivery.cancel", {"job_id": job_id})
    if job["state"] == "waiting":
        shutil.rmtree(folder / job_id, ignore_errors=True)
    return ended


def run(database: Database, job_id: str, settings: Settings, is_stopping: Callable[[], bool]) -> None:
    """Bring a delivery in; what goes wrong is told in the job; its folder goes unless the worker is stopping."""
    with database.transaction() as connection:
        job = fetch_one(connection, queries("deliveries")["begin"], {"job_id": job_id})
    own = settings.delivery_folder / job_id
    if job is None:
        shutil.rmtree(own, ignore_errors=True)
        return
    try:
        if job["attempts"] > _MOST_ATTEMPTS:
            raise PipemapError(
                f"The work on it was ended from outside {_MOST_ATTEMPTS} times.", message_zh="处理多次被系统终止。"
            )
        _bring_in(database, job, own, settings, is_stopping)
    except PipemapError as error:
        _fail(database, job_id, error.message, error.details.get("message_zh"))
    except Exception as error:
        words = f"Something went wrong ({type(error).__name__}); the log of the worker has it."
        _fail(database, job_id, words, "出现内部错误，详见任务日志。")
        shutil.rmtree(own, ignore_errors=True)
        raise
    if not is_stopping():
        shutil.rmtree(own, ignore_errors=True)


def take_up_again(database: Database) -> None:
    """Put jobs that wait into the queue where nothing stands for them any more."""
    with database.transaction() as connection:
        for job in fetch_all(connection, queries("deliveries")["stranded"]):
            enqueue_delivery(connection, str(job["job_id"]))


def sweep(database: Database, folder: Path) -> None:
    """Delete what is left of jobs that are at their end, and of files that never came in whole."""
    with database.transaction(read_only=True) as connection:
        kept = {str(row["job_id"]) for row in fetch_all(connection, queries("deliveries")["kept"])}
    sweep_folders(folder, kept, _LONGEST_UPLOAD_S)


def _bring_in(database: Database, job: DictRow, own: Path, settings: Settings, is_stopping: Callable[[], bool]) -> None:
    job_id, path = str(job["job_id"]), _kept_as(own, job["file_name"])

    def is_called_off() -> bool:
        with database.transaction(read_only=True) as connection:
            return is_stopping() or fetch_one(connection, queries("deliveries")["goes_on"], {"job_id": job_id}) is None

    told = {"url": database.url, "job_id": job_id, "path": str(path)}
    # What an archive unpacks to lies beside it, so that it goes with the folder however the process ends.
    surroundings = {"PIPEMAP_MAX_UPLOAD_MB": str(settings.max_upload_mb), "TMPDIR": str(own)}
    done = done_apart("bring-in", told, is_called_off, **surroundings)
    if done is not None:
        with database.transaction() as connection:
            connection.execute(queries("deliveries")["finish"], {"job_id": job_id} | done)


def _fail(database: Database, job_id: str, reason: str, reason_zh: str | None) -> None:
    values = {"job_id": job_id, "reason": reason, "reason_zh": reason_zh}
    with database.transaction() as connection:
        connection.execute(queries("deliveries")["fail"], values)


def _kept_as(own: Path, name: str) -> Path:
    """Where a file lies: of its name only the ending is kept, which tells its kind."""
    return own / f"delivery{Path(name).suffix.lower()}"
