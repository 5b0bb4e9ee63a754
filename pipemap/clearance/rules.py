"""The limits of the standards as data: which clearance applies between two parties, and how sure it is.

The tables are `schemas/limits/clearance_*.csv` and `cover_depth.csv`. Rows of superseded editions are read but off.
A row applies to a pair in either order. Of all rows that apply or may apply, the largest limit wins.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha256
from typing import Literal

from schemas.codetables import code_table, limits

Direction = Literal["horizontal", "vertical"]
# True and False are certain; None means that an attribute which would decide is not known.
Certainty = bool | None

SUPERSEDED = frozenset({"GB 50289-98 (edition inferred)", "GB 50217-2007", "CJJ 61-2003"})

# Names the tables use for what the model calls otherwise, with the condition the name implies.
CLASS_NAMES: dict[str, tuple[tuple[str, str], ...]] = {
    "building foundation": (("building", ""),),
    "building outer wall": (("building", ""),),
    "street tree": (("tree", ""),),
    "tree or shrub": (("tree", ""),),
    "pole (telecom, lighting)": (("pole_lt10kv", ""),),
    "oil or combustible gas": (("gas", ""),),
    "heat pipe or heat trench": (("heat", ""),),
    "heat trench or pipe": (("heat", ""),),
    "water, sewer or other gas": (("water", ""), ("sewer", ""), ("gas", "")),
    "cable": (("power", ""), ("telecom", "")),
    "telecom direct": (("telecom", "direct"),),
    "telecom duct block": (("telecom", "conduit"),),
}
MODEL_CLASSES = frozenset(
    {"water", "reclaimed", "sewer", "gas", "heat", "power", "telecom", "duct", "building", "tree", "pole_lt10kv"}
)
# Classes of the tables that are structures of the map.
NOT_UTILITIES = frozenset({"building", "tree", "pole_lt10kv"})
# What the map does not hold as features of their own, so that the row can never apply.
NOT_ON_THE_MAP = frozenset(
    {
        "buried heat, gas above", "buried heat, gas below", "compressed air", "control cable", "culvert",
        "culvert bottom", "curb", "drainage ditch", "heat trench, gas above", "heat trench, gas below", "oil pipe",
        "open channel", "open channel bottom", "other pipe", "overhead pipe rack", "oxygen or acetylene",
        "pole or tower", "power, other owner", "railway", "railway rail", "railway rail bottom", "road edge", "shrub",
        "tower", "tower_gt35kv", "tower_le35kv", "tram rail bottom", "tram_rail",
        # Rows of the cover table for classes of older editions.
        "combined sewer", "foul sewer", "industrial", "power (street light)", "signal/telecom", "storm sewer",
    }
)  # fmt: skip
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
_CONFIDENCE_ORDER = ("memory_only", "conflict", "memory_corroborated", "verified_1", "verified_2plus")


@dataclass(frozen=True)
class Party:
    """What the rules ask about one side; None is not known. `burial` is direct, conduit or trench."""

    clearance_class: str
    burial: str | None = None
    pressure_code: str | None = None
    pressure_mpa: float | None = None
    width_mm: float | None = None
    voltage_kv: float | None = None


@dataclass(frozen=True)
class Limit:
    """The strictest limit of a pair. `assumed` names the unknown attributes it hangs on."""

    min_m: float
    rule_id: str
    standard: str
    clause: str
    confidence: str
    assumed: tuple[str, ...] = ()

    def assuming(self, attribute: str) -> "Limit":
        """The same limit, hanging on one more attribute that is not known."""
        return replace(self, assumed=(*self.assumed, attribute))

    @property
    def to_be_confirmed(self) -> bool:
        """Whether the number, or that it applies, is less than certain."""
        return bool(self.assumed) or not self.confidence.startswith("verified")


@dataclass(frozen=True)
class _Side:
    clearance_class: str
    condition: str
    implied: str


@dataclass(frozen=True)
class _Row:
    sides: tuple[tuple[_Side, _Side], ...]
    limit: Limit


@cache
def strictest(direction: Direction, one: Party, other: Party) -> Limit | None:
    """The largest limit that applies or may apply between two parties, the same in either order; None: no rule."""
    found = [limit for row in _rows(direction) if (limit := _applied(row, one, other)) is not None]
    return max(found, key=_strictness, default=None)


@cache
def tables_digest() -> str:
    """A number for the limits as they stand: what was judged by others must be judged anew."""
    names = ("clearance_horizontal", "clearance_vertical", "cover_depth")
    return sha256(repr([limits(name) for name in names]).encode()).hexdigest()[:16]


@cache
def alike(party: Party) -> Party:
    """The first party asked about that no rule tells from this one, so that a city has some dozens of parties."""
    told = tuple(condition_holds(condition, party) for condition in _conditions(party.clearance_class))
    return _first_of((party.clearance_class, told), party)


def _first_of(key: tuple[str, tuple[Certainty, ...]], party: Party) -> Party:
    return _FIRST.setdefault(key, party)


_FIRST: dict[tuple[str, tuple[Certainty, ...]], Party] = {}


@cache
def _conditions(clearance_class: str) -> tuple[str, ...]:
    """Every condition that some rule asks of a class."""
    directions: tuple[Direction, ...] = ("horizontal", "vertical")
    sides = (side for direction in directions for row in _rows(direction) for pair in row.sides for side in pair)
    asked = {
        text for side in sides if side.clearance_class == clearance_class for text in (side.condition, side.implied)
    }
    return tuple(sorted(asked))


@cache
def widest(direction: Direction, clearance_class: str) -> float:
    """The largest limit any pair with this class can have: how far to look for neighbours."""
    rows = _rows(direction)
    return max(
        (row.limit.min_m for row in rows for pair in row.sides if clearance_class in {s.clearance_class for s in pair}),
        default=0.0,
    )


@cache
def widest_of_all(utilities_only: bool = False) -> float:
    """The largest horizontal limit of any pair, or of two utilities alone, in metres."""
    others = NOT_UTILITIES if utilities_only else frozenset()
    return max(
        (
            row.limit.min_m
            for row in _rows("horizontal")
            if any(not others & {side.clearance_class for side in pair} for pair in row.sides)
        ),
        default=0.0,
    )


@cache
def cover_limit(party: Party, under_carriageway: bool) -> Limit | None:
    """The largest cover asked for that applies or may apply, under a carriageway or under a path or verge."""
    column = "min_cover_motor_m" if under_carriageway else "min_cover_non_motor_m"
    found = []
    for row in limits("cover_depth"):
        applies = row["class"] == party.clearance_class and row["standard"] not in SUPERSEDED and row[column] != ""
        certainty = applies and row["condition"] not in LEFT_OUT and condition_holds(row["condition"], party)
        if certainty is not False:
            assumed = () if certainty else unknown_attributes(row["condition"], party)
            # What follows in brackets is a remark on where the number was found.
            clause = row["clause"].split(" (")[0]
            found.append(Limit(float(row[column]), row["rule_id"], row["standard"], clause, row["confidence"], assumed))
    return max(found, key=_strictness, default=None)


def condition_holds(condition: str, party: Party) -> Certainty:
    """Whether a condition of the tables holds for a party; KeyError for one that is in no table of conditions."""
    reader = _reader(condition)
    if reader is None:
        raise KeyError(condition)
    return reader[1](party)


def unknown_attributes(condition: str, party: Party) -> tuple[str, ...]:
    """The attribute a condition asks for, when the party does not have it; the class comes first."""
    reader = _reader(condition)
    return (f"{party.clearance_class}.{reader[0]}",) if reader and reader[0] else ()


def is_readable(condition: str) -> bool:
    """Whether a condition of the tables is understood."""
    return condition in LEFT_OUT or _reader(condition) is not None


@cache
def _rows(direction: Direction) -> tuple[_Row, ...]:
    in_force = (row for row in limits(f"clearance_{direction}") if row["standard"] not in SUPERSEDED)
    return tuple(row for row in map(_row, in_force) if row.sides)


def _row(row: dict[str, str]) -> _Row:
    limit = Limit(float(row["min_clear_m"]), row["rule_id"], row["standard"], row["clause"], row["confidence"])
    if LEFT_OUT & {row["a_condition"], row["b_condition"]}:
        return _Row((), limit)
    pairs = tuple(
        (_Side(a_class, row["a_condition"], a_implied), _Side(b_class, row["b_condition"], b_implied))
        for a_class, a_implied in _classes(row["a_class"])
        for b_class, b_implied in _classes(row["b_class"])
    )
    return _Row(pairs, limit)


def _classes(name: str) -> Iterable[tuple[str, str]]:
    if name in MODEL_CLASSES:
        return ((name, ""),)
    return () if name in NOT_ON_THE_MAP else CLASS_NAMES[name]


def _applied(row: _Row, one: Party, other: Party) -> Limit | None:
    best: Limit | None = None
    for left, right in row.sides:
        for first, second in ((one, other), (other, one)):
            certainties = [_side_holds(left, first), _side_holds(right, second)]
            if False in certainties:
                continue
            if None not in certainties:
                return row.limit
            assumed = (*_side_unknown(left, first), *_side_unknown(right, second))
            best = replace(row.limit, assumed=tuple(sorted(set(assumed))))
    return best


def _side_holds(side: _Side, party: Party) -> Certainty:
    if side.clearance_class != party.clearance_class:
        return False
    certainties = {condition_holds(condition, party) for condition in (side.condition, side.implied)}
    return False if False in certainties else None if None in certainties else True


def _side_unknown(side: _Side, party: Party) -> tuple[str, ...]:
    conditions = (side.condition, side.implied)
    return tuple(
        name for text in conditions if condition_holds(text, party) is None for name in unknown_attributes(text, party)
    )


def _strictness(limit: Limit) -> tuple[float, bool, int]:
    return limit.min_m, not limit.assumed, _CONFIDENCE_ORDER.index(limit.confidence)


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
    "<35kV": _voltage(lambda voltage: voltage < 35),
    ">=35kV": _voltage(lambda voltage: voltage >= 35),
}
_WIDTH_LIMIT = re.compile(r"^(?:d|DN)(<=|>)(\d+)mm$")


def _reader(condition: str) -> _Reader | None:
    if condition in _READERS:
        return _READERS[condition]
    match = _WIDTH_LIMIT.match(condition)
    if match is None:
        return None
    bound = float(match[2])
    return _width((lambda width: width <= bound) if match[1] == "<=" else (lambda width: width > bound))
