"""Checks a changeset against rules that know what survey deliveries get wrong."""

from pipemap.checks.proposed import Proposed
from pipemap.checks.registry import Rulebook, all_rules, rule_name, told_elsewhere
from pipemap.checks.rule import Rule
from pipemap.checks.running import found_blocks, run_checks, tried_rules

__all__ = [
    "Proposed",
    "Rule",
    "Rulebook",
    "all_rules",
    "found_blocks",
    "rule_name",
    "run_checks",
    "told_elsewhere",
    "tried_rules",
]
