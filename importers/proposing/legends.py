"""Dictionaries that come with a delivery: tables of codes and what they stand for, 1 = 球墨铸铁."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from importers.base import RecordTable
from importers.normalising.cells import cells
from importers.proposing.code_words import NearWord, akin

# No dictionary is longer; what it says is as sure as the words it says it with.
_MOST_ROWS = 2_000


@dataclass(frozen=True)
class Meaning:
    """The known word that a table of the delivery sets beside a code, and the table's name."""

    near: NearWord
    said_by: str


class Legend:
    """What stands beside each word in the rows of tables that are neither points nor lines."""

    def __init__(self, tables: Iterable[RecordTable]) -> None:
        self._beside: dict[str, list[tuple[str, str]]] = {}
        for table in tables:
            if len(table.rows) <= _MOST_ROWS:
                self._add(table)

    def _add(self, table: RecordTable) -> None:
        columns = [cells(table.rows[name], ()).texts().tolist() for name in table.rows.columns]
        for row in zip(*columns, strict=True):
            words = [word for word in row if word]
            for word in words:
                self._beside.setdefault(word, []).extend((other, table.sheet) for other in words if other != word)

    def meaning(self, word: str, known: Mapping[str, str]) -> Meaning | None:
        """The one code of a dictionary that rows with the word name; None where they name none, or several."""
        found = [
            (near, sheet) for other, sheet in self._beside.get(word, ()) if (near := akin(other, known)) is not None
        ]
        exact = [(near, sheet) for near, sheet in found if near.nearness == 1.0] or found
        return Meaning(*exact[0]) if len({near.code for near, _ in exact}) == 1 else None
