"""One dataset of one version as plain rows, ends named by the numbers of their points."""

from dataclasses import dataclass
from typing import Any

from psycopg.sql import SQL

from pipemap.db import Connection, fetch_all, fetch_one
from pipemap.errors import NotFoundError
from pipemap.sql import queries
from pipemap.versions import relation, resolve_version
from schemas.tables import FEATURE_KINDS


@dataclass(frozen=True)
class DatasetContent:
    """Rows of the tables' columns; points also x_m and y_m, segments from_key, to_key and is_bent, in the project CRS.

    `structures` is how many structures there are beside.
    """

    nodes: list[dict[str, Any]]
    segments: list[dict[str, Any]]
    consumers: list[dict[str, Any]]
    structures: int


def read_dataset(connection: Connection, name: str, version: int | None = None) -> DatasetContent:
    """What a dataset holds at a version, the newest by default.

    Raises
    ------
    NotFoundError
        When there is no such dataset or version.
    """
    found = fetch_one(connection, queries("ingest")["dataset_id"], {"name": name})
    if found is None:
        raise NotFoundError(f"There is no dataset {name}.", message_zh=f"没有数据集 {name}。")
    at = resolve_version(connection, version)
    tables = {kind: relation(kind, at) for kind in FEATURE_KINDS}

    def rows(query: str) -> list[dict[str, Any]]:
        statement = SQL(queries("datasets")[query]).format(**tables)
        return [dict(row) for row in fetch_all(connection, statement, dict(found))]

    (beside,) = rows("count_structures")
    return DatasetContent(rows("nodes"), rows("segments"), rows("consumers"), beside["structures"])
