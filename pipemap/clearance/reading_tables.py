"""A city's own table of limits, read from its file: rows as they are written, and a finding for each that is wrong."""

import csv
import io
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from pipemap.clearance.conditions import attribute_of, is_readable, known_conditions
from pipemap.clearance.rules import CLASS_NAMES, CONFIDENCES, MODEL_CLASSES, NOT_ON_THE_MAP, NOT_UTILITIES
from pipemap.clearance.tables import Row, TableName, replaced_by
from pipemap.errors import SourceError
from schemas.findings import Finding, Severity

_LARGEST_BYTES, _MOST_ROWS = 2_000_000, 5_000
# As far as the checks of a changeset look around it.
_LARGEST_LIMIT_M = 50.0
_AROUND = ("measured", "source", "confidence", "note", "replaces")
_PAIR = ("rule_id", "standard", "clause", "a_class", "a_condition", "b_class", "b_condition", "min_clear_m", *_AROUND)
_COVER = ("rule_id", "standard", "clause", "class", "condition", "min_cover_non_motor_m", "min_cover_motor_m", *_AROUND)
COLUMNS: dict[TableName, tuple[str, ...]] = {
    "clearance_horizontal": _PAIR, "clearance_vertical": _PAIR, "cover_depth": _COVER,
}  # fmt: skip
_NUMBERS = ("min_clear_m", "min_cover_non_motor_m", "min_cover_motor_m")
_MAY_BE_MISSING = frozenset({"measured", "source", "note", "replaces"})
# Attributes that only one class is known by.
_ATTRIBUTE_OF_CLASS = {"pressure_mpa": "gas", "voltage_kv": "power"}
_CLASSES_OF_PAIRS = MODEL_CLASSES | CLASS_NAMES.keys() | NOT_ON_THE_MAP
_CLASSES_OF_COVER = (MODEL_CLASSES - NOT_UTILITIES) | NOT_ON_THE_MAP
# What is wrong with a cell and what to do, in English and Chinese.
_Words = tuple[str, str]


def read_table(
    path: Path, name: TableName, standing: Sequence[Row], taken: frozenset[str]
) -> tuple[list[Row], list[Finding]]:
    """The rows of a file, and what is wrong with them; rows that are wrong are among the rows too.

    `standing` are the rows in force, which a row may name in `replaces`; `taken` the names that rules have already.
    UTF-8, or GB 18030 as office programs write it. Raises SourceError for a file that is no such table.
    """
    text = _text(path)
    try:
        reader = csv.DictReader(io.StringIO(text, newline=""), restkey="", restval="", strict=True)
        header = [cell.strip() for cell in reader.fieldnames or ()]
        _check_header(path, name, header)
        reader.fieldnames = header
        # The row as a person counts it: a cell of several lines makes it more than the number of rows.
        read = [(reader.line_num, row) for row in reader if any(map(_is_filled, row.values()))]
    except csv.Error as error:
        raise SourceError(
            f"{path.name} is not a CSV table: {error}. Save it as CSV (UTF-8) and try again.",
            message_zh=f"{path.name} 不是有效的 CSV 表，请另存为 CSV（UTF-8）后重试。",
        ) from error
    if not read or len(read) > _MOST_ROWS:
        raise SourceError(
            f"{path.name} has {len(read)} rows; a table of limits has 1 to {_MOST_ROWS}.",
            message_zh=f"{path.name} 有 {len(read)} 行；限值表应有 1 至 {_MOST_ROWS} 行。",
        )
    rows = [_trimmed(row, COLUMNS[name]) for _, row in read]
    uses = Counter(row["rule_id"] for row in rows)
    check = _RowCheck(name, frozenset(row["rule_id"] for row in standing), taken, uses)
    findings = [
        _finding(path, line, column, row.get(column, ""), words)
        for (line, raw), row in zip(read, rows, strict=True)
        for column, words in (*_surplus(raw), *check(row))
    ]
    return rows, findings


def never_applies(row: Row) -> bool:
    """Whether a row is about something that the map does not hold."""
    return bool(NOT_ON_THE_MAP & {row.get("a_class"), row.get("b_class"), row.get("class")})


class _RowCheck:
    """What is wrong with the cells of a row: the column, and the words in both languages."""

    def __init__(self, name: TableName, standing: frozenset[str], taken: frozenset[str], uses: Counter[str]) -> None:
        self._name, self._standing, self._taken, self._uses = name, standing, taken, uses

    def __call__(self, row: Row) -> Iterator[tuple[str, _Words]]:
        yield from self._identity(row)
        is_cover = self._name == "cover_depth"
        for class_column, condition_column in (("class", "condition"),) if is_cover else _SIDES:
            known = _CLASSES_OF_COVER if is_cover else _CLASSES_OF_PAIRS
            yield from _side(row, class_column, condition_column, known)
        if not is_cover and {row["a_class"], row["b_class"]} <= NOT_UTILITIES:
            yield "b_class", ("two structures have no clearance; name a utility", "两侧均为建（构）筑物，请填管线类别")
        yield from self._numbers(row)
        if row["confidence"] not in CONFIDENCES:
            listed = ", ".join(CONFIDENCES)
            yield "confidence", (f"is no such mark; write one of {listed}", f"无效，请填 {listed} 之一")
        yield from self._replacing(row)

    def _identity(self, row: Row) -> Iterator[tuple[str, _Words]]:
        if not row["rule_id"]:
            yield "rule_id", ("is empty; give every row a name of its own", "为空，请为每行取一个唯一编号")
        elif self._uses[row["rule_id"]] > 1:
            yield "rule_id", ("stands twice in the file; names are unique", "在文件中重复，编号应唯一")
        elif row["rule_id"] in self._taken:
            yield (
                "rule_id",
                (
                    "is the name of a rule already; choose another, and name that one in `replaces` to replace it",
                    "已被现有规则占用，请另取编号；如要替换该规则，请填入 replaces 列",
                ),
            )
        if not row["standard"]:
            yield "standard", ("is empty; say who asks for it", "为空，请注明出处")

    def _numbers(self, row: Row) -> Iterator[tuple[str, _Words]]:
        columns = [column for column in COLUMNS[self._name] if column in _NUMBERS]
        for column in columns:
            if (row[column] or len(columns) == 1) and not _is_limit(row[column]):
                yield (
                    column,
                    (
                        f"is not a number of metres from 0 to {_LARGEST_LIMIT_M:g}; write for example 0.5",
                        f"不是 0 至 {_LARGEST_LIMIT_M:g} 米之间的数，例如 0.5",
                    ),
                )
        if not any(row[column] for column in columns) and len(columns) > 1:
            yield columns[0], ("gives no cover at all; fill one of the two", "未给出覆土深度，请至少填一列")

    def _replacing(self, row: Row) -> Iterator[tuple[str, _Words]]:
        for rule_id in replaced_by(row):
            if rule_id not in self._standing:
                yield (
                    "replaces",
                    (
                        f"names {rule_id}, no standard's rule in force of this table; see `pipemap limits show`",
                        f"中的 {rule_id} 不是本表现行的标准条文，可用 pipemap limits show 查看",
                    ),
                )
        if replaced_by(row) and not row["note"]:
            yield "note", ("is empty; say why the standard's row is replaced", "为空，替换标准条文须说明理由")


_SIDES = (("a_class", "a_condition"), ("b_class", "b_condition"))


def _side(row: Row, class_column: str, condition_column: str, classes: frozenset[str]) -> Iterator[tuple[str, _Words]]:
    clearance_class, condition = row[class_column], row[condition_column]
    if clearance_class not in classes:
        known = ", ".join(sorted(MODEL_CLASSES & classes))
        yield class_column, (f"is no class of the limits; there are {known}", f"不是限值表的类别，可用：{known}")
        return
    if never_applies(row):
        return
    if not is_readable(condition):
        listed = ", ".join(f"`{each}`" for each in known_conditions())
        yield condition_column, (f"is not understood; write {listed}, or nothing", f"无法识别，可用：{listed}，或留空")
        return
    owner = _ATTRIBUTE_OF_CLASS.get(attribute_of(condition))
    if owner is not None and clearance_class in MODEL_CLASSES and clearance_class != owner:
        yield (
            condition_column,
            (
                f"asks for what is known of {owner} alone; leave it empty",
                f"只适用于 {owner} 类，请留空",
            ),
        )


def _is_limit(text: str) -> bool:
    try:
        value = float(text)
    except ValueError:
        return False
    return math.isfinite(value) and 0 <= value <= _LARGEST_LIMIT_M


def _check_header(path: Path, name: TableName, header: Sequence[str]) -> None:
    wanted = COLUMNS[name]
    missing = [column for column in wanted if column not in header and column not in _MAY_BE_MISSING]
    strange = [column for column in header if column not in wanted]
    twice = [column for column, uses in Counter(header).items() if uses > 1]
    if missing or strange or twice:
        asked: dict[str, Callable[[str], str]] = {
            "lacks {}": "缺少列 {}".format, "has an unknown column {}": "有未知列 {}".format,
            "has column {} twice": "列 {} 重复".format,
        }  # fmt: skip
        faults = [
            (english.format(", ".join(columns)), chinese("、".join(columns)))
            for (english, chinese), columns in zip(asked.items(), (missing, strange, twice), strict=True)
            if columns
        ]
        faults_en, faults_zh = "; ".join(each for each, _ in faults), "；".join(each for _, each in faults)
        raise SourceError(
            f"{path.name} {faults_en}. The columns of {name} are {', '.join(wanted)}.",
            message_zh=f"{path.name} {faults_zh}。{name} 的列为 {', '.join(wanted)}。",
        )


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST_BYTES + 1)
    except OSError as error:
        raise SourceError(
            f"{path.name} cannot be read: {error.strerror}.", message_zh=f"{path.name} 无法读取。"
        ) from error
    if len(data) > _LARGEST_BYTES or b"\0" in data:
        raise SourceError(
            f"{path.name} is no table of limits: it is over {_LARGEST_BYTES // 1_000_000} MB or holds zero bytes.",
            message_zh=f"{path.name} 不是限值表：文件过大或含有零字节。",
        )
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise SourceError(
        f"{path.name} is neither UTF-8 nor GB 18030; save it as CSV (UTF-8).",
        message_zh=f"{path.name} 既不是 UTF-8 也不是 GB 18030 编码，请另存为 CSV（UTF-8）。",
    )


def _is_filled(cell: str | list[str] | None) -> bool:
    return any(part.strip() for part in (cell if isinstance(cell, list) else [cell or ""]))


def _trimmed(row: dict[str, str], columns: Sequence[str]) -> Row:
    return {column: (row.get(column) or "").strip() for column in columns}


def _surplus(row: dict[str, str]) -> Iterator[tuple[str, _Words]]:
    if row.get(""):
        yield (
            "",
            ("has more cells than the header; put commas in quotes", "单元格多于表头，含逗号的文字请加引号"),
        )


def _finding(path: Path, line: int, column: str, value: str, words: _Words) -> Finding:
    what_en, what_zh = (f"{column} `{value}`", f"{column} “{value}”") if column else ("the row", "本行")
    return Finding(
        rule="LIMIT-TABLE",
        severity=Severity.ERROR,
        file=path.name,
        row=line,
        column=column or None,
        value=value[:200],
        message_en=f"Row {line}: {what_en} {words[0]}.",
        message_zh=f"第 {line} 行：{what_zh} {words[1]}。",
    )
