"""What a burst does to a network: the plan to stop it and who is without supply."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class BurstPlace(_Answer):
    """A segment that has burst and its middle, in the project CRS."""

    segment_id: int
    source_key: str | None
    class_code: str
    x_m: float | None
    y_m: float | None
    z_m: float | None = Field(None, description="Axis elevation; null where it is unknown.")


class BurstValve(_Answer):
    """A valve of the plan."""

    node_id: int
    source_key: str | None
    order: int = Field(description="1 is the first to turn: nearest to the burst in a straight line.")
    state_code: str
    operability_code: str
    name: str | None
    address: str | None
    x_m: float | None
    y_m: float | None


class CriticalConsumer(_Answer):
    """A consumer without supply who has to be warned by name."""

    feature_id: int
    name: str | None
    kind_code: str
    people: int | None
    zone: Literal["isolated", "dry"]
    x_m: float | None
    y_m: float | None


class ConsumersLost(_Answer):
    """Consumers in the isolated and the dry zone together."""

    count: int
    people: int = Field(description="Sum over the consumers whose number of people is known.")
    by_kind: dict[str, int]
    critical: list[CriticalConsumer]


class HydrantLost(_Answer):
    """A hydrant in the isolated or the dry zone."""

    node_id: int
    source_key: str | None
    x_m: float | None
    y_m: float | None


class BurstWarning(_Answer):
    """Something the plan rests on that a person has to know."""

    code: str
    message_en: str
    message_zh: str


class ClickedSegment(_Answer):
    """The segment taken for a place somebody gave."""

    segment_id: int
    source_key: str | None
    class_code: str
    width_mm: int | None
    height_mm: int | None
    distance_m: float = Field(description="From the place to the axis: in space where both heights are known.")


class BurstAnswer(_Answer):
    """The answer to "this pipe has burst". The isolated, dry and already dry segments never overlap."""

    version: int | None = Field(description="Version of the map the answer holds for; null when it is none.")
    burst: list[BurstPlace]
    valves_to_close: list[BurstValve] = Field(description="Only the ones that water still reaches, in order.")
    closed_valves_relied_on: list[BurstValve] = Field(description="Already closed; must not be opened.")
    isolated_segment_ids: list[int] = Field(description="Segments that cannot be parted from the burst.")
    dry_segment_ids: list[int] = Field(description="Segments beyond that lose every source by the plan.")
    already_dry_segment_ids: list[int] = Field(description="Segments of the same area that had no source before.")
    isolated_length_m: float
    dry_length_m: float
    consumers: ConsumersLost
    consumer_ids: list[int]
    hydrants_lost: list[HydrantLost]
    warnings: list[BurstWarning]
    clicked: ClickedSegment | None = Field(None, description="What was taken for the place; null when none was given.")
