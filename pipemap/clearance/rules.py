"""The limits of the standards as data: which clearance applies between two parties, and how sure it is.

The rows in force, the standards' and the city's own, come from `tables`, whether a condition holds from `conditions`.
A row applies to a pair in either order. Of all rows that apply or may apply, the largest limit wins.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import Literal

from pipemap.clearance.conditions import (
    LEFT_OUT,
    Certainty,
    Party,
    condition_holds,
    unknown_attributes,
)
from pipemap.clearance.tables import STANDARD, LimitTables, Row, TableName

__all__ = ["Limit", "Party"]

Direction = Literal["horizontal", "vertical"]

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
_TABLES_AT_ONCE = 32
CONFIDENCES = ("memory_only", "conflict", "memory_corroborated", "verified_1", "verified_2plus")


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
    found = [limit for row in _rows(one.limits, direction) if (limit := _applied(row, one, other)) is not None]
    return max(found, key=strictness, default=None)


@cache
def alike(party: Party) -> Party:
    """The first party asked about that no rule tells from this one, so that a city has some dozens of parties."""
    told = tuple(condition_holds(condition, party) for condition in _conditions(party.limits, party.clearance_class))
    return _FIRST.setdefault((party.limits, party.clearance_class, told), party)


_FIRST: dict[tuple[LimitTables, str, tuple[Certainty, ...]], Party] = {}


@cache
def _conditions(tables: LimitTables, clearance_class: str) -> tuple[str, ...]:
    """Every condition that some rule asks of a class."""
    directions: tuple[Direction, ...] = ("horizontal", "vertical")
    sides = (
        side for direction in directions for row in _rows(tables, direction) for pair in row.sides for side in pair
    )
    asked = {
        text for side in sides if side.clearance_class == clearance_class for text in (side.condition, side.implied)
    }
    return tuple(sorted(asked))


@cache
def widest(direction: Direction, party: Party) -> float:
    """The largest limit any pair with this class can have: how far to look for neighbours."""
    return max(
        (
            row.limit.min_m
            for row in _rows(party.limits, direction)
            for pair in row.sides
            if party.clearance_class in {side.clearance_class for side in pair}
        ),
        default=0.0,
    )


@cache
def widest_of_all(tables: LimitTables = STANDARD, utilities_only: bool = False) -> float:
    """The largest horizontal limit of any pair, or of two utilities alone, in metres."""
    others = NOT_UTILITIES if utilities_only else frozenset()
    return max(
        (
            row.limit.min_m
            for row in _rows(tables, "horizontal")
            if any(not others & {side.clearance_class for side in pair} for pair in row.sides)
        ),
        default=0.0,
    )


@cache
def cover_limit(party: Party, under_carriageway: bool) -> Limit | None:
    """The largest cover asked for that applies or may apply, under a carriageway or under a path or verge."""
    rows = party.limits.rows("cover_depth")
    found = [limit for row in rows if (limit := cover_applied(row, party, under_carriageway)) is not None]
    return max(found, key=strictness, default=None)


def cover_applied(row: Row, party: Party, under_carriageway: bool) -> Limit | None:
    """The cover that one row asks of a party; None when it does not apply."""
    cover_m = row["min_cover_motor_m" if under_carriageway else "min_cover_non_motor_m"]
    applies = row["class"] == party.clearance_class and cover_m != ""
    certainty = applies and row["condition"] not in LEFT_OUT and condition_holds(row["condition"], party)
    if certainty is False:
        return None
    assumed = () if certainty else unknown_attributes(row["condition"], party)
    # What follows in brackets is a remark on where the number was found.
    clause = row["clause"].split(" (")[0]
    return Limit(float(cover_m), row["rule_id"], row["standard"], clause, row["confidence"], assumed)


def clearance_applied(row: Row, one: Party, other: Party) -> Limit | None:
    """The clearance that one row asks of two parties; None when it does not apply."""
    return _applied(_row(row), one, other)


def concerns(row: Row, one: Party, other: Party) -> bool:
    """Whether a row of clearances is about the classes of two parties, whatever its conditions."""
    left, right = ({name for name, _ in _classes(row[column])} for column in ("a_class", "b_class"))
    asked = one.clearance_class, other.clearance_class
    return (asked[0] in left and asked[1] in right) or (asked[1] in left and asked[0] in right)


@lru_cache(_TABLES_AT_ONCE)
def _rows(tables: LimitTables, direction: Direction) -> tuple[_Row, ...]:
    name: TableName = "clearance_horizontal" if direction == "horizontal" else "clearance_vertical"
    return tuple(row for row in map(_row, tables.rows(name)) if row.sides)


def _row(row: Row) -> _Row:
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
    return CLASS_NAMES.get(name, ())


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


def strictness(limit: Limit) -> tuple[float, bool, int]:
    return limit.min_m, not limit.assumed, CONFIDENCES.index(limit.confidence)
