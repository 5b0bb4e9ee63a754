"""EPANET models as deliveries: junctions, tanks, reservoirs, pipes, pumps, valves and demands."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import shapely

from importers.base import DERIVED, RecordTable
from importers.epanet_model import ModelLink, ModelNode, read_model
from pipemap.errors import SourceError

_NODE_APPURTENANCES = {"junctions": None, "reservoirs": "reservoir", "tanks": "tank"}
_DEVICES = {"PRV": "pressure_reducing_valve", "PUMP": "pump_station", "CV": "check_valve"}

_Row = dict[str, Any]


class EpanetReader:
    """Reads .inp files by the EPANET engine; a row's number is the element's line in the file.

    Tables (sheet, role): `junctions`, `reservoirs`, `tanks` (node); `pipes`, `pumps`, `valves`
    (node where there are devices, and segment); `demands` (consumer: each junction with a mean demand
    above 0). Columns are named by the attributes of the model: `key`, `class`, `ground_elevation_m`,
    `appurtenance`, `valve_state`; `from_key`, `to_key`, `diameter` (mm), `flow_direction`;
    `node_key`, `kind`, `demand_m3_per_d`. `id`, `type`, `status`, `length_m`, `head_m` and
    `bottom_elevation_m` are the model's own. Unknown is None or NaN.

    A pump, a valve, a pipe with a check valve and a closed pipe have a node in their middle (named
    like the link, with the device as appurtenance; a closed pipe has a closed valve) and two
    segments. So that a row of the file counts once, the boolean column `__derived__` is true on
    all but one of the rows that an element became: a pump or valve counts as its node, a pipe as
    its first half. Demands are all derived, since their junction has been counted.

    Coordinates are the model's own, often schematic: `crs` is always None. Junction elevations are
    taken for the ground; a reservoir's is its head and a tank's its bottom, so their ground is unknown.
    """

    name = "epanet"

    def accepts(self, path: Path) -> bool:
        """Whether the file is called .inp; other models of that name are refused with a sentence."""
        return path.suffix.lower() == ".inp"

    def read(self, paths: Sequence[Path], options: dict[str, Any]) -> Iterator[RecordTable]:
        """Yield the tables of each model, nodes first; there are no options.

        Raises
        ------
        SourceError
            When EPANET refuses the file (with its reason), or it holds no network or no coordinates.
        """
        for path in paths:
            if not path.is_file():
                raise SourceError(f"{path.name} does not exist.", message_zh=f"{path.name} 不存在。")
            nodes, links = read_model(path)
            _demand_a_network(path, nodes, links)
            yield from _node_tables(path, nodes)
            yield from _link_tables(path, nodes, links)
            consumers = [(node.row, _consumer(node), _point(node)) for node in nodes if node.demand_m3_per_d > 0]
            yield from _table(path, "demands", "consumer", consumers)


def _demand_a_network(path: Path, nodes: list[ModelNode], links: list[ModelLink]) -> None:
    if not nodes or not links:
        raise SourceError(
            f"{path.name} holds no network: sections like [JUNCTIONS] and [PIPES] were looked for.",
            message_zh=f"{path.name} 中没有管网（未找到 [JUNCTIONS]、[PIPES] 等段）。",
        )
    if all(node.xy is None for node in nodes):
        raise SourceError(
            f"{path.name} has no [COORDINATES]; export the model with its map coordinates.",
            message_zh=f"{path.name} 没有 [COORDINATES] 坐标段，请连同地图坐标一起导出。",
        )


def _node_tables(path: Path, nodes: list[ModelNode]) -> Iterator[RecordTable]:
    for kind in _NODE_APPURTENANCES:
        rows = [(node.row, _node(node), _point(node)) for node in nodes if node.kind == kind]
        yield from _table(path, kind, "node", rows)


def _node(node: ModelNode) -> _Row:
    elevation_of = {"junctions": "ground_elevation_m", "reservoirs": "head_m", "tanks": "bottom_elevation_m"}
    row = {"key": node.id, "class": "water", "appurtenance": _NODE_APPURTENANCES[node.kind], DERIVED: False}
    return {**row, elevation_of[node.kind]: node.elevation_m}


def _consumer(node: ModelNode) -> _Row:
    return {
        "key": node.id,
        "class": "water",
        "node_key": node.id,
        "kind": "household",
        "demand_m3_per_d": node.demand_m3_per_d,
        DERIVED: True,
    }


def _link_tables(path: Path, nodes: list[ModelNode], links: list[ModelLink]) -> Iterator[RecordTable]:
    taken = {node.id for node in nodes}
    for kind in ("pipes", "pumps", "valves"):
        devices: list[tuple[int, _Row, Any]] = []
        segments: list[tuple[int, _Row, Any]] = []
        for link in (link for link in links if link.kind == kind):
            if link.type == "PIPE" and not link.is_closed:
                segments.append(
                    (link.row, _segment(link), None if link.path is None else shapely.LineString(link.path))
                )
            else:
                # Nodes and links have names of their own in EPANET, a point number has to be unique.
                key = link.id if link.id not in taken else f"{link.id}@link"
                taken.add(key)
                before, middle, after = _split(link.path)
                devices.append((link.row, _device(link, key), middle))
                first, second = _halves(link, key)
                segments += [(link.row, first, before), (link.row, second, after)]
        yield from _table(path, kind, "node", devices)
        yield from _table(path, kind, "segment", segments)


def _device(link: ModelLink, key: str) -> _Row:
    return {
        "key": key,
        "class": "water",
        "appurtenance": _DEVICES.get(link.type, "valve"),
        "valve_state": None if link.type in ("PUMP", "CV") else "closed" if link.is_closed else "open",
        "id": link.id,
        "type": link.type,
        "status": "closed" if link.is_closed else "open",
        DERIVED: link.kind == "pipes",
    }


def _segment(link: ModelLink) -> _Row:
    return {
        "from_key": link.from_node.id,
        "to_key": link.to_node.id,
        "class": "water",
        "diameter": link.diameter_mm,
        "flow_direction": None if link.type == "PIPE" else "forward",
        "id": link.id,
        "type": link.type,
        "status": "closed" if link.is_closed else "open",
        "length_m": link.length_m,
        DERIVED: False,
    }


def _halves(link: ModelLink, key: str) -> tuple[_Row, _Row]:
    whole = _segment(link)
    half = {**whole, "length_m": whole["length_m"] / 2}
    return {**half, "to_key": key, DERIVED: link.kind != "pipes"}, {**half, "from_key": key, DERIVED: True}


def _split(path: list[tuple[float, float]] | None) -> tuple[Any, Any, Any]:
    """The path's first half, its middle and its second half; vertices stay on their side."""
    if path is None:
        return None, None, None
    line = shapely.LineString(path)
    middle = shapely.line_interpolate_point(line, line.length / 2)
    cut = (middle.x, middle.y)
    along_m = np.cumsum(np.hypot(*np.diff(np.asarray(path), axis=0).T))[:-1]
    n_before = 1 + int(np.sum(along_m < line.length / 2))
    n_not_after = 1 + int(np.sum(along_m <= line.length / 2))
    return shapely.LineString([*path[:n_before], cut]), middle, shapely.LineString([cut, *path[n_not_after:]])


def _point(node: ModelNode) -> shapely.Point | None:
    return None if node.xy is None else shapely.Point(node.xy)


def _table(path: Path, sheet: str, role: str, records: list[tuple[int, _Row, Any]]) -> Iterator[RecordTable]:
    if records:
        numbers, rows, shapes = zip(*records, strict=True)
        frame = pd.DataFrame({name: _column(rows, name) for name in rows[0]}).set_index(pd.Index(numbers))
        yield RecordTable(path.name, sheet, frame, np.array([*shapes, None], dtype=object)[:-1], role=role)


def _column(rows: Sequence[_Row], name: str) -> "pd.Series[Any]":
    values = [row[name] for row in rows]
    is_text = any(value is None or isinstance(value, str) for value in values)
    return pd.Series(values, dtype=object if is_text else None)
