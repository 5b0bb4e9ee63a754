"""EPANET: the water pipes of a package as a model that opens; what it had to assume is told in the notes."""

import csv
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from importers.writers.network import Piece, PipeNetwork, Point, read_network
from pipemap.errors import UsageError
from pipemap.sharing.layers import Content
from schemas.codetables import code_table

_CLASSES = ("water",)
_DIAMETER_MM = 100.0
_ROUGHNESS_C = 100.0
_SOURCE_PRESSURE_M = 40.0
_SHORTEST_M = 0.1
_NAMED = 5
_SECTIONS = ("JUNCTIONS", "RESERVOIRS", "PIPES", "COORDINATES", "VERTICES")
_OPTIONS = """\
[OPTIONS]
 Units LPS
 Headloss H-W

[TIMES]
 Duration 0

[END]
"""


def write_inp(content: Content) -> None:
    """Write one model in litres a second and metres; UsageError when the package holds no water pipe."""
    network = _water(read_network(content, "EPANET"))
    if not network.pieces:
        raise UsageError(
            "There is no water pipe in this area for an EPANET model.",
            message_zh="该范围内没有给水管线，无法生成 EPANET 模型。",
        )
    model = _Model(network)
    text = f"[TITLE]\npipemap: {content.project.name}, version {content.version}\n\n"
    for section in _SECTIONS:
        text += f"[{section}]\n" + "".join(f" {line}\n" for line in model.lines[section]) + "\n"
    # EPANET reads bytes; identities and numbers are all there is.
    Path(content.folder / "pipemap.inp").write_text(text + _OPTIONS, encoding="utf-8")
    content.notes.extend(model.assumed())


def _water(network: PipeNetwork) -> PipeNetwork:
    points = [point for point in network.points if point.row["class_code"] in _CLASSES]
    return PipeNetwork(points, [piece for piece in network.pieces if piece.row["class_code"] in _CLASSES])


class _Model:
    """The lines of each section; a node that ends no pipe is left out, for EPANET refuses it."""

    def __init__(self, network: PipeNetwork) -> None:
        self.lines: dict[str, list[str]] = {section: [] for section in _SECTIONS}
        self.counts = dict.fromkeys(("elevation", "diameter", "roughness", "cut", "loop"), 0)
        self.made_sources: list[str] = []
        self._heads: dict[str, float] = {}
        ends = [self._ends(piece, number) for number, piece in enumerate(network.pieces, 1)]
        sources = {point.feature_id for point in network.points if _is_source(point)}
        self._write_nodes(sources, ends)
        for number, piece in enumerate(network.pieces, 1):
            self._write_pipe(f"P{piece.feature_id}.{number}", piece, ends[number - 1])

    def assumed(self) -> list[str]:
        """What was assumed, a sentence each."""
        told = {
            "elevation": ("nodes have no known ground elevation; 0 m was taken", "个节点地面高程不明，取 0 m"),
            "diameter": (
                f"pipes have no known size; {_DIAMETER_MM:g} mm was taken",
                f"条管线口径不明，取 {_DIAMETER_MM:g} mm",
            ),
            "roughness": (
                f"pipes have no known material; C {_ROUGHNESS_C:g} was taken",
                f"条管线材质不明，C 取 {_ROUGHNESS_C:g}",
            ),
            "loop": ("pipes that return to where they begin are left out", "条首尾同点的管线未写入"),
            "cut": ("pipes end where the area cuts them", "条管线止于范围线"),
        }
        notes = [f"{count} {told[what][0]}. {count} {told[what][1]}。" for what, count in self.counts.items() if count]
        if self.made_sources:
            count, named = len(self.made_sources), ", ".join(self.made_sources[:_NAMED])
            notes.append(
                f"{count} parts of the network have no source in the package: one node of each stands for one, "
                f"{_SOURCE_PRESSURE_M:g} m above its ground ({named}{' …' if count > _NAMED else ''}). "
                f"范围内有 {count} 个互不连通的部分没有水源，各以一个节点代之，水头高出地面 {_SOURCE_PRESSURE_M:g} m。"
            )
        return notes

    def _ends(self, piece: Piece, number: int) -> tuple[str, str]:
        names = []
        for place, point in ((0, piece.start), (-1, piece.end)):
            name = f"N{point.feature_id}" if point else f"CUT{number}{'ab'[place]}"
            if name not in self._heads:
                self._place(name, point, piece, place)
            names.append(name)
        return names[0], names[1]

    def _place(self, name: str, point: Point | None, piece: Piece, place: int) -> None:
        z = point.z_m if point else (float(piece.axis[place][2]) if piece.has_height else None)
        self.counts["elevation"] += z is None
        self.counts["cut"] += point is None
        self._heads[name] = z or 0.0
        x, y = piece.axis[place][:2].tolist()
        self.lines["COORDINATES"].append(f"{name} {x:.4f} {y:.4f}")

    def _write_nodes(self, sources: set[int], ends: list[tuple[str, str]]) -> None:
        heads = {f"N{feature_id}" for feature_id in sources} & self._heads.keys()
        # EPANET solves no part that hangs on no known head.
        self.made_sources = [part[0] for part in _parts(list(self._heads), ends) if heads.isdisjoint(part)]
        heads.update(self.made_sources)
        for name, z in self._heads.items():
            if name in heads:
                self.lines["RESERVOIRS"].append(f"{name} {z + _SOURCE_PRESSURE_M:.3f}")
            else:
                self.lines["JUNCTIONS"].append(f"{name} {z:.3f} 0")

    def _write_pipe(self, name: str, piece: Piece, ends: tuple[str, str]) -> None:
        if ends[0] == ends[1]:
            self.counts["loop"] += 1
            return
        width = piece.row.get("inner_width_mm") or piece.row.get("width_mm")
        roughness = _roughness().get(piece.row.get("material_code") or "")
        self.counts["diameter"] += not width
        self.counts["roughness"] += roughness is None
        is_shut = any(end and end.row.get("valve_state_code") == "closed" for end in (piece.start, piece.end))
        length_m = max(piece.length_m, _SHORTEST_M)
        state = "Closed" if is_shut else "Open"
        size, c = width or _DIAMETER_MM, roughness or _ROUGHNESS_C
        self.lines["PIPES"].append(f"{name} {ends[0]} {ends[1]} {length_m:.3f} {size:g} {c:g} 0 {state}")
        self.lines["VERTICES"].extend(f"{name} {x:.4f} {y:.4f}" for x, y, *_ in piece.axis[1:-1].tolist())


def _parts(names: list[str], ends: list[tuple[str, str]]) -> list[list[str]]:
    """Names of nodes by the part of the network they are joined in, in their order."""
    place = {name: index for index, name in enumerate(names)}
    starts, stops = zip(*((place[start], place[stop]) for start, stop in ends), strict=True)
    joined = coo_array((np.ones(len(ends)), (starts, stops)), shape=(len(names), len(names)))
    parts: dict[int, list[str]] = {}
    for name, part in zip(names, connected_components(joined, directed=False)[1].tolist(), strict=True):
        parts.setdefault(part, []).append(name)
    return list(parts.values())


def _is_source(point: Point) -> bool:
    known = code_table("appurtenance").get(point.row.get("appurtenance_code") or "")
    return known is not None and "water" in known.fields["source_of"].split("|")


@cache
def _roughness() -> dict[str, float]:
    """Hazen-Williams C by material."""
    text = (files("schemas") / "limits" / "pipe_roughness.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines())
    return {row["material_code"]: float(row["hazen_williams_c"]) for row in rows if row["hazen_williams_c"]}
