"""The rule about cover: how much ground a pipe must have above it, by class and burial."""

from dataclasses import replace

import numpy as np

from pipemap.checks.breaches import Breaches
from pipemap.checks.check import Check, Says, Told
from pipemap.checks.columns import Bools, Floats, Ints, numbered
from pipemap.checks.registry import rule
from pipemap.checks.rules.thinnest import Thinnest, accuracies_m, thinnest
from pipemap.checks.scope import Scope
from pipemap.clearance.city import parties_of
from pipemap.clearance.conditions import Party
from pipemap.clearance.rules import Limit, cover_applied, cover_limit, strictness
from pipemap.clearance.tables import Row
from schemas.codetables import codes_where
from schemas.findings import Severity


@rule(
    "P08",
    Severity.WARNING,
    en="cover below the standard",
    zh="覆土深度不足",
    source="schemas/limits/cover_depth.csv and the city's own limits, rows in force, least value (outside motor lanes)",
    source_zh="覆土限值表 schemas/limits/cover_depth.csv 及本市规定，取现行条款最小值（非机动车道）",
    tolerance_m=0.02,
)
def cover(check: Check) -> Told:
    """Buried lines with less ground over their outer top than the least any lane would allow; one finding per line.

    A shortfall within the accuracy of survey and ground model, or of a limit that nobody has read in the standard, is
    a note.
    """
    scope = check.scope
    found = thinnest(scope)
    # Below zero the pipe sticks out, which is rule R29.
    found = found.part(np.flatnonzero(found.cover_m >= 0))
    number, limits_found = _required(scope)
    least_m = np.array([np.nan if limit is None else limit.min_m for limit in limits_found], np.float64)
    shortfall_m = least_m[number[found.segment]] - found.cover_m
    short = np.flatnonzero(shortfall_m > check["tolerance_m"])
    found, shortfall_m = found.part(short), shortfall_m[short]
    limit_of = [limit for one in number[found.segment].tolist() if (limit := limits_found[one])]
    accuracy_m = accuracies_m(scope, found)
    within = shortfall_m < accuracy_m
    doubtful = np.array([limit.to_be_confirmed for limit in limit_of], np.bool_) | within
    return [
        _thin(
            check, found.part(which), [limit_of[row] for row in which.tolist()], within[which], accuracy_m[which], cap
        )
        for which, cap in ((np.flatnonzero(~doubtful), None), (np.flatnonzero(doubtful), Severity.INFO))
    ]


def _thin(
    check: Check, found: Thinnest, limits: list[Limit], within: Bools, accuracy_m: Floats, at_most: Severity | None
) -> Breaches:
    recalled_en = [" (limit to be confirmed)" if each.to_be_confirmed else "" for each in limits]
    recalled_zh = ["（限值待核实）" if each.to_be_confirmed else "" for each in limits]
    accuracies = list(zip(within.tolist(), accuracy_m.tolist(), strict=True))
    near_en = [f", within the survey accuracy of {metres:.2f} m" if near else "" for near, metres in accuracies]
    near_zh = [f"，差值在测量精度 {metres:.2f} m 以内" if near else "" for near, metres in accuracies]
    says = Says(
        en="{class_en} line {key} has {cover:.2f} m of cover at {where_en}; {standard} {clause} asks "
        "for {least:g} m{doubt_en}",
        zh="{class_zh}管线 {key} 在 {where_zh} 处覆土 {cover:.2f} m，"
        "{standard} {clause} 要求不小于 {least:g} m{doubt_zh}",
        value="{cover:.2f} m",
        limit="{least:g} m ({standard})",
    )
    where_en, where_zh = found.told(check.scope)
    return check.report(
        "pipe_segment",
        found.segment,
        says,
        at_most=at_most,
        place=found.place,
        details={
            "to_be_confirmed": [each.to_be_confirmed for each in limits],
            "confidence": [each.confidence for each in limits],
            "assumed": [list(each.assumed) for each in limits],
            "within_accuracy": within,
        },
        cover=found.cover_m,
        where_en=where_en,
        where_zh=where_zh,
        standard=[each.standard for each in limits],
        clause=[each.clause for each in limits],
        least=[each.min_m for each in limits],
        doubt_en=[f"{recalled}{near}" for recalled, near in zip(recalled_en, near_en, strict=True)],
        doubt_zh=[f"{recalled}{near}" for recalled, near in zip(recalled_zh, near_zh, strict=True)],
    )


def _required(scope: Scope) -> tuple[Ints, list[Limit | None]]:
    """Number of the limit of each segment in the list of limits; None where none applies."""
    burial = scope.segments.words("burial_code")
    elsewhere = burial.is_in(codes_where("burial", "clearance_condition", ""))
    in_steel = burial.is_in(["conduit"]) & scope.segments.words("material_code").is_in(["steel"])
    party_index, parties = parties_of(scope.segments, scope.limits)
    number, first = numbered([party_index, in_steel, elsewhere])
    examples = zip(party_index[first].tolist(), in_steel[first].tolist(), elsewhere[first].tolist(), strict=True)
    return number, [None if above else least_limit(parties[party], steel) for party, steel, above in examples]


def least_limit(party: Party, in_steel: bool = False) -> Limit | None:
    """The strictest limit in force outside motor lanes; of a way of lying that nobody knows the least demanding counts.

    `in_steel` is a conduit of steel, which some rows are about alone.
    """
    rows = party.limits.rows("cover_depth") if in_steel else ()
    of_steel = [limit for row in rows if (limit := _of_steel(row, party))]
    if of_steel:
        return max(of_steel, key=strictness)
    ways = [party] if party.burial else [replace(party, burial=way) for way in ("direct", "conduit")]
    found = [limit for way in ways if (limit := cover_limit(way, False)) is not None]
    return min(found, key=lambda limit: limit.min_m, default=None)


def _of_steel(row: Row, party: Party) -> Limit | None:
    return cover_applied(row | {"condition": ""}, party, False) if row["condition"] == "steel conduit" else None
