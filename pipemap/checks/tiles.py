"""Cuts a scope into tiles, so that rules about places need memory for one tile and not for a city.

Every feature that is told of is at home in one tile. A tile also holds what lies around its features
and what is joined to them, so that a rule finds there what it would find on the whole.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import shapely

from pipemap.checks.columns import Bools, Floats, Ints
from pipemap.checks.scope import KINDS, Kind, Scope

TILE_FEATURES = 100_000
# What the farthest-looking rules need: clearances of some metres, and the ground around a point.
MARGIN_M = 60.0


class Tiles:
    """Parts of a scope with at most `size` features at home in each, rows in order of their identities.

    A part is cut when its turn comes, and is its reader's alone.
    """

    def __init__(self, scope: Scope, size: int = TILE_FEATURES, margin_m: float = MARGIN_M) -> None:
        self._scope = scope
        self._margin_m = margin_m
        self._boxes = {kind: _boxes(scope, kind) for kind in KINDS}
        told = {kind: np.flatnonzero(scope.told[kind]) for kind in KINDS}
        self._kind = np.concatenate([np.full(len(told[kind]), number, np.int8) for number, kind in enumerate(KINDS)])
        self._row = np.concatenate([told[kind] for kind in KINDS])
        middles = np.concatenate([_middles(self._boxes[kind], told[kind]) for kind in KINDS])
        self._homes = list(_split(middles, np.arange(len(middles)), size))

    def __len__(self) -> int:
        return len(self._homes)

    def __getitem__(self, number: int) -> Scope:
        home = self._homes[number]
        rows = {kind: self._row[home[self._kind[home] == place]] for place, kind in enumerate(KINDS)}
        return _tile(self._scope, rows, self._boxes, self._margin_m)


def _split(middles: Floats, members: Ints, size: int) -> Iterator[Ints]:
    """Halve by the wider side until no part is larger than `size`."""
    if len(members) <= size:
        yield members
        return
    sides = np.ptp(middles[members], axis=0)
    along = middles[members, int(np.argmax(sides))]
    order = np.argpartition(along, len(members) // 2)
    yield from _split(middles, members[order[: len(members) // 2]], size)
    yield from _split(middles, members[order[len(members) // 2 :]], size)


def _middles(boxes: Floats, rows: Ints) -> Floats:
    middles = boxes[rows, :2] + boxes[rows, 2:]
    middles /= 2
    return np.nan_to_num(middles, copy=False)


def _boxes(scope: Scope, kind: Kind) -> Floats:
    """West, south, east and north of each feature, shape (n, 4)."""
    if kind == "pipe_segment":
        return scope.axes.boxes
    columns = scope.columns[kind]
    if kind == "structure":
        return np.asarray(shapely.bounds(columns.values("geom"))).reshape(-1, 4)
    xy = np.column_stack([columns.values("x_m"), columns.values("y_m")])
    return np.hstack([xy, xy])


def _tile(scope: Scope, home: dict[Kind, Ints], boxes: dict[Kind, Floats], margin_m: float) -> Scope:
    grounds = _grounds(np.concatenate([boxes[kind][home[kind]] for kind in KINDS]), margin_m)
    held = {kind: _held(boxes[kind], home[kind], grounds) for kind in KINDS}
    _hold_joined(scope, held)
    rows = {kind: _by_identity(scope, kind, held[kind]) for kind in KINDS}
    at_home = {kind: np.isin(rows[kind], home[kind], assume_unique=True) for kind in KINDS}
    position = np.full(len(scope.nodes) + 1, -1, np.int64)
    position[rows["node"]] = np.arange(len(rows["node"]))
    return replace(
        scope,
        columns={kind: scope.columns[kind].part(rows[kind]) for kind in KINDS},
        axes=scope.axes.part(rows["pipe_segment"]),
        shallowest=None if scope.shallowest is None else scope.shallowest.part(rows["pipe_segment"]),
        from_pos=position[scope.from_pos[rows["pipe_segment"]]],
        to_pos=position[scope.to_pos[rows["pipe_segment"]]],
        consumer_pos=position[scope.consumer_pos[rows["consumer"]]],
        told=at_home,
    )


def _grounds(at_home: Floats, margin_m: float) -> list[Floats]:
    """Few rectangles that hold the boxes of the features at home with their surroundings."""
    at_home = at_home[np.isfinite(at_home).all(axis=1)]
    if len(at_home) == 0:
        return []
    # One feature that runs across the city must not make the tile as large as the city.
    x, y = at_home[:, 0] + at_home[:, 2], at_home[:, 1] + at_home[:, 3]
    usual_m = max(float(np.ptp(x)) / 2, float(np.ptp(y)) / 2, margin_m)
    is_long = np.maximum(at_home[:, 2] - at_home[:, 0], at_home[:, 3] - at_home[:, 1]) > usual_m
    usual, long = at_home[~is_long], at_home[is_long]
    grounds = [] if len(usual) == 0 else [np.hstack([usual[:, :2].min(axis=0), usual[:, 2:].max(axis=0)])]
    return [ground + np.array([-margin_m, -margin_m, margin_m, margin_m]) for ground in [*grounds, *long]]


def _held(boxes: Floats, home: Ints, grounds: list[Floats]) -> Bools:
    """Features of a kind that are at home, or whose box meets one of the grounds."""
    held = np.zeros(len(boxes), np.bool_)
    held[home] = True
    for west, south, east, north in grounds:
        held |= (boxes[:, 0] <= east) & (boxes[:, 2] >= west) & (boxes[:, 1] <= north) & (boxes[:, 3] >= south)
    return held


def _hold_joined(scope: Scope, held: dict[Kind, Bools]) -> None:
    """Add the nodes of the segments and consumers held, the segments at these nodes, and the nodes of those."""
    node = np.append(held["node"], False)
    node[scope.consumer_pos[held["consumer"]]] = True
    segment = held["pipe_segment"]
    for _ in range(2):
        node[scope.from_pos[segment]] = node[scope.to_pos[segment]] = True
        # The last place stands for nodes that are missing.
        node[-1] = False
        segment |= node[scope.from_pos] | node[scope.to_pos]
    node[scope.from_pos[segment]] = node[scope.to_pos[segment]] = True
    held["node"] = node[:-1]


def _by_identity(scope: Scope, kind: Kind, held: Bools) -> Ints:
    rows = np.flatnonzero(held)
    return rows[np.argsort(scope.columns[kind].values("feature_id")[rows], kind="stable")]
