"""The answer to a profile question: a run of pipes seen from the side."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

StationHeight = tuple[float, float]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Levels(_Part):
    """Elevations at one end of a pipe; null where the survey does not tell."""

    axis_z_m: float | None = None
    crown_z_m: float | None = None
    invert_z_m: float | None = Field(None, description="Bottom of the section as the survey measured it.")
    cover_depth_m: float | None = Field(None, description="From the ground to the outer top, of a casing as well.")


class ProfileNode(_Part):
    """A node of the run."""

    node_id: int
    source_key: str | None
    station_m: float = Field(description="Along the run in plan.")
    feature_code: str | None = None
    appurtenance_code: str | None = None
    ground_z_m: float | None = None
    bottom_z_m: float | None = Field(None, description="Bottom of the well, where its depth is known.")


class ProfilePipe(_Part):
    """A segment of the run, seen in the direction of the run."""

    segment_id: int
    source_key: str
    class_code: str
    shape_code: str
    material_code: str | None = None
    width_mm: float | None = None
    height_mm: float | None = None
    is_reversed: bool = Field(description="Whether the run goes against the direction the segment is drawn in.")
    from_station_m: float
    to_station_m: float
    length_m: float = Field(description="In plan.")
    slope_permille: float | None = Field(None, description="Fall of the axis along the run; negative where it rises.")
    start: Levels
    end: Levels
    axis: tuple[StationHeight, ...] = Field((), description="Stations and z of the axis; empty where unknown.")
    half_height_m: float | None = None


class Crossing(_Part):
    """A pipe of another run that the run crosses in plan."""

    number: int = Field(description="Counted along the run from 1.")
    segment_id: int
    source_key: str
    class_code: str
    owner: str | None = None
    is_live: bool
    shape_code: str
    width_mm: float | None = None
    height_mm: float | None = None
    station_m: float
    crossing_deg: float
    axis_z_m: float | None = None
    crown_z_m: float | None = None
    invert_z_m: float | None = None
    own_segment_id: int
    is_above: bool | None = Field(None, description="Whether it passes over the run; null without both elevations.")
    gap_m: float | None = Field(None, description="Clear height between the two; negative where they intersect.")
    state: Literal["clear", "too_near", "cannot_tell", "out_of_use"]
    limit_m: float | None = Field(None, description="What the rule that is broken asks for.")
    message_en: str = ""
    message_zh: str = ""


class LongProfile(_Part):
    """A run of joined pipes with ground, wells, levels, slopes and what crosses it."""

    version: int | None
    length_m: float
    line: tuple[tuple[float, float], ...] = Field(description="The run in plan, project CRS.")
    nodes: tuple[ProfileNode, ...]
    pipes: tuple[ProfilePipe, ...]
    ground: tuple[StationHeight, ...]
    ground_models: tuple[str, ...] = Field(
        (), description="Ground models that tell the ground here; where they do not, the surveyed points do."
    )
    crossings: tuple[Crossing, ...]
