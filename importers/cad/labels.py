"""Texts matched to what they are about: the number of a point beside it, size, material and depth along a line."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

from importers.cad.entities import Entity
from importers.cad.label_words import PipeLabel, Vocabulary
from importers.cad.layer_names import LayerName, can_meet
from importers.cad.stacks import are_levels, has_decimals, levels_of, one_under_another, stacked

# Two candidates whose distances differ by less than this are equally near.
TIE_M = 0.05
_MAX_ANGLE_DEG = 15.0
# A leader points at what it means.
_TARGET_REACH_M = 0.5
_STEP_M = 0.1
_OF_ONE_PIPE = ("inlet", "outlet")
# Of the space that a line of a text of several takes.
_LETTERS_OF_A_LINE = 0.6

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Objects = npt.NDArray[np.object_]


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
    levels: Mapping[str, float] = field(default_factory=dict)


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
    spoken = [part for entity in texts if not is_note(entity) for part in _apart(entity, words)]
    for entity in stacked(spoken, words):
        if entity.text is not None:
            candidate = _candidate(entity, told(entity.layer), words)
            if candidate.label is not None or candidate.number is not None or candidate.levels:
                found.append(candidate)
    return found


def _apart(entity: Entity, words: Vocabulary) -> list[Entity]:
    """A text of which several lines describe pipes of one class each as a text for each line."""
    text = entity.text
    if text is None or len(text.lines) < 2:
        return [entity]
    classes = [label.class_word for line in text.lines if (label := words.pipe_label(line)) is not None]
    if None in classes or len(set(classes)) < 2:
        return [entity]
    step = np.array(text.up) / len(text.lines)
    corners = [tuple((np.array(text.corner) + step * at).tolist()) for at in reversed(range(len(text.lines)))]
    up = tuple((step * _LETTERS_OF_A_LINE).tolist())
    return [
        replace(entity, text=replace(text, lines=[line], corner=corner, up=up))
        for line, corner in zip(text.lines, corners, strict=True)
    ]


def _candidate(entity: Entity, told: LayerName, words: Vocabulary) -> Candidate:
    assert entity.text is not None
    lines, (dx, dy) = list(entity.text.lines), entity.text.along
    may_be_heights = has_decimals(lines)
    if may_be_heights:
        lines = one_under_another(lines, words)
    is_turned = abs(dy) > 0.01 * abs(dx)
    label = words.pipe_label(" ".join(lines)) or next((x for x in map(words.pipe_label, lines) if x), None)
    if label is None and not told.numbers_points and (is_turned or told.is_annotation):
        label = words.bare_size(" ".join(lines)) or (words.bare_material(lines[0]) if told.is_annotation else None)
    if label is not None and label.tells_only_others and told.class_code is None:
        label = None
    numbers = (words.point_number(line, told.numbers_points) for line in lines)
    number = next((number for number in numbers if number), None)
    levels = _levels(lines, words) if may_be_heights else {}
    if len(lines) > 1 and (number is not None or are_levels(lines, words)):
        levels = levels or levels_of(lines)
    is_of_point = levels and (number is not None or len(lines) > 1)
    return Candidate(entity, told, None if is_of_point else label, number, is_turned, levels)


def _levels(lines: Sequence[str], words: Vocabulary) -> dict[str, float]:
    """The heights that lines state of a point: the lowest of its bottom, and none of several pipes that come in."""
    told: dict[str, list[float]] = defaultdict(list)
    for line in lines:
        for what, height in words.levels(line).items():
            told[what].append(height)
    of_one = {what: heights for what, heights in told.items() if what not in _OF_ONE_PIPE or len(heights) == 1}
    return {what: min(heights) if what == "bottom" else heights[0] for what, heights in of_one.items()}


class _Boxes:
    """Where texts stand, or point at: their boxes, the lines along their middle, and the middle of those."""

    def __init__(self, found: Sequence[Candidate]) -> None:
        texts = [candidate.entity.text for candidate in found if candidate.entity.text is not None]
        corner, along, up = (
            np.array([getattr(text, name) for text in texts], dtype=float).reshape(-1, 2)
            for name in ("corner", "along", "up")
        )
        self.points = np.array([text.target is not None for text in texts], dtype=bool)
        tips = np.array([text.target or (0.0, 0.0) for text in texts], dtype=float).reshape(-1, 2)
        corner, along, up = (
            np.where(self.points[:, None], pointed, read)
            for pointed, read in ((tips, corner), (np.zeros_like(along), along), (np.zeros_like(up), up))
        )
        self.along = along
        rings = np.stack([corner, corner + along, corner + along + up, corner + up], axis=1)
        self.middles = shapely.linestrings(np.stack([corner + up / 2, corner + along + up / 2], axis=1))
        self.centres = shapely.points(corner + (along + up) / 2)
        # A polygon without extent has no distance.
        self.areas = np.where(self.points, self.centres, shapely.polygons(shapely.linearrings(rings)))


def match_points(found: Sequence[Candidate], nodes: Sequence[Feature], reach_m: float) -> Matching:
    """Numbers to points, each text and each point once, the nearest pair first."""
    return _matched([c for c in found if c.number is not None], nodes, reach_m, once=True)


def match_levels(found: Sequence[Candidate], nodes: Sequence[Feature], reach_m: float) -> Matching:
    """Levels to points, each text once."""
    return _matched([c for c in found if c.levels], nodes, reach_m, once=False)


def _matched(found: Sequence[Candidate], nodes: Sequence[Feature], reach_m: float, once: bool) -> Matching:
    places = shapely.points(np.array([entity.vertices[0][:2] for entity, _ in nodes]).reshape(-1, 2))
    boxes = _Boxes(found)
    of_text, of_point = _within(boxes, places, reach_m)
    pairs = _sorted(boxes.middles[of_text], places[of_point], of_text, of_point)
    return _Assignment(found, nodes, _of_one_class(found, nodes, pairs), once).matching()


def match_lines(found: Sequence[Candidate], lines: Sequence[Feature], reach_m: float) -> Matching:
    """Sizes to lines, each text once; a turned text only to a line that runs its way."""
    labels = [candidate for candidate in found if candidate.label is not None]
    shapes = shapely.linestrings(
        np.array([vertex[:2] for entity, _ in lines for vertex in entity.vertices], dtype=float).reshape(-1, 2),
        indices=np.repeat(np.arange(len(lines)), [len(entity.vertices) for entity, _ in lines]),
    )
    boxes = _Boxes(labels)
    of_text, of_line = _within(boxes, shapes, reach_m)
    is_free = np.array([not candidate.is_turned for candidate in labels], dtype=bool) | boxes.points
    fits = is_free[of_text] | _runs_along(boxes.along[of_text], boxes.centres[of_text], shapes[of_line])
    of_text, of_line = of_text[fits], of_line[fits]
    pairs = _sorted(boxes.centres[of_text], shapes[of_line], of_text, of_line)
    return _Assignment(labels, lines, _of_one_class(labels, lines, pairs), once=False).matching()


def _within(boxes: _Boxes, shapes: Objects, reach_m: float) -> tuple[Integers, Integers]:
    """Text and shape of all pairs within reach."""
    if not len(boxes.areas) or not len(shapes):
        return np.array([], dtype=np.int64), np.array([], dtype=np.int64)
    reach = np.where(boxes.points, _TARGET_REACH_M, reach_m)
    of_text, of_shape = shapely.STRtree(shapes).query(boxes.areas, predicate="dwithin", distance=reach)
    return of_text, of_shape


def _sorted(origins: Objects, shapes: Objects, of_text: Integers, of_shape: Integers) -> list[Pair]:
    apart = shapely.distance(origins, shapes)
    return sorted(zip(apart.tolist(), of_text.tolist(), of_shape.tolist(), strict=True))


def _of_one_class(found: Sequence[Candidate], features: Sequence[Feature], pairs: list[Pair]) -> list[Pair]:
    """The pairs whose layers do not name two classes."""
    classes = [candidate.told.class_code for candidate in found]
    return [p for p in pairs if can_meet(classes[p[1]], features[p[2]][1].class_code)]


def _runs_along(along: Floats, centres: Objects, lines: Objects) -> npt.NDArray[np.bool_]:
    """Whether lines, where they are nearest to texts, run the way of the writing."""
    place, length = shapely.line_locate_point(lines, centres), shapely.length(lines)
    before = shapely.get_coordinates(shapely.line_interpolate_point(lines, np.maximum(place - _STEP_M, 0)))
    after = shapely.get_coordinates(shapely.line_interpolate_point(lines, np.minimum(place + _STEP_M, length)))
    x, y = (after - before).T
    across = np.arctan2(y, x) - np.arctan2(along[:, 1], along[:, 0])
    fits: npt.NDArray[np.bool_] = np.abs(np.sin(across)) <= np.sin(np.radians(_MAX_ANGLE_DEG))
    return fits


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
            *((f"drawn_{name}", value) for name, value in label.others),
        ):  # fmt: skip
            contradicts |= value is not None and told.setdefault(name, value) != value
    return told, contradicts
