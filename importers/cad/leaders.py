"""Leaders without a text of their own, and plain lines for them: from beside a text to what it is about."""

from collections import defaultdict
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
# A line across a single pipe can be anything.
_LEAST_CROSSED = 2
_MOST_STEP = 3.0


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


def fly(texts: Sequence[tuple[Text, str]], lines: Sequence[Entity], pipes: Sequence[tuple[Entity, str]]) -> set[int]:
    """Let texts at a line across several pipes (扯旗) be about the pipe that it crosses of their class.

    Texts and pipes come with their class. Returns the rows of the lines that are such flags, and no pipes.
    """
    drawn = [line for line in lines if len(line.vertices) > 1]
    if not drawn or not pipes or not texts:
        return set()
    courses, candidates = _courses(drawn), _courses([pipe for pipe, _ in pipes])
    boxes = np.array([_box(text) for text, _ in texts], dtype=object)
    corners = np.array([text.corner for text, _ in texts])
    reach_m = _BESIDE * max(float(np.hypot(*text.up)) for text, _ in texts)
    crossed = _by_first(shapely.STRtree(candidates).query(courses, predicate="intersects"))
    beside = _by_first(shapely.STRtree(boxes).query(courses, predicate="dwithin", distance=reach_m))
    flags: set[int] = set()
    for at in crossed.keys() & beside.keys():
        if len({pipes[pipe][1] for pipe in crossed[at]}) < _LEAST_CROSSED:
            continue
        columns = (_whole_column(texts, beside[at], corners), beside[at])
        told = next(([texts[text] for text in column] for column in columns if _is_flag(texts, column)), [])
        of_class = {said: [candidates[pipe] for pipe in crossed[at] if pipes[pipe][1] == said] for _, said in told}
        tips = [(text, tip) for text, said in told if (tip := _crossing(courses[at], of_class[said]))]
        if len(tips) >= _LEAST_CROSSED:
            flags.add(drawn[at].row)
            for text, tip in tips:
                text.target = text.target or tip
    return flags


def _is_flag(texts: Sequence[tuple[Text, str]], column: Sequence[int]) -> bool:
    """Whether texts are of one class each, and a column."""
    classes = {texts[text][1] for text in column}
    return len(classes) == len(column) and _is_column([texts[text][0] for text in column])


def _whole_column(
    texts: Sequence[tuple[Text, str]], some: Sequence[int], corners: npt.NDArray[np.float64]
) -> list[int]:
    """The texts over and under some of a column, which stand where these do though farther from the line."""
    first = texts[some[0]][0]
    up, along = np.array(first.up), np.array(first.along)
    height, length = float(np.hypot(*up)), float(np.hypot(*along))
    if not height or not length:
        return list(some)
    above, across = (corners - first.corner) @ up / height, (corners - first.corner) @ along / length
    in_line = np.flatnonzero(np.abs(across) <= height)
    in_line = in_line[np.argsort(above[in_line])]
    parts = np.split(in_line, np.flatnonzero(np.diff(above[in_line]) > _MOST_STEP * height) + 1)
    return next((part.tolist() for part in parts if some[0] in part), list(some))


def _is_column(texts: Sequence[Text]) -> bool:
    """Whether texts stand close under each other, one beginning where the other does."""
    up, along = np.array(texts[0].up), np.array(texts[0].along)
    height, length = float(np.hypot(*up)), float(np.hypot(*along))
    if not height or not length:
        return False
    corners = np.array([text.corner for text in texts]) - texts[0].corner
    above, across = np.sort(corners @ up / height), corners @ along / length
    return bool((np.diff(above) <= _MOST_STEP * height).all() and np.ptp(across) <= height)


def _courses(lines: Sequence[Entity]) -> npt.NDArray[np.object_]:
    return np.array([shapely.LineString([vertex[:2] for vertex in line.vertices]) for line in lines], dtype=object)


def _by_first(pairs: npt.NDArray[np.int64]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = defaultdict(list)
    for first, second in pairs.T.tolist():
        found[first].append(second)
    return found


def _crossing(flag: shapely.Geometry, pipes: Sequence[shapely.Geometry]) -> tuple[float, float] | None:
    """Where a flag crosses the only one of some pipes."""
    place = flag.intersection(pipes[0]) if len(pipes) == 1 else None
    return (place.x, place.y) if isinstance(place, shapely.Point) and not place.is_empty else None


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
