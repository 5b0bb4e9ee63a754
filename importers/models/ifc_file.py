"""What stands in an IFC file about pipes, cables and what joins them, as plain values; run apart."""

import re
from pathlib import Path
from typing import Any

import ifcopenshell
import numpy as np
from ifcopenshell.util.element import get_materials, get_predefined_type, get_psets, get_type
from ifcopenshell.util.geolocation import get_crs, get_helmert_transformation_parameters, get_wcs
from ifcopenshell.util.system import get_element_systems, get_ports
from ifcopenshell.util.unit import calculate_unit_scale, get_unit_scale

from importers.models.apart import Refusal
from importers.models.ifc_geometry import Form, Geometry, Points, Section

ELEMENT = "IfcDistributionFlowElement"
SEGMENT = "IfcFlowSegment"

_SCHEMA = re.compile(rb"FILE_SCHEMA\s*\(\s*\(\s*'([^']*)'", re.IGNORECASE)
# A statement, closed or not, and a text in it.
_UNCLOSED, _QUOTED = re.compile(rb"#\d+\s*=(?:[^';]|'[^']*')*+;"), re.compile(rb"'[^']*'")
_HEAD_BYTES = 2**16
_MARK = b"ISO-10303-21"
# Drafts and parts of editions that the library does not know, by the edition whose entities are the same.
_EDITIONS = (("IFC4X", "IFC4X3_ADD2"), ("IFC4", "IFC4"), ("IFC2X", "IFC2X3"))
# What goes wrong in a single damaged element; the rest of the file goes on.
_FAULTS = (
    ArithmeticError, AssertionError, AttributeError, LookupError, RecursionError, RuntimeError, TypeError, ValueError,
)  # fmt: skip
_MAP_SCALE_TOLERANCE = 0.1
_DIAMETERS = ("NominalDiameter", "InnerDiameter", "OuterDiameter")

Plain = dict[str, Any]


def answer(path: Path) -> Plain:
    """`schema`, `read_as`, `crs`, `map_unit_m`, `has_map`, `scale_mended`, `elements`, `lost` and `others`.

    Places are in the map's system in metres (`has_map`), else in the file's own coordinates in metres. An element
    has `row` (its number in the file), `guid`, `entity`, `predefined`, `name`, `description`, `tag`,
    `is_segment`, `is_chamber`, `axis`, `section`, `is_mesh`, `place`, `reach_m`, `bottom_m`, `top_m`, `ports`,
    `systems`, `material`, `properties`, and `fault` when it could not be read. `lost` are the numbers and
    entities that the library left out, `others` counts what else has a body.
    """
    schema, read_as, text = _schema(path)
    model = _opened(path, schema, read_as, text)
    elements, lost = _elements(model, text)
    if lost:
        # The library reads no further than a statement whose brackets do not close.
        model = _opened(path, "", read_as, _UNCLOSED.sub(_closed, text))
        elements, lost = _elements(model, text)
    world = _World(model)
    return {
        "schema": schema,
        "read_as": read_as,
        **world.told(),
        "elements": [_element(element, world) for element in elements],
        "lost": lost,
        "others": len(model.by_type("IfcElement")) - len(elements),
    }


def _schema(path: Path) -> tuple[str, str, bytes]:
    text = path.read_bytes()
    if not text.lstrip().startswith(_MARK):
        raise Refusal("is not an IFC file in STEP form, whatever its name says", "不是 STEP 格式的 IFC 文件")
    found = _SCHEMA.search(text[:_HEAD_BYTES])
    if not found:
        raise Refusal("names no schema (FILE_SCHEMA); export it again", "未说明 IFC 版本（FILE_SCHEMA），请重新导出")
    schema = found[1].decode("ascii", "replace").upper()
    if schema in ifcopenshell.ifcopenshell_wrapper.schema_names():
        return schema, schema, text
    for beginning, edition in _EDITIONS:
        if schema.startswith(beginning):
            return schema, edition, text
    raise Refusal(
        f"is written in {schema}, which cannot be read; export it as IFC4 or IFC4X3",
        f"采用 {schema}，无法读取；请导出为 IFC4 或 IFC4X3",
    )


def _opened(path: Path, schema: str, read_as: str, text: bytes) -> Any:
    if schema != read_as:
        path = Path("renamed.ifc")
        found = _SCHEMA.search(text[:_HEAD_BYTES])
        assert found is not None
        path.write_bytes(text[: found.start(1)] + read_as.encode() + text[found.end(1) :])
    try:
        return ifcopenshell.open(str(path))
    except (OSError, RuntimeError, ValueError, ifcopenshell.Error) as error:
        raise Refusal(f"cannot be read, it is damaged ({error})", f"无法读取，文件已损坏（{error}）") from error


class _World:
    """The way from the file's coordinates to the map's, in metres."""

    def __init__(self, model: Any) -> None:
        self.geometry = Geometry()
        self.unit_m = _or_default(lambda: float(calculate_unit_scale(model)), 1.0)
        self.conversion = _or_default(lambda: get_helmert_transformation_parameters(model), None)
        self.crs = _or_default(lambda: get_crs(model), None) or {}
        map_unit = self.crs.get("MapUnit")
        self.map_unit_m = self.unit_m
        if map_unit is not None and not isinstance(map_unit, str):
            self.map_unit_m = _or_default(lambda: float(get_unit_scale(map_unit)), self.unit_m)
        elif self.conversion and abs(self.conversion.scale / self.unit_m - 1) <= _MAP_SCALE_TOLERANCE:
            # Who scales millimetres to metres gives the map's places in metres, though no unit says so.
            self.map_unit_m = 1.0
        expected = self.unit_m / self.map_unit_m
        scale = self.conversion.scale if self.conversion else expected
        self.is_mended = abs(scale / expected - 1) > _MAP_SCALE_TOLERANCE and abs(scale - 1) <= _MAP_SCALE_TOLERANCE
        self.scale = expected if self.is_mended else scale
        wcs = _or_default(lambda: get_wcs(model), None) if self.conversion else None
        self.from_world = np.eye(4) if wcs is None else np.linalg.inv(wcs)

    def told(self) -> Plain:
        """What the parent needs to know of it."""
        return {
            "crs": str(self.crs.get("Name") or ""),
            "map_unit_m": self.map_unit_m,
            "has_map": self.conversion is not None,
            "scale_mended": self.is_mended,
        }

    def metres(self, places: Points) -> list[list[float]]:
        """Places of the file, shape (n, 3), as easting, northing and height."""
        return [[float(value) for value in place] for place in self._moved(places)]

    def _moved(self, places: Points) -> Points:
        if self.conversion is None:
            return np.asarray(places * self.unit_m)
        found = self.conversion
        local = places @ self.from_world[:3, :3].T + self.from_world[:3, 3]
        local = local * self.scale * (found.factor_x, found.factor_y, found.factor_z)
        turn = np.hypot(found.xaa, found.xao)
        cosine, sine = found.xaa / turn, found.xao / turn
        east = cosine * local[:, 0] - sine * local[:, 1] + found.e
        north = sine * local[:, 0] + cosine * local[:, 1] + found.n
        return np.asarray(np.column_stack([east, north, local[:, 2] + found.h]) * self.map_unit_m)


def _element(element: Any, world: _World) -> Plain:
    kind = _or_default(lambda: get_type(element), None)
    entity = element.is_a()
    # Before IFC4 what an element is stands in its type alone.
    if kind is not None and kind.is_a().endswith("Type") and entity.startswith("IfcFlow"):
        entity = kind.is_a().removesuffix("Type")
    found: Plain = {
        "row": element.id(),
        "guid": _text(element.GlobalId),
        "entity": entity,
        "predefined": _text(_or_default(lambda: get_predefined_type(element), None)),
        "name": _text(element.Name),
        "description": _text(element.Description),
        "tag": _text(element.Tag),
        "is_segment": element.is_a(SEGMENT),
        "is_chamber": element.is_a("IfcDistributionChamberElement"),
        "systems": _or_default(lambda: [_system(system) for system in get_element_systems(element)], []),
        "material": _text(_or_default(lambda: next((m.Name for m in get_materials(element)), None), None)),
        "properties": _or_default(lambda: _properties(element, world.unit_m), {}),
        "ports": _or_default(lambda: [_port(port, world) for port in get_ports(element)], []),
        "fault": None,
    }
    try:
        return found | _placed(element, world)
    except _FAULTS as error:
        words = f"{type(error).__name__}: {error}".splitlines()[0]
        return found | _plain_form(Form(None, Section(), np.empty((0, 3))), None, world) | {"fault": words}


def _placed(element: Any, world: _World) -> Plain:
    form = world.geometry.form(element)
    return _plain_form(form, world.geometry.placement(element)[:3, 3], world)


def _plain_form(form: Form, origin: Points | None, world: _World) -> Plain:
    middle, reach = _middle(form.corners, origin)
    reach += max(form.section.width or 0.0, form.section.height or 0.0) / 2
    corners = np.array(world.metres(form.corners)) if len(form.corners) else None
    return {
        "axis": None if form.axis is None else world.metres(form.axis),
        "section": _section_mm(form.section, world.unit_m),
        "is_mesh": form.is_mesh,
        "place": None if middle is None else world.metres(middle[None])[0],
        "reach_m": reach * world.unit_m,
        "bottom_m": None if corners is None else float(corners[:, 2].min()),
        "top_m": None if corners is None else float(corners[:, 2].max()),
    }


def _middle(corners: Points, origin: Points | None) -> tuple[Points | None, float]:
    """Where a thing is: its origin when that lies in its bounds, else their middle; and how far it reaches in plan."""
    if not len(corners):
        return origin, 0.0
    low, high = corners.min(0), corners.max(0)
    slack = 1e-6 * max(1.0, float(np.abs(high).max()))
    is_inside = origin is not None and bool(((origin >= low - slack) & (origin <= high + slack))[:2].all())
    middle = origin if is_inside else (low + high) / 2
    assert middle is not None
    return middle, float(np.linalg.norm(np.maximum(high - middle, middle - low)[:2]))


def _section_mm(section: Section, unit_m: float) -> Plain:
    sizes = {"width_mm": section.width, "height_mm": section.height, "wall_mm": section.wall}
    return {"shape": section.shape, **{name: size and float(size) * unit_m * 1000 for name, size in sizes.items()}}


def _port(port: Any, world: _World) -> Plain:
    joined = [rel.RelatedPort for rel in port.ConnectedTo] + [rel.RelatingPort for rel in port.ConnectedFrom]
    place = None if port.ObjectPlacement is None else world.geometry.placement(port)[:3, 3]
    return {
        "id": port.id(),
        "flow": _text(port.FlowDirection),
        "system": _text(getattr(port, "SystemType", None)),
        "place": None if place is None else world.metres(place[None])[0],
        "others": [other.id() for other in joined if other is not None],
    }


def _system(system: Any) -> Plain:
    return {
        "predefined": _text(getattr(system, "PredefinedType", None)),
        "type": _text(system.ObjectType),
        "name": _text(getattr(system, "LongName", None) or system.Name),
    }


def _properties(element: Any, unit_m: float) -> Plain:
    """Every property by set and name; diameters also in millimetres under `mm.`."""
    found: Plain = {}
    for group, values in get_psets(element).items():
        for name, value in values.items():
            if name == "id" or value in (None, ""):
                continue
            plain = ", ".join(map(str, value)) if isinstance(value, list | tuple) else value
            found[f"{group}.{name}"] = plain if isinstance(plain, bool | int | float | str) else str(plain)
            if name in _DIAMETERS and isinstance(plain, float) and plain > 0:
                found[f"mm.{name}"] = plain * unit_m * 1000
    return found


def _elements(model: Any, text: bytes) -> tuple[list[Any], list[list[Any]]]:
    """The elements in the order of their numbers, and those of the text that the library could not take in."""
    schema = ifcopenshell.ifcopenshell_wrapper.schema_by_name(model.schema_identifier)
    names = {name.upper(): name for name in _with_subtypes(schema.declaration_by_name(ELEMENT).as_entity())}
    pattern = re.compile(rb"#(\d+)\s*=\s*(" + "|".join(sorted(names)).encode() + rb")\s*\(", re.IGNORECASE)
    told = {int(match[1]): names[match[2].decode().upper()] for match in pattern.finditer(text)}
    elements = sorted(model.by_type(ELEMENT), key=lambda element: int(element.id()))
    read = {element.id() for element in elements}
    return elements, [[number, name] for number, name in told.items() if number not in read]


def _closed(statement: re.Match[bytes]) -> bytes:
    """The statement if its brackets close, else nothing."""
    bare = _QUOTED.sub(b"", statement[0])
    return statement[0] if bare.count(b"(") == bare.count(b")") else b""


def _with_subtypes(entity: Any) -> set[str]:
    return {entity.name()}.union(*(_with_subtypes(subtype) for subtype in entity.subtypes()))


def _text(value: Any) -> str | None:
    """A word of a file in which anything may stand anywhere."""
    return None if value is None else str(value)


def _or_default(read: Any, default: Any) -> Any:
    try:
        return read()
    except _FAULTS:
        return default
