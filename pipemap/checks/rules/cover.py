"""The rule about cover: how much ground a pipe must have above it, by class and burial."""

from dataclasses import dataclass
from functools import cache

import numpy as np

from pipemap.checks.breaches import Breaches
from pipemap.checks.check import Check, Says, Told
from pipemap.checks.columns import Bools, Floats, Ints, numbered
from pipemap.checks.registry import rule
from pipemap.checks.rules.accuracy import surveyed
from pipemap.checks.rules.heights import worse_ends
from pipemap.checks.scope import Scope
from pipemap.clearance.conditions import LEFT_OUT, Party, condition_holds
from pipemap.clearance.tables import LimitTables, Row
from schemas.codetables import code_table
from schemas.findings import Severity


@dataclass(frozen=True)
class CoverLimit:
    """The least cover of one class in one way of lying, outside motor lanes, and who says so."""

    min_cover_m: float
    standard: str
    clause: str
    confidence: str

    @property
    def to_be_confirmed(self) -> bool:
        """Whether the number was recalled, not read."""
        return self.confidence.startswith("memory")


@rule(
    "P08",
    Severity.WARNING,
    en="cover below the standard",
    zh="覆土深度不足",
    source="schemas/limits/cover_depth.csv and the city's own limits, rows in force, least value (outside motor lanes)",
    tolerance_m=0.02,
)
def cover(check: Check) -> Told:
    """Buried lines with less ground over their outer top than the least any lane would allow; one finding per line.

    A shortfall within the survey accuracy, or of a limit that nobody has read in the standard, is a note.
    """
    ends = check.scope.ends
    above = ends.cover_m
    # Below zero the pipe sticks out, which is rule R29.
    at = worse_ends(np.where(above >= 0, -above, np.nan))
    number, limits_found = _required(check.scope)
    least = np.array([np.nan if limit is None else limit.min_cover_m for limit in limits_found], np.float64)
    shortfall = least[number[ends.segment[at]]] - above[at]
    at, shortfall = at[shortfall > check["tolerance_m"]], shortfall[shortfall > check["tolerance_m"]]
    recalled = np.array([limit is not None and limit.to_be_confirmed for limit in limits_found], np.bool_)
    _, accuracy = surveyed(check.scope, ends.segment[at]).accuracies_m()
    within = shortfall < accuracy
    doubtful = recalled[number[ends.segment[at]]] | within
    limit_of = [limits_found[one] for one in number[ends.segment[at]].tolist()]
    return [
        _thin(check, at[which], [limit_of[row] for row in which.tolist()], within[which], accuracy[which], at_most)
        for which, at_most in ((np.flatnonzero(~doubtful), None), (np.flatnonzero(doubtful), Severity.INFO))
    ]


def _thin(
    check: Check,
    at: Ints,
    found: "list[CoverLimit | None]",
    within: Bools,
    accuracy: Floats,
    at_most: Severity | None,
) -> Breaches:
    ends = check.scope.ends
    limits_of = [limit for limit in found if limit is not None]
    recalled_en = [" (limit to be confirmed)" if each.to_be_confirmed else "" for each in limits_of]
    recalled_zh = ["（限值待核实）" if each.to_be_confirmed else "" for each in limits_of]
    accuracies = list(zip(within.tolist(), accuracy.tolist(), strict=True))
    near_en = [f", within the survey accuracy of {metres:.2f} m" if near else "" for near, metres in accuracies]
    near_zh = [f"，差值在测量精度 {metres:.2f} m 以内" if near else "" for near, metres in accuracies]
    says = Says(
        en="{class_en} line {key} has {cover:.2f} m of cover at {end}; {standard} {clause} asks "
        "for {least:g} m{doubt_en}",
        zh="{class_zh}管线 {key} 在 {end} 处覆土 {cover:.2f} m，{standard} {clause} 要求不小于 {least:g} m{doubt_zh}",
        value="{cover:.2f} m",
        limit="{least:g} m ({standard})",
    )
    return check.report(
        "pipe_segment",
        ends.segment[at],
        says,
        at_most=at_most,
        place=ends.xyz[at, :2],
        details={
            "to_be_confirmed": [each.to_be_confirmed for each in limits_of],
            "confidence": [each.confidence for each in limits_of],
            "within_accuracy": within,
        },
        cover=ends.cover_m[at],
        end=ends.keys(at),
        standard=[each.standard for each in limits_of],
        clause=[each.clause.split(" (")[0] for each in limits_of],
        least=[each.min_cover_m for each in limits_of],
        doubt_en=[f"{recalled}{near}" for recalled, near in zip(recalled_en, near_en, strict=True)],
        doubt_zh=[f"{recalled}{near}" for recalled, near in zip(recalled_zh, near_zh, strict=True)],
    )


def _required(scope: Scope) -> "tuple[Ints, list[CoverLimit | None]]":
    """Number of the limit of each segment in the list of limits; None where none applies."""
    classes = scope.segments.words("class_code")
    ways = {code: found.fields["clearance_condition"] for code, found in code_table("burial").items()}
    burial = scope.segments.words("burial_code").renamed(ways, "?")
    in_steel = burial.is_in(["conduit"]) & scope.segments.words("material_code").is_in(["steel"])
    number, first = numbered([classes.codes, burial.codes, in_steel])
    examples = zip(classes[first].texts(), burial[first].texts(), in_steel[first], strict=True)
    return number, [cover_limit(code, "steel conduit" if steel else way, scope.limits) for code, way, steel in examples]


@cache
def cover_limit(class_code: str, lying: str, limits: LimitTables) -> CoverLimit | None:
    """The strictest limit in force for a class and a way of lying.

    `lying` is direct, conduit, steel conduit, `?` when nobody knows (then the least demanding way
    counts), or empty for what is not in the ground.
    """
    if lying == "?":
        either = [limit for how in ("direct", "conduit") if (limit := cover_limit(class_code, how, limits))]
        return min(either, key=lambda limit: limit.min_cover_m, default=None)
    classes = code_table("utility_class")
    standard_class = classes[class_code].fields["clearance_class"] if class_code in classes else ""
    rows = limits.rows("cover_depth")
    found = [_limit(row) for row in rows if row["class"] == standard_class and _applies(row, lying)]
    # Of equal numbers the one that was read comes first.
    return max(found, key=lambda each: (each.min_cover_m, not each.to_be_confirmed), default=None)


def _applies(row: Row, lying: str) -> bool:
    if not row["min_cover_non_motor_m"]:
        return False
    ways = _ways(row["condition"])
    if lying == "steel conduit" and "steel conduit" not in ways:
        return "conduit" in ways and row["class"] != "telecom"
    return lying in ways


@cache
def _ways(condition: str) -> tuple[str, ...]:
    """The ways of lying that a condition of the table holds for; none for what no map knows (a paddy field)."""
    if condition in LEFT_OUT:
        return (condition,) if condition == "steel conduit" else ()
    return tuple(way for way in ("direct", "conduit") if condition_holds(condition, Party("", burial=way)) is True)


def _limit(row: Row) -> CoverLimit:
    return CoverLimit(float(row["min_cover_non_motor_m"]), row["standard"], row["clause"], row["confidence"])
