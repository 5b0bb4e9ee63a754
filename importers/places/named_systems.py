"""Coordinate systems by the names that surveys give them: CGCS2000 117带, WGS84 UTM 48S, EPSG:4547."""

import re

from pyproj import CRS
from pyproj.exceptions import CRSError as ProjError

from importers.places.place_readings import THREE_DEGREE_ZONES, WITHOUT_ZONE

_EPSG = re.compile(r"(?:epsg|srid)?\s*:?\s*(\d{4,5})", re.IGNORECASE)
_UTM = re.compile(r"utm\D*?(\d{1,2})\s*([ns])?", re.IGNORECASE)
_CGCS2000 = re.compile(r"cgcs\s*2000|国家\s*2000|2000\s*(?:国家|坐标|大地)", re.IGNORECASE)
_GEOGRAPHIC = re.compile(r"经纬|大地经|geographic|lat|lon|degree|grad", re.IGNORECASE)
_WGS84 = re.compile(r"wgs[\s_-]*(?:19)?84", re.IGNORECASE)
_NUMBER = re.compile(r"(?<!\d)\d{2,3}(?!\d)")
_WIDTH = re.compile(r"[36三六]\s*[°度]\s*(?:分?带|zone)?", re.IGNORECASE)


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
