"""Traces along the flow of sewers, and along what is joined: where water goes, what drains to a place, ways, loops."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response

from api.deps import STRICT, ServiceDep, VersionDep
from api.trace_parameters import Drawing, DrawingDep, Id, StartDep, as_written, read_place
from pipemap.db import Connection
from pipemap.network import Network
from pipemap.tracing import connectivity
from pipemap.tracing.drawing import with_drawing
from pipemap.tracing.sewers import SEWER_QUESTIONS
from pipemap.tracing.starts import Start, located
from pipemap.versions import resolve_version
from schemas.codetables import codes_where
from schemas.connectivity import BridgesAnswer, ConnectedAnswer, LoopsAnswer, PathAnswer
from schemas.sewers import BlockageAnswer, DownstreamAnswer, UpstreamAnswer
from schemas.traces import TraceAnswer

router = APIRouter(tags=["traces"], prefix="/trace", dependencies=[STRICT])
AvoidParam = Annotated[list[Id] | None, Query(description="Segments not to use")]
OpenOnlyParam = Annotated[bool, Query(description="Do not pass closed valves")]
_Question = Literal["up", "down", "pollution", "blockage"]


@router.get("/up", response_model=UpstreamAnswer)
def trace_up(service: ServiceDep, version: VersionDep, start: StartDep, drawing: DrawingDep) -> Response:
    """Everything that drains to a place in the sewers."""
    return _sewer(service, version, start, drawing, "up")


@router.get("/down", response_model=DownstreamAnswer)
def trace_down(service: ServiceDep, version: VersionDep, start: StartDep, drawing: DrawingDep) -> Response:
    """Where the water goes from a place in the sewers: every branch, to every end."""
    return _sewer(service, version, start, drawing, "down")


@router.get("/pollution", response_model=DownstreamAnswer)
def trace_pollution(service: ServiceDep, version: VersionDep, start: StartDep, drawing: DrawingDep) -> Response:
    """Which outfalls a pollution reaches, and when at the earliest."""
    return _sewer(service, version, start, drawing, "pollution")


@router.get("/blockage", response_model=BlockageAnswer)
def trace_blockage(service: ServiceDep, version: VersionDep, start: StartDep, drawing: DrawingDep) -> Response:
    """What a blockage holds back, and what of it can drain another way."""
    return _sewer(service, version, start, drawing, "blockage")


@router.get("/connected", response_model=ConnectedAnswer)
def trace_connected(
    service: ServiceDep, version: VersionDep, start: StartDep, drawing: DrawingDep,
    avoid: AvoidParam = None, open_only: OpenOnlyParam = False,
) -> Response:  # fmt: skip
    """Everything that pipes in service join to a place."""
    with service.reading() as connection:
        network = service.networks.at(connection, resolve_version(connection, version))
        begun = located(connection, network, start)
        scope = connectivity.reachable(network, begun, start.class_codes, avoid or (), open_only)
        return _written(connection, network, connectivity.connected(network, begun, scope), drawing)


@router.get("/path", response_model=PathAnswer)
def trace_path(
    service: ServiceDep, version: VersionDep, start: StartDep, drawing: DrawingDep,
    to_segment_id: Annotated[Id | None, Query(description="The other end: a segment")] = None,
    to_node_id: Annotated[Id | None, Query(description="The other end: a node")] = None,
    to_at: Annotated[str | None, Query(description="The other end: the segment nearest to x,y or x,y,z")] = None,
    avoid: AvoidParam = None, open_only: OpenOnlyParam = False,
) -> Response:  # fmt: skip
    """The shortest way along the pipes between two places."""
    target = Start(
        [to_segment_id] if to_segment_id else (), [to_node_id] if to_node_id else (),
        [read_place(to_at)] if to_at else (), start.class_codes,
    )  # fmt: skip
    with service.reading() as connection:
        network = service.networks.at(connection, resolve_version(connection, version))
        one, other = located(connection, network, start), located(connection, network, target)
        scope = connectivity.reachable(network, one, start.class_codes, avoid or (), open_only)
        return _written(connection, network, connectivity.shortest_path(network, one, other, scope), drawing)


@router.get("/loops", response_model=LoopsAnswer)
def trace_loops(service: ServiceDep, version: VersionDep, start: StartDep, drawing: DrawingDep) -> Response:
    """Loops: pipes that can be bypassed, around a place or, without one, of whole classes."""
    with service.reading() as connection:
        network = service.networks.at(connection, resolve_version(connection, version))
        begun = located(connection, network, start) if start else None
        scope = connectivity.reachable(network, begun, start.class_codes)
        return _written(connection, network, connectivity.loops(network, begun, scope), drawing)


@router.get("/bridges", response_model=BridgesAnswer)
def trace_bridges(
    service: ServiceDep, version: VersionDep, start: StartDep, drawing: DrawingDep,
    limit: Annotated[int, Query(ge=1, le=1_000_000, description="The worst so many")] = 1000,
) -> Response:  # fmt: skip
    """Bridges: pipes that alone join two parts, around a place or, without one, of whole classes."""
    with service.reading() as connection:
        network = service.networks.at(connection, resolve_version(connection, version))
        begun = located(connection, network, start) if start else None
        scope = connectivity.reachable(network, begun, start.class_codes)
        return _written(connection, network, connectivity.bridges(network, begun, scope, limit), drawing)


def _sewer(service: ServiceDep, version: VersionDep, start: Start, drawing: Drawing, question: _Question) -> Response:
    with service.reading() as connection:
        network = service.networks.at(connection, resolve_version(connection, version))
        sewers = sorted(codes_where("utility_class", "flow", "gravity"))
        answer = SEWER_QUESTIONS[question](network, located(connection, network, start, sewers), start.class_codes)
        return _written(connection, network, answer, drawing)


def _written(connection: Connection, network: Network, answer: TraceAnswer, drawing: Drawing) -> Response:
    return as_written(with_drawing(connection, network, answer, srid=drawing.srid) if drawing.is_wanted else answer)
