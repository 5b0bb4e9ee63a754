"""Cells of a table as text, numbers or codes; every column is worked on by its distinct values."""

import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from importers.normalising.accents import in_latin, unaccented
from importers.normalising.numerals import number_written

Objects = npt.NDArray[np.object_]
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

# Fill values that software writes where a person would leave the cell empty.
_FILL_NUMBERS = (-9999.0, -99999.0, -999.0)
_BEYOND_ANY_MEASURE = 1e20
# 99.99 where depths have two digits before the point; nothing in a street lies as deep.
_NINES = (99.0, 99.9, 99.99, 99.999, 999.0, 999.9, 999.99, 999.999, 9999.0, 9999.9, 9999.99)
_BEYOND_ANY_DEPTH_M = 90.0
# As texts, a size or a voltage that nobody knows.
ZERO = frozenset({"0", "0.0", "0.00"})
_JOINTS = re.compile(r"[-_./]+")
_KIND_OF_THING = re.compile(r"(?:管材|管道|管|点|井|관)$")
# What a pipe of a material bears, and how thick it is for its size: no part of the material's name.
_GRADE = re.compile(r"[\s,(（-]*(?:sdr|pn|sn|k)\s*\d+(?:\.\d+)?\s*[)）]?$")
_PARTS = re.compile(r"[^\W一-鿿]+(?:[.-][^\W一-鿿]+)*|[一-鿿]+")
_BRACKETED = re.compile(r"[(（\[].*?[)）\]]")
_LETTERS = re.compile(r"[^\W\d_一-鿿]+\d*")
_DENIED = re.compile(
    r"^(?:无(?!缝)|非|未|待|拟)|[?？]|\b(?:no|not|non|without|or|unknown|ohne|oder|unbekannt|sin|sans|ou|o|sem|bez|brak|lub"
    r"|без|не|или|або|ei|ikke|inte|ingen|geen|niet|of|fara|sau|nincs|vagy)\b"
)
_PIPE = re.compile(
    r"-?(?:rohre?|röhren?|buis|buizen|leiding|r[öø]r|putki|putket|cső|csövek|σωλήν\w*|σωλην\w*|труб[аыи]|trubka|trouba|rury?|boru(?:su)?"
    r"|pipes?)$"
)
_MOST_PARTS, _LEAST_OF_COMPOUND = 3, 5
# What every word for a well is at least; a word that only a dictionary of materials has.
_ANY_WELL, _ANY_STUFF = "检查井", "塑料"
_CHINESE, _LEAST_PARTS = re.compile(r"[一-鿿]+"), 2
# What a pipe is coated with is not what it is made of: 3PE防腐.
_COATING = re.compile(
    r"(?<![a-z0-9])[23]l?pe(?![a-z0-9])|(?:环氧|沥青|煤沥青|聚乙烯|pe)*(?:防腐层?|涂层|外防|内衬|外包)"
)
# What both words say is the first: PE is a plastic.
_NARROWER = (("pe", "plastic"), ("pvc", "plastic"), ("ductile_iron", "cast_iron"))
_BEHIND_COMMA = re.compile(r"\s*[,，].*")
_BLANK_AT_AN_END = r"^[\x00-\x20]|[\x00-\x20]$"


@dataclass(frozen=True)
class Cells:
    """One column by its distinct values: `words[index[i]]` is the text of row i, None where unknown."""

    index: npt.NDArray[np.int64]
    words: list[str | None]

    def each(self, parse: Callable[[str], Any]) -> Objects:
        """`parse` of every distinct word, spread over the rows; unknown stays None."""
        answers = np.empty(len(self.words), dtype=object)
        answers[:] = [None if word is None else parse(word) for word in self.words]
        return answers[self.index]

    def where(self, is_so: Callable[[str], bool]) -> Mask:
        """Which rows hold a word that is so; unknown is not."""
        answers = np.array([word is not None and is_so(word) for word in self.words], dtype=bool)
        return answers[self.index]

    def says(self, parse: Callable[[str], Any]) -> bool:
        """Whether `parse` makes anything but None of any word."""
        return any(word is not None and parse(word) is not None for word in self.words)

    def texts(self) -> Objects:
        """The text of every row, None where unknown."""
        words = np.empty(len(self.words), dtype=object)
        words[:] = self.words
        return words[self.index]


def cells(column: "pd.Series[Any]", nulls: Collection[str]) -> Cells:
    """Read a column as text; null markers, NaN and blanks are unknown."""
    index, values = pd.factorize(column, use_na_sentinel=True)
    longest = max(map(len, nulls), default=0)
    words = list(_words(values))
    short = np.flatnonzero(np.fromiter(map(len, words), np.int64, len(words)) <= longest)
    known: list[str | None] = [*words, None]
    for place in short.tolist():
        known[place] = None if words[place].casefold() in nulls else words[place]
    return Cells(np.where(index < 0, len(words), index), known)


def numbers(column: "pd.Series[Any]", nulls: Collection[str], zero_is_unknown: bool) -> tuple[Floats, Mask]:
    """Read a column as numbers, strictly: whatever is neither a number nor a null marker is flagged.

    Returns
    -------
    The values, NaN where unknown, and the mask of cells that are no number.
    """
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        bad = np.zeros(len(values), dtype=bool)
    elif pd.api.types.infer_dtype(column, skipna=True) == "string":
        values, bad = _numbers_of_texts(column, nulls)
    else:
        values, bad = _numbers_of_words(column, nulls)
    null_numbers = pd.to_numeric(pd.Series(list(nulls), dtype=object), errors="coerce").dropna()
    unknown = is_fill_number(values) | np.isin(values, null_numbers)
    if zero_is_unknown:
        unknown |= values == 0
    return np.where(unknown, np.nan, values), bad


def _numbers_of_texts(column: "pd.Series[Any]", nulls: Collection[str]) -> tuple[Floats, Mask]:
    """Texts as numbers all at once; only those that are not plainly numbers are looked at one by one."""
    values = np.array(pd.to_numeric(column, errors="coerce"), dtype=np.float64)
    left = ~np.isfinite(values) & column.notna().to_numpy()
    bad = np.zeros(len(values), dtype=bool)
    if left.any():
        values[left], bad[left] = _numbers_of_words(column[left], nulls)
    return values, bad


def _numbers_of_words(column: "pd.Series[Any]", nulls: Collection[str]) -> tuple[Floats, Mask]:
    words = cells(column, nulls)
    known = pd.Series([word and number_written(word) for word in words.words], dtype=object)
    parsed = pd.to_numeric(known, errors="coerce").to_numpy(dtype=np.float64)
    wrong = known.notna().to_numpy() & ~np.isfinite(parsed)
    return parsed[words.index], wrong[words.index]


def is_fill_number(values: Floats) -> Mask:
    """Which numbers are none, or what software writes for none."""
    return np.isin(values, _FILL_NUMBERS) | ~(np.abs(values) < _BEYOND_ANY_MEASURE)


def are_nines(written: Floats, depths_m: Floats) -> Mask:
    """Which depths, as written and in metres, are nothing but nines and deeper than any."""
    return np.isin(written, _NINES) & (depths_m > _BEYOND_ANY_DEPTH_M)


def is_fill_depth(written: Floats, depths_m: Floats) -> Mask:
    """Which depths of a column, as written and in metres, are nothing but nines, or -1 where none else is below 0.

    Where other pipes lie above the ground, one can lie a metre above it.
    """
    is_minus_one = written == -1
    is_above = (written < 0) & (written > -_BEYOND_ANY_DEPTH_M) & ~is_minus_one
    fills: Mask = are_nines(written, depths_m) | (is_minus_one & ~is_above.any())
    return fills


def codes(column: Cells, words: Mapping[str, str]) -> tuple[Objects, Mask]:
    """Translate a column into codes; the mask marks rows whose word is in no dictionary."""
    translated = column.each(lambda word: code_of(word, words))
    return translated, column.where(lambda word: code_of(word, words) is None)


def code_of(word: str, words: Mapping[str, str]) -> str | None:
    """The code of a word; None where the dictionary has it not.

    It may be written with blanks (`PE 100`), without accents, with more behind a comma (`Concrete, precast`), and with
    or without what the field puts behind any such word: 铸铁管 is 铸铁, 转折 is 转折点.
    """
    folded = word.casefold()
    if code := words.get(folded) or words.get("".join(folded.split())) or _spelt_otherwise(folded, words):
        return code
    if (bare := _GRADE.sub("", folded)) and bare != folded:
        return code_of(bare, words)
    if code := words.get(unaccented(folded)) or words.get(_BEHIND_COMMA.sub("", folded)):
        return code
    stem = _KIND_OF_THING.sub("", folded)
    if stem.isascii() and (len(stem) < 2 or stem.isdigit()):
        return None
    stems = (stem, *(stem + kind for kind in "点井管"), in_latin(folded))
    return next((code for each in stems if (code := words.get(each))), None) or _of_parts(folded, words)


def code_in(word: str, words: Mapping[str, str]) -> tuple[str, str] | None:
    """What a part says of a word that no dictionary has: 螺旋焊接钢管 is a 钢管, RCC NP3 is rcc; the code and the part.

    A Chinese word is what it ends in, another what all of its known parts agree on. None where nothing says it, and
    where the word denies it.
    """
    folded = _COATING.sub(" ", _BRACKETED.sub(" ", word.casefold())).strip()
    if _DENIED.search(folded):
        return None
    if folded[-1:] > "\u3000" and (said := _at_end(folded, words)):
        return said
    if folded[-1:] == "井" and _ANY_WELL in words:
        return words[_ANY_WELL], "井"
    return _agreed(_LETTERS.findall(folded), words) or _of_stuff(folded, words)


def _at_end(text: str, words: Mapping[str, str]) -> tuple[str, str] | None:
    """The code of what a text ends in, a known word or one before what the field puts behind any, and that end.

    One character alone is a word only behind other signs: 20#钢.
    """
    ends = (text[at:] for at in range(1, len(text)) if at < len(text) - 1 or text[at - 1] <= "\u3000")
    known = ((words.get(end) or words.get(_KIND_OF_THING.sub("", end)), end) for end in ends)
    return next(((code, end) for code, end in known if code), None)


def _of_stuff(text: str, words: Mapping[str, str]) -> tuple[str, str] | None:
    """What a thing is made of by the word it begins with: 水泥管块 is of 水泥, 不锈钢304 of 不锈钢."""
    run = match[0] if _ANY_STUFF in words and (match := _CHINESE.match(text)) else ""
    shortest = 1 if len(run) == _LEAST_PARTS else _LEAST_PARTS
    return next(((words[run[:at]], run[:at]) for at in range(len(run), shortest - 1, -1) if run[:at] in words), None)


def _agreed(parts: Sequence[str], words: Mapping[str, str]) -> tuple[str, str] | None:
    """The code that all known ones among parts have, several parts as one where they are known so, and the first."""
    found: dict[str, str] = {}
    at = 0
    while at < len(parts):
        joined = (" ".join(parts[at : at + n]) for n in range(min(_MOST_PARTS, len(parts) - at), 0, -1))
        said = next((text for text in joined if text in words and (len(text) > 2 or text == "pe" or at == 0)), None)
        said = said or _of_compound(parts[at], words)
        if said is not None:
            found.setdefault(words[said], said)
        at += 1 if said is None else said.count(" ") + 1
    for narrow, wide in _NARROWER:
        if narrow in found:
            found.pop(wide, None)
    # Glass fibre is no optical one, and what is called other says nothing.
    return next(iter(found.items())) if len(found) == 1 and not found.keys() & {"fibre", "other"} else None


def _of_compound(part: str, words: Mapping[str, str]) -> str | None:
    """The known word in a compound: what stands before pipe, Betonrohr, or what it ends in and nothing denies."""
    if (bare := _PIPE.sub("", part)) != part and bare in words:
        return bare
    end = next((part[at:] for at in range(2, len(part) - _LEAST_OF_COMPOUND + 1) if part[at:] in words), None)
    starts = (part[:at] for at in range(_LEAST_OF_COMPOUND, len(part)) if part[:at] in words)
    return end if end is not None and all(words[start] == words[end] for start in starts) else None


def _of_parts(word: str, words: Mapping[str, str]) -> str | None:
    """The code that all parts of a word have, in brackets or in another script: UPVC双壁波纹管, Plast PVC."""
    parts = _PARTS.findall(word)
    if len(parts) < 2:
        return None
    found = {words.get(part) for part in parts}
    if found & {"pe", "pvc"}:
        found.discard("plastic")
    return found.pop() if len(found) == 1 else None


def _spelt_otherwise(word: str, words: Mapping[str, str]) -> str | None:
    """The code of a word whose parts hang together by other signs, or of the last part of a value of a hierarchy."""
    if any(character.isdigit() for character in word):
        return None
    parts = _JOINTS.split(word)
    if len(parts) < 2 or not all(parts):
        return None
    spelt = (" ".join(parts), "_".join(parts), *(parts[-1:] if "." in word else ()))
    return next((code for each in spelt if len(each) > 1 and (code := words.get(each))), None)


def is_unknown(values: Objects) -> Mask:
    """Which objects are None."""
    return np.asarray(values == None, dtype=bool)  # noqa: E711 (cell by cell)


def coalesced(first: Objects, second: Objects) -> Objects:
    """`first`, and `second` where `first` is unknown."""
    filled = first.copy()
    blank = is_unknown(first)
    filled[blank] = second[blank]
    return filled


def _words(values: Any) -> Iterable[str]:
    """The distinct values as texts: all at once where every one is ASCII without blanks around it."""
    if pd.api.types.infer_dtype(values, skipna=False) != "string":
        return map(_word, values)
    try:
        texts = pa.array(values, pa.string())
    except UnicodeEncodeError:
        # Half a character, which UTF-8 cannot hold.
        return map(_word, values)
    is_trimmed = pc.invert(pc.match_substring_regex(texts, _BLANK_AT_AN_END))
    return list(values) if pc.all(pc.and_(pc.string_is_ascii(texts), is_trimmed)).as_py() else map(_word, values)


def _word(value: Any) -> str:
    if type(value) is str and value.isascii():
        return value.strip()
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    if isinstance(value, datetime | date):
        return value.isoformat()[:10]
    return unicodedata.normalize("NFKC", str(value)).strip()


def first_known(*values: Floats) -> Floats:
    """The first of several values that is known, row by row."""
    found = values[0]
    for value in values[1:]:
        found = np.where(np.isnan(found), value, found)
    return found


def floats(values: Iterable[Any]) -> Floats:
    """Values as numbers, None as NaN."""
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def objects_of(values: Iterable[Any]) -> Objects:
    """Values as they are, lists among them."""
    listed = list(values)
    answers = np.empty(len(listed), dtype=object)
    answers[:] = listed
    return answers
