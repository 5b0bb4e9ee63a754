"""What segments and structures are to the clearance rules."""

from typing import Any

from pipemap.clearance.conditions import Party
from pipemap.clearance.tables import STANDARD, LimitTables
from schemas.codetables import code_table

_TRENCHES = frozenset({"trench", "passage", "tunnel", "civil_defence"})


def party_of(row: dict[str, Any], limits: LimitTables = STANDARD) -> Party:
    """The party a segment is to the rules; attributes its class is never asked for are left out."""
    clearance_class = clearance_class_of(row["class_code"])
    is_gas = clearance_class == "gas"
    return Party(
        clearance_class,
        burial=_burial(row["burial_code"]),
        pressure_code=row["pressure_code"] if is_gas else None,
        pressure_mpa=row["pressure_mpa"] if is_gas else None,
        width_mm=row["width_mm"],
        voltage_kv=row["voltage_kv"] if clearance_class == "power" else None,
        limits=limits,
    )


def structure_party(kind_code: str, limits: LimitTables = STANDARD) -> Party | None:
    """The party a kind of structure is to the rules; None when they know nothing of it."""
    known = code_table("structure_kind").get(kind_code)
    clearance_class = known.fields["clearance_class"] if known else ""
    return Party(clearance_class, limits=limits) if clearance_class else None


def clearance_class_of(class_code: str) -> str:
    """What the limits call a utility class."""
    known = code_table("utility_class").get(class_code)
    return known.fields["clearance_class"] if known else class_code


def _burial(code: str | None) -> str | None:
    if code is None:
        return None
    if code in _TRENCHES:
        return "trench"
    known = code_table("burial").get(code)
    return (known.fields["clearance_condition"] if known else "") or code
