"""Sheets of a drawing as the tables that every reader yields."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from importers.base import RecordTable
from importers.cad.accounts import left_out
from importers.cad.drawn import Drawn
from importers.cad.entities import Entity
from importers.cad.geometry import Vertex
from importers.cad.sheets import Sheet
from importers.cad.sources import Source
from importers.cad.stops import Stops

OWN_COLUMNS = ("layer", "entity", "handle", "block")
# What is of the ends of a whole line.
_OF_ENDS = ("from_key", "to_key", "pair_key", "from_depth_m", "to_depth_m", "from_elevation_m", "to_elevation_m")
ROLES = ("node", "segment", "structure")


def tables_of(source: Source, sheets: Sequence[Sheet], drawn: Drawn, is_flat: bool) -> Iterator[RecordTable]:
    """The tables of a drawing, layer by layer, with what is to be said of it on the first; lines without z if flat."""
    notes, stops = source.notes, Stops(sheets)
    for sheet in sheets:
        name = source.prefix + sheet.name
        findings = [*notes, *left_out(source.file, name, sheet)]
        notes = []
        n_skipped = sum(sheet.left_out.values()) - sheet.n_custom
        roles = [role for role in ROLES if sheet.rows[role]]
        for place, role in enumerate(roles or [None]):
            rows = sheet.rows[role] if role else []
            table = _table(source.file, name, role, rows, drawn, is_flat)
            if role == "segment" and drawn.lacks(sheet, role, *_OF_ENDS):
                table = stops.parted(table, sheet.told.class_code)
            if place == 0:
                table.skipped_rows, table.refused_rows = n_skipped, sheet.n_custom
                table.findings = [*findings, *table.findings]
            yield table


def _table(file: str, sheet: str, role: str | None, entities: list[Entity], drawn: Drawn, is_flat: bool) -> RecordTable:
    cells = [
        {**entity.attributes, "layer": entity.layer, "entity": entity.kind, "handle": entity.handle,
         "block": entity.block, **drawn.cells(entity)}
        for entity in entities
    ]  # fmt: skip
    names = dict.fromkeys([*OWN_COLUMNS, *(name for row in cells for name in row)])
    index = pd.Index([entity.row for entity in entities], dtype="int64")
    columns = {name: pd.Series([row.get(name) for row in cells], index=index, dtype=object) for name in names}
    return RecordTable(file, sheet, pd.DataFrame(columns), _shapes(entities, role, is_flat), role=role)


def _shapes(entities: Sequence[Entity], role: str | None, is_flat: bool) -> npt.NDArray[np.object_]:
    """Points, lines or polygons of the rows, without z where it is 0; None where there is no proper shape."""
    shapes = np.full(len(entities), None, dtype=object)
    drawn = [entity.vertices[:1] if role == "node" else entity.vertices for entity in entities]
    sizes = [len(vertices) if role == "node" or _has_extent(vertices) else 0 for vertices in drawn]
    raised = [not is_flat and role != "structure" and any(vertex[2] for vertex in vertices) for vertices in drawn]
    for has_z in (False, True):
        chosen = [place for place, size in enumerate(sizes) if size and raised[place] == has_z]
        if chosen:
            coordinates = np.array([vertex for place in chosen for vertex in drawn[place]], dtype=float)
            owners = np.repeat(np.arange(len(chosen)), [sizes[place] for place in chosen])
            shapes[chosen] = _built(role, coordinates[:, : 2 + has_z], owners)
    return shapes


def _built(role: str | None, coordinates: npt.NDArray[np.float64], owners: npt.NDArray[np.int64]) -> Any:
    if role == "node":
        return shapely.points(coordinates)
    if role == "segment":
        return shapely.linestrings(coordinates, indices=owners)
    return shapely.polygons(shapely.linearrings(coordinates, indices=owners))


def _has_extent(vertices: Sequence[Vertex]) -> bool:
    return any(vertex != vertices[0] for vertex in vertices)
