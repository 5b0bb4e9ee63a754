"""Geometries that readers of the map send back."""

import psycopg.errors
import shapely
from shapely.geometry.base import BaseGeometry

from pipemap.crs import check_in_use
from pipemap.db import Connection, fetch_one
from pipemap.errors import CrsError
from pipemap.projects import read_project
from pipemap.sql import queries


def sent_back(connection: Connection, geometry: BaseGeometry, srid: int) -> BaseGeometry:
    """A geometry in the project CRS, by the server's own transformation: what was read there comes back to its place.

    x is easting or longitude; heights stay. Raises CrsError for a place outside of where the project CRS is used.
    """
    project_srid = read_project(connection).srid
    check_in_use(geometry.bounds, srid, project_srid)
    values = {"place": shapely.to_wkb(geometry), "srid": srid, "project_srid": project_srid}
    try:
        row = fetch_one(connection, queries("sharing")["sent_back"], values)
    except psycopg.errors.InternalError_ as error:
        raise CrsError(f"The place cannot be brought from EPSG:{srid} to EPSG:{project_srid}.") from error
    assert row is not None
    return shapely.from_wkb(bytes(row["place"]))
