"""A drawn pipe as a draft changeset: planned segments from node to node, checked against the live map as any other."""

import math
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import shapely

from pipemap.changesets import create_edit, get_changeset, list_deltas
from pipemap.clearance.drawn import drawn_segment
from pipemap.clearance.geometry3d import Floats
from pipemap.clearance.numbers import known
from pipemap.clearance.site import Segment, Site
from pipemap.clearance.stored import changeset_clearance
from pipemap.db import Connection, Database, fetch_one
from pipemap.errors import NotFoundError, UsageError
from pipemap.sql import queries
from schemas.clearance import DrawnPipe
from schemas.routing import Design, PlannedPipe

_DATASET = "design"
# A line that joins a node of the map ends this near to it and is drawn to its place.
_JOINS_WITHIN_M = 1.0
# Less of a turn than this is a straight point, no bend.
_LEAST_BEND_DEG = 1.0


def save_design(database: Database, pipe: DrawnPipe, *, title: str, author: str, line_srid: int | None = None) -> int:
    """Save a drawn pipe as a draft changeset of planned segments and return its number.

    Every vertex becomes a node with the ground known there: the corners of a line with elevations, and for one
    given by its cover the points at which it follows the ground. A line that joins a node of the map ends at it.
    Raises UsageError for a line that makes no sense or ends off its node, NotFoundError for a node that is not there.
    """
    with database.transaction(read_only=True) as connection:
        drawn = drawn_segment(Site(connection, None), pipe, line_srid)
        axis = _joined_axis(connection, pipe, drawn.axis)
    changes = [*_nodes(pipe, drawn, axis), *_segments(pipe, drawn, axis)]
    return create_edit(database, title=title, author=author, changes=changes, kind="design", dataset=_DATASET)


def read_design(connection: Connection, changeset_id: int) -> Design:
    """A changeset as a design: the segments it brings and their clearances; NotFoundError when there is none."""
    changeset = get_changeset(connection, changeset_id)
    deltas = list_deltas(connection, changeset_id, kind="pipe_segment", limit=None)
    return Design(
        changeset_id=changeset_id,
        title=changeset.title,
        state=changeset.state,
        author=changeset.author,
        pipes=tuple(_planned(delta["new"]) for delta in deltas if delta["new"] is not None),
        clearance=changeset_clearance(connection, changeset_id),
    )


def _joined_axis(connection: Connection, pipe: DrawnPipe, axis: Floats) -> Floats:
    """The axis with its ends in plan at the nodes they join."""
    axis = axis.copy()
    for end, node_id in ((0, pipe.from_node_id), (-1, pipe.to_node_id)):
        if node_id is not None:
            place = node_place(connection, node_id)
            away_m = math.hypot(*(axis[end, :2] - place))
            if away_m > _JOINS_WITHIN_M:
                raise UsageError(
                    f"The line ends {away_m:.2f} m away from node {node_id}, which it is to join.",
                    message_zh=f"管线端点距所接管点 {node_id} 有 {away_m:.2f} m。",
                )
            axis[end, :2] = place
    return axis


def node_place(connection: Connection, node_id: int) -> tuple[float, float]:
    """Where a node of the live map is in plan; NotFoundError when there is none."""
    row = fetch_one(connection, queries("routing")["node_place"], {"node_id": node_id})
    if row is None:
        raise NotFoundError(f"There is no node {node_id} on the map.", message_zh=f"图上没有管点 {node_id}。")
    return row["x_m"], row["y_m"]


def _nodes(pipe: DrawnPipe, drawn: Segment, axis: Floats) -> Iterator[dict[str, Any]]:
    """A node for each vertex that joins none of the map; its placeholder is the vertex counted down from -1."""
    ground_m = drawn.drawn_ground_m
    assert ground_m is not None
    for place, identity in enumerate(_node_ids(pipe, len(axis))):
        if identity < 0:
            values = {
                "class_code": pipe.class_code,
                "feature_code": _feature_code(axis, place),
                "ground_elevation_m": known(ground_m[place]),
                "lifecycle_code": "planned",
                "geom": shapely.Point(axis[place, :2]),
            }
            yield {"kind": "node", "op": "insert", "feature_id": identity, "values": values}


def _segments(pipe: DrawnPipe, drawn: Segment, axis: Floats) -> Iterator[dict[str, Any]]:
    node_ids, ground_m = _node_ids(pipe, len(axis)), drawn.drawn_ground_m
    assert ground_m is not None
    for here, there in pairwise(range(len(axis))):
        ends = {"from": here, "to": there}
        nodes = {f"{end}_node_id": node_ids[place] for end, place in ends.items()}
        depths = {f"{end}_depth_m": known(ground_m[place] - axis[place, 2]) for end, place in ends.items()}
        heights = {f"{end}_elevation_m": known(axis[place, 2]) for end, place in ends.items()}
        values = {**_attributes(pipe), **nodes, **depths, **heights, **_placed(axis[[here, there]])}
        yield {"kind": "pipe_segment", "op": "insert", "values": values}


def _attributes(pipe: DrawnPipe) -> dict[str, Any]:
    return {
        "class_code": pipe.class_code, "shape_code": pipe.shape_code, "size_basis_code": "outer",
        "width_mm": pipe.width_mm, "height_mm": pipe.height_mm or pipe.width_mm, "casing_mm": pipe.casing_mm,
        "burial_code": pipe.burial_code,
        "pressure_code": pipe.pressure_code, "pressure_mpa": pipe.pressure_mpa, "voltage_kv": pipe.voltage_kv,
        "lifecycle_code": "planned", "depth_datum_code": "axis",
        # What is planned is where it is planned: only the survey of the other pipe can be wrong.
        "horizontal_accuracy_m": 0.0, "vertical_accuracy_m": 0.0,
    }  # fmt: skip


def _placed(piece: Floats) -> dict[str, Any]:
    if np.isnan(piece).any():
        return {"geom": shapely.LineString(piece[:, :2]), "elevation_source_code": "unknown"}
    return {"geom": shapely.LineString(piece), "elevation_source_code": "measured"}


def _node_ids(pipe: DrawnPipe, count: int) -> list[int]:
    """Identities of the vertices' nodes, negative for new ones."""
    node_ids = [-1 - place for place in range(count)]
    node_ids[0] = pipe.from_node_id or node_ids[0]
    node_ids[-1] = pipe.to_node_id or node_ids[-1]
    return node_ids


def _feature_code(axis: Floats, place: int) -> str:
    if place in (0, len(axis) - 1):
        return "end"
    before, after = axis[place, :2] - axis[place - 1, :2], axis[place + 1, :2] - axis[place, :2]
    turn_deg = math.degrees(math.atan2(abs(before[0] * after[1] - before[1] * after[0]), float(before @ after)))
    return "bend" if turn_deg > _LEAST_BEND_DEG else "straight"


def _planned(state: Mapping[str, Any]) -> PlannedPipe:
    names = ("feature_id", "class_code", "shape_code", "width_mm", "height_mm")
    axis = tuple((place[0], place[1], place[2] if len(place) > 2 else None) for place in state["geom"]["coordinates"])
    return PlannedPipe(**{name: state[name] for name in names}, axis=axis)
