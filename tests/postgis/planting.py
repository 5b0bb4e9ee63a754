"""Puts features straight into the current tables, for tests that ask questions of a known map."""

from collections.abc import Mapping, Sequence
from typing import Any

from psycopg.sql import SQL, Identifier, Placeholder

from pipemap.db import Connection

# Where planted streets begin.
EAST, NORTH = 500_000.0, 2_500_000.0
DEFAULTS: dict[str, dict[str, Any]] = {
    "node": {"class_code": "water"},
    "pipe_segment": {
        "class_code": "water",
        "from_node_id": 0,
        "to_node_id": 0,
        "shape_code": "circle",
        "depth_datum_code": "crown",
        "elevation_source_code": "measured",
    },
    "consumer": {"class_code": "water", "kind_code": "residential", "is_critical": False},
    "structure": {"kind_code": "building"},
}


def wkt(points: Sequence[Sequence[float]]) -> str:
    dimension = " Z" if len(points[0]) == 3 else ""
    inside = ", ".join(" ".join(repr(float(value)) for value in point) for point in points)
    return f"LINESTRING{dimension}({inside})"


def plant(connection: Connection, kind: str, feature_id: int, geom: str, **attributes: Any) -> int:
    """One feature, `geom` as WKT in the project CRS; `table` and `valid_to_version` put it into the history."""
    row: Mapping[str, Any] = {
        "feature_id": feature_id,
        "dataset_id": 1,
        "source_key": f"K{feature_id}",
        "valid_from_version": 1,
        **DEFAULTS[kind],
        **{name: value for name, value in attributes.items() if name != "table"},
    }
    statement = SQL("INSERT INTO {} ({}, geom) VALUES ({}, ST_GeomFromText(%(geom)s, 4547))").format(
        Identifier("pipemap", attributes.get("table", kind)),
        SQL(", ").join(map(Identifier, row)),
        SQL(", ").join(map(Placeholder, row)),
    )
    connection.execute(statement, {**row, "geom": geom})
    return feature_id


def plant_pipe(connection: Connection, number: int, *axis: tuple[float, ...], **attributes: Any) -> int:
    """A pipe of 400 mm between two nodes of its own at 10 m of ground, its axis in metres from EAST, NORTH."""
    moved = [(EAST + x, NORTH + y, *z) for x, y, *z in axis]
    for node, place in ((10 * number, moved[0]), (10 * number + 1, moved[-1])):
        plant(connection, "node", node, f"POINT({place[0]} {place[1]})", ground_elevation_m=10.0)
    shape = {"width_mm": 400, "height_mm": 400, "horizontal_accuracy_m": 0.01, "vertical_accuracy_m": 0.01}
    ends = {"from_node_id": 10 * number, "to_node_id": 10 * number + 1}
    return plant(connection, "pipe_segment", number, wkt(moved), **{**shape, **ends, **attributes})


def plant_version(connection: Connection, version: int) -> None:
    connection.execute(
        "INSERT INTO pipemap.version (version, changeset_id, author, message, counts) VALUES (%s, %s, 'a', 'm', '{}')",
        [version, version],
    )
