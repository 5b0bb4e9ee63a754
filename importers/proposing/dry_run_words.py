"""How a dry run is told: tables on the terminal in Chinese or English, or one JSON document."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from importers.places.place_readings import PlaceReading
from importers.proposing.dry_run import DryRun
from importers.proposing.matching import Match, Reason, sureness
from importers.proposing.proposal import ColumnProposal, TableProposal
from importers.proposing.vocabulary import labels
from importers.proposing.word_proposals import WordProposal
from pipemap.terminal import emit_table, emit_text, say
from schemas.delivery import Delivery

_MOST_WORDS = 30
SAID_BY = {
    "row": "the rows 数据行",
    "profile": "the profile 配置",
    "column": "column names 列名",
    "evidence": "its heights 成果高程",
    "standard": "the standard's table 标准",
}


def show(found: DryRun, language: str) -> None:
    """Print a dry run: each table and column, how places are read, unknown words, and what an import would load."""
    say(f"Profile {found.profile.name}: {found.why}.")
    for table in found.tables:
        if table.role == "ignored" or not table.n_rows:
            emit_text(f"{table.file} / {table.sheet}: {table.n_rows} rows 行, left out 不导入")
        else:
            _show_table(table, language)
    for place, readings in found.places.items():
        _show_places(place[1], readings)
    if found.words:
        _show_words(found.words)
    if found.fault is not None:
        told = found.fault.details.get("message_zh") if language == "zh" else None
        emit_text(f"An import would stop 导入将中止: {told or found.fault.message}")
    if found.trial is not None:
        _show_trial(found.trial, language)


def document(found: DryRun) -> dict[str, Any]:
    """A dry run as one JSON document."""
    return {
        "profile": found.profile.name,
        "why": found.why,
        "axis": found.profile.axis,
        "tables": [_table_document(table) for table in found.tables],
        "columns": [_column_document(table, column) for table in found.tables for column in table.columns],
        "places": [
            {"file": file, "sheet": sheet, "readings": [_place_document(reading) for reading in readings]}
            for (file, sheet), readings in found.places.items()
        ],
        "words": [_word_document(word) for word in found.words],
        "fault": None if found.fault is None else {"code": found.fault.code, "message": found.fault.message},
        "datums": [] if found.trial is None else [asdict(use) for use in found.trial.datums],
        "totals": None if found.trial is None else _totals(found.trial),
        "findings": [] if found.trial is None else _counted(found.trial),
        "proposed_profile": found.text,
    }


def show_datums(datums: Sequence[dict[str, Any]]) -> None:
    """Print what depths and pipe elevations of every class refer to, and who says so."""
    rows = [(use["class_code"], use["datum_code"], SAID_BY[use["said_by"]], use["rows"]) for use in datums]
    if rows:
        emit_table("Depths refer to 埋深基准", ("class 类别", "datum 基准", "said by 依据", "lines 管段"), rows)


def _show_table(table: TableProposal, language: str) -> None:
    role = table.role or "not recognised 未识别"
    sure = "" if table.certainty is None or table.is_known else f" ({sureness(table.certainty)})"
    title = f"{table.file} / {table.sheet}: {table.n_rows} rows 行, {role}{sure}; {_said(table.why, language)}"
    columns = ("column 列", "taken for 识别为", "how sure 把握", "why 依据", "samples 示例", "or 也可能")
    shown = [column for column in table.columns if column.attribute or column.samples]
    emit_table(title, columns, [_row(column, language) for column in shown])
    empty = [column.column for column in table.columns if column not in shown]
    if empty:
        emit_text(f"Empty 空列: {', '.join(empty)}")


def _row(column: ColumnProposal, language: str) -> tuple[str | None, ...]:
    attribute = column.attribute and f"{column.attribute} {labels()[column.attribute]}"
    unit = f" [{column.unit}]" if column.unit and attribute else ""
    sure = None if column.certainty is None else sureness(column.certainty)
    why = _said(column.why, language)
    return column.column, attribute and attribute + unit, sure, why, " | ".join(column.samples), _near(column.near)


def _near(near: Sequence[Match]) -> str:
    return ", ".join(f"{match.attribute} {match.certainty:.2f}" for match in near)


def _show_places(sheet: str, readings: Sequence[PlaceReading]) -> None:
    rows = [
        (
            reading.name,
            reading.crs.name,
            "X northing 北" if reading.axis == "x_is_northing" else "X easting 东",
            f"{reading.inside:.0%}",
            None if reading.distance_m is None else f"{reading.distance_m / 1000:.1f}",
        )
        for reading in readings
    ]
    columns = ("system 坐标系", "name 名称", "axis 轴序", "can be there 在范围内", "km from the map 距本图")
    emit_table(
        f"{sheet}: ways to read its coordinates 坐标读法", columns, rows or [("none fits 均不符", "", "", "", "")]
    )


def _show_words(words: Sequence[WordProposal]) -> None:
    rows = [
        (
            f"{word.sheet}.{word.column}",
            word.word,
            word.n_rows,
            f"{word.near.code} ({word.near.word}, {word.near.nearness:.2f})" if word.near else "nothing near 无相近词",
        )
        for word in words[:_MOST_WORDS]
    ]
    title = f"{len(words)} words that no dictionary has 字典中没有的词"
    emit_table(title, ("column 列", "word 词", "rows 行", "nearest 最相近"), rows)


def _show_trial(trial: Delivery, language: str) -> None:
    rows = [(c.file, c.sheet, c.class_code, c.rows, c.loaded, c.refused, c.skipped) for c in trial.counts]
    titles = ("file", "table", "class", "rows", "loaded", "refused", "skipped")
    emit_table("An import with the proposed profile 按建议配置导入", titles, rows)
    show_datums([asdict(use) for use in trial.datums])
    found = _counted(trial)
    if found:
        columns = ("rule", "severity", "count", "first 首例")
        said = "message_zh" if language == "zh" else "message_en"
        emit_table("It would find 将发现", columns, [(f["rule"], f["severity"], f["count"], f[said]) for f in found])


def _counted(trial: Delivery) -> list[dict[str, Any]]:
    counts = Counter((finding.rule, str(finding.severity)) for finding in trial.findings)
    first = {(finding.rule, str(finding.severity)): finding for finding in reversed(trial.findings)}
    return [
        {
            "rule": rule,
            "severity": severity,
            "count": counts[rule, severity],
            "message_en": first[rule, severity].message_en,
            "message_zh": first[rule, severity].message_zh,
        }
        for rule, severity in sorted(counts)
    ]


def _totals(trial: Delivery) -> dict[str, int]:
    names = ("rows", "loaded", "refused", "skipped")
    return {name: sum(getattr(count, name) for count in trial.counts) for name in names}


def _said(reason: Reason, language: str) -> str:
    return reason.zh if language == "zh" else reason.en


def _table_document(table: TableProposal) -> dict[str, Any]:
    return {
        "file": table.file,
        "sheet": table.sheet,
        "rows": table.n_rows,
        "role": table.role,
        "certainty": table.certainty,
        "known": table.is_known,
        **_reason_document(table.why),
    }


def _column_document(table: TableProposal, column: ColumnProposal) -> dict[str, Any]:
    return {
        "file": table.file,
        "sheet": table.sheet,
        "role": table.role,
        "column": column.column,
        "attribute": column.attribute,
        "certainty": column.certainty,
        "sureness": None if column.certainty is None else sureness(column.certainty),
        "by_values": column.by_values,
        "unit": column.unit,
        "filled": column.filled,
        "samples": list(column.samples),
        **_reason_document(column.why),
        "near": [{"attribute": n.attribute, "certainty": n.certainty, **_reason_document(n.why)} for n in column.near],
    }


def _reason_document(reason: Reason) -> dict[str, str]:
    return {"why": reason.en, "why_zh": reason.zh}


def _place_document(reading: PlaceReading) -> dict[str, Any]:
    return {
        "crs": reading.name,
        "axis": reading.axis,
        "inside": reading.inside,
        "distance_m": reading.distance_m,
        "fits": reading.fits,
    }


def _word_document(word: WordProposal) -> dict[str, Any]:
    near = word.near
    return {
        "file": word.file,
        "sheet": word.sheet,
        "column": word.column,
        "attribute": word.attribute,
        "word": word.word,
        "rows": word.n_rows,
        "nearest": near and {"word": near.word, "code": near.code, "nearness": near.nearness},
    }
