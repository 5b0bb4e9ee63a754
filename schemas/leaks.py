"""Where gas that leaks can gather: enclosed spaces of other utilities, and structures, near the leak."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from schemas.traces import TraceAnswer


class EnclosedSpace(BaseModel):
    """A space that gas can gather in or travel along."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["chamber", "duct", "sewer", "tunnel", "basement"]
    feature_kind: Literal["node", "pipe_segment", "structure"]
    feature_id: int
    source_key: str | None
    name: str | None
    address: str | None
    owner: str | None
    class_code: str | None = Field(description="Utility class; null for a structure.")
    what_code: str | None = Field(
        description="Appurtenance of a chamber, burial method of a duct, sewer or tunnel, kind of a structure."
    )
    distance_m: float = Field(
        description="To the middle line of a chamber, the wall of a duct, sewer or tunnel (its axis where the size is "
        "unknown), the outer face of a structure."
    )
    is_height_known: bool = Field(description="False: the distance is in plan; the true one may be longer.")
    x_m: float = Field(description="Its point nearest to the leak, in the project CRS.")
    y_m: float
    z_m: float | None


class LeakAnswer(TraceAnswer):
    """Enclosed spaces within a distance of a leak; `segment_ids` and `node_ids` are those among them."""

    radius_m: float
    spaces: list[EnclosedSpace] = Field(description="Nearest first, those of unknown height by their plan distance.")
    spaces_left_out: int = Field(description="Further ones within the radius that the list has no room for.")
    owners: dict[str, int] = Field(description="How many of the spaces each owner has; unknown ones under ''.")
