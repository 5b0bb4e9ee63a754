"""Pipes of a whole version, or of a changeset and what stands around it, as arrays for the clearance engine."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from psycopg.sql import SQL, Composable

from pipemap.checks.axes import Axes
from pipemap.checks.columns import Columns, Words, known_values, numbered
from pipemap.checks.reading import ColumnReader
from pipemap.clearance.casings import Walls
from pipemap.clearance.conditions import Party
from pipemap.clearance.core import Pipes
from pipemap.clearance.geometry3d import Bools, Floats
from pipemap.clearance.numbers import Ints
from pipemap.clearance.parties import party_of, structure_party
from pipemap.clearance.site import BANKS, NOT_IN_THE_GROUND
from pipemap.clearance.surveyed import Surveyed
from pipemap.clearance.tables import STANDARD, LimitTables, limits_in_force
from pipemap.copy_out import copy_blocks
from pipemap.db import Connection, fetch_all
from pipemap.ground.along import Shallowest, shallowest
from pipemap.ground.sampling import Terrain
from pipemap.ground.surveyed import SurveyedGround
from pipemap.sql import queries
from pipemap.statements import table
from pipemap.versions import relation
from schemas.codetables import codes_where
from schemas.ground import GroundModel
from schemas.tables import metadata

_PARTY_WORDS = ("class_code", "burial_code", "pressure_code")
_PARTY_NUMBERS = ("pressure_mpa", "width_mm", "voltage_kv")
_COLUMNS = (
    "feature_id", "class_code", "from_node_id", "to_node_id", "container_id", "shape_code", "width_mm", "height_mm",
    "casing_mm",
    *_PARTY_WORDS[1:], "pressure_mpa", "voltage_kv", "from_depth_m", "to_depth_m", "depth_datum_code",
    "elevation_source_code", "size_basis_code", "horizontal_accuracy_m", "vertical_accuracy_m", "geom",
)  # fmt: skip
_AT_ENDS = ("from_ground_m", "to_ground_m", "from_ground_accuracy_m", "to_ground_accuracy_m")
_OF_NODES = (*["ground_elevation_m"] * 2, *["vertical_accuracy_m"] * 2)
_OBJECT = np.dtype(object)


@dataclass(frozen=True, eq=False)
class Structures:
    """Buildings, trees, poles, tunnels and roads: identities, kinds, outlines, and their parties to the rules."""

    feature_id: Ints
    kind_code: npt.NDArray[np.object_]
    outline: npt.NDArray[np.object_]
    parties: Mapping[str, Party | None]

    def part(self, rows: Ints) -> "Structures":
        """Some of the structures."""
        return Structures(self.feature_id[rows], self.kind_code[rows], self.outline[rows], self.parties)


@dataclass(frozen=True, eq=False)
class City:
    """Pipes in the ground that count, by identity, with what the survey says of each.

    `ground_m` (n, 2) is the ground at both ends; `shallowest` where each pipe lies least deep by the ground models,
    `ground_models` in the order they were asked, `models_used` the names of those that told something; accuracies in
    metres; `is_changed` marks what a changeset brings, `sizes_taken_as_outer` counts the pipes whose size is taken as
    the outer one but measures something else, or nobody says what.
    """

    pipes: Pipes
    horizontal_accuracy_m: Floats
    vertical_accuracy_m: Floats
    is_inferred: Bools
    ground_m: Floats
    is_changed: Bools
    structures: Structures
    limits: LimitTables = STANDARD
    shallowest: Shallowest | None = None
    ground_models: tuple[GroundModel, ...] = ()
    models_used: tuple[str, ...] = ()
    sizes_taken_as_outer: int = 0

    def part(self, rows: Ints, structures: Structures) -> "City":
        """Some of the pipes, with some of the structures."""
        return replace(
            self,
            pipes=self.pipes.part(rows),
            horizontal_accuracy_m=self.horizontal_accuracy_m[rows],
            vertical_accuracy_m=self.vertical_accuracy_m[rows],
            is_inferred=self.is_inferred[rows],
            ground_m=self.ground_m[rows],
            is_changed=self.is_changed[rows],
            structures=structures,
            shallowest=None if self.shallowest is None else self.shallowest.part(rows),
        )


def load_city(connection: Connection, version: int | None) -> City:
    """Every live pipe in the ground of one version (the newest when None), by one binary COPY."""
    wanted = {"active": sorted(codes_where("lifecycle", "is_active", "1")), "above": sorted(NOT_IN_THE_GROUND)}
    reader = _reader()
    reader.add(copy_blocks(connection, _query("city", version), len(_COLUMNS) + len(_AT_ENDS), wanted))
    rows = fetch_all(
        connection, SQL(queries("clearance")["city_structures"]).format(structures=relation("structure", version))
    )
    limits = limits_in_force(connection)
    return _city(reader.columns(), _structures(rows, limits), limits, Terrain(connection))


def load_changeset(
    connection: Connection, changeset_id: int, pipes_m: float, structures_m: float, limits: LimitTables
) -> City:
    """What a changeset brings, and the live map within reach of it, less what it replaces or deletes."""
    wanted = {
        "active": sorted(codes_where("lifecycle", "is_active", "1")),
        "above": sorted(NOT_IN_THE_GROUND),
        "changeset_id": changeset_id,
        "reach_m": pipes_m,
    }
    reader = _reader()
    reader.add(copy_blocks(connection, _query("proposed", None), len(_COLUMNS) + len(_AT_ENDS), wanted), changed=True)
    reader.add(copy_blocks(connection, _query("around_proposed", None), len(_COLUMNS) + len(_AT_ENDS), wanted))
    structures = SQL(queries("clearance")["structures_around_proposed"]).format(
        segments=table("pipe_segment_delta"), structures=table("structure")
    )
    rows = fetch_all(connection, structures, {**wanted, "reach_m": structures_m})
    columns = reader.columns()
    return _city(columns, _structures(rows, limits), limits, Terrain(connection), columns["changed"])


def pipes_of(segments: Columns, axes: Axes, walls: Walls, limits: LimitTables) -> Pipes:
    """Segments in columns as the engine takes them, in their order."""
    party_index, parties = parties_of(segments, limits)
    return Pipes(
        feature_id=segments.values("feature_id"),
        class_index=segments.words("class_code").codes.astype(np.int64),
        nodes=np.column_stack([segments.values("from_node_id"), segments.values("to_node_id")]),
        container_id=segments.values("container_id"),
        is_round=walls.is_round,
        half_width_m=walls.half_width_m,
        half_height_m=walls.half_height_m,
        party_index=party_index,
        parties=parties,
        first_piece=axes.first - np.arange(len(axes.first)),
        start=axes.xyz[axes.pieces],
        end=axes.xyz[axes.pieces + 1],
        in_bank=segments.words("burial_code").is_in(BANKS),
    )


def _reader() -> ColumnReader:
    known = metadata.tables["pipemap.pipe_segment"].columns
    of_node = metadata.tables["pipemap.node"].columns
    types = {name: known[name].type for name in _COLUMNS}
    ends = {name: of_node[column].type for name, column in zip(_AT_ENDS, _OF_NODES, strict=True)}
    return ColumnReader({**types, **ends})


def _query(name: str, version: int | None) -> Composable:
    columns = SQL(", ").join(SQL("f.") + SQL(column) for column in _COLUMNS)
    return SQL(queries("clearance")[name]).format(
        columns=columns,
        segments=relation("pipe_segment", version),
        nodes=relation("node", version),
        proposed=table("pipe_segment_delta"),
        proposed_nodes=table("node_delta"),
    )


def _structures(rows: list[dict[str, Any]], limits: LimitTables) -> Structures:
    kinds = np.array([row["kind_code"] for row in rows], dtype=_OBJECT)
    outlines = np.array([shapely.from_wkb(bytes(row["outline"])) for row in rows], dtype=_OBJECT)
    parties = {kind: structure_party(kind, limits) for kind in set(kinds.tolist())}
    return Structures(np.array([row["feature_id"] for row in rows], np.int64), kinds, outlines, parties)


def _city(
    columns: dict[str, Any],
    structures: Structures,
    limits: LimitTables,
    terrain: Terrain,
    is_judged: Bools | None = None,
) -> City:
    axes = columns.pop("geom")
    segments = Columns(columns)
    is_round = segments.words("shape_code").is_in(["circle"])
    width_mm, height_mm = (segments.values(name).astype(np.float64) for name in ("width_mm", "height_mm"))
    ground_m, accuracy_m = (np.column_stack([segments.values(name) for name in _AT_ENDS[at : at + 2]]) for at in (0, 2))
    surveyed = Surveyed(
        is_round,
        width_mm,
        height_mm,
        ground_m,
        np.column_stack([segments.values("from_depth_m"), segments.values("to_depth_m")]),
        np.column_stack([axes.start[:, 2], axes.end[:, 2]]),
        segments.words("depth_datum_code").is_in(["unknown"]),
        segments.values("horizontal_accuracy_m").astype(np.float64),
        segments.values("vertical_accuracy_m").astype(np.float64),
        segments.values("casing_mm"),
    )
    walls = surveyed.walls()
    is_taken = ~segments.words("size_basis_code").is_in(["outer"]) & ~walls.is_cased & np.isfinite(walls.half_width_m)
    return City(
        pipes_of(segments, axes, walls, limits),
        *surveyed.accuracies_m(),
        segments.words("elevation_source_code").is_in(["inferred"]),
        ground_m,
        segments.values("changed"),
        structures,
        limits,
        _over_models(axes, SurveyedGround(ground_m, accuracy_m.astype(np.float64)), terrain, is_judged),
        tuple(terrain.models),
        terrain.used,
        int(is_taken.sum()),
    )


def _over_models(axes: Axes, ends: SurveyedGround, terrain: Terrain, is_judged: Bools | None) -> Shallowest | None:
    """Where pipes lie least deep by the ground models; None where none is loaded."""
    return shallowest(axes.first, axes.xyz, ends, terrain, is_judged) if terrain.models else None


def parties_of(segments: Columns, limits: LimitTables) -> tuple[Ints, list[Party]]:
    """The number of the party that each segment is to the rules, and the parties there are."""
    codes = [segments.words(name).codes for name in _PARTY_WORDS]
    number, first = numbered([*codes, *(segments.values(name) for name in _PARTY_NUMBERS)])
    words: dict[str, Words] = {name: segments.words(name)[first] for name in _PARTY_WORDS}
    columns: dict[str, list[Any]] = {name: each.texts().tolist() for name, each in words.items()}
    for name in _PARTY_NUMBERS:
        values = segments.values(name)[first]
        columns[name] = known_values(values, np.isfinite(values))
    rows = zip(*columns.values(), strict=True)
    return number, [party_of(dict(zip(columns, row, strict=True)), limits) for row in rows]
