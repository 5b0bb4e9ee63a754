"""Checks a changeset against rules that know what survey deliveries get wrong."""

from pipemap.checks.registry import Rule, Rulebook, all_rules
from pipemap.checks.running import apply_rules, run_checks, try_rules

__all__ = ["Rule", "Rulebook", "all_rules", "apply_rules", "run_checks", "try_rules"]
