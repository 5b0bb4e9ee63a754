"""What traces in sewers answer: upstream, downstream, where a pollution goes, what a blockage holds back."""

from pydantic import BaseModel, ConfigDict, Field

from schemas.isolation import Ids
from schemas.traces import TraceAnswer, TraceStop


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SewerAnswer(TraceAnswer):
    """A trace along the flow or against it. Every pipe has one direction; what decided it is counted."""

    decided_by: dict[str, int] = Field(
        description="Number of the segments by what decided their direction: levels, inferred_levels, declared, device "
        "(declared at a pump or one-way device), inlet, drawn, way_out (the only way out of a pit)."
    )
    overflow_segment_ids: Ids = Field(
        description="The part of the segments that takes water only where it stands high enough to run over."
    )
    doubtful_segment_ids: Ids = Field(
        description="Not among the segments: reached only against the fall of pipes whose levels contradict their "
        "declared or drawn direction."
    )


class Branch(_Answer):
    """One of several ways out of a node."""

    node_id: int
    segment_id: int
    above_lowest_m: float | None = Field(description="Sill above the node's lowest outlet; null when unknown.")
    is_overflow: bool


class FlowEnd(TraceStop):
    """Where water that runs down leaves the trace, and when the first of it arrives there."""

    way: str = Field(
        description="flow: as water flows; overflow: only over a raised sill; doubtful: only against the levels."
    )
    distance_m: float | None = Field(description="Along the quickest way; null for doubtful ends.")
    travel_time_h: float | None = Field(
        description="Estimate by Manning's velocity of the full pipes, along the quickest way; null for doubtful ends."
    )
    untimed_m: float | None = Field(
        description="Part of the distance with unknown slope or size, which is not in the time: a lower bound then."
    )


class DownstreamAnswer(SewerAnswer):
    """Where the water goes."""

    ends: list[FlowEnd] = Field(description="Outfalls first, then other ends, the first reached first.")
    branches: list[Branch] = Field(description="Nodes where the flow divides, in the order of the walk.")


class Drained(_Answer):
    """Who and what drains through a place."""

    consumers: int
    people: int = Field(description="Sum over the consumers whose number of people is known.")
    by_kind: dict[str, int]
    critical: list[str | None] = Field(description="Names of the critical ones.")
    inlets: int = Field(description="Gullies and other inlets.")
    heads: int = Field(description="Ends of the sewer at which nothing further is drawn, connections among them.")


class UpstreamAnswer(SewerAnswer):
    """What drains to a place."""

    drained: Drained
    consumer_ids: Ids
    inlet_node_ids: Ids


class BlockageAnswer(UpstreamAnswer):
    """What a blockage holds back; what can also drain another way is told apart."""

    another_way_segment_ids: Ids = Field(
        description="The part of the segments from which water still gets past the blockage, if need be by an overflow."
    )
    held_back: Drained = Field(description="The part that has no other way.")
