"""The answer to a clearance question: what is too near, what cannot be told, and by which rule."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

Place = tuple[float, float, float | None]


class ConflictKind(StrEnum):
    """What a conflict is about."""

    HORIZONTAL = "horizontal"
    VERTICAL = "vertical"
    COLLISION = "collision"
    COVER = "cover"


class Conflict(BaseModel):
    """One pair, or one segment and its ground, that is nearer than a rule allows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: ConflictKind
    segment_id: int | None = Field(None, description="The segment asked about; null when a body was.")
    other_kind: str | None = Field(None, description="pipe_segment or structure; null for cover.")
    other_id: int | None = None
    other_source_key: str | None = None
    other_class_code: str | None = Field(None, description="Utility class, or the kind of a structure.")
    measured_m: float = Field(description="Between outer walls; negative when the bodies intersect.")
    limit_m: float
    shortfall_m: float = Field(description="limit_m less measured_m.")
    accuracy_m: float = Field(description="Survey accuracy of both sides together, in the direction measured.")
    within_accuracy: bool = Field(description="The shortfall is smaller than the survey accuracy.")
    standard: str
    clause: str
    rule_id: str
    confidence: str = Field(description="How well the limit's source is verified.")
    assumed: tuple[str, ...] = Field((), description="Unknown attributes for which the strictest case was taken.")
    to_be_confirmed: bool = Field(description="The limit or an attribute is not certain, so neither is the conflict.")
    point: Place = Field(description="Midway between the nearest points: easting, northing, z (null when unknown).")
    nearest: tuple[Place, Place] = Field(description="The nearest points of the axis asked about and of the other.")
    message_en: str
    message_zh: str


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
