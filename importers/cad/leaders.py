"""Leaders without a text of their own, and plain lines for them: from beside a text to what it is about."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import shapely
from scipy.spatial import cKDTree

from importers.cad.entities import Entity
from importers.cad.texts import Text

_ON_POINT_M = 0.1
# How far a text may stand from its leader, in heights of its letters.
_BESIDE = 1.0


def follow(texts: Sequence[Entity], lines: Sequence[Entity], points: Sequence[Entity]) -> None:
    """Let each text beside a line that leads to one point, and without a leader of its own, be about that point.

    Lines that meet are one leader: a slanted one and the shelf that its text stands on.
    """
    wanting = _without_target(texts)
    drawn = [shapely.linestrings([v[:2] for v in line.vertices]) for line in lines if len(line.vertices) > 1]
    places = np.array([point.vertices[0][:2] for point in points if point.vertices]).reshape(-1, 2)
    if not wanting or not drawn or not len(places):
        return
    chains = shapely.get_parts(shapely.line_merge(shapely.union_all(drawn)))
    chains = chains[shapely.get_type_id(chains) == shapely.GeometryType.LINESTRING]
    ends = np.stack([shapely.get_coordinates(shapely.get_point(chains, end)) for end in (0, -1)], axis=1)
    apart_m, nearest = (np.asarray(each) for each in cKDTree(places).query(ends))
    on_point = apart_m <= _ON_POINT_M
    leads = on_point.sum(axis=1) == 1
    tips = places[nearest[leads][on_point[leads]]]
    _lead(wanting, chains[leads], tips)


def point_out(texts: Sequence[Entity], leaders: Sequence[Entity]) -> None:
    """Let each text beside the end of one leader that belongs to no text be about what its arrow points at."""
    courses = [[vertex[:2] for vertex in leader.vertices] for leader in leaders if len(leader.vertices) > 1]
    wanting = _without_target(texts)
    if courses and wanting:
        ends = shapely.points([course[-1] for course in courses])
        _lead(wanting, ends, np.array([course[0] for course in courses]))


def _without_target(texts: Sequence[Entity]) -> list[Text]:
    return [entity.text for entity in texts if entity.text is not None and entity.text.target is None]


def _lead(texts: Sequence[Text], leaders: npt.NDArray[np.object_], tips: npt.NDArray[np.float64]) -> None:
    """Let each text that stands beside one leader be about its tip."""
    tree = shapely.STRtree(leaders)
    for text in texts:
        near = tree.query_nearest(_box(text), max_distance=_BESIDE * max(np.hypot(*text.up), _ON_POINT_M))
        if len(near) == 1:
            text.target = (float(tips[near[0]][0]), float(tips[near[0]][1]))


def _box(text: Text) -> shapely.Geometry:
    corner, along, up = (np.array(vector, dtype=float) for vector in (text.corner, text.along, text.up))
    return shapely.MultiPoint([corner, corner + along, corner + along + up, corner + up]).convex_hull
