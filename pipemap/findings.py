"""Findings kept beside their changeset: saved by imports and checks, listed, and what blocks publishing."""

from collections.abc import Iterable
from typing import Any

from psycopg.rows import DictRow
from psycopg.sql import SQL
from psycopg.types.json import Jsonb

from pipemap.db import Connection, fetch_all
from pipemap.sql import queries
from pipemap.statements import columns
from schemas.findings import Finding

_FIELDS = tuple(Finding.model_fields)


def save_findings(connection: Connection, changeset_id: int, origin: str, findings: Iterable[Finding]) -> None:
    """Replace what one origin (`import` or `check`) has found in a changeset."""
    connection.execute(queries("findings")["drop_findings"], {"changeset_id": changeset_id, "origin": origin})
    statement = SQL(queries("findings")["copy_findings"]).format(columns=columns(_FIELDS))
    with connection.cursor().copy(statement) as copy:
        for found in findings:
            copy.write_row([changeset_id, origin, *_cells(found)])


def list_findings(
    connection: Connection,
    changeset_id: int,
    rule: str | None = None,
    severity: str | None = None,
    limit: int = 100,
    offset: int = 0,
) -> list[DictRow]:
    """Findings of a changeset as rows of the fields of `Finding`, errors first."""
    statement = SQL(queries("findings")["list_findings"]).format(columns=columns(_FIELDS))
    wanted = {"changeset_id": changeset_id, "rule": rule, "severity": severity, "limit": limit, "offset": offset}
    return fetch_all(connection, statement, wanted)


def count_findings(connection: Connection, changeset_id: int) -> list[DictRow]:
    """How many findings each rule has: rows of rule, severity, count; errors first."""
    return fetch_all(connection, queries("findings")["count_findings"], {"changeset_id": changeset_id})


def blocking_findings(connection: Connection, changeset_id: int) -> dict[str, int]:
    """Findings of severity error whose rule nobody has waived, counted by rule."""
    rows = fetch_all(connection, queries("findings")["blocking_findings"], {"changeset_id": changeset_id})
    return {row["rule"]: row["count"] for row in rows}


def _cells(found: Finding) -> list[Any]:
    values = found.model_dump()
    return [Jsonb(values[name]) if name == "details" else _clean(values[name]) for name in _FIELDS]


def _clean(cell: Any) -> Any:
    # PostgreSQL text cannot hold the zero character.
    return cell.replace("\0", "") if isinstance(cell, str) else cell
