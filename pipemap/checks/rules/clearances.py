"""The rule about clearances: pipes that meet, or lie nearer to one another than the standards allow."""

from itertools import compress
from typing import Any

import numpy as np
import pandas as pd
import shapely

from pipemap.checks.check import Check, Says
from pipemap.checks.registry import rule
from pipemap.checks.rules.lines import ABOVE_GROUND
from pipemap.checks.scope import Bools, Floats, Ints, Scope
from pipemap.clearance.answer import from_verdicts
from pipemap.clearance.core import Pipes, Verdicts, conflicts_between
from pipemap.clearance.rules import Party, strictest
from pipemap.clearance.site import Segment, party_of, segments_of
from schemas.clearance import Conflict, ConflictKind
from schemas.findings import Finding, Severity

_PARTY = ["class_code", "burial_code", "pressure_code", "pressure_mpa", "width_mm", "voltage_kv"]
_WORDED = [
    *_PARTY, "feature_id", "source_key", "shape_code", "height_mm", "lifecycle_code", "from_depth_m", "to_depth_m",
    "depth_datum_code", "elevation_source_code", "horizontal_accuracy_m", "vertical_accuracy_m",
]  # fmt: skip
# Ways of lying in which several lines may share one outer section.
_BANKS = ["duct_block", "trench", "passage", "tunnel"]
_BANKS_SAY = Says(
    en="{count} pairs of lines coincide with the section of a trench or duct bank: most likely one bank booked "
    "once for each owner; they are not judged against each other",
    zh="{count} 对管线按管沟或管块断面相互重合，很可能同属一条管沟或管块、按权属分别录入；相互之间不作净距判断",
)
_SAYS = Says(en="{en}", zh="{zh}", value="{measured:.2f} m", limit="{limit}")


@rule(
    "R40",
    Severity.WARNING,
    en="pipes meet or are nearer than the standard allows",
    zh="管线碰撞或净距不足",
    source="survey practice, rule R40; schemas/limits/clearance_horizontal.csv and clearance_vertical.csv",
)
def too_near(check: Check) -> list[Finding]:
    """Pipes that meet or lack clearance, one finding per pair, and a note about banks that are booked twice.

    A shortfall within the survey accuracy, an unknown attribute or a limit that nobody has read in the
    standard makes it a note. Side by side only limits that apply for certain count: a street of lines
    whose pressure or voltage is not known would be told at every metre. Unknown heights are not judged.
    """
    scope = check.scope
    pipes = _as_pipes(scope)
    verdicts = conflicts_between(pipes, *_neighbours(scope, pipes))
    shared = _share_a_bank(scope, verdicts)
    conflicts = _conflicts(scope, verdicts, verdicts.is_conflict & ~shared & ~_doubtful_beside(verdicts))
    findings = [
        finding
        for doubtful, at_most in ((False, None), (True, Severity.INFO))
        for finding in _findings(check, [each for each in conflicts if _is_doubtful(each) is doubtful], at_most)
    ]
    return findings + _shared_banks(check, verdicts, shared)


def _is_doubtful(conflict: Conflict) -> bool:
    return conflict.to_be_confirmed or conflict.within_accuracy


def _doubtful_beside(verdicts: Verdicts) -> Bools:
    doubtful = (limit is not None and limit.to_be_confirmed for limit in verdicts.limit)
    return _is(verdicts, ConflictKind.HORIZONTAL) & np.fromiter(doubtful, np.bool_, len(verdicts.limit))


def _share_a_bank(scope: Scope, verdicts: Verdicts) -> Bools:
    """Collisions of cables of several owners that lie in one trench or duct bank, or end in one well of it.

    Each owner's line is surveyed with the section of the whole bank, so the bodies coincide.
    """
    left, right = verdicts.left, verdicts.right
    in_bank = scope.segments["burial_code"].isin(_BANKS).to_numpy()
    width_m, height_m = scope.size_m
    same = (width_m[left] == width_m[right]) & (height_m[left] == height_m[right])
    ends = np.split(scope.ends[["x", "y"]].to_numpy(), 2)
    apart_m = [np.hypot(*(one[left] - other[right]).T) for one in ends for other in ends]
    in_one_well = np.min(apart_m, axis=0) < (width_m[left] + width_m[right]) / 2
    banks = _is(verdicts, ConflictKind.COLLISION) & in_bank[left] & in_bank[right]
    shared: Bools = banks & (same | in_one_well)
    return shared


def _shared_banks(check: Check, verdicts: Verdicts, shared: Bools) -> list[Finding]:
    if not shared.any():
        return []
    keys = check.scope.segments["source_key"].to_numpy(object)
    pairs = [list(pair) for pair in zip(keys[verdicts.left[shared]], keys[verdicts.right[shared]], strict=True)]
    return [check.note(_BANKS_SAY, {"pairs": pairs}, at_most=Severity.INFO, count=len(pairs))]


def _is(verdicts: Verdicts, kind: ConflictKind) -> Bools:
    return np.fromiter((each is kind for each in verdicts.kind), np.bool_, len(verdicts.kind))


def _findings(check: Check, conflicts: list[Conflict], at_most: Severity | None) -> list[Finding]:
    at = np.searchsorted(check.scope.segments["feature_id"], [each.segment_id or 0 for each in conflicts])
    return check.report(
        "pipe_segment",
        at.astype(np.int64),
        _SAYS,
        at_most=at_most,
        place=np.array([each.point[:2] for each in conflicts], dtype=np.float64).reshape(-1, 2),
        details=[each.model_dump(mode="json", exclude={"message_en", "message_zh"}) for each in conflicts],
        en=[each.message_en for each in conflicts],
        zh=[each.message_zh for each in conflicts],
        measured=[each.measured_m for each in conflicts],
        limit=[f"{each.limit_m:g} m {each.standard}".rstrip() for each in conflicts],
    )


def _neighbours(scope: Scope, pipes: Pipes) -> tuple[Ints, Ints]:
    """Pairs of a touched segment and another that a rule may keep it away from, each pair once."""
    touched = scope.segments["touched"].to_numpy()
    counts = _counts(scope)
    asked, others = np.flatnonzero(touched & counts), np.flatnonzero(counts)
    standing, reach_m = _reach_m(scope.segments["class_code"])
    half_m = np.nan_to_num(pipes.half_width_m)
    farthest_m = reach_m.max(axis=1, initial=0.0)[standing[asked]] + half_m[asked] + half_m.max(initial=0.0)
    # Boxes leave more pairs than a distance would, and are done in half the time with the distance that follows.
    west, south, east, north = shapely.bounds(scope.lines[asked]).T
    around = shapely.box(west - farthest_m, south - farthest_m, east + farthest_m, north + farthest_m)
    row, found = shapely.STRtree(scope.lines[others]).query(around)
    left, right = asked[row], others[found]
    once = (left < right) | ~touched[right]
    left, right = left[once], right[once]
    apart_m = shapely.distance(scope.lines[left], scope.lines[right]) - half_m[left] - half_m[right]
    near = apart_m <= reach_m[standing[left], standing[right]]
    return left[near], right[near]


def _counts(scope: Scope) -> Bools:
    """Whether each segment is in the ground and live, or a design that the changeset brings."""
    segments = scope.segments
    in_the_ground = ~segments["burial_code"].isin([*ABOVE_GROUND, "in_well"])
    design = segments["touched"] & segments["lifecycle_code"].isin(["planned", "under_construction"])
    counts: Bools = (in_the_ground & (scope.active | design)).to_numpy(np.bool_)
    return counts


def _reach_m(class_code: "pd.Series[Any]") -> tuple[Ints, Floats]:
    """Number of each segment's class, and the largest horizontal limit between each two classes (0: no rule).

    With every attribute unknown the strictest limit of a class is taken, which none of its pipes exceeds.
    """
    numbers, codes = pd.factorize(class_code)
    parties = [party_of(dict.fromkeys(_PARTY) | {"class_code": code}) for code in codes]
    limits = [[strictest("horizontal", one, other) for other in parties] for one in parties]
    reach_m = np.array([[limit.min_m if limit else 0.0 for limit in row] for row in limits], dtype=np.float64)
    return numbers.astype(np.int64), reach_m.reshape(len(parties), len(parties))


def _as_pipes(scope: Scope) -> Pipes:
    """Every segment of the scope as the arrays that the core judges, in their order."""
    segments = scope.segments
    coordinates, owner = shapely.get_coordinates(scope.lines, include_z=True, return_index=True)
    inside = owner[1:] == owner[:-1]
    pieces = shapely.get_num_coordinates(scope.lines) - 1
    is_round = segments["shape_code"].eq("circle").to_numpy()
    width_m, height_m = scope.size_m
    party_index, parties = _parties(segments)
    return Pipes(
        feature_id=segments["feature_id"].to_numpy(np.int64),
        class_index=pd.factorize(segments["class_code"])[0].astype(np.int64),
        nodes=segments[["from_node_id", "to_node_id"]].to_numpy(np.int64),
        container_id=segments["container_id"].fillna(-1).to_numpy(np.int64),
        is_round=is_round,
        half_width_m=np.where(is_round & np.isnan(width_m), height_m, width_m) / 2,
        half_height_m=np.where(is_round & ~np.isnan(width_m), width_m, height_m) / 2,
        party_index=party_index,
        parties=parties,
        first_piece=np.concatenate([[0], np.cumsum(pieces)]).astype(np.int64),
        start=coordinates[:-1][inside],
        end=coordinates[1:][inside],
    )


def _parties(segments: pd.DataFrame) -> tuple[Ints, list[Party]]:
    number = segments.groupby(_PARTY, dropna=False).ngroup().to_numpy().astype(np.int64)
    _, first = np.unique(number, return_index=True)
    return number, [party_of(row) for row in _rows(segments[_PARTY].iloc[first])]


def _conflicts(scope: Scope, verdicts: Verdicts, kept: Bools) -> list[Conflict]:
    """The verdicts to keep, worded, in their order."""
    involved, place = np.unique(np.concatenate([verdicts.left[kept], verdicts.right[kept]]), return_inverse=True)
    left, right = np.split(place, 2)
    chosen = Verdicts(
        left=left,
        right=right,
        kind=list(compress(verdicts.kind, kept)),
        is_conflict=verdicts.is_conflict[kept],
        measured_m=verdicts.measured_m[kept],
        bounded=verdicts.bounded[kept],
        limit=list(compress(verdicts.limit, kept)),
        near_left=verdicts.near_left[kept],
        near_right=verdicts.near_right[kept],
    )
    conflicts, _ = from_verdicts(chosen, _worded(scope, involved))
    return conflicts


def _worded(scope: Scope, at: Ints) -> list[Segment]:
    """Segments as the words about a conflict need them."""
    ground_from_m, ground_to_m = np.split(scope.ends["ground_m"].to_numpy(), 2)
    frame = scope.segments[_WORDED].iloc[at]
    frame = frame.assign(from_ground_m=ground_from_m[at], to_ground_m=ground_to_m[at])
    return segments_of(_rows(frame), scope.lines[at])


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows with None where nothing is known."""
    rows: list[dict[str, Any]] = frame.astype(object).where(frame.notna(), None).to_dict("records")  # type: ignore[assignment]
    return rows
