"""Coordinate reference systems as OGC API names them: by URI, with the axes in the order the system defines.

Elsewhere in pipemap x is always easting or longitude. Here EPSG:4547 is northing first and EPSG:4326 latitude first,
as the register has it; CRS84 is longitude first.
"""

import re
from dataclasses import dataclass
from functools import cache, lru_cache

from pyproj import CRS

from pipemap.errors import UsageError

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
CRS84H = "http://www.opengis.net/def/crs/OGC/0/CRS84h"
# Beside the project's own: WGS 84, CGCS2000 and web maps.
_OFFERED = (4326, 4490, 3857)
_EPSG = re.compile(r"http://www\.opengis\.net/def/crs/EPSG/0/(\d{4,6})")
_WGS84 = 4326


@dataclass(frozen=True)
class OgcCrs:
    """A system by its URI, its EPSG code, and whether northing (latitude) comes first."""

    uri: str
    srid: int
    northing_first: bool

    def easting_first(self, box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
        """A box as the system orders it, brought to min x, min y, max x, max y."""
        a0, b0, a1, b1 = box
        return (b0, a0, b1, a1) if self.northing_first else box


def offered_crs(project_srid: int) -> list[str]:
    """URIs of the systems that every collection is answered in, the default first."""
    codes = dict.fromkeys([project_srid, *_OFFERED])
    return [CRS84, CRS84H, *(epsg_uri(code) for code in codes)]


def epsg_uri(srid: int) -> str:
    """URI of an EPSG code."""
    return f"http://www.opengis.net/def/crs/EPSG/0/{srid}"


@lru_cache(256)
def read_crs(uri: str | None, project_srid: int) -> OgcCrs:
    """The system of a parameter, CRS84 when there is none; UsageError when it is not offered."""
    uri = CRS84 if uri is None else uri.strip("[]<>")
    offered = offered_crs(project_srid)
    if uri not in offered:
        raise UsageError(f"{uri} is not offered here; what is: {', '.join(offered)}.")
    match = _EPSG.fullmatch(uri)
    if match is None:
        return OgcCrs(uri, _WGS84, northing_first=False)
    return OgcCrs(uri, int(match[1]), is_northing_first(int(match[1])))


@cache
def is_northing_first(srid: int) -> bool:
    """Whether the register puts northing, or latitude, before easting."""
    return CRS.from_epsg(srid).axis_info[0].direction.lower() == "north"
