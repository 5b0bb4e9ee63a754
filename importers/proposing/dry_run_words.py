"""How a dry run is told: tables on the terminal in Chinese or English, or one JSON document."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from importers.places.place_readings import PlaceReading
from importers.proposing.dry_run import DryRun
from importers.proposing.match import Match, Reason, sureness, sureness_words
from importers.proposing.proposal import ColumnProposal, TableProposal
from importers.proposing.vocabulary import labels
from importers.proposing.word_proposals import WordProposal
from pipemap.commands.words import Words
from pipemap.terminal import emit_text, say
from schemas.delivery import Delivery

_MOST_WORDS = 30
SAID_BY = {
    "row": ("the rows", "数据行"),
    "profile": ("the profile", "配置"),
    "column": ("column names", "列名"),
    "evidence": ("its heights", "成果高程"),
    "standard": ("the standard's table", "标准"),
}


def show(found: DryRun, words: Words) -> None:
    """Print a dry run: each table and column, how places are read, unknown words, and what an import would load."""
    say(words.of(f"Profile {found.profile.name}: {found.why}.", f"配置 {found.profile.name}：{found.why}。"))
    for table in found.tables:
        if table.role == "ignored" or not table.n_rows:
            left_out = words.of(f"{table.n_rows} rows, left out", f"{table.n_rows} 行，不导入")
            emit_text(f"{table.file} / {table.sheet}: {left_out}")
        else:
            _show_table(table, words)
    for place, readings in found.places.items():
        _show_places(place[1], readings, words)
    if found.words:
        _show_words(found.words, words)
    if told := found.class_told:
        en = f"No row names a class; the profile takes them for {told.code}, {told.why.en}."
        emit_text(words.of(en, f"各行均未注明类别，配置按 {told.code} 处理：{told.why.zh}。"))
    if foot := found.foot_told:
        en = f"Heights and depths without a unit are read in feet, {foot.en}."
        emit_text(words.of(en, f"未注明单位的高程、埋深按英尺读取：{foot.zh}。"))
    if found.fault is not None:
        emit_text(words.of("An import would stop: ", "导入将中止：") + words.error(found.fault))
    if found.trial is not None:
        _show_trial(found.trial, words)


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
        "class_told": None if found.class_told is None else asdict(found.class_told),
        "foot_told": None if found.foot_told is None else asdict(found.foot_told),
        "words": [_word_document(word) for word in found.words],
        "fault": None if found.fault is None else {"code": found.fault.code, "message": found.fault.message},
        "datums": [] if found.trial is None else [asdict(use) for use in found.trial.datums],
        "totals": None if found.trial is None else _totals(found.trial),
        "findings": [] if found.trial is None else _counted(found.trial),
        "proposed_profile": found.text,
    }


def show_datums(datums: Sequence[dict[str, Any]], words: Words) -> None:
    """Print what depths and pipe elevations of every class refer to, and who says so."""
    rows = [
        (
            words.class_(use["class_code"]), words.code("depth_datum", use["datum_code"]),
            words.of(*SAID_BY[use["said_by"]]), use["rows"],
        )
        for use in datums
    ]  # fmt: skip
    if rows:
        words.table(words.of("Depths refer to", "埋深基准"), ("class", "datum", "said by", "lines"), rows)


def _show_table(table: TableProposal, words: Words) -> None:
    role = words.term(table.role) or words.of("not recognised", "未识别")
    sure = "" if table.certainty is None or table.is_known else f" ({_sure(table.certainty, words)})"
    rows = words.of(f"{table.n_rows} rows", f"{table.n_rows} 行")
    why = words.of(table.why.en, table.why.zh)
    shown = [column for column in table.columns if column.attribute or column.samples]
    columns = ("column", "taken for", "how sure", "why", "samples", "or")
    title = f"{table.file} / {table.sheet}: {rows}, {role}{sure}; {why}"
    words.table(title, columns, [_row(column, words) for column in shown])
    empty = [column.column for column in table.columns if column not in shown]
    if empty:
        emit_text(words.of("Empty: ", "空列：") + words.listed(empty))


def _row(column: ColumnProposal, words: Words) -> tuple[str | None, ...]:
    attribute = column.attribute and words.of(column.attribute, f"{column.attribute} {labels()[column.attribute]}")
    unit = f" [{column.unit}]" if column.unit and attribute else ""
    sure = None if column.certainty is None else _sure(column.certainty, words)
    why = words.of(column.why.en, column.why.zh)
    return column.column, attribute and attribute + unit, sure, why, " | ".join(column.samples), _near(column.near)


def _sure(certainty: float, words: Words) -> str:
    return f"{certainty:.2f} {words.of(*sureness_words(certainty))}"


def _near(near: Sequence[Match]) -> str:
    return ", ".join(f"{match.attribute} {match.certainty:.2f}" for match in near)


def _show_places(sheet: str, readings: Sequence[PlaceReading], words: Words) -> None:
    rows = [
        (
            reading.name,
            reading.crs.name,
            words.of("X northing", "X 向北") if reading.axis == "x_is_northing" else words.of("X easting", "X 向东"),
            f"{reading.inside:.0%}",
            None if reading.distance_m is None else f"{reading.distance_m / 1000:.1f}",
        )
        for reading in readings
    ]
    columns = ("system", "name", "axes", "can be there", "km from the map")
    title = words.of(f"{sheet}: ways to read its coordinates", f"{sheet}：坐标读法")
    words.table(title, columns, rows or [(words.of("none fits", "均不符"), "", "", "", "")])


def _show_words(unknown: Sequence[WordProposal], words: Words) -> None:
    rows = [
        (
            f"{word.sheet}.{word.column}",
            word.word,
            word.n_rows,
            f"{word.near.code} ({word.near.word}, {word.near.nearness:.2f})"
            if word.near
            else words.of("nothing near", "无相近词"),
        )
        for word in unknown[:_MOST_WORDS]
    ]
    title = words.of(f"{len(unknown)} words that no dictionary has", f"字典中没有的词 {len(unknown)} 个")
    words.table(title, ("column", "word", "rows", "nearest"), rows)


def _show_trial(trial: Delivery, words: Words) -> None:
    rows = [(c.file, c.sheet, words.class_(c.class_code), c.rows, c.loaded, c.refused, c.skipped) for c in trial.counts]
    titles = ("file", "sheet", "class", "rows", "loaded", "refused", "skipped")
    words.table(words.of("An import with the proposed profile", "按建议配置导入"), titles, rows)
    show_datums([asdict(use) for use in trial.datums], words)
    found = [
        (f["rule"], words.term(f["severity"]), f["count"], words.of(f["message_en"], f["message_zh"]))
        for f in _counted(trial)
    ]
    if found:
        words.table(words.of("It would find", "将发现"), ("rule", "severity", "count", "first"), found)


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
