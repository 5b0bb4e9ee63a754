"""A trace as GeoJSON: the axes of its segments, each with its part in the trace, and the nodes where it stopped."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import orjson
from psycopg.sql import SQL

from pipemap.crs import is_geographic
from pipemap.db import Connection, fetch_one
from pipemap.network import Network
from pipemap.projects import read_project
from pipemap.sql import queries
from pipemap.versions import current_version, relation
from schemas.traces import TraceAnswer

Answer = TypeVar("Answer", bound=TraceAnswer)

_REACHED = "reached"
WGS_84 = 4326


def with_drawing(
    connection: Connection,
    network: Network,
    answer: Answer,
    roles: Mapping[int, str] | None = None,
    srid: int | None = None,
) -> Answer:
    """The answer with its `geojson`, in the project CRS or another one (EPSG code).

    `roles` says of further segment identities what they are to the trace, beyond what `roles_of` tells; the role
    of a node is the code of its stop.
    """
    segments = roles_of(answer) | dict(roles or {})
    stops = {one.node.node_id: one.code for one in reversed(answer.stopped_at)}
    return with_features(connection, network, answer, {"pipe_segment": segments, "node": stops}, srid)


def with_features(
    connection: Connection,
    network: Network,
    answer: Answer,
    roles: Mapping[str, Mapping[int, str]],
    srid: int | None = None,
) -> Answer:
    """The answer with a `geojson` of features by kind (pipe_segment, node, structure), identity and role."""
    parts = [_features(connection, network, kind, of_kind, srid) for kind, of_kind in roles.items()]
    return answer.model_copy(update={"geojson": _collection(parts, srid or read_project(connection).srid)})


def roles_of(answer: TraceAnswer) -> dict[int, str]:
    """What each segment is to a trace: reached, overflow, doubtful, another-way or start."""
    parts = {"overflow": "overflow_segment_ids", "doubtful": "doubtful_segment_ids",
             "another-way": "another_way_segment_ids"}  # fmt: skip
    roles = dict.fromkeys(answer.segment_ids, _REACHED)
    for role, field in parts.items():
        roles |= dict.fromkeys(getattr(answer, field, ()), role)
    return roles | dict.fromkeys(answer.start.segment_ids, "start")


def _features(connection: Connection, network: Network, kind: str, roles: Mapping[int, str], srid: int | None) -> str:
    own = read_project(connection).srid
    version = None if network.version == current_version(connection) else network.version
    is_own = srid in (None, own)
    query = SQL(queries("traces")["features"]).format(
        relation=relation(kind, version),
        class_code=SQL("NULL::text") if kind == "structure" else SQL("f.class_code"),
        geometry=SQL("f.geom") if is_own else SQL("ST_Transform(f.geom, %(srid)s::int)"),
    )
    shown = own if srid is None else srid
    params = {
        "kind": "segment" if kind == "pipe_segment" else kind,
        "ids": list(roles),
        "roles": list(roles.values()),
        "srid": srid,
        "digits": 9 if shown and is_geographic(shown) else 4,
    }
    row = fetch_one(connection, query, params)
    return (row and row["features"]) or ""


def _collection(parts: Iterable[str], srid: int) -> dict[str, Any]:
    members: dict[str, Any] = {"type": "FeatureCollection"}
    if srid not in (0, WGS_84):
        members["crs"] = {"type": "name", "properties": {"name": f"urn:ogc:def:crs:EPSG::{srid}"}}
    return members | {"features": orjson.loads("[" + ",".join(filter(None, parts)) + "]")}
