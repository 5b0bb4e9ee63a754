"""The account of a delivery: what became of every row, and what was found wrong with it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from importers.base import DERIVED, RecordTable
from schemas.delivery import RowCount
from schemas.findings import Finding, Severity

LOADED, REFUSED, SKIPPED = 0, 1, 2
_NO_CLASS = ""


class _Column:
    """An array that grows by pieces and is put together when it is looked at."""

    def __init__(self, dtype: npt.DTypeLike) -> None:
        self._pieces: list[npt.NDArray[Any]] = [np.empty(0, dtype)]

    def add(self, piece: npt.NDArray[Any]) -> None:
        self._pieces.append(piece.astype(self._pieces[0].dtype))

    @property
    def values(self) -> npt.NDArray[Any]:
        if len(self._pieces) > 1:
            self._pieces = [np.concatenate(self._pieces)]
        return self._pieces[0]


@dataclass
class Account:
    """What became of the rows of one sheet, layer or table, what it is called, and which class its title speaks of.

    `columns` says which column of the delivery each attribute is read from.
    """

    file: str
    sheet: str
    skipped_rows: int = 0
    refused_rows: int = 0
    n_rows: int = 0
    said_class: tuple[str, str] | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    # Row numbers as a person counts them, which of them count (several rows may derive from one), fates and classes.
    numbers: _Column = field(default_factory=lambda: _Column(np.int32))
    counted: _Column = field(default_factory=lambda: _Column(np.bool_))
    fates: _Column = field(default_factory=lambda: _Column(np.int8))
    classes: _Column = field(default_factory=lambda: _Column(np.int16))


class Ledger:
    """Keeps one fate and one class per row, so that loaded + refused + skipped is always all rows.

    Rows are named by two columns of a frame: `table`, the number `enter` gave, and `place`, how many
    rows of that table came before it.
    """

    def __init__(self) -> None:
        self.accounts: list[Account] = []
        self.findings: list[Finding] = []
        self._classes: dict[str, int] = {_NO_CLASS: 0}

    def enter(self, table: RecordTable) -> int:
        """Open the account of one sheet, layer or table, still without rows; return its number."""
        self.accounts.append(Account(table.file, table.sheet))
        return len(self.accounts) - 1

    def add_rows(self, number: int, table: RecordTable) -> int:
        """Take the rows of a table, or of the next part of it, as loaded; return the place of the first."""
        account, derived = self.accounts[number], table.rows.get(DERIVED)
        first, count = account.n_rows, len(table.rows)
        account.n_rows += count
        account.skipped_rows += table.skipped_rows
        account.refused_rows += table.refused_rows
        account.numbers.add(table.rows.index.to_numpy())
        account.counted.add(np.full(count, True) if derived is None else ~derived.to_numpy(bool))
        account.fates.add(np.full(count, LOADED))
        account.classes.add(np.full(count, 0))
        return first

    def classify(self, frame: pd.DataFrame) -> None:
        """Note the class of rows, column `class_code`; one that is not known is `unknown`."""
        index, names = pd.factorize(frame["class_code"], use_na_sentinel=True)
        numbers = [self._class(str(name)) for name in names]
        classes = np.array([*numbers, self._class("unknown")], dtype=np.int16)[index]
        for number, places, rows in _by_table(frame):
            self.accounts[number].classes.values[places] = classes[rows]

    def skip(self, number: int, places: npt.NDArray[Any] | slice) -> None:
        """Note that rows hold nothing to load."""
        self.accounts[number].fates.values[places] = SKIPPED

    def refuse(self, frame: pd.DataFrame, severity: Severity, rule: str, en: str, zh: str, **where: Any) -> None:
        """Note that rows did not become features, and why; see `report`."""
        if not len(frame):
            return
        self.refuse_silently(frame)
        self.classify(frame)
        self.report(frame, severity, rule, en, zh, **where)

    def refuse_silently(self, frame: pd.DataFrame) -> None:
        """Note that rows did not become features where one finding speaks for all of them."""
        for number, places, _ in _by_table(frame):
            self.accounts[number].fates.values[places] = REFUSED

    def report(
        self,
        frame: pd.DataFrame,
        severity: Severity,
        rule: str,
        en: str,
        zh: str,
        *,
        kind: str | None = None,
        column: str | None = None,
        attributes: Sequence[str] = (),
        value: str | None = None,
        limit: str | None = None,
    ) -> None:
        """Add one finding per row; `en` and `zh` may name columns of the frame in braces, `value` names one.

        It is about a column of the delivery, or about those that `attributes` are read from, as far as they are there.
        """
        if not len(frame):
            return
        for row in frame.to_dict("records"):
            cells = {str(name): cell for name, cell in row.items()}
            self.findings.append(
                Finding(
                    rule=rule,
                    severity=severity,
                    message_en=en.format(**cells),
                    message_zh=zh.format(**cells),
                    feature_kind=kind,
                    feature_key=_text(cells.get("source_key")),
                    column=column or self._columns_of(cells["table"], attributes),
                    value=_text(cells.get(value)) if value else None,
                    limit=limit,
                    x_m=_number(cells.get("x_m")),
                    y_m=_number(cells.get("y_m")),
                    **self.place(cells["table"], cells["place"]),
                )
            )

    def _columns_of(self, number: int, attributes: Sequence[str]) -> str | None:
        columns = self.accounts[number].columns
        return ", ".join(columns[name] for name in attributes if name in columns) or None

    def note(self, number: int, severity: Severity, rule: str, en: str, zh: str, **where: Any) -> None:
        """Add one finding about a whole table or column."""
        account = self.accounts[number]
        place = {"file": account.file, "sheet": account.sheet}
        self.findings.append(Finding(rule=rule, severity=severity, message_en=en, message_zh=zh, **(place | where)))

    def order_by_row(self, earlier: int) -> None:
        """Put the findings after the first `earlier` ones in the order of their rows."""
        self.findings[earlier:] = sorted(self.findings[earlier:], key=lambda finding: finding.row or 0)

    def place(self, number: int, place: int) -> dict[str, Any]:
        """File, sheet and row, as a person counts it."""
        account = self.accounts[number]
        return {"file": account.file, "sheet": account.sheet, "row": int(account.numbers.values[place])}

    def counts(self) -> list[RowCount]:
        """Rows by table and class; rows left out by the reader stand without a class as refused or skipped."""
        counts: dict[tuple[str, str, str], RowCount] = {}
        names = list(self._classes)
        for account in self.accounts:
            fates, classes = (column.values[account.counted.values] for column in (account.fates, account.classes))
            for class_code in sorted(names[number] for number in np.unique(classes)):
                of_class = fates[classes == self._classes[class_code]]
                _add(counts, account, class_code, np.bincount(of_class, minlength=3))
            if account.skipped_rows or account.refused_rows or not account.n_rows:
                _add(counts, account, _NO_CLASS, np.array([0, account.refused_rows, account.skipped_rows]))
        return list(counts.values())

    def _class(self, name: str) -> int:
        return self._classes.setdefault(name, len(self._classes))


def _add(
    counts: dict[tuple[str, str, str], RowCount], account: Account, class_code: str, by_fate: npt.NDArray[Any]
) -> None:
    key = (account.file, account.sheet, class_code)
    count = counts.setdefault(key, RowCount(*key))
    loaded, refused, skipped = (int(n) for n in by_fate)
    count.rows += loaded + refused + skipped
    count.loaded += loaded
    count.refused += refused
    count.skipped += skipped


def _by_table(frame: pd.DataFrame) -> Iterable[tuple[int, npt.NDArray[Any], npt.NDArray[Any]]]:
    """Number of each table of a frame, and the places and the positions in the frame of its rows."""
    tables, places = frame["table"].to_numpy(), frame["place"].to_numpy()
    for number in np.unique(tables):
        rows = np.flatnonzero(tables == number)
        yield int(number), places[rows], rows


def _text(value: Any) -> str | None:
    return None if value is None or value != value else str(value)


def _number(value: Any) -> float | None:
    return None if value is None or value != value else float(value)


def listed(values: Sequence[Any], at_most: int = 5, count: int | None = None) -> str:
    """The first few values in words, and how many more there are: of `count` when not all of them are given."""
    shown = ", ".join(str(value) for value in values[:at_most])
    left = (len(values) if count is None else count) - at_most
    return f"{shown} (+{left})" if left > 0 else shown
