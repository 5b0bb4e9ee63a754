"""What is told of ground models and of the ground at places."""

from datetime import date, datetime

from pydantic import BaseModel, ConfigDict, Field


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class GroundModel(_Part):
    """One ground model that is loaded."""

    ground_model_id: int
    name: str
    file_name: str
    file_sha256: str
    source: str | None = Field(None, description="Who made it, and how.")
    surveyed_on: date | None = None
    accuracy_m: float | None = Field(None, description="Standard error of a height as its maker states it.")
    crs_name: str = Field(description="System of the file; the posts are in that of the project.")
    priority: int = Field(0, description="The greater is asked first; of equal ones the finer, then the newer.")
    west_m: float
    north_m: float
    step_x_m: float
    step_y_m: float
    columns: int
    rows: int
    known_posts: int
    least_z_m: float | None = None
    greatest_z_m: float | None = None
    loaded_by: str
    loaded_at: datetime


class GroundPlace(_Part):
    """The ground at one place."""

    x: float
    y: float
    z_m: float | None = Field(description="Null: no ground model knows it.")
    model: str | None = Field(None, description="Name of the ground model that tells it.")
    accuracy_m: float | None = None


class GroundAnswer(_Part):
    """The ground at the places asked for, in their order."""

    places: tuple[GroundPlace, ...]
    models: tuple[GroundModel, ...] = Field(description="Every ground model loaded, in the order they are asked.")
