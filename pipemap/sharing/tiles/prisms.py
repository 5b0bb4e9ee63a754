"""Pipes as closed meshes of their true size: round ones as tubes, ducts and culverts as upright boxes.

A straight piece is a prism along its axis; where two pieces of a line meet they are cut by the plane between them, so
that the size stays true around the bend. A box stands upright whatever its slope, as `pipemap.clearance.bodies` has it.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

SIDES = 8
# Beyond 78 degrees two pieces end square instead of being cut: the cut would reach far beyond the bend.
_SHARPEST_COSINE = 0.2
_SHORTEST_M = 1e-6
_UPRIGHT = np.array([0.0, 0.0, 1.0])
_NORTH = np.array([0.0, 1.0, 0.0])
_NEARLY_UPRIGHT = 0.9999
# A quad of two triangles, its corners being: start, end, next start, next end.
_QUAD = np.array([0, 1, 2, 2, 1, 3])


@dataclass(frozen=True, eq=False)
class Pieces:
    """Straight pieces (n) of lines: both ends (n, 3) in metres, z up, and the number of their line."""

    start: Floats
    end: Floats
    line: Indices

    def taken(self, mask: npt.NDArray[np.bool_]) -> "Pieces":
        """Some of the pieces."""
        return Pieces(self.start[mask], self.end[mask], self.line[mask])


@dataclass(frozen=True, eq=False)
class Mesh:
    """Triangles (t, 3) over vertices (v, 3) with their normals and the line they belong to."""

    positions: Floats
    normals: Floats
    triangles: Indices
    line: Indices


def pieces_of(points: Floats, line: Indices) -> Pieces:
    """The straight pieces between the vertices (n, 3) of lines, those without a length left out."""
    joined = (line[1:] == line[:-1]) & (np.linalg.norm(np.diff(points, axis=0), axis=1) > _SHORTEST_M)
    return Pieces(points[:-1][joined], points[1:][joined], line[:-1][joined])


def tubes(pieces: Pieces, radius_m: Floats) -> Mesh:
    """Round pieces; every vertex lies at the radius (n) from its axis."""
    way, side, up = _frames(pieces)
    turns = np.arange(SIDES) * 2 * np.pi / SIDES
    radial = np.cos(turns)[None, :, None] * side[:, None] + np.sin(turns)[None, :, None] * up[:, None]
    normals = np.stack([radial, np.roll(radial, -1, axis=1)], axis=2)
    return _prisms(pieces, way, radial * radius_m[:, None, None], normals, way)


def boxes(pieces: Pieces, half_width_m: Floats, half_height_m: Floats) -> Mesh:
    """Upright boxes of a width and a height (n)."""
    way, side, up = _frames(pieces)
    is_riser = (np.abs(way[:, 2]) > _NEARLY_UPRIGHT)[:, None]
    across, height = side * half_width_m[:, None], np.where(is_riser, up, _UPRIGHT) * half_height_m[:, None]
    corners = np.stack([across - height, across + height, -across + height, -across - height], axis=1)
    faces = np.stack([side, up, -side, -up], axis=1)
    square = np.where(is_riser, way, _unit(way * [1, 1, 0]))
    return _prisms(pieces, way, corners, np.stack([faces, faces], axis=2), square)


def joined(meshes: list[Mesh]) -> Mesh:
    """Several meshes as one."""
    firsts = np.cumsum([0] + [len(mesh.positions) for mesh in meshes])
    return Mesh(
        np.concatenate([mesh.positions for mesh in meshes]),
        np.concatenate([mesh.normals for mesh in meshes]),
        np.concatenate([mesh.triangles + first for mesh, first in zip(meshes, firsts, strict=False)]),
        np.concatenate([mesh.line for mesh in meshes]),
    )


def _frames(pieces: Pieces) -> tuple[Floats, Floats, Floats]:
    """Unit vectors of each piece: along it, to its side (level), and up, square to both."""
    way = _unit(pieces.end - pieces.start)
    is_riser = (np.abs(way[:, 2]) > _NEARLY_UPRIGHT)[:, None]
    side = _unit(np.cross(way, np.where(is_riser, _NORTH, _UPRIGHT)))
    return way, side, np.cross(side, way)


def _prisms(pieces: Pieces, way: Floats, corners: Floats, normals: Floats, square: Floats) -> Mesh:
    """Prisms with corners (n, k, 3) around their axes, normals (n, k, 2, 3) of each side's two edges, and caps.

    `square` (n, 3) is the normal of the plane that a piece ends in where nothing goes on.
    """
    goes_on = _goes_on(pieces, way)
    between = _unit(square[:-1] + square[1:])
    first_plane, last_plane = square.copy(), square.copy()
    first_plane[1:][goes_on], last_plane[:-1][goes_on] = between[goes_on], between[goes_on]
    starts = pieces.start[:, None] + _cut(corners, way, first_plane)
    ends = pieces.end[:, None] + _cut(corners, way, last_plane)
    begins, stops = np.append(True, ~goes_on), np.append(~goes_on, True)
    return joined(
        [
            _walls(starts, ends, normals, pieces.line),
            _caps(starts[begins], -square[begins], pieces.line[begins], 1),
            _caps(ends[stops], square[stops], pieces.line[stops], -1),
        ]
    )


def _goes_on(pieces: Pieces, way: Floats) -> npt.NDArray[np.bool_]:
    """Whether each piece but the last meets the next one in a bend that can be cut."""
    meets = (pieces.line[1:] == pieces.line[:-1]) & (pieces.end[:-1] == pieces.start[1:]).all(axis=1)
    is_riser = np.abs(way[:, 2]) > _NEARLY_UPRIGHT
    straight = np.einsum("ij,ij->i", way[:-1], way[1:]) > _SHARPEST_COSINE
    gentle: npt.NDArray[np.bool_] = meets & straight & ~is_riser[1:] & ~is_riser[:-1]
    return gentle


def _cut(corners: Floats, way: Floats, plane: Floats) -> Floats:
    """Corners moved along their piece into a plane through its end."""
    ahead = np.einsum("nkj,nj->nk", corners, plane) / np.einsum("nj,nj->n", way, plane)[:, None]
    moved: Floats = corners - ahead[:, :, None] * way[:, None]
    return moved


def _walls(starts: Floats, ends: Floats, normals: Floats, line: Indices) -> Mesh:
    count, sides = starts.shape[:2]
    quads = np.stack([starts, ends, np.roll(starts, -1, axis=1), np.roll(ends, -1, axis=1)], axis=2)
    quad_normals = np.repeat(normals, 2, axis=2)
    triangles = _QUAD + 4 * np.arange(count * sides)[:, None]
    return Mesh(quads.reshape(-1, 3), quad_normals.reshape(-1, 3), triangles.reshape(-1, 3), np.repeat(line, 4 * sides))


def _caps(rings: Floats, normals: Floats, line: Indices, turn: int) -> Mesh:
    count, corners = rings.shape[:2]
    fan = np.array([(0, k, k + 1)[::turn] for k in range(1, corners - 1)])
    triangles = fan[None] + corners * np.arange(count)[:, None, None]
    return Mesh(
        rings.reshape(-1, 3), np.repeat(normals, corners, axis=0), triangles.reshape(-1, 3), np.repeat(line, corners)
    )


def _unit(vectors: Floats) -> Floats:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Floats = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    return unit
