"""The map as one binary scene for a browser: arrays of metre offsets that go to the graphics card as they are.

Layout: the header's length as a little-endian uint32, the header as JSON padded with spaces, then the
arrays it names, each aligned to 8 bytes. Column offsets count from the end of the header.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, LiteralString, TypeAlias

import numpy as np
import numpy.typing as npt
import orjson
import scipy.spatial
from psycopg.sql import SQL, Composable, Literal

from pipemap.copy_out import CopiedRows, copy_rows
from pipemap.db import Connection
from pipemap.network.axes import Axes
from pipemap.projects import read_project
from pipemap.sql import queries
from pipemap.versions import current_version, relation
from schemas.codetables import code_table, codes_where

Array: TypeAlias = npt.NDArray[Any]
Columns: TypeAlias = dict[str, Array]

DEPTH_UNKNOWN = 1  # drawn at the ground of its end nodes, never counted as a measured place
GROUND_UNKNOWN = 2  # nor is the ground known: drawn at the level of the scene's origin
INFERRED = 4
INACTIVE = 8
NO_CODE = 255

_ALIGNMENT = 8
_GROUND_CELLS = 96


@dataclass(frozen=True, eq=False)
class _Scene:
    """Everything in project coordinates; places are (n, 3) x, y, z in m."""

    axes: Array
    starts: Array
    nodes: Array
    consumers: Array
    outlines: Array
    columns: Columns


@dataclass(frozen=True, eq=False)
class EncodedScene:
    """A scene as a browser reads it, and the identities of the segments and nodes in it."""

    body: bytes
    feature_ids: npt.NDArray[np.int64]


def encode_scene(
    connection: Connection, bbox: Sequence[float] | None = None, version: int | None = None
) -> EncodedScene:
    """Encode what lies in a box at a version (None: all of it; the current one).

    `bbox` is (minx, miny, maxx, maxy) or with z (minx, miny, minz, maxx, maxy, maxz), of which the plan
    part counts, in the project CRS. Whatever touches the box is whole.
    """
    scene = _read(connection, bbox, version)
    origin = _origin(scene)
    columns = scene.columns | _places(scene, origin)
    header = {
        "version": current_version(connection) if version is None else version,
        "srid": read_project(connection).srid,
        "origin": origin.tolist(),
        "extent": _extent(scene),
        "classes": list(code_table("utility_class")),
        "shapes": list(code_table("section_shape")),
        "appurtenances": list(code_table("appurtenance")),
        "valve_states": list(code_table("valve_state")),
    }
    feature_ids = np.concatenate([columns["segment_id"], columns["node_id"]]).astype(np.int64)
    return EncodedScene(_pack(header, columns), feature_ids)


def _read(connection: Connection, bbox: Sequence[float] | None, version: int | None) -> _Scene:
    box = _box(bbox, read_project(connection).srid)

    def rows(name: str, columns: int) -> CopiedRows:
        return copy_rows(connection, _query(queries("scene")[name], box, version), columns)

    segments, nodes, consumers, structures = (
        rows("segments", 10),
        rows("nodes", 7),
        rows("consumers", 4),
        rows("structures", 4),
    )
    axes, starts = _lines(segments, 1)
    outlines, outline_starts = _lines(structures, 3)
    columns = {
        "segment_start": starts.astype(np.uint32),
        "structure_start": outline_starts.astype(np.uint32),
        **_segment_columns(segments, np.isnan(axes[starts[:-1], 2])),
        **_node_columns(nodes),
        "consumer_id": consumers.numbers(0, np.int64).astype(np.float64),
        "consumer_is_critical": consumers.numbers(3, np.bool_).astype(np.uint8),
        "structure_id": structures.numbers(0, np.int64).astype(np.float64),
        "structure_base": structures.numbers(1, np.float64, np.nan),
        "structure_top": structures.numbers(2, np.float64, np.nan),
    }
    from_ground, to_ground = (segments.numbers(column, np.float64, np.nan) for column in (8, 9))
    axes[:, 2] = np.where(np.isnan(axes[:, 2]), _along(axes, starts, from_ground, to_ground), axes[:, 2])
    return _Scene(axes, starts, _points(nodes, 3), _points(consumers), outlines, columns)


def _box(bbox: Sequence[float] | None, srid: int) -> Composable:
    if bbox is None:
        return SQL("NULL")
    sides = len(bbox) // 2
    corners = (*bbox[:2], *bbox[sides : sides + 2])
    return SQL("ST_MakeEnvelope({})").format(SQL(", ").join(map(Literal, (*map(float, corners), srid))))


def _query(statement: LiteralString, box: Composable, version: int | None) -> Composable:
    return SQL(statement).format(
        box=box,
        classes=Literal(list(code_table("utility_class"))),
        shapes=Literal(list(code_table("section_shape"))),
        appurtenances=Literal(list(code_table("appurtenance"))),
        states=Literal(list(code_table("valve_state"))),
        inactive=Literal(sorted(codes_where("lifecycle", "is_active", "0"))),
        segments=relation("pipe_segment", version),
        nodes=relation("node", version),
        consumers=relation("consumer", version),
        structures=relation("structure", version),
    )


def _segment_columns(rows: CopiedRows, depth_unknown: Array) -> Columns:
    ground_unknown = np.isnan(rows.numbers(8, np.float64, np.nan)) & np.isnan(rows.numbers(9, np.float64, np.nan))
    flags = (
        depth_unknown * DEPTH_UNKNOWN
        + (depth_unknown & ground_unknown) * GROUND_UNKNOWN
        + rows.numbers(6, np.bool_).astype(bool) * INFERRED
        + rows.numbers(7, np.bool_).astype(bool) * INACTIVE
    )
    return {
        "segment_id": rows.numbers(0, np.int64).astype(np.float64),
        "segment_class": _codes(rows, 2),
        "segment_shape": _codes(rows, 3),
        "segment_width_mm": rows.numbers(4, np.float32, np.nan),
        "segment_height_mm": rows.numbers(5, np.float32, np.nan),
        "segment_flags": flags.astype(np.uint8),
    }


def _node_columns(rows: CopiedRows) -> Columns:
    return {
        "node_id": rows.numbers(0, np.int64).astype(np.float64),
        "node_class": _codes(rows, 4),
        "node_appurtenance": _codes(rows, 5),
        "node_state": _codes(rows, 6),
    }


def _codes(rows: CopiedRows, column: int) -> Array:
    return (rows.numbers(column, np.int32, NO_CODE + 1) - 1).astype(np.uint8)


def _points(rows: CopiedRows, z_column: int | None = None) -> Array:
    z = np.full(len(rows), np.nan) if z_column is None else rows.numbers(z_column, np.float64, np.nan)
    return np.column_stack([rows.numbers(1, np.float64), rows.numbers(2, np.float64), z])


def _lines(rows: CopiedRows, column: int) -> tuple[Array, Array]:
    """Vertices (n, 3) of a column of WKB lines, z NaN where a line has none, and where each line starts."""
    axes = Axes.read(rows, column, np.arange(len(rows)))
    return axes.points_m, axes.bounds


def _along(axes: Array, starts: Array, from_value: Array, to_value: Array) -> Array:
    """A value at every vertex, linear in plan between both ends; one known end serves for both."""
    steps = np.hypot(*np.diff(axes[:, :2], axis=0, prepend=axes[:1, :2]).T)
    steps[starts[:-1]] = 0
    run = np.cumsum(steps)
    counts = np.diff(starts)
    begin = np.repeat(run[starts[:-1]], counts)
    length = np.repeat(run[starts[1:] - 1], counts) - begin
    share = np.divide(run - begin, length, out=np.zeros_like(run), where=length > 0)
    first = np.repeat(np.where(np.isnan(from_value), to_value, from_value), counts)
    last = np.repeat(np.where(np.isnan(to_value), from_value, to_value), counts)
    result: Array = first + share * (last - first)
    return result


def _origin(scene: _Scene) -> Array:
    """A whole metre near the middle, at the usual ground level, so that offsets stay small enough for float32."""
    extent = _extent(scene)
    if extent is None:
        return np.zeros(3)
    levels = next((z for z in (_known(scene.nodes[:, 2]), _known(scene.axes[:, 2])) if len(z)), np.zeros(1))
    return np.round([(extent[0] + extent[2]) / 2, (extent[1] + extent[3]) / 2, np.median(levels)])


def _known(values: Array) -> Array:
    return values[~np.isnan(values)]


def _extent(scene: _Scene) -> list[float] | None:
    plan = np.concatenate([scene.axes[:, :2], scene.nodes[:, :2]])
    return [*plan.min(axis=0).tolist(), *plan.max(axis=0).tolist()] if len(plan) else None


def _places(scene: _Scene, origin: Array) -> Columns:
    ground, triangles = _ground(scene.nodes)
    structure_z = {
        name: (scene.columns[name] - origin[2]).astype(np.float32) for name in ("structure_base", "structure_top")
    }
    return structure_z | {
        "segment_vertex": _offsets(scene.axes, origin),
        "node_place": _offsets(scene.nodes, origin, keep_unknown=True),
        "consumer_place": _offsets(scene.consumers, origin),
        "structure_vertex": _offsets(scene.outlines, origin),
        "ground_vertex": _offsets(ground, origin),
        "ground_triangle": triangles,
    }


def _offsets(places: Array, origin: Array, keep_unknown: bool = False) -> Array:
    """Metre offsets from the origin; an unknown z becomes the origin's level unless it is to stay NaN."""
    offsets = (places - origin).astype(np.float32)
    return offsets if keep_unknown else np.where(np.isnan(offsets), np.float32(0), offsets)


def _ground(nodes: Array) -> tuple[Array, Array]:
    """An estimate of the ground: mean elevations of surveyed points on a grid, joined to triangles."""
    known = nodes[~np.isnan(nodes[:, 2])]
    if len(known) < 3:
        return np.zeros((0, 3)), np.zeros((0, 3), np.uint32)
    corner, size = known[:, :2].min(axis=0), np.ptp(known[:, :2], axis=0).max()
    column, row = np.floor((known[:, :2] - corner) / max(size / _GROUND_CELLS, 1.0)).astype(np.int64).T
    _, cell, counts = np.unique(column * (_GROUND_CELLS + 2) + row, return_inverse=True, return_counts=True)
    means = np.column_stack([np.bincount(cell, known[:, axis]) / counts for axis in range(3)])
    try:
        triangles = scipy.spatial.Delaunay(means[:, :2] - corner).simplices
    except (scipy.spatial.QhullError, ValueError):
        return np.zeros((0, 3)), np.zeros((0, 3), np.uint32)
    return means, triangles.astype(np.uint32)


def _pack(header: dict[str, Any], columns: Columns) -> bytes:
    described, chunks, offset = {}, [], 0
    for name, column in columns.items():
        data = np.ascontiguousarray(column).astype(column.dtype.newbyteorder("<"), copy=False).tobytes()
        components = column.shape[1] if column.ndim == 2 else 1
        described[name] = {
            "dtype": column.dtype.name,
            "offset": offset,
            "length": column.size,
            "components": components,
        }
        padding = -len(data) % _ALIGNMENT
        chunks += [data, bytes(padding)]
        offset += len(data) + padding
    text = orjson.dumps(header | {"columns": described})
    text += b" " * (-(4 + len(text)) % _ALIGNMENT)
    return b"".join([len(text).to_bytes(4, "little"), text, *chunks])
