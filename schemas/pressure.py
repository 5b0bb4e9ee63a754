"""What is left of the pressure after a cut, as a hydraulic model reckons it."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from schemas.isolation import BurstPlace, BurstValve, ClickedSegment, Ids, Note


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ModelAssumption(Note):
    """Something the map does not know and what stands in for it."""

    count: int = Field(description="How many segments, nodes, sources or consumers it concerns.")
    of: int = Field(description="Out of how many in the model.")
    value: float | None = Field(description="What was taken; null where it differs from one to the next.")
    unit: str | None
    source: str = Field(description="Where the value comes from.")


class PressureState(_Answer):
    """The whole network in one state: pressures of its points, above the ground, and the water it delivers."""

    nodes: int = Field(description="Points that a source reaches.")
    below_threshold: int = Field(description="Consumers reached whose pressure is below the threshold.")
    lowest_m: float | None
    median_m: float | None
    wanted_m3_per_d: float = Field(description="Demand of the consumers that a source reaches.")
    delivered_m3_per_d: float
    is_balanced: bool = Field(description="False: the engine found no balance; its numbers are not to be relied on.")


class LowConsumer(_Answer):
    """A consumer who has a path to a source but less than the threshold after the cut."""

    feature_id: int
    name: str | None
    address: str | None
    kind_code: str
    people: int | None
    is_critical: bool
    node_id: int
    x_m: float | None
    y_m: float | None
    before_m: float | None = Field(description="Pressure at its point before the cut, in metres of water.")
    after_m: float
    delivered_share: float | None = Field(description="Part of its demand that it still gets; null without demand.")
    was_low: bool = Field(description="Below the threshold before the cut as well.")


class NodePressures(_Answer):
    """The pressures of all points as columns; null where no source reaches a point."""

    node_ids: Ids
    before_m: list[float | None]
    after_m: list[float | None]


class PressureAnswer(_Answer):
    """A model's result, not a measurement: pressures before and after a cut, in metres of water above the ground."""

    basis: Literal["model"] = "model"
    engine: str
    head_loss_formula: str
    version: int | None
    burst: list[BurstPlace]
    valves_closed: list[BurstValve]
    threshold_m: float
    threshold_source: str
    demand_factor: float
    before: PressureState
    after: PressureState
    without_supply: int = Field(description="Consumers that the cut parts from every source; not in the list.")
    low_consumers: list[LowConsumer] = Field(description="Critical first, then those who were not low before.")
    low_left_out: int = Field(description="Further ones beyond the limit of the question.")
    newly_low: int = Field(description="Low consumers that were not low before the cut.")
    newly_low_people: int = Field(description="Sum over those of them whose number of people is known.")
    assumptions: list[ModelAssumption]
    warnings: list[Note]
    nodes: NodePressures | None = Field(None, description="Null when nobody asked for them.")
    clicked: list[ClickedSegment] = Field(default=[], description="What was taken for the places given.")
