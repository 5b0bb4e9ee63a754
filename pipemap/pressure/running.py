"""Models given to the engine in a process of its own, with limits of time and memory."""

import resource
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from pipemap.errors import UsageError
from pipemap.network import Floats
from pipemap.pressure.devices import Link
from pipemap.pressure.quantities import Model

# Processor time: a busy machine must not end an honest run. Building and solving grow with the points.
_BASE_LIMIT_S = 60
_POINTS_PER_S = 1_000
# An engine that waits instead of reckoning is ended after so many times its limit.
_PATIENCE = 10
_MEMORY_LIMIT_BYTES = 8 * 2**30


@dataclass(frozen=True, eq=False)
class Solved:
    """Pressure in m and delivered water in m³/d by point; not to be relied on unless the engine found a balance."""

    pressure_m: Floats
    delivered_m3_per_d: Floats
    is_balanced: bool


def solve(models: list[tuple[Model, list[Link]]], threshold_m: float) -> list[Solved]:
    """Reckon the models, each with its devices; demands are met in full from the threshold on.

    Raises
    ------
    UsageError
        When the engine crashes, refuses a model or needs more processor time than a minute and a second for every
        thousand points.
    """
    flowing = [place for place, (model, _) in enumerate(models) if not model.layout.source.all()]
    job = [_job(*models[place], threshold_m) for place in flowing]
    limit_s = _BASE_LIMIT_S + sum(len(model.elevation_m) for model, _ in models) // _POINTS_PER_S
    with tempfile.TemporaryDirectory(prefix="pipemap-pressure-") as folder:
        Path(folder, "job").write_bytes(orjson.dumps(job, option=orjson.OPT_SERIALIZE_NUMPY))
        _run(Path(folder), limit_s)
        answer = orjson.loads(Path(folder, "answer").read_bytes())
    solved = [_nothing_flows(model) for model, _ in models]
    for place, one in zip(flowing, answer, strict=True):
        solved[place] = Solved(np.array(one["pressure_m"]), np.array(one["delivered_m3_per_d"]), one["is_balanced"])
    return solved


def _nothing_flows(model: Model) -> Solved:
    """A network of which nothing but sources is left; the engine would refuse it."""
    zero = np.zeros(len(model.elevation_m))
    return Solved(zero, zero, True)


def _job(model: Model, links: list[Link], threshold_m: float) -> dict[str, Any]:
    return {
        "threshold_m": threshold_m,
        "formula": model.formula,
        "elevation_m": model.elevation_m,
        "head_m": model.head_m,
        "demand_m3_per_d": model.demand_m3_per_d,
        "pipes": {
            "from": model.layout.pipe_from,
            "to": model.layout.pipe_to,
            "length_m": model.length_m,
            "diameter_mm": model.diameter_mm,
            "roughness": model.roughness,
            "minor_loss": model.minor_loss,
        },
        "devices": links,
    }


def _run(folder: Path, limit_s: int) -> None:
    command = [sys.executable, "-m", "pipemap.pressure.engine", "job", "answer"]
    too_long = _breakdown(f"needs more than {limit_s} s of processor time", f"计算所需处理器时间超过 {limit_s} 秒")
    with Path(folder, "words").open("wb") as said:
        try:
            ended = subprocess.run(
                command,
                cwd=folder,
                stdout=said,
                stderr=said,
                timeout=_PATIENCE * max(limit_s, 1),
                preexec_fn=partial(_limit, limit_s),
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise too_long from None
    if ended.returncode == -signal.SIGXCPU:
        raise too_long
    if ended.returncode:
        last = Path(folder, "words").read_text("utf-8", "replace").strip().splitlines()[-1:]
        why = f": {last[0][:200].rstrip('.')}" if last and ended.returncode > 0 else ""
        raise _breakdown(f"broke down{why}", f"计算中断{why}")


def _limit(cpu_s: int) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 1))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_LIMIT_BYTES, _MEMORY_LIMIT_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _breakdown(english: str, chinese: str) -> UsageError:
    return UsageError(
        f"The hydraulic engine {english}; check the pipes and devices around the burst, and ask again.",
        message_zh=f"水力引擎{chinese}；请检查爆点周边管段与设备后再试。",
    )
