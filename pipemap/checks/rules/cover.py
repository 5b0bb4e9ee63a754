"""The rule about cover: how much ground a pipe must have above it, by class and burial."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd

from pipemap.checks.check import Check, Says
from pipemap.checks.registry import rule
from schemas.codetables import code_table, limits
from schemas.findings import Finding, Severity

# Editions that are no longer in force stand in the table for comparison only.
_SUPERSEDED = "GB 50289-98"
# Conditions of the table that the model knows, by how the pipe lies; what it cannot know (a paddy field, a
# courtyard) is not applied.
_CONDITIONS = {
    "": ("direct", "conduit"),
    "direct": ("direct",),
    "conduit": ("conduit",),
    "trench/duct": ("conduit",),
    "direct and plastic/concrete conduit": ("direct", "conduit"),
    "steel conduit": ("steel conduit",),
}


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
    source="schemas/limits/cover_depth.csv, standards in force, least value (outside motor lanes)",
    tolerance_m=0.02,
)
def cover(check: Check) -> list[Finding]:
    """Buried lines with less ground over the crown than the least any lane would allow; one finding per line."""
    scope = check.scope
    ends = scope.ends.assign(cover=scope.ends["ground_m"] - scope.ends["crown_m"])
    # Below zero the pipe sticks out, which is rule R29.
    ends = ends[ends["cover"] >= 0].sort_values("cover").drop_duplicates("segment").sort_values("segment")
    required = _required(scope.segments).iloc[ends["segment"]]
    limit = np.array([found.min_cover_m if found else np.nan for found in required], dtype=np.float64)
    thin = (ends["cover"] < limit - check["tolerance_m"]).to_numpy()
    confirmed = np.array([found is not None and not found.to_be_confirmed for found in required], dtype=bool)
    # A number nobody has read in the standard never blocks; one that was read may, if a city wishes so.
    return [
        finding
        for which, at_most in ((confirmed, None), (~confirmed, Severity.WARNING))
        for finding in _thin_findings(check, ends[thin & which], required[thin & which].tolist(), at_most)
    ]


def _thin_findings(
    check: Check, ends: pd.DataFrame, found: list[CoverLimit], at_most: Severity | None
) -> list[Finding]:
    says = Says(
        en="{class_en} line {key} has {cover:.2f} m of cover at {end}; {standard} {clause} asks "
        "for {least:g} m{tbc_en}",
        zh="{class_zh}管线 {key} 在 {end} 处覆土 {cover:.2f} m，{standard} {clause} 要求不小于 {least:g} m{tbc_zh}",
        value="{cover:.2f} m",
        limit="{least:g} m ({standard})",
    )
    return check.report(
        "pipe_segment",
        ends["segment"].to_numpy(),
        says,
        at_most=at_most,
        place=ends[["x", "y"]].to_numpy(),
        details=[{"to_be_confirmed": each.to_be_confirmed, "confidence": each.confidence} for each in found],
        cover=ends["cover"],
        end=check.scope.node_keys[ends["node"]],
        standard=[each.standard for each in found],
        clause=[each.clause.split(" (")[0] for each in found],
        least=[each.min_cover_m for each in found],
        tbc_en=[" (limit to be confirmed)" if each.to_be_confirmed else "" for each in found],
        tbc_zh=["（限值待核实）" if each.to_be_confirmed else "" for each in found],
    )


def _required(segments: pd.DataFrame) -> pd.Series:
    """The limit of each segment, None where none applies."""
    ways = {code: found.fields["clearance_condition"] for code, found in code_table("burial").items()}
    burial = segments["burial_code"].map(ways).fillna("?")
    lying = burial.where(~(burial.eq("conduit") & segments["material_code"].eq("steel")), "steel conduit")
    return pd.Series(
        [cover_limit(class_code, how) for class_code, how in zip(segments["class_code"], lying, strict=True)],
        index=segments.index,
        dtype=object,
    )


@cache
def cover_limit(class_code: str, lying: str) -> CoverLimit | None:
    """The strictest limit in force for a class and a way of lying.

    `lying` is direct, conduit, steel conduit, `?` when nobody knows (then the least demanding way
    counts), or empty for what is not in the ground.
    """
    if lying == "?":
        either = [limit for how in ("direct", "conduit") if (limit := cover_limit(class_code, how))]
        return min(either, key=lambda limit: limit.min_cover_m, default=None)
    classes = code_table("utility_class")
    standard_class = classes[class_code].fields["clearance_class"] if class_code in classes else ""
    found = [_limit(row) for row in limits("cover_depth") if row["class"] == standard_class and _applies(row, lying)]
    # Of equal numbers the one that was read comes first.
    return max(found, key=lambda each: (each.min_cover_m, not each.to_be_confirmed), default=None)


def _applies(row: dict[str, str], lying: str) -> bool:
    if row["standard"].startswith(_SUPERSEDED) or not row["min_cover_non_motor_m"]:
        return False
    ways = _CONDITIONS.get(row["condition"], ())
    if lying == "steel conduit" and "steel conduit" not in ways:
        return "conduit" in ways and row["class"] != "telecom"
    return lying in ways


def _limit(row: dict[str, str]) -> CoverLimit:
    return CoverLimit(float(row["min_cover_non_motor_m"]), row["standard"], row["clause"], row["confidence"])
