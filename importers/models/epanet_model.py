"""An EPANET input file as nodes and links in metres and millimetres, and the lines that the engine refuses."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from importers.models.apart import asked, demand_content
from importers.models.elements import FOOT_M, UNKNOWN, known_place
from importers.models.inp_files import Line, encoding_of, is_swmm, lines_of, plain
from importers.refusing import refusal

INCH_MM = 25.4

SECTIONS = {
    "JUNC": "junctions",
    "RESE": "reservoirs",
    "TANK": "tanks",
    "PIPE": "pipes",
    "PUMP": "pumps",
    "VALV": "valves",
}

_SECTIONS_READ = frozenset({*SECTIONS, "TAGS", "BACK"})
_REPEATED, _SUMMARY = "duplicate ID", "one or more errors"
_ENGINE = "importers.models.epanet_engine"


@dataclass(frozen=True, slots=True)
class _Units:
    """Factors from a model's units: of lengths, diameters, D-W roughnesses, pressures and powers."""

    metres: float
    millimetres: float
    roughness_mm: float
    pressure_m: float
    kilowatts: float


_METRIC = _Units(1.0, 1.0, 1.0, 1.0, 1.0)
# Feet, inches, thousandths of a foot, psi as feet of water by EPANET's factor, horsepower.
_US = _Units(FOOT_M, INCH_MM, FOOT_M, FOOT_M / 0.4333, 0.7457)


@dataclass(frozen=True, slots=True)
class ModelNode:
    """A junction, reservoir or tank; `elevation_m` is as the model has it (a reservoir's is its head).

    `level_m` is a tank's water level above its elevation when a run begins.
    """

    row: int
    kind: str
    id: str
    xy: tuple[float, float] | None
    elevation_m: float
    level_m: float
    demand_m3_per_d: float
    comment: str | None
    tag: str | None


@dataclass(frozen=True, slots=True)
class ModelLink:
    """A pipe, pump or valve; `type` is PIPE, CV, PUMP or a valve type, `path` the plan from start to end.

    `roughness` goes with the formula `head_loss` (H-W, D-W in mm, C-M); `setting` is in the units of the model, and
    again in metres or m³/d where it is a pressure or a flow. `pump_curve` is of (flow in m³/d, head in m).
    """

    row: int
    kind: str
    id: str
    type: str
    from_node: ModelNode
    to_node: ModelNode
    path: list[tuple[float, float]]
    diameter_mm: float
    length_m: float
    roughness: float
    head_loss: str
    minor_loss: float
    setting: float
    setting_m: float
    setting_m3_per_d: float
    pump_curve: list[tuple[float, float]]
    power_kw: float
    speed: float
    is_closed: bool
    comment: str | None
    tag: str | None


@dataclass(frozen=True, slots=True)
class Fault:
    """A line that the engine finds fault with, in its own words; `is_refused` when no element came of it.

    `section` is the sheet of the element; a fault of another section (by its first four letters) stands for
    all `n_lines` of it, with row 0.
    """

    section: str
    row: int
    text: str
    words: str
    n_lines: int
    is_refused: bool


@dataclass(frozen=True, slots=True)
class Model:
    """What an input file holds; `map_units` are those its backdrop names, in lower case."""

    nodes: list[ModelNode]
    links: list[ModelLink]
    faults: list[Fault]
    map_units: str


class _Text:
    """The file's own words: lines of elements, tags, units of the map, and what the engine says of lines."""

    def __init__(self, content: bytes, faults: list[list[str]]) -> None:
        self.encoding = encoding_of(content)
        self.elements: list[Line] = []
        self.map_units = ""
        self._tags: dict[tuple[str, str], str] = {}
        self._lines: dict[tuple[str, str], list[Line]] = defaultdict(list)
        for line in lines_of(content.decode(self.encoding, "replace"), _SECTIONS_READ):
            self._take(line)
        self.faults: dict[tuple[str, str], str] = {}
        for words, section, said in faults:
            place = (section[:4].upper(), self.legible(said).split(";")[0].strip())
            self.faults.setdefault(place, self.legible(words))

    def _take(self, line: Line) -> None:
        if line.section in SECTIONS:
            self.elements.append(line)
            self._lines[SECTIONS[line.section], line.words[0]].append(line)
        elif line.section == "TAGS" and len(line.words) > 2:
            self._tags[line.words[0].upper(), line.words[1]] = " ".join(line.words[2:])
        elif line.words[0].upper() == "UNITS" and len(line.words) > 1:
            self.map_units = line.words[1].lower()

    def legible(self, words: str) -> str:
        """What the engine handed through as bytes."""
        return words.encode("latin-1").decode(self.encoding, "replace").strip()

    def tag(self, kind: str, name: str) -> str | None:
        return self._tags.get((kind, name))

    def line_of(self, kind: str, name: str) -> tuple[Line | None, bool]:
        """The line that an element of the engine came from, and whether there is a fault in it."""
        lines = self._lines.get((kind, name), [])
        sound = next((line for line in lines if not self.fault_of(line)), None)
        first = sound or next(iter(lines), None)
        return first, first is not None and sound is None

    def fault_of(self, line: Line) -> str | None:
        """What is wrong with a line; the first of several of one name is not the repeated one."""
        words = self.faults.get((line.section, line.text))
        is_first = self._lines[SECTIONS[line.section], line.words[0]][0] is line
        return None if words is None or (is_first and words.startswith(_REPEATED)) else words


def read_model(path: Path) -> Model:
    """Nodes and links in the engine's order; `row` is the element's line in the file, NaN is unknown.

    Raises
    ------
    SourceError
        With the engine's own words where it refuses the file.
    """
    demand_content(path)
    content = plain(path.read_bytes())
    if not content.strip():
        raise refusal(path, "is empty; ask for the model again", "是空文件，请重新提供")
    if is_swmm(content):
        raise refusal(path, "is a SWMM model, not an EPANET one", "是 SWMM 模型，不是 EPANET 模型")
    found = asked(_ENGINE, path)
    if "refused" in found:
        reason = found["refused"].rstrip(".:")
        raise refusal(path, f"is refused by EPANET: {reason}", f"被 EPANET 拒绝：{reason}")
    text = _Text(content, found["faults"])
    _demand_known_units(path, text)
    units = _METRIC if found["is_metric"] else _US
    nodes = [_node(raw, text, units) for raw in found["nodes"]]
    links = [_link({**raw, "head_loss": found["head_loss"]}, nodes, text, units) for raw in found["links"]]
    loaded = {(node.kind, node.row) for node in nodes} | {(link.kind, link.row) for link in links}
    return Model(nodes, links, list(_faults(text, loaded)), text.map_units)


def _demand_known_units(path: Path, text: _Text) -> None:
    """Refuse a model in flow units that the engine does not know: it would take them for gallons and feet."""
    for (section, line), words in text.faults.items():
        if section == "OPTI" and line.upper().startswith("UNITS"):
            raise refusal(path, f"is refused by EPANET: {words} ({line})", f"被 EPANET 拒绝：{words}（{line}）")


def _faults(text: _Text, loaded: set[tuple[str, int]]) -> Iterator[Fault]:
    """Faulty lines of elements, and one fault for each other section."""
    for line in text.elements:
        words = text.fault_of(line)
        is_refused = (SECTIONS[line.section], line.number) not in loaded
        if words or is_refused:
            said = words or "no element came of it"
            yield Fault(SECTIONS[line.section], line.number, line.text, said, 1, is_refused)
    others: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for (section, said), words in text.faults.items():
        if section and section not in SECTIONS and not words.startswith(_SUMMARY):
            others[section].append((said, words))
    for section, told in others.items():
        yield Fault(section, 0, *told[0], len(told), False)


def _node(raw: dict[str, Any], text: _Text, units: _Units) -> ModelNode:
    name = text.legible(raw["id"])
    line, is_faulty = text.line_of(raw["kind"], name)
    xy = raw["xy"]
    return ModelNode(
        row=line.number if line else 0,
        kind=raw["kind"],
        id=name,
        xy=(xy[0], xy[1]) if xy and None not in xy and known_place(*xy) else None,
        elevation_m=UNKNOWN if is_faulty or raw["elevation"] is None else raw["elevation"] * units.metres,
        level_m=UNKNOWN if is_faulty or raw["level"] is None else raw["level"] * units.metres,
        demand_m3_per_d=0.0 if is_faulty else raw["demand_m3_per_d"] or 0.0,
        comment=text.legible(raw["comment"]) or None,
        tag=text.tag("NODE", name),
    )


def _link(raw: dict[str, Any], nodes: list[ModelNode], text: _Text, units: _Units) -> ModelLink:
    name = text.legible(raw["id"])
    line, is_faulty = text.line_of(raw["kind"], name)

    def number(what: str, factor: float = 1.0) -> float:
        return UNKNOWN if is_faulty or raw.get(what) is None else raw[what] * factor

    start, end = nodes[raw["from_place"]], nodes[raw["to_place"]]
    return ModelLink(
        row=line.number if line else 0,
        kind=raw["kind"],
        id=name,
        type=raw["type"],
        from_node=start,
        to_node=end,
        path=_path(start, raw["vertices"], end),
        diameter_mm=number("diameter", units.millimetres) or UNKNOWN,
        length_m=number("length", units.metres) or UNKNOWN,
        roughness=number("roughness", units.roughness_mm if raw["head_loss"] == "D-W" else 1.0),
        head_loss=raw["head_loss"],
        minor_loss=number("minor_loss"),
        setting=number("setting"),
        setting_m=number("setting_pressure", units.pressure_m),
        setting_m3_per_d=number("setting_m3_per_d"),
        pump_curve=[(flow, head * units.metres) for flow, head in raw.get("curve") or ()],
        power_kw=number("power", units.kilowatts),
        speed=number("speed"),
        is_closed=raw["is_closed"],
        comment=text.legible(raw["comment"]) or None,
        tag=text.tag("LINK", name),
    )


def _path(start: ModelNode, vertices: list[list[float | None]], end: ModelNode) -> list[tuple[float, float]]:
    if start.xy is None or end.xy is None:
        return []
    known = [(x, y) for x, y in vertices if x is not None and y is not None and known_place(x, y)]
    return [start.xy, *known, end.xy]
