"""From what a person can name or click to the segment that has burst."""

from collections.abc import Sequence

from psycopg.sql import SQL

from pipemap.crs import check_in_use
from pipemap.db import Connection, fetch_all, fetch_one
from pipemap.errors import NotFoundError, UsageError
from pipemap.projects import read_project
from pipemap.sql import queries
from pipemap.versions import relation
from schemas.codetables import code_table, codes_where
from schemas.isolation import ClickedSegment, Note

CLICK_RADIUS_M = 50.0
# Beyond this another pipe may well be meant.
SURE_WITHIN_M = 5.0


def nearest_segment(
    connection: Connection,
    x_m: float,
    y_m: float,
    z_m: float | None = None,
    class_codes: Sequence[str] = ("water",),
    version: int | None = None,
) -> ClickedSegment:
    """The live segment nearest to a point in the project CRS, at most 50 m off in plan.

    Nearest in space where the heights of the point and of the axis are known, else in plan.

    Raises
    ------
    NotFoundError
        When no live segment of the classes is that near.
    CrsError
        When the map cannot be there, as for degrees.
    UsageError
        When a class is not in the code table.
    """
    for code in class_codes:
        if code not in code_table("utility_class"):
            raise UsageError(f"{code} is no utility class; there are {', '.join(code_table('utility_class'))}.")
    srid = read_project(connection).srid
    check_in_use((x_m, y_m, x_m, y_m), srid, srid)
    query = SQL(queries("network")["nearest_segment"]).format(relation=relation("pipe_segment", version))
    place = {"x": x_m, "y": y_m, "z": z_m, "radius_m": CLICK_RADIUS_M}
    choice = {"class_codes": list(class_codes), "active": list(codes_where("lifecycle", "is_active", "1"))}
    found = fetch_one(connection, query, {**place, **choice})
    if found is None:
        raise NotFoundError(f"Within {CLICK_RADIUS_M:g} m of {x_m:.2f}, {y_m:.2f} is no {'/'.join(class_codes)} pipe.")
    return ClickedSegment(**found)


def far_from_place(clicked: ClickedSegment) -> Note:
    """The warning that the segment taken for a place is a guess."""
    key, away = clicked.source_key or clicked.segment_id, f"{clicked.distance_m:.1f} m"
    return Note(
        code="far-from-place",
        message_en=f"The segment taken, {key}, lies {away} from the place given; check that it is the one that burst.",
        message_zh=f"所取管段 {key} 距所给位置 {away}，请核实爆管是否为该管段。",
    )


def segment_by_key(connection: Connection, key: str, dataset: str | None = None, version: int | None = None) -> int:
    """The segment a dataset names by its own key, for example "J101->J102".

    Raises
    ------
    NotFoundError
        When no segment has it.
    UsageError
        When several datasets have it and none is named.
    """
    query = SQL(queries("network")["segment_by_key"]).format(relation=relation("pipe_segment", version))
    found = fetch_all(connection, query, {"key": key, "dataset": dataset})
    if not found:
        raise NotFoundError(f"No segment has the key {key}" + (f" in {dataset}." if dataset else "."))
    if len(found) > 1:
        raise UsageError(f"Several datasets have a segment {key}: {', '.join(row['dataset'] for row in found)}.")
    return int(found[0]["feature_id"])
