"""Systems that count in feet: a layer's heights are then in feet, too, though nothing else says so."""

from pyproj import CRS

_FEET = {"US survey foot": "us-ft", "foot": "ft"}


def foot_of(crs: CRS | None) -> str | None:
    """The foot that places of a system are in, as units of columns are called, where its heights have no other unit.

    State plane systems of two axes are written with heights in their own foot; a third axis has its own unit.
    """
    if crs is None or not crs.axis_info:
        return None
    return _FEET.get(crs.axis_info[-1].unit_name)
