"""Points and lines as EWKB, written by numpy: all geometries of one size at once, no object per geometry.

EWKB is WKB whose type carries a flag for z and one for the SRID that follows it (PostGIS, liblwgeom).
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Floats = npt.NDArray[np.float64]

_POINT, _LINE = 1, 2
_Z, _SRID = 0x80000000, 0x20000000
_Z_BYTE = b"\x80"
_LITTLE_ENDIAN = 1
# Byte order, type and number of vertices come before the vertices of a line.
_WKB_HEAD_BYTES = 9
# Elevations of one place in two columns of one file.
_SAME_M = 0.0005


def points(x_m: Floats, y_m: Floats, srid: int) -> pa.Array:
    """Points in plan."""
    rows = np.empty(len(x_m), dtype=[("order", "u1"), ("type", "<u4"), ("srid", "<u4"), ("xy", "<f8", 2)])
    rows["order"], rows["type"], rows["srid"] = _LITTLE_ENDIAN, _POINT | _SRID, srid
    rows["xy"] = np.column_stack([x_m, y_m])
    return _binary(rows)


def axes(ends: Floats, axis_m: Floats, drawn: pa.Array, is_reversed: npt.NDArray[np.bool_], srid: int) -> pa.Array:
    """Lines from node to node at the height of their axis, even between the ends; without z where an end has none.

    Parameters
    ----------
    ends
        Places of both nodes, shape (n, 2, 2).
    axis_m
        Elevation of the axis at both, NaN where unknown, shape (n, 2).
    drawn
        WKB of the lines that have more than two vertices, or heights; their ends are moved to the nodes. A line
        that is drawn at its axis elevations keeps the heights that are drawn.
    is_reversed
        Which of them are drawn from the end node to the start node.
    """
    written: list[pa.Array] = []
    order: list[npt.NDArray[np.int64]] = []
    has_axis = np.asarray(np.isfinite(axis_m).all(axis=1))
    for rows, drawn_z, with_z in _forms(drawn, has_axis):
        xyz = _vertices(drawn.take(pa.array(rows)), drawn_z)
        xyz = np.where(is_reversed[rows, None, None], xyz[:, ::-1], xyz)
        xyz[:, [0, -1], :2] = ends[rows]
        written.append(_lines(_raised(xyz, axis_m[rows]) if with_z else xyz[:, :, :2], srid))
        order.append(rows)
    if not written:
        return pa.array([], pa.binary())
    place = np.empty(len(ends), dtype=np.int64)
    place[np.concatenate(order)] = np.arange(len(ends))
    return pa.concat_arrays(written).take(pa.array(place))


def _forms(drawn: pa.Array, has_axis: npt.NDArray[np.bool_]) -> Iterator[tuple[npt.NDArray[np.int64], bool, bool]]:
    """Rows whose lines are written alike, whether those are drawn with z, and whether their axis has one."""
    lengths = pc.binary_length(drawn).fill_null(0).to_numpy().astype(np.int64)
    is_raised = pc.equal(pc.binary_slice(drawn, 4, 5), _Z_BYTE).fill_null(False).to_numpy(zero_copy_only=False)
    forms = 4 * lengths + 2 * is_raised + has_axis
    for form in np.unique(forms):
        yield np.flatnonzero(forms == form), bool(form & 2), bool(form & 1)


def _vertices(wkb: pa.Array, has_z: bool) -> Floats:
    """The vertices of lines of one form, NaN where they are not drawn; shape (n, vertices, 3)."""
    if wkb.null_count:
        return np.full((len(wkb), 2, 3), np.nan)
    lines = np.frombuffer(b"".join(wkb.to_pylist()), dtype=np.uint8).reshape(len(wkb), -1)
    drawn = lines[:, _WKB_HEAD_BYTES:].copy().view("<f8").reshape(len(wkb), -1, 3 if has_z else 2)
    return drawn if has_z else np.pad(drawn, ((0, 0), (0, 0), (0, 1)), constant_values=np.nan)


def _raised(xyz: Floats, axis_m: Floats) -> Floats:
    """The vertices at their axis elevation: as drawn where it is drawn there, else by their share of the way."""
    xy, drawn_m = xyz[:, :, :2], xyz[:, :, 2]
    steps = np.hypot(*np.moveaxis(np.diff(xy, axis=1), 2, 0))
    along = np.concatenate([np.zeros((len(xy), 1)), np.cumsum(steps, axis=1)], axis=1)
    length = np.broadcast_to(along[:, -1:], along.shape)
    at_ends = np.broadcast_to(np.arange(along.shape[1]) > 0, along.shape).astype(np.float64)
    share = np.divide(along, length, out=at_ends, where=length > 0)
    z = axis_m[:, :1] * (1 - share) + axis_m[:, 1:] * share
    is_at_axis = (np.abs(drawn_m[:, [0, -1]] - axis_m) < _SAME_M).all(axis=1, keepdims=True)
    z = np.where(is_at_axis & ~np.isnan(drawn_m), drawn_m, z)
    return np.concatenate([xy, z[:, :, None]], axis=2)


def _lines(vertices: Floats, srid: int) -> pa.Array:
    """Lines of equally many vertices, shape (n, vertices, 2 or 3)."""
    head = [("order", "u1"), ("type", "<u4"), ("srid", "<u4"), ("count", "<u4")]
    rows = np.empty(len(vertices), dtype=[*head, ("vertices", "<f8", vertices.shape[1:])])
    kind = _LINE | _SRID | (_Z if vertices.shape[2] == 3 else 0)
    rows["order"], rows["type"], rows["srid"] = _LITTLE_ENDIAN, kind, srid
    rows["count"], rows["vertices"] = vertices.shape[1], vertices
    return _binary(rows)


def _binary(rows: npt.NDArray[Any]) -> pa.Array:
    offsets = np.arange(len(rows) + 1, dtype=np.int64) * rows.dtype.itemsize
    buffers = [None, pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(rows.view(np.uint8))]
    return pa.Array.from_buffers(pa.binary(), len(rows), buffers)
