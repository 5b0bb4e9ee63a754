"""Runs the rules on a changeset, keeps what they find and marks the changeset as checked."""

from collections.abc import Callable
from typing import TypeAlias

from pipemap.checks.check import Check
from pipemap.checks.loading import load_scope
from pipemap.checks.registry import Rulebook
from pipemap.checks.scope import Scope
from pipemap.db import Connection, Database, fetch_one
from pipemap.errors import ConflictError, NotFoundError
from pipemap.findings import save_findings
from pipemap.sql import queries
from schemas.findings import Finding

Progress: TypeAlias = Callable[[str, int, int], None]


def run_checks(
    database: Database,
    changeset_id: int,
    *,
    rules: Rulebook | None = None,
    on_progress: Progress | None = None,
) -> list[Finding]:
    """Check a changeset, replace its earlier check findings by these and mark it as checked.

    Raises
    ------
    NotFoundError
        When there is no such changeset.
    ConflictError
        When it is published or rejected, so that there is nothing left to check.
    """
    findings = try_rules(database, changeset_id, rules=rules, on_progress=on_progress)
    with database.transaction() as connection:
        marked = fetch_one(connection, queries("checks")["mark_checked"], {"changeset_id": changeset_id})
        if marked is None:
            raise ConflictError(f"Changeset {changeset_id} was published or rejected meanwhile.")
        save_findings(connection, changeset_id, "check", findings)
    return findings


def try_rules(
    database: Database,
    changeset_id: int,
    *,
    rules: Rulebook | None = None,
    on_progress: Progress | None = None,
) -> list[Finding]:
    """What the rules find in a changeset; nothing is kept."""
    with database.transaction() as connection:
        _demand_open(connection, changeset_id)
        scope = load_scope(connection, changeset_id)
    return apply_rules(scope, rules or Rulebook.standard(), on_progress)


def apply_rules(scope: Scope, rules: Rulebook, on_progress: Progress | None = None) -> list[Finding]:
    """Findings of every rule in the order of the rules, each rule's by feature; a rule that fails, fails the check."""
    findings: list[Finding] = []
    for number, each in enumerate(rules):
        if on_progress is not None:
            on_progress(each.id, number, len(rules))
        findings += sorted(each.run(Check(each, scope)), key=_order)
    if on_progress is not None:
        on_progress("", len(rules), len(rules))
    return findings


def _order(finding: Finding) -> tuple[str, int, str]:
    return finding.feature_kind or "", finding.feature_id or 0, finding.message_en


def _demand_open(connection: Connection, changeset_id: int) -> None:
    found = fetch_one(connection, queries("checks")["changeset_for_checking"], {"changeset_id": changeset_id})
    if found is None:
        raise NotFoundError(f"There is no changeset {changeset_id}; `pipemap changesets` lists them.")
    if found["state"] in ("published", "rejected"):
        raise ConflictError(f"Changeset {changeset_id} is {found['state']}; there is nothing left to check.")
