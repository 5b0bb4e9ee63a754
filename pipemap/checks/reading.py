"""Reads features from the database into columns: binary COPY in blocks, no Python step for a row."""

from collections.abc import Iterable, Mapping
from contextlib import closing
from typing import Any, Protocol

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import shapely
from geoalchemy2 import Geometry
from sqlalchemy.dialects.postgresql import BIGINT, DATE, INTEGER, REAL, TEXT

from pipemap.ahead import ahead
from pipemap.checks.axes import Axes
from pipemap.checks.columns import UNKNOWN, Column, Floats, Ints, Objects, Texts, Words
from pipemap.checks.scope import Kind
from pipemap.copy_out import CopiedRows, TextColumn
from pipemap.shelf import Shelf
from schemas.tables import metadata

_SOURCE = ("feature_id", "dataset_id", "source_key", "source_file_id", "source_sheet", "source_row")
COLUMNS: dict[Kind, tuple[str, ...]] = {
    "node": (
        *_SOURCE, "class_code", "feature_code", "appurtenance_code", "ground_elevation_m", "well_depth_m",
        "valve_state_code", "operability_code", "lifecycle_code", "installed_on", "vertical_accuracy_m", "geom",
    ),
    "pipe_segment": (
        *_SOURCE, "class_code", "from_node_id", "to_node_id", "shape_code", "width_mm", "height_mm", "size_basis_code",
        "casing_mm", "material_code", "burial_code", "pressure_code", "pressure_mpa", "voltage_kv", "hole_count",
        "used_hole_count", "cable_count", "flow_direction_code", "container_id", "lifecycle_code", "installed_on",
        "from_depth_m", "to_depth_m", "from_elevation_m", "to_elevation_m", "depth_datum_code", "elevation_source_code",
        "horizontal_accuracy_m", "vertical_accuracy_m", "geom",
    ),
    "consumer": (*_SOURCE, "class_code", "node_id", "kind_code", "geom"),
    "structure": (*_SOURCE, "kind_code", "name", "geom"),
}  # fmt: skip
# Whole numbers that name something; others are amounts, which may be unknown.
NUMBERING = frozenset({"dataset_id", "source_file_id", "source_row"})
# Texts that are hardly ever the same.
OWN_WORDS = frozenset({"source_key", "name"})


class ColumnReader:
    """Gathers columns of given SQL types from the blocks of one or more queries, on shelves: memory stays small."""

    def __init__(self, types: Mapping[str, Any]) -> None:
        self._gathering = {name: _gatherer(name, kind) for name, kind in types.items()}
        self._changed = Shelf(np.bool_)

    @classmethod
    def of_kind(cls, kind: Kind) -> "ColumnReader":
        """A reader of the columns that rules read of one kind of feature."""
        known = metadata.tables[f"pipemap.{kind}"].columns
        reader = cls({name: known[name].type for name in COLUMNS[kind]})
        if kind == "structure":
            reader._gathering["geom"] = _Shapes()
        return reader

    def add(self, blocks: Iterable[CopiedRows], changed: bool = False) -> None:
        """Take in the rows of a query of these columns; `changed` holds for all of them."""
        with closing(ahead(blocks)) as ready:
            for block in ready:
                self.take(block, changed)

    def take(self, block: CopiedRows, changed: bool) -> None:
        """Take in one block of rows."""
        for place, gathered in enumerate(self._gathering.values()):
            gathered.add(block, place)
        self._changed.add(np.full(len(block), changed))

    def boxes(self) -> Floats:
        """West, south, east and north of every feature so far, shape (n, 4)."""
        places = self._gathering["geom"]
        assert isinstance(places, _Vertices | _Shapes)
        return places.boxes()

    def columns(self) -> dict[str, Any]:
        """Every column by name, `changed`, and `geom` as vertices or shapes."""
        return {"changed": self._changed.array()} | {name: each.joined() for name, each in self._gathering.items()}


class _Gatherer(Protocol):
    def add(self, block: CopiedRows, place: int) -> None: ...

    def joined(self) -> Any: ...


class _Numbers:
    """Numbers of one SQL type; unknown is NaN, NaT or, for what names something, -1."""

    def __init__(self, kind: Any, is_numbering: bool) -> None:
        self._kind = kind
        self._is_numbering = is_numbering
        nothing = CopiedRows(np.empty(0, np.uint8), np.empty((0, 1), np.int64), np.empty((0, 1), np.int64))
        self._shelf = Shelf(self._decoded(nothing, 0).dtype)

    def add(self, block: CopiedRows, place: int) -> None:
        self._shelf.add(self._decoded(block, place))

    def joined(self) -> Column:
        return self._shelf.array()

    def _decoded(self, block: CopiedRows, place: int) -> npt.NDArray[Any]:
        if isinstance(self._kind, BIGINT) or self._is_numbering:
            return block.numbers(place, np.int64 if isinstance(self._kind, BIGINT) else np.int32, UNKNOWN)
        if isinstance(self._kind, DATE):
            days = block.numbers(place, np.int32).astype("timedelta64[D]") + np.datetime64("2000-01-01")
            days[block.are_null(place)] = np.datetime64("NaT")
            return days
        if isinstance(self._kind, INTEGER):
            amounts = block.numbers(place, np.int32).astype(np.float32)
            return np.where(block.are_null(place), np.float32(np.nan), amounts)
        return block.numbers(place, np.float32 if isinstance(self._kind, REAL) else np.float64, np.nan)


class _Words:
    def __init__(self) -> None:
        self._number: dict[str, int] = {}
        self._codes = Shelf(np.int32)

    def add(self, block: CopiedRows, place: int) -> None:
        if block.are_null(place).all():
            self._codes.add(np.full(len(block), UNKNOWN))
            return
        encoded = _texts(block, place).dictionary_encode()
        words = encoded.dictionary.to_pylist()
        codes = [self._number.setdefault(word, len(self._number)) if word else UNKNOWN for word in words]
        self._codes.add(np.array(codes, np.int32)[encoded.indices.to_numpy(zero_copy_only=False)])

    def joined(self) -> Column:
        return Words(self._codes.array(), tuple(self._number))


class _Texts:
    def __init__(self) -> None:
        self._blob, self._offsets = Shelf(np.uint8), _Firsts()

    def add(self, block: CopiedRows, place: int) -> None:
        text = block.text(place, np.arange(len(block)))
        self._blob.add(text.blob)
        self._offsets.add(np.diff(text.offsets))

    def joined(self) -> Column:
        return Texts(TextColumn(self._blob.array(), self._offsets.array()))


class _Vertices:
    def __init__(self) -> None:
        self._xyz, self._firsts = Shelf(np.float64), _Firsts()

    def add(self, block: CopiedRows, place: int) -> None:
        counts = _vertex_counts(block.stream, block.starts[:, place], block.lengths[:, place])
        xyz = np.full((counts.sum(), 3), np.nan)
        _read_vertices(block.stream, block.starts[:, place], counts, xyz.view(np.uint8).reshape(-1, 24))
        self._xyz.add(xyz)
        self._firsts.add(counts)

    def boxes(self) -> Floats:
        return self.joined().boxes

    def joined(self) -> Axes:
        return Axes(self._xyz.array().reshape(-1, 3), self._firsts.array())


class _Shapes:
    def __init__(self) -> None:
        self._parts: list[Objects] = [np.empty(0, object)]

    def add(self, block: CopiedRows, place: int) -> None:
        stops = block.starts[:, place] + block.lengths[:, place]
        bodies = zip(block.starts[:, place].tolist(), stops.tolist(), strict=True)
        self._parts.append(shapely.from_wkb([block.stream[start:stop].tobytes() for start, stop in bodies]))

    def boxes(self) -> Floats:
        return np.asarray(shapely.bounds(self.joined())).reshape(-1, 4)

    def joined(self) -> Objects:
        return np.concatenate(self._parts)


class _Firsts:
    """Where each of some runs of values begins and the last one ends, by how many values they have."""

    def __init__(self) -> None:
        self._shelf, self._end = Shelf(np.int64), 0
        self._shelf.add(np.zeros(1, np.int64))

    def add(self, counts: Ints) -> None:
        ends = self._end + np.cumsum(counts)
        self._end = int(ends[-1])
        self._shelf.add(ends)

    def array(self) -> Ints:
        return self._shelf.array()


def _gatherer(name: str, kind: Any) -> _Gatherer:
    if isinstance(kind, Geometry):
        return _Vertices()
    if isinstance(kind, TEXT):
        return _Texts() if name in OWN_WORDS else _Words()
    return _Numbers(kind, name in NUMBERING)


def _texts(block: CopiedRows, place: int) -> pa.Array:
    """One column of texts; no text is an empty one."""
    text = block.text(place, np.arange(len(block)))
    buffers = [None, pa.py_buffer(text.offsets.astype(np.int32)), pa.py_buffer(text.blob)]
    return pa.Array.from_buffers(pa.string(), len(block), buffers)


# PostGIS sends EWKB in the machine's byte order: the order (1 byte), the type with flags for z, m and SRID
# (4 bytes), the SRID (4 bytes), for a line the number of vertices (4 bytes), then the vertices.
_HAS_SRID, _HAS_Z, _HAS_M, _POINT = 0x20, 0x80, 0x40, 1


@numba.njit(cache=True, nogil=True)
def _vertex_counts(stream: npt.NDArray[np.uint8], starts: Ints, lengths: Ints) -> Ints:  # pragma: no cover
    """Vertices to keep for each point or line: one for a point, two at least for a line."""
    counts = np.empty(len(starts), np.int64)
    for row in range(len(starts)):
        at = starts[row]
        if lengths[row] < 0 or stream[at + 1] == _POINT:
            counts[row] = 1
        else:
            at += 9 if stream[at + 4] & _HAS_SRID else 5
            counts[row] = max(2, stream[at] | stream[at + 1] << 8 | stream[at + 2] << 16 | stream[at + 3] << 24)
    return counts


@numba.njit(cache=True, nogil=True)
def _read_vertices(
    stream: npt.NDArray[np.uint8], starts: Ints, counts: Ints, vertices: npt.NDArray[np.uint8]
) -> None:  # pragma: no cover
    """Copy the bytes of x, y and, where there is one, z of each vertex into rows of 24 bytes."""
    row = 0
    for number in range(len(starts)):
        at = starts[number]
        flags, is_point = stream[at + 4], stream[at + 1] == _POINT
        at += 9 if flags & _HAS_SRID else 5
        given = 1
        if not is_point:
            given = stream[at] | stream[at + 1] << 8 | stream[at + 2] << 16 | stream[at + 3] << 24
            at += 4
        width = 24 if flags & _HAS_Z else 16
        step = width + (8 if flags & _HAS_M else 0)
        for vertex in range(given):
            for byte in range(width):
                vertices[row + vertex, byte] = stream[at + byte]
            at += step
        row += counts[number]
