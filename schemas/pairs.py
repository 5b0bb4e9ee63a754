"""The other side of a heat network: what a burst on supply does to return, and the other way round."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SkipValidation

from schemas.served import ServedPoint


class _Shape(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Partner(_Shape):
    """A segment of the other side that is taken out with one that has burst."""

    segment_id: int
    partner_id: int
    partner_key: str | None
    method: Literal["circuit", "geometry", "consumer"] = Field(
        description="How they were found to be a pair: by what the circuit column says, by running along one another "
        "with nothing telling the sides, or by exchange stations of one name at their ends."
    )


class PairEffect(_Shape):
    """Supply and return taken out together; the plan's valves, segments and consumers are those of both sides."""

    side: Literal["supply", "return", "both", "unknown"] = Field(description="The side that has burst.")
    partners: list[Partner]
    unpaired_segment_ids: list[int] = Field(description="Burst segments whose other side is not known.")
    consumer_ids_by_other_side: Annotated[list[int], SkipValidation] = Field(
        description="Among the consumers lost, those whose own side is still fed but whose other side is not."
    )
    stations_lost: list[ServedPoint] = Field(description="Exchange stations that lose supply or return.")
