"""Systems that count in feet: a layer's heights are then in feet, too, though nothing else says so."""

from functools import cache

from pyproj import CRS
from pyproj.aoi import AreaOfInterest
from pyproj.database import query_crs_info
from pyproj.enums import PJType

from importers.places.local_grid import LocalGrid
from importers.places.place_readings import System

_FEET = {"US survey foot": "us-ft", "foot": "ft"}
_BETWEEN_FEET = 1e-5
# State plane systems; those of federal land (BLM) reach over the borders.
_OF_A_STATE, _FEDERAL = ("(ftUS)", "(ft)"), "BLM"


def foot_of(crs: CRS | None) -> str | None:
    """The foot that places of a system are in, as units of columns are called, where its heights have no other unit.

    State plane systems of two axes are written with heights in their own foot; a third axis has its own unit.
    """
    if crs is None or not crs.axis_info:
        return None
    return _FEET.get(crs.axis_info[-1].unit_name)


def metres_per_unit(system: System) -> float:
    """Metres in a unit of a system's coordinates; 1 for degrees."""
    crs = system.target if isinstance(system, LocalGrid) else system
    return float(crs.axis_info[0].unit_conversion_factor) if crs.is_projected else 1.0


def is_same_foot(metres: float, others_metres: float) -> bool:
    """Whether two units are one to people: both feet are called foot."""
    return abs(metres / others_metres - 1.0) < _BETWEEN_FEET


@cache
def counts_in_feet(longitude: float, latitude: float) -> bool:
    """Whether surveyors at a place count in feet: where a state plane system of the register does."""
    there = AreaOfInterest(longitude, latitude, longitude, latitude)
    found = query_crs_info("EPSG", [PJType.PROJECTED_CRS], there, contains=True)
    return any(system.name.endswith(_OF_A_STATE) and _FEDERAL not in system.name for system in found)
