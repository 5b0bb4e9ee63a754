"""Gas that leaks, cables that are cut."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from api.deps import STRICT, ServiceDep, VersionDep
from api.trace_parameters import DrawingDep, StartDep, as_written
from pipemap.tracing import leaks, outages
from pipemap.tracing.drawing import with_features
from pipemap.versions import resolve_version
from schemas.leaks import LeakAnswer
from schemas.outages import OutageAnswer

router = APIRouter(tags=["traces"], prefix="/trace", dependencies=[STRICT])
Radius = Annotated[float, Query(gt=0, le=leaks.GREATEST_RADIUS_M, description="So far around in space, in metres")]


@router.get("/leak", response_model=LeakAnswer)
def trace_leak(
    service: ServiceDep,
    version: VersionDep,
    start: StartDep,
    drawing: DrawingDep,
    radius_m: Radius = leaks.DEFAULT_RADIUS_M,
) -> Response:
    """Enclosed spaces of other utilities and structures near a gas leak, by true distance, with their owners."""
    with service.reading() as connection:
        network = service.networks.at(connection, resolve_version(connection, version))
        answer = leaks.ask_leak(connection, network, start, radius_m)
        if drawing.is_wanted:
            answer = with_features(connection, network, answer, leaks.drawn_roles(answer), drawing.srid)
        return as_written(answer)


@router.get("/outage", response_model=OutageAnswer)
def trace_outage(service: ServiceDep, version: VersionDep, start: StartDep, drawing: DrawingDep) -> Response:
    """Power and telecom circuits that a cut cable, duct, tunnel or cabinet takes down, with their consumers."""
    with service.reading() as connection:
        network = service.networks.at(connection, resolve_version(connection, version))
        answer = outages.ask_outage(connection, network, start)
        if drawing.is_wanted:
            answer = with_features(connection, network, answer, outages.drawn_roles(answer), drawing.srid)
        return as_written(answer)
