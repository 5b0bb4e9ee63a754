"""Blocks with the data of a pipe that is drawn beside them as a bare line: they name the points that it joins."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
from scipy.spatial import cKDTree

from importers.cad.entities import Entity
from importers.cad.sheets import Sheet
from importers.profiles import Profile

_AT_POINT_M = 0.6

Place = tuple[float, float]
Pair = frozenset[str]


def hand_to_lines(sheets: Sequence[Sheet], profile: Profile) -> None:
    """Give bare lines the data of blocks that name the points at their ends; the blocks are no points themselves."""
    of_pipes = list(_of_pipes(sheets, profile))
    places = dict(_numbered(sheets, profile)) if of_pipes else {}
    bare = [line for sheet in sheets for line in sheet.rows["segment"] if _is_bare(line)] if places else []
    lines = _by_ends(bare, places)
    used: set[int] = set()
    for block, start, end in of_pipes:
        line = lines.pop(frozenset((start, end)), None)
        if line is not None:
            apart = [np.subtract(line.vertices[at][:2], places[start]) for at in (0, -1)]
            if np.hypot(*apart[0]) > np.hypot(*apart[1]):
                line.vertices = line.vertices[::-1]
            line.attributes = block.attributes
            used.add(block.row)
    for sheet in sheets if used else ():
        sheet.drop(used, "handed")


def _is_bare(line: Entity) -> bool:
    return not line.attributes and not line.is_closed and len(line.vertices) > 1


def _alike(sheets: Sequence[Sheet]) -> Iterator[tuple[list[Entity], dict[str, None]]]:
    """Points with data that one layer has of one kind of block, and the names of their attributes."""
    for sheet in sheets:
        kinds: dict[str | None, list[Entity]] = defaultdict(list)
        for entity in sheet.rows["node"]:
            if entity.attributes and entity.vertices:
                kinds[entity.block].append(entity)
        for kind in kinds.values():
            yield kind, dict.fromkeys(name for entity in kind for name in entity.attributes)


def _of_pipes(sheets: Sequence[Sheet], profile: Profile) -> Iterator[tuple[Entity, str, str]]:
    """Blocks that name two points and not one of their own, with the numbers of both."""
    for blocks, columns in _alike(sheets):
        ends = profile.mapping("segment", columns)
        if {"from_key", "to_key"} <= ends.keys() and "key" not in profile.mapping("node", columns):
            for block in blocks:
                start, end = (_word(block, ends[name]) for name in ("from_key", "to_key"))
                if start and end and start != end:
                    yield block, start, end


def _numbered(sheets: Sequence[Sheet], profile: Profile) -> Iterator[tuple[str, Place]]:
    """The places of points by the numbers that their data gives."""
    for points, columns in _alike(sheets):
        if key := profile.mapping("node", columns).get("key"):
            yield from ((_word(point, key), point.vertices[0][:2]) for point in points)


def _word(entity: Entity, name: str) -> str:
    return str(entity.attributes.get(name) or "").strip()


def _by_ends(lines: Sequence[Entity], places: dict[str, Place]) -> dict[Pair, Entity]:
    """The lines by the numbers of the points at both ends, where they are the only ones between these."""
    found: dict[Pair, list[Entity]] = {}
    if lines:
        ends = np.array([[line.vertices[0][:2], line.vertices[-1][:2]] for line in lines])
        apart_m, nearest = (np.asarray(each) for each in cKDTree(np.array(list(places.values()))).query(ends))
        numbers = list(places)
        for line, is_near, at in zip(lines, apart_m.max(axis=1) <= _AT_POINT_M, nearest, strict=True):
            if is_near:
                found.setdefault(frozenset(numbers[place] for place in at), []).append(line)
    return {pair: there[0] for pair, there in found.items() if len(there) == 1}
