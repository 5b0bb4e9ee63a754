"""Points that use what a network brings: exchange stations, transformers, street lamps, signals, cameras."""

from pydantic import BaseModel, ConfigDict


class ServedPoint(BaseModel):
    """A point of the network that is itself a consumer; coordinates in the project CRS."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    node_id: int
    source_key: str | None
    name: str | None
    address: str | None
    appurtenance_code: str
    x_m: float | None
    y_m: float | None
