"""Planned pipes: one saved as a draft, and one whose route is proposed."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from schemas.clearance import (
    CannotTell,
    ClearanceAnswer,
    Conflict,
    DrawnPipe,
    Finite,
    NodeId,
    Place,
    Positive,
)


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


class RouteEnd(BaseModel):
    """Where a route begins or ends: a place, or a node of the map that it joins."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: tuple[Finite, Finite] | None = Field(None, description="Easting, northing.")
    node_id: NodeId | None = Field(None, description="Node of the map that the pipe joins, of its own class.")

    @model_validator(mode="after")
    def _is_one(self) -> "RouteEnd":
        if (self.at is None) == (self.node_id is None):
            raise ValueError("an end is a place or a node")
        return self


class RouteWish(BaseModel):
    """A new pipe that is wished for between two ends."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    start: RouteEnd
    end: RouteEnd
    class_code: str = Field(description="Utility class, code table utility_class; none that flows by gravity.")
    width_mm: Positive = Field(description="Outer diameter or outer width.")
    height_mm: Positive | None = Field(None, description="Outer height of a box; null for a round pipe.")
    casing_mm: Positive | None = Field(None, description="Outer diameter of a casing round it, the outer wall then.")
    burial_code: str | None = Field(None, description="Code table burial.")
    pressure_code: str | None = Field(None, description="Gas pressure class, code table pressure.")
    pressure_mpa: Positive | None = None
    voltage_kv: Positive | None = None
    cover_depth_m: Annotated[float, Field(ge=0, le=50)] | None = Field(
        None, description="Least cover; never less than the rules ask for under a carriageway."
    )
    deepest_cover_m: Annotated[float, Field(gt=0, le=50)] | None = Field(
        None, description="Greatest cover at a vertex; null: 2 m more than the least."
    )
    cross_unknown: bool = Field(False, description="Cross pipes of unknown height too; the answer says which.")


class RouteCrossing(BaseModel):
    """A pipe that a route crosses."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    other_id: int
    other_source_key: str
    other_class_code: str
    is_above: bool | None = Field(description="Whether the route passes above it; null: its height is not known.")
    between_m: float | None = Field(description="Between bottom and top; null: height or size is not known.")
    limit_m: float | None
    point: tuple[float, float, float]


class RouteProposal(BaseModel):
    """The cheapest route found, or what stands in the way of any."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: int | None
    found: bool
    pipe: DrawnPipe | None = Field(description="The route as a pipe to save; if not found, the way that comes nearest.")
    length_m: float | None = Field(description="In plan.")
    least_cover_m: float | None = Field(description="At the vertices, from the ground to the outer top.")
    greatest_cover_m: float | None
    crossings: tuple[RouteCrossing, ...] = ()
    blocked_by: tuple[Conflict, ...] = Field(
        (), description="What the way that comes nearest would be too near to; empty for a route that was found."
    )
    cannot_tell: tuple[CannotTell, ...] = ()
    corridor: tuple[tuple[float, float], ...] = Field(description="Outline of the corridor, in the project CRS.")
    cell_m: float = Field(description="Grid that was searched; a gap narrower than this may be missed.")
    message_en: str
    message_zh: str
