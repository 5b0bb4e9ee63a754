"""A delivery that was handed in becomes a draft changeset and is checked, by the importer of the command line."""

import time
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt
from psycopg.rows import DictRow

from pipemap.checks import Proposed, run_checks
from pipemap.db import Database, fetch_one
from pipemap.errors import ConflictError, NotFoundError, PipemapError
from pipemap.ground.sampling import ground_at
from pipemap.ingest import Follower, OnProgress, create_import
from pipemap.placing import existing_extent
from pipemap.projects import read_project
from pipemap.sql import queries
from schemas.delivery import Delivery

_TOLD_EVERY_S = 0.5
Floats = npt.NDArray[np.float64]


def bring_in(database: Database, job_id: str, path: Path) -> int:
    """Import the file of a job and check what comes of it; the number of the changeset.

    Raises whatever the importer does, about the file by the name it was handed in under.
    """
    with database.transaction(read_only=True) as connection:
        job = fetch_one(connection, queries("deliveries")["jobs"], {"job_id": job_id, "limit": 1, "offset": 0})
    if job is None:
        raise NotFoundError(f"There is no delivery {job_id}.")
    tell, proposed = _telling(database, job_id), Proposed()
    # A worker that was ended while it checked has noted the draft; one that has since been discarded is not made again.
    number = job["changeset_id"] or _drafted(database, job, path, tell, proposed)
    with database.transaction() as connection:
        connection.execute(queries("deliveries")["became"], {"job_id": job_id, "changeset_id": number})
    run_checks(database, number, on_progress=tell, proposed=proposed)
    return int(number)


def _drafted(database: Database, job: DictRow, path: Path, tell: OnProgress, follower: Follower) -> int:
    """The draft of a job: the one there is, where a worker before made it and went, or another makes it just now."""
    found = _draft_of(database, job["job_id"])
    if found is not None:
        return found
    try:
        return _imported(database, job, path, tell, follower)
    except ConflictError:
        found = _draft_of(database, job["job_id"])
        if found is None:
            raise
        return found


def _draft_of(database: Database, job_id: UUID) -> int | None:
    with database.transaction(read_only=True) as connection:
        row = fetch_one(connection, queries("deliveries")["drafted"], {"job_id": job_id})
    return None if row is None else int(row["changeset_id"])


def _imported(database: Database, job: DictRow, path: Path, tell: OnProgress, follower: Follower) -> int:
    asked = job["request"]
    with database.transaction(read_only=True) as connection:
        srid, bounds = read_project(connection).srid, existing_extent(connection)
    options = {name: asked[name] for name in ("profile", "source_crs", "default_class", "dataset")}
    try:
        delivery = _reader()([path], srid=srid, bounds=bounds, terrain=_terrain(database), on_progress=tell, **options)
    except PipemapError as error:
        raise _named(error, path.name, job["file_name"]) from error
    return create_import(
        database,
        _called(delivery, path.name, job["file_name"]),
        title=asked["title"],
        author=job["actor"],
        partial=asked["partial"],
        on_progress=tell,
        follower=follower,
        job_id=str(job["job_id"]),
    )


def _reader() -> Callable[..., Delivery]:
    (point,) = entry_points(group="pipemap.deliveries")
    read: Callable[..., Delivery] = point.load()
    return read


def _terrain(database: Database) -> Callable[[Floats], Floats]:
    def at(xy: Floats) -> Floats:
        with database.transaction(read_only=True) as connection:
            return ground_at(connection, xy[:, 0], xy[:, 1])

    return at


def _telling(database: Database, job_id: str) -> OnProgress:
    """Writes down now and then how far it is; a new stage at once."""
    told: dict[str, Any] = {"stage": None, "at": 0.0}

    def tell(stage: str, done: int, total: int) -> None:
        now = time.monotonic()
        if stage == told["stage"] and now - told["at"] < _TOLD_EVERY_S:
            return
        told.update(stage=stage, at=now)
        values = {"job_id": job_id, "stage": stage, "done": done, "total": total}
        with database.transaction() as connection:
            connection.execute(queries("deliveries")["advance"], values)

    return tell


def _called(delivery: Delivery, kept_as: str, name: str) -> Delivery:
    """The delivery with its file under the name that those who handed it in know."""
    delivery.files = [replace(file, name=name) if file.name == kept_as else file for file in delivery.files]
    delivery.columns = [replace(told, file=name) if told.file == kept_as else told for told in delivery.columns]
    delivery.counts = [replace(count, file=name) if count.file == kept_as else count for count in delivery.counts]
    delivery.findings = [
        finding.model_copy(update={"file": name}) if finding.file == kept_as else finding
        for finding in delivery.findings
    ]
    return delivery


def _named(error: PipemapError, kept_as: str, name: str) -> PipemapError:
    words_zh = error.details.get("message_zh")
    return PipemapError(error.message.replace(kept_as, name), message_zh=words_zh and words_zh.replace(kept_as, name))
