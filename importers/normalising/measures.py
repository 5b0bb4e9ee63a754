"""Numbers that say more than a number: 2.05m, 1,20 m, 管底12.35, 11.20(管顶), 约1.5."""

import re
from dataclasses import dataclass

import numpy as np

from importers.normalising.cells import are_nines, is_fill_number
from importers.normalising.units import factor

_DATUMS = {
    "crown": ("管外顶", "外顶", "管顶", "顶", "crown", "obvert"),
    "invert": ("管内底", "内底", "管底", "沟底", "底", "invert", "inv"),
    "axis": ("管中心", "管中", "中心", "axis"),
}
_DATUM_OF = {word: datum for datum, words in _DATUMS.items() for word in words}
_DATUM = "|".join(sorted(_DATUM_OF, key=len, reverse=True))
_UNIT = "mm|cm|dm|m|ft|feet|米|厘米|毫米|kv|v"
# With a unit behind it a comma can be of decimals only.
_NUMBER = rf"[-+]?\d+(?:[.。]\d+)?|[-+]?\d+,\d+(?=\s*(?:{_UNIT}))"
_REMARK = r"\?|\(?(?:实测|实量|探测|估计?|推测|约|approx\.?|est\.?)\)?"
_MEASURE = re.compile(
    rf"(?:(?:约|大约|≈|~|h)\s*=?\s*)?(?:({_DATUM})\s*(?:高程|标高|埋深)?\s*[:=]?\s*)?({_NUMBER})\s*"
    rf"({_UNIT})?\s*(?:{_REMARK})?\s*(?:\(?\s*({_DATUM})\s*\)?)?",
    re.IGNORECASE,
)
_TWO_NUMBERS = re.compile(r"(-?\d+(?:\.\d+)?)(?:\s*[/~～—–-]+\s*(-?\d+(?:\.\d+)?))?")


_COUNT = re.compile(r"(\d+)\s*(?:孔|根|条|个|只|holes?|ducts?|cables?)", re.IGNORECASE)


@dataclass(frozen=True)
class Measure:
    """A number with the unit that stands behind it and the datum (crown, invert, axis) that it says it refers to."""

    value: float
    unit: str | None = None
    datum: str | None = None

    def in_unit_of(self, attribute: str) -> float | None:
        """The number in the attribute's own unit; None where its unit can be none of the attribute's."""
        times = 1.0 if self.unit is None else factor(attribute, self.unit)
        return None if times is None else self.value * times


def parse_measure(word: str) -> Measure | None:
    """The number in a text that holds one and nothing that is not understood, None otherwise."""
    match = _MEASURE.fullmatch(word.strip())
    if match is None:
        return None
    before, number, unit, after = match.groups()
    said = {_DATUM_OF[text.casefold()] for text in (before, after) if text}
    number = number.replace(",", ".").replace("。", ".")
    return None if len(said) > 1 else Measure(float(number), unit and unit.casefold(), said.pop() if said else None)


def number_in(word: str, attribute: str) -> float | None:
    """The number, in the attribute's own unit where a unit stands behind it, else as it stands; None for no number."""
    if attribute.endswith("_count"):
        counted = _COUNT.fullmatch(word.strip())
        return float(counted[1]) if counted else None
    found = parse_measure(word)
    return None if found is None else found.in_unit_of(attribute)


def datum_beside(word: str) -> str | None:
    """The datum that a text says its number refers to, None where it says none."""
    found = parse_measure(word)
    return None if found is None else found.datum


def two_numbers(word: str, per_unit: float = 1.0) -> tuple[float, float] | None:
    """The numbers of `0.85/0.92`, the second NaN where there is one alone; None where it is neither.

    `per_unit` brings depths into metres: 99 is unknown in metres, and none in centimetres.
    """
    match = _TWO_NUMBERS.fullmatch(word)
    if not match:
        return None
    both = np.array([float(match[1]), float(match[2]) if match[2] else np.nan])
    first, second = np.where(is_fill_number(both) | are_nines(both, both * per_unit), np.nan, both)
    return float(first), float(second)
