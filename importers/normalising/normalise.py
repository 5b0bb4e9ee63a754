"""Parts of tables into nodes, segments, consumers and structures, as far as a part alone can tell.

Each function gives a `Part`: `kept` is what joining and the end of the sheet look at, one array per
column; `spooled` is laid by until features are handed over. Places are raw: `first` and `second` are
the columns that may be x and y, or x and y of the geometry in the project CRS.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from importers.base import RecordTable
from importers.normalising.attributes import (
    container_keys,
    ends,
    feature_and_appurtenance,
    life,
    section,
)
from importers.normalising.cells import Floats, Objects, coalesced, is_fill_number, is_unknown
from importers.normalising.classes import circuits
from importers.normalising.columns import Columns
from importers.normalising.heights import datums_beside, heights, heights_of_pipes
from importers.normalising.pool import as_arrow, content_hash
from importers.normalising.pressures import pressure_and_voltage
from importers.places.georeference import Georeference
from importers.places.place_readings import System
from importers.profiles import Profile
from schemas.codetables import code_table
from schemas.findings import Severity

_SAME = (
    "line_id", "section_text", "material_code", "burial_code", "width_mm", "height_mm", "circuit", "container_key",
)  # fmt: skip
ENDS = ("from_x", "from_y", "to_x", "to_y")
GROUND = "ground"
LINE_ENDS = ("start_x", "start_y", "end_x", "end_y")


@dataclass(frozen=True)
class Part:
    """Features of one kind read from a part of a table."""

    kept: dict[str, Any]
    spooled: dict[str, Any]


@dataclass(frozen=True)
class Geometry:
    """The geometries of a part in the project CRS, and where they began as delivered (shape (n, 2))."""

    shapes: Objects
    delivered: Floats


@dataclass(frozen=True)
class Source:
    """A part of a table, its geometry when its sheet has one, and how it is to be read."""

    columns: Columns
    class_codes: Objects
    geometry: Geometry | None


def role_of(table: RecordTable, profile: Profile) -> str | None:
    """What a table holds: as the reader knows it, else as the profile tells by name, columns and geometry."""
    if table.role is not None:
        return table.role
    shape = None
    if table.geometry is not None:
        known = table.geometry[~shapely.is_missing(table.geometry)]
        shape = str(known[0].geom_type) if len(known) else None
    role = profile.role_of(table.sheet, map(str, table.rows.columns), shape)
    # In a layer of points and lines the points have the columns of the lines, with nothing in them.
    return profile.role_of(table.sheet, _filled(table.rows), shape) if (role, shape) == ("segment", "Point") else role


def _filled(rows: pd.DataFrame) -> list[str]:
    return [str(name) for name in rows.columns if (rows[name].notna() & rows[name].ne("")).any()]


def geometry_of(shapes: Objects, crs: System, georeference: Georeference, null_heights: Sequence[float]) -> Geometry:
    """Geometries brought into the project CRS; heights that stand for none, `null_heights` among them, are none."""
    return Geometry(georeference.shifted(_without_fill_heights(shapes, null_heights), crs), first_points(shapes))


def _without_fill_heights(shapes: Objects, null_heights: Sequence[float]) -> Objects:
    raised = np.flatnonzero(shapely.has_z(shapes))
    if not len(raised):
        return shapes
    coordinates, owner = shapely.get_coordinates(shapes[raised], include_z=True, return_index=True)
    is_fill = is_fill_number(coordinates[:, 2]) | np.isin(coordinates[:, 2], null_heights)
    if not is_fill.any():
        return shapes
    coordinates[is_fill, 2] = np.nan
    touched = np.unique(owner[is_fill])
    whole = shapes.copy()
    whole[raised[touched]] = shapely.set_coordinates(shapes[raised[touched]], coordinates[np.isin(owner, touched)])
    return whole


def nodes(source: Source) -> Part:
    """Points, with what makes two rows say the same."""
    columns = source.columns
    ground_m = _ground(source)
    feature, appurtenance = _said_of_all(columns, *feature_and_appurtenance(columns))
    attributes = {
        "feature_code": feature,
        "appurtenance_code": appurtenance,
        "well_depth_m": _well_depth_m(columns, ground_m),
        "valve_state_code": columns.codes("valve_state", "valve_state"),
        "operability_code": columns.codes("operability", "operability"),
        "name": columns.texts("name"),
        "address": columns.texts("address"),
        **life(columns),
    }
    spooled = as_arrow(attributes)
    kept = {
        "source_key": columns.texts("key"),
        **_places(source),
        "ground_elevation_m": ground_m,
        **heights_of_pipes(columns),
        "well_depth_m": attributes["well_depth_m"].astype(np.float32),
        "content": content_hash(spooled),
    }
    return Part(kept, {**spooled, "extra": columns.extra()})


def _well_depth_m(columns: Columns, ground_m: Floats) -> Floats:
    """Depth of wells as given, else from the ground down to a bottom that lies below it."""
    depth_m, to_bottom_m = columns.numbers("well_depth_m"), ground_m - columns.numbers("well_bottom_m")
    return np.where(np.isnan(depth_m) & (to_bottom_m > 0), np.round(to_bottom_m, 3), depth_m)


def _said_of_all(columns: Columns, feature: Objects, appurtenance: Objects) -> tuple[Objects, Objects]:
    """Both codes; points of which no row tells either are what the table is named for, its numbers or its title."""
    is_told = not (is_unknown(feature).all() and is_unknown(appurtenance).all())
    told = None if is_told else _kind_of_all(columns)
    if told is None:
        return feature, appurtenance
    code, text = told
    if columns.first_place == 0:
        sheet, named = columns.table.sheet, code_table("appurtenance")[code]
        columns.ledger.note(
            columns.number,
            Severity.INFO,
            "IMP-LAYER",
            f"The points of {sheet} are taken for what “{text}” names: {named.name_en}.",
            f"{sheet} 的点按“{text}”识别为{named.name_zh}。",
        )
    return feature, np.full(len(appurtenance), code, dtype=object)


def _kind_of_all(columns: Columns) -> tuple[str, str] | None:
    """What all points of a table are by its name, that of their numbers or its title, and the text that says so."""
    profile, table = columns.profile, columns.table
    if code := profile.sheet_appurtenance(table.sheet):
        return code, table.sheet
    texts = (columns.mapping.get("key"), table.title, Path(table.file).stem)
    said = ((profile.appurtenance_said(text), text) for text in texts if text)
    return next(((code, text) for code, text in said if code), None)


def ground(source: Source) -> Part:
    """Points of the ground: a column's elevation, else the height they are drawn at."""
    told_m = source.columns.numbers("ground_elevation_m")
    if source.geometry is not None:
        told_m = np.where(np.isnan(told_m), _drawn_z(source), told_m)
    return Part({**_places(source), "ground_elevation_m": told_m}, {})


def _ground(source: Source) -> Floats:
    told_m = source.columns.numbers("ground_elevation_m")
    if source.columns.profile.geometry_z == "ground" and source.geometry is not None:
        drawn_m = _drawn_z(source) + source.columns.profile.raised_m
        return np.where(np.isnan(told_m), drawn_m, told_m)
    return told_m


def _drawn_z(source: Source) -> Floats:
    """Height of drawn points; exactly 0 means that the drawing is flat."""
    z = (
        shapely.get_z(source.geometry.shapes)
        if source.geometry is not None
        else np.full(len(source.class_codes), np.nan)
    )
    return np.where(z == 0, np.nan, z)


def _places(source: Source) -> dict[str, Floats]:
    """Two coordinates of every row, from the geometry where the sheet has one: of rows with a pipe, from its start."""
    if source.geometry is not None and source.columns.role == "combined":
        return dict(zip(("first", "second"), first_points(source.geometry.shapes).T, strict=True))
    if source.geometry is not None:
        centre = np.array(source.geometry.shapes, dtype=object)
        is_spread = shapely.get_type_id(centre) != shapely.GeometryType.POINT
        centre[is_spread] = shapely.point_on_surface(centre[is_spread])
        return {"first": shapely.get_x(centre), "second": shapely.get_y(centre)}
    names, _ = coordinate_columns(source.columns)
    first, second = (source.columns.numbers(name, Severity.ERROR) for name in names)
    return {"first": first, "second": second}


def coordinate_columns(columns: Columns) -> tuple[tuple[str, str], str]:
    """The attributes that hold the places of a table without geometry, and their axis order."""
    if "easting_m" in columns and "northing_m" in columns:
        return ("easting_m", "northing_m"), "x_is_easting"
    return ("x", "y"), columns.profile.axis


def segments(source: Source) -> Part:
    """Lines, joined to nothing yet."""
    columns, materials = source.columns, source.columns.codes("material", "material")
    from_key, to_key = ends(columns)
    attributes = {
        "line_id": columns.texts("line_id"),
        **section(columns, source.class_codes, materials),
        "burial_code": columns.codes("burial", "burial"),
        **pressure_and_voltage(columns),
        "flow_direction_code": columns.codes("flow_direction", "flow_direction"),
        "circuit": circuits(columns),
        "container_key": container_keys(columns),
        **life(columns),
    }
    spooled = as_arrow(attributes)
    lines, vertices = _lines(source)
    kept = {
        "from_key": from_key,
        "to_key": to_key,
        "burial_code": attributes["burial_code"],
        "depth_datum_code": coalesced(columns.codes("depth_datum", "depth_datum"), datums_beside(columns)),
        "height_mm": attributes["height_mm"],
        "inner_height_mm": attributes["inner_height_mm"],
        **heights(columns),
        **lines,
        "content": content_hash({name: spooled[name] for name in _SAME}),
        "has_line_id": ~is_unknown(attributes["line_id"]),
        "both_ways": np.full(len(columns.rows), columns.role == "combined"),
        # Between its parts a line has no numbers.
        "is_part": columns.rows.index.duplicated(keep=False),
    }
    del spooled["line_id"]
    return Part(kept, {**spooled, "vertices": vertices, "extra": columns.extra()})


def _lines(source: Source) -> tuple[dict[str, Floats], Objects]:
    """Where drawn lines begin and end and how long they are, and the WKB of those with heights or more vertices.

    Ends given in columns are raw, as those of points are.
    """
    columns, count = source.columns, len(source.columns.rows)
    vertices = np.full(count, None, dtype=object)
    if source.geometry is not None:
        _tell_areas(columns, source.geometry.shapes)
        drawn = _single_lines(source.geometry.shapes)
        is_bent = (shapely.get_num_coordinates(drawn) > 2) | shapely.has_z(drawn)
        vertices[is_bent] = shapely.to_wkb(drawn[is_bent])
        return _drawn(drawn, columns.profile.geometry_z == "axis"), vertices
    is_told = columns.table.geometry is None and all(name in columns for name in ENDS)
    told = [columns.numbers(name) if is_told else np.full(count, np.nan) for name in ENDS]
    return {**dict(zip(LINE_ENDS, told, strict=True)), "length_m": np.full(count, np.nan)}, vertices


def _tell_areas(columns: Columns, shapes: Objects) -> None:
    n_areas = int((shapely.get_dimensions(shapes) == 2).sum())
    if n_areas:
        columns.ledger.note(
            columns.number,
            Severity.WARNING,
            "IMP-SHAPE",
            f"{n_areas} pipes of {columns.table.sheet} are drawn as areas or bodies, which have no axis; "
            "deliver them as lines.",
            f"{columns.table.sheet} 中有 {n_areas} 条管线以面或体表示，没有轴线，请以线提交。",
            details={"rows": n_areas},
        )


def _single_lines(shapes: Objects) -> Objects:
    """Lines as such, several parts merged where they meet; None for everything else, outlines of areas among it."""
    drawn = np.array(shapes, dtype=object)
    in_parts = shapely.get_type_id(shapes) == shapely.GeometryType.MULTILINESTRING
    drawn[in_parts] = shapely.line_merge(shapes[in_parts])
    drawn[shapely.get_type_id(drawn) != shapely.GeometryType.LINESTRING] = None
    return drawn


def _drawn(lines: Objects, with_z: bool) -> dict[str, Floats]:
    given = np.flatnonzero(~shapely.is_missing(lines))
    coordinates = shapely.get_coordinates(lines[given], include_z=with_z)
    last = np.cumsum(shapely.get_num_coordinates(lines[given])) - 1
    at_ends = np.full((len(lines), 2, coordinates.shape[1]), np.nan)
    at_ends[given, 0] = coordinates[np.r_[0, last[:-1] + 1][: len(given)]]
    at_ends[given, 1] = coordinates[last]
    flat = at_ends[:, :, :2].reshape(len(lines), 4)
    z = {"start_z": at_ends[:, 0, 2], "end_z": at_ends[:, 1, 2]} if with_z else {}
    return {**dict(zip(LINE_ENDS, flat.T, strict=True)), **z, "length_m": np.round(shapely.length(lines), 2)}


def consumers(source: Source) -> Part:
    """Consumers; the node each is served from is named by its key."""
    columns = source.columns
    kind = columns.codes("kind", "consumer_kind")
    kinds = np.where(is_unknown(kind), "unknown", kind)
    critical = {code: row.flag("is_critical") for code, row in code_table("consumer_kind").items()}
    kept = {"source_key": columns.texts("key"), "node_key": columns.texts("node_key"), **_places(source)}
    spooled = {
        "kind_code": kinds,
        "name": columns.texts("name"),
        "address": columns.texts("address"),
        "people": columns.numbers("people"),
        "is_critical": np.array([critical[code] for code in kinds], dtype=bool),
        "demand_m3_per_d": columns.numbers("demand_m3_per_d"),
        "extra": columns.extra(),
    }
    return Part(kept, spooled)


def structures(source: Source) -> Part:
    """Structures; those of a table without geometry are points."""
    columns = source.columns
    kind = columns.codes("kind", "structure_kind")
    outline = np.full(len(columns.rows), None, dtype=object)
    if source.geometry is not None:
        outline = shapely.to_wkb(shapely.force_2d(source.geometry.shapes))
    kept = {"source_key": columns.texts("key"), **_places(source)}
    spooled = {
        "kind_code": np.where(is_unknown(kind), "building", kind),
        "name": columns.texts("name"),
        "base_elevation_m": columns.numbers("base_elevation_m"),
        "top_elevation_m": columns.numbers("top_elevation_m"),
        "outline": outline,
        "extra": columns.extra(),
    }
    return Part(kept, spooled)


READS: dict[str, dict[str, Callable[[Source], Part]]] = {
    "node": {"node": nodes},
    "segment": {"pipe_segment": segments},
    "combined": {"node": nodes, "pipe_segment": segments},
    "consumer": {"consumer": consumers},
    "structure": {"structure": structures},
    "ground": {GROUND: ground},
}


def first_points(geometry: Objects) -> npt.NDArray[np.float64]:
    """Where each geometry begins, NaN for none; shape (n, 2)."""
    xy = np.full((len(geometry), 2), np.nan)
    coordinates, owners = shapely.get_coordinates(geometry, return_index=True)
    owner, first = np.unique(owners, return_index=True)
    xy[owner] = coordinates[first]
    return xy
