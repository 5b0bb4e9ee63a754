"""What hangs together: connected parts, shortest ways, loops, and bridges that alone join two parts."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SkipValidation

from schemas.isolation import Ids
from schemas.traces import TraceAnswer

Metres = Annotated[list[float], SkipValidation]


class ConnectedAnswer(TraceAnswer):
    """Everything joined to a place by pipes in service."""

    consumers: int = Field(description="Consumers whose connection is known to be among it.")


class PathAnswer(TraceAnswer):
    """The shortest way between two places: its nodes and segments in order, length_m along the axes.

    A segment named as start or target is not part of it: the way runs from either end.
    """

    is_reached: bool = Field(description="False: no way is known; the stops are those of all that joins the start.")
    target_segment_ids: Ids
    target_node_ids: Ids
    avoided_segment_ids: Ids


class Loop(BaseModel):
    """A part of the network in which every segment can be bypassed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    number: int
    segment_count: int
    independent_loops: int = Field(description="How many segments can be taken out before it is a tree.")
    length_m: float


class LoopsAnswer(TraceAnswer):
    """Loops: parts that stay in one piece whichever one segment is taken out."""

    loops: list[Loop] = Field(description="The longest first.")
    loop_numbers: Ids = Field(description="The loop that the i-th segment belongs to.")


class BridgesAnswer(TraceAnswer):
    """Segments whose loss would part the network in two, as columns; node_ids is empty."""

    bridge_count: int = Field(description="All of them, also those beyond the limit.")
    smaller_length_m: Metres = Field(description="Length of the part that has fewer consumers (then, less pipe).")
    smaller_consumers: Ids = Field(description="Consumers in that part.")
