"""Coordinate systems by the names that surveys give them: CGCS2000 117带, WGS84 UTM 48S, EPSG:4547."""

import re
from collections.abc import Iterable

from pyproj import CRS
from pyproj.exceptions import CRSError as ProjError

from importers.places.place_readings import THREE_DEGREE_ZONES, WITHOUT_ZONE

_EPSG = re.compile(r"(?:epsg|srid)?\s*:?\s*(\d{4,5})", re.IGNORECASE)
_UTM = re.compile(r"utm\D*?(\d{1,2})\s*([ns])?", re.IGNORECASE)
_CGCS2000 = re.compile(r"cgcs\s*2000|国家\s*2000|2000\s*(?:国家|坐标|大地)", re.IGNORECASE)
_GEOGRAPHIC = re.compile(r"经纬|大地经|geographic|lat|lon|degree|grad", re.IGNORECASE)
_WGS84 = re.compile(r"wgs[\s_-]*(?:19)?84", re.IGNORECASE)
_NUMBER = re.compile(r"(?<!\d)\d{2,3}(?!\d)")
# Meridians of whole degrees: 117°30′ is that of a city's own system.
_MERIDIAN = re.compile(
    r"(?:中央(?:子午线|经线)|central\s+meridian)\D{0,6}?(\d{2,3})(?!\d|\.\d|\s*[°度]\s*(?!00?\D)\d{1,2}(?!\d))",
    re.IGNORECASE,
)
_OTHER_DATUM = re.compile(r"西安|北京\s*(?:19)?54|(?:19)?54\s*北京|1980", re.IGNORECASE)
_EPSG_IN_TEXT = re.compile(r"epsg\s*[:：]?\s*(\d{4,5})(?!\d)", re.IGNORECASE)
# Systems of South Africa, whose axes run west and south, by their meridians: Lo29.
_LO = re.compile(r"(?<![a-z])lo\.?\s?(\d{2})(?!\d)", re.IGNORECASE)
_OF_LO = {meridian: 2046 + (meridian - 15) // 2 for meridian in range(15, 35, 2)}
_WIDTH = re.compile(r"(?<!\d)[36三六]\s*[°度]\s*(?:分?带|zone)?", re.IGNORECASE)


def system_named(name: str) -> CRS | None:
    """The system that a name says wholly, with its zone; None where it does not, or names one that is not known.

    A zone of CGCS2000 is named by its number (38, eastings begin with it) or by its central meridian (114).
    """
    text = name.strip()
    if match := _EPSG.fullmatch(text):
        return _of_epsg(int(match[1]))
    if match := _UTM.search(text):
        zone, side = int(match[1]), (match[2] or "n").casefold()
        return _of_epsg((32600 if side == "n" else 32700) + zone) if 1 <= zone <= 60 and _WGS84.search(text) else None
    if _CGCS2000.search(text):
        return _of_cgcs2000(_CGCS2000.sub(" ", text))
    return _of_epsg(4326) if _WGS84.search(text) and _GEOGRAPHIC.search(text) else None


def may_say_system(text: str) -> bool:
    """Whether a text holds what names of systems with their zones are made of."""
    return any(pattern.search(text) for pattern in (_MERIDIAN, _EPSG_IN_TEXT, _LO, _UTM))


def system_said(texts: Iterable[str], millions: Iterable[int]) -> CRS | None:
    """The one system that lines about a table say with its zone; None where they say none, or several.

    Parameters
    ----------
    millions
        How many whole millions the table's numbers are: eastings may begin with the number of their zone.
    """
    lines = list(texts)
    whole = " ".join(lines)
    found = {int(code) for code in _EPSG_IN_TEXT.findall(whole)}
    found |= {_OF_LO[int(meridian)] for meridian in _LO.findall(whole) if int(meridian) in _OF_LO}
    meridians = {int(meridian) for meridian in _MERIDIAN.findall(whole)} & WITHOUT_ZONE.keys()
    if _CGCS2000.search(whole) and not _OTHER_DATUM.search(whole):
        zones = {meridian // 3 for meridian in meridians}
        found |= {THREE_DEGREE_ZONES[zone] if zone in millions else WITHOUT_ZONE[3 * zone] for zone in zones}
    found |= {
        code
        for line in lines
        if _UTM.search(line) and (crs := system_named(line)) is not None and (code := crs.to_epsg())
    }
    return _of_epsg(found.pop()) if len(found) == 1 else None


def _of_cgcs2000(rest: str) -> CRS | None:
    if _GEOGRAPHIC.search(rest):
        return _of_epsg(4490)
    numbers = {int(number) for number in _NUMBER.findall(_WIDTH.sub(" ", rest))}
    codes = {WITHOUT_ZONE.get(number) or THREE_DEGREE_ZONES.get(number) for number in numbers}
    return _of_epsg(code) if len(codes) == 1 and (code := codes.pop()) else None


def _of_epsg(code: int) -> CRS | None:
    try:
        return CRS.from_epsg(code)
    except ProjError:
        return None
