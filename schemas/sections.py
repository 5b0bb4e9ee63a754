"""The answer to a section question: what a vertical plane along a drawn line cuts."""

from pydantic import BaseModel, ConfigDict, Field

StationHeight = tuple[float, float]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Cut(_Part):
    """One pipe where the plane cuts its axis."""

    number: int = Field(description="Counted along the line from 1; the drawing and its table use it.")
    feature_id: int | None = Field(description="Null for the pipe that is drawn and not in the map.")
    source_key: str
    class_code: str
    lifecycle_code: str | None = None
    is_live: bool = Field(description="False for a pipe out of service, which no clearance is asked of.")
    is_drawn: bool = Field(False, description="The pipe that is asked about, which is not in the map.")
    owner: str | None = None
    material_code: str | None = None
    shape_code: str
    width_mm: float | None = None
    height_mm: float | None = None
    station_m: float = Field(description="Offset along the line in plan.")
    x_m: float
    y_m: float
    crossing_deg: float = Field(description="Acute angle in plan between the line and the axis.")
    axis_z_m: float | None = Field(None, description="Null: the depth is not known, so it is not drawn.")
    crown_z_m: float | None = None
    invert_z_m: float | None = Field(None, description="Bottom of the outer wall.")
    ground_z_m: float | None = None
    cover_depth_m: float | None = Field(None, description="From the ground to the outer top, of a casing as well.")
    cover_limit_m: float | None = Field(None, description="The least the rules ask for; null where none applies.")
    elevation_source_code: str = "unknown"
    outline: tuple[StationHeight, ...] = Field(
        (), description="Outline in the plane as station and z: an ellipse, a box; empty without depth or size."
    )
    casing: tuple[StationHeight, ...] = Field((), description="Outline of the casing round it; empty without one.")

    @property
    def wall(self) -> tuple[StationHeight, ...]:
        """Outline of the outer wall, which clearances are measured from."""
        return self.casing or self.outline


class Spacing(_Part):
    """Two live pipes side by side in the section."""

    one: int = Field(description="Number of the cut on the left.")
    other: int
    spacing_m: float = Field(description="Between the axes, along the line.")
    clear_m: float | None = Field(None, description="Between outer walls, along the line; null without both sizes.")
    limit_m: float | None = Field(None, description="The least in plan the rules ask for between parallel pipes.")


class VerticalGap(_Part):
    """A live pipe and the next one under it, in the plane; number 0 is a drawn pipe that lies in the plane."""

    upper: int
    lower: int
    station_m: float
    from_z_m: float = Field(description="Top of the lower outer wall.")
    to_z_m: float = Field(description="Bottom of the upper outer wall.")
    clear_m: float = Field(description="Negative where they meet.")
    limit_m: float | None = Field(None, description="The least the rules ask for where pipes cross.")


class DrawnAlong(_Part):
    """The drawn pipe where it lies in the plane itself and is seen from the side; its number is 0."""

    class_code: str
    shape_code: str
    width_mm: float
    height_mm: float
    axis: tuple[StationHeight, ...] = Field(description="Empty where neither its elevation nor the ground is known.")
    half_height_m: float = Field(description="Of the outer wall, that of a casing where it lies in one.")
    is_cased: bool
    cover_at_m: float | None = Field(None, description="Station where it has least cover.")
    cover_depth_m: float | None = Field(None, description="The least, from the ground to the outer top.")
    cover_limit_m: float | None = Field(None, description="The least the rules ask for there.")


class TooNear(_Part):
    """Two pipes nearer to one another, beside this section, than a rule allows; number 0 as in `VerticalGap`."""

    one: int
    other: int
    kind: str = Field(description="horizontal, vertical, collision or stacked.")
    measured_m: float = Field(description="Between outer walls; negative when the bodies intersect.")
    limit_m: float
    standard: str
    clause: str
    rule_id: str
    to_be_confirmed: bool
    message_en: str
    message_zh: str


class Undecided(_Part):
    """Two pipes of which nobody can tell whether they are too near."""

    one: int
    other: int
    reason_en: str
    reason_zh: str


class CutStructure(_Part):
    """A building, tunnel or road the line runs through."""

    feature_id: int
    kind_code: str
    name: str
    from_m: float
    to_m: float
    base_z_m: float | None = None
    top_z_m: float | None = None


class CrossSection(_Part):
    """Everything that a vertical plane along a drawn line cuts, from its start to its end."""

    version: int | None
    line: tuple[tuple[float, float], ...]
    length_m: float
    ground: tuple[StationHeight, ...] = Field(description="Ground line; empty if not known.")
    ground_models: tuple[str, ...] = Field(
        (), description="Ground models that tell the ground here; where they do not, the surveyed points do."
    )
    cuts: tuple[Cut, ...]
    spacings: tuple[Spacing, ...]
    vertical_gaps: tuple[VerticalGap, ...] = ()
    too_near: tuple[TooNear, ...]
    undecided: tuple[Undecided, ...]
    structures: tuple[CutStructure, ...]
    drawn: DrawnAlong | None = Field(
        None, description="The drawn pipe if the line is its own; else it is among the cuts."
    )
    compared_within_m: float = Field(description="How far to both sides of the plane pipes were compared.")
