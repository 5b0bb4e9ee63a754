"""The answer to an excavation question: what a dig meets, and how it is done without harm."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from schemas.clearance import Finite, Positive
from schemas.isolation import BurstValve, CriticalConsumer, Ids, NodePlace, Note

MeetingState = Literal["met", "under", "beside", "cannot_tell"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Dig(_Part):
    """A dig: so deep below the ground all over, or a body between two elevations."""

    depth_m: Annotated[float, Field(gt=0, le=100)] | None = None
    z_min_m: Finite | None = None
    z_max_m: Finite | None = None
    hand_dig_m: Positive = Field(
        1.0,
        description="Within this distance of an outer wall no large machine digs; by default 1 m, JGJ 33-2012 5.1.4 "
        "(recalled, to be confirmed).",
    )


class Meeting(_Part):
    """A pipe that the dig meets, or comes near to."""

    segment_id: int
    source_key: str
    class_code: str
    owner: str | None = None
    material_code: str | None = None
    lifecycle_code: str | None = None
    is_live: bool
    shape_code: str
    width_mm: float | None = None
    height_mm: float | None = None
    state: MeetingState = Field(
        description="met: its body is in the dig; under: below the floor; beside: outside, within the hand-dig "
        "distance; cannot_tell: its depth is not known."
    )
    inside_m: float = Field(description="Length of its axis over the dig, in plan.")
    starts_at_m: float | None = Field(None, description="Least depth of its top below the ground over the dig.")
    ends_at_m: float | None = Field(None, description="Greatest depth of its bottom below the ground over the dig.")
    gap_m: float | None = Field(
        None, description="Clear distance to the dig: down from the floor, or aside; 0 where met, null if unknown."
    )
    hand_dig_from_m: float | None = Field(
        None, description="Depth from which only hands dig over it; null where it does not reach into the zone."
    )
    is_size_known: bool = Field(description="False: its axis stands for it.")
    accuracy_m: float = Field(description="What the survey may be wrong by in height.")
    point: tuple[float, float, float | None] = Field(description="Middle of the part concerned.")


class MetStructure(_Part):
    """A structure over or within the dig."""

    feature_id: int
    kind_code: str
    name: str
    distance_m: float


class Shutoff(_Part):
    """What to close so that the pipes met of one group of utilities hold nothing."""

    group_code: str
    segment_ids: Ids
    valves: list[BurstValve] = Field(description="Valves, or switches of cables, in the order to turn them.")
    sources: list[NodePlace] = Field(description="Sources to shut where no valve parts them.")
    isolated_length_m: float
    consumers: int
    people: int
    critical: list[CriticalConsumer]
    message_en: str = Field("", description="Why there is no plan, where there is none.")
    message_zh: str = ""


class OwnerToCall(_Part):
    """An owner with what of theirs is concerned; null where the map does not tell."""

    owner: str | None
    telephone: str | None = Field(None, description="As far as it is on record.")
    class_codes: list[str]
    segment_ids: Ids


class Excavation(_Part):
    """What a dig meets."""

    version: int | None
    dig: Dig
    polygon: tuple[tuple[float, float], ...] = Field(description="Its rim in the project CRS.")
    area_m2: float
    volume_m3: float
    ground_low_m: float | None = Field(None, description="Null: no ground model and no surveyed ground within 100 m.")
    ground_high_m: float | None = None
    ground_models: tuple[str, ...] = Field(
        (), description="Ground models that tell the ground here; where they do not, the surveyed points do."
    )
    hand_dig_area_m2: float
    hand_dig_volume_m3: float | None = Field(description="Null without a depth that is known.")
    machine_depth_m: float | None = Field(None, description="As deep as a machine may dig all over; null: no limit.")
    counts: dict[MeetingState, int]
    meetings: tuple[Meeting, ...] = Field(description="What is met first, the shallowest first.")
    structures: tuple[MetStructure, ...]
    shutoffs: tuple[Shutoff, ...]
    owners: tuple[OwnerToCall, ...]
    precautions: tuple[Note, ...] = Field(description="What to mind at any dig, then what for the utilities told of.")
