"""What stands near a place in one version of the map, with what the clearance rules ask about it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from psycopg.sql import SQL, Composable
from shapely.geometry.base import BaseGeometry

from pipemap.clearance.core import Pipes
from pipemap.clearance.geometry3d import Floats
from pipemap.clearance.rules import Party
from pipemap.clearance.words import Name, segment_name, structure_name
from pipemap.db import Connection, fetch_all, fetch_one
from pipemap.errors import NotFoundError
from pipemap.pages import Version
from pipemap.projects import read_project
from pipemap.sql import queries
from pipemap.versions import current_version, relation, resolve_version
from schemas.codetables import code_table, codes_where

# CJJ 61: a hidden point may be off by 0.10 of its depth in plan and 0.15 in depth, the depth counting as 1 m at least.
_PLAN_SHARE, _DEPTH_SHARE, _LEAST_DEPTH_M = 0.10, 0.15, 1.0
_TRENCHES = frozenset({"trench", "passage", "tunnel", "civil_defence"})
_NOT_IN_THE_GROUND = frozenset({"overhead", "surface", "rack", "in_well"})


@dataclass(frozen=True)
class Segment:
    """One pipe with its axis (v, 3), z NaN where unknown; half sizes NaN where unknown."""

    row: dict[str, Any]
    axis: Floats
    half_width_m: float
    half_height_m: float
    horizontal_accuracy_m: float
    vertical_accuracy_m: float

    @property
    def feature_id(self) -> int:
        """Identity."""
        return int(self.row["feature_id"])

    @property
    def name(self) -> Name:
        """As a person calls it."""
        return segment_name(self.row["class_code"], self.row["source_key"])

    @property
    def party(self) -> Party:
        """What the rules ask about it."""
        return party_of(self.row)

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
    def is_in_the_ground(self) -> bool:
        """Whether rules for buried pipes apply."""
        return self.row["burial_code"] not in _NOT_IN_THE_GROUND

    @property
    def is_live(self) -> bool:
        """Whether it is in service; abandoned, removed and planned pipes are in nobody's way."""
        code = self.row["lifecycle_code"]
        return code is None or code in codes_where("lifecycle", "is_active", "1")


@dataclass(frozen=True)
class Structure:
    """A building, tree, pole or tunnel; elevations NaN where unknown."""

    row: dict[str, Any]
    outline: BaseGeometry

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
        known = code_table("structure_kind").get(self.row["kind_code"])
        clearance_class = known.fields["clearance_class"] if known else ""
        return Party(clearance_class) if clearance_class else None


class Site:
    """One version of the map, asked for what is near a place."""

    def __init__(self, connection: Connection, version: Version) -> None:
        self._connection = connection
        resolved = resolve_version(connection, version)
        self.version = current_version(connection) if resolved is None else resolved
        self._srid = read_project(connection).srid
        self._segments, self._nodes = relation("pipe_segment", resolved), relation("node", resolved)
        self._structures = relation("structure", resolved)

    def segment(self, feature_id: int) -> Segment:
        """One segment; NotFoundError when this version does not have it."""
        row = fetch_one(self._connection, self._query("segment"), {"feature_id": feature_id})
        if row is None:
            raise NotFoundError(f"There is no pipe_segment {feature_id} in this version of the map.")
        return _segments_of([row])[0]

    def neighbours(self, place: BaseGeometry, reach_m: float) -> list[Segment]:
        """Live pipes in the ground within reach of a place in plan."""
        rows = fetch_all(self._connection, self._query("neighbours"), self._place(place, reach_m))
        return [found for found in _segments_of(rows) if found.is_live and found.is_in_the_ground]

    def structures(self, place: BaseGeometry, reach_m: float) -> list[Structure]:
        """Structures within reach of a place in plan."""
        query = SQL(queries("clearance")["structures"]).format(structures=self._structures)
        rows = fetch_all(self._connection, query, self._place(place, reach_m))
        return [Structure(row, shapely.from_wkb(bytes(row["outline"]))) for row in rows]

    def _query(self, name: str) -> Composable:
        columns = SQL(queries("clearance")["columns"])
        return SQL(queries("clearance")[name]).format(columns=columns, segments=self._segments, nodes=self._nodes)

    def _place(self, place: BaseGeometry, reach_m: float) -> dict[str, Any]:
        return {"place": shapely.to_wkb(place), "srid": self._srid, "reach_m": reach_m}


def party_of(row: dict[str, Any]) -> Party:
    """The party a segment is to the rules; attributes its class is never asked for are left out."""
    known = code_table("utility_class").get(row["class_code"])
    clearance_class = known.fields["clearance_class"] if known else row["class_code"]
    is_gas = clearance_class == "gas"
    return Party(
        clearance_class,
        burial=_burial(row["burial_code"]),
        pressure_code=row["pressure_code"] if is_gas else None,
        pressure_mpa=row["pressure_mpa"] if is_gas else None,
        width_mm=row["width_mm"],
        voltage_kv=row["voltage_kv"] if clearance_class == "power" else None,
    )


def as_pipes(segments: list[Segment]) -> Pipes:
    """The segments as the arrays the core works on, in their order."""
    parties = list(dict.fromkeys(segment.party for segment in segments))
    classes = list(dict.fromkeys(segment.row["class_code"] for segment in segments))
    counts = [len(segment.axis) - 1 for segment in segments]
    return Pipes(
        feature_id=np.array([segment.feature_id for segment in segments], dtype=np.int64),
        class_index=np.array([classes.index(segment.row["class_code"]) for segment in segments], dtype=np.int64),
        nodes=np.array([[s.row["from_node_id"], s.row["to_node_id"]] for s in segments], dtype=np.int64),
        container_id=np.array([_or_none(segment.row["container_id"]) for segment in segments], dtype=np.int64),
        is_round=np.array([segment.row["shape_code"] == "circle" for segment in segments]),
        half_width_m=np.array([segment.half_width_m for segment in segments]),
        half_height_m=np.array([segment.half_height_m for segment in segments]),
        party_index=np.array([parties.index(segment.party) for segment in segments], dtype=np.int64),
        parties=parties,
        first_piece=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        start=np.concatenate([segment.axis[:-1] for segment in segments]),
        end=np.concatenate([segment.axis[1:] for segment in segments]),
    )


def segments_of(rows: Sequence[dict[str, Any]], lines: npt.NDArray[np.object_]) -> list[Segment]:
    """Segments from rows of the query `columns` and their axes."""
    coordinates, counts = shapely.get_coordinates(lines, include_z=True), shapely.get_num_coordinates(lines)
    axes = (coordinates[stop - count : stop] for stop, count in zip(np.cumsum(counts), counts, strict=True))
    return [_segment(row, axis) for row, axis in zip(rows, axes, strict=True)]


def _segments_of(rows: Sequence[dict[str, Any]]) -> list[Segment]:
    return segments_of(rows, shapely.from_wkb(np.array([bytes(row["axis"]) for row in rows], dtype=object)))


def _segment(row: dict[str, Any], axis: Floats) -> Segment:
    """A segment with the accuracy its survey may be held to (CJJ 61)."""
    half_width_m, half_height_m = _half_sizes(row)
    depth_m = max(_LEAST_DEPTH_M, _mean_depth(row, axis))
    vertical = _or_nan(row["vertical_accuracy_m"], _DEPTH_SHARE * depth_m)
    if row["depth_datum_code"] == "unknown":
        # Crown taken for invert, or the other way round, is wrong by up to the height of the pipe.
        vertical += 0.0 if math.isnan(half_height_m) else half_height_m
    horizontal = _or_nan(row["horizontal_accuracy_m"], _PLAN_SHARE * depth_m)
    return Segment(row, axis, half_width_m, half_height_m, horizontal, vertical)


def _half_sizes(row: dict[str, Any]) -> tuple[float, float]:
    width_mm, height_mm = row["width_mm"], row["height_mm"]
    if row["shape_code"] == "circle":
        diameter_mm = width_mm if width_mm is not None else height_mm
        width_mm = height_mm = diameter_mm
    return _or_nan(width_mm) / 2000, _or_nan(height_mm) / 2000


def _mean_depth(row: dict[str, Any], axis: Floats) -> float:
    ends = (("from", axis[0, 2]), ("to", axis[-1, 2]))
    reckoned = [(_or_nan(row[f"{end}_ground_m"]) - float(z_m), _or_nan(row[f"{end}_depth_m"])) for end, z_m in ends]
    depths = [surveyed if math.isnan(depth) else depth for depth, surveyed in reckoned]
    known = [depth for depth in depths if not math.isnan(depth)]
    return sum(known) / len(known) if known else 0.0


def _burial(code: str | None) -> str | None:
    if code is None:
        return None
    if code in _TRENCHES:
        return "trench"
    known = code_table("burial").get(code)
    return (known.fields["clearance_condition"] if known else "") or code


def _or_nan(value: float | None, otherwise: float = math.nan) -> float:
    return otherwise if value is None else float(value)


def _or_none(identity: int | None) -> int:
    return -1 if identity is None else identity
