"""How much hangs on each segment of a utility, as columns: the i-th entries of all lists are of one segment."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SkipValidation

from schemas.isolation import Ids


class CriticalityAnswer(BaseModel):
    """What the burst of each segment would do, for all live segments of a group of classes, or the worst of them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: int | None = Field(description="Version of the map the answer holds for; null when it is none.")
    group_code: str = Field(description="Group of utility classes, for example water.")
    segment_ids: Ids
    source_keys: list[str | None] | None = Field(None, description="Only for the worst; null when all are told.")
    consumers: Ids = Field(description="Consumers without supply.")
    people: Ids = Field(description="People without supply, where their number is known.")
    critical: Ids = Field(description="Critical consumers without supply.")
    stations: Ids = Field(description="Exchange stations of heat without supply.")
    valves: Ids = Field(description="Valves to close.")
    length_m: Annotated[list[float], SkipValidation] = Field(description="Length of the pipes isolated and dry.")
