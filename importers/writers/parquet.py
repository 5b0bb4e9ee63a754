"""GeoParquet 1.1: one file a layer, geometry as WKB, easting or longitude first whatever the CRS says."""

import json
from typing import Any

import pyarrow.parquet as pq
from pyproj import CRS

from pipemap.sharing.layers import GEOMETRY, Content, LayerRows


def write_geoparquet(content: Content) -> None:
    """Write each layer with the metadata that GeoParquet asks for."""
    for rows in content.layers:
        schema = rows.schema.with_metadata({"geo": json.dumps(_metadata(content, rows))})
        with pq.ParquetWriter(content.folder / f"{rows.layer.name}.parquet", schema, compression="zstd") as file:
            for batch in rows.batches:
                file.write_batch(batch.replace_schema_metadata(schema.metadata))


def _metadata(content: Content, rows: LayerRows) -> dict[str, Any]:
    column = {
        "encoding": "WKB",
        "geometry_types": [rows.layer.geometry],
        # A null CRS is an unknown one; without the member it would be longitude and latitude.
        "crs": CRS.from_epsg(content.srid).to_json_dict() if content.srid else None,
    }
    return {"version": "1.1.0", "primary_column": GEOMETRY, "columns": {GEOMETRY: column}}
