"""Small deliveries for tests, and what the map holds after them, read straight from the tables."""

from collections.abc import Iterable
from typing import Any

import pandas as pd
from shapely import LineString, Point

from pipemap.changesets import publish
from pipemap.db import Database
from pipemap.ingest import create_import
from schemas.delivery import Delivery, RowCount, SourceFile
from schemas.tables import FEATURE_KINDS, state_names

FILE = SourceFile("survey.xlsx", "ab" * 32, "tables", "test")


def node(key: str, x: float = 0.0, y: float = 0.0, **attributes: Any) -> dict[str, Any]:
    return {
        "source_key": key,
        "class_code": "water",
        "geom": Point(500_000 + x, 2_500_000 + y),
        "source_file": 0,
        "source_sheet": "points",
        **attributes,
    }


def segment(start: str, end: str, axis: Iterable[tuple[float, ...]], **attributes: Any) -> dict[str, Any]:
    placed = [(500_000 + x, 2_500_000 + y, *z) for x, y, *z in axis]
    return {
        "source_key": f"{start}->{end}",
        "from_key": start,
        "to_key": end,
        "class_code": "water",
        "geom": LineString(placed),
        "source_file": 0,
        "source_sheet": "lines",
        **attributes,
    }


def delivery(
    nodes: Iterable[dict[str, Any]] = (),
    segments: Iterable[dict[str, Any]] = (),
    consumers: Iterable[dict[str, Any]] = (),
    structures: Iterable[dict[str, Any]] = (),
    dataset: str = "survey",
) -> Delivery:
    frames = [pd.DataFrame(list(rows)) for rows in (nodes, segments, consumers, structures)]
    counts = [
        RowCount("survey.xlsx", sheet, "water", len(frame), len(frame))
        for sheet, frame in zip(("points", "lines"), frames[:2], strict=True)
    ]
    return Delivery(dataset, [FILE], *frames, counts=counts)


def street(count: int = 3, dataset: str = "survey", **attributes: Any) -> Delivery:
    """J0 ── J1 ── J2 …, ten metres apart, axis at 8 m."""
    nodes = [node(f"J{i}", 10 * i) for i in range(count)]
    segments = [
        segment(f"J{i}", f"J{i + 1}", [(10 * i, 0, 8), (10 * i + 10, 0, 8)], **attributes) for i in range(count - 1)
    ]
    return delivery(nodes, segments, dataset=dataset)


def bring_in(database: Database, given: Delivery, *, partial: bool = False, author: str = "surveyor") -> int:
    return create_import(database, given, title="survey", author=author, partial=partial)


def mark_checked(database: Database, changeset_id: int) -> None:
    with database.transaction() as connection:
        connection.execute("UPDATE pipemap.changeset SET state = 'checked' WHERE changeset_id = %s", [changeset_id])


def publish_now(database: Database, changeset_id: int, **options: Any) -> int:
    mark_checked(database, changeset_id)
    return publish(database, changeset_id, message="test", author="publisher", **options)


def deltas_of(database: Database, changeset_id: int) -> dict[tuple[str, str], str]:
    """Op by kind and source key, from the delta tables."""
    with database.transaction() as connection:
        return {
            (kind, row["source_key"]): row["op"]
            for kind in FEATURE_KINDS
            for row in connection.execute(
                f"SELECT source_key, op FROM pipemap.{kind}_delta WHERE changeset_id = %s", [changeset_id]
            )
        }


def whole_map(database: Database, dataset: str | None = None) -> dict[tuple[str, int], dict[str, Any]]:
    """Every state column of every current feature, geometry as EWKB in hex."""
    return states_in(database, lambda kind: f"pipemap.{kind}", dataset)


def states_in(database: Database, source: Any, dataset: str | None = None) -> dict[tuple[str, int], dict[str, Any]]:
    of_dataset = "SELECT dataset_id FROM pipemap.dataset WHERE %(dataset)s::text IS NULL OR name = %(dataset)s"
    with database.transaction() as connection:
        return {
            (kind, row["feature_id"]): row
            for kind in FEATURE_KINDS
            for row in connection.execute(
                f"SELECT {', '.join(state_names(kind))} FROM {source(kind)} WHERE dataset_id IN ({of_dataset})",
                {"dataset": dataset},
            )
        }
