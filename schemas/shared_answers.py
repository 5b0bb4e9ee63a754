"""Answers to other agencies: what stands beside each of them, and bursts as far as an agreement shows them."""

from pydantic import BaseModel, ConfigDict, Field


class Agreed(BaseModel):
    """What an answer was put together from, so that what is left out is not taken for ground without pipes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    agreement_id: int
    version: int
    class_codes: tuple[str, ...]
    attributes: tuple[str, ...]
    position_precision: str
    depth_precision: str
    area_wkt: str
    message_en: str
    message_zh: str


class ShownHydrant(BaseModel):
    """A hydrant as an agreement shows it; what is not granted is null."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    node_id: int
    source_key: str | None
    name: str | None
    address: str | None
    x_m: float
    y_m: float
    distance_m: float = Field(description="Straight from the burst segment, as both are shown.")


class ShownValve(ShownHydrant):
    """A valve as an agreement shows it."""

    order: int = Field(description="1 is the nearest to the burst.")
    state_code: str | None
    operability_code: str | None


class AgencyBurst(BaseModel):
    """What a burst does, as far as an agreement shows it; worked out on the whole network."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    segment_ids: list[int] = Field(description="What was taken to have burst.")
    distance_m: float | None = Field(description="From the place given to the segment taken; null without a place.")
    valves_to_close: list[ShownValve] = Field(description="Empty unless appurtenance_code is granted.")
    closed_valves_relied_on: list[ShownValve] = Field(description="Empty unless valve_state_code is granted too.")
    isolated_segment_ids: list[int]
    dry_segment_ids: list[int]
    already_dry_segment_ids: list[int]
    isolated_length_m: float = Field(description="Of what is shown of these segments.")
    dry_length_m: float
    hydrants_lost: list[ShownHydrant]
    hydrants_to_use: list[ShownHydrant] = Field(description="The nearest shown ones with water, within 1 km.")
    goes_on: bool = Field(description="More is cut off, or has to be closed, than the agreement shows.")
    message_en: str | None = None
    message_zh: str | None = None
