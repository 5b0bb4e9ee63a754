"""The rule about clearances: pipes that meet, or lie nearer to one another than the standards allow."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from pipemap.checks.breaches import Breaches, Note
from pipemap.checks.check import Check, Says, Told
from pipemap.checks.columns import Bools, Floats, Ints, Words, distinct
from pipemap.checks.near import Pieces, near_pairs
from pipemap.checks.registry import rule
from pipemap.checks.rules.accuracy import surveyed
from pipemap.checks.scope import ABOVE_GROUND, Scope
from pipemap.clearance.answer import conflicts_told
from pipemap.clearance.city import pipes_of
from pipemap.clearance.core import Pipes, Verdicts, conflicts_between
from pipemap.clearance.parties import party_of
from pipemap.clearance.rules import strictest
from pipemap.clearance.site import Segment
from pipemap.clearance.tables import LimitTables
from schemas.clearance import ConflictKind
from schemas.findings import Severity

_PARTY_WORDS = ("class_code", "burial_code", "pressure_code")
_PARTY_NUMBERS = ("pressure_mpa", "width_mm", "voltage_kv")
_BESIDE = (ConflictKind.HORIZONTAL, ConflictKind.STACKED)
_BANKS_SAY = Says(
    en="{count} pairs of lines coincide with the section of a trench or duct bank: most likely one bank booked "
    "once for each owner; they are not judged against each other",
    zh="{count} 对管线按管沟或管块断面相互重合，很可能同属一条管沟或管块、按权属分别录入；相互之间不作净距判断",
)
_SAYS = Says(en="{en}", zh="{zh}", value="{measured:.2f} m", limit="{limit}")
_WORDED_AT_ONCE = 5_000
_EXAMPLES = 50
_NO_COURSE = np.empty((0, 3))


@rule(
    "R40",
    Severity.WARNING,
    en="pipes meet or are nearer than the standard allows",
    zh="管线碰撞或净距不足",
    source="survey practice, rule R40; schemas/limits/clearance_horizontal.csv, clearance_vertical.csv, the city's own",
    source_zh="普查检查规则 R40；净距限值表 schemas/limits/clearance_horizontal.csv、clearance_vertical.csv 及本市规定",
)
def too_near(check: Check) -> Told:
    """Pipes that meet or lack clearance, one finding per pair, and a note about banks that are booked twice.

    A shortfall within the survey accuracy, an unknown attribute or a limit that nobody has read in the
    standard makes it a note. Side by side only limits that apply for certain count: a street of lines
    whose pressure or voltage is not known would be told at every metre. Unknown heights are not judged.
    """
    scope = check.scope
    pipes = pipes_of(scope.segments, scope.axes, scope.walls, scope.limits)
    verdicts = conflicts_between(pipes, *_neighbours(scope, pipes))
    kept = np.flatnonzero(verdicts.is_conflict & ~_doubtful_beside(verdicts))
    kept = kept[np.argsort(verdicts.left[kept], kind="stable")]
    for start in range(0, len(kept), _WORDED_AT_ONCE):
        yield from _findings(check, verdicts, kept[start : start + _WORDED_AT_ONCE])
    yield from _shared_banks(check, verdicts, np.flatnonzero(verdicts.shares_bank))


def _findings(check: Check, verdicts: Verdicts, at: Ints) -> Iterator[Breaches]:
    told = list(conflicts_told(*_worded(check.scope, verdicts, at)))
    doubtful = np.array([each["to_be_confirmed"] or each["within_accuracy"] for each in told], np.bool_)
    for which, at_most in ((np.flatnonzero(~doubtful), None), (np.flatnonzero(doubtful), Severity.INFO)):
        chosen = [told[number] for number in which.tolist()]
        yield check.report(
            "pipe_segment",
            verdicts.left[at[which]],
            _SAYS,
            at_most=at_most,
            place=np.array([each["point"][:2] for each in chosen], dtype=np.float64).reshape(-1, 2),
            en=[each.pop("message_en") for each in chosen],
            zh=[each.pop("message_zh") for each in chosen],
            measured=[each["measured_m"] for each in chosen],
            limit=[f"{each['limit_m']:g} m {each['standard']}".rstrip() for each in chosen],
            details=chosen,
        )


def _doubtful_beside(verdicts: Verdicts) -> Bools:
    doubtful = (
        kind in _BESIDE and limit is not None and limit.to_be_confirmed
        for kind, limit in zip(verdicts.kind, verdicts.limit, strict=True)
    )
    return np.fromiter(doubtful, np.bool_, len(verdicts.limit))


def _shared_banks(check: Check, verdicts: Verdicts, at: Ints) -> Iterator[Note]:
    told = at[check.scope.told["pipe_segment"][verdicts.left[at]]]
    if len(told):
        sides = (check.scope.segment_keys(side[told[:_EXAMPLES]]) for side in (verdicts.left, verdicts.right))
        pairs = [list(pair) for pair in zip(*sides, strict=True)]
        yield check.note(_BANKS_SAY, {"pairs": pairs}, at_most=Severity.INFO, counts={"count": len(told)})


def _neighbours(scope: Scope, pipes: Pipes) -> tuple[Ints, Ints]:
    """Pairs of a segment told of and another that a rule may keep it away from, each pair once."""
    counts, touched = _counts(scope), scope.segments.values("touched")
    asked, others = np.flatnonzero(scope.told["pipe_segment"] & counts), np.flatnonzero(counts)
    class_code = scope.segments.words("class_code")
    reach_m, half_m = _reach_m(class_code, scope.limits), np.nan_to_num(pipes.half_width_m)
    farthest_m = reach_m.max(axis=1, initial=0.0)[class_code.codes] + half_m
    around = Pieces.of_axes(scope.axes, others, half_m[others])
    # A pair of two touched segments is told of by the one that comes first.
    left, right, apart_m = near_pairs(
        Pieces.of_axes(scope.axes, asked, farthest_m[asked]), around, touched[around.owner]
    )
    standing = class_code.codes
    near = apart_m <= reach_m[standing[left], standing[right]] + half_m[left] + half_m[right]
    pairs = distinct(left[near] * len(touched) + right[near])
    return pairs // max(len(touched), 1), pairs % max(len(touched), 1)


def _counts(scope: Scope) -> Bools:
    """Whether each segment is in the ground and live, or a design that the changeset brings."""
    segments = scope.segments
    in_the_ground = ~segments.words("burial_code").is_in([*ABOVE_GROUND, "in_well"])
    planned = segments.words("lifecycle_code").is_in(["planned", "under_construction"])
    counts: Bools = in_the_ground & (scope.active | (planned & segments.values("touched")))
    return counts


def _reach_m(class_code: Words, limits: LimitTables) -> Floats:
    """The largest horizontal limit between each two classes (0: no rule); the last is of unknown class.

    With every attribute unknown the strictest limit of a class is taken, which none of its pipes exceeds.
    """
    unknown = dict.fromkeys((*_PARTY_WORDS, *_PARTY_NUMBERS))
    parties = [party_of(unknown | {"class_code": code}, limits) for code in class_code.known_words]
    reach_m = np.zeros((len(parties) + 1, len(parties) + 1))
    for row, one in enumerate(parties):
        for column, other in enumerate(parties):
            limit = strictest("horizontal", one, other)
            reach_m[row, column] = limit.min_m if limit else 0.0
    return reach_m


def _worded(scope: Scope, verdicts: Verdicts, at: Ints) -> tuple[Verdicts, list[Segment]]:
    """Some verdicts, and the segments they are about as words need them."""
    involved, place = np.unique(np.concatenate([verdicts.left[at], verdicts.right[at]]), return_inverse=True)
    left, right = np.split(place, 2)
    chosen = replace(verdicts.part(at), left=left, right=right)
    return chosen, _segments(scope, involved)


def _segments(scope: Scope, at: Ints) -> list[Segment]:
    """Segments with what is said of them; their course is not."""
    segments, measured = scope.segments, surveyed(scope, at)
    names = ("class_code", "elevation_source_code")
    columns: dict[str, list[Any]] = {name: segments.words(name)[at].texts().tolist() for name in names}
    columns |= {"feature_id": segments.values("feature_id")[at].tolist(), "source_key": scope.segment_keys(at).tolist()}
    rows = (dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True))
    return [Segment(row, _NO_COURSE, *values) for row, values in zip(rows, measured.measures(), strict=True)]
