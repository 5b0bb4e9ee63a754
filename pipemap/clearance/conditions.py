"""Who the limits are about, and when a condition of the tables holds for him."""

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from pipemap.clearance.tables import STANDARD, LimitTables
from schemas.codetables import code_table

# True and False are certain; None means that an attribute which would decide is not known.
Certainty: TypeAlias = bool | None

# Conditions about a place or an owner that no attribute tells.
LEFT_OUT = frozenset({"direct, other owner", "steel conduit", "courtyard, green strip", "paddy field"})

_TIERS_MPA = (0.01, 0.2, 0.4, 0.8, 1.6)
_TIER_CONDITIONS = (
    "low P<0.01MPa",
    "medium B 0.01-0.2MPa",
    "medium A 0.2-0.4MPa",
    "sub-high B 0.4-0.8MPa",
    "sub-high A 0.8-1.6MPa",
)


@dataclass(frozen=True)
class Party:
    """What the rules ask about one side; None is not known. `burial` is direct, conduit or trench.

    `limits` are the tables that hold where it lies.
    """

    clearance_class: str
    burial: str | None = None
    pressure_code: str | None = None
    pressure_mpa: float | None = None
    width_mm: float | None = None
    voltage_kv: float | None = None
    limits: LimitTables = STANDARD


def condition_holds(condition: str, party: Party) -> Certainty:
    """Whether a condition of the tables holds for a party; KeyError for one that is in no table of conditions."""
    reader = _reader(condition)
    if reader is None:
        raise KeyError(condition)
    return reader[1](party)


def unknown_attributes(condition: str, party: Party) -> tuple[str, ...]:
    """The attribute a condition asks for, when the party does not have it; the class comes first."""
    asked = attribute_of(condition)
    return (f"{party.clearance_class}.{asked}",) if asked else ()


def attribute_of(condition: str) -> str:
    """The attribute a condition asks for; empty when it asks for none."""
    reader = _reader(condition)
    return reader[0] if reader else ""


def is_readable(condition: str) -> bool:
    """Whether a condition of the tables is understood."""
    return condition in LEFT_OUT or _reader(condition) is not None


def known_conditions() -> tuple[str, ...]:
    """Every condition that a table may name, sizes and voltages by example."""
    written = [condition for condition in (*_READERS, *sorted(LEFT_OUT)) if condition]
    return (*written, "d<=200mm", "d>200mm", "DN<=300mm", "<=10kV", ">110kV")


_Reader = tuple[str, Callable[[Party], Certainty]]


def _always(_: Party) -> Certainty:
    return True


def _buried(*ways: str) -> _Reader:
    return "burial_code", lambda party: None if party.burial is None else party.burial in ways


def _width(test: Callable[[float], bool]) -> _Reader:
    return "width_mm", lambda party: None if party.width_mm is None else test(party.width_mm)


def _voltage(test: Callable[[float], bool]) -> _Reader:
    return "voltage_kv", lambda party: None if party.voltage_kv is None else test(party.voltage_kv)


def _tier(number: int) -> _Reader:
    def holds(party: Party) -> Certainty:
        low, high = _tier_range(party)
        if high > len(_TIERS_MPA) - 1:
            # Above 1.6 MPa the standard sends to GB 50028; its highest tier is the least that can apply.
            return None if number == len(_TIERS_MPA) - 1 else False
        return None if low <= number <= high and low < high else low <= number <= high

    return "pressure_mpa", holds


def _tier_range(party: Party) -> tuple[int, int]:
    """Lowest and highest tier a gas pipe may be of; one past the last for more than the tables know."""
    if party.pressure_mpa is not None:
        tier = _tier_of(party.pressure_mpa)
        return tier, tier
    if party.pressure_code is None:
        return 0, len(_TIERS_MPA) - 1
    code = code_table("pressure")[party.pressure_code].fields
    low, high = float(code["min_mpa"]), float(code["max_mpa"])
    return _tier_of(low + 1e-9), _tier_of(high - 1e-9)


def _tier_of(pressure_mpa: float) -> int:
    """Low pressure is below 0.01 MPa; every higher tier includes its upper limit."""
    return 0 if pressure_mpa < _TIERS_MPA[0] else 1 + sum(pressure_mpa > limit for limit in _TIERS_MPA[1:])


_DIRECT = _buried("direct")
_CONDUIT = _buried("conduit", "trench")
_TRENCH = _buried("trench")
_READERS: dict[str, _Reader] = {
    **{condition: _tier(number) for number, condition in enumerate(_TIER_CONDITIONS)},
    "": ("", _always),
    "direct": _DIRECT,
    "conduit": _CONDUIT,
    "in conduit": _CONDUIT,
    "duct block": _CONDUIT,
    "trench": _TRENCH,
    "trench outer wall": _TRENCH,
    "trench/duct": _CONDUIT,
    "direct and plastic/concrete conduit": ("", _always),
    "trench or pipe": ("", _always),
    # Where on the other party one measures to; that is how its geometry is drawn.
    "bottom or top": ("", _always),
    "foundation": ("", _always),
    "to tree centre": ("", _always),
    "trunk": ("", _always),
}
_WIDTH_LIMIT = re.compile(r"^(?:d|DN)(<=|>=|<|>)(\d+(?:\.\d+)?)mm$", re.ASCII)
_VOLTAGE_LIMIT = re.compile(r"^(<=|>=|<|>)(\d+(?:\.\d+)?)kV$", re.ASCII)
_COMPARED = {"<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt}


def _reader(condition: str) -> _Reader | None:
    if condition in _READERS:
        return _READERS[condition]
    for pattern, asked in ((_WIDTH_LIMIT, _width), (_VOLTAGE_LIMIT, _voltage)):
        if match := pattern.match(condition):
            return asked(_bounded_by(match[1], float(match[2])))
    return None


def _bounded_by(sign: str, bound: float) -> Callable[[float], bool]:
    compared = _COMPARED[sign]
    return lambda value: bool(compared(value, bound))
