"""Cuts a city into tiles and judges one: plain functions of arrays, the same in a thread, a process or a cluster.

Every pipe is at home in one tile. A tile also holds what stands around its pipes and what is joined to those, so
that a pair is judged there as it would be in the whole city; of two pipes the one of the lower place asks.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from pipemap.clearance.candidates import candidate_pairs, rule_reach
from pipemap.clearance.city import City
from pipemap.clearance.core import Pipes, judged_pairs, verdicts_of
from pipemap.clearance.geometry3d import Bools, Floats
from pipemap.clearance.judging import CANNOT_TELL, CONFLICT, SHARED_BANK
from pipemap.clearance.numbers import LARGEST_UNKNOWN_HALF_M, TOLERANCE_M, Ints
from pipemap.clearance.rules import Limit, Party, cover_limit, strictest, widest_of_all
from pipemap.ground.along import Shallowest, shallowest
from pipemap.ground.surveyed import SurveyedGround
from schemas.clearance import ConflictKind

TILE_PIPES = 50_000
STATES = {CONFLICT: "conflict", CANNOT_TELL: "cannot_tell", SHARED_BANK: "same_trench", 0: "slant"}
_IN_PLAN = (ConflictKind.HORIZONTAL, ConflictKind.STACKED, ConflictKind.UNDER_BUILDING)


@dataclass(frozen=True, eq=False)
class Tile:
    """Part of a city: `is_home` marks the pipes that ask, `rank` their places in the whole."""

    number: int
    city: City
    is_home: Bools
    rank: Ints


def city_tiles(city: City, size: int = TILE_PIPES, skip: frozenset[int] = frozenset()) -> Iterator[Tile]:
    """The tiles of a city, numbered alike whenever the city is the same; those in `skip` are left out."""
    boxes = _boxes(city)
    middles = np.nan_to_num((boxes[:, :2] + boxes[:, 2:]) / 2)
    joints = _Joints(city.pipes.facts.nodes)
    margin_m = _margin_m(city)
    outlines = np.asarray(shapely.bounds(city.structures.outline)).reshape(-1, 4)
    for number, home in enumerate(_halves(middles, np.arange(len(city.pipes)), size)):
        if number not in skip:
            yield _tile(number, city, home, boxes, joints, margin_m, outlines)


def changeset_tile(city: City) -> Tile:
    """Everything a changeset brings asks, what stands around only answers."""
    rank = np.where(city.is_changed, np.arange(len(city.pipes)), -1)
    return Tile(0, city, city.is_changed, rank)


def judge_tile(tile: Tile) -> pd.DataFrame:
    """What is too near in one tile, a row each, with the columns of the table `clearance_found` less the run's."""
    city = tile.city
    parts = [_between_pipes(tile), _near_structures(tile), _cover(tile)]
    found = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
    found["segment_id"] = city.pipes.feature_id[found["left"].to_numpy(np.int64)]
    return found.drop(columns="left")


class _Joints:
    """Which pipes meet at a node."""

    def __init__(self, nodes: Ints) -> None:
        self._nodes = nodes
        self._n_nodes = int(nodes.max(initial=-1)) + 1

    def with_joined(self, held: Bools) -> Bools:
        """The pipes held and those that share a node with one of them."""
        at = np.zeros(self._n_nodes, np.bool_)
        at[self._nodes[held]] = True
        return held | at[self._nodes].any(axis=1)


def _halves(middles: Floats, members: Ints, size: int) -> Iterator[Ints]:
    """Halve by the wider side until no part is larger than `size`."""
    if len(members) <= size:
        yield members
        return
    along = middles[members, int(np.argmax(np.ptp(middles[members], axis=0)))]
    order = np.argsort(along, kind="stable")
    yield from _halves(middles, members[order[: len(members) // 2]], size)
    yield from _halves(middles, members[order[len(members) // 2 :]], size)


def _tile(
    number: int, city: City, home: Ints, boxes: Floats, joints: _Joints, margin_m: float, outlines: Floats
) -> Tile:
    held = np.zeros(len(city.pipes), np.bool_)
    held[home] = True
    west, south, east, north = _ground(boxes[home]) + margin_m * np.array([-1, -1, 1, 1])
    held |= (boxes[:, 0] <= east) & (boxes[:, 2] >= west) & (boxes[:, 1] <= north) & (boxes[:, 3] >= south)
    rows = np.flatnonzero(joints.with_joined(held))
    around = (outlines[:, 0] <= east) & (outlines[:, 2] >= west) & (outlines[:, 1] <= north) & (outlines[:, 3] >= south)
    part = city.part(rows, city.structures.part(np.flatnonzero(around)))
    return Tile(number, part, np.isin(rows, home, assume_unique=True), rows)


def _ground(boxes: Floats) -> Floats:
    known = boxes[np.isfinite(boxes).all(axis=1)]
    if len(known) == 0:
        return np.zeros(4)
    return np.hstack([known[:, :2].min(axis=0), known[:, 2:].max(axis=0)])


def _boxes(city: City) -> Floats:
    """West, south, east and north of each pipe, shape (n, 4)."""
    pipes = city.pipes
    if len(pipes) == 0:
        return np.empty((0, 4))
    first = pipes.first_piece[:-1]
    low, high = np.minimum(pipes.start, pipes.end)[:, :2], np.maximum(pipes.start, pipes.end)[:, :2]
    return np.hstack([np.minimum.reduceat(low, first), np.maximum.reduceat(high, first)])


def _margin_m(city: City) -> float:
    """As far around its pipes as anything can matter to a tile."""
    widest_m = float(np.nan_to_num(city.pipes.half_width_m).max(initial=0.0))
    return widest_of_all(city.limits) + 2 * max(widest_m, LARGEST_UNKNOWN_HALF_M)


def _between_pipes(tile: Tile) -> pd.DataFrame:
    city, pipes = tile.city, tile.city.pipes
    left, right = candidate_pairs(pipes, rule_reach(pipes), tile.is_home, tile.rank)
    verdicts = verdicts_of(pipes, judged_pairs(pipes, left, right))
    in_plan = np.array([kind in _IN_PLAN for kind in verdicts.kind], np.bool_)
    accuracy_m = np.hypot(*(_accuracy(city, side, in_plan) for side in (verdicts.left, verdicts.right)))
    inferred = ~in_plan & (city.is_inferred[verdicts.left] | city.is_inferred[verdicts.right])
    return _frame(
        kind=[kind.value for kind in verdicts.kind],
        state=verdicts.state,
        left=verdicts.left,
        other_kind="pipe_segment",
        other_id=pipes.feature_id[verdicts.right],
        measured_m=verdicts.measured_m,
        limits=verdicts.limit,
        bounded=verdicts.bounded,
        accuracy_m=accuracy_m,
        uncertain=inferred,
        crossing_deg=verdicts.slant_deg,
        here=verdicts.near_left,
        there=verdicts.near_right,
    )


def _accuracy(city: City, rows: Ints, in_plan: Bools) -> Floats:
    return np.where(in_plan, city.horizontal_accuracy_m[rows], city.vertical_accuracy_m[rows])


def _frame(
    *, kind: list[str], state: Ints, left: Ints, other_kind: str | None, other_id: npt.ArrayLike, measured_m: Floats,
    limits: Sequence[Limit | None], bounded: Bools, accuracy_m: Floats, uncertain: Bools, crossing_deg: Floats | float,
    here: Floats, there: Floats,
) -> pd.DataFrame:  # fmt: skip
    """Rows for `clearance_found`; `left` is the place of the pipe that asks, `limits` None where bodies meet."""
    limit_m = np.array([0.0 if limit is None else limit.min_m for limit in limits], np.float64)
    confirmed = np.array([limit is None or not limit.to_be_confirmed for limit in limits], np.bool_)
    columns = {
        "kind": kind, "state": [STATES[number] for number in state.tolist()], "left": left, "other_kind": other_kind,
        "other_id": other_id, "measured_m": measured_m, "limit_m": limit_m,
        "rule_id": [None if limit is None else limit.rule_id for limit in limits],
        "is_at_most": bounded, "accuracy_m": accuracy_m, "within_accuracy": limit_m - measured_m < accuracy_m,
        "to_be_confirmed": ~confirmed | uncertain, "crossing_deg": crossing_deg,
    }  # fmt: skip
    places = dict(zip(("x_m", "y_m", "z_m"), ((here + there) / 2).T, strict=True))
    places |= dict(zip(("near_x_m", "near_y_m", "near_z_m"), here.T, strict=True))
    places |= dict(zip(("far_x_m", "far_y_m", "far_z_m"), there.T, strict=True))
    return pd.DataFrame({**columns, **places})


def _near_structures(tile: Tile) -> pd.DataFrame:
    """Pipes at home that are nearer to a structure, or under it, than a rule allows."""
    city, structures = tile.city, tile.city.structures
    pipes, home = city.pipes, np.flatnonzero(tile.is_home)
    if len(structures.outline) == 0 or len(home) == 0:
        return pd.DataFrame()
    limits = _structure_limits(city)
    kinds, kind_of = np.unique(structures.kind_code.astype(str), return_inverse=True)
    limit_m = np.array([[_metres(limits[party, kind]) for kind in kinds] for party in range(len(pipes.parties))])
    lines = _lines(pipes, home)
    half_m = np.where(np.isnan(pipes.half_width_m), LARGEST_UNKNOWN_HALF_M, pipes.half_width_m)[home]
    reach_m = np.maximum(limit_m.max(axis=1), 0.0)[pipes.party_index[home]] + half_m
    row, other = shapely.STRtree(structures.outline).query(lines, predicate="dwithin", distance=reach_m)
    known_half_m = np.nan_to_num(pipes.half_width_m)[home[row]]
    beside_m = np.maximum(shapely.distance(lines[row], structures.outline[other]) - known_half_m, 0.0)
    needed_m = limit_m[pipes.party_index[home[row]], kind_of[other]]
    state = _state(beside_m, needed_m, np.isnan(pipes.half_width_m)[home[row]])
    kept = np.flatnonzero(state)
    row, other, beside_m, state = row[kept], other[kept], beside_m[kept], state[kept]
    left = home[row]
    built_over = (beside_m == 0) & (structures.kind_code[other] == "building") & (state == CONFLICT)
    ends = shapely.get_coordinates(shapely.shortest_line(lines[row], structures.outline[other])).reshape(-1, 2, 2)
    nowhere = np.full(len(kept), np.nan)
    return _frame(
        kind=[(ConflictKind.UNDER_BUILDING if over else ConflictKind.HORIZONTAL).value for over in built_over],
        state=state,
        left=left,
        other_kind="structure",
        other_id=structures.feature_id[other],
        measured_m=beside_m,
        limits=[
            limits[party, kind] for party, kind in zip(pipes.party_index[left], kinds[kind_of[other]], strict=True)
        ],
        bounded=np.isnan(pipes.half_width_m)[left],
        accuracy_m=city.horizontal_accuracy_m[left],
        uncertain=np.zeros(len(kept), np.bool_),
        crossing_deg=math.nan,
        here=np.column_stack([ends[:, 0], nowhere]),
        there=np.column_stack([ends[:, 1], nowhere]),
    )


def _metres(limit: Limit | None) -> float:
    return -math.inf if limit is None else limit.min_m


def _structure_limits(city: City) -> dict[tuple[int, str], Limit | None]:
    return {
        (number, kind): None if structure is None else strictest("horizontal", party, structure)
        for number, party in enumerate(city.pipes.parties)
        for kind, structure in city.structures.parties.items()
    }


def _lines(pipes: Pipes, rows: Ints) -> npt.NDArray[np.object_]:
    """Axes of some pipes in plan."""
    first, vertices = _axes(pipes.part(rows))
    owner = np.repeat(np.arange(len(rows)), np.diff(first))
    return np.asarray(shapely.linestrings(vertices[:, :2], indices=owner), dtype=object)


def _axes(pipes: Pipes) -> tuple[Ints, Floats]:
    """Where the vertices of each pipe begin, and all of them (v, 3)."""
    past = pipes.first_piece[1:]
    return pipes.first_piece + np.arange(len(pipes.first_piece)), np.insert(
        pipes.start, past, pipes.end[past - 1], axis=0
    )


def _state(upper_m: Floats, limit_m: Floats, is_unknown: Bools) -> Ints:
    """As `judging` compares: a conflict for certain, or one that an unknown size could still make."""
    short = upper_m < limit_m - TOLERANCE_M
    could = is_unknown & (upper_m - LARGEST_UNKNOWN_HALF_M < limit_m - TOLERANCE_M)
    return np.where(short, CONFLICT, np.where(could, CANNOT_TELL, 0)).astype(np.int64)


def _cover(tile: Tile) -> pd.DataFrame:
    """Pipes at home with less ground over their outer top than a rule asks for, where they have least."""
    city, pipes, home = tile.city, tile.city.pipes, np.flatnonzero(tile.is_home)
    choices = _cover_choices(pipes.parties)
    home = home[(choices[0] != None)[pipes.party_index[home]]]  # noqa: E711
    if len(home) == 0:
        return pd.DataFrame()
    party = pipes.party_index[home]
    cover_m, found = _least_cover(city, home)
    place = found.place
    path_m = np.array([-np.inf if limit is None else limit.min_m for limit in choices[1]])[party]
    # Under what a pipe lies is mostly not known: too little for a path is certain, less than a road needs is not.
    which = np.where(_under_roads(tile, home), 0, np.where(cover_m < path_m - TOLERANCE_M, 1, 2))
    chosen = choices[which, party]
    limit_m = np.array([limit.min_m for limit in chosen])
    state = np.where(np.isnan(cover_m), CANNOT_TELL, _state(cover_m, limit_m, np.isnan(pipes.half_height_m)[home]))
    kept = np.flatnonzero(state)
    return _frame(
        kind=[ConflictKind.COVER.value] * len(kept),
        state=state[kept],
        left=home[kept],
        other_kind=None,
        other_id=pd.array([pd.NA] * len(kept), dtype="Int64"),
        measured_m=cover_m[kept],
        limits=chosen[kept].tolist(),
        bounded=np.isnan(pipes.half_height_m)[home[kept]],
        accuracy_m=np.hypot(city.vertical_accuracy_m[home[kept]], found.accuracy_m[kept]),
        uncertain=city.is_inferred[home[kept]],
        crossing_deg=math.nan,
        here=place[kept],
        there=np.column_stack([place[kept, :2], found.ground_m[kept]]),
    )


def _least_cover(city: City, home: Ints) -> tuple[Floats, Shallowest]:
    """Least cover of each pipe, NaN where something is not known, and where it has that."""
    if city.shallowest is None:
        found = shallowest(*_axes(city.pipes.part(home)), SurveyedGround.of(city.ground_m[home]))
    else:
        found = city.shallowest.part(home)
    return found.over_m - np.nan_to_num(city.pipes.half_height_m[home]), found


def _under_roads(tile: Tile, home: Ints) -> Bools:
    structures = tile.city.structures
    roads = structures.outline[structures.kind_code == "road"]
    found = np.zeros(len(home), np.bool_)
    if len(roads):
        found[shapely.STRtree(roads).query(_lines(tile.city.pipes, home), predicate="intersects")[0]] = True
    return found


def _cover_choices(parties: Sequence[Party]) -> npt.NDArray[np.object_]:
    """Per party the cover limit under a carriageway, under a path, and that of a carriageway nobody is sure of."""
    choices = np.full((3, len(parties)), None, dtype=object)
    for place, party in enumerate(parties):
        carriageway = cover_limit(party, True)
        choices[:2, place] = carriageway, cover_limit(party, False)
        choices[2, place] = carriageway.assuming("segment.carriageway") if carriageway else None
    return choices
