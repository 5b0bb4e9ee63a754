"""Planned cuts as people write them: NAME,START,END,WHAT on the command line or as the rows of a CSV file."""

import csv
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from pipemap.errors import UsageError
from schemas.shutdowns import PlannedCut

_COLUMNS = ("name", "start", "end", "what")
_FORM = "write NAME,START,END,WHAT, WHAT being segment:ID, node:ID, key:KEY or at:X:Y[:Z], several joined by +"

Row = dict[str, str]


def read_option(text: str) -> Row:
    """One cut as an option has it."""
    parts = [part.strip() for part in text.split(",")]
    if len(parts) != len(_COLUMNS):
        raise UsageError(f"{text} is no planned cut: {_FORM}.")
    return dict(zip(_COLUMNS, parts, strict=True))


def read_file(path: Path) -> list[Row]:
    """The cuts of a CSV file in UTF-8 with the columns name, start, end and what; UsageError where it has others."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            rows = list(csv.DictReader(lines))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{path.name} cannot be read as CSV in UTF-8: {error}.") from error
    if not rows or not set(_COLUMNS) <= set(rows[0]):
        raise UsageError(f"{path.name} needs the columns {', '.join(_COLUMNS)} and at least one row.")
    return [{name: (row[name] or "").strip() for name in _COLUMNS} for row in rows]


def resolve(row: Row, segment_by_key: Callable[[str], int], class_codes: Sequence[str] | None) -> PlannedCut:
    """A cut with keys turned into identities; UsageError says what is wrong with one."""
    segment_ids: list[int] = []
    node_ids: list[int] = []
    places: list[tuple[float, float] | tuple[float, float, float]] = []
    for part in row["what"].split("+"):
        word, _, rest = part.strip().partition(":")
        if word == "segment" and rest.isdecimal():
            segment_ids.append(int(rest))
        elif word == "node" and rest.isdecimal():
            node_ids.append(int(rest))
        elif word == "key" and rest:
            segment_ids.append(segment_by_key(rest))
        elif word == "at":
            places.append(_place(rest))
        else:
            raise UsageError(f"{part or 'Nothing'} says not what is cut in {row['name']}: {_FORM}.")
    starts_at, ends_at = _moment(row["start"]), _moment(row["end"])
    codes = list(class_codes or ["water"])
    return PlannedCut(
        name=row["name"] or "?", starts_at=starts_at, ends_at=ends_at,
        segment_ids=segment_ids, node_ids=node_ids, places=places, class_codes=codes,
    )  # fmt: skip


def _place(text: str) -> tuple[float, float] | tuple[float, float, float]:
    try:
        numbers = [float(part) for part in text.split(":")]
    except ValueError:
        numbers = []
    if len(numbers) == 2:
        return numbers[0], numbers[1]
    if len(numbers) == 3:
        return numbers[0], numbers[1], numbers[2]
    raise UsageError(f"A place is at:X:Y or at:X:Y:Z in the project CRS, not at:{text}.")


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"{text or 'An empty text'} is no time; write it as 2026-08-03T22:00.") from error
