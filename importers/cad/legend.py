"""The legend of a plan: short lines, the name of a class beside each, whose colour and linetype other lines have."""

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from importers.cad.entities import Entity

# In heights of the letters: how long a sample is, how far its name stands behind and above it, how far out of column.
_LONGEST, _BEHIND, _ABOVE, _ASIDE = 40.0, 8.0, 1.2, 1.0
_ALIKE = 0.2
_LEAST_SAMPLES = 2
_LEVEL = 0.01
_MOST_OF_A_LAYER = 0.7
_HEADING = re.compile(r"^\s*(?:图\s*例|legend|legende|légende|leyenda|legenda|легенда)\s*[:：]?\s*$", re.IGNORECASE)
# How far a heading stands above the first sample, in rows of the samples.
_ROWS_OVER = 4.0
_PLAIN_LINETYPES = frozenset({"", "CONTINUOUS", "BYLAYER"})

# Colour and linetype.
Look = tuple[str, str]


@dataclass
class Legend:
    """What class lines of a look are of, the rows of the samples, and the layers whose lines have the looks of it."""

    classes: Mapping[Look, str] = field(default_factory=dict)
    samples: frozenset[int] = frozenset()
    layers: frozenset[str] = frozenset()

    def class_of(self, line: Entity) -> str | None:
        """The class of a line by its look."""
        return self.classes.get(line.look)

    def says_of_silent(self, line: Entity) -> bool:
        """Whether it tells of a line that nothing else does: by a linetype that is not plain, or on its layers."""
        is_told = line.look in self.classes and not line.is_closed and len(line.vertices) > 1
        return is_told and (line.look[1] not in _PLAIN_LINETYPES or line.layer in self.layers)


@dataclass(frozen=True)
class _Sample:
    line: Entity
    code: str
    start: tuple[float, float]
    length: float
    height: float


def read_legend(texts: Sequence[Entity], lines: Sequence[Entity], class_said: Callable[[str], str | None]) -> Legend:
    """The legend among the texts and lines of a drawing; none where fewer than two classes stand one under another.

    A look that stands for two classes tells neither. Samples under a heading 图例 are no pipes whatever their looks.
    """
    words = list(map(_name, texts))
    said_by = {word: class_said(word) for word in set(words) if word}
    named = zip(texts, (said_by.get(word or "") for word in words), strict=True)
    names = [(text, code) for text, code in named if code is not None]
    if len(set(said_by.values()) - {None}) < _LEAST_SAMPLES:
        return Legend()
    found = _samples(names, [line for line in lines if _is_level(line)])
    columns = [column for column in _columns(found) if len({sample.code for sample in column}) >= _LEAST_SAMPLES]
    said: dict[Look, set[str]] = defaultdict(set)
    for sample in (samples := [sample for column in columns for sample in column]):
        said[sample.line.look].add(sample.code)
    classes = {look: codes.pop() for look, codes in said.items() if len(codes) == 1}
    if not classes:
        headings = _headings(texts)
        samples = [sample for column in columns if _is_headed(column, headings) for sample in column]
    rows = frozenset(sample.line.row for sample in samples)
    return Legend(classes, rows, _layers(classes, rows, lines))


def _headings(texts: Sequence[Entity]) -> npt.NDArray[np.float64]:
    """Where texts begin that call what stands under them a legend."""
    found = [text.text.corner for text in texts if text.text is not None and _HEADING.match(text.text.lines[0])]
    return np.array(found, dtype=float).reshape(-1, 2)


def _is_headed(column: Sequence[_Sample], headings: npt.NDArray[np.float64]) -> bool:
    """Whether a heading stands above the first of samples one under another, no farther than their rows are apart."""
    starts, height = np.array([sample.start for sample in column]), column[0].height
    top, step = starts[:, 1].max(), np.ptp(starts[:, 1]) / (len(column) - 1)
    right, up = (headings - (starts[:, 0].min(), top)).T
    is_over = (up > 0) & (up <= _ROWS_OVER * max(step, height))
    return bool((is_over & (np.abs(right) <= column[0].length + _BEHIND * height)).any())


def _layers(classes: Mapping[Look, str], samples: frozenset[int], lines: Sequence[Entity]) -> frozenset[str]:
    """Layers of which most lines have a look of the legend, and more than one of them."""
    looks: dict[str, list[Look]] = defaultdict(list)
    for line in lines:
        if line.row not in samples and not line.is_closed and len(line.vertices) > 1:
            looks[line.layer].append(line.look)
    of_legend = {layer: [look for look in there if look in classes] for layer, there in looks.items()}
    return frozenset(
        layer
        for layer, there in of_legend.items()
        if len(set(there)) >= _LEAST_SAMPLES and len(there) >= _MOST_OF_A_LAYER * len(looks[layer])
    )


def _name(entity: Entity) -> str | None:
    """What a text says that can be the name of a class: one line without figures."""
    text = entity.text
    is_name = text is not None and len(text.lines) == 1 and not any(map(str.isdigit, text.lines[0]))
    return text.lines[0] if text is not None and is_name else None


def _is_level(line: Entity) -> bool:
    (ax, ay), (bx, by) = line.vertices[0][:2], line.vertices[-1][:2]
    return len(line.vertices) == 2 and abs(by - ay) <= _LEVEL * abs(bx - ax)


def _samples(names: Sequence[tuple[Entity, str]], lines: Sequence[Entity]) -> list[_Sample]:
    """For each name the nearest short line that it stands right of, where there is one."""
    if not lines:
        return []
    ends = np.array([sorted((line.vertices[0][:2], line.vertices[-1][:2])) for line in lines])
    tree = cKDTree(ends[:, 1])
    found = []
    for entity, code in names:
        assert entity.text is not None
        height = float(np.hypot(*entity.text.up))
        middle = np.add(entity.text.corner, np.divide(entity.text.up, 2))
        near = np.array(tree.query_ball_point(middle, np.hypot(_BEHIND, _ABOVE) * height), dtype=int)
        (behind, above), length = np.abs(middle - ends[near, 1]).T, ends[near, 1, 0] - ends[near, 0, 0]
        fits = (above <= _ABOVE * height) & (length >= 2 * height) & (length <= _LONGEST * height)
        fits &= (ends[near, 1, 0] <= middle[0]) & (behind <= _BEHIND * height)
        if fits.any():
            place = near[fits][np.argmin(behind[fits])]
            found.append(_Sample(lines[place], code, tuple(ends[place, 0]), float(np.ptp(ends[place, :, 0])), height))
    return found


def _columns(samples: Sequence[_Sample]) -> list[list[_Sample]]:
    """Samples that begin one under another and are as long as each other."""
    columns: list[list[_Sample]] = []
    for sample in samples:
        for column in columns:
            first = column[0]
            is_under = abs(sample.start[0] - first.start[0]) <= _ASIDE * first.height
            if is_under and abs(sample.length - first.length) <= _ALIKE * first.length:
                column.append(sample)
                break
        else:
            columns.append([sample])
    return columns
