"""Words of a sheet's columns that are in no dictionary, gathered over its parts and told once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from importers.normalising.ledger import Ledger, listed
from schemas.findings import Severity

# More unknown words than this in one column say that the column is another, not that the words are wrong.
_TELLING_WORDS = 20
_FIRST_ROWS = 5
_KINDS = {
    "IMP-NUMBER": ("a number", "数字"), "IMP-SECTION": ("a size", "管径或断面"), "IMP-DATE": ("a date", "日期"),
    "IMP-PAIR": ("two point numbers", "两个点号"),
}  # fmt: skip


@dataclass
class _Word:
    rows: int = 0
    first: list[int] = field(default_factory=list)


@dataclass
class UnknownWords:
    """Unknown words by rule and column, how many rows have each and which are the first of them."""

    _found: dict[tuple[str, str, Severity], dict[str, _Word]] = field(default_factory=dict)
    _read: dict[str, dict[str, str]] = field(default_factory=dict)

    def add(
        self, rule: str, column: str, severity: Severity, words: npt.NDArray[np.object_], rows: npt.NDArray[Any]
    ) -> None:
        """Take in words that were not understood, with the rows they stand in, as a person counts them."""
        known = self._found.setdefault((rule, column, severity), {})
        index, distinct = pd.factorize(words)
        order = np.argsort(index, kind="stable")
        for word, same in zip(distinct, np.split(rows[order], np.cumsum(np.bincount(index))[:-1]), strict=True):
            told = known.setdefault(str(word), _Word())
            told.first += [int(row) for row in same[: _FIRST_ROWS - len(told.first)]]
            told.rows += len(same)

    def add_read(self, column: str, read: Mapping[str, str]) -> None:
        """Take in words of a column that were understood by a part of them, with their codes."""
        self._read.setdefault(column, {}).update(read)

    def only(self) -> tuple[str, list[str]]:
        """The column and its words, where there is only one column."""
        (((_, column, _), words),) = self._found.items()
        return column, list(words)

    def tell(self, ledger: Ledger, number: int) -> None:
        """One finding per word, or one per column where there are too many to be misspellings."""
        for (rule, column, severity), words in sorted(self._found.items(), key=_first_row):
            if len(words) > _TELLING_WORDS:
                _note_foreign(ledger, number, rule, column, words)
                continue
            for word, told in words.items():
                ledger.note(
                    number,
                    severity,
                    rule,
                    f"“{word}” in column {column} {_why(rule)[0]}; {told.rows} rows, "
                    f"first ones {listed(told.first, count=told.rows)}.",
                    f"列 {column} 的“{word}”{_why(rule)[1]}，共 {told.rows} 行"
                    f"（第 {listed(told.first, count=told.rows)} 行）。",
                    column=column,
                    value=word,
                    row=told.first[0],
                    details={"rows": told.rows},
                )
        for column, read in self._read.items():
            _note_read(ledger, number, column, read)
        self._found.clear()
        self._read.clear()


def _note_read(ledger: Ledger, number: int, column: str, read: Mapping[str, str]) -> None:
    named = listed([f"{word} → {code}" for word, code in read.items()])
    ledger.note(
        number,
        Severity.INFO,
        "IMP-PART",
        f"{len(read)} values of column {column} that no dictionary has were understood by a part of them: {named}.",
        f"列 {column} 有 {len(read)} 种取值不在字典中，按其中的词识别：{named}。",
        column=column,
        value=next(iter(read)),
    )


def _why(rule: str) -> tuple[str, str]:
    """What is wrong with a word, in English and Chinese."""
    what = _KINDS.get(rule)
    if what is None:
        return "is not in the dictionary of the profile", "不在字典中"
    return f"cannot be read as {what[0]} and is unknown", f"无法读作{what[1]}，按未知处理"


def _first_row(found: tuple[tuple[str, str, Severity], dict[str, _Word]]) -> tuple[int, str, str]:
    (rule, column, _), words = found
    return min(told.first[0] for told in words.values()), column, rule


def _note_foreign(ledger: Ledger, number: int, rule: str, column: str, words: dict[str, _Word]) -> None:
    ledger.note(
        number,
        Severity.WARNING,
        rule,
        f"{len(words)} different words in column {column} are not in the dictionary of the profile "
        f"({listed(list(words))}); the column may hold something else.",
        f"列 {column} 有 {len(words)} 种取值不在字典中，该列含义可能不同。",
        column=column,
        details={"rows": sum(told.rows for told in words.values())},
    )
