"""Sentences about conflicts: shared by thousands of pairs, filled with the names and measures of each."""

from pipemap.clearance.rules import Limit
from pipemap.clearance.words import Saying, conflict_words, segment_name
from schemas.clearance import ConflictKind, Side

GAS, WATER = segment_name("RQ", "{0}"), segment_name("JS", "W{other}")


def said(limit: Limit | None, kind: ConflictKind, **more: object) -> tuple[str, str]:
    """The sentence about a gas and a water pipe that are 0.304 m apart, or meet by as much."""
    known = {"at_most": False, "within_accuracy": False, "assumed": (), "to_be_confirmed": False} | more
    saying = Saying(kind, True, limit, **known)  # type: ignore[arg-type]
    return conflict_words(GAS, WATER, saying, 0.304 if limit else -0.304, 0.1)


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
