"""Turns a delivery into a draft changeset: exactly what it adds, changes and takes away."""

from shapely.geometry.base import BaseGeometry

from pipemap.db import Database
from pipemap.ingest.comparing import Comparison
from pipemap.ingest.containers import link_containers
from pipemap.ingest.draft import Draft, Follower, OnProgress, register
from pipemap.ingest.straight import Straight
from pipemap.matching import MATCH_WITHIN_M
from pipemap.seldom import seldom_collected
from schemas.delivery import Delivery

__all__ = ["Follower", "OnProgress", "create_import"]


def create_import(
    database: Database,
    delivery: Delivery,
    *,
    title: str,
    author: str,
    partial: bool = False,
    extent: BaseGeometry | None = None,
    match_within_m: float = MATCH_WITHIN_M,
    on_progress: OnProgress | None = None,
    follower: Follower | None = None,
    job_id: str | None = None,
) -> int:
    """Write the difference between a delivery and the map as a draft changeset and return its number.

    Features match by dataset and source key, and where the number has changed by place, points and course
    (`pipemap.matching`). Those of the dataset that the delivery no longer holds become deletions: none
    when the delivery is `partial`, and only what lies wholly within `extent`, a polygon in the project CRS,
    when one is given. Its series and files are made known first; all the rest happens in one transaction. A delivery
    that says what the map says already gives a changeset without changes. Under a `job_id` there is one draft: a
    second one is a ConflictError.
    A `follower` is shown what is proposed while it is written, where the delivery goes into the draft as it is.
    """
    series = register(database, delivery)
    with seldom_collected(), database.transaction() as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        draft = Draft(connection, delivery, series, title, author, on_progress or _quiet, job_id, follower)
        is_first = Straight.suits(draft)
        if is_first:
            Straight(draft).write()
        else:
            Comparison(draft).write(partial, extent, match_within_m)
        if draft.names_containers:
            link_containers(draft, is_first)
        draft.save()
        if follower is not None and is_first and not draft.names_containers:
            follower.complete(draft.left_by())
        return draft.changeset_id


def _quiet(_stage: str, _done: int, _total: int) -> None:
    pass
