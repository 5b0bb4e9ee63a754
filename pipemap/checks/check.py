"""One rule at work on one scope: its thresholds, and how a breach becomes a finding."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipemap.checks.registry import Rule
from pipemap.checks.scope import Kind, Scope
from schemas.codetables import code_table
from schemas.findings import Finding, Severity

Positions = npt.NDArray[np.int64]
_GRAVITY_ORDER = (Severity.ERROR, Severity.WARNING, Severity.INFO)


@dataclass(frozen=True)
class Says:
    """What a breach says: format strings over `key`, `class_en`, `class_zh`, the fields and the thresholds."""

    en: str
    zh: str
    value: str | None = None
    limit: str | None = None
    column: str | None = None


@dataclass(frozen=True)
class Check:
    """The rule being run and the features it looks at."""

    rule: Rule
    scope: Scope

    def __getitem__(self, threshold: str) -> float:
        return self.rule.thresholds[threshold]

    def report(
        self,
        kind: Kind,
        at: Positions,
        says: Says,
        *,
        at_most: Severity | None = None,
        place: npt.NDArray[np.float64] | None = None,
        details: Sequence[dict[str, Any]] | None = None,
        **fields: Sequence[Any] | npt.NDArray[Any] | pd.Series,
    ) -> list[Finding]:
        """Findings for the features of one kind at the positions `at`; those the changeset does not touch are left out.

        `fields`, `place` (x, y in metres; shape (len(at), 2)) and `details` are aligned with `at`.
        `at_most` caps the severity, whatever a city has set for the rule.
        """
        frame = self.scope.frame(kind)
        kept = np.flatnonzero(frame["touched"].to_numpy()[at])
        carried = {name: frame[name].to_numpy()[at[kept]] for name in _CARRIED}
        said = {name: np.asarray(values, dtype=object)[kept] for name, values in fields.items()}
        spots = (self.scope.places(kind)[at] if place is None else place)[kept]
        severity = self._severity(at_most)
        return [
            self._finding(kind, row, says, words, severity, spot, details[index] if details else {})
            for index, row, words, spot in zip(
                kept.tolist(),
                _rows(carried, len(kept)),
                _rows(said, len(kept)),
                np.where(np.isfinite(spots), spots, np.array(None)).tolist(),
                strict=True,
            )
        ]

    def note(self, says: Says, details: dict[str, Any], *, at_most: Severity | None = None, **fields: Any) -> Finding:
        """A finding about the whole, not about one feature."""
        fields = {**self.rule.thresholds, **fields, **_class_names(fields.get("class_code"))}
        return Finding(
            rule=self.rule.id,
            severity=self._severity(at_most),
            message_en=says.en.format_map(fields),
            message_zh=says.zh.format_map(fields),
            class_code=fields.get("class_code"),
            value=_filled(says.value, fields),
            limit=_filled(says.limit, fields),
            column=says.column,
            details=details,
        )

    def _severity(self, at_most: Severity | None) -> Severity:
        if at_most is None:
            return self.rule.severity
        return _GRAVITY_ORDER[max(_GRAVITY_ORDER.index(at_most), _GRAVITY_ORDER.index(self.rule.severity))]

    def _finding(
        self,
        kind: Kind,
        row: dict[str, Any],
        says: Says,
        fields: dict[str, Any],
        severity: Severity,
        spot: list[float | None],
        details: dict[str, Any],
    ) -> Finding:
        names = _class_names(row["class_code"])
        fields = {"key": row["source_key"], **names, **self.rule.thresholds, **fields}
        return Finding(
            rule=self.rule.id,
            severity=severity,
            message_en=says.en.format_map(fields),
            message_zh=says.zh.format_map(fields),
            feature_kind=kind,
            feature_key=row["source_key"],
            feature_id=row["feature_id"],
            class_code=_known(row["class_code"]),
            file=_known(row["file"]),
            sheet=_known(row["source_sheet"]),
            row=None if pd.isna(row["source_row"]) else int(row["source_row"]),
            column=_filled(says.column, fields),
            value=_filled(says.value, fields),
            limit=_filled(says.limit, fields),
            x_m=spot[0],
            y_m=spot[1],
            details=details,
        )


_CARRIED = ["feature_id", "source_key", "class_code", "file", "source_sheet", "source_row"]


def _rows(columns: Mapping[str, npt.NDArray[Any]], count: int) -> Iterable[dict[str, Any]]:
    """Each row of aligned columns by their names."""
    if not columns:
        return ({} for _ in range(count))
    lists = (values.tolist() for values in columns.values())
    return (dict(zip(columns, cells, strict=True)) for cells in zip(*lists, strict=True))


def _known(value: Any) -> Any:
    return None if pd.isna(value) else value


def _filled(template: str | None, fields: dict[str, Any]) -> str | None:
    return None if template is None else template.format_map(fields)


def _class_names(class_code: Any) -> dict[str, str]:
    known = code_table("utility_class").get(class_code) if isinstance(class_code, str) else None
    word = str(class_code)
    return {"class_en": known.name_en if known else word, "class_zh": known.name_zh if known else word}
