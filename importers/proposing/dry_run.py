"""A dry run: what an import would make of files, and a profile to be edited where that is not right."""

import tempfile
from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from importers.base import RecordTable
from importers.delivery import OnProgress, Reading, read_delivery, read_tables, with_own_axis
from importers.normalising.cells import numbers
from importers.places.georeference import parse_crs
from importers.places.local_grid import LocalGrid, read_local_grid
from importers.places.place_readings import Home, PlaceReading, System, place_readings
from importers.profiles import Profile
from importers.proposing.class_evidence import ClassTold, class_told
from importers.proposing.foot_told import foot_told
from importers.proposing.legends import Legend
from importers.proposing.match import Reason
from importers.proposing.profile_writing import Settled, profile_text
from importers.proposing.proposal import ColumnProposal, TableProposal, propose
from importers.proposing.word_proposals import WordProposal, unknown_words
from pipemap.errors import PipemapError
from pipemap.seldom import seldom_collected
from schemas.delivery import Delivery

_FIRST_PLACES = 2_000
_PAIRS = (("easting_m", "northing_m"), ("x", "y"), ("from_x", "from_y"))


@dataclass(frozen=True)
class DryRun:
    """What a dry run found.

    `places` gives for a table the ways to read its coordinates, the best first; `trial` is the import of the same
    files with the proposed profile, or `fault` what stands in its way. `text` is that profile. `class_told` is the
    class that is proposed for a delivery that names none, `foot_told` why its heights are taken to be in feet.
    """

    profile: Profile
    why: str
    tables: list[TableProposal]
    places: dict[tuple[str, str], list[PlaceReading]]
    words: list[WordProposal]
    text: str
    trial: Delivery | None = None
    fault: PipemapError | None = None
    class_told: ClassTold | None = None
    foot_told: Reason | None = None


@seldom_collected()
def dry_run(
    paths: Sequence[Path],
    home: Home,
    *,
    name: str = "mine",
    profile: str | Path | None = None,
    source_crs: str | None = None,
    crs_file: Path | None = None,
    default_class: str | None = None,
    on_progress: OnProgress,
) -> DryRun:
    """Propose a profile for files and try it on them; nothing is stored.

    Raises
    ------
    SourceError, CrsError
        As `read_tables`: when a file cannot be read.
    """
    reading = with_own_axis(read_tables(paths, profile, on_progress, crs=source_crs), home.crs, profile)
    given = read_local_grid(crs_file) if crs_file else parse_crs(source_crs) if source_crs else None
    tables = propose(reading, home, given)
    places = _places(reading, tables, home, given)
    tables = [_set_right(table, places.get((table.file, table.sheet), [])) for table in tables]
    # Tables of rows that name their system need no other.
    named = {(record.file, record.sheet) for record, _ in reading.tables if record.crs and record.geometry is None}
    settled = replace(_settled(reading.profile, tables, places, named, home), default_class=default_class)
    if source_crs:
        settled = replace(settled, crs=source_crs)
    text = profile_text(name, reading.profile, tables, settled)
    trial = fault = None
    try:
        trial = _tried(paths, text, home, crs_file, on_progress)
    except PipemapError as error:
        fault = error
    words = unknown_words(trial.findings, tables, reading.profile, _legend(reading, tables)) if trial else []
    told = _class_told(reading, tables, trial, settled.default_class)
    foot = _foot_told(reading, tables, trial)
    settled = replace(settled, words=words, datums=trial.datums if trial else (), class_told=told, foot_told=foot)
    text = profile_text(name, reading.profile, tables, settled)
    if told or foot or any(word.said_by for word in words):
        trial = _tried(paths, text, home, crs_file, on_progress)
    return DryRun(reading.profile, reading.why, tables, places, words, text, trial, fault, told, foot)


def _class_told(
    reading: Reading, tables: Sequence[TableProposal], trial: Delivery | None, given: str | None
) -> ClassTold | None:
    """The class of rows that name none, where nobody says it and the delivery's own evidence does."""
    if trial is None or given or reading.profile.default_class:
        return None
    return class_told((table for table, _ in reading.tables), tables, reading.profile, trial)


def _foot_told(reading: Reading, tables: Sequence[TableProposal], trial: Delivery | None) -> Reason | None:
    """Why heights are in feet, where neither a profile nor the system of the places says in what they are."""
    if trial is None or reading.profile.heights_in:
        return None
    return foot_told((table for table, _ in reading.tables), tables, trial)


def _legend(reading: Reading, tables: Sequence[TableProposal]) -> Legend:
    """What tables say of codes that are neither points nor lines."""
    of_no_role = {(table.file, table.sheet) for table in tables if table.role is None}
    return Legend(table for table, _ in reading.tables if (table.file, table.sheet) in of_no_role)


def _tried(paths: Sequence[Path], text: str, home: Home, crs_file: Path | None, on_progress: OnProgress) -> Delivery:
    with tempfile.TemporaryDirectory(prefix="pipemap-") as folder:
        written = Path(folder) / "proposed.toml"
        written.write_text(text, encoding="utf-8")
        options: dict[str, Any] = {
            "srid": home.srid,
            "bounds": home.bounds,
            "terrain": home.terrain,
            "crs_file": crs_file,
        }
        return read_delivery(paths, profile=written, on_progress=on_progress, **options)


def _places(
    reading: Reading, tables: Sequence[TableProposal], home: Home, given: System | None
) -> dict[tuple[str, str], list[PlaceReading]]:
    """The ways to read the coordinates of tables that have some, and of layers and drawings that say no system."""
    found: dict[tuple[str, str], list[PlaceReading]] = {}
    by_place = {(table.file, table.sheet): table for table in tables}
    for record, reader in reading.tables:
        place = (record.file, record.sheet)
        named = given or record.crs or (parse_crs(reading.profile.crs) if reading.profile.crs else None)
        if place not in found and record.geometry is not None and reader in ("gis", "dxf", "tables") and named is None:
            found[place] = _drawn_places(record, home)
        pair = _pair_of(by_place[place])
        if place in found or pair is None or record.geometry is not None:
            continue
        first, second = (_numbers(record, str(by_place[place].column_of(name)), reading.profile) for name in pair)
        axis = "x_is_easting" if pair[0] == "easting_m" else reading.profile.axis
        found[place] = place_readings(first, second, home, named, axis)
    return found


def _pair_of(table: TableProposal) -> tuple[str, str] | None:
    """The attributes that its coordinates are taken for."""
    return next((pair for pair in _PAIRS if all(table.column_of(name) for name in pair)), None)


def _drawn_places(record: RecordTable, home: Home) -> list[PlaceReading]:
    """The ways to read the drawn places of a layer that says no system; x is the easting there."""
    places = shapely.get_coordinates(record.geometry)[:_FIRST_PLACES]
    ways = place_readings(places[:, 0], places[:, 1], home, None, "x_is_easting")
    return [way for way in ways if way.axis == "x_is_easting"]


def _numbers(record: RecordTable, column: str, profile: Profile) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    nulls = frozenset(word.casefold() for word in profile.nulls)
    return numbers(record.rows[column], nulls, zero_is_unknown=True)[0]


def _set_right(table: TableProposal, readings: Sequence[PlaceReading]) -> TableProposal:
    """Columns named easting and northing the other way round than they lie change places: names do not decide."""
    best = next((reading for reading in readings if reading.fits), None)
    if best is None or table.column_of("easting_m") is None or best.axis == "x_is_easting":
        return table
    swap = {"easting_m": "northing_m", "northing_m": "easting_m"}
    return replace(table, columns=tuple(_renamed(column, swap) for column in table.columns))


def _renamed(column: ColumnProposal, swap: dict[str, str]) -> ColumnProposal:
    return replace(column, attribute=swap.get(column.attribute or "", column.attribute))


def _settled(
    profile: Profile,
    tables: Sequence[TableProposal],
    places: dict[tuple[str, str], list[PlaceReading]],
    named: Set[tuple[str, str]],
    home: Home,
) -> Settled:
    """The axis order and system that suit every table; `auto` where tables differ.

    Tables in `named` say their system themselves.
    """
    best = {
        place: reading for place, readings in places.items() if (reading := next((r for r in readings if r.fits), None))
    }
    pairs = {(table.file, table.sheet): _pair_of(table) for table in tables}
    axes = {reading.axis for place, reading in best.items() if (pairs[place] or ("easting_m",))[0] != "easting_m"}
    # What is drawn must say its system, also where it is the map's own.
    systems = {
        r.name
        for place, r in best.items()
        if place not in named and not isinstance(r.crs, LocalGrid) and (r.crs != home.crs or not pairs[place])
    }
    axis = profile.axis if not axes or axes == {profile.axis} else axes.pop() if len(axes) == 1 else "auto"
    return Settled(
        axis,
        systems.pop() if len(systems) == 1 else profile.crs,
        [(p[1], r) for p, r in best.items() if p not in named],
    )
