"""Column names that no profile knows, read word by word: 起点 + 埋深, START + DEPTH, qd + ms."""

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import islice, product
from typing import Any

from importers.normalising.accents import in_latin, unaccented
from importers.normalising.ideographs import simplified
from importers.normalising.units import without_unit
from importers.profiles import ATTRIBUTES, LATIN_PARTS
from importers.proposing.match import ADOPTED

Words = frozenset[str]

_PIECES = re.compile(LATIN_PARTS + r"|\d+|[一-鿿々ぁ-ヿー가-힣]+|[Ͱ-Ͽ]+|[Ѐ-ԯ]+|[ء-يپچژکگی]+|[א-ת]+|[ก-๙]+")
_ARABIC_THE = re.compile(r"^ال(?=..)")
_REMARK = re.compile(r"[(\[【].*?[)\]】]")
# Between the words of a name these say nothing.
_JOINING = frozenset(
    ("de", "du", "des", "d", "la", "le", "del", "di", "der", "of", "eau", "the", "other", "others", "txt", "do", "da",
     "et", "and", "und",
     "в", "на", "и", "по", "w", "za", "של")
)  # fmt: skip
_MOST_WORDS_OF_A_PHRASE, _LONGEST_WORD = 4, 20
_LEAST_STEM, _LONGEST_ENDING = 5, 3
_DBASE_NAME, _LEAST_BEGINNING = 10, 3
_START = frozenset({"from"})
_ENDS = (_START, frozenset({"to"}))
_USED = frozenset({"used"})
# In a row of a point and its line, the line starts at the point, and what that says of its pipes is of the line.
_OF_LINES = {"from_key": "key", "pipe_depth_m": "depths", "pipe_elevation_m": "from_elevation_m"}
_COORDINATES = re.compile(r"[ck]oo?rd|коорд|κοορδ|συντετ|wsp[oó]lrz|souradn|súradn")
# Axes on a Cyrillic keyboard.
_LOOKALIKES = {"х": "x", "у": "y"}
_STROKE, _IN_TWO = re.compile(r"\s+/\s+"), 2
# "Depth to crown" is no depth at the "to" end.
_DOWN_TO = re.compile(
    r"(?<![a-z])(depth|distance)(?:[\s_]+to[\s_]+(?=[a-z])|to(?=crown|top|soffit|obvert|invert|bottom))"
    r"|(?<!\w)(?:до|do)\s+(?=верх|низ|лотк|дна|шелыг|vrch|wierzch|dna|dno|tjemen)",
    re.IGNORECASE,
)
# "Invert (in)" is of the inlet, not in inches.
_IN_OR_OUT = re.compile(r"(\binv\w*.*?)\(\s*(in|out)(?:let)?\s*\)", re.IGNORECASE)
# G.L. is GL.
_DOTTED = re.compile(r"(?<![^\W_])(?:[^\W\d_]\.){2,}")
# 管顶或管底 is either.
_PARTING = str.maketrans("・或", "  ")
_INITIALS = re.compile(r"[a-z]{2,10}")
# A name that can be cut in more ways than this says nothing.
_MOST_READINGS = 200
_TRUST_IN_INITIALS = 0.75
_TRUST_IN_WORDS = 0.9
_TRUST_IN_HALF = 0.85
_TRUST_IN_SOUND = 0.7
# Cover is what lies over the outer top of a pipe.
_TRUST_IN_DATUM = 0.4
_OF_SYSTEMS = frozenset({"system", "coordinate", "name", "number", "class"})
# What columns of numbers tell.
_OF_NUMBERS = frozenset(
    {"number", "width", "height", "length", "slope", "angle", "count", "holes", "cables", "date", "depth", "elevation",
     "pressure", "voltage", "coordinate", "easting", "northing", "people", "accuracy"}
)  # fmt: skip
_DATUM_CONCEPTS = {"crown": "crown", "cover": "crown", "invert": "invert", "axis": "axis"}


@dataclass(frozen=True)
class NameReading:
    """An attribute that a column name can stand for, how far the name says so (0 to 1), and the words it was cut in."""

    attribute: str
    trust: float
    words: tuple[str, ...]


@dataclass(frozen=True)
class _Vocabulary:
    """Words and initials with the concepts each can stand for, and per role what concepts make of a name.

    `foreign` words are of one language alone, and mean nothing within a word of another: takarás is no akar.
    """

    words: dict[str, Words]
    foreign: frozenset[str]
    initials: dict[str, Words]
    homophones: dict[int, str]
    rules: dict[str, list[tuple[str, Words, Words]]]


@cache
def readings(role: str, header: str) -> tuple[NameReading, ...]:
    """What a column name can stand for in a table of a role, best first; nothing when its words do not say.

    A part that is in no vocabulary lowers the trust by its share of the name.
    """
    best: dict[str, NameReading] = {}
    for cut, trust in [*_cuts(header), *_cuts_of_halves(header)]:
        for concepts in islice(product(*(sorted(part[1]) for part in cut)), _MOST_READINGS):
            for attribute in _fitting(role, frozenset(concepts)):
                found = NameReading(attribute, trust, tuple(part[0] for part in cut))
                if attribute not in best or best[attribute].trust < trust:
                    best[attribute] = found
    return tuple(sorted(best.values(), key=lambda found: -found.trust))


def sure_readings(header: str, least_trust: float) -> Iterator[NameReading]:
    """What a column name surely stands for, in a table of points or of lines."""
    return (found for role in ("node", "segment") for found in readings(role, header) if found.trust >= least_trust)


@cache
def says_else(role: str, header: str) -> bool:
    """Whether all words of a name are known and make it something that no attribute is: a length, a remark, a sheet."""
    return not readings(role, header) and any(trust >= _TRUST_IN_HALF for _, trust in _cuts(header))


def says_nothing(role: str, header: str) -> bool:
    """Whether most words of a name are in no vocabulary."""
    return all(found.trust < ADOPTED for found in readings(role, header)) and not says_else(role, header)


@cache
def is_remark(header: str) -> bool:
    """Whether all words of a name say that it holds remarks: Description, 备注."""
    return any(all("remark" in told for _, told in words) for words, trust in _cuts(header) if trust >= _TRUST_IN_HALF)


@cache
def says(header: str, concept: str) -> bool:
    """Whether all words of a name are known, and one of them can stand for a concept: Shape__Length is of a length."""
    return any(any(concept in told for _, told in words) for words, trust in _cuts(header) if trust >= _TRUST_IN_HALF)


@cache
def speaks_against(attribute: str, header: str) -> bool:
    """Whether a name, however little of it is known, says that its numbers measure or count something else.

    A width is no diameter, and the number of a line no size.
    """
    own = frozenset().union(
        *(allowed for rules in _vocabulary().rules.values() for name, _, allowed in rules if name == attribute)
    )
    return any(
        (len(word) >= _LEAST_STEM - 1 or not word.isascii()) and concepts <= _OF_NUMBERS and concepts.isdisjoint(own)
        for cut, _ in _cuts(header)
        for word, concepts in cut
    )


@cache
def is_known_word(word: str) -> bool:
    """Whether a word of a name is one of the vocabulary, or made of such words."""
    return _segmented(_best_spelt(_piece(unaccented(simplified(word)))), _vocabulary().words)[1] == 0


@cache
def says_system(header: str) -> bool:
    """Whether a name says that a column holds coordinate systems: 坐标系, CRS."""
    told = (
        frozenset().union(*(concepts for _, concepts in cut)) for cut, trust in _cuts(header) if trust >= _TRUST_IN_HALF
    )
    return any("system" in concepts and concepts <= _OF_SYSTEMS for concepts in told)


def _fitting(role: str, concepts: Words) -> Iterator[str]:
    parts = ("segment", "node") if role == "combined" else (role,)
    for part in parts:
        # The point of a row is where its line starts: 本点特征.
        told = concepts - _START if (role, part) == ("combined", "node") else concepts
        for said, required, allowed in _vocabulary().rules.get(part, []):
            attribute = _OF_LINES.get(said, said) if role == "combined" else said
            if required <= told <= allowed and attribute in ATTRIBUTES[role]:
                yield attribute


@cache
def _cuts(header: str) -> tuple[tuple[list[tuple[str, Words]], float], ...]:
    """The ways to cut a name into known words, each with its trust; a name in two languages counts by its halves."""
    return tuple(_cut_by_trust(header))


def _cut_by_trust(header: str) -> Iterator[tuple[list[tuple[str, Words]], float]]:
    text = _IN_OR_OUT.sub(r"\1 \2let", unicodedata.normalize("NFKC", header))
    text = _DOTTED.sub(lambda letters: f"{letters[0].replace('.', '')} ", text).translate(_PARTING)
    text = unaccented(simplified(_DOWN_TO.sub(lambda found: f"{found[1] or ''} ", without_unit(text))))
    text = _REMARK.sub(lambda remark: f" {remark[0][1:-1]} " if _says_which(remark[0][1:-1]) else " ", text)
    found = [_best_spelt(_piece(part)) for part in _PIECES.findall(text)]
    found = _in_phrases(_completed(found) if _may_be_cut_off(header) else found, _vocabulary().words)
    pieces = [piece for place, piece in enumerate(found) if not _is_joining(place, found)] or found
    whole = _cut(pieces, _vocabulary().words)
    if whole is not None:
        yield whole[0], _TRUST_IN_WORDS * (1 - whole[1]) ** 2
    joined = "".join(pieces)
    initials = _cut([joined], _vocabulary().initials) if _INITIALS.fullmatch(joined) else None
    if initials is not None and not initials[1]:
        yield initials[0], _TRUST_IN_INITIALS
    chinese = [piece for piece in pieces if not piece.isascii()]
    heard = _heard(pieces)
    respelt = _cut(heard, _vocabulary().words) if heard != pieces else None
    if respelt is not None and (whole is None or respelt[1] < whole[1]):
        yield respelt[0], _TRUST_IN_SOUND * (1 - respelt[1]) ** 2
    half = _cut(chinese, _vocabulary().words) if chinese and whole is not None and whole[1] else None
    if half is not None:
        yield half[0], _TRUST_IN_HALF * (1 - half[1]) ** 2


def _may_be_cut_off(header: str) -> bool:
    """Whether a name fills the 10 bytes that a dBASE table has for it: LIFE_STATU."""
    return len(header) == _DBASE_NAME and header.isascii()


def _completed(pieces: list[str]) -> list[str]:
    """Pieces with the last one whole, where all words that begin like it say the same, foreign ones where no other."""
    known, last = _vocabulary().words, pieces[-1] if pieces else ""
    if len(last) < _LEAST_BEGINNING or last in known:
        return pieces
    begin = [word for word in known if word.startswith(last) and " " not in word]
    words = [word for word in begin if word not in _vocabulary().foreign] or begin
    return [*pieces[:-1], min(words)] if len({known[word] for word in words}) == 1 else pieces


def _piece(part: str) -> str:
    """A part of a name as the vocabulary has it: every language's word for coordinates begins alike."""
    piece = _ARABIC_THE.sub("", part.casefold())
    return "coordinate" if _COORDINATES.match(piece) else _LOOKALIKES.get(piece, piece)


def _best_spelt(piece: str) -> str:
    """A piece in Cyrillic letters in Latin ones where more of it is known so: узводно."""
    latin = in_latin(piece)
    if latin == piece or not latin.isascii():
        return piece
    lost, lost_so = (_segmented(each, _vocabulary().words)[1] for each in (piece, latin))
    return latin if lost_so < lost else piece


def _says_which(remark: str) -> bool:
    """Whether brackets say of which end of a line a column is, or of which holes: глибина (кінець), 孔数(占用)."""
    pieces = [piece.casefold() for piece in _PIECES.findall(remark)]
    known = _vocabulary().words
    return bool(pieces) and all(len(piece) > 1 and known.get(piece, frozenset()) in (*_ENDS, _USED) for piece in pieces)


def _cuts_of_halves(header: str) -> Iterator[tuple[list[tuple[str, Words]], float]]:
    """The ways to cut either half of a name in two languages, Type chambre / puttype; both are to say something."""
    halves = [list(_cuts(half)) for half in _STROKE.split(header)]
    if len(halves) == _IN_TWO and all(halves):
        yield from ((cut, trust * _TRUST_IN_HALF) for half in halves for cut, trust in half)


def _is_joining(place: int, pieces: list[str]) -> bool:
    """Whether a piece says nothing; Polish and Czech do is "to" where it is no Portuguese "of the" between words."""
    is_outside = place in (0, len(pieces) - 1) and len(pieces) > 1
    return pieces[place] in _JOINING and not (is_outside and pieces[place] in _vocabulary().words)


def _in_phrases(pieces: list[str], known: dict[str, Words]) -> list[str]:
    """Pieces of which those that make one known word together are one: hố ga."""
    found: list[str] = []
    at = 0
    while at < len(pieces):
        lengths = range(min(_MOST_WORDS_OF_A_PHRASE, len(pieces) - at), 1, -1)
        count = next((n for n in lengths if " ".join(pieces[at : at + n]) in known), 1)
        found.append(" ".join(pieces[at : at + count]))
        at += count
    return found


def _heard(pieces: list[str]) -> list[str]:
    """Pieces whose unknown words are spelt anew by letters that sound alike."""
    known = _vocabulary()
    return [piece if not _segmented(piece, known.words)[1] else piece.translate(known.homophones) for piece in pieces]


def _cut(pieces: Iterable[str], known: dict[str, Words]) -> tuple[list[tuple[str, Words]], float] | None:
    """The known words of all pieces, and the share of letters that are in none; None when no word is known."""
    words: list[tuple[str, Words]] = []
    lost_letters = length = 0
    for piece in pieces:
        parts, lost = _segmented(piece, known)
        if lost and not _vocabulary().foreign.isdisjoint(parts) and not _is_inflected(piece, parts):
            parts, lost = _segmented(piece, _without_foreign(known is _vocabulary().initials))
        words += [(part, known[part]) for part in parts]
        lost_letters += lost
        length += len(piece)
    return (words, lost_letters / length) if words else None


def _segmented(piece: str, known: dict[str, Words]) -> tuple[list[str], int]:
    """The known words of a piece that leave the fewest letters over, the fewest words of those."""
    if " " in piece:
        return [piece], 0
    best: list[tuple[int, int, list[str]]] = [(0, 0, [])]
    for end in range(1, len(piece) + 1):
        lost, count, words = best[end - 1]
        choices = [(lost + 1, count, words)]
        for start in range(max(0, end - _LONGEST_WORD), end):
            part = piece[start:end]
            if part in known and (len(part) > 1 or not part.isascii() or _stands_alone(piece, start, known)):
                before = best[start]
                choices.append((before[0], before[1] + 1, [*before[2], part]))
        best.append(min(choices, key=lambda choice: choice[:2]))
    lost, _, words = best[-1]
    return words, lost


@cache
def _without_foreign(are_initials: bool) -> dict[str, Words]:
    known = _vocabulary().initials if are_initials else _vocabulary().words
    return {word: known[word] for word in known.keys() - _vocabulary().foreign}


def _is_inflected(piece: str, parts: list[str]) -> bool:
    """Whether a piece is a known word with another ending."""
    return (
        len(parts) == 1
        and len(parts[0]) >= _LEAST_STEM
        and piece.startswith(parts[0])
        and len(piece) - len(parts[0]) < _LONGEST_ENDING
    )


def _stands_alone(piece: str, start: int, known: dict[str, Words]) -> bool:
    """Whether a single letter is a word here: alone, before a whole word (SDEEP, FNODE), or among initials."""
    return len(piece) == 1 or (start == 0 and piece[1:] in known and len(piece) > 3) or known is _vocabulary().initials


@cache
def datum_in_name(header: str) -> str | None:
    """What the words of a column name say that depths or elevations refer to; None where they do not, or say both."""
    # What stands in brackets says the other half: 管顶(沟底)高程 is the top of pipes and the bottom of ditches.
    cuts = [cut for part in re.split(r"[()\[\]【】/]", without_unit(header)) for cut in _cuts(part)]
    concepts = frozenset().union(*(told for words, trust in cuts if trust > _TRUST_IN_DATUM for _, told in words))
    said = {datum for concept, datum in _DATUM_CONCEPTS.items() if concept in concepts}
    return said.pop() if len(said) == 1 else None


@cache
def labels() -> dict[str, str]:
    """The Chinese name of every attribute."""
    return dict(_told()["labels"])


@cache
def _told() -> dict[str, dict[str, Any]]:
    return tomllib.loads((files("importers.proposing") / "vocabulary.toml").read_text(encoding="utf-8"))


@cache
def _vocabulary() -> _Vocabulary:
    told = _told()
    rules = {role: [rule for attribute, texts in told[role].items() for rule in _rules(attribute, texts)]
             for role in told if role in ATTRIBUTES}  # fmt: skip
    listed = [*told["words"].items(), *(item for words in told["languages"].values() for item in words.items())]
    homophones = {ord(typed): meant for meant, typed_for in told["homophones"].items() for typed in typed_for}
    common, abroad = _inverted(told["words"].items()), _inverted(listed)
    return _Vocabulary(
        abroad, frozenset(abroad.keys() - common.keys()), _inverted(told["initials"].items()), homophones, rules
    )


def _inverted(listed: Iterable[tuple[str, list[str]]]) -> dict[str, Words]:
    found: dict[str, set[str]] = {}
    for concept, named in listed:
        for word in named:
            known = unaccented(simplified(unicodedata.normalize("NFKC", word).casefold()))
            found.setdefault(known, set()).add(concept)
    return {word: frozenset(concepts) for word, concepts in found.items()}


def _rules(attribute: str, texts: Iterable[str]) -> Iterator[tuple[str, Words, Words]]:
    for text in texts:
        names = text.split()
        required = frozenset(name for name in names if not name.endswith("?"))
        yield attribute, required, frozenset(name.removesuffix("?") for name in names)
