"""Vertices of drawn entities in world coordinates; curves become chords."""

import math
from collections.abc import Callable, Iterable
from typing import Any

from ezdxf.entities import factory
from ezdxf.lldxf.const import DXFError
from ezdxf.math import OCS, Matrix44
from ezdxf.path import make_path

from importers.cad.groups import Group

# Largest distance between a curve and its chords, in metres.
SAGITTA_M = 0.01
# What damaged entities make ezdxf and conversions raise.
MALFORMED = (
    DXFError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError, AssertionError,
    StopIteration,
)  # fmt: skip

FAR = 1e15
_MAX_CHORDS = 100_000
# No curve of a city reaches so far, in whatever unit; the chords of a wider one, or of one to nowhere, fill the memory.
_WIDEST_CURVE = 1e10
_CLOSED, _SPLINE_FRAME, _MESH = 1, 16, 16 | 64

Vertex = tuple[float, float, float]
Vertices = list[Vertex]


def vertices_of(group: Group, tags: dict[int, Any], to_world: Matrix44 | None) -> Vertices:
    """The vertices of an entity, one for points, blocks and circles; none where it has no proper coordinates.

    Parameters
    ----------
    to_world
        From the entity's own coordinates to those of the map, None where they are the same.
    """
    find = _FINDERS.get(group.kind)
    if find is None:
        return []
    try:
        found = find(group, tags, to_world)
        return found if all(abs(x) < FAR and abs(y) < FAR and abs(z) < FAR for x, y, z in found) else []
    except MALFORMED:
        return []


def is_closed(group: Group, tags: dict[int, Any]) -> bool:
    """Whether a polyline is drawn back to its start by a mark rather than by a vertex."""
    try:
        return group.kind in ("LWPOLYLINE", "POLYLINE", "SPLINE") and bool(int(tags.get(70, 0)) & _CLOSED)
    except MALFORMED:
        return False


def placement(tags: dict[int, Any], base: Vertex) -> Matrix44:
    """From the coordinates of a block to those of what it is inserted in."""
    scale_x, scale_y, scale_z = (float(tags.get(code, 1)) for code in (41, 42, 43))
    to_world = OCS(extrusion(tags))
    return Matrix44.chain(
        Matrix44.translate(-base[0], -base[1], -base[2]),
        Matrix44.scale(scale_x, scale_y, scale_z),
        Matrix44.z_rotate(math.radians(float(tags.get(50, 0)))),
        to_world.matrix if to_world.transform else Matrix44(),
        Matrix44.translate(*to_world.to_wcs(point(tags, 10))),
    )


def point(tags: dict[int, Any], code: int) -> Vertex:
    """The point whose x stands under a code; KeyError when it is not there."""
    return float(tags[code]), float(tags[code + 10]), float(tags.get(code + 20, 0))


def extrusion(tags: dict[int, Any]) -> Vertex:
    """The direction an entity's plane faces, up where it says nothing."""
    return point(tags, 210) if 210 in tags and 220 in tags else (0.0, 0.0, 1.0)


def in_world(found: Iterable[Vertex], tags: dict[int, Any], to_world: Matrix44 | None) -> Vertices:
    """Vertices of an entity's plane in the coordinates of the map."""
    vertices = list(found)
    if 210 in tags and (faces := extrusion(tags)) != (0.0, 0.0, 1.0):
        vertices = [tuple(vertex) for vertex in OCS(faces).points_to_wcs(vertices)]
    return _moved(vertices, to_world)


def _moved(vertices: Vertices, to_world: Matrix44 | None) -> Vertices:
    return vertices if to_world is None else [tuple(v) for v in to_world.transform_vertices(vertices)]


def _point(_group: Group, tags: dict[int, Any], to_world: Matrix44 | None) -> Vertices:
    return _moved([point(tags, 10)], to_world)


def _in_plane(_group: Group, tags: dict[int, Any], to_world: Matrix44 | None) -> Vertices:
    return in_world([point(tags, 10)], tags, to_world)


def _line(_group: Group, tags: dict[int, Any], to_world: Matrix44 | None) -> Vertices:
    return _moved([point(tags, 10), point(tags, 11)], to_world)


def _light_polyline(group: Group, tags: dict[int, Any], to_world: Matrix44 | None) -> Vertices:
    if 42 in tags and any(float(bulge) for bulge in group.all_of(42)):
        return _curve(group, tags, to_world)
    level = float(tags.get(38, 0))
    xs, ys = group.all_of(10), group.all_of(20)
    vertices = [(float(x), float(y), level) for x, y in zip(xs, ys, strict=True)]
    return in_world(_ring(vertices, is_closed(group, tags)), tags, to_world)


def _leader(group: Group, _tags: dict[int, Any], to_world: Matrix44 | None) -> Vertices:
    xs, ys = group.all_of(10), group.all_of(20)
    return _moved([(float(x), float(y), 0.0) for x, y in zip(xs, ys, strict=True)], to_world)


def _polyline(group: Group, tags: dict[int, Any], to_world: Matrix44 | None) -> Vertices:
    flags = int(tags.get(70, 0))
    if flags & _MESH:
        return []
    parts = [part.tags() for part in group.parts]
    drawn = [part for part in parts if not int(part.get(70, 0)) & _SPLINE_FRAME]
    is_flat = not flags & 8
    if is_flat and any(float(part.get(42, 0)) for part in drawn):
        return _curve(group, tags, to_world)
    level = float(tags.get(30, 0))
    vertices = [(x, y, level if is_flat else z) for x, y, z in (point(part, 10) for part in drawn)]
    vertices = _ring(vertices, is_closed(group, tags))
    return in_world(vertices, tags, to_world) if is_flat else _moved(vertices, to_world)


def _ring(vertices: Vertices, closed: bool) -> Vertices:
    return [*vertices, vertices[0]] if closed and len(vertices) > 2 and vertices[0] != vertices[-1] else vertices


def _curve(group: Group, _tags: dict[int, Any], to_world: Matrix44 | None) -> Vertices:
    entity: Any = factory.load(group.extended_tags("utf-8"))
    if group.kind == "POLYLINE":
        entity.vertices.extend(factory.load(part.extended_tags("utf-8")) for part in group.parts)
    path = make_path(entity)
    if to_world is not None:
        path = path.transform(to_world)
    first, *others = path.control_vertices()
    if not all(abs(part) < _WIDEST_CURVE for other in others for part in (other - first).xyz):
        raise ValueError("a curve without an end")
    chords: Vertices = []
    for x, y, z in path.flattening(SAGITTA_M):
        chords.append((x, y, z))
        if len(chords) > _MAX_CHORDS:
            raise ValueError("a curve of more chords than a pipe can have")
    return chords


_FINDERS: dict[str, Callable[[Group, dict[int, Any], Matrix44 | None], Vertices]] = {
    "POINT": _point, "INSERT": _in_plane, "CIRCLE": _in_plane, "LINE": _line, "LWPOLYLINE": _light_polyline,
    "POLYLINE": _polyline, "ARC": _curve, "ELLIPSE": _curve, "SPLINE": _curve,
    "LEADER": _leader,
}  # fmt: skip
