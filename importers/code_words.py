"""The known word that is nearest to one that no dictionary has: 球墨铸铁管K9 is 球墨铸铁, mannhole is manhole."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache

# What the field puts behind a word without changing it.
_SUFFIX = re.compile(r"(?:管材|管道|管线|管|井|阀|点|类|型|式|敷设|埋设)$")
_WITHIN, _ALIKE = 0.7, 0.72


@dataclass(frozen=True)
class NearWord:
    """A word of a dictionary, its code, and how near it is (0 to 1)."""

    word: str
    code: str
    nearness: float


def nearest(word: str, known: Mapping[str, str]) -> NearWord | None:
    """The nearest word of a dictionary of case-folded words to codes, None when none is near."""
    return _nearest(word.casefold().strip(), tuple(known.items()))


@lru_cache(maxsize=20_000)
def _nearest(word: str, known: tuple[tuple[str, str], ...]) -> NearWord | None:
    words = {text: code for text, code in known if not text.endswith("*")}
    if word in words:
        return NearWord(word, words[word], 1.0)
    stem = _SUFFIX.sub("", word)
    for text in (stem, *(f"{stem}{suffix}" for suffix in ("管", "井", "阀"))):
        if text in words and (len(text) > 2 or not text.isascii()):
            return NearWord(text, words[text], 0.9)
    within = [text for text in words if len(text) > (1 if not text.isascii() else 3) and text in word]
    if within:
        longest = max(within, key=len)
        return NearWord(longest, words[longest], round(_WITHIN + 0.2 * len(longest) / len(word), 2))
    return _most_alike(word, words)


def _most_alike(word: str, words: Mapping[str, str]) -> NearWord | None:
    if len(word) < (3 if not word.isascii() else 4) or word.isdigit():
        return None
    ratios = {text: SequenceMatcher(None, word, text).ratio() for text in words if abs(len(text) - len(word)) <= 3}
    best = max(ratios, key=lambda text: ratios[text], default=None)
    return NearWord(best, words[best], round(0.8 * ratios[best], 2)) if best and ratios[best] >= _ALIKE else None
