"""The binary scene holds what is in the database, place by place."""

from typing import Any

import numpy as np
import orjson
import pytest
from sqlalchemy import insert

from pipemap.db import Database
from pipemap.scene import encode_scene
from schemas.tables import metadata

EAST, NORTH = 500_000.0, 2_500_000.0


def decode(scene: bytes) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """An independent reader of the layout, as a browser would do it."""
    header_end = 4 + int.from_bytes(scene[:4], "little")
    header = orjson.loads(scene[4:header_end])
    columns = {}
    for name, column in header["columns"].items():
        at = header_end + column["offset"]
        assert at % np.dtype(column["dtype"]).itemsize == 0
        values = np.frombuffer(scene, column["dtype"], column["length"], at)
        columns[name] = values.reshape(-1, column["components"]) if column["components"] > 1 else values
    return header, columns


def node(feature_id: int, x: float, y: float, ground: float | None, **more: Any) -> dict[str, Any]:
    place = f"SRID=4547;POINT({EAST + x} {NORTH + y})"
    return identity(feature_id) | {"class_code": "water", "ground_elevation_m": ground, "geom": place} | more


def segment(feature_id: int, ends: tuple[int, int], axis: str, source: str, **more: Any) -> dict[str, Any]:
    return (
        identity(feature_id)
        | {"from_node_id": ends[0], "to_node_id": ends[1], "geom": f"SRID=4547;{axis}"}
        | {"class_code": "water", "shape_code": "circle", "depth_datum_code": "crown", "elevation_source_code": source}
        | more
    )


def identity(feature_id: int) -> dict[str, Any]:
    return {"feature_id": feature_id, "dataset_id": 1, "source_key": str(feature_id), "valid_from_version": 1}


def put(database: Database, table: str, *rows: dict[str, Any]) -> None:
    engine = database.engine()
    with engine.begin() as connection:
        for row in rows:
            connection.execute(insert(metadata.tables[f"pipemap.{table}"]).values(row))
    engine.dispose()


@pytest.fixture
def scene_database(database: Database) -> Database:
    put(database, "changeset", {"changeset_id": 1, "title": "t", "kind": "import", "base_version": 0, "author": "a"})
    put(database, "version", {"version": 1, "changeset_id": 1, "author": "a", "message": "m", "counts": {}})
    put(
        database,
        "node",
        node(1, 0, 0, 20.0, appurtenance_code="valve", valve_state_code="closed"),
        node(2, 100, 0, 22.0),
        node(3, 100, 50, None),
        node(4, 0, 50, 21.0, class_code="gas"),
    )
    x0, x1, y0, y1 = EAST, EAST + 100, NORTH, NORTH + 50
    put(
        database,
        "pipe_segment",
        segment(
            11,
            (1, 2),
            f"LINESTRING Z({x0} {y0} 18.5, {x0 + 40} {y0} 18.25, {x1} {y0} 18)",
            "measured",
            width_mm=300,
            height_mm=300,
        ),
        segment(12, (2, 3), f"LINESTRING({x1} {y0}, {x1} {y1})", "unknown", lifecycle_code="abandoned"),
        segment(13, (1, 2), f"LINESTRING({x0} {y0}, {x0 + 25} {y0}, {x1} {y0})", "unknown", width_mm=100),
        segment(
            14,
            (4, 3),
            f"LINESTRING Z({x0} {y1} 19, {x1} {y1} 19.5)",
            "inferred",
            class_code="power",
            shape_code="rect",
            width_mm=600,
            height_mm=400,
        ),
    )
    consumer = {"class_code": "water", "kind_code": "hospital", "geom": f"SRID=4547;POINT({x1} {y0 + 10})"}
    put(database, "consumer", identity(21) | consumer | {"is_critical": True})
    outline = f"SRID=4547;POLYGON(({x0} {y0}, {x0 + 10} {y0}, {x0 + 10} {y0 + 10}, {x0} {y0}))"
    put(database, "structure", identity(31) | {"kind_code": "building", "top_elevation_m": 45.5, "geom": outline})
    return database


def read(database: Database, bbox: tuple[float, ...] | None = None, version: int | None = None) -> Any:
    with database.transaction(read_only=True) as connection:
        return decode(encode_scene(connection, bbox, version).body)


def axis(header: dict[str, Any], columns: dict[str, np.ndarray], feature_id: int) -> np.ndarray:
    index = columns["segment_id"].tolist().index(feature_id)
    start, end = columns["segment_start"][index : index + 2]
    return columns["segment_vertex"][start:end] + np.array(header["origin"])


def test_a_measured_axis_arrives_to_the_millimetre(scene_database: Database) -> None:
    header, columns = read(scene_database)
    assert header["version"] == 1 and header["srid"] == 4547
    expected = [[EAST, NORTH, 18.5], [EAST + 40, NORTH, 18.25], [EAST + 100, NORTH, 18]]
    np.testing.assert_allclose(axis(header, columns, 11), expected, atol=1e-3)


def test_an_axis_of_unknown_depth_is_flagged_and_drawn_at_its_ground(scene_database: Database) -> None:
    header, columns = read(scene_database)
    flags = dict(zip(columns["segment_id"].tolist(), columns["segment_flags"].tolist(), strict=True))
    # bit 1 depth unknown, bit 2 ground unknown too, bit 4 inferred, bit 8 not in service
    assert flags == {11: 0, 12: 1 | 8, 13: 1, 14: 4}
    np.testing.assert_allclose(axis(header, columns, 13)[:, 2], [20.0, 20.5, 22.0], atol=1e-3)
    np.testing.assert_allclose(axis(header, columns, 12)[:, 2], [22.0, 22.0], atol=1e-3)


def test_sizes_classes_and_states_are_those_of_the_features(scene_database: Database) -> None:
    header, columns = read(scene_database)
    by_id = {feature_id: index for index, feature_id in enumerate(columns["segment_id"].tolist())}
    duct, unsized = by_id[14], by_id[12]
    assert header["classes"][columns["segment_class"][duct]] == "power"
    assert header["shapes"][columns["segment_shape"][duct]] == "rect"
    assert (columns["segment_width_mm"][duct], columns["segment_height_mm"][duct]) == (600, 400)
    assert np.isnan(columns["segment_width_mm"][unsized])
    valve = columns["node_id"].tolist().index(1)
    assert header["appurtenances"][columns["node_appurtenance"][valve]] == "valve"
    assert header["valve_states"][columns["node_state"][valve]] == "closed"
    assert columns["node_appurtenance"][columns["node_id"].tolist().index(2)] == 255
    assert np.isnan(columns["node_place"][columns["node_id"].tolist().index(3), 2])
    assert columns["consumer_is_critical"].tolist() == [1]
    assert columns["structure_top"][0] + header["origin"][2] == pytest.approx(45.5, abs=1e-3)
    assert np.isnan(columns["structure_base"][0])
    assert columns["structure_start"].tolist() == [0, 4]


def test_a_box_keeps_what_touches_it_whole(scene_database: Database) -> None:
    header, columns = read(scene_database, (EAST + 90, NORTH - 5, EAST + 110, NORTH + 5))
    assert sorted(columns["segment_id"].tolist()) == [11, 12, 13]
    assert len(axis(header, columns, 11)) == 3
    flat = read(scene_database, (EAST + 90, NORTH - 5, -100, EAST + 110, NORTH + 5, 100))[1]
    assert flat["segment_id"].tolist() == columns["segment_id"].tolist()


def test_a_version_before_the_first_and_an_empty_box_are_empty_scenes(scene_database: Database) -> None:
    for header, columns in (read(scene_database, version=0), read(scene_database, (0, 0, 1, 1))):
        assert header["extent"] is None and header["origin"] == [0, 0, 0]
        assert all(column.size == 0 for name, column in columns.items() if not name.endswith("_start"))


def test_the_ground_passes_through_surveyed_points(scene_database: Database) -> None:
    header, columns = read(scene_database)
    vertices = columns["ground_vertex"] + np.array(header["origin"])
    surveyed = [[EAST, NORTH, 20], [EAST, NORTH + 50, 21], [EAST + 100, NORTH, 22]]
    np.testing.assert_allclose(vertices[np.lexsort(vertices.T[1::-1])], sorted(surveyed), atol=1e-3)
    assert sorted(columns["ground_triangle"].ravel().tolist()) == [0, 1, 2]
