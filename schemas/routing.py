"""Planned pipes: one saved as a draft."""

from pydantic import BaseModel, ConfigDict, Field

from schemas.clearance import ClearanceAnswer, Place


class PlannedPipe(BaseModel):
    """A segment that a draft proposes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    feature_id: int
    class_code: str
    shape_code: str
    width_mm: float | None
    height_mm: float | None
    axis: tuple[Place, ...] = Field(description="In the project CRS; z null where unknown.")


class Design(BaseModel):
    """A draft changeset with the pipes it proposes, and what they would be too near to on the live map."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    changeset_id: int
    title: str
    state: str
    author: str
    pipes: tuple[PlannedPipe, ...]
    clearance: ClearanceAnswer
