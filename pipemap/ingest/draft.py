"""An import under way: its changeset, the identities it uses, its findings and its account of rows."""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any, Protocol, TypeAlias

import pandas as pd
import shapely
from psycopg.sql import Composable
from psycopg.types.json import Jsonb
from sqlalchemy.dialects.postgresql import TEXT
from sqlalchemy.types import TypeEngine

from pipemap.copy_in import Block, copy_frames
from pipemap.db import Connection, Database, fetch_one
from pipemap.drafts import add_changeset, add_dataset
from pipemap.findings import save_findings
from pipemap.projects import read_project
from pipemap.sql import queries
from pipemap.statements import NODE_LINKS, compose
from schemas.delivery import DeliveredColumns, Delivery, SourceFile
from schemas.tables import metadata, state_names

OnProgress: TypeAlias = Callable[[str, int, int], None]

# Attributes that are identities of other features of the kind: what the map knows stands until those are found.
KEPT = {"pipe_segment": ("container_id",)}
_PLACE = ("source_file_id", "source_sheet", "source_row")
# Columns that may not be null, as they are when a delivery has no such column.
WHEN_ABSENT = {
    "shape_code": "unknown",
    "depth_datum_code": "unknown",
    "elevation_source_code": "unknown",
    "is_critical": False,
}
# What is kept of segments that name their container.
CONTAINED: dict[str, TypeEngine[Any]] = {
    "source_key": TEXT(),
    "container_key": TEXT(),
    **{name: metadata.tables["pipemap.pipe_segment"].columns[name].type for name in _PLACE},
}
_ANALYZE_FROM_ROWS = 10_000


class Follower(Protocol):
    """One who wants to know what a draft proposes, without reading it back."""

    def take(self, kind: str, block: Block) -> None:
        """Rows of one kind of feature that are being written; it is called from a thread."""
        ...

    def complete(self, left_by: str) -> None:
        """Those were all: the draft holds just these for as long as its changeset is as this transaction left it."""
        ...


@dataclass(frozen=True)
class Series:
    """A delivery series and the files of one delivery of it, by their identities."""

    dataset_id: int
    file_ids: list[int]


def register(database: Database, delivery: Delivery) -> Series:
    """Make a delivery's series and files known.

    In a transaction of their own, which may wait for others that do the same: of two imports that did it in theirs,
    which look at the map as it was when they began, one would fail.
    """
    with database.transaction() as connection:
        return Series(
            add_dataset(connection, delivery.dataset),
            [_source_file_id(connection, file, delivery.columns) for file in delivery.files],
        )


class Draft:
    """One import under way, and what both ways of writing it share."""

    def __init__(
        self,
        connection: Connection,
        delivery: Delivery,
        series: Series,
        title: str,
        author: str,
        on_progress: OnProgress,
        job_id: str | None = None,
        follower: Follower | None = None,
    ) -> None:
        self.connection = connection
        self.delivery = delivery
        self.on_progress = on_progress
        self._follower = follower
        self.srid = read_project(connection).srid
        self.dataset_id, self.file_ids = series.dataset_id, series.file_ids
        self.changeset_id = add_changeset(
            connection, title, "import", author, dataset_id=self.dataset_id, delivery_job_id=job_id
        )
        self.findings = list(delivery.findings)
        # Segments that name the line they lie in, in pieces.
        self.contained: list[pd.DataFrame] = []
        self.counts = {(c.file, c.sheet, c.class_code): replace(c) for c in delivery.counts}

    @property
    def names_containers(self) -> bool:
        """Whether the delivery says of any segment in which other one it lies."""
        return any(map(len, self.contained))

    @property
    def identities(self) -> dict[str, int]:
        """What statements are told of the changeset and its dataset."""
        return {"changeset_id": self.changeset_id, "dataset_id": self.dataset_id}

    def copy(self, kind: str, target: Composable, frames: Iterable[pd.DataFrame], more: Iterable[str] = ()) -> None:
        """Copy features of a kind into a table; `more` names its columns that do not come with a delivery."""
        own, total = metadata.tables[f"pipemap.{kind}_delta"].columns, self.delivery.size(kind)
        types: dict[str, TypeEngine[Any]] = {name: own[name].type for name in (*delivered_names(kind), *more)}
        if not more:
            types |= {key: TEXT() for key in NODE_LINKS[kind].values()}
        copy_frames(
            self.connection,
            target,
            (self._completed(frame, types) for frame in frames),
            types,
            lambda rows: self.on_progress(f"load {kind}", rows, total),
            partial(self._follower.take, kind) if more and self._follower is not None else None,
        )

    def analyze(self, kind: str, rows: int) -> None:
        """Let the planner know of many new deltas."""
        if rows >= _ANALYZE_FROM_ROWS:
            self.connection.execute(compose("ANALYZE {delta} (changeset_id, feature_id, op)", kind))

    def refuse(self, row: dict[str, Any]) -> None:
        """Count a row that the importer loaded, and that has no place in the map, as refused."""
        place = self.place(row)
        count = self.counts.get((place["file"] or "", place["sheet"] or "", row.get("class_code") or ""))
        if count is not None:
            count.loaded -= 1
            count.refused += 1

    def place(self, row: dict[str, Any]) -> dict[str, Any]:
        """File, sheet and row that a feature was read from."""
        file_id = row.get("source_file_id")
        file = None if file_id is None else self.delivery.files[self.file_ids.index(file_id)].name
        return {"file": file, "sheet": row.get("source_sheet"), "row": row.get("source_row")}

    def save(self) -> None:
        """Save findings and row counts."""
        save_findings(self.connection, self.changeset_id, "import", self.findings)
        counts = Jsonb([asdict(count) for count in self.counts.values()])
        self.connection.execute(
            queries("ingest")["set_row_counts"], {"changeset_id": self.changeset_id, "counts": counts}
        )

    def left_by(self) -> str:
        """The transaction that wrote the changeset last, which is this one."""
        row = fetch_one(self.connection, queries("ingest")["left_by"], self.identities)
        assert row is not None
        return str(row["left_by"])

    def _completed(self, frame: pd.DataFrame, types: Iterable[str]) -> pd.DataFrame:
        """The frame with its geometries in the project CRS, its files by identity, and no forbidden null."""
        complete = frame.copy(deep=False)
        if frame["geom"].dtype == object:
            complete["geom"] = shapely.set_srid(frame["geom"].to_numpy(object), self.srid)
        if "source_file" in frame.columns:
            complete["source_file_id"] = frame["source_file"].map(dict(enumerate(self.file_ids)))
        if "extra" in frame.columns and frame["extra"].dtype == object:
            complete["extra"] = frame["extra"].where(frame["extra"].astype(bool), None)
        for name, default in WHEN_ABSENT.items():
            if name in types:
                given = frame[name] if name in frame.columns else pd.Series(None, index=frame.index, dtype=object)
                complete[name] = given.where(given.notna(), default)
        if "container_key" in complete.columns:
            self.contained.append(complete[complete["container_key"].notna()].reindex(columns=list(CONTAINED)))
        return complete


def delivered_names(kind: str) -> tuple[str, ...]:
    """State columns whose value comes with the delivery."""
    missing = {"feature_id", "dataset_id", *NODE_LINKS[kind], *KEPT.get(kind, ())}
    return tuple(name for name in state_names(kind) if name not in missing)


def _source_file_id(connection: Connection, file: SourceFile, columns: Iterable[DeliveredColumns]) -> int:
    connection.execute(queries("ingest")["add_source_file"], asdict(file))
    row = fetch_one(connection, queries("ingest")["source_file_id"], asdict(file))
    assert row is not None
    told = Jsonb([asdict(each) for each in columns if each.file == file.name])
    connection.execute(queries("ingest")["tell_columns"], {**row, "columns": told})
    return int(row["source_file_id"])
