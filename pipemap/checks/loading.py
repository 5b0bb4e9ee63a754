"""Loads the scope of a changeset: one COPY per kind, decoded by Arrow."""

import io
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.csv as arrow_csv
import shapely
from psycopg.sql import SQL, Composable, Identifier
from sqlalchemy.dialects.postgresql import BIGINT, BOOLEAN, DOUBLE_PRECISION, INTEGER, REAL

from pipemap.checks.scope import Kind, Scope
from pipemap.db import Connection, fetch_all
from pipemap.projects import read_project
from pipemap.sql import queries
from schemas.codetables import code_table
from schemas.tables import metadata, state_names

_CELL_M = 100.0
_MARGIN_M = 60.0
_LINK_TYPES = {"feature_id": pa.int64(), "from_node_id": pa.int64(), "to_node_id": pa.int64()}


def load_scope(connection: Connection, changeset_id: int) -> Scope:
    """The features a changeset touches, their neighbours within 60 m, and the networks they are part of."""
    srid = read_project(connection).srid
    wanted = {"changeset_id": changeset_id, "cell_m": _CELL_M, "margin_m": _MARGIN_M, "srid": srid}
    for step in ("create_cells", "fill_cells", "create_near", "fill_near", "fill_near_nodes"):
        connection.execute(queries("checks")[step], wanted)
    frames: dict[Kind, pd.DataFrame] = {
        "node": _features(connection, "node", changeset_id),
        "pipe_segment": _features(connection, "pipe_segment", changeset_id),
        "consumer": _features(connection, "consumer", changeset_id),
        "structure": _features(connection, "structure", changeset_id),
    }
    network = {"changeset_id": changeset_id, "classes": _classes_to_follow(frames)}
    farther_links = _copied(connection, SQL(queries("checks")["farther_links"]), network, _LINK_TYPES)
    return Scope.of(
        *frames.values(),
        links=pd.concat([frames["pipe_segment"][farther_links.columns], farther_links], ignore_index=True),
        stations=_copied(connection, SQL(queries("checks")["stations"]), network, {"feature_id": pa.int64()}),
        disturbed_node_ids=[row["node_id"] for row in fetch_all(connection, queries("checks")["disturbed"], wanted)],
        srid=srid,
    )


def _classes_to_follow(frames: dict[Kind, pd.DataFrame]) -> list[str]:
    """The classes that share a network with one that is loaded: all of its group."""
    loaded = set(frames["node"]["class_code"].unique()) | set(frames["pipe_segment"]["class_code"].unique())
    classes = code_table("utility_class")
    groups = {classes[code].fields["group_code"] for code in loaded if code in classes}
    return sorted(loaded | {code.code for code in classes.values() if code.fields["group_code"] in groups})


def _features(connection: Connection, kind: Kind, changeset_id: int) -> pd.DataFrame:
    names = [name for name in state_names(kind) if name not in ("extra", "source_file_id")]
    statement = SQL(queries("checks")["features"]).format(
        columns=SQL(", ").join(Identifier("f", name) for name in names),
        effective=Identifier("pipemap_app", f"{kind}_in_changeset"),
    )
    types = {name: _arrow_type(metadata.tables[f"pipemap.{kind}"].columns[name].type) for name in names}
    frame = _copied(connection, statement, {"changeset_id": changeset_id}, {**types, "changed": pa.bool_()})
    frame["geom"] = shapely.from_wkb(frame["geom"].to_numpy(object))
    return frame


def _arrow_type(kind: Any) -> pa.DataType:
    if isinstance(kind, BIGINT | INTEGER):
        return pa.int64()
    if isinstance(kind, REAL | DOUBLE_PRECISION):
        return pa.float64()
    return pa.bool_() if isinstance(kind, BOOLEAN) else pa.string()


def _copied(
    connection: Connection, statement: Composable, params: dict[str, Any], types: dict[str, pa.DataType]
) -> pd.DataFrame:
    whole = SQL("COPY ({}) TO STDOUT (FORMAT csv, HEADER)").format(statement)
    with connection.cursor().copy(whole, params) as copy:
        text = b"".join(copy)
    table = arrow_csv.read_csv(
        io.BytesIO(text),
        parse_options=arrow_csv.ParseOptions(newlines_in_values=True),
        convert_options=arrow_csv.ConvertOptions(
            column_types={"file": pa.string(), "class_code": pa.string(), "lifecycle_code": pa.string(), **types},
            null_values=[""],
            true_values=["t"],
            false_values=["f"],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )
    frame: pd.DataFrame = table.to_pandas()
    return frame
