"""Which code page of single bytes, or of Korea, a text is in: the one in which its letters are those of a language."""

import re

_BEYOND_ASCII = re.compile(rb"[\x80-\xff]")
# Letters that each code page is used for. In another's, some of them are signs within words: D³ugość for Długość.
_LETTERS = {
    "cp1252": "äöüßÄÖÜáàâãåæçéèêëíìîïñóòôõøúùûÁÀÂÃÅÆÇÉÈÊÍÎÑÓÔÕØÚŒœ°²³µ§€ºª·–’",
    "cp1250": "ąćęłńóśźżĄĆĘŁŃÓŚŹŻáčďéěíňřšťúůýžÁČĎÉĚÍŇŘŠŤÚŮÝŽőűŐŰăâîşţäöüßÄÖÜ°²³§€–’",
    "cp1254": "çğıöşüÇĞİÖŞÜâîûÂÎÛ°²³€–’",
}
_SIGN_IN_A_WORD = re.compile(r"(?<=[^\W\d_])[^\w\s](?=[a-zà-ÿ])|(?<=[a-z])[¹²³¿¼¾](?=[a-z])")
_MOSTLY, _LEAST_CHARACTERS = 0.85, 10
_LOWER_CYRILLIC = 0.55
_HANGUL = re.compile("[가-힣]")


def western(head: bytes) -> str:
    """The code page of a text of Latin letters; Windows-1252 where nothing speaks for another."""
    return max(_LETTERS, key=lambda page: likeness(head, page))


def is_cyrillic(head: bytes) -> bool:
    """Whether bytes beyond ASCII are letters of Windows-1251, most of them small ones, which no Chinese text has."""
    beyond = b"".join(_BEYOND_ASCII.findall(head))
    if len(beyond) < _LEAST_CHARACTERS:
        return False
    n_letters = sum(byte >= 0xC0 or byte in (0xA8, 0xB8, 0xB9) for byte in beyond)
    n_small = sum(byte >= 0xE0 or byte == 0xB8 for byte in beyond)
    return n_letters >= _MOSTLY * len(beyond) and n_small >= _LOWER_CYRILLIC * len(beyond)


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


def likeness(head: bytes, page: str) -> float:
    """The share of characters beyond ASCII that are letters of the code page's languages, less signs within words."""
    text = head.decode(page, "replace")
    beyond = [character for character in text if not character.isascii()]
    if not beyond:
        return 0.0
    n_letters = sum(character in _LETTERS[page] for character in beyond)
    return (n_letters - len(_SIGN_IN_A_WORD.findall(text))) / len(beyond)
