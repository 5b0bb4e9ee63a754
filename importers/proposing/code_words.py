"""The known word that is nearest to one that no dictionary has: 球墨铸铁管K9 is 球墨铸铁, mannhole is manhole."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher

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
    folded = word.casefold().strip()
    return akin(word, known) or _most_alike(folded, {text: code for text, code in known.items() if "*" not in text})


def akin(word: str, known: Mapping[str, str]) -> NearWord | None:
    """The known word that is the word, its stem, or within it; None when there is none."""
    folded = word.casefold().strip()
    if folded in known:
        return NearWord(folded, known[folded], 1.0)
    stem = _SUFFIX.sub("", folded)
    for text in (stem, *(f"{stem}{suffix}" for suffix in ("管", "井", "阀"))):
        if text in known and (len(text) > 2 or not text.isascii()):
            return NearWord(text, known[text], 0.9)
    within = [text for text in known if text in folded and len(text) > (1 if not text.isascii() else 3)]
    if not within:
        return None
    longest = max(within, key=len)
    return NearWord(longest, known[longest], round(_WITHIN + 0.2 * len(longest) / len(folded), 2))


def _most_alike(word: str, words: Mapping[str, str]) -> NearWord | None:
    if len(word) < (3 if not word.isascii() else 4) or word.isdigit():
        return None
    ratios = {text: SequenceMatcher(None, word, text).ratio() for text in words if abs(len(text) - len(word)) <= 3}
    best = max(ratios, key=lambda text: ratios[text], default=None)
    return NearWord(best, words[best], round(0.8 * ratios[best], 2)) if best and ratios[best] >= _ALIKE else None
