"""What a burst does to a network: the plan to stop it, who is without supply, and what can be given back."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SkipValidation

from schemas.pairs import PairEffect
from schemas.tiers import TierEffect

# Long lists of identities come from arrays and are what they are.
Ids = Annotated[list[int], SkipValidation]


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Note(_Answer):
    """Something a person has to know, by a code for programs and a sentence for people."""

    code: str
    message_en: str
    message_zh: str


class NodePlace(_Answer):
    """A node and where it is, in the project CRS."""

    node_id: int
    source_key: str | None
    name: str | None
    address: str | None
    x_m: float | None
    y_m: float | None


class BurstPlace(_Answer):
    """What has burst: a segment with its middle, or a node; in the project CRS."""

    segment_id: int | None = Field(description="Null when a node has burst.")
    node_id: int | None = Field(None, description="Null when a segment has burst.")
    source_key: str | None
    class_code: str
    x_m: float | None
    y_m: float | None
    z_m: float | None = Field(None, description="Axis elevation; null where it is unknown.")


class BurstValve(_Answer):
    """A valve of the plan."""

    node_id: int
    segment_id: int | None = Field(None, description="The segment it stands on, for a valve beside its node.")
    source_key: str | None
    order: int = Field(description="1 is the first to turn; see order_basis.")
    state_code: str
    operability_code: str
    width_mm: float | None = Field(None, description="Of the widest pipe at it; null where no size is known.")
    name: str | None
    address: str | None
    x_m: float | None
    y_m: float | None
    distance_m: float | None = Field(None, description="Straight from the nearest burst.")
    walk_m: float | None = Field(None, description="Along the pipes from the burst or the valve before.")
    notes: list[Note] = Field(default=[], description="What the crew should know before going there.")


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


class NearestHydrant(_Answer):
    """A hydrant that is still fed, and how far it lies in a straight line."""

    node_id: int
    source_key: str | None
    x_m: float | None
    y_m: float | None
    distance_m: float


class HydrantLost(_Answer):
    """A hydrant in the isolated or the dry zone."""

    node_id: int
    source_key: str | None
    x_m: float | None
    y_m: float | None
    nearest_fed: NearestHydrant | None = Field(None, description="The hydrant to use instead; null when none is known.")


class BurstPlan(_Answer):
    """Valves to turn, what they cut off and whom. The isolated and the dry segments never overlap."""

    order_basis: Literal["walk", "straight"] = Field(
        "walk",
        description="walk: from the burst always to the next nearest valve, along the pipes of the isolated zone; "
        "straight: by the straight distance from the burst, where there are too many valves for a walk.",
    )
    valves_to_close: list[BurstValve] = Field(description="Only the ones that water still reaches, in order.")
    closed_valves_relied_on: list[BurstValve] = Field(description="Already closed; must not be opened.")
    sources_to_shut: list[NodePlace] = Field(description="Sources that feed the burst with no valve between.")
    isolated_segment_ids: Ids = Field(description="Segments that cannot be parted from the burst.")
    dry_segment_ids: Ids = Field(description="Segments beyond that lose every source by the plan.")
    isolated_length_m: float
    dry_length_m: float
    consumers: ConsumersLost
    consumer_ids: Ids
    hydrants_lost: list[HydrantLost]


class Alternative(_Answer):
    """The whole plan should some valves not hold, or should ones that are stuck be freed after all."""

    outcome: Literal["fails", "holds"]
    valves: list[BurstValve]
    plan: BurstPlan


class Fallback(_Answer):
    """What becomes of the plan when one of its valves cannot be closed; name it as inaccessible for the whole plan."""

    valve: BurstValve
    close: list[BurstValve] = Field(description="Valves to close instead of it, beside the others of the plan.")
    sources_to_shut: list[NodePlace] = Field(description="Sources that then feed the burst with no valve between.")
    consumers: int = Field(description="Consumers without supply then.")
    people: int = Field(description="Sum over those whose number of people is known.")
    isolated_length_m: float


class BackFeed(_Answer):
    """A closed valve whose opening gives supply back to a part of what is dry."""

    valve: BurstValve
    also_close: list[BurstValve] = Field(description="Valves of the plan's rim that then have to be closed as well.")
    consumers: int = Field(description="Consumers who get their supply back.")
    people: int = Field(description="Sum over those whose number of people is known.")
    critical: list[str | None] = Field(description="Names of the critical ones among them.")
    length_m: float
    segment_ids: Ids


class Drainage(_Answer):
    """What runs out of the isolated segments, and where it can be let out."""

    volume_m3: float = Field(description="Clear section times length, over segments whose section is known.")
    assumed_m3: float = Field(description="Part of it by an outer or unexplained size, so rather too much.")
    unknown_length_m: float = Field(description="Length of the segments whose section is unknown; not in the volume.")
    outlets: list[NodePlace] = Field(description="Drain valves in the isolated zone.")


class Neighbour(_Answer):
    """A segment of another utility near the burst."""

    segment_id: int
    source_key: str | None
    class_code: str
    owner: str | None
    lifecycle_code: str | None
    material_code: str | None
    pressure_code: str | None
    voltage_kv: float | None
    width_mm: float | None
    distance_m: float = Field(description="From the burst to its wall (its axis where the size is unknown).")
    is_height_known: bool = Field(description="False: the distance is in plan, it may lie far above or below.")
    x_m: float = Field(description="Its point nearest to the burst, in the project CRS.")
    y_m: float
    z_m: float | None


class Surroundings(_Answer):
    """Other utilities within a distance of the burst."""

    radius_m: float
    neighbours: list[Neighbour] = Field(description="Nearest first.")
    owners: dict[str, int] = Field(description="How many of the segments each owner has; unknown ones under ''.")
    telephones: dict[str, str] = Field(default={}, description="Whom to call, by owner, as far as it is on record.")


class ClickedSegment(_Answer):
    """The segment taken for a place somebody gave."""

    segment_id: int
    source_key: str | None
    class_code: str
    width_mm: float | None
    height_mm: float | None
    distance_m: float = Field(description="From the place to the axis: in space where both heights are known.")


class BurstAnswer(BurstPlan):
    """The answer to "this pipe has burst". The isolated, dry and already dry segments never overlap."""

    version: int | None = Field(None, description="Version of the map the answer holds for; null when it is none.")
    burst: list[BurstPlace]
    already_dry_segment_ids: Ids = Field(description="Segments of the same area that had no source before.")
    alternatives: list[Alternative] = Field(
        default=[], description="Plans if a valve of unknown state does not hold, or a stuck one does."
    )
    alternatives_left_out: int = Field(0, description="Doubtful valves without a plan of their own here; ask by name.")
    fallbacks: list[Fallback] = Field(
        default=[], description="For the first valves of the plan, in order, if each cannot be closed; when asked for."
    )
    back_feeds: list[BackFeed] = Field(default=[], description="Most consumers given back first.")
    nearest_hydrants: list[NearestHydrant] = Field(default=[], description="The nearest to the burst still fed.")
    drainage: Drainage
    sources_not_refilled: list[NodePlace] = Field(default=[], description="Tanks that are no longer filled.")
    pumps_to_stop: list[NodePlace] = Field(default=[], description="Pumps that draw from or press into what is cut.")
    pair: PairEffect | None = Field(None, description="Supply and return of heat; null for other utilities.")
    tiers: TierEffect | None = Field(None, description="Pressure tiers of gas; null for other utilities.")
    surroundings: Surroundings | None = Field(None, description="Null when nobody asked for them.")
    warnings: list[Note]
    clicked: ClickedSegment | None = Field(None, description="What was taken for the place; null when none was given.")
    further_clicked: list[ClickedSegment] = Field(default=[], description="The same for further places.")
