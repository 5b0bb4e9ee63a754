"""What a changeset does to the map, as a picture for who reviews it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from psycopg.rows import DictRow

from pipemap.changesets import Changeset
from pipemap.db import Connection, fetch_all
from pipemap.findings import list_findings
from pipemap.map_picture import Picture, without_strays
from pipemap.sql import queries
from pipemap.statements import compose

_MOST_DRAWN, _MOST_ERRORS = 8_000, 200
_NARROWEST_M = 60.0
_KINDS = ("pipe_segment", "node")
_COLOURS = {"delete": "#b3261e", "update": "#c77700", "insert": "#11803c"}
_NOW = "#c4c4c4"
_NODE_RADIUS_PX = 1.8


@dataclass(frozen=True)
class ChangesPicture:
    """The picture as SVG, and how many features it shows of how many."""

    svg: str
    drawn: int
    total: int


def draw_changes(connection: Connection, changeset: Changeset) -> ChangesPicture | None:
    """What is added, changed and removed over today's map, and where errors were found; None where nothing has a place.

    Today's pipes are grey, what comes green, what changes amber with its old place dashed, what goes red.
    """
    places = {kind: _places(connection, changeset, kind) for kind in _KINDS}
    errors = list_findings(connection, changeset.changeset_id, severity="error", limit=_MOST_ERRORS)
    bounds = _bounds([row for rows in places.values() for row in rows], errors)
    if bounds is None:
        return None
    picture = Picture(bounds, _NARROWEST_M)
    spots = [picture.pixels(error["x_m"], error["y_m"]) for error in errors if error["x_m"] is not None]
    svg = picture.svg(
        picture.path([pipe["axis"] for pipe in picture.pipes(connection)], stroke=_NOW),
        *_lines(picture, places["pipe_segment"]),
        *_dots(picture, places["node"]),
        *(_ring(x, y) for x, y in spots),
    )
    total = sum(sum(changeset.changes.get(kind, {}).values()) for kind in _KINDS)
    return ChangesPicture(svg, sum(map(len, places.values())), total)


def _places(connection: Connection, changeset: Changeset, kind: str) -> list[DictRow]:
    name = "drafted_places" if changeset.version is None else "published_places"
    wanted = {"changeset_id": changeset.changeset_id, "version": changeset.version, "limit": _MOST_DRAWN}
    rows = fetch_all(connection, compose(queries("report")[name], kind), wanted)
    return [{"op": row["op"], **{side: shapely.from_wkb(row[side]) for side in ("after", "before")}} for row in rows]


def _bounds(rows: Sequence[DictRow], errors: Sequence[DictRow]) -> list[float] | None:
    shapes = [row[side] for row in rows for side in ("after", "before") if row[side] is not None]
    spots = [[error["x_m"], error["y_m"]] for error in errors]
    places = np.vstack([shapely.get_coordinates(shapes), np.array(spots, np.float64).reshape(-1, 2)])
    known = without_strays(places)
    return [*known.min(axis=0).tolist(), *known.max(axis=0).tolist()] if len(known) else None


def _lines(picture: Picture, rows: Sequence[DictRow]) -> list[str]:
    """Old places below, then what goes, changes and comes."""
    moved = [row["before"] for row in rows if row["op"] == "update" and not _is_same_place(row)]
    by_op = {op: [row["after"] for row in rows if row["op"] == op] for op in _COLOURS}
    return [
        picture.path(moved, stroke=_COLOURS["update"], stroke_dasharray="4 3", stroke_opacity=0.7),
        *(picture.path(axes, stroke=_COLOURS[op], stroke_width=2.2) for op, axes in by_op.items()),
    ]


def _is_same_place(row: DictRow) -> bool:
    return row["before"] is None or shapely.equals_exact(row["before"], row["after"])


def _dots(picture: Picture, rows: Sequence[DictRow]) -> list[str]:
    found = []
    for row in rows:
        if row["after"] is not None and not row["after"].is_empty:
            x, y = picture.pixels(row["after"].x, row["after"].y)
            found.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{_NODE_RADIUS_PX}" fill="{_COLOURS[row["op"]]}"/>')
    return found


def _ring(x: Any, y: Any) -> str:
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="6" fill="none" stroke="#d40000" stroke-width="2"/>'
