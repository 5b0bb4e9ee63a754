"""Words without the accents of their letters, for comparing."""

import re
import unicodedata
from functools import lru_cache

# Letters that are no accented ones for Unicode, and are typed as such.
_PLAIN = str.maketrans("łŁđĐıøØё", "lLdDioOе") | {ord("ß"): "ss", ord("æ"): "ae"}
# Serbian and Macedonian letters as the Latin ones without accents.
_LATIN = str.maketrans(
    dict(zip("абвгдежзијклмнопрстћуфхцчшѓќ", "abvgdezzijklmnoprstcufhccsgk", strict=True))
    | {"љ": "lj", "њ": "nj", "џ": "dz", "ђ": "dj", "ѕ": "dz"}
)
_ACCENTED = re.compile(r"[À-ɏͰ-Ͽёأ-ئḀ-ỿἀ-῿]")


@lru_cache(maxsize=65_536)
def unaccented(text: str) -> str:
    """A text without the accents of its letters, which many a header is typed without: średnica, Ø, ё."""
    if not _ACCENTED.search(text):
        return text
    parts = (unicodedata.normalize("NFD", letter) if _ACCENTED.match(letter) else letter for letter in text)
    return "".join(letter for letter in "".join(parts).translate(_PLAIN) if not unicodedata.combining(letter))


def in_latin(text: str) -> str:
    """A text in small Cyrillic letters as Serbian writes it in Latin ones, without accents: узводно is uzvodno."""
    return text if text.isascii() else text.translate(_LATIN)
