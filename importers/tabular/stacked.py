"""Several tables one below another on one sheet: each goes from the lines above its header to those above the next."""

from collections.abc import Iterable, Iterator
from itertools import chain

from importers.profiles import plain
from importers.tabular.column_names import may_be_values, names_among, names_nothing
from importers.tabular.headers import Row, is_end, is_filled, is_number

_LEAST_NAMES, _BOTH = 2, 2
_MOST_ROWS_OF_WORDS = 100


class Tables:
    """The tables of a sheet from top to bottom, each as the number of rows before it and its own rows.

    The rows of one must be taken before the next is asked for. Headers that come again, as on every page of a printed
    table, begin no other.
    """

    def __init__(self, rows: Iterable[Row], known: frozenset[str]) -> None:
        self._rows, self._known = iter(rows), known
        self._waiting: list[Row] = []
        self._n_given = 0
        self._goes_on = True

    def __iter__(self) -> Iterator[tuple[int, Iterator[Row]]]:
        while self._goes_on:
            yield self._n_given, self._table()

    def _table(self) -> Iterator[Row]:
        self._goes_on = False
        words: set[str] = set()
        number_at: int | None = None
        held: list[Row] = []
        rows = chain(self._waiting, self._rows)
        for place, row in enumerate(rows):
            if number_at is not None and not held and _begins_with_digit(row, number_at):
                self._n_given += 1
                yield row
                continue
            if number_at is None and place > _MOST_ROWS_OF_WORDS:
                yield from self._rest([*held, row], rows)
                return
            if number_at is None or not _begins_with_digit(row, number_at):
                if _is_line(row):
                    held.append(row)
                    continue
                if number_at is not None and self._is_header(row) and not _repeats(row, words):
                    self._waiting, self._goes_on = [*held, row], True
                    return
                if number_at is None and (words or self._is_header(row)):
                    words |= {plain(cell) for cell in row if is_filled(cell)}
                    number_at = next((at for at, cell in enumerate(row) if is_number(cell)), None)
            self._n_given += len(held) + 1
            yield from held
            held = []
            yield row
        self._n_given += len(held)
        yield from held

    def _rest(self, held: list[Row], rows: Iterator[Row]) -> Iterator[Row]:
        """All that is left, of a sheet that has no header, or under it no number to tell another header by."""
        for row in chain(held, rows):
            self._n_given += 1
            yield row

    def _is_header(self, row: Row) -> bool:
        """Whether a row names columns, and does not say of a point that it is a manhole at the end of a line."""
        cells = [cell for cell in row if is_filled(cell)]
        if any(map(is_number, cells)):
            return False
        names = names_among(cells, self._known)
        others = [cell for cell in cells if cell not in names and names_nothing(cell)]
        if len(names) < _LEAST_NAMES or (len(names) + len(others)) * 2 <= len(cells):
            return False
        return sum(map(is_end, names)) >= _BOTH or not may_be_values(names)


def _repeats(row: Row, words: set[str]) -> bool:
    """Whether most of a row are words of the header already."""
    cells = [cell for cell in row if is_filled(cell)]
    return sum(plain(cell) in words for cell in cells) * 2 > len(cells)


def _begins_with_digit(row: Row, at: int) -> bool:
    cell = row[at] if at < len(row) else None
    return cell[:1].isdigit() if type(cell) is str else cell is not None and cell == cell


def _is_line(row: Row) -> bool:
    """Whether a row is blank, or a line of words across the sheet: a title, or labels with what they say."""
    cells = [cell for cell in row if is_filled(cell)]
    return len(cells) <= 1 or any(isinstance(cell, str) and (":" in cell or "：" in cell) for cell in cells)
