"""Numbers as people and programs write them: 1'200.50, 1.200,50, ۱٫۲, 22°33′44.5″, 507000.12 mE."""

import re
import unicodedata

_WITH_COMMAS = re.compile(r"[-+]?\d{1,3}(?:,\d{3})+\.\d+|[-+]?\d{1,3}(?:,\d{3}){2,}")
_WITH_POINTS = re.compile(r"[-+]?\d{1,3}(?:\.\d{3})+,\d+|[-+]?\d{1,3}(?:\.\d{3}){2,}")
# Two numbers beside each other are not one: 12 350 may be both, 2 495 350 and 12 350,5 are thousands.
_APART = re.compile(
    r"[-+]?\d{1,3}(?:['’ʼ]\d{3})+(?:[.,]\d+)?|[-+]?\d{1,3}(?: \d{3})+[.,]\d+|[-+]?\d{1,3}(?: \d{3}){2,}"
)
_CHINESE_POINT = re.compile(r"([-+]?\d+)。(\d+)")
_SIDE = "([NSEW]|北纬|南纬|东经|西经)?"
_ANGLE = re.compile(
    rf"{_SIDE}\s*([-+]?\d{{1,3}})\s*[°ºo度:]\s*(\d{{1,2}})\s*['′’‵分:]\s*"
    rf"(\d{{1,2}}(?:\.\d+)?)\s*(?:[\"″”秒]|''|′′|’’)?\s*{_SIDE}",
    re.IGNORECASE,
)
_MINUTES = re.compile(rf"{_SIDE}\s*([-+]?\d{{1,3}})\s*[°º度]\s*(\d{{1,2}}\.\d+)\s*['′’‵分]?\s*{_SIDE}", re.IGNORECASE)
_DEGREES = re.compile(rf"{_SIDE}\s*([-+]?\d{{1,3}}\.\d{{3,}})\s*[°ºo度]?\s*{_SIDE}", re.IGNORECASE)
# A number of a point, E10001, is none of metres.
_OF_A_GRID = re.compile(r"[NE]\s*(\d{5,}\.\d+)\s*m?|(\d{5,}\.\d+)\s*m?\s*[NE]|(\d{5,})\s*m\s*[NE]", re.IGNORECASE)
_NEGATIVE = frozenset(("s", "w", "南纬", "西经"))
_MOST_DEGREES, _SIXTY = 180.0, 60.0
# Of Arabic and Persian: the sign before decimals, and the one between thousands.
_OTHER_SIGNS = str.maketrans({"٫": ".", "٬": None})


def number_written(word: str) -> str:
    """The number that a text writes, as a program writes it; the text itself where it is plain already, or none.

    Angles in degrees, minutes and seconds become degrees, negative to the south and west. A single comma may be of
    decimals or of thousands, which only the column can tell: such a text stays.
    """
    if not word.isascii() and any(figure.isdecimal() for figure in word):
        word = in_ascii_figures(word)
    if word.isalpha() or word.isdecimal():
        return word
    if _WITH_COMMAS.fullmatch(word):
        return word.replace(",", "")
    if _WITH_POINTS.fullmatch(word):
        return word.replace(".", "").replace(",", ".")
    if _APART.fullmatch(word):
        return re.sub(r"[^\d.,+-]", "", word).replace(",", ".")
    if match := _CHINESE_POINT.fullmatch(word):
        return f"{match[1]}.{match[2]}"
    return _of_a_place(word) or word


def in_ascii_figures(word: str) -> str:
    """A text with its figures and decimal signs of other scripts as a program writes them: ۱٫۲ is 1.2."""
    written = word.translate(_OTHER_SIGNS)
    return "".join(str(unicodedata.decimal(letter, letter)) for letter in written)


def _of_a_place(word: str) -> str | None:
    """Degrees, or metres of a grid, with the side that they are counted to."""
    if match := _ANGLE.fullmatch(word):
        before, degrees, minutes, seconds, after = match.groups()
        side = before or after
        # Programs that round 59.9996 write 60.
        if int(minutes) > _SIXTY or float(seconds) > _SIXTY or (":" in word and "." not in seconds and not side):
            return None
        return _signed(side, degrees, int(minutes) / _SIXTY + float(seconds) / _SIXTY**2)
    if (match := _MINUTES.fullmatch(word)) and float(match[3]) < _SIXTY:
        return _signed(match[1] or match[4], match[2], float(match[3]) / _SIXTY)
    if match := _DEGREES.fullmatch(word):
        return _signed(match[1] or match[3], match[2])
    match = _OF_A_GRID.fullmatch(word)
    return match and (match[1] or match[2] or match[3])


def _signed(side: str | None, degrees: str, more: float = 0.0) -> str | None:
    """Degrees with their sign; None where there are not as many."""
    found = abs(float(degrees)) + more
    is_negative = degrees.startswith("-") or (side or "").casefold() in _NEGATIVE
    return repr(-found if is_negative else found) if found <= _MOST_DEGREES else None
