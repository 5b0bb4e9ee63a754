"""Which elements of an IFC file meet at the ends of its pipes: by ports, else by lying there."""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from importers.models.elements import Place, known_place

# An element takes in ends of pipes this far beyond its own bounds. One that a port names is joined up to the second
# distance; beyond it the ends stay apart, and the joining of points and lines tells how far.
_SLACK_M, _FARTHEST_M = 0.05, 5.0
_SAME_PLACE_M = 0.005
# What reaches farther is no manhole that pipes end in.
_WIDEST_M = 10.0
_NEAREST = 8

Plain = Mapping[str, Any]


@dataclass(frozen=True)
class Joined:
    """A pipe with the keys of the points at its ends (None where one is free), its path, and which way it flows."""

    from_key: str | None
    to_key: str | None
    path: list[Place]
    flow: str | None


@dataclass
class Joins:
    """The joined pipes by number in the file, and points between two pipes that no element stands for.

    `joints` has the number of a pipe and the place by key; `n_by_place` counts the ends that were joined because they
    lie in an element.
    """

    pipes: dict[int, Joined] = field(default_factory=dict)
    joints: dict[str, tuple[int, Place]] = field(default_factory=dict)
    n_by_place: int = 0


def joined(elements: Sequence[Plain], keys: Mapping[int, str]) -> Joins:
    """Join every pipe that has a path.

    Parameters
    ----------
    elements
        As `importers.models.ifc_file` tells them.
    keys
        Point numbers of the elements that are no pipes, by number in the file.
    """
    return _Joiner(elements, keys).joins


class _Joiner:
    def __init__(self, elements: Sequence[Plain], keys: Mapping[int, str]) -> None:
        self.keys = {
            element["row"]: keys[element["row"]]
            for element in elements
            if element["row"] in keys and is_placed(element["place"])
        }
        self.places = {
            self.keys[element["row"]]: element["place"] for element in elements if element["row"] in self.keys
        }
        self.owner = {port["id"]: element["row"] for element in elements for port in element["ports"]}
        self.others: dict[int, set[int]] = defaultdict(set)
        for port in (port for element in elements for port in element["ports"]):
            for other in port["others"]:
                self.others[port["id"]].add(other)
                self.others[other].add(port["id"])
        self.holders = [
            element for element in elements if element["row"] in self.keys and 0 < element["reach_m"] <= _WIDEST_M
        ]
        self.tree = cKDTree([element["place"][:2] for element in self.holders]) if self.holders else None
        self.joins = Joins()
        for element in elements:
            if element["is_segment"] and (path := path_of(element)):
                self.joins.pipes[element["row"]] = self._joined(element, path)
        self._join_upright()

    def _joined(self, pipe: Plain, path: list[Place]) -> Joined:
        ports = _ports_at_ends(pipe, path)
        start, end = (self._end(pipe, port, place) for port, place in zip(ports, (path[0], path[-1]), strict=True))
        whole = [*self._up_to(start, path[0]), *path, *self._up_to(end, path[-1])]
        return Joined(start, end, whole, _flow(ports))

    def _end(self, pipe: Plain, port: Plain | None, place: Place) -> str | None:
        """The key of what the port names, else of the element the end lies in, else None."""
        for other in sorted(self.others[port["id"]]) if port else ():
            row = self.owner.get(other, pipe["row"])
            if row in self.keys:
                return self.keys[row]
            if port and row != pipe["row"]:
                key = f"#{min(port['id'], other)}=#{max(port['id'], other)}"
                self.joins.joints.setdefault(key, (pipe["row"], place))
                return key
        return self._holder(place)

    def _holder(self, place: Place) -> str | None:
        """The nearest element whose bounds the end lies in."""
        if self.tree is None:
            return None
        _, nearest = self.tree.query(place[:2], k=min(_NEAREST, len(self.holders)), distance_upper_bound=_WIDEST_M)
        near = [self.holders[at] for at in np.atleast_1d(nearest) if at < len(self.holders)]
        holding = [element for element in near if _holds(element, place)]
        if not holding:
            return None
        self.joins.n_by_place += 1
        return self.keys[holding[0]["row"]]

    def _join_upright(self) -> None:
        """Join free ends at upright pipes by height: in plan, the two ends of such a pipe are one place."""
        pipes, joints = self.joins.pipes, self.joins.joints
        points = {**self.places, **{key: place for key, (_, place) in joints.items()}}
        for key, ends in _met_at_upright(pipes, points):
            if key is None:
                key = f"#{ends[0].row}.{'start' if ends[0].is_start else 'end'}"
                joints[key] = (ends[0].row, ends[0].place)
            for end in ends:
                pipe = pipes[end.row]
                pipes[end.row] = replace(pipe, from_key=key) if end.is_start else replace(pipe, to_key=key)

    def _up_to(self, key: str | None, place: Place) -> list[Place]:
        """The place of the point at an end, level with the pipe, where the pipe stops short of it."""
        if key is None:
            return []
        at = self.joins.joints[key][1] if key in self.joins.joints else self.places[key]
        apart_m = math.dist(at[:2], place[:2])
        return [(at[0], at[1], place[2])] if _SAME_PLACE_M < apart_m <= _FARTHEST_M else []


@dataclass(frozen=True)
class _FreeEnd:
    """An end of a pipe that nothing is known to meet."""

    row: int
    is_start: bool
    place: Place
    is_upright: bool


def _met_at_upright(
    pipes: Mapping[int, Joined], points: Mapping[str, Place]
) -> Iterator[tuple[str | None, list[_FreeEnd]]]:
    """Free ends that meet at an end of an upright pipe, with the key of the point there, None where there is none."""
    upright = {row for row, pipe in pipes.items() if _is_upright(pipe.path)}
    if not upright:
        return
    used = {key for row in upright for key in (pipes[row].from_key, pipes[row].to_key)} - {None}
    free = [
        _FreeEnd(row, at == 0, pipe.path[at], row in upright)
        for row, pipe in pipes.items()
        for key, at in ((pipe.from_key, 0), (pipe.to_key, -1))
        if key is None
    ]
    spots = _spots([*points.values(), *(end.place for end in free)])
    key_at: dict[int, str] = {}
    for key, spot in zip(points, spots, strict=False):
        key_at.setdefault(spot, key)
    met: dict[int, list[_FreeEnd]] = defaultdict(list)
    for end, spot in zip(free, spots[len(points) :], strict=True):
        met[spot].append(end)
    for spot, ends in met.items():
        if key_at.get(spot) in used or any(end.is_upright for end in ends):
            yield key_at.get(spot), ends


def _is_upright(path: Sequence[Place]) -> bool:
    return math.dist(path[0][:2], path[-1][:2]) <= _SLACK_M < abs(path[0][2] - path[-1][2])


def _spots(places: Sequence[Place]) -> list[int]:
    """A number for each place, the same for those within 5 cm of each other in space."""
    pairs = cKDTree(places).query_pairs(_SLACK_M, output_type="ndarray")
    graph = coo_array((np.ones(len(pairs), np.int8), (pairs[:, 0], pairs[:, 1])), shape=(len(places), len(places)))
    return [int(spot) for spot in connected_components(graph, directed=False)[1]]


def path_of(pipe: Plain) -> list[Place]:
    """The pipe's axis, else the way between its two ports; empty when neither is known."""
    path = pipe["axis"] or [port["place"] for port in pipe["ports"] if port["place"]]
    is_whole = len(path) > 1 and (pipe["axis"] or len(path) == 2) and all(map(is_placed, path))
    return path if is_whole else []


def is_placed(place: Sequence[float | None] | None) -> bool:
    """Whether all three coordinates are known."""
    return place is not None and all(value is not None and known_place(value) for value in place)


def _ports_at_ends(pipe: Plain, path: list[Place]) -> tuple[Plain | None, Plain | None]:
    """The port at either end: the nearest one, else, of those without a place, the one that flows the right way."""
    start = end = None
    placed = [port for port in pipe["ports"] if is_placed(port["place"])]
    for port in placed:
        to_start, to_end = math.dist(port["place"], path[0]), math.dist(port["place"], path[-1])
        if to_start <= to_end and (start is None or to_start < math.dist(start["place"], path[0])):
            start = port
        elif to_end < to_start and (end is None or to_end < math.dist(end["place"], path[-1])):
            end = port
    loose = {port["flow"]: port for port in pipe["ports"] if port not in placed}
    return start or loose.get("SINK"), end or loose.get("SOURCE")


def _flow(ports: tuple[Plain | None, Plain | None]) -> str | None:
    """Whether water runs along the axis or against it, None where the ports do not tell or do not agree."""
    told = {
        {"SINK": is_start, "SOURCE": not is_start}[port["flow"]]
        for port, is_start in zip(ports, (True, False), strict=True)
        if port and port["flow"] in ("SINK", "SOURCE")
    }
    return None if len(told) != 1 else "forward" if told.pop() else "backward"


def _holds(element: Plain, place: Place) -> bool:
    is_level = element["bottom_m"] - _SLACK_M <= place[2] <= element["top_m"] + _SLACK_M
    within_m = element["reach_m"] + _SLACK_M
    return bool(is_level and math.dist(element["place"][:2], place[:2]) <= within_m)
