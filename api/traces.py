"""Questions that follow the pipes: what a burst or a planned cut takes from whom, what hangs on each segment."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from api.deps import STRICT, ClassCodesDep, ServiceDep, VersionDep
from api.trace_parameters import Id, Places, as_written, read_place
from pipemap.errors import UsageError
from pipemap.tracing.asking import BurstQuestion, burst_json
from pipemap.tracing.criticality import ranked_criticality
from pipemap.tracing.shutdowns import plan_shutdowns
from pipemap.tracing.surroundings import DEFAULT_RADIUS_M, Place
from pipemap.versions import resolve_version
from schemas.criticality import CriticalityAnswer
from schemas.isolation import BurstAnswer
from schemas.shutdowns import PlannedCut, ShutdownAnswer

router = APIRouter(tags=["traces"], prefix="/trace", dependencies=[STRICT])
SegmentIds = Annotated[list[Id] | None, Query(description="Segments that burst; repeat for several at once")]
NodeIds = Annotated[list[Id] | None, Query(description="Nodes that burst; repeat for several at once")]
Inaccessible = Annotated[list[Id] | None, Query(description="Nodes of valves that cannot be closed")]
Opened = Annotated[list[Id] | None, Query(description="Nodes of closed valves that are opened to feed from elsewhere")]
Radius = Annotated[
    float,
    Query(ge=0, le=100, description="Other utilities are told within this distance of the burst; 0 leaves them out"),
]
Fallbacks = Annotated[bool, Query(description="Tell for each valve of the plan what to do if it cannot be closed")]
Coordinate = Annotated[float | None, Query(allow_inf_nan=False)]


class ShutdownQuestion(BaseModel):
    """Planned cuts, each with its time."""

    model_config = ConfigDict(extra="forbid")

    cuts: list[PlannedCut] = Field(min_length=1, max_length=200)
    version: int | None = Field(None, ge=0, lt=2**31)


@router.get("/burst", response_model=BurstAnswer)
def trace_burst(
    service: ServiceDep,
    version: VersionDep,
    class_codes: ClassCodesDep,
    segment_id: SegmentIds = None,
    node_id: NodeIds = None,
    at: Places = None,
    x: Coordinate = None,
    y: Coordinate = None,
    z: Coordinate = None,
    inaccessible: Inaccessible = None,
    opened: Opened = None,
    radius_m: Radius = DEFAULT_RADIUS_M,
    fallbacks: Fallbacks = False,
) -> Response:
    """What bursts do, all at once: at named segments and nodes, or at the segments nearest to places (x, y, z or at).

    The newest version is kept in memory: for a moment after a publish the answer may be of the version before,
    and says so.
    """
    places = [*_place(x, y, z), *(read_place(text) for text in at or [])]
    if places and (segment_id or node_id):
        raise UsageError("Give either identities or places, not both.")
    question = BurstQuestion(
        segment_ids=segment_id or (),
        node_ids=node_id or (),
        places=places,
        class_codes=class_codes or ("water",),
        inaccessible=inaccessible or (),
        opened=opened or (),
        radius_m=radius_m,
        fallbacks=fallbacks,
    )
    with service.reading() as connection:
        network = service.networks.at(connection, resolve_version(connection, version))
        return Response(burst_json(connection, network, question), media_type="application/json")


@router.get("/criticality", response_model=CriticalityAnswer)
def trace_criticality(
    service: ServiceDep,
    version: VersionDep,
    class_code: Annotated[str, Query(description="A pressure class; its whole group is told")] = "water",
    limit: Annotated[int | None, Query(ge=1, le=1_000_000, description="Only the worst, most people first")] = None,
) -> Response:
    """Whom the burst of each segment would leave without supply: all live segments in one answer, as columns."""
    with service.reading() as connection:
        network = service.networks.at(connection, resolve_version(connection, version))
        return as_written(ranked_criticality(connection, network, class_code, limit))


@router.post("/shutdown", response_model=ShutdownAnswer)
def trace_shutdown(service: ServiceDep, question: ShutdownQuestion) -> Response:
    """What planned cuts do: overlapping ones together, interval by interval, and what only their overlap does."""
    with service.reading() as connection:
        network = service.networks.at(connection, resolve_version(connection, question.version))
        return as_written(plan_shutdowns(connection, network, question.cuts))


def _place(x_m: float | None, y_m: float | None, z_m: float | None) -> Sequence[Place]:
    if x_m is None and y_m is None and z_m is None:
        return ()
    if x_m is None or y_m is None:
        raise UsageError("A place needs x and y.")
    return ((x_m, y_m, z_m),)
