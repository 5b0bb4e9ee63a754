"""One table seen through a profile: attributes as texts, numbers, codes and dates, faults reported."""

import re
from collections.abc import Callable
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from importers.cells import (
    Cells,
    Floats,
    Mask,
    Objects,
    cells,
    coalesced,
    codes,
    is_unknown,
    numbers,
    parse_date,
)
from importers.ledger import Ledger, listed
from importers.profiles import SECRET, Profile
from schemas.findings import Severity

# More unknown words than this in one column say that the column is another, not that the words are wrong.
_TELLING_WORDS = 20
_ELEMENT_CODE_DIGITS = 8

_ACCESS_DAY = re.compile(r"(\d{4}-\d\d-\d\d|\d\d/\d\d/\d\d) 00:00:00")

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

    def __init__(self, ledger: Ledger, number: int, role: str, profile: Profile) -> None:
        self.ledger, self.number, self.role, self.profile = ledger, number, role, profile
        self.rows = ledger.tables[number].rows
        self.mapping = profile.mapping(role, [str(name) for name in self.rows.columns])
        self._kept: dict[str, Mask] = {}

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
        return cells(self.rows[self.mapping[attribute]], self.nulls | self.profile.null_words(attribute))

    def texts(self, attribute: str) -> Objects:
        """The attribute as text, None where unknown."""
        return self.cells(attribute).texts()

    def numbers(self, attribute: str, severity: Severity = Severity.WARNING) -> Floats:
        """The attribute as numbers, NaN where unknown; letters are reported and unknown."""
        if attribute not in self.mapping:
            return np.full(len(self.rows), np.nan)
        column = self.mapping[attribute]
        nulls = self.nulls | self.profile.null_words(attribute)
        values, bad = numbers(self.rows[column], nulls, attribute in self.profile.zero_is_unknown)
        if bad.any():
            self._keep(column, bad)
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
        return self.profile.in_model(attribute, column, values)

    def factor(self, attribute: str) -> float:
        """What numbers in the attribute's column are multiplied with; see `Profile.factor`."""
        return self.profile.factor(attribute, self.mapping.get(attribute, ""))

    def bad_numbers(self, attribute: str) -> Mask:
        """Which cells of the attribute are no number."""
        if attribute not in self.mapping:
            return np.zeros(len(self.rows), dtype=bool)
        return numbers(self.rows[self.mapping[attribute]], self.nulls, False)[1]

    def codes(self, attribute: str, table: str) -> Objects:
        """The attribute as codes of a code table; words that are in no dictionary are reported and unknown."""
        found = self.cells(attribute)
        translated, unknown = codes(found, self.profile.code_words(table))
        self.unknown_words(attribute, found, unknown)
        return translated

    def parsed(
        self, attribute: str, parse: Callable[[str], Any], rule: str, understood: Callable[[Any], bool]
    ) -> Objects:
        """The attribute through `parse`; what is not understood is reported and unknown."""
        found = self.cells(attribute)
        values = found.each(parse)
        self.unknown_words(attribute, found, found.where(lambda word: not understood(parse(word))), rule)
        return values

    def dates(self, attribute: str) -> Objects:
        """The attribute as dates."""
        return self.parsed(attribute, parse_date, "IMP-DATE", lambda value: value is not None)

    def classes(self) -> Objects:
        """Utility class (or `secret`) of every row, None where neither column, sheet nor profile tells."""
        words = self.profile.class_words()
        found = self.cells("class")
        translated = found.each(lambda word: class_of(word, words))
        unknown = found.where(lambda word: class_of(word, words) is None)
        # A column that marks secret lines is believed, however little else of it is understood.
        if unknown.sum() * 2 > found.where(bool).sum() and SECRET not in translated:
            self._disown_class(found, unknown)
            translated = np.full(len(translated), None, dtype=object)
        else:
            self.unknown_words("class", found, unknown)
        sheet = self.profile.sheet_class(self.ledger.tables[self.number].sheet)
        shared = class_of(sheet, words) if sheet else None
        fallback = shared or self.profile.default_class
        return coalesced(translated, np.full(len(translated), fallback, dtype=object))

    def extra(self) -> Objects:
        """The source columns that no attribute took, and cells that were not understood, as one dict per row."""
        taken = {column for attribute, column in self.mapping.items() if attribute != "line_id"}
        kept = {str(name): self.rows[name] for name in self.rows.columns if name not in taken}
        for column, mask in self._kept.items():
            kept[column] = self.rows[column].astype(object).where(mask, None)
        return _dicts(kept, len(self.rows))

    def unknown_words(self, attribute: str, found: Cells, unknown: Mask, rule: str = "R12") -> None:
        """Report words that were not understood: one finding per distinct word."""
        if not unknown.any():
            return
        column = self.mapping[attribute]
        self._keep(column, unknown)
        places = np.flatnonzero(unknown)
        words = pd.Series(found.texts()[places], index=places)
        if words.nunique() > _TELLING_WORDS:
            self._report_foreign(column, rule, words)
            return
        for word, same in words.groupby(words, sort=False):
            first = self.ledger.place(self.number, int(same.index[0]))
            self.ledger.note(
                self.number,
                Severity.WARNING if attribute == "class" else Severity.INFO,
                rule,
                f"“{word}” in column {column} is not in the dictionary of the profile; {len(same)} rows, "
                f"first ones {listed(list(self.rows.index[same.index]))}.",
                f"列 {column} 的“{word}”不在字典中，共 {len(same)} 行。",
                column=column,
                value=str(word),
                row=first["row"],
                details={"rows": len(same)},
            )

    def _disown_class(self, found: Cells, unknown: Mask) -> None:
        """A column whose words are mostly no classes (numbers of features, say) is not the class; `extra` keeps it."""
        column = self.mapping.pop("class")
        words = list(dict.fromkeys(found.texts()[unknown]))
        self.ledger.note(
            self.number,
            Severity.WARNING,
            "R12",
            f"Column {column} was not taken for the class: {int(unknown.sum())} of its values are not in the "
            f"dictionary of the profile ({listed(words)}).",
            f"列 {column} 有 {int(unknown.sum())} 行取值不在字典中（{listed(words)}），未作为类别列使用。",
            column=column,
            details={"rows": int(unknown.sum())},
        )

    def _report_foreign(self, column: str, rule: str, words: "pd.Series[Any]") -> None:
        self.ledger.note(
            self.number,
            Severity.WARNING,
            rule,
            f"{words.nunique()} different words in column {column} are not in the dictionary of the profile "
            f"({listed(list(words.unique()))}); the column may hold something else.",
            f"列 {column} 有 {words.nunique()} 种取值不在字典中，该列含义可能不同。",
            column=column,
            details={"rows": len(words)},
        )

    def frame(self, **columns: Any) -> pd.DataFrame:
        """A frame with one row per source row that knows where it came from."""
        place = {"table": self.number, "place": np.arange(len(self.rows))}
        return pd.DataFrame({**place, **columns}, index=range(len(self.rows)))

    def _frame(self, mask: Mask, column: str) -> pd.DataFrame:
        places = np.flatnonzero(mask)
        values = self.rows[column].to_numpy(object)[places]
        keys = self._keys()[places]
        return pd.DataFrame({"table": self.number, "place": places, "value": values, "source_key": keys})

    def _keys(self) -> Objects:
        """What each row is called in findings: its own number, or those of its two ends."""
        if "from_key" in self and "to_key" in self:
            starts, stops = self.texts("from_key"), self.texts("to_key")
            named = [f"{a}->{b}" if a and b else None for a, b in zip(starts, stops, strict=True)]
            return np.array(named, dtype=object)
        return self.texts("key")

    def _keep(self, column: str, mask: Mask) -> None:
        self._kept[column] = self._kept.get(column, np.zeros(len(self.rows), dtype=bool)) | mask


def class_of(word: str, words: dict[str, str]) -> str | None:
    """The class of a source word: as a whole, else by the longest known prefix."""
    folded = word.casefold()
    if folded in words:
        return words[folded]
    prefixes = [known for known in words if known.endswith("*") and _begins(folded, known[:-1])]
    return words[max(prefixes, key=len)] if prefixes else None


def _begins(word: str, prefix: str) -> bool:
    # 53* stands for the national element codes, not for every number that begins with 53.
    is_code = not prefix.isdigit() or (word.isdigit() and len(word) == _ELEMENT_CODE_DIGITS)
    return is_code and word.startswith(prefix)


def without_secrets(ledger: Ledger, frame: pd.DataFrame) -> pd.DataFrame:
    """Refuse military and secret lines (standards.md section 4); the finding says how many, never where."""
    secret = frame[frame["class_code"] == SECRET]
    for number, rows in secret.groupby("table"):
        ledger.refuse_silently(rows)
        ledger.note(
            int(str(number)),
            Severity.WARNING,
            "IMP-SECRET",
            f"{len(rows)} rows are of a military or secret class and were not loaded.",
            f"{len(rows)} 行属于军用或保密类别，未载入。",
            details={"rows": len(rows)},
        )
    ledger.classify(secret)
    return frame.drop(secret.index)


def _dicts(kept: dict[str, "pd.Series[Any]"], n_rows: int) -> Objects:
    answers = np.empty(n_rows, dtype=object)
    names = [name for name, column in kept.items() if column.notna().any()]
    lists = [[_plain(value) for value in kept[name].tolist()] for name in names]
    for place, values in enumerate(zip(*lists, strict=True)) if lists else ():
        answers[place] = {name: value for name, value in zip(names, values, strict=True) if value is not None}
    answers[is_unknown(answers)] = {}
    return answers


def _plain(value: Any) -> Any:
    if value is None or value != value or value == "":
        return None
    # Exports of one Access table write its dates differently; a day is the same day.
    if isinstance(value, datetime | str) and (day := _ACCESS_DAY.fullmatch(str(value))):
        return str(parse_date(day[1]) or value)
    return value if isinstance(value, str | int | float | bool) else str(value)
