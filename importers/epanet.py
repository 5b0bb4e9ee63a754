"""EPANET models as deliveries: junctions, tanks, reservoirs, pipes, pumps, valves and demands."""

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

from pyproj import CRS

from importers.base import DERIVED, RecordTable
from importers.models.elements import Element, Sheet, halved, map_in_degrees, scale_of_map, with_findings
from importers.models.epanet_model import Fault, Model, ModelLink, ModelNode, read_model
from importers.models.inp_files import is_swmm
from importers.refusing import refusal
from schemas.findings import Finding, Severity

_NODE_APPURTENANCES = {"junctions": None, "reservoirs": "reservoir", "tanks": "tank"}
_ELEVATIONS = {"junctions": "ground_elevation_m", "reservoirs": "head_m", "tanks": "bottom_elevation_m"}
_DEGREES = "degrees"
# A throttle, a general, a positional and a pressure breaker valve are ways to reckon with a plain valve.
_DEVICES = {
    "PRV": "pressure_reducing_valve",
    "PSV": "pressure_sustaining_valve",
    "FCV": "flow_control_valve",
    "PUMP": "pump_station",
    "CV": "check_valve",
}

_Row = dict[str, Any]


class EpanetReader:
    """Reads .inp files by the EPANET engine; a row's number is the element's line in the file.

    Tables (sheet, role): `junctions`, `reservoirs`, `tanks` (node); `pipes`, `pumps`, `valves`
    (node where there are devices, and segment); `demands` (consumer: each junction with a mean demand
    above 0). Columns are named by the attributes of the model: `key`, `class`, `name` (the comment),
    `ground_elevation_m`, `appurtenance`, `valve_state`; `from_key`, `to_key`, `diameter` (mm),
    `flow_direction`; `node_key`, `demand_m3_per_d`. The others are the model's own, as a pressure run needs them:
    `id`, `type`, `status`, `length_m` (0 beside a pump or valve, which has none), `roughness`, `head_loss`,
    `minor_loss`, `setting`, `setting_m`, `setting_m3_per_d`, `pump_curve` (pairs of m³/d and m), `power_kw`, `speed`,
    `comment`, `tag`, `head_m`, `bottom_elevation_m`, `level_m`. Unknown is None or NaN.

    A pump, a valve, a pipe with a check valve and a closed pipe have a node in their middle (named
    like the link, with the device as appurtenance; a closed pipe has a closed valve) and two
    segments. So that a row of the file counts once, the boolean column `__derived__` is true on
    all but one of the rows that an element became: a pump or valve counts as its node, a pipe as
    its first half. Demands are all derived, since their junction has been counted.

    A line that the engine finds fault with is refused with the engine's words, or, where it named its nodes,
    loaded with its numbers unknown. Coordinates are the model's own, often schematic: `crs` is None but where
    the map is in degrees. Junction elevations are taken for the ground; a reservoir's is its head and a tank's
    its bottom, so their ground is unknown.
    """

    name = "epanet"

    def accepts(self, path: Path) -> bool:
        """Whether the file is called .inp and is no SWMM model."""
        return path.suffix.lower() == ".inp" and not (path.is_file() and is_swmm(path.read_bytes()))

    def read(self, paths: Sequence[Path], options: dict[str, Any]) -> Iterator[RecordTable]:
        """Yield the tables of each model, nodes first; there are no options.

        Raises
        ------
        SourceError
            When EPANET refuses the file (with its reason), or it holds no network or no coordinates.
        """
        for path in paths:
            model = read_model(path)
            _demand_a_network(path, model)
            tables = (table for sheet in _sheets(path.name, model) for table in sheet.tables())
            yield from with_findings(tables, [*_of_map(path.name, model), *_of_other_sections(path.name, model)])


def _demand_a_network(path: Path, model: Model) -> None:
    if not model.nodes or not model.links:
        told = f"; EPANET says: {model.faults[0].words}" if model.faults else ""
        raise refusal(
            path,
            f"holds no network: sections like [JUNCTIONS] and [PIPES] were looked for{told}",
            f"中没有管网（未找到 [JUNCTIONS]、[PIPES] 等段{told}）",
        )
    if all(node.xy is None for node in model.nodes):
        raise refusal(
            path,
            "has no [COORDINATES]; export the model with its map coordinates",
            "没有 [COORDINATES] 坐标段，请连同地图坐标一起导出",
        )


def _sheets(file: str, model: Model) -> Iterator[Sheet]:
    """Nodes before what joins them; an element's faults stand with the last sheet of its name."""
    crs = CRS.from_epsg(4326) if model.map_units == _DEGREES else None
    for kind in _NODE_APPURTENANCES:
        nodes = (Element(node.row, _node(node), _places(node)) for node in model.nodes if node.kind == kind)
        yield Sheet(file, kind, "node", nodes, crs, **_faults_of(file, kind, model))
    keys = _device_keys(model)
    for kind in ("pipes", "pumps", "valves"):
        links = [link for link in model.links if link.kind == kind]
        yield Sheet(file, kind, "node", map(partial(_device, keys), filter(_is_device, links)), crs)
        segments = (element for link in links for element in _segments(link, keys))
        yield Sheet(file, kind, "segment", segments, crs, **_faults_of(file, kind, model))
    demanding = (node for node in model.nodes if node.demand_m3_per_d > 0)
    consumers = (Element(node.row, _consumer(node), _places(node)) for node in demanding)
    yield Sheet(file, "demands", "consumer", consumers, crs)


def _faults_of(file: str, kind: str, model: Model) -> dict[str, Any]:
    faults = [fault for fault in model.faults if fault.section == kind]
    return {
        "refused_rows": sum(fault.is_refused for fault in faults),
        "findings": [_finding(file, fault) for fault in faults],
    }


def _finding(file: str, fault: Fault) -> Finding:
    fate = ("was refused", "未载入") if fault.is_refused else ("was taken with its numbers unknown", "数值按未知处理")
    return Finding(
        rule="IMP-RECORD",
        severity=Severity.ERROR,
        message_en=f"EPANET says: {fault.words}; the line {fate[0]}.",
        message_zh=f"EPANET 提示：{fault.words}；该行{fate[1]}。",
        file=file,
        sheet=fault.section,
        row=fault.row,
        value=fault.text,
    )


def _of_other_sections(file: str, model: Model) -> Iterator[Finding]:
    """Faults that leave the elements as they are: in controls, patterns, places and the like."""
    for fault in (fault for fault in model.faults if fault.row == 0):
        yield Finding(
            rule="IMP-RECORD",
            severity=Severity.WARNING,
            message_en=f"EPANET finds fault with {fault.n_lines} lines of the section [{fault.section}…]; "
            f"of the first it says: {fault.words}.",
            message_zh=f"[{fault.section}…] 段有 {fault.n_lines} 行有误；EPANET 对首行的提示：{fault.words}。",
            file=file,
            sheet=fault.section,
            value=fault.text,
            details={"rows": fault.n_lines},
        )


def _of_map(file: str, model: Model) -> list[Finding]:
    if model.map_units == _DEGREES:
        return [map_in_degrees(file)]
    drawn = [sum(math.dist(a, b) for a, b in pairwise(link.path)) for link in model.links]
    return scale_of_map(file, drawn, [link.length_m for link in model.links])


def _node(node: ModelNode) -> _Row:
    return {
        "key": node.id,
        "class": "water",
        "appurtenance": _NODE_APPURTENANCES[node.kind],
        "name": node.comment,
        "tag": node.tag,
        _ELEVATIONS[node.kind]: node.elevation_m,
        **({"level_m": node.level_m} if node.kind == "tanks" else {}),
        DERIVED: False,
    }


def _consumer(node: ModelNode) -> _Row:
    return {
        "key": node.id,
        "class": "water",
        "node_key": node.id,
        "demand_m3_per_d": node.demand_m3_per_d,
        DERIVED: True,
    }


def _device_keys(model: Model) -> dict[tuple[str, str], str]:
    """Point numbers of devices by kind and id; nodes and links may share a name in EPANET, point numbers may not."""
    taken = {node.id for node in model.nodes}
    keys: dict[tuple[str, str], str] = {}
    for link in filter(_is_device, model.links):
        keys[link.kind, link.id] = link.id if link.id not in taken else f"{link.id}@link"
        taken.add(keys[link.kind, link.id])
    return keys


def _is_device(link: ModelLink) -> bool:
    return link.type != "PIPE" or link.is_closed


def _device(keys: Mapping[tuple[str, str], str], link: ModelLink) -> Element:
    values = {
        "key": keys[link.kind, link.id],
        "class": "water",
        "appurtenance": _DEVICES.get(link.type, "valve"),
        "valve_state": None if link.type in ("PUMP", "CV") else "closed" if link.is_closed else "open",
        "name": link.comment,
        "id": link.id,
        "type": link.type,
        "status": "closed" if link.is_closed else "open",
        **_of_device(link),
        "tag": link.tag,
        DERIVED: link.kind == "pipes",
    }
    return Element(link.row, values, halved(link.path)[1])


def _of_device(link: ModelLink) -> _Row:
    if link.kind == "pumps":
        curve = "; ".join(f"{flow:g} {head:g}" for flow, head in link.pump_curve)
        return {"pump_curve": curve or None, "power_kw": link.power_kw, "speed": link.speed}
    settings = {"setting": link.setting, "setting_m": link.setting_m, "setting_m3_per_d": link.setting_m3_per_d}
    return {**settings, "minor_loss": link.minor_loss} if link.kind == "valves" else settings


def _segments(link: ModelLink, keys: Mapping[tuple[str, str], str]) -> Iterator[Element]:
    """The link as one segment, or as two halves on either side of its device."""
    whole = _segment(link)
    if not _is_device(link):
        yield Element(link.row, whole, link.path)
        return
    before, _, after = halved(link.path)
    half = {**whole, **{name: whole[name] / 2 for name in ("length_m", "minor_loss")}}
    key = keys[link.kind, link.id]
    yield Element(link.row, {**half, "to_key": key, DERIVED: link.kind != "pipes"}, before)
    yield Element(link.row, {**half, "from_key": key, DERIVED: True}, after)


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
        "length_m": link.length_m if link.kind == "pipes" else 0.0,
        "roughness": link.roughness,
        "head_loss": link.head_loss if link.kind == "pipes" else None,
        "minor_loss": link.minor_loss if link.kind == "pipes" else 0.0,
        "comment": link.comment,
        "tag": link.tag,
        DERIVED: False,
    }


def _places(node: ModelNode) -> list[tuple[float, float]]:
    return [] if node.xy is None else [node.xy]
