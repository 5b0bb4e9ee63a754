"""IFC models as deliveries: pipe and cable segments, and the fittings, valves and manholes that join them."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pyproj import CRS
from pyproj.exceptions import CRSError

from importers.base import DERIVED, RecordTable
from importers.models.apart import asked, demand_content
from importers.models.elements import FOOT_M, UNKNOWN, Element, Sheet
from importers.models.ifc_joins import Joined, Joins, is_placed, joined
from importers.refusing import refusal
from schemas.findings import Finding, Severity

_EPSG = re.compile(r"EPSG\s*:+\s*(\d{4,6})", re.IGNORECASE)
_UNTOLD = (None, "", "NOTDEFINED", "USERDEFINED", "UNSET")
# A foot is 0.3048 m or 1200/3937 m; nothing else that maps are drawn in is near it.
_NEAR_FOOT = 1e-4
_LEAST_WELL_M = 0.1

_Row = dict[str, Any]
Plain = Mapping[str, Any]


class IfcReader:
    """Reads .ifc files (IFC2X3, IFC4, IFC4X3 and its drafts) by IfcOpenShell; a row's number is the entity's (#90).

    One sheet per entity: pipes and cables (`IfcFlowSegment` and what is one) as segments, every other
    `IfcDistributionFlowElement` as a node. Columns are named by the attributes of the model: `key` (the name, with
    the GlobalId where another element has it too), `class` (type of the system), `feature` (entity and predefined
    type, for the profile to translate), `name` (description), `lifecycle` (Status), `ground_elevation_m` and
    `well_depth_m` (of chambers: top and height of the body); `from_key`, `to_key`, `width_mm`, `height_mm`, `wall_mm`
    (drawn, so outer), `nominal_mm`, `material`, `from_elevation_m` and `to_elevation_m` of the axis,
    `flow_direction`. `guid`, `tag`, `system` and every property are the model's own. Unknown is None or NaN.

    Ends are joined by ports, else to the element whose body they lie in; a pipe that stops at a wall is led
    on to the middle of its manhole, level. Two pipes that join each other directly share a derived point.
    Coordinates are those of the map conversion; without one they are the file's own.
    """

    name = "ifc"

    def accepts(self, path: Path) -> bool:
        """Whether the file is called .ifc."""
        return path.suffix.lower() == ".ifc"

    def read(self, paths: Sequence[Path], options: dict[str, Any]) -> Iterator[RecordTable]:
        """Yield the tables of each file, nodes first; there are no options.

        Raises
        ------
        SourceError
            When the file is damaged, of an edition that cannot be read, or holds no pipe or cable.
        """
        for path in paths:
            demand_content(path)
            found = asked("importers.models.ifc_file", path)
            _demand_a_network(path, found)
            for sheet in _Model(path.name, found).sheets():
                yield from sheet.tables()


def _demand_a_network(path: Path, found: Plain) -> None:
    if any(element["is_segment"] for element in found["elements"]):
        return
    others = found["others"]
    raise refusal(
        path,
        f"holds no pipe or cable (IfcPipeSegment and the like), but {others} other elements; export the pipes as such",
        f"中没有管道或电缆（IfcPipeSegment 等），另有 {others} 个其他构件；请将管道按相应类型导出",
    )


class _Model:
    """One file: its elements in metres, how they join, and the sheets they become."""

    def __init__(self, file: str, found: Plain) -> None:
        self.file, self.found = file, found
        self.elements: list[Plain] = found["elements"]
        self.crs = _crs(found["crs"])
        self.per_metre = _plan_per_metre(found["map_unit_m"], self.crs)
        self.keys = _keys(self.elements)
        self.joins = joined(self.elements, self.keys)

    def sheets(self) -> Iterator[Sheet]:
        findings = [*_of_file(self.file, self.found, self.joins)]
        by_kind: dict[tuple[bool, str], list[Plain]] = defaultdict(list)
        for element in self.elements:
            by_kind[element["is_segment"], element["entity"]].append(element)
        for (is_segment, entity), own in sorted(by_kind.items()):
            rows = map(self._segment if is_segment else self._node, own)
            faults = [_fault(self.file, one) for one in own if one["fault"]]
            role = "segment" if is_segment else "node"
            if is_segment and self.joins.joints:
                joints = [
                    Element(row, {"key": key, DERIVED: True}, self._plan([place]))
                    for key, (row, place) in self.joins.joints.items()
                ]
                yield Sheet(self.file, entity, "node", joints, self.crs)
                self.joins.joints.clear()
            yield Sheet(self.file, entity, role, rows, self.crs, findings=[*findings, *faults])
            findings = []
        yield from self._lost()

    def _lost(self) -> Iterator[Sheet]:
        """What the library could not take in, by entity."""
        for entity, count in Counter(name for _, name in self.found["lost"]).items():
            told = [_loss(self.file, entity, row) for row, name in self.found["lost"] if name == entity]
            yield Sheet(self.file, entity, "node", [], refused_rows=count, findings=told)

    def _node(self, element: Plain) -> Element:
        is_well = element["is_chamber"] and is_placed(element["place"])
        heights = (element[name] if is_well else None for name in ("top_m", "bottom_m"))
        top, bottom = (UNKNOWN if height is None else height for height in heights)
        is_high = top - bottom > _LEAST_WELL_M
        row = {
            "key": self.keys[element["row"]],
            **_common(element),
            "feature": _word(element),
            "ground_elevation_m": top if is_high else UNKNOWN,
            "well_depth_m": top - bottom if is_high else UNKNOWN,
            **element["properties"],
            DERIVED: False,
        }
        place = element["place"]
        return Element(element["row"], row, self._plan([place[:2]]) if is_placed(place) else ())

    def _segment(self, element: Plain) -> Element:
        found = self.joins.pipes.get(element["row"]) or Joined(None, None, [], None)
        path = found.path
        row = {
            "from_key": found.from_key,
            "to_key": found.to_key,
            "id": element["name"],
            **_common(element),
            "ifc_entity": _word(element),
            **_sizes(element),
            # Left out where it is not told: a property of the maker's own may tell it.
            **({"material": element["material"]} if element["material"] is not None else {}),
            "from_elevation_m": path[0][2] if path else UNKNOWN,
            "to_elevation_m": path[-1][2] if path else UNKNOWN,
            "depth_datum": "axis",
            "flow_direction": found.flow,
            **element["properties"],
            DERIVED: False,
        }
        return Element(element["row"], row, self._plan(path))

    def _plan(self, places: Sequence[Any]) -> list[Any]:
        """Places with their plan in the unit of the system and their heights in metres."""
        return [(place[0] * self.per_metre, place[1] * self.per_metre, *place[2:]) for place in places]


def _common(element: Plain) -> _Row:
    system = next(iter(element["systems"]), {"predefined": None, "type": None, "name": None})
    of_ports = next((port["system"] for port in element["ports"] if port["system"] not in _UNTOLD), None)
    told = (system["predefined"], system["type"], of_ports, system["name"])
    status = next((value for name, value in element["properties"].items() if name.endswith("Common.Status")), None)
    held = {
        "class": next((word for word in told if word not in _UNTOLD), None),
        "name": element["description"],
        "lifecycle": status,
        "guid": element["guid"],
        "tag": element["tag"],
        "system": system["name"],
    }
    return {name: value for name, value in held.items() if value is not None}


def _word(element: Plain) -> str:
    """The entity and what kind of it, as the profile's words have it."""
    predefined = element["predefined"]
    return element["entity"] if predefined in _UNTOLD else f"{element['entity']}.{predefined}"


def _sizes(element: Plain) -> _Row:
    """Drawn sizes, which are outer ones; else those of the properties."""
    section, properties = element["section"], element["properties"]
    width, height, wall = (_millimetres(section[name]) for name in ("width_mm", "height_mm", "wall_mm"))
    is_drawn = width is not None and height is not None
    return {
        "shape": section["shape"] if is_drawn else None,
        "width_mm": width,
        "height_mm": height,
        "wall_mm": wall,
        "inner_width_mm": width - 2 * wall if width and wall else None,
        "inner_height_mm": height - 2 * wall if height and wall else None,
        "size_basis": "outer" if is_drawn else None,
        "outer_diameter": _millimetres(properties.get("mm.OuterDiameter")),
        "inner_diameter": _millimetres(properties.get("mm.InnerDiameter")),
        "nominal_mm": _millimetres(properties.get("mm.NominalDiameter")),
    }


def _millimetres(value: float | None) -> float | None:
    return round(value, 3) if value else None


def _keys(elements: Sequence[Plain]) -> dict[int, str]:
    """Point numbers of what is no pipe: the name, with the GlobalId where it is not the only one."""
    nodes = [element for element in elements if not element["is_segment"]]
    times = Counter(element["name"] for element in nodes)
    return {
        element["row"]: element["name"]
        if element["name"] and times[element["name"]] == 1
        else f"{element['name'] or element['entity']} {element['guid']}"
        for element in nodes
    }


def _crs(name: str) -> CRS | None:
    """The system that a projected CRS is called by: an EPSG code in it, else a name that PROJ knows."""
    code = _EPSG.search(name)
    try:
        return CRS.from_epsg(int(code[1])) if code else CRS.from_user_input(name) if name.strip() else None
    except CRSError:
        return None


def _plan_per_metre(map_unit_m: float, crs: CRS | None) -> float:
    """What plan coordinates are multiplied with: they stay in feet where the map is, unless its system is in metres."""
    if crs is not None:
        return 1.0 / float(crs.axis_info[0].unit_conversion_factor)
    return 1.0 / map_unit_m if abs(map_unit_m - FOOT_M) < _NEAR_FOOT else 1.0


def _of_file(file: str, found: Plain, joins: Joins) -> Iterator[Finding]:
    n_meshes = sum(element["is_mesh"] for element in found["elements"] if element["is_segment"])
    schema, read_as = found["schema"], found["read_as"]
    if schema != read_as:
        en, zh = (
            f"The file is written in {schema}; it was read as {read_as}.",
            f"文件采用 {schema}，按 {read_as} 读取。",
        )
        yield _note(file, "IMP-SCHEMA", en, zh, schema)
    if found["scale_mended"]:
        yield _note(
            file,
            "IMP-SCALE",
            "The map conversion has the scale 1 between two different units; the ratio of the units was taken.",
            "地图转换的比例为 1，但两侧单位不同；按单位之比换算。",
            "1",
            Severity.WARNING,
        )
    if n_meshes:
        yield _note(
            file,
            "IMP-MESH",
            f"{n_meshes} pipes are drawn as faces without an axis; the middle line of their bodies was taken.",
            f"{n_meshes} 根管道仅有面片、无轴线，取其中心线。",
            str(n_meshes),
        )
    if joins.n_by_place:
        yield _note(
            file,
            "IMP-JOIN",
            f"{joins.n_by_place} ends of pipes that no port joins lie in an element and were joined to it.",
            f"{joins.n_by_place} 个管端无端口连接，按所在构件连接。",
            str(joins.n_by_place),
        )


def _note(file: str, rule: str, en: str, zh: str, value: str, severity: Severity = Severity.INFO) -> Finding:
    return Finding(rule=rule, severity=severity, message_en=en, message_zh=zh, file=file, value=value)


def _fault(file: str, element: Plain) -> Finding:
    return Finding(
        rule="IMP-RECORD",
        severity=Severity.ERROR,
        message_en=f"The geometry cannot be read: {element['fault']}.",
        message_zh=f"几何无法读取：{element['fault']}。",
        file=file,
        sheet=element["entity"],
        row=element["row"],
        feature_key=element["name"],
    )


def _loss(file: str, entity: str, row: int) -> Finding:
    return Finding(
        rule="IMP-RECORD",
        severity=Severity.ERROR,
        message_en=f"#{row} ({entity}) is damaged and was refused.",
        message_zh=f"#{row}（{entity}）已损坏，未载入。",
        file=file,
        sheet=entity,
        row=row,
    )
