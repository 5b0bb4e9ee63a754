"""A delivery: what an importer hands to the core, already normalised, and the account of its rows."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import pandas as pd

from schemas.findings import Finding


@dataclass(frozen=True)
class SourceFile:
    """A delivered file and the importer and profile that read it."""

    name: str
    sha256: str
    importer: str
    profile: str


@dataclass
class RowCount:
    """The account of one sheet, layer or table and class: loaded + refused + skipped == rows.

    A row is *loaded* when it became a feature, *refused* when a finding says why it did not, and
    *skipped* when it holds nothing to load (blank and total rows, drawing text).
    """

    file: str
    sheet: str
    class_code: str
    rows: int = 0
    loaded: int = 0
    refused: int = 0
    skipped: int = 0


@dataclass(frozen=True)
class DeliveredColumns:
    """The column that each attribute of one kind of feature was read from, in one sheet, layer or table."""

    file: str
    sheet: str
    kind: str
    columns: Mapping[str, str]


@dataclass(frozen=True)
class DatumUse:
    """How many segments of a class have depths or elevations that refer to one datum, and who says so.

    `said_by` is row, profile, column (its name), evidence (the delivery's own heights) or standard (its table).
    """

    class_code: str
    datum_code: str
    said_by: str
    rows: int


class Features(Protocol):
    """The features of one kind where they are too many for one frame."""

    def __len__(self) -> int:
        """How many there are."""
        ...

    def chunks(self) -> Iterator[pd.DataFrame]:
        """All of them from the start, in frames of bounded size, each key once.

        The frames differ from the whole: columns are of Arrow types, `geom` holds EWKB and `extra` JSON text, and the
        ends of segments, `from_node` and `to_node`, and a consumer's `node` are also given by their place among
        all nodes, null where there is none.
        """
        ...

    def whole(self) -> pd.DataFrame:
        """All of them in one frame."""
        ...


class _InOneFrame:
    """A kind of features, given in either form and read in one frame."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def __get__(self, delivery: "Delivery | None", _: type | None = None) -> Any:
        if delivery is None:
            # The default of the field.
            return None
        held = delivery.features[self.kind]
        if not isinstance(held, pd.DataFrame):
            held = delivery.features[self.kind] = held.whole()
        return held

    def __set__(self, delivery: "Delivery", features: pd.DataFrame | Features | None) -> None:
        delivery.features[self.kind] = pd.DataFrame() if features is None else features


@dataclass
class Delivery:
    """Normalised features of one delivery, in the project CRS.

    `nodes`, `segments`, `consumers` and `structures` are data frames with the columns of the table
    of the same kind in `schemas.tables` (source columns included), except that identifiers are not
    yet known: `source_key` stands for `feature_id`, `from_key`/`to_key` for `from_node_id` and
    `to_node_id`, and `node_key` for a consumer's `node_id`. `geom` holds shapely geometries, `extra`
    dicts, and `source_file` the index into `files`. A column that is absent is wholly unknown.

    Each kind is given as such a frame or as `Features`; `chunks` gives either piece by piece, without
    ever holding all of it.
    """

    dataset: str
    files: Sequence[SourceFile]
    nodes: _InOneFrame = _InOneFrame("node")
    segments: _InOneFrame = _InOneFrame("pipe_segment")
    consumers: _InOneFrame = _InOneFrame("consumer")
    structures: _InOneFrame = _InOneFrame("structure")
    findings: list[Finding] = field(default_factory=list)
    counts: list[RowCount] = field(default_factory=list)
    datums: list[DatumUse] = field(default_factory=list)
    columns: list[DeliveredColumns] = field(default_factory=list)

    @cached_property
    def features(self) -> dict[str, pd.DataFrame | Features]:
        """The features by kind, as they were given."""
        return {}

    def size(self, kind: str) -> int:
        """How many features of a kind there are."""
        return len(self.features[kind])

    def chunks(self, kind: str) -> Iterator[pd.DataFrame]:
        """The features of a kind in frames, none of them empty."""
        held = self.features[kind]
        yield from ([held] if len(held) else []) if isinstance(held, pd.DataFrame) else held.chunks()
