"""The EPANET engine in a process of its own: on some damaged files it crashes, and must not take us along.

Run as `python -m importers.epanet_engine MODEL REPORT ANSWER`; the answer is JSON in the model's own
units, read by `importers.epanet_model`.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

from epanet import toolkit

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
_MESSAGE = re.compile(r"Error 2\d\d: (?!one or more)(.+)")


def answer(model: Path, report: Path) -> dict[str, Any]:
    """The network: `is_metric`, `nodes` and `links` as keyword dicts, or `refused` with the engine's reason."""
    project = toolkit.createproject()
    try:
        toolkit.open(project, str(model), str(report), "")
    except Exception as error:  # The toolkit raises nothing more precise.
        toolkit.close(project)
        found = _MESSAGE.findall(report.read_text("utf-8", "replace")) if report.exists() else []
        return {"refused": found[0].strip() if found else str(error)}
    n_nodes, n_links = (toolkit.getcount(project, what) for what in (toolkit.NODECOUNT, toolkit.LINKCOUNT))
    return {
        "is_metric": toolkit.getflowunits(project) >= toolkit.LPS,
        "nodes": [_node(project, index) for index in range(1, n_nodes + 1)],
        "links": [_link(project, index) for index in range(1, n_links + 1)],
    }


def _node(project: Any, index: int) -> dict[str, Any]:
    kind = _NODE_KINDS[toolkit.getnodetype(project, index)]
    return {
        "kind": kind,
        "id": toolkit.getnodeid(project, index),
        "xy": _coordinates(project, index),
        "elevation": toolkit.getnodevalue(project, index, toolkit.ELEVATION),
        "demand_m3_per_d": _demand_m3_per_d(project, index) if kind == "junctions" else 0.0,
    }


def _link(project: Any, index: int) -> dict[str, Any]:
    engine_type = toolkit.getlinktype(project, index)
    kind = "pipes" if engine_type in _PIPES else "valves" if engine_type in _VALVES else "pumps"
    start, end = toolkit.getlinknodes(project, index)
    vertices = range(1, toolkit.getvertexcount(project, index) + 1)
    return {
        "kind": kind,
        "id": toolkit.getlinkid(project, index),
        "type": {**_PIPES, **_VALVES}.get(engine_type, "PUMP"),
        "from_place": start - 1,
        "to_place": end - 1,
        "vertices": [toolkit.getvertex(project, index, vertex) for vertex in vertices],
        "diameter": None if kind == "pumps" else toolkit.getlinkvalue(project, index, toolkit.DIAMETER),
        "length": toolkit.getlinkvalue(project, index, toolkit.LENGTH) if kind == "pipes" else None,
        "is_closed": toolkit.getlinkvalue(project, index, toolkit.INITSTATUS) == toolkit.CLOSED,
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
        pattern = toolkit.getdemandpattern(project, index, category)
        mean = toolkit.getaveragepatternvalue(project, pattern) if pattern > 0 else 1.0
        total += toolkit.getbasedemand(project, index, category) * mean
    multiplier = toolkit.getoption(project, toolkit.DEMANDMULT)
    return float(total * multiplier * _M3_PER_DAY[toolkit.getflowunits(project)])


if __name__ == "__main__":
    model_file, report_file, answer_file = map(Path, sys.argv[1:])
    answer_file.write_text(json.dumps(answer(model_file, report_file)), encoding="ascii")
