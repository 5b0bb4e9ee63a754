"""Which code page of single bytes, or of Korea, a text is in: the one in which its letters are those of a language."""

import re

BEYOND_ASCII = bytes(range(0x80, 0x100))
# Letters that each code page is used for. In another's, some of them are signs within words: D³ugość for Długość.
_LETTERS = {
    "cp1252": "äöüßÄÖÜáàâãåæçéèêëíìîïñóòôõøúùûÁÀÂÃÅÆÇÉÈÊÍÎÑÓÔÕØÚŒœ°²³µ§€ºª·–’",
    "cp1250": "ąćęłńóśźżĄĆĘŁŃÓŚŹŻáčďéěíňřšťúůýžÁČĎÉĚÍŇŘŠŤÚŮÝŽőűŐŰăâîşţäöüßÄÖÜ°²³§€–’",
    "cp1254": "çğıöşüÇĞİÖŞÜâîûÂÎÛ°²³€–’",
    "cp1257": "ąčęėįšųūžĄČĘĖĮŠŲŪŽāēģīķļņĀĒĢĪĶĻŅ°²³€–’",
}
_SMALL_CYRILLIC = bytes((0xB8, *range(0xE0, 0x100)))
_CYRILLIC = bytes((0xA8, 0xB9, *range(0xC0, 0xE0))) + _SMALL_CYRILLIC
_SIGN_IN_A_WORD = re.compile(r"(?<=[^\W\d_])[^\w\s](?=[a-zà-ÿ])|(?<=[^\W\d_])[¹²³¿¼¾](?=[a-zà-ÿ])")
_MOSTLY, _NEARLY_ALL, _LEAST_CHARACTERS = 0.85, 0.9, 10
_LOWER_CYRILLIC = 0.55
_HANGUL = re.compile("[가-힣]")
_HEBREW, _NO_HEBREW = bytes(range(0xE0, 0xFB)), bytes((*range(0xC0, 0xE0), *range(0xFB, 0xFD), 0xFF))
_HEBREW_WORD = re.compile(rb"(?<![A-Za-z])[\xe0-\xfa]{2,}(?![A-Za-z])")
_GREEK = bytes((0xA2, 0xB8, 0xB9, 0xBA, 0xBC, 0xBE, 0xBF, *range(0xC1, 0xFF)))
_CAPITAL_WITHIN = re.compile(r"[а-яёα-ώ][А-ЯЁΑ-ΫΆ-Ώ]")


def western(head: bytes) -> str:
    """The code page of a text of Latin letters; Windows-1252 where nothing speaks for another."""
    if _is_hungarian(head):
        return "cp1250"
    return max(_LETTERS, key=lambda page: _likeness(head, page))


def _is_hungarian(head: bytes) -> bool:
    """Whether letters beyond ASCII are those of Hungarian alone, whose ő and ű are õ and û in Windows-1252."""
    letters = {letter for letter in head.decode("cp1252", "ignore").lower() if letter > "\x7f" and letter.isalpha()}
    n_long = len(letters & {"õ", "û"})
    is_sure = n_long == 2 or (n_long == 1 and bool(letters & {"ö", "ü"}))
    return is_sure and bool(letters & set("áíó")) and letters <= set("áéíóöõúüû")


def is_cyrillic(head: bytes) -> bool:
    """Whether bytes beyond ASCII are letters of Windows-1251, most of them small ones, which no Chinese text has."""
    n_beyond = n_among(head, BEYOND_ASCII)
    if n_beyond < _LEAST_CHARACTERS:
        return False
    n_letters, n_small = n_among(head, _CYRILLIC), n_among(head, _SMALL_CYRILLIC)
    return n_letters >= _MOSTLY * n_beyond and n_small >= _LOWER_CYRILLIC * n_beyond


def is_hebrew(head: bytes) -> bool:
    """Whether bytes beyond ASCII are words of Windows-1255: of all its letters none is one of Russia's last or capital.

    Of Russian letters every tenth lies beyond the last of Hebrew.
    """
    n_beyond = n_among(head, BEYOND_ASCII)
    if n_beyond < 3 * _LEAST_CHARACTERS or n_among(head, _NO_HEBREW) * 100 > n_beyond:
        return False
    return sum(map(len, _HEBREW_WORD.findall(head))) >= _NEARLY_ALL * n_beyond


def is_greek(head: bytes) -> bool:
    """Whether bytes beyond ASCII are letters of Windows-1253, the accented ones of which are capitals in Russia's."""
    n_beyond = n_among(head, BEYOND_ASCII)
    if n_beyond < _LEAST_CHARACTERS or n_among(head, _GREEK) < _NEARLY_ALL * n_beyond:
        return False
    russian, greek = (len(_CAPITAL_WITHIN.findall(head.decode(page, "replace"))) for page in ("cp1251", "cp1253"))
    return russian > 1 and greek * 4 < russian


def is_korean(head: bytes) -> bool:
    """Whether all characters of a text are Hangul syllables of Windows-949; many of a Chinese text would be beyond."""
    text = head.decode("cp949", "ignore")
    beyond = {character for character in text if not character.isascii()}
    n_hangul = sum(_HANGUL.fullmatch(character) is not None for character in beyond)
    is_text = len(head) - len(text.encode("cp949", "ignore")) <= 2
    return is_text and n_hangul >= max(_LEAST_CHARACTERS, 0.95 * len(beyond)) and _all_in_common(head)


def _all_in_common(head: bytes) -> bool:
    """Whether pairs of bytes, signs left out, lie where the standard of Korea has its common syllables."""
    leads = [pair[0] for pair in re.findall(rb"[\x81-\xfe][\xa1-\xfe]", head) if not 0xA1 <= pair[0] <= 0xAF]
    return bool(leads) and sum(0xB0 <= lead <= 0xC8 for lead in leads) >= 0.98 * len(leads)


def is_nearly_all_letters(head: bytes) -> bool:
    """Whether hardly anything beyond ASCII is no letter in one of the code pages of Latin letters."""
    least = _NEARLY_ALL * n_among(head, BEYOND_ASCII)
    # Letters are quickly counted, which settles it for most texts; signs within words are not.
    likely = (page for page in _LETTERS if n_among(head, _letters(page)) > least)
    return any(_likeness(head, page) > _NEARLY_ALL for page in likely)


def n_among(text: bytes, wanted: bytes) -> int:
    """How many bytes of a text are among some: counted as a whole, for a text may be a mebibyte."""
    return len(text) - len(text.translate(None, wanted))


def _letters(page: str) -> bytes:
    return _LETTERS[page].encode(page, "ignore")


def _likeness(head: bytes, page: str) -> float:
    """The share of characters beyond ASCII that are letters of the code page's languages, less signs within words."""
    n_beyond = n_among(head, BEYOND_ASCII)
    if not n_beyond:
        return 0.0
    n_signs = len(_SIGN_IN_A_WORD.findall(head.decode(page, "replace")))
    return (n_among(head, _letters(page)) - n_signs) / n_beyond
