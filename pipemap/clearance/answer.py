"""Puts clearance answers together: conflicts with their words, and what cannot be told with what it would need."""

import math
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pipemap.clearance.core import Verdicts
from pipemap.clearance.geometry3d import Floats
from pipemap.clearance.giving_way import side_giving_way_of
from pipemap.clearance.numbers import TOLERANCE_M, known
from pipemap.clearance.parties import clearance_class_of
from pipemap.clearance.rules import Limit
from pipemap.clearance.site import DRAWN_ID, Segment, Structure
from pipemap.clearance.words import Name, Saying, conflict_words, sentences
from schemas.clearance import CannotTell, ClearanceAnswer, Conflict, ConflictKind, Place, Side, Slant

# Measured in plan, whatever the heights.
_BESIDE = frozenset({ConflictKind.HORIZONTAL, ConflictKind.STACKED, ConflictKind.UNDER_BUILDING})
_REASONS = {
    "elevation": ("its elevation", "高程"),
    "width_mm": ("its width", "宽度"),
    "height_mm": ("its height", "高度"),
    "ground_elevation": ("the ground elevation at its nodes", "两端管点地面高程"),
}


_ORDER = (
    ConflictKind.COLLISION,
    ConflictKind.UNDER_BUILDING,
    ConflictKind.VERTICAL,
    ConflictKind.STACKED,
    ConflictKind.HORIZONTAL,
    ConflictKind.COVER,
)


@dataclass(frozen=True)
class Pair:
    """The segment or body asked about and what it was compared with; `other` is None for the ground above.

    `ground_accuracy_m` is that of the ground model which tells the ground above, 0 where it was surveyed.
    """

    asked: Segment | None
    asked_name: Name
    other: Segment | Structure | None
    ground_accuracy_m: float = 0.0


@dataclass(frozen=True)
class _Alike:
    """What conflicts of pairs with the same traits have in common: fields, and what is said without names and measures.

    The second of the two things said, each in both languages, is for a shortfall within the accuracy.
    """

    limit_m: float
    accuracy_m: float
    said: tuple[tuple[str, str], tuple[str, str]]
    fields: dict[str, Any]


def conflict(
    kind: ConflictKind,
    pair: Pair,
    limit: Limit | None,
    measured_m: float,
    nearest: tuple[Floats, Floats],
    at_most: bool = False,
) -> Conflict:
    """One conflict, worded; a limit of None means that the bodies intersect."""
    places = _place((nearest[0] + nearest[1]) / 2), _place(nearest[0]), _place(nearest[1])
    return Conflict(**_told(pair, _alike(kind, pair, limit, at_most), measured_m, places))


def _told(pair: Pair, alike: _Alike, measured_m: float, places: tuple[Place, Place, Place]) -> dict[str, Any]:
    """The fields of a conflict; `places` are midway, on the axis asked about and on the other."""
    shortfall_m = alike.limit_m - measured_m
    within_accuracy = shortfall_m < alike.accuracy_m
    other_name = pair.other.name if pair.other else None
    said = alike.said[within_accuracy]
    english, chinese = conflict_words(pair.asked_name, other_name, said, measured_m, alike.accuracy_m)
    return {
        **alike.fields,
        "segment_id": _identity(pair.asked),
        "segment_source_key": pair.asked.row["source_key"] if pair.asked else None,
        "other_id": pair.other.feature_id if pair.other else None,
        "other_source_key": pair.other.row["source_key"] if pair.other else None,
        "measured_m": round(measured_m, 4),
        "shortfall_m": round(shortfall_m, 4),
        "within_accuracy": within_accuracy,
        "point": places[0],
        "nearest": places[1:],
        "message_en": english,
        "message_zh": chinese,
    }


def _alike(kind: ConflictKind, pair: Pair, limit: Limit | None, at_most: bool) -> _Alike:
    """Of pipes nothing may be asked here but their `traits`."""
    accuracies_m = _accuracies(kind, pair)
    accuracy_m = math.hypot(*(each for each in accuracies_m if each is not None))
    giving = side_giving_way(pair)
    limit_m = limit.min_m if limit else 0.0
    assumed = (*(limit.assumed if limit else ()), *_inferred(kind, pair))
    taken = _taken_as_outer(pair)
    said = Saying(
        kind=kind,
        is_pair=pair.other is not None,
        limit=limit,
        # The wall of an inner size is still to be added.
        at_most=at_most or any(basis == "inner" for _, basis in taken),
        within_accuracy=False,
        assumed=assumed,
        to_be_confirmed=bool(assumed) or (limit is not None and limit.to_be_confirmed),
        sizes_taken=taken,
        casings=tuple((side, 2000 * pipe.half_width_m) for side, pipe in _sided(pair) if pipe.is_cased),
    )
    fields = {
        "kind": kind,
        "segment_class_code": pair.asked.row["class_code"] if pair.asked else None,
        "other_kind": _kind(pair.other),
        "other_class_code": _class_code(pair.other),
        "limit_m": limit_m,
        "accuracy_m": round(accuracy_m, 4),
        "segment_accuracy_m": accuracies_m[0],
        "other_accuracy_m": accuracies_m[1],
        "standard": limit.standard if limit else "",
        "clause": limit.clause if limit else "",
        "rule_id": limit.rule_id if limit else "COLLISION",
        "confidence": limit.confidence if limit else "measured",
        "assumed": assumed,
        "measured_from_casing": tuple(side for side, pipe in _sided(pair) if pipe.is_cased),
        "taken_as_outer": tuple(f"{side}.{basis}" for side, basis in taken),
        "to_be_confirmed": said.to_be_confirmed,
        "gives_way": giving[0] if giving else None,
        "gives_way_because": giving[1] if giving else None,
    }
    return _Alike(limit_m, accuracy_m, (sentences(said), sentences(replace(said, within_accuracy=True))), fields)


def cannot_tell(kind: ConflictKind, pair: Pair, needs: Sequence[str]) -> CannotTell:
    """A pair that cannot be judged before the attributes `needs` names are known."""
    names = {"segment": pair.asked_name, "other": pair.other.name if pair.other else pair.asked_name}
    english, chinese = [], []
    for need in needs:
        side, _, attribute = need.partition(".")
        reason_en, reason_zh = _REASONS[attribute]
        english.append(f"{names[side].english}: {reason_en} is not known")
        chinese.append(f"{names[side].chinese}的{reason_zh}未知")
    return CannotTell(
        kind=kind,
        segment_id=_identity(pair.asked),
        **_other(pair.other),
        reason_en="; ".join(english) + ".",
        reason_zh="；".join(chinese) + "。",
        needs=tuple(needs),
    )


def from_verdicts(verdicts: Verdicts, segments: Sequence[Segment]) -> tuple[list[Conflict], list[CannotTell]]:
    """The answers behind the core's verdicts about `segments`."""
    conflicts = [Conflict(**fields) for fields in conflicts_told(verdicts, segments)]
    unknown = [
        cannot_tell(verdicts.kind[number], pair, needs_of(verdicts.kind[number], pair))
        for number in np.flatnonzero(verdicts.cannot_tell).tolist()
        for asked, other in [_sides(verdicts, number, segments)]
        for pair in [Pair(asked, asked.name, other)]
    ]
    return conflicts, unknown


def answered(
    version: int | None,
    segment_id: int | None,
    conflicts: list[Conflict],
    unknown: list[CannotTell],
    found: Iterable[Conflict | CannotTell | None],
    checked_pairs: int,
) -> ClearanceAnswer:
    """The answer to one question, the gravest and worst first."""
    further = list(found)
    conflicts = conflicts + [item for item in further if isinstance(item, Conflict)]
    conflicts.sort(key=lambda item: (_ORDER.index(item.kind), -item.shortfall_m))
    return ClearanceAnswer(
        version=version,
        segment_id=segment_id,
        conflicts=tuple(conflicts),
        cannot_tell=tuple(unknown + [item for item in further if isinstance(item, CannotTell)]),
        checked_pairs=checked_pairs,
    )


def slants_told(verdicts: Verdicts, segments: Sequence[Segment]) -> Iterator[Slant]:
    """The crossings among the verdicts that are too sharp."""
    for number in np.flatnonzero(verdicts.is_slanting).tolist():
        asked, other = _sides(verdicts, number, segments)
        yield Slant(
            segment_id=_identity(asked),
            other_id=other.feature_id,
            other_source_key=other.row["source_key"],
            other_class_code=other.row["class_code"],
            crossing_deg=round(float(verdicts.slant_deg[number]), 2),
            point=_place((verdicts.near_left[number] + verdicts.near_right[number]) / 2),
        )


def conflicts_told(verdicts: Verdicts, segments: Sequence[Segment]) -> Iterator[dict[str, Any]]:
    """The fields of each conflict among the verdicts about `segments`: a hundred thousand in seconds."""
    told = verdicts.part(np.flatnonzero(verdicts.is_conflict))
    places = zip(*map(_places, ((told.near_left + told.near_right) / 2, told.near_left, told.near_right)), strict=True)
    angles_deg = (None if math.isnan(angle) else round(angle, 2) for angle in told.slant_deg.tolist())
    measures = zip(told.measured_m.tolist(), told.bounded.tolist(), places, angles_deg, strict=True)
    sides = zip(told.left.tolist(), told.right.tolist(), _numbered_traits(told, segments), strict=True)
    known_alike: dict[Hashable, _Alike] = {}
    for kind, limit, (left, right, traits), measured in zip(told.kind, told.limit, sides, measures, strict=True):
        measured_m, at_most, of_pair, angle_deg = measured
        pair = Pair(segments[left], segments[left].name, segments[right])
        # A limit stands for itself: there are few, and to look into each of them takes longest.
        case = kind, id(limit), at_most, traits
        alike = known_alike.get(case) or known_alike.setdefault(case, _alike(kind, pair, limit, at_most))
        yield {**_told(pair, alike, measured_m, of_pair), "crossing_deg": angle_deg}


def _numbered_traits(verdicts: Verdicts, segments: Sequence[Segment]) -> Iterator[tuple[int, int]]:
    """A number for the traits of either side of each pair, the same where they are the same."""
    numbers: dict[Hashable, int] = {}
    involved, place = np.unique(np.concatenate([verdicts.left, verdicts.right]), return_inverse=True)
    of_involved = [numbers.setdefault(segments[at].traits, len(numbers)) for at in involved.tolist()]
    left, right = np.split(np.array(of_involved, np.int64)[place], 2)
    return zip(left.tolist(), right.tolist(), strict=True)


def side_giving_way(pair: Pair) -> tuple[Side, str] | None:
    """The side that should give way and why; None for equals and for what is no pair of pipes."""
    if pair.asked is None or not isinstance(pair.other, Segment):
        return None
    return side_giving_way_of(pair.asked, pair.other)


def _identity(asked: Segment | None) -> int | None:
    return None if asked is None or asked.feature_id == DRAWN_ID else asked.feature_id


def _sides(verdicts: Verdicts, number: int, segments: Sequence[Segment]) -> tuple[Segment, Segment]:
    return segments[verdicts.left[number]], segments[verdicts.right[number]]


def compared(
    kind: ConflictKind,
    pair: Pair,
    limit: Limit,
    upper_m: float,
    nearest: tuple[Floats, Floats],
    unknown_half: str | None,
    reach_m: float = 0.0,
) -> Conflict | CannotTell | None:
    """Compare one measure with its limit; with an unknown half size the measure is an upper bound.

    `unknown_half` names the attribute that is not known, `reach_m` how much it could take away at most.
    """
    if upper_m < limit.min_m - TOLERANCE_M:
        return conflict(kind, pair, limit, upper_m, nearest, at_most=unknown_half is not None)
    if unknown_half is not None and upper_m - reach_m < limit.min_m - TOLERANCE_M:
        return cannot_tell(kind, pair, [unknown_half])
    return None


def needs_of(kind: ConflictKind, pair: Pair) -> list[str]:
    """The attributes that would have to be known to judge a pair."""
    needs: list[str] = []
    for side, segment in (("segment", pair.asked), ("other", pair.other)):
        if not isinstance(segment, Segment):
            continue
        if kind in _BESIDE:
            needs += [f"{side}.width_mm"] if math.isnan(segment.half_width_m) else []
            continue
        needs += [] if segment.has_elevation else [f"{side}.elevation"]
        needs += [f"{side}.height_mm"] if math.isnan(segment.half_height_m) else []
    if kind is ConflictKind.COVER and pair.asked is not None and pair.asked.ground_m is None:
        needs.append("segment.ground_elevation")
    return needs


def _inferred(kind: ConflictKind, pair: Pair) -> tuple[str, ...]:
    if kind in _BESIDE:
        return ()
    inferred = [side.row["class_code"] for side in _pipes(pair) if side.is_inferred]
    return tuple(dict.fromkeys([f"{clearance_class_of(code)}.elevation" for code in inferred]))


def _accuracies(kind: ConflictKind, pair: Pair) -> tuple[float | None, float | None]:
    """Accuracy of the segment and of the other pipe, or of the ground model, in the direction measured.

    None for what is neither.
    """
    in_plan = kind in _BESIDE
    one, other = (
        round(side.horizontal_accuracy_m if in_plan else side.vertical_accuracy_m, 4)
        if isinstance(side, Segment)
        else None
        for side in (pair.asked, pair.other)
    )
    if kind is ConflictKind.COVER and pair.ground_accuracy_m:
        other = round(pair.ground_accuracy_m, 4)
    return one, other


def _taken_as_outer(pair: Pair) -> tuple[tuple[Side, str], ...]:
    """The sides whose size does not measure the outer wall, and what it measures."""
    return tuple((name, basis) for name, pipe in _sided(pair) if (basis := pipe.size_taken_as_outer) is not None)


def _pipes(pair: Pair) -> list[Segment]:
    return [pipe for _, pipe in _sided(pair)]


def _sided(pair: Pair) -> list[tuple[Side, Segment]]:
    """The sides that are pipes."""
    sides = ((Side.SEGMENT, pair.asked), (Side.OTHER, pair.other))
    return [(name, side) for name, side in sides if isinstance(side, Segment)]


def _other(other: Segment | Structure | None) -> dict[str, str | int | None]:
    identity, key = (other.feature_id, other.row["source_key"]) if other else (None, None)
    return {"other_kind": _kind(other), "other_id": identity, "other_source_key": key}


def _kind(other: Segment | Structure | None) -> str | None:
    if other is None:
        return None
    return "pipe_segment" if isinstance(other, Segment) else "structure"


def _class_code(other: Segment | Structure | None) -> str | None:
    if other is None:
        return None
    code: str = other.row["class_code" if isinstance(other, Segment) else "kind_code"]
    return code


def _place(point: Floats) -> Place:
    return _places(point[None, :])[0]


def _places(points: Floats) -> list[Place]:
    """Places to a tenth of a millimetre, z None where unknown."""
    rounded = points.round(4)
    if np.isfinite(rounded[:, 2]).all():
        return list(map(tuple, rounded.tolist()))
    return [(x, y, known(z)) for x, y, z in rounded.tolist()]
