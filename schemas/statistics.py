"""The answer to a question of quantity."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Dimension = Literal["class_code", "owner", "material_code", "lifecycle_code", "decade", "district", "version"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Quantities(_Part):
    """Segments of one group. What is not known is counted under `unknown`, never as nothing."""

    group: dict[str, str | int | None] = Field(description="Value of each dimension; null where it is not known.")
    segments: int
    length_m: float = Field(description="Along the axes, in space where the height is known.")
    mean_age_years: float | None = Field(description="Weighted by length; null where no age is known.")
    mean_cover_m: float | None = Field(description="Ground to crown at mid-length, weighted by length.")
    least_cover_m: float | None
    greatest_cover_m: float | None
    length_m_by_decade: dict[str, float] = Field(description="Built from 1990 to 1999 counts under 1990.")
    length_m_by_material: dict[str, float]
    length_m_by_depth: dict[str, float] = Field(description="By cover in metres: 0-1, 1-2, 2-3, 3-5, 5+.")


class Statistics(_Part):
    """Quantities by group, longest first, and of all together."""

    versions: list[int]
    by: list[str]
    groups: list[Quantities]
    total: list[Quantities] = Field(description="One for each version.")


class District(_Part):
    """A part of the city: its name and its outline as WKT in the project CRS."""

    name: str = Field(min_length=1, max_length=200)
    outline_wkt: str = Field(max_length=1_000_000)
