"""Sheets that lie on their side: names down the first column, and a point or a pipe in each column behind it."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, zip_longest

from importers.profiles import plain
from importers.tabular.headers import Row, header_score, is_filled, is_number

_LEAST_NAMES, _LEAST_COLUMNS = 3, 3
_HALF, _MOSTLY = 0.5, 0.8
_NUMBER, _NUMBERED, _WORD = "number", "word with digits", "word"


@dataclass(frozen=True)
class Turned:
    """The columns of a sheet as rows, the names first, and the lines that stand above them."""

    rows: list[Row]
    above: list[Row]


def turned(rows: Sequence[Row], known: frozenset[str]) -> Turned | None:
    """All rows of a small sheet turned, None where its names stand in a row as they should.

    Its first column has to name at least two known columns, more than any row does, and not to explain them; or,
    whatever the language, every row behind its first cell holds one kind of value where the columns have words below
    numbers.
    """
    lines = [row for row in rows if sum(map(is_filled, row)) > 1]
    names = [str(row[0]) for row in lines if is_filled(row[0]) and not is_number(row[0])]
    if len(lines) < _LEAST_NAMES or len(names) < len(lines):
        return None
    if len({plain(name) for name in names}) < len(names):
        return None
    n_known, n_across = len({plain(name) for name in names} & known), header_score(rows, known)
    by_name = n_known >= 2 and n_known > n_across and not _explain_names(lines)
    if not by_name and not (n_across == 0 and _is_of_one_kind_across(lines)):
        return None
    above = [row for row in rows if any(map(is_filled, row)) and sum(map(is_filled, row)) <= 1]
    return Turned([list(column) for column in zip_longest(*lines)], above)


def _explain_names(lines: Sequence[Row]) -> bool:
    """Whether lines list what columns mean: a row of words, and below it values alike down most of the columns.

    Those of a thing, one below the other, are of many kinds.
    """
    header = [cell for cell in lines[0][1:] if is_filled(cell)]
    columns = [{_kind(cell) for cell in column if is_filled(cell)} for column in list(zip_longest(*lines[1:]))[1:]]
    n_mixed = sum(len(kinds) > 1 for kinds in columns)
    return {_WORD}.issuperset(map(_kind, header)) and n_mixed < _HALF * len(columns)


def _kind(cell: object) -> str:
    if is_number(cell):
        return _NUMBER
    return _NUMBERED if any(character.isdigit() for character in str(cell)) else _WORD


def _is_of_one_kind_across(lines: Sequence[Row]) -> bool:
    across = [[is_number(cell) for cell in row[1:] if is_filled(cell)] for row in lines]
    down = [[is_number(cell) for cell in column if is_filled(cell)] for column in list(zip_longest(*lines))[1:]]
    if len(down) < _LEAST_COLUMNS or not all(across):
        return False
    # Words above numbers may be the second row of a header.
    is_mixed = [any(above and not below for above, below in pairwise(kinds)) for kinds in down if len(kinds) > 1]
    return all(len(set(kinds)) == 1 for kinds in across) and sum(is_mixed) >= _MOSTLY * len(down)
