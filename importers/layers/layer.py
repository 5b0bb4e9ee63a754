"""The tables of one layer, chunk by chunk, and what is found wrong with its rows."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import shapely
from pyproj import CRS

from importers.base import DERIVED, RecordTable
from importers.coded import decoded
from importers.layers import osm, shapes
from importers.layers.descriptions import with_described
from importers.layers.domains import Domains
from importers.layers.files import LayerFile
from importers.layers.measures import with_units
from importers.normalising.units import LENGTHS_M
from importers.places.feet import foot_of
from importers.tabular.unit_columns import with_units_beside
from schemas.findings import Finding, Severity

_DEGREES = 360.0
_AREA = 2
# Formats that are in degrees by their standard, whatever some programs write into them.
_DEGREES_UNLESS_SAID = ("GeoJSON", "GeoJSONSeq", "TopoJSON", "Parquet")


@dataclass
class Layer:
    """A layer being read: its fields, CRS and codes as soon as they are known, and how many rows have been read.

    `unsaid_foot` is the foot that the system counts in which the user names for layers without one.
    """

    file: LayerFile
    name: str
    unsaid_foot: str | None = None
    fields: list[str] = field(default_factory=list)
    crs: CRS | None = None
    rows_read: int = 0
    domains: Domains = field(default_factory=dict)
    notes: list[Finding] = field(default_factory=list)
    _has_told_feet: bool = False
    _has_told_others: bool = False
    _units: dict[str, str] = field(default_factory=dict)
    _described: list[str] | None = None

    @property
    def is_taken_for_degrees(self) -> bool:
        """Whether its format's standard says so, to which not every program keeps: the places have the last word."""
        return self.file.driver in _DEGREES_UNLESS_SAID and self.crs is not None and self.crs.is_geographic

    @property
    def foot(self) -> str | None:
        """The foot that its system counts in, None for metres and degrees."""
        return self.unsaid_foot if self.crs is None else foot_of(self.crs)

    def numbers(self, n_rows: int) -> npt.NDArray[np.int64]:
        """The numbers of the next rows, which count as read from now on."""
        self.rows_read += n_rows
        return np.arange(self.rows_read - n_rows + 1, self.rows_read + 1)

    def tables(
        self, numbers: npt.NDArray[np.int64], columns: dict[str, Any], geometry: shapes.Shapes | pa.Array | None
    ) -> Iterator[RecordTable]:
        """The rows of these numbers, one table for each dimension of geometry among them.

        Geometry in well-known binary is plain, see `layers.plain`.
        """
        index = pd.Index(numbers)
        if self.file.driver == "GML":
            columns = with_units(columns, self._units)
        if self.file.driver == "LIBKML":
            columns, self._described = with_described(columns, self._described)
        if osm.are_tags(columns):
            yield from self._of_networks(index, columns, geometry)
            return
        for name, names in self.domains.items():
            if name in columns:
                columns[name] = decoded(columns[name], names)
        rows = pd.DataFrame({name: _series(cells, index) for name, cells in columns.items()}, index=index)
        yield from self._by_shape(rows, numbers, geometry)

    def _of_networks(
        self, index: "pd.Index[Any]", columns: dict[str, Any], geometry: shapes.Shapes | pa.Array | None
    ) -> Iterator[RecordTable]:
        """The rows of an extract of OpenStreetMap that are of a network, and the account of all others."""
        columns, is_network = osm.with_told(columns)
        rows = pd.DataFrame({name: _series(cells, index) for name, cells in columns.items()}, index=index)
        if isinstance(geometry, pa.Array):
            geometry = shapes.from_wkb(geometry)
        if geometry is not None:
            # Buildings are structures.
            is_network |= shapely.get_dimensions(geometry) == _AREA
        n_left = int((~is_network).sum())
        if n_left and not self._has_told_others:
            self._has_told_others = True
            en = "Features of the extract that no tag says are pipes, cables or their devices were left out."
            self.note("IMP-SKIPPED", Severity.INFO, en, "数据中标签未表明为管线或其附属物的要素未读取。")
        shown = None if geometry is None else geometry[is_network]
        numbers = index.to_numpy()[is_network]
        yield replace(self._table(rows.iloc[:0], None), skipped_rows=n_left)
        yield from self._by_shape(rows[is_network], numbers, shown)

    def _by_shape(
        self, rows: pd.DataFrame, numbers: npt.NDArray[np.int64], geometry: shapes.Shapes | pa.Array | None
    ) -> Iterator[RecordTable]:
        if geometry is None or isinstance(geometry, pa.Array):
            yield self._table(rows, geometry)
            return
        geometry, places = shapes.opened_collections(self._usable(numbers, geometry))
        if len(places) > len(numbers):
            rows = rows.iloc[places].assign(**{DERIVED: np.r_[False, places[1:] == places[:-1]]})
        masks = list(shapes.by_dimension(geometry))
        for mask in masks:
            yield self._table(rows[mask] if len(masks) > 1 else rows, geometry[mask])

    def refused(self, n_rows: int) -> RecordTable:
        """No rows, and the account of some that could not be read; the findings say why."""
        return self._table(pd.DataFrame({name: [] for name in self.fields}), None, n_rows)

    def note(
        self, rule: str, severity: Severity, en: str, zh: str, row: int | None = None, value: str | None = None
    ) -> None:
        """Add a finding to the next table."""
        place = {"file": self.file.path.name, "sheet": self.name, "row": row, "value": value}
        self.notes.append(Finding(rule=rule, severity=severity, message_en=en, message_zh=zh, **place))

    def note_bad_geometry(self, row: int) -> None:
        """Add the finding of a row whose geometry is lost."""
        self.note("IMP-GEOMETRY", Severity.ERROR, "The geometry cannot be read.", "几何无法读取。", row)

    def _table(
        self, rows: pd.DataFrame, geometry: shapes.Shapes | pa.Array | None, refused_rows: int = 0
    ) -> RecordTable:
        notes, self.notes = self.notes, []
        table = RecordTable(
            self.file.path.name, self.name, rows, geometry, self.crs, refused_rows=refused_rows, findings=notes
        )
        return with_units_beside(table) if len(rows) else table

    def _usable(self, numbers: npt.NDArray[np.int64], geometry: npt.NDArray[np.object_]) -> npt.NDArray[np.object_]:
        """Plain shapes with places that are numbers, in a CRS that can be theirs."""
        usable = self._in_metres(shapes.simplest(geometry))
        for place in np.flatnonzero(shapes.are_nowhere(usable)):
            self.note_bad_geometry(int(numbers[place]))
            usable[place] = None
        if self.is_taken_for_degrees and np.nanmax(np.abs(shapely.total_bounds(usable)), initial=0.0) > _DEGREES:
            # These are none, so nothing is known.
            self.crs = None
        return usable

    def _in_metres(self, geometry: npt.NDArray[np.object_]) -> npt.NDArray[np.object_]:
        """Heights in metres where the layer's system counts in feet."""
        foot, raised = self.foot, shapely.has_z(geometry)
        if foot is None or not raised.any():
            return geometry
        if not self._has_told_feet:
            self._has_told_feet = True
            en = "The layer's system counts in feet, so its drawn heights were taken for feet and turned into metres."
            self.note("IMP-UNITS", Severity.WARNING, en, "图层坐标系以英尺为单位，图形高程按英尺换算为米。", value=foot)
        low = geometry.copy()
        low[raised] = shapely.transform(geometry[raised], lambda xyz: xyz * [1.0, 1.0, LENGTHS_M[foot]], include_z=True)
        return low


def _series(cells: Any, index: "pd.Index[Any]") -> "pd.Series[Any]":
    # Only arrays of numbers keep their type: pandas would turn None among texts into NaN.
    is_numeric = isinstance(cells, np.ndarray) and cells.dtype != object
    return pd.Series(cells, index=index, dtype=None if is_numeric else object)
