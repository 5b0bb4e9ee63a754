"""A city's own tables of limits: added from a file with their author, listed, put out of force again."""

from pathlib import Path

from psycopg.types.json import Jsonb

from pipemap.clearance.reading_tables import never_applies, read_table
from pipemap.clearance.tables import TABLE_NAMES, TableName, limits_in_force, standard_rows
from pipemap.db import Connection, fetch_all, fetch_one
from pipemap.errors import NotFoundError, RejectedError
from pipemap.sharing import audit
from pipemap.sql import queries
from schemas.clearance import AddedLimits, LimitSet


def add_table(connection: Connection, path: Path, name: TableName, author: str) -> AddedLimits:
    """Put the rows of a file in force; a file with any wrong row is refused whole.

    Raises SourceError for a file that is no such table, RejectedError (`details["findings"]`) for one with wrong rows.
    """
    connection.execute(queries("limits")["hold"])
    standing = limits_in_force(connection)
    shipped = {row["rule_id"] for each in TABLE_NAMES for row in standard_rows(each)}
    local = {row["rule_id"] for each in TABLE_NAMES for row in standing.rows(each)}
    replaceable = [row for row in standing.rows(name) if row["rule_id"] in shipped]
    rows, findings = read_table(path, name, replaceable, frozenset(shipped | local))
    if findings:
        wrong = len({found.row for found in findings})
        raise RejectedError(
            f"{path.name} is refused whole: {wrong} of its {len(rows)} rows are wrong. {findings[0].message_en}",
            message_zh=f"{path.name} 整表未采用：{len(rows)} 行中有 {wrong} 行有误。{findings[0].message_zh}",
            findings=[found.model_dump(mode="json", exclude_none=True) for found in findings],
        )
    told = {"table_name": name, "file_name": path.name, "author": author}
    added = fetch_one(connection, queries("limits")["add"], told | {"rows": Jsonb(rows)})
    assert added is not None
    audit.record(connection, author, "limits.add", told | {"set_id": added["set_id"], "rows": len(rows)})
    return AddedLimits(
        set_id=added["set_id"],
        table_name=name,
        file_name=path.name,
        rows=len(rows),
        never_apply=tuple(row["rule_id"] for row in rows if never_applies(row)),
        limits_digest=limits_in_force(connection).digest,
    )


def remove_table(connection: Connection, set_id: int, author: str) -> None:
    """Put a table out of force; what was judged by it keeps its name. NotFoundError when none of that number is."""
    gone = fetch_one(connection, queries("limits")["remove"], {"set_id": set_id, "author": author})
    if gone is None:
        raise NotFoundError(
            f"No table of limits in force has the number {set_id}; `pipemap limits list` shows them.",
            message_zh=f"没有编号为 {set_id} 的现行限值表，可用 pipemap limits list 查看。",
        )
    audit.record(connection, author, "limits.remove", dict(gone))


def list_tables(connection: Connection, every: bool = False) -> list[LimitSet]:
    """The tables in force, newest first; with `every` those put out of force too."""
    return [LimitSet(**row) for row in fetch_all(connection, queries("limits")["list"], {"every": every})]
