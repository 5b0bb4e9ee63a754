"""What a delivery calls points and the ends of lines, learnt from the columns that hold numbers of its points.

Beside A端设施 and Z端设施, of which the values are numbers of points, A端埋深 is the depth at the start; where those
columns are Początkowy zdenac and Końcowy zdenac, a zdenac is a point. No word list is needed for either.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from importers.proposing.references import Links
from importers.proposing.vocabulary import is_known_word

_WORD = re.compile(r"[^\W\d_]+|\d+")
_MOSTLY, _BOTH_ENDS = 0.8, 2
_LEAST_NOUN, _LONGEST_ENDING = 4, 2
# Words that every reading of names knows.
_FROM, _TO, _POINT = " from ", " to ", " point "


def own_words(tables: Sequence[tuple[Links, Iterable[str]]]) -> list[dict[str, str]]:
    """For every table, by its links and the names of its columns, the names that are read by the delivery's words."""
    ends = {pair: list(columns) for links, columns in tables if (pair := _ends(links)) is not None}
    keys = [column for links, _ in tables if _ends(links) is None for column in links.referred]
    marks = learnt(ends, keys)
    return [marks.respelt(columns) for _, columns in tables]


def _ends(links: Links) -> tuple[str, str] | None:
    """The two columns of a table that hold point numbers of one column of another, in order."""
    linked = {name: target for name, (share, target) in links.refers.items() if share >= _MOSTLY}
    are_two = len(linked) == _BOTH_ENDS and len(set(linked.values())) == 1
    first, second = linked if are_two else ("", "")
    return (first, second) if are_two else None


@dataclass(frozen=True)
class Marks:
    """The texts that tell the start of a line from its end in names of columns, and the stems of words for points."""

    pairs: frozenset[tuple[str, str]] = frozenset()
    nouns: frozenset[str] = frozenset()

    def respelt(self, columns: Iterable[str]) -> dict[str, str]:
        """Names of columns in which words that were learnt here are replaced by known ones, of those that have any."""
        names = list(columns)
        read = {name: _with_points(name, self.nouns) for name in names}
        for start, end in self.pairs:
            others = {name.replace(end, "", 1): name for name in names if end in name}
            for name in names:
                twin = others.get(name.replace(start, "", 1)) if start in name else None
                if twin is not None and twin != name:
                    read[name] = _with_points(name.replace(start, _FROM, 1), self.nouns)
                    read[twin] = _with_points(twin.replace(end, _TO, 1), self.nouns)
        return {name: text for name, text in read.items() if text != name}


def learnt(ends: Mapping[tuple[str, str], Iterable[str]], keys: Iterable[str]) -> Marks:
    """What the names of columns at both ends of lines, and of the points' own numbers, teach.

    Parameters
    ----------
    ends
        The names of the columns of start and end of each table of lines, with those of all its columns.
    keys
        The names of the columns of point numbers that they refer to.
    """
    pairs: set[tuple[str, str]] = set()
    nouns: set[str] = set()
    for (start, end), names in ends.items():
        pair = _apart(start, end, names)
        pairs |= {pair} if pair is not None else set()
        # What all columns are called is no word for points: column 1, column 2, column 3.
        others = [set(_nouns(name)) for name in names if name not in (start, end)]
        shared = set(_nouns(start)) & set(_nouns(end))
        nouns |= {word for word in shared if not others or not all(word in other for other in others)}
    if nouns:
        nouns |= {noun for key in keys for noun in _nouns(key) if any(_are_one_word(noun, other) for other in nouns)}
    return Marks(frozenset(pairs), frozenset(nouns))


def _apart(start: str, end: str, names: Iterable[str]) -> tuple[str, str] | None:
    """The texts by which two names differ, as far as other columns' names have them; None where they are known."""
    before = _n_shared(start, end)
    behind = _n_shared(start[before:][::-1], end[before:][::-1])
    one, other = start[before : len(start) - behind], end[before : len(end) - behind]
    if not one or not other or one == start or other == end or (is_known_word(one) and is_known_word(other)):
        return None
    rest = start[len(start) - behind :]
    reach = max((_n_shared(rest, name.partition(one)[2]) for name in names if one in name and name != start), default=0)
    return one + rest[:reach], other + rest[:reach]


def _n_shared(one: str, other: str) -> int:
    """With how many same letters two texts begin."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _nouns(name: str) -> list[str]:
    """The words of a name that no vocabulary has, small."""
    words = (word.casefold() for word in _WORD.findall(name))
    return [word for word in words if len(word) >= _LEAST_NOUN and not is_known_word(word)]


def _are_one_word(one: str, other: str) -> bool:
    """Whether two words differ by their endings alone: zdenac, zdenca."""
    shared = _n_shared(one, other)
    return shared >= _LEAST_NOUN and max(len(one), len(other)) - shared <= _LONGEST_ENDING


def _with_points(name: str, nouns: frozenset[str]) -> str:
    if not nouns:
        return name

    def known(match: "re.Match[str]") -> str:
        word = match[0].casefold()
        return _POINT if any(_are_one_word(word, noun) for noun in nouns) else match[0]

    return _WORD.sub(known, name)
