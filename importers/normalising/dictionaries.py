"""Dictionaries of source words, put together once for all who ask for them."""

import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from importers.normalising.accents import unaccented
from importers.normalising.ideographs import traditional
from schemas.codetables import aliases

# Tables of the few profiles that are read with at one time.
_MOST_HELD = 128
# Shorter words are others without their accents.
_LETTERS_WITHOUT_ACCENTS = 4


def dictionary(table: str, own: Mapping[str, str]) -> dict[str, str]:
    """The words of a code table, with a profile's own before them; the same for the same object `own`."""
    return _put_together(table, _Itself(own))


class _Itself:
    """Words that are the same where they are the same object."""

    def __init__(self, words: Mapping[str, str]) -> None:
        self.words = words

    def __hash__(self) -> int:
        return id(self.words)

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, _Itself) and other.words is self.words


@lru_cache(maxsize=_MOST_HELD)
def _put_together(table: str, own: _Itself) -> dict[str, str]:
    shared = aliases(table) if table != "flow_direction" else {}
    return _in_all_characters({**shared, **{word.casefold(): code for word, code in own.words.items()}})


def _in_all_characters(words: Mapping[str, str]) -> dict[str, str]:
    """Words with themselves as Taiwan writes them, and without accents; these are the weaker ones.

    Cells are compared in normal form KC, in which a vowel of Thai is two letters.
    """
    return _with_other_forms(tuple(words.items()))


# Most profiles have the words of another: these are worked on once, not once a profile.
@lru_cache(maxsize=1_024)
def _with_other_forms(pairs: tuple[tuple[str, str], ...]) -> dict[str, str]:
    words = {unicodedata.normalize("NFKC", word): code for word, code in pairs}
    bare = {unaccented(word): code for word, code in words.items() if len(word) >= _LETTERS_WITHOUT_ACCENTS}
    return {**bare, **{traditional(word): code for word, code in words.items()}, **words}
