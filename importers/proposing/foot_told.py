"""Feet that lengths of lines tell, or sizes in inches where surveyors count in feet.

Where a column of lengths counts 3.28 times what is drawn, heights are in feet. So are those of layers in degrees, of
which no system tells the unit, with sizes in inches; by themselves these are usual in countries of metres, too.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
import shapely
from pyproj import Transformer

from importers.base import RecordTable
from importers.normalising.cells import numbers
from importers.normalising.units import LENGTHS_M, unit_of
from importers.places.feet import counts_in_feet
from importers.proposing.match import Reason
from importers.proposing.proposal import TableProposal
from importers.proposing.vocabulary import says
from schemas.delivery import Delivery

_WEB_MERCATOR, _DEGREES = 3857, 4326
_FIRST_ROWS, _LEAST_LINES, _WITHIN = 2_000, 3, 0.01


def foot_told(tables: Iterable[RecordTable], proposals: Sequence[TableProposal], trial: Delivery) -> Reason | None:
    """Why heights and depths without a unit are in feet; None where nothing says so."""
    records = list(tables)
    return _by_lengths(records, proposals, trial) or _by_inches(records, proposals)


def _by_inches(tables: Sequence[RecordTable], proposals: Sequence[TableProposal]) -> Reason | None:
    if not any(column.unit == "in" for proposal in proposals for column in proposal.columns):
        return None
    place = next((place for table in tables if (place := _degrees(table)) is not None), None)
    if place is None or not counts_in_feet(*place):
        return None
    return Reason("as sizes are in inches where surveyors count in feet", "管径以英寸计，且当地以英尺计高程")


def _degrees(table: RecordTable) -> tuple[float, float] | None:
    """Where a layer begins whose system is anybody's and its unit no surveyor's choice: in degrees, or the web's."""
    if table.crs is None or table.geometry is None:
        return None
    places = shapely.get_coordinates(table.geometry[:1])
    if not len(places) or not (table.crs.is_geographic or table.crs.to_epsg() == _WEB_MERCATOR):
        return None
    longitude, latitude = Transformer.from_crs(table.crs, _DEGREES, always_xy=True).transform(*places[0])
    return round(longitude, 1), round(latitude, 1)


def _by_lengths(tables: Sequence[RecordTable], proposals: Sequence[TableProposal], trial: Delivery) -> Reason | None:
    """By lengths measured on the lines as an import places them; those in metres say that their table is, too."""
    roles = {(table.file, table.sheet): table.role for table in proposals}
    of_lines = [table for table in tables if roles.get((table.file, table.sheet)) in ("segment", "combined")]
    if not of_lines or not len(trial.segments):
        return None
    lines = trial.segments.head(_FIRST_ROWS)
    length_m = pd.Series(shapely.length(lines["geom"].to_numpy(object)), index=lines["source_row"])
    names = np.array([file.name for file in trial.files], dtype=object)[lines["source_file"].to_numpy(int)]
    for table in of_lines:
        is_own = (names == table.file) & (lines["source_sheet"] == table.sheet).to_numpy()
        own_m = length_m[is_own]
        own_m = own_m[~own_m.index.duplicated() & (own_m.to_numpy() > 0)]
        # Models have no rows to count.
        rows = table.rows[~table.rows.index.duplicated(keep=False)]
        for name in map(str, rows.columns):
            if says(name, "length") and unit_of(name) is None and _is_in_feet(rows[name].reindex(own_m.index), own_m):
                return Reason(
                    f"as column {name} counts the lengths of lines in feet",
                    f"列 {name} 中的线长以英尺计，高程、埋深同样按英尺",
                )
    return None


def _is_in_feet(stated: "pd.Series[float]", length_m: "pd.Series[float]") -> bool:
    values, _ = numbers(stated, (), zero_is_unknown=True)
    times = values / length_m.to_numpy()
    times = times[np.isfinite(times)]
    return len(times) >= _LEAST_LINES and abs(float(np.median(times)) * LENGTHS_M["ft"] - 1) < _WITHIN
