"""LandXML pipe networks as deliveries: structures, pipes and the inverts between them."""

import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from importers.base import DERIVED, RecordTable
from importers.models.apart import asked, demand_content
from importers.models.elements import UNKNOWN, Element, Place, Sheet, arc, known_place, with_findings
from importers.models.inp_files import number
from importers.models.landxml_units import Units, units_of
from importers.refusing import refusal

_HEAD_BYTES = 4096
_ROOT = re.compile(r"<(\w+:)?LandXML[\s>]")
_INFRAMODEL = "inframodel"
_PRESSURE = ("water", "gas", "districtheating", "districtcooling")
# What a structure is described as, which its form does not tell: a grated pit, a catch basin.
_GRATES = re.compile(
    r"\b(?:grat(?:es?|ed|ing)|catch[ -]?basins?|gull(?:y|ey)|(?:drop|curb|kerb|side)[ -](?:entry|inlets?))\b"
    r"|雨水口|[篦箅]",
    re.IGNORECASE,
)
_APPURTENANCES = {"CircStruct": "manhole", "RectStruct": "manhole", "OutletStruct": "outfall"}
_OF_PIPES = frozenset({"desc", "diameter", "thickness", "material", "height", "width", "span", "widthTop"})
_SHAPES = {"RectPipe": "rect", "EggPipe": "egg", "Channel": "trapezoid"}
_FLOWS = {"out": "forward", "in": "backward"}

_Row = dict[str, Any]
# A structure by the place of its network and its name.
_Id = tuple[int, str | None]


class LandXmlReader:
    """Reads the pipe networks of .xml and .landxml files; a row's number is the element's line in the file.

    Each network gives two tables, `NETWORK / Structs` (node) and `NETWORK / Pipes` (segment). Columns are named by
    the attributes of the model: `key`, `class` (the network's type), `ground_elevation_m` (rim), `well_depth_m`
    (rim to sump), `appurtenance`, `feature`, `lifecycle` (state), `name` (description); `from_key`, `to_key`,
    `diameter` or `shape`, `width_mm` and `height_mm`, `wall_mm`, `material`, `from_elevation_m` and `to_elevation_m`
    (the inverts of the pipe in the structures at its ends), `depth_datum`, `flow_direction`. `network`, `length_m`,
    `slope`, `form`, `sump_m` and the properties of extensions are the file's own. Unknown is None or NaN.

    Coordinates stand north before east in LandXML. A pipe whose structure is not there is drawn from the ends
    that its properties give, when they do. The CRS is the one the file names.
    """

    name = "landxml"

    def accepts(self, path: Path) -> bool:
        """Whether it is called .landxml, or .xml and begins as LandXML."""
        if path.suffix.lower() == ".landxml":
            return True
        return path.suffix.lower() == ".xml" and path.is_file() and bool(_ROOT.search(_head(path)))

    def read(self, paths: Sequence[Path], options: dict[str, Any]) -> Iterator[RecordTable]:
        """Yield the tables of each file, the structures of all its networks first; there are no options.

        Raises
        ------
        SourceError
            When the file is cut off or no LandXML, has a DOCTYPE, or holds no pipe network.
        """
        for path in paths:
            demand_content(path)
            found = asked("importers.models.landxml_file", path)
            if not found["structs"] and not found["pipes"]:
                raise refusal(path, "holds no pipe network (<PipeNetwork>)", "中没有管网（<PipeNetwork>）")
            units = units_of(path, found)
            networks = _Networks(path.name, found, units)
            tables = (table for sheet in networks.sheets() for table in sheet.tables())
            yield from with_findings(tables, units.findings)


def _head(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    return head.decode("utf-16" if head.startswith((b"\xff\xfe", b"\xfe\xff")) else "latin-1", "replace")


class _Networks:
    """The networks of one file; structures are known by their network and name."""

    def __init__(self, file: str, found: Mapping[str, Any], units: Units) -> None:
        self.file, self.found, self.units = file, found, units
        self.networks: list[Any] = found["networks"]
        self.names = [network.get("name") or f"PipeNetwork {at}" for at, network in enumerate(self.networks, 1)]
        self.is_inframodel = _INFRAMODEL in found["namespace"].lower()
        self.keys = self._keys()
        self.of_name: dict[str | None, list[_Id]] = defaultdict(list)
        for known in self.keys:
            self.of_name[known[1]].append(known)
        self.places = {self._id(struct): self._center(struct) for struct in found["structs"]}
        self.inverts = {
            (*self._id(struct), invert.get("refPipe")): invert
            for struct in found["structs"]
            for invert in struct["inverts"]
        }

    def sheets(self) -> Iterator[Sheet]:
        """Structures of all networks, then their pipes: a pipe may end at another network's structure."""
        for name, structs in zip(self.names, self._by_network("structs"), strict=True):
            elements = (Element(struct["row"], self._node(struct), self.places[self._id(struct)]) for struct in structs)
            yield Sheet(self.file, f"{name} / Structs", "node", elements, self.units.crs)
        for name, pipes in zip(self.names, self._by_network("pipes"), strict=True):
            elements = (Element(pipe["row"], self._segment(pipe), self._path(pipe)) for pipe in pipes)
            yield Sheet(self.file, f"{name} / Pipes", "segment", elements, self.units.crs)

    def _by_network(self, kind: str) -> list[list[Any]]:
        grouped: list[list[Any]] = [[] for _ in self.networks]
        for part in self.found[kind]:
            grouped[part["network"]].append(part)
        return grouped

    def _id(self, struct: Any) -> _Id:
        return struct["network"], struct["attributes"].get("name")

    def _keys(self) -> dict[_Id, str | None]:
        """Point numbers: the structure's name, with its network's where an earlier network has one of that name."""
        keys: dict[_Id, str | None] = {}
        owner: dict[str | None, int] = {}
        for struct in self.found["structs"]:
            network, name = self._id(struct)
            is_first = owner.setdefault(name, network) == network
            keys[network, name] = name if is_first else f"{name}@{self.names[network]}"
        return keys

    def _end(self, pipe: Any, end: str) -> _Id:
        """The structure at an end: the network's own, else the only other one of that name."""
        own = (pipe["network"], pipe["attributes"].get(end))
        others = self.of_name[own[1]] if own not in self.keys else []
        return others[0] if len(others) == 1 else own

    def _class(self, part: Any) -> str | None:
        network = self.networks[part["network"]]
        word = network["properties"].get("pipeNetworkType") or network.get("pipeNetType")
        return None if word in (None, "", "other") else str(word)

    def _node(self, struct: Any) -> _Row:
        told, properties = struct["attributes"], struct["properties"]
        rim_m, sump_m = (number(told.get(name, "")) * self.units.elevation_m for name in ("elevRim", "elevSump"))
        if rim_m == sump_m == 0:
            # Programs write both as 0 for a structure that stands for none.
            rim_m = sump_m = UNKNOWN
        appurtenance = _APPURTENANCES.get(struct["form"])
        is_well = appurtenance == "manhole"
        if is_well and _GRATES.search(told.get("desc") or ""):
            appurtenance = "storm_grate"
        return {
            "key": self.keys[self._id(struct)],
            "class": self._class(struct),
            "ground_elevation_m": rim_m,
            "well_depth_m": rim_m - sump_m if is_well and rim_m > sump_m else UNKNOWN,
            "appurtenance": appurtenance or properties.get("equipmentType"),
            "feature": "inlet" if struct["form"] == "InletStruct" else None,
            "lifecycle": told.get("state") or self.networks[struct["network"]].get("state"),
            "name": told.get("desc"),
            "form": struct["form"],
            "sump_m": sump_m,
            **_own(struct),
            DERIVED: False,
        }

    def _segment(self, pipe: Any) -> _Row:
        told, properties = pipe["attributes"], pipe["properties"]
        starts, ends = self._end(pipe, "refStart"), self._end(pipe, "refEnd")
        flow = _FLOWS.get(self._invert(pipe, starts).get("flowDir", ""))
        return {
            "from_key": self.keys.get(starts, told.get("refStart")),
            "to_key": self.keys.get(ends, told.get("refEnd")),
            "class": self._class(pipe),
            **self._sizes(pipe),
            "material": pipe["form_attributes"].get("material"),
            "description": told.get("desc") or pipe["form_attributes"].get("desc"),
            "from_elevation_m": self._elevation_m(pipe, starts, "pipeStart"),
            "to_elevation_m": self._elevation_m(pipe, ends, "pipeEnd"),
            "depth_datum": properties.get("elevType") or self._datum(pipe),
            "flow_direction": flow,
            "lifecycle": told.get("state") or self.networks[pipe["network"]].get("state"),
            "id": told.get("name"),
            "length_m": number(told.get("length", "")) * self.units.elevation_m,
            "slope": told.get("slope"),
            "form": pipe["form"],
            **_own(pipe, _OF_PIPES),
            DERIVED: False,
        }

    def _datum(self, pipe: Any) -> str:
        """What the elevations of inverts are: the invert, but the crown of pressure pipes in Inframodel."""
        return "crown" if self.is_inframodel and self._class(pipe) in _PRESSURE else "invert"

    def _invert(self, pipe: Any, struct: _Id) -> Mapping[str, str]:
        found: Mapping[str, str] = self.inverts.get((*struct, pipe["attributes"].get("name")), {})
        return found

    def _elevation_m(self, pipe: Any, struct: _Id, end: str) -> float:
        invert = self._invert(pipe, struct)
        in_struct = number(invert.get("elev") or invert.get("text") or "")
        if not math.isnan(in_struct):
            return in_struct * self.units.elevation_m
        ends = _numbers(pipe["properties"].get(end))
        return ends[2] * self.units.elevation_m if len(ends) > 2 else UNKNOWN

    def _sizes(self, pipe: Any) -> _Row:
        told = {name: number(value) * self.units.size_m * 1000 for name, value in pipe["form_attributes"].items()}
        wall = {"wall_mm": _rounded(told.get("thickness", UNKNOWN))}
        if pipe["form"] == "CircPipe":
            return {"diameter": _rounded(told.get("diameter", UNKNOWN)), **wall}
        widths = (told.get(name, UNKNOWN) for name in ("width", "span", "widthTop"))
        width = next((_rounded(width) for width in widths if width > 0), UNKNOWN)
        height = _rounded(told.get("height", UNKNOWN))
        return {"shape": _SHAPES.get(pipe["form"]), "width_mm": width, "height_mm": height, **wall}

    def _center(self, struct: Any) -> list[Place]:
        return self._place(struct["center"] or self.found["points"].get(struct["center_point"]))

    def _place(self, text: str | None) -> list[Place]:
        """A place from text in which north stands before east."""
        numbers = _numbers(text)
        if len(numbers) < 2 or not known_place(*numbers[:2]):
            return []
        return [(numbers[1] * self.units.plan, numbers[0] * self.units.plan)]

    def _path(self, pipe: Any) -> list[Place]:
        """The line of a curved pipe, or of one whose ends are no structures; others run from node to node."""
        ends = [self._end(pipe, "refStart"), self._end(pipe, "refEnd")]
        at_structs = [self.places.get(end, []) for end in ends]
        at_pipe = [self._place(pipe["properties"].get(end)) for end in ("pipeStart", "pipeEnd")]
        both = [struct or own for struct, own in zip(at_structs, at_pipe, strict=True)]
        if not all(both):
            return []
        start, end, center = both[0][0], both[1][0], self._center(pipe)
        if center:
            return arc(start, end, center[0])
        return [] if all(at_structs) else [start, end]


def _own(part: Any, has_column: frozenset[str] = frozenset()) -> _Row:
    """Attributes of the form that have no column of their own, and the properties of extensions."""
    form = {f"form.{name}": value for name, value in part["form_attributes"].items() if name not in has_column}
    return {**form, **{f"property.{label}": value for label, value in part["properties"].items() if value}}


def _numbers(text: str | None) -> list[float]:
    return [number(word) for word in (text or "").replace(",", " ").split()]


def _rounded(size_mm: float) -> float:
    return round(size_mm, 3) if size_mm > 0 else UNKNOWN
