"""Where the map lies: its extent, for judging whether what is delivered can belong to it."""

from pipemap.db import Connection, fetch_one
from pipemap.sql import queries

Bounds = tuple[float, float, float, float]


def existing_extent(connection: Connection) -> Bounds | None:
    """Bounds of what the map holds in the project CRS, stray points left out; None while it is empty.

    A hundredth of the points on each side is left out: one wrong coordinate must not make the map as wide as a country.
    """
    row = fetch_one(connection, queries("placing")["extent"])
    if row is None or row["min_x"] is None:
        return None
    return (row["min_x"], row["min_y"], row["max_x"], row["max_y"])
