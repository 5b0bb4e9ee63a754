"""Which of two pipes should give way, by the order of GB 50289-2016 3.0.4.

Pressure gives way to gravity, what bends to what does not, small to large; branch to trunk and temporary to
permanent are not told by any attribute. What is only drawn gives way to what is in the ground.
"""

from pipemap.clearance.site import DRAWN_ID, Segment
from schemas.clearance import Side
from schemas.codetables import codes_where

_STIFF_BURIALS = frozenset({"duct_block", "trench", "passage", "tunnel", "civil_defence"})
_GRAVITY, _CABLES = codes_where("utility_class", "flow", "gravity"), codes_where("utility_class", "flow", "cable")
_BENDING_MATERIALS = frozenset({"pe", "plastic", "copper", "acsr", "fibre"})


def side_giving_way_of(one: Segment, other: Segment) -> tuple[Side, str] | None:
    """The side that should give way and the reason: drawn, pressure, flexible or small; None where they are equal."""
    for reason, rank in (("drawn", _is_drawn), ("pressure", _has_pressure), ("flexible", _bends), ("small", _is_small)):
        here, there = rank(one), rank(other)
        if here is not None and there is not None and here != there:
            return (Side.SEGMENT if here > there else Side.OTHER), reason
    return None


def _is_drawn(segment: Segment) -> float:
    return float(segment.feature_id == DRAWN_ID or segment.row.get("lifecycle_code") == "planned")


def _has_pressure(segment: Segment) -> float:
    return float(segment.row["class_code"] not in _GRAVITY)


def _bends(segment: Segment) -> float:
    if segment.row.get("burial_code") in _STIFF_BURIALS:
        return 0.0
    is_cable = segment.row["class_code"] in _CABLES
    return float(is_cable or segment.row.get("material_code") in _BENDING_MATERIALS)


def _is_small(segment: Segment) -> float | None:
    half_width_m, half_height_m = segment.own_half_m
    area_m2 = half_width_m * half_height_m
    return None if area_m2 != area_m2 else -round(area_m2, 6)
