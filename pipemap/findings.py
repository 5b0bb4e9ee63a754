"""Findings kept beside their changeset: saved by imports and checks, listed, and what blocks publishing."""

from collections.abc import Iterable

from psycopg.rows import DictRow
from psycopg.sql import SQL

from pipemap.db import Connection, fetch_all
from pipemap.sql import queries
from pipemap.statements import columns, table
from schemas.findings import Finding
from schemas.tables import finding as finding_table

_FIELDS = tuple(Finding.model_fields)


def save_findings(connection: Connection, changeset_id: int, origin: str, findings: Iterable[Finding]) -> None:
    """Replace what one origin (`import` or `check`) has found in a changeset."""
    # Imported here: slow to load, and whoever reads findings does without.
    import pandas as pd

    from pipemap.copy_in import copy_frame

    connection.execute(queries("findings")["drop_findings"], {"changeset_id": changeset_id, "origin": origin})
    found = list(findings)
    cells = {name: pd.Series([getattr(each, name) for each in found], dtype=object) for name in _FIELDS}
    frame = pd.DataFrame({"changeset_id": changeset_id, "origin": origin, **cells})
    types = {name: finding_table.columns[name].type for name in frame.columns}
    copy_frame(connection, table("finding"), frame, types)


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


def list_waivers(connection: Connection, changeset_id: int) -> list[DictRow]:
    """What was waived in a changeset: rows of rule, reason, waived_by and the count of errors that stand."""
    return fetch_all(connection, queries("findings")["list_waivers"], {"changeset_id": changeset_id})
