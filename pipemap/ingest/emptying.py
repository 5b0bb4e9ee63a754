"""Values that the map would lose because a delivery has no word for them: told, for nobody may have meant it."""

from collections.abc import Mapping

from psycopg.sql import SQL, Composable, Identifier, Literal

from pipemap.db import Connection
from pipemap.drafts import count_updates
from pipemap.ingest.draft import WHEN_ABSENT
from pipemap.matching import KIND_NAMES
from schemas.codetables import code_table
from schemas.findings import Finding, Severity
from schemas.tables import attribute_names

# A class that nothing tells takes the place of the one that the map knows.
_UNTOLD: dict[str, object] = {**WHEN_ABSENT, "class_code": "unknown"}


def emptied_values(connection: Connection, changeset_id: int, kind: str, given: set[str]) -> list[Finding]:
    """What a drafted full delivery takes from the features of a kind that it changes, one finding at most.

    `given` are the columns in which the delivery has a value anywhere; what it left empty in a column that it does
    fill is its word. A class that it cannot tell is counted wherever that is so.
    """
    absent = [name for name in attribute_names(kind) if name not in given or name == "class_code"]
    if not absent:
        return []
    lost = count_updates(connection, changeset_id, kind, {name: _is_emptied(name) for name in absent})
    return [_finding(kind, lost)] if lost else []


def _is_emptied(name: str) -> Composable:
    if name not in _UNTOLD:
        return SQL("c.{0} IS NOT NULL AND d.{0} IS NULL").format(Identifier(name))
    return SQL("c.{0} <> {1} AND d.{0} = {1}").format(Identifier(name), Literal(_UNTOLD[name]))


def _finding(kind: str, lost: Mapping[str, int]) -> Finding:
    names, (kind_en, kind_zh) = code_table("attribute"), KIND_NAMES[kind]
    en = ", ".join(f"{names[name].name_en} {count}" for name, count in lost.items())
    zh = "、".join(f"{names[name].name_zh} {count}" for name, count in lost.items())
    return Finding(
        rule="IMP-EMPTIES",
        severity=Severity.WARNING,
        message_en=f"This delivery says nothing of what the map knows of {kind_en}, and would empty it ({en}). "
        "If it does not speak of these, discard this changeset and import it with --partial, or deliver them again.",
        message_zh=f"本成果未提供图上{kind_zh}已有的属性，发布后这些值将被清空（{zh}）。"
        "若本成果并不涉及这些属性，请丢弃本变更集，并以 --partial 重新导入，或补充后重新提交。",
        feature_kind=kind,
        value=str(sum(lost.values())),
        details={"emptied": dict(lost)},
    )
