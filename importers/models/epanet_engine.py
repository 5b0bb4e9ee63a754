"""What the EPANET engine finds in an input file; run apart, since it crashes on some damaged files.

Ids and words are text in which each character is one byte of the file: the engine knows no encoding.
"""

import re
from pathlib import Path
from typing import Any

from epanet import toolkit

from importers.models.inp_files import plain

_NODE_KINDS = {toolkit.JUNCTION: "junctions", toolkit.RESERVOIR: "reservoirs", toolkit.TANK: "tanks"}
_PIPES = {toolkit.PIPE: "PIPE", toolkit.CVPIPE: "CV"}
_VALVES = {
    toolkit.PRV: "PRV", toolkit.PSV: "PSV", toolkit.PBV: "PBV", toolkit.FCV: "FCV",
    toolkit.TCV: "TCV", toolkit.GPV: "GPV", toolkit.PCV: "PCV",
}  # fmt: skip
# To cubic metres per day. Units before litres per second go with feet and inches (EPANET manual, appendix A).
_M3_PER_DAY = {
    toolkit.CFS: 2446.575546, toolkit.GPM: 5.450992969, toolkit.MGD: 3785.411784, toolkit.IMGD: 4546.09,
    toolkit.AFD: 1233.481838, toolkit.LPS: 86.4, toolkit.LPM: 1.44, toolkit.MLD: 1000.0, toolkit.CMH: 24.0,
    toolkit.CMD: 1.0, toolkit.CMS: 86400.0,
}  # fmt: skip
# EN_HEADLOSSFORM by number.
_HEAD_LOSS = ("H-W", "D-W", "C-M")
_PRESSURE_VALVES = ("PRV", "PSV", "PBV")
# EN_DEFDEMANDPAT of the engine, to which its Python toolkit gives no name.
_DEFAULT_PATTERN = 23
_INPUT_ERROR = "Error 200"
_PLAIN, _REPORT = "plain.inp", "report.txt"
# `Error 203: undefined node Z in [PIPES] section:` and on the next line what stands there.
_FAULT = re.compile(r"Error (2\d\d): (.+?)(?: in \[(\w+)\] section)?:[ \t]*\n([^\n]*)")


def answer(model: Path) -> dict[str, Any]:
    """The network: `is_metric`, `nodes` and `links` as keyword dicts, and the `faults` the engine tells of lines.

    A fault is [what is wrong, section, the line]. A file with faults is read as far as it goes; one that
    the engine refuses as a whole gives `refused` with its reason.
    """
    Path(_PLAIN).write_bytes(plain(model.read_bytes()))
    project = toolkit.createproject()
    try:
        toolkit.openX(project, _PLAIN, _REPORT, "")
    except Exception as error:  # The toolkit raises nothing more precise.
        if not str(error).startswith(_INPUT_ERROR):
            return {"refused": str(error)}
    n_nodes, n_links = (toolkit.getcount(project, what) for what in (toolkit.NODECOUNT, toolkit.LINKCOUNT))
    found = {
        "is_metric": toolkit.getflowunits(project) >= toolkit.LPS,
        "head_loss": _HEAD_LOSS[int(toolkit.getoption(project, toolkit.HEADLOSSFORM))],
        "nodes": [_node(project, index) for index in range(1, n_nodes + 1)],
        "links": [_link(project, index) for index in range(1, n_links + 1)],
    }
    toolkit.close(project)
    return {**found, "faults": _faults()}


def _faults() -> list[list[str]]:
    report = Path(_REPORT).read_bytes().decode("latin-1") if Path(_REPORT).exists() else ""
    return [[words, section, line.strip()] for _, words, section, line in _FAULT.findall(report)]


def _node(project: Any, index: int) -> dict[str, Any]:
    kind = _NODE_KINDS[toolkit.getnodetype(project, index)]
    return {
        "kind": kind,
        "id": _bytes(toolkit.getnodeid(project, index)),
        "xy": _coordinates(project, index),
        "elevation": toolkit.getnodevalue(project, index, toolkit.ELEVATION),
        "level": toolkit.getnodevalue(project, index, toolkit.TANKLEVEL) if kind == "tanks" else None,
        "demand_m3_per_d": _demand_m3_per_d(project, index) if kind == "junctions" else 0.0,
        "comment": _bytes(toolkit.getcomment(project, toolkit.NODE, index)),
    }


def _link(project: Any, index: int) -> dict[str, Any]:
    engine_type = toolkit.getlinktype(project, index)
    kind = "pipes" if engine_type in _PIPES else "valves" if engine_type in _VALVES else "pumps"
    start, end = toolkit.getlinknodes(project, index)
    vertices = range(1, toolkit.getvertexcount(project, index) + 1)

    def number(what: int) -> float:
        return float(toolkit.getlinkvalue(project, index, what))

    valve_type = _VALVES.get(engine_type)
    return {
        "kind": kind,
        "id": _bytes(toolkit.getlinkid(project, index)),
        "type": valve_type or _PIPES.get(engine_type, "PUMP"),
        "from_place": start - 1,
        "to_place": end - 1,
        "vertices": [list(toolkit.getvertex(project, index, vertex)) for vertex in vertices],
        "diameter": None if kind == "pumps" else number(toolkit.DIAMETER),
        "length": number(toolkit.LENGTH) if kind == "pipes" else None,
        "roughness": number(toolkit.ROUGHNESS) if kind == "pipes" else None,
        "minor_loss": None if kind == "pumps" else number(toolkit.MINORLOSS),
        "setting": number(toolkit.INITSETTING) if kind == "valves" else None,
        "setting_m3_per_d": number(toolkit.INITSETTING) * _m3_per_day(project) if valve_type == "FCV" else None,
        "setting_pressure": number(toolkit.INITSETTING) if valve_type in _PRESSURE_VALVES else None,
        **(_pump(project, index) if kind == "pumps" else {}),
        "is_closed": toolkit.getlinkvalue(project, index, toolkit.INITSTATUS) == toolkit.CLOSED,
        "comment": _bytes(toolkit.getcomment(project, toolkit.LINK, index)),
    }


def _coordinates(project: Any, index: int) -> list[float] | None:
    try:
        return list(toolkit.getcoord(project, index))
    except Exception as error:  # The toolkit raises nothing more precise.
        if "no coordinates" not in str(error):
            raise
        return None


def _demand_m3_per_d(project: Any, index: int) -> float:
    """Sum over the demand categories of base demand times the mean of its pattern."""
    total = 0.0
    for category in range(1, toolkit.getnumdemands(project, index) + 1):
        own = toolkit.getdemandpattern(project, index, category)
        pattern = own or int(toolkit.getoption(project, _DEFAULT_PATTERN))
        mean = toolkit.getaveragepatternvalue(project, pattern) if pattern > 0 else 1.0
        total += toolkit.getbasedemand(project, index, category) * mean
    multiplier = toolkit.getoption(project, toolkit.DEMANDMULT)
    return float(total * multiplier * _m3_per_day(project))


def _pump(project: Any, index: int) -> dict[str, Any]:
    """`curve` of [flow in m³/d, head in the model's unit], or `power` in the model's unit; `speed` is relative."""
    found = {"speed": float(toolkit.getlinkvalue(project, index, toolkit.INITSETTING))}
    curve = int(toolkit.getlinkvalue(project, index, toolkit.PUMP_HCURVE))
    if not curve:
        return {**found, "power": float(toolkit.getlinkvalue(project, index, toolkit.PUMP_POWER))}
    points = range(1, toolkit.getcurvelen(project, curve) + 1)
    pairs = [toolkit.getcurvevalue(project, curve, point) for point in points]
    return {**found, "curve": [[flow * _m3_per_day(project), head] for flow, head in pairs]}


def _m3_per_day(project: Any) -> float:
    return _M3_PER_DAY[toolkit.getflowunits(project)]


def _bytes(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("latin-1")
