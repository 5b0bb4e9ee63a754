"""Breaches of a rule as positions and arrays: put into words block by block, and only when they are kept."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import repeat
from string import Formatter
from typing import Any, TypeAlias

import numpy as np

from pipemap.checks.columns import Floats, Ints, Words, known_values
from pipemap.checks.scope import Kind, Scope
from schemas.codetables import code_table
from schemas.findings import Finding, Severity

Block: TypeAlias = dict[str, list[Any]]

_FIELDS = tuple(Finding.model_fields)
# A note names this many features at most; its counts hold for all of them.
_EXAMPLES = 50


@dataclass(frozen=True)
class Says:
    """What a breach says: format strings over `key`, `class_en`, `class_zh`, the fields and the thresholds."""

    en: str
    zh: str
    value: str | None = None
    limit: str | None = None
    column: str | None = None

    def filled(self, fields: Mapping[str, Any], count: int) -> Block:
        """The words for each of `count` breaches; a field is a list, or one value for all."""
        templates = {"message_en": self.en, "message_zh": self.zh, "value": self.value, "limit": self.limit}
        templates["column"] = self.column
        return {name: _filled(text, fields, count) for name, text in templates.items() if text is not None}


@dataclass(frozen=True, eq=False)
class Breaches:
    """Breaches of one rule by the features of one kind in the rows `rows` of a scope.

    `fields` is what the words are about, `details` what programs may read, and `place` where to point
    (x, y; shape (len(rows), 2)), when that is not the feature itself. Lists and arrays are aligned with
    `rows`; anything else is the same for all.
    """

    rule: str
    severity: Severity
    scope: Scope
    kind: Kind
    rows: Ints
    says: Says
    fields: Mapping[str, Any]
    details: Mapping[str, Any] | Sequence[Mapping[str, Any]]
    place: Floats | None

    def __len__(self) -> int:
        return len(self.rows)

    def blocks(self, size: int) -> Iterator[Block]:
        """Every field of `Finding` as a list, at most `size` breaches at a time."""
        for start in range(0, len(self), size):
            yield self._block(slice(start, start + size))

    def _block(self, part: slice) -> Block:
        rows = self.rows[part]
        about = self._about(rows)
        classes = self.scope.classes(self.kind)[rows]
        fields = {"key": about["feature_key"], **_class_names(classes), **_cut(self.fields, part)}
        xy = self.scope.places(self.kind, rows) if self.place is None else self.place[part]
        known = {
            "rule": self.rule,
            "severity": self.severity,
            "feature_kind": self.kind,
            "class_code": classes.texts().tolist(),
            "x_m": known_values(xy[:, 0], np.isfinite(xy[:, 0])),
            "y_m": known_values(xy[:, 1], np.isfinite(xy[:, 1])),
            "details": self._detailed(part, len(rows)),
        }
        said = self.says.filled(fields, len(rows))
        if "column" in said:
            said["column"] = self._as_delivered(about["file"], about["sheet"], said["column"])
        return _complete(about | known | said, len(rows))

    def _as_delivered(self, files: list[Any], sheets: list[Any], attributes: list[Any]) -> list[Any]:
        """The columns of the delivery that attributes were read from; one of none is called by its own name."""
        delivered = self.scope.delivered
        return [
            delivered.get((file, sheet, self.kind), {}).get(attribute, attribute)
            for file, sheet, attribute in zip(files, sheets, attributes, strict=True)
        ]

    def _about(self, rows: Ints) -> Block:
        columns = self.scope.columns[self.kind]
        source_row = columns.values("source_row")[rows]
        return {
            "feature_key": columns.texts("source_key", rows).tolist(),
            "feature_id": columns.values("feature_id")[rows].tolist(),
            "file": columns.texts("file", rows).tolist(),
            "sheet": columns.texts("source_sheet", rows).tolist(),
            "row": known_values(source_row, source_row >= 0),
        }

    def _detailed(self, part: slice, count: int) -> list[Any]:
        if isinstance(self.details, Sequence):
            return list(self.details[part])
        columns = _cut(self.details, part)
        cells = zip(*(_each(values, count) for values in columns.values()), strict=True)
        return [dict(zip(columns, row, strict=True)) for row in cells] if columns else [{}] * count


@dataclass(frozen=True)
class Note:
    """One thing told about the whole, with its counts; the notes of several tiles add up.

    `counts` says how many there are of what is told and, as `total`, of how many; a tile where there is
    none of it still adds to the total.
    """

    rule: str
    severity: Severity
    class_code: str | None
    says: Says
    counts: Mapping[str, int]
    fields: Mapping[str, Any]
    details: Mapping[str, Any]
    at_least: int = 1

    @property
    def about(self) -> tuple[Any, ...]:
        """What a note shares with another one when both are one thing told twice."""
        return self.rule, self.severity, self.class_code, self.says

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to tell, or too little."""
        return all(count < self.at_least for name, count in self.counts.items() if name != "total")

    def plus(self, other: "Note") -> "Note":
        """Both as one: counts are added, listed examples joined."""
        counts = {name: count + other.counts[name] for name, count in self.counts.items()}
        details = {name: value + other.details[name] for name, value in self.details.items()}
        return replace(self, counts=counts, details=details)

    def block(self) -> Block:
        """Every field of `Finding` as a list of one."""
        names = {name: values[0] for name, values in _class_names(Words.of([self.class_code])).items()}
        details = {name: _shortened(value) for name, value in self.details.items()}
        known = {"rule": self.rule, "severity": self.severity, "class_code": self.class_code, "details": [details]}
        return _complete(known | self.says.filled({**names, **self.fields, **self.counts}, 1), 1)


def _shortened(value: Any) -> Any:
    return value[:_EXAMPLES] if isinstance(value, list) else value


def _complete(known: Mapping[str, Any], count: int) -> Block:
    return {name: _each(known.get(name), count) for name in _FIELDS}


def _class_names(class_code: Words) -> Block:
    known = code_table("utility_class")
    english = {word: known[word].name_en if word in known else word for word in class_code.known_words}
    chinese = {word: known[word].name_zh if word in known else word for word in class_code.known_words}
    return {
        "class_en": class_code.translated(english, "?").tolist(),
        "class_zh": class_code.translated(chinese, "?").tolist(),
    }


def _cut(columns: Mapping[str, Any], part: slice) -> dict[str, Any]:
    arrays = (np.ndarray, list)
    return {name: _listed(values[part]) if isinstance(values, arrays) else values for name, values in columns.items()}


def _listed(values: Any) -> list[Any]:
    # Python's own numbers format in half the time of numpy's.
    return values.tolist() if isinstance(values, np.ndarray) else list(values)


def _each(values: Any, count: int) -> list[Any]:
    return values if isinstance(values, list) else [values] * count


def _filled(template: str, fields: Mapping[str, Any], count: int) -> list[str]:
    """The template filled for each breach; one whose fields are the same for all is filled once."""
    fill, names = _by_position(template)
    values = [fields[name] for name in names]
    if not any(isinstance(each, list) for each in values):
        return [fill(*values)] * count
    return list(map(fill, *(each if isinstance(each, list) else repeat(each, count) for each in values)))


@cache
def _by_position(template: str) -> tuple[Callable[..., str], tuple[str, ...]]:
    """The format method of a template with its fields by position, and their names: half the time of `format_map`."""
    parts, names = [], []
    for text, name, spec, _ in Formatter().parse(template):
        parts.append(text.replace("{", "{{").replace("}", "}}"))
        if name is not None:
            parts.append(f"{{:{spec}}}")
            names.append(name)
    return "".join(parts).format, tuple(names)
