"""GeoParquet through Arrow, which reads it without GDAL: geometry as well-known binary, the system as PROJJSON."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyproj import CRS
from pyproj.exceptions import CRSError

from importers.layers.files import LayerFile, head
from importers.refusing import refusal

DRIVER = "Parquet"

_MAGIC = b"PAR1"
_LONGITUDE_LATITUDE = "OGC:CRS84"


def geoparquet(path: Path, _scratch: Path, _encoding: str | None) -> LayerFile:
    """A file of one layer; without the key `geo` of GeoParquet it is a table alone."""
    if head(path, len(_MAGIC)) != _MAGIC:
        raise refusal(path, "is not Parquet, whatever its name says", "不是 Parquet 文件")
    try:
        n_rows = pq.ParquetFile(path).metadata.num_rows
    except (pa.ArrowException, OSError, ValueError) as error:
        raise refusal(
            path, "is damaged: its Parquet footer cannot be read; ask for it again", "已损坏，请重新提供"
        ) from error
    return LayerFile(path, DRIVER, path, is_proven=True, declared_rows=n_rows)


def batches(file: LayerFile, chunk_rows: int) -> tuple[list[str], CRS | None, Iterator[Any]]:
    """The fields, the system, and the rows in record batches of the fields with the geometry behind them.

    Structures, such as the boxes that writers add, and other binary columns are left out.

    Raises
    ------
    SourceError
        When the geometry is in one of Arrow's own encodings.
    """
    opened = pq.ParquetFile(file.path)
    schema = opened.schema_arrow
    column, told = _geometry_column(schema)
    if column is not None and str(told.get("encoding", "WKB")).upper() != "WKB":
        raise refusal(
            file.path,
            "holds geometry in Arrow's own encoding; write it with the encoding WKB or as a GeoPackage",
            "的几何采用 Arrow 原生编码，请改用 WKB 编码或 GeoPackage",
        )
    fields = [field.name for field in schema if field.name != column and not _is_left_out(field.type)]
    wanted = [*fields, column] if column is not None else fields
    return fields, _crs(told), (batch.select(wanted) for batch in opened.iter_batches(chunk_rows))


def _geometry_column(schema: Any) -> tuple[str | None, dict[str, Any]]:
    """The main geometry column, and what the file tells of it."""
    try:
        geo = json.loads((schema.metadata or {}).get(b"geo", b"{}"))
        column = geo.get("primary_column")
        told = geo["columns"][column] if column in schema.names else None
    except (ValueError, KeyError, TypeError, AttributeError):
        return None, {}
    return (column, told) if isinstance(told, dict) else (None, {})


def _crs(told: dict[str, Any]) -> CRS | None:
    given = told.get("crs", _LONGITUDE_LATITUDE)
    try:
        return None if given is None else CRS.from_user_input(given)
    except CRSError:
        return None


def _is_left_out(kind: Any) -> bool:
    return bool(pa.types.is_struct(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind))
