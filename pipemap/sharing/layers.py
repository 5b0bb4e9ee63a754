"""The layers of an export package: what each holds, and its rows as a stream that a format's writer reads once."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import LiteralString, TypeAlias

import pyarrow as pa

from pipemap.errors import UsageError
from pipemap.projects import Project
from schemas.tables import SCHEMA, metadata

GEOMETRY = "geometry"
_ARROW_TYPES = {
    "TEXT": pa.string(),
    "BIGINT": pa.int64(),
    "INTEGER": pa.int32(),
    "REAL": pa.float32(),
    "DOUBLE PRECISION": pa.float64(),
    "DATE": pa.date32(),
}


@dataclass(frozen=True)
class Layer:
    """One layer: a kind, or the part of it that has a known height and the part that has not.

    They are apart because a file's layer has one dimension, and a height of 0 must not stand for an unknown one.
    """

    name: str
    kind: str
    geometry: str
    condition: LiteralString


LAYERS = (
    Layer("node", "node", "Point", "true"),
    Layer("pipe_segment", "pipe_segment", "MultiLineString Z", "ST_NDims(v.geom) = 3"),
    Layer("pipe_segment_no_height", "pipe_segment", "MultiLineString", "ST_NDims(v.geom) = 2"),
)


@dataclass(frozen=True)
class LayerRows:
    """The rows of a layer by identity, to be read once: attributes, then the geometry as ISO WKB."""

    layer: Layer
    schema: pa.Schema
    batches: Iterable[pa.RecordBatch]

    @property
    def columns(self) -> list[str]:
        """Names of the attributes in order, identity first, geometry apart."""
        return [name for name in self.schema.names if name != GEOMETRY]

    def reader(self) -> pa.RecordBatchReader:
        """The rows as an Arrow stream."""
        return pa.RecordBatchReader.from_batches(self.schema, self.batches)


@dataclass(frozen=True)
class Content:
    """What a writer is given: an empty folder, the layers one after another, and what is known of them all.

    `srid` is the EPSG code of the coordinates, 0 for a local grid; x is easting or longitude. What a format has no
    place for is told in `notes`, one sentence in both languages each.
    """

    folder: Path
    layers: Iterator[LayerRows]
    srid: int
    project: Project
    version: int
    notes: list[str] = field(default_factory=list)


Writer: TypeAlias = Callable[[Content], None]


def formats() -> tuple[str, ...]:
    """Names of the formats that packages are written in."""
    return tuple(sorted(_points()))


def writer(format: str) -> Writer:
    """What writes a format; UsageError when there is no such format."""
    points = _points()
    if format not in points:
        raise UsageError(f"{format} is not an export format; the formats are {', '.join(sorted(points))}.")
    found: Writer = points[format].load()
    return found


def schema_of(kind: str, columns: Iterable[str]) -> pa.Schema:
    """The Arrow schema of a kind's columns, geometry last."""
    table = metadata.tables[f"{SCHEMA}.{kind}"].columns
    fields = [pa.field(name, _ARROW_TYPES[str(table[name].type)]) for name in columns]
    # GDAL knows a geometry among binary columns by this mark.
    mark = {"ARROW:extension:name": "ogc.wkb"}
    return pa.schema([*fields, pa.field(GEOMETRY, pa.binary(), metadata=mark)])


def _points() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group="pipemap.writers")}
