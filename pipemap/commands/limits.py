"""`pipemap limits`: which limit applies and why, and a city's own tables of limits."""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pipemap.clearance.conditions import Party
from pipemap.clearance.explaining import limits_between, limits_over
from pipemap.clearance.local_tables import add_table, list_tables, remove_table
from pipemap.clearance.parties import party_of, structure_party
from pipemap.clearance.tables import LimitTables, TableName, limits_in_force
from pipemap.clearance.words import clause_zh
from pipemap.commands.session import open_database
from pipemap.commands.words import Words, clock
from pipemap.errors import RejectedError, UsageError
from pipemap.settings import Settings
from pipemap.terminal import JsonOption, emit_json, say
from schemas.clearance import AddedLimits, LimitRow
from schemas.codetables import code_table

app = typer.Typer()
limits = typer.Typer(help="Limits of clearance and cover: which applies, and a city's own. 净距与覆土限值")
app.add_typer(limits, name="limits")


class Which(StrEnum):
    """Which of the three tables a file adds to."""

    horizontal = "horizontal"
    vertical = "vertical"
    cover = "cover"


_TABLES: dict[Which, TableName] = {
    Which.horizontal: "clearance_horizontal", Which.vertical: "clearance_vertical", Which.cover: "cover_depth",
}  # fmt: skip
_COLUMNS = ("question", "state", "least m", "standard", "clause", "rule", "condition", "confidence", "why")
_STATES_SHOWN = {"decides", "applies", "may_apply", "replaced"}


@limits.command()
def show(
    class_code: Annotated[str, typer.Argument(metavar="CLASS", help="A utility class, for example gas.")],
    other_code: Annotated[
        str | None, typer.Argument(metavar="[OTHER]", help="A class or structure beside it; none for cover.")
    ] = None,
    burial: Annotated[str | None, typer.Option(help="How the first lies: direct, conduit…")] = None,
    width_mm: Annotated[float | None, typer.Option("--width", help="Outer size of the first, mm.")] = None,
    pressure_mpa: Annotated[float | None, typer.Option("--pressure", help="Pressure of the first, MPa.")] = None,
    voltage_kv: Annotated[float | None, typer.Option("--voltage", help="Voltage of the first, kV.")] = None,
    other_burial: Annotated[str | None, typer.Option(help="How the other lies.")] = None,
    other_width_mm: Annotated[float | None, typer.Option("--other-width", help="Outer size of the other, mm.")] = None,
    other_pressure_mpa: Annotated[
        float | None, typer.Option("--other-pressure", help="Pressure of the other, MPa.")
    ] = None,
    other_voltage_kv: Annotated[float | None, typer.Option("--other-voltage", help="Voltage of the other, kV.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Rows that do not apply too.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Say which limit applies to a pair, or to the cover of one, under which conditions and why. 适用限值"""
    with open_database() as database, database.transaction(read_only=True) as connection:
        tables = limits_in_force(connection)
    one = _party(tables, class_code, burial, width_mm, pressure_mpa, voltage_kv)
    if other_code is None:
        answer = limits_over(one)
    else:
        other = _party(tables, other_code, other_burial, other_width_mm, other_pressure_mpa, other_voltage_kv)
        answer = limits_between(one, other)
    if as_json:
        emit_json(answer.model_dump(mode="json"))
        return
    shown = [row for row in answer.rows if every or row.state in _STATES_SHOWN]
    _show(answer.limits_digest, shown)


@limits.command()
def add(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="CSV with the columns of schemas/limits, and `replaces`.")
    ],
    table: Annotated[Which, typer.Option("--table", help="Which table its rows add to.")],
    as_json: JsonOption = False,
) -> None:
    """Put a city's own limits in force; a file with a wrong row is refused whole. 添加地方限值表"""
    try:
        with open_database() as database, database.transaction() as connection:
            added = add_table(connection, file, _TABLES[table], Settings().user)
    except RejectedError as error:
        for found in error.details.get("findings", ()):
            say(f"{found['file']}: {Words().of(found['message_en'], found['message_zh'])}")
        raise
    if as_json:
        emit_json(added.model_dump(mode="json"))
        return
    _tell_added(added)


@limits.command("list")
def list_all(
    every: Annotated[bool, typer.Option("--all", help="Those put out of force too.")] = False,
    as_json: JsonOption = False,
) -> None:
    """List a city's own tables of limits, newest first. 列出地方限值表"""
    with open_database() as database, database.transaction(read_only=True) as connection:
        found = list_tables(connection, every)
    if as_json:
        emit_json([each.model_dump(mode="json") for each in found])
        return
    words = Words()
    rows = [
        (
            each.set_id,
            words.term(each.table_name),
            each.file_name,
            each.rows,
            each.author,
            clock(each.added_at),
            clock(each.removed_at),
        )
        for each in found
    ]  # fmt: skip
    title = words.of("The city's own limits", "地方限值表")
    words.table(title, ("number", "table", "file", "rows", "author", "added", "removed"), rows)


@limits.command()
def remove(
    set_id: Annotated[int, typer.Argument(metavar="NUMBER", help="As `pipemap limits list` says.")],
    as_json: JsonOption = False,
) -> None:
    """Put a city's table out of force. 停用地方限值表"""
    with open_database() as database, database.transaction() as connection:
        remove_table(connection, set_id, Settings().user)
    if as_json:
        emit_json({"set_id": set_id})
        return
    say(Words().of(f"Table {set_id} is out of force.", f"限值表 {set_id} 已停用。"))


def _show(digest: str, rows: Sequence[LimitRow]) -> None:
    words = Words()
    cells = (
        (
            words.term(row.question), words.term(row.state), f"{row.min_m:g}", row.standard,
            words.of(row.clause, clause_zh(row.clause)), row.rule_id,
            row.condition, words.term(row.confidence), words.of(row.why_en, row.why_zh),
        )
        for row in rows
    )  # fmt: skip
    words.table(words.of(f"Limits (tables {digest})", f"适用限值（限值表 {digest}）"), _COLUMNS, cells)


def _tell_added(added: AddedLimits) -> None:
    words, number, rows = Words(), added.set_id, added.rows
    say(words.of(f"Table {number}: {rows} rows are in force.", f"限值表 {number}：已采用 {rows} 行。"))
    if added.never_apply:
        rules = words.listed(added.never_apply)
        english, chinese = "The map does not hold what these rows are about", "图中没有以下各行所指的对象"
        say(words.of(f"{english}: {rules}.", f"{chinese}：{rules}。"))
    say(
        words.of(
            "What was judged before keeps its limits: `pipemap clearance --city` judges the city by the new ones.",
            "此前的判定仍按原限值：运行 `pipemap clearance --city` 以新限值重新判定全市。",
        )
    )


def _party(
    tables: LimitTables,
    code: str,
    burial: str | None,
    width_mm: float | None,
    pressure_mpa: float | None,
    voltage_kv: float | None,
) -> Party:
    """The party a class or a kind of structure is; UsageError for one that is neither."""
    structure = structure_party(code, tables)
    if structure is not None:
        return structure
    if code not in code_table("utility_class") or (burial is not None and burial not in code_table("burial")):
        classes, ways = ", ".join(code_table("utility_class")), ", ".join(code_table("burial"))
        raise UsageError(
            f"{code} {burial or ''} is not a utility class and a way of lying; the classes are {classes}; "
            f"the ways are {ways}.",
            message_zh=f"{code} {burial or ''} 不是管线类别或敷设方式；类别：{classes}；敷设方式：{ways}。",
        )
    row = {
        "class_code": code, "burial_code": burial, "pressure_code": None, "pressure_mpa": pressure_mpa,
        "width_mm": width_mm, "voltage_kv": voltage_kv,
    }  # fmt: skip
    return party_of(row, tables)
