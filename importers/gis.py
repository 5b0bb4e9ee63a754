"""Shapefile, GeoPackage, GeoJSON and file geodatabase layers, in bulk and in chunks."""

import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import fiona
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyogrio
import shapely
from pyproj import CRS
from pyproj.exceptions import CRSError as ProjError

from importers import layer_files
from importers.base import RecordTable
from importers.layer_files import LayerFile
from importers.records import Record, RecordStream
from pipemap.errors import SourceError
from schemas.findings import Finding, Severity

DEFAULT_CHUNK_ROWS = 50_000

# Tables that QGIS keeps beside the data.
_NOT_DATA = {"layer_styles", "qgis_projects"}
_LINE, _MULTIPOINT, _MULTILINE = 1, 4, 5
# What GDAL raises it also writes to standard error, which belongs to the program.
os.environ.setdefault("CPL_LOG", os.devnull)
_DAMAGE = (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, pa.ArrowException, ValueError, RuntimeError)


@dataclass
class _Layer:
    file: LayerFile
    name: str
    fields: list[str] = field(default_factory=list)
    crs: CRS | None = None
    rows_read: int = 0
    notes: list[Finding] = field(default_factory=list)

    def table(self, columns: dict[str, Any], geometry: npt.NDArray[np.object_] | None, n_rows: int) -> RecordTable:
        index = pd.RangeIndex(self.rows_read + 1, self.rows_read + n_rows + 1)
        self.rows_read += n_rows
        rows = pd.DataFrame({name: _series(cells, index) for name, cells in columns.items()}, index=index)
        notes, self.notes = self.notes, []
        return RecordTable(self.file.path.name, self.name, rows, geometry, self.crs, findings=notes)

    def note(
        self, rule: str, severity: Severity, en: str, zh: str, row: int | None = None, value: str | None = None
    ) -> None:
        place = {"file": self.file.path.name, "sheet": self.name, "row": row, "value": value}
        self.notes.append(Finding(rule=rule, severity=severity, message_en=en, message_zh=zh, **place))


def _series(cells: Any, index: pd.RangeIndex) -> "pd.Series[Any]":
    # Only arrays of numbers keep their type: pandas would turn None among texts into NaN.
    is_numeric = isinstance(cells, np.ndarray) and cells.dtype != object
    return pd.Series(cells, index=index, dtype=None if is_numeric else object)


class GisReader:
    """Reads every layer of the files; a row's number is its place among the layer's features.

    A layer comes as one or more tables of at most `chunk_rows` rows with the same file and sheet, so
    that memory does not grow with the file. Geometry keeps its z and loses its m; a multi-part line
    or point of one part comes as that part, one of several parts stays multi-part; a missing or
    empty geometry is None. Dates are ISO text. `crs` is None where the file does not say.

    Options: `encoding` overrides what a shapefile declares, `layers` names the layers to read,
    `chunk_rows` sets the size of a chunk.
    """

    name = "gis"

    def accepts(self, path: Path) -> bool:
        """Whether the file is named like one of the formats (.json: and begins like GeoJSON)."""
        return layer_files.is_layer_file(path)

    def read(self, paths: Sequence[Path], options: dict[str, Any]) -> Iterator[RecordTable]:
        """Yield the tables of all layers of all files.

        Raises
        ------
        SourceError
            When a file is not of the format its name says, lacks a part, or is damaged.
        """
        for path in paths:
            file = layer_files.opened(path, options.get("encoding"))
            wanted = options.get("layers")
            for name in _layer_names(file):
                if wanted is None or name in wanted:
                    yield from _read_layer(_Layer(file, name), options.get("chunk_rows", DEFAULT_CHUNK_ROWS))


def _layer_names(file: LayerFile) -> list[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            names = [str(name) for name, _ in pyogrio.list_layers(file.source)]
        except (pyogrio.errors.DataSourceError, ValueError) as error:
            raise layer_files.damage(file, error) from error
    if not names:
        raise SourceError(
            f"{file.path.name} holds no layers; deliver the file with the survey's layers in it.",
            message_zh=f"{file.path.name} 中没有图层，请提供含有调查图层的文件。",
        )
    return [name for name in names if name not in _NOT_DATA]


def _read_layer(layer: _Layer, chunk_rows: int) -> Iterator[RecordTable]:
    n_rows = _declared_rows(layer)
    _note_what_the_file_lacks(layer)
    try:
        yield from _in_bulk(layer, chunk_rows)
    except _DAMAGE:
        # One bad record spoils a whole batch: go on record by record from where the batches ended.
        yield from _one_by_one(layer, chunk_rows)
    if n_rows is not None and layer.rows_read < n_rows:
        raise SourceError(
            f"{layer.file.path.name} is damaged: layer {layer.name} declares {n_rows} features, "
            f"only {layer.rows_read} can be read; ask for the file again.",
            message_zh=f"{layer.file.path.name} 已损坏：图层 {layer.name} 应有 {n_rows} 个要素，"
            f"只能读出 {layer.rows_read} 个，请重新提供。",
        )


def _note_what_the_file_lacks(layer: _Layer) -> None:
    if layer.file.guessed_encoding:
        en = f"The file does not say how its text is encoded; read as {layer.file.encoding}."
        layer.note("IMP-ENCODING", Severity.INFO, en, f"文件未说明文字编码，按 {layer.file.encoding} 读取。")
    if layer.file.lacks_attributes:
        en = "The shapefile comes without its .dbf, so its features have no attributes."
        layer.note("IMP-PART", Severity.WARNING, en, "Shapefile 缺少 .dbf 文件，要素没有属性。")


def _declared_rows(layer: _Layer) -> int | None:
    """Opening by fiona with the driver pinned proves the format before GDAL may choose one for itself."""
    if layer.file.is_text:
        return None
    try:
        with fiona.open(layer.file.source, driver=layer.file.driver, layer=layer.name) as collection:
            return len(collection)
    except TypeError:
        # The layer declares no count.
        return None
    except Exception as error:  # fiona passes GDAL's faults, for example with a .prj, through as private types.
        raise layer_files.damage(layer.file, error) from error


def _in_bulk(layer: _Layer, chunk_rows: int) -> Iterator[RecordTable]:
    source = pyogrio.raw.open_arrow(
        layer.file.source,
        layer=layer.name,
        encoding=layer.file.encoding,
        batch_size=chunk_rows,
        use_pyarrow=True,
        datetime_as_string=True,
    )
    with ExitStack() as stack:
        with _warnings_as_notes(layer):
            meta, batches = stack.enter_context(source)
        layer.fields = [str(name) for name in meta["fields"]]
        layer.crs = _crs(meta["crs"])
        while (batch := _next_batch(layer, batches)) is not None:
            yield _batch_table(layer, batch)
    if layer.rows_read == 0:
        yield layer.table({name: [] for name in layer.fields}, None, 0)


def _next_batch(layer: _Layer, batches: Any) -> Any:
    with _warnings_as_notes(layer):
        return next(batches, None)


@contextmanager
def _warnings_as_notes(layer: _Layer) -> Iterator[None]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        # That m is dropped is said by the reader's own contract.
        warnings.filterwarnings("ignore", message=r"Measured \(M\) geometry types")
        yield
    for text in dict.fromkeys(str(warning.message) for warning in caught):
        layer.note("IMP-READ", Severity.WARNING, f"While reading: {text}", f"读取时提示：{text}")


def _batch_table(layer: _Layer, batch: Any) -> RecordTable:
    columns = {name: _cells(batch.column(name)) for name in layer.fields}
    places = [place for place, name in enumerate(batch.schema.names) if name not in columns]
    if not places:
        return layer.table(columns, None, batch.num_rows)
    wkb = batch.column(places[-1])
    with np.errstate(invalid="ignore"):
        geometry = shapely.from_wkb(wkb.to_numpy(zero_copy_only=False), on_invalid="ignore")
    is_given = wkb.is_valid().to_numpy(zero_copy_only=False)
    for place in np.flatnonzero(shapely.is_missing(geometry) & is_given):
        _note_bad_geometry(layer, layer.rows_read + int(place) + 1)
    return _with_geometry(layer, columns, geometry)


def _with_geometry(layer: _Layer, columns: dict[str, Any], geometry: npt.NDArray[np.object_]) -> RecordTable:
    if layer.rows_read == 0 and layer.file.is_text and _exceeds_degrees(geometry, layer.crs):
        # GeoJSON without a crs member is taken for degrees; these are not, so nothing is known.
        layer.crs = None
    return layer.table(columns, _simplest(geometry), len(geometry))


def _exceeds_degrees(geometry: npt.NDArray[np.object_], crs: CRS | None) -> bool:
    bounds = np.abs(shapely.total_bounds(geometry))
    return crs is not None and crs.is_geographic and bool(np.nanmax(bounds, initial=0.0) > 360.0)


def _simplest(geometry: npt.NDArray[np.object_]) -> npt.NDArray[np.object_]:
    """One-part lines and points as such, no m, nothing for an empty geometry."""
    simple = geometry.copy()
    single = np.isin(shapely.get_type_id(simple), (_MULTIPOINT, _MULTILINE)) & (shapely.get_num_geometries(simple) == 1)
    simple[single] = shapely.get_geometry(simple[single], 0)
    for has_z, dimension in ((True, 3), (False, 2)):
        measured = shapely.has_m(simple) & (shapely.has_z(simple) == has_z)
        simple[measured] = shapely.from_wkb(shapely.to_wkb(simple[measured], output_dimension=dimension))
    simple[shapely.is_empty(simple)] = None
    return simple


def _cells(column: Any) -> Any:
    """Numbers as numbers, NaN where null; everything else as objects, None where null."""
    kind = column.type
    if pa.types.is_floating(kind) or (pa.types.is_integer(kind) and column.null_count == 0):
        return column.to_numpy(zero_copy_only=False)
    values = column.to_pylist()
    if not (pa.types.is_integer(kind) or pa.types.is_boolean(kind) or pa.types.is_string(kind)):
        values = [None if value is None else str(value) for value in values]
    return np.array([*values, None], dtype=object)[:-1]


def _one_by_one(layer: _Layer, chunk_rows: int) -> Iterator[RecordTable]:
    """The rest of the layer through fiona; a record that cannot be read comes as an empty row and a finding."""
    with RecordStream(layer.file, layer.name, skip=layer.rows_read) as stream:
        layer.fields, layer.crs = stream.fields, _crs(stream.crs_wkt)
        while chunk := stream.take(chunk_rows):
            for row, record in enumerate(chunk, layer.rows_read + 1):
                _note_bad_record(layer, row, record)
            columns = {name: [record.cells.get(name) for record in chunk] for name in layer.fields}
            geometry = np.array([*(record.geometry for record in chunk), None], dtype=object)[:-1]
            yield _with_geometry(layer, columns, geometry)


def _note_bad_record(layer: _Layer, row: int, record: Record) -> None:
    if record.fault is not None:
        en, zh = f"The record cannot be read: {record.fault}", f"该记录无法读取：{record.fault}"
        layer.note("IMP-RECORD", Severity.ERROR, en, zh, row)
    for text in record.bad_text:
        en, zh = "A text is not in the layer's encoding and was left out.", "文字编码有误，未予采用。"
        layer.note("IMP-TEXT", Severity.WARNING, en, zh, row, text)


def _note_bad_geometry(layer: _Layer, row: int) -> None:
    layer.note("IMP-GEOMETRY", Severity.ERROR, "The geometry cannot be read.", "几何无法读取。", row)


def _crs(text: str | None) -> CRS | None:
    try:
        return CRS.from_user_input(text) if text else None
    except ProjError:
        return None
