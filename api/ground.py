"""The ground as the city's ground models have it."""

from typing import Annotated

from fastapi import APIRouter, Query

from api.deps import STRICT, CrsDep, ServiceDep
from api.trace_parameters import read_place
from pipemap.crs import places_in_project
from pipemap.ground.sampling import ground_answer
from pipemap.projects import read_project
from schemas.ground import GroundAnswer

router = APIRouter(tags=["questions"], dependencies=[STRICT])
_MOST_PLACES = 1000
AtParam = Annotated[
    list[str], Query(description="x,y of a place; may be repeated", min_length=1, max_length=_MOST_PLACES)
]


@router.get("/ground")
def ground(service: ServiceDep, at: AtParam, crs: CrsDep) -> GroundAnswer:
    """The ground at places, bilinear between the posts of the first ground model that knows it."""
    places = [read_place(text)[:2] for text in at]
    with service.reading() as connection:
        srid = read_project(connection).srid
        return ground_answer(connection, places_in_project(places, srid if crs is None else crs, srid))
