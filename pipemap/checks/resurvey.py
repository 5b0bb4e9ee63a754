"""A second survey of some points of a dataset, to judge the first one by: what differs, and by how much.

How the points were re-measured decides which rule they fall under: a point with something visible on it
(a well, a valve) is measured again, one without was detected again.
"""

from typing import Any

import numpy as np
import pandas as pd
import shapely
from psycopg.sql import SQL, Composable, Identifier, Literal

from pipemap.checks.columns import Floats
from pipemap.checks.registry import Rulebook
from pipemap.checks.survey_check import Remeasured, SurveyCheck
from pipemap.db import Connection, Database, fetch_all
from pipemap.errors import NotFoundError
from pipemap.sql import queries
from pipemap.statements import table
from schemas.delivery import Delivery
from schemas.findings import Finding


def check_survey(
    database: Database, again: Delivery, dataset: str, *, changeset_id: int | None = None, rules: Rulebook | None = None
) -> list[Finding]:
    """Judge a dataset, as published or as a changeset has it, by a second survey of some of its points.

    Points match by number, line ends by the numbers of both points. Raises NotFoundError when the second
    survey holds no point of the dataset.
    """
    with database.transaction(read_only=True) as connection:
        first = _FirstSurvey(connection, dataset, changeset_id)
        points, ends = first.points(again), first.ends(again)
    if not len(points.rows):
        raise NotFoundError(f"The second survey holds no point of the dataset {dataset}.")
    checks = (SurveyCheck(each, points, ends) for each in rules or Rulebook.standard() if each.sees == "survey")
    return [finding for check in checks for finding in check.rule.run(check)]


class _FirstSurvey:
    """A dataset as the map, or a changeset, has it."""

    def __init__(self, connection: Connection, dataset: str, changeset_id: int | None) -> None:
        self._connection = connection
        self._wanted = {"dataset": dataset}
        self._changeset_id = changeset_id

    def points(self, again: Delivery) -> Remeasured:
        """The points that both surveys have."""
        mine = self._rows("surveyed_points", again.nodes["source_key"].tolist(), ["key", *_POINT_NUMBERS, *_SEEN])
        both = _given(again.nodes, again).merge(mine, on="key", suffixes=("", "_first"))
        plan_m = np.hypot(both["x_m"] - both["x_m_first"], both["y_m"] - both["y_m_first"])
        height_m = both["ground_elevation_m"] - both["ground_elevation_m_first"]
        return _remeasured(both, plan_m, height_m, np.full(len(both), np.nan))

    def ends(self, again: Delivery) -> Remeasured:
        """Both ends of the lines that both surveys have, in either direction."""
        theirs = _line_ends(again)
        mine = self._rows("surveyed_ends", theirs["at"].unique().tolist(), ["at", "far", "depth_m", *_SEEN])
        both = theirs.merge(mine, on=["at", "far"], suffixes=("", "_first"))
        nothing = np.full(len(both), np.nan)
        off_m = (both["depth_m"] - both["depth_m_first"]).to_numpy(np.float64)
        both["depth_m"] = both["depth_m_first"]
        return _remeasured(both, nothing, nothing, off_m)

    def _rows(self, name: str, keys: list[str], columns: list[str]) -> pd.DataFrame:
        query = SQL(queries("checks")[name]).format(
            nodes=self._relation("node"), segments=self._relation("pipe_segment")
        )
        rows = fetch_all(self._connection, query, {**self._wanted, "keys": keys})
        frame = pd.DataFrame(rows, columns=columns)
        numbers = [column for column in columns if column.endswith("_m")]
        return frame.astype(dict.fromkeys(numbers, np.float64))

    def _relation(self, kind: str) -> Composable:
        if self._changeset_id is None:
            return table(kind)
        return SQL("{}({})").format(Identifier("pipemap_app", f"{kind}_in_changeset"), Literal(self._changeset_id))


_POINT_NUMBERS = ("x_m", "y_m", "ground_elevation_m", "depth_m")
_SEEN = ("is_visible",)


def _given(frame: pd.DataFrame, again: Delivery) -> pd.DataFrame:
    """What a second survey says of its points, each with the place it stands at in the files."""
    names = {number: file.name for number, file in enumerate(again.files)}
    missing = pd.Series(np.nan, index=frame.index)
    places = frame["geom"].to_numpy(object)
    return pd.DataFrame(
        {
            "key": frame["source_key"],
            "x_m": shapely.get_x(places),
            "y_m": shapely.get_y(places),
            "ground_elevation_m": frame.get("ground_elevation_m", missing).astype(np.float64),
            "file": frame.get("source_file", missing).map(names),
            "sheet": frame.get("source_sheet", missing),
            "row": frame.get("source_row", missing),
        }
    )


def _line_ends(again: Delivery) -> pd.DataFrame:
    lines, names = again.segments, {number: file.name for number, file in enumerate(again.files)}
    missing = pd.Series(np.nan, index=lines.index)
    ends = []
    for near, far, vertex in (("from", "to", 0), ("to", "from", -1)):
        places = shapely.get_point(lines["geom"].to_numpy(object), vertex) if len(lines) else np.empty(0, object)
        ends.append(
            pd.DataFrame(
                {
                    "at": lines.get(f"{near}_key", missing).astype(object),
                    "far": lines.get(f"{far}_key", missing).astype(object),
                    "depth_m": lines.get(f"{near}_depth_m", missing).astype(np.float64),
                    "x_m": shapely.get_x(places),
                    "y_m": shapely.get_y(places),
                    "file": lines.get("source_file", missing).map(names),
                    "sheet": lines.get("source_sheet", missing),
                    "row": lines.get("source_row", missing),
                }
            )
        )
    both = pd.concat(ends, ignore_index=True)
    return both.assign(key=both["at"].astype(str) + " → " + both["far"].astype(str))


def _remeasured(both: pd.DataFrame, plan_m: Any, height_m: Any, off_depth_m: Floats) -> Remeasured:
    rows = both[["key", "x_m", "y_m", "file", "sheet", "row"]].astype(object)
    rows = rows.where(rows.notna(), None)
    return Remeasured(
        rows,
        both["is_visible"].to_numpy(np.bool_),
        both["depth_m"].to_numpy(np.float64),
        np.asarray(plan_m, np.float64),
        np.asarray(height_m, np.float64),
        off_depth_m,
    )
