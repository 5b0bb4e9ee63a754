"""Joined rows as the features that a delivery hands over: columns from memory and spool brought together, in chunks."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import shapely

from importers.normalising import geometries
from importers.normalising.extra import with_member
from importers.normalising.joining import Keys, segment_keys
from importers.normalising.pool import Pool
from importers.normalising.sheets import Context
from schemas.delivery import SourceFile
from schemas.tables import attribute_names

Columns = dict[str, Any]
_MADE_ROWS = 50_000
_HEIGHTS = ("from_depth_m", "to_depth_m", "from_elevation_m", "to_elevation_m")
# Attributes that no importer reads.
_NOT_DELIVERED = {"container_id", "from_node_id", "to_node_id", "node_id"}


@dataclass(frozen=True)
class Sources:
    """Which file, sheet and row each row of a delivery is from."""

    context: Context
    files: Sequence[SourceFile]

    def columns(self, frame: pd.DataFrame) -> Columns:
        """File (its place among the files), sheet and row of the rows of a frame."""
        accounts = self.context.ledger.accounts
        names = [file.name for file in self.files]
        tables, places = frame["table"].to_numpy(), frame["place"].to_numpy()
        rows = np.empty(len(frame), dtype=np.int32)
        for number in np.unique(tables):
            of_table = tables == number
            rows[of_table] = accounts[number].numbers.values[places[of_table]]
        return {
            "source_file": np.array([names.index(account.file) for account in accounts], dtype=np.int32)[tables],
            "source_sheet": pa.array([account.sheet for account in accounts], pa.string()).take(pa.array(tables)),
            "source_row": rows,
        }

    def extra(self, frame: pd.DataFrame, spooled: pa.RecordBatch) -> pa.Array:
        """Columns that no attribute took, the cells of a class column that was none among them."""
        nothing = pa.nulls(len(frame), pa.string())
        texts, cells = (spooled[name] if name in spooled.schema.names else nothing for name in ("extra", "class_cell"))
        is_disowned = np.isin(frame["table"].to_numpy(), list(self.context.disowned))
        if not is_disowned.any():
            return texts
        return with_member(texts, pc.if_else(pa.array(is_disowned), cells, pa.scalar(None, pa.string())))


@dataclass(frozen=True)
class SpooledFeatures:
    """Features of one kind; `known` gives the columns that are not spooled, for rows of `frame` by position."""

    kind: str
    frame: pd.DataFrame
    pool: Pool
    sources: Sources
    known: Callable[[slice, pa.RecordBatch], Columns]

    def __len__(self) -> int:
        return len(self.frame)

    def chunks(self) -> Iterator[pd.DataFrame]:
        """The features in the order of their rows, those without a row last; texts, dates and geometries as Arrow."""
        rows = self.frame["row"].to_numpy() if len(self) else np.empty(0, np.int32)
        count = int((rows >= 0).sum())
        for at, batch in self.pool.spooled(rows[:count]):
            yield self._chunk(at, batch)
        for start in range(count, len(rows), _MADE_ROWS):
            at = slice(start, min(start + _MADE_ROWS, len(rows)))
            yield self._chunk(at, pa.RecordBatch.from_arrays([pa.nulls(at.stop - start)], names=[""]))

    def whole(self) -> pd.DataFrame:
        """The features in one frame, with shapely geometries and dicts."""
        if not len(self):
            return pd.DataFrame()
        chunks = [_in_python(chunk) for chunk in self.chunks()]
        frame = pd.concat(chunks, ignore_index=True)
        extra = [told if isinstance(told, dict) else {} for told in frame["extra"]]
        absent = [name for name in attribute_names(self.kind) if name not in {*frame.columns, *_NOT_DELIVERED}]
        return frame.assign(extra=pd.Series(extra, dtype=object), **dict.fromkeys(absent))

    def _chunk(self, at: slice, spooled: pa.RecordBatch) -> pd.DataFrame:
        wanted = {*attribute_names(self.kind), "container_key"}
        columns = {name: spooled[name] for name in spooled.schema.names if name in wanted}
        columns |= self.known(at, spooled)
        columns["extra"] = self.sources.extra(self.frame.iloc[at], spooled)
        columns |= self.sources.columns(self.frame.iloc[at])
        table = pa.table({name: _arrow(values) for name, values in columns.items()})
        chunk: pd.DataFrame = table.to_pandas(types_mapper=pd.ArrowDtype)
        return chunk


def nodes_of(frame: pd.DataFrame, keys: Keys, pool: Pool, sources: Sources, srid: int) -> SpooledFeatures:
    """Nodes; the key of each is the one at its position."""

    def known(at: slice, _: pa.RecordBatch) -> Columns:
        rows = frame.iloc[at]
        return {
            "source_key": keys.texts.slice(at.start, len(rows)),
            "class_code": rows["class_code"],
            "ground_elevation_m": rows["ground_elevation_m"],
            "geom": geometries.points(rows["x_m"].to_numpy(), rows["y_m"].to_numpy(), srid),
        }

    return SpooledFeatures("node", frame, pool, sources, known)


def segments_of(
    frame: pd.DataFrame, nodes: pd.DataFrame, keys: Keys, pool: Pool, sources: Sources, srid: int
) -> SpooledFeatures:
    """Segments between nodes."""
    places = nodes[["x_m", "y_m"]].to_numpy()

    def known(at: slice, spooled: pa.RecordBatch) -> Columns:
        rows = frame.iloc[at]
        from_node, to_node = rows["from_node"].to_numpy(), rows["to_node"].to_numpy()
        from_key, to_key = keys.of(from_node), keys.of(to_node)
        nothing = pa.nulls(len(rows), pa.binary())
        return {
            "source_key": segment_keys(from_key, to_key, rows["nth"].to_numpy()),
            "from_key": from_key,
            "to_key": to_key,
            "from_node": from_node,
            "to_node": to_node,
            **{name: rows[name] for name in ("class_code", "depth_datum_code", "elevation_source_code", *_HEIGHTS)},
            "geom": geometries.axes(
                np.stack([places[from_node], places[to_node]], axis=1),
                rows[["from_axis_m", "to_axis_m"]].to_numpy(),
                spooled["vertices"] if "vertices" in spooled.schema.names else nothing,
                rows["is_reversed"].to_numpy(),
                srid,
            ),
        }

    return SpooledFeatures("pipe_segment", frame, pool, sources, known)


def consumers_of(frame: pd.DataFrame, pool: Pool, sources: Sources, srid: int) -> SpooledFeatures:
    """Consumers."""

    def known(at: slice, _: pa.RecordBatch) -> Columns:
        rows = frame.iloc[at]
        told = {name: rows[name] for name in ("source_key", "class_code", "node_key", "node")}
        return {**told, "geom": geometries.points(rows["x_m"].to_numpy(), rows["y_m"].to_numpy(), srid)}

    return SpooledFeatures("consumer", frame, pool, sources, known)


def structures_of(frame: pd.DataFrame, pool: Pool, sources: Sources, srid: int) -> SpooledFeatures:
    """Structures; those without an outline are points."""

    def known(at: slice, spooled: pa.RecordBatch) -> Columns:
        rows = frame.iloc[at]
        places = geometries.points(rows["x_m"].to_numpy(), rows["y_m"].to_numpy(), srid)
        if "outline" not in spooled.schema.names:
            return {"source_key": rows["source_key"], "geom": places}
        outlines = shapely.set_srid(shapely.from_wkb(spooled["outline"].to_numpy(zero_copy_only=False)), srid)
        drawn = pa.array(shapely.to_wkb(outlines, include_srid=True), pa.binary())
        return {"source_key": rows["source_key"], "geom": pc.coalesce(drawn, places)}

    return SpooledFeatures("structure", frame, pool, sources, known)


def _arrow(values: Any) -> pa.Array:
    array = values if isinstance(values, pa.Array) else pa.array(values, from_pandas=True)
    whole = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
    return whole.dictionary_decode() if pa.types.is_dictionary(whole.type) else whole


def _in_python(chunk: pd.DataFrame) -> pd.DataFrame:
    """Numbers as numpy's, everything else as objects with None for what is unknown."""
    return pd.DataFrame({name: _values(str(name), chunk[name]) for name in chunk.columns})


def _values(name: str, column: "pd.Series[Any]") -> npt.NDArray[Any] | list[Any]:
    array = pa.array(column)
    array = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
    if name == "geom":
        geometry = shapely.from_wkb(array.to_numpy(zero_copy_only=False))
        return np.asarray(shapely.set_srid(geometry, 0))
    if name == "extra":
        return [None if text is None else orjson.loads(text) for text in array.to_pylist()]
    is_whole = pa.types.is_integer(array.type) or pa.types.is_boolean(array.type)
    if pa.types.is_floating(array.type) or (is_whole and not array.null_count):
        return np.asarray(array.to_numpy(zero_copy_only=False))
    return np.array([*array.to_pylist(), None], dtype=object)[:-1]
