"""One rule at work on one scope: its thresholds, and how what it finds is told."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np

from pipemap.checks.breaches import Breaches, Note, Says
from pipemap.checks.columns import Floats, Ints
from pipemap.checks.rule import Rule
from pipemap.checks.scope import Kind, Scope
from schemas.findings import Severity

Positions: TypeAlias = Ints
Told: TypeAlias = Iterable[Breaches | Note]
_GRAVITY_ORDER = (Severity.ERROR, Severity.WARNING, Severity.INFO)
_NOTHING: Mapping[str, Any] = MappingProxyType({})

__all__ = ["Check", "Positions", "Says", "Told"]


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
        place: Floats | None = None,
        details: Mapping[str, Any] | Sequence[Mapping[str, Any]] = _NOTHING,
        **fields: Any,
    ) -> Breaches:
        """Breaches by the features of one kind at the positions `at`; those that are not told of here are left out.

        `fields`, `details` and `place` (x, y in metres; shape (len(at), 2)) are aligned with `at`; a field
        or detail that is neither a list nor an array is the same for all. `at_most` caps the severity,
        whatever a city has set for the rule.
        """
        kept = np.flatnonzero(self.scope.told[kind][at])
        kept = kept[np.argsort(self.scope.columns[kind].values("feature_id")[at[kept]], kind="stable")]
        return Breaches(
            self.rule.id,
            self._severity(at_most),
            self.scope,
            kind,
            at[kept],
            says,
            {**self.rule.thresholds, **_chosen(fields, kept)},
            _chosen(details, kept) if isinstance(details, Mapping) else [details[row] for row in kept.tolist()],
            None if place is None else place[kept],
        )

    def note(
        self,
        says: Says,
        details: Mapping[str, Any],
        *,
        counts: Mapping[str, int],
        class_code: str | None = None,
        at_most: Severity | None = None,
        at_least: int = 1,
        **fields: Any,
    ) -> Note:
        """One thing told about the whole, not about one feature; `counts` of several tiles add up.

        It is told when any of them, but `total`, is `at_least` so many.
        """
        severity, known = self._severity(at_most), {**self.rule.thresholds, **fields}
        return Note(self.rule.id, severity, class_code, says, counts, known, details, at_least)

    def _severity(self, at_most: Severity | None) -> Severity:
        if at_most is None:
            return self.rule.severity
        return _GRAVITY_ORDER[max(_GRAVITY_ORDER.index(at_most), _GRAVITY_ORDER.index(self.rule.severity))]


def _chosen(columns: Mapping[str, Any], kept: Positions) -> dict[str, Any]:
    return {name: _taken(values, kept) for name, values in columns.items()}


def _taken(values: Any, kept: Positions) -> Any:
    if isinstance(values, np.ndarray):
        return values[kept]
    return [values[row] for row in kept] if isinstance(values, list) else values
