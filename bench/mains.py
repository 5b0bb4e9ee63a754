"""A water network of any size straight in the tables: looped streets with valves, hydrants and consumers.

About 1.14 segments a node, a valve on a quarter of the pipe ends, one in a hundred closed and one in fifty stuck, a
check valve in one street of five hundred, four waterworks; beside every fourth street runs a gas main and a telecom
duct, so that a burst has neighbours.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from psycopg.sql import SQL, Identifier

from pipemap.db import Connection, Database

_STREET_M = 200.0
_PIECES = 4
_ORIGIN_M = np.array([500_000.0, 2_500_000.0])
_AXIS_M = 8.0
_OTHERS = (("gas", 1.5, 8.4), ("telecom", -2.0, 9.0))


@dataclass(frozen=True, eq=False)
class _Streets:
    """Points (n, 2) in metres, crossings first, and point chains (streets, pieces + 1)."""

    place: npt.NDArray[np.float64]
    chains: npt.NDArray[np.int64]
    crossings: int
    is_one_way: npt.NDArray[np.bool_]


def plant_mains(database: Database, edges: int, seed: int = 7) -> None:
    """Version 1 of a map with about so many water segments, written with the indexes built at the end."""
    rng = np.random.default_rng(seed)
    streets = _lay(max(2, round((edges / (2 * _PIECES)) ** 0.5)), rng)
    nodes, segments, consumers = _nodes(streets, rng), _segments(streets), _consumers(streets, rng)
    with database.transaction() as connection:
        connection.execute("INSERT INTO pipemap.dataset (dataset_id, name) VALUES (1, 'mains')")
        connection.execute(
            "INSERT INTO pipemap.version (version, changeset_id, author, message, counts) VALUES (1, 0, 'a', 'm', '{}')"
        )
        for kind, frame in (("node", nodes), ("pipe_segment", segments), ("consumer", consumers)):
            _write(connection, kind, frame)
        highest = max(frame["feature_id"].max() for frame in (nodes, segments, consumers))
        connection.execute("SELECT setval('pipemap.feature_id_seq', %s)", [int(highest)])


def _lay(side: int, rng: np.random.Generator) -> _Streets:
    column, row = np.meshgrid(np.arange(side), np.arange(side))
    crossings = np.stack([column.ravel(), row.ravel()], axis=1) * _STREET_M
    index = np.arange(side * side).reshape(side, side)
    edges = np.concatenate(
        [
            np.stack([index[:, :-1].ravel(), index[:, 1:].ravel()], axis=1),
            np.stack([index[:-1].ravel(), index[1:].ravel()], axis=1),
        ]
    )
    share = np.arange(1, _PIECES)[None, :, None] / _PIECES
    a, b = crossings[edges[:, 0]][:, None, :], crossings[edges[:, 1]][:, None, :]
    between = (a + share * (b - a)).reshape(-1, 2)
    middle = side * side + np.arange(len(edges) * (_PIECES - 1)).reshape(len(edges), -1)
    place = np.concatenate([crossings, between]) + _ORIGIN_M
    chains = np.hstack([edges[:, :1], middle, edges[:, 1:]])
    return _Streets(place, chains, side * side, rng.random(len(chains)) < 0.002)


def _nodes(streets: _Streets, rng: np.random.Generator) -> pd.DataFrame:
    count = len(streets.place)
    words = np.full(count, None, object)
    ends = streets.chains[:, [1, -2]].ravel()
    words[ends[rng.random(len(ends)) < 0.5]] = "valve"
    middles = streets.chains[:, _PIECES // 2]
    words[middles[rng.random(len(middles)) < 0.25]] = "hydrant"
    words[middles[streets.is_one_way]] = "check_valve"
    words[rng.choice(streets.crossings, 4, replace=False)] = "waterworks"
    is_valve = words == "valve"
    return pd.DataFrame(
        {
            "feature_id": 1 + np.arange(count),
            "source_key": [f"JS{k}" for k in range(count)],
            "class_code": "water",
            "appurtenance_code": words,
            "valve_state_code": np.where(is_valve, np.where(rng.random(count) < 0.01, "closed", "open"), None),
            "operability_code": np.where(is_valve, np.where(rng.random(count) < 0.02, "inoperable", "operable"), None),
            "geom": _hex(shapely.points(streets.place)),
        }
    )


def _segments(streets: _Streets) -> pd.DataFrame:
    start, end = streets.chains[:, :-1].ravel(), streets.chains[:, 1:].ravel()
    nodes = len(streets.place)
    water = _lines(start, end, streets.place, "water", 0.0, _AXIS_M)
    water["flow_direction_code"] = np.where(np.repeat(streets.is_one_way, _PIECES), "forward", "unknown")
    others = [
        _lines(start[:: _PIECES * 4], end[:: _PIECES * 4], streets.place, code, offset_m, axis_m)
        for code, offset_m, axis_m in _OTHERS
    ]
    frame = pd.concat([water, *others], ignore_index=True)
    frame["feature_id"] = 1 + nodes + np.arange(len(frame))
    return frame


def _lines(
    start: npt.NDArray[np.int64],
    end: npt.NDArray[np.int64],
    place: npt.NDArray[np.float64],
    class_code: str,
    offset_m: float,
    axis_m: float,
) -> pd.DataFrame:
    xyz = np.stack([place[start] + offset_m, place[end] + offset_m], axis=1)
    axis = np.concatenate([xyz, np.full((*xyz.shape[:2], 1), axis_m)], axis=2)
    return pd.DataFrame(
        {
            "source_key": [f"JS{a}->JS{b} {class_code}" for a, b in zip(start, end, strict=True)],
            "class_code": class_code,
            "from_node_id": 1 + start,
            "to_node_id": 1 + end,
            "shape_code": "circle",
            "width_mm": 200.0,
            "height_mm": 200.0,
            "material_code": "ductile_iron",
            "owner": f"{class_code} company",
            "depth_datum_code": "axis",
            "elevation_source_code": "measured",
            "geom": _hex(shapely.linestrings(axis)),
        }
    )


def _consumers(streets: _Streets, rng: np.random.Generator) -> pd.DataFrame:
    node = rng.choice(len(streets.place), len(streets.place) // 4, replace=False)
    critical = rng.random(len(node)) < 0.01
    first = 1 + len(streets.place) + streets.chains.shape[0] * _PIECES * 2
    return pd.DataFrame(
        {
            "feature_id": first + np.arange(len(node)),
            "source_key": [f"U{k}" for k in node],
            "class_code": "water",
            "node_id": 1 + node,
            "kind_code": np.where(critical, "hospital", "household"),
            "name": np.where(critical, "hospital", None),
            "people": rng.integers(1, 200, len(node)),
            "is_critical": critical,
            "geom": _hex(shapely.points(streets.place[node] + 3.0)),
        }
    )


def _hex(shapes: npt.NDArray[np.object_]) -> npt.NDArray[np.object_]:
    found: npt.NDArray[np.object_] = shapely.to_wkb(shapely.set_srid(shapes, 4547), hex=True, include_srid=True)
    return found


def _write(connection: Connection, kind: str, frame: pd.DataFrame) -> None:
    indexes = connection.execute(
        "SELECT i.relname AS name, pg_get_indexdef(i.oid) AS definition FROM pg_index x"
        " JOIN pg_class i ON i.oid = x.indexrelid WHERE x.indrelid = %s::regclass AND NOT x.indisunique",
        [f"pipemap.{kind}"],
    ).fetchall()
    for index in indexes:
        connection.execute(SQL("DROP INDEX {}").format(Identifier("pipemap", index["name"])))
    rows = frame.assign(dataset_id=1, valid_from_version=1)
    names = SQL(", ").join(map(Identifier, rows.columns))
    with connection.cursor().copy(
        SQL("COPY {} ({}) FROM STDIN CSV").format(Identifier("pipemap", kind), names)
    ) as copy:
        for first in range(0, len(rows), 50_000):
            copy.write(rows.iloc[first : first + 50_000].to_csv(index=False, header=False))
    for index in indexes:
        connection.execute(index["definition"])
    connection.execute(SQL("ANALYZE {}").format(Identifier("pipemap", kind)))
