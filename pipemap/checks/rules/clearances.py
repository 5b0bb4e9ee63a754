"""The rule about clearances: pipes that meet, or lie nearer to one another than the standards allow."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from pipemap.checks.breaches import Breaches, Note
from pipemap.checks.check import Check, Says, Told
from pipemap.checks.columns import Bools, Columns, Floats, Ints, Words, known_values, numbered
from pipemap.checks.near import Pieces, near_pairs
from pipemap.checks.registry import rule
from pipemap.checks.scope import ABOVE_GROUND, Scope
from pipemap.clearance.answer import from_verdicts
from pipemap.clearance.core import Pipes, Verdicts, conflicts_between
from pipemap.clearance.rules import Party, strictest
from pipemap.clearance.site import Segment, party_of, segments_of
from schemas.clearance import Conflict, ConflictKind
from schemas.findings import Severity

_PARTY_WORDS = ("class_code", "burial_code", "pressure_code")
_PARTY_NUMBERS = ("pressure_mpa", "width_mm", "voltage_kv")
_WORDED_WORDS = (*_PARTY_WORDS, "shape_code", "lifecycle_code", "depth_datum_code", "elevation_source_code")
_WORDED_NUMBERS = (
    *_PARTY_NUMBERS, "height_mm", "from_depth_m", "to_depth_m", "horizontal_accuracy_m", "vertical_accuracy_m",
)  # fmt: skip
# Ways of lying in which several lines may share one outer section.
_BANKS = ("duct_block", "trench", "passage", "tunnel")
_BANKS_SAY = Says(
    en="{count} pairs of lines coincide with the section of a trench or duct bank: most likely one bank booked "
    "once for each owner; they are not judged against each other",
    zh="{count} 对管线按管沟或管块断面相互重合，很可能同属一条管沟或管块、按权属分别录入；相互之间不作净距判断",
)
_SAYS = Says(en="{en}", zh="{zh}", value="{measured:.2f} m", limit="{limit}")
_WORDED_AT_ONCE = 5_000
_EXAMPLES = 50


@rule(
    "R40",
    Severity.WARNING,
    en="pipes meet or are nearer than the standard allows",
    zh="管线碰撞或净距不足",
    source="survey practice, rule R40; schemas/limits/clearance_horizontal.csv and clearance_vertical.csv",
)
def too_near(check: Check) -> Told:
    """Pipes that meet or lack clearance, one finding per pair, and a note about banks that are booked twice.

    A shortfall within the survey accuracy, an unknown attribute or a limit that nobody has read in the
    standard makes it a note. Side by side only limits that apply for certain count: a street of lines
    whose pressure or voltage is not known would be told at every metre. Unknown heights are not judged.
    """
    scope = check.scope
    pipes = _as_pipes(scope)
    verdicts = conflicts_between(pipes, *_neighbours(scope, pipes))
    shared = _share_a_bank(scope, verdicts)
    kept = np.flatnonzero(verdicts.is_conflict & ~shared & ~_doubtful_beside(verdicts))
    kept = kept[np.argsort(verdicts.left[kept], kind="stable")]
    for start in range(0, len(kept), _WORDED_AT_ONCE):
        yield from _findings(check, _conflicts(scope, verdicts, kept[start : start + _WORDED_AT_ONCE]))
    yield from _shared_banks(check, verdicts, np.flatnonzero(shared))


def _findings(check: Check, conflicts: list[tuple[int, Conflict]]) -> Iterator[Breaches]:
    for doubtful, at_most in ((False, None), (True, Severity.INFO)):
        chosen = [(row, each) for row, each in conflicts if _is_doubtful(each) is doubtful]
        yield check.report(
            "pipe_segment",
            np.array([row for row, _ in chosen], np.int64),
            _SAYS,
            at_most=at_most,
            place=np.array([each.point[:2] for _, each in chosen], dtype=np.float64).reshape(-1, 2),
            details=[_details(each) for _, each in chosen],
            en=[each.message_en for _, each in chosen],
            zh=[each.message_zh for _, each in chosen],
            measured=[each.measured_m for _, each in chosen],
            limit=[f"{each.limit_m:g} m {each.standard}".rstrip() for _, each in chosen],
        )


def _is_doubtful(conflict: Conflict) -> bool:
    return conflict.to_be_confirmed or conflict.within_accuracy


def _details(conflict: Conflict) -> dict[str, Any]:
    return {name: value for name, value in vars(conflict).items() if name not in ("message_en", "message_zh")}


def _doubtful_beside(verdicts: Verdicts) -> Bools:
    doubtful = (limit is not None and limit.to_be_confirmed for limit in verdicts.limit)
    return _is(verdicts, ConflictKind.HORIZONTAL) & np.fromiter(doubtful, np.bool_, len(verdicts.limit))


def _share_a_bank(scope: Scope, verdicts: Verdicts) -> Bools:
    """Collisions of cables of several owners that lie in one trench or duct bank, or end in one well of it.

    Each owner's line is surveyed with the section of the whole bank, so the bodies coincide.
    """
    left, right = verdicts.left, verdicts.right
    in_bank = scope.segments.words("burial_code").is_in(_BANKS)
    width_m, height_m = scope.width_m, scope.height_m
    same = (width_m[left] == width_m[right]) & (height_m[left] == height_m[right])
    ends = scope.axes.start[:, :2], scope.axes.end[:, :2]
    apart_m = [np.hypot(*(one[left] - other[right]).T) for one in ends for other in ends]
    in_one_well = np.min(apart_m, axis=0) < (width_m[left] + width_m[right]) / 2
    banks = _is(verdicts, ConflictKind.COLLISION) & in_bank[left] & in_bank[right]
    shared: Bools = banks & (same | in_one_well)
    return shared


def _shared_banks(check: Check, verdicts: Verdicts, at: Ints) -> Iterator[Note]:
    told = at[check.scope.told["pipe_segment"][verdicts.left[at]]]
    if len(told):
        sides = (check.scope.segment_keys(side[told[:_EXAMPLES]]) for side in (verdicts.left, verdicts.right))
        pairs = [list(pair) for pair in zip(*sides, strict=True)]
        yield check.note(_BANKS_SAY, {"pairs": pairs}, at_most=Severity.INFO, counts={"count": len(told)})


def _is(verdicts: Verdicts, kind: ConflictKind) -> Bools:
    return np.fromiter((each is kind for each in verdicts.kind), np.bool_, len(verdicts.kind))


def _neighbours(scope: Scope, pipes: Pipes) -> tuple[Ints, Ints]:
    """Pairs of a segment told of and another that a rule may keep it away from, each pair once."""
    counts, touched = _counts(scope), scope.segments.values("touched")
    asked, others = np.flatnonzero(scope.told["pipe_segment"] & counts), np.flatnonzero(counts)
    class_code = scope.segments.words("class_code")
    reach_m, half_m = _reach_m(class_code), np.nan_to_num(pipes.half_width_m)
    farthest_m = reach_m.max(axis=1, initial=0.0)[class_code.codes] + half_m
    left, right, apart_m = near_pairs(
        Pieces.of_axes(scope.axes, asked, farthest_m[asked]), Pieces.of_axes(scope.axes, others, half_m[others])
    )
    standing = class_code.codes
    near = apart_m <= reach_m[standing[left], standing[right]] + half_m[left] + half_m[right]
    # A pair of two touched segments is told of by the one that comes first.
    once = (left < right) | ~touched[right]
    pairs = np.unique(left[near & once] * len(touched) + right[near & once])
    return pairs // max(len(touched), 1), pairs % max(len(touched), 1)


def _counts(scope: Scope) -> Bools:
    """Whether each segment is in the ground and live, or a design that the changeset brings."""
    segments = scope.segments
    in_the_ground = ~segments.words("burial_code").is_in([*ABOVE_GROUND, "in_well"])
    planned = segments.words("lifecycle_code").is_in(["planned", "under_construction"])
    counts: Bools = in_the_ground & (scope.active | (planned & segments.values("touched")))
    return counts


def _reach_m(class_code: Words) -> Floats:
    """The largest horizontal limit between each two classes (0: no rule); the last is of unknown class.

    With every attribute unknown the strictest limit of a class is taken, which none of its pipes exceeds.
    """
    unknown = dict.fromkeys((*_PARTY_WORDS, *_PARTY_NUMBERS))
    parties = [party_of(unknown | {"class_code": code}) for code in class_code.known_words]
    reach_m = np.zeros((len(parties) + 1, len(parties) + 1))
    for row, one in enumerate(parties):
        for column, other in enumerate(parties):
            limit = strictest("horizontal", one, other)
            reach_m[row, column] = limit.min_m if limit else 0.0
    return reach_m


def _as_pipes(scope: Scope) -> Pipes:
    """Every segment of the scope as the arrays that the core judges, in their order."""
    segments, axes = scope.segments, scope.axes
    is_round = segments.words("shape_code").is_in(["circle"])
    width_m, height_m = scope.width_m, scope.height_m
    party_index, parties = _parties(segments)
    return Pipes(
        feature_id=segments.values("feature_id"),
        class_index=segments.words("class_code").codes.astype(np.int64),
        nodes=np.column_stack([segments.values("from_node_id"), segments.values("to_node_id")]),
        container_id=segments.values("container_id"),
        is_round=is_round,
        half_width_m=np.where(is_round & np.isnan(width_m), height_m, width_m) / 2,
        half_height_m=np.where(is_round & ~np.isnan(width_m), width_m, height_m) / 2,
        party_index=party_index,
        parties=parties,
        first_piece=axes.first - np.arange(len(axes.first)),
        start=axes.xyz[axes.pieces],
        end=axes.xyz[axes.pieces + 1],
    )


def _parties(segments: Columns) -> tuple[Ints, list[Party]]:
    codes = [segments.words(name).codes for name in _PARTY_WORDS]
    number, first = numbered([*codes, *(segments.values(name) for name in _PARTY_NUMBERS)])
    return number, [party_of(row) for row in _rows(segments, first, _PARTY_WORDS, _PARTY_NUMBERS)]


def _conflicts(scope: Scope, verdicts: Verdicts, kept: Ints) -> list[tuple[int, Conflict]]:
    """Some verdicts, worded, each with the row of the segment it is told of."""
    involved, place = np.unique(np.concatenate([verdicts.left[kept], verdicts.right[kept]]), return_inverse=True)
    left, right = np.split(place, 2)
    chosen = Verdicts(
        left=left,
        right=right,
        kind=[verdicts.kind[number] for number in kept.tolist()],
        is_conflict=verdicts.is_conflict[kept],
        measured_m=verdicts.measured_m[kept],
        bounded=verdicts.bounded[kept],
        limit=[verdicts.limit[number] for number in kept.tolist()],
        near_left=verdicts.near_left[kept],
        near_right=verdicts.near_right[kept],
    )
    conflicts, _ = from_verdicts(chosen, _worded(scope, involved))
    return list(zip(verdicts.left[kept].tolist(), conflicts, strict=True))


def _worded(scope: Scope, at: Ints) -> list[Segment]:
    """Segments as the words about a conflict need them."""
    from_ground_m, to_ground_m = scope.at_ends(scope.nodes.values("ground_elevation_m"), np.nan)
    rows = _rows(scope.segments, at, _WORDED_WORDS, _WORDED_NUMBERS)
    ids, keys = scope.segments.values("feature_id")[at].tolist(), scope.segment_keys(at).tolist()
    grounds = zip(_known(from_ground_m[at]), _known(to_ground_m[at]), strict=True)
    for row, feature_id, key, (from_m, to_m) in zip(rows, ids, keys, grounds, strict=True):
        row |= {"feature_id": feature_id, "source_key": key, "from_ground_m": from_m, "to_ground_m": to_m}
    return segments_of(rows, scope.axes.lines(at))


def _rows(segments: Columns, at: Ints, words: tuple[str, ...], numbers: tuple[str, ...]) -> list[dict[str, Any]]:
    """Rows with None where nothing is known."""
    columns = {name: segments.words(name)[at].texts().tolist() for name in words}
    columns |= {name: _known(segments.values(name)[at]) for name in numbers}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _known(values: Floats) -> list[float | None]:
    return known_values(values, np.isfinite(values))
