"""Findings kept beside their changeset: saved by imports and checks, listed, and what blocks publishing."""

from collections.abc import Iterable
from typing import Any

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
    *,
    class_code: str | None = None,
    sheet: str | None = None,
) -> list[DictRow]:
    """Findings of a changeset as rows of the fields of `Finding`, errors first."""
    statement = SQL(queries("findings")["list_findings"]).format(columns=columns(_FIELDS))
    wanted = _wanted(changeset_id, rule, severity, class_code, sheet)
    return fetch_all(connection, statement, wanted | {"limit": limit, "offset": offset})


def count_findings(
    connection: Connection,
    changeset_id: int,
    *,
    rule: str | None = None,
    severity: str | None = None,
    class_code: str | None = None,
    sheet: str | None = None,
) -> list[DictRow]:
    """How many of these findings each rule has: rows of rule, severity, count; errors first."""
    wanted = _wanted(changeset_id, rule, severity, class_code, sheet)
    return fetch_all(connection, queries("findings")["count_findings"], wanted)


def _wanted(
    changeset_id: int, rule: str | None, severity: str | None, class_code: str | None, sheet: str | None
) -> dict[str, Any]:
    filters = {"rule": rule, "severity": severity, "class_code": class_code, "sheet": sheet}
    return {"changeset_id": changeset_id, **filters}


def blocking_findings(connection: Connection, changeset_id: int) -> dict[str, int]:
    """Findings of severity error whose rule nobody has waived, counted by rule."""
    rows = fetch_all(connection, queries("findings")["blocking_findings"], {"changeset_id": changeset_id})
    return {row["rule"]: row["count"] for row in rows}


def list_waivers(connection: Connection, changeset_id: int) -> list[DictRow]:
    """What was waived in a changeset: rows of rule, reason, waived_by and the count of errors that stand."""
    return fetch_all(connection, queries("findings")["list_waivers"], {"changeset_id": changeset_id})
