"""Findings kept beside their changeset: saved by imports and checks, listed, and what blocks publishing."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg.rows import DictRow
from psycopg.sql import SQL
from sqlalchemy.types import TypeEngine

from pipemap.db import Connection, fetch_all
from pipemap.sql import queries
from pipemap.statements import columns, table
from schemas.findings import Finding, Severity
from schemas.tables.versions import finding as finding_table

_FIELDS = tuple(Finding.model_fields)
_ROWS_AT_ONCE = 20_000


def save_findings(connection: Connection, changeset_id: int, origin: str, findings: Iterable[Finding]) -> None:
    """Replace what one origin (`import` or `check`) has found in a changeset."""
    drop_findings(connection, changeset_id, origin)
    packer = FindingPacker(changeset_id, origin)
    for found in findings:
        for packed in packer.add({name: [getattr(found, name)] for name in _FIELDS}):
            write_findings(connection, packed)
    for packed in packer.rest():
        write_findings(connection, packed)


def drop_findings(connection: Connection, changeset_id: int, origin: str) -> None:
    """Forget what one origin has found in a changeset."""
    connection.execute(queries("findings")["drop_findings"], {"changeset_id": changeset_id, "origin": origin})


@dataclass(frozen=True)
class PackedFindings:
    """Findings as rows that `write_findings` takes, and how many of them each rule and severity has."""

    rows: bytes
    counts: Counter[tuple[str, Severity]]


class FindingPacker:
    """Packs findings as they come, some thousand at a time, so that memory does not grow with them."""

    def __init__(self, changeset_id: int, origin: str) -> None:
        self._whose: dict[str, Any] = {"changeset_id": changeset_id, "origin": origin}
        self._held: dict[str, list[Any]] = {name: [] for name in _FIELDS}

    def add(self, block: Mapping[str, Sequence[Any]]) -> Iterator[PackedFindings]:
        """Take findings in, given as one list for each field of `Finding`, and give a pack when there are enough."""
        for name, held in self._held.items():
            held.extend(block[name])
        if len(self._held["rule"]) >= _ROWS_AT_ONCE:
            yield from self.rest()

    def rest(self) -> Iterator[PackedFindings]:
        """What has not been given yet."""
        # Imported here: slow to load, and whoever reads findings does without.
        import pandas as pd

        from pipemap.copy_in import packed_rows

        held, self._held = self._held, {name: [] for name in _FIELDS}
        if held["rule"]:
            frame = pd.DataFrame({name: pd.Series(values, dtype=object) for name, values in held.items()})
            counts = Counter(zip(held["rule"], held["severity"], strict=True))
            yield PackedFindings(packed_rows(frame.assign(**self._whose), _types()), counts)


def write_findings(connection: Connection, packed: PackedFindings) -> None:
    """Write packed findings to the database."""
    from pipemap.copy_in import copy_packed

    copy_packed(connection, table("finding"), packed.rows, _types())


def _types() -> dict[str, TypeEngine[Any]]:
    return {name: finding_table.columns[name].type for name in (*_FIELDS, "changeset_id", "origin")}


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
    origin: str | None = None,
) -> list[DictRow]:
    """Findings of a changeset as rows of the fields of `Finding`, errors first."""
    statement = SQL(queries("findings")["list_findings"]).format(columns=columns(_FIELDS))
    wanted = _wanted(changeset_id, rule, severity, class_code, sheet, origin)
    return fetch_all(connection, statement, wanted | {"limit": limit, "offset": offset})


def count_findings(
    connection: Connection,
    changeset_id: int,
    *,
    rule: str | None = None,
    severity: str | None = None,
    class_code: str | None = None,
    sheet: str | None = None,
    origin: str | None = None,
) -> list[DictRow]:
    """How many of these findings each rule has: rows of rule, severity, count; errors first."""
    wanted = _wanted(changeset_id, rule, severity, class_code, sheet, origin)
    return fetch_all(connection, queries("findings")["count_findings"], wanted)


def _wanted(
    changeset_id: int,
    rule: str | None,
    severity: str | None,
    class_code: str | None,
    sheet: str | None,
    origin: str | None,
) -> dict[str, Any]:
    filters = {"rule": rule, "severity": severity, "class_code": class_code, "sheet": sheet, "origin": origin}
    return {"changeset_id": changeset_id, **filters}


def blocking_findings(connection: Connection, changeset_id: int) -> dict[str, int]:
    """Findings of severity error whose rule nobody has waived, counted by rule."""
    rows = fetch_all(connection, queries("findings")["blocking_findings"], {"changeset_id": changeset_id})
    return {row["rule"]: row["count"] for row in rows}


def list_waivers(connection: Connection, changeset_id: int) -> list[DictRow]:
    """What was waived in a changeset: rows of rule, reason, waived_by and the count of errors that stand."""
    return fetch_all(connection, queries("findings")["list_waivers"], {"changeset_id": changeset_id})
