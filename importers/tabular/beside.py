"""Points and lines beside each other on one sheet, with a blank column between the two tables."""

from collections.abc import Sequence
from itertools import pairwise

from importers.profile_files import load_profile
from importers.proposing.vocabulary import readings
from importers.tabular.headers import HEADER_WITHIN, Row, is_filled, is_number

_ENDS = frozenset({"from_key", "to_key"})
_PLACES = (frozenset({"x", "y"}), frozenset({"easting_m", "northing_m"}))
_LEAST_TRUST, _LEAST_NAMES = 0.75, 5
# Two tables have fewer columns together; a damaged sheet may have any number.
_MOST_NAMES = 200
_BOTH, _LEAST_NUMBERS, _MOSTLY = 2, 4, 0.6


def column_between(rows: Sequence[Row]) -> int | None:
    """The blank column between a table of points and one of lines, None where a sheet holds one table.

    Blank columns within a table part nothing: the names to one side have to place points, those to the other to name
    both ends of lines, or two columns on one side to hold numbers that those of a column on the other are.
    """
    for top, header in enumerate(rows[:HEADER_WITHIN]):
        named = [at for at, cell in enumerate(header) if is_filled(cell)]
        if not _LEAST_NAMES <= len(named) <= _MOST_NAMES or any(map(is_number, header)):
            continue
        # Of several blank columns between the same two names the first parts them as well as any.
        gaps = (range(before + 1, after) for before, after in pairwise(named))
        blank = (
            next((at for at in gap if not any(_is_filled_at(row, at) for row in rows[top:])), None) for gap in gaps
        )
        for at in (at for at in blank if at is not None):
            if {_holds(header[:at]), _holds(header[at + 1 :])} == {"node", "segment"}:
                return at
            if _refer_across(rows[top + 1 :], at):
                return at
    return None


def _holds(cells: Row) -> str | None:
    """What some cells of a header name the attributes of: lines by both ends, points by their places."""
    names = [cell for cell in cells if isinstance(cell, str) and is_filled(cell)]
    if _attributes("segment", names) >= _ENDS:
        return "segment"
    return "node" if any(_attributes("node", names) >= places for places in _PLACES) else None


def _refer_across(rows: Sequence[Row], at: int) -> bool:
    """Whether two columns to one side of a place hold what is all different in one to the other, in other rows."""
    sides = [
        [[_text(row, n) for row in rows] for n in range(*ends)]
        for ends in ((0, at), (at + 1, max(map(len, rows), default=0)))
    ]
    return any(_n_referring(one, key) == _BOTH for one, other in (sides, sides[::-1]) for key in map(_number, other))


def _n_referring(columns: Sequence[Sequence[str]], key: Sequence[str]) -> int:
    known = set(key) - {""}
    if len(known) < _LEAST_NUMBERS or len(known) < sum(map(bool, key)):
        return 0
    named = [{word for word in column if word} for column in columns]
    return sum(len(words & known) >= max(_LEAST_NUMBERS, _MOSTLY * len(words)) for words in named)


def _number(column: Sequence[str]) -> Sequence[str]:
    """A column that can number points: words, no figures that count or measure."""
    return column if not any(is_number(word) for word in column) else ()


def _text(row: Row, at: int) -> str:
    return str(row[at]).strip() if _is_filled_at(row, at) else ""


def _attributes(role: str, names: Sequence[str]) -> set[str]:
    read = (found for name in names for found in readings(role, name)[:1] if found.trust >= _LEAST_TRUST)
    return {*load_profile("default").mapping(role, names), *(found.attribute for found in read)}


def _is_filled_at(row: Row, at: int) -> bool:
    return at < len(row) and is_filled(row[at])
