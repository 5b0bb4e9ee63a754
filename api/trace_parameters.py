"""What the routes of all traces share: where a trace starts, whether it is drawn, and the way to its answer."""

from dataclasses import dataclass
from math import isfinite
from typing import Annotated

from fastapi import Depends, Query, Response
from pydantic import BaseModel

from api.deps import ClassCodesDep, CrsDep
from pipemap.errors import UsageError
from pipemap.tracing.starts import Start
from pipemap.tracing.surroundings import Place
from schemas.tables import LARGEST_ID

Id = Annotated[int, Query(ge=1, le=LARGEST_ID)]
SegmentIds = Annotated[list[Id] | None, Query(description="Segments to start at; may be repeated")]
NodeIds = Annotated[list[Id] | None, Query(description="Nodes to start at; may be repeated")]
Places = Annotated[
    list[str] | None,
    Query(description="x,y or x,y,z in the project CRS, for the segment nearest to it; may be repeated"),
]


@dataclass(frozen=True)
class Drawing:
    """Whether the answer brings its lines as GeoJSON, and in which CRS (EPSG code, the project's when None)."""

    is_wanted: bool
    srid: int | None


async def read_start(
    class_codes: ClassCodesDep, segment_id: SegmentIds = None, node_id: NodeIds = None, at: Places = None
) -> Start:
    """Where a trace starts; class_code says which classes a place may mean."""
    return Start(segment_id or (), node_id or (), [read_place(text) for text in at or ()], class_codes)


async def read_drawing(
    crs: CrsDep, geojson: Annotated[bool, Query(description="Answer the lines as GeoJSON too")] = False
) -> Drawing:
    """Whether to draw the answer."""
    return Drawing(geojson, crs)


StartDep = Annotated[Start, Depends(read_start)]
DrawingDep = Annotated[Drawing, Depends(read_drawing)]


def read_place(text: str) -> Place:
    """The place in a text such as 512150.5,2611900,7.2."""
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) not in (2, 3) or not all(map(isfinite, numbers)):
        raise UsageError(f"A place is x,y or x,y,z in the project CRS, not {text}.")
    return numbers[0], numbers[1], numbers[2] if len(numbers) == 3 else None


def as_written(answer: BaseModel) -> Response:
    """An answer straight from its model: looking again at thousands of identities would take longer than the trace."""
    return Response(answer.__pydantic_serializer__.to_json(answer), media_type="application/json")
