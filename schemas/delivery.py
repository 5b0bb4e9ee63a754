"""A delivery: what an importer hands to the core, already normalised, and the account of its rows."""

from collections.abc import Sequence
from dataclasses import dataclass, field

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


@dataclass
class Delivery:
    """Normalised features of one delivery, in the project CRS.

    `nodes`, `segments`, `consumers` and `structures` are data frames with the columns of the table
    of the same kind in `schemas.tables` (source columns included), except that identifiers are not
    yet known: `source_key` stands for `feature_id`, `from_key`/`to_key` for `from_node_id` and
    `to_node_id`, and `node_key` for a consumer's `node_id`. `geom` holds shapely geometries, `extra`
    dicts, and `source_file` the index into `files`. A column that is absent is wholly unknown.
    """

    dataset: str
    files: Sequence[SourceFile]
    nodes: pd.DataFrame
    segments: pd.DataFrame
    consumers: pd.DataFrame = field(default_factory=pd.DataFrame)
    structures: pd.DataFrame = field(default_factory=pd.DataFrame)
    findings: list[Finding] = field(default_factory=list)
    counts: list[RowCount] = field(default_factory=list)
