"""An EPANET input file as nodes and links in metres and millimetres."""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipemap.errors import SourceError

FOOT_M = 0.3048
INCH_MM = 25.4

_TIME_LIMIT_S = 120
_SECTIONS = {
    "JUNC": "junctions",
    "RESE": "reservoirs",
    "TANK": "tanks",
    "PIPE": "pipes",
    "PUMP": "pumps",
    "VALV": "valves",
}
_SWMM_SECTION = re.compile(rb"^\s*\[(CONDUITS|SUBCATCHMENTS|OUTFALLS)\]", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True)
class ModelNode:
    """A junction, reservoir or tank; `elevation_m` is as the model has it (a reservoir's is its head)."""

    row: int
    kind: str
    id: str
    xy: tuple[float, float] | None
    elevation_m: float
    demand_m3_per_d: float


@dataclass(frozen=True)
class ModelLink:
    """A pipe, pump or valve; `type` is PIPE, CV, PUMP or a valve type, `path` the plan from start to end."""

    row: int
    kind: str
    id: str
    type: str
    from_node: ModelNode
    to_node: ModelNode
    path: list[tuple[float, float]] | None
    diameter_mm: float
    length_m: float
    is_closed: bool


def read_model(path: Path) -> tuple[list[ModelNode], list[ModelLink]]:
    """Nodes and links in the engine's order; `row` is the element's line in the file, NaN is unknown.

    Raises
    ------
    SourceError
        With the engine's own words where it refuses the file.
    """
    content = path.read_bytes()
    if not content.strip():
        raise _refusal(path, "is empty; ask for the model again", "是空文件，请重新提供")
    if _SWMM_SECTION.search(content):
        raise _refusal(path, "is a SWMM model, not an EPANET one", "是 SWMM 模型，不是 EPANET 模型")
    found = _asked_engine(path)
    if "refused" in found:
        reason = found["refused"]
        raise _refusal(path, f"is refused by EPANET: {reason.rstrip('.:')}", f"被 EPANET 拒绝：{reason}")
    lines = _line_numbers(content)
    metres, millimetres = (1.0, 1.0) if found["is_metric"] else (FOOT_M, INCH_MM)
    nodes = [_node(raw, lines, metres) for raw in found["nodes"]]
    return nodes, [_link(raw, nodes, lines, metres, millimetres) for raw in found["links"]]


def _asked_engine(path: Path) -> dict[str, Any]:
    # The engine keeps only 259 characters of a path: it gets a copy in a short one.
    with tempfile.TemporaryDirectory(prefix="pipemap-epanet-") as folder:
        answer_file = Path(folder, "answer.json")
        shutil.copyfile(path, Path(folder, "model.inp"))
        command = [sys.executable, "-m", "importers.epanet_engine", "model.inp", "report.txt", answer_file.name]
        try:
            ended = subprocess.run(command, cwd=folder, capture_output=True, timeout=_TIME_LIMIT_S, check=False)
        except subprocess.TimeoutExpired as error:
            raise _refusal(
                path, "keeps EPANET busy without end; it is damaged", "使 EPANET 无法结束，文件已损坏"
            ) from error
        if ended.returncode != 0:
            raise _refusal(path, "makes the EPANET engine break down; it is damaged", "使 EPANET 引擎崩溃，文件已损坏")
        found: dict[str, Any] = json.loads(answer_file.read_text(encoding="ascii"))
        return found


def _node(raw: dict[str, Any], lines: dict[tuple[str, str], int], metres: float) -> ModelNode:
    return ModelNode(
        row=lines.get((raw["kind"], raw["id"]), 0),
        kind=raw["kind"],
        id=_legible(raw["id"]),
        xy=None if raw["xy"] is None else (raw["xy"][0], raw["xy"][1]),
        elevation_m=raw["elevation"] * metres,
        demand_m3_per_d=raw["demand_m3_per_d"],
    )


def _link(
    raw: dict[str, Any], nodes: list[ModelNode], lines: dict[tuple[str, str], int], metres: float, millimetres: float
) -> ModelLink:
    start, end = nodes[raw["from_place"]], nodes[raw["to_place"]]
    vertices = [(x, y) for x, y in raw["vertices"]]
    return ModelLink(
        row=lines.get((raw["kind"], raw["id"]), 0),
        kind=raw["kind"],
        id=_legible(raw["id"]),
        type=raw["type"],
        from_node=start,
        to_node=end,
        path=None if start.xy is None or end.xy is None else [start.xy, *vertices, end.xy],
        diameter_mm=_or_unknown(raw["diameter"], millimetres),
        length_m=_or_unknown(raw["length"], metres),
        is_closed=raw["is_closed"],
    )


def _or_unknown(value: float | None, factor: float) -> float:
    return value * factor if value else float("nan")


def _legible(name: str) -> str:
    """An id as text; the engine hands through the bytes of a file in a Chinese code page."""
    raw = name.encode("utf-8", "surrogateescape")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("gb18030", "replace")


def _line_numbers(content: bytes) -> dict[tuple[str, str], int]:
    """Line of each element by (kind, id as the engine gives it)."""
    lines: dict[tuple[str, str], int] = {}
    kind = None
    for number, line in enumerate(content.decode("utf-8", "surrogateescape").split("\n"), 1):
        words = line.split(";")[0].split()
        if words and words[0].startswith("["):
            kind = _SECTIONS.get(words[0][1:5].upper())
        elif words and kind is not None:
            lines[kind, words[0].strip('"')] = number
    return lines


def _refusal(path: Path, what_en: str, what_zh: str) -> SourceError:
    return SourceError(f"{path.name} {what_en}.", message_zh=f"{path.name} {what_zh}。")
