"""Dates as surveys, spreadsheets and databases write them; a missing month or day is the first."""

import re
from collections.abc import Callable, Iterable
from datetime import date, timedelta

from importers.normalising.accents import unaccented

_YEARS_FIRST = (
    (re.compile(r"^(\d{4})(?:\.0)?年?度?$"), ("y",)),
    (re.compile(r"^(\d{4})[-/.年](\d{1,2})(?:[-/.月](\d{1,2}))?"), ("y", "m", "d")),
    (re.compile(r"^(\d{4})(\d{2})(\d{2})?$"), ("y", "m", "d")),
    (re.compile(r"^(\d{2})年度?(?:(\d{1,2})月)?(?:(\d{1,2})日)?$"), ("y", "m", "d")),
)
_YEARS_LAST = (
    (re.compile(r"^(\d{1,2})\.\s?(\d{1,2})\.\s?(\d{4})\.?$"), ("d", "m", "y")),
    (re.compile(r"^(\d{1,2})[-/.](\d{4})$"), ("m", "y")),
)
_SLASHES = re.compile(r"^(\d{1,2})([/-])(\d{1,2})\2(\d{4}|(?<=/)\d{2,3})(?:\s|$)")
_OF_TWO_DIGITS = re.compile(r"^(\d{2})[-/.](\d{1,2})(?:[-/.](\d{1,2}))?$")
# A number of two digits beyond this is a year, not a day.
_MOST_DAYS = 31
_MONTHS_OF_A_YEAR = 12
_YEARS_OF_BUDDHA = range(2400, 2700)
# Written in the figures of Persian, ۱۳۸۵/۰۴/۱۲, years are counted as Iran does.
_PERSIAN = re.compile(r"^([۰-۹]{4})(?:[-/.]([۰-۹]{1,2}))?(?:[-/.]([۰-۹]{1,2}))?$")
_PERSIAN_IN_LATIN = re.compile(r"^(\d{4})(?:\.0)?(?:[-/.](\d{1,2}))?(?:[-/.](\d{1,2}))?$")
_YEARS_OF_PERSIA = range(1250, 1500)
# Letters that Persian has and Arabic has not.
_LETTERS_OF_PERSIAN = re.compile(r"[پچژگکی]")
_PERSIAN_EPOCH = date(622, 3, 21)
# What names of months begin with in languages of Latin letters, accents left out.
_MONTHS = {
    name: month
    for month, names in enumerate(
        ("jan ene gen", "feb fev", "mar mrt", "apr abr avr", "may mai maj mei mag", "jun juin giu", "jul juil lug",
         "aug ago aou", "sep set", "oct okt ott out", "nov", "dec dez dic des"),
        start=1,
    )
    for name in names.split()
}  # fmt: skip
_MONTH = rf"({'|'.join(sorted(_MONTHS, key=len, reverse=True))})[a-z]*\.?"
_NAMED = re.compile(
    rf"^(?:(\d{{1,2}})[-\s./]*(?:de\s+)?)?{_MONTH}[-\s,/]*(?:de[l]?\s+)?(\d{{4}}|\d{{2}})$", re.IGNORECASE
)
_MONTH_FIRST = re.compile(rf"^{_MONTH}\s+(\d{{1,2}})(?:st|nd|rd|th)?,?\s+(\d{{4}})$", re.IGNORECASE)
# Years of the Republic of China have three digits, in front of the others: 098/05/12 is 2009.
_OF_TAIWAN = re.compile(r"^(0\d{2}|1[0-4]\d)[-/.](\d{1,2})[-/.](\d{1,2})$")
_ABOUT = re.compile(r"^(?:约|大约|大概|circa|ca?\.|~|≈)\s*(?=\d)", re.IGNORECASE)
# Years counted from an event: 昭和55年度 and S55 are 1980, 民国95年 is 2006, the first year of an era is 元年.
_BEFORE_ERA = {
    "明治": 1867, "大正": 1911, "昭和": 1925, "平成": 1988, "令和": 2018, "民国": 1911, "民國": 1911,
}  # fmt: skip
_ERA_LETTERS = {"M": "明治", "T": "大正", "S": "昭和", "H": "平成", "R": "令和"}
_ERA = re.compile(
    rf"^({'|'.join(_BEFORE_ERA)})(元|\d{{1,3}})(?:年度?)?"
    r"(?:[-/.]?(\d{1,2})(?:月|(?=[-/.])|$))?(?:[-/.]?(\d{1,2})日?)?$"
)
_CHINESE_DIGITS = str.maketrans("〇○零一二三四五六七八九", "000123456789")
_CHINESE_DATE = re.compile(
    r"^([一二][〇○零一二三四五六七八九]{3})年?(?:([一二三四五六七八九十]{1,2})月)?(?:([一二三四五六七八九十]{1,3})日)?$"
)
# Days since 1899-12-30, as a spreadsheet holds a date that has lost its format: 1940 to 2099.
_SERIAL = re.compile(r"^\d{5}(?:\.\d+)?$")
_SERIAL_DAYS = range(14_611, 73_051)
_SERIAL_EPOCH = date(1899, 12, 30)


def parse_date(word: str) -> date | None:
    """A date wherever it stands, None where a text is none; of 05/06/2011 the month comes first."""
    return _by_pattern(word) or _by_slashes(word, day_first=False) or _by_name(word) or _by_era(word) or _serial(word)


def date_parser(words: Iterable[str], *, is_persian: bool = False) -> Callable[[str], date | None]:
    """How the dates of a column of dates are read, which may be shorter: 98.6, S55.

    Where any 15/03/1999 tells that days come first they do; where neither order is told by any, 05/06/2011 can be two
    days and is none. In a Persian table 1385 is a year of Iran's calendar; elsewhere it could be one of the Hijra.
    """
    pairs = [(int(found[1]), int(found[3])) for word in words if (found := _SLASHES.match(word))]
    day_first = any(first > _MONTHS_OF_A_YEAR for first, _ in pairs)
    month_first = any(second > _MONTHS_OF_A_YEAR for _, second in pairs) or all(one == other for one, other in pairs)

    def parse(word: str) -> date | None:
        if is_persian and (match := _PERSIAN_IN_LATIN.match(word)) and int(match[1]) in _YEARS_OF_PERSIA:
            return _of_persia(*(int(part or 1) for part in match.groups()))
        if _SLASHES.match(word) and day_first:
            return None if month_first else _by_slashes(word, day_first=True)
        if _SLASHES.match(word) and not month_first:
            return None
        return parse_date(word) or _of_two_digits(word) or _by_era(_ERA_LETTERS.get(word[:1], " ") + word[1:])

    return parse


def is_persian(names: Iterable[str]) -> bool:
    """Whether the names of a table's columns are written in Persian."""
    return any(_LETTERS_OF_PERSIAN.search(name) for name in names)


def _by_pattern(word: str) -> date | None:
    word = _ABOUT.sub("", word)
    if match := _PERSIAN.match(word):
        return _of_persia(*(int(part or 1) for part in match.groups()))
    if match := _OF_TAIWAN.match(word):
        return _date(_BEFORE_ERA["民国"] + int(match[1]), int(match[2]), int(match[3]))
    if match := _CHINESE_DATE.match(word):
        return _date(int(match[1].translate(_CHINESE_DIGITS)), _counted(match[2]), _counted(match[3]))
    for pattern, order in (*_YEARS_FIRST, *_YEARS_LAST):
        if match := pattern.match(word):
            written = zip(order, match.groups(), strict=True)
            # 20120500: what is not known of a day is written as 00.
            parts = {name: int(text) for name, text in written if text and (name == "y" or int(text))}
            return _date(parts["y"], parts.get("m", 1), parts.get("d", 1))
    return None


def _of_persia(year: int, month: int, day: int) -> date | None:
    """A day of the solar calendar of Iran, whose 33 years have 8 leap ones; the first half has months of 31 days."""
    if year not in _YEARS_OF_PERSIA or not 1 <= month <= _MONTHS_OF_A_YEAR or not 1 <= day <= _MOST_DAYS:
        return None
    days = 365 * (year - 1) + (8 * year + 21) // 33 + 30 * (month - 1) + min(month - 1, 6) + day - 1
    return _PERSIAN_EPOCH + timedelta(days=days)


def _counted(word: str | None) -> int:
    """三 is 3, 十 10, 十二 12, 二十一 21; the first where nothing stands."""
    if word is None:
        return 1
    tens, ten, ones = word.rpartition("十")
    return (10 * int((tens or "一").translate(_CHINESE_DIGITS)) if ten else 0) + int(
        (ones or "零").translate(_CHINESE_DIGITS)
    )


def _of_two_digits(word: str) -> date | None:
    """98.6 and 15.03.98, where only one of the numbers can be the year."""
    if not (match := _OF_TWO_DIGITS.match(word)):
        return None
    first, second, third = (None if text is None else int(text) for text in match.groups())
    assert first is not None and second is not None
    if first > _MOST_DAYS and (third or 0) <= _MOST_DAYS:
        return _date(first, second, third or 1)
    return _date(third, second, first) if third is not None and third > _MOST_DAYS else None


def _by_slashes(word: str, *, day_first: bool) -> date | None:
    if not (match := _SLASHES.match(word)):
        return None
    first, second, year = int(match[1]), int(match[3]), int(match[4])
    return _date(year, second, first) if day_first else _date(year, first, second)


def _by_name(word: str) -> date | None:
    """Mar-98, 18 May 2012, 3 de março de 2014 and May 18, 2012."""
    word = unaccented(word)
    if match := _MONTH_FIRST.match(word):
        return _date(int(match[3]), _MONTHS[match[1].lower()], int(match[2]))
    match = _NAMED.match(word)
    return _date(int(match[3]), _MONTHS[match[2].lower()], int(match[1] or 1)) if match else None


def _by_era(word: str) -> date | None:
    match = _ERA.match(word)
    if not match:
        return None
    year = 1 if match[2] == "元" else int(match[2])
    return _date(_BEFORE_ERA[match[1]] + year, int(match[3] or 1), int(match[4] or 1))


def _serial(word: str) -> date | None:
    days = int(float(word)) if _SERIAL.match(word) else 0
    return _SERIAL_EPOCH + timedelta(days=days) if days in _SERIAL_DAYS else None


def _date(year: int, month: int, day: int) -> date | None:
    if year < 100:
        year += 1900 if year > 60 else 2000
    # Thailand counts from the death of the Buddha.
    year -= 543 if year in _YEARS_OF_BUDDHA else 0
    try:
        return date(year, month, day) if 1850 <= year <= 2150 else None
    except ValueError:
        return None
