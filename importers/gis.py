"""Layers of GIS files in bulk and in chunks: every format of `layers.formats`, through GDAL."""

import os
import warnings
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import fiona
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyogrio
import shapely
from pyproj import CRS
from pyproj.exceptions import CRSError as ProjError

from importers.base import RecordTable
from importers.layers import formats, geoparquet, recoding, shapes
from importers.layers.domains import coded_values
from importers.layers.files import LayerFile, damage
from importers.layers.geojson import member_count
from importers.layers.layer import Layer
from importers.layers.plain import are_plain
from importers.layers.records import Record, RecordStream
from importers.passing import plain
from importers.refusing import refusal
from importers.tabular.decimal_commas import with_decimal_points
from schemas.findings import Severity

DEFAULT_CHUNK_ROWS = 50_000

# Tables that QGIS keeps beside the data.
_NOT_DATA = {"layer_styles", "qgis_projects"}
# What GDAL raises it also writes to standard error, which belongs to the program. It has no business
# on the network. What is a number in GML is for the profile to say, or numbers would lose their zeros; the times
# between which KML shows a feature are no ends of lines.
for _name, _value in (
    ("CPL_LOG", os.devnull),
    ("GDAL_HTTP_PROXY", "http://0.0.0.0:1"),
    ("GDAL_HTTP_TIMEOUT", "1"),
    ("GML_FIELDTYPES", "ALWAYS_STRING"),
    ("LIBKML_BEGIN_FIELD", "time_begin"),
    ("LIBKML_END_FIELD", "time_end"),
):
    os.environ.setdefault(_name, _value)
_DAMAGE = (
    pyogrio.errors.DataSourceError,
    pyogrio.errors.DataLayerError,
    pyogrio.errors.GeometryError,
    pa.ArrowException,
    OSError,
    # What pyogrio raises on some damaged .prj files.
    UnboundLocalError,
    ValueError,
    RuntimeError,
)


class GisReader:
    """Reads every layer of the files; a row's number is its place among the layer's features.

    A layer comes as one or more tables with the same file and sheet, of at most `chunk_rows` features
    each, so that memory does not grow with the file; points, lines and areas come in tables of their
    own. Geometry keeps its z and loses its m; arcs become chords; the faces of a body become a
    multi-polygon; the members of a collection become rows of their own, derived but one; a multi-part
    line or point of one part comes as that part, one of several parts stays multi-part; a missing or
    empty geometry is None. Codes come as the names that the file's own domains give them, dates as
    ISO text. `crs` is None where the file does not say.

    Options: `encoding` overrides what a shapefile declares, `layers` names the layers to read,
    `chunk_rows` sets the size of a chunk.
    """

    name = "gis"

    def accepts(self, path: Path) -> bool:
        """Whether the file is named like one of the formats (.json, .xml: and begins like GeoJSON, GML)."""
        return formats.is_layer_file(path)

    def read(self, paths: Sequence[Path], options: dict[str, Any]) -> Iterator[RecordTable]:
        """Yield the tables of all layers of all files.

        Raises
        ------
        SourceError
            When a file is not of the format its name says, lacks a part, or is damaged.
        """
        for path in paths:
            told: set[str] = set()
            for tables in _layers(path, options):
                yield from (with_decimal_points(table, told) for table in tables)

    def heads(self, path: Path, options: dict[str, Any]) -> Iterator[RecordTable]:
        """Yield the first table of every layer of a file; what is wrong with the rest is for `read` to say."""
        told: set[str] = set()
        for tables in _layers(path, options):
            with closing(tables):
                yield from (with_decimal_points(table, told) for table in islice(tables, 1))


def _layers(path: Path, options: dict[str, Any]) -> Iterator[Generator[RecordTable]]:
    """The tables of each layer of a file, to be used up before the next."""
    wanted, chunk_rows = options.get("layers"), options.get("chunk_rows", DEFAULT_CHUNK_ROWS)
    with TemporaryDirectory(prefix="pipemap-layers-") as scratch:
        file = formats.opened(path, Path(scratch), options.get("encoding"))
        for name in _layer_names(file):
            if name not in file.repeats_layers if wanted is None else name in wanted:
                yield _read_layer(Layer(file, name, unsaid_foot=options.get("foot")), chunk_rows)


def _layer_names(file: LayerFile) -> list[str]:
    try:
        names = [name for name in _all_layer_names(file) if name not in _NOT_DATA | file.leaves_layers]
    except (fiona.errors.FionaError, pyogrio.errors.DataSourceError, ValueError) as error:
        raise damage(file, error) from error
    if not names:
        raise refusal(
            file.path,
            "holds no layers; deliver the file with the survey's layers in it",
            "中没有图层，请提供含有调查图层的文件",
        )
    return names


def _all_layer_names(file: LayerFile) -> list[str]:
    if file.driver == geoparquet.DRIVER:
        return [file.path.stem]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if file.options:
            return list(fiona.listlayers(file.source, **file.options))
        try:
            return [str(name) for name, _ in pyogrio.list_layers(file.source)]
        except pyogrio.errors.GeometryError:
            return list(fiona.listlayers(str(file.place)))


def _read_layer(layer: Layer, chunk_rows: int) -> Generator[RecordTable]:
    n_rows = _declared_rows(layer)
    _note_what_the_file_lacks(layer)
    _learn_codes(layer)
    try:
        yield from _in_bulk(layer, chunk_rows)
    except _DAMAGE as error:
        if layer.file.driver not in fiona.supported_drivers:
            raise damage(layer.file, error) from error
        # One bad record spoils a whole batch: go on record by record from where the batches ended.
        yield from _one_by_one(layer, chunk_rows)
    if n_rows is not None and layer.rows_read < n_rows and (n_lost := _lost_rows(layer, n_rows)):
        yield _lost(layer, n_lost)
    if layer.file.lost_rows:
        en = f"The shapes and the table do not have the same number of rows; {layer.file.lost_rows} rows are without "
        layer.note("IMP-PART", Severity.ERROR, f"{en}their other half.", "图形与属性表的行数不一致，多出的行未载入。")
    if layer.notes:
        yield layer.refused(layer.file.lost_rows)


def _lost_rows(layer: Layer, n_rows: int) -> int:
    """How many rows GDAL passed over; what seems to be a feature in GeoJSON may be an attribute called like one."""
    exact = member_count(layer.file.path) if layer.file.driver in ("GeoJSON", "ESRIJSON") else None
    return max((n_rows if exact is None else exact) - layer.rows_read, 0)


def _lost(layer: Layer, n_lost: int) -> RecordTable:
    """The account of rows that GDAL passed over; where it cannot have gone on behind them, the file is refused."""
    n_rows = layer.rows_read + n_lost
    if not layer.file.prefix:
        raise refusal(
            layer.file.path,
            f"is damaged: layer {layer.name} declares {n_rows} features, only {layer.rows_read} can be read; "
            "ask for the file again",
            f"已损坏：图层 {layer.name} 应有 {n_rows} 个要素，只能读出 {layer.rows_read} 个，请重新提供",
        )
    if not layer.file.bad_lines:
        en = f"{n_lost} members of the collection are no GeoJSON features and were left out."
        layer.note("IMP-RECORD", Severity.ERROR, en, f"有 {n_lost} 个成员不是 GeoJSON 要素，未读取。")
    return layer.refused(n_lost)


def _learn_codes(layer: Layer) -> None:
    layer.domains = coded_values(layer.file, layer.name)
    if layer.domains:
        names = ", ".join(layer.domains)
        en = f"The file says what the codes of {names} stand for; read by these names."
        layer.note("IMP-CODES", Severity.INFO, en, f"列 {names} 的代码已按文件自带的值域翻译为名称。")


def _note_what_the_file_lacks(layer: Layer) -> None:
    file = layer.file
    if file.guessed_encoding:
        en = f"The file does not say how its text is encoded; read as {file.guessed_encoding}."
        layer.note("IMP-ENCODING", Severity.INFO, en, f"文件未说明文字编码，按 {file.guessed_encoding} 读取。")
    if file.lacks_attributes:
        en = "The shapefile comes without its .dbf, so its features have no attributes."
        layer.note("IMP-PART", Severity.WARNING, en, "Shapefile 缺少 .dbf 文件，要素没有属性。")
    if file.is_cut_short:
        en = "The server gave no more features than its limit, and says that it has more (exceededTransferLimit)."
        layer.note("IMP-PART", Severity.WARNING, en, "服务器返回达到上限，另有要素未返回（exceededTransferLimit）。")
    for view, shown in file.repeats_layers.items():
        if shown == layer.name:
            en = f"The view {view} shows rows of {shown} once more and was left out."
            layer.note(
                "IMP-VIEW",
                Severity.WARNING,
                en,
                f"视图 {view} 与图层 {shown} 的要素重复，未读取。",
            )
    for line in file.bad_lines:
        layer.note("IMP-RECORD", Severity.ERROR, "The line is not a GeoJSON feature.", "该行不是 GeoJSON 要素。", line)
    if file.deleted_rows:
        en = f"{file.deleted_rows} records are marked as deleted and were left out."
        layer.note("IMP-DELETED", Severity.INFO, en, f"{file.deleted_rows} 条记录已标记删除，未读取。")


def _declared_rows(layer: Layer) -> int | None:
    """Opening by fiona with the driver pinned proves the format before GDAL may choose one for itself."""
    file = layer.file
    if file.is_proven or file.prefix:
        return file.declared_rows
    try:
        with fiona.open(file.source, driver=file.driver, layer=layer.name, **file.options) as collection:
            return len(collection) if file.declared_rows is None else file.declared_rows
    except TypeError:
        # The layer declares no count.
        return file.declared_rows
    except Exception as error:  # fiona passes GDAL's faults, for example with a .prj, through as private types.
        raise damage(file, error) from error


def _in_bulk(layer: Layer, chunk_rows: int) -> Iterator[RecordTable]:
    encoding = layer.file.encoding
    try:
        if layer.file.driver == geoparquet.DRIVER:
            yield from _in_row_groups(layer, chunk_rows)
            return
        yield from _in_batches(layer, chunk_rows, encoding if recoding.can_decode(encoding) else None)
    except UnicodeDecodeError:
        # What is left of a text that is not in its encoding is for GDAL to say.
        yield from _in_batches(layer, chunk_rows, None)
    if layer.rows_read == 0:
        yield layer.refused(0)


def _in_row_groups(layer: Layer, chunk_rows: int) -> Iterator[RecordTable]:
    layer.fields, layer.crs, batches = geoparquet.batches(layer.file, chunk_rows)
    for batch in batches:
        yield from _batch_tables(layer, batch, None)


def _in_batches(layer: Layer, chunk_rows: int, decoded_here: str | None) -> Iterator[RecordTable]:
    """The rows that are left, their texts in the encoding `decoded_here`, else decoded by GDAL."""
    source = pyogrio.raw.open_arrow(
        layer.file.source,
        layer=layer.name,
        encoding=recoding.OCTETS if decoded_here else layer.file.encoding,
        batch_size=chunk_rows,
        skip_features=layer.rows_read,
        use_pyarrow=True,
        datetime_as_string=True,
        **layer.file.options,
    )
    with ExitStack() as stack:
        said: list[str] = []
        with _warnings_kept(said):
            meta, batches = stack.enter_context(source)
        fields, crs, is_there = (
            [str(field) for field in meta["fields"]],
            _crs(meta["crs"] or layer.file.crs_unless_said),
            True,
        )
        if decoded_here:
            fields = [recoding.text(field, decoded_here) for field in fields]
        while is_there:
            with _warnings_kept(said):
                batch = next(batches, None)
            _note_warnings(layer, said)
            said.clear()
            layer.fields, layer.crs, is_there = fields, crs, batch is not None
            if is_there:
                yield from _batch_tables(layer, batch, decoded_here)


@contextmanager
def _warnings_kept(said: list[str]) -> Iterator[None]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        # That m is dropped is said by the reader's own contract.
        warnings.filterwarnings("ignore", message=r"Measured \(M\) geometry types")
        yield
    said += [str(warning.message) for warning in caught]


def _note_warnings(layer: Layer, said: list[str]) -> None:
    for text in dict.fromkeys(said):
        layer.note("IMP-READ", Severity.WARNING, f"While reading: {text}", f"读取时提示：{text}")


def _batch_tables(layer: Layer, batch: Any, decoded_here: str | None) -> Iterator[RecordTable]:
    n_fields = len(layer.fields)
    given = [batch.column(place) for place in range(n_fields)]
    if decoded_here:
        given = [recoding.texts(column, decoded_here) for column in given]
    columns = {name: _cells(column) for name, column in zip(layer.fields, given, strict=True)}
    geometry = _geometry(layer, batch.column(n_fields)) if batch.num_columns > n_fields else None
    yield from layer.tables(layer.numbers(batch.num_rows), columns, geometry)


def _geometry(layer: Layer, wkb: Any) -> shapes.Shapes | pa.Array:
    # Whether places can be degrees, and what heights in feet are, is for the layer to see.
    if not layer.is_taken_for_degrees and layer.foot is None and are_plain(wkb):
        return wkb
    has_curves = np.isin(shapes.kinds(wkb), shapes.CURVES).any()
    geometry = _with_chords(layer, len(wkb)) if has_curves else shapes.from_wkb(wkb)
    is_given = wkb.is_valid().to_numpy(zero_copy_only=False)
    for place in np.flatnonzero(shapely.is_missing(geometry) & is_given):
        layer.note_bad_geometry(layer.rows_read + int(place) + 1)
    return geometry


def _with_chords(layer: Layer, n_rows: int) -> npt.NDArray[np.object_]:
    """The next geometries once more, by the way through which GDAL turns arcs into chords."""
    file = layer.file
    wkb = pyogrio.raw.read(
        file.source,
        layer=layer.name,
        encoding=file.encoding,
        columns=[],
        skip_features=layer.rows_read,
        max_features=n_rows,
        **file.options,
    )[2]
    return shapes.from_wkb(pa.array(wkb, pa.binary()))


def _cells(column: Any) -> Any:
    """Numbers as numbers, NaN where null; everything else as objects, None where null."""
    kind = column.type
    is_whole = pa.types.is_integer(kind) and column.null_count == 0
    if is_whole or pa.types.is_floating(kind) or pa.types.is_string(kind):
        return column.to_numpy(zero_copy_only=False)
    values = column.to_pylist()
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        values = [None if value is None else "; ".join(map(str, value)) for value in values]
    if not (pa.types.is_integer(kind) or pa.types.is_boolean(kind)):
        values = list(map(plain, values))
    return np.array([*values, None], dtype=object)[:-1]


def _one_by_one(layer: Layer, chunk_rows: int) -> Iterator[RecordTable]:
    """The rest of the layer through fiona; a record that cannot be read is refused with a finding."""
    with RecordStream(layer.file, layer.name, skip=layer.rows_read) as stream:
        layer.fields, layer.crs = stream.fields, _crs(stream.crs_wkt or layer.file.crs_unless_said)
        while chunk := stream.take(chunk_rows):
            numbers = layer.numbers(len(chunk))
            for number, record in zip(numbers, chunk, strict=True):
                _note_bad_record(layer, int(number), record)
            is_good = np.array([record.fault is None for record in chunk])
            good = [record for record in chunk if record.fault is None]
            columns = {name: [record.cells.get(name) for record in good] for name in layer.fields}
            geometry = np.array([*(record.geometry for record in good), None], dtype=object)[:-1]
            if len(good) < len(chunk):
                yield layer.refused(len(chunk) - len(good))
            yield from layer.tables(numbers[is_good], columns, geometry)


def _note_bad_record(layer: Layer, row: int, record: Record) -> None:
    if record.fault is not None:
        en, zh = f"The record cannot be read: {record.fault}", f"该记录无法读取：{record.fault}"
        layer.note("IMP-RECORD", Severity.ERROR, en, zh, row)
    for text in record.bad_text:
        en, zh = "A text is not in the layer's encoding and was left out.", "文字编码有误，未予采用。"
        layer.note("IMP-TEXT", Severity.WARNING, en, zh, row, text)


def _crs(text: str | None) -> CRS | None:
    """The system that GDAL tells; a plan of no known place on the earth (MapInfo's NonEarth, LOCAL_CS) tells none."""
    try:
        crs = CRS.from_user_input(text) if text else None
    except ProjError:
        return None
    return None if crs is None or crs.is_engineering else crs
