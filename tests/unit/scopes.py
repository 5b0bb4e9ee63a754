"""Scopes and findings for tests of rules: hand-drawn features in data frames, nothing of them in a database."""

from collections.abc import Collection
from typing import Any

import numpy as np
import pandas as pd
import shapely
from geoalchemy2 import Geometry
from sqlalchemy.dialects.postgresql import BIGINT, DATE, INTEGER, REAL, TEXT

from pipemap.checks import Rulebook, found_blocks
from pipemap.checks.axes import Axes
from pipemap.checks.columns import UNKNOWN, Column, Texts, Words
from pipemap.checks.links import Farther
from pipemap.checks.reading import COLUMNS, NUMBERING, OWN_WORDS
from pipemap.checks.scope import KINDS, Kind, Scope
from schemas.findings import Finding
from schemas.tables import metadata


def scope_of(
    nodes: pd.DataFrame,
    segments: pd.DataFrame,
    consumers: pd.DataFrame | None = None,
    structures: pd.DataFrame | None = None,
    *,
    disturbed_node_ids: Collection[int] = (),
) -> Scope:
    """Features with the columns of their tables, `file` and `changed`; what is absent is unknown, or changed."""
    given = (nodes, segments, consumers, structures)
    frames = {kind: pd.DataFrame() if frame is None else frame for kind, frame in zip(KINDS, given, strict=True)}
    columns = {kind: _columns(frame, kind) for kind, frame in frames.items()}
    lines = frames["pipe_segment"].get("geom", pd.Series(dtype=object)).to_numpy(object)
    disturbed = np.fromiter(disturbed_node_ids, np.int64)
    return Scope.of(columns, Axes.of(lines), disturbed, Farther.none(), 4547)


def findings(scope: Scope, rules: Rulebook, **tiling: Any) -> list[Finding]:
    """What rules find, by rule, feature and message."""
    blocks = list(found_blocks(scope, rules, **tiling))
    rows = [dict(zip(block, cells, strict=True)) for block in blocks for cells in zip(*block.values(), strict=True)]
    found = [Finding(**row) for row in rows]
    return sorted(found, key=lambda each: (each.rule, each.feature_kind or "", each.feature_id or 0, each.message_en))


def _columns(frame: pd.DataFrame, kind: Kind) -> dict[str, Column]:
    missing = pd.Series(None, index=frame.index, dtype=object)
    known = metadata.tables[f"pipemap.{kind}"].columns
    columns = {
        name: _column(name, frame.get(name, missing), known[name].type)
        for name in COLUMNS[kind]
        if not isinstance(known[name].type, Geometry) and name != "source_file_id"
    }
    shapes = frame.get("geom", missing).to_numpy(object)
    if kind in ("node", "consumer"):
        columns |= {"x_m": shapely.get_x(shapes), "y_m": shapely.get_y(shapes)}
    if kind == "node":
        columns["model_ground_m"] = frame.get("model_ground_m", missing).to_numpy(np.float64)
    if kind == "structure":
        columns["geom"] = shapes
    changed = frame["changed"] if "changed" in frame else pd.Series(True, index=frame.index)
    of_file = {name: Words.of(_texts(frame.get(name, missing))) for name in ("file", "importer")}
    return columns | of_file | {"changed": changed.to_numpy(bool)}


def _column(name: str, values: "pd.Series[Any]", kind: Any) -> Column:
    if isinstance(kind, TEXT):
        return (Texts if name in OWN_WORDS else Words).of(_texts(values))
    if isinstance(kind, BIGINT) or name in NUMBERING:
        return values.fillna(UNKNOWN).astype(np.int64).to_numpy()
    if isinstance(kind, DATE):
        return pd.to_datetime(values).to_numpy("datetime64[D]")
    return values.to_numpy(np.float32 if isinstance(kind, REAL | INTEGER) else np.float64)


def _texts(values: "pd.Series[Any]") -> Any:
    return values.astype(object).where(values.notna(), None).to_numpy(object)
