"""The rules that exist, and the rulebook a city runs: thresholds and severities set through a TOML file."""

import csv
import pkgutil
import tomllib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias, TypeVar

from pipemap.checks.check import Check, Told
from pipemap.checks.rule import Rule, Sees
from pipemap.checks.survey_check import SurveyCheck
from pipemap.errors import NotFoundError, UsageError
from schemas.codetables import code_table
from schemas.findings import Finding, Severity

Run: TypeAlias = Callable[[Check], Told]
SurveyRun: TypeAlias = Callable[[SurveyCheck], list[Finding]]
AnyRun = TypeVar("AnyRun", bound=Run | SurveyRun)


_rules: dict[str, Rule] = {}


def rule(
    rule_id: str,
    severity: Severity,
    *,
    en: str,
    zh: str,
    source: str,
    source_zh: str,
    sees: Sees = "tile",
    **thresholds: float,
) -> Callable[[AnyRun], AnyRun]:
    """Register a function as a rule; thresholds carry their unit in the name and can be set by a city."""

    def register(run: AnyRun) -> AnyRun:
        if rule_id in _rules:
            raise ValueError(f"rule {rule_id} is declared twice")
        limits = MappingProxyType(dict(thresholds))
        _rules[rule_id] = Rule(rule_id, severity, en, zh, source, source_zh, limits, run, sees)
        return run

    return register


@cache
def all_rules() -> Mapping[str, Rule]:
    """Every rule that ships with the product, by id in order."""
    package = import_module("pipemap.checks.rules")
    for module in pkgutil.iter_modules(package.__path__):
        import_module(f"{package.__name__}.{module.name}")
    return MappingProxyType(dict(sorted(_rules.items())))


@cache
def told_elsewhere() -> list[dict[str, str]]:
    """Rules of survey practice that no check runs: who tells of them instead, as what, or why nobody does."""
    text = (files("pipemap.checks") / "told_elsewhere.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def rule_name(rule_id: str) -> tuple[str, str]:
    """What findings of a rule are about, in English and Chinese; those of imports have names as well."""
    return _names().get(rule_id, ("found while importing", "导入时发现"))


@cache
def _names() -> dict[str, tuple[str, str]]:
    elsewhere = {line["rule_id"]: (line["name_en"], line["name_zh"]) for line in told_elsewhere()}
    of_imports = {code: (one.name_en, one.name_zh) for code, one in code_table("import_finding").items()}
    return elsewhere | of_imports | {rule.id: (rule.name_en, rule.name_zh) for rule in all_rules().values()}


@dataclass(frozen=True)
class Rulebook:
    """The rules to run, in order of their ids, and what a city weighs in the grade of a delivery."""

    rules: tuple[Rule, ...]
    grade_weights: Mapping[str, Any] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Rule]:
        return iter(self.rules)

    def __len__(self) -> int:
        return len(self.rules)

    @classmethod
    def standard(cls) -> "Rulebook":
        """Every rule with its own thresholds."""
        return cls(tuple(all_rules().values()))

    @classmethod
    def from_toml(cls, path: Path) -> "Rulebook":
        """Every rule, changed by a file with one table per rule: `severity`, `enabled` and its thresholds.

        Its table `grade` holds the weights of the quality report, see `pipemap.report.quality`.

        Raises
        ------
        UsageError
            When the file is not TOML, or names a rule, severity or threshold that does not exist.
        """
        try:
            tables = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise NotFoundError(f"There is no rules file {path.name}.") from error
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise UsageError(f"{path.name} is not a rules file: {error}.") from error
        known, weights = all_rules(), tables.pop("grade", {})
        for rule_id in tables:
            _known_rule(rule_id)
        changed = (_configured(known[rule_id], tables.get(rule_id, {})) for rule_id in known)
        return cls(tuple(each for each in changed if each is not None), weights)

    def only(self, rule_ids: Collection[str]) -> "Rulebook":
        """The same book with the named rules alone."""
        wanted = {_known_rule(rule_id) for rule_id in rule_ids}
        return replace(self, rules=tuple(each for each in self.rules if each.id in wanted))


def _known_rule(rule_id: str) -> str:
    for known in all_rules():
        if known.casefold() == rule_id.casefold():
            return known
    raise UsageError(f"There is no rule {rule_id}; `pipemap rules` lists them.")


def _configured(found: Rule, table: Any) -> Rule | None:
    if not isinstance(table, dict):
        raise UsageError(f"Rule {found.id} needs a table: [{found.id}].")
    settings = dict(table)
    enabled = settings.pop("enabled", True)
    severity = _severity(found, settings.pop("severity", found.severity))
    for name, value in settings.items():
        _check_threshold(found, name, value)
    thresholds = MappingProxyType({**found.thresholds, **settings})
    return replace(found, severity=severity, thresholds=thresholds) if enabled else None


def _severity(found: Rule, text: Any) -> Severity:
    try:
        return Severity(text)
    except ValueError as error:
        raise UsageError(f"Rule {found.id}: severity is error, warning or info, not {text!r}.") from error


def _check_threshold(found: Rule, name: str, value: Any) -> None:
    if name not in found.thresholds:
        known = ", ".join(found.thresholds) or "none"
        raise UsageError(f"Rule {found.id} has no threshold {name} (it has: {known}).")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UsageError(f"Rule {found.id}: {name} must be a number, not {value!r}.")
