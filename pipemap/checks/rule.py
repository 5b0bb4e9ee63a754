"""What a rule is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from schemas.findings import Severity

# A tile of what a changeset touches, all of that at once, or a second survey of the same points.
Sees: TypeAlias = Literal["tile", "all", "survey"]


@dataclass(frozen=True)
class Rule:
    """One rule: its names, where it comes from, how grave a breach is and the thresholds it measures with.

    `sees` says what it looks at, and with it what `run` takes: a check or a survey check.
    """

    id: str
    severity: Severity
    name_en: str
    name_zh: str
    source: str
    source_zh: str
    thresholds: Mapping[str, float]
    run: Any
    sees: Sees = "tile"
