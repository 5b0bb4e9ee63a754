"""One pressure-driven step of EPANET through WNTR, apart from the program: the engine may crash or never end.

Run as `python -m pipemap.pressure.engine JOB ANSWER`, both JSON, in a folder of its own. A job is a list of models in
metres, millimetres and m³/d, each with `threshold_m`, `formula`, points (`elevation_m`, `head_m`, `demand_m3_per_d`),
`pipes` (columns) and `devices` (links). The answer is, for each, `pressure_m` and `delivered_m3_per_d` by point, and
whether the engine found a balance.
"""

import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import orjson

_SECONDS = 86400
_TRIALS = 500
_ACCURACY = 1e-4
# What the engine writes to its report when it gave up on a balance (warning 1).
_UNBALANCED = b"unbalanced"


def main(job: str, answer: str) -> None:
    """Reckon every model of the job."""
    models = orjson.loads(Path(job).read_bytes())
    found = [_solved(model, f"run{number}") for number, model in enumerate(models)]
    Path(answer).write_bytes(orjson.dumps(found, option=orjson.OPT_SERIALIZE_NUMPY))


def _solved(model: dict[str, Any], prefix: str) -> dict[str, Any]:
    import wntr

    built = _built(model)
    results = wntr.sim.EpanetSimulator(built).run_sim(file_prefix=prefix)
    names = [_point(number) for number in range(len(model["elevation_m"]))]
    report = Path(f"{prefix}.rpt").read_bytes().lower()
    return {
        "pressure_m": results.node["pressure"].iloc[0][names].to_numpy(np.float64),
        "delivered_m3_per_d": results.node["demand"].iloc[0][names].to_numpy(np.float64) * _SECONDS,
        "is_balanced": _UNBALANCED not in report,
    }


def _built(model: dict[str, Any]) -> Any:
    import wntr

    built = wntr.network.WaterNetworkModel()
    hydraulic = built.options.hydraulic
    built.options.time.duration = 0
    hydraulic.headloss, hydraulic.demand_model = model["formula"], "PDD"
    hydraulic.minimum_pressure, hydraulic.required_pressure = 0.0, model["threshold_m"]
    hydraulic.trials, hydraulic.accuracy, hydraulic.unbalanced = _TRIALS, _ACCURACY, "CONTINUE"
    hydraulic.inpfile_units = "CMH"
    points = zip(model["elevation_m"], model["head_m"], model["demand_m3_per_d"], strict=True)
    for number, (elevation_m, head_m, demand) in enumerate(points):
        if head_m is None:
            built.add_junction(_point(number), base_demand=demand / _SECONDS, elevation=elevation_m)
        else:
            built.add_reservoir(_point(number), base_head=head_m)
    for number, pipe in enumerate(zip(*model["pipes"].values(), strict=True)):
        start, end, length_m, diameter_mm, roughness, minor_loss = pipe
        wall = roughness / 1000 if model["formula"] == "D-W" else roughness
        built.add_pipe(f"p{number}", _point(start), _point(end), length_m, diameter_mm / 1000, wall, minor_loss)
    for number, device in enumerate(model["devices"]):
        _add_device(built, f"d{number}", device)
    return built


def _add_device(built: Any, name: str, device: dict[str, Any]) -> None:
    ends = _point(device["from"]), _point(device["to"])
    if device["type"] == "check":
        # As wide and short as a device is beside the pipes: it only says which way.
        built.add_pipe(name, *ends, 0.1, 2.0, 100, check_valve=True)
    elif device["type"] == "pump":
        parameter = (device["power_kw"] or 0) * 1000
        if device["curve"]:
            parameter = f"c{name}"
            built.add_curve(parameter, "HEAD", [(flow / _SECONDS, head) for flow, head in device["curve"]])
        built.add_pump(name, *ends, "HEAD" if device["curve"] else "POWER", parameter, device["speed"])
    else:
        setting = device["setting"] / (_SECONDS if device["type"] == "FCV" else 1)
        built.add_valve(name, *ends, 1.0, device["type"], 0.0, setting)


def _point(number: int) -> str:
    return f"n{number}"


if __name__ == "__main__":
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        main(*sys.argv[1:])
