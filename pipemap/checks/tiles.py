"""Cuts a scope into tiles, so that rules about places need memory for one tile and not for a city.

Every feature that is told of is at home in one tile. A tile also holds what lies around its features
and what is joined to them, so that a rule finds there what it would find on the whole.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import shapely

from pipemap.checks.columns import Bools, Floats, Ints
from pipemap.checks.scope import KINDS, Kind, Scope
from pipemap.shelf import let_go

Rows: TypeAlias = npt.NDArray[np.int32]
Singles: TypeAlias = npt.NDArray[np.float32]
# West, south, east and north of features, one array of each.
Sides: TypeAlias = tuple[Floats, Floats, Floats, Floats]

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
        self._sides = {kind: _sides(scope, kind) for kind in KINDS}
        told = {kind: np.flatnonzero(scope.told[kind]).astype(np.int32) for kind in KINDS}
        self._kind = np.concatenate([np.full(len(told[kind]), number, np.int8) for number, kind in enumerate(KINDS)])
        self._row = np.concatenate([told[kind] for kind in KINDS])
        middles = np.concatenate([_middles(self._sides[kind], told[kind]) for kind in KINDS], axis=1)
        self._homes = list(_split(middles, np.arange(len(self._row), dtype=np.int32), size))
        let_go()

    def __len__(self) -> int:
        return len(self._homes)

    def __getitem__(self, number: int) -> Scope:
        home = self._homes[number]
        rows = {kind: self._row[home[self._kind[home] == place]] for place, kind in enumerate(KINDS)}
        return _tile(self._scope, rows, self._sides, self._margin_m)


def _split(middles: Singles, members: Rows, size: int) -> Iterator[Rows]:
    """Halve by the wider side until no part is larger than `size`."""
    if len(members) <= size:
        yield members
        return
    # One direction after the other: numpy is slow along the short side of an array.
    one, other = middles[0][members], middles[1][members]
    along = one if np.ptp(one) >= np.ptp(other) else other
    order = np.argpartition(along, len(members) // 2)
    yield from _split(middles, members[order[: len(members) // 2]], size)
    yield from _split(middles, members[order[len(members) // 2 :]], size)


def _middles(sides: Sides, rows: Rows) -> Singles:
    """About the middle of some features, good enough to part them by; shape (2, rows)."""
    west, south, east, north = sides
    middles = np.stack([west[rows] + east[rows], south[rows] + north[rows]]) / 2
    with np.errstate(over="ignore"):
        return np.nan_to_num(middles.astype(np.float32), copy=False)


def _sides(scope: Scope, kind: Kind) -> Sides:
    if kind in ("node", "consumer"):
        x_m, y_m = (scope.columns[kind].values(name) for name in ("x_m", "y_m"))
        return x_m, y_m, x_m, y_m
    boxes = scope.axes.boxes if kind == "pipe_segment" else shapely.bounds(scope.structures.values("geom"))
    west, south, east, north = np.asarray(boxes).reshape(-1, 4).T
    return west, south, east, north


def _tile(scope: Scope, home: dict[Kind, Rows], sides: dict[Kind, Sides], margin_m: float) -> Scope:
    boxes = [np.column_stack([side[home[kind]] for side in sides[kind]]) for kind in KINDS]
    grounds = _grounds(np.concatenate(boxes), margin_m)
    held = {kind: _held(sides[kind], home[kind], grounds) for kind in KINDS}
    let_go()
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


def _held(sides: Sides, home: Rows, grounds: list[Floats]) -> Bools:
    """Features of a kind that are at home, or whose box meets one of the grounds."""
    wests, souths, easts, norths = sides
    held = np.zeros(len(wests), np.bool_)
    held[home] = True
    for west, south, east, north in grounds:
        held |= (wests <= east) & (easts >= west) & (souths <= north) & (norths >= south)
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
