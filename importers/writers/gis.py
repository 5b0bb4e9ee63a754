"""GIS formats through GDAL's Arrow interface: GeoPackage, shapefile, file geodatabase, FlatGeobuf, GeoJSON."""

import csv
import warnings
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyogrio

from pipemap.ahead import ahead
from pipemap.errors import UsageError
from pipemap.sharing.layers import GEOMETRY, Content, LayerRows

_NAME_LENGTH = 10
_TEXT_BYTES = 254


def write_geopackage(content: Content) -> None:
    """All layers in one file."""
    for rows in content.layers:
        _write(content, rows, rows.reader(), content.folder / "pipemap.gpkg", "GPKG")


def write_geodatabase(content: Content) -> None:
    """All layers in one file geodatabase; identities stand as doubles, which every ArcGIS reads."""
    for rows in content.layers:
        _write(content, rows, rows.reader(), content.folder / "pipemap.gdb", "OpenFileGDB")


def write_geojson(content: Content) -> None:
    """One file a layer; the CRS is named in the file when it is not WGS 84."""
    for rows in content.layers:
        path = content.folder / f"{rows.layer.name}.geojson"
        _write(content, rows, rows.reader(), path, "GeoJSON", COORDINATE_PRECISION="9")


def write_flatgeobuf(content: Content) -> None:
    """One file a layer, with its spatial index; FlatGeobuf orders the rows by place."""
    for rows in content.layers:
        _write(content, rows, rows.reader(), content.folder / f"{rows.layer.name}.fgb", "FlatGeobuf")


def write_shapefile(content: Content) -> None:
    """One set of files a layer, texts in UTF-8; `field_names.csv` says what the ten-letter names stand for."""
    _write_shapefiles(content, "UTF-8")


def write_shapefile_gbk(content: Content) -> None:
    """The same with texts in GBK, as older offices read them; UsageError for a text GBK has no letters for."""
    _write_shapefiles(content, "GBK")


def short_names(names: Iterable[str]) -> dict[str, str]:
    """Different names of at most ten letters."""
    short: dict[str, str] = {}
    for name in names:
        tries = (name[: _NAME_LENGTH - len(tail)] + tail for tail in _tails())
        short[name] = next(found for found in tries if found not in short.values())
    return short


def _tails() -> Iterator[str]:
    yield ""
    yield from (str(number) for number in count(2))


def _write_shapefiles(content: Content, encoding: str) -> None:
    for rows in content.layers:
        short = short_names(rows.columns)
        with (content.folder / "field_names.csv").open("a", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows((rows.layer.name, short[name], name) for name in rows.columns)
        fields = [rows.schema.field(name).with_name(short[name]) for name in rows.columns]
        schema = pa.schema([*fields, rows.schema.field(GEOMETRY)])
        cut: set[str] = set()
        batches = (_encodable(batch, encoding, cut).rename_columns(schema.names).cast(schema) for batch in rows.batches)
        reader = pa.RecordBatchReader.from_batches(schema, batches)
        path = content.folder / f"{rows.layer.name}.shp"
        _write(content, rows, reader, path, "ESRI Shapefile", encoding)
        if cut:
            content.notes.append(
                f"{len(cut)} texts of {rows.layer.name} are longer than {_TEXT_BYTES} bytes and cut there. "
                f"{rows.layer.name} 有 {len(cut)} 个文本超过 {_TEXT_BYTES} 字节，已截断。"
            )


def _encodable(batch: pa.RecordBatch, encoding: str, cut: set[str]) -> pa.RecordBatch:
    """A batch whose texts fit a dBASE field; UsageError names one that the encoding has no letters for.

    Texts that had to be cut are added to `cut`.
    """
    for place, field in enumerate(batch.schema):
        if field.type == pa.string():
            distinct = pc.unique(batch.column(place)).to_pylist()
            fitting = {text: _fitting(text, encoding) for text in distinct if text is not None}
            shortened = {text for text, fits in fitting.items() if text != fits}
            if shortened:
                cut |= shortened
                texts = [fitting.get(text) for text in batch.column(place).to_pylist()]
                batch = batch.set_column(place, field, pa.array(texts, pa.string()))
    return batch


def _fitting(text: str, encoding: str) -> str:
    try:
        encoded = text.encode(encoding)
    except UnicodeEncodeError as error:
        raise UsageError(
            f"'{text}' cannot be written in {encoding}; take the format shp, which is UTF-8.",
            message_zh=f"“{text}”无法按 {encoding} 写出，请改用 UTF-8 的 shp 格式。",
        ) from error
    return text if len(encoded) <= _TEXT_BYTES else encoded[:_TEXT_BYTES].decode(encoding, "ignore")


def _write(
    content: Content,
    rows: LayerRows,
    reader: pa.RecordBatchReader,
    path: Path,
    driver: str,
    encoding: str | None = None,
    **options: Any,
) -> None:
    faults: list[Exception] = []
    # The database fills the next batch while GDAL writes this one.
    with closing(ahead(reader)) as batches, warnings.catch_warnings():
        # A local grid has no code to name, and GDAL tells of each identity that it keeps as a double.
        warnings.simplefilter("ignore")
        stream = pa.RecordBatchReader.from_batches(reader.schema, _remembering(batches, faults))
        try:
            pyogrio.write_arrow(
                stream,
                path,
                layer=rows.layer.name,
                driver=driver,
                geometry_name=GEOMETRY,
                geometry_type=rows.layer.geometry,
                crs=f"EPSG:{content.srid}" if content.srid else None,
                encoding=encoding,
                append=path.exists(),
                layer_options=options,
            )
        except Exception:
            if faults:
                raise faults[0] from None
            raise


def _remembering(batches: Iterable[pa.RecordBatch], faults: list[Exception]) -> Iterator[pa.RecordBatch]:
    """The batches; GDAL would say of a fault in making them only that there was one."""
    try:
        yield from batches
    except Exception as fault:
        faults.append(fault)
        raise
