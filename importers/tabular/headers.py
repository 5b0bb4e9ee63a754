"""The header of a table: in which rows it stands, the names it gives, and what the lines above it say."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise, permutations
from typing import Any

from importers.normalising.units import SCALES
from importers.profiles import plain

HEADER_WITHIN = 20
_MOST_ROWS = 3
_FEW_COLUMNS = 4
_MANY_NUMBERS = 2
_LEAST_RECORDS = 4
_FIGURES = re.compile(r"\d+")

Row = Sequence[Any]
Merge = tuple[tuple[int, int], tuple[int, int]]

_UNIT = re.compile(r"[(（\[【]\s*(m|mm|cm|dm|kv|v|mpa|kpa|%|‰|°|米|毫米|厘米)\s*[)）\]】]", re.IGNORECASE)
_UNIT_WORDS = "|".join(map(re.escape, sorted((*SCALES, "%", "‰", "°", *"孔根条个"), key=len, reverse=True)))
_BARE_UNIT = re.compile(rf"[(（\[【]?\s*({_UNIT_WORDS})\.?\s*[)）\]】]?", re.IGNORECASE)
# What stands among units over columns that have none, and what the row of them is called.
_NO_UNITS = frozenset(
    ("-", "--", "—", "–", "/", "n/a", "unit", "units", "单位", "einheit", "unité", "unidad", "ед.", "jedn.")
)
_UNITS_OF_DATES = frozenset(("年", "年月", "年月日", "月", "日", "year", "date"))
# These say at which end of a pipe; what they are the end of stands in the row above.
_END_WORDS = frozenset(
    ("起点", "终点", "起始", "终止", "起始点", "终止点", "起", "止", "终", "始", "自", "至", "首", "末", "上游", "下游",
     "上流", "下流", "start", "end", "from", "to", "upstream", "downstream", "us", "ds", "amont", "aval", "oben",
     "unten", "von", "nach")
)  # fmt: skip
# What these are of stands in the row above.
_SAYING_LITTLE = frozenset(("类型", "类别", "种类", "名称", "编号", "Type", "Name"))
# Shorter ones begin other words, too: 自来水.
_LONG_END_WORDS = tuple(word for word in _END_WORDS if not word.isascii() and len(word) > 1)
_LABEL = re.compile(r"([^\s:：]{1,15})\s*[:：]\s*")


@dataclass(frozen=True)
class Header:
    """Rows `top` to `bottom` (bottom excluded) of a grid, and a name for each column they name."""

    top: int
    bottom: int
    names: list[str]
    words: list[frozenset[str]] = field(default_factory=list)

    def repeats(self, row: Row) -> bool:
        """Whether a row says again what the header says, as on each page of a printed table."""
        pairs = [(plain(cell), words) for cell, words in zip(row, self.words, strict=False) if is_filled(cell)]
        return len(pairs) > 1 and sum(word in words for word, words in pairs) * 2 > len(pairs)

    def is_numbering(self, row: Row) -> bool:
        """Whether a row counts the columns, (1) (2) (3), as printed forms do under the header."""
        digits = [re.sub(r"\D", "", _text(cell)) for cell in row]
        return len(digits) > _FEW_COLUMNS and digits == [str(n) for n in range(1, len(self.names) + 1)]


def find_header(rows: Sequence[Row], known: frozenset[str], merges: Sequence[Merge] = ()) -> Header | None:
    """The header among the first rows of a grid: the one to three rows that give most known column names.

    Where no name is known it is the first of the widest rows of words; None where such a row holds numbers,
    that is, where the table has no header.

    Parameters
    ----------
    rows
        The first rows of the grid, longer than the header may be.
    merges
        Merged cells as (first row and column, last row and column), counted from 0.
    """
    top, bottom = _rows_of_names(rows, known, merges)
    if not top < bottom:
        return None
    bottom += bottom - top < _MOST_ROWS and _goes_on(rows[bottom - 1], rows[bottom] if bottom < len(rows) else ())
    top -= bottom - top < _MOST_ROWS and top > 0 and _is_begun_above(rows[top - 1], rows[top])
    n_again = _n_in_another_language(rows, bottom)
    units = bottom + n_again
    has_units = _is_row_of_units(rows, units)
    top -= bottom - top < _MOST_ROWS and top > 0 and any(is_end(cell) for cell in rows[top - 1])
    named = [*rows[top:bottom], *map(_units_alone, rows[units : units + has_units])]
    below = units + has_units if has_units else bottom
    return Header(top, below, _names(named, top, known, merges), _words(rows[top:below]))


def header_score(rows: Sequence[Row], known: frozenset[str]) -> int:
    """How many known names the row that has most of them holds, among the rows a header may be in."""
    return max((_n_known(map(_text, row), known) for row in rows[:HEADER_WITHIN]), default=0)


def labels(row: Row, wanted: frozenset[str]) -> dict[str, str]:
    """What a line above a table says of its rows under the wanted labels: `管线类别: 给水`, in one cell or in two."""
    found: dict[str, str] = {}
    cells = [_text(cell) for cell in row if is_filled(cell)]
    for cell, after in pairwise([*cells, ""]):
        marks = list(_LABEL.finditer(cell))
        stops = [*(mark.start() for mark in marks[1:]), len(cell)]
        pairs = [(mark[1], cell[mark.end() : stop].strip()) for mark, stop in zip(marks, stops, strict=False)]
        for label, value in pairs or [(cell, "")]:
            value = value or ("" if _LABEL.match(after) else after)
            if value and plain(label) in wanted and plain(value) not in wanted:
                found.setdefault(label, value)
    return found


def title(rows: Sequence[Row]) -> str | None:
    """The line above a table that says what it is: its cell of most letters that is no label."""
    words = [str(cell).strip() for row in rows for cell in row if isinstance(cell, str) and is_filled(cell)]
    unlabelled = (word for word in words if not re.search("[:：]", word))
    return max(unlabelled, key=lambda word: sum(map(str.isalpha, word)), default=None)


def _words(rows: Sequence[Row]) -> list[frozenset[str]]:
    width = _width(rows)
    return [frozenset(plain(row[n]) for row in rows if n < len(row) and is_filled(row[n])) for n in range(width)]


def _names(rows: Sequence[Row], first: int, known: frozenset[str], merges: Sequence[Merge]) -> list[str]:
    parts = _parts(rows, first, merges)
    return _distinct([_name(part, known) for part in parts])


def _parts(rows: Sequence[Row], first: int, merges: Sequence[Merge]) -> list[list[str]]:
    """The header cells that stand over each column, from the top; a cell over several columns counts for each."""
    width = _width(rows)
    grid = [[_text(row[n]) if n < len(row) else "" for n in range(width)] for row in rows]
    inside = [merge for merge in merges if first <= merge[0][0] < first + len(rows)]
    for (top, left), (_, right) in inside:
        for n in range(left + 1, min(right + 1, width)):
            grid[top - first][n] = grid[top - first][n] or grid[top - first][left]
    if not inside:
        for above, below in pairwise(grid):
            for n in range(1, width):
                if below[n] and not above[n]:
                    above[n] = above[n - 1]
    return [list(dict.fromkeys(line[n] for line in grid if line[n])) for n in range(width)]


def _name(parts: Sequence[str], known: frozenset[str]) -> str:
    """One name from the cells over a column: the known one that uses most of them, else all of them.

    埋深 over 起点 is 起点埋深, 坐标 over X is X坐标; the unit of any of them stays, and so does which end it is of.
    """
    if len(parts) < 2:
        return parts[0] if parts else ""
    units = [match[0] for part in parts if (match := _UNIT.search(part) or _BARE_UNIT.fullmatch(part))]
    bare = [word for part in parts if not _BARE_UNIT.fullmatch(part) and (word := _UNIT.sub("", part).strip())]
    unit = f"({_bare_unit(units[-1])})" if units else ""
    needed = {bare[-1], *filter(_begins_with_end, bare)} if bare else set()
    for size in range(len(bare), 0, -1):
        for chosen in permutations(reversed(bare), size):
            is_end_alone = size == 1 and (is_end(chosen[0]) or (len(bare) > 1 and chosen[0] in _SAYING_LITTLE))
            if needed <= {*chosen} and plain("".join(chosen)) in known and not is_end_alone:
                return "".join(chosen) + unit
    return " ".join(bare) + unit


def _bare_unit(unit: str) -> str:
    return re.sub(r"[\s()（）\[\]【】]", "", unit)


def _distinct(names: Sequence[str]) -> list[str]:
    """Blanks and repeats get the column's number so that nothing is lost."""
    distinct: list[str] = []
    taken: set[str] = set()
    for place, name in enumerate(names, start=1):
        name = name or f"column {place}"
        distinct.append(name if name not in taken else f"{name} ({place})")
        taken.add(distinct[-1])
    return distinct


def _n_known(names: Iterable[str], known: frozenset[str]) -> int:
    return len({plain(name) for name in names} & known)


def _rows_of_names(rows: Sequence[Row], known: frozenset[str], merges: Sequence[Merge]) -> tuple[int, int]:
    """First and last row (excluded) of the header; an empty range where there is none."""
    best, score = (0, 0), (0, 0)
    is_of_words = [sum(map(is_number, row)) < _MANY_NUMBERS for row in rows[: HEADER_WITHIN + _MOST_ROWS]]
    for first in range(min(HEADER_WITHIN, len(rows))):
        for n_rows in range(1, min(_MOST_ROWS, len(rows) - first) + 1):
            if not is_of_words[first + n_rows - 1]:
                break
            found = _n_known(_names(rows[first : first + n_rows], first, known, merges), known), -n_rows
            if found > score:
                best, score = (first, first + n_rows), found
    widths = [sum(map(is_filled, row)) for row in rows[:HEADER_WITHIN]]
    widest = max(range(len(widths)), key=lambda n: (widths[n], -n), default=0)
    # One known word may stand anywhere, also beside numbers; a wide row of words is the header then.
    is_below = widest < best[0] and widths[widest] >= widths[best[0]] and not any(map(is_number, rows[widest]))
    is_alone = score[0] == 1 and (is_below or any(is_number(cell) for row in rows[slice(*best)] for cell in row))
    if score[0] > 1 or (score[0] and not is_alone and widths[best[0]] + 2 >= widths[widest]):
        return best
    if not any(map(is_number, rows[widest])) and not _is_like_those_below(rows, widest):
        return widest, widest + 1
    return _rows_of_groups(rows, is_of_words, merges, widths[widest])


def _is_like_those_below(rows: Sequence[Row], place: int) -> bool:
    """Whether a row of words is a record: what has figures in it has them as the cells below do, DX1 above DX2."""
    forms = [[_FIGURES.sub("9", _text(cell)) for cell in row] for row in rows[place : place + _LEAST_RECORDS]]
    with_figures = [n for n, form in enumerate(forms[0]) if "9" in form]
    return (
        len(forms) == _LEAST_RECORDS
        and bool(with_figures)
        and all(n < len(form) and form[n] == forms[0][n] for form in forms for n in with_figures)
    )


def _rows_of_groups(
    rows: Sequence[Row], is_of_words: Sequence[bool], merges: Sequence[Merge], width: int
) -> tuple[int, int]:
    """The first row of words that its groups make as wide as the rows of numbers are, though no name is known."""
    for place, row in enumerate(rows[:HEADER_WITHIN]):
        below = rows[place + 1] if place + 1 < len(rows) else ()
        if not is_of_words[place] or not sum(map(is_filled, row)) > _FEW_COLUMNS or not _goes_on(row, below):
            continue
        if sum(map(bool, _parts(rows[place : place + 2], place, merges))) >= width:
            return place, place + 1
    return 0, 0


def _goes_on(row: Row, below: Row) -> bool:
    """Whether words below stand under the row's groups and the blanks they leave alone, but for ends and units."""
    filled = [n for n, cell in enumerate(below) if is_filled(cell)]
    blank = [n for n in range(1, len(row)) if not is_filled(row[n])]
    under = [n for n in filled if n in blank]
    return bool(under) and all(
        not is_number(below[n])
        and (n in blank or n + 1 in under or is_end(below[n]) or _BARE_UNIT.fullmatch(_text(below[n])))
        for n in filled
    )


def _is_begun_above(above: Row, row: Row) -> bool:
    """Whether a row only parts the groups of the one above it, which names columns that the row leaves blank."""
    alone = [n for n, cell in enumerate(above) if is_filled(cell) and not (n < len(row) and is_filled(row[n]))]
    is_of_words = not any(is_number(cell) or _LABEL.match(_text(cell)) for cell in above)
    return len(alone) > 1 and is_of_words and _goes_on(above, row)


def _n_in_another_language(rows: Sequence[Row], place: int) -> int:
    """1 where a row of words stands between the names and their units: the names once more, in another language."""
    row = rows[place] if place < len(rows) else ()
    is_of_words = any(map(is_filled, row)) and not any(map(is_number, row))
    return int(is_of_words and not _is_row_of_units(rows, place) and _is_row_of_units(rows, place + 1))


def _is_row_of_units(rows: Sequence[Row], place: int) -> bool:
    filled = [str(cell).strip() for cell in rows[place] if is_filled(cell)] if place < len(rows) else []
    units = [cell for cell in filled if cell.casefold() not in _NO_UNITS | _UNITS_OF_DATES]
    return bool(units) and all(_BARE_UNIT.fullmatch(cell) for cell in units)


def _units_alone(row: Row) -> Row:
    return [None if _text(cell).casefold() in _NO_UNITS | _UNITS_OF_DATES else cell for cell in row]


def _width(rows: Sequence[Row]) -> int:
    return max(map(len, rows), default=0)


def _text(cell: Any) -> str:
    if not is_filled(cell):
        return ""
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    return " ".join(str(cell).split())


def is_end(cell: Any) -> bool:
    """Whether a cell says nothing but at which end of a pipe, or at both: 起/止."""
    text = _text(cell)
    return plain(text) in _END_WORDS or all(plain(part) in _END_WORDS for part in re.split("[/、]", text))


def _begins_with_end(part: str) -> bool:
    """Whether a cell of a header says of which end the cells below it are, alone or before another word: 起点坐标."""
    first = plain(part.split()[0])
    return is_end(part) or first in _END_WORDS or any(part.startswith(word) for word in _LONG_END_WORDS)


def is_filled(cell: Any) -> bool:
    """Whether a cell holds more than blanks."""
    return cell is not None and not (isinstance(cell, str) and not cell.strip())


def is_number(cell: Any) -> bool:
    """Whether a cell is a number, or a text that is plainly one."""
    if isinstance(cell, int | float):
        return True
    return isinstance(cell, str) and re.fullmatch(r"\s*[-+]?\d+(?:[.,]\d+)?\s*", cell) is not None
