"""The first values of a column, by which it is told what the column holds."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from importers.normalising.cells import Cells, Floats, cells, numbers
from importers.normalising.measures import parse_measure
from importers.normalising.numerals import number_written
from importers.normalising.pipe_materials import beside_sizes
from importers.normalising.units import factor, unit_of
from importers.profiles import Profile

# Values looked at per column; the rest of a column is like its beginning.
_LOOK_AT = 2_000
_ANGLE_MARK = re.compile("[°º度:]")
_DECIMAL = re.compile(r"-?\d+\.\d+")


@dataclass(frozen=True)
class Sample:
    """The first values of one column, seen through a profile's null markers.

    `cells` and `numbers` are of filled rows, `filled` is their share of all; `head` and `head_words` are of the
    table's first rows, filled or not, so that columns can be held against each other.
    """

    cells: Cells
    filled: float
    numbers: Floats
    head: Floats
    head_words: list[str | None]
    profile: Profile

    @classmethod
    def of(cls, column: "pd.Series[Any]", profile: Profile, look_at: int = _LOOK_AT) -> "Sample":
        """The sample of a column of a record table."""
        nulls = frozenset(word.casefold() for word in ("", *profile.nulls))
        is_filled = column.notna() & column.ne("")
        filled, head = column[is_filled].head(look_at), column.head(_LOOK_AT)
        values, first = (_numbers(part, nulls) for part in (filled, head))
        share = float(is_filled.mean()) if len(column) else 0.0
        return cls(cells(filled, nulls), share, values, first, list(cells(head, nulls).texts()), profile)

    def in_unit_of(self, attribute: str, column: str) -> "Sample":
        """The sample with its numbers in the unit of an attribute, where the name of the column states another."""
        stated = unit_of(column)
        times = factor(attribute, stated) if stated is not None else None
        if times is None or times == 1.0:
            return self
        return replace(self, numbers=self.numbers * times, head=self.head * times)

    @cached_property
    def words(self) -> list[str]:
        """The distinct known texts, in order of appearance."""
        return [word for word in self.cells.words if word is not None]

    @cached_property
    def materials(self) -> dict[str, str]:
        """The profile's words for materials that may stand beside a size, and their codes."""
        return beside_sizes(self.profile.code_words("material"))

    @cached_property
    def n_known(self) -> int:
        """How many of the values are known."""
        return int(self.cells.where(bool).sum())

    def share(self, is_so: Callable[[str], bool]) -> float:
        """The share of known values that are so."""
        return float(self.cells.where(is_so).sum()) / self.n_known if self.n_known else 0.0

    @cached_property
    def known_numbers(self) -> Floats:
        """The values that are numbers."""
        return self.numbers[np.isfinite(self.numbers)]

    @cached_property
    def number_share(self) -> float:
        """The share of known values that are numbers."""
        return len(self.known_numbers) / self.n_known if self.n_known else 0.0

    @cached_property
    def is_blank(self) -> bool:
        """Whether every value is the same zero, as software fills columns that nobody used."""
        return self.number_share == 1.0 and not self.known_numbers.any()

    @cached_property
    def distinct_share(self) -> float:
        """Distinct values by known ones: 1 where no value repeats."""
        return len(self.words) / self.n_known if self.n_known else 0.0

    @cached_property
    def decimal_share(self) -> float:
        """The share of known values written with a fraction, or as degrees, minutes and seconds."""
        return self.share(
            lambda word: _DECIMAL.fullmatch(number_written(word) if _ANGLE_MARK.search(word) else word) is not None
        )


def _numbers(column: "pd.Series[Any]", nulls: frozenset[str]) -> Floats:
    """Numbers, also those with metres or the datum of a height beside them."""
    values, bad = numbers(column, nulls, zero_is_unknown=False)
    if not bad.any():
        return values
    values = values.copy()
    values[bad] = cells(column[bad], nulls).each(_height).astype(np.float64)
    return values


def _height(word: str) -> float | None:
    found = parse_measure(word)
    return found.value if found is not None and (found.datum or found.unit in ("m", "米")) else None
