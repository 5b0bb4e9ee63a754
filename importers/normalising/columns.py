"""A part of a table seen through a profile: attributes as texts, numbers, codes and dates, faults reported."""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from importers.base import DERIVED, RecordTable
from importers.normalising.accents import in_latin
from importers.normalising.cells import (
    Cells,
    Floats,
    Mask,
    Objects,
    cells,
    coalesced,
    code_in,
    codes,
    floats,
    is_fill_depth,
    is_unknown,
    numbers,
)
from importers.normalising.dates import date_parser, is_persian
from importers.normalising.extra import objects
from importers.normalising.ledger import Ledger
from importers.normalising.measures import number_in, parse_measure, two_numbers
from importers.normalising.words import UnknownWords
from importers.profiles import OF_PIPES, Profile
from schemas.findings import Severity

_ELEMENT_CODE_DIGITS = 8
# Tables whose words are names of things, with more in front of or behind them; not in use is none of these.
_READ_BY_PARTS = frozenset({"material", "burial"})

_KINDS = {
    "node": "node",
    "combined": "node",
    "segment": "pipe_segment",
    "consumer": "consumer",
    "structure": "structure",
}


class Columns:
    """The columns of one table by attribute; a missing column is wholly unknown.

    Cells that cannot be understood become unknown with a finding, and their text goes to `extra`.
    """

    def __init__(
        self, ledger: Ledger, number: int, role: str, profile: Profile, table: RecordTable, words: UnknownWords
    ) -> None:
        self.ledger, self.number, self.role, self.profile = ledger, number, role, profile
        self.table, self.words = table, words
        self.first_place = ledger.add_rows(number, table)
        self.rows = table.rows.drop(columns=DERIVED, errors="ignore")
        self.mapping = profile.mapping(role, [str(name) for name in self.rows.columns])
        self._kept: dict[str, Mask] = {}
        self._cells: dict[str, Cells] = {}
        self._numbers: dict[str, Floats] = {}
        self._told: set[tuple[str, str]] = set()

    @cached_property
    def nulls(self) -> frozenset[str]:
        """Words that stand for unknown, case-folded."""
        return frozenset(word.casefold() for word in ("", *self.profile.nulls))

    def __contains__(self, attribute: str) -> bool:
        return attribute in self.mapping

    def cells(self, attribute: str) -> Cells:
        """The attribute's column by its distinct values."""
        if attribute not in self.mapping:
            return Cells(np.zeros(len(self.rows), dtype=np.int64), [None])
        if attribute not in self._cells:
            column = self.rows[self.mapping[attribute]]
            self._cells[attribute] = cells(column, self._nulls_in(attribute, column))
        return self._cells[attribute]

    def _nulls_in(self, attribute: str, column: "pd.Series[Any]") -> frozenset[str]:
        """Words that stand for unknown in a column; beside a plus a minus is a direction of flow."""
        nulls = self.nulls | self.profile.null_words(attribute)
        return nulls - {"-"} if attribute == "flow_direction" and column.eq("+").any() else nulls

    def texts(self, attribute: str) -> Objects:
        """The attribute as text, None where unknown."""
        return self.cells(attribute).texts()

    def numbers(self, attribute: str, severity: Severity = Severity.WARNING) -> Floats:
        """The attribute as numbers, NaN where unknown; letters are reported and unknown."""
        if attribute not in self.mapping:
            return np.full(len(self.rows), np.nan)
        if attribute not in self._numbers:
            self._numbers[attribute] = self._read_numbers(attribute, severity)
        return self._numbers[attribute]

    def _read_numbers(self, attribute: str, severity: Severity) -> Floats:
        column = self.mapping[attribute]
        nulls = self.nulls | self.profile.null_words(attribute)
        values, bad = numbers(self.rows[column], nulls, attribute in self.profile.zero_is_unknown)
        values, bad = self._with_measures(attribute, values, bad)
        if bad.any():
            self.keep(column, bad)
            self.ledger.report(
                self._frame(bad, column),
                severity,
                "IMP-NUMBER",
                "{value} is not a number; taken as unknown.",
                "“{value}”不是数字，按未知处理。",
                kind=_KINDS.get(self.role),
                column=column,
                value="value",
            )
        told = self.profile.in_model(attribute, column, values)
        return np.where(is_fill_depth(values, told), np.nan, told) if attribute.endswith("depth_m") else told

    def _with_measures(self, attribute: str, values: Floats, bad: Mask) -> tuple[Floats, Mask]:
        """The numbers with those that have a unit or a word beside them, 2.05m, and what is none all the same."""
        if not bad.any():
            return values, bad
        told = self.cells(attribute).each(lambda word: self.measure(attribute, word))[bad].astype(np.float64)
        values, left = values.copy(), bad.copy()
        values[bad], left[bad] = told, np.isnan(told)
        return values, left

    def measure(self, attribute: str, word: str) -> float | None:
        """The number in a text with a unit or a word beside it, in the unit of the column; None for none."""
        found = parse_measure(word)
        has_unit = found is not None and found.unit is not None
        value = number_in(word, attribute)
        return value if value is None or not has_unit else value / self.factor(attribute)

    def factor(self, attribute: str) -> float:
        """What numbers in the attribute's column are multiplied with; see `Profile.factor`."""
        return self.profile.factor(attribute, self.mapping.get(attribute, ""))

    def bad_numbers(self, attribute: str) -> Mask:
        """Which cells of the attribute are no number."""
        if attribute not in self.mapping:
            return np.zeros(len(self.rows), dtype=bool)
        bad = numbers(self.rows[self.mapping[attribute]], self.nulls, False)[1]
        return self._with_measures(attribute, np.zeros(len(bad)), bad)[1]

    def codes(self, attribute: str, table: str) -> Objects:
        """The attribute as codes of a code table; words that are in no dictionary are reported and unknown."""
        found, words = self.cells(attribute), self.profile.code_words(table)
        translated, unknown = codes(found, words)
        if table in _READ_BY_PARTS and unknown.any():
            translated = coalesced(translated, self.read_by_parts(attribute, found, unknown, words))
            unknown &= is_unknown(translated)
        self.unknown_words(attribute, found, unknown)
        return translated

    def read_by_parts(self, attribute: str, found: Cells, unknown: Mask, words: Mapping[str, str]) -> Objects:
        """Codes of those words that no dictionary has of which a part says it, which is told."""
        wanted = {word: told[0] for word in set(found.texts()[unknown]) if (told := code_in(word, words))}
        if wanted:
            self.words.add_read(self.mapping[attribute], dict(sorted(wanted.items())))
        return found.each(wanted.get)

    def parsed(
        self, attribute: str, parse: Callable[[str], Any], rule: str, understood: Callable[[Any], bool]
    ) -> Objects:
        """The attribute through `parse`; what is not understood is reported and unknown."""
        found = self.cells(attribute)
        values = found.each(parse)
        self.unknown_words(attribute, found, found.where(lambda word: not understood(parse(word))), rule)
        return values

    def pairs(self, attribute: str) -> tuple[Floats, Floats]:
        """Two numbers written as one, `0.85/0.92`; a single number is the first."""

        def both(word: str) -> tuple[float, float] | None:
            measured = self.measure(attribute, word) if attribute == "depths" else None
            return two_numbers(word, self.factor(attribute)) or (None if measured is None else (measured, np.nan))

        pairs = self.parsed(attribute, both, "IMP-NUMBER", lambda pair: pair is not None)
        first, second = (floats(pair and pair[place] for pair in pairs) * self.factor(attribute) for place in (0, 1))
        if "from_depth_m" in self.profile.zero_is_unknown:
            first, second = (np.where(depths_m == 0, np.nan, depths_m) for depths_m in (first, second))
        return first, second

    def dates(self, attribute: str) -> Objects:
        """The attribute as dates."""
        words = (word for word in self.cells(attribute).words if word is not None)
        parse = date_parser(words, is_persian=is_persian(map(str, self.rows.columns)))
        return self.parsed(attribute, parse, "IMP-DATE", lambda value: value is not None)

    def extra(self) -> pa.Array:
        """The source columns that no attribute took, and cells that were not understood, as JSON text per row."""
        # Heights of pipes that stand with a point are of its lines, which may have their own.
        kept_too = {"line_id", *(OF_PIPES if self.role == "node" else ())}
        taken = {column for attribute, column in self.mapping.items() if attribute not in kept_too}
        kept = {str(name): self.rows[name] for name in self.rows.columns if name not in taken}
        for column, mask in self._kept.items():
            kept[column] = self.rows[column].astype(object).where(mask, None)
        return objects(kept, len(self.rows))

    def keep(self, column: str, mask: Mask) -> None:
        """Let `extra` hold the cells of a source column where the mask is true."""
        self._kept[column] = self._kept.get(column, np.zeros(len(self.rows), dtype=bool)) | mask

    def unknown_words(self, attribute: str, found: Cells, unknown: Mask, rule: str = "R12") -> None:
        """Report words that were not understood: one finding per distinct word of the whole sheet."""
        if not unknown.any() or (attribute, rule) in self._told:
            return
        self._told.add((attribute, rule))
        column = self.mapping[attribute]
        self.keep(column, unknown)
        self.words.add(rule, column, Severity.INFO, found.texts()[unknown], self.rows.index.to_numpy()[unknown])

    def places(self) -> npt.NDArray[np.int64]:
        """The place of every row in its table."""
        return np.arange(self.first_place, self.first_place + len(self.rows))

    def _frame(self, mask: Mask, column: str) -> pd.DataFrame:
        places = np.flatnonzero(mask)
        values = self.rows[column].to_numpy(object)[places]
        keys = self._keys()[places]
        places = self.places()[places]
        return pd.DataFrame({"table": self.number, "place": places, "value": values, "source_key": keys})

    def _keys(self) -> Objects:
        """What each row is called in findings: its own number, or those of its two ends."""
        if "from_key" in self and "to_key" in self:
            starts, stops = self.texts("from_key"), self.texts("to_key")
            named = [f"{a}->{b}" if a and b else None for a, b in zip(starts, stops, strict=True)]
            return np.array(named, dtype=object)
        return self.texts("key")


def class_of(word: str, words: Mapping[str, str]) -> str | None:
    """The class of a source word: as a whole, else by the longest known prefix."""
    folded = word.casefold()
    if folded in words:
        return words[folded]
    if code := words.get(in_latin(folded)):
        return code
    begun = (folded[:n_letters] for n_letters in range(len(folded), 0, -1))
    return next((code for each in begun if (code := words.get(f"{each}*")) and _begins(folded, each)), None)


def _begins(word: str, prefix: str) -> bool:
    # 53* stands for the national element codes, not for every number that begins with 53.
    is_code = not prefix.isdigit() or (word.isdigit() and len(word) == _ELEMENT_CODE_DIGITS)
    return is_code and word.startswith(prefix)
