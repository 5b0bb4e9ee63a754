"""Cells that name columns, told from values of code tables that some names are as well: 终点, 检查井, manhole."""

from collections.abc import Iterable
from functools import cache

from importers.profile_files import load_profile, shipped
from importers.profiles import plain
from importers.proposing.vocabulary import says_else, sure_readings

_LEAST_TRUST = 0.75
_CODES = ("utility_class", "feature", "appurtenance", "material", "burial", "lifecycle")


def is_name(word: str, known: frozenset[str]) -> bool:
    """Whether a word names a column: one of the known names, plain, or one whose parts say an attribute."""
    if plain(word) in known:
        return True
    # 1 says "at the first end", but a number is more often one of a thing.
    is_word = any(letter.isalpha() for letter in word)
    return is_word and any(sure_readings(word, _LEAST_TRUST))


def names_among(cells: Iterable[object], known: frozenset[str]) -> list[str]:
    """Those of some cells that name columns; D1 is the number of a duct unless it is known for a name."""
    words = (cell for cell in cells if isinstance(cell, str))
    return [word for word in words if (plain(word) in known or not _has_digit(word)) and is_name(word, known)]


def names_nothing(cell: object) -> bool:
    """Whether a cell names a column that is no attribute: a length, a remark, a running number."""
    return isinstance(cell, str) and not _has_digit(cell) and all(says_else(role, cell) for role in ("node", "segment"))


def may_be_values(names: Iterable[str]) -> bool:
    """Whether every one of some names is also a word of a code table, with which rows say what a thing is."""
    return all(name.strip().casefold() in _codes() for name in names)


def _has_digit(word: str) -> bool:
    return any(character.isdigit() for character in word)


@cache
def _codes() -> frozenset[str]:
    return frozenset(word for name in shipped() for table in _CODES for word in load_profile(name).code_words(table))
