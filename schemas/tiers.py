"""What a burst on gas does to the pressure tiers: the districts below their regulators."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class _Shape(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Regulator(_Shape):
    """A regulator that feeds a district from a higher tier; coordinates in the project CRS."""

    node_id: int
    source_key: str | None
    name: str | None
    address: str | None
    x_m: float | None
    y_m: float | None
    from_pressure_codes: list[str] = Field(description="Tiers of its inlets; empty when unknown.")
    to_pressure_codes: list[str] = Field(description="Tiers of its outlets; empty when unknown.")
    fate: Literal["fed", "closed", "lost", "unfed"] = Field(
        description="closed: by the plan; lost: no gas reaches it any more; unfed: nor did any before."
    )


class District(_Shape):
    """Pipes joined without a regulator between, and what feeds them."""

    pressure_codes: list[str] = Field(description="Tiers of its pipes; more than one is a fault of the map.")
    holds_burst: bool
    is_out: bool = Field(description="No part of it is fed any more.")
    lost_all_regulators: bool = Field(description="It had regulators that fed it, and none is left.")
    length_m: float
    lost_length_m: float = Field(description="Isolated and dry.")
    consumers_lost: int
    people_lost: int = Field(description="Sum over those whose number of people is known.")
    stations_left: int = Field(description="Gate stations that feed it directly and still do.")
    regulators: list[Regulator]


class TierEffect(_Shape):
    """What a burst on gas does to each pressure tier."""

    burst_pressure_codes: list[str] = Field(description="Tiers of the pipes that are isolated; empty when unknown.")
    lost_length_m: dict[str, float] = Field(description="Isolated and dry, by tier; unknown ones under ''.")
    districts: list[District] = Field(description="The one that burst, then those that lose gas or a regulator.")
