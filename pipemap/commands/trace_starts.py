"""Where a trace starts and where its drawing goes, as people type it."""

from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import orjson
import typer

from pipemap.db import Connection
from pipemap.errors import UsageError
from pipemap.projects import read_project

if TYPE_CHECKING:
    from pipemap.network import Network
    from pipemap.tracing.drawing import Answer
    from pipemap.tracing.starts import Start

_WGS_84 = 4326

VersionOption = Annotated[int | None, typer.Option("--version", help="Version of the map; the newest by default.")]
SegmentOption = Annotated[list[int] | None, typer.Option("--segment", help="Segment to start at; may be repeated.")]
NodeOption = Annotated[list[int] | None, typer.Option("--node", help="Node to start at; may be repeated.")]
KeyOption = Annotated[list[str] | None, typer.Option("--key", help="Segment by source key, for example W1->W2.")]
DatasetOption = Annotated[str | None, typer.Option(help="Dataset of the keys, where several have them.")]
AtOption = Annotated[
    list[str] | None, typer.Option("--at", help="Segment nearest to a place: X,Y or X,Y,Z in the project CRS.")
]
ClassOption = Annotated[list[str] | None, typer.Option("--class", help="Utility classes a place may mean.")]
GeojsonOption = Annotated[
    Path | None, typer.Option("--geojson", help="Write the lines and stops to this file, in WGS 84.")
]


@dataclass(frozen=True)
class TypedStart:
    """A start as typed, its keys not yet looked up."""

    segment: list[int] | None = None
    node: list[int] | None = None
    key: list[str] | None = None
    dataset: str | None = None
    at: list[str] | None = None
    class_code: list[str] | None = None

    @property
    def is_named(self) -> bool:
        """Whether anything says where to start."""
        return bool(self.segment or self.node or self.key or self.at)

    def resolved(self, connection: Connection, version: int | None) -> "Start":
        """The start with keys looked up in a version."""
        from pipemap.tracing.places import segment_by_key
        from pipemap.tracing.starts import Start

        keyed = [segment_by_key(connection, one, self.dataset, version) for one in self.key or ()]
        places = [read_place(text) for text in self.at or ()]
        if not self.is_named:
            raise UsageError("Say where to start: --segment, --node, --key or --at.")
        return Start([*(self.segment or ()), *keyed], self.node or (), places, self.class_code or ())


def read_place(text: str) -> tuple[float, float, float | None]:
    """The place in a text such as 512150.5,2611900,7.2."""
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) not in (2, 3) or not all(map(isfinite, numbers)):
        raise UsageError(f"A place is X,Y or X,Y,Z in the project CRS, not {text}.")
    return numbers[0], numbers[1], numbers[2] if len(numbers) == 3 else None


def read_what(text: str, dataset: str | None = None, class_code: list[str] | None = None) -> TypedStart:
    """The start in a text such as segment:81, node:12, key:W1->W2 or at:512150.5:2611900."""
    word, _, rest = text.strip().partition(":")
    if word == "segment" and rest.isdecimal():
        return TypedStart(segment=[int(rest)])
    if word == "node" and rest.isdecimal():
        return TypedStart(node=[int(rest)])
    if word == "key" and rest:
        return TypedStart(key=[rest], dataset=dataset)
    if word == "at":
        return TypedStart(at=[rest.replace(":", ",")], class_code=class_code)
    raise UsageError(f"{text or 'Nothing'} names no place: write segment:ID, node:ID, key:KEY or at:X:Y[:Z].")


def write_drawing(connection: Connection, network: "Network", answer: "Answer", path: Path) -> None:
    """Write the drawing of an answer to a file, in WGS 84 unless the project has a grid of its own."""
    from pipemap.tracing.drawing import with_drawing

    write_geojson(with_drawing(connection, network, answer, srid=drawing_srid(connection)).geojson, path)


def drawing_srid(connection: Connection) -> int | None:
    """WGS 84, or the project's CRS (None) where that is a grid of its own."""
    return _WGS_84 if read_project(connection).srid else None


def write_geojson(geojson: object, path: Path) -> None:
    """Write a drawing to a file."""
    try:
        path.write_bytes(orjson.dumps(geojson))
    except OSError as error:
        raise UsageError(f"{path.name} cannot be written: {error.strerror}.") from error
