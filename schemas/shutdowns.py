"""Planned shut-downs: what is to be cut when, and what each moment of the plan does."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from schemas.clearance import Finite
from schemas.isolation import BurstPlan, BurstValve, ConsumersLost, Ids, Note
from schemas.tables import LARGEST_ID

Id = Annotated[int, Field(ge=0, le=LARGEST_ID)]


class _Shape(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PlannedCut(_Shape):
    """A part of the network that is to be without pressure for a time: segments and nodes, or places on them."""

    name: str = Field(min_length=1, max_length=200)
    starts_at: datetime = Field(description="With or without a time zone, but all alike.")
    ends_at: datetime
    segment_ids: list[Id] = Field(default=[], max_length=1000)
    node_ids: list[Id] = Field(default=[], max_length=1000)
    places: list[tuple[Finite, Finite] | tuple[Finite, Finite, Finite]] = Field(
        default=[], max_length=100, description="x, y or x, y, z in the project CRS: the nearest segment there."
    )
    class_codes: list[str] = Field(default=["water"], description="Classes to look for at the places.")


class OnlyTogether(_Shape):
    """What the cuts of an interval take the supply from only because they overlap."""

    consumers: ConsumersLost
    consumer_ids: Ids
    segment_ids: Ids


class Interval(_Shape):
    """A stretch of time in which the same cuts of one utility are in force, computed together."""

    starts_at: datetime
    ends_at: datetime
    group_code: str = Field(description="Group of utility classes, for example water.")
    cuts: list[str]
    plan: BurstPlan
    only_together: OnlyTogether
    close_at_start: list[BurstValve] = Field(description="Valves that do not stand closed yet when it begins.")
    reopen_at_end: list[BurstValve] = Field(description="Valves that no cut needs any more when it ends.")
    warnings: list[Note]


class ShutdownAnswer(_Shape):
    """Planned shut-downs, split wherever one begins or ends; utilities side by side."""

    version: int | None = Field(description="Version of the map the answer holds for; null when it is none.")
    intervals: list[Interval]
