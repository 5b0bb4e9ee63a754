"""A finding: one thing that is wrong with the data, with the place and the value it was seen at."""

from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Severity(StrEnum):
    """Errors block publishing unless waived; warnings and notes do not."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Finding(BaseModel):
    """One fault in the data; a value that is collected, never an exception."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rule: str = Field(description="Rule identifier, for example R14 or IMP-NUMBER.")
    severity: Severity
    message_en: str
    message_zh: str
    feature_kind: str | None = Field(None, description="node, pipe_segment, consumer or structure.")
    feature_key: str | None = Field(None, description="The source's own key, for example a point number.")
    feature_id: int | None = None
    class_code: str | None = Field(None, description="Utility class of the feature, code table utility_class.")
    file: str | None = Field(None, description="File name as delivered, without folders.")
    sheet: str | None = Field(None, description="Sheet, layer or table.")
    row: int | None = Field(None, description="Row as a person counts it in the file, header included.")
    column: str | None = None
    value: str | None = Field(None, description="The offending value as it stands in the source.")
    limit: str | None = Field(None, description="The limit it broke, with unit.")
    x_m: float | None = Field(None, description="Easting in the project CRS.")
    y_m: float | None = Field(None, description="Northing in the project CRS.")
    details: dict[str, Any] = Field(default_factory=dict)
