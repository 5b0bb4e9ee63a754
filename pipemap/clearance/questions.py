"""Clearance of one pipe against everything near it in one version of the map.

How it is measured and what is left out: `core`. By which limits: `rules`.
Not compared are pipes that are joined or one pipe apart in one utility, a pipe and what contains it, pipes out
of service, and pipes above the ground. What is not known is answered with `cannot_tell`, never with a guess.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from pipemap.clearance.answer import Pair, answered, cannot_tell, compared, from_verdicts, slants_told
from pipemap.clearance.core import Pipes, Verdicts, conflicts_between
from pipemap.clearance.geometry3d import Floats
from pipemap.clearance.ground import over_models
from pipemap.clearance.moves import FARTHEST_ASIDE_M, Mover, covers_as_before, with_moves
from pipemap.clearance.numbers import LARGEST_UNKNOWN_HALF_M, TOLERANCE_M, WIDEST_NEIGHBOUR_M, known_or
from pipemap.clearance.places import in_places, nodes_of
from pipemap.clearance.rules import Limit, cover_limit, strictest, widest
from pipemap.clearance.site import Segment, Site, Structure, as_pipes, chainage
from pipemap.db import Connection
from pipemap.errors import UsageError
from pipemap.pages import Version
from schemas.clearance import CannotTell, ClearanceAnswer, Conflict, ConflictKind, Move, Side

# Out of use but still in the ground.
_STILL_THERE = frozenset({"abandoned", "empty"})
# Each needs a look around the other pipe.
_MOST_OTHERS_MOVED = 10


def segment_clearance(connection: Connection, segment_id: int, version: Version = None) -> ClearanceAnswer:
    """Everything too near one segment: other pipes, structures beside it, and the ground above.

    Raises NotFoundError for a segment or version that is not there, UsageError for a pipe above the ground.
    """
    site = Site(connection, version)
    asked = site.segment(segment_id)
    if not asked.is_in_the_ground:
        raise UsageError(f"{asked.name.english} is not in the ground, so no rule for buried pipes applies to it.")
    return answer_about(site, asked)


def answer_about(site: Site, asked: Segment) -> ClearanceAnswer:
    """Everything too near a segment, which may be in the map or only drawn."""
    reach_m = reach_of(asked)
    near = [found for found in site.around(asked.plan, reach_m) if found.feature_id != asked.feature_id]
    others = [found for found in near if found.is_live]
    structures = site.structures(asked.plan, reach_m)
    segments, pipes = [asked, *others], as_pipes([asked, *others])
    verdicts = _against_all(pipes)
    conflicts, unknown = from_verdicts(verdicts, segments)
    further = [beside_structure(asked, structure) for structure in structures]
    further.append(cover_over(over_models(site, asked), structures))
    compared_with = len(others) + len(structures)
    answer = answered(site.version, asked.feature_id or None, conflicts, unknown, further, compared_with)
    moved, clearing = _moves(site, asked, others, pipes, structures, answer.conflicts)
    return answer.model_copy(
        update={
            "conflicts": tuple(in_places(moved, nodes_of(segments))),
            "clearing_move": clearing,
            "sizes_taken_as_outer": sum(each.size_taken_as_outer is not None for each in segments),
            "abandoned": _abandoned(asked, [found for found in near if not found.is_live]),
            "ground_models": site.terrain.used,
            "slants": tuple(slants_told(verdicts, segments)),
            "same_trench_ids": tuple(
                others[row - 1].feature_id for row in verdicts.right[verdicts.shares_bank].tolist()
            ),
        }
    )


def _against_all(pipes: Pipes) -> Verdicts:
    """The first pipe judged against all others."""
    right = np.arange(1, len(pipes))
    return conflicts_between(pipes, np.zeros_like(right), right, slanting=True)


def _abandoned(asked: Segment, near: list[Segment]) -> tuple[Conflict, ...]:
    out_of_use = [found for found in near if found.row["lifecycle_code"] in _STILL_THERE]
    if not out_of_use:
        return ()
    verdicts = _against_all(as_pipes([asked, *out_of_use]))
    return tuple(from_verdicts(verdicts, [asked, *out_of_use])[0])


def _moves(
    site: Site,
    asked: Segment,
    others: list[Segment],
    pipes: Pipes,
    structures: list[Structure],
    conflicts: Sequence[Conflict],
) -> tuple[list[Conflict], Move | None]:
    """Conflicts with their moves: of the asked pipe, and where the other should give way, of that one."""
    own = [found for found in conflicts if found.gives_way is not Side.OTHER]
    told, clearing = with_moves(_mover(site, asked, others, pipes, structures), own) if own else ([], None)
    moved = {id(before): after for before, after in zip(own, told, strict=True)}
    if len(own) < len(conflicts):
        clearing = None
    giving = [found for found in conflicts if found.gives_way is Side.OTHER]
    for found in giving[:_MOST_OTHERS_MOVED]:
        other = next(each for each in others if each.feature_id == found.other_id)
        moved[id(found)] = _other_moved(site, other, found, asked)
    return [moved.get(id(found), found) for found in conflicts], clearing


def _other_moved(site: Site, other: Segment, found: Conflict, asked: Segment) -> Conflict:
    mover = _mover_at(site, other, Side.OTHER, asked)
    turned = found.model_copy(update={"other_id": asked.feature_id})
    (told,), _ = with_moves(mover, [turned])
    return found.model_copy(update={"move": told.move})


def with_move(site: Site, found: Conflict) -> Conflict:
    """A conflict of a pipe in the map with the smallest move of it that clears it without a new one.

    The side that should give way is tried first, and then the other; for equals the one asked about goes first.
    """
    asked = site.segment(found.segment_id or 0)
    other = site.segment(found.other_id or 0) if found.other_kind == "pipe_segment" else None
    sides = [asked] if other is None else [other, asked] if found.gives_way is Side.OTHER else [asked, other]
    for side in sides:
        told = _own_moved(site, asked, found) if side is asked else _other_moved(site, side, found, asked)
        if told.move is not None:
            return told
    return found


def _own_moved(site: Site, asked: Segment, found: Conflict) -> Conflict:
    (told,), _ = with_moves(_mover_at(site, asked), [found])
    return told


def _mover_at(site: Site, asked: Segment, side: Side = Side.SEGMENT, beside: Segment | None = None) -> Mover:
    """A segment as it may be moved among what is around it, one that may only be drawn among that."""
    reach_m = reach_of(asked)
    around = [each for each in site.neighbours(asked.plan, reach_m) if each.feature_id != asked.feature_id]
    if beside is not None and all(each.feature_id != beside.feature_id for each in around):
        around = [beside, *around]
    return _mover(site, asked, around, as_pipes([asked, *around]), site.structures(asked.plan, reach_m), side)


def _mover(
    site: Site,
    asked: Segment,
    others: list[Segment],
    pipes: Pipes,
    structures: list[Structure],
    side: Side = Side.SEGMENT,
) -> Mover:
    covers = covers_as_before(over_models(site, asked))
    had_m = {structure.feature_id: asked.plan.distance(structure.outline) for structure in structures}

    def left_near(moved: Segment) -> set[int | None] | None:
        """The structures a moved pipe is too near, no nearer than it was, None among them for the ground.

        None in place of them when it stands worse than before.
        """
        in_ground = over_models(site, moved)
        if not covers(in_ground):
            return None
        near = [each for each in structures if isinstance(beside_structure(moved, each), Conflict)]
        if any(moved.plan.distance(each.outline) < had_m[each.feature_id] - TOLERANCE_M for each in near):
            return None
        is_shallow = isinstance(cover_over(in_ground, structures), Conflict)
        return {*(each.feature_id for each in near), *([None] if is_shallow else [])}

    return Mover(asked, others, pipes, side, left_near)


def reach_of(asked: Segment) -> float:
    """How far from an axis anything may stand that a rule keeps away from it, wherever it may be moved to; metres."""
    half_m = known_or(asked.half_width_m, LARGEST_UNKNOWN_HALF_M)
    return widest("horizontal", asked.party) + WIDEST_NEIGHBOUR_M + half_m + FARTHEST_ASIDE_M


def beside_structure(asked: Segment, other: Structure) -> Conflict | CannotTell | None:
    """What is too near between a pipe and a structure, or cannot be told."""
    limit = strictest("horizontal", asked.party, other.party) if other.party else None
    if limit is None:
        return None
    distance_m = max(0.0, asked.plan.distance(other.outline) - known_or(asked.half_width_m))
    nearest = nearest_places(asked.plan, other.outline, None)
    nearest = on_axis(asked, nearest[0]), nearest[1]
    unknown_half = "segment.width_mm" if math.isnan(asked.half_width_m) else None
    pair = Pair(asked, asked.name, other)
    is_built_over = distance_m == 0 and other.row["kind_code"] == "building"
    kind = ConflictKind.UNDER_BUILDING if is_built_over else ConflictKind.HORIZONTAL
    return compared(kind, pair, limit, distance_m, nearest, unknown_half, LARGEST_UNKNOWN_HALF_M)


def cover_over(asked: Segment, structures: Iterable[Structure]) -> Conflict | CannotTell | None:
    """Cover at the shallowest vertex."""
    in_carriageway = any(s.row["kind_code"] == "road" and s.outline.intersects(asked.plan) for s in structures)
    path, carriageway = cover_limit(asked.party, False), cover_limit(asked.party, True)
    if carriageway is None:
        return None
    pair = Pair(asked, asked.name, None)
    ground_m = asked.ground_m
    needs = ["segment.elevation"] * (not asked.has_elevation) + ["segment.ground_elevation"] * (ground_m is None)
    if ground_m is None or needs:
        return cannot_tell(ConflictKind.COVER, pair, needs)
    cover_m = ground_m - asked.axis[:, 2] - known_or(asked.half_height_m)
    here = int(cover_m.argmin())
    if asked.ground_accuracy_m is not None:
        pair = replace(pair, ground_accuracy_m=float(asked.ground_accuracy_m[here]))
    nearest = asked.axis[here], np.array([*asked.axis[here, :2], ground_m[here]])
    limit = _cover_rule(float(cover_m[here]), path, carriageway, in_carriageway)
    unknown_half = "segment.height_mm" if math.isnan(asked.half_height_m) else None
    upper_m = float(cover_m[here])
    return compared(ConflictKind.COVER, pair, limit, upper_m, nearest, unknown_half, LARGEST_UNKNOWN_HALF_M)


def _cover_rule(cover_m: float, path: Limit | None, carriageway: Limit, in_carriageway: bool) -> Limit:
    """Under what the pipe lies is mostly not known: too little for a path is certain, less than a road needs is not."""
    if in_carriageway:
        return carriageway
    if path is not None and cover_m < path.min_m - TOLERANCE_M:
        return path
    return carriageway.assuming("segment.carriageway")


def nearest_places(one: BaseGeometry, other: BaseGeometry, segment: Segment | None) -> tuple[Floats, Floats]:
    """The nearest places (3,) of two shapes in plan, the second at its height where it is the axis of a segment."""
    line = shapely.shortest_line(one, other)
    (x1, y1), (x2, y2) = shapely.get_coordinates(line)[[0, -1]]
    here, there = np.array([x1, y1, np.nan]), np.array([x2, y2, np.nan])
    return here, there if segment is None else on_axis(segment, there)


def on_axis(segment: Segment, point: Floats) -> Floats:
    """A point of the plan with the z of the axis there."""
    station = segment.plan.project(shapely.Point(*point[:2]))
    z = np.interp(station, chainage(segment.axis), segment.axis[:, 2])
    return np.array([point[0], point[1], z])
