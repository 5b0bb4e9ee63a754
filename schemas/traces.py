"""What every trace but a burst answers: what it reached, where it stopped and why, and what it took for granted."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, SkipValidation

from schemas.isolation import ClickedSegment, Ids, NodePlace, Note


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TraceStart(_Answer):
    """Where a trace began: what was named, and the segments taken for places."""

    segment_ids: Ids
    node_ids: Ids
    clicked: list[ClickedSegment] = Field(default=[], description="What was taken for each place that was given.")


class TraceStop(Note):
    """A node where the trace went no further, and why."""

    node: NodePlace
    segment_id: int | None = Field(None, description="The segment beyond that was not followed; null where none is.")


class Assumption(Note):
    """Something the answer rests on that the map does not say for certain, and how often."""

    count: int
    segment_ids: Ids = Field(default=[], description="The segments concerned.")
    node_ids: Ids = Field(default=[], description="The nodes concerned.")


class TraceAnswer(_Answer):
    """What a trace reached. The lists of identities are in the order of the walk where the question has one."""

    version: int | None = Field(description="Version of the map the answer holds for; null when it is none.")
    question: str = Field(description="Name of the trace, for example pollution.")
    class_codes: list[str] = Field(description="Utility classes the trace may run through.")
    start: TraceStart
    segment_ids: Ids
    node_ids: Ids
    length_m: float
    stopped_at: list[TraceStop] = Field(description="What needs a look comes first; the first few hundred.")
    stop_counts: dict[str, int] = Field(description="Every stop by its code, also those not listed.")
    assumptions: list[Assumption]
    geojson: Annotated[dict[str, Any] | None, SkipValidation] = Field(
        None,
        description="A FeatureCollection of the segments (property role says what each is to the trace) and of the "
        "stops; null unless asked for.",
    )
