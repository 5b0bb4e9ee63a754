"""What stands near a place in one version of the map, with what the clearance rules ask about it."""

import math
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
import shapely
from psycopg.sql import SQL, Composable
from shapely.geometry.base import BaseGeometry

from pipemap.clearance.conditions import Party
from pipemap.clearance.core import Pipes
from pipemap.clearance.geometry3d import Floats
from pipemap.clearance.numbers import known
from pipemap.clearance.parties import party_of, structure_party
from pipemap.clearance.surveyed import Surveyed
from pipemap.clearance.tables import STANDARD, LimitTables, limits_in_force
from pipemap.clearance.words import Name, drawn_name, segment_name, structure_name
from pipemap.db import Connection, fetch_all, fetch_one
from pipemap.errors import NotFoundError
from pipemap.ground.sampling import Terrain
from pipemap.ground.surveyed import SurveyedGround
from pipemap.pages import Version
from pipemap.projects import read_project
from pipemap.sql import queries
from pipemap.versions import GrantedVersion, current_version, relation, resolve_version
from schemas.codetables import codes_where

# Ways of lying in which several lines may share one outer section.
BANKS = ("duct_block", "trench", "passage", "tunnel")
NOT_IN_THE_GROUND = frozenset({"overhead", "surface", "rack", "in_well"})
# The identity of a pipe that is drawn and not in the map, and its two nodes.
DRAWN_ID, DRAWN_NODES = 0, (-1, -2)
# A long line is looked around part by part: the box of one that runs askew holds half the city.
_PART_M = 50.0


@dataclass(frozen=True)
class Segment:
    """One pipe with its axis (v, 3), z NaN where unknown; half sizes NaN where unknown.

    Half sizes are those of the outer wall: of the casing where the pipe lies in one, and then its own are
    `cased_half_m`, half the width and half the height. `ground_accuracy_m` is that of the ground models at each vertex,
    0 where the ground was surveyed.
    """

    row: dict[str, Any]
    axis: Floats
    half_width_m: float
    half_height_m: float
    horizontal_accuracy_m: float
    vertical_accuracy_m: float
    cased_half_m: tuple[float, float] | None = None
    drawn_ground_m: Floats | None = None
    limits: LimitTables = STANDARD
    ground_accuracy_m: Floats | None = None

    @property
    def feature_id(self) -> int:
        """Identity."""
        return int(self.row["feature_id"])

    @cached_property
    def name(self) -> Name:
        """As a person calls it."""
        if self.is_drawn:
            return drawn_name(self.row["class_code"])
        return segment_name(self.row["class_code"], self.row["source_key"])

    @cached_property
    def traits(self) -> tuple[Hashable, ...]:
        """All that is told of it in a conflict beside identity and name: pipes that share them are told of alike."""
        words = ("burial_code", "material_code", "lifecycle_code")
        sizes_m = self.half_width_m, self.half_height_m, *self.own_half_m
        return (
            self.row["class_code"], self.is_drawn, self.is_inferred, self.is_cased, self.size_taken_as_outer,
            *map(self.row.get, words), *map(known, sizes_m), self.horizontal_accuracy_m, self.vertical_accuracy_m,
        )  # fmt: skip

    @property
    def ground_m(self) -> Floats | None:
        """Ground at each vertex of the axis, as given or straight from node to node; None where not known."""
        if self.drawn_ground_m is not None:
            return None if np.isnan(self.drawn_ground_m).any() else self.drawn_ground_m
        ends_m = self.surveyed_ends.ground_m[0]
        return None if np.isnan(ends_m).any() else np.interp(shares(self.axis), [0.0, 1.0], ends_m)

    @property
    def surveyed_ends(self) -> SurveyedGround:
        """The ground as it was surveyed at both ends, shape (1, 2)."""
        columns = ("from_ground_m", "to_ground_m"), ("from_ground_accuracy_m", "to_ground_accuracy_m")
        return SurveyedGround(*(_numbers([self.row], *names) for names in columns))

    @cached_property
    def party(self) -> Party:
        """What the rules ask about it."""
        return party_of(self.row, self.limits)

    @property
    def plan(self) -> shapely.LineString:
        """Axis in plan."""
        return shapely.LineString(self.axis[:, :2])

    @property
    def has_elevation(self) -> bool:
        """Whether the axis has a z."""
        return not np.isnan(self.axis[:, 2]).any()

    @property
    def is_inferred(self) -> bool:
        """Whether the z was inferred, not measured."""
        return bool(self.row["elevation_source_code"] == "inferred")

    @property
    def is_cased(self) -> bool:
        """Whether its outer wall is that of a casing."""
        return self.cased_half_m is not None

    @property
    def own_half_m(self) -> tuple[float, float]:
        """Half the width and half the height of the pipe itself."""
        return self.cased_half_m or (self.half_width_m, self.half_height_m)

    @property
    def is_round(self) -> bool:
        """Whether its outer wall is round."""
        return self.is_cased or self.row["shape_code"] == "circle"

    @property
    def size_taken_as_outer(self) -> str | None:
        """What its size measures where that is not the outer wall, as which it is taken (code table size_basis)."""
        if self.is_cased:
            return None
        basis: str = self.row.get("size_basis_code", "outer") or "unknown"
        return None if basis == "outer" or math.isnan(self.half_width_m) else basis

    @property
    def is_in_the_ground(self) -> bool:
        """Whether rules for buried pipes apply."""
        return self.row["burial_code"] not in NOT_IN_THE_GROUND

    @property
    def is_drawn(self) -> bool:
        """Whether it is the one that is asked about and not in the map."""
        return self.feature_id == DRAWN_ID

    @property
    def is_live(self) -> bool:
        """Whether it is in service or drawn; abandoned, removed and planned pipes are in nobody's way."""
        code = self.row["lifecycle_code"]
        return self.is_drawn or code is None or code in codes_where("lifecycle", "is_active", "1")


@dataclass(frozen=True)
class Structure:
    """A building, tree, pole or tunnel; elevations NaN where unknown."""

    row: dict[str, Any]
    outline: BaseGeometry
    limits: LimitTables = STANDARD

    @property
    def feature_id(self) -> int:
        """Identity."""
        return int(self.row["feature_id"])

    @property
    def name(self) -> Name:
        """As a person calls it."""
        return structure_name(self.row["kind_code"], self.row["name"] or self.row["source_key"])

    @property
    def party(self) -> Party | None:
        """What the rules ask about it; None when they know nothing of its kind."""
        return structure_party(self.row["kind_code"], self.limits)


class Site:
    """One version of the map, asked for what is near a place.

    `limits` are those in force when None; of the ground models those of the names `models` tell the ground, all when
    None, and none to an agency: no agreement grants them.
    """

    def __init__(
        self,
        connection: Connection,
        version: Version,
        limits: LimitTables | None = None,
        models: Collection[str] | None = None,
    ) -> None:
        self._connection = connection
        resolved = resolve_version(connection, version)
        self.version = current_version(connection) if resolved is None else resolved
        self._srid = read_project(connection).srid
        self.limits = limits_in_force(connection) if limits is None else limits
        self._models = () if isinstance(self.version, GrantedVersion) else models
        self._segments, self._nodes = relation("pipe_segment", resolved), relation("node", resolved)
        self._structures = relation("structure", resolved)

    def segment(self, feature_id: int) -> Segment:
        """One segment; NotFoundError when this version does not have it."""
        row = fetch_one(self._connection, self._query("segment"), {"feature_id": feature_id})
        if row is None:
            raise NotFoundError(f"There is no pipe_segment {feature_id} in this version of the map.")
        return _segments_of([row], self.limits)[0]

    def neighbours(self, place: BaseGeometry, reach_m: float) -> list[Segment]:
        """Live pipes in the ground within reach of a place in plan."""
        return [found for found in self.around(place, reach_m) if found.is_live]

    def around(self, place: BaseGeometry, reach_m: float) -> list[Segment]:
        """Pipes in the ground within reach of a place in plan, in use or not."""
        rows = fetch_all(self._connection, self._query("neighbours"), self._place(place, reach_m))
        return [found for found in _segments_of(rows, self.limits) if found.is_in_the_ground]

    def around_and_joined(self, place: BaseGeometry, reach_m: float) -> list[Segment]:
        """The same with the pipes that share a node with one of them, by identity."""
        near = self.around(place, reach_m)
        ends = [found.row[name] for found in near for name in ("from_node_id", "to_node_id")]
        asked = {"node_ids": ends, "known": [found.feature_id for found in near]}
        joined = _segments_of(fetch_all(self._connection, self._query("joined"), asked), self.limits)
        return sorted([*near, *(one for one in joined if one.is_in_the_ground)], key=lambda found: found.feature_id)

    def structures(self, place: BaseGeometry, reach_m: float) -> list[Structure]:
        """Structures within reach of a place in plan."""
        query = SQL(queries("clearance")["structures"]).format(structures=self._structures)
        rows = fetch_all(self._connection, query, self._place(place, reach_m))
        return [self._structure(row) for row in rows]

    def reading(self, segments: Composable, nodes: Composable) -> "Site":
        """The same site with its segments and nodes read from elsewhere."""
        other = copy(self)
        other._segments, other._nodes = segments, nodes
        return other

    def segments_by_id(self, feature_ids: Iterable[int]) -> dict[int, Segment]:
        """Some segments by identity."""
        rows = fetch_all(self._connection, self._query("segments_by_id"), {"feature_ids": list(feature_ids)})
        return {found.feature_id: found for found in _segments_of(rows, self.limits)}

    def structures_by_id(self, feature_ids: Iterable[int]) -> dict[int, Structure]:
        """Some structures by identity."""
        query = SQL(queries("clearance")["structures_by_id"]).format(structures=self._structures)
        rows = fetch_all(self._connection, query, {"feature_ids": list(feature_ids)})
        return {row["feature_id"]: self._structure(row) for row in rows}

    def ground_near(self, place: BaseGeometry, reach_m: float) -> tuple[Floats, SurveyedGround]:
        """Nodes with surveyed ground within reach of a place: where they are (n, 2), and the ground there."""
        query = SQL(queries("clearance")["ground"]).format(nodes=self._nodes)
        rows = fetch_all(self._connection, query, self._place(place, reach_m))
        names = ("x_m", "y_m", "ground_elevation_m", "vertical_accuracy_m")
        x, y, ground_m, accuracy_m = _numbers(rows, *names).T
        return np.column_stack([x, y]), SurveyedGround(ground_m, accuracy_m)

    @cached_property
    def terrain(self) -> Terrain:
        """The ground models that tell; they are of today, whatever the version."""
        return Terrain(self._connection, only=self._models)

    @property
    def srid(self) -> int:
        """CRS of the project."""
        return self._srid

    def _structure(self, row: dict[str, Any]) -> Structure:
        return Structure(row, shapely.from_wkb(bytes(row["outline"])), self.limits)

    def _query(self, name: str) -> Composable:
        columns = SQL(queries("clearance")["columns"])
        return SQL(queries("clearance")[name]).format(columns=columns, segments=self._segments, nodes=self._nodes)

    def _place(self, place: BaseGeometry, reach_m: float) -> dict[str, Any]:
        parts = _parts(place, max(_PART_M, 2 * reach_m))
        return {"places": list(shapely.to_wkb(parts)), "srid": self._srid, "reach_m": reach_m}


def chainage(axis: Floats) -> Floats:
    """Length along an axis in plan up to each of its vertices, in metres."""
    steps = np.linalg.norm(np.diff(axis[:, :2], axis=0), axis=1)
    total: Floats = np.concatenate([[0.0], np.cumsum(steps)])
    return total


def shares(axis: Floats) -> Floats:
    """Share of its plan length at which each vertex of an axis lies."""
    stations_m = chainage(axis)
    return stations_m / stations_m[-1] if stations_m[-1] > 0 else np.linspace(0.0, 1.0, len(axis))


def _parts(place: BaseGeometry, length_m: float) -> list[BaseGeometry]:
    """A line in parts of about a length, so that the box of each holds little beside it."""
    if not isinstance(place, shapely.LineString) or place.length <= length_m:
        return [place]
    vertices = shapely.get_coordinates(shapely.segmentize(place, length_m))
    part = np.floor(chainage(vertices)[:-1] / length_m).astype(np.int64)
    first = np.flatnonzero(np.diff(part, prepend=-1))
    past = np.append(first[1:], len(part)) + 1
    return [shapely.LineString(vertices[one:other]) for one, other in zip(first, past, strict=True)]


def as_pipes(segments: list[Segment]) -> Pipes:
    """The segments as the arrays the core works on, in their order."""
    parties: dict[Party, int] = {}
    classes: dict[str, int] = {}
    counts = [len(segment.axis) - 1 for segment in segments]
    return Pipes(
        feature_id=np.array([segment.feature_id for segment in segments], dtype=np.int64),
        class_index=np.array([classes.setdefault(s.row["class_code"], len(classes)) for s in segments], dtype=np.int64),
        nodes=np.array([[s.row["from_node_id"], s.row["to_node_id"]] for s in segments], dtype=np.int64),
        container_id=np.array([_or_none(segment.row["container_id"]) for segment in segments], dtype=np.int64),
        is_round=np.array([segment.is_round for segment in segments]),
        half_width_m=np.array([segment.half_width_m for segment in segments]),
        half_height_m=np.array([segment.half_height_m for segment in segments]),
        party_index=np.array([parties.setdefault(s.party, len(parties)) for s in segments], dtype=np.int64),
        parties=list(parties),
        first_piece=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        start=np.concatenate([segment.axis[:-1] for segment in segments]),
        end=np.concatenate([segment.axis[1:] for segment in segments]),
        in_bank=np.array([segment.row["burial_code"] in BANKS for segment in segments]),
    )


def _segments_of(rows: Sequence[dict[str, Any]], limits: LimitTables) -> list[Segment]:
    """Segments from rows of the query `columns`."""
    lines = shapely.from_wkb(np.array([bytes(row["axis"]) for row in rows], dtype=object))
    if (shapely.get_num_geometries(lines) > 1).any():
        rows, lines = _in_parts(rows, lines)
    coordinates, counts = shapely.get_coordinates(lines, include_z=True), shapely.get_num_coordinates(lines)
    axes = [coordinates[stop - count : stop] for stop, count in zip(np.cumsum(counts), counts, strict=True)]
    measures = _surveyed(rows, axes).measures()
    return [
        Segment(row, axis, *measured, limits=limits) for row, axis, measured in zip(rows, axes, measures, strict=True)
    ]


def _in_parts(
    rows: Sequence[dict[str, Any]], lines: np.ndarray[Any, Any]
) -> tuple[list[dict[str, Any]], np.ndarray[Any, Any]]:
    """Axes that were cut at the edge of an agency's area, part by part; the ground at the cuts is not known."""
    parts, places = shapely.get_parts(lines, return_index=True)
    is_cut = shapely.get_num_geometries(lines)[places] > 1
    cut = {"from_ground_m": None, "to_ground_m": None}
    return [{**rows[at], **(cut if one else {})} for at, one in zip(places.tolist(), is_cut, strict=True)], parts


def _numbers(rows: Sequence[Mapping[str, Any]], *names: str) -> Floats:
    """Columns of rows (n, names), NaN where not known."""
    cells = [[row[name] for name in names] for row in rows]
    return np.array(cells, dtype=np.float64).reshape(len(rows), len(names))


def _surveyed(rows: Sequence[dict[str, Any]], axes: Sequence[Floats]) -> Surveyed:
    numbers = partial(_numbers, rows)
    return Surveyed(
        np.array([row["shape_code"] == "circle" for row in rows], dtype=bool),
        numbers("width_mm")[:, 0],
        numbers("height_mm")[:, 0],
        numbers("from_ground_m", "to_ground_m"),
        numbers("from_depth_m", "to_depth_m"),
        np.array([[axis[0, 2], axis[-1, 2]] for axis in axes], dtype=np.float64).reshape(len(rows), 2),
        np.array([row["depth_datum_code"] == "unknown" for row in rows], dtype=bool),
        numbers("horizontal_accuracy_m")[:, 0],
        numbers("vertical_accuracy_m")[:, 0],
        numbers("casing_mm")[:, 0],
    )


def _or_none(identity: int | None) -> int:
    return -1 if identity is None else identity
