"""The account of a delivery: what became of every row, and what was found wrong with it."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from importers.base import DERIVED, RecordTable
from schemas.delivery import RowCount
from schemas.findings import Finding, Severity

LOADED, REFUSED, SKIPPED = 0, 1, 2


class Ledger:
    """Keeps one fate and one class per row, so that loaded + refused + skipped is always all rows.

    Rows are named by two columns of a frame: `table`, the number `enter` gave, and `place`, the row's
    place in that table's `rows`.
    """

    def __init__(self) -> None:
        self.tables: list[RecordTable] = []
        self.findings: list[Finding] = []
        self._counted: list[npt.NDArray[np.bool_]] = []
        self._fates: list[npt.NDArray[np.int8]] = []
        self._classes: list[npt.NDArray[np.object_]] = []

    def enter(self, table: RecordTable) -> int:
        """Open the account of one table, all rows loaded; return the table's number."""
        self.tables.append(table)
        self.findings += table.findings
        derived = table.rows.get(DERIVED)
        table.rows = table.rows.drop(columns=DERIVED, errors="ignore")
        self._counted.append(np.full(len(table.rows), True) if derived is None else ~derived.to_numpy(bool))
        self._fates.append(np.full(len(table.rows), LOADED, dtype=np.int8))
        self._classes.append(np.full(len(table.rows), "", dtype=object))
        return len(self.tables) - 1

    def without_blanks(self, number: int, blank: npt.NDArray[np.bool_]) -> None:
        """Take blank rows out of a table just entered; they count as skipped."""
        table, keep = self.tables[number], np.flatnonzero(~blank)
        table.rows = table.rows.iloc[keep]
        table.geometry = None if table.geometry is None else table.geometry[keep]
        table.skipped_rows += int(blank.sum())
        self._counted[number] = self._counted[number][keep]
        self._fates[number], self._classes[number] = self._fates[number][keep], self._classes[number][keep]

    def classify(self, frame: pd.DataFrame) -> None:
        """Note the class of rows, column `class_code`."""
        for number, rows in _by_table(frame):
            self._classes[number][rows["place"]] = rows["class_code"].astype(object).fillna("unknown")

    def skip(self, number: int, places: npt.NDArray[Any] | slice) -> None:
        """Note that rows hold nothing to load."""
        self._fates[number][places] = SKIPPED

    def refuse(self, frame: pd.DataFrame, severity: Severity, rule: str, en: str, zh: str, **where: str | None) -> None:
        """Note that rows did not become features, and why; see `report`."""
        if not len(frame):
            return
        self.refuse_silently(frame)
        self.classify(frame)
        self.report(frame, severity, rule, en, zh, **where)

    def refuse_silently(self, frame: pd.DataFrame) -> None:
        """Note that rows did not become features where one finding speaks for all of them."""
        for number, rows in _by_table(frame):
            self._fates[number][rows["place"]] = REFUSED

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
        value: str | None = None,
        limit: str | None = None,
    ) -> None:
        """Add one finding per row; `en` and `zh` may name columns of the frame in braces, `value` names one."""
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
                    column=column,
                    value=_text(cells.get(value)) if value else None,
                    limit=limit,
                    x_m=_number(cells.get("x_m")),
                    y_m=_number(cells.get("y_m")),
                    **self.place(cells["table"], cells["place"]),
                )
            )

    def note(self, number: int, severity: Severity, rule: str, en: str, zh: str, **where: Any) -> None:
        """Add one finding about a whole table or column."""
        table = self.tables[number]
        place = {"file": table.file, "sheet": table.sheet}
        self.findings.append(Finding(rule=rule, severity=severity, message_en=en, message_zh=zh, **(place | where)))

    def place(self, number: int, place: int) -> dict[str, Any]:
        """File, sheet and row, as a person counts it."""
        table = self.tables[number]
        return {"file": table.file, "sheet": table.sheet, "row": int(table.rows.index[place])}

    def counts(self) -> list[RowCount]:
        """Rows by table and class; rows left out by the reader stand without a class as refused or skipped."""
        counts: dict[tuple[str, str, str], RowCount] = {}
        for table, counted, fates, classes in zip(self.tables, self._counted, self._fates, self._classes, strict=True):
            for class_code, of_class in pd.Series(fates[counted]).groupby(classes[counted], sort=True):
                _add(counts, table, str(class_code), np.bincount(of_class, minlength=3))
            if table.skipped_rows or table.refused_rows or not len(fates):
                _add(counts, table, "", np.array([0, table.refused_rows, table.skipped_rows]))
        return list(counts.values())


def _add(
    counts: dict[tuple[str, str, str], RowCount], table: RecordTable, class_code: str, by_fate: npt.NDArray[Any]
) -> None:
    key = (table.file, table.sheet, class_code)
    count = counts.setdefault(key, RowCount(*key))
    loaded, refused, skipped = (int(n) for n in by_fate)
    count.rows += loaded + refused + skipped
    count.loaded += loaded
    count.refused += refused
    count.skipped += skipped


def _by_table(frame: pd.DataFrame) -> Iterable[tuple[int, pd.DataFrame]]:
    return ((int(str(number)), rows) for number, rows in frame.groupby("table", sort=False))


def _text(value: Any) -> str | None:
    return None if value is None or value != value else str(value)


def _number(value: Any) -> float | None:
    return None if value is None or value != value else float(value)


def listed(values: Sequence[Any], at_most: int = 5) -> str:
    """The first few values in words, and how many more there are."""
    shown = ", ".join(str(value) for value in values[:at_most])
    return shown if len(values) <= at_most else f"{shown} (+{len(values) - at_most})"
