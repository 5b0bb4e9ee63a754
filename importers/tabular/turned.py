"""Sheets that lie on their side: names down the first column, and a point or a pipe in each column behind it."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

from importers.profiles import plain
from importers.tabular.headers import Row, header_score, is_filled, is_number

_LEAST_NAMES, _LEAST_COLUMNS = 3, 3
_MOSTLY = 0.8


@dataclass(frozen=True)
class Turned:
    """The columns of a sheet as rows, the names first, and the lines that stand above them."""

    rows: list[Row]
    above: list[Row]


def turned(rows: Sequence[Row], known: frozenset[str]) -> Turned | None:
    """All rows of a small sheet turned, None where its names stand in a row as they should.

    Its first column has to name at least two known columns, more than any row does; or, whatever the language, every
    row behind its first cell holds one kind of value where the columns mix numbers and words.
    """
    lines = [row for row in rows if sum(map(is_filled, row)) > 1]
    names = [str(row[0]) for row in lines if is_filled(row[0]) and not is_number(row[0])]
    if len(lines) < _LEAST_NAMES or len(names) < len(lines):
        return None
    if len({plain(name) for name in names}) < len(names):
        return None
    n_known = len({plain(name) for name in names} & known)
    by_name = n_known >= 2 and n_known > header_score(rows, known)
    if not by_name and not (header_score(rows, known) == 0 and _is_of_one_kind_across(lines)):
        return None
    above = [row for row in rows if any(map(is_filled, row)) and sum(map(is_filled, row)) <= 1]
    return Turned([list(column) for column in zip_longest(*lines)], above)


def _is_of_one_kind_across(lines: Sequence[Row]) -> bool:
    across = [[is_number(cell) for cell in row[1:] if is_filled(cell)] for row in lines]
    down = [[is_number(cell) for cell in column if is_filled(cell)] for column in list(zip_longest(*lines))[1:]]
    if len(down) < _LEAST_COLUMNS or not all(across):
        return False
    is_mixed = [len(set(kinds[1:])) > 1 for kinds in down if len(kinds) > 1]
    return all(len(set(kinds)) == 1 for kinds in across) and sum(is_mixed) >= _MOSTLY * len(down)
