"""What stands beside every answer to another agency: the agreement it is under."""

from pydantic import BaseModel, ConfigDict


class Agreed(BaseModel):
    """What an answer was put together from, so that what is left out is not taken for ground without pipes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    agreement_id: int
    version: int
    class_codes: tuple[str, ...]
    attributes: tuple[str, ...]
    position_precision: str
    depth_precision: str
    area_wkt: str
    message_en: str
    message_zh: str
