"""Heights of pipes and of the ground that the rows of a table give, and what they say that these refer to."""

import numpy as np

from importers.normalising.cells import Floats, Objects, first_known, objects_of
from importers.normalising.columns import Columns
from importers.normalising.measures import datum_beside
from importers.profiles import OF_PIPES
from importers.proposing.vocabulary import says

_OF_LINES = ("from_depth_m", "depths", "from_elevation_m")


def heights(columns: Columns) -> dict[str, Floats]:
    """Depths, pipe elevations and ground elevations at both ends, as surveyed."""
    names = ("from_depth_m", "to_depth_m", "from_elevation_m", "to_elevation_m", "from_ground_m", "to_ground_m")
    values = {name: columns.numbers(name) for name in names}
    if "depths" in columns:
        first, second = columns.pairs("depths")
        if columns.role == "segment" and not np.isfinite(values["to_depth_m"]).any():
            # One depth in the row of a line is that of the whole line, in the row of a point that of its end there.
            second = first_known(second, first)
        for name, both in zip(names[:2], (first, second), strict=True):
            values[name] = np.where(np.isnan(values[name]), both, values[name])
    return values


def heights_of_pipes(columns: Columns) -> dict[str, Floats]:
    """What the row of a point says of the pipes that meet there.

    In a combined table it is what the line of the row has there, unless the table gives both ends of each line.
    """
    if columns.role != "combined":
        return {name: columns.numbers(name) for name in OF_PIPES if name in columns}
    values = heights(columns)
    of_lines = [columns.mapping[name] for name in _OF_LINES if name in columns]
    if np.isfinite([values["to_depth_m"], values["to_elevation_m"]]).any() or any(says(h, "from") for h in of_lines):
        return {}
    return {"pipe_depth_m": values["from_depth_m"], "pipe_elevation_m": values["from_elevation_m"]}


def datums_beside(columns: Columns) -> Objects:
    """What words beside the depths and elevations of a row say that they refer to, None where they do not or differ."""
    names = ("from_depth_m", "to_depth_m", "depths", "from_elevation_m", "to_elevation_m")
    said = [found.each(datum_beside) for name in names if (found := columns.cells(name)).says(datum_beside)]
    if not said:
        return np.full(len(columns.rows), None, dtype=object)
    rows = zip(*said, strict=True)
    return objects_of(datums.pop() if len(datums := {*row} - {None}) == 1 else None for row in rows)
