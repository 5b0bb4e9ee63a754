"""Pages of features: conditions put together as parameterised SQL, answered as GeoJSON text built in the database."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString, TypeAlias

import orjson
import psycopg.errors
from psycopg.sql import SQL, Composable, Composed, Identifier, Placeholder

from pipemap import geojson
from pipemap.crs import Bounds, check_in_use, is_geographic
from pipemap.db import Connection, fetch_one
from pipemap.errors import CrsError, UsageError
from pipemap.projects import read_project
from pipemap.sql import queries
from pipemap.versions import GrantedVersion, current_version, resolve_version, shown_relation
from schemas.codetables import code_table
from schemas.tables import FEATURE_KINDS, state_names

Version: TypeAlias = int | datetime | None
Box: TypeAlias = Bounds

# A 2D geometry cast to a box gets z 0, so the dimension must be asked first.
_Z_RANGE: dict[str, tuple[LiteralString, LiteralString]] = {
    "node": ("f.ground_elevation_m", "f.ground_elevation_m"),
    "pipe_segment": (
        "CASE WHEN ST_NDims(f.geom) = 3 THEN ST_ZMin(f.geom) END",
        "CASE WHEN ST_NDims(f.geom) = 3 THEN ST_ZMax(f.geom) END",
    ),
    "consumer": ("NULL::float8", "NULL::float8"),
    "structure": ("f.base_elevation_m", "f.top_elevation_m"),
}


@dataclass(frozen=True)
class Page:
    """Found features as GeoJSON text, and how to go on.

    `features` is a JSON array. `next` is the `after` of the next page, None at the end. `more` says that the
    limit cut the answer. `unknown_elevation` counts the features that meet every condition but cannot be
    judged by height, None when height was not asked for. `version` is the one that answered.
    """

    features: bytes
    count: int
    next: int | None
    more: bool
    unknown_elevation: int | None
    srid: int
    version: int

    def as_dicts(self) -> list[dict[str, Any]]:
        """The features as Python objects."""
        parsed: list[dict[str, Any]] = orjson.loads(self.features)
        return parsed

    def collection(self) -> bytes:
        """The page as a GeoJSON FeatureCollection; the CRS is named when it is not WGS 84."""
        members: dict[str, Any] = {
            "type": "FeatureCollection",
            "numberReturned": self.count,
            "next": self.next,
            "more": self.more,
            "unknownElevation": self.unknown_elevation,
            "version": self.version,
        }
        if self.srid not in (0, 4326):
            members["crs"] = {"type": "name", "properties": {"name": f"urn:ogc:def:crs:EPSG::{self.srid}"}}
        return orjson.dumps(members)[:-1] + b',"features":' + self.features + b"}"


def filterable_names(kind: str) -> tuple[str, ...]:
    """Attributes of a kind that a query may ask for."""
    return tuple(name for name in state_names(_known_kind(kind)) if name not in ("geom", "extra"))


class PageMaker:
    """One question in the making: its relation, its parameters, and the way to a page."""

    def __init__(self, connection: Connection, kind: str, version: Version, out_srid: int | None, limit: int) -> None:
        self.kind = _known_kind(kind)
        self.connection = connection
        resolved = resolve_version(connection, version)
        self.version = current_version(connection) if resolved is None else resolved
        self.relation = shown_relation(kind, resolved)
        self._columns = _shown_columns(kind, resolved)
        self.project_srid = read_project(connection).srid
        self.out_srid = self.source_srid(out_srid)
        self.limit = limit
        self.params: dict[str, Any] = {"limit": limit, "srid": self.project_srid, "out_srid": self.out_srid}

    def source_srid(self, srid: int | None) -> int:
        """The CRS of a place in the question; CrsError when it cannot be brought to the project's."""
        if srid is None or srid == self.project_srid:
            return self.project_srid
        if self.project_srid == 0:
            raise CrsError("This project uses a local grid without an EPSG code; ask in the project's own coordinates.")
        is_geographic(srid)
        return srid

    def place_srid(self, srid: int | None, bounds: Bounds) -> int:
        """The CRS of a place in the question, of which the bounds are given; CrsError when the map cannot be there."""
        known = self.source_srid(srid)
        check_in_use(bounds, known, self.project_srid)
        return known

    def compose(self, name: str, **parts: Composable) -> Composed:
        """A named query of this relation with its parts filled in."""
        return SQL(queries("lookup")[name]).format(relation=self.relation, **parts)

    def in_project(self, place: Composable, srid_param: str) -> Composable:
        """A place of the question brought to the project CRS, where it is not there already."""
        if self.params[srid_param] == self.project_srid:
            return place
        return SQL("ST_Transform({}, %(srid)s::int)").format(place)

    def box_conditions(self, bbox: Box | None, bbox_srid: int | None) -> list[Composable]:
        """That a feature meets a box given in any CRS."""
        if bbox is None:
            return []
        min_x, min_y, max_x, max_y = bbox
        check_finite(*bbox)
        if min_x >= max_x or min_y >= max_y:
            raise UsageError("A box is min x, min y, max x, max y; a minimum of this one is not below its maximum.")
        self.params |= {"min_x": min_x, "min_y": min_y, "max_x": max_x, "max_y": max_y}
        self.params["bbox_srid"] = self.place_srid(bbox_srid, bbox)
        is_own = self.params["bbox_srid"] == self.project_srid
        box = self.in_project(SQL(queries("lookup")["envelope" if is_own else "foreign_box"]), "bbox_srid")
        return [SQL("ST_Intersects(f.geom, {box})").format(box=box)]

    def height_conditions(self, z_min_m: float | None, z_max_m: float | None) -> list[Composable]:
        """That a known elevation lies in a range, either end open."""
        low, high = (SQL(part) for part in _Z_RANGE[self.kind])
        if z_min_m is not None and z_max_m is not None and z_min_m > z_max_m:
            raise UsageError("The lower elevation is above the upper one.")
        self.params |= {"z_min_m": z_min_m, "z_max_m": z_max_m}
        conditions: list[Composable] = []
        if z_min_m is not None:
            conditions.append(SQL("{high} >= %(z_min_m)s").format(high=high))
        if z_max_m is not None:
            conditions.append(SQL("{low} <= %(z_max_m)s").format(low=low))
        return conditions

    def class_conditions(self, class_codes: Sequence[str]) -> list[Composable]:
        """That a feature is of one of these utility classes."""
        if not class_codes:
            return []
        known = code_table("utility_class")
        unknown = sorted(set(class_codes) - known.keys())
        if unknown or "class_code" not in state_names(self.kind):
            wrong = f"{', '.join(unknown)} is not a utility class" if unknown else f"a {self.kind} has no utility class"
            raise UsageError(f"{wrong}; the classes are {', '.join(known)}.")
        self.params["class_codes"] = list(class_codes)
        return [SQL("f.class_code = ANY(%(class_codes)s)")]

    def attribute_conditions(self, equals: Mapping[str, str | float | bool | None]) -> list[Composable]:
        """That attributes have these values."""
        allowed = filterable_names(self.kind)
        conditions: list[Composable] = []
        for name, value in equals.items():
            if name not in allowed:
                raise UsageError(f"{self.kind} cannot be asked for {name}; it can be for {', '.join(allowed)}.")
            if value is None:
                conditions.append(SQL("f.{} IS NULL").format(Identifier(name)))
                continue
            # As text, so that the server reads it as the column's own type: 0.3 as a real is not 0.3 as a double.
            self.params[f"equals_{name}"] = str(value)
            conditions.append(SQL("f.{} = {}").format(Identifier(name), Placeholder(f"equals_{name}")))
        return conditions

    def count_unknown_elevation(self, conditions: Sequence[Composable]) -> int:
        """How many features meet the conditions without a known elevation."""
        low = SQL(_Z_RANGE[self.kind][0])
        row = self._answer(self.compose("count_unknown_elevation", conditions=all_of(conditions), z_min=low))
        return int(row["n"])

    def page(
        self,
        matched: Composable,
        order: LiteralString,
        computed: Sequence[str] = (),
        unknown_elevation: int | None = None,
        keyset: bool = False,
    ) -> Page:
        """Run the matching query and wrap its rows; `computed` names the columns it adds to the feature."""
        same = self.out_srid == self.project_srid
        geometry = SQL("f.geom" if same else "ST_Transform(f.geom, %(out_srid)s::int)")
        query = self.compose(
            "collect",
            matched=matched,
            order=SQL(order),
            feature=geojson.feature([*self._columns, *computed], geometry),
        )
        self.params["digits"] = 9 if self.out_srid and is_geographic(self.out_srid) else 4
        row = self._answer(query)
        return Page(
            features=b"[" + (row["features"] or "").encode() + b"]",
            count=row["shown"],
            next=row["last_id"] if keyset and row["more"] else None,
            more=row["more"],
            unknown_elevation=unknown_elevation,
            srid=self.out_srid,
            version=self.version,
        )

    def _answer(self, query: Composed) -> dict[str, Any]:
        try:
            row = fetch_one(self.connection, query, self.params)
        except psycopg.errors.DataError as error:
            raise UsageError(f"A value in the question does not fit: {str(error).splitlines()[0]}.") from error
        except psycopg.errors.InternalError_ as error:
            raise UsageError("The place lies outside of where its coordinate reference system is defined.") from error
        assert row is not None
        return row


def all_of(conditions: Sequence[Composable]) -> Composable:
    """Conditions joined; none at all holds for everything."""
    return SQL(" AND ").join(conditions) if conditions else SQL("true")


def _shown_columns(kind: str, version: int | None) -> tuple[str, ...]:
    if isinstance(version, GrantedVersion):
        return tuple(version.columns.get(kind, ()))
    return (*(name for name in state_names(kind) if name != "geom"), "valid_from_version")


def _known_kind(kind: str) -> str:
    if kind not in FEATURE_KINDS:
        raise UsageError(f"{kind} is not a kind of feature; the kinds are {', '.join(FEATURE_KINDS)}.")
    return kind


def plan_of(numbers: Sequence[float]) -> Box:
    """The plan part of a box of four numbers, or of six with heights; ValueError for other counts."""
    if len(numbers) not in (4, 6):
        raise ValueError("a box has four or six numbers")
    a, b, c, d = numbers if len(numbers) == 4 else [*numbers[:2], *numbers[3:5]]
    return a, b, c, d


def check_finite(*values: float) -> None:
    """Raise UsageError for NaN and infinity."""
    if not all(math.isfinite(value) for value in values):
        raise UsageError("A coordinate is not a finite number.")
