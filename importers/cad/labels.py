"""Texts matched to what they are about: the number of a point beside it, size, material and depth along a line."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

from importers.cad.entities import Entity
from importers.cad.label_words import PipeLabel, Vocabulary
from importers.cad.layer_names import LayerName

# Two candidates whose distances differ by less than this are equally near.
TIE_M = 0.05
_MAX_ANGLE_DEG = 15.0
# A leader points at what it means.
_TARGET_REACH_M = 0.5


Feature = tuple[Entity, LayerName]
# Distance, number of the text, number of the feature.
Pair = tuple[float, int, int]


@dataclass(frozen=True)
class Candidate:
    """A text that may be about a feature: its layer's name as understood and what it says."""

    entity: Entity
    told: LayerName
    label: PipeLabel | None
    number: str | None
    is_turned: bool


@dataclass
class Matching:
    """What came of the texts; `of` gives each feature's row the texts about it."""

    of: dict[int, list[Candidate]] = field(default_factory=lambda: defaultdict(list))
    n_used: int = 0
    ambiguous: list[Candidate] = field(default_factory=list)
    unused: list[Candidate] = field(default_factory=list)


def candidates(
    texts: Sequence[Entity], told: Callable[[str], LayerName], words: Vocabulary, is_note: Callable[[Entity], bool]
) -> list[Candidate]:
    """Texts that can be a label; `is_note` tells those whose own data already names what they are about."""
    found = []
    for entity in texts:
        if entity.text is not None and not is_note(entity):
            candidate = _candidate(entity, told(entity.layer), words)
            if candidate.label is not None or candidate.number is not None:
                found.append(candidate)
    return found


def _candidate(entity: Entity, told: LayerName, words: Vocabulary) -> Candidate:
    assert entity.text is not None
    lines, (dx, dy) = entity.text.lines, entity.text.along
    is_turned = abs(dy) > 0.01 * abs(dx)
    label = words.pipe_label(" ".join(lines)) or next((x for x in map(words.pipe_label, lines) if x), None)
    if label is None and not told.numbers_points and (is_turned or told.is_annotation):
        label = words.bare_size(" ".join(lines))
    numbers = (words.point_number(line, told.numbers_points) for line in lines)
    return Candidate(entity, told, label, next((number for number in numbers if number), None), is_turned)


def match_points(found: Sequence[Candidate], nodes: Sequence[Feature], reach_m: float) -> Matching:
    """Numbers to points, each text and each point once, the nearest pair first."""
    numbers = [candidate for candidate in found if candidate.number is not None]
    places = shapely.points(np.array([entity.vertices[0][:2] for entity, _ in nodes]).reshape(-1, 2))
    pairs = _near(numbers, places, reach_m, _middle)
    return _Assignment(numbers, nodes, _of_one_class(numbers, nodes, pairs), once=True).matching()


def match_lines(found: Sequence[Candidate], lines: Sequence[Feature], reach_m: float) -> Matching:
    """Sizes to lines, each text once; a turned text only to a line that runs its way."""
    labels = [candidate for candidate in found if candidate.label is not None]
    shapes = shapely.linestrings(
        np.array([vertex[:2] for entity, _ in lines for vertex in entity.vertices], dtype=float).reshape(-1, 2),
        indices=np.repeat(np.arange(len(lines)), [len(entity.vertices) for entity, _ in lines]),
    )
    pairs = _near(labels, shapes, reach_m, lambda candidate: shapely.centroid(_middle(candidate)))
    pairs = [pair for pair in pairs if _runs_along(labels[pair[1]], shapes[pair[2]])]
    return _Assignment(labels, lines, _of_one_class(labels, lines, pairs), once=False).matching()


def _near(
    found: Sequence[Candidate],
    shapes: npt.NDArray[np.object_],
    reach_m: float,
    measured_from: Callable[[Candidate], shapely.Geometry],
) -> list[Pair]:
    """Distance, text and shape of all pairs whose text's box is within reach, the nearest first."""
    if not len(found) or not len(shapes):
        return []
    boxes = np.array([_box(candidate) for candidate in found], dtype=object)
    reach = np.array([_TARGET_REACH_M if _target(candidate) else reach_m for candidate in found])
    of_text, of_shape = shapely.STRtree(shapes).query(boxes, predicate="dwithin", distance=reach)
    origins = np.array([measured_from(candidate) for candidate in found], dtype=object)
    apart = shapely.distance(origins[of_text], shapes[of_shape])
    return sorted(zip(apart.tolist(), of_text.tolist(), of_shape.tolist(), strict=True))


def _target(candidate: Candidate) -> tuple[float, float] | None:
    return candidate.entity.text.target if candidate.entity.text is not None else None


def _box(candidate: Candidate) -> shapely.Geometry:
    text = candidate.entity.text
    assert text is not None
    if text.target is not None:
        return shapely.Point(text.target)
    (x, y), (ax, ay), (ux, uy) = text.corner, text.along, text.up
    return shapely.Polygon([(x, y), (x + ax, y + ay), (x + ax + ux, y + ay + uy), (x + ux, y + uy)])


def _middle(candidate: Candidate) -> shapely.Geometry:
    text = candidate.entity.text
    assert text is not None
    if text.target is not None:
        return shapely.Point(text.target)
    (x, y), (ax, ay), (ux, uy) = text.corner, text.along, text.up
    return shapely.LineString([(x + ux / 2, y + uy / 2), (x + ax + ux / 2, y + ay + uy / 2)])


def _of_one_class(found: Sequence[Candidate], features: Sequence[Feature], pairs: list[Pair]) -> list[Pair]:
    """The pairs whose layers do not name two classes."""
    classes = [candidate.told.class_code for candidate in found]
    return [p for p in pairs if len({classes[p[1]], features[p[2]][1].class_code} - {None}) < 2]


def _runs_along(candidate: Candidate, line: shapely.Geometry) -> bool:
    text = candidate.entity.text
    assert text is not None
    if text.target is not None or not candidate.is_turned:
        return True
    centre = shapely.centroid(_middle(candidate))
    vertices = shapely.get_coordinates(line)
    parts = shapely.linestrings(list(pairwise(vertices)))
    x, y = np.diff(vertices[np.argmin(shapely.distance(parts, centre)) :][:2], axis=0)[0]
    across = np.arctan2(y, x) - np.arctan2(text.along[1], text.along[0])
    return bool(abs(np.sin(across)) <= np.sin(np.radians(_MAX_ANGLE_DEG)))


class _Assignment:
    """Nearest first; a text equally near two features that are free waits until one of them is taken."""

    def __init__(self, found: Sequence[Candidate], features: Sequence[Feature], pairs: list[Pair], once: bool) -> None:
        self._found, self._features, self._pairs, self._once = found, features, pairs, once
        self._near: dict[int, list[tuple[float, int]]] = defaultdict(list)
        for apart, text, feature in pairs:
            self._near[text].append((apart, feature))
        self._feature_of: dict[int, int] = {}
        self._taken: set[int] = set()

    def matching(self) -> Matching:
        """Go over the pairs until nothing changes."""
        tied = self._tied_after_pass()
        n_before = 0
        while tied and len(self._feature_of) > n_before:
            n_before = len(self._feature_of)
            tied = self._tied_after_pass()
        matching = Matching(n_used=len(self._feature_of))
        for text, feature in self._feature_of.items():
            matching.of[self._features[feature][0].row].append(self._found[text])
        for text, candidate in enumerate(self._found):
            if text not in self._feature_of:
                (matching.ambiguous if text in tied else matching.unused).append(candidate)
        return matching

    def _tied_after_pass(self) -> set[int]:
        tied: set[int] = set()
        for apart, text, feature in self._pairs:
            if text in self._feature_of or text in tied or self._is_gone(feature):
                continue
            rivals = (d - apart for d, other in self._near[text] if other != feature and not self._is_gone(other))
            if any(abs(further) < TIE_M for further in rivals):
                tied.add(text)
            else:
                self._feature_of[text] = feature
                self._taken.add(feature)
        return tied

    def _is_gone(self, feature: int) -> bool:
        return self._once and feature in self._taken


def told_of_line(found: Sequence[Candidate]) -> tuple[dict[str, Any], bool]:
    """What the texts about a line say together, and whether two of them contradict each other."""
    told: dict[str, Any] = {}
    contradicts = False
    for label in (candidate.label for candidate in found if candidate.label is not None):
        for name, value in (
            ("drawn_section", label.section), ("drawn_material", label.material),
            ("drawn_depths", label.depths), ("drawn_class", label.class_word),
        ):  # fmt: skip
            contradicts |= value is not None and told.setdefault(name, value) != value
    return told, contradicts
