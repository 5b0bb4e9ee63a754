"""Sentences about conflicts: shared by thousands of pairs, filled with the names and measures of each."""

import numpy as np

from pipemap.clearance.answer import conflicts_told
from pipemap.clearance.core import Verdicts
from pipemap.clearance.judging import CONFLICT
from pipemap.clearance.rules import Limit
from pipemap.clearance.site import DRAWN_ID, Segment
from pipemap.clearance.words import Saying, conflict_words, segment_name, sentences
from schemas.clearance import ConflictKind, Side

GAS, WATER = segment_name("RQ", "{0}"), segment_name("JS", "W{other}")


def said(limit: Limit | None, kind: ConflictKind, **more: object) -> tuple[str, str]:
    """The sentence about a gas and a water pipe that are 0.304 m apart, or meet by as much."""
    known = {"at_most": False, "within_accuracy": False, "assumed": (), "to_be_confirmed": False} | more
    saying = Saying(kind, True, limit, **known)  # type: ignore[arg-type]
    return conflict_words(GAS, WATER, sentences(saying), 0.304 if limit else -0.304, 0.1)


def test_braces_in_numbers_of_pipes_and_in_a_citys_table_are_told_as_they_are() -> None:
    limit = Limit(0.5, "city-1", "DB{33}/T 1", "table {segment}", "verified_1")

    english, chinese = said(limit, ConflictKind.HORIZONTAL)

    assert english.endswith(
        f"between {GAS.english} and {WATER.english} is 0.30 m; 0.50 m is required by DB{{33}}/T 1 table {{segment}}."
    )
    assert "{0}" in chinese and "W{other}" in chinese and "DB{33}/T 1 表 {segment}要求不小于 0.50 m" in chinese


def test_each_side_whose_size_is_taken_as_the_outer_one_is_named() -> None:
    english, chinese = said(
        None, ConflictKind.COLLISION, sizes_taken=((Side.SEGMENT, "inner"), (Side.OTHER, "nominal"))
    )

    assert "intersect by 0.30 m" in english
    assert f"the inner size of {GAS.english} is taken" in english
    assert f"the nominal size of {WATER.english} is taken" in english
    assert f"{GAS.chinese}的内尺寸按外尺寸计" in chinese


def pipe(number: int, *measures: object, **row: object) -> Segment:
    """A gas pipe of 0.3 m surveyed to 0.05 m, but for what is said otherwise."""
    known = {"class_code": "gas", "elevation_source_code": "measured", "size_basis_code": "outer"} | row
    measures = measures or (0.15, 0.15, 0.05, 0.05)
    return Segment({"feature_id": number, "source_key": f"P{number}"} | known, np.empty((0, 3)), *measures)  # type: ignore[arg-type]


def test_conflicts_told_together_are_told_as_each_alone() -> None:
    pipes = [
        pipe(1),
        pipe(2),
        pipe(3, class_code="foul"),
        pipe(4, burial_code="duct_block"),
        pipe(5, material_code="pe"),
        pipe(6, lifecycle_code="planned"),
        pipe(7, elevation_source_code="inferred"),
        pipe(8, size_basis_code="inner"),
        pipe(9, 0.35, 0.15, 0.05, 0.05),
        pipe(10, 0.15, 0.35, 0.05, 0.05),
        pipe(11, np.nan, np.nan, 0.05, 0.05),
        pipe(12, 0.15, 0.15, 0.25, 0.05),
        pipe(13, 0.15, 0.15, 0.05, 0.25),
        pipe(14, 0.15, 0.15, 0.05, 0.05, (0.1, 0.1)),
        pipe(15, 0.25, 0.25, 0.05, 0.05, (0.1, 0.1)),
        pipe(DRAWN_ID),
    ]
    sure, doubtful = (Limit(0.5, "r", "s", "c", confidence) for confidence in ("verified_1", "memory_only"))
    ways = [
        (kind, limit, measured_m, at_most)
        for kind in (ConflictKind.HORIZONTAL, ConflictKind.VERTICAL)
        for limit in (sure, doubtful, None)
        for measured_m in (0.2, 0.45)
        for at_most in (False, True)
    ]
    pairs = [(one, other) for one in range(len(pipes)) for other in range(len(pipes)) if one != other]
    kinds, limits, measured_m, at_most = zip(*(way for way in ways for _ in pairs), strict=True)
    left, right = np.array(pairs * len(ways)).T
    near, state = np.zeros((len(left), 3)), np.full(len(left), CONFLICT)
    bounded, nowhere = np.array(at_most), np.full(len(left), np.nan)
    verdicts = Verdicts(left, right, kinds, state, np.array(measured_m), bounded, limits, near, near, nowhere)

    together = list(conflicts_told(verdicts, pipes))

    alone = [next(conflicts_told(verdicts.part(np.array([number])), pipes)) for number in range(len(left))]
    assert together == alone
