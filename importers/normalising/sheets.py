"""One sheet, layer or table from its first part to its last: what only all of its rows together can tell.

Parts are normalised as they come. At the end of the sheet its class column is believed or not, its
places are put on the map, and rows that cannot become features are refused. So it makes no difference
in how many parts a sheet arrives.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import shapely

from importers.base import DERIVED, RecordTable
from importers.normalising.cells import Floats, Mask
from importers.normalising.classes import ClassColumn
from importers.normalising.column_findings import columns_of_lines, tell_columns
from importers.normalising.columns import Columns
from importers.normalising.compact import COMPACT, compact
from importers.normalising.delivered_columns import delivered_columns, in_the_file
from importers.normalising.ledger import Ledger
from importers.normalising.listings import one_by_one
from importers.normalising.normalise import (
    ENDS,
    GROUND,
    LINE_ENDS,
    READS,
    Geometry,
    Part,
    Source,
    coordinate_columns,
    geometry_of,
    role_of,
)
from importers.normalising.parts import in_parts
from importers.normalising.pool import Pool
from importers.normalising.refusals import numbered_only, placed_only, without_secrets
from importers.normalising.spool import Spool
from importers.normalising.units import factor, unit_of
from importers.normalising.words import UnknownWords
from importers.places.feet import foot_of, is_same_foot, metres_per_unit
from importers.places.georeference import Georeference, Place
from importers.places.local_grid import LocalGrid
from importers.profiles import OF_PIPES, Profile
from schemas.delivery import DeliveredColumns
from schemas.findings import Finding, Severity
from schemas.tables import FEATURE_KINDS


@dataclass
class Context:
    """What the sheets of one delivery share."""

    profile: Profile
    georeference: Georeference
    ledger: Ledger = field(default_factory=Ledger)
    pools: dict[str, Pool] = field(init=False)
    # Sheets whose class column was none: its cells go to `extra`.
    disowned: set[int] = field(default_factory=set)
    # The source column of every attribute, by the number of its sheet.
    columns: dict[int, dict[str, str]] = field(default_factory=dict)
    # Columns of tables of points that say what lines are like.
    of_lines: dict[int, list[str]] = field(default_factory=dict)
    read_from: list[DeliveredColumns] = field(default_factory=list)

    def __post_init__(self) -> None:
        spool = Spool()
        self.pools = {kind: Pool(spool) for kind in (*FEATURE_KINDS, GROUND)}


class Sheet:
    """The parts of one sheet; `finish` must be called after the last."""

    def __init__(self, table: RecordTable, is_layer: bool, role: str | None, context: Context) -> None:
        self.ledger, self.profile, self.context = context.ledger, context.profile, context
        self.number = context.ledger.enter(table)
        self.role = role
        self._first, self._is_layer, self._has_geometry = table, is_layer, False
        self._waiting: list[RecordTable] = []
        self._mapping: dict[str, str] = {}
        self._axis: str = context.profile.axis
        self._pair = ("x", "y")
        self._kept: dict[str, list[pd.DataFrame]] = {}
        self._delivered: list[Floats] = []
        self._notes: dict[str, Finding] = {}
        self._words = UnknownWords()
        self._class = ClassColumn(context.profile, table, are_points=role == "node")

    def add(self, table: RecordTable) -> None:
        """Take the next part in; it waits until the sheet has a geometry if it may have one."""
        self._has_geometry = self._has_geometry or _has_geometry(table)
        self._waiting.append(table)
        if table.geometry is None or self._has_geometry or self.role not in READS:
            self._take_waiting()

    def finish(self) -> None:
        """Say what the sheet as a whole tells, and hand its features to the pools."""
        self._take_waiting()
        if self.role is None:
            self._note_unknown()
        if not self._class.tell(self.ledger, self.number):
            self.context.disowned.add(self.number)
        self.ledger.accounts[self.number].said_class = self._class.said_at_last()
        for kind in list(self._kept):
            self._hand_over(kind)
        if self.role == GROUND:
            self.ledger.skip(self.number, slice(None))
        self._words.tell(self.ledger, self.number)
        self.ledger.findings += self._notes.values()
        self.context.read_from += delivered_columns(self._first.file, self._first.sheet, str(self.role), self._mapping)
        if self._first.role is None:
            names = [str(name) for name in self._first.rows.columns if name != DERIVED]
            told = {name: column for name, column in self._mapping.items() if not self._is_of_the_system(name)}
            tell_columns(names, self._mapping, told, str(self.role), self.profile, self.ledger, self.number)
            if self.role == "node" and (of_lines := columns_of_lines(names, self._mapping)):
                self.context.of_lines[self.number] = of_lines

    def _is_of_the_system(self, attribute: str) -> bool:
        """Whether an attribute is a coordinate that stays in the unit of its system."""
        if attribute not in (*self._pair, *ENDS):
            return False
        return metres_per_unit(self.context.georeference.crs_of(self._first, self._is_layer)) != 1.0

    def _take_waiting(self) -> None:
        for table in self._waiting:
            earlier = len(self.ledger.findings)
            self._note(table.findings)
            if self.role in READS:
                self._read(table)
            else:
                self.ledger.skip(self.number, slice(self.ledger.add_rows(self.number, table), None))
            self.ledger.order_by_row(earlier)
        self._waiting = []

    def _note(self, findings: Sequence[Finding]) -> None:
        self.ledger.findings += [finding for finding in findings if finding.row is not None]
        self._notes |= {finding.model_dump_json(): finding for finding in findings if finding.row is None}

    def _note_unknown(self) -> None:
        account = self.ledger.accounts[self.number]
        sheet, count = account.sheet, account.n_rows
        if count:
            self.ledger.note(
                self.number,
                Severity.WARNING,
                "IMP-TABLE",
                f"Nothing in the columns of {sheet} says what it holds; its {count} rows were skipped.",
                f"无法识别 {sheet} 的内容，跳过 {count} 行。",
            )

    def _read(self, table: RecordTable) -> None:
        self.profile = self._counting()
        whole = _without_blanks(table)
        opened = {"segment": in_parts, "combined": one_by_one}.get(str(self.role))
        parts = whole if opened is None else opened(whole, self.profile)
        columns = Columns(self.ledger, self.number, str(self.role), self.profile, parts, self._words)
        self._mapping, (self._pair, self._axis) = columns.mapping, coordinate_columns(columns)
        self.context.columns[self.number] = columns.mapping
        self.ledger.accounts[self.number].columns = in_the_file(columns.mapping)
        words, cells = self._class.add(columns)
        source = Source(columns, self._class.meanings(words), self._geometry(columns.table))
        if source.geometry is not None:
            self._delivered.append(source.geometry.delivered)
        for kind, read in READS[str(self.role)].items():
            self._keep(kind, read(source), columns.places(), words, cells)

    def _counting(self) -> Profile:
        """The profile with heights in the foot of a system that counts in feet, where it says nothing of them."""
        crs = self.context.georeference.crs_of(self._first, self._is_layer)
        foot = None if self.profile.heights_in or isinstance(crs, LocalGrid) else foot_of(crs)
        return self.profile if foot is None else self.profile.model_copy(update={"heights_in": foot})

    def _geometry(self, table: RecordTable) -> Geometry | None:
        georeference = self.context.georeference
        crs = georeference.crs_of(self._first, self._is_layer)
        if table.geometry is None or not self._has_geometry:
            return None
        return geometry_of(table.geometry, crs, georeference, self.profile.null_heights)

    def _keep(
        self, kind: str, part: Part, places: npt.NDArray[np.int64], words: npt.NDArray[np.int32], cells: pa.Array
    ) -> None:
        rows = self.context.pools[kind].lay_by({**part.spooled, "class_cell": cells})
        known = {"row": rows, "table": np.int32(self.number), "place": places.astype(np.int32), "class_word": words}
        kept = {name: compact(part.kept[name], COMPACT[name]) for name in part.kept.keys() & COMPACT}
        self._kept.setdefault(kind, []).append(pd.DataFrame({**known, **part.kept, **kept}))

    def _hand_over(self, kind: str) -> None:
        frame = pd.concat(self._kept.pop(kind), ignore_index=True)
        classes = self._class.codes(frame.pop("class_word").to_numpy(), are_lines=kind == "pipe_segment")
        frame["class_code"] = "" if kind == "structure" else classes
        frame = self._with_ends(frame) if kind == "pipe_segment" else self._placed(frame)
        if self.role == "combined":
            frame = _rows_of_combined(frame, kind, has_places=self._has_places())
        frame = self._with_numbers(kind, without_secrets(frame, self.ledger))
        if kind == "structure" or (kind == "node" and self._has_places()):
            frame = placed_only(frame, kind, self.ledger)
        self.context.pools[kind].keep(frame.drop(columns="outside", errors="ignore"))

    def _has_places(self) -> bool:
        """Whether the table says where its points are; one that does not may have them from another."""
        return self._has_geometry or self._pair[0] in self._mapping

    def _with_numbers(self, kind: str, frame: pd.DataFrame) -> pd.DataFrame:
        if self.profile.unnumbered == "by_place":
            return frame
        mapping = self._mapping
        if kind == "node" and "key" in mapping:
            return numbered_only(frame, {"source_key": mapping["key"]}, self.ledger)
        pair = mapping.get("pair_key")
        if "from_key" not in mapping and kind == "pipe_segment" and frame["from_key"].isna().all():
            # What is called a pair of numbers counts the lines; they begin and end where they lie.
            return frame
        if kind == "pipe_segment" and (pair is not None or "from_key" in mapping):
            columns = {end: pair or mapping.get(end) for end in ("from_key", "to_key")}
            return numbered_only(frame, columns, self.ledger, frame["is_part"])
        return frame

    def _placed(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The frame with places in the project CRS, and which of them lie outside the area of use."""
        first, second = (frame.pop(name).to_numpy() for name in ("first", "second"))
        if not self._has_geometry:
            first, second = self._as_counted(first, self._pair[0]), self._as_counted(second, self._pair[1])
        if self._has_geometry:
            return frame.assign(x_m=first, y_m=second, outside=self._outside())
        east, north, outside = self._on_the_map(first, second, self._axis)
        return frame.assign(x_m=east, y_m=north, outside=outside)

    def _with_ends(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The frame with line ends in the project CRS, all of them unknown where one is."""
        if self._has_geometry:
            self._outside()
            return frame
        told = frame[list(LINE_ENDS)].to_numpy()
        if np.isnan(told).all():
            return frame
        told = np.column_stack([self._as_counted(at, name) for at, name in zip(told.T, ENDS, strict=True)])
        sides = [self._on_the_map(told[:, at], told[:, at + 1], self.profile.axis)[:2] for at in (0, 2)]
        ends = np.column_stack([*sides[0], *sides[1]])
        ends[np.isnan(ends).any(axis=1)] = np.nan
        length_m = np.hypot(ends[:, 2] - ends[:, 0], ends[:, 3] - ends[:, 1]).round(2)
        return frame.assign(**dict(zip(LINE_ENDS, ends.T, strict=True)), length_m=length_m)

    def _as_counted(self, values: Floats, attribute: str) -> Floats:
        """Coordinates in the unit of their system, which counts in feet itself where a header names them."""
        column = self._mapping.get(attribute)
        unit = None if column is None else self.profile.units.get(attribute) or unit_of(column)
        counted_in = metres_per_unit(self.context.georeference.crs_of(self._first, self._is_layer))
        if unit is None or counted_in == 1.0:
            return values
        stated = factor(attribute, unit) or 1.0
        return values / (stated if is_same_foot(stated, counted_in) else counted_in)

    def _outside(self) -> Mask:
        """Which geometries begin outside the area of use; CrsError when most of them do."""
        delivered = np.concatenate(self._delivered)
        return self._on_the_map(delivered[:, 0], delivered[:, 1], "x_is_easting")[2]

    def _on_the_map(self, first: Floats, second: Floats, axis: str) -> tuple[Floats, Floats, Mask]:
        georeference = self.context.georeference
        crs = georeference.crs_of(self._first, self._is_layer)
        return georeference.placed(first, second, axis, crs, Place(self._first.file, self._first.sheet))


class Sheets:
    """Takes tables in as readers yield them: those of one file, sheet and role are parts of one sheet."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._name: tuple[str, str] | None = None
        self._open: dict[tuple[Any, ...], Sheet] = {}
        self._shapeless: list[tuple[RecordTable, bool]] = []
        self.is_of_use = False

    def add(self, table: RecordTable, is_layer: bool) -> None:
        """Take the next table in; `is_layer` tells that its reader knows coordinate systems."""
        if (table.file, table.sheet) != self._name:
            self.finish()
            self._name = (table.file, table.sheet)
        role = role_of(table, self._context.profile)
        if role is None and table.geometry is not None and not _has_geometry(table):
            # The shapes that came before, or will follow, tell what it holds.
            self._add_shapeless(table, is_layer)
        else:
            self._sheet(table, is_layer, role).add(table)

    def _add_shapeless(self, table: RecordTable, is_layer: bool) -> None:
        like = [sheet for (_, _, role, is_table), sheet in self._open.items() if role is not None and not is_table]
        if like:
            like[0].add(table)
        else:
            self._shapeless.append((table, is_layer))

    def finish(self) -> None:
        """Hand over what the sheets that are open hold."""
        shapeless, self._shapeless = self._shapeless, []
        for table, is_layer in shapeless:
            self._sheet(table, is_layer, None).add(table)
        for sheet in self._open.values():
            sheet.finish()
        self._open = {}

    def _sheet(self, table: RecordTable, is_layer: bool, role: str | None) -> "Sheet":
        kind = (table.role, is_layer, role, table.geometry is None)
        if kind not in self._open:
            self._open[kind] = Sheet(table, is_layer, role, self._context)
            self.is_of_use |= role in READS
            if role is not None and table.geometry is not None:
                shapeless, self._shapeless = self._shapeless, []
                for earlier, _ in shapeless:
                    self._open[kind].add(earlier)
        return self._open[kind]


def _has_geometry(table: RecordTable) -> bool:
    return table.geometry is not None and not bool(shapely.is_missing(table.geometry).all())


def _without_blanks(table: RecordTable) -> RecordTable:
    """The table without its blank rows, which count as skipped."""
    blank = np.ones(len(table.rows), dtype=bool)
    if table.geometry is not None:
        blank &= shapely.is_missing(table.geometry)
    for name in table.rows.columns:
        if name != DERIVED and blank.any():
            blank &= table.rows[name].isna().to_numpy()
    if not blank.any():
        return table
    return replace(
        table,
        rows=table.rows[~blank],
        shapes=None if table.geometry is None else table.geometry[~blank],
        skipped_rows=table.skipped_rows + int(blank.sum()),
    )


def _rows_of_combined(frame: pd.DataFrame, kind: str, *, has_places: bool) -> pd.DataFrame:
    """Only the first row of a point carries the point; the others carry its further lines."""
    if kind == "node":
        frame = _with_one_height(frame)
        is_told = frame["x_m"].notna() if has_places else frame["source_key"].notna()
        return frame[is_told & ~frame["source_key"].duplicated()]
    return frame[frame["to_key"].notna()]


def _with_one_height(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of points without heights of pipes where the rows of one point give several."""
    given = [name for name in OF_PIPES if name in frame]
    keys = frame["source_key"].ffill()
    are_one = {name: frame[name].groupby(keys).transform("nunique").le(1) for name in given}
    return frame.assign(**{name: frame[name].where(is_one) for name, is_one in are_one.items()})
