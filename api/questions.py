"""Questions about consequences: what a burst cuts off, what lies too near."""

from typing import Annotated

from fastapi import APIRouter, Query

from api.deps import STRICT, ClassCodesDep, ServiceDep, VersionDep
from pipemap import isolation
from pipemap.burst_places import nearest_segment
from pipemap.db import Connection
from pipemap.errors import UsageError
from pipemap.versions import resolve_version
from schemas.isolation import BurstAnswer

router = APIRouter(tags=["questions"], dependencies=[STRICT])
SegmentIds = Annotated[list[Annotated[int, Query(ge=1, lt=2**63)]] | None, Query(description="Segments that burst")]
Coordinate = Annotated[float | None, Query(allow_inf_nan=False)]


@router.get("/trace/burst")
def trace_burst(
    service: ServiceDep,
    version: VersionDep,
    class_codes: ClassCodesDep,
    segment_id: SegmentIds = None,
    x: Coordinate = None,
    y: Coordinate = None,
    z: Coordinate = None,
) -> BurstAnswer:
    """What a burst does: of named segments at once, or of the nearest one to a place in the project CRS."""
    with service.reading() as connection:
        resolved = resolve_version(connection, version)
        if segment_id is None:
            segment_id = [_clicked(connection, x, y, z, class_codes, resolved)]
        elif (x, y, z) != (None, None, None):
            raise UsageError("Give either segment_id or a place, not both.")
        network = service.networks.at(connection, resolved)
    return isolation.burst(network, segment_id)


def _clicked(
    connection: Connection,
    x: float | None,
    y: float | None,
    z: float | None,
    class_codes: list[str],
    version: int | None,
) -> int:
    if x is None or y is None:
        raise UsageError("Say what has burst: segment_id, or x and y.")
    return nearest_segment(connection, x, y, z, class_codes or ["water"], version)
