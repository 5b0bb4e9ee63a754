"""Bodies of pipes as meshes: closed, facing outwards, of the size they should be."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipemap.sharing.tiles.prisms import SIDES, Mesh, Pieces, boxes, pieces_of, tubes

POLYGON = SIDES / 2 * math.sin(2 * math.pi / SIDES)


def volume(mesh: Mesh) -> float:
    """By the divergence theorem: positive when every triangle faces outwards."""
    a, b, c = (mesh.positions[mesh.triangles[:, corner]] for corner in range(3))
    return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6)


def pieces(points: list[tuple[float, float, float]]) -> Pieces:
    return pieces_of(np.array(points, float), np.zeros(len(points), int))


def is_closed(mesh: Mesh) -> bool:
    """Whether each edge is walked once in each direction, vertices at one place taken as one."""
    _, place = np.unique(np.round(mesh.positions, 6), axis=0, return_inverse=True)
    corners = place[mesh.triangles]
    edges = np.concatenate([corners[:, [0, 1]], corners[:, [1, 2]], corners[:, [2, 0]]])
    return sorted(map(tuple, edges.tolist())) == sorted(map(tuple, edges[:, ::-1].tolist()))


places = st.tuples(*[st.integers(-50, 50).map(float)] * 3)


@given(start=places, end=places, radius=st.floats(0.05, 2))
def test_a_tube_is_closed_and_of_its_radius(start: Any, end: Any, radius: float) -> None:
    length = math.dist(start, end)
    if length == 0:
        assert len(pieces([start, end]).line) == 0
        return
    mesh = tubes(pieces([start, end]), np.array([radius]))
    assert is_closed(mesh)
    assert volume(mesh) == pytest.approx(POLYGON * radius**2 * length, rel=1e-6)
    way = np.subtract(end, start) / length
    off = mesh.positions - np.array(start)
    apart = np.linalg.norm(off - np.outer(off @ way, way), axis=1)
    assert apart == pytest.approx(radius, abs=1e-9)


@given(start=places, end=places, width=st.floats(0.1, 4), height=st.floats(0.1, 4))
@example(start=(0.0, 0.0, -21.0), end=(0.0, 1.0, 50.0), width=1.0, height=1.0)
def test_a_box_stands_upright_with_its_width_and_height(start: Any, end: Any, width: float, height: float) -> None:
    plan = math.dist(start[:2], end[:2])
    if plan == 0:
        return
    mesh = boxes(pieces([start, end]), np.array([width / 2]), np.array([height / 2]))
    assert is_closed(mesh)
    length = math.dist(start, end)
    if abs(end[2] - start[2]) / length > 0.9999:
        # A riser: its ends lie level, square to it.
        assert volume(mesh) == pytest.approx(width * height * length, rel=1e-6)
        return
    # The ends stand upright, so a slope changes nothing of plan length times section.
    assert volume(mesh) == pytest.approx(width * height * plan, rel=1e-6)
    assert np.ptp(mesh.positions[:, 2]) == pytest.approx(height + abs(end[2] - start[2]))


@pytest.mark.parametrize("bend", [(20.0, 8.0, 0.0), (20.0, -14.0, 3.0), (18.0, 18.0, -1.0)])
def test_around_a_bend_the_walls_meet_and_keep_their_distance(bend: tuple[float, float, float]) -> None:
    line = pieces([(0.0, 0.0, 0.0), (10.0, 0.0, 0.0), bend])
    mesh = tubes(line, np.full(2, 0.5))
    ends = [
        (line.start[n], (line.end[n] - line.start[n]) / np.linalg.norm(line.end[n] - line.start[n])) for n in (0, 1)
    ]
    walls = mesh.positions[: 2 * 4 * SIDES].reshape(2, -1, 3)
    for (start, way), vertices in zip(ends, walls, strict=True):
        off = vertices - start
        assert np.linalg.norm(off - np.outer(off @ way, way), axis=1) == pytest.approx(0.5, abs=1e-9)
    length = 10 + math.dist((10, 0, 0), bend)
    assert volume(mesh) == pytest.approx(POLYGON * 0.25 * length, rel=0.02)
    caps = mesh.positions[2 * 4 * SIDES :]
    assert len(caps) == 2 * SIDES, "closed at both ends of the line and not at the bend"


def test_normals_face_away_from_the_axis() -> None:
    line = pieces([(0.0, 0.0, 0.0), (10.0, 0.0, 2.0)])
    for mesh in (tubes(line, np.array([0.4])), boxes(line, np.array([0.4]), np.array([0.3]))):
        a, b, c = (mesh.positions[mesh.triangles[:, corner]] for corner in range(3))
        faces = np.cross(b - a, c - a)
        assert (np.einsum("ij,ij->i", faces, mesh.normals[mesh.triangles[:, 0]]) > 0).all()
        assert np.linalg.norm(mesh.normals, axis=1) == pytest.approx(1)
