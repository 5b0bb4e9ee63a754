"""Which limit decides between two parties, or over one, and what becomes of every other row of the tables."""

from collections.abc import Callable, Iterator
from typing import TypeAlias

from pipemap.clearance.conditions import LEFT_OUT, Party
from pipemap.clearance.rules import Limit, clearance_applied, concerns, cover_applied, cover_limit, strictest
from pipemap.clearance.tables import SUPERSEDED, LimitTables, Row, TableName, replaced_by, standard_rows
from pipemap.clearance.words import attribute_names
from schemas.clearance import LimitAnswer, LimitQuestion, LimitRow, LimitState

# What becomes of a row, in a word and a sentence of each language.
_Fate: TypeAlias = tuple[LimitState, str, str]
_RANK: tuple[LimitState, ...] = ("decides", "applies", "may_apply", "does_not_apply", "replaced", "superseded")


def limits_between(one: Party, other: Party) -> LimitAnswer:
    """Every row about the classes of two parties, the deciding one first; both have the same tables."""
    rows = [
        *_clearances("horizontal", "clearance_horizontal", one, other),
        *_clearances("vertical", "clearance_vertical", one, other),
    ]
    return LimitAnswer(limits_digest=one.limits.digest, rows=tuple(rows))


def limits_over(party: Party) -> LimitAnswer:
    """Every row about the cover of a party, the deciding one first."""
    rows = [*_covers("cover_carriageway", party, True), *_covers("cover_elsewhere", party, False)]
    return LimitAnswer(limits_digest=party.limits.digest, rows=tuple(rows))


def _clearances(question: LimitQuestion, name: TableName, one: Party, other: Party) -> list[LimitRow]:
    decides = strictest("horizontal" if question == "horizontal" else "vertical", one, other)
    rows = [row for row in _every(one.limits, name) if concerns(row, one, other)]
    return _told(question, rows, one.limits, name, decides, lambda row: clearance_applied(row, one, other))


def _covers(question: LimitQuestion, party: Party, motor: bool) -> list[LimitRow]:
    column = "min_cover_motor_m" if motor else "min_cover_non_motor_m"
    rows = [
        {**row, "min_clear_m": row[column]}
        for row in _every(party.limits, "cover_depth")
        if row["class"] == party.clearance_class and row[column]
    ]
    decides = cover_limit(party, motor)
    return _told(question, rows, party.limits, "cover_depth", decides, lambda row: cover_applied(row, party, motor))


def _every(tables: LimitTables, name: TableName) -> Iterator[Row]:
    """The rows in force, then those that are not."""
    standing = tables.rows(name)
    ids = {row["rule_id"] for row in standing}
    yield from standing
    yield from (row for row in standard_rows(name) if row["rule_id"] not in ids)


def _told(
    question: LimitQuestion,
    rows: list[Row],
    tables: LimitTables,
    name: TableName,
    decides: Limit | None,
    applied: Callable[[Row], Limit | None],
) -> list[LimitRow]:
    replacing = {rule_id: row for row in tables.rows(name) for rule_id in replaced_by(row)}
    told = [_line(question, row, _fate(row, replacing.get(row["rule_id"]), decides, applied)) for row in rows]
    return sorted(told, key=lambda line: (_RANK.index(line.state), -line.min_m))


def _fate(row: Row, by: Row | None, decides: Limit | None, applied: Callable[[Row], Limit | None]) -> _Fate:
    if row["standard"] in SUPERSEDED:
        return "superseded", "of an edition no longer in force, for comparison only", "属已废止版本，仅供对照"
    if by is not None:
        return "replaced", f"replaced by {by['rule_id']}: {by['note']}", f"已由 {by['rule_id']} 替换：{by['note']}"
    limit = applied(row)
    if limit is None:
        return _not_applied(row)
    names_en, names_zh = attribute_names(limit.assumed)
    open_en, open_zh = (f"; not known: {names_en}", f"；{names_zh}不明") if limit.assumed else ("", "")
    if decides is not None and limit.rule_id == decides.rule_id:
        return "decides", f"the largest that may apply{open_en}", f"可能适用的最大值{open_zh}"
    if limit.assumed:
        return "may_apply", f"another asks for as much or more{open_en}", f"另有不低于此值的规定{open_zh}"
    return "applies", "another asks for as much or more", "另有不低于此值的规定"


def _not_applied(row: Row) -> _Fate:
    conditions = _conditions(row)
    if LEFT_OUT & set(conditions):
        listed = ", ".join(conditions)
        return "does_not_apply", f"nothing in the map tells whether {listed}", f"图中无法判断是否为 {listed}"
    return "does_not_apply", "its conditions do not hold", "条件不符"


def _conditions(row: Row) -> list[str]:
    return [row[column] for column in ("condition", "a_condition", "b_condition") if row.get(column)]


def _line(question: LimitQuestion, row: Row, fate: _Fate) -> LimitRow:
    state, why_en, why_zh = fate
    sides = [(row[f"{side}_class"], row[f"{side}_condition"]) for side in ("a", "b") if f"{side}_class" in row]
    condition = "; ".join(f"{name} {text}" for name, text in sides if text) if sides else row["condition"]
    return LimitRow(
        question=question,
        rule_id=row["rule_id"],
        standard=row["standard"],
        clause=row["clause"],
        condition=condition,
        min_m=float(row["min_clear_m"]),
        confidence=row["confidence"],
        state=state,
        why_en=why_en,
        why_zh=why_zh,
        note=row["note"],
    )
