"""The answer to a clearance question: what is too near, what cannot be told, and by which rule."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Place = tuple[float, float, float | None]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(allow_inf_nan=False, gt=0)]
NodeId = Annotated[int, Field(ge=1, le=2**63 - 1)]


class ConflictKind(StrEnum):
    """What a conflict is about."""

    HORIZONTAL = "horizontal"
    VERTICAL = "vertical"
    COLLISION = "collision"
    COVER = "cover"
    STACKED = "stacked"
    UNDER_BUILDING = "under_building"
    SLANT = "slant"


class Side(StrEnum):
    """One of the two sides of a conflict."""

    SEGMENT = "segment"
    OTHER = "other"


class Move(BaseModel):
    """A shift of a whole pipe, in metres east, north and up."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    side: Side = Field(description="Which side is moved.")
    dx_m: float
    dy_m: float
    dz_m: float
    message_en: str
    message_zh: str


class Conflict(BaseModel):
    """One pair, or one segment and its ground, that is nearer than a rule allows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: ConflictKind
    segment_id: int | None = Field(None, description="The segment asked about; null for a body or a drawn pipe.")
    segment_source_key: str | None = None
    segment_class_code: str | None = None
    other_kind: str | None = Field(None, description="pipe_segment or structure; null for cover.")
    other_id: int | None = None
    other_source_key: str | None = None
    other_class_code: str | None = Field(None, description="Utility class, or the kind of a structure.")
    measured_m: float = Field(description="Between outer walls; negative when the bodies intersect.")
    limit_m: float
    shortfall_m: float = Field(description="limit_m less measured_m.")
    accuracy_m: float = Field(description="Survey accuracy of both sides together, in the direction measured.")
    segment_accuracy_m: float | None = Field(None, description="Survey accuracy of the segment alone.")
    other_accuracy_m: float | None = Field(None, description="Survey accuracy of the other pipe alone.")
    within_accuracy: bool = Field(description="The shortfall is smaller than the survey accuracy.")
    standard: str
    clause: str
    rule_id: str
    confidence: str = Field(description="How well the limit's source is verified.")
    assumed: tuple[str, ...] = Field((), description="Unknown attributes for which the strictest case was taken.")
    measured_from_casing: tuple[Side, ...] = Field(
        (), description="Sides that lie in a casing, from whose outer wall they are measured."
    )
    taken_as_outer: tuple[str, ...] = Field(
        (), description="Sides whose size is taken as the outer one, with what it measures: other.nominal."
    )
    to_be_confirmed: bool = Field(description="The limit or an attribute is not certain, so neither is the conflict.")
    point: Place = Field(description="Midway between the nearest points: easting, northing, z (null when unknown).")
    nearest: tuple[Place, Place] = Field(description="The nearest points of the axis asked about and of the other.")
    crossing_deg: float | None = Field(None, description="Angle in plan where the axes cross; null where they do not.")
    gives_way: Side | None = Field(
        None, description="The side that should give way (GB 50289-2016 3.0.4); null: equal."
    )
    gives_way_because: str | None = Field(None, description="pressure, flexible, small, or drawn.")
    place: int | None = Field(
        None,
        description="Number of its place in the answer: a crossing, or a run side by side, that nodes cut in pairs.",
    )
    move: Move | None = Field(None, description="A move that clears it without a new conflict; null: none was found.")
    message_en: str
    message_zh: str


class Slant(BaseModel):
    """Two pipes that cross in plan at less than 60 degrees, which GB 50289-2016 4.1.7 advises against."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    segment_id: int | None = None
    other_id: int
    other_source_key: str | None = None
    other_class_code: str | None = None
    crossing_deg: float
    point: Place


class CannotTell(BaseModel):
    """A pair that cannot be judged, and what would have to be known."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: ConflictKind
    segment_id: int | None = None
    other_kind: str | None = None
    other_id: int | None = None
    other_source_key: str | None = None
    reason_en: str
    reason_zh: str
    needs: tuple[str, ...] = Field(description="Attributes that would decide it, for example other.elevation.")


class ClearanceAnswer(BaseModel):
    """Clearances of one segment or one body against everything near it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: int | None = Field(description="Version of the map; null when nothing is published.")
    segment_id: int | None = None
    conflicts: tuple[Conflict, ...]
    cannot_tell: tuple[CannotTell, ...]
    checked_pairs: int = Field(description="Neighbours that were compared.")
    abandoned: tuple[Conflict, ...] = Field(
        (), description="What pipes out of use would be too near, were they in use."
    )
    sizes_taken_as_outer: int | None = Field(
        None, description="Pipes compared whose size measures something else or nobody says what; null: not counted."
    )
    slants: tuple[Slant, ...] = Field((), description="Crossings at less than 60 degrees.")
    clearing_move: Move | None = Field(None, description="One move of the asked pipe that clears every conflict.")
    drawn_axis: tuple[Place, ...] | None = Field(
        None, description="Axis of the drawn pipe as judged, in the project CRS: z null where no ground is known."
    )
    ground_models: tuple[str, ...] = Field(
        (), description="Ground models that tell the ground over the pipe; where they do not, the surveyed points do."
    )
    same_trench_ids: tuple[int, ...] = Field(
        (), description="Segments booked with the section of the same trench or duct bank; not judged against it."
    )


class FoundCount(BaseModel):
    """How many of one kind and state a city-wide run found."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: ConflictKind
    state: Literal["conflict", "cannot_tell", "same_trench", "slant"]
    count: int
    certain: int = Field(description="Of these, beyond the survey accuracy and by a confirmed limit.")
    places: int | None = Field(
        None,
        description="Crossings and runs side by side that conflicts are of, where nodes cut a pipe in pieces; "
        "null: not counted.",
    )
    certain_places: int | None = Field(None, description="Of these, with a conflict that is certain.")


class StoredRun(BaseModel):
    """What the city-wide run of one version counted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: int
    segments: int
    finished_at: datetime
    limits_digest: str = Field(description="Of the tables of limits it was judged by.")
    limit_set_ids: tuple[int, ...] = Field(description="The city's own tables among them.")
    by_limits_in_force: bool = Field(description="Whether these still are the limits in force; if not, run it again.")
    ground_digest: str = Field(description="Of the ground models it was judged by; empty for surveyed ground alone.")
    ground_models: tuple[str, ...] = Field(description="Their names, in the order they were asked.")
    by_ground_loaded: bool = Field(description="Whether these still are the models loaded; if not, run it again.")
    engine_digest: str = Field(description="Of the code that judged; empty for an edition before it was kept.")
    by_this_engine: bool = Field(description="Whether this edition of pipemap judges by the same code.")
    outdated_en: str | None = Field(None, description="Why it should be run again; null where nothing has changed.")
    outdated_zh: str | None = None
    sizes_taken_as_outer: int | None = Field(
        description="Pipes whose size measures something else or nobody says what; null: not counted."
    )
    counts: tuple[FoundCount, ...]


class StoredConflicts(BaseModel):
    """The conflicts that the city-wide run of one version found, or those that an older version did not have."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    run: StoredRun
    since: int | None = None
    conflicts: tuple[Conflict, ...]


class ConflictsWithin(BaseModel):
    """The conflicts of a window, judged when it is asked for, and how many there are of each kind and state."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: int | None
    bbox: tuple[float, float, float, float] = Field(description="The window in the project CRS.")
    limits_digest: str = Field(description="Of the tables of limits it was judged by.")
    ground_models: tuple[str, ...] = Field(description="Ground models that tell the ground; none to agencies.")
    counts: tuple[FoundCount, ...] = Field(description="Of everything midway in the window, whatever is asked for.")
    conflicts: tuple[Conflict, ...]


class DrawnPipe(BaseModel):
    """A pipe that somebody draws: its line, and either the elevation of its axis or its cover below the ground."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    line: Annotated[
        tuple[Annotated[tuple[Finite, ...], Field(min_length=2, max_length=3)], ...],
        Field(min_length=2, max_length=10_000),
    ] = Field(description="Easting, northing and, for an axis that is known in height, its elevation.")
    class_code: str = Field(description="Utility class, code table utility_class.")
    width_mm: Positive = Field(description="Outer diameter or outer width.")
    height_mm: Positive | None = Field(None, description="Outer height of a box; null for a round pipe.")
    casing_mm: Positive | None = Field(None, description="Outer diameter of a casing round it, the outer wall then.")
    cover_depth_m: Annotated[float, Field(ge=0, le=500)] | None = Field(
        None, description="From the ground to the outer top, all along; only for a line without elevations."
    )
    burial_code: str | None = Field(None, description="Code table burial.")
    pressure_code: str | None = Field(None, description="Gas pressure class, code table pressure.")
    pressure_mpa: Positive | None = None
    voltage_kv: Positive | None = None
    from_node_id: NodeId | None = Field(None, description="Node of the map that the line's start joins.")
    to_node_id: NodeId | None = Field(None, description="Node of the map that the line's end joins.")

    @property
    def shape_code(self) -> Literal["circle", "rect"]:
        """A box where a height is given, else round."""
        return "circle" if self.height_mm is None else "rect"


class LimitSet(BaseModel):
    """A table of limits that a city has added."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    set_id: int
    table_name: str = Field(description="clearance_horizontal, clearance_vertical or cover_depth.")
    file_name: str
    rows: int
    author: str
    added_at: datetime
    removed_by: str | None = None
    removed_at: datetime | None = Field(None, description="When it was put out of force; null while it holds.")


class AddedLimits(BaseModel):
    """What became of a file of limits."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    set_id: int
    table_name: str
    file_name: str
    rows: int
    never_apply: tuple[str, ...] = Field(description="Rows about what the map does not hold.")
    limits_digest: str = Field(description="The tables as they stand now; part of every city-wide run.")


LimitQuestion = Literal["horizontal", "vertical", "cover_carriageway", "cover_elsewhere"]
LimitState = Literal["decides", "applies", "may_apply", "does_not_apply", "replaced", "superseded"]


class LimitRow(BaseModel):
    """One row of the tables beside a pair of pipes, or a pipe and the ground: whether it applies, and why."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    question: LimitQuestion
    rule_id: str
    standard: str
    clause: str
    condition: str = Field(description="Under which conditions the row holds; empty for always.")
    min_m: float
    confidence: str
    state: LimitState
    why_en: str
    why_zh: str
    note: str


class LimitAnswer(BaseModel):
    """The limits between two parties, or over one: which decides, and what becomes of every other row."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    limits_digest: str
    rows: tuple[LimitRow, ...]
