"""Reads the text of a SWMM input file into a model in metres."""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from importers.models.apart import demand_content
from importers.models.elements import FOOT_M, UNKNOWN, Place, known_place
from importers.models.inp_files import Line, encoding_of, is_swmm, lines_of, number, plain
from importers.models.swmm_model import LINK_SECTIONS, NODE_SECTIONS, SwmmLink, SwmmModel, SwmmNode
from importers.models.swmm_sections import CrossSection, DrawnSections, cross_section, streets, transects
from importers.refusing import refusal
from schemas.findings import Finding, Severity

_OTHERS = ("OPTI", "XSEC", "COOR", "VERT", "DWF", "INFL", "TAGS", "MAP", "CURV", "SUBC", "LOSS", "TRAN", "STRE")
# To cubic metres per day; the first three go with feet (SWMM manual, appendix A.1).
_M3_PER_DAY = {
    "CFS": 2446.575546, "GPM": 5.450992969, "MGD": 3785.411784, "CMS": 86400.0, "LPS": 86.4, "MLD": 1000.0,
}  # fmt: skip
_IN_FEET = ("CFS", "GPM", "MGD")
# Where the greatest depth of a divider stands: behind as many numbers as its type takes.
_DIVIDER_NUMBERS = {"OVERFLOW": 0, "CUTOFF": 1, "TABULAR": 1, "WEIR": 3}
_ROUNDING_M = 0.001
_OFFSETS = {"conduits": (5, 6), "orifices": (4,), "weirs": (4,), "outlets": (3,), "pumps": ()}


def read_model(path: Path) -> SwmmModel:
    """Nodes and links in the file's order; `row` is the element's line in the file, NaN is unknown.

    Raises
    ------
    SourceError
        When the file is absent, empty, no SWMM model, or in flow units that SWMM does not have.
    """
    demand_content(path)
    content = plain(path.read_bytes())
    if not is_swmm(content):
        raise refusal(
            path, "is no SWMM model: no section like [CONDUITS] is in it", "不是 SWMM 模型（无 [CONDUITS] 等段）"
        )
    wanted = frozenset({*NODE_SECTIONS, *LINK_SECTIONS, *_OTHERS})
    sections: dict[str, list[Line]] = defaultdict(list)
    for line in lines_of(content.decode(encoding_of(content), "replace"), wanted):
        sections[line.section].append(line)
    options = {line.words[0].upper(): line.words[-1].upper() for line in sections["OPTI"]}
    units = options.get("FLOW_UNITS", "CFS")
    if units not in _M3_PER_DAY:
        raise refusal(
            path, f"is in flow units that SWMM does not have: {units}", f"使用了 SWMM 中没有的流量单位：{units}"
        )
    return _Reading(path.name, sections, units, options.get("LINK_OFFSETS") == "ELEVATION").model()


class _Reading:
    """One file being read: what its lines say of nodes and links by name, and what is wrong with them."""

    def __init__(self, file: str, sections: dict[str, list[Line]], units: str, offsets_are_elevations: bool) -> None:
        self.file, self.sections = file, sections
        self.metres = FOOT_M if units in _IN_FEET else 1.0
        self.m3_per_day = _M3_PER_DAY[units]
        self.offsets_are_elevations = offsets_are_elevations
        self.findings: list[Finding] = []
        self.refused: dict[str, int] = defaultdict(int)
        self.places = {line.words[0]: place for line in sections["COOR"] if (place := _place(line))}
        self.vertices: dict[str, list[Place]] = defaultdict(list)
        for line in sections["VERT"]:
            if place := _place(line):
                self.vertices[line.words[0]].append(place)
        tags = [line.words for line in sections["TAGS"] if len(line.words) > 2]
        self.tags = {(kind.upper(), name): " ".join(tag) for kind, name, *tag in tags}
        self.drawn = DrawnSections(
            _curves(sections["CURV"]),
            transects(line.words for line in sections["TRAN"]),
            streets(line.words for line in sections["STRE"]),
        )
        self.inverts: dict[str, float] = {}

    def model(self) -> SwmmModel:
        dry, wet = self._flows("DWF", 2), self._flows("INFL", 6)
        nodes = [
            self._node(line, kind, dry, wet)
            for section, kind in NODE_SECTIONS.items()
            for line in self._whole_lines(section, kind, 1)
        ]
        self.inverts = {node.id: node.invert_m for node in nodes}
        crossings = self._cross_sections()
        gates = {line.words[0] for line in self.sections["LOSS"] if line.words[4:5] and _is_yes(line.words[4])}
        links = [
            self._link(line, kind, crossings.get(line.words[0]), line.words[0] in gates)
            for section, kind in LINK_SECTIONS.items()
            for line in self._whole_lines(section, kind, 3)
        ]
        n_subcatchments = len(self.sections["SUBC"])
        return SwmmModel(nodes, links, n_subcatchments, self.refused, self.findings, self._map_units())

    def _map_units(self) -> str:
        told = (line.words for line in self.sections["MAP"])
        return next((words[1].lower() for words in told if len(words) > 1 and words[0].upper() == "UNITS"), "")

    def _whole_lines(self, section: str, kind: str, n_words: int) -> Iterator[Line]:
        for line in self.sections[section]:
            if len(line.words) >= n_words:
                yield line
                continue
            self.refused[kind] += 1
            self._report(
                line,
                Severity.ERROR,
                "IMP-RECORD",
                "The line ends before it names its nodes; it was refused.",
                "该行不完整，未载入。",
            )

    def _node(self, line: Line, kind: str, dry: dict[str, float], wet: dict[str, float]) -> SwmmNode:
        words, name = line.words, line.words[0]
        depth_at = 4 + _DIVIDER_NUMBERS.get(words[3].upper(), 0) if kind == "dividers" and len(words) > 3 else 2
        invert_m = self._number(line, 1) * self.metres
        depth_m = UNKNOWN if kind == "outfalls" else self._number(line, depth_at) * self.metres
        # A greatest depth of 0 says that the ground is at the top of the highest conduit: unknown.
        depth_m = depth_m if depth_m > 0 else UNKNOWN
        return SwmmNode(
            row=line.number,
            kind=kind,
            id=name,
            path=[self.places[name]] if name in self.places else [],
            invert_m=invert_m,
            max_depth_m=depth_m,
            ground_m=invert_m + depth_m,
            type=next((word.upper() for word in words[2:5] if kind != "junctions" and word[:1].isalpha()), None),
            dwf_m3_per_d=dry.get(name, UNKNOWN),
            inflow_m3_per_d=wet.get(name, UNKNOWN),
            comment=line.comment or None,
            tag=self.tags.get(("NODE", name)),
        )

    def _link(self, line: Line, kind: str, section: CrossSection | None, has_flap_gate: bool) -> SwmmLink:
        name, from_id, to_id = line.words[:3]
        levels = [self._level(line, at, end) for at, end in zip(_OFFSETS[kind], (from_id, to_id), strict=False)]
        is_conduit = kind == "conduits"
        ends = [self.places[end] for end in (from_id, to_id) if end in self.places]
        return SwmmLink(
            row=line.number,
            kind=kind,
            id=name,
            from_id=from_id,
            to_id=to_id,
            path=[ends[0], *self.vertices.get(name, ()), ends[1]] if len(ends) == 2 else [],
            type=next((word.upper() for word in line.words[3:5] if word[:1].isalpha()), None),
            section=section,
            inverts_m=(levels[0], levels[1]) if is_conduit else (UNKNOWN, UNKNOWN),
            crest_m=levels[0] if levels and not is_conduit else UNKNOWN,
            length_m=self._number(line, 3) * self.metres if is_conduit else UNKNOWN,
            roughness=self._number(line, 4) if is_conduit else UNKNOWN,
            has_flap_gate=has_flap_gate,
            comment=line.comment or None,
            tag=self.tags.get(("LINK", name)),
        )

    def _level(self, line: Line, at: int, end: str) -> float:
        """Elevation of a link's end from its offset; one below the node's invert is the invert, as in SWMM."""
        invert_m = self.inverts.get(end, UNKNOWN)
        if at >= len(line.words) or line.words[at] == "*":
            return invert_m
        offset_m = self._number(line, at) * self.metres
        level_m = offset_m if self.offsets_are_elevations else invert_m + offset_m
        if not level_m < invert_m - _ROUNDING_M:
            return level_m if not level_m < invert_m else invert_m
        below = f"{invert_m - level_m:.3f} m"
        en = f"The end at {end} lies {below} below the invert of the node; like SWMM, the invert was taken."
        zh = f"在 {end} 处的管端低于节点内底 {below}，按 SWMM 规则取节点内底。"
        self._report(line, Severity.WARNING, "IMP-OFFSET", en, zh, line.words[at])
        return invert_m

    def _number(self, line: Line, at: int) -> float:
        """The word at a place as a number; NaN where there is none, with a finding where it is something else."""
        if at >= len(line.words):
            return UNKNOWN
        value = number(line.words[at])
        if math.isnan(value):
            word = line.words[at]
            en, zh = f"{word} is not a number; taken as unknown.", f"“{word}”不是数字，按未知处理。"
            self._report(line, Severity.WARNING, "IMP-NUMBER", en, zh, word)
        return value

    def _cross_sections(self) -> dict[str, CrossSection]:
        found: dict[str, CrossSection] = {}
        for line in self.sections["XSEC"]:
            if len(line.words) > 1:
                in_units = cross_section(line.words[1:], self.drawn)
                found[line.words[0]] = CrossSection(
                    in_units.shape,
                    in_units.width * self.metres,
                    in_units.height * self.metres,
                    in_units.barrels,
                )
        return found

    def _flows(self, section: str, at: int) -> dict[str, float]:
        """Mean flow into each node in m³/d: dry weather flow, or the base line of other inflows."""
        flows: dict[str, float] = {}
        for line in self.sections[section]:
            if len(line.words) > at and line.words[1].upper() == "FLOW":
                value = number(line.words[at])
                if value > 0:
                    flows[line.words[0]] = flows.get(line.words[0], 0.0) + value * self.m3_per_day
        return flows

    def _report(self, line: Line, severity: Severity, rule: str, en: str, zh: str, value: str | None = None) -> None:
        sheet = {**NODE_SECTIONS, **LINK_SECTIONS}[line.section]
        self.findings.append(
            Finding(
                rule=rule,
                severity=severity,
                message_en=en,
                message_zh=zh,
                file=self.file,
                sheet=sheet,
                row=line.number,
                value=value or line.text,
            )
        )


def _place(line: Line) -> Place | None:
    x, y = [*map(number, line.words[1:3]), UNKNOWN, UNKNOWN][:2]
    return (x, y) if known_place(x, y) else None


def _curves(lines: Sequence[Line]) -> dict[str, float]:
    """Greatest width of each shape curve as a share of its height; the type stands on a curve's first line only."""
    widest: dict[str, float] = {}
    for line in lines:
        name, *rest = line.words
        if rest and rest[0].upper() == "SHAPE":
            widest.setdefault(name, UNKNOWN)
            rest = rest[1:]
        if name in widest:
            shares = [share for share in map(number, rest[1::2]) if not math.isnan(share)]
            widest[name] = max([*shares, widest[name]] if not math.isnan(widest[name]) else shares, default=UNKNOWN)
    return widest


def _is_yes(word: str) -> bool:
    return word.upper() == "YES"
