"""Geometry as GDAL hands it over, made plain: no curves, no m, nothing empty, one dimension a table."""

import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import shapely

from importers.layers.plain import FAR

Shapes = npt.NDArray[np.object_]
Mask = npt.NDArray[np.bool_]

# Type numbers of well-known binary without their thousands, which tell of z and m.
CURVES = (8, 9, 10, 11, 12, 13, 14)
_POLYGON, _MULTIPOLYGON = 3, 6
_POLYHEDRAL_SURFACE, _TIN = 15, 16
_COLLECTION, _MULTIPOINT, _MULTILINE = 7, 4, 5
# After byte order, type and number of faces.
_FIRST_FACE = 9


def kinds(wkb: Any) -> npt.NDArray[np.int64]:
    """Type number without z and m of every geometry of an Arrow column of well-known binary; 0 where there is none."""
    offset_type = np.int64 if pa.types.is_large_binary(wkb.type) else np.int32
    _, offsets, data = wkb.buffers()
    if data is None or not data.size:
        return np.zeros(len(wkb), dtype=np.int64)
    starts = np.frombuffer(offsets, offset_type)[wkb.offset : wkb.offset + len(wkb)].astype(np.int64)
    octets = np.frombuffer(data, np.uint8)[np.minimum(starts[:, None] + np.arange(5), data.size - 1)].astype(np.int64)
    codes = np.where(octets[:, 0] == 1, octets[:, 1] + 256 * octets[:, 2], octets[:, 4] + 256 * octets[:, 3])
    return np.where(wkb.is_valid().to_numpy(zero_copy_only=False), codes % 1000, 0)


def from_wkb(wkb: Any) -> Shapes:
    """Shapes from an Arrow column of well-known binary without arcs; None where there is none or it cannot be read."""
    values = wkb.to_numpy(zero_copy_only=False)
    for place in np.flatnonzero(np.isin(kinds(wkb), (_POLYHEDRAL_SURFACE, _TIN))):
        values[place] = _as_polygons(bytes(values[place]))
    with np.errstate(invalid="ignore"):
        return np.asarray(shapely.from_wkb(values, on_invalid="ignore"))


def simplest(shapes: Shapes) -> Shapes:
    """Multi-part lines and points of one part as that part, no m, None for an empty geometry."""
    simple = shapes.copy()
    single = np.isin(shapely.get_type_id(simple), (_MULTIPOINT, _MULTILINE)) & (shapely.get_num_geometries(simple) == 1)
    simple[single] = shapely.get_geometry(simple[single], 0)
    for has_z, dimension in ((True, 3), (False, 2)):
        measured = shapely.has_m(simple) & (shapely.has_z(simple) == has_z)
        simple[measured] = shapely.from_wkb(shapely.to_wkb(simple[measured], output_dimension=dimension))
    simple[shapely.is_empty(simple)] = None
    return simple


def are_nowhere(shapes: Shapes) -> Mask:
    """Which shapes have an x or y that is no number, or one so large that no unit of length makes it a place."""
    xy, owner = shapely.get_coordinates(shapes, return_index=True)
    nowhere = np.zeros(len(shapes), dtype=bool)
    nowhere[owner[~(np.abs(xy) < FAR).all(axis=1)]] = True
    return nowhere


def opened_collections(shapes: Shapes) -> tuple[Shapes, npt.NDArray[np.int64]]:
    """The shapes with every collection replaced by its members, and the place each one stood at."""
    places = np.arange(len(shapes))
    while (is_collection := shapely.get_type_id(shapes) == _COLLECTION).any():
        members, owners = shapely.get_parts(shapes[is_collection], return_index=True)
        of_members = places[is_collection][owners]
        left = np.setdiff1d(places[is_collection], of_members)
        blank = np.full(len(left), None, dtype=object)
        places = np.concatenate([places[~is_collection], of_members, left])
        shapes = np.concatenate([shapes[~is_collection], members, blank])
    order = np.argsort(places, kind="stable")
    return shapes[order], places[order]


def by_dimension(shapes: Shapes) -> Iterator[Mask]:
    """Which shapes are points, lines and areas, one mask for each that there is; the first takes those without."""
    dimensions = shapely.get_dimensions(shapes)
    there = [dimension for dimension in (0, 1, 2) if (dimensions == dimension).any()]
    for nth, dimension in enumerate(there or [-1]):
        yield (dimensions == dimension) | ((dimensions < 0) & (nth == 0))


def _as_polygons(wkb: bytes) -> bytes:
    """The faces of a body (multipatch) as a multi-polygon: the same bytes under other type numbers."""
    order = "<" if wkb[0] == 1 else ">"
    whole = bytearray(wkb)
    if len(wkb) < _FIRST_FACE:
        return wkb
    kind = struct.unpack_from(f"{order}I", wkb, 1)[0]
    base = kind % 1000
    struct.pack_into(f"{order}I", whole, 1, kind - base + _MULTIPOLYGON)
    if base == _TIN:
        n_triangles, step = struct.unpack_from(f"{order}I", wkb, 5)[0], _triangle_bytes(kind)
        for start in range(_FIRST_FACE, min(_FIRST_FACE + n_triangles * step, len(wkb) - 4), step):
            struct.pack_into(f"{order}I", whole, start + 1, kind - base + _POLYGON)
    return bytes(whole)


def _triangle_bytes(kind: int) -> int:
    """Byte order, type, number of rings (1) and of points (4), and the points."""
    n_dimensions = 2 + (kind // 1000 in (1, 3)) + (kind // 1000 in (2, 3))
    return 1 + 4 + 4 + 4 + 4 * n_dimensions * 8
