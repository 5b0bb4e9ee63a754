"""Texts that stand under each other beside one point: its number, and the levels of its ground and its bottom."""

import math
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from importers.cad.entities import Entity
from importers.cad.label_words import Vocabulary
from importers.cad.texts import Text

_BARE = re.compile(r"^-?\d{1,4}\.\d{1,3}$")
_PAIR = re.compile(r"^(-?\d{1,4}\.\d{1,3})\s*/\s*(-?\d{1,4}\.\d{1,3})$")
_IN_ONE_LINE = re.compile(r"^([^\s()]+?)\s*[\s(]\s*([^()]+\)?)$")
_OVER = re.compile(r"^([^\s()/]+)\s*/\s*(-?\d{1,4}\.\d{1,3})$")
_DECIMALS = re.compile(r"\d\s*[.,．，]\s*\d")
# A height or depth of which letters say what it is, not to us: H=34.80 h=2.10.
_NAMED = re.compile(r"^[A-Za-z]{1,3}[=:]-?\d+\.\d+$")
# Deckel and Sohle; a letter alone can be anything, so they are believed together alone.
_COVER, _BOTTOM = re.compile(r"^D\s*[=:]\s*(-?\d+[.,]\d+)$"), re.compile(r"^S\s*[=:]\s*(-?\d+[.,]\d+)$")
# Of lines under each other, in heights of their letters: how far apart, and how far out of line.
_LEAST_STEP, _MOST_STEP, _MOST_ASIDE = 0.9, 2.6, 0.6
_PARALLEL = 0.99
_MOST_NEIGHBOURS = 12
_SHALLOWEST_M, _DEEPEST_M = 0.2, 20.0

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


def stacked(texts: Sequence[Entity], words: Vocabulary) -> list[Entity]:
    """The texts, a number and the levels under it as one of several lines."""
    alike: dict[tuple[str, float], list[Entity]] = defaultdict(list)
    for entity in texts:
        text = entity.text
        if text is not None and len(text.lines) == 1:
            alike[entity.layer, round(math.hypot(*text.up), 2)].append(entity)
    joined: dict[int, Entity | None] = {}
    for (_, height_m), entities in alike.items():
        if height_m and (lines := _lines_of_stacks(entities, words)):
            for stack in _stacks(lines, words):
                joined.update({id(entity): None for entity in stack})
                joined[id(stack[0])] = _joined(stack)
    return [found for entity in texts if (found := joined.get(id(entity), entity)) is not None]


def levels_of(lines: Sequence[str]) -> dict[str, float]:
    """Ground and bottom, the higher and the lowest of the bare numbers under a point's number; {} where none is."""
    heights: list[float] = []
    for line in _named_levels(lines) or lines:
        said = unicodedata.normalize("NFKC", line).strip()
        pair = _PAIR.match(said)
        heights += [float(pair[1]), float(pair[2])] if pair else [float(said)] if _BARE.match(said) else []
    if len(heights) < 2 or not _SHALLOWEST_M <= heights[0] - min(heights) <= _DEEPEST_M or heights[0] < max(heights):
        return {}
    return {"ground": heights[0], "bottom": min(heights)}


def _named_levels(lines: Sequence[str]) -> list[str]:
    """The heights of `D=18.40 S=15.90`, the cover's first; none where either letter is missing."""
    covers, bottoms = ([found[1] for line in lines if (found := of.match(line.strip()))] for of in (_COVER, _BOTTOM))
    return [height.replace(",", ".") for height in (*covers, *bottoms)] if covers and bottoms else []


def one_under_another(lines: Sequence[str], words: Vocabulary) -> list[str]:
    """Lines of a text; a number with its levels behind it in one line, `W12 34.80/31.10`, as if they stood under it."""
    said = unicodedata.normalize("NFKC", lines[0]).strip() if len(lines) == 1 else ""
    if (over := _OVER.match(said)) and words.point_number(over[1]) is not None:
        return [over[1], over[2]]
    found = _IN_ONE_LINE.match(said)
    if found is None or words.point_number(found[1]) is None:
        return list(lines)
    behind = found[2].strip("() ").split()
    are_levels = levels_of(behind) or any(words.levels(each) for each in behind)
    return [found[1], *behind] if are_levels or all(map(_NAMED.match, behind)) else list(lines)


def has_decimals(lines: Sequence[str]) -> bool:
    """Whether lines can state heights at all; most texts of a plan do not."""
    return any(map(_DECIMALS.search, lines))


def are_levels(lines: Sequence[str], words: Vocabulary) -> bool:
    """Whether every line is a height or depth."""
    return all(_is_height(line, words) for line in lines)


def is_bare_height(lines: Sequence[str]) -> bool:
    """Whether a text is one number with decimals, or two, and nothing else."""
    said = unicodedata.normalize("NFKC", lines[0]).strip()
    return len(lines) == 1 and bool(_BARE.match(said) or _PAIR.match(said))


def _lines_of_stacks(entities: Sequence[Entity], words: Vocabulary) -> list[Entity]:
    """The heights among texts and the numbers that can stand over them; none where no height is."""
    said = [entity.text.lines[0] for entity in entities if entity.text is not None]
    are_heights = [_is_height(line, words) for line in said]
    if not any(are_heights):
        return []
    told = zip(entities, said, are_heights, strict=True)
    return [entity for entity, line, is_height in told if is_height or words.point_number(line) is not None]


def _is_height(line: str, words: Vocabulary) -> bool:
    said = unicodedata.normalize("NFKC", line).strip()
    if not _DECIMALS.search(said):
        return False
    is_named = _COVER.match(said) or _BOTTOM.match(said)
    return bool(_BARE.match(said) or _PAIR.match(said) or is_named or words.levels(said))


def _stacks(entities: Sequence[Entity], words: Vocabulary) -> Iterator[list[Entity]]:
    """A number and the lines under it, down to the next number, where they tell levels."""
    texts = [entity.text for entity in entities if entity.text is not None]
    under = _nearest_below(texts)
    heads = {each for each, text in enumerate(texts) if not _is_height(text.lines[0], words)}
    # Levels without a number over them, the ground over the bottom.
    tops = under.keys() - under.values() - heads
    for head in sorted(heads | tops):
        stack = [head]
        while (below := under.get(stack[-1])) is not None and below not in heads:
            stack.append(below)
        lines = [texts[each].lines[0] for each in (stack if head in tops else stack[1:])]
        if levels_of(lines) or any(words.levels(line) for line in lines):
            yield [entities[each] for each in stack]


def _nearest_below(texts: Sequence[Text]) -> dict[int, int]:
    """Of each text the one next under it, in line with it at its start or in its middle; all of one height."""
    corner, along, up = (
        np.array([getattr(text, name) for text in texts], dtype=float) for name in ("corner", "along", "up")
    )
    height = np.hypot(*up.T)[:, None]
    rise, run = up / height, along / np.hypot(*along.T)[:, None]
    reach_m = float(height[0, 0]) * float(np.hypot(_MOST_STEP, _MOST_ASIDE))
    found: list[tuple[float, int, int]] = []
    for places in (corner, corner + along / 2):
        upper, lower = _neighbours(places, reach_m)
        apart = (places[lower] - places[upper]) / height[upper]
        step, aside = -(apart * rise[upper]).sum(axis=1), (apart * run[upper]).sum(axis=1)
        is_parallel = (run[lower] * run[upper]).sum(axis=1) > _PARALLEL
        fits = (step >= _LEAST_STEP) & (step <= _MOST_STEP) & (np.abs(aside) <= _MOST_ASIDE) & is_parallel
        found += zip(step[fits].tolist(), upper[fits].tolist(), lower[fits].tolist(), strict=True)
    under: dict[int, int] = {}
    taken: set[int] = set()
    for _, above, below in sorted(found):
        if above not in under and below not in taken:
            under[above] = below
            taken.add(below)
    return under


def _neighbours(places: Floats, reach_m: float) -> tuple[Integers, Integers]:
    """Pairs of places within reach, of each the nearest few."""
    near = np.arange(1, min(_MOST_NEIGHBOURS, len(places)) + 1)
    others = np.asarray(cKDTree(places).query(places, k=near, distance_upper_bound=reach_m)[1])
    upper, rank = np.nonzero(others < len(places))
    return upper, others[upper, rank]


def _joined(stack: Sequence[Entity]) -> Entity:
    """One text of several lines in the box of all."""
    texts = [entity.text for entity in stack if entity.text is not None]
    up, along = np.array(texts[0].up), np.array(texts[0].along)
    rise, run = up / np.hypot(*up), along / np.hypot(*along)
    corners = np.array([text.corner for text in texts])
    corners = np.concatenate([corners, corners + [np.add(text.along, text.up) for text in texts]])
    across, above = corners @ run, corners @ rise
    corner = run * across.min() + rise * above.min()
    text = Text(
        [line for text in texts for line in text.lines],
        (float(corner[0]), float(corner[1])),
        (float(run[0] * np.ptp(across)), float(run[1] * np.ptp(across))),
        (float(rise[0] * np.ptp(above)), float(rise[1] * np.ptp(above))),
        next((text.target for text in texts if text.target is not None), None),
    )
    return replace(stack[0], text=text)
