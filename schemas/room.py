"""The answer to where a new pipe has room: free strips of a section, or all along a corridor."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from schemas.clearance import Positive


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PlannedPipe(_Part):
    """A pipe that is to be laid, straight across the plane of the section."""

    class_code: str = Field(description="Utility class, code table utility_class.")
    width_mm: Positive = Field(description="Outer diameter or outer width.")
    height_mm: Positive | None = Field(None, description="Outer height of a box; null for a round pipe.")
    casing_mm: Positive | None = Field(None, description="Outer diameter of a casing round it, the outer wall then.")
    cover_depth_m: Annotated[float, Field(ge=0, le=100)] | None = Field(
        None, description="From the ground to its outer top, where that is settled."
    )
    burial_code: str | None = None
    pressure_code: str | None = None
    pressure_mpa: Positive | None = None
    voltage_kv: Positive | None = None


class Bound(_Part):
    """What keeps the pipe away: a pipe beside it, a structure, or the end of the line."""

    kind: Literal["pipe", "structure", "end"]
    feature_id: int | None = None
    source_key: str | None = None
    code: str | None = Field(None, description="Utility class, or kind of the structure.")
    limit_m: float | None = Field(None, description="The clearance it asks for; null where no rule names one.")
    standard: str = ""
    clause: str = ""
    is_certain: bool = Field(True, description="False: its size is not known, or the limit is to be confirmed.")


class BlockedDepth(_Part):
    """A pipe that the new one crosses in the strip, and the covers at which it would be too near to it."""

    feature_id: int
    source_key: str
    class_code: str
    from_cover_m: float | None = Field(None, description="Null: its depth or size is not known.")
    to_cover_m: float | None = None


class FreeStrip(_Part):
    """Where the axis of the new pipe may lie."""

    from_m: float = Field(description="Along the section; for a corridor aside of its middle, right positive.")
    to_m: float
    left: Bound
    right: Bound
    least_cover_m: float | None = Field(None, description="The cover the rules ask for off the carriageway.")
    blocked: tuple[BlockedDepth, ...] = ()
    is_free_at_cover: bool | None = Field(
        None, description="Whether the cover asked for meets no pipe that is crossed; null: none asked, or cannot tell."
    )


class FoundRoom(_Part):
    """Free strips in one section."""

    version: int | None
    pipe: PlannedPipe
    line: tuple[tuple[float, float], ...]
    length_m: float
    strips: tuple[FreeStrip, ...] = Field(description="From left to right; empty: there is no room.")


class SectionRoom(_Part):
    """Free strips in one section of a corridor."""

    station_m: float
    strips: tuple[FreeStrip, ...]


class RoomAlong(_Part):
    """Room along a corridor: the strips that are free in every section of it."""

    version: int | None
    pipe: PlannedPipe
    length_m: float
    half_width_m: float
    step_m: float
    strips: tuple[tuple[float, float], ...] = Field(description="From and to aside of the middle, right positive.")
    narrowest_at_m: float | None = Field(None, description="Station of the section with the least room.")
    sections: tuple[SectionRoom, ...]
