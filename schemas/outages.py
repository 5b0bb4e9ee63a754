"""What the cut of a cable, duct, duct bank or tunnel takes down: a list of circuits with who hangs on each."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from schemas.isolation import BurstValve, ConsumersLost, Ids, NodePlace
from schemas.served import ServedPoint
from schemas.traces import TraceAnswer


class _Shape(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Hit(_Shape):
    """A segment that was cut, or lies inside one that was."""

    segment_id: int
    source_key: str | None
    class_code: str
    owner: str | None
    circuits: list[str] = Field(description="Its circuits; empty where the map names none.")
    container_id: int | None = Field(description="The segment that it lies in.")
    cable_count: int | None = Field(description="Cables in it by the survey.")


class CircuitOutage(_Shape):
    """What happens to one circuit, or, where none is known, to what plain connectivity hangs on the cut.

    `state_code` of a switch is as electricians say it: closed conducts, open parts.
    """

    circuit: str | None = Field(description="Null where the map names none and plain connectivity stands in for it.")
    group_code: str = Field(description="Group of utility classes: power or telecom.")
    basis: Literal["circuit", "connectivity"]
    is_source_known: bool = Field(description="False: nobody knows which side is fed, so all that is joined is told.")
    sources: list[NodePlace]
    cut_segment_ids: Ids
    isolated_segment_ids: Ids = Field(description="Cannot be parted from the cut by a switch; the cut ones included.")
    dry_segment_ids: Ids = Field(description="Beyond that, without a source.")
    length_m: float
    switches_to_open: list[BurstValve] = Field(description="Switches that part the cut from every source.")
    switches_to_close: list[BurstValve] = Field(description="Open switches that would give supply back beyond the cut.")
    consumers: ConsumersLost
    consumer_ids: Ids
    points_lost: list[ServedPoint] = Field(description="Transformers, lamps, signals, cameras without supply.")


class OutageAnswer(TraceAnswer):
    """Circuits taken down by a cut; `segment_ids` are all that is isolated or without a source."""

    hit: list[Hit]
    other_utilities: list[Hit] = Field(description="Pipes inside what was cut; ask for a burst of each.")
    circuits: list[CircuitOutage] = Field(description="Most people first; plain connectivity last.")
    consumer_ids_out: Ids = Field(description="Consumers left without any circuit of the utility.")
    consumer_ids_with_another_circuit: Ids = Field(description="Consumers who lose a circuit but have another one.")
