"""The statement that finds features for whoever asks, put together once for all that ask alike."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, lru_cache
from typing import Any, LiteralString

from psycopg.sql import SQL, Composable, Identifier, Literal, Placeholder

from pipemap import geojson
from pipemap.errors import UsageError
from pipemap.sharing.agreements import SHARED_KINDS, shareable_attributes
from pipemap.sharing.granted import Grant, Place, View, digits, geometry_in
from pipemap.sql import queries
from pipemap.versions import SHARE_SCHEMA, relation
from schemas.tables import LARGEST_ID, attribute_names

MAX_ITEMS = 10_000
# What is of unknown height meets any range of heights: nobody can say that it lies elsewhere.
_MEETS_HEIGHTS: LiteralString = (
    "(ST_NDims(v.geom) = 2 OR (ST_ZMax(v.geom) >= %(min_z)s::float8 AND ST_ZMin(v.geom) <= %(max_z)s::float8))"
)
# The box is read once, not once a feature.
_IN_WINDOW: LiteralString = (
    "ST_Intersects(v.geom, (SELECT nullif(current_setting('pipemap.wanted', true), '')::geometry))"
)


@dataclass(frozen=True)
class Condition:
    """A condition over the alias `v` with its parameters."""

    sql: Composable
    params: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ItemsRequest:
    """One page of a kind's features, or one feature.

    `after` is the identity the last page ended with, `version` the one to read (the newest when None), `heights_m` a
    range of elevations, `northing_first` the order of the answer's coordinates.
    """

    kind: str
    place: Place = field(default_factory=Place)
    heights_m: tuple[float, float] | None = None
    conditions: Sequence[Condition] = ()
    limit: int = 1000
    after: int = 0
    feature_id: int | None = None
    version: int | datetime | None = None
    northing_first: bool = False


@dataclass(frozen=True)
class _Asked:
    """What a statement is made of: the view of an agency (None for staff), and its conditions as they are written."""

    kind: str
    view: View | None
    columns: tuple[str, ...]
    version: int | None
    srid: int
    out_srid: int | None
    northing_first: bool
    conditions: tuple[str, ...]
    are_single: bool


def equals(name: str, value: str) -> Condition:
    """That a column has a value, given as text so that the server reads it as the column's own type."""
    return Condition(
        SQL("v.{} = {}").format(Identifier(name), Placeholder(f"equals_{name}")), {f"equals_{name}": value}
    )


@dataclass(frozen=True)
class Readable:
    """The kinds an asker may read: their columns, geometry apart, and the project's EPSG code (0: a local grid)."""

    srid: int
    columns: dict[str, tuple[str, ...]]


def granted_columns(grant: Grant | None, kind: str) -> tuple[str, ...]:
    """Columns of a kind that are shown, geometry apart; without a grant, to staff, all of them."""
    return _every_column(kind) if grant is None else grant.columns(kind)


@cache
def _every_column(kind: str) -> tuple[str, ...]:
    every = (name for name in shareable_attributes() if name in ("source_key", *attribute_names(kind)))
    return ("class_code", *every)


def check_request(request: ItemsRequest) -> None:
    """Raise UsageError for a kind that is not shared or a page of a size that there is none of."""
    if request.kind not in SHARED_KINDS:
        raise UsageError(f"{request.kind} is not shared; what is shared: {', '.join(SHARED_KINDS)}.")
    if not 1 <= request.limit <= MAX_ITEMS:
        raise UsageError(f"A page holds 1 to {MAX_ITEMS} features; {request.limit} were asked for.")


def statement_of(
    request: ItemsRequest,
    srid: int,
    grant: Grant | None,
    view: View | None,
    version: int | None,
    identities: Sequence[int] | None,
    up_to: int | None,
) -> tuple[bytes, dict[str, Any]]:
    """The statement of a request and its values; `up_to` is the last identity to look at."""
    conditions = _conditions(request)
    if up_to is not None:
        conditions.append(Condition(SQL("v.feature_id <= %(up_to)s::bigint"), {"up_to": min(up_to, LARGEST_ID)}))
    asked = _Asked(
        request.kind,
        view,
        granted_columns(grant, request.kind),
        version,
        srid,
        request.place.out_srid,
        request.northing_first,
        tuple(condition.sql.as_string(None) for condition in conditions),
        identities is not None,
    )
    values = _values(request, conditions, srid) | ({} if identities is None else {"identities": list(identities)})
    return _statement(asked), values


@lru_cache(256, typed=True)
def _statement(asked: _Asked) -> bytes:
    """The statement for an agency, or for staff; to put it together takes as long as to ask."""
    place = geometry_in(Identifier("f", "geom"), asked.srid, asked.out_srid)
    geometry = SQL("ST_FlipCoordinates({})").format(place) if asked.northing_first else place
    view, is_staff = asked.view, asked.view is None
    statement = SQL(queries("sharing")["singles" if asked.are_single else "items"]).format(
        version=SQL(queries("sharing")["staff_version"]) if is_staff else Identifier("f", "of_version"),
        digest=Literal("") if is_staff else Identifier("f", "of_digest"),
        standing=SQL(queries("sharing")["staff_standing"]) if view is None else Identifier(SHARE_SCHEMA, view.grant),
        relation=relation(asked.kind, asked.version) if view is None else Identifier(SHARE_SCHEMA, view.features),
        feature=geojson.feature(asked.columns, geometry),
        # Written by `Condition`, so as trustworthy as a literal.
        conditions=SQL(" AND ".join(("true", *asked.conditions))),
    )
    return statement.as_bytes(None)


def _values(request: ItemsRequest, conditions: Sequence[Condition], srid: int) -> dict[str, Any]:
    values = {
        "limit": request.limit,
        "after": request.after,
        "out_srid": request.place.out_srid,
        "digits": digits(request.place.out_srid or srid),
    }
    for condition in conditions:
        values |= condition.params
    return values


def _conditions(request: ItemsRequest) -> list[Condition]:
    # Not parameters that may be null: the server could not keep a plan that goes by the box.
    found = list(request.conditions)
    if request.place.bbox is not None:
        found.append(Condition(SQL(_IN_WINDOW)))
    if request.heights_m is not None:
        low, high = request.heights_m
        found.append(Condition(SQL(_MEETS_HEIGHTS), {"min_z": low, "max_z": high}))
    return found
