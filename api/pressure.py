"""The pressure check: what a hydraulic model reckons is left of the pressure after a cut."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from api.deps import STRICT, ServiceDep, VersionDep
from api.trace_parameters import StartDep, as_written
from api.traces import Inaccessible, Opened
from pipemap.pressure.asking import DEFAULT_THRESHOLD_M, prepare_pressure
from pipemap.pressure.quantities import DEFAULT_SOURCE_PRESSURE_M, Choices
from pipemap.tracing.asking import BurstQuestion
from pipemap.versions import resolve_version
from schemas.pressure import PressureAnswer

router = APIRouter(tags=["traces"], prefix="/trace", dependencies=[STRICT])
Threshold = Annotated[
    float, Query(ge=0.1, le=200, description="Pressure that consumers need, in m of water; demand is met in full there")
]
DemandFactor = Annotated[float, Query(ge=0, le=20, description="Times the mean demand; 1.5 or so is a peak hour")]
SourcePressure = Annotated[float, Query(ge=0, le=500, description="For sources of unknown head, in m above the ground")]


@router.get("/pressure", response_model=PressureAnswer)
def trace_pressure(
    service: ServiceDep,
    version: VersionDep,
    start: StartDep,
    inaccessible: Inaccessible = None,
    opened: Opened = None,
    threshold_m: Threshold = DEFAULT_THRESHOLD_M,
    demand_factor: DemandFactor = 1.0,
    source_pressure_m: SourcePressure = DEFAULT_SOURCE_PRESSURE_M,
    limit: Annotated[int, Query(ge=1, le=100_000, description="Low consumers to name")] = 200,
    nodes: Annotated[bool, Query(description="Answer the pressure of every point too")] = False,
) -> Response:
    """Who has too little pressure after the cut of a burst: a model's result, with what it assumes; takes seconds."""
    question = BurstQuestion.at(start, inaccessible or (), opened or ())
    choices = Choices(threshold_m, demand_factor, source_pressure_m)
    with service.reading() as connection:
        network = service.networks.at(connection, resolve_version(connection, version))
        check = prepare_pressure(connection, network, question, choices)
    # The engine takes seconds: no connection waits for it.
    solved = check.solved()
    with service.reading() as connection:
        return as_written(check.answer(connection, solved, limit, nodes))
